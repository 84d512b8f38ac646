//! Properties: what the proxy knows, and filter state that the module sets (`Context::getProperty`).

use super::{
    headers::Headers,
    state::Host,
    status::Status,
    stream::{Direction, Phase, Stream},
};

/// Before the name of a property that a module sets.
const STATE_PREFIX: &[u8] = b"wasm.";

/// The value at a path whose elements are separated by NUL.
pub(super) fn get(host: &Host, path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    let elements: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
    match elements.as_slice() {
        [b"plugin_name"] => return Some(host.plugin.name.clone().into_bytes()),
        [b"plugin_root_id"] => return Some(host.plugin.root_id.clone().into_bytes()),
        [b"plugin_vm_id"] => return Some(host.plugin.vm_id.clone().into_bytes()),
        _ => {}
    }
    let stream = host.stream()?;
    let found = match elements.as_slice() {
        [b"request", rest @ ..] => request(host, stream, rest),
        [b"response", rest @ ..] => response(stream, rest),
        [b"filter_state", key] => stream.info.filter_state.get(*key).cloned(),
        [name] => stream.info.filter_state.get(&state_key(name)).cloned(),
        _ => None,
    };
    found.or_else(|| stream.attributes.get(path).cloned())
}

/// Sets filter state of the stream. What was declared as read-only is set once.
pub(super) fn set(host: &mut Host, path: &[u8], value: Vec<u8>) -> Result<(), Status> {
    let read_only = host.read_only.contains(path);
    let stream = host.stream_mut().ok_or(Status::NotFound)?;
    let key = state_key(path);
    if read_only && stream.info.filter_state.contains_key(&key) {
        return Err(Status::BadArgument);
    }
    stream.info.filter_state.insert(key, value);
    Ok(())
}

fn state_key(name: &[u8]) -> Vec<u8> {
    [STATE_PREFIX, name].concat()
}

fn request(host: &Host, stream: &Stream, path: &[&[u8]]) -> Option<Vec<u8>> {
    if let [b"time"] = path {
        return Some(host.now.to_le_bytes().to_vec());
    }
    // What is announced is not looked at: it is what has come.
    match path {
        [b"size"] => return Some(stream.info.request_bytes.to_le_bytes().to_vec()),
        [b"duration"] if stream.phase == Phase::Log => {
            return Some(stream.info.duration.to_le_bytes().to_vec());
        }
        _ => {}
    }
    let headers = shown(stream, Direction::Request)?;
    let header = |name: &str| headers.first(name.as_bytes()).map(<[u8]>::to_vec);
    let target = || headers.first(b":path").unwrap_or_default();
    match path {
        [b"path"] => header(":path"),
        [b"url_path"] => target().split(|byte| *byte == b'?').next().map(<[u8]>::to_vec),
        [b"query"] => Some(target().splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default().to_vec()),
        [b"host"] => header(":authority"),
        [b"scheme"] => header(":scheme"),
        [b"method"] => header(":method"),
        [b"referer"] => header("referer"),
        [b"useragent"] => header("user-agent"),
        [b"id"] => header("x-request-id"),
        [b"headers", name] => headers.joined(name),
        _ => None,
    }
}

fn response(stream: &Stream, path: &[&[u8]]) -> Option<Vec<u8>> {
    match path {
        [b"code"] => stream.info.code.map(|code| u64::from(code).to_le_bytes().to_vec()),
        [b"size"] => Some(stream.info.response_bytes.to_le_bytes().to_vec()),
        [b"code_details"] => stream.info.details.clone().map(String::into_bytes),
        [b"headers", name] => shown(stream, Direction::Response)?.joined(name),
        [b"trailers", name] => stream.map(Direction::Response, true)?.joined(name),
        _ => None,
    }
}

/// The headers that properties are made of: those that the module could read now.
fn shown(stream: &Stream, direction: Direction) -> Option<&Headers> {
    let message = stream.message(direction);
    if stream.phase == Phase::Log {
        return message.arrived.then_some(&message.headers);
    }
    message.headers_shown.then_some(&message.headers)
}
