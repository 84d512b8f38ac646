//! The proof that comes with a token that is bound to a key (`dpop` of a token's plan).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use actgate_authz::nearest;

use super::engine::Exchange;
use super::format::DpopPlan;
use crate::mint::{Algorithm, MintError, ProofSpec, TokenKey};

/// The keys of clients: one holder's and one stranger's for each algorithm, made when they are needed. Every engine plays
/// with the same ones, so that their records can be compared.
#[derive(Debug, Default)]
pub(super) struct Holders {
    own: [OnceLock<TokenKey>; Algorithm::ALL.len()],
    strange: [OnceLock<TokenKey>; Algorithm::ALL.len()],
    proofs: AtomicUsize,
}

// === impl Holders ===

impl Holders {
    /// The key to which a plan's token is bound.
    ///
    /// # Errors
    /// An algorithm that nobody knows.
    pub(super) fn holder(&self, plan: &DpopPlan) -> Result<&TokenKey, MintError> {
        Self::key(&self.own, plan)
    }

    fn key<'k>(keys: &'k [OnceLock<TokenKey>], plan: &DpopPlan) -> Result<&'k TokenKey, MintError> {
        let name = plan.alg.as_deref().unwrap_or("ES256");
        let algorithm: Algorithm = name.parse()?;
        let mut places = Algorithm::ALL.iter().zip(keys);
        let unknown = || MintError::AlgorithmUnknown(name.to_owned());
        let (_, place) = places.find(|(known, _)| **known == algorithm).ok_or_else(unknown)?;
        match place.get() {
            Some(key) => Ok(key),
            None => {
                let made = TokenKey::generate(algorithm)?;
                Ok(place.get_or_init(|| made))
            }
        }
    }

    /// Puts the proof of a request into it, as a client does that knows the gateway as `origin`.
    ///
    /// # Errors
    /// What cannot be made.
    pub(super) fn prove(
        &self,
        plan: &DpopPlan,
        token: &str,
        origin: Option<&str>,
        exchange: &mut Exchange,
    ) -> Result<(), MintError> {
        if plan.proofs == 0 {
            return Ok(());
        }
        let number = self.proofs.fetch_add(1, Ordering::Relaxed);
        let path = exchange.path.split('?').next().unwrap_or_default();
        let here = || format!("{}{path}", origin.unwrap_or("https://gateway.example"));
        let spec = ProofSpec {
            method: plan.method.clone().unwrap_or_else(|| exchange.method.clone()),
            uri: plan.uri.clone().unwrap_or_else(here),
            id: plan.jti.clone().unwrap_or_else(|| format!("case-proof-{number}")),
            issued_at: exchange.now.saturating_add(plan.issued.seconds()),
            header: plan.header.clone(),
            claims: plan.claims.clone(),
        };
        let key = Self::key(if plan.stranger { &self.strange } else { &self.own }, plan)?;
        let proof = spec.sign(key, token)?;
        let fields = (0..plan.proofs).map(|_| ("dpop".to_owned(), proof.clone()));
        exchange.headers.extend(fields);
        Ok(())
    }
}

/// What is wrong with a plan's words, where something is.
pub(super) fn check_scheme(plan: &DpopPlan) -> Option<String> {
    const KNOWN: [&str; 2] = ["DPoP", "Bearer"];
    let scheme = plan.scheme.as_str();
    let known = KNOWN.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let meant = nearest(scheme, KNOWN).map(|name| format!(", did you mean `{name}`?"));
    (!known).then(|| format!("scheme `{scheme}` is neither `DPoP` nor `Bearer`{}", meant.unwrap_or_default()))
}
