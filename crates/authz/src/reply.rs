//! Refusals as bytes: the one place that turns a [`Denial`] into a reply, in the words of the caller's protocol.

mod git;
mod problem;

use actgate_call::{Adapter, git::PushClient};

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
    /// Text that git prints.
    Git,
    /// The report that git prints ref by ref.
    Push(PushClient),
}

// === impl Voice ===

impl Voice {
    /// The voice of a service, as long as nothing else is known of the request.
    pub(crate) const fn of(adapter: &Adapter) -> Self {
        match adapter {
            Adapter::Rest(_) => Self::Http,
            Adapter::Git(_) => Self::Git,
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
            Self::Git => git::text(denial, decision_id),
            Self::Push(client) => git::report(denial, decision_id, client),
        }
    }

    /// Whether the client listens only once it has sent its whole body. A success that comes before, as a report is
    /// to HTTP, makes git send the rest as another request and print that one's failure.
    pub(crate) const fn is_heard_at_the_end(&self) -> bool {
        match self {
            Self::Http | Self::Git => false,
            Self::Push(_) => true,
        }
    }
}

fn details(reason: Reason) -> String {
    format!("actgate_{}", reason.code())
}
