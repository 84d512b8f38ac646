//! JSON-RPC messages (JSON-RPC 2.0, as MCP narrows it), read so that every server reads the same.

use serde_json::{Map, Value};

use super::{
    client::is_id,
    method::{Form, Kind, Method},
    version::Version,
};
use crate::{error::CallError, json::member};

/// More messages than one turn of a model makes; each is evaluated for two principals.
pub const MAX_BATCH: usize = 32;
/// The calls of one body, lists in arguments included.
pub const MAX_CALLS: usize = 256;

/// The key under which a request without a session names its version.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// One message of a client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Message<'b> {
    /// A request or notification.
    Call { method: &'static Method, params: Option<&'b Map<String, Value>> },
    /// The answer to a request of the server's.
    Answer,
}

/// The messages of a body, in order.
///
/// # Errors
/// What is no message, what the version does not have, and what could be read in another way.
pub(super) fn messages<'b>(body: &'b Value, version: Option<Version>) -> Result<Vec<Message<'b>>, CallError> {
    let assumed = version.unwrap_or(Version::March2025);
    match body {
        Value::Object(message) => Message::read(message, version, false).map(|message| vec![message]),
        Value::Array(_) if !assumed.has_batches() => {
            Err(CallError::message("a list of messages, which only 2025-03-26 has"))
        }
        Value::Array(members) if members.is_empty() => Err(CallError::message("an empty list")),
        Value::Array(members) if members.len() > MAX_BATCH => Err(CallError::limit("mcp.batch", MAX_BATCH)),
        Value::Array(members) => batch(members, version),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(CallError::message("neither an object nor a list"))
        }
    }
}

fn batch(members: &[Value], version: Option<Version>) -> Result<Vec<Message<'_>>, CallError> {
    let mut ids: Vec<&Value> = Vec::new();
    let mut messages = Vec::with_capacity(members.len());
    for member in members {
        let message = member.as_object().ok_or(CallError::message("a member of a list is no object"))?;
        let read = Message::read(message, version, true)?;
        if let (Message::Call { .. }, Some(id)) = (read, message.get("id")) {
            if ids.contains(&id) {
                return Err(CallError::message("two requests of a list have the same id"));
            }
            ids.push(id);
        }
        messages.push(read);
    }
    Ok(messages)
}

// === impl Message ===

impl<'b> Message<'b> {
    fn read(
        message: &'b Map<String, Value>,
        version: Option<Version>,
        in_batch: bool,
    ) -> Result<Self, CallError> {
        // No other member is known, so none can be another spelling of one that is.
        const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
        if message.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(CallError::message("a member that JSON-RPC does not have"));
        }
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(CallError::message("`jsonrpc` is not \"2.0\""));
        }
        let id = message.get("id");
        if id.is_some_and(|id| !is_id(id)) {
            return Err(CallError::message("`id` is neither a text of at most 256 bytes nor a whole number"));
        }
        let assumed = version.unwrap_or(Version::March2025);
        let Some(method) = message.get("method") else { return Self::answer(message, assumed) };
        if message.contains_key("result") || message.contains_key("error") {
            return Err(CallError::message("a request and an answer at once"));
        }
        let name = method.as_str().ok_or(CallError::message("`method` is not text"))?;
        let params = match message.get("params") {
            None => None,
            Some(Value::Object(params)) => Some(params),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(CallError::message("`params` is not an object"));
            }
        };
        check_version(params, version)?;
        let method = Method::find(name, assumed).ok_or_else(|| CallError::method_unknown(name))?;
        match (method.form, id) {
            (Form::Request, None) => return Err(CallError::message("a request without `id`")),
            (Form::Notification, Some(_)) => return Err(CallError::message("a notification with `id`")),
            (Form::Request, Some(_)) | (Form::Notification, None) => {}
        }
        if in_batch && name == "initialize" {
            return Err(CallError::message("`initialize` in a list"));
        }
        Ok(Self::Call { method, params })
    }

    fn answer(message: &Map<String, Value>, version: Version) -> Result<Self, CallError> {
        if version.is_stateless() {
            return Err(CallError::message("no `method`: in this version clients do not answer"));
        }
        if message.contains_key("params") || !message.contains_key("id") {
            return Err(CallError::message("neither a request nor an answer"));
        }
        if message.contains_key("result") == message.contains_key("error") {
            return Err(CallError::message("an answer has either `result` or `error`"));
        }
        Ok(Self::Answer)
    }

    /// Whether the answer says what there is to be called.
    pub(super) fn lists(self) -> bool {
        match self {
            Self::Call { method, .. } => method.kind == Kind::List,
            Self::Answer => false,
        }
    }

    /// What the message is called by: the name of a tool or prompt, a URI, the id of a task.
    ///
    /// # Errors
    /// A name that is missing, no text or ambiguous.
    pub(super) fn name(self) -> Result<Option<&'b str>, CallError> {
        let Self::Call { method, params } = self else { return Ok(None) };
        match method.kind {
            Kind::Tool | Kind::Prompt => text(params, "name").map(Some),
            Kind::Resource => text(params, "uri").map(Some),
            Kind::TaskGet | Kind::TaskUpdate => text(params, "taskId").map(Some),
            Kind::Connect | Kind::List | Kind::Complete | Kind::Listen | Kind::Answer => Ok(None),
        }
    }
}

/// A message that names its version names the one that it is sent with; without sessions it must.
fn check_version(params: Option<&Map<String, Value>>, version: Option<Version>) -> Result<(), CallError> {
    match (named_version(params)?, version) {
        (None, Some(version)) if version.is_stateless() => Err(CallError::meta("does not name the version")),
        (None, _) => Ok(()),
        (Some(_), None) => Err(CallError::mismatch(
            "mcp-protocol-version",
            "is missing beside a message that names a version",
        )),
        (Some(named), Some(version)) if named.as_str() == Some(version.as_str()) => Ok(()),
        (Some(_), Some(_)) => {
            Err(CallError::mismatch("mcp-protocol-version", "names another version than the message"))
        }
    }
}

/// The version that a message names.
///
/// # Errors
/// A `_meta` that is no object, and one that can be read in two ways.
pub(super) fn named_version(params: Option<&Map<String, Value>>) -> Result<Option<&Value>, CallError> {
    match find(params, "_meta")? {
        None => Ok(None),
        Some(Value::Object(meta)) => Ok(member(meta, VERSION_KEY)?),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(CallError::meta("is not an object"))
        }
    }
}

/// A parameter, if it is there.
pub(super) fn find<'b>(
    params: Option<&'b Map<String, Value>>,
    name: &str,
) -> Result<Option<&'b Value>, CallError> {
    match params {
        Some(params) => Ok(member(params, name)?),
        None => Ok(None),
    }
}

/// A name is the id of an entity, and stands in records.
const MAX_NAME_BYTES: usize = 2048;

/// A parameter that must be text.
pub(super) fn text<'b>(params: Option<&'b Map<String, Value>>, name: &str) -> Result<&'b str, CallError> {
    let text = find(params, name)?
        .and_then(Value::as_str)
        .ok_or_else(|| CallError::argument(name, "is missing or not text"))?;
    if !is_name(text) {
        return Err(CallError::argument(name, "is empty, too long, or has a control character"));
    }
    Ok(text)
}

/// Whether something can be called by this name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control)
}
