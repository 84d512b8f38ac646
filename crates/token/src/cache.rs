//! Tokens that were verified before, by their exact bytes.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use crate::dpop::ProofMemory;
use crate::key_ring::KeyRing;
use crate::verify::VerifiedToken;

#[cfg(test)]
mod tests;

/// Most tokens by default. A gateway's worker sees as many callers as agents run behind it at a time; a token of
/// one hour is verified once an hour, so that a thousand cover a fleet, and finding the oldest stays below the
/// price of one signature.
const DEFAULT_MAX_ENTRIES: usize = 1024;

/// Most bytes by default: a thousand tokens of 1 KiB with what was read out of them, an eighth of the 32 MiB that
/// a worker may take.
const DEFAULT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// How much of a token is hashed: the end, which is its signature and so differs between any two valid tokens,
/// as many bytes as an ECDSA or Ed25519 signature has in base64url.
const HASHED_BYTES: usize = 86;

/// Tokens that a [`crate::Verifier`] accepted. Nothing else gets in, so that nobody without valid tokens can push
/// others out; the least recently used goes first.
///
/// The hash is keyed, so that nobody can aim at a slot, and a hit compares every byte.
pub struct TokenCache {
    max_entries: usize,
    max_bytes: usize,
    slots: RandomState,
    ring: KeyRing,
    proofs: ProofMemory,
    entries: HashMap<u64, Entry>,
    bytes: usize,
    uses: u64,
}

struct Entry {
    credential: Box<[u8]>,
    token: Arc<VerifiedToken>,
    weight: usize,
    last_use: u64,
}

// === impl TokenCache ===

impl TokenCache {
    /// A cache of at most `max_entries` tokens that take at most about `max_bytes` of memory; with 0 it keeps
    /// nothing.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        let (slots, ring, proofs) = (RandomState::new(), KeyRing::default(), ProofMemory::default());
        Self { max_entries, max_bytes, slots, ring, proofs, entries: HashMap::new(), bytes: 0, uses: 0 }
    }

    /// The keys of issuers that publish them: what tokens are verified by, and what has to be there still when a token is
    /// used again.
    pub fn keys(&self) -> &KeyRing {
        &self.ring
    }

    /// The same, for the host that fetches them.
    pub fn keys_mut(&mut self) -> &mut KeyRing {
        &mut self.ring
    }

    /// Which proofs of possession were used.
    pub fn proofs_mut(&mut self) -> &mut ProofMemory {
        &mut self.proofs
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About the memory that the tokens take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// The token that exactly these bytes are. Its times are the caller's to check.
    pub(crate) fn find(&mut self, credential: &[u8]) -> Option<Arc<VerifiedToken>> {
        let slot = self.slot(credential);
        let entry = self.entries.get_mut(&slot).filter(|entry| same(&entry.credential, credential))?;
        self.uses = self.uses.saturating_add(1);
        entry.last_use = self.uses;
        Some(Arc::clone(&entry.token))
    }

    /// Keeps a token that was verified just now.
    pub(crate) fn insert(&mut self, credential: &[u8], token: &Arc<VerifiedToken>) {
        let weight =
            size_of::<(u64, Entry)>().saturating_add(credential.len()).saturating_add(token.weight());
        if self.max_entries == 0 || weight > self.max_bytes {
            return;
        }
        let slot = self.slot(credential);
        // Two tokens on one slot would be a collision of 64 bits: the later one takes it.
        self.take(slot);
        while self.entries.len() >= self.max_entries || self.bytes.saturating_add(weight) > self.max_bytes {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(slot, _)| *slot);
            let Some(oldest) = oldest else { break };
            self.take(oldest);
        }
        self.uses = self.uses.saturating_add(1);
        self.bytes = self.bytes.saturating_add(weight);
        let entry =
            Entry { credential: credential.into(), token: Arc::clone(token), weight, last_use: self.uses };
        self.entries.insert(slot, entry);
    }

    /// Forgets one token.
    pub(crate) fn remove(&mut self, credential: &[u8]) {
        let slot = self.slot(credential);
        if self.entries.get(&slot).is_some_and(|entry| *entry.credential == *credential) {
            self.take(slot);
        }
    }

    fn take(&mut self, slot: u64) {
        if let Some(entry) = self.entries.remove(&slot) {
            self.bytes = self.bytes.saturating_sub(entry.weight);
        }
    }

    fn slot(&self, credential: &[u8]) -> u64 {
        self.slots.hash_one(credential.last_chunk::<HASHED_BYTES>().map_or(credential, |end| end.as_slice()))
    }
}

/// Whether two credentials are the same, many bytes at a time: what compares slices on wasm32-wasip1 goes byte by byte, which
/// for a token of 500 bytes takes as long as all that is then done with it.
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((one, end), (other, other_end)) = (one.as_chunks::<16>(), other.as_chunks::<16>());
    one.len() == other.len()
        && end == other_end
        && one.iter().zip(other).all(|(one, other)| u128::from_ne_bytes(*one) == u128::from_ne_bytes(*other))
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_ENTRIES, DEFAULT_MAX_BYTES)
    }
}

impl fmt::Debug for TokenCache {
    /// Without the tokens: they are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
