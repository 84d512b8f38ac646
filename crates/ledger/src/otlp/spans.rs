//! Tool calls as spans, each in the trace that its request came with.

use opentelemetry_proto::tonic::trace::v1::{
    Span, Status,
    span::{Event as SpanEvent, SpanKind},
    status::StatusCode,
};

use super::value::{attributes, text};
use crate::{
    event::{Event, Kind, Place, calls, events},
    outcome::Outcome,
    record::{Decision, Record},
};

/// OTLP's flags of a span: it is known whether its parent is remote, and it is.
const PARENT_IS_REMOTE: u32 = 0x300;

/// One for each call. There is none of an attempt whose record has not come: nobody knows when it ended.
pub(super) fn spans(record: &Record, place: &Place) -> Vec<Span> {
    if Outcome::of(record) == Outcome::Open {
        return Vec::new();
    }
    let happened = events(record, place);
    calls(record, place)
        .into_iter()
        .map(|call| {
            let own = happened.iter().filter(|event| event.index == call.index);
            span(&call, own.map(event).collect())
        })
        .collect()
}

fn span(call: &Event<'_>, events: Vec<SpanEvent>) -> Span {
    let mut attributes = attributes(call);
    let status = status(call);
    // The conventions' name for the kind of thing that went wrong.
    if status.code == i32::from(StatusCode::Error) {
        attributes.push(text("error.type", &status.message));
    }
    if call.call.is_some() {
        attributes.push(text("gen_ai.operation.name", "execute_tool"));
        attributes.push(text("gen_ai.tool.name", &call.action()));
    }
    let parent = call.trace.parent;
    let remote = if parent.is_some() { PARENT_IS_REMOTE } else { 0 };
    Span {
        trace_id: call.trace.trace.to_vec(),
        span_id: call.span.to_vec(),
        trace_state: String::new(),
        parent_span_id: parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        flags: u32::from(call.trace.sampled) | remote,
        name: call.action(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: call.record.time.nanos(),
        end_time_unix_nano: call.record.ended_at().nanos(),
        attributes,
        dropped_attributes_count: 0,
        events,
        dropped_events_count: 0,
        links: Vec::new(),
        dropped_links_count: 0,
        status: Some(status),
    }
}

fn event(event: &Event<'_>) -> SpanEvent {
    SpanEvent {
        time_unix_nano: event.time().nanos(),
        name: event.name(),
        attributes: match (&event.record.approved, event.kind) {
            (Some(approved), Kind::Approved) => vec![text("actgate.approval", &approved.id)],
            _ => Vec::new(),
        },
        dropped_attributes_count: 0,
    }
}

/// A call that was refused, or that failed or may have, is an error of its span; one that waits for people is not.
fn status(call: &Event<'_>) -> Status {
    let error = |message: &str| Status { message: message.to_owned(), code: StatusCode::Error.into() };
    let refused = call.record.decided.as_ref().filter(|decided| decided.decision == Decision::Deny);
    match (refused, call.outcome) {
        (Some(decided), _) => error(decided.reason.as_deref().unwrap_or("denied")),
        (None, Outcome::Failed) => error("failed"),
        (None, Outcome::Unknown) => error("unknown"),
        (None, Outcome::Open | Outcome::NotExecuted | Outcome::Succeeded) => Status::default(),
    }
}
