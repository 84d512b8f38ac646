//! One hostile request, and what has to become of it.

use std::net::SocketAddr;

use actgate_demo::ledger::Record;
use actgate_tests::e2e::{
    h1::{self, Outcome, Reply},
    h2::{self, Answer, Frames},
    tokens::Issuer,
    verdict::{equal, holds, is_problem, is_recorded, is_refusal, text},
};

/// The path of a request that passes.
pub(crate) const DEV: &str = "/secrets/v1/kv/dev/db";

/// What rows are made of.
#[derive(Debug)]
pub(crate) struct Kit {
    issuer: Issuer,
    token: String,
}

/// A row.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    request: Request,
    expect: Expect,
}

#[derive(Debug)]
enum Request {
    H1(Vec<u8>),
    H2(Frames),
}

/// Who refuses, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    /// The gate, with this status and reason.
    Gate(u16, &'static str),
    /// Envoy, before the gate, with this status.
    Proxy(u16),
    /// Envoy, which ends the stream or the connection without a response.
    Cut,
    /// Envoy, which ends the stream without a response, after the gate has begun to wait for the body.
    Aborted,
    /// The gate permits it and the route's sentinel, which demands another service's permit, does not.
    Sentinel,
    /// Nobody.
    Nobody,
}

/// What came back, over either protocol.
#[derive(Debug)]
pub(crate) enum Came {
    H1(Outcome),
    H2(Answer),
}

// === impl Kit ===

impl Kit {
    pub(crate) fn new() -> Self {
        let issuer = Issuer::new();
        let token = issuer.good();
        Self { issuer, token }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// A token that nothing is wrong with.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request that passes.
    pub(crate) fn good(&self) -> Case {
        self.with_headers("a good request", &[], Expect::Nobody)
    }

    /// That request with another path.
    pub(crate) fn with_path(&self, path: &str, expect: Expect) -> Case {
        self.with_line(path, &format!("GET {path} HTTP/1.1"), expect)
    }

    /// That request with another request line.
    pub(crate) fn with_line(&self, name: &str, line: &str, expect: Expect) -> Case {
        let token = &self.token;
        Case::h1(
            name,
            format!("{line}\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\n"),
            expect,
        )
    }

    /// That request with further header lines.
    pub(crate) fn with_headers(&self, name: &str, lines: &[&str], expect: Expect) -> Case {
        self.with_rest(name, "GET", lines, "", expect)
    }

    /// That request with another method, further header lines, and what follows the head.
    pub(crate) fn with_rest(
        &self,
        name: &str,
        method: &str,
        lines: &[&str],
        rest: &str,
        expect: Expect,
    ) -> Case {
        let token = &self.token;
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!(
            "{method} {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{lines}"
        );
        Case::h1(name, format!("{head}\r\n{rest}"), expect)
    }

    /// The bytes of a request for another path.
    pub(crate) fn head(&self, path: &str) -> String {
        let token = &self.token;
        format!("GET {path} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\n")
    }

    /// The fields of that request in HTTP/2.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            field(":method", "GET"),
            field(":scheme", "http"),
            field(":authority", "gateway.demo"),
            field(":path", DEV),
            field("authorization", &format!("Bearer {}", self.token)),
        ]
    }
}

/// The request that passes with these header lines in place of its `Authorization`.
pub(crate) fn with_credential(name: &str, lines: &[&str], expect: Expect) -> Case {
    with_credential_at(name, DEV, lines, expect)
}

/// The same with another path.
pub(crate) fn with_credential_at(name: &str, path: &str, lines: &[&str], expect: Expect) -> Case {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Case::h1(name, format!("GET {path} HTTP/1.1\r\nhost: gateway.demo\r\n{lines}\r\n"), expect)
}

// === impl Case ===

impl Case {
    pub(crate) fn h1(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expect: Expect) -> Self {
        Self { name: name.into(), request: Request::H1(bytes.into()), expect }
    }

    pub(crate) fn h2(name: impl Into<String>, frames: Frames, expect: Expect) -> Self {
        Self { name: name.into(), request: Request::H2(frames), expect }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn send(&self, address: SocketAddr) -> Came {
        match &self.request {
            Request::H1(bytes) => Came::H1(h1::send(address, bytes).await),
            Request::H2(frames) => Came::H2(h2::send(address, frames).await),
        }
    }

    /// Whether what came back and what was recorded is what had to.
    pub(crate) fn judge(&self, came: &Came, record: &Record) -> Result<(), String> {
        self.look(came, record).map_err(|why| {
            let details = text(record.value(), "/executed/details");
            let internal = text(record.value(), "/decided/detail");
            format!(
                "{why} [{}; recorded {} {} {details} {internal}]",
                came.shown(),
                record.stage(),
                record.reason()
            )
        })
    }

    fn look(&self, came: &Came, record: &Record) -> Result<(), String> {
        match self.expect {
            Expect::Gate(status, reason) => match came {
                Came::H1(Outcome::Reply(reply)) => is_refusal(reply, status, reason, record),
                Came::H1(outcome) => Err(format!("{outcome:?}")),
                Came::H2(answer) => {
                    equal("status", answer.status, Some(status))?;
                    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
                    is_problem(&body, status, reason)?;
                    is_recorded(record, &body, status, reason)
                }
            },
            Expect::Proxy(status) => {
                equal("status", came.status(), Some(status))?;
                is_rejected_by_proxy(record)?;
                equal("recorded status", executed(record), Some(status.into()))
            }
            Expect::Cut => {
                equal("status", came.status(), None)?;
                holds(came.is_cut(), "it hangs")?;
                is_rejected_by_proxy(record)
            }
            Expect::Aborted => {
                holds(came.is_cut(), "there is an answer")?;
                equal("stage", record.stage(), "aborted")?;
                holds(!record.was_forwarded(), "recorded as forwarded")
            }
            Expect::Sentinel => {
                equal("status", came.status(), Some(403))?;
                equal("decision", record.decision(), "allow")?;
                let details = "rbac_access_denied_matched_policy[none]";
                equal("details", text(record.value(), "/executed/details"), details)?;
                holds(!record.was_forwarded(), "recorded as forwarded")
            }
            Expect::Nobody => {
                equal("status", came.status(), Some(200))?;
                equal("decision", record.decision(), "allow")?;
                equal("details", text(record.value(), "/executed/details"), "via_upstream")?;
                holds(record.was_forwarded(), "not recorded as forwarded")
            }
        }
    }
}

fn is_rejected_by_proxy(record: &Record) -> Result<(), String> {
    equal("stage", record.stage(), "rejected_by_proxy")?;
    holds(!record.was_forwarded(), "recorded as forwarded")
}

fn executed(record: &Record) -> Option<u64> {
    record.value()["executed"]["status"].as_u64()
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

    fn is_cut(&self) -> bool {
        match self {
            Self::H1(outcome) => *outcome == Outcome::Closed,
            Self::H2(answer) => answer.status.is_none() && answer.ended,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::H1(Outcome::Reply(Reply { status, body, .. })) => {
                format!("{status} {}", String::from_utf8_lossy(body))
            }
            Self::H1(outcome) => format!("{outcome:?}"),
            Self::H2(answer) => {
                let Answer { status, body, reset, goaway, ended } = answer;
                let body = String::from_utf8_lossy(body);
                format!("{status:?} {body} reset {reset:?} goaway {goaway:?} ended {ended}")
            }
        }
    }
}
