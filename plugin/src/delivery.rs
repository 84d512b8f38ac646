//! Records go to the ledger's service: taken when requests are over, sent on ticks. When and what is the outbox's to say.

use std::time::Duration;

use actgate_abi::{Error, MetricType, define_metric, increment_metric};
use actgate_authz::{CalloutAnswer, LedgerService, Outbox};

use crate::host;

/// How often a worker looks whether there is something to send: it is how much later than the log the service has a record.
const TICK: Duration = Duration::from_millis(250);

/// What cannot wait is sent by the next tick, since only there an answer finds the one who asked.
const HURRY: Duration = Duration::from_millis(1);

/// Longer than any answer that is read.
const MAX_ANSWER_BYTES: usize = 4096;

/// The records of this VM on their way.
#[derive(Debug)]
pub(crate) struct Delivery {
    outbox: Outbox,
    /// The request that an answer is awaited of.
    request: Option<u32>,
    /// The tick that was there before, while there is a hurry.
    hurried: bool,
    /// Whether somebody else keeps the timer, in a period that is short enough.
    shares_timer: bool,
    sent: u32,
    lost: u32,
    failed: u32,
}

// === impl Delivery ===

impl Delivery {
    /// Begins to deliver. `shares_timer`: the root context is ticked for another reason already.
    pub(crate) fn begin(service: &LedgerService, shares_timer: bool) -> Result<Self, Error> {
        let counter = |name| define_metric(MetricType::Counter, name);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| Error { call: "random_get", status: None })?;
        let outbox = Outbox::new(service, random);
        host::info(&format!("actgate: records go to the ledger as {}", outbox.emitter()));
        let delivery = Self {
            outbox,
            request: None,
            hurried: false,
            shares_timer,
            sent: counter("actgate_ledger_records_sent")?,
            lost: counter("actgate_ledger_records_lost")?,
            failed: counter("actgate_ledger_batches_failed")?,
        };
        if !shares_timer {
            actgate_abi::set_tick_period(TICK)?;
        }
        Ok(delivery)
    }

    /// A request is over, and this is its whole record.
    pub(crate) fn take(&mut self, record: String) {
        self.outbox.push(record);
        if self.shares_timer || self.hurried {
            return;
        }
        match host::now() {
            Ok(now) if self.outbox.is_urgent(now) => self.hurried = self.set_tick(HURRY),
            Ok(_) => {}
            Err(error) => host::error(&format!("actgate: ledger: {error}")),
        }
    }

    /// Time has passed.
    pub(crate) fn on_tick(&mut self) {
        if self.hurried {
            self.hurried = !self.set_tick(TICK);
        }
        self.send();
        self.count();
    }

    /// An answer has come, or will not come. `false` if it is to another question.
    pub(crate) fn on_answer(&mut self, request: u32, body_size: usize) -> bool {
        if self.request != Some(request) {
            return false;
        }
        self.request = None;
        let status = host::answer_status();
        // A body that is too large is not even copied.
        let body = status.and_then(|_| host::answer_body(body_size.min(MAX_ANSWER_BYTES)));
        let answer = status.zip(body.as_deref()).map(|(status, body)| CalloutAnswer { status, body });
        match host::now() {
            Ok(now) => {
                let failed = status.filter(|status| *status != 200);
                if let Some(status) = failed {
                    host::warn(&format!("actgate: the ledger's service answered {status} to a batch"));
                }
                self.outbox.answered(answer, now);
                // What has piled up goes on at once.
                if self.outbox.is_urgent(now) {
                    self.send();
                }
            }
            Err(error) => host::error(&format!("actgate: ledger: {error}")),
        }
        self.count();
        true
    }

    fn send(&mut self) {
        let now = match host::now() {
            Ok(now) => now,
            Err(error) => return host::error(&format!("actgate: ledger: {error}")),
        };
        let Some(callout) = self.outbox.due(now) else { return };
        match host::ask(&callout) {
            Ok(request) => self.request = Some(request),
            Err(error) => {
                host::warn(&format!("actgate: ledger: {error}"));
                self.outbox.answered(None, now);
            }
        }
    }

    fn set_tick(&self, period: Duration) -> bool {
        let set = actgate_abi::set_tick_period(period);
        if let Err(error) = &set {
            host::error(&format!("actgate: ledger: {error}"));
        }
        set.is_ok()
    }

    fn count(&mut self) {
        let tally = self.outbox.take_tally();
        for (counter, count) in
            [(self.sent, tally.stored), (self.lost, tally.lost), (self.failed, tally.failed)]
        {
            if count > 0
                && let Err(error) = increment_metric(counter, i64::try_from(count).unwrap_or(i64::MAX))
            {
                host::error(&format!("actgate: ledger: {error}"));
            }
        }
        if tally.lost > 0 {
            host::warn(&format!("actgate: {} records are lost to the ledger's service", tally.lost));
        }
    }
}
