//! One request on its way through: bytes in, steps out. The host does nothing but what a [`Step`] says.

use actgate_call::{BodyNeed, RequestHead};
use actgate_token::{Caller, TokenCache};

use crate::{
    authorizer::{Authorizer, GuardedService},
    config::Mode,
    credential::credential,
    decision::{Decision, Denial, Observation, Permit},
    evaluate::AccessRequest,
    moment::Moment,
    narrowing::narrow,
    reason::{CallReason, Reason},
    record::{Attempt, Outcome},
    reply::{LocalReply, problem},
};

/// What the host does next.
#[derive(Debug)]
pub enum Step {
    /// Hold the request and report its body with [`Gate::on_body`].
    AwaitBody,
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
}

/// By what right a request goes on.
#[derive(Debug)]
pub enum Passage {
    /// The policies permit it.
    Permit(Permit),
    /// They do not, and its service is only observed.
    Observation(Observation),
}

/// How much of a body the proxy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes buffered so far.
    pub buffered: usize,
    /// Whether these are all: end of stream, or trailers have come.
    pub complete: bool,
}

/// The gate before one request.
#[derive(Debug)]
pub struct Gate {
    id: String,
    started: Moment,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has been seen.
    Start,
    /// The head is understood and authenticated, and the body is needed.
    AwaitingBody { headers: Vec<(Vec<u8>, Vec<u8>)>, limit: usize, excess: CallReason, attempt: Box<Attempt> },
    /// A step that ends the matter has been given, with this record.
    Decided { record: String },
}

/// What the request's body is known to be.
#[derive(Debug, Clone, Copy)]
enum Body<'a> {
    /// There is one, and none of it is here.
    Pending,
    /// This is all of it.
    Complete(&'a [u8]),
}

/// Where [`Gate::judge`] has come to.
enum Judgement {
    Await { limit: usize, excess: CallReason },
    Decided(Decision),
}

// === impl Gate ===

impl Gate {
    /// A gate before a request that begins now. `random` makes its id a UUIDv7 (RFC 9562 section 5.7).
    pub fn new(started: Moment, random: [u8; 10]) -> Self {
        let id =
            uuid::Builder::from_unix_timestamp_millis(started.unix_millis(), &random).into_uuid().to_string();
        Self { id, started, state: State::Start }
    }

    /// The decision id, by which replies and the ledger are linked.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The request's header fields have come, pseudo-headers included; `complete` if nothing follows them.
    pub fn on_headers(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        headers: &[(&[u8], &[u8])],
        complete: bool,
        now: Moment,
    ) -> Step {
        let body = if complete { Body::Complete(b"") } else { Body::Pending };
        self.advance(authorizer, cache, headers, body, now)
    }

    /// More of the body is buffered. `read` is called at most once, with the number of bytes that are needed, from the
    /// start; it returns nothing if the host cannot give them.
    pub fn on_body(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        progress: BodyProgress,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
        now: Moment,
    ) -> Step {
        let State::AwaitingBody { headers, limit, excess, attempt } = &self.state else {
            // A body that nobody waits for: what was decided is out of this gate's hands, anything else is a refusal.
            return self.unavailable(authorizer, now, "a body came when none was awaited");
        };
        if progress.buffered > *limit {
            let detail = if *limit == 0 {
                "this route takes no body".to_owned()
            } else {
                format!("the body is larger than {limit} bytes")
            };
            let attempt = attempt.as_ref().clone();
            return self.refuse(authorizer, &attempt, &Denial::new(Reason::Call(*excess), detail), now);
        }
        if !progress.complete {
            return Step::AwaitBody;
        }
        let Some(bytes) = read(progress.buffered).filter(|bytes| bytes.len() == progress.buffered) else {
            return self.unavailable(authorizer, now, "the body could not be read");
        };
        // The head is judged again with the body: what expired or was revoked while the client sent it is refused.
        let headers = headers.clone();
        let borrowed: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        self.advance(authorizer, cache, &borrowed, Body::Complete(&bytes), now)
    }

    /// The record of the request once it is decided, without its closing brace (see the ledger in the docs).
    pub fn record(&self) -> Option<&str> {
        match &self.state {
            State::Decided { record } => Some(record),
            State::Start | State::AwaitingBody { .. } => None,
        }
    }

    /// The request is over. Returns the record of one that ended undecided, such as a client that went away.
    pub fn finish(&mut self, authorizer: &Authorizer, now: Moment) -> Option<String> {
        match &self.state {
            State::AwaitingBody { attempt, .. } => Some(attempt.open_record(
                &self.id,
                authorizer.bundle_id(),
                self.started,
                now,
                Outcome::Aborted,
            )),
            State::Start | State::Decided { .. } => None,
        }
    }

    fn advance(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        headers: &[(&[u8], &[u8])],
        body: Body<'_>,
        now: Moment,
    ) -> Step {
        if matches!(self.state, State::Decided { .. }) {
            return self.unavailable(authorizer, now, "the request was decided before");
        }
        let mut attempt = Attempt::raw(headers);
        let mut service = None;
        match Self::judge(authorizer, cache, headers, body, now, &mut attempt, &mut service) {
            Ok(Judgement::Await { limit, excess }) => {
                let headers = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                self.state = State::AwaitingBody { headers, limit, excess, attempt: Box::new(attempt) };
                Step::AwaitBody
            }
            Ok(Judgement::Decided(Decision::Allow(permit))) => {
                let Some(service) = service else {
                    return self.unavailable(authorizer, now, "a permit without a service");
                };
                self.record_as(authorizer, &attempt, Outcome::Allow { policies: permit.policies() }, now);
                Step::Forward(Forwarding::new(Passage::Permit(permit), service, headers))
            }
            Ok(Judgement::Decided(Decision::Deny(denial))) | Err(denial) => {
                self.refuse_or_observe(authorizer, &attempt, denial, service, headers, now)
            }
            Ok(Judgement::Decided(Decision::RequireApproval(hold))) => {
                self.refuse_or_observe(authorizer, &attempt, hold.denial, service, headers, now)
            }
        }
    }

    /// The way of one request. Authentication comes before any body is buffered, the catalog after authentication, so
    /// that nobody unknown learns what exists.
    fn judge<'p>(
        authorizer: &'p Authorizer,
        cache: &mut TokenCache,
        headers: &[(&[u8], &[u8])],
        body: Body<'_>,
        now: Moment,
        attempt: &mut Attempt,
        selected: &mut Option<&'p GuardedService>,
    ) -> Result<Judgement, Denial> {
        let head = RequestHead::parse(headers).map_err(|error| malformed(&error))?;
        let service = authorizer.select(&head).map_err(|error| malformed(&error))?;
        attempt.service(&head, &service.call.name);
        let credential = credential(&head, service)?;
        let token = authorizer
            .verifier
            .verify(cache, credential, now.unix_time())
            .map_err(|error| refused(&error))?;
        let caller = Caller::resolve(token, &authorizer.verifier).map_err(|error| refused(&error))?;
        attempt.caller(&caller);
        // Only from here on may `mode: observe` soften a verdict.
        *selected = Some(service);
        let route = service.call.adapter.route(&head, &service.call).map_err(|error| malformed(&error))?;
        let body = match (route.body_need(), body) {
            (_, Body::Complete(bytes)) => bytes,
            (BodyNeed::Ignore, Body::Pending) => b"",
            (BodyNeed::None, Body::Pending) => {
                return Ok(Judgement::Await { limit: 0, excess: CallReason::BodyNotAllowed });
            }
            (BodyNeed::Prefix { max } | BodyNeed::Whole { max }, Body::Pending) => {
                return Ok(Judgement::Await { limit: max, excess: CallReason::BodyTooLarge });
            }
        };
        let calls = route.extract(body).map_err(|error| malformed(&error))?;
        attempt.calls(&calls);
        narrow(&caller, &calls, authorizer.scopes(caller.token().issuer_alias()), &authorizer.bundle.schema)?;
        let request = AccessRequest { caller: &caller, calls: &calls, now: now.unix_time() };
        Ok(Judgement::Decided(authorizer.bundle.decide(&request)))
    }

    fn refuse_or_observe(
        &mut self,
        authorizer: &Authorizer,
        attempt: &Attempt,
        denial: Denial,
        service: Option<&GuardedService>,
        headers: &[(&[u8], &[u8])],
        now: Moment,
    ) -> Step {
        let Some(service) = service.filter(|service| service.mode == Mode::Observe) else {
            return self.refuse(authorizer, attempt, &denial, now);
        };
        match Observation::soften(denial) {
            Ok(observation) => {
                self.record_as(authorizer, attempt, Outcome::Observe(observation.denial()), now);
                Step::Forward(Forwarding::new(Passage::Observation(observation), service, headers))
            }
            Err(denial) => self.refuse(authorizer, attempt, &denial, now),
        }
    }

    fn refuse(&mut self, authorizer: &Authorizer, attempt: &Attempt, denial: &Denial, now: Moment) -> Step {
        let outcome = if denial.reason == Reason::ApprovalRequired {
            Outcome::Hold(denial)
        } else {
            Outcome::Deny(denial)
        };
        self.record_as(authorizer, attempt, outcome, now);
        Step::Reply(problem(denial, &self.id))
    }

    /// Refuses because the host and the gate do not agree on where the request is.
    fn unavailable(&mut self, authorizer: &Authorizer, now: Moment, why: &str) -> Step {
        let mut denial = Denial::new(Reason::GateUnavailable, "the gate could not decide");
        denial.internal = Some(why.to_owned());
        let attempt = match &self.state {
            State::AwaitingBody { attempt, .. } => attempt.as_ref().clone(),
            State::Start | State::Decided { .. } => Attempt::default(),
        };
        self.refuse(authorizer, &attempt, &denial, now)
    }

    fn record_as(&mut self, authorizer: &Authorizer, attempt: &Attempt, outcome: Outcome<'_>, now: Moment) {
        let record = attempt.open_record(&self.id, authorizer.bundle_id(), self.started, now, outcome);
        self.state = State::Decided { record };
    }
}

/// The answer of a gate that has no usable bundle: every request is refused.
pub fn refuse_everything(started: Moment, random: [u8; 10]) -> LocalReply {
    let gate = Gate::new(started, random);
    problem(&Denial::new(Reason::GateUnavailable, "the gate has no usable configuration"), gate.id())
}

fn malformed(error: &actgate_call::CallError) -> Denial {
    Denial::new(Reason::from(error), error.to_string())
}

fn refused(error: &actgate_token::TokenError) -> Denial {
    Denial::new(Reason::from(error), error.to_string())
}

// === impl Forwarding ===

impl Forwarding {
    fn new(passage: Passage, service: &GuardedService, headers: &[(&[u8], &[u8])]) -> Self {
        let mut remove: Vec<String> = Vec::new();
        for (name, _) in headers {
            if !is_stripped(name, service) {
                continue;
            }
            let Ok(name) = std::str::from_utf8(name) else { continue };
            if remove.iter().all(|other| other != name) {
                remove.push(name.to_owned());
            }
        }
        Self { passage, service: service.call.name.clone(), remove }
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
