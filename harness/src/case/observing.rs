//! The gate alone, and what it makes of each request.

use actgate_authz::{Analysis, Examination, Moment, TokenCache};

use super::engine::{Engine, EngineError, Exchange, Outcome};
use super::native::{Native, head};

/// Plays cases as [`Native`] does, and keeps why each request was decided as it was.
#[derive(Debug)]
pub struct Observing<'s> {
    native: Native<'s>,
    looker: Looker<'s>,
    seen: Vec<Examination>,
}

/// Looks at requests without playing them.
#[derive(Debug)]
pub struct Looker<'s> {
    analysis: &'s Analysis,
    cache: TokenCache,
}

// === impl Observing ===

impl<'s> Observing<'s> {
    /// Looks over the shoulder of an engine whose bundle `analysis` is of.
    pub fn new(native: Native<'s>, analysis: &'s Analysis) -> Self {
        Self { native, looker: Looker::new(analysis), seen: Vec::new() }
    }

    /// What was made of the requests since this was last asked.
    pub fn take(&mut self) -> Vec<Examination> {
        std::mem::take(&mut self.seen)
    }
}

impl Engine for Observing<'_> {
    fn name(&self) -> &'static str {
        self.native.name()
    }

    fn clock(&self) -> Option<i64> {
        self.native.clock()
    }

    fn is_proxy(&self) -> bool {
        self.native.is_proxy()
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        let examination = self.looker.look(exchange);
        self.seen.push(examination);
        self.native.run(exchange)
    }
}

// === impl Looker ===

impl<'s> Looker<'s> {
    /// One that has seen no token yet.
    pub fn new(analysis: &'s Analysis) -> Self {
        Self { analysis, cache: TokenCache::default() }
    }

    /// What the gate makes of a request.
    pub fn look(&mut self, exchange: &Exchange) -> Examination {
        let fields = head(exchange);
        let borrowed: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let seconds = u64::try_from(exchange.now).unwrap_or_default();
        let now = Moment::from_unix_nanos(seconds.saturating_mul(1_000_000_000));
        let body = exchange.body.clone().unwrap_or_default();
        self.analysis.examine(&mut self.cache, &borrowed, body, now)
    }
}
