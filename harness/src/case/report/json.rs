//! `--format json`: one document, version 1.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::case::compare::Mismatch;
use crate::case::run::{CaseReport, Report};
use crate::case::suite::Failure;
use crate::diagnostic::{Diagnostic, json_rows};

/// Writes a run, or what kept it from beginning, with further members.
pub fn write_json(
    out: &mut dyn Write,
    run: Result<&Report, &[Diagnostic]>,
    further: Map<String, Value>,
) -> io::Result<()> {
    let mut document = match run {
        Ok(report) => json!({
            "version": 1,
            "engine": report.engines.code(),
            "passed": report.passed(),
            "failed": report.failed(),
            "seconds": report.elapsed.as_secs_f64(),
            "findings": [],
            "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
        }),
        Err(findings) => json!({
            "version": 1, "passed": 0, "failed": 0, "findings": json_rows(findings), "cases": [],
        }),
    };
    if let Some(members) = document.as_object_mut() {
        members.extend(further);
    }
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn case(report: &CaseReport) -> Value {
    json!({
        "name": report.name,
        "title": report.title,
        "file": report.file,
        "passed": report.passed(),
        "seconds": report.elapsed.as_secs_f64(),
        "failures": report.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

fn failure(failure: &Failure) -> Value {
    let kind = failure.code();
    match failure {
        Failure::Setup(findings) => json!({ "kind": kind, "findings": json_rows(findings) }),
        Failure::Case(finding) => {
            json!({ "kind": kind, "findings": json_rows(std::slice::from_ref(finding)) })
        }
        Failure::Engine { engine, finding } => {
            let findings = json_rows(std::slice::from_ref(finding));
            json!({ "kind": kind, "engine": engine, "findings": findings })
        }
        Failure::Trap { engine, finding, backtrace } => {
            let findings = json_rows(std::slice::from_ref(finding));
            json!({ "kind": kind, "engine": engine, "findings": findings, "backtrace": backtrace })
        }
        Failure::Unmet { engine, mismatches, outcome } => json!({
            "kind": kind,
            "engine": engine,
            "mismatches": mismatches.iter().map(mismatch).collect::<Vec<_>>(),
            "status": outcome.status,
            "body": String::from_utf8_lossy(&outcome.body),
            "record": outcome.record,
        }),
        Failure::Differ { engines, step, differences } => {
            json!({ "kind": kind, "engines": engines, "step": step, "differences": differences })
        }
    }
}

fn mismatch(mismatch: &Mismatch) -> Value {
    let Mismatch { file, line, what, expected, came } = mismatch;
    json!({ "file": file, "line": line, "what": what, "expected": expected, "got": came })
}
