//! Whose an MCP session is: the id that a client sends has to be the one that this caller was given.

use actgate_call::{
    Route,
    mcp::{Session, SessionKey, SessionOwner},
};
use actgate_token::Caller;

use crate::{authorizer::Authorizer, decision::Denial, reason::Reason};

/// Makes the ids of one caller's sessions.
#[derive(Debug)]
pub(super) struct Sealer {
    key: Option<SessionKey>,
    service: String,
    subject: String,
    actor: String,
}

// === impl Sealer ===

impl Sealer {
    pub(super) fn new(authorizer: &Authorizer, caller: &Caller, service: &str) -> Self {
        Self {
            key: authorizer.sessions.clone(),
            service: service.to_owned(),
            subject: caller.subject().entity_id().to_owned(),
            actor: caller.actor().entity_id().to_owned(),
        }
    }

    /// The server's id as this caller gets it; nothing without a key.
    pub(super) fn seal(&self, id: &[u8], opens_pages: bool) -> Option<String> {
        let owner = SessionOwner { service: &self.service, subject: &self.subject, actor: &self.actor };
        let id = std::str::from_utf8(id).ok()?;
        self.key.as_ref().map(|key| key.seal(owner, Session { id, opens_pages }))
    }
}

/// A session that a request names, by the server's own id.
#[derive(Debug, Clone)]
pub(super) struct OpenSession {
    pub(super) id: String,
    /// Whether its client has said that it can ask its user to open a page.
    pub(super) opens_pages: bool,
}

/// The session that a request names.
///
/// # Errors
/// One that is not this caller's: the same as one that there is not, so that nobody learns which there are. Clients then
/// begin a new one.
pub(super) fn opened(
    authorizer: &Authorizer,
    caller: &Caller,
    route: &Route,
) -> Result<Option<OpenSession>, Denial> {
    let Route::Mcp(route) = route else { return Ok(None) };
    let Some(sealed) = route.session() else { return Ok(None) };
    let owner = SessionOwner {
        service: route.service(),
        subject: caller.subject().entity_id(),
        actor: caller.actor().entity_id(),
    };
    let session = authorizer.sessions.as_ref().and_then(|key| key.open(owner, sealed));
    let opened = session.map(|Session { id, opens_pages }| OpenSession { id: id.to_owned(), opens_pages });
    opened.map(Some).ok_or_else(|| {
        Denial::new(Reason::SessionUnknown, "there is no such session of this caller: begin a new one")
    })
}
