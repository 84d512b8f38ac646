//! The ledger record of one request, version 1.

use actgate_call::{RequestHead, ToolCall, ToolCalls};
use actgate_token::{Caller, Grant};
use serde_json::{Map, Value, json};

use crate::{decision::Denial, moment::Moment};

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
    trace: Option<String>,
    pub(crate) service: Option<String>,
    who: Option<Value>,
    calls: Vec<Value>,
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
    /// The request ended before anything was decided: the client went away while its body was awaited.
    Aborted,
}

// === impl Attempt ===

impl Attempt {
    /// What can be said of a request whose head may not even parse.
    pub(crate) fn raw(headers: &[(&[u8], &[u8])]) -> Self {
        let first = |name: &[u8]| headers.iter().find(|(header, _)| *header == name).map(|(_, value)| *value);
        let text = |value: &[u8]| clip(&String::from_utf8_lossy(value), MAX_PATH_BYTES);
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
            trace: first(b"traceparent").and_then(trace_id),
            ..Self::default()
        }
    }

    pub(crate) fn service(&mut self, _head: &RequestHead<'_>, name: &str) {
        self.service = Some(name.to_owned());
    }

    pub(crate) fn caller(&mut self, caller: &Caller) {
        let chain: Vec<&str> = caller.earlier().iter().map(actgate_token::Identity::entity_id).collect();
        let claims = caller.token().claims();
        // All that policies and narrowing read of a token, so that an attempt can be decided anew.
        let groups = Some(&claims.groups).filter(|groups| !groups.is_empty());
        let details = caller.token().authorization_details().map(of_our_type);
        self.who = Some(json!({
            "subject": caller.subject().entity_id(),
            "actor": caller.actor().entity_id(),
            "chain": chain,
            "jti": caller.token().jti(),
            "task": claims.task,
            "ticket": claims.ticket,
            "purpose": claims.purpose.as_deref().map(|purpose| clip(purpose, MAX_ARGUMENT_BYTES)),
            "groups": groups.map(|groups| whole(json!(groups))),
            "risk": claims.risk,
            "scope": caller.token().scope().map(|words| whole(words.join(" ").into())),
            "authorization_details": details.map(whole),
        }));
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
        self.calls.clear();
        let mut bytes = 0_usize;
        for call in calls {
            let described = describe(call);
            bytes = bytes.saturating_add(described.to_string().len());
            if bytes > MAX_CALLS_BYTES && !self.calls.is_empty() {
                break;
            }
            self.calls.push(described);
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
        let mut attempted = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                attempted.insert(name.to_owned(), value);
            }
        };
        put("method", json!(self.method));
        put("authority", json!(self.authority));
        put("path", json!(self.path));
        put("query", if self.query { true.into() } else { Value::Null });
        if let Some(Value::Object(who)) = &self.who {
            for (name, value) in who {
                put(name, value.clone());
            }
        }
        put("calls", json!(self.calls));
        if self.count > self.calls.len() {
            put("calls_total", json!(self.count));
        }
        let record = json!({
            "v": 1,
            "id": id,
            "time": started.rfc3339(),
            "trace": self.trace,
            "bundle": bundle,
            "service": self.service,
            "stage": if matches!(outcome, Outcome::Aborted) { "aborted" } else { "decided" },
            "attempted": attempted,
            "decided": decided_value(outcome, latency_us),
            "approved": self.approved,
        });
        let mut text = record.to_string();
        text.pop();
        text
    }
}

fn decided_value(outcome: Outcome<'_>, latency_us: Option<u64>) -> Value {
    let (decision, denial, policies): (&str, Option<&Denial>, &[String]) = match outcome {
        Outcome::Allow { policies } => ("allow", None, policies),
        Outcome::Deny(denial) => ("deny", Some(denial), &denial.policies),
        Outcome::Hold(denial) => ("hold", Some(denial), &denial.policies),
        Outcome::Observe(denial) => ("observe", Some(denial), &denial.policies),
        Outcome::Aborted => return Value::Null,
    };
    let mut value = Map::new();
    value.insert("decision".to_owned(), decision.into());
    value.insert("policies".to_owned(), json!(policies));
    if let Some(latency) = latency_us {
        value.insert("latency_us".to_owned(), latency.into());
    }
    if let Some(denial) = denial {
        value.insert("reason".to_owned(), denial.reason.code().into());
        value.insert("status".to_owned(), denial.reason.row().status.into());
        value.insert("detail".to_owned(), clip(&denial.detail, MAX_PATH_BYTES).into());
        if !denial.groups.is_empty() {
            value.insert("groups".to_owned(), json!(denial.groups));
        }
        if let Some(ticket) = &denial.ticket {
            value.insert("approval".to_owned(), ticket.id.as_str().into());
        }
        if let Some(internal) = &denial.internal {
            value.insert("internal".to_owned(), clip(internal, MAX_PATH_BYTES).into());
        }
    }
    Value::Object(value)
}

fn describe(call: &ToolCall) -> Value {
    // The first call is always spelt out, so it has to have a bound of its own.
    let arguments = match Value::Object(shown_arguments(call)) {
        long if long.to_string().len() > MAX_CALLS_BYTES => "[too long]".into(),
        arguments => arguments,
    };
    json!({
        "action": call.action.as_ref(),
        "resource": format!("{}::\"{}\"", call.resource.type_name, clip(&call.resource.id, MAX_PATH_BYTES)),
        "arguments": arguments,
    })
}

/// The arguments of a call as they may be shown.
pub(crate) fn shown_arguments(call: &ToolCall) -> Map<String, Value> {
    call.arguments.iter().map(|(name, value)| (name.clone(), shown(name, value, &call.secret))).collect()
}

/// A value as records show it. Secret ones are named by their path: `args/content`.
fn shown(path: &str, value: &Value, secret: &[String]) -> Value {
    if secret.iter().any(|name| name == path) {
        return "[redacted]".into();
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
            let more = (members.len() > MAX_MEMBERS).then(|| "…".into());
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
fn clip(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// The trace id of a `traceparent` (W3C Trace Context section 3.2.2): 32 lower-case hex digits, not all zero.
fn trace_id(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split('-');
    let version = parts.next()?;
    let trace = parts.next()?;
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let sound = version.len() == 2 && hex(version) && version != "ff" && trace.len() == 32 && hex(trace);
    (sound && trace.bytes().any(|b| b != b'0')).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests;
