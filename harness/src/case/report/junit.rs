//! `--format junit`: the XML that CI systems read.

use std::io::{self, Write};

use super::text::write_failures;
use crate::case::run::{CaseReport, Report};
use crate::case::suite::Failure;
use crate::diagnostic::{Diagnostic, Style, write_text};

/// Writes a run, or what kept it from beginning as a single error.
pub fn write_junit(out: &mut dyn Write, run: Result<&Report, &[Diagnostic]>) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let report = match run {
        Ok(report) => report,
        Err(findings) => {
            let mut told = Vec::new();
            write_text(&mut told, findings, Style::Plain)?;
            writeln!(out, "<testsuites name=\"actgate\" tests=\"1\" failures=\"0\" errors=\"1\">")?;
            writeln!(out, "<testsuite name=\"actgate\" tests=\"1\" failures=\"0\" errors=\"1\">")?;
            writeln!(out, "<testcase name=\"files\" classname=\"actgate\"><error message=\"wrong files\">")?;
            write!(out, "{}", escaped(&String::from_utf8_lossy(&told)))?;
            return writeln!(out, "</error></testcase>\n</testsuite>\n</testsuites>");
        }
    };
    let errors = report.cases.iter().filter(|case| is_error(case)).count();
    let failures = report.failed().saturating_sub(errors);
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\"",
        report.cases.len(),
        report.elapsed.as_secs_f64()
    );
    writeln!(out, "<testsuites name=\"actgate\" {counts}>")?;
    writeln!(out, "<testsuite name=\"{}\" {counts}>", report.engines.code())?;
    report.cases.iter().try_for_each(|case| write_case(out, case, report))?;
    writeln!(out, "</testsuite>\n</testsuites>")
}

fn write_case(out: &mut dyn Write, case: &CaseReport, report: &Report) -> io::Result<()> {
    let (class, name) = case.name.rsplit_once('/').unwrap_or(("cases", &case.name));
    write!(
        out,
        "<testcase name=\"{}\" classname=\"{}\" file=\"{}\" time=\"{:.3}\"",
        escaped(name),
        escaped(class),
        escaped(&case.file),
        case.elapsed.as_secs_f64()
    )?;
    let Some(first) = case.failures.first() else { return writeln!(out, "/>") };
    let alone = Report { cases: vec![case.clone()], ..report.clone() };
    let mut told = Vec::new();
    write_failures(&mut told, &alone, Style::Plain)?;
    let element = if is_error(case) { "error" } else { "failure" };
    writeln!(
        out,
        ">\n<{element} type=\"{}\" message=\"{}\">{}</{element}>\n</testcase>",
        first.code(),
        escaped(&case.title),
        escaped(&String::from_utf8_lossy(&told))
    )
}

/// Whether it is something else than the gate's answer that is wrong.
fn is_error(case: &CaseReport) -> bool {
    case.failures.iter().any(|failure| match failure {
        Failure::Setup(_) | Failure::Case(_) | Failure::Engine { .. } | Failure::Trap { .. } => true,
        Failure::Unmet { .. } | Failure::Differ { .. } => false,
    })
}

/// Text as XML 1.0 can hold it (section 2.2): most control characters are not even allowed as references.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\n' | '\t' => shown.push(character),
            '\u{fffe}' | '\u{ffff}' => shown.push('\u{fffd}'),
            _ if character.is_control() => shown.push('\u{fffd}'),
            _ => shown.push(character),
        }
    }
    shown
}
