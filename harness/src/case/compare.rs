//! What was expected against what came: what a case says, and what holds for every request.

mod mcp;
mod subset;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::engine::{Exchange, Outcome, Seen};
use super::file::{Case, Step};
use super::format::{SeenRequest, Upstream, UpstreamSaw};
use crate::route::Route;

use subset::missing;

/// An expectation that was not met, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The file of the case.
    pub file: String,
    /// The line of the expectation, or of what it would be part of.
    pub line: usize,
    /// What is not as expected.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub came: String,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The expectation, as a pointer below its step.
    pointer: String,
    what: String,
    expected: String,
    came: String,
}

// === impl Mismatch ===

impl Mismatch {
    pub(super) fn new(case: &Case, step: &Step, difference: Difference) -> Self {
        let Difference { pointer, what, expected, came } = difference;
        let document = case.document();
        let found = document.spans().find(&format!("{}{pointer}", step.pointer));
        let line = found.key.unwrap_or(found.value).line;
        Self { file: document.text().name().to_owned(), line, what, expected, came }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, expected, came } = self;
        write!(f, "{file}:{line}: {what}: expected {expected}, came {came}")
    }
}

/// Collects differences.
#[derive(Debug, Default)]
struct Findings(Vec<Difference>);

// === impl Findings ===

impl Findings {
    fn add(
        &mut self,
        pointer: &str,
        what: impl Into<String>,
        expected: impl fmt::Display,
        came: impl fmt::Display,
    ) {
        let (expected, came) = (expected.to_string(), came.to_string());
        self.0.push(Difference { pointer: pointer.to_owned(), what: what.into(), expected, came });
    }

    fn equal(&mut self, pointer: &str, what: &str, expected: &str, came: &str) {
        if expected != came {
            self.add(pointer, what, quoted(expected), quoted(came));
        }
    }

    fn holds(&mut self, what: &str, holds: bool, expected: &str, came: impl fmt::Display) {
        if !holds {
            self.add("/expect", what, expected, came);
        }
    }
}

/// Everything in which the outcome of a request is not what it should be. `by_proxy` says that a proxy stands before
/// the gate.
pub(super) fn compare(
    step: &Step,
    exchange: &Exchange,
    token: Option<&str>,
    route: Option<&Route>,
    outcome: &Outcome,
    by_proxy: bool,
) -> Vec<Difference> {
    let mut findings = Findings::default();
    match step.expect.proxy_rejects {
        Some(status) if by_proxy => rejected(status, outcome, &mut findings),
        Some(_) | None => {
            decided(step, outcome, &mut findings);
            if outcome.recorded("/decided/decision") == step.expect.decision.code() {
                answered(step, exchange, route, outcome, &mut findings);
                reached(step, exchange, token, route, outcome, &mut findings);
                recorded(step, outcome, &mut findings);
            } else {
                decided_otherwise(step, outcome, &mut findings);
            }
        }
    }
    if let Some(token) = token {
        secret(token, outcome, &mut findings);
    }
    findings.0
}

/// In what two engines differ on the same request, in words. What is each request's own (ids, times, addresses) does
/// not count.
pub fn disagreements(one: &Outcome, other: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    if one.status != other.status {
        found.push(format!("status {} and {}", one.status, other.status));
    }
    for part in ["/service", "/bundle", "/trace", "/attempted", "/decided", "/approved", "/answered"] {
        let both = [one, other].map(|outcome| own_part(&outcome.record, part, "latency_us"));
        let [left, right] = &both;
        if left != right {
            found.push(format!("record {part} {left} and {right}"));
        }
    }
    let answers = [one, other].map(|outcome| {
        // Wherever the answer says the id of this decision.
        let id = outcome.recorded("/id");
        let text = String::from_utf8_lossy(&outcome.body);
        let text = if id.is_empty() { text.into_owned() } else { text.replace(id, "<id>") };
        let mut answer = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
        forget_moments(&mut answer);
        answer
    });
    let [left, right] = &answers;
    if left != right {
        found.push(format!("answer {left} and {right}"));
    }
    found
}

/// A part of a value without the member that differs for every request.
fn own_part(value: &Value, pointer: &str, except: &str) -> Value {
    let mut part = value.pointer(pointer).cloned().unwrap_or_default();
    if let Some(members) = part.as_object_mut() {
        members.remove(except);
    }
    forget_moments(&mut part);
    part
}

/// Leaves the moments out of every text.
fn forget_moments(value: &mut Value) {
    match value {
        Value::String(text) => *text = timeless(text),
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        Value::Object(members) => members.values_mut().for_each(forget_moments),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without the moments in it, as in "expired at 1767225000": engines live at different times.
fn timeless(text: &str) -> String {
    const SECONDS_DIGITS: usize = 10;
    let is_moment =
        |word: &&str| word.len() == SECONDS_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    let words = text.split(' ').map(|word| Some(word).filter(|word| !is_moment(word)).unwrap_or("<time>"));
    words.collect::<Vec<_>>().join(" ")
}

/// A request that the proxy refused by itself.
fn rejected(status: u16, outcome: &Outcome, findings: &mut Findings) {
    if outcome.status != status {
        findings.add("/expect/proxy_rejects", "status of the proxy", status, outcome.status);
    }
    findings.equal(
        "/expect/proxy_rejects",
        "stage of the record",
        "rejected_by_proxy",
        outcome.recorded("/stage"),
    );
    untouched(outcome, findings);
}

fn decided(step: &Step, outcome: &Outcome, findings: &mut Findings) {
    let expect = &step.expect;
    findings.equal("/expect", "stage of the record", "decided", outcome.recorded("/stage"));
    findings.equal(
        "/expect/decision",
        "decision",
        expect.decision.code(),
        outcome.recorded("/decided/decision"),
    );
    let reason = expect.reason.as_deref().unwrap_or_default();
    findings.equal("/expect/reason", "reason", reason, outcome.recorded("/decided/reason"));
    let policies: BTreeSet<&str> = expect.policies.iter().map(String::as_str).collect();
    let came = texts(outcome.record.pointer("/decided/policies"));
    if policies != came {
        findings.add("/expect/policies", "policies", list(&policies), list(&came));
    }
}

/// Of what follows from another decision than was expected only what somebody would want to know.
fn decided_otherwise(step: &Step, outcome: &Outcome, findings: &mut Findings) {
    if outcome.status != step.expect.status {
        findings.add("/expect/status", "status", step.expect.status, outcome.status);
    }
    if step.expect.upstream_saw == UpstreamSaw::Nothing {
        untouched(outcome, findings);
    }
}

/// What the client got.
fn answered(
    step: &Step,
    exchange: &Exchange,
    route: Option<&Route>,
    outcome: &Outcome,
    findings: &mut Findings,
) {
    let expect = &step.expect;
    if outcome.status != expect.status {
        findings.add("/expect/status", "status", expect.status, outcome.status);
    }
    let answer: Value = serde_json::from_slice(&outcome.body).unwrap_or_default();
    if let Some(Value::String(text)) = &expect.body {
        let came = String::from_utf8_lossy(&outcome.body);
        if !came.contains(text) {
            findings.add("/expect/body", "body", format!("one with {}", quoted(text)), quoted(&came));
        }
    } else if let Some(body) = &expect.body {
        for gap in missing(body, &answer) {
            findings.add(
                &format!("/expect/body{}", gap.pointer),
                format!("body{}", gap.pointer),
                gap.expected,
                gap.came,
            );
        }
    }
    match &exchange.upstream {
        Some(upstream) => upstream_answer(step, exchange, upstream, outcome, findings),
        // Where a head cannot even be read, no service is known, nor how its clients talk.
        None if route
            .is_some_and(|route| route.speaks_git && outcome.recorded("/service") == route.service) =>
        {
            git_refusal(exchange, &answer, outcome, findings);
        }
        None if route
            .is_some_and(|route| route.speaks_mcp && outcome.recorded("/service") == route.service) =>
        {
            mcp::refusal(exchange, &answer, outcome, findings);
        }
        None => refusal(step, &answer, outcome, findings),
    }
}

/// A refusal that git prints, with what the ledger says: a report where the status is a success, else plain text.
fn git_refusal(exchange: &Exchange, answer: &Value, outcome: &Outcome, findings: &mut Findings) {
    let reason = outcome.recorded("/decided/reason");
    let told = format!("reason: {reason}, decision: {}", outcome.recorded("/id"));
    let came = String::from_utf8_lossy(&outcome.body);
    // Git LFS prints the message of its own document.
    let is_lfs = exchange.path.contains("/info/lfs/");
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    let says = if is_lfs { message.ends_with(&told) } else { came.contains(&format!("{told}\n")) };
    findings.holds("reason and decision in the body", says, &told, quoted(&came));
    let wanted = match outcome.status {
        _ if is_lfs => "application/vnd.git-lfs+json",
        200 => "application/x-git-receive-pack-result",
        _ => "text/plain; charset=utf-8",
    };
    let media = outcome.header("content-type").next().unwrap_or_default();
    findings.equal("/expect", "content type of a refusal", wanted, media);
    let challenged = outcome.header("www-authenticate").next().is_some();
    findings.holds("challenges", !challenged, "none: git would ask for a password", challenged);
}

/// What went through is answered by the upstream and nobody else.
fn upstream_answer(
    step: &Step,
    exchange: &Exchange,
    upstream: &Upstream,
    outcome: &Outcome,
    findings: &mut Findings,
) {
    let came = String::from_utf8_lossy(&outcome.body);
    if let Some(answer) = &step.expect.answer {
        return findings.equal("/expect/answer", "answer", answer, &came);
    }
    // What stands instead of the upstream's answer is told by its members alone: the decision's id is in it.
    if outcome.recorded("/answered/outcome") == "refused" {
        return findings.holds("`body` of what is refused", step.expect.body.is_some(), "some", "none");
    }
    let bodiless = exchange.method == "HEAD" || matches!(upstream.status, 204 | 304);
    let expected = if bodiless { "" } else { upstream.body.as_str() };
    findings.equal("/expect", "body of the upstream", expected, &came);
    for (name, value) in upstream.headers.iter() {
        // A session is sealed for its caller.
        let there = outcome
            .header(name)
            .any(|own| own == value || (name == "mcp-session-id" && own.starts_with(&format!("{value}."))));
        findings.holds(&format!("header `{name}` of the upstream"), there, value, "another or none");
    }
}

/// A refusal is problem+json, or a registry's error document around it, and says what the ledger says (RFC 9457,
/// RFC 6750 section 3).
fn refusal(step: &Step, answer: &Value, outcome: &Outcome, findings: &mut Findings) {
    let (answer, expected_media) = match answer.pointer("/errors/0/detail") {
        Some(detail) => (detail, "application/json"),
        None => (answer, "application/problem+json"),
    };
    problem(answer, outcome, findings);
    let status = answer.get("status").and_then(Value::as_u64).unwrap_or_default();
    findings.holds(
        "status in the body",
        status == u64::from(step.expect.status),
        "that of the reply",
        status,
    );
    let media = outcome.header("content-type").next().unwrap_or_default();
    findings.equal("/expect", "content type of a refusal", expected_media, media);
    challenged(step.expect.status, scheme(step), outcome, findings);
}

/// The scheme of a challenge: that in which the client presents its token, or should have (RFC 9449 section 7.1).
fn scheme(step: &Step) -> &'static str {
    let presents = step.token.as_ref().and_then(|plan| plan.dpop.as_ref());
    let is_proven = presents.is_some_and(|plan| plan.scheme.eq_ignore_ascii_case("dpop"));
    let should_be = step.expect.reason.as_deref() == Some("dpop_proof_missing");
    if is_proven || should_be { "DPoP" } else { "Bearer" }
}

/// RFC 6750 section 3: a challenge on every 401. One of `DPoP` says the algorithms of proofs.
fn challenged(status: u16, scheme: &str, outcome: &Outcome, findings: &mut Findings) {
    let is_expected = |value: &&str| {
        let own = value.split(' ').next() == Some(scheme);
        own && (scheme == "Bearer" || value.contains("algs=\""))
    };
    let challenges = outcome.header("www-authenticate").collect::<Vec<_>>();
    let fitting = challenges.iter().filter(|value| is_expected(value)).count();
    let fits = if status == 401 { fitting == 1 && challenges.len() == 1 } else { challenges.len() <= 1 };
    findings.holds("challenges", fits, "one of the scheme on a 401", format!("{challenges:?}"));
}

/// The problem document of a refusal, wherever in the answer it is.
fn problem(answer: &Value, outcome: &Outcome, findings: &mut Findings) {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let reason = outcome.recorded("/decided/reason");
    findings.equal("/expect/reason", "reason in the body", reason, text("reason"));
    findings.equal(
        "/expect/reason",
        "type in the body",
        &format!("urn:actgate:reason:{reason}"),
        text("type"),
    );
    let policies = texts(outcome.record.pointer("/decided/policies"));
    let came = texts(answer.get("policies"));
    if policies != came {
        findings.add("/expect/policies", "policies in the body", list(&policies), list(&came));
    }
    findings.equal("/expect", "decision_id in the body", outcome.recorded("/id"), text("decision_id"));
}

/// What the upstream saw.
fn reached(
    step: &Step,
    exchange: &Exchange,
    token: Option<&str>,
    route: Option<&Route>,
    outcome: &Outcome,
    findings: &mut Findings,
) {
    let expected = match &step.expect.upstream_saw {
        UpstreamSaw::Nothing => return untouched(outcome, findings),
        UpstreamSaw::Request(expected) => expected,
    };
    let [seen] = outcome.seen.as_slice() else {
        let came = format!("{} requests", outcome.seen.len());
        return findings.add("/expect/upstream_saw", "upstream saw", "one request", came);
    };
    let SeenRequest { method, path, headers, absent, body } = expected;
    let at = |member: &str| format!("/expect/upstream_saw/{member}");
    findings.equal(&at("method"), "upstream saw method", method, &seen.method);
    findings.equal(&at("path"), "upstream saw path", path, &seen.path);
    for (name, value) in headers.iter() {
        if !seen.header(name).any(|own| own == value) {
            let came: Vec<&str> = seen.header(name).collect();
            findings.add(
                &at("headers"),
                format!("upstream saw header `{name}`"),
                quoted(value),
                format!("{came:?}"),
            );
        }
    }
    for name in absent {
        let came: Vec<&str> = seen.header(name).collect();
        if !came.is_empty() {
            findings.add(&at("absent"), format!("upstream saw header `{name}`"), "none", format!("{came:?}"));
        }
    }
    let came = String::from_utf8_lossy(&seen.body);
    if let Some(body) = body {
        findings.equal(&at("body"), "upstream saw body", body, &came);
    }
    let sent = exchange.body.as_deref().unwrap_or_default();
    findings.holds("upstream saw body", seen.body == sent, "the client's, byte for byte", quoted(&came));
    if let Some(token) = token {
        let forwards = route.is_some_and(|route| route.forwards_credential);
        let shown = seen.headers.iter().any(|(_, value)| value.contains(token));
        let expected = if forwards { "the token" } else { "no token" };
        findings.holds("upstream saw", shown == forwards, expected, if shown { "the token" } else { "none" });
    }
}

/// INVARIANT: no permitted decision, no upstream byte.
fn untouched(outcome: &Outcome, findings: &mut Findings) {
    let requests: Vec<String> =
        outcome.seen.iter().map(|Seen { method, path, .. }| format!("{method} {path}")).collect();
    if outcome.touched || !requests.is_empty() {
        let came = if requests.is_empty() { "some bytes".to_owned() } else { requests.join(", ") };
        return findings.add("/expect/upstream_saw", "upstream saw", "nothing", came);
    }
    let host = outcome.recorded("/executed/upstream");
    findings.holds("upstream in the record", matches!(host, "" | "-"), "none", quoted(host));
}

/// What the ledger says.
fn recorded(step: &Step, outcome: &Outcome, findings: &mut Findings) {
    let status = outcome.record.pointer("/executed/status").and_then(Value::as_u64).unwrap_or_default();
    findings.holds(
        "executed status in the record",
        status == u64::from(outcome.status),
        "that of the reply",
        status,
    );
    let details = outcome.recorded("/executed/details");
    let (expected, holds) = if step.expect.decision.forwards() {
        // Of a stream that had begun, the end is refused.
        let refused = outcome.recorded("/answered/outcome") == "refused" && outcome.status == 502;
        let expected = if refused { "actgate_answer_refused" } else { "via_upstream" };
        (expected.to_owned(), details == expected)
    } else {
        let reason = format!("actgate_{}", outcome.recorded("/decided/reason"));
        let holds = details == reason;
        (reason, holds)
    };
    findings.holds("executed details in the record", holds, &expected, quoted(details));
    for (name, part) in step.expect.events.iter().flat_map(super::format::Events::parts) {
        let came = outcome.record.get(name).unwrap_or(&Value::Null);
        for gap in missing(part, came) {
            let pointer = format!("/expect/events/{name}{}", gap.pointer);
            findings.add(&pointer, format!("record /{name}{}", gap.pointer), gap.expected, gap.came);
        }
    }
}

/// INVARIANT: tokens never appear in the ledger, nor in an answer of the gate.
fn secret(token: &str, outcome: &Outcome, findings: &mut Findings) {
    // The signature alone would do no harm, but whatever shows it would show the whole token as well.
    let Some(signature) = token.trim().rsplit('.').next().filter(|part| part.len() > 16) else { return };
    let record = outcome.record.to_string();
    findings.holds("token in the record", !record.contains(signature), "none", "its signature");
    let body = String::from_utf8_lossy(&outcome.body);
    findings.holds("token in the answer", !body.contains(signature), "none", "its signature");
}

fn texts(value: Option<&Value>) -> BTreeSet<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn list(names: &BTreeSet<&str>) -> String {
    format!("[{}]", names.iter().copied().collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests;
