//! Refusals as bytes: the one place that turns a [`Denial`] into a reply, in the words of the caller's protocol.

mod git;
mod mcp;
mod oci;
mod problem;

use actgate_call::{
    Adapter, RequestHead, Service, catalog,
    git::PushClient,
    mcp::{Client, McpRoute},
};

use crate::{decision::Denial, reason::Reason};

/// An answer that the gate gives instead of the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// Header fields, lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// For the proxy's access log (`%RESPONSE_CODE_DETAILS%`): `actgate_<reason>`.
    pub details: String,
}

/// In whose words a refusal is told.
#[derive(Debug, Clone, Default)]
pub(crate) enum Voice {
    /// HTTP's own: problem+json.
    #[default]
    Http,
    /// A registry's error document.
    Oci {
        /// Where its clients look for a token when they have none: here, where they are told that they need one.
        realm: String,
    },
    /// Text that git prints.
    Git,
    /// The document of which Git LFS prints the message.
    Lfs,
    /// The packet that `git archive` prints.
    Archive,
    /// The report that git prints ref by ref.
    Push(PushClient),
    /// JSON-RPC, and where a tool is called, a result that the model reads.
    Mcp(Box<Client>),
}

// === impl Voice ===

impl Voice {
    /// The voice of a service, as long as nothing else is known of the request.
    pub(crate) fn of(head: &RequestHead<'_>, service: &Service) -> Self {
        match &service.adapter {
            Adapter::Rest(catalog) => match catalog.voice() {
                catalog::Voice::Http => Self::Http,
                catalog::Voice::Oci => Self::Oci { realm: oci::realm(head, &service.prefix) },
            },
            Adapter::Git(_) if head.path().as_str().contains("/info/lfs/") => Self::Lfs,
            Adapter::Git(_) => Self::Git,
            Adapter::Mcp(_) => Self::Mcp(Box::new(McpRoute::client(head))),
        }
    }

    /// The voice once the caller is known, for programs that listen to nothing but a success.
    pub(crate) fn for_known_caller(self, head: &RequestHead<'_>) -> Self {
        match self {
            Self::Git if head.method() == "POST" && head.path().as_str().ends_with("/git-upload-archive") => {
                Self::Archive
            }
            Self::Http
            | Self::Oci { .. }
            | Self::Git
            | Self::Lfs
            | Self::Archive
            | Self::Push(_)
            | Self::Mcp(_) => self,
        }
    }

    /// The voice for a push whose client has said what it reads.
    pub(crate) fn push(client: &PushClient) -> Self {
        if client.report_status { Self::Push(client.clone()) } else { Self::Git }
    }

    /// Tells a refusal.
    pub(crate) fn refuse(&self, denial: &Denial, decision_id: &str) -> LocalReply {
        match self {
            Self::Http => problem::problem(denial, decision_id),
            Self::Oci { realm } => oci::errors(denial, decision_id, realm),
            Self::Git => git::text(denial, decision_id),
            Self::Lfs => git::lfs(denial, decision_id),
            Self::Archive => git::archive(denial, decision_id),
            Self::Push(client) => git::report(denial, decision_id, client),
            Self::Mcp(client) => mcp::refusal(denial, decision_id, client),
        }
    }

    /// Whether the client listens only once it has sent its whole body. A success that comes before, as a report is
    /// to HTTP, makes git send the rest as another request and print that one's failure.
    pub(crate) const fn is_heard_at_the_end(&self) -> bool {
        match self {
            Self::Http | Self::Oci { .. } | Self::Git | Self::Lfs | Self::Mcp(_) => false,
            Self::Archive | Self::Push(_) => true,
        }
    }
}

fn details(reason: Reason) -> String {
    format!("actgate_{}", reason.code())
}
