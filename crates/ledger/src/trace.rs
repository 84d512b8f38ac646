//! Ids of traces and spans: those of the request, and those that are made of an action id.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::record::Record;

/// Keeps these hashes apart from all others.
const DOMAIN: &[u8] = b"actgate-span/v1\0";

/// The trace that a request's calls are spans of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace: [u8; 16],
    /// The span of the client that sent the request.
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) sampled: bool,
}

// === impl TraceContext ===

impl TraceContext {
    /// The request's own, or, where it had none, a trace that is called after its key.
    pub(crate) fn of(record: &Record, key: &str) -> Self {
        let theirs = record.trace.as_deref().and_then(bytes::<16>).filter(is_sound);
        let parent = record.parent.as_deref().and_then(bytes::<8>).filter(is_sound);
        match theirs {
            Some(trace) => Self { trace, parent, sampled: record.sampled },
            None => Self { trace: own(key), parent: None, sampled: true },
        }
    }

    /// As W3C Trace Context writes it, for a span within the trace.
    pub(crate) fn traceparent(&self, span: [u8; 8]) -> String {
        format!("00-{}-{}-0{}", hex(&self.trace), hex(&span), u8::from(self.sampled))
    }
}

/// The span of a request's call: the same whenever it is made.
pub(crate) fn span(key: &str, index: usize) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(key.as_bytes());
    hash.update(b"\0");
    hash.update(u64::try_from(index).unwrap_or(u64::MAX).to_be_bytes());
    sound(hash.finalize().into())
}

/// A UUID is as long as a trace id: whoever knows the one finds the other. Anything else is hashed.
fn own(key: &str) -> [u8; 16] {
    let plain: String = key.split('-').collect();
    bytes::<16>(&plain).filter(is_sound).unwrap_or_else(|| sound(Sha256::digest(key.as_bytes()).into()))
}

/// The beginning of a digest, as an id, which must not be all zero.
fn sound<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut id = [0; N];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    if is_sound(&id) { id } else { [1; N] }
}

fn is_sound<const N: usize>(id: &[u8; N]) -> bool {
    id.iter().any(|byte| *byte != 0)
}

/// Lower-case hexadecimal digits, as ids are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a String does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|digit| match digit {
            b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    let mut id = [0; N];
    for (to, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *to = (high << 4) | low;
    }
    Some(id)
}
