//! The ledger record of one request, version 1.

use std::borrow::Cow;

use actgate_call::{RequestHead, ToolCall, ToolCalls};
use actgate_token::{Caller, Grant};
use serde_json::{Map, Value, json};

use crate::{decision::Denial, json_text::JsonText, moment::Moment};

/// A path in a record is cut here: it is there to be recognised, and an access-log line must stay below the 16 KiB at
/// which common shippers split lines.
const MAX_PATH_BYTES: usize = 1024;
/// At most this many bytes of calls are spelt out in one record (the first call always); the count is always there.
/// Half of a line is left for who asks, what was decided and what became of it.
const MAX_CALLS_BYTES: usize = 8 * 1024;
/// A string argument is cut here, for the same reason as the path.
const MAX_ARGUMENT_BYTES: usize = 256;
/// So many members of a list are shown.
const MAX_MEMBERS: usize = 16;

/// A list of groups, scopes or details that is longer is left out: with every claim at its longest the line still is below
/// its bound.
const MAX_CLAIM_BYTES: usize = 1024;

/// What a request attempts, as far as it has been understood.
///
/// It never holds a header value other than the ones named here, a query string, a body or a token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    method: Option<String>,
    path: Option<String>,
    /// Whether a query was there, which is not shown.
    query: bool,
    authority: Option<String>,
    trace: Option<TraceContext>,
    pub(crate) service: Option<String>,
    /// Members of `attempted`, written when they became known.
    who: JsonText,
    /// Elements of its `calls`.
    calls: JsonText,
    told: usize,
    count: usize,
    approved: Value,
}

/// What was decided, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    Allow {
        policies: &'a [String],
    },
    Deny(&'a Denial),
    Hold(&'a Denial),
    Observe(&'a Denial),
    /// The request ended before anything was decided, or before what was decided was done: the client went away.
    Aborted,
}

// === impl Attempt ===

impl Attempt {
    /// What can be said of a request whose head may not even parse.
    pub(crate) fn raw(headers: &[(&[u8], &[u8])]) -> Self {
        let first = |name: &[u8]| headers.iter().find(|(header, _)| *header == name).map(|(_, value)| *value);
        let text = |value: &[u8]| match std::str::from_utf8(value) {
            Ok(text) => clip(text, MAX_PATH_BYTES).into_owned(),
            Err(_) => clip(&String::from_utf8_lossy(value), MAX_PATH_BYTES).into_owned(),
        };
        Self {
            method: first(b":method").map(text),
            // Without its query: undeclared parameters are where clients put tokens.
            path: first(b":path")
                .map(|path| path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default())
                .map(text),
            query: first(b":path").is_some_and(|path| path.contains(&b'?')),
            // Without a user and password before the host.
            authority: first(b":authority")
                .map(|authority| authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default())
                .map(text),
            trace: first(b"traceparent").and_then(TraceContext::parse),
            ..Self::default()
        }
    }

    pub(crate) fn service(&mut self, _head: &RequestHead<'_>, name: &str) {
        self.service = Some(name.to_owned());
    }

    pub(crate) fn caller(&mut self, caller: &Caller) {
        let claims = caller.token().claims();
        let mut who = JsonText::with_capacity(PART_BYTES);
        who.text("subject", caller.subject().entity_id());
        who.text("actor", caller.actor().entity_id());
        who.texts("chain", caller.earlier().iter().map(actgate_token::Identity::entity_id));
        let optional = [
            ("jti", caller.token().jti()),
            ("task", claims.task.as_deref()),
            ("ticket", claims.ticket.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                who.text(name, value);
            }
        }
        if let Some(key) = caller.token().confirmation().key {
            who.text("jkt", &key.to_string());
        }
        // The rest of what policies and narrowing read of a token, so that an attempt can be decided anew.
        if let Some(purpose) = &claims.purpose {
            who.text("purpose", &clip(purpose, MAX_ARGUMENT_BYTES));
        }
        if let Some(risk) = &claims.risk {
            who.text("risk", risk);
        }
        if !claims.groups.is_empty() {
            who.value("groups", &whole(json!(claims.groups)));
        }
        if let Some(words) = caller.token().scope() {
            who.value("scope", &whole(words.join(" ").into()));
        }
        if let Some(details) = caller.token().authorization_details() {
            who.value("authorization_details", &whole(of_our_type(details)));
        }
        self.who = who;
    }

    /// Who approved it, by a grant that was verified.
    pub(crate) fn approved(&mut self, grant: &Grant) {
        self.approved = json!({
            "id": grant.approval(),
            "grant": grant.id(),
            "groups": grant.groups(),
            "approvers": grant.approvers(),
        });
    }

    pub(crate) fn calls(&mut self, calls: &ToolCalls) {
        self.count = calls.len();
        self.told = 0;
        self.calls = JsonText::with_capacity(PART_BYTES);
        for call in calls {
            let before = self.calls.len();
            describe(call, &mut self.calls);
            if self.calls.len() > MAX_CALLS_BYTES && self.told > 0 {
                self.calls.truncate(before);
                break;
            }
            self.told = self.told.saturating_add(1);
        }
    }

    /// The record as a JSON object, but for its closing brace: the proxy's access log appends `executed` and closes it,
    /// so that what really happened comes from the proxy and not from the one who decided.
    pub(crate) fn open_record(
        &self,
        id: &str,
        bundle: &str,
        started: Moment,
        latency_us: Option<u64>,
        outcome: Outcome<'_>,
    ) -> String {
        let mut record = JsonText::begin(RECORD_BYTES);
        record.number("v", 1);
        record.text("id", id);
        record.text("time", &started.rfc3339());
        record.text_or_null("trace", self.trace.as_ref().map(|trace| trace.id.as_str()));
        if let Some(trace) = &self.trace {
            if let Some(parent) = &trace.parent {
                record.text("parent", parent);
            }
            if trace.sampled {
                record.value("sampled", &Value::Bool(true));
            }
        }
        record.text("bundle", bundle);
        record.text_or_null("service", self.service.as_deref());
        record.text("stage", if matches!(outcome, Outcome::Aborted) { "aborted" } else { "decided" });
        record.object("attempted", |attempted| {
            let known = [("method", &self.method), ("authority", &self.authority), ("path", &self.path)];
            for (name, value) in known {
                if let Some(value) = value {
                    attempted.text(name, value);
                }
            }
            if self.query {
                attempted.value("query", &Value::Bool(true));
            }
            attempted.members(&self.who);
            attempted.array("calls", |calls| calls.members(&self.calls));
            if self.count > self.told {
                attempted.number("calls_total", u64::try_from(self.count).unwrap_or(u64::MAX));
            }
        });
        decided(outcome, latency_us, &mut record);
        record.value("approved", &self.approved);
        record.into_string()
    }
}

/// What a record of one call takes, so that most are written without moving.
const RECORD_BYTES: usize = 1024;
/// The same of who asks, and of one call.
const PART_BYTES: usize = 256;

fn decided(outcome: Outcome<'_>, latency_us: Option<u64>, record: &mut JsonText) {
    let (decision, denial, policies): (&str, Option<&Denial>, &[String]) = match outcome {
        Outcome::Allow { policies } => ("allow", None, policies),
        Outcome::Deny(denial) => ("deny", Some(denial), &denial.policies),
        Outcome::Hold(denial) => ("hold", Some(denial), &denial.policies),
        Outcome::Observe(denial) => ("observe", Some(denial), &denial.policies),
        Outcome::Aborted => return record.null("decided"),
    };
    record.object("decided", |decided| {
        decided.text("decision", decision);
        decided.texts("policies", policies.iter().map(String::as_str));
        if let Some(latency) = latency_us {
            decided.number("latency_us", latency);
        }
        let Some(denial) = denial else { return };
        decided.text("reason", denial.reason.code());
        decided.number("status", u64::from(denial.reason.row().status));
        decided.text("detail", &clip(&denial.detail, MAX_PATH_BYTES));
        if !denial.groups.is_empty() {
            decided.texts("groups", denial.groups.iter().map(String::as_str));
        }
        if let Some(ticket) = &denial.ticket {
            decided.text("approval", &ticket.id);
        }
        if let Some(internal) = &denial.internal {
            decided.text("internal", &clip(internal, MAX_PATH_BYTES));
        }
    });
}

fn describe(call: &ToolCall, into: &mut JsonText) {
    let resource = clip(&call.resource.id, MAX_PATH_BYTES);
    into.element(|told| {
        told.text("action", &call.action);
        told.text("resource", &[&*call.resource.type_name, "::\"", &resource, "\""].concat());
        let before = told.len();
        told.object("arguments", |told| {
            for (name, value) in &call.arguments {
                told.member(name, |told| tell(name, value, &call.secret, told));
            }
        });
        // The first call is always spelt out, so it has to have a bound of its own.
        if told.len().saturating_sub(before) > MAX_CALLS_BYTES {
            told.truncate(before);
            told.text("arguments", "[too long]");
        }
    });
}

/// Writes a value as [`shown`] has it.
fn tell(path: &str, value: &Value, secret: &[String], into: &mut JsonText) {
    if secret.iter().any(|name| name == path) {
        return into.string(REDACTED);
    }
    match value {
        Value::Object(fields) if !secret.is_empty() => into.braces(|told| {
            for (name, field) in fields {
                told.member(name, |told| tell(&format!("{path}/{name}"), field, secret, told));
            }
        }),
        Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => {
            tell_shortened(value, into);
        }
    }
}

fn tell_shortened(value: &Value, into: &mut JsonText) {
    match value {
        Value::String(text) => into.string(&clip(text, MAX_ARGUMENT_BYTES)),
        Value::Array(members) => into.brackets(|told| {
            for member in members.iter().take(MAX_MEMBERS) {
                told.separate();
                tell_shortened(member, told);
            }
            if members.len() > MAX_MEMBERS {
                told.separate();
                told.string(MORE);
            }
        }),
        Value::Object(fields) => into.braces(|told| {
            for (name, field) in fields {
                told.member(name, |told| tell_shortened(field, told));
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => into.any(value),
    }
}

/// What stands for a secret.
const REDACTED: &str = "[redacted]";
/// What stands for the rest of a long list.
const MORE: &str = "…";

/// The arguments of a call as they may be shown.
pub(crate) fn shown_arguments(call: &ToolCall) -> Map<String, Value> {
    call.arguments.iter().map(|(name, value)| (name.clone(), shown(name, value, &call.secret))).collect()
}

/// A value as records show it. Secret ones are named by their path: `args/content`.
fn shown(path: &str, value: &Value, secret: &[String]) -> Value {
    if secret.iter().any(|name| name == path) {
        return REDACTED.into();
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), shown(&format!("{path}/{name}"), field, secret)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            shorten(value)
        }
    }
}

fn shorten(value: &Value) -> Value {
    match value {
        Value::String(text) => clip(text, MAX_ARGUMENT_BYTES).into(),
        Value::Array(members) => {
            let more = (members.len() > MAX_MEMBERS).then(|| MORE.into());
            members.iter().take(MAX_MEMBERS).map(shorten).chain(more).collect()
        }
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), shorten(field))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What the token narrows its use to here; nothing in it narrows it to nothing.
fn of_our_type(details: &[Value]) -> Value {
    let ours = |detail: &&Value| detail.get("type").and_then(Value::as_str) == Some("actgate");
    details.iter().filter(ours).cloned().collect()
}

/// A claim as it is, or a sign that it is too long for a record.
fn whole(claim: Value) -> Value {
    if claim.to_string().len() > MAX_CLAIM_BYTES { "…".into() } else { claim }
}

/// Cuts a text at a character boundary and says so.
fn clip(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

/// Where a request stands in its client's trace (W3C Trace Context section 3.2.2): good for finding it, and for nothing else.
#[derive(Debug, Clone)]
struct TraceContext {
    id: String,
    parent: Option<String>,
    sampled: bool,
}

// === impl TraceContext ===

impl TraceContext {
    /// Of a `traceparent`: lower-case hexadecimal digits, no id all zero. What stands behind the flags is of a later version.
    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut parts = text.split('-');
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let is_id = |part: &&str, digits| is_hex(part, digits) && part.bytes().any(|b| b != b'0');
        parts.next().filter(|version| is_hex(version, 2) && *version != "ff")?;
        let id = parts.next().filter(|id| is_id(id, 32))?.to_owned();
        let parent = parts.next().filter(|parent| is_id(parent, 16)).map(str::to_owned);
        // The lowest bit of the last digit.
        let flags = parts.next().filter(|flags| is_hex(flags, 2)).and_then(|flags| flags.bytes().last());
        let sampled = flags.is_some_and(|digit| b"13579bdf".contains(&digit));
        Some(Self { id, parent, sampled })
    }
}

#[cfg(test)]
mod tests;
