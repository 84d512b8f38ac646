//! Reading a case file: its form, then what the form cannot say.

use std::path::{Path, PathBuf};

use actgate_authz::{Reason, nearest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::format::{Expectation, RawCase, RawStep, Request, TokenPlan, Upstream, UpstreamSaw, Verdict};
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::path::without_detours;
use crate::source::read_text;
use crate::text::SourceText;

/// What stands for the token in a header's value.
pub(super) const TOKEN: &str = "${token}";
/// The id of the session that the last answer with one named.
pub(super) const SESSION: &str = "${session}";

/// The time of a case that names none: 2026-01-01T00:00:00Z.
pub(super) const NOW: i64 = 1_767_225_600;

/// A case that can be played.
#[derive(Debug, Clone)]
pub struct Case {
    document: Document,
    name: String,
    origin: Origin,
    now: i64,
    steps: Vec<Step>,
}

/// What decides on the requests of a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A pack's folder, in a configuration for trying it out.
    Pack(PathBuf),
    /// A configuration file.
    Config(PathBuf),
}

/// One request and what must become of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it is in the file: an RFC 6901 pointer, empty for a file with a single request.
    pub pointer: String,
    /// What the client sends.
    pub request: Request,
    /// The bytes of its body; none where it has no body.
    pub body: Option<Vec<u8>>,
    /// The token that comes with it.
    pub token: Option<TokenPlan>,
    /// What the upstream answers.
    pub upstream: Upstream,
    /// What must become of it.
    pub expect: Expectation,
}

/// A finding at a pointer.
type Finding = (String, String);

// === impl Case ===

impl Case {
    /// Reads the case at `path`; everything that is wrong with it otherwise.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let text = read_text(path)
            .map_err(|why| vec![Diagnostic::in_file(without_detours(path).to_string_lossy(), why)])?;
        let case = Self::parse(text, path.parent().unwrap_or_else(|| Path::new("")))?;
        let (pointer, origin, kind) = match &case.origin {
            Origin::Pack(folder) => ("/pack", folder, "folder"),
            Origin::Config(file) => ("/config", file, "file"),
        };
        if !origin.exists() {
            let message = format!("there is no {kind} `{}`", origin.display());
            return Err(vec![case.document.at(pointer, &message)]);
        }
        Ok(case)
    }

    /// Reads a case whose paths are relative to `folder`.
    pub fn parse(text: SourceText, folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let document = Document::parse(text)?;
        let written = actgate_authz::Document {
            file: document.text().name().to_owned(),
            value: document.value().clone(),
        };
        let raw: RawCase = written.read().map_err(|fault| {
            let actgate_authz::At::Pointer(pointer) = &fault.at else {
                return vec![Diagnostic::in_file(fault.file, fault.message)];
            };
            let finding = document.at(pointer, &fault.message);
            vec![match fault.help {
                Some(help) => finding.with_help(help),
                None => finding,
            }]
        })?;
        let mut findings = Vec::new();
        let case = assemble(raw, folder, &mut findings);
        let findings: Vec<Diagnostic> =
            findings.iter().map(|(pointer, message)| document.at(pointer, message)).collect();
        match case {
            Some((name, origin, now, steps)) if findings.is_empty() => {
                Ok(Self { document, name, origin, now, steps })
            }
            Some(_) | None => Err(findings),
        }
    }

    /// What it says, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What decides on its requests.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its time, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Its requests.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

fn assemble(
    raw: RawCase,
    folder: &Path,
    findings: &mut Vec<Finding>,
) -> Option<(String, Origin, i64, Vec<Step>)> {
    let RawCase { name, pack, config, now, request, token, upstream, expect, steps } = raw;
    let mut find = |pointer: &str, message: String| findings.push((pointer.to_owned(), message));
    let origin = match (pack, config) {
        (Some(pack), None) => Some(Origin::Pack(without_detours(&folder.join(pack)))),
        (None, Some(config)) => Some(Origin::Config(without_detours(&folder.join(config)))),
        (Some(_), Some(_)) => {
            find("/config", "a case has either `pack` or `config`".to_owned());
            None
        }
        (None, None) => {
            find("", "a case needs `pack` or `config`".to_owned());
            None
        }
    };
    let now = now.map_or(Some(NOW), |text| {
        let time = chrono::DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp());
        if time.is_none() {
            find("/now", format!("`{text}` is no time (RFC 3339) such as `2026-01-01T00:00:00Z`"));
        }
        time
    });
    let single = match (request, expect) {
        (Some(request), Some(expect)) => Some(RawStep { request, token, upstream, expect }),
        (request, expect) => {
            let alone = [
                ("request", request.is_some()),
                ("token", token.is_some()),
                ("upstream", upstream.is_some()),
                ("expect", expect.is_some()),
            ];
            let missing =
                alone.iter().filter(|(name, there)| !there && matches!(*name, "request" | "expect"));
            let there = alone.iter().find(|(_, there)| *there);
            match (steps.is_some(), there) {
                (true, None) => {}
                (true, Some((name, _))) => {
                    find(&format!("/{name}"), format!("`{name}` belongs into `steps` here"))
                }
                (false, _) => {
                    missing.for_each(|(name, _)| find("", format!("a case needs `{name}`, or `steps`")));
                }
            }
            None
        }
    };
    let mut raw_steps: Vec<(String, RawStep)> = Vec::new();
    match (single, steps) {
        (Some(_), Some(_)) => find("/steps", "a case has either `request` or `steps`".to_owned()),
        (Some(step), None) => raw_steps.push((String::new(), step)),
        (None, Some(steps)) => {
            if steps.is_empty() {
                find("/steps", "there is no step".to_owned());
            }
            let numbered = steps.into_iter().enumerate();
            raw_steps.extend(numbered.map(|(index, step)| (format!("/steps/{index}"), step)));
        }
        (None, None) => {}
    }
    let steps: Vec<Step> =
        raw_steps.into_iter().map(|(pointer, raw)| Step::check(pointer, raw, findings)).collect();
    Some((name, origin?, now?, steps))
}

// === impl Step ===

impl Step {
    /// A request of which nothing is expected: it is looked at.
    pub(super) fn asked(
        pointer: String,
        request: Request,
        token: Option<TokenPlan>,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let expect = Expectation {
            decision: Verdict::Deny,
            reason: Some(Reason::PolicyDenied.code().to_owned()),
            policies: Vec::new(),
            status: Reason::PolicyDenied.row().status,
            body: None,
            answer: None,
            upstream_saw: UpstreamSaw::Nothing,
            events: None,
            proxy_rejects: None,
        };
        Self::check(pointer, RawStep { request, token, upstream: None, expect }, findings)
    }

    fn check(pointer: String, raw: RawStep, findings: &mut Vec<Finding>) -> Self {
        let RawStep { request, token, upstream, expect } = raw;
        let mut find = |member: &str, message: String| findings.push((format!("{pointer}{member}"), message));
        check_wire(&request, &mut find);
        let body = body(&request, &mut find);
        check_credential(&request, token.as_ref(), &mut find);
        let dpop = token.as_ref().and_then(|plan| plan.dpop.as_ref());
        if let Some(message) = dpop.and_then(super::possession::check_scheme) {
            find("/token/dpop/scheme", message);
        }
        check_expectation(&expect, upstream.as_ref(), &mut find);
        Self { pointer, request, body, token, upstream: upstream.unwrap_or_default(), expect }
    }
}

/// What would make another message of the request than the file says.
fn check_wire(request: &Request, find: &mut impl FnMut(&str, String)) {
    for (member, text) in [("/request/method", &request.method), ("/request/path", &request.path)] {
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            find(member, format!("`{text}` does not fit into a request line"));
        }
    }
    for (part, fields) in [("headers", &request.headers), ("trailers", &request.trailers)] {
        for (name, value) in fields.iter() {
            if name.is_empty() || format!("{name}{value}").chars().any(|c| matches!(c, '\r' | '\n' | '\0')) {
                find(&format!("/request/{part}"), format!("`{name}` does not fit into a header line"));
            }
            if matches!(name, "content-length" | "transfer-encoding") {
                find(&format!("/request/{part}"), format!("`{name}` is made from `body` and `chunked`"));
            }
        }
    }
}

fn body(request: &Request, find: &mut impl FnMut(&str, String)) -> Option<Vec<u8>> {
    let Request { body, body_base64, json, git, push_options, chunked, trailers, .. } = request;
    let body = match (body, body_base64, json, git) {
        (None, None, None, None) => None,
        (Some(text), None, None, None) => Some(text.clone().into_bytes()),
        (None, Some(text), None, None) => match STANDARD.decode(text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                find("/request/body_base64", format!("not base64: {error}").to_lowercase());
                None
            }
        },
        (None, None, Some(value), None) => Some(value.to_string().into_bytes()),
        (None, None, None, Some(commands)) => Some(super::push::body(commands, push_options)),
        (_, _, _, _) => {
            find("/request", "a request has one of `body`, `body_base64`, `json` and `git`".to_owned());
            None
        }
    };
    if git.is_none() && !push_options.is_empty() {
        find("/request/push_options", "only a push has push options".to_owned());
    }
    if body.is_none() && (*chunked || !trailers.is_empty()) {
        find("/request", "only a request with a body has chunks and trailers".to_owned());
    }
    body
}

fn check_credential(request: &Request, token: Option<&TokenPlan>, find: &mut impl FnMut(&str, String)) {
    let placed = request.headers.iter().any(|(_, value)| value.contains(TOKEN));
    let authorized = request.headers.iter().any(|(name, _)| name == "authorization");
    if placed && token.is_none() {
        find("/request/headers", format!("`{TOKEN}` without a `token`"));
    }
    if token.is_some() && authorized && !placed {
        find("/request/headers", format!("say with `{TOKEN}` where the token goes"));
    }
}

fn check_expectation(expect: &Expectation, upstream: Option<&Upstream>, find: &mut impl FnMut(&str, String)) {
    match (&expect.reason, expect.decision) {
        (None, Verdict::Allow) => {}
        (Some(reason), Verdict::Allow) => {
            find("/expect/reason", format!("`{reason}`: what is allowed has no reason"));
        }
        (None, Verdict::Deny | Verdict::Hold | Verdict::Observe) => {
            find("/expect", format!("`{}` needs a `reason`", expect.decision.code()));
        }
        (Some(reason), decision) => {
            let known: Vec<&str> = Reason::all().map(Reason::code).collect();
            if !known.contains(&reason.as_str()) {
                let meant = nearest(reason, known).map(|name| format!(", did you mean `{name}`?"));
                find("/expect/reason", format!("no reason `{reason}`{}", meant.unwrap_or_default()));
            } else if decision != Verdict::Observe
                && (decision == Verdict::Hold) != (reason == Reason::ApprovalRequired.code())
            {
                find("/expect/reason", format!("`{}` does not go with `{reason}`", decision.code()));
            }
        }
    }
    check_status(expect, upstream, find);
    match (&expect.upstream_saw, expect.decision.forwards()) {
        (UpstreamSaw::Nothing, true) => {
            find("/expect", "what goes through needs `upstream_saw` with method and path".to_owned());
        }
        (UpstreamSaw::Request(_), false) => {
            find("/expect/upstream_saw", "a refused request reaches nobody".to_owned());
        }
        (UpstreamSaw::Nothing, false) | (UpstreamSaw::Request(_), true) => {}
    }
    if !expect.decision.forwards() && upstream.is_some() {
        find("/upstream", "the upstream of a refused request answers nothing".to_owned());
    }
    if expect.decision.forwards() && expect.proxy_rejects.is_some() {
        find("/expect/proxy_rejects", "what the proxy rejects cannot go through".to_owned());
    }
}

/// What the client gets follows from the decision: another status could never come.
fn check_status(expect: &Expectation, upstream: Option<&Upstream>, find: &mut impl FnMut(&str, String)) {
    /// git is told of a refusal in a report, or in plain text without a challenge.
    const GIT: [u16; 2] = [200, 403];
    let reason = expect.reason.as_deref().and_then(|code| Reason::all().find(|known| known.code() == code));
    match (expect.decision.forwards(), reason) {
        (true, _) => {
            let answered = upstream.map_or_else(|| Upstream::default().status, |upstream| upstream.status);
            if expect.status != answered && expect.answer.is_none() && expect.body.is_none() {
                let message = format!("the upstream answers {answered}, and the client gets what it answers");
                find("/expect/status", message);
            }
        }
        (false, Some(reason)) => {
            let own = reason.row().status;
            // MCP has statuses of its own for what it does not know.
            let others = GIT.contains(&expect.status) || reason.code().starts_with("mcp_");
            if expect.status != own && !others {
                find("/expect/status", format!("`{}` is answered with {own}", reason.code()));
            }
        }
        (false, None) => {}
    }
    let speaks = match reason {
        Some(Reason::PolicyDenied | Reason::PolicyError | Reason::ApprovalRequired) | None => true,
        Some(_) => false,
    };
    if !speaks && !expect.policies.is_empty() {
        let message = "this reason has nothing to do with policies: there are none".to_owned();
        find("/expect/policies", message);
    }
    for (place, policy) in expect.policies.iter().enumerate() {
        if expect.policies.iter().take(place).any(|before| before == policy) {
            find(&format!("/expect/policies/{place}"), format!("`{policy}` is there twice"));
        }
    }
}

#[cfg(test)]
mod tests;
