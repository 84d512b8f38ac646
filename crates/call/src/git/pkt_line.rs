//! Packets of git's wire protocol (gitprotocol-common(5), "pkt-line Format"), read strictly from a body that is still
//! arriving.

use crate::error::CallError;

/// The longest packet, its four digits included: `LARGE_PACKET_MAX` of git's own reader.
pub const MAX_PACKET_BYTES: usize = 65_520;

/// The digits that begin every packet.
const LENGTH_DIGITS: usize = 4;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// What a packet carries: never nothing, since `0004` is refused.
    Data(&'a [u8]),
    /// `0000`, which ends a list.
    Flush,
    /// `0001`, which ends a section in version 2 of the protocol.
    Delimiter,
    /// `0002`, which ends an answer over HTTP in version 2.
    ResponseEnd,
}

/// Cuts bytes into packets, however they arrive. It holds one packet and what has come behind it, no more.
#[derive(Debug, Clone, Default)]
pub struct PacketReader {
    bytes: Vec<u8>,
    /// Where the next packet begins.
    start: usize,
}

// === impl PacketReader ===

impl PacketReader {
    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        // Whole packets have been read since the last time, so that each byte moves once.
        if self.start > 0 {
            let rest = self.bytes.split_off(self.start.min(self.bytes.len()));
            self.bytes = rest;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next packet, if all of it is here.
    ///
    /// # Errors
    /// [`CallError::GitFramingInvalid`] as soon as what is here cannot begin a packet.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CallError> {
        let Some(digits) = self.rest().get(..LENGTH_DIGITS) else {
            return match self.rest().iter().find_map(|digit| hex(*digit).err()) {
                Some(flaw) => Err(flaw),
                None => Ok(None),
            };
        };
        let length = length(digits)?;
        let special = match length {
            0 => Some(Packet::Flush),
            1 => Some(Packet::Delimiter),
            2 => Some(Packet::ResponseEnd),
            3 => return Err(CallError::framing("a packet of length 3")),
            // git asks senders not to send it, and readers differ in what they make of it.
            4 => return Err(CallError::framing("an empty packet")),
            _ if length > MAX_PACKET_BYTES => {
                return Err(CallError::framing("a packet of more than 65520 bytes"));
            }
            _ => None,
        };
        let begin = self.start.saturating_add(LENGTH_DIGITS);
        if let Some(special) = special {
            self.start = begin;
            return Ok(Some(special));
        }
        let end = self.start.saturating_add(length);
        if end > self.bytes.len() {
            return Ok(None);
        }
        self.start = end;
        Ok(self.bytes.get(begin..end).map(Packet::Data))
    }

    /// What has come behind the last packet.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

fn length(digits: &[u8]) -> Result<usize, CallError> {
    digits.iter().try_fold(0_usize, |length, digit| Ok(length << 4 | hex(*digit)?))
}

/// git's own reader also takes upper case, others do not: a length that readers read differently hides what follows.
fn hex(digit: u8) -> Result<usize, CallError> {
    match digit {
        b'0'..=b'9' => Ok(usize::from(digit.wrapping_sub(b'0'))),
        b'a'..=b'f' => Ok(usize::from(digit.wrapping_sub(b'a').wrapping_add(10))),
        _ => Err(CallError::framing("a packet length is not four hexadecimal digits in lower case")),
    }
}

#[cfg(test)]
mod tests;
