//! Where an issuer publishes its keys, and when they are asked for: a state machine without a clock or a network.
//!
//! Every worker of a proxy runs it. What they share is two texts that the host keeps for all of them: what was
//! published last, and a lease by which one of them asks while the others wait.

mod lease;
mod published;

use actgate_token::{KeySet, KeySetError, MAX_SET_BYTES, Refetch, TokenCache, UnixTime};

pub use self::{lease::Lease, published::Published};
use crate::{
    claim::{Callout, CalloutAnswer},
    moment::Moment,
};

#[cfg(test)]
mod tests;

/// How long an answer is waited for: keys are a few KiB from a server near by, and whoever waits for them is a
/// background task.
const TIMEOUT_MILLIS: u64 = 5000;

/// How often keys are asked for where configuration says nothing, which is what SPIFFE recommends where an issuer
/// gives no hint (Trust Domain and Bundle section 5.2.2).
pub(crate) const DEFAULT_REFRESH_SECONDS: i64 = 300;

/// How long keys count while nobody can be asked for newer ones. An hour is what a stolen key that was withdrawn
/// stays useful for behind a broken address, and what people have to mend it.
pub(crate) const DEFAULT_MAX_AGE_SECONDS: i64 = 3600;

/// An issuer's address of keys, behind a cluster of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// The issuer.
    pub(crate) alias: String,
    /// The proxy's cluster.
    pub(crate) cluster: String,
    /// `http` or `https`: what the request says. Whether it travels encrypted is the cluster's affair.
    pub(crate) scheme: String,
    /// Host and port.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
    /// After how many seconds the keys are asked for anew.
    pub(crate) refresh: i64,
    /// For how many seconds they count.
    pub(crate) max_age: i64,
}

/// The parts of a `jwks_uri`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyAddress {
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

// === impl KeySource ===

impl KeySource {
    /// The issuer's alias.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// The proxy's cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The name under which workers share what was published. It is the address's: a new bundle begins with the keys of
    /// the old one, where both ask the same.
    pub fn published_name(&self) -> String {
        self.shared_name("published")
    }

    /// The name under which workers share the lease.
    pub fn lease_name(&self) -> String {
        self.shared_name("lease")
    }

    fn shared_name(&self, what: &str) -> String {
        let Self { cluster, scheme, authority, path, .. } = self;
        format!("actgate.keys.{what} {cluster} {scheme}://{authority}{path}")
    }

    /// The request for the keys.
    pub fn callout(&self) -> Callout {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Callout {
            cluster: self.cluster.clone(),
            headers: vec![
                header(":method", "GET"),
                header(":path", &self.path),
                header(":authority", &self.authority),
                header(":scheme", &self.scheme),
                header("accept", "application/jwk-set+json, application/json"),
                // What is compressed could be a bomb.
                header("accept-encoding", "identity"),
            ],
            body: Vec::new(),
            timeout_millis: TIMEOUT_MILLIS,
        }
    }

    /// What an answer says, as a text that is a key set; why it says nothing otherwise.
    ///
    /// # Errors
    /// No answer, one that is no success, or no key set.
    pub fn read(answer: Option<CalloutAnswer<'_>>) -> Result<String, String> {
        let CalloutAnswer { status, body } = answer.ok_or("no answer came")?;
        if status != 200 {
            return Err(format!("it answered {status}"));
        }
        if body.len() > MAX_SET_BYTES {
            return Err(format!("it answered {} bytes; at most {MAX_SET_BYTES} are read", body.len()));
        }
        let text = str::from_utf8(body).map_err(|_| "its answer is not UTF-8".to_owned())?;
        keys(text).map_err(|error| error.to_string())?;
        Ok(text.to_owned())
    }

    /// Puts what was published to use. Whether it counts still is looked at with every token.
    ///
    /// # Errors
    /// A text that is no key set.
    pub fn adopt(&self, published: &Published, cache: &mut TokenCache, now: Moment) -> Result<(), String> {
        let keys = keys(&published.text).map_err(|error| error.to_string())?;
        // A clock that was set back makes nothing younger.
        let fetched = published.fetched.min(now).unix_time();
        let until = fetched.checked_add(self.max_age).unwrap_or(UnixTime::new(i64::MIN));
        cache.keys_mut().put(&self.alias, keys, until);
        Ok(())
    }

    /// The lease to take if the keys are to be asked for now. `fetched` is when they last were.
    pub fn due(
        &self,
        lease: Lease,
        fetched: Option<Moment>,
        cache: &TokenCache,
        now: Moment,
    ) -> Option<Lease> {
        if lease.is_held(now) {
            return None;
        }
        let keys = cache.keys();
        let is_known = keys.is_known(&self.alias, now.unix_time());
        let age = fetched.map_or(i64::MAX, |fetched| seconds_between(fetched, now));
        let pause = lease.pause(is_known);
        let is_due = if !is_known {
            lease.rested(pause, now)
        } else {
            (age >= self.refresh && lease.rested(pause.min(self.refresh), now))
                || (keys.is_wanted(&self.alias) && lease.rested(lease::MISS_PAUSE_SECONDS, now))
        };
        is_due.then(|| lease.taken(TIMEOUT_MILLIS, now))
    }

    /// Tells the verifier whether a key that is not there may be asked for.
    pub fn note(&self, lease: Lease, cache: &mut TokenCache, now: Moment) {
        let refetch = if lease.is_held(now) {
            Refetch::UnderWay
        } else if lease.rested(lease::MISS_PAUSE_SECONDS, now) {
            Refetch::Possible
        } else {
            Refetch::TooSoon
        };
        cache.keys_mut().set_refetch(&self.alias, refetch);
    }
}

/// The keys of a text; none where it is a set without usable ones: its issuer has withdrawn them.
fn keys(text: &str) -> Result<Option<KeySet>, KeySetError> {
    match KeySet::parse_published(text) {
        Ok((keys, _)) => Ok(Some(keys)),
        Err(KeySetError::NoUsableKey { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whole seconds; 0 where the clock went backwards.
fn seconds_between(earlier: Moment, now: Moment) -> i64 {
    i64::try_from(now.micros_since(earlier) / 1_000_000).unwrap_or(i64::MAX)
}

// === impl KeyAddress ===

impl KeyAddress {
    /// Takes a `jwks_uri` apart.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        /// Longer than any address that people write down.
        const MAX_BYTES: usize = 1024;
        let (scheme, rest) = uri.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let is_plain = uri.len() <= MAX_BYTES
            && uri.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'\\'));
        let is_host = !authority.is_empty() && !authority.contains(['@', '?']);
        (matches!(scheme, "http" | "https") && is_plain && is_host).then(|| Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }
}
