//! The stack's ledger: one JSON record a line, written by Envoy's access log.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::error::DemoError;

const POLL: Duration = Duration::from_millis(20);

/// A ledger from a certain point on.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
    start: usize,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(Value);

// === impl Ledger ===

impl Ledger {
    /// What will be written from now on.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn from_now(path: &Path) -> Result<Self, DemoError> {
        let ledger = Self { path: path.to_owned(), start: 0 };
        let start = ledger.bytes()?.len();
        Ok(Self { start, ..ledger })
    }

    /// The text so far.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn text(&self) -> Result<String, DemoError> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8_lossy(bytes.get(self.start..).unwrap_or_default()).into_owned())
    }

    /// The complete records so far.
    ///
    /// # Errors
    /// [`DemoError::Ledger`] for a line that is not a JSON object.
    pub fn records(&self) -> Result<Vec<Record>, DemoError> {
        let text = self.text()?;
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        complete
            .lines()
            .enumerate()
            .map(|(index, line)| Record::parse(index.saturating_add(1), line))
            .collect()
    }

    /// Waits until there are `count` records, for at most `limit`; gives what there is then.
    ///
    /// # Errors
    /// [`DemoError::Ledger`].
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Result<Vec<Record>, DemoError> {
        let start = Instant::now();
        loop {
            let records = self.records()?;
            if records.len() >= count || start.elapsed() > limit {
                return Ok(records);
            }
            sleep(POLL).await;
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, DemoError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(DemoError::io(format!("read `{}`", self.path.display()))(error)),
        }
    }
}

// === impl Record ===

impl Record {
    fn parse(line: usize, text: &str) -> Result<Self, DemoError> {
        match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) => Ok(Self(value)),
            Ok(_) => Err(DemoError::Ledger { line, message: "it is not an object".to_owned() }),
            Err(error) => Err(DemoError::Ledger { line, message: error.to_string() }),
        }
    }

    /// A record that was made otherwise.
    #[cfg(test)]
    pub(crate) const fn of(value: Value) -> Self {
        Self(value)
    }

    /// The whole record.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// `decided`, `aborted`, or `rejected_by_proxy`.
    pub fn stage(&self) -> &str {
        self.text("/stage")
    }

    /// The decision: `allow`, `deny`, `hold` or `observe`; empty where nothing was decided.
    pub fn decision(&self) -> &str {
        self.text("/decided/decision")
    }

    /// Why it was refused; empty where it was not.
    pub fn reason(&self) -> &str {
        self.text("/decided/reason")
    }

    /// Who tried what, for people.
    pub fn attempted(&self) -> String {
        let who = match (self.name("/attempted/subject"), self.name("/attempted/actor")) {
            ("", "") => "nobody".to_owned(),
            (subject, actor) => format!("{subject} by {actor}"),
        };
        let call = match (self.text("/attempted/calls/0/action"), self.text("/attempted/calls/0/resource")) {
            ("", _) => format!("{} {}", self.text("/attempted/method"), self.text("/attempted/path")),
            (action, resource) => format!("{action} {resource}"),
        };
        format!("{who}: {call}")
    }

    /// What was decided and why, for people.
    pub fn decided(&self) -> String {
        let groups = self.0.pointer("/decided/groups").and_then(Value::as_array);
        let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
        match (self.decision(), self.reason()) {
            ("", _) => self.stage().to_owned(),
            (decision, "") => decision.to_owned(),
            (decision, reason) if groups.is_empty() => format!("{decision}: {reason}"),
            (decision, reason) => format!("{decision}: {reason} ({})", groups.join(", ")),
        }
    }

    /// Who approved it in which groups, for people; empty where nobody did.
    pub fn approved(&self) -> String {
        let texts = |pointer: &str| {
            let members = self.0.pointer(pointer).and_then(Value::as_array);
            members.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        };
        match texts("/approved/approvers") {
            approvers if approvers.is_empty() => approvers,
            approvers => format!("{approvers} ({})", texts("/approved/groups")),
        }
    }

    /// What really happened, for people.
    pub fn executed(&self) -> String {
        let status = self.0.pointer("/executed/status").and_then(Value::as_u64).unwrap_or_default();
        if !self.was_forwarded() {
            return format!("not forwarded, answered {status}");
        }
        // Only an answer that came from the upstream tells what became of the call there.
        match self.text("/executed/details") {
            "via_upstream" => format!("forwarded, upstream answered {status}"),
            details => format!("forwarded, outcome unknown ({details})"),
        }
    }

    /// Whether it reached an upstream.
    pub fn was_forwarded(&self) -> bool {
        !matches!(self.text("/executed/upstream"), "" | "-")
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// An identity without what every one of the demo begins with.
    fn name(&self, pointer: &str) -> &str {
        let id = self.text(pointer);
        let id = id.split_once('/').map_or(id, |(_, subject)| subject);
        id.strip_prefix("spiffe://demo/agent/").unwrap_or(id)
    }
}

#[cfg(test)]
mod tests;
