//! OTLP over HTTP, in protobuf.

use std::{
    fmt, fs, io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use actgate_ledger::{Place, Record, otlp::Signal};

use super::Later;
use crate::config::{HeaderSource, Otlp};

/// A collector that takes longer is one that is away.
const WHOLE_CALL: Duration = Duration::from_secs(10);

/// An answer is empty, or says in some words what was not taken.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What speaks to a collector. It blocks.
pub struct CollectorClient {
    agent: ureq::Agent,
    endpoint: String,
    headers: Vec<(String, String)>,
    /// Whether it has ever taken anything: until then a refusal says that this is no collector, and nothing of the records.
    has_taken: AtomicBool,
}

/// Why a batch was not taken.
enum Refusal {
    /// It may be, later.
    Later(Later),
    /// It never will.
    Never(u16),
}

// === impl CollectorClient ===

impl CollectorClient {
    /// Reads the headers' files.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn new(otlp: &Otlp) -> io::Result<Self> {
        let mut headers = Vec::new();
        for (name, source) in &otlp.headers {
            let value = match source {
                HeaderSource::Text(text) => text.clone(),
                HeaderSource::File(file) => fs::read_to_string(&file.file)
                    .map_err(|error| io::Error::other(format!("{}: {error}", file.file.display())))?
                    .trim()
                    .to_owned(),
            };
            headers.push((name.clone(), value));
        }
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(WHOLE_CALL))
            .http_status_as_error(false)
            // What agents do goes where the configuration says, and nowhere else.
            .max_redirects(0)
            .tls_config(tls)
            .build()
            .new_agent();
        let endpoint = otlp.endpoint.trim_end_matches('/').to_owned();
        Ok(Self { agent, endpoint, headers, has_taken: AtomicBool::new(false) })
    }

    /// Sends records; gives what the collector has refused for good. What it refuses as a whole is sent in halves, so that
    /// one record does not take others with it.
    pub(super) fn deliver(&self, signal: Signal, records: &[(Record, Place)]) -> Result<Vec<String>, Later> {
        match self.post(signal, &signal.protobuf(records)) {
            Ok(answer) => {
                self.has_taken.store(true, Ordering::Relaxed);
                let refused = signal.rejected(&answer);
                Ok(refused.map(|(count, why)| format!("{count} were not taken: {why}")).into_iter().collect())
            }
            Err(Refusal::Later(later)) => Err(later),
            Err(Refusal::Never(_)) if records.len() > 1 => {
                let (first, second) = records.split_at(records.len().div_ceil(2));
                let mut lost = self.deliver(signal, first)?;
                lost.extend(self.deliver(signal, second)?);
                Ok(lost)
            }
            Err(Refusal::Never(status)) if self.has_taken.load(Ordering::Relaxed) => {
                let place = records.first().map(|(_, place)| place);
                Ok(vec![format!("{} is not taken: {status}", shown(place))])
            }
            Err(Refusal::Never(status)) => Err(Later { why: format!("it answers {status}"), after: None }),
        }
    }

    fn post(&self, signal: Signal, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let later = |why: String, after| Refusal::Later(Later { why, after });
        let mut request = self
            .agent
            .post(format!("{}{}", self.endpoint, signal.path()))
            .header("content-type", "application/x-protobuf");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| later(error.to_string(), None))?;
        let answer = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        match response.status().as_u16() {
            200..=299 => answer.map_err(|error| later(error.to_string(), None)),
            // What is wrong with the records; everything else is wrong with the way, and may be mended.
            status @ (400 | 413 | 415 | 422) => Err(Refusal::Never(status)),
            status => Err(later(format!("it answers {status}"), after.map(Duration::from_secs))),
        }
    }
}

impl fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn shown(place: Option<&Place>) -> String {
    match place {
        Some(Place::Stored { gateway, emitter, sequence }) => format!("{gateway} {emitter} {sequence}"),
        Some(Place::Log) | None => "a record".to_owned(),
    }
}
