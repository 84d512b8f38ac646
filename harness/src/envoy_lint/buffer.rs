//! How much of a body Envoy holds: a push that waits for an approval has to fit, or it is answered 413 and never gets one.

use actgate_authz::PUSH_BUFFER_BYTES;
use serde_json::Value;

use super::field::field;
use crate::{diagnostic::Diagnostic, document::Place};

/// The field of routes and virtual hosts. It stands above what the listener says.
const OF_ROUTE: &str = "request_body_buffer_limit";
const OF_LISTENER: &str = "per_connection_buffer_limit_bytes";

/// What Envoy holds where nobody says anything.
const USUAL: u64 = 1 << 20;

/// What a listener says of a connection's buffer, if this is one that does.
pub(super) fn of_listener(place: &Place<'_>) -> Option<u64> {
    field(place, OF_LISTENER).as_ref().and_then(bytes)
}

/// What is wrong with the buffer of a route on which pushes are held; `levels` are what it inherits from, nearest first.
pub(super) fn too_small_for_pushes(
    levels: &[&Place<'_>; 3],
    of_listener: Option<u64>,
    service: &str,
) -> Option<Diagnostic> {
    let said = levels.iter().find_map(|level| field(level, OF_ROUTE));
    let held = said.as_ref().map_or_else(|| of_listener.unwrap_or(USUAL), |place| bytes(place).unwrap_or(0));
    let least = u64::try_from(PUSH_BUFFER_BYTES).unwrap_or(u64::MAX);
    if held >= least {
        return None;
    }
    let message =
        format!("pushes of service `{service}` are held for approval, and {held} bytes of one are too few");
    let [route, ..] = levels;
    let finding = said.as_ref().map_or_else(|| route.error(&*message), |place| place.key_error(&*message));
    Some(finding.with_help(format!(
        "`{OF_ROUTE}: {least}` on the route; Envoy answers a longer push with 413 otherwise"
    )))
}

/// A number of bytes, which JSON may write as a string (protobuf's form of 64 bits).
fn bytes(place: &Place<'_>) -> Option<u64> {
    match place.value() {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
