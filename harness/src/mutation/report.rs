//! Mutation for people and for machines.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Mutation, Survivor};
use crate::diagnostic::{Diagnostic, Style, write_text};
use crate::places::Places;

// === impl Mutation ===

impl Mutation {
    /// Writes what no case notices, and how many were tried.
    pub fn write_text(&self, out: &mut dyn Write, places: &mut Places, style: Style) -> io::Result<()> {
        let survivors = self.survivors(places);
        let count = survivors.len();
        let findings: Vec<Diagnostic> = survivors.into_iter().map(|survivor| survivor.finding).collect();
        write_text(out, &findings, style)?;
        match count {
            0 => writeln!(out, "mutants: {} tried, each noticed by a case", self.tried()),
            _ => writeln!(out, "mutants: {} tried, {count} of them noticed by no case", self.tried()),
        }
    }

    /// The same as a JSON value.
    pub fn json(&self, places: &mut Places) -> Value {
        let survivors = self.survivors(places).into_iter().map(|Survivor { policy, change, finding }| {
            json!({
                "policy": policy,
                "change": change,
                "file": finding.file,
                "line": finding.position.map(|position| position.line),
                "column": finding.position.map(|position| position.column),
            })
        });
        json!({ "tried": self.tried(), "survivors": survivors.collect::<Vec<_>>() })
    }
}
