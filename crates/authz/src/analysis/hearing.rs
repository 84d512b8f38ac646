//! What the policies say to one call of one principal: which of them speak of it, and what their conditions come to.

use cedar_policy::{Context, Entities, EntityUid, EvalResult, Expression, Request, eval_expression};

use super::policy::{Condition, Dissected};
use crate::{bundle::PolicyBundle, evaluate::Question};

/// One call, asked for one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// The number of the call.
    pub call: usize,
    /// Who it is asked for.
    pub role: Role,
    /// The principal, as `Type::"id"`.
    pub principal: String,
    /// The policies whose scope has the call in it.
    pub candidates: Vec<Candidate>,
    /// The permits that speak of the action, but not of this principal or resource.
    pub near: Vec<NearMiss>,
}

/// In which of its two roles a caller is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// On whose behalf.
    Subject,
    /// By whose hand.
    Actor,
    /// Both are the same.
    Both,
}

/// A policy whose scope has the call in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its number in [`super::Analysis::policies`].
    pub policy: usize,
    /// What each of its conditions came to.
    pub answers: Vec<Answer>,
    /// Whether it applies.
    pub applies: bool,
    /// What its conditions read.
    pub readings: Vec<Reading>,
}

/// What a condition came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    True,
    /// No.
    False,
    /// It could not be evaluated.
    Failed(String),
    /// An earlier condition has ended the matter.
    Unasked,
}

/// A value that a condition reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What is read, as policies write it.
    pub what: String,
    /// Its value, as policies write it; `absent`, or `[redacted]`.
    pub value: String,
}

/// A permit that would have spoken of the call, were it not for one part of its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// Its number in [`super::Analysis::policies`].
    pub policy: usize,
    /// The parts that do not fit.
    pub parts: Vec<ScopePart>,
}

/// A part of a policy's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopePart {
    /// The first one.
    Principal,
    /// The third one.
    Resource,
}

/// A question put to single expressions.
struct Asked<'q> {
    entities: Entities,
    request: Request,
    secret: &'q [String],
}

// === impl Hearing ===

impl Hearing {
    /// Asks every policy about every principal of a call that these groups have approved. `secret` are the arguments
    /// that are never shown.
    pub(super) fn all(
        bundle: &PolicyBundle,
        policies: &[Dissected],
        (call, question): (usize, &Question<'_>),
        approved: &[String],
        secret: &[String],
    ) -> Result<Vec<Self>, String> {
        let approved: Vec<&str> = approved.iter().map(String::as_str).collect();
        let context = Context::from(bundle.context_of(question, &approved)?);
        let is_alone = question.askers.len() == 1;
        let mut hearings = Vec::new();
        for (index, asker) in question.askers.iter().enumerate() {
            let principal = EntityUid::from(asker.uid.clone());
            let role = match (is_alone, index) {
                (true, _) => Role::Both,
                (false, 0) => Role::Subject,
                (false, _) => Role::Actor,
            };
            let asked = Asked::new(question, &principal, context.clone(), secret)?;
            hearings.push(asked.hear(policies, call, role, &principal));
        }
        Ok(hearings)
    }
}

// === impl Asked ===

impl<'q> Asked<'q> {
    fn new(
        question: &Question<'_>,
        principal: &EntityUid,
        context: Context,
        secret: &'q [String],
    ) -> Result<Self, String> {
        let Question { action, resource, entities, .. } = question;
        let (action, resource) = (action.uid.clone().into(), resource.clone().into());
        let request = Request::new(principal.clone(), action, resource, context, None)
            .map_err(|error| error.to_string())?;
        Ok(Self { entities: entities.clone().into(), request, secret })
    }

    fn hear(&self, policies: &[Dissected], call: usize, role: Role, principal: &EntityUid) -> Hearing {
        let mut candidates = Vec::new();
        let mut near = Vec::new();
        for (number, policy) in policies.iter().enumerate() {
            let [principal, action, resource] = &policy.scope;
            if !self.holds(action) {
                continue;
            }
            let parts = [(ScopePart::Principal, principal), (ScopePart::Resource, resource)];
            let missed: Vec<ScopePart> =
                parts.into_iter().filter(|(_, part)| !self.holds(part)).map(|(name, _)| name).collect();
            if missed.is_empty() {
                candidates.push(self.candidate(number, policy));
            } else if !policy.text.forbids {
                near.push(NearMiss { policy: number, parts: missed });
            }
        }
        Hearing { call, role, principal: principal.to_string(), candidates, near }
    }

    /// As Cedar does it: one condition after the other, until one ends the matter.
    fn candidate(&self, policy: usize, dissected: &Dissected) -> Candidate {
        let mut applies = true;
        let mut answers = Vec::new();
        let mut readings: Vec<Reading> = Vec::new();
        for condition in &dissected.conditions {
            if !applies {
                answers.push(Answer::Unasked);
                continue;
            }
            let answer = match self.value(&condition.expression) {
                Ok(EvalResult::Bool(true)) => Answer::True,
                Ok(EvalResult::Bool(false)) => Answer::False,
                Ok(other) => Answer::Failed(format!("`{other}` is no answer to a condition")),
                Err(why) => Answer::Failed(why),
            };
            applies = answer == if condition.wanted { Answer::True } else { Answer::False };
            answers.push(answer);
            for reading in self.readings(condition) {
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
        Candidate { policy, answers, applies, readings }
    }

    fn readings<'c>(&'c self, condition: &'c Condition) -> impl Iterator<Item = Reading> + 'c {
        condition.reads.iter().map(|read| {
            let is_secret = read.argument.as_ref().is_some_and(|argument| self.secret.contains(argument));
            let value = match self.value(&read.expression) {
                Ok(_) if is_secret => "[redacted]".to_owned(),
                Ok(value) => value.to_string(),
                Err(_) => "absent".to_owned(),
            };
            Reading { what: read.text.clone(), value }
        })
    }

    fn holds(&self, expression: &Expression) -> bool {
        matches!(self.value(expression), Ok(EvalResult::Bool(true)))
    }

    fn value(&self, expression: &Expression) -> Result<EvalResult, String> {
        eval_expression(&self.request, &self.entities, expression).map_err(|error| error.to_string())
    }
}
