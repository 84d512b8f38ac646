//! The question put to Cedar: every call, for the subject and for the actor, and what approvals would change.

mod possible;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use actgate_call::{Attribute, Entity as CallEntity, ToolCall, ToolCalls};
use actgate_token::{Caller, Identity, IdentityKind, TaskClaims, UnixTime};
use cedar_policy::validate_scope_variables;
use cedar_policy_core::{
    ast::{
        Context, EntityType, EntityUID, Expr, Literal, Request, RequestSchemaAllPass, SlotEnv,
        Value as CedarValue, ValueKind,
    },
    entities::Entities,
    evaluator::Evaluator,
    extensions::Extensions,
};

use crate::{
    action::{Action, cedar_value},
    bundle::PolicyBundle,
    entities::{Involved, Lineage, Placed, RequestEntity, entity_value, uid},
    policies::{Reads, Rule},
    schema::describe,
};

/// Who wants what, now.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// Who is asking.
    pub caller: &'a Caller,
    /// What is asked: all of it or nothing.
    pub calls: &'a ToolCalls,
    /// The time.
    pub now: UnixTime,
    /// The groups that have approved exactly these calls, by a verified grant.
    pub approved: &'a [String],
}

/// An [`AccessRequest`] that outlives the request, for who looks over the gate's shoulder: coverage of cases,
/// explanations.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// Who is asking.
    pub caller: Caller,
    /// What is asked.
    pub calls: ToolCalls,
    /// The time.
    pub now: UnixTime,
}

/// What the policies say to an [`AccessRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every call is permitted to the subject and to the actor.
    Allow(Grounds),
    /// Not all are, and no approval would change it.
    Deny(Grounds),
    /// All would be, were the call approved by these groups: the smallest set, in configuration order.
    Hold(Grounds, Vec<String>),
    /// A policy could not be evaluated, or the question could not be put.
    Fail(Grounds, String),
}

/// Why: the determining policies, and the call and principal for which they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grounds {
    /// `@id` of each determining policy, sorted.
    pub(crate) policies: Vec<String>,
    /// Those of them that refused the call of `call`: what they say, they say of it and of no other.
    pub(crate) own: Vec<String>,
    /// The index of the refused call.
    pub(crate) call: usize,
    /// The principal that was refused, as an entity id; absent where a forbid refused the call for anyone.
    pub(crate) principal: Option<String>,
}

/// One round over the whole conjunction. Policies are numbers, in the order of their ids.
#[derive(Debug, Default)]
struct Round {
    allowed: bool,
    determining: BTreeSet<u32>,
    /// What determined the refusal of the first refused call.
    own: BTreeSet<u32>,
    call: usize,
    principal: Option<String>,
    error: Option<String>,
}

/// A call as Cedar sees it, but for what is approved.
#[derive(Debug)]
pub(crate) struct Question<'b> {
    pub(crate) askers: Vec<Asker>,
    pub(crate) action: &'b Action,
    pub(crate) resource: EntityUID,
    pub(crate) entities: Entities,
    context: Facts<'b>,
    /// Whether the context is known to be of the schema's type.
    sound: bool,
    /// What of all this the policies read; the rest is not there.
    reads: Reads,
}

/// How much of a question is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// What the policies read that can concern the call.
    Candidates,
    /// Everything, for who asks expressions of their own.
    Whole,
    /// The same, and where the resource stands for any of its type and parents, the policies that could concern those.
    AnyResource,
}

/// A principal, and the policies that can concern it.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) uid: EntityUID,
    name: String,
    candidates: Vec<u32>,
    /// The policies that can concern it besides where the resource may be any of its type.
    others: Vec<u32>,
}

/// What the context says, but for approvals.
type Facts<'r> = Vec<(&'r str, CedarValue)>;

/// What Cedar says of one principal.
struct Answer {
    allows: bool,
    determining: Vec<u32>,
}

// === impl Inquiry ===

impl Inquiry {
    /// The same as a question.
    pub fn request(&self) -> AccessRequest<'_> {
        AccessRequest { caller: &self.caller, calls: &self.calls, now: self.now, approved: &[] }
    }
}

// === impl PolicyBundle ===

impl PolicyBundle {
    /// Puts the question, and where the answer is no because of approvals, finds the fewest that would make it yes.
    pub(crate) fn verdict(&self, request: &AccessRequest<'_>) -> Verdict {
        let questions = match self.questions(request, Breadth::Candidates) {
            Ok(questions) => questions,
            Err((call, error)) => return Verdict::Fail(Grounds { call, ..Grounds::default() }, error),
        };
        let granted: Vec<&str> = request.approved.iter().map(String::as_str).collect();
        let plain = self.round(&questions, &granted);
        if let Some(error) = plain.error.clone() {
            return Verdict::Fail(self.grounds(&plain), error);
        }
        if plain.allowed {
            return Verdict::Allow(self.grounds(&plain));
        }
        let mut determining = plain.determining.iter().filter_map(|number| self.policies.rule(*number));
        let asks = determining.any(|rule| !rule.facts.groups.is_empty());
        if !asks {
            return Verdict::Deny(self.grounds(&plain));
        }
        let mut approved: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let best = self.round(&questions, &approved);
        if best.error.is_some() || !best.allowed {
            // What approvals cannot lift is the reason that helps: asking for one would be in vain.
            return Verdict::Deny(self.grounds(&best));
        }
        for group in &self.groups {
            let fewer: Vec<&str> = approved.iter().copied().filter(|other| other != group).collect();
            let round = self.round(&questions, &fewer);
            if round.allowed && round.error.is_none() {
                approved = fewer;
            }
        }
        Verdict::Hold(self.grounds(&plain), approved.into_iter().map(str::to_owned).collect())
    }

    /// Evaluates every call for every principal: the meet, because all must be allowed.
    fn round(&self, questions: &[Question<'_>], approved: &[&str]) -> Round {
        let mut round = Round { allowed: true, ..Round::default() };
        for (index, question) in questions.iter().enumerate() {
            let context = match self.context_of(question, approved) {
                Ok(context) => context,
                Err(error) => return Round { allowed: false, call: index, error: Some(error), ..round },
            };
            for asker in &question.askers {
                let Answer { allows, determining } = match self.ask(question, asker, &context) {
                    Ok(answer) => answer,
                    Err(error) => {
                        return Round { allowed: false, call: index, error: Some(error), ..round };
                    }
                };
                match (allows, round.allowed) {
                    (true, true) => round.determining.extend(determining),
                    // What was permitted before is no ground of a refusal.
                    (true, false) => {}
                    (false, true) => {
                        round.allowed = false;
                        round.call = index;
                        round.principal = determining.is_empty().then(|| asker.name.clone());
                        round.own = determining.iter().copied().collect();
                        round.determining.clone_from(&round.own);
                    }
                    (false, false) => {
                        if index == round.call {
                            round.own.extend(determining.iter().copied());
                        }
                        round.determining.extend(determining);
                    }
                }
            }
        }
        round
    }

    /// The context of a call, the same for every principal. INVARIANT: what is in it is of the type that the schema gives
    /// the action: what Actgate adds is, by how it is made, and what the call brings is checked.
    pub(crate) fn context_of(&self, question: &Question<'_>, approved: &[&str]) -> Result<Context, String> {
        let approvals = question.reads.key("approvals").then(|| {
            let groups = approved.iter().map(|group| Literal::from(*group));
            ("approvals".into(), CedarValue::set_of_lits(groups, None))
        });
        let given = question.context.iter().map(|(name, value)| ((*name).into(), value.clone()));
        let facts: BTreeMap<_, _> = given.chain(approvals).collect();
        let context = Context::Value(Arc::new(facts));
        if !question.sound {
            let action = question.action.uid.clone().into();
            cedar_policy::Context::from(context.clone())
                .validate(&self.schema.cedar, &action)
                .map_err(|error| describe(&error))?;
        }
        Ok(context)
    }

    /// One request to Cedar's evaluator, over the policies whose scope fits. Cedar's own authorizer asks every policy and
    /// copies each before it does; a property test holds this to it. INVARIANT: any evaluation error is an error here;
    /// Cedar itself skips policies that err, so that an erring forbid would not forbid.
    fn ask(&self, question: &Question<'_>, asker: &Asker, context: &Context) -> Result<Answer, String> {
        let Question { action, resource, .. } = question;
        let principal = &asker.uid;
        if !action.applies_to(principal.entity_type(), resource.entity_type()) {
            validate_scope_variables(
                &principal.clone().into(),
                &action.uid.clone().into(),
                &resource.clone().into(),
                &self.schema.cedar,
            )
            .map_err(|error| describe(&error))?;
        }
        // Many policies say all in their scope: Cedar's evaluator is for conditions.
        let mut evaluator = None;
        let (mut permits, mut forbids) = (Vec::new(), Vec::new());
        for number in &asker.candidates {
            let rule = self.policies.rule(*number).ok_or("a policy is missing")?;
            let applies = match &rule.condition {
                None => true,
                Some(condition) => {
                    let evaluator = match &mut evaluator {
                        Some(evaluator) => evaluator,
                        none @ None => none.insert(evaluator_of(question, asker, context)?),
                    };
                    holds(rule, condition, evaluator)?
                }
            };
            if applies {
                if rule.facts.forbids { forbids.push(*number) } else { permits.push(*number) }
            }
        }
        let allows = forbids.is_empty() && !permits.is_empty();
        Ok(Answer { allows, determining: if forbids.is_empty() { permits } else { forbids } })
    }

    fn grounds(&self, round: &Round) -> Grounds {
        let names = |numbers: &BTreeSet<u32>| -> Vec<String> {
            let rules = numbers.iter().filter_map(|number| self.policies.rule(*number));
            rules.map(|rule| rule.facts.id.clone()).collect()
        };
        // Where a policy forbids, that is the reason to tell, whoever lacked a permit besides.
        let principal = round.principal.clone().filter(|_| round.own.is_empty());
        Grounds { policies: names(&round.determining), own: names(&round.own), call: round.call, principal }
    }

    pub(crate) fn questions<'b>(
        &'b self,
        request: &AccessRequest<'b>,
        breadth: Breadth,
    ) -> Result<Vec<Question<'b>>, (usize, String)> {
        request
            .calls
            .iter()
            .enumerate()
            .map(|(index, call)| self.question(request, call, breadth).map_err(|error| (index, error)))
            .collect()
    }

    fn question<'b>(
        &'b self,
        request: &AccessRequest<'b>,
        call: &'b ToolCall,
        breadth: Breadth,
    ) -> Result<Question<'b>, String> {
        let action = self
            .actions
            .get(call.action.as_ref())
            .ok_or_else(|| format!("action `{}` is not in the schema", call.action))?;
        let (subject, actor) = (request.caller.subject(), request.caller.actor());
        let groups = request
            .caller
            .token()
            .claims()
            .groups
            .iter()
            .map(|group| uid(&self.types.group, &format!("{}/{}", subject.alias(), group)));
        let own = |identity: &Identity, parents: Vec<EntityUID>| RequestEntity {
            uid: self.principal(identity),
            parents,
            attributes: BTreeMap::new(),
        };
        let mut involved = Vec::with_capacity(INVOLVED);
        involved.extend([own(subject, groups.collect()), own(actor, Vec::new())]);
        let resource = self.resource(&call.resource, &mut involved)?;
        let involved = Involved::gather(&self.entities, involved).map_err(|error| error.to_string())?;
        let lineage = |uid: &EntityUID| involved.lineage(uid).map_err(|error| error.to_string());

        let above = lineage(&resource)?;
        // Subject and actor, and the resource.
        let mut known: Vec<(EntityUID, Lineage)> = Vec::with_capacity(3);
        let mut askers = Vec::with_capacity(2);
        for identity in [subject, actor] {
            let uid = self.principal(identity);
            if known.iter().any(|(other, _)| *other == uid) {
                continue;
            }
            let own = lineage(&uid)?;
            let asking = Placed { kind: uid.entity_type(), lineage: &own };
            let candidates = self.policies.candidates(
                asking,
                &action.lineage,
                Placed { kind: resource.entity_type(), lineage: &above },
            );
            let others = if breadth == Breadth::AnyResource {
                self.policies.candidates_of_type(asking, &action.lineage, resource.entity_type())
            } else {
                Vec::new()
            };
            known.push((uid.clone(), own));
            askers.push(Asker { uid, name: identity.entity_id().to_owned(), candidates, others });
        }
        known.push((resource.clone(), above));

        let rules = || {
            let numbers = askers.iter().flat_map(|asker| asker.candidates.iter().chain(&asker.others));
            numbers.filter_map(|number| self.policies.rule(*number))
        };
        let sound = action.takes(&call.arguments);
        let reads = match breadth {
            // A context that Cedar has to check is made as a whole.
            Breadth::Candidates if sound => rules().map(|rule| rule.reads).fold(Reads::default(), Reads::and),
            Breadth::Candidates | Breadth::Whole | Breadth::AnyResource => Reads::ALL,
        };
        let entities = if reads.entities {
            let literals: BTreeSet<u32> = rules().flat_map(|rule| rule.literals.iter().copied()).collect();
            let reuse = |uid: &EntityUID| {
                let place = known.iter().position(|(other, _)| other == uid)?;
                Some(known.swap_remove(place).1)
            };
            involved.slice(&action.entity, literals, reuse)
        } else {
            let searched: Vec<&EntityUID> = known.iter().map(|(uid, _)| uid).collect();
            involved.agree(&searched).map(|()| Entities::new())
        };
        let entities = entities.map_err(|error| error.to_string())?;
        let context = self.context(request, call, reads)?;
        Ok(Question { askers, action, resource, entities, context, sound, reads })
    }

    /// The subject is a person or a workload; the actor is a workload.
    fn principal(&self, identity: &Identity) -> EntityUID {
        match identity.kind() {
            IdentityKind::Person => uid(&self.types.user, identity.entity_id()),
            IdentityKind::Workload => uid(&self.types.agent, identity.entity_id()),
        }
    }

    /// A resource and its complete ancestry, added to what is involved.
    fn resource(&self, entity: &CallEntity, involved: &mut Vec<RequestEntity>) -> Result<EntityUID, String> {
        let own = uid(self.kind(&entity.type_name)?, &entity.id);
        let mut parents = Vec::with_capacity(entity.parents.len());
        for parent in &entity.parents {
            parents.push(self.resource(parent, involved)?);
        }
        let attributes = entity
            .attributes
            .iter()
            .map(|(name, value)| Ok((Arc::clone(name), self.attribute(value)?)))
            .collect::<Result<_, String>>()?;
        involved.push(RequestEntity { uid: own.clone(), parents, attributes });
        Ok(own)
    }

    fn attribute(&self, value: &Attribute) -> Result<CedarValue, String> {
        match value {
            Attribute::Text(text) => Ok(CedarValue::new(text.as_str(), None)),
            Attribute::Entity { type_name, id } => Ok(entity_value(uid(self.kind(type_name)?, id))),
        }
    }

    fn kind(&self, name: &str) -> Result<&EntityType, String> {
        self.kinds.get(name).ok_or_else(|| format!("entity type `{name}` is not in the schema"))
    }

    /// What is read of the call's own context and of the base context, all but `approvals`.
    fn context<'r>(
        &self,
        request: &AccessRequest<'r>,
        call: &'r ToolCall,
        reads: Reads,
    ) -> Result<Facts<'r>, String> {
        let mut facts: Facts<'r> = Vec::new();
        let mut tell = |name: &'static str, value: &dyn Fn() -> CedarValue| {
            if reads.key(name) {
                facts.push((name, value()));
            }
        };
        let claims = request.caller.token().claims();
        tell("claims", &|| told(claims));
        tell("task", &|| task(claims));
        tell("signals", &|| CedarValue::empty_record(None));
        tell("time", &|| CedarValue::new(request.now.seconds(), None));
        // `subject` is a `User` for every action, so that policies need no `has`: a workload that acts for itself stands
        // there under its own id, and owns nothing as a person.
        tell("subject", &|| entity_value(uid(&self.types.user, request.caller.subject().entity_id())));
        tell("actor", &|| entity_value(uid(&self.types.agent, request.caller.actor().entity_id())));
        if reads.arguments() {
            for (name, value) in &call.arguments {
                facts.push((name.as_str(), cedar_value(value)?));
            }
        }
        Ok(facts)
    }
}

/// How many entities most calls bring: two principals and a resource a few folders deep.
const INVOLVED: usize = 8;

/// What Cedar asks conditions with.
fn evaluator_of<'q>(
    question: &'q Question<'_>,
    asker: &Asker,
    context: &Context,
) -> Result<Evaluator<'q>, String> {
    let extensions = Extensions::all_available();
    let request = Request::new(
        (asker.uid.clone(), None),
        (question.action.uid.clone(), None),
        (question.resource.clone(), None),
        context.clone(),
        None::<&RequestSchemaAllPass>,
        extensions,
    )
    .map_err(|error| error.to_string())?;
    Ok(Evaluator::new(request, &question.entities, extensions))
}

/// `context.claims`
fn told(claims: &TaskClaims) -> CedarValue {
    let optional = [
        ("task", &claims.task),
        ("purpose", &claims.purpose),
        ("ticket", &claims.ticket),
        ("risk", &claims.risk),
    ];
    let groups =
        CedarValue::set_of_lits(claims.groups.iter().map(|group| Literal::from(group.as_str())), None);
    let told = optional.into_iter().filter_map(|(name, value)| Some((name, text(value.as_ref()?))));
    CedarValue::record(told.chain([("groups", groups)]), None)
}

/// `context.task`
fn task(claims: &TaskClaims) -> CedarValue {
    let task = claims.task.iter().map(|id| ("id", text(id))).chain([
        ("labels", CedarValue::empty_set(None)),
        ("calls", CedarValue::new(0, None)),
        ("denials", CedarValue::new(0, None)),
    ]);
    CedarValue::record(task, None)
}

fn text(value: &str) -> CedarValue {
    CedarValue::new(value, None)
}

/// Whether the condition of a policy whose scope fits holds.
fn holds(rule: &Rule, condition: &Expr, evaluator: &Evaluator<'_>) -> Result<bool, String> {
    let failed = |problem: &dyn std::fmt::Display| {
        format!("error while evaluating policy `{}`: {problem}", rule.facts.id)
    };
    let value = evaluator.interpret(condition, &SlotEnv::new()).map_err(|error| failed(&error))?;
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(holds)) => Ok(*holds),
        ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => {
            Err(failed(&"its condition is neither true nor false"))
        }
    }
}

#[cfg(test)]
mod equivalence;
#[cfg(test)]
mod tests;
