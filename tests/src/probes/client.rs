//! A client that sends a request in parts, with pauses, so that each part is a callback.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::scenario::{Message, Scenario};

/// Long enough for the proxy to have read a part before the next one comes.
const PAUSE: Duration = Duration::from_millis(40);

/// Sends the request of a scenario. None where no response came in time, and an empty message for a connection that
/// was closed.
pub async fn send(address: SocketAddr, scenario: &Scenario, limit: Duration) -> Option<Message> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (mut reader, mut writer) = stream.into_split();
    let parts = parts(scenario);
    let writing = tokio::spawn(async move {
        for part in parts {
            // A proxy that has answered reads no further.
            if writer.write_all(&part).await.is_err() {
                break;
            }
            sleep(PAUSE).await;
        }
        std::future::pending::<()>().await;
    });
    let mut bytes = Vec::new();
    let is_head = scenario.method == "HEAD";
    let read = async {
        loop {
            if let Some(message) = whole(&bytes, is_head, false) {
                return Some(message);
            }
            if !matches!(reader.read_buf(&mut bytes).await, Ok(1..)) {
                return whole(&bytes, is_head, true);
            }
        }
    };
    let result = timeout(limit, read).await.ok();
    writing.abort();
    result.map(Option::unwrap_or_default)
}

fn parts(scenario: &Scenario) -> Vec<Vec<u8>> {
    let mut head =
        format!("{} /probe HTTP/1.1\r\nhost: probe\r\nx-scenario: {}\r\n", scenario.method, scenario.name);
    for (name, value) in scenario.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if scenario.has_body() {
        head.push_str("transfer-encoding: chunked\r\n");
    }
    head.push_str("\r\n");
    let mut parts = vec![head.into_bytes()];
    if scenario.has_body() {
        parts.extend(
            scenario
                .parts()
                .filter(|part| !part.is_empty())
                .map(|part| format!("{:x}\r\n{part}\r\n", part.len()).into_bytes()),
        );
        let mut end = "0\r\n".to_owned();
        for (name, value) in scenario.trailers {
            end.push_str(&format!("{name}: {value}\r\n"));
        }
        end.push_str("\r\n");
        parts.push(end.into_bytes());
    }
    parts
}

/// The response that these bytes are, if they are a whole one.
fn whole(bytes: &[u8], is_head: bool, closed: bool) -> Option<Message> {
    let (head, mut rest) = split(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.to_owned();
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    let message = |body: Vec<u8>| Message::new(&status, fields.iter().copied(), body);
    if is_head {
        return Some(message(Vec::new()));
    }
    if field("transfer-encoding").is_none() {
        let length: usize = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        return if rest.len() >= length {
            Some(message(rest[..length].to_vec()))
        } else {
            closed.then(Message::default)
        };
    }
    let mut body = Vec::new();
    loop {
        let Some((line, after)) = split(rest, b"\r\n") else { return closed.then(Message::default) };
        let size = usize::from_str_radix(&String::from_utf8_lossy(line), 16).ok()?;
        if size == 0 {
            let mut message = message(body);
            let mut rest = after;
            loop {
                let (line, after) = split(rest, b"\r\n")?;
                if line.is_empty() {
                    return Some(message);
                }
                let line = String::from_utf8_lossy(line).into_owned();
                let (name, value) = line.split_once(": ")?;
                message.trailers.push((name.to_owned(), value.to_owned()));
                rest = after;
            }
        }
        if after.len() < size + 2 {
            return closed.then(Message::default);
        }
        body.extend(&after[..size]);
        rest = &after[size + 2..];
    }
}

pub(super) fn split<'b>(bytes: &'b [u8], end: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = bytes.windows(end.len()).position(|window| window == end)?;
    Some((&bytes[..at], &bytes[at + end.len()..]))
}
