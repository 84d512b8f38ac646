//! The actions and entities that the adapter makes by itself: what a pack's schema has to declare. The actions of
//! tools, prompts and resources are the catalog's.

use crate::{
    form::{ActionForm, TypeForm, ValueForm},
    tool_call::Effect,
};

/// Names in context and attributes.
pub mod field {
    /// The method of a message, or `GET` and `DELETE` of a session.
    pub const METHOD: &str = "method";
    /// The arguments of a tool or prompt.
    pub const ARGS: &str = "args";
    /// The id of a task; `task` is the caller's.
    pub const TASK_ID: &str = "task_id";
    /// The name of a tool or prompt.
    pub const NAME: &str = "name";
    /// The URI of a resource.
    pub const URI: &str = "uri";
}

/// To be connected: handshake, discovery, streams, notifications.
pub const CONNECT: ActionForm = ActionForm {
    name: "mcp.connect",
    effect: Effect::Read,
    resources: &[SERVER.name],
    context: &[(field::METHOD, ValueForm::Text)],
};
/// What there is of tools, resources, prompts and tasks.
pub const LIST: ActionForm = ActionForm {
    name: "mcp.list",
    effect: Effect::Read,
    resources: &[SERVER.name],
    context: &[(field::METHOD, ValueForm::Text)],
};
/// An answer to what the server has asked the client: sampling, elicitation, roots. It may let a tool go on.
pub const ANSWER: ActionForm =
    ActionForm { name: "mcp.answer", effect: Effect::Write, resources: &[SERVER.name], context: &[] };
/// Proposals for an argument.
pub const COMPLETE: ActionForm = ActionForm {
    name: "mcp.complete",
    effect: Effect::Read,
    resources: &[PROMPT.name, RESOURCE.name],
    context: &[],
};
/// The state or the result of a task.
pub const TASK_GET: ActionForm = ActionForm {
    name: "mcp.task.get",
    effect: Effect::Read,
    resources: &[SERVER.name],
    context: &[(field::METHOD, ValueForm::Text), (field::TASK_ID, ValueForm::Text)],
};
/// The end of a task, or more input for it.
pub const TASK_UPDATE: ActionForm = ActionForm {
    name: "mcp.task.update",
    effect: Effect::Write,
    resources: &[SERVER.name],
    context: &[(field::METHOD, ValueForm::Text), (field::TASK_ID, ValueForm::Text)],
};

/// A server, by the name of its service.
pub const SERVER: TypeForm = TypeForm { name: "Mcp::Server", parents: &[], attributes: &[] };
/// A tool, by its service and name.
pub const TOOL: TypeForm =
    TypeForm { name: "Mcp::Tool", parents: &["Mcp::Server"], attributes: &[(field::NAME, ValueForm::Text)] };
/// A prompt, by its service and name.
pub const PROMPT: TypeForm = TypeForm {
    name: "Mcp::Prompt",
    parents: &["Mcp::Server"],
    attributes: &[(field::NAME, ValueForm::Text)],
};
/// A resource or the template of one, by its service and URI.
pub const RESOURCE: TypeForm = TypeForm {
    name: "Mcp::Resource",
    parents: &["Mcp::Server"],
    attributes: &[(field::URI, ValueForm::Text)],
};

/// Every action of the adapter's own.
pub const ACTIONS: [&ActionForm; 6] = [&CONNECT, &LIST, &ANSWER, &COMPLETE, &TASK_GET, &TASK_UPDATE];
/// Every entity type.
pub const TYPES: [&TypeForm; 4] = [&SERVER, &TOOL, &PROMPT, &RESOURCE];
