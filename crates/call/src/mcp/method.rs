//! The one table of methods: what each is, and in which versions a client may call it. A method that is not in it is
//! denied.

use super::version::Version;

/// A method that a client may call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) era: Era,
    pub(super) form: Form,
    pub(super) kind: Kind,
}

/// The versions that have a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Those with sessions.
    Sessions,
    /// Those without.
    Stateless,
    Both,
}

/// Whether a method is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Request,
    Notification,
}

/// What a method asks for, and so where its name and arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// To be connected, and stay so.
    Connect,
    /// What there is.
    List,
    /// A tool: `name` and `arguments`.
    Tool,
    /// A resource: `uri`.
    Resource,
    /// A prompt: `name` and `arguments`.
    Prompt,
    /// Proposals for an argument of a prompt or resource template: `ref`.
    Complete,
    /// The state or the result of a task: `taskId`.
    TaskGet,
    /// Another state or more input for a task: `taskId`.
    TaskUpdate,
    /// News, as they come: `notifications`.
    Listen,
    /// What the server has asked the client for.
    Answer,
}

const fn request(name: &'static str, era: Era, kind: Kind) -> Method {
    Method { name, era, form: Form::Request, kind }
}

const fn notification(name: &'static str, kind: Kind) -> Method {
    Method { name, era: Era::Sessions, form: Form::Notification, kind }
}

const TABLE: [Method; 25] = [
    request("initialize", Era::Sessions, Kind::Connect),
    request("ping", Era::Sessions, Kind::Connect),
    request("logging/setLevel", Era::Sessions, Kind::Connect),
    request("server/discover", Era::Stateless, Kind::Connect),
    request("subscriptions/listen", Era::Stateless, Kind::Listen),
    request("tools/list", Era::Both, Kind::List),
    request("tools/call", Era::Both, Kind::Tool),
    request("resources/list", Era::Both, Kind::List),
    request("resources/templates/list", Era::Both, Kind::List),
    request("resources/read", Era::Both, Kind::Resource),
    request("resources/subscribe", Era::Sessions, Kind::Resource),
    request("resources/unsubscribe", Era::Sessions, Kind::Resource),
    request("prompts/list", Era::Both, Kind::List),
    request("prompts/get", Era::Both, Kind::Prompt),
    request("completion/complete", Era::Both, Kind::Complete),
    request("tasks/list", Era::Sessions, Kind::List),
    request("tasks/get", Era::Both, Kind::TaskGet),
    request("tasks/result", Era::Sessions, Kind::TaskGet),
    request("tasks/cancel", Era::Both, Kind::TaskUpdate),
    request("tasks/update", Era::Stateless, Kind::TaskUpdate),
    notification("notifications/initialized", Kind::Connect),
    notification("notifications/cancelled", Kind::Connect),
    notification("notifications/progress", Kind::Connect),
    notification("notifications/roots/list_changed", Kind::Connect),
    notification("notifications/tasks/status", Kind::Answer),
];

// === impl Method ===

impl Method {
    /// The method `name` of a version.
    pub(super) fn find(name: &str, version: Version) -> Option<&'static Self> {
        TABLE.iter().find(|method| method.name == name && method.era.has(version))
    }

    /// Whether the version demands that `Mcp-Name` repeats the name.
    pub(super) const fn is_mirrored_by_name(&self) -> bool {
        matches!(self.kind, Kind::Tool | Kind::Prompt | Kind::Resource)
    }
}

// === impl Era ===

impl Era {
    const fn has(self, version: Version) -> bool {
        match self {
            Self::Sessions => !version.is_stateless(),
            Self::Stateless => version.is_stateless(),
            Self::Both => true,
        }
    }
}
