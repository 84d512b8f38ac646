//! What waits to be sent to the ledger's service: numbered, in order, bounded; one batch at a time.

use std::collections::VecDeque;

use serde::Deserialize;

use super::{
    EVENTS_PATH, LedgerService,
    loss::{Cause, Losses},
};
use crate::{
    claim::{Callout, CalloutAnswer},
    moment::Moment,
};

/// What waits in one VM, at most: 8 MiB are some 7,000 records, a few seconds of a busy worker, and a quarter of what a
/// worker's VM may take.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Small records cost their entry too.
const MAX_WAITING: usize = 16_384;

/// One batch: below what the service takes (1,000 records, 8 MiB), and small enough to be copied three times.
const MAX_BATCH: usize = 500;
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// When so much waits, the next tick is too late for it.
const URGENT: usize = 250;
const URGENT_BYTES: usize = MAX_BATCH_BYTES / 2;

/// A batch is one transaction of the service.
const TIMEOUT_MILLIS: u64 = 5_000;

/// After a failure: 250 ms, and twice as long each time, up to 5 s. A worker at 1,000 requests a second fills its buffer
/// in seven.
const FIRST_BACK_OFF_MILLIS: u64 = 250;
const MAX_BACK_OFF_MILLIS: u64 = 5_000;

/// Longer than any answer.
const MAX_ANSWER_BYTES: usize = 1024;

/// The records of one emitter. An emitter is the life of one VM, whose name has randomness in it, so that its numbers
/// begin with 1.
#[derive(Debug)]
pub struct Outbox {
    service: LedgerService,
    emitter: String,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    next: u64,
    /// How many of those at the front are on their way.
    sent: Option<usize>,
    /// How many records a batch may have: fewer while one is looked for that is refused.
    batch: usize,
    losses: Losses,
    failures: u32,
    not_before: Option<Moment>,
    seed: u64,
    tally: Tally,
}

/// What has happened since it was last taken, for counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that the service has stored.
    pub stored: u64,
    /// Records that it will never have.
    pub lost: u64,
    /// Batches that failed, and are sent again.
    pub failed: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    record: String,
    /// An event of a loss. Where even that is refused, nothing is said of it: it would be refused too.
    is_loss: bool,
}

/// What the service says of a batch that it has.
#[derive(Deserialize)]
struct Acknowledged {
    stored: u64,
    known: u64,
    last: u64,
}

// === impl Outbox ===

impl Outbox {
    /// An emitter that begins now.
    pub fn new(service: &LedgerService, random: [u8; 8]) -> Self {
        let life: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            emitter: format!("{}/{life}", service.emitter),
            service: service.clone(),
            waiting: VecDeque::new(),
            bytes: 0,
            next: 1,
            sent: None,
            batch: MAX_BATCH,
            losses: Losses::default(),
            failures: 0,
            not_before: None,
            seed: u64::from_le_bytes(random),
            tally: Tally::default(),
        }
    }

    /// Its name at the service.
    pub fn emitter(&self) -> &str {
        &self.emitter
    }

    /// Takes a whole record. Where there is no room it is lost: what waits longest is closest to being stored.
    pub fn push(&mut self, record: String) {
        let number = self.number();
        let bytes = self.bytes.saturating_add(record.len());
        if self.waiting.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            self.tally.lost = self.tally.lost.saturating_add(1);
            self.losses.add(Cause::Overflow, number);
            return;
        }
        self.bytes = bytes;
        self.waiting.push_back(Waiting { number, record, is_loss: false });
    }

    /// Whether it is better not to wait for the next tick.
    pub fn is_urgent(&self, now: Moment) -> bool {
        self.may_send(now) && (self.waiting.len() >= URGENT || self.bytes >= URGENT_BYTES)
    }

    /// The next batch, if it is time for one. Its answer goes to [`Self::answered`].
    pub fn due(&mut self, now: Moment) -> Option<Callout> {
        if !self.may_send(now) {
            return None;
        }
        self.tell_losses(now);
        let (mut count, mut bytes) = (0_usize, 0_usize);
        for waiting in self.waiting.iter().take(self.batch) {
            bytes = bytes.saturating_add(waiting.record.len());
            if count > 0 && bytes > MAX_BATCH_BYTES {
                break;
            }
            count = count.saturating_add(1);
        }
        if count == 0 {
            return None;
        }
        self.sent = Some(count);
        Some(self.service.callout(EVENTS_PATH, self.batch_of(count, bytes), TIMEOUT_MILLIS))
    }

    /// The service has answered, or not (`None`: a timeout, a reset, a callout that the host refused).
    pub fn answered(&mut self, answer: Option<CalloutAnswer<'_>>, now: Moment) {
        let Some(count) = self.sent.take() else { return };
        match answer {
            Some(CalloutAnswer { status: 200, body }) if self.is_acknowledged(count, body) => {
                for _ in 0..count {
                    self.forget_first();
                }
                self.tally.stored = self.tally.stored.saturating_add(as_number(count));
                self.batch = self.batch.saturating_mul(2).min(MAX_BATCH);
                (self.failures, self.not_before) = (0, None);
            }
            // It has understood, and says no to something in it: halves find out to what. Nothing waits behind that.
            Some(CalloutAnswer { status: 400 | 409 | 413 | 422, .. }) => {
                if count > 1 {
                    self.batch = count / 2;
                } else if let Some(refused) = self.forget_first() {
                    self.tally.lost = self.tally.lost.saturating_add(1);
                    if !refused.is_loss {
                        self.losses.add(Cause::Refused, refused.number);
                    }
                }
                (self.failures, self.not_before) = (0, None);
            }
            Some(_) | None => {
                self.tally.failed = self.tally.failed.saturating_add(1);
                self.not_before = Some(now.plus_millis(self.back_off()));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// What happened since this was last asked.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether nothing waits, is on its way, or is yet to be told.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.losses.is_empty()
    }

    fn may_send(&self, now: Moment) -> bool {
        // A clock that was set back does not hold it up.
        let waits = |until: Moment| now < until && until <= now.plus_millis(MAX_BACK_OFF_MILLIS);
        self.sent.is_none() && !self.not_before.is_some_and(waits)
    }

    /// Says what is lost, where there is room: the events wait in line as records do.
    fn tell_losses(&mut self, now: Moment) {
        while self.waiting.len() < MAX_WAITING && self.bytes < MAX_WAITING_BYTES {
            let Some(loss) = self.losses.take() else { return };
            let (number, record) = (self.number(), loss.record(now));
            self.bytes = self.bytes.saturating_add(record.len());
            self.waiting.push_back(Waiting { number, record, is_loss: true });
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    fn forget_first(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(first.record.len());
        Some(first)
    }

    fn batch_of(&self, count: usize, bytes: usize) -> String {
        // Around each record there are a number and some punctuation.
        let mut body =
            String::with_capacity(bytes.saturating_add(count.saturating_mul(48)).saturating_add(256));
        body.push_str("{\"emitter\":\"");
        body.push_str(&self.emitter);
        body.push_str("\",\"events\":[");
        for (place, Waiting { number, record, is_loss: _ }) in self.waiting.iter().take(count).enumerate() {
            if place > 0 {
                body.push(',');
            }
            body.push_str("{\"sequence\":");
            body.push_str(&number.to_string());
            body.push_str(",\"record\":");
            body.push_str(record);
            body.push('}');
        }
        body.push_str("]}");
        body
    }

    /// Whether these are the words of a service that has all of a batch.
    fn is_acknowledged(&self, count: usize, body: &[u8]) -> bool {
        let Some(last) = count.checked_sub(1).and_then(|place| self.waiting.get(place)) else { return false };
        if body.len() > MAX_ANSWER_BYTES {
            return false;
        }
        serde_json::from_slice::<Acknowledged>(body).is_ok_and(|said| {
            said.stored.checked_add(said.known) == Some(as_number(count)) && said.last >= last.number
        })
    }

    /// How long to wait, between half and all of what it is in full: workers that failed together come back apart.
    fn back_off(&mut self) -> u64 {
        let full = FIRST_BACK_OFF_MILLIS
            .saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX))
            .min(MAX_BACK_OFF_MILLIS);
        // xorshift64 (Marsaglia 2003), which only has to differ between workers.
        self.seed = self.seed.max(1);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let half = full / 2;
        half.saturating_add(self.seed.checked_rem(half.saturating_add(1)).unwrap_or_default())
    }
}

fn as_number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
