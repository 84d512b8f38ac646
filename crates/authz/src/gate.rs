//! One request on its way through: bytes in, steps out. The host does nothing but what a [`Step`] says.

mod answer;
mod approval;
mod body;
mod definition;
mod drain;
mod examine;
mod load;
mod sender;
mod session;
mod step;
mod storing;

use std::rc::Rc;

use actgate_call::{
    RequestHead, Route, ToolCalls,
    mcp::{self, Inspection, Page, Reviewed},
};
use actgate_token::{Caller, Thumbprint, TokenCache};

pub(crate) use self::examine::{Examined, examine};
use self::{
    answer::Answer,
    approval::{Asking, Held, Question},
    body::{AwaitedBody, Body, malformed},
    drain::{Drain, Drained},
    session::OpenSession,
    storing::Storing,
};
pub use self::{
    answer::{AnswerChange, AnswerStep},
    body::BodyProgress,
    step::{Forwarding, Passage, Step},
};
use crate::{
    authorizer::{Authorizer, GuardedService},
    claim::{Claim, Entropy},
    config::Mode,
    decision::{Decision, Denial, Observation},
    definitions::SharedData,
    evaluate::{AccessRequest, Inquiry},
    moment::Moment,
    narrowing::narrow,
    reason::Reason,
    record::{Attempt, Outcome},
    reply::{LocalReply, Voice},
};

/// The gate before one request.
#[derive(Debug)]
pub struct Gate {
    id: String,
    started: Moment,
    clock: Clock,
    entropy: Entropy,
    peer: Peer,
    /// The key whose proof came with the request, once that was verified.
    proven: Option<Thumbprint>,
    body: BodyProgress,
    state: State,
    notes: bool,
    /// The sender waits, and what is held of the body cannot be thrown away.
    held_back: bool,
    inquiry: Option<Inquiry>,
    /// A claim that was granted, and whether the request went on with it.
    claimed: Option<(Claim, bool)>,
    /// The answer to what was forwarded, where it is looked at.
    answer: Option<Answer>,
    shared: Option<Rc<dyn SharedData>>,
    /// What goes on in place of the body.
    instead: Option<Vec<u8>>,
}

/// Reads the host's clock once more, for how long a decision took. Nothing is decided by it.
pub type Clock = fn() -> Option<Moment>;

/// Reads which certificate the client has shown and proven to hold, if it has.
pub type Peer = fn() -> Option<Thumbprint>;

#[derive(Debug)]
enum State {
    /// Nothing has been seen.
    Start,
    /// The head is understood and authenticated, and the body is needed.
    AwaitingBody(Box<Awaiting>),
    /// It is held, and the approval service is asked.
    Asking(Box<Asking>),
    /// It may go on, once its attempt is stored.
    Storing(Box<Storing>),
    /// It is refused, and its body is drawn off before it is told so.
    Draining { drain: Drain, record: String },
    /// A step that ends the matter has been given, with this record.
    Decided { record: String },
}

/// What is kept of a request while its body comes.
#[derive(Debug)]
struct Awaiting {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: AwaitedBody,
    attempt: Attempt,
    voice: Voice,
}

/// What has become known of a request, refused or not.
#[derive(Debug, Default)]
struct Findings<'a> {
    attempt: Attempt,
    voice: Voice,
    /// The service, once the caller is authenticated.
    service: Option<&'a GuardedService>,
    caller: Option<Caller>,
    route: Option<Route>,
    calls: Option<ToolCalls>,
    heard: Heard,
    session: Option<OpenSession>,
    /// The key whose proof came with the request.
    proven: Option<Thumbprint>,
}

/// What a message says besides its calls.
#[derive(Debug, Default)]
struct Heard {
    /// What has to be known of the answer.
    inspection: Inspection,
    /// What goes on in place of the body.
    body: Option<Vec<u8>>,
    /// What is called of which only the reviewed definition may be.
    reviewed: Vec<Reviewed>,
}

/// What is judged of a request.
#[derive(Clone, Copy)]
struct Presented<'p> {
    headers: &'p [(&'p [u8], &'p [u8])],
    body: &'p Body,
    /// The groups that have approved it.
    approved: &'p [String],
    /// Whether people are asked for what is missing.
    asks: bool,
    /// Whether a session has to be the caller's.
    binds: bool,
}

/// Where [`Gate::judge`] has come to.
enum Judgement {
    Await(AwaitedBody),
    /// People can be asked.
    Ask(Box<Question>),
    Decided(Decision),
}

// === impl Gate ===

impl Gate {
    /// A gate before a request that begins now. `random` makes its id a UUIDv7 (RFC 9562 section 5.7).
    pub fn new(started: Moment, random: [u8; 10]) -> Self {
        let id =
            uuid::Builder::from_unix_timestamp_millis(started.unix_millis(), &random).into_uuid().to_string();
        Self {
            id,
            started,
            clock: || None,
            entropy: || None,
            peer: || None,
            proven: None,
            body: BodyProgress::default(),
            state: State::Start,
            claimed: None,
            answer: None,
            notes: false,
            held_back: false,
            inquiry: None,
            shared: None,
            instead: None,
        }
    }

    /// The same gate with randomness, without which nobody is asked for approval.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Entropy) -> Self {
        self.entropy = entropy;
        self
    }

    /// The same gate on a connection that knows its peer's certificate, without which tokens that are bound to one are
    /// refused.
    #[must_use]
    pub fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The same gate with a place to share with the host's other gates, without which it knows of no list but its own
    /// request's.
    #[must_use]
    pub fn sharing(mut self, shared: Rc<dyn SharedData>) -> Self {
        self.shared = Some(shared);
        self
    }

    /// The same gate with a clock, so that records say how long a decision took.
    #[must_use]
    pub fn timed(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same gate keeping its [`Inquiry`]. A gate in a proxy does not: it would hold it for as long as the stream.
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.notes = true;
        self
    }

    /// Who asked for what, where the request got that far and the gate is [`noting`](Self::noting). Whether the policies
    /// were asked too says the decision: a token that does not cover the call is refused before.
    pub fn inquiry(&self) -> Option<&Inquiry> {
        self.inquiry.as_ref()
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
        self.body = BodyProgress { buffered: 0, complete };
        let body = if complete { Body::Complete(Vec::new()) } else { Body::Pending };
        self.advance(authorizer, cache, headers, body, now)
    }

    /// More of the body is buffered. `read` is called with a place in what is buffered and a number of bytes; it returns
    /// nothing if the host cannot give them.
    pub fn on_body(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        progress: BodyProgress,
        read: impl FnMut(usize, usize) -> Option<Vec<u8>>,
        now: Moment,
    ) -> Step {
        self.body = progress;
        match std::mem::replace(&mut self.state, State::Start) {
            State::AwaitingBody(awaiting) => self.read_on(authorizer, cache, *awaiting, read, now),
            State::Draining { drain, record } => self.drain(drain, record, now),
            // What streams behind what is asked about.
            state @ (State::Asking(_) | State::Storing(_)) => {
                self.state = state;
                self.held_back |= progress.buffered > MAX_HELD_BYTES;
                if self.held_back { Step::HoldBack } else { Step::AwaitBody }
            }
            // A body that nobody waits for: what was decided is out of this gate's hands, anything else is a refusal.
            State::Start | State::Decided { .. } => {
                self.refuse_as_unavailable(authorizer, now, "a body came when none was awaited")
            }
        }
    }

    /// A push is decided as soon as its commands are known, everything else at the end of the body.
    fn read_on(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        awaiting: Awaiting,
        read: impl FnMut(usize, usize) -> Option<Vec<u8>>,
        now: Moment,
    ) -> Step {
        let Awaiting { headers, mut body, attempt, voice } = awaiting;
        match body.advance(self.body, read) {
            Ok(Body::Pending) => {
                self.state = State::AwaitingBody(Box::new(Awaiting { headers, body, attempt, voice }));
                Step::AwaitBody
            }
            // The head is judged again with the body: what expired or was revoked while the client sent it is refused.
            Ok(known @ (Body::Complete(_) | Body::Push { .. })) => {
                let borrowed: Vec<(&[u8], &[u8])> =
                    headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
                self.advance(authorizer, cache, &borrowed, known, now)
            }
            Err(denial) => {
                let voice = body.client().map_or(voice, Voice::push);
                self.refuse(authorizer, &attempt, &voice, &denial, now)
            }
        }
    }

    /// The record of the request once it is decided, without its closing brace (see the ledger in the docs).
    pub fn record(&self) -> Option<&str> {
        match &self.state {
            State::Decided { record } | State::Draining { record, .. } => Some(record),
            State::Start | State::AwaitingBody(_) | State::Asking(_) | State::Storing(_) => None,
        }
    }

    /// What goes on in place of the body, of which all has come: where the gate itself was answered in it.
    pub fn body_instead(&self) -> Option<&[u8]> {
        self.instead.as_deref()
    }

    /// The request is over. Returns the record of one that ended unanswered, such as a client that went away.
    pub fn finish(&mut self, authorizer: &Authorizer) -> Option<String> {
        let aborted = |attempt: &Attempt| {
            attempt.open_record(&self.id, authorizer.bundle_id(), self.started, None, Outcome::Aborted)
        };
        match &self.state {
            State::AwaitingBody(awaiting) => Some(aborted(&awaiting.attempt)),
            State::Asking(asking) => Some(aborted(&asking.attempt)),
            State::Storing(storing) => Some(aborted(&storing.attempt)),
            State::Draining { record, .. } => Some(record.clone()),
            State::Start | State::Decided { .. } => None,
        }
    }

    fn advance(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        headers: &[(&[u8], &[u8])],
        body: Body,
        now: Moment,
    ) -> Step {
        if matches!(
            self.state,
            State::Decided { .. } | State::Draining { .. } | State::Asking(_) | State::Storing(_)
        ) {
            return self.refuse_as_unavailable(authorizer, now, "the request was decided before");
        }
        let mut findings = Findings { attempt: Attempt::raw(headers), ..Findings::default() };
        let presented = Presented { headers, body: &body, approved: &[], asks: true, binds: true };
        let judgement = self.judge(authorizer, cache, presented, now, &mut findings);
        self.proven = self.proven.or(findings.proven);
        if self.notes {
            let known = findings.caller.clone().zip(findings.calls.clone());
            self.inquiry = known.map(|(caller, calls)| Inquiry { caller, calls, now: now.unix_time() });
        }
        match judgement {
            Ok(Judgement::Await(body)) => {
                let Findings { attempt, voice, .. } = findings;
                let headers = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                self.state = State::AwaitingBody(Box::new(Awaiting { headers, body, attempt, voice }));
                Step::AwaitBody
            }
            Ok(Judgement::Ask(mut question)) => {
                let Findings { attempt, voice, .. } = findings;
                let callout = question.take_callout();
                let headers = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                self.state =
                    State::Asking(Box::new(Asking { headers, body, attempt, voice, question: *question }));
                Step::Callout(callout)
            }
            Ok(Judgement::Decided(Decision::Allow(permit))) => {
                let Some(service) = findings.service else {
                    return self.refuse_as_unavailable(authorizer, now, "a permit without a service");
                };
                self.let_through(authorizer, findings, service, Passage::Permit(permit), headers, now)
            }
            Ok(Judgement::Decided(Decision::Deny(denial))) | Err(denial) => {
                self.refuse_or_observe(authorizer, findings, denial, headers, now)
            }
            Ok(Judgement::Decided(Decision::RequireApproval(hold))) => {
                self.refuse_or_observe(authorizer, findings, hold.denial, headers, now)
            }
        }
    }

    /// The way of one request. Authentication comes before any body is buffered, the catalog after authentication, so
    /// that nobody unknown learns what exists.
    fn judge<'a>(
        &self,
        authorizer: &'a Authorizer,
        cache: &mut TokenCache,
        presented: Presented<'_>,
        now: Moment,
        findings: &mut Findings<'a>,
    ) -> Result<Judgement, Denial> {
        let Presented { headers, body, approved, asks, binds } = presented;
        let head = RequestHead::parse(headers).map_err(|error| malformed(&error))?;
        let service = authorizer.select(&head).map_err(|error| malformed(&error))?;
        findings.attempt.service(&head, &service.call.name);
        findings.voice = Voice::of(&head, &service.call);
        let sender = self.identify(authorizer, cache, &head, service, now)?;
        findings.proven = sender.proven;
        let caller = findings.caller.insert(sender.caller);
        findings.attempt.caller(caller);
        findings.voice = std::mem::take(&mut findings.voice).for_known_caller(&head);
        // Only from here on may `mode: observe` soften a verdict.
        findings.service = Some(service);
        let route = service.call.adapter.route(&head, &service.call).map_err(|error| malformed(&error))?;
        let route = findings.route.insert(route);
        if binds {
            findings.session = session::opened(authorizer, caller, route)?;
        }
        let calls = match body {
            Body::Push { calls, client } => {
                findings.voice = client.as_ref().map_or(Voice::Git, Voice::push);
                ToolCalls::clone(calls)
            }
            Body::Complete(bytes) => extract(route, bytes, &mut findings.voice, &mut findings.heard)?,
            Body::Pending => match AwaitedBody::of(route) {
                Some(awaited) => return Ok(Judgement::Await(awaited)),
                None => extract(route, b"", &mut findings.voice, &mut findings.heard)?,
            },
        };
        if let (Voice::Mcp(client), Some(session)) = (&mut findings.voice, &findings.session) {
            client.opens_pages |= session.opens_pages;
        }
        let calls = findings.calls.insert(calls);
        findings.attempt.calls(calls);
        narrow(caller, calls, authorizer.scopes(caller.token().issuer_alias()), &authorizer.bundle.schema)?;
        let request = AccessRequest { caller, calls, now: now.unix_time(), approved };
        let decision = authorizer.bundle.decide(&request);
        if !matches!(decision, Decision::Deny(_)) {
            definition::check(self.shared.as_deref(), &service.call.name, &findings.heard.reviewed, calls)?;
        }
        let Decision::RequireApproval(hold) = &decision else { return Ok(Judgement::Decided(decision)) };
        // What is only observed troubles nobody.
        if !asks
            || service.mode == Mode::Observe
            || authorizer.approvals.is_none()
            || is_declined(&findings.voice)
        {
            return Ok(Judgement::Decided(decision));
        }
        let shown: &[u8] = match body {
            Body::Complete(bytes) => findings.heard.body.as_deref().unwrap_or(bytes),
            Body::Push { .. } => b"",
            // People see all of what they approve.
            Body::Pending => return Ok(Judgement::Await(AwaitedBody::to_show(authorizer.max_body))),
        };
        let held = Held { authorizer, service, head: &head, caller, route, calls, body: shown };
        let question = Question::of(held, &hold.denial, &self.id, self.entropy)?;
        Ok(question.map_or(Judgement::Decided(decision), |question| Judgement::Ask(Box::new(question))))
    }

    fn refuse_or_observe(
        &mut self,
        authorizer: &Authorizer,
        findings: Findings<'_>,
        denial: Denial,
        headers: &[(&[u8], &[u8])],
        now: Moment,
    ) -> Step {
        let Findings { attempt, voice, service, .. } = &findings;
        let Some(service) = service.filter(|service| service.mode == Mode::Observe) else {
            return self.refuse(authorizer, attempt, voice, &denial, now);
        };
        match Observation::soften(denial) {
            Ok(observation) => {
                let passage = Passage::Observation(observation);
                self.let_through(authorizer, findings, service, passage, headers, now)
            }
            Err(denial) => self.refuse(authorizer, attempt, voice, &denial, now),
        }
    }

    fn refuse(
        &mut self,
        authorizer: &Authorizer,
        attempt: &Attempt,
        voice: &Voice,
        denial: &Denial,
        now: Moment,
    ) -> Step {
        let outcome = if denial.reason == Reason::ApprovalRequired {
            Outcome::Hold(denial)
        } else {
            Outcome::Deny(denial)
        };
        let record = self.record_of(authorizer, attempt, outcome, now);
        let reply = voice.refuse(denial, &self.id);
        if voice.is_heard_at_the_end() && (!self.held_back || self.body.complete) {
            return self.drain(Drain::new(reply, now), record, now);
        }
        self.state = State::Decided { record };
        Step::Reply(reply)
    }

    /// Draws off what is buffered of a refused body, and answers at its end.
    fn drain(&mut self, drain: Drain, record: String, now: Moment) -> Step {
        match drain.take(self.body, now) {
            Drained::On(drain) => {
                self.state = State::Draining { drain, record };
                Step::Discard(self.body.buffered)
            }
            Drained::Over(reply) => {
                self.state = State::Decided { record };
                Step::Reply(reply)
            }
        }
    }

    /// Refuses because the host and the gate do not agree on where the request is.
    fn refuse_as_unavailable(&mut self, authorizer: &Authorizer, now: Moment, why: &str) -> Step {
        self.refuse(authorizer, &Attempt::default(), &Voice::Http, &unavailable(why), now)
    }

    fn record_of(
        &self,
        authorizer: &Authorizer,
        attempt: &Attempt,
        outcome: Outcome<'_>,
        now: Moment,
    ) -> String {
        let latency_us = (self.clock)().map(|decided| decided.micros_since(now));
        attempt.open_record(&self.id, authorizer.bundle_id(), self.started, latency_us, outcome)
    }
}

/// What is held of a push that is asked about, before its sender has to wait: what a 10 Gbit/s link brings in 10 ms, in
/// which most claims are answered. Up to here a refusal is told at the end of the body, where git hears it. Proxies
/// have to hold more than this: [`PUSH_BUFFER_BYTES`].
const MAX_HELD_BYTES: usize = 14 << 20;

/// What a proxy has to be able to hold of a request's body where pushes are held for approval (`request_body_buffer_limit`
/// of the route): [`MAX_HELD_BYTES`], and what is on its way until the sender stops. With less, a held push is answered 413.
pub const PUSH_BUFFER_BYTES: usize = 16 << 20;

/// The answer of a gate that has no usable bundle: every request is refused.
pub fn refuse_everything(started: Moment, random: [u8; 10]) -> LocalReply {
    let gate = Gate::new(started, random);
    let denial = Denial::new(Reason::GateUnavailable, "the gate has no usable configuration");
    Voice::Http.refuse(&denial, gate.id())
}

/// The host does not do its part. Why is for the operator.
fn unavailable(why: &str) -> Denial {
    let mut denial = Denial::new(Reason::GateUnavailable, "the gate could not decide");
    denial.internal = Some(why.to_owned());
    denial
}

/// Whether the caller's own user does not even want to ask.
fn is_declined(voice: &Voice) -> bool {
    matches!(voice, Voice::Mcp(client) if client.page == Some(Page::Declined))
}

/// The tool calls of a whole body. What it says of whom to answer is known even where it is refused.
fn extract(route: &Route, body: &[u8], voice: &mut Voice, heard: &mut Heard) -> Result<ToolCalls, Denial> {
    let calls = match route {
        Route::Mcp(route) => {
            let mcp::Reading { client, inspection, body, reviewed, calls } = route.read_body(body);
            *voice = Voice::Mcp(Box::new(client));
            *heard = Heard { inspection, body, reviewed };
            calls
        }
        Route::Rest(_) | Route::Git(_) => route.extract(body),
    };
    calls.map_err(|error| malformed(&error))
}

#[cfg(test)]
mod tests;
