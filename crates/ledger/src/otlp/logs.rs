//! Events as log records.

use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

use super::value::{attributes, of_json, text};
use crate::{
    event::{Event, Kind},
    outcome::Outcome,
    record::Decision,
};

pub(super) fn log_record(event: &Event<'_>) -> LogRecord {
    let (severity, name) = severity(event);
    let time = event.time().nanos();
    let mut attributes = attributes(event);
    attributes.push(text("actgate.event_id", &event.id()));
    LogRecord {
        time_unix_nano: time,
        // Whoever saw it happen wrote it down.
        observed_time_unix_nano: time,
        severity_number: severity.into(),
        severity_text: name.to_owned(),
        body: Some(of_json(&event.json())),
        attributes,
        dropped_attributes_count: 0,
        flags: u32::from(event.trace.sampled),
        trace_id: event.trace.trace.to_vec(),
        span_id: event.span.to_vec(),
        event_name: event.name(),
    }
}

fn severity(event: &Event<'_>) -> (SeverityNumber, &'static str) {
    let is_refused = event.record.decided.as_ref().is_some_and(|decided| decided.decision != Decision::Allow);
    let is_alarming = match event.kind {
        Kind::Attempted | Kind::Approved => false,
        Kind::Decided => is_refused,
        Kind::Executed => event.outcome != Outcome::Succeeded,
        Kind::Lost => true,
    };
    if is_alarming { (SeverityNumber::Warn, "WARN") } else { (SeverityNumber::Info, "INFO") }
}
