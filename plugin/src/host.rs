//! What the gate says, done to the proxy. The only `Action::Continue` of a request in the project is here.

use std::time::Duration;

use actgate_abi::{BufferType, Error, LogLevel, MapType, Pairs};
use actgate_authz::{AnswerChange, Callout, Forwarding, LocalReply, Moment, Passage, Thumbprint};
use proxy_wasm::types::Action;

use crate::metrics::Ending;

/// The filter state that the sentinel behind the gate reads.
const MARKER: &str = "actgate";
/// The filter state that the access log prints.
const RECORD: &str = "actgate.record";

/// What has been done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) action: Action,
    pub(crate) ending: Ending,
}

/// Lets a request through: record first, then marker, so that nothing passes unrecorded.
pub(crate) fn forward(forwarding: &Forwarding, record: &str) -> Result<Done, Error> {
    actgate_abi::set_property(RECORD, record.as_bytes())?;
    for name in &forwarding.remove {
        actgate_abi::remove_header(MapType::RequestHeaders, name)?;
    }
    for (name, value) in &forwarding.set {
        actgate_abi::set_header(MapType::RequestHeaders, name, value)?;
    }
    actgate_abi::set_property(MARKER, forwarding.marker().as_bytes())?;
    let ending = match forwarding.passage() {
        Passage::Permit(_) => Ending::Allowed,
        Passage::Observation(_) => Ending::Observed,
    };
    Ok(Done { action: Action::Continue, ending })
}

/// Puts another body in the place of the one that has come, of `buffered` bytes.
pub(crate) fn replace_body(buffered: usize, body: &[u8]) -> Result<(), Error> {
    actgate_abi::set_buffer(BufferType::RequestBody, 0, buffered, body)
}

/// Answers a request here. A local reply and `Pause` belong together.
pub(crate) fn reply(reply: &LocalReply, record: &str) -> Result<Done, Error> {
    // A refusal stands even where its record is not taken: the proxy's own line tells of it then.
    leave_record(record);
    actgate_abi::send_local_response(reply.status, &reply.details, &reply.headers, &reply.body)?;
    Ok(Done { action: Action::Pause, ending: Ending::Refused })
}

/// Throws away what is buffered of a refused body. The record is left at once: the client may go before it is answered.
pub(crate) fn discard(bytes: usize, record: &str) -> Result<(), Error> {
    actgate_abi::set_property(RECORD, record.as_bytes())?;
    if bytes == 0 {
        return Ok(());
    }
    actgate_abi::set_buffer(BufferType::RequestBody, 0, bytes, &[])
}

/// Holds a request whose body streams, and lets its sender wait once the proxy's buffer is full.
pub(crate) fn hold_back() -> Action {
    actgate_abi::body::wait_when_full();
    Action::Pause
}

/// Ends a request for which a hostcall failed. If even the answer fails, pausing is a refusal too: the proxy's own
/// timeout ends the stream, and the sentinel has no marker.
pub(crate) fn fail(error: &Error, answer: Option<&LocalReply>) -> Done {
    self::error(&format!("actgate: {error}"));
    if let Some(answer) = answer
        && let Err(second) =
            actgate_abi::send_local_response(answer.status, &answer.details, &answer.headers, &answer.body)
    {
        self::error(&format!("actgate: {second}"));
    }
    Done { action: Action::Pause, ending: Ending::Failed }
}

/// Leaves a record for a request that is not forwarded.
pub(crate) fn leave_record(record: &str) {
    if let Err(error) = actgate_abi::set_property(RECORD, record.as_bytes()) {
        self::error(&format!("actgate: {error}"));
    }
}

/// Asks what the gate wants to know. Through the SDK, which knows by the token that comes back whose answer comes.
pub(crate) fn ask(callout: &Callout) -> Result<u32, Error> {
    let headers = callout.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let timeout = Duration::from_millis(callout.timeout_millis);
    proxy_wasm::hostcalls::dispatch_http_call(&callout.cluster, headers, Some(&callout.body), vec![], timeout)
        .map_err(|status| Error { call: "proxy_http_call", status: Some(status as u32) })
}

/// The status of the answer to a callout; nothing where none came.
pub(crate) fn answer_status() -> Option<u16> {
    let pairs = actgate_abi::header_map(MapType::CalloutHeaders).ok()?;
    let fields = pairs.fields();
    let (_, status) = fields.iter().find(|(name, _)| *name == b":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// The body of the answer to a callout, `size` bytes.
pub(crate) fn answer_body(size: usize) -> Option<Vec<u8>> {
    if size == 0 {
        return Some(Vec::new());
    }
    actgate_abi::buffer(BufferType::CalloutBody, 0, size).ok()
}

/// What the client was answered, if it was.
pub(crate) fn response_status() -> Option<u16> {
    let bytes = actgate_abi::property(&["response", "code"]).ok()?;
    u16::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok().filter(|status| *status > 0)
}

/// Which certificate the client has shown in its handshake, where the connection is mutual TLS.
pub(crate) fn peer_certificate() -> Option<Thumbprint> {
    let digest = actgate_abi::property(&["connection", "sha256_peer_certificate_digest"]).ok()?;
    Thumbprint::from_hex(&digest)
}

/// Ends a pause. What is done to a paused request by a callout's answer is in [`forward`].
pub(crate) fn resume() -> Result<(), Error> {
    actgate_abi::continue_request()
}

/// The request's header fields.
pub(crate) fn request_headers() -> Result<Pairs, Error> {
    actgate_abi::header_map(MapType::RequestHeaders)
}

/// `size` bytes of what is buffered of the request's body, from `start`.
pub(crate) fn request_body(start: usize, size: usize) -> Option<Vec<u8>> {
    actgate_abi::buffer(BufferType::RequestBody, start, size).ok()
}

/// The answer's header fields.
pub(crate) fn answer_headers() -> Result<Pairs, Error> {
    actgate_abi::header_map(MapType::ResponseHeaders)
}

/// `size` bytes of what is here of the answer's body, from `start`.
pub(crate) fn answer_part(start: usize, size: usize) -> Option<Vec<u8>> {
    actgate_abi::buffer(BufferType::ResponseBody, start, size).ok()
}

/// Changes an answer, of whose body `size` bytes are here.
pub(crate) fn change_answer(change: &AnswerChange, size: usize) -> Result<(), Error> {
    for name in &change.remove {
        actgate_abi::remove_header(MapType::ResponseHeaders, name)?;
    }
    for (name, value) in &change.set {
        actgate_abi::set_header(MapType::ResponseHeaders, name, value)?;
    }
    match &change.body {
        Some(body) if size > 0 || !body.is_empty() => {
            actgate_abi::set_buffer(BufferType::ResponseBody, 0, size, body)
        }
        Some(_) | None => Ok(()),
    }
}

/// Answers instead of the upstream, of whose answer nothing has gone on.
pub(crate) fn answer_instead(reply: &LocalReply) -> Result<(), Error> {
    actgate_abi::send_local_response(reply.status, &reply.details, &reply.headers, &reply.body)
}

/// The plugin's configuration: the bundle as JSON.
pub(crate) fn plugin_configuration() -> Result<Vec<u8>, Error> {
    actgate_abi::buffer(BufferType::PluginConfiguration, 0, usize::MAX)
}

/// The time.
pub(crate) fn now() -> Result<Moment, Error> {
    actgate_abi::current_time().map(Moment::from_unix_nanos)
}

pub(crate) fn info(message: &str) {
    actgate_abi::log(LogLevel::Info, message);
}

pub(crate) fn warn(message: &str) {
    actgate_abi::log(LogLevel::Warn, message);
}

pub(crate) fn error(message: &str) {
    actgate_abi::log(LogLevel::Error, message);
}
