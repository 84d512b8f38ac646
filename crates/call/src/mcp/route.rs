//! A request to the endpoint: what its head must be like, and what its body asks for.

use std::sync::Arc;

use serde_json::Value;

use super::{
    answer::{Inspection, Listed, definition_digest, rules_of},
    calls::{Calls, Possible, possible},
    catalog::Rules,
    client::Client,
    message::messages,
    mirror::Mirror,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    None,
    Known(Version),
    Unsupported,
}

/// What a body was found to be.
#[derive(Debug)]
pub struct Reading {
    /// Whom an answer goes to.
    pub client: Client,
    /// What has to be known of the answer.
    pub inspection: Inspection,
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
        let version = match Named::of(head) {
            Named::Known(version) => Some(version),
            Named::None | Named::Unsupported => None,
        };
        Client { version, ..Client::default() }
    }

    /// The secret arguments of a message that was read.
    pub(crate) fn secrets_of(&self, message: &Value) -> Vec<SecretArgument> {
        self.rules.secrets_of(message)
    }

    /// Reads the whole body. Where it is refused, the client is known as far as it can be.
    pub fn read_body(&self, body: &[u8]) -> Reading {
        let version = self.version();
        let client = Client { version, ..Client::default() };
        let mut reading = Reading {
            client,
            inspection: Inspection::Nothing,
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

    /// Whether a listed thing is another one than was reviewed.
    pub fn has_drifted(&self, listed: &Listed<'_>) -> bool {
        let rules = rules_of(&self.rules, listed.kind, listed.name);
        let mut reviewed = rules.iter().filter_map(|rule| rule.digest.as_deref()).peekable();
        if reviewed.peek().is_none() {
            return false;
        }
        let digest = definition_digest(listed.definition);
        reviewed.any(|reviewed| Some(reviewed) != digest.as_deref())
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
            Named::None | Named::Unsupported => None,
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
        self.check_supported()?;
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
        let document = json::parse(body, self.max_body)?;
        reading.client = Client::of(version, &document, &self.rules.tools);
        let batch = reading.client.batch;
        self.check_supported()?;
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
        calls.all()
    }

    const fn check_supported(&self) -> Result<(), CallError> {
        match self.version {
            Named::Unsupported => Err(CallError::McpVersionUnsupported),
            Named::None | Named::Known(_) => Ok(()),
        }
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
            Some(text) => Version::parse(text).map_or(Self::Unsupported, Self::Known),
        }
    }
}
