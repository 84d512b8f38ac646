//! A request to the endpoint: what its head must be like, and what its body asks for.

use std::sync::Arc;

use serde_json::Value;

use super::{
    answer::{Inspection, Listed, definition_digest, rules_of},
    calls::{Calls, Possible, possible},
    catalog::Rules,
    client::{Client, Page, Unsupported},
    elicitation::{RESPONSES, Unanswered, take_answer},
    message::{find, messages, named_version},
    mirror::Mirror,
    review::{Reviewed, Sighting},
    secret::SecretArgument,
    session::SESSION,
    version::Version,
};
use crate::{
    adapter::BodyNeed, catalog::BodyRule, content, error::CallError, head::RequestHead, json,
    tool_call::ToolCalls,
};

/// The kinds of requests to the endpoint, by name.
pub const MESSAGE: &str = "MCP message";
/// The stream of the server's own messages.
pub const STREAM: &str = "MCP stream";
/// The end of a session.
pub const SESSION_END: &str = "MCP session end";

const VERSION: &str = "mcp-protocol-version";
/// The header by which a stream is taken up again: the server repeats what it has sent since.
const RESUMED: &str = "last-event-id";

/// A request to the endpoint, with all that its head says.
#[derive(Debug, Clone)]
pub struct McpRoute {
    service: Arc<str>,
    rules: Arc<Rules>,
    verb: Verb,
    version: Named,
    mirror: Mirror,
    session: Option<Box<str>>,
    max_body: usize,
}

/// The HTTP methods of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// A message.
    Post,
    /// The stream of the server's own messages.
    Get,
    /// The end of a session.
    Delete,
}

/// The version that the head names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    None,
    Known(Version),
    /// Its text, where that is one that anybody would name a version by.
    Unsupported(Option<Box<str>>),
}

/// What a body was found to be.
#[derive(Debug)]
pub struct Reading {
    /// Whom an answer goes to.
    pub client: Client,
    /// What has to be known of the answer.
    pub inspection: Inspection,
    /// What goes on in place of the body, where the gate itself was answered in it.
    pub body: Option<Vec<u8>>,
    /// What is called of which only the reviewed definition may be.
    pub reviewed: Vec<Reviewed>,
    /// What is asked.
    pub calls: Result<ToolCalls, CallError>,
}

// === impl McpRoute ===

impl McpRoute {
    /// The name of its kind.
    pub const fn kind_name(&self) -> &'static str {
        match self.verb {
            Verb::Post => MESSAGE,
            Verb::Get => STREAM,
            Verb::Delete => SESSION_END,
        }
    }

    pub(super) fn read(
        head: &RequestHead<'_>,
        service: &str,
        rules: Arc<Rules>,
        max_body: usize,
    ) -> Result<Self, CallError> {
        if let Some(parameter) = head.query().iter().next() {
            return Err(CallError::undeclared(&parameter.name));
        }
        let verb = match head.method() {
            "POST" => Verb::Post,
            "GET" => Verb::Get,
            "DELETE" => Verb::Delete,
            _ => return Err(CallError::RouteUnknown),
        };
        let route = Self {
            service: service.into(),
            rules,
            verb,
            version: Named::of(head),
            mirror: Mirror::of(head)?,
            session: session(head)?,
            max_body,
        };
        if route.session.is_none() && head.header(RESUMED).is_some() {
            return Err(CallError::refused(
                RESUMED.as_bytes(),
                "whose stream it takes up, only a session says",
            ));
        }
        content::check(BodyRule { need: route.body_need(), json: true }, head)?;
        Ok(route)
    }

    /// How much of the body is needed.
    pub const fn body_need(&self) -> BodyNeed {
        match self.verb {
            Verb::Post => BodyNeed::Whole { max: self.max_body },
            Verb::Get | Verb::Delete => BodyNeed::None,
        }
    }

    /// What a head alone says of the client.
    pub fn client(head: &RequestHead<'_>) -> Client {
        Named::of(head).client()
    }

    /// The secret arguments of a message that was read.
    pub(crate) fn secrets_of(&self, message: &Value) -> Vec<SecretArgument> {
        self.rules.secrets_of(message)
    }

    /// Reads the whole body. Where it is refused, the client is known as far as it can be.
    pub fn read_body(&self, body: &[u8]) -> Reading {
        let version = self.version();
        let mut reading = Reading {
            client: self.version.client(),
            inspection: Inspection::Nothing,
            body: None,
            reviewed: Vec::new(),
            calls: Err(CallError::message("it is not read")),
        };
        reading.calls = self.calls(body, version, &mut reading);
        reading
    }

    /// What calling a listed thing would be, whatever its arguments; nothing where no call of it is known here.
    pub fn possible(&self, listed: &Listed<'_>) -> Vec<Possible> {
        let rules = rules_of(&self.rules, listed.kind, listed.name);
        rules.into_iter().map(|rule| possible(&self.service, rule, listed)).collect()
    }

    /// What a list says of a thing that somebody has reviewed; nothing where nobody has.
    pub fn sighting(&self, listed: &Listed<'_>) -> Option<Sighting> {
        let rules = rules_of(&self.rules, listed.kind, listed.name);
        let reviewed: Vec<&str> = rules.iter().filter_map(|rule| rule.digest.as_deref()).collect();
        if reviewed.is_empty() {
            return None;
        }
        let digest = definition_digest(listed.definition);
        let is_reviewed = reviewed.iter().all(|reviewed| Some(*reviewed) == digest.as_deref());
        Some(Sighting { kind: listed.kind, name: listed.name.to_owned(), digest, is_reviewed })
    }

    /// Whether what has changed since it was reviewed is not shown.
    pub fn hides_drift(&self) -> bool {
        self.rules.hides_drift
    }

    /// The session that the head names, as the client knows it.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The version that the head names.
    pub const fn version(&self) -> Option<Version> {
        match self.version {
            Named::Known(version) => Some(version),
            Named::None | Named::Unsupported(_) => None,
        }
    }

    fn calls(
        &self,
        body: &[u8],
        version: Option<Version>,
        reading: &mut Reading,
    ) -> Result<ToolCalls, CallError> {
        let mut calls = Calls::new(&self.service, &self.rules, &self.mirror, version);
        let verb = match self.verb {
            Verb::Post => return self.posted(body, version, reading, calls),
            Verb::Get => "GET",
            Verb::Delete => "DELETE",
        };
        if !body.is_empty() {
            return Err(CallError::BodyNotAllowed);
        }
        self.version.check()?;
        if !self.mirror.is_empty() {
            return Err(CallError::mismatch("mcp-method", "repeats nothing: there is no message"));
        }
        if version.is_some_and(Version::is_stateless) {
            return Err(CallError::method_unknown(verb));
        }
        if self.verb == Verb::Get {
            // A stream that is taken up again repeats answers, lists too.
            reading.inspection = Inspection::Lists { asked: 0 };
        }
        calls.connect(verb)?;
        calls.all()
    }

    /// Takes what the gate was answered out of a message, so that the rest is what was sent before it asked.
    fn answered(
        &self,
        body: &[u8],
        document: &mut Value,
        rest: &mut Option<Vec<u8>>,
    ) -> Result<Option<Page>, CallError> {
        let Some(Unanswered { body, accepted }) = take_answer(body, document)? else {
            let params = document.get("params").and_then(Value::as_object);
            let is_answer = find(params, RESPONSES)?.is_some() || find(params, "requestState")?.is_some();
            return Ok(is_answer.then_some(Page::OfTheServer));
        };
        *document = json::parse(&body, self.max_body)?;
        *rest = Some(body);
        Ok(Some(if accepted { Page::Opened } else { Page::Declined }))
    }

    fn posted(
        &self,
        body: &[u8],
        version: Option<Version>,
        reading: &mut Reading,
        mut calls: Calls<'_>,
    ) -> Result<ToolCalls, CallError> {
        if body.len() > self.max_body {
            return Err(CallError::BodyTooLarge { max: self.max_body });
        }
        let mut document = json::parse(body, self.max_body)?;
        let unsupported = reading.client.unsupported.take();
        reading.client = Client::of(version, &document, &self.rules.tools);
        reading.client.unsupported = unsupported;
        if version.is_some_and(Version::is_stateless) {
            reading.client.page = self.answered(body, &mut document, &mut reading.body)?;
        }
        let batch = reading.client.batch;
        self.version.check_with(&document, &mut reading.client)?;
        let messages = messages(&document, version)?;
        if batch && !self.mirror.is_empty() {
            return Err(CallError::mismatch("mcp-method", "repeats one message of a list"));
        }
        let asked = reading.client.asked.len();
        reading.inspection = match asked {
            _ if messages.iter().any(|message| message.lists()) => Inspection::Lists { asked },
            0 => Inspection::Nothing,
            _ => Inspection::Ending { asked },
        };
        for message in messages {
            if !batch {
                self.mirror.check(message, version)?;
            }
            calls.add(message)?;
        }
        reading.reviewed = calls.take_reviewed();
        calls.all()
    }
}

/// Visible ASCII, as MCP has it.
fn session(head: &RequestHead<'_>) -> Result<Option<Box<str>>, CallError> {
    let Some(id) = head.header(SESSION) else { return Ok(None) };
    let text = str::from_utf8(id).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let text = text.ok_or_else(|| CallError::refused(SESSION.as_bytes(), "it is not visible ASCII"))?;
    Ok(Some(text.into()))
}

// === impl Named ===

impl Named {
    fn of(head: &RequestHead<'_>) -> Self {
        match head.header(VERSION) {
            None => Self::None,
            Some(text) => Version::parse(text).map_or_else(|| Self::unsupported(text), Self::Known),
        }
    }

    /// Longer than any version is called, and short enough to be repeated.
    const MAX_BYTES: usize = 64;

    fn unsupported(text: &[u8]) -> Self {
        let is_fit = text.len() <= Self::MAX_BYTES && text.iter().all(u8::is_ascii_graphic);
        Self::Unsupported(str::from_utf8(text).ok().filter(|_| is_fit).map(Into::into))
    }

    /// What the head alone says of the client.
    fn client(&self) -> Client {
        match self {
            Self::None => Client::default(),
            Self::Known(version) => Client { version: Some(*version), ..Client::default() },
            Self::Unsupported(requested) => {
                let supported = Version::ALL.to_vec();
                let unsupported = Some(Unsupported { requested: requested.clone(), supported });
                Client { unsupported, ..Client::default() }
            }
        }
    }

    const fn check(&self) -> Result<(), CallError> {
        match self {
            Self::Unsupported(_) => Err(CallError::McpVersionUnsupported),
            Self::None | Self::Known(_) => Ok(()),
        }
    }

    /// A message may name its version too, and then it has to be the same one.
    fn check_with(&self, document: &Value, client: &mut Client) -> Result<(), CallError> {
        let Self::Unsupported(requested) = self else { return Ok(()) };
        let params = document.get("params").and_then(Value::as_object);
        let Some(named) = named_version(params)? else { return self.check() };
        if named.as_str() != requested.as_deref() {
            return Err(CallError::mismatch(VERSION, "names another version than the message"));
        }
        if let Some(unsupported) = &mut client.unsupported {
            unsupported.supported.retain(|version| version.is_stateless());
        }
        self.check()
    }
}
