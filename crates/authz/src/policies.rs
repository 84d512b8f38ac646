//! The policies of a bundle: split, bounded, parsed, named and validated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};

use crate::{
    approval::{ApprovalMisuse, approver_groups},
    document::TextDocument,
    fault::Fault,
    schema::{BundleSchema, describe, faults_of},
    statement::{Statement, statements},
};

/// The policies and what Actgate knows of each.
#[derive(Debug)]
pub struct Policies {
    /// All of them, under their `@id`.
    pub set: PolicySet,
    facts: HashMap<PolicyId, PolicyFacts>,
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

// === impl Policies ===

impl Policies {
    /// Parses and checks every policy of every file.
    ///
    /// # Errors
    /// What does not parse, lacks an `@id`, is a template, uses approvals in a way that could widen a right, or does
    /// not pass Cedar's strict validation.
    pub fn load(
        sources: &[&TextDocument],
        schema: &BundleSchema,
        groups: &[String],
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut set = PolicySet::new();
        let mut facts = HashMap::new();
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
                        facts.insert(policy.id().clone(), fact);
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

    /// Puts a policy in place of the one of this id, or nothing; returns what was there. For trying out what would be
    /// decided without it.
    pub(crate) fn exchange(
        &mut self,
        id: &PolicyId,
        instead: Option<(Policy, PolicyFacts)>,
    ) -> Option<(Policy, PolicyFacts)> {
        let before = self.set.remove_static(id.clone()).ok().zip(self.facts.remove(id));
        if let Some((policy, facts)) = instead {
            // INVARIANT: the id is free, since what had it is taken out.
            if self.set.add(policy).is_ok() {
                self.facts.insert(id.clone(), facts);
            }
        }
        before
    }

    /// What is known of a policy.
    pub fn facts(&self, id: &PolicyId) -> Option<&PolicyFacts> {
        self.facts.get(id)
    }
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
