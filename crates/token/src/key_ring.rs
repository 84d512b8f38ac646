//! The keys of issuers that publish them at an address: which there are now, and when they are asked for again.
//!
//! Nothing here fetches. The host puts in what it got, and asks whether somebody waits for more.

use std::collections::BTreeMap;

use crate::jwk::VerifyingKey;
use crate::key_set::KeySet;
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// Fetched keys by issuer. It lives with the tokens that were verified by them, see [`crate::TokenCache`].
#[derive(Debug, Default)]
pub struct KeyRing {
    // By alias. Aliases are configured, so that there are few.
    issuers: BTreeMap<String, Fetched>,
}

/// One issuer's.
#[derive(Debug, Default)]
struct Fetched {
    held: Option<Held>,
    refetch: Refetch,
}

/// What the issuer published last.
#[derive(Debug)]
struct Held {
    /// Nothing where it published no usable key, which is an issuer's way to withdraw them all.
    keys: Option<KeySet>,
    until: UnixTime,
}

/// Whether a key that is not there may be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refetch {
    /// Nobody has asked lately.
    #[default]
    Possible,
    /// Somebody waits for it.
    Wanted,
    /// The answer is awaited.
    UnderWay,
    /// It was asked for a moment ago: strangers' key ids must not become a flood of requests to the issuer.
    TooSoon,
}

/// The issuer's keys are not known at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

// === impl KeyRing ===

impl KeyRing {
    /// Takes what an issuer has published: its keys, none if no usable one is among them. They count before `until` and
    /// no longer. A key that was there and is not in it is withdrawn, and what it signed is refused from now on.
    pub fn put(&mut self, alias: &str, keys: Option<KeySet>, until: UnixTime) {
        self.entry(alias).held = Some(Held { keys, until });
    }

    /// Says whether keys that are not there may be asked for. What is wanted stays so until it is under way.
    pub fn set_refetch(&mut self, alias: &str, refetch: Refetch) {
        let entry = self.entry(alias);
        if entry.refetch != Refetch::Wanted || refetch != Refetch::Possible {
            entry.refetch = refetch;
        }
    }

    /// Whether somebody waits for a key that is not there.
    pub fn is_wanted(&self, alias: &str) -> bool {
        self.find(alias).is_some_and(|entry| entry.refetch == Refetch::Wanted)
    }

    /// Whether there are keys that count.
    pub fn is_known(&self, alias: &str, now: UnixTime) -> bool {
        self.keys(alias, now).is_ok()
    }

    /// The keys that count now: `Ok(None)` where the issuer has none.
    pub(crate) fn keys(&self, alias: &str, now: UnixTime) -> Result<Option<&KeySet>, Unavailable> {
        let held = self.find(alias).and_then(|entry| entry.held.as_ref());
        held.filter(|held| now < held.until).map(|held| held.keys.as_ref()).ok_or(Unavailable)
    }

    /// Whether the issuer still has this very key.
    pub(crate) fn has(&self, alias: &str, key: &VerifyingKey, now: UnixTime) -> Result<bool, Unavailable> {
        Ok(self.keys(alias, now)?.is_some_and(|keys| keys.iter().any(|other| other.is_interchangeable(key))))
    }

    /// A token names a key that is not there. Whether there will be an answer soon; where it may, it is asked for.
    pub(crate) fn miss(&mut self, alias: &str) -> bool {
        let entry = self.entry(alias);
        if entry.refetch == Refetch::Possible {
            entry.refetch = Refetch::Wanted;
        }
        match entry.refetch {
            Refetch::Possible | Refetch::Wanted | Refetch::UnderWay => true,
            Refetch::TooSoon => false,
        }
    }

    fn find(&self, alias: &str) -> Option<&Fetched> {
        self.issuers.get(alias)
    }

    fn entry(&mut self, alias: &str) -> &mut Fetched {
        self.issuers.entry(alias.to_owned()).or_default()
    }
}
