//! Coverage for people and for machines.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Count, Coverage, Gap, Kind};
use crate::diagnostic::{Diagnostic, Style, write_text};
use crate::places::Places;

/// The kinds that people read of together.
const ROWS: [(&str, &[Kind]); 3] = [
    ("policies decided", &[Kind::Policy]),
    ("outcomes of conditions seen", &[Kind::ConditionTrue, Kind::ConditionFalse]),
    ("routes taken", &[Kind::Route]),
];

// === impl Coverage ===

impl Coverage {
    /// Writes what was not tried, and how much was.
    pub fn write_text(&self, out: &mut dyn Write, places: &mut Places, style: Style) -> io::Result<()> {
        let findings: Vec<Diagnostic> = self.gaps(places).into_iter().map(|gap| gap.finding).collect();
        write_text(out, &findings, style)?;
        let shares: Vec<String> = ROWS
            .iter()
            .map(|(what, kinds)| {
                let Count { total, tried } = self.count(kinds);
                format!("{tried} of {total} {what}")
            })
            .collect();
        writeln!(out, "coverage {} %: {}", self.whole().percent(), shares.join(", "))
    }

    /// The same as a JSON value.
    pub fn json(&self, places: &mut Places) -> Value {
        let counts = |kinds: &[Kind]| {
            let Count { total, tried } = self.count(kinds);
            json!({ "total": total, "tried": tried })
        };
        let gaps = self.gaps(places).into_iter().map(|Gap { kind, name, finding }| {
            json!({
                "kind": kind.code(),
                "name": name,
                "file": finding.file,
                "line": finding.position.map(|position| position.line),
                "column": finding.position.map(|position| position.column),
            })
        });
        json!({
            "percent": self.whole().percent(),
            "policies": counts(&[Kind::Policy]),
            "conditions": counts(&[Kind::ConditionTrue, Kind::ConditionFalse]),
            "routes": counts(&[Kind::Route]),
            "gaps": gaps.collect::<Vec<_>>(),
        })
    }
}
