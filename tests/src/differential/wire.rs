//! HTTP/1.1 as bytes, in both directions: what a piece looks like, and what a connection carried so far.

use super::{
    plan::{Framing, Piece, Pieces},
    seen::Message,
};

/// A piece of a message that begins with `start`.
pub fn bytes(start: &str, pieces: &Pieces, piece: &Piece) -> Vec<u8> {
    let chunked = pieces.parts.is_some() && pieces.framing == Framing::Chunks;
    match piece {
        Piece::Head(_) => {
            let mut head = format!("{start}\r\n");
            for (name, value) in &pieces.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            if chunked {
                head.push_str("transfer-encoding: chunked\r\n");
            }
            format!("{head}\r\n").into_bytes()
        }
        Piece::Part(data, _) if chunked => {
            let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
            chunk.extend(data);
            chunk.extend(b"\r\n");
            chunk
        }
        Piece::Part(data, _) => data.clone(),
        Piece::End => b"0\r\n\r\n".to_vec(),
        Piece::Trailers => {
            let mut end = "0\r\n".to_owned();
            for (name, value) in &pieces.trailers {
                end.push_str(&format!("{name}: {value}\r\n"));
            }
            format!("{end}\r\n").into_bytes()
        }
    }
}

/// The message that these bytes are, as far as it has come; none before its head is whole. `bodiless` is for the
/// answer to a HEAD.
pub fn message(bytes: &[u8], bodiless: bool) -> Option<Message> {
    let (head, mut rest) = split(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let mut start = [words.next()?, words.next()?].join(" ");
    let all: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let field = |name: &str| all.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let is_response = start.starts_with("HTTP/");
    if is_response {
        start = start.split_off("HTTP/1.1 ".len());
        if start.starts_with('1') {
            return message(rest, bodiless);
        }
    } else {
        start = format!("{start} {}", field("host").unwrap_or_default());
    }
    let bodiless = bodiless || matches!(start.as_str(), "204" | "304");
    let mut message = Message::new(start, all.iter().filter(|(name, _)| name != "host").cloned());
    let length = field("content-length").and_then(|text| text.parse::<usize>().ok());
    if field("transfer-encoding").is_none() || bodiless {
        let length = if bodiless { 0 } else { length.unwrap_or(0) };
        message.body = rest[..rest.len().min(length)].to_vec();
        message.complete = rest.len() >= length;
        return Some(message);
    }
    while let Some((line, after)) = split(rest, b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(line), 16).expect("the size of a chunk");
        if size == 0 {
            trailers(after, &mut message);
            break;
        }
        message.body.extend(&after[..after.len().min(size)]);
        let Some(next) = after.get(size + 2..) else { break };
        rest = next;
    }
    Some(message)
}

fn trailers(mut rest: &[u8], message: &mut Message) {
    let mut fields = Vec::new();
    while let Some((line, after)) = split(rest, b"\r\n") {
        if line.is_empty() {
            fields.sort();
            message.trailers = fields;
            message.complete = true;
            return;
        }
        let line = String::from_utf8_lossy(line).into_owned();
        let (name, value) = line.split_once(':').expect("a field");
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        rest = after;
    }
}

/// What is before and after the first occurrence of some bytes.
pub fn split<'b>(bytes: &'b [u8], end: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = bytes.windows(end.len()).position(|window| window == end)?;
    Some((&bytes[..at], &bytes[at + end.len()..]))
}
