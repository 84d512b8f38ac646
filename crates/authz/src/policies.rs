//! The policies of a bundle: split, bounded, parsed, named, validated, and indexed by what they can concern.

mod index;
mod reads;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use cedar_policy_core::ast::{EntityType, Expr, ExprKind, Literal};

use self::index::{Index, Scope};
pub(crate) use self::reads::Reads;
use crate::{
    approval::{ApprovalMisuse, approver_groups},
    document::TextDocument,
    entities::{Lineage, Placed, StaticEntities},
    fault::Fault,
    schema::{BundleSchema, describe, faults_of},
    statement::{Statement, statements},
};

/// Policies that are valid, in Cedar's own form.
#[derive(Debug)]
pub(crate) struct CheckedPolicies {
    pub(crate) set: PolicySet,
    facts: BTreeMap<String, PolicyFacts>,
}

/// The policies by number, in the order of their ids, and the index over them.
#[derive(Debug)]
pub struct Policies {
    all: Vec<Rule>,
    scopes: Vec<Scope>,
    index: Index,
}

/// One policy, taken apart: what its scope says is in the index.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) facts: PolicyFacts,
    /// `when` and not `unless`; none where the scope alone decides.
    pub(crate) condition: Option<Arc<Expr>>,
    /// The entities that the condition names.
    pub(crate) literals: Box<[u32]>,
    /// What the condition reads.
    pub(crate) reads: Reads,
}

/// What a policy says of itself and to whom an approval of it would fall.
#[derive(Debug, Clone)]
pub struct PolicyFacts {
    /// `@id`.
    pub id: String,
    /// `@reason`, shown to the agent.
    pub reason: Option<String>,
    /// `@advice`, shown to the agent.
    pub advice: Option<String>,
    /// Whether it forbids.
    pub forbids: bool,
    /// The approver groups that its `unless` names.
    pub groups: BTreeSet<String>,
}

// === impl CheckedPolicies ===

impl CheckedPolicies {
    /// Parses and checks every policy of every file.
    ///
    /// # Errors
    /// What does not parse, lacks an `@id`, is a template, uses approvals in a way that could widen a right, or does
    /// not pass Cedar's strict validation.
    pub(crate) fn read(
        sources: &[&TextDocument],
        schema: &BundleSchema,
        groups: &[String],
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut set = PolicySet::new();
        let mut facts: BTreeMap<String, PolicyFacts> = BTreeMap::new();
        let mut places: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for source in sources {
            let found = match statements(source) {
                Ok(found) => found,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            for statement in found {
                match read(source, &statement, groups) {
                    Ok((policy, fact)) => {
                        if let Some((file, _)) = places.get(&fact.id) {
                            faults.push(Fault::at_offset(
                                &source.file,
                                statement.offset,
                                format!("policy id `{}` is already used in {file}", fact.id),
                            ));
                            continue;
                        }
                        places.insert(fact.id.clone(), (source.file.clone(), statement.offset));
                        facts.insert(fact.id.clone(), fact);
                        if let Err(error) = set.add(policy) {
                            faults.push(Fault::at_offset(&source.file, statement.offset, describe(&error)));
                        }
                    }
                    Err(found) => faults.extend(found),
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let at_policy = |id: &PolicyId, message: String| match places.get(AsRef::<str>::as_ref(id)) {
            Some((file, offset)) => Fault::at_offset(file, *offset, message),
            None => Fault::whole("policies", message),
        };
        let verdict = Validator::new(schema.cedar.clone()).validate(&set, ValidationMode::Strict);
        faults.extend(verdict.validation_errors().map(|error| at_policy(error.policy_id(), describe(error))));
        if !faults.is_empty() {
            return Err(faults);
        }
        let warnings = verdict
            .validation_warnings()
            .map(|warning| at_policy(warning.policy_id(), describe(warning)))
            .collect();
        Ok((Self { set, facts }, warnings))
    }

    /// Takes them apart. What they name gets its number among the entities.
    pub(crate) fn compile(self, entities: &mut StaticEntities) -> Policies {
        let Self { set, facts } = self;
        let mut all = Vec::new();
        let mut scopes = Vec::new();
        // A `BTreeMap` gives the ids in their order: determining policies are told in it.
        for (id, facts) in facts {
            let Some(policy) = set.policy(&PolicyId::new(&id)) else { continue };
            scopes.push(Scope::of(policy, entities));
            let condition = policy.as_ref().non_scope_constraints_arc().map(Arc::clone);
            let literals = literals(condition.as_deref(), entities);
            let reads = Reads::of(condition.as_deref());
            all.push(Rule { facts, condition, literals, reads });
        }
        let index = Index::new(&scopes);
        Policies { all, scopes, index }
    }
}

// === impl Policies ===

impl Policies {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many have a scope that names nothing, so that every call has to ask them.
    pub fn unindexed(&self) -> usize {
        self.index.any_count()
    }

    /// The policies whose scope fits a call.
    pub(crate) fn candidates(
        &self,
        principal: Placed<'_>,
        action: &Lineage,
        resource: Placed<'_>,
    ) -> Vec<u32> {
        self.index.candidates(&self.scopes, principal, action, resource)
    }

    /// The policies whose scope fits a principal, an action, and some resource of a type. All are looked at: it is asked
    /// for few things that are listed, and for no call.
    pub(crate) fn candidates_of_type(
        &self,
        principal: Placed<'_>,
        action: &Lineage,
        resource: &EntityType,
    ) -> Vec<u32> {
        let fits = |(_, scope): &(u32, &Scope)| scope.may_fit(principal, action, resource);
        (0u32..).zip(&self.scopes).filter(fits).map(|(number, _)| number).collect()
    }

    /// Puts a rule of the same scope in place of the one of this id, or one that never applies; returns what was there.
    /// For trying out what would be decided without it.
    pub(crate) fn exchange(&mut self, id: &str, instead: Option<Rule>) -> Option<Rule> {
        let place = self.place(id)?;
        let before = self.all.get_mut(place)?;
        let never = || Rule {
            facts: before.facts.clone(),
            condition: Some(Arc::new(Expr::val(false))),
            literals: Box::default(),
            reads: Reads::default(),
        };
        let instead = instead.unwrap_or_else(never);
        Some(std::mem::replace(before, instead))
    }

    pub(crate) fn rule(&self, number: u32) -> Option<&Rule> {
        self.all.get(usize::try_from(number).ok()?)
    }

    /// What is known of a policy.
    pub fn facts(&self, id: &str) -> Option<&PolicyFacts> {
        self.find(id).map(|rule| &rule.facts)
    }

    /// The rule of an id.
    pub(crate) fn find(&self, id: &str) -> Option<&Rule> {
        self.all.get(self.place(id)?)
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.all.binary_search_by(|rule| rule.facts.id.as_str().cmp(id)).ok()
    }
}

/// The entities that a condition names: they are reachable without being part of the request.
fn literals(condition: Option<&Expr>, entities: &mut StaticEntities) -> Box<[u32]> {
    let named = condition.into_iter().flat_map(Expr::subexpressions);
    named
        .filter_map(|part| {
            let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() else { return None };
            Some(entities.number(uid))
        })
        .collect()
}

fn read(
    source: &TextDocument,
    statement: &Statement<'_>,
    groups: &[String],
) -> Result<(Policy, PolicyFacts), Vec<Fault>> {
    let fault = |message: String| vec![Fault::at_offset(&source.file, statement.offset, message)];
    let policy = Policy::parse(None, statement.text).map_err(|error| {
        let slice = TextDocument { file: source.file.clone(), text: String::new() };
        let mut faults: Vec<Fault> = error.iter().flat_map(|error| faults_of(&slice, error)).collect();
        for fault in &mut faults {
            if let crate::fault::At::Offset(offset) = &mut fault.at {
                *offset = offset.saturating_add(statement.offset);
            }
        }
        faults
    })?;
    let id = policy.annotation("id").map(str::to_owned).filter(|id| !id.is_empty());
    let Some(id) = id else {
        return Err(vec![
            Fault::at_offset(&source.file, statement.offset, "this policy has no `@id`")
                .help("every policy needs one, such as `@id(\"secrets.prod-needs-security\")`"),
        ]);
    };
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
        || id.len() > 128
    {
        return Err(fault(format!("policy id `{id}` is not 1 to 128 letters, digits, `-`, `_`, `.` or `/`")));
    }
    let pst = policy.to_pst().map_err(|error| fault(error.to_string()))?;
    let approvers = approver_groups(pst.body(), groups).map_err(|misuse| {
        let place = Fault::at_offset(&source.file, statement.offset, format!("policy `{id}`: {misuse}"));
        vec![match &misuse {
            ApprovalMisuse::UnknownGroup(group) => place.nearest(group, groups.iter().map(String::as_str)),
            ApprovalMisuse::Position | ApprovalMisuse::NotLiteral => place.help(crate::approval::RULE),
        }]
    })?;
    let facts = PolicyFacts {
        reason: policy.annotation("reason").map(str::to_owned),
        advice: policy.annotation("advice").map(str::to_owned),
        forbids: policy.effect() == Effect::Forbid,
        groups: approvers,
        id: id.clone(),
    };
    Ok((policy.new_id(PolicyId::new(&id)), facts))
}
