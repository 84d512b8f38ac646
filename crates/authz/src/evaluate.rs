//! The question put to Cedar: every call, for the subject and for the actor, and what approvals would change.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use actgate_call::{Attribute, Entity as CallEntity, ToolCall, ToolCalls};
use actgate_token::{Caller, Identity, IdentityKind, UnixTime};
use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, EntityTypeName, EntityUid, PolicyId, Request,
    RestrictedExpression, validate_scope_variables,
};
use serde_json::Value;

use crate::{
    bundle::PolicyBundle,
    entities::{RequestEntity, RequestValue, uid},
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

/// One round over the whole conjunction.
#[derive(Debug)]
struct Round {
    allowed: bool,
    determining: BTreeSet<PolicyId>,
    /// What determined the refusal of the first refused call.
    own: BTreeSet<PolicyId>,
    call: usize,
    principal: Option<String>,
    error: Option<String>,
}

/// A call as Cedar sees it, but for what is approved.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) principals: Vec<(EntityUid, String)>,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    pub(crate) entities: Entities,
    context: Vec<(String, RestrictedExpression)>,
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
        let questions = match self.questions(request) {
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
        let asks =
            plain.determining.iter().any(|id| self.policies.facts(id).is_some_and(|f| !f.groups.is_empty()));
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
    fn round(&self, questions: &[Question], approved: &[&str]) -> Round {
        let authorizer = Authorizer::new();
        let approvals = RestrictedExpression::new_set(
            approved.iter().map(|group| RestrictedExpression::new_string((*group).to_owned())),
        );
        let mut round = Round {
            allowed: true,
            determining: BTreeSet::new(),
            own: BTreeSet::new(),
            call: 0,
            principal: None,
            error: None,
        };
        for (index, question) in questions.iter().enumerate() {
            let context = match self.context_of(question, approvals.clone()) {
                Ok(context) => context,
                Err(error) => return Round { allowed: false, call: index, error: Some(error), ..round },
            };
            for (principal, name) in &question.principals {
                let answer = self.ask(&authorizer, question, principal, &context);
                let (decision, determining) = match answer {
                    Ok(answer) => answer,
                    Err(error) => {
                        return Round { allowed: false, call: index, error: Some(error), ..round };
                    }
                };
                match (decision, round.allowed) {
                    (CedarDecision::Allow, true) => round.determining.extend(determining),
                    // What was permitted before is no ground of a refusal.
                    (CedarDecision::Allow, false) => {}
                    (CedarDecision::Deny, true) => {
                        round.allowed = false;
                        round.call = index;
                        round.principal = determining.is_empty().then(|| name.clone());
                        round.own.clone_from(&determining);
                        round.determining = determining;
                    }
                    (CedarDecision::Deny, false) => {
                        if index == round.call {
                            round.own.extend(determining.iter().cloned());
                        }
                        round.determining.extend(determining);
                    }
                }
            }
        }
        round
    }

    /// The context of a call, the same for every principal. INVARIANT: it is of the type that the schema gives the
    /// action, as [`Self::ask`] relies on.
    pub(crate) fn context_of(
        &self,
        question: &Question,
        approvals: RestrictedExpression,
    ) -> Result<Context, String> {
        let pairs = question.context.iter().cloned().chain([("approvals".to_owned(), approvals)]);
        let context = Context::from_pairs(pairs).map_err(|error| describe(&error))?;
        context.validate(&self.schema.cedar, &question.action).map_err(|error| describe(&error))?;
        Ok(context)
    }

    /// One request to Cedar. INVARIANT: any evaluation error is an error here; Cedar itself skips policies that err,
    /// so that an erring forbid would not forbid.
    fn ask(
        &self,
        authorizer: &Authorizer,
        question: &Question,
        principal: &EntityUid,
        context: &Context,
    ) -> Result<(CedarDecision, BTreeSet<PolicyId>), String> {
        // With the context's own validation this is all that `Request::new` would check, but once for both principals.
        validate_scope_variables(principal, &question.action, &question.resource, &self.schema.cedar)
            .map_err(|error| describe(&error))?;
        let request = Request::new(
            principal.clone(),
            question.action.clone(),
            question.resource.clone(),
            context.clone(),
            None,
        )
        .map_err(|error| describe(&error))?;
        let response = authorizer.is_authorized(&request, &self.policies.set, &question.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        Ok((response.decision(), response.diagnostics().reason().cloned().collect()))
    }

    fn grounds(&self, round: &Round) -> Grounds {
        let names = |ids: &BTreeSet<PolicyId>| -> Vec<String> {
            ids.iter().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect()
        };
        // Where a policy forbids, that is the reason to tell, whoever lacked a permit besides.
        let principal = round.principal.clone().filter(|_| round.own.is_empty());
        Grounds { policies: names(&round.determining), own: names(&round.own), call: round.call, principal }
    }

    pub(crate) fn questions(&self, request: &AccessRequest<'_>) -> Result<Vec<Question>, (usize, String)> {
        request
            .calls
            .iter()
            .enumerate()
            .map(|(index, call)| self.question(request, call).map_err(|error| (index, error)))
            .collect()
    }

    fn question(&self, request: &AccessRequest<'_>, call: &ToolCall) -> Result<Question, String> {
        let action = self
            .actions
            .get(call.action.as_ref())
            .ok_or_else(|| format!("action `{}` is not in the schema", call.action))?;
        let subject = self.principal(request.caller.subject());
        let actor = self.principal(request.caller.actor());
        let groups =
            request.caller.token().claims().groups.iter().map(|group| {
                uid(&self.types.group, &format!("{}/{}", request.caller.subject().alias(), group))
            });
        let mut involved = vec![
            RequestEntity { uid: subject.clone(), parents: groups.collect(), attributes: HashMap::new() },
            RequestEntity { uid: actor.clone(), parents: HashSet::new(), attributes: HashMap::new() },
        ];
        let resource = self.resource(&call.resource, &mut involved)?;
        let entities = self.entities.slice(&involved, action).map_err(|error| error.to_string())?;
        let mut principals = vec![(subject.clone(), request.caller.subject().entity_id().to_owned())];
        if actor != subject {
            principals.push((actor, request.caller.actor().entity_id().to_owned()));
        }
        Ok(Question {
            principals,
            action: action.uid(),
            resource,
            entities,
            context: self.context(request, call)?,
        })
    }

    /// The subject is a person or a workload; the actor is a workload.
    fn principal(&self, identity: &Identity) -> EntityUid {
        match identity.kind() {
            IdentityKind::Person => uid(&self.types.user, identity.entity_id()),
            IdentityKind::Workload => uid(&self.types.agent, identity.entity_id()),
        }
    }

    /// A resource and its complete ancestry, added to what is involved.
    fn resource(&self, entity: &CallEntity, involved: &mut Vec<RequestEntity>) -> Result<EntityUid, String> {
        let own = uid(self.type_name(&entity.type_name)?, &entity.id);
        let mut parents = HashSet::new();
        for parent in &entity.parents {
            parents.insert(self.resource(parent, involved)?);
        }
        let attributes = entity
            .attributes
            .iter()
            .map(|(name, value)| Ok((name.as_ref().to_owned(), self.attribute(value)?)))
            .collect::<Result<_, String>>()?;
        involved.push(RequestEntity { uid: own.clone(), parents, attributes });
        Ok(own)
    }

    fn attribute(&self, value: &Attribute) -> Result<RequestValue, String> {
        match value {
            Attribute::Text(text) => Ok(RequestValue::Text(text.clone())),
            Attribute::Entity { type_name, id } => {
                Ok(RequestValue::Entity(uid(self.type_name(type_name)?, id)))
            }
        }
    }

    fn type_name(&self, name: &str) -> Result<&EntityTypeName, String> {
        self.schema
            .types
            .get(name)
            .map(|rule| &rule.name)
            .ok_or_else(|| format!("entity type `{name}` is not in the schema"))
    }

    /// The call's own context and the base context, all but `approvals`.
    fn context(
        &self,
        request: &AccessRequest<'_>,
        call: &ToolCall,
    ) -> Result<Vec<(String, RestrictedExpression)>, String> {
        let claims = request.caller.token().claims();
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut told: BTreeMap<String, RestrictedExpression> = BTreeMap::new();
        let optional = [
            ("task", &claims.task),
            ("purpose", &claims.purpose),
            ("ticket", &claims.ticket),
            ("risk", &claims.risk),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                told.insert(name.to_owned(), text(value));
            }
        }
        told.insert(
            "groups".to_owned(),
            RestrictedExpression::new_set(claims.groups.iter().map(|group| text(group))),
        );
        let mut task = BTreeMap::from([
            ("labels".to_owned(), RestrictedExpression::new_set([])),
            ("calls".to_owned(), RestrictedExpression::new_long(0)),
            ("denials".to_owned(), RestrictedExpression::new_long(0)),
        ]);
        if let Some(id) = &claims.task {
            task.insert("id".to_owned(), text(id));
        }
        let entity =
            |type_name: &EntityTypeName, id: &str| RestrictedExpression::new_entity_uid(uid(type_name, id));
        let mut pairs = vec![
            ("claims".to_owned(), record(told)?),
            ("task".to_owned(), record(task)?),
            ("signals".to_owned(), record(BTreeMap::new())?),
            ("time".to_owned(), RestrictedExpression::new_long(request.now.seconds())),
            // `subject` is a `User` for every action, so that policies need no `has`: a workload that acts for itself
            // stands there under its own id, and owns nothing as a person.
            ("subject".to_owned(), entity(&self.types.user, request.caller.subject().entity_id())),
            ("actor".to_owned(), entity(&self.types.agent, request.caller.actor().entity_id())),
        ];
        for (name, value) in &call.arguments {
            pairs.push((name.clone(), expression(value)?));
        }
        Ok(pairs)
    }
}

fn record(fields: BTreeMap<String, RestrictedExpression>) -> Result<RestrictedExpression, String> {
    RestrictedExpression::new_record(fields).map_err(|error| error.to_string())
}

/// An argument as Cedar has it. What Cedar has no value for is refused.
fn expression(value: &Value) -> Result<RestrictedExpression, String> {
    match value {
        Value::Bool(truth) => Ok(RestrictedExpression::new_bool(*truth)),
        Value::String(text) => Ok(RestrictedExpression::new_string(text.clone())),
        Value::Number(number) => number
            .as_i64()
            .map(RestrictedExpression::new_long)
            .ok_or_else(|| "an argument is not a whole number".to_owned()),
        Value::Array(members) => {
            Ok(RestrictedExpression::new_set(members.iter().map(expression).collect::<Result<Vec<_>, _>>()?))
        }
        Value::Object(fields) => record(
            fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), expression(field)?)))
                .collect::<Result<BTreeMap<_, _>, String>>()?,
        ),
        Value::Null => Err("an argument is null".to_owned()),
    }
}

#[cfg(test)]
mod tests;
