//! An HTTP/2 client (prior knowledge) that sends the frames it is given, in or out of order.
//!
//! A library client would refuse to send most of what has to be tried here. Header blocks are written without
//! compression; of a response only what a test asks for is read: status, body, and how the stream ended.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(10);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const ACK: u8 = 0x1;

/// One request: its frames after the connection's preface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames(Vec<u8>);

/// What came back on stream 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status, where there was a response.
    pub status: Option<u16>,
    /// Its body.
    pub body: Vec<u8>,
    /// The code of a RST_STREAM.
    pub reset: Option<u32>,
    /// The code of a GOAWAY.
    pub goaway: Option<u32>,
    /// Whether it came to an end of any kind in time.
    pub ended: bool,
}

// === impl Frames ===

impl Frames {
    /// A header block; `last` ends the request.
    pub fn headers(self, fields: &[(&str, &str)], last: bool) -> Self {
        let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
        self.frame(HEADERS, END_HEADERS | if last { END_STREAM } else { 0 }, &block)
    }

    /// A part of the body; `last` ends the request.
    pub fn data(self, bytes: &[u8], last: bool) -> Self {
        self.frame(DATA, if last { END_STREAM } else { 0 }, bytes)
    }

    /// Any frame on stream 1.
    fn frame(mut self, kind: u8, flags: u8, payload: &[u8]) -> Self {
        self.0.extend(frame(kind, flags, 1, payload));
        self
    }
}

/// Sends a request on a connection of its own and waits for its end.
pub async fn send(address: SocketAddr, frames: &Frames) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(&frames.0);
    stream.write_all(&bytes).await.expect("a write");
    let mut answer = Answer::default();
    answer.ended = timeout(LIMIT, read(&mut stream, &mut answer)).await.is_ok();
    answer
}

async fn read(stream: &mut TcpStream, answer: &mut Answer) {
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, flags, d, e, f, g] = head;
        let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        let on_stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
        match kind {
            // Should it fail, so does the next read.
            SETTINGS if flags & ACK == 0 => drop(stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await),
            // Trailers have no status.
            HEADERS if on_stream == 1 && answer.status.is_none() => answer.status = status(&payload),
            DATA if on_stream == 1 => {
                assert_eq!(flags & PADDED, 0, "Envoy does not pad");
                answer.body.extend(&payload);
            }
            RST_STREAM if on_stream == 1 => answer.reset = code(&payload, 0),
            GOAWAY => answer.goaway = code(&payload, 4),
            _ => {}
        }
        let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        if (on_stream == 1 && (ends || kind == RST_STREAM)) || kind == GOAWAY {
            return;
        }
    }
}

fn code(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= 16_384, "larger than SETTINGS_MAX_FRAME_SIZE");
    let [_, a, b, c] = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    let mut bytes = vec![a, b, c, kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A literal field without indexing, with a new name (RFC 7541 section 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(integer(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An integer with a 7-bit prefix whose first bit, that of the Huffman code, is 0 (RFC 7541 section 5.1).
fn integer(value: usize) -> Vec<u8> {
    let Some(mut rest) = value.checked_sub(0x7f) else { return vec![u8::try_from(value).expect("7 bits")] };
    let mut bytes = vec![0x7f];
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest % 0x80).expect("7 bits") | 0x80);
        rest /= 0x80;
    }
    bytes.push(u8::try_from(rest).expect("7 bits"));
    bytes
}

/// The `:status` that a header block begins with.
fn status(block: &[u8]) -> Option<u16> {
    // Dynamic table size updates come first (RFC 7541 section 4.2).
    let block = &block[block.iter().position(|byte| byte & 0xe0 != 0x20)?..];
    match block {
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500].get(usize::from(indexed - 0x88)).copied()
        }
        // A literal with the name of static entry 8, indexed or not, the value coded or not.
        [0x48 | 0x08 | 0x18, 3, digits @ ..] => std::str::from_utf8(digits.get(..3)?).ok()?.parse().ok(),
        [0x48 | 0x08 | 0x18, length, coded @ ..] if length & 0x80 != 0 => digits(coded),
        _ => None,
    }
}

/// Three digits in the Huffman code of RFC 7541 appendix B: 0 to 2 take five bits, 3 to 9 six.
fn digits(coded: &[u8]) -> Option<u16> {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |sum, _| Some(sum << 1 | bits.next()?))?;
        let digit = if five <= 2 { five } else { (five << 1 | bits.next()?).checked_sub(0x16)? };
        number = number * 10 + u16::from(digit);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_the_status_of_a_header_block() {
        for (block, expected) in [
            (&[0x88][..], Some(200)),
            (&[0x20, 0x8c], Some(400)),
            (&[0x48, 3, b'4', b'0', b'3'], Some(403)),
            // 4 = 011010, 0 = 00000, 3 = 011001, padded with ones.
            (&[0x48, 0x83, 0b0110_1000, 0b0000_1100, 0b1111_1111], Some(403)),
            // 5 = 011011, 0 = 00000, 3 = 011001.
            (&[0x48, 0x83, 0b0110_1100, 0b0000_1100, 0b1111_1111], Some(503)),
            (&[], None),
        ] {
            assert_eq!(super::status(block), expected, "{block:?}");
        }
    }
}
