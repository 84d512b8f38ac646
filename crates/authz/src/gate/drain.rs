//! A refusal that waits for the end of the request's body, which goes nowhere.

use super::body::BodyProgress;
use crate::{moment::Moment, reply::LocalReply};

/// 1 GiB: the largest pack that is worth waiting for, twice what hosting services take in one push.
const MAX_BYTES: usize = 1 << 30;
/// Enough for those bytes at 2 MiB/s, which is what git compresses on a slow machine while it sends. It holds a
/// connection and nothing else, and only as long as bytes come: the proxy's idle timeout ends one on which none do. A
/// sender that needs longer gets its answer early.
const MAX_SECONDS: u64 = 600;

/// Draws a refused body off.
#[derive(Debug)]
pub(super) struct Drain {
    reply: LocalReply,
    until: Moment,
    left: usize,
}

/// How a drain goes on.
#[derive(Debug)]
pub(super) enum Drained {
    /// The bytes that are here go; more may come.
    On(Drain),
    /// It is over, or has taken enough: this is the answer.
    Over(LocalReply),
}

// === impl Drain ===

impl Drain {
    pub(super) fn new(reply: LocalReply, now: Moment) -> Self {
        Self { reply, until: now.plus_seconds(MAX_SECONDS), left: MAX_BYTES }
    }

    /// Takes what is buffered now.
    pub(super) fn take(self, body: BodyProgress, now: Moment) -> Drained {
        match self.left.checked_sub(body.buffered) {
            Some(left) if !body.complete && now < self.until => Drained::On(Self { left, ..self }),
            Some(_) | None => Drained::Over(self.reply),
        }
    }
}

#[cfg(test)]
mod tests;
