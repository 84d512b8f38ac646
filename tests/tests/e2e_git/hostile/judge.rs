//! How a hostile request is refused.

use actgate_demo::ledger::Record;
use actgate_tests::e2e::{
    h1::Outcome,
    h2::Answer,
    verdict::{equal, holds, is_problem, text},
};

/// Who refuses, and how.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expect {
    /// The gate, in a report that git prints: the client has said that it reads one.
    Report(&'static str),
    /// The gate, in text.
    Text(u16, &'static str),
    /// The gate, before it knows which service is meant.
    Problem(u16, &'static str),
    /// Whoever notices first.
    Somehow,
}

/// What came back, over either protocol.
#[derive(Debug)]
pub(super) enum Came {
    H1(Outcome),
    H2(Answer),
}

// === impl Expect ===

impl Expect {
    pub(super) fn judge(self, came: &Came, records: &[Record]) -> Result<(), String> {
        let reason = records.first().map(Record::reason).unwrap_or_default();
        self.look(came, records).map_err(|why| format!("{why} [{}; recorded {reason}]", came.shown()))
    }

    fn look(self, came: &Came, records: &[Record]) -> Result<(), String> {
        let one = || match records {
            [record] => Ok(record),
            records => Err(format!("{} records", records.len())),
        };
        match self {
            Self::Report(reason) => {
                let record = one()?;
                is_recorded(record, reason, 200)?;
                equal("status", came.status(), Some(200))?;
                let body = String::from_utf8_lossy(came.body());
                let id = text(record.value(), "/id");
                holds(body.contains("unpack ok\n"), "no report")?;
                holds(!body.contains("ok refs/"), "a ref is reported as changed")?;
                holds(body.contains(&format!("reason: {reason}, decision: {id}\n")), "no reason on band 2")
            }
            Self::Text(status, reason) => {
                let record = one()?;
                is_recorded(record, reason, status)?;
                equal("status", came.status(), Some(status))?;
                let body = String::from_utf8_lossy(came.body());
                let id = text(record.value(), "/id");
                holds(body.starts_with("actgate: "), "not git's words")?;
                holds(body.ends_with(&format!("reason: {reason}, decision: {id}\n")), "no reason")
            }
            Self::Problem(status, reason) => {
                is_recorded(one()?, reason, status)?;
                equal("status", came.status(), Some(status))?;
                is_problem(&serde_json::from_slice(came.body()).unwrap_or_default(), status, reason)
            }
            Self::Somehow => match came.status() {
                Some(status) => holds((400..=501).contains(&status), "it was answered"),
                None => holds(came.has_ended(), "it hangs"),
            },
        }
    }
}

fn is_recorded(record: &Record, reason: &str, status: u16) -> Result<(), String> {
    equal("recorded reason", record.reason(), reason)?;
    let decision = if reason == "approval_required" { "hold" } else { "deny" };
    equal("recorded decision", record.decision(), decision)?;
    equal("recorded status", record.value()["executed"]["status"].as_u64(), Some(status.into()))
}

// === impl Came ===

impl Came {
    fn status(&self) -> Option<u16> {
        match self {
            Self::H1(Outcome::Reply(reply)) => Some(reply.status),
            Self::H1(Outcome::Closed | Outcome::Silence) => None,
            Self::H2(answer) => answer.status,
        }
    }

    fn body(&self) -> &[u8] {
        match self {
            Self::H1(Outcome::Reply(reply)) => &reply.body,
            Self::H1(Outcome::Closed | Outcome::Silence) => &[],
            Self::H2(answer) => &answer.body,
        }
    }

    fn has_ended(&self) -> bool {
        match self {
            Self::H1(outcome) => *outcome != Outcome::Silence,
            Self::H2(answer) => answer.ended,
        }
    }

    fn shown(&self) -> String {
        let body = String::from_utf8_lossy(self.body()).into_owned();
        match self {
            Self::H1(Outcome::Closed) => "closed".to_owned(),
            Self::H1(Outcome::Silence) => "silence".to_owned(),
            Self::H1(Outcome::Reply(reply)) => format!("{} {body}", reply.status),
            Self::H2(Answer { status, reset, goaway, ended, .. }) => {
                format!("{status:?} {body} reset {reset:?} goaway {goaway:?} ended {ended}")
            }
        }
    }
}
