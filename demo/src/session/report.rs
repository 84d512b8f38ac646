//! What people see of a session.

use std::io;

use serde_json::Value;

use super::{Expectation, Step, clients::Run};
use crate::{error::DemoError, http::Answer, ledger::Record, tool::Finished};

/// Where the session is told.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    colours: bool,
}

#[derive(Debug, Clone, Copy)]
enum Colour {
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

// === impl Report ===

impl<W: io::Write> Report<W> {
    /// A report to `out`, in colours if it is a terminal that has them.
    pub fn new(out: W, colours: bool) -> Self {
        Self { out, colours }
    }

    /// Where it was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// One line of text.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn line(&mut self, text: &str) -> Result<(), DemoError> {
        writeln!(self.out, "{text}")
            .and_then(|()| self.out.flush())
            .map_err(DemoError::io("write the report"))
    }

    /// A heading.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn heading(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.paint(Colour::Bold, text);
        self.line(&format!("\n{text}"))
    }

    /// What is being waited for.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn progress(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.paint(Colour::Dim, &format!("- {text}"));
        self.line(&text)
    }

    pub(super) fn title(&mut self, number: usize, title: &str) -> Result<(), DemoError> {
        self.heading(&format!("{number:>2}. {title}"))
    }

    /// What happens beside the agent.
    pub(super) fn aside(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.paint(Colour::Dim, &format!("    {text}"));
        self.line(&text)
    }

    pub(super) fn step(
        &mut self,
        step: &Step,
        answer: &Answer,
        verdict: &Result<(), String>,
    ) -> Result<(), DemoError> {
        let request =
            self.paint(Colour::Dim, &format!("    {} {}  ({})", step.method, step.path, step.caller));
        self.line(&request)?;
        let colour = match step.expect {
            Expectation::Value { .. } => Colour::Green,
            Expectation::Refusal { .. } => Colour::Yellow,
        };
        let answered = self.paint(colour, &format!("    {} {}", answer.status, said(answer)));
        self.line(&answered)?;
        self.verdict(verdict)
    }

    pub(super) fn run(
        &mut self,
        run: &Run,
        finished: &Finished,
        verdict: &Result<(), String>,
    ) -> Result<(), DemoError> {
        let command = self.paint(Colour::Dim, &format!("    $ {}  ({})", run.client, run.caller));
        self.line(&command)?;
        let colour = if finished.success { Colour::Green } else { Colour::Yellow };
        for line in run.client.telling(finished) {
            let text = self.paint(colour, &format!("    {line}"));
            self.line(&text)?;
        }
        self.verdict(verdict)
    }

    fn verdict(&mut self, verdict: &Result<(), String>) -> Result<(), DemoError> {
        match verdict {
            Ok(()) => Ok(()),
            Err(difference) => {
                let text = self.paint(Colour::Red, &format!("    NOT AS IT SHOULD BE: {difference}"));
                self.line(&text)
            }
        }
    }

    pub(super) fn ledger(&mut self, records: &[Record]) -> Result<(), DemoError> {
        self.heading("The ledger of this session")?;
        let rows: Vec<[String; 4]> = records
            .iter()
            .map(|record| [record.attempted(), record.decided(), record.approved(), record.executed()])
            .collect();
        let head = ["ATTEMPTED", "DECIDED", "APPROVED", "EXECUTED"].map(str::to_owned);
        let mut widths = [0; 4];
        for row in rows.iter().chain([&head]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let [first, second, third, _] = widths;
        let fit = |[a, b, c, d]: &[String; 4]| format!("    {a:<first$}  {b:<second$}  {c:<third$}  {d}");
        let title = self.paint(Colour::Dim, &fit(&head));
        self.line(&title)?;
        for (row, record) in rows.iter().zip(records) {
            let colour = match record.decision() {
                "allow" => Colour::Green,
                "deny" | "hold" | "observe" => Colour::Yellow,
                _undecided => Colour::Red,
            };
            let text = self.paint(colour, &fit(row));
            self.line(&text)?;
        }
        let count = |of: fn(&&Record) -> bool| records.iter().filter(of).count();
        let sums = format!(
            "    {} attempted: {} allowed, {} held, {} refused; {} approved; {} executed",
            records.len(),
            count(|record| record.decision() == "allow"),
            count(|record| record.decision() == "hold"),
            count(|record| !matches!(record.decision(), "allow" | "hold")),
            count(|record| !record.approved().is_empty()),
            count(|record| record.was_forwarded()),
        );
        let sums = self.paint(Colour::Bold, &sums);
        self.line(&sums)?;
        self.line("")
    }

    pub(super) fn check(&mut self, what: &str, verdict: &Result<(), String>) -> Result<(), DemoError> {
        let text = match verdict {
            Ok(()) => self.paint(Colour::Green, &format!("    ok: {what}")),
            Err(difference) => self.paint(Colour::Red, &format!("    NOT SO: {what}: {difference}")),
        };
        self.line(&text)
    }

    pub(super) fn sum(&mut self, all: usize, wrong: usize) -> Result<(), DemoError> {
        let text = match wrong {
            0 => self.paint(Colour::Green, &format!("All {all} steps and checks went as they should.")),
            _ => self.paint(Colour::Red, &format!("{wrong} of {all} steps and checks went wrong.")),
        };
        self.line(&format!("\n{text}"))
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The real answer on one line: a refusal in its own words, anything else as it came.
fn said(answer: &Answer) -> String {
    let body = answer.json();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("reason"), text("detail")) {
        (Some(reason), Some(detail)) => match text("advice") {
            Some(advice) => format!("{reason}: {detail} (advice: {advice})"),
            None => format!("{reason}: {detail}"),
        },
        _ => match body.get("data") {
            Some(data) => data.to_string(),
            None => answer.text().lines().next().unwrap_or_default().to_owned(),
        },
    }
}
