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
        let excused = survivors.iter().filter(|survivor| survivor.excuse.is_some()).count();
        let count = survivors.len().saturating_sub(excused);
        let findings: Vec<Diagnostic> = survivors.into_iter().map(|survivor| survivor.finding).collect();
        write_text(out, &findings, style)?;
        let tried = self.tried();
        match (count, excused) {
            (0, 0) => writeln!(out, "mutants: {tried} tried, each noticed by a case"),
            (_, 0) => writeln!(out, "mutants: {tried} tried, {count} noticed by no case"),
            (0, _) => writeln!(
                out,
                "mutants: {tried} tried, each noticed by a case but for {excused} with a reason"
            ),
            (_, _) => writeln!(
                out,
                "mutants: {tried} tried, {count} noticed by no case, {excused} more with a reason"
            ),
        }
    }

    /// The same as a JSON value.
    pub fn json(&self, places: &mut Places) -> Value {
        let survivors =
            self.survivors(places).into_iter().map(|Survivor { policy, change, excuse, finding }| {
                json!({
                    "policy": policy,
                    "change": change,
                    "expected": excuse,
                    "file": finding.file,
                    "line": finding.position.map(|position| position.line),
                    "column": finding.position.map(|position| position.column),
                })
            });
        json!({ "tried": self.tried(), "survivors": survivors.collect::<Vec<_>>() })
    }
}
