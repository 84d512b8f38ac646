//! The ledger's record of one request, as the access log of `envoy/demo.yaml` writes it.

use chrono::DateTime;
use serde_json::{Value, json};

use super::codec::Head;
use crate::host::StreamInfo;

/// What really happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Executed {
    pub(super) flags: &'static str,
    /// Where it was sent; empty where it was not.
    pub(super) upstream: String,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) duration_ms: u64,
}

/// The filter state that the plugin leaves its record in: a JSON object that lacks only its end.
const RECORD: &[u8] = b"wasm.actgate.record";

/// One line of the ledger.
pub(super) fn line(info: &StreamInfo, head: &Head, executed: &Executed, started: u64) -> String {
    let outcome = json!({
        "status": info.code.unwrap_or_default(),
        // A field of the access log holds no space.
        "details": info.details.as_deref().unwrap_or_default().replace(' ', "_"),
        "flags": executed.flags,
        "upstream": executed.upstream,
        "request_bytes": executed.request_bytes,
        "response_bytes": executed.response_bytes,
        "duration_ms": executed.duration_ms,
    });
    match info.filter_state.get(RECORD).filter(|record| !record.is_empty()) {
        Some(record) => format!("{},\"executed\":{outcome}}}", String::from_utf8_lossy(record)),
        None => rejected(head, &outcome, started).to_string(),
    }
}

/// What never reached the plugin. Without the query, which may hold credentials.
fn rejected(head: &Head, outcome: &Value, started: u64) -> Value {
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
    json!({
        "v": 1,
        "stage": "rejected_by_proxy",
        "time": time(started),
        "attempted": attempted,
        "executed": outcome,
    })
}

/// Nanoseconds since 1970, as RFC 3339 has them.
fn time(nanos: u64) -> String {
    let time = DateTime::from_timestamp_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
