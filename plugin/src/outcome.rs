//! What became of a request, as the proxy knows it when the request is over.

use actgate_abi::{Error, MapType};
use actgate_authz::Executed;

/// Reads it all. `complete`: the end of the request's body has been seen.
pub(crate) fn executed(complete: bool) -> Executed {
    Executed {
        status: number(&["response", "code"]).and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
        details: text(&["response", "code_details"]),
        flags: Executed::flags_of(number(&["response", "flags"]).unwrap_or_default()),
        upstream: text(&["upstream", "address"]),
        request_bytes: request_bytes(complete),
        response_bytes: number(&["response", "size"]).unwrap_or_default(),
        duration_ms: number(&["request", "duration"]).unwrap_or_default() / NANOS_OF_A_MILLISECOND,
    }
}

const NANOS_OF_A_MILLISECOND: u64 = 1_000_000;

/// The bytes of the request's body that have come. The proxy's `request.size` is what was announced, which is more where
/// the client went away; then it is what is left of the whole message without its head.
fn request_bytes(complete: bool) -> u64 {
    if complete {
        return number(&["request", "size"]).unwrap_or_default();
    }
    let head = actgate_abi::header_map(MapType::RequestHeaders).map(|pairs| {
        let lengths: usize =
            pairs.fields().iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
        u64::try_from(lengths).unwrap_or(u64::MAX)
    });
    match (number(&["request", "total_size"]), head) {
        (Some(total), Ok(head)) => total.saturating_sub(head),
        (Some(_) | None, Ok(_) | Err(Error { .. })) => number(&["request", "size"]).unwrap_or_default(),
    }
}

fn number(path: &[&str]) -> Option<u64> {
    let bytes = actgate_abi::property(path).ok()?;
    u64::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn text(path: &[&str]) -> String {
    actgate_abi::property(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
