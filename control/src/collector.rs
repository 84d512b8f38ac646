//! Sends the ledger on to an OpenTelemetry collector: beside all requests, from what is stored, in each emitter's order.
//!
//! What the collector has taken is written down, so that a restart goes on from there. A batch whose answer was lost is sent
//! again, with the same ids: at least once, and nothing is left out but what the collector refuses for good, which is said.

mod client;

use std::{sync::Arc, time::Duration};

use actgate_ledger::{Place, Record, otlp::Signal};

pub use self::client::CollectorClient;
use crate::{
    app::{App, log},
    store::{LedgerRow, Waiting},
};

/// How often it looks where there was nothing.
const PACE: Duration = Duration::from_secs(1);

/// After a failure, doubled with each further one: a collector that comes back is not run over, and not left waiting.
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LAST_BACK_OFF: Duration = Duration::from_secs(60);

/// Records of one batch, and their bytes: their events take some four times as much, and collectors take some MiB at once.
const BATCH: i64 = 200;
const BATCH_BYTES: usize = 512 * 1024;

/// Of several replicas one sends; it says so anew with each batch. Longer than a batch can take.
const LEASE_SECONDS: i64 = 45;

/// Why nothing more is sent for now.
#[derive(Debug)]
pub(crate) struct Later {
    why: String,
    after: Option<Duration>,
}

/// What sends one signal, for as long as the service runs.
pub(crate) struct Sender {
    app: Arc<App>,
    client: Arc<CollectorClient>,
    signal: Signal,
}

// === impl Sender ===

impl Sender {
    pub(crate) const fn new(app: Arc<App>, client: Arc<CollectorClient>, signal: Signal) -> Self {
        Self { app, client, signal }
    }

    pub(crate) async fn run(self) {
        let mut back_off = FIRST_BACK_OFF;
        let mut failed: u32 = 0;
        loop {
            match self.round().await {
                Ok(sent) => {
                    if failed > 0 {
                        log(&format!("collector: {} are taken again, after {failed} failures", self.name()));
                    }
                    (back_off, failed) = (FIRST_BACK_OFF, 0);
                    if sent == 0 {
                        tokio::time::sleep(PACE).await;
                    }
                }
                Err(Later { why, after }) => {
                    if failed == 0 {
                        log(&format!("collector: {} wait: {why}", self.name()));
                    }
                    failed = failed.saturating_add(1);
                    tokio::time::sleep(after.unwrap_or(back_off).clamp(FIRST_BACK_OFF, LAST_BACK_OFF)).await;
                    back_off = back_off.saturating_mul(2).min(LAST_BACK_OFF);
                }
            }
        }
    }

    /// Lets another replica go on at once.
    pub(crate) async fn release(app: &App, signal: Signal) -> Result<(), sqlx::Error> {
        app.store.release(lease(signal), &app.instance).await
    }

    const fn name(&self) -> &'static str {
        name(self.signal)
    }

    /// A batch of every emitter that has something; how many records that were.
    async fn round(&self) -> Result<usize, Later> {
        let mut sent: usize = 0;
        if !self.holds().await? {
            return Ok(0);
        }
        for waiting in self.app.store.uncollected(self.name()).await? {
            let rows =
                self.app.store.ledger_of(&waiting.gateway, &waiting.emitter, waiting.after, BATCH).await?;
            let until = self.batch(&waiting, rows, &mut sent).await?;
            if !self.holds().await? {
                return Ok(sent);
            }
            self.app.store.collected(self.name(), &waiting.gateway, &waiting.emitter, until).await?;
        }
        Ok(sent)
    }

    /// Sends some of an emitter's records, and says up to which number everything is done with.
    async fn batch(&self, waiting: &Waiting, rows: Vec<LedgerRow>, sent: &mut usize) -> Result<i64, Later> {
        let mut bytes: usize = 0;
        let mut batch = Vec::new();
        let mut until = waiting.after;
        for row in rows {
            bytes = bytes.saturating_add(row.record.len());
            if bytes > BATCH_BYTES && !batch.is_empty() {
                break;
            }
            until = row.sequence;
            let LedgerRow { gateway, emitter, sequence, record, .. } = row;
            match Record::parse(&record) {
                Ok(record) => batch.push((record, Place::Stored { gateway, emitter, sequence })),
                Err(error) => {
                    log(&format!("collector: {gateway} {emitter} {sequence} cannot be sent: {error}"))
                }
            }
        }
        if until == waiting.after {
            // Forgotten before it was sent.
            log(&format!(
                "collector: {} {} {} to {} are no longer kept, and were not sent as {}",
                waiting.gateway,
                waiting.emitter,
                waiting.after.saturating_add(1),
                waiting.last,
                self.name()
            ));
            return Ok(waiting.last);
        }
        *sent = sent.saturating_add(batch.len());
        if !batch.is_empty() {
            let (client, signal) = (Arc::clone(&self.client), self.signal);
            // The client blocks.
            let done = tokio::task::spawn_blocking(move || client.deliver(signal, &batch)).await;
            let lost = done.map_err(|error| Later { why: error.to_string(), after: None })??;
            for why in lost {
                log(&format!("collector: {}: {why}", self.name()));
            }
        }
        Ok(until)
    }

    async fn holds(&self) -> Result<bool, sqlx::Error> {
        let (store, now) = (&self.app.store, self.app.clock.now());
        store.hold(lease(self.signal), &self.app.instance, now, LEASE_SECONDS).await
    }
}

const fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "logs",
        Signal::Traces => "traces",
    }
}

const fn lease(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "otlp-logs",
        Signal::Traces => "otlp-traces",
    }
}

// === impl Later ===

impl From<sqlx::Error> for Later {
    fn from(error: sqlx::Error) -> Self {
        Self { why: error.to_string(), after: None }
    }
}
