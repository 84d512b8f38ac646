//! Which proofs were used, for as long as they could be used again (RFC 9449 section 11.1).
//!
//! What is remembered is cut into texts of bounded size ("shards") that a host can share between its workers and replace
//! by compare-and-swap. A full shard refuses: nothing is ever forgotten that would still be taken. What had to be forgotten
//! raises a floor below which nothing is taken any more, so that a clock that is set back, or a bundle that lets proofs
//! live longer, brings nothing back.

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::thumbprint::Thumbprint;
use crate::time::UnixTime;

/// Shards of one host. With [`MAX_ENTRIES`] they hold 262,144 proofs, at the usual 60 s some 4,000 a second, in at most
/// 6.3 MiB.
pub const SHARDS: u16 = COMPARTMENTS.saturating_mul(LANES);

/// A key's proofs fall into one of so many compartments: who floods the gateway with proofs of one key fills one, and
/// fifteen of sixteen others do not notice.
const COMPARTMENTS: u16 = 16;

/// Shards of a compartment: one key makes 16,384 proofs in the time that they are remembered.
const LANES: u16 = 64;

/// Proofs in one shard. It is read and written as a whole at every proof: 6 KiB are copied in a microsecond.
const MAX_ENTRIES: usize = 256;

/// The floor: seconds since the epoch.
const HEAD: usize = size_of::<i64>();

/// A hash and the proof's `iat`.
const ENTRY: usize = HASH.saturating_add(size_of::<i64>());

/// 128 bits of SHA-256: what two proofs share by chance once in 10^19 pairs of full memories.
const HASH: usize = 16;

/// Largest shard.
pub const MAX_SHARD_BYTES: usize = HEAD.saturating_add(MAX_ENTRIES.saturating_mul(ENTRY));

/// What is remembered of one proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProofUse {
    shard: u16,
    hash: [u8; HASH],
    issued: UnixTime,
    seconds: i64,
}

/// What a memory says of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembering {
    /// It was not used before, and is remembered from now on.
    New,
    /// It was used before.
    Used,
    /// It is older than what is remembered.
    Forgotten,
    /// There is no room to remember it, or the host does not answer.
    Unavailable,
}

/// Remembers a proof for all of a host's workers.
pub type ProofStore = fn(&ProofUse, UnixTime) -> Remembering;

/// The proofs that were used here, or where the host remembers them.
#[derive(Default)]
pub struct ProofMemory {
    host: Option<ProofStore>,
    own: HashMap<u16, Vec<u8>>,
}

// === impl ProofUse ===

impl ProofUse {
    /// A proof with this `jti` and `iat`, of use for `seconds`.
    pub(super) fn of(key: &Thumbprint, id: &str, issued: UnixTime, seconds: i64) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update(key.octets()).chain_update(id.as_bytes()).finalize().into();
        let (hash, rest) = digest.split_first_chunk::<HASH>().unwrap_or((&[0; HASH], &[]));
        let compartment = u16::from(key.octets()[0]) % COMPARTMENTS;
        let lane = u16::from(rest.first().copied().unwrap_or_default()) % LANES;
        let shard = compartment.saturating_mul(LANES).saturating_add(lane);
        Self { shard, hash: *hash, issued, seconds }
    }

    /// Which shard it belongs to, below [`SHARDS`].
    pub fn shard(&self) -> u16 {
        self.shard
    }

    /// Whether a proof of this age is refused for its age at `now`.
    fn is_over(issued: i64, seconds: i64, now: UnixTime) -> bool {
        issued.checked_add(seconds).is_some_and(|end| end < now.seconds())
    }
}

impl fmt::Debug for ProofUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofUse").field("shard", &self.shard).finish_non_exhaustive()
    }
}

// === impl ProofMemory ===

impl ProofMemory {
    /// The host's memory, which its workers share.
    pub fn of_host(store: ProofStore) -> Self {
        Self { host: Some(store), own: HashMap::new() }
    }

    /// Remembers a proof, unless it was used before.
    pub fn remember(&mut self, proof: &ProofUse, now: UnixTime) -> Remembering {
        if let Some(store) = self.host {
            return store(proof, now);
        }
        let shard = self.own.entry(proof.shard).or_default();
        match remember(shard, proof, now) {
            Ok(changed) => {
                *shard = changed;
                Remembering::New
            }
            Err(why) => why,
        }
    }
}

impl fmt::Debug for ProofMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofMemory").field("host", &self.host.is_some()).finish_non_exhaustive()
    }
}

/// A shard of a host that remembers nothing from before `since`: a proof that was made then may have been used.
pub fn shard_since(since: UnixTime) -> Vec<u8> {
    since.seconds().saturating_sub(1).to_be_bytes().to_vec()
}

/// The shard with this proof in it, where it may be used. An empty text is a shard of a memory that has no past.
///
/// # Errors
/// Why it may not: never [`Remembering::New`].
pub fn remember(shard: &[u8], proof: &ProofUse, now: UnixTime) -> Result<Vec<u8>, Remembering> {
    let (floor, entries) = match shard.split_first_chunk::<HEAD>() {
        None if shard.is_empty() => (i64::MIN, &[][..]),
        None => return Err(Remembering::Unavailable),
        Some((floor, rest)) => match rest.as_chunks::<ENTRY>() {
            (entries, []) => (i64::from_be_bytes(*floor), entries),
            (_, _) => return Err(Remembering::Unavailable),
        },
    };
    let mut floor = floor;
    let mut changed = Vec::with_capacity(shard.len().saturating_add(HEAD).saturating_add(ENTRY));
    changed.extend_from_slice(&floor.to_be_bytes());
    let mut count = 0usize;
    for entry in entries {
        let (hash, issued) = entry.split_first_chunk::<HASH>().ok_or(Remembering::Unavailable)?;
        let issued = i64::from_be_bytes(issued.try_into().map_err(|_| Remembering::Unavailable)?);
        if *hash == proof.hash {
            return Err(Remembering::Used);
        }
        if ProofUse::is_over(issued, proof.seconds, now) {
            floor = floor.max(issued);
        } else {
            changed.extend_from_slice(entry);
            count = count.saturating_add(1);
        }
    }
    if proof.issued.seconds() <= floor {
        return Err(Remembering::Forgotten);
    }
    if count >= MAX_ENTRIES {
        return Err(Remembering::Unavailable);
    }
    if let Some(head) = changed.first_chunk_mut::<HEAD>() {
        *head = floor.to_be_bytes();
    }
    changed.extend_from_slice(&proof.hash);
    changed.extend_from_slice(&proof.issued.seconds().to_be_bytes());
    Ok(changed)
}

#[cfg(test)]
mod tests;
