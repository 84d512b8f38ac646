//! Proofs of possession with each request (DPoP, RFC 9449): the sender shows that it holds the key to which its token is
//! bound, for this method and address, now, and once.
//!
//! A proof covers neither query nor body: it keeps a stolen token from being used, and says nothing of what is asked.

mod memory;
mod origin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

pub use self::memory::{
    MAX_SHARD_BYTES, ProofMemory, ProofStore, ProofUse, Remembering, SHARDS, remember, shard_since,
};
pub use self::origin::{InvalidOrigin, Origin};
use crate::algorithm::Algorithm;
use crate::claims::{Claims, is_name};
use crate::error::TokenError;
use crate::jwk::VerifyingKey;
use crate::jws::UnverifiedToken;
use crate::signature::SignaturePort;
use crate::thumbprint::Thumbprint;
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// The `typ` of a proof (RFC 9449 section 4.2): nothing else is one, and a proof is nothing else.
pub const PROOF_TYPE: &str = "dpop+jwt";

/// Largest proof that is read. One with a key of RSA-4096 and an address of 1 KiB takes 3 KiB.
pub const MAX_PROOF_BYTES: usize = 4096;

/// How far the sender's clock may be ahead. Little: a proof that was made for later outlives the memory of a process
/// that is started anew.
const AHEAD_SECONDS: i64 = 5;

/// How long a proof is of use, where nothing else is configured: a network's delay and a clock that is behind.
pub const DEFAULT_PROOF_SECONDS: i64 = 60;

/// Proofs have to be remembered for as long as they are of use, and memory is bounded.
pub const PROOF_SECONDS: std::ops::RangeInclusive<i64> = 5..=300;

/// Which proofs count.
#[derive(Clone, Debug)]
pub struct ProofRules {
    /// The addresses under which clients know the gateway; there is at least one.
    pub origins: Vec<Origin>,
    /// The algorithms of proofs.
    pub algorithms: Vec<Algorithm>,
    /// For how many seconds after `iat` a proof is of use.
    pub seconds: i64,
}

/// The request that a proof has to be of.
#[derive(Clone, Copy, Debug)]
pub struct ProvenRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// `:authority`, as sent.
    pub authority: &'a str,
    /// The path, in its canonical form and without the query.
    pub path: &'a str,
}

/// A proof that holds, but for whether it was used before.
///
/// INVARIANT: only [`ProofRules::verify`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    key: Thumbprint,
    proof_use: ProofUse,
}

// === impl ProofRules ===

impl ProofRules {
    /// Verifies a proof for a request with `token`, which is bound to the key `bound` (RFC 9449 section 4.3). What is cheap
    /// to see comes before the signature.
    ///
    /// # Errors
    /// Everything that is not exactly this: [`TokenError::ProofInvalid`], or [`TokenError::BindingMismatch`] for a proof with
    /// another key than the token's.
    pub fn verify(
        &self,
        signatures: &impl SignaturePort,
        proof: &[u8],
        token: &[u8],
        bound: Thumbprint,
        request: ProvenRequest<'_>,
        now: UnixTime,
    ) -> Result<Proof, TokenError> {
        if proof.len() > MAX_PROOF_BYTES {
            return Err(invalid("too long"));
        }
        let (proof, jwk) =
            UnverifiedToken::parse_with_key(proof).map_err(|_| invalid("not a compact JWS with its key"))?;
        let header = proof.header();
        if header.typ() != Some(PROOF_TYPE) {
            return Err(invalid("`typ` is not `dpop+jwt`"));
        }
        if !self.algorithms.contains(&header.algorithm()) {
            return Err(invalid("an algorithm that proofs may not have"));
        }
        let key = VerifyingKey::parse_brought(&jwk, header.algorithm())
            .map_err(|_| invalid("`jwk` is not a public key of the algorithm"))?;
        let thumbprint = Thumbprint::of_key(&jwk).ok_or_else(|| invalid("`jwk` has no thumbprint"))?;
        if thumbprint != bound {
            return Err(TokenError::BindingMismatch);
        }

        let claims = proof.claims();
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
        if text("htm") != Some(request.method) {
            return Err(invalid("`htm` is not the request's method"));
        }
        let is_address = text("htu").is_some_and(|htu| origin::is_of(htu, &self.origins, request));
        if !is_address {
            return Err(invalid("`htu` is not the request's address"));
        }
        if text("ath") != Some(URL_SAFE_NO_PAD.encode(Sha256::digest(token)).as_str()) {
            return Err(invalid("`ath` is not the hash of the token"));
        }
        let id =
            text("jti").filter(|id| is_name(id)).ok_or_else(|| invalid("`jti` is missing or malformed"))?;
        let times = Claims::read(claims).map_err(|_| invalid("a claim is malformed"))?;
        let issued = times.issued_at.ok_or_else(|| invalid("`iat` is missing"))?;
        self.check_times(issued, &times, now)?;

        signatures.check(&key, &proof).map_err(|_| invalid("the signature is not the key's"))?;
        Ok(Proof { key: thumbprint, proof_use: ProofUse::of(&thumbprint, id, issued, self.seconds) })
    }

    fn check_times(&self, issued: UnixTime, times: &Claims, now: UnixTime) -> Result<(), TokenError> {
        let latest = now.checked_add(AHEAD_SECONDS);
        let starts = [Some(issued), times.not_before].into_iter().flatten();
        if starts.into_iter().any(|start| latest.is_none_or(|latest| latest < start)) {
            return Err(invalid("it is of the future"));
        }
        let end = issued.checked_add(self.seconds);
        // RFC 7519 section 4.1.4, where a proof has an `exp` too.
        let is_expired = times.expires.is_some_and(|expires| expires <= now);
        if is_expired || end.is_none_or(|end| end < now) {
            return Err(invalid("it is too old"));
        }
        Ok(())
    }

    /// What `algs` of a challenge says (RFC 9449 section 7.1).
    pub fn algorithm_names(&self) -> String {
        self.algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
    }
}

// === impl Proof ===

impl Proof {
    /// The key that made it.
    pub fn key(&self) -> Thumbprint {
        self.key
    }

    /// What has to be remembered of it, so that it is of use once.
    pub fn proof_use(&self) -> &ProofUse {
        &self.proof_use
    }
}

fn invalid(problem: &'static str) -> TokenError {
    TokenError::ProofInvalid { problem }
}
