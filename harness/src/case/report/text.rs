//! Failures as a person reads them: what was expected, what came, and where it is written.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;

use crate::case::compare::Mismatch;
use crate::case::engine::Outcome;
use crate::case::run::{CaseReport, Report};
use crate::case::suite::{Engines, Failure};
use crate::diagnostic::{Diagnostic, Style, printable, write_text};

/// The longest text that is shown whole: the record and the body are in the JSON report.
const MAX_SHOWN: usize = 400;

const RED: &str = "1;31";
const GREEN: &str = "32";
const BOLD: &str = "1";
const DIM: &str = "2";

/// Writes every case that failed, with all that is wrong with it. What does not load is said once, whatever number of
/// cases need it.
pub fn write_failures(out: &mut dyn Write, report: &Report, style: Style) -> io::Result<()> {
    let mut unusable: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for case in report.cases.iter().filter(|case| !case.passed()) {
        if let [Failure::Setup(findings)] = case.failures.as_slice() {
            let mut told = Vec::new();
            write_text(&mut told, findings, style)?;
            unusable.entry(String::from_utf8_lossy(&told).into_owned()).or_default().push(&case.name);
        } else {
            write_case(out, case, report.engines == Engines::Both, style)?;
        }
    }
    for (told, cases) in unusable {
        out.write_all(told.as_bytes())?;
        let (first, more) = (cases.first().copied().unwrap_or_default(), cases.len().saturating_sub(1));
        match more {
            0 => writeln!(out, "  {} could not be played\n", printable(first))?,
            _ => writeln!(out, "  {} and {more} more could not be played\n", printable(first))?,
        }
    }
    Ok(())
}

/// Writes the last line.
pub fn write_summary(out: &mut dyn Write, report: &Report, style: Style) -> io::Result<()> {
    let (passed, failed) = (report.passed(), report.failed());
    let passed = style.paint(if failed == 0 { GREEN } else { BOLD }, &format!("{passed} passed"));
    let failed = style.paint(if failed == 0 { DIM } else { RED }, &format!("{failed} failed"));
    let engines = report.engines.code();
    let seconds = report.elapsed.as_secs_f64();
    writeln!(out, "{passed}, {failed} ({engines}, {seconds:.1} s)")
}

fn write_case(out: &mut dyn Write, case: &CaseReport, among_several: bool, style: Style) -> io::Result<()> {
    let (name, title) = (printable(&case.name), printable(&case.title));
    writeln!(out, "{} {}  {title}", style.paint(RED, "FAIL"), style.paint(BOLD, &name))?;
    let mut unmet: Vec<(Vec<&str>, &[Mismatch], &Outcome)> = Vec::new();
    for failure in &case.failures {
        match failure {
            Failure::Unmet { engine, mismatches, outcome } => {
                // Engines that come to the same are shown together.
                match unmet.iter_mut().find(|(_, known, _)| *known == mismatches.as_slice()) {
                    Some((engines, _, _)) => engines.push(engine),
                    None => unmet.push((vec![engine], mismatches, outcome)),
                }
            }
            Failure::Setup(_)
            | Failure::Case(_)
            | Failure::Engine { .. }
            | Failure::Trap { .. }
            | Failure::Differ { .. } => {}
        }
    }
    for (engines, mismatches, outcome) in unmet {
        let through = if among_several { format!(" ({})", engines.join(", ")) } else { String::new() };
        write_unmet(out, &through, mismatches, outcome, style)?;
    }
    for failure in &case.failures {
        match failure {
            Failure::Unmet { .. } => {}
            Failure::Setup(findings) => write_text(out, findings, style)?,
            Failure::Case(finding) | Failure::Engine { engine: _, finding } => {
                write_text(out, std::slice::from_ref(finding), style)?;
            }
            Failure::Trap { engine: _, finding, backtrace } => write_trap(out, finding, backtrace, style)?,
            Failure::Differ { engines: [one, other], step, differences } => {
                let request = step.saturating_add(1);
                let head = format!("{one} and {other} do not agree on request {request}");
                writeln!(out, "  {}", style.paint(RED, &head))?;
                for difference in differences {
                    writeln!(out, "    {}", printable(difference))?;
                }
            }
        }
    }
    writeln!(out)
}

fn write_unmet(
    out: &mut dyn Write,
    through: &str,
    mismatches: &[Mismatch],
    outcome: &Outcome,
    style: Style,
) -> io::Result<()> {
    for Mismatch { file, line, what, expected, came } in mismatches {
        let place = format!("{}:{line}:", printable(file));
        writeln!(out, "  {} {}{through}", style.paint(BOLD, &place), printable(what))?;
        writeln!(out, "    expected  {}", style.paint(GREEN, &shortened(expected)))?;
        writeln!(out, "    got       {}", style.paint(RED, &shortened(came)))?;
    }
    let dim = |name: &str| style.paint(DIM, name);
    for call in outcome.record.pointer("/attempted/calls").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let called = format!("{} {}", part("action"), part("resource"));
        writeln!(out, "  {}    {}", dim("called"), shortened(&called))?;
    }
    let decided = ["/decided/decision", "/decided/reason", "/decided/detail"]
        .map(|pointer| outcome.recorded(pointer))
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    writeln!(out, "  {}   {}", dim("decided"), shortened(&decided))?;
    let answer = format!("{} {}", outcome.status, String::from_utf8_lossy(&outcome.body));
    writeln!(out, "  {}    {}", dim("answer"), shortened(&answer))
}

fn write_trap(
    out: &mut dyn Write,
    finding: &Diagnostic,
    backtrace: &[String],
    style: Style,
) -> io::Result<()> {
    write_text(out, std::slice::from_ref(finding), style)?;
    backtrace.iter().try_for_each(|frame| writeln!(out, "    {}", printable(frame.trim())))
}

/// A text that does not flood the terminal, nor steers it.
fn shortened(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(MAX_SHOWN) {
        None => printable(text),
        Some((end, _)) => format!("{}...", printable(text.get(..end).unwrap_or_default())),
    }
}
