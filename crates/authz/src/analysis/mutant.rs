//! A policy changed on purpose, to see whether anybody notices.

use std::sync::Arc;

use cedar_policy::{
    Policy, PolicyId, PolicySet, ValidationMode, Validator,
    pst::{Clause, Effect, Expr, Literal, Policy as ParsedPolicy, Template},
};

use super::{Analysis, policy::Dissected};
use crate::{
    approval::approver_groups,
    authorizer::Authorizer,
    bundle::PolicyBundle,
    policies::{PolicyFacts, Reads, Rule},
};

/// A change to one policy that the load check would accept.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// The number of the policy in [`Analysis::policies`].
    pub policy: usize,
    /// What is changed.
    pub change: Change,
    id: String,
    instead: Option<Box<Rule>>,
}

/// What is changed in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is left out.
    Dropped,
    /// It permits what it forbade, or the other way round.
    Flipped,
    /// The condition of this number is left out.
    ConditionDropped(usize),
    /// The condition of this number is turned round.
    ConditionNegated(usize),
}

// === impl Analysis ===

impl Analysis {
    /// The mutants of a policy. A change that the load check refuses is no mutant: `actgate check` notices it.
    pub fn mutants(&self, policy: usize) -> Vec<Mutant> {
        let Some(dissected) = self.policies.get(policy) else { return Vec::new() };
        let numbers = || 0..dissected.conditions.len();
        let changes = [Change::Dropped, Change::Flipped]
            .into_iter()
            .chain(numbers().map(Change::ConditionDropped))
            .chain(numbers().map(Change::ConditionNegated));
        changes.filter_map(|change| mutant(&self.authorizer.bundle, policy, dissected, change)).collect()
    }
}

// === impl Authorizer ===

impl Authorizer {
    /// Decides with the mutant from now on. What is returned takes it back.
    #[must_use = "the authorizer keeps the mutant otherwise"]
    pub fn exchange(&mut self, mutant: Mutant) -> Mutant {
        let Mutant { policy, change, id, instead } = mutant;
        let before = self.bundle.policies.exchange(&id, instead.map(|instead| *instead));
        Mutant { policy, change, id, instead: before.map(Box::new) }
    }
}

fn mutant(bundle: &PolicyBundle, policy: usize, dissected: &Dissected, change: Change) -> Option<Mutant> {
    let id = dissected.text.id.clone();
    let instead = match change {
        Change::Dropped => None,
        Change::Flipped | Change::ConditionDropped(_) | Change::ConditionNegated(_) => {
            Some(Box::new(rewritten(bundle, dissected, &id, change)?))
        }
    };
    Some(Mutant { policy, change, id, instead })
}

/// The changed policy, if it would load.
fn rewritten(bundle: &PolicyBundle, dissected: &Dissected, id: &str, change: Change) -> Option<Rule> {
    let template = changed(dissected.template.clone(), change)?;
    let groups = approver_groups(&template, &bundle.groups).ok()?;
    let Rule { facts, condition: _, literals, reads: _ } = bundle.policies.find(id)?.clone();
    let facts = PolicyFacts { forbids: template.effect == Effect::Forbid, groups, ..facts };
    let parsed = ParsedPolicy::Static(template.try_into().ok()?);
    let policy = Policy::from_pst(parsed).ok()?.new_id(PolicyId::new(id));
    let alone = PolicySet::from_policies([policy.clone()]).ok()?;
    let verdict = Validator::new(bundle.schema.cedar.clone()).validate(&alone, ValidationMode::Strict);
    let condition = policy.as_ref().non_scope_constraints_arc().map(Arc::clone);
    let reads = Reads::of(condition.as_deref());
    verdict.validation_passed().then_some(Rule { facts, condition, literals, reads })
}

fn changed(mut template: Template, change: Change) -> Option<Template> {
    let mut clauses = template.clauses().clone();
    match change {
        Change::Dropped => return None,
        Change::Flipped => {
            template.effect = match template.effect {
                Effect::Permit => Effect::Forbid,
                Effect::Forbid => Effect::Permit,
            };
        }
        Change::ConditionDropped(number) => {
            // What always holds: the conditions behind it keep their numbers.
            let always = Arc::new(Expr::Literal(Literal::Bool(true)));
            *clauses.get_mut(number)? = Clause::When(always);
        }
        Change::ConditionNegated(number) => {
            let clause = clauses.get_mut(number)?;
            *clause = match clause {
                Clause::When(condition) => Clause::Unless(Arc::clone(condition)),
                Clause::Unless(condition) => Clause::When(Arc::clone(condition)),
            };
        }
    }
    template.try_with_clauses(clauses).ok()
}
