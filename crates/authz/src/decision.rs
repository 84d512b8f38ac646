//! The three decisions as values. Only [`PolicyBundle::decide`] makes a [`Permit`].

use crate::{
    bundle::PolicyBundle,
    claim::Ticket,
    evaluate::{AccessRequest, Grounds, Verdict},
    reason::Reason,
};

/// What was decided on a request.
#[derive(Debug)]
pub enum Decision {
    /// It may run.
    Allow(Permit),
    /// It may not.
    Deny(Denial),
    /// It may once these groups have approved exactly it.
    RequireApproval(Hold),
}

/// The right to forward one request. It cannot be made, copied or default-constructed outside this module.
#[derive(Debug)]
pub struct Permit {
    policies: Vec<String>,
}

/// The record of a denial that an observed service lets through.
#[derive(Debug)]
pub struct Observation {
    denial: Box<Denial>,
}

/// A refusal, before it is put into any protocol's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The stable public reason.
    pub reason: Reason,
    /// One sentence for the agent. It reveals nothing but what the caller sent and what policies say in `@reason`.
    pub detail: String,
    /// Why, in the policies' own words (`@reason`), where they have any; `detail` says it too.
    pub because: Option<String>,
    /// What the agent could do instead (`@advice`).
    pub advice: Option<String>,
    /// The refused action.
    pub action: Option<String>,
    /// The refused resource, as `Type::"id"`.
    pub resource: Option<String>,
    /// `@id` of the determining policies.
    pub policies: Vec<String>,
    /// The approver groups that are needed; empty unless approval is what is missing.
    pub groups: Vec<String>,
    /// Where people can be asked for it, once they are.
    pub ticket: Option<Box<Ticket>>,
    /// What a challenge says of proofs, where a proof is what is wrong or missing.
    pub proof: Option<Box<ProofChallenge>>,
    /// For the operator only: never in a reply.
    pub internal: Option<String>,
}

/// Which proofs of possession would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofChallenge {
    /// Their algorithms (`algs`).
    pub algorithms: String,
}

/// A call that waits for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What is answered as long as nobody has approved it.
    pub denial: Denial,
}

// === impl PolicyBundle ===

impl PolicyBundle {
    /// Decides on a request.
    pub fn decide(&self, request: &AccessRequest<'_>) -> Decision {
        match self.verdict(request) {
            Verdict::Allow(grounds) => Decision::Allow(Permit { policies: grounds.policies }),
            Verdict::Deny(grounds) => {
                Decision::Deny(self.denial(request, Reason::PolicyDenied, grounds, |grounds, what| {
                    match &grounds.principal {
                        Some(principal) => format!("no policy permits `{principal}` to {what}"),
                        None => format!("a policy forbids to {what}"),
                    }
                }))
            }
            Verdict::Hold(grounds, groups) => {
                let list = groups.join(", ");
                let mut denial = self.denial(request, Reason::ApprovalRequired, grounds, |_, what| {
                    format!("approval by {list} is required to {what}")
                });
                denial.groups = groups;
                Decision::RequireApproval(Hold { denial })
            }
            Verdict::Fail(grounds, error) => {
                let mut denial = self.denial(request, Reason::PolicyError, grounds, |_, what| {
                    format!("the policies could not be evaluated for the request to {what}")
                });
                denial.internal = Some(error);
                Decision::Deny(denial)
            }
        }
    }

    fn denial(
        &self,
        request: &AccessRequest<'_>,
        reason: Reason,
        grounds: Grounds,
        sentence: impl FnOnce(&Grounds, &str) -> String,
    ) -> Denial {
        let call = request.calls.iter().nth(grounds.call);
        let action = call.map(|call| call.action.to_string());
        let resource = call.map(|call| [&*call.resource.type_name, "::\"", &call.resource.id, "\""].concat());
        let what = match (&action, &resource) {
            (Some(action), Some(resource)) => [action.as_str(), " ", resource].concat(),
            _ => "do this".to_owned(),
        };
        let facts: Vec<_> = grounds
            .own
            .iter()
            .filter_map(|id| self.policies.facts(id))
            .filter(|facts| facts.forbids)
            .collect();
        let reasons: Vec<&str> = facts.iter().filter_map(|facts| facts.reason.as_deref()).collect();
        let advice: Vec<&str> = facts.iter().filter_map(|facts| facts.advice.as_deref()).collect();
        let mut detail = sentence(&grounds, &what);
        let because = (!reasons.is_empty()).then(|| reasons.join("; "));
        if let Some(because) = &because {
            detail.push_str(": ");
            detail.push_str(because);
        }
        Denial {
            reason,
            detail,
            because,
            advice: (!advice.is_empty()).then(|| advice.join(" ")),
            action,
            resource,
            policies: grounds.policies,
            groups: Vec::new(),
            ticket: None,
            proof: None,
            internal: None,
        }
    }
}

// === impl Permit ===

impl Permit {
    /// `@id` of the permits that apply.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// What the sentinel behind the gate demands: `permit:<service>`.
    pub fn marker(&self, service: &str) -> String {
        format!("permit:{service}")
    }
}

// === impl Observation ===

impl Observation {
    /// Turns a denial into an observation where that is allowed at all: verdicts of catalog and policy, never of
    /// token, revocation or parsing.
    ///
    /// # Errors
    /// The denial, if it stands.
    pub(crate) fn soften(denial: Denial) -> Result<Self, Denial> {
        if denial.reason.is_softened_by_observing() {
            Ok(Self { denial: Box::new(denial) })
        } else {
            Err(denial)
        }
    }

    /// What would have been answered.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    /// What the sentinel of an observed service admits besides a permit: `observe:<service>`.
    pub fn marker(&self, service: &str) -> String {
        format!("observe:{service}")
    }
}

// === impl Denial ===

impl Denial {
    /// A denial that no policy has a part in.
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            because: None,
            advice: None,
            action: None,
            resource: None,
            policies: Vec::new(),
            groups: Vec::new(),
            ticket: None,
            proof: None,
            internal: None,
        }
    }
}
