//! Whose turn it is to ask: one worker at a time, with pauses.

use crate::{key_source::seconds_between, moment::Moment};

/// Between two requests for the sake of a key id that nobody knows. Strangers choose key ids: a flood of them costs the
/// issuer one request a minute.
pub(super) const MISS_PAUSE_SECONDS: i64 = 60;

/// After a failure while there are keys that count.
const FAILURE_PAUSE_SECONDS: i64 = 60;

/// The longest pause while there are none: everything of the issuer is refused, so that it is to end soon, and a proxy that
/// asks six times a minute is no burden to a server that is coming back.
const REFUSING_PAUSE_SECONDS: i64 = 10;

/// What the host may take beyond the timeout until it says that nothing came.
const GRACE_MILLIS: u64 = 1000;

/// What workers know of each other's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// When it was last asked; never where absent.
    attempted: Option<Moment>,
    /// Until when an answer is awaited.
    until: Option<Moment>,
    /// How many attempts in a row have failed.
    failures: u32,
}

// === impl Lease ===

impl Lease {
    /// Reads what a worker wrote. Whatever else is there is no lease.
    pub fn read(bytes: &[u8]) -> Self {
        let parse = || {
            let (attempted, rest) = bytes.split_first_chunk::<8>()?;
            let (until, rest) = rest.split_first_chunk::<8>()?;
            let failures = u32::from_le_bytes(rest.try_into().ok()?);
            let moment = |bytes: &[u8; 8]| {
                Some(u64::from_le_bytes(*bytes)).filter(|nanos| *nanos > 0).map(Moment::from_unix_nanos)
            };
            Some(Self { attempted: moment(attempted), until: moment(until), failures })
        };
        parse().unwrap_or_default()
    }

    /// Writes it for the others.
    pub fn write(self) -> Vec<u8> {
        let nanos = |moment: Option<Moment>| moment.map_or(0, Moment::unix_nanos).to_le_bytes();
        [&nanos(self.attempted)[..], &nanos(self.until), &self.failures.to_le_bytes()].concat()
    }

    /// The lease once an answer came, or once it is clear that none will.
    #[must_use]
    pub fn returned(self, succeeded: bool) -> Self {
        let failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
        Self { attempted: self.attempted, until: None, failures }
    }

    /// Whether somebody awaits an answer.
    pub fn is_held(self, now: Moment) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    pub(super) fn taken(self, timeout_millis: u64, now: Moment) -> Self {
        let until = now.plus_millis(timeout_millis.saturating_add(GRACE_MILLIS));
        Self { attempted: Some(now), until: Some(until), failures: self.failures }
    }

    /// How long to wait after the last attempt: not at all after a success, longer and longer where there are no keys and
    /// everything is refused anyway.
    pub(super) fn pause(self, keys_are_known: bool) -> i64 {
        match self.failures {
            0 => 0,
            _ if keys_are_known => FAILURE_PAUSE_SECONDS,
            1 => 1,
            2 => 2,
            3 => 4,
            _ => REFUSING_PAUSE_SECONDS,
        }
    }

    /// Whether the last attempt was so long ago. One in the future is of a clock that was wrong.
    pub(super) fn rested(self, seconds: i64, now: Moment) -> bool {
        self.attempted.is_none_or(|attempted| attempted > now || seconds_between(attempted, now) >= seconds)
    }
}
