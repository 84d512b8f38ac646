//! Whom a refusal is told: what is known of the client and its message, however far the reading got.

use serde_json::{Map, Value};

use super::{
    catalog::{CatalogRule, find},
    elicitation::opens_pages,
    version::Version,
};

/// What can be said to a client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Client {
    /// The version that it speaks, as far as it says so.
    pub version: Option<Version>,
    /// What it could speak instead of a version that is not read here.
    pub unsupported: Option<Unsupported>,
    /// Whether it says that it can ask its user to open a page: in this message, or when its session began.
    pub opens_pages: bool,
    /// What its user has said to the page on which people approve, where it was asked to open that.
    pub page: Option<Page>,
    /// Whether its message is a list, and so is the answer.
    pub batch: bool,
    /// The requests that are answered, in order; none for notifications and answers, and where no id is known.
    pub asked: Vec<Asked>,
}

/// What a user has said to being asked to open the page on which people approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// It was opened, which is no approval.
    Opened,
    /// The user does not want to.
    Declined,
    /// The message answers something that its server has asked for, which the gate could not give back.
    OfTheServer,
}

/// A version that is not read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// As the client names it; none where it is not fit to be repeated.
    pub requested: Option<Box<str>>,
    /// Those that are read, of the generation that the client speaks: a client of the one has no use for the other.
    pub supported: Vec<Version>,
}

/// A request that is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its id: text or a whole number.
    pub id: Value,
    /// Whether it calls a tool, so that a refusal is a result that the model reads.
    pub calls_tool: bool,
    /// Whether that result may have structured content: not where the client holds it against an output schema.
    pub structured: bool,
}

// === impl Client ===

impl Client {
    /// What a body says of its client, whether or not it is sound. Whoever answers needs ids, so a message is asked for
    /// its id before it is understood.
    pub(super) fn of(version: Option<Version>, body: &Value, tools: &[CatalogRule]) -> Self {
        let (batch, messages): (bool, Vec<&Map<String, Value>>) = match body {
            Value::Array(members) => (true, members.iter().filter_map(Value::as_object).collect()),
            Value::Object(message) => (false, vec![message]),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (false, Vec::new()),
        };
        Self {
            version,
            unsupported: None,
            opens_pages: !batch && messages.iter().any(|message| says_so(message)),
            page: None,
            batch,
            asked: messages.into_iter().filter_map(|message| Asked::of(message, tools)).collect(),
        }
    }
}

fn says_so(message: &Map<String, Value>) -> bool {
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    opens_pages(method, message.get("params").and_then(Value::as_object))
}

// === impl Asked ===

impl Asked {
    fn of(message: &Map<String, Value>, tools: &[CatalogRule]) -> Option<Self> {
        // An answer's id is the server's.
        let method = message.get("method")?;
        let id = message.get("id").filter(|id| is_id(id))?;
        let tool = message.get("params").and_then(|params| params.get("name")).and_then(Value::as_str);
        let rule = tool.and_then(|name| find(tools, name));
        Some(Self {
            id: id.clone(),
            calls_tool: method == "tools/call",
            structured: rule.is_none_or(|rule| !rule.output_schema),
        })
    }
}

/// An id is repeated in the answer; a longer one is nobody's counter.
const MAX_ID_BYTES: usize = 256;

/// Text or a whole number, as MCP narrows JSON-RPC.
pub(super) fn is_id(id: &Value) -> bool {
    match id {
        Value::String(text) => text.len() <= MAX_ID_BYTES,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}
