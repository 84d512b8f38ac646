//! The question that a held call puts to the approval service: has exactly this been approved, and may this attempt use
//! it? What comes back is believed only as far as it is signed (see [`actgate_token::GrantVerifier`]).

mod answer;
mod wait;

use actgate_call::{
    CallDigest, Envelope,
    envelope::{HeldRequest, SecretKey},
};
use actgate_token::{Caller, Grant, GrantBinding, GrantVerifier, PureRust, UnixTime};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) use self::answer::Answer;
pub use self::answer::Ticket;
use crate::decision::Denial;

/// Where claims are put. Gateways authenticate by what the proxy's cluster adds, so that no credential is in a bundle.
const CLAIMS_PATH: &str = "/v1/claims";
const OUTCOMES_PATH: &str = "/v1/outcomes";

/// A claim is one indexed write of the service; whoever waits longer holds a client's connection for nothing.
const TIMEOUT_MILLIS: u64 = 3000;

/// Randomness of an attempt's own name: nobody can get a grant for an attempt that is yet to come.
pub type Entropy = fn() -> Option<[u8; 16]>;

/// The approval service, as configured.
#[derive(Debug)]
pub(crate) struct ApprovalService {
    /// The proxy's name for where it is.
    pub(crate) cluster: String,
    /// Whose grants count.
    pub(crate) grants: GrantVerifier,
    /// What secret arguments are sealed with, for approvers.
    pub(crate) secrets: Option<SecretKey>,
    /// For how many seconds a held call waits for people before it is refused.
    pub(crate) wait: u64,
}

/// A request that the host makes for the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// The proxy's cluster.
    pub cluster: String,
    /// Header fields, pseudo-headers first.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long an answer is waited for.
    pub timeout_millis: u64,
}

/// What came back of a [`Callout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalloutAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

/// One attempt's claim to an approval of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    id: String,
    digest: CallDigest,
    subject: String,
    actor: String,
}

/// What an approver is told beside the envelope, and the service needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimContext<'a> {
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// What is missing.
    pub(crate) hold: &'a Denial,
    /// The ledger's id of this attempt.
    pub(crate) decision_id: &'a str,
}

// === impl ApprovalService ===

impl ApprovalService {
    /// A claim for a held request, and the callout that makes it.
    ///
    /// # Errors
    /// Why the request cannot be shown to an approver; for the operator.
    pub(crate) fn claim(
        &self,
        request: &HeldRequest<'_>,
        context: ClaimContext<'_>,
        random: [u8; 16],
    ) -> Result<(Claim, Callout), String> {
        let envelope = Envelope::of(request).map_err(|error| error.to_string())?;
        let digest = envelope.digest().map_err(|error| error.to_string())?;
        let claim = Claim {
            id: URL_SAFE_NO_PAD.encode(random),
            digest,
            subject: request.subject.to_owned(),
            actor: request.actor.to_owned(),
        };
        let ClaimContext { caller, hold, decision_id } = context;
        let told = caller.token().claims();
        let chain: Vec<&str> = caller.earlier().iter().map(actgate_token::Identity::entity_id).collect();
        let body = json!({
            "version": 1,
            "claim": claim.id,
            "digest": claim.digest,
            "envelope": envelope,
            "groups": hold.groups,
            "policies": hold.policies,
            "chain": chain,
            "context": { "task": told.task, "ticket": told.ticket, "purpose": told.purpose },
            "action_id": decision_id,
            "audience": self.grants.audience,
            "token_expires": caller.token().expires().seconds(),
        });
        let mut callout = self.callout(CLAIMS_PATH, &body);
        // The service answers as soon as people have, and the claim that waits there is the one that uses their yes.
        let wait = wait::wanted(request.head).map_or(self.wait, |wanted| wanted.min(self.wait));
        if wait > 0 {
            callout.headers.push(("prefer".to_owned(), format!("wait={wait}")));
            callout.timeout_millis = callout.timeout_millis.saturating_add(wait.saturating_mul(1000));
        }
        Ok((claim, callout))
    }

    /// Tells what became of a claim.
    pub(crate) fn outcome(&self, claim: &Claim, outcome: ClaimOutcome) -> Callout {
        let (word, status) = match outcome {
            ClaimOutcome::Forwarded { status } => ("forwarded", status),
            ClaimOutcome::NotForwarded => ("not_forwarded", None),
        };
        self.callout(OUTCOMES_PATH, &json!({ "claim": claim.id, "outcome": word, "status": status }))
    }

    /// The grant in an answer, if it is the service's word for this claim.
    pub(crate) fn verify(&self, claim: &Claim, grant: &str, now: UnixTime) -> Result<Grant, String> {
        let binding = GrantBinding {
            digest: claim.digest.as_str(),
            claim: &claim.id,
            subject: &claim.subject,
            actor: &claim.actor,
        };
        self.grants
            .verify(&PureRust, grant.as_bytes(), binding, now)
            .map_err(|error| format!("a grant is refused: {error}"))
    }

    fn callout(&self, path: &str, body: &Value) -> Callout {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Callout {
            cluster: self.cluster.clone(),
            headers: vec![
                header(":method", "POST"),
                header(":path", path),
                header(":authority", &self.cluster),
                header("content-type", "application/json"),
            ],
            body: body.to_string().into_bytes(),
            timeout_millis: TIMEOUT_MILLIS,
        }
    }
}

/// What became of a claim that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimOutcome {
    /// The call went to the upstream, which answered with this status, if it did.
    Forwarded {
        /// The upstream's status.
        status: Option<u16>,
    },
    /// It did not: the approval is used up all the same.
    NotForwarded,
}
