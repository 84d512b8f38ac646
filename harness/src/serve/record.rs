//! The ledger's record of one request, as the access log of `envoy/demo.yaml` writes it.

use actgate_authz::Executed;
use chrono::DateTime;
use serde_json::Value;

use super::codec::Head;
use crate::host::StreamInfo;

/// The filter state that the plugin leaves its record in: a JSON object that lacks only its end.
const RECORD: &[u8] = b"wasm.actgate.record";

/// One line of the ledger.
pub(super) fn line(info: &StreamInfo, head: &Head, executed: &Executed, started: u64) -> String {
    let executed = Executed {
        status: info.code.unwrap_or_default(),
        details: info.details.clone().unwrap_or_default(),
        request_bytes: info.request_bytes,
        response_bytes: executed.response_bytes.saturating_add(info.response_bytes),
        duration_ms: info.duration / 1_000_000,
        ..executed.clone()
    };
    match info.filter_state.get(RECORD).filter(|record| !record.is_empty()) {
        Some(record) => executed.complete(&String::from_utf8_lossy(record)),
        None => executed.complete(&rejected(head, started)),
    }
}

/// What never reached the plugin. Without the query, which may hold credentials.
fn rejected(head: &Head, started: u64) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut attempted = serde_json::Map::new();
    if !head.method.is_empty() {
        attempted.insert("method".to_owned(), text(&head.method).into());
    }
    if let Some(authority) = &head.authority {
        // A user in it may come with a password.
        let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
        attempted.insert("authority".to_owned(), text(host).into());
    }
    if let Some(path) = &head.path {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        attempted.insert("path".to_owned(), text(path).into());
    }
    // The object that lacks only its end, as the plugin leaves one.
    let attempted = Value::Object(attempted);
    format!(
        "{{\"v\":1,\"stage\":\"rejected_by_proxy\",\"time\":\"{}\",\"attempted\":{attempted}",
        time(started)
    )
}

/// Nanoseconds since 1970, as RFC 3339 has them.
fn time(nanos: u64) -> String {
    let time = DateTime::from_timestamp_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
