//! Fetching issuers' keys, and sharing them between the workers of a proxy. When is the gate's to say (`KeySource`).

use std::time::Duration;

use actgate_abi::{Error, MetricType, define_metric, increment_metric};
use actgate_authz::{CalloutAnswer, KeySource, Lease, Moment, Published, TokenCache};

use crate::host;

/// How often a worker looks whether there is something to do, or something that another one has fetched: it is how much
/// later than the others a worker learns of a withdrawn key.
const TICK: Duration = Duration::from_secs(1);

/// As long as keys are missing, everything of their issuer is refused.
const IMPATIENT_TICK: Duration = Duration::from_millis(200);

/// The sources of a bundle, as one worker sees them.
#[derive(Debug)]
pub(crate) struct Keys {
    watched: Vec<Watched>,
    fetched: u32,
    failed: u32,
    tick: Option<Duration>,
}

#[derive(Debug)]
struct Watched {
    source: KeySource,
    /// The version of what was published that is in use, and when it was fetched.
    seen: Option<(u32, Moment)>,
    /// The request that an answer is awaited of.
    request: Option<u32>,
}

// === impl Keys ===

impl Keys {
    /// The keys that other workers have fetched already are taken over at once: a worker that is started anew refuses
    /// nobody for want of keys.
    pub(crate) fn watch(sources: &[KeySource], cache: &mut TokenCache) -> Result<Self, Error> {
        let counter = |name| define_metric(MetricType::Counter, name);
        let watched =
            sources.iter().map(|source| Watched { source: source.clone(), seen: None, request: None });
        let mut keys = Self {
            watched: watched.collect(),
            fetched: counter("actgate_key_fetches_succeeded")?,
            failed: counter("actgate_key_fetches_failed")?,
            tick: None,
        };
        if keys.watched.is_empty() {
            return Ok(keys);
        }
        let now = host::now()?;
        for watched in &mut keys.watched {
            watched.look(cache, now)?;
        }
        keys.set_tick(cache, now)?;
        Ok(keys)
    }

    /// Time has passed.
    pub(crate) fn on_tick(&mut self, cache: &mut TokenCache) {
        if self.watched.is_empty() {
            return;
        }
        if let Err(error) = self.advance(cache) {
            host::error(&format!("actgate: keys: {error}"));
        }
    }

    fn advance(&mut self, cache: &mut TokenCache) -> Result<(), Error> {
        let now = host::now()?;
        let mut failed = 0;
        for watched in &mut self.watched {
            watched.look(cache, now)?;
            if watched.ask(cache, now)? == Asked::InVain {
                failed = i64::saturating_add(failed, 1);
            }
        }
        if failed > 0 {
            increment_metric(self.failed, failed)?;
        }
        self.set_tick(cache, now)
    }

    /// An answer has come, or will not come. `false` if it is to another question.
    pub(crate) fn on_answer(&mut self, request: u32, body_size: usize, cache: &mut TokenCache) -> bool {
        let Some(watched) = self.watched.iter_mut().find(|watched| watched.request == Some(request)) else {
            return false;
        };
        watched.request = None;
        let done = watched.take(body_size, cache);
        let counter = if matches!(done, Ok(true)) { self.fetched } else { self.failed };
        if let Err(error) = done.and_then(|_| increment_metric(counter, 1)) {
            host::error(&format!("actgate: keys: {error}"));
        }
        true
    }

    fn set_tick(&mut self, cache: &TokenCache, now: Moment) -> Result<(), Error> {
        let is_known = |watched: &Watched| cache.keys().is_known(watched.source.alias(), now.unix_time());
        let tick = if self.watched.iter().all(is_known) { TICK } else { IMPATIENT_TICK };
        if self.tick != Some(tick) {
            actgate_abi::set_tick_period(tick)?;
            self.tick = Some(tick);
        }
        Ok(())
    }
}

/// What became of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The answer will come.
    Now,
    /// It is not due, or another worker asks.
    Not,
    /// The host does not ask.
    InVain,
}

// === impl Watched ===

impl Watched {
    /// Takes over what any worker has fetched, this one included.
    fn look(&mut self, cache: &mut TokenCache, now: Moment) -> Result<(), Error> {
        if let Some(shared) = actgate_abi::shared_data(&self.source.published_name())?
            && self.seen.is_none_or(|(version, _)| version != shared.version)
        {
            match Published::read(&shared.value).map(|found| (self.source.adopt(&found, cache, now), found)) {
                Some((Ok(()), found)) => {
                    self.seen = Some((shared.version, found.fetched));
                    host::info(&format!("actgate: the keys of issuer {} are in use", self.source.alias()));
                }
                // Only this plugin writes there, so this is another version of it: it is left alone.
                Some((Err(_), _)) | None => {
                    host::warn("actgate: keys that another worker shares are not readable")
                }
            }
        }
        let (lease, _) = self.lease()?;
        self.source.note(lease, cache, now);
        Ok(())
    }

    /// Asks for the keys, if it is time and this worker's turn.
    fn ask(&mut self, cache: &mut TokenCache, now: Moment) -> Result<Asked, Error> {
        let (lease, version) = self.lease()?;
        let fetched = self.seen.map(|(_, fetched)| fetched);
        let Some(taken) = self.source.due(lease, fetched, cache, now) else { return Ok(Asked::Not) };
        if !actgate_abi::replace_shared_data(&self.source.lease_name(), &taken.write(), version)? {
            return Ok(Asked::Not);
        }
        self.source.note(taken, cache, now);
        let callout = self.source.callout();
        let headers = callout.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let timeout = Duration::from_millis(callout.timeout_millis);
        match proxy_wasm::hostcalls::dispatch_http_call(&callout.cluster, headers, None, vec![], timeout) {
            Ok(request) => {
                self.request = Some(request);
                Ok(Asked::Now)
            }
            Err(status) => {
                let why = format!("cluster `{}` cannot be asked ({status:?})", callout.cluster);
                self.failed(&why, cache, now)?;
                Ok(Asked::InVain)
            }
        }
    }

    /// Reads an answer and shares what it says. Whether it says anything.
    fn take(&mut self, body_size: usize, cache: &mut TokenCache) -> Result<bool, Error> {
        let now = host::now()?;
        let status = host::answer_status();
        // A body that is too large is not even copied.
        let size = body_size.min(actgate_authz::MAX_KEY_SET_BYTES.saturating_add(1));
        let body = status.and_then(|_| host::answer_body(size));
        let answer = status.zip(body.as_deref()).map(|(status, body)| CalloutAnswer { status, body });
        match KeySource::read(answer) {
            Ok(text) => {
                let published = Published { fetched: now, text };
                actgate_abi::set_shared_data(&self.source.published_name(), &published.write())?;
                self.give_back(true, cache, now)?;
                self.look(cache, now)?;
                Ok(true)
            }
            Err(why) => {
                self.failed(&why, cache, now)?;
                Ok(false)
            }
        }
    }

    fn failed(&self, why: &str, cache: &mut TokenCache, now: Moment) -> Result<(), Error> {
        host::warn(&format!("actgate: the keys of issuer {} were not fetched: {why}", self.source.alias()));
        self.give_back(false, cache, now)
    }

    fn give_back(&self, succeeded: bool, cache: &mut TokenCache, now: Moment) -> Result<(), Error> {
        let (lease, _) = self.lease()?;
        let lease = lease.returned(succeeded);
        actgate_abi::set_shared_data(&self.source.lease_name(), &lease.write())?;
        self.source.note(lease, cache, now);
        Ok(())
    }

    /// The lease and its version; where nobody has written one, a version that only a missing text has.
    fn lease(&self) -> Result<(Lease, u32), Error> {
        let shared = actgate_abi::shared_data(&self.source.lease_name())?;
        Ok(match shared {
            Some(shared) => (Lease::read(&shared.value), shared.version),
            None => (Lease::default(), actgate_abi::ABSENT),
        })
    }
}
