//! Who sends a request: the token, and whatever else shows that it is its holder who sends it.

use actgate_call::RequestHead;
use actgate_token::{
    Caller, ProofRules, ProvenKey, ProvenRequest, Remembering, Thumbprint, TokenCache, TokenError,
    VerifiedToken,
};

use super::Gate;
use crate::{
    authorizer::{Authorizer, GuardedService},
    credential::{Credential, Scheme, credential},
    decision::{Denial, ProofChallenge},
    moment::Moment,
    reason::Reason,
};

/// The header that carries a proof (RFC 9449 section 4.1).
pub(super) const PROOF: &str = "dpop";

/// The sender, and the key whose proof came with the request.
pub(super) struct Sender {
    pub(super) caller: Caller,
    pub(super) proven: Option<Thumbprint>,
}

impl Gate {
    /// Verifies token and proof. A proof is used up by it, whatever becomes of the request; a request that is judged once
    /// more, with its body or with an approval, is the same one, and its proof has been seen.
    pub(super) fn identify(
        &self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        head: &RequestHead<'_>,
        service: &GuardedService,
        now: Moment,
    ) -> Result<Sender, Denial> {
        let rules = authorizer.proofs.as_ref();
        let credential = credential(head, service, rules.is_some())?;
        let challenge = |error: &TokenError| {
            let mut denial = Denial::new(Reason::from(error), error.to_string());
            let is_of_proof = credential.scheme == Scheme::Dpop || *error == TokenError::ProofMissing;
            let rules = rules.filter(|_| is_of_proof);
            denial.proof =
                rules.map(|rules| Box::new(ProofChallenge { algorithms: rules.algorithm_names() }));
            denial
        };
        let token = authorizer
            .verifier
            .verify_with(&authorizer.cryptography, cache, credential.token, now.unix_time())
            .map_err(|error| challenge(&error))?;
        let key = match (rules, credential.scheme) {
            (None, _) => ProvenKey::Unasked,
            (Some(_), Scheme::Bearer) => ProvenKey::Absent,
            (Some(rules), Scheme::Dpop) => self
                .prove(authorizer, cache, rules, head, &credential, &token, now)
                .map(ProvenKey::Proven)
                .map_err(|error| challenge(&error))?,
        };
        let proven = match key {
            ProvenKey::Proven(key) => Some(key),
            ProvenKey::Unasked | ProvenKey::Absent => None,
        };
        let caller = Caller::resolve(token, &authorizer.verifier, self.peer, key);
        caller.map(|caller| Sender { caller, proven }).map_err(|error| challenge(&error))
    }

    #[expect(clippy::too_many_arguments, reason = "a proof is of all of them together")]
    fn prove(
        &self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        rules: &ProofRules,
        head: &RequestHead<'_>,
        credential: &Credential<'_>,
        token: &VerifiedToken,
        now: Moment,
    ) -> Result<Thumbprint, TokenError> {
        // Nobody without a bound token of a trusted issuer has a proof checked, or remembered.
        let bound = token.confirmation().key.ok_or(TokenError::Unbound)?;
        if let Some(proven) = self.proven {
            return Ok(proven);
        }
        let proof = match head.sole_header(PROOF) {
            Ok(Some(proof)) => proof,
            Ok(None) => return Err(TokenError::ProofMissing),
            Err(_) => return Err(TokenError::ProofInvalid { problem: "more than one `DPoP` header" }),
        };
        let authority = head.header(":authority").or_else(|| head.header("host")).unwrap_or_default();
        let request = ProvenRequest {
            method: head.method(),
            authority: str::from_utf8(authority).unwrap_or_default(),
            path: head.path().as_str(),
        };
        let now = now.unix_time();
        let proof = rules.verify(&authorizer.cryptography, proof, credential.token, bound, request, now)?;
        // A certificate that is missing is no reason to use a proof up, but costs nobody anything either.
        match cache.proofs_mut().remember(proof.proof_use(), now) {
            Remembering::New => Ok(proof.key()),
            Remembering::Used => Err(TokenError::ProofReplayed),
            Remembering::Forgotten => {
                Err(TokenError::ProofInvalid { problem: "it is older than what is remembered" })
            }
            Remembering::Unavailable => Err(TokenError::ProofUnrecorded),
        }
    }
}
