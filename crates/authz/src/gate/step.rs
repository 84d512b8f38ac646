//! What the host has to do, and by what right.

use actgate_call::mcp::SESSION;

use super::sender::PROOF;
use crate::{
    authorizer::GuardedService,
    claim::Callout,
    credential::is_dpop,
    decision::{Observation, Permit},
    reply::LocalReply,
};

/// What the host does next.
#[derive(Debug)]
pub enum Step {
    /// Hold the request and report its body with [`Gate::on_body`](crate::Gate::on_body).
    AwaitBody,
    /// Hold the request and read no more of its body than is held anyway: the sender has to wait. What is held can only
    /// be let go from now on, not thrown away.
    HoldBack,
    /// Hold the request, ask this, and report the answer with [`Gate::on_callout`](crate::Gate::on_callout).
    Callout(Callout),
    /// It is refused, and the client listens only at the end of its body: throw away what is buffered, so many bytes,
    /// let none of it through, and report more with [`Gate::on_body`](crate::Gate::on_body).
    Discard(usize),
    /// Let the request through to the upstream.
    Forward(Forwarding),
    /// Answer it here.
    Reply(LocalReply),
}

/// A request that may go on, and how.
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
    pub(super) fn naming_session(mut self, id: Option<String>) -> Self {
        self.set.extend(id.map(|id| (SESSION.to_owned(), id)));
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
