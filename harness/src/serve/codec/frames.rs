//! HTTP/2 frame by frame. Header blocks are read here; hyper gets one in place of a head that says only which stream it
//! is and how long its body is, and trailers written anew. Every other frame passes as it is.

use loona_hpack::{Decoder, Encoder};

use super::{Heads, MAX_HEAD, block, head::Head, head::Refusal};

/// The client's side of a connection.
pub(super) struct Frames {
    decoder: Decoder<'static>,
    encoder: Encoder<'static>,
    /// How much of what comes is for hyper as it is.
    passing: usize,
    block: Option<Block>,
    /// The last stream that was opened: a block for another is trailers.
    last: u32,
}

/// A header block that is not whole yet.
struct Block {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
}

/// What cannot be told apart any more: the connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault;

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

type Field = (Vec<u8>, Vec<u8>);

/// RFC 9113 section 3.4
const PREFACE: usize = 24;

/// RFC 9113 section 6
const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

const FRAME_HEADER: usize = 9;

/// `SETTINGS_MAX_FRAME_SIZE` and `SETTINGS_HEADER_TABLE_SIZE`, which hyper leaves as they are.
const MAX_FRAME: usize = 16 * 1024;
const TABLE: usize = 4096;

/// What a field costs besides its bytes (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

// === impl Frames ===

impl Frames {
    pub(super) fn new() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(TABLE);
        Self { decoder, encoder: Encoder::new(), passing: PREFACE, block: None, last: 0 }
    }

    /// Takes what has come, up to a frame that is not whole.
    ///
    /// # Errors
    /// What ends the connection.
    pub(super) fn take(
        &mut self,
        input: &mut Vec<u8>,
        output: &mut Vec<u8>,
        heads: &Heads,
    ) -> Result<(), Fault> {
        loop {
            if self.passing > 0 {
                let count = self.passing.min(input.len());
                output.extend(input.drain(..count));
                self.passing = self.passing.saturating_sub(count);
            }
            let Some(frame) = Frame::read(input) else { return Ok(()) };
            let size = frame.length.saturating_add(FRAME_HEADER);
            match (frame.kind, &self.block) {
                (HEADERS, None) | (CONTINUATION, Some(_)) => {
                    if frame.length > MAX_FRAME {
                        return Err(Fault);
                    }
                    if input.len() < size {
                        return Ok(());
                    }
                    let bytes: Vec<u8> = input.drain(..size).skip(FRAME_HEADER).collect();
                    self.part(frame, &bytes, output, heads)?;
                }
                (HEADERS | CONTINUATION | PUSH_PROMISE, _) | (_, Some(_)) => return Err(Fault),
                (_, None) => self.passing = size,
            }
        }
    }

    /// Makes hyper end the connection: a block that refers to nothing (RFC 7541 section 6.1).
    pub(super) fn end(&self, output: &mut Vec<u8>) {
        write(output, HEADERS, END_HEADERS | END_STREAM, self.last.saturating_add(2) | 1, &[0x80]);
    }

    /// A part of a header block.
    fn part(&mut self, frame: Frame, bytes: &[u8], output: &mut Vec<u8>, heads: &Heads) -> Result<(), Fault> {
        let mut block = match self.block.take() {
            None => {
                let bytes = frame.fragment(bytes).ok_or(Fault)?.to_vec();
                Block { stream: frame.stream, ends_stream: frame.has(END_STREAM), bytes }
            }
            Some(block) if block.stream == frame.stream => {
                Block { bytes: [block.bytes.as_slice(), bytes].concat(), ..block }
            }
            Some(_) => return Err(Fault),
        };
        if block.bytes.len() > MAX_HEAD {
            return Err(Fault);
        }
        if !frame.has(END_HEADERS) {
            self.block = Some(block);
            return Ok(());
        }
        let fields = self.decode(&std::mem::take(&mut block.bytes))?;
        if block.stream <= self.last {
            let fields = fields.ok_or(Fault)?;
            if block::are_trailers(&fields) {
                self.rewrite(&block, &fields, output);
            } else {
                // hyper drops a pseudo-header in trailers, but resets a stream for this one.
                self.rewrite(&block, &[(b"connection".to_vec(), b"close".to_vec())], output);
            }
            return Ok(());
        }
        self.last = block.stream;
        let read = match fields {
            Some(fields) => block::parse(fields, block.ends_stream),
            None => Err(Refusal { status: 431, details: "http2.headers_too_large", head: Box::default() }),
        };
        self.stand_in(&block, &read, output);
        heads.put(block.stream, read.map(|(head, _)| head));
        Ok(())
    }

    /// The fields of a block; none where they are more than is read. A few bytes may stand for many.
    fn decode(&mut self, bytes: &[u8]) -> Result<Option<Vec<Field>>, Fault> {
        let (mut fields, mut size) = (Vec::new(), 0_usize);
        let decoded = self.decoder.decode_with_cb(bytes, |name, value| {
            size = size.saturating_add(name.len()).saturating_add(value.len()).saturating_add(FIELD_OVERHEAD);
            if size <= MAX_HEAD {
                fields.push((name.into_owned(), value.into_owned()));
            }
        });
        decoded.map_err(|_malformed| Fault)?;
        Ok(Some(fields).filter(|_| size <= MAX_HEAD))
    }

    /// What hyper reads in place of a head.
    fn stand_in(&mut self, block: &Block, read: &Result<(Head, Option<u64>), Refusal>, output: &mut Vec<u8>) {
        // Only HEAD has another framing of its response.
        let (method, length) = match read {
            Ok((head, length)) if head.method == b"HEAD" => ("HEAD", *length),
            Ok((_, length)) => ("POST", *length),
            Err(_) => ("POST", None),
        };
        let field = |name: &str, value: String| (name.as_bytes().to_vec(), value.into_bytes());
        let mut fields = vec![
            field(":method", method.to_owned()),
            field(":scheme", "http".to_owned()),
            field(":authority", "gate".to_owned()),
            field(":path", format!("/{}", block.stream)),
        ];
        fields.extend(length.map(|length| field("content-length", length.to_string())));
        self.rewrite(block, &fields, output);
    }

    /// Writes fields anew, byte for byte.
    fn rewrite(&mut self, block: &Block, fields: &[Field], output: &mut Vec<u8>) {
        let fields = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
        let bytes = self.encoder.encode(fields);
        let mut kind = HEADERS;
        let mut flags = if block.ends_stream { END_STREAM } else { 0 };
        let mut rest = bytes.as_slice();
        while let Some((part, more)) = rest.split_at_checked(MAX_FRAME).filter(|(_, more)| !more.is_empty()) {
            write(output, kind, flags, block.stream, part);
            (kind, flags, rest) = (CONTINUATION, 0, more);
        }
        write(output, kind, flags | END_HEADERS, block.stream, rest);
    }
}

// === impl Frame ===

impl Frame {
    /// The header of the frame that comes next.
    fn read(input: &[u8]) -> Option<Self> {
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *input.first_chunk::<FRAME_HEADER>()?;
        let length = usize::try_from(u32::from_be_bytes([0, l1, l2, l3])).ok()?;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]) & 0x7fff_ffff;
        Some(Self { length, kind, flags, stream })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The part of a block in HEADERS, without padding and priority.
    fn fragment<'b>(&self, payload: &'b [u8]) -> Option<&'b [u8]> {
        let (padding, rest) = match payload {
            [padding, rest @ ..] if self.has(PADDED) => (usize::from(*padding), rest),
            _ if self.has(PADDED) => return None,
            _ => (0, payload),
        };
        let rest = if self.has(PRIORITY) { rest.get(5..)? } else { rest };
        rest.get(..rest.len().checked_sub(padding)?)
    }
}

fn write(output: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    output.extend(length);
    output.extend([kind, flags]);
    output.extend(stream.to_be_bytes());
    output.extend_from_slice(payload);
}

#[cfg(test)]
mod tests;
