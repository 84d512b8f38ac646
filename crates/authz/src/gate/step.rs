//! What the host has to do, and by what right.

use actgate_call::mcp::SESSION;

use super::{sender::PROOF, session::OpenSession};
use crate::{
    authorizer::GuardedService,
    claim::Callout,
    credential::is_dpop,
    decision::{Observation, Permit},
    reply::LocalReply,
};

const LENGTH: &str = "content-length";
/// What is said of a body's bytes (RFC 9530, and what was before it).
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// What the host does next.
#[derive(Debug)]
pub enum Step {
    /// Hold the request and report its body with [`Gate::on_body`](crate::Gate::on_body).
    AwaitBody,
    /// Hold the request and read no more of its body than is held anyway: the sender has to wait. What is held can only
    /// be let go from now on, not thrown away.
    HoldBack,
    /// Hold the request, ask or tell this, and report the answer with [`Gate::on_callout`](crate::Gate::on_callout).
    Callout(Callout),
    /// It is refused, and the client listens only at the end of its body: throw away what is buffered, so many bytes,
    /// let none of it through, and report more with [`Gate::on_body`](crate::Gate::on_body).
    Discard(usize),
    /// Let the request through to the upstream.
    Forward(Forwarding),
    /// Answer it here.
    Reply(LocalReply),
}

/// A request that may go on, and how. Its body is what has come, unless
/// [`Gate::body_instead`](crate::Gate::body_instead) says otherwise.
#[derive(Debug)]
pub struct Forwarding {
    passage: Passage,
    service: String,
    /// Names of header fields that do not travel on.
    pub remove: Vec<String>,
    /// Header fields that travel on in place of those of the same name.
    pub set: Vec<(String, String)>,
}

/// By what right a request goes on.
#[derive(Debug)]
pub enum Passage {
    /// The policies permit it.
    Permit(Permit),
    /// They do not, and its service is only observed.
    Observation(Observation),
}

// === impl Forwarding ===

impl Forwarding {
    pub(super) fn new(passage: Passage, service: &GuardedService, headers: &[(&[u8], &[u8])]) -> Self {
        let mut remove: Vec<String> = Vec::new();
        // A proof belongs to its token, whichever header that is in.
        let token_header = service.token_header();
        let mut credentials = headers.iter().filter(|(name, _)| *name == token_header.as_bytes());
        let takes_proof = token_header == "authorization" || credentials.any(|(_, value)| is_dpop(value));
        for (name, _) in headers {
            let is_proof = takes_proof && !service.forward_credential && *name == PROOF.as_bytes();
            if !is_proof && !is_stripped(name, service) {
                continue;
            }
            let Ok(name) = std::str::from_utf8(name) else { continue };
            if remove.iter().all(|other| other != name) {
                remove.push(name.to_owned());
            }
        }
        Self { passage, service: service.call.name.clone(), remove, set: Vec::new() }
    }

    /// The same in a session, by the server's own id of it.
    pub(super) fn naming_session(mut self, session: Option<OpenSession>) -> Self {
        self.set.extend(session.map(|session| (SESSION.to_owned(), session.id)));
        self
    }

    /// The same with another body, without what is true of the first one only.
    pub(super) fn carrying(mut self, body: Option<&[u8]>, headers: &[(&[u8], &[u8])]) -> Self {
        let Some(body) = body else { return self };
        let has = |field: &str| headers.iter().any(|(name, _)| *name == field.as_bytes());
        if has(LENGTH) {
            self.set.push((LENGTH.to_owned(), body.len().to_string()));
        }
        self.remove.extend(DIGESTS.into_iter().filter(|name| has(name)).map(str::to_owned));
        self
    }

    /// The same where the answer is looked at, which must not be encoded then.
    pub(super) fn asking_for_identity(mut self, is_looked_at: bool) -> Self {
        if is_looked_at {
            self.set.push(("accept-encoding".to_owned(), "identity".to_owned()));
        }
        self
    }

    /// What the sentinel behind the gate demands.
    pub fn marker(&self) -> String {
        match &self.passage {
            Passage::Permit(permit) => permit.marker(&self.service),
            Passage::Observation(observation) => observation.marker(&self.service),
        }
    }

    /// By what right it goes on.
    pub fn passage(&self) -> &Passage {
        &self.passage
    }
}

/// Header fields that never travel on: the caller's credential (unless configured), what only Actgate may say, and
/// what steers Envoy's router (`x-envoy-retry-on` can repeat a POST).
fn is_stripped(name: &[u8], service: &GuardedService) -> bool {
    name.starts_with(b"x-actgate-")
        || name.starts_with(b"x-envoy-")
        || (!service.forward_credential && name == service.token_header().as_bytes())
}
