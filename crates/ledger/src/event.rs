//! The events of a record: each tool call that was attempted, decided, approved, executed.

use serde_json::{Map, Value, json};

use crate::{
    outcome::Outcome,
    record::{Call, Record},
    time::Time,
    trace::{TraceContext, hex, span},
};

/// Where a record was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a gateway's own log.
    Log,
    /// In the service's store.
    Stored {
        /// The gateway.
        gateway: String,
        /// Its emitter.
        emitter: String,
        /// Its number, of its emitter.
        sequence: i64,
    },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody asked for it. Of every record.
    Attempted,
    /// A decision fell, whichever.
    Decided,
    /// People had approved it, and their approval was used.
    Approved,
    /// It reached an upstream, with or without success, or may have.
    Executed,
    /// Records were lost: of no call, and of none of the others.
    Lost,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event<'r> {
    pub(crate) record: &'r Record,
    pub(crate) place: &'r Place,
    /// What happened.
    pub kind: Kind,
    /// The action id, or what stands for it.
    pub(crate) key: String,
    /// Which of the request's calls; 0 where it was not understood as any.
    pub(crate) index: usize,
    pub(crate) call: Option<&'r Call>,
    pub(crate) trace: TraceContext,
    pub(crate) span: [u8; 8],
    pub(crate) outcome: Outcome,
}

/// The events of a record: of every call, in the order in which they happened.
pub fn events<'r>(record: &'r Record, place: &'r Place) -> Vec<Event<'r>> {
    let mut all = Vec::new();
    if record.lost.is_some() {
        return vec![Event { kind: Kind::Lost, ..attempt(record, place) }];
    }
    for one in calls(record, place) {
        let kinds = [
            (Kind::Attempted, true),
            (Kind::Decided, record.decided.is_some()),
            (Kind::Approved, record.approved.is_some()),
            (Kind::Executed, !matches!(one.outcome, Outcome::Open | Outcome::NotExecuted)),
        ];
        for (kind, _) in kinds.into_iter().filter(|(_, happened)| *happened) {
            all.push(Event { kind, ..one.clone() });
        }
    }
    all
}

/// The attempt of each call; one without a call where the request was not understood as any.
pub(crate) fn calls<'r>(record: &'r Record, place: &'r Place) -> Vec<Event<'r>> {
    if record.lost.is_some() {
        return Vec::new();
    }
    let request = attempt(record, place);
    let calls = &record.attempted.calls;
    if calls.is_empty() {
        return vec![request];
    }
    let one = |(index, call)| Event { index, call, span: span(&request.key, index), ..request.clone() };
    calls.iter().map(Some).enumerate().map(one).collect()
}

/// The attempt of a request, without a call.
fn attempt<'r>(record: &'r Record, place: &'r Place) -> Event<'r> {
    let key = record.key(place);
    Event {
        record,
        place,
        kind: Kind::Attempted,
        index: 0,
        call: None,
        trace: TraceContext::of(record, &key),
        span: span(&key, 0),
        outcome: Outcome::of(record),
        key,
    }
}

// === impl Kind ===

impl Kind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Decided => "decided",
            Self::Approved => "approved",
            Self::Executed => "executed",
            Self::Lost => "lost",
        }
    }
}

// === impl Event ===

impl Event<'_> {
    /// Its id: of the action, the call and the kind. The same whenever it is made.
    pub fn id(&self) -> String {
        format!("{}.{}.{}", self.key, self.index, self.kind.as_str())
    }

    /// What events of its kind are called.
    pub(crate) fn name(&self) -> String {
        let of = if self.kind == Kind::Lost { "records" } else { "call" };
        format!("actgate.{of}.{}", self.kind.as_str())
    }

    pub(crate) fn time(&self) -> Time {
        match self.kind {
            Kind::Attempted | Kind::Lost => self.record.time,
            Kind::Decided | Kind::Approved => self.record.decided_at(),
            Kind::Executed => self.record.ended_at(),
        }
    }

    /// The action, or what the request was where it was not understood as any call.
    pub(crate) fn action(&self) -> String {
        match self.call {
            Some(call) => call.action.clone(),
            None => {
                let method = self.record.attempted.method.as_deref();
                method
                    .map_or_else(|| "request".to_owned(), |method| format!("http.{}", method.to_lowercase()))
            }
        }
    }

    /// The event as JSON: `docs/ledger-event.schema.json`.
    pub fn json(&self) -> Value {
        let Self { record, key, call, trace, .. } = self;
        let asked = &record.attempted;
        let mut event = Members::default();
        event.add("v", json!(1));
        event.add("event", json!(self.kind.as_str()));
        event.add("id", json!(self.id()));
        event.add("action_id", json!(key));
        event.add("time", json!(self.time().to_string()));
        if let Place::Stored { gateway, emitter, sequence } = self.place {
            event.add("gateway", json!(gateway));
            event.add("emitter", json!(emitter));
            event.add("sequence", json!(sequence));
        }
        event.add("trace", json!({ "id": hex(&trace.trace), "span": hex(&self.span) }));
        event.some("service", record.service.as_ref());
        event.some("bundle", record.bundle.as_ref());
        event.add("stage", json!(record.stage));
        let mut caller = Members::default();
        caller.some("subject", asked.subject.as_ref());
        caller.some("actor", asked.actor.as_ref());
        caller.list("chain", &asked.chain);
        caller.some("task", asked.task.as_ref());
        caller.some("ticket", asked.ticket.as_ref());
        caller.some("jti", asked.jti.as_ref());
        event.object("caller", caller);
        let mut request = Members::default();
        request.some("method", asked.method.as_ref());
        request.some("authority", asked.authority.as_ref());
        request.some("path", asked.path.as_ref());
        if asked.query {
            request.add("query", json!(true));
        }
        event.object("request", request);
        if let Some(call) = call {
            let mut told = Members::default();
            told.add("index", json!(self.index));
            told.add("of", json!(record.calls()));
            told.add("action", json!(call.action));
            told.add("resource", json!(call.resource));
            if !call.arguments.is_null() {
                told.add("arguments", call.arguments.clone());
            }
            event.object("call", told);
        }
        match self.kind {
            Kind::Attempted => {}
            Kind::Decided => event.object("decided", self.decided()),
            Kind::Approved => event.object("approved", self.approved()),
            Kind::Executed => event.object("executed", self.executed()),
            Kind::Lost => event.object("lost", self.lost()),
        }
        if self.kind != Kind::Lost {
            event.add("outcome", json!(self.outcome.as_str()));
        }
        event.into_value()
    }

    fn decided(&self) -> Members {
        let mut told = Members::default();
        if let Some(decided) = &self.record.decided {
            told.add("decision", json!(decided.decision.as_str()));
            told.add("policies", json!(decided.policies));
            told.some("latency_us", decided.latency_us.as_ref());
            told.some("reason", decided.reason.as_ref());
            told.some("status", decided.status.as_ref());
            told.some("detail", decided.detail.as_ref());
            told.list("groups", &decided.groups);
            told.some("approval", decided.approval.as_ref());
        }
        told
    }

    fn approved(&self) -> Members {
        let mut told = Members::default();
        if let Some(approved) = &self.record.approved {
            told.add("id", json!(approved.id));
            told.add("grant", json!(approved.grant));
            told.add("groups", json!(approved.groups));
            told.add("approvers", json!(approved.approvers));
        }
        told
    }

    fn lost(&self) -> Members {
        let mut told = Members::default();
        if let Some(lost) = &self.record.lost {
            told.add("cause", json!(lost.cause));
            told.add("count", json!(lost.count));
            told.add("first", json!(lost.first));
            told.add("last", json!(lost.last));
        }
        told
    }

    fn executed(&self) -> Members {
        let executed = &self.record.executed;
        let mut told = Members::default();
        told.add("status", json!(executed.status));
        told.some("details", executed.details.as_ref());
        told.some("flags", executed.flags.as_ref());
        told.some("upstream", executed.upstream.as_ref());
        told.some("request_bytes", executed.request_bytes.as_ref());
        told.some("response_bytes", executed.response_bytes.as_ref());
        told.some("duration_ms", executed.duration_ms.as_ref());
        if let Some(answered) = self.record.answered.get("outcome") {
            told.add("answered", answered.clone());
        }
        told
    }
}

/// An object that has no member without a value.
#[derive(Debug, Default)]
pub(crate) struct Members(Map<String, Value>);

// === impl Members ===

impl Members {
    pub(crate) fn add(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn some<T: serde::Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.add(name, json!(value));
        }
    }

    pub(crate) fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.add(name, json!(values));
        }
    }

    pub(crate) fn object(&mut self, name: &str, members: Self) {
        if !members.0.is_empty() {
            self.add(name, members.into_value());
        }
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}
