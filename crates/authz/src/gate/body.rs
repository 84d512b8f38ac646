//! The body of a request, as far as the decision needs it.

use actgate_call::{
    BodyNeed, CallError, Route, ToolCalls,
    git::{PushClient, PushReader},
};

use super::unavailable;
use crate::{
    decision::Denial,
    reason::{CallReason, Reason},
};

/// A chunk of a push is read in pieces of this size: the commands of most pushes are in the first, and the pack behind
/// them is not copied in vain.
const PIECE_BYTES: usize = 16 * 1024;

/// How much of a body the proxy holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes buffered so far.
    pub buffered: usize,
    /// Whether these are all: end of stream, or trailers have come.
    pub complete: bool,
}

/// What the request's body is known to be.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// There is one, and not enough of it is here.
    Pending,
    /// This is all of it.
    Complete(Vec<u8>),
    /// Its beginning asks for this; the rest streams.
    Push { calls: Box<ToolCalls>, client: Option<PushClient> },
}

/// A body that is waited for.
#[derive(Debug)]
pub(super) enum AwaitedBody {
    /// All of it, at most so many bytes.
    Whole { limit: usize, excess: CallReason },
    /// Its beginning, of which so many bytes have been read.
    Push { reader: Box<PushReader>, read: usize },
}

// === impl AwaitedBody ===

impl AwaitedBody {
    /// What to wait for, if anything.
    pub(super) fn of(route: &Route) -> Option<Self> {
        if let Some(reader) = route.prefix_reader() {
            return Some(Self::Push { reader: Box::new(reader), read: 0 });
        }
        match route.body_need() {
            BodyNeed::Ignore => None,
            BodyNeed::None => Some(Self::Whole { limit: 0, excess: CallReason::BodyNotAllowed }),
            BodyNeed::Prefix { max } | BodyNeed::Whole { max } => {
                Some(Self::Whole { limit: max, excess: CallReason::BodyTooLarge })
            }
        }
    }

    /// All of a body that says nothing about the call, because people are to see what they approve.
    pub(super) const fn to_show(limit: usize) -> Self {
        Self::Whole { limit, excess: CallReason::BodyTooLarge }
    }

    /// Reads on. `read` gives `length` bytes from `start`.
    ///
    /// # Errors
    /// A body that is too large, that cannot be a push, or that the host does not give.
    pub(super) fn advance(
        &mut self,
        progress: BodyProgress,
        mut read: impl FnMut(usize, usize) -> Option<Vec<u8>>,
    ) -> Result<Body, Denial> {
        let mut exactly = |start: usize, length: usize| {
            let bytes = if length == 0 { Some(Vec::new()) } else { read(start, length) };
            bytes
                .filter(|bytes| bytes.len() == length)
                .ok_or_else(|| unavailable("the body could not be read"))
        };
        match self {
            Self::Whole { limit, excess } => {
                if progress.buffered > *limit {
                    let detail = if *limit == 0 {
                        "this route takes no body".to_owned()
                    } else {
                        format!("the body is larger than {limit} bytes")
                    };
                    return Err(Denial::new(Reason::Call(*excess), detail));
                }
                if !progress.complete {
                    return Ok(Body::Pending);
                }
                exactly(0, progress.buffered).map(Body::Complete)
            }
            Self::Push { reader, read } => loop {
                let length = progress
                    .buffered
                    .checked_sub(*read)
                    .ok_or_else(|| unavailable("the body became shorter"))?
                    .min(PIECE_BYTES);
                let piece = exactly(*read, length)?;
                *read = read.saturating_add(length);
                let all_here = *read >= progress.buffered;
                let known = reader.feed(&piece, all_here && progress.complete);
                if let Some(calls) = known.map_err(|error| malformed(&error))? {
                    return Ok(Body::Push { calls: Box::new(calls), client: reader.client().cloned() });
                }
                if all_here {
                    return Ok(Body::Pending);
                }
            },
        }
    }

    /// What the sender can be told by now.
    pub(super) fn client(&self) -> Option<&PushClient> {
        match self {
            Self::Whole { .. } => None,
            Self::Push { reader, .. } => reader.client(),
        }
    }
}

pub(super) fn malformed(error: &CallError) -> Denial {
    Denial::new(Reason::from(error), error.to_string())
}
