//! What messages ask for, as tool calls.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    answer::{ListKind, Listed},
    argument::Arguments,
    catalog::{CatalogRule, Rules, find as find_rule},
    elicitation::RESPONSES,
    message::{MAX_CALLS, Message, find, text},
    method::{Kind, Method},
    mirror::Mirror,
    review::Reviewed,
    uri,
    version::Version,
    vocabulary::{
        ANSWER, COMPLETE, CONNECT, LIST, PROMPT, RESOURCE, SERVER, TASK_GET, TASK_UPDATE, TOOL, field,
    },
};
use crate::{
    error::CallError,
    form::{ActionForm, TypeForm},
    tool_call::{Attribute, Entity, ToolCall, ToolCalls},
};

/// The calls of one request, as they are found.
#[derive(Debug)]
pub(super) struct Calls<'r> {
    service: &'r str,
    rules: &'r Rules,
    mirror: &'r Mirror,
    version: Option<Version>,
    found: Vec<ToolCall>,
    reviewed: Vec<Reviewed>,
}

/// A call that could be made, without arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Possible {
    /// The call.
    pub call: ToolCall,
    /// Whether only the type and the parents of its resource are known: what is listed stands for many.
    pub any_resource: bool,
}

// === impl Calls ===

impl<'r> Calls<'r> {
    pub(super) const fn new(
        service: &'r str,
        rules: &'r Rules,
        mirror: &'r Mirror,
        version: Option<Version>,
    ) -> Self {
        Self { service, rules, mirror, version, found: Vec::new(), reviewed: Vec::new() }
    }

    /// All of them, of which there is at least one.
    pub(super) fn all(self) -> Result<ToolCalls, CallError> {
        ToolCalls::new(self.found).ok_or(CallError::message("nothing is asked for"))
    }

    /// What is called of which only the reviewed definition may be.
    pub(super) fn take_reviewed(&mut self) -> Vec<Reviewed> {
        std::mem::take(&mut self.reviewed)
    }

    /// Being connected by another HTTP method than POST.
    pub(super) fn connect(&mut self, method: &str) -> Result<(), CallError> {
        self.server(&CONNECT, &[(field::METHOD, method)])
    }

    /// # Errors
    /// What the catalog does not know, and names, URIs and arguments that are not what they must be.
    pub(super) fn add(&mut self, message: Message<'_>) -> Result<(), CallError> {
        let (method, params) = match message {
            Message::Answer => return self.server(&ANSWER, &[]),
            Message::Call { method, params } => (method, params),
        };
        if !matches!(method.kind, Kind::Tool) {
            self.mirror.check_params(&[], None, self.version)?;
        }
        let told = (field::METHOD, method.name);
        match method.kind {
            Kind::Connect => self.server(&CONNECT, &[told])?,
            Kind::List => self.server(&LIST, &[told])?,
            Kind::Answer => self.server(&ANSWER, &[])?,
            Kind::TaskGet => self.server(&TASK_GET, &[told, (field::TASK_ID, text(params, "taskId")?)])?,
            Kind::TaskUpdate => {
                self.server(&TASK_UPDATE, &[told, (field::TASK_ID, text(params, "taskId")?)])?;
            }
            Kind::Tool => self.named(ListKind::Tools, params)?,
            Kind::Prompt => self.named(ListKind::Prompts, params)?,
            Kind::Resource => self.resource(method.name, text(params, "uri")?)?,
            Kind::Complete => self.complete(params)?,
            Kind::Listen => self.listen(method, params)?,
        }
        // Answers to what the server asked in the result before ride on the call that is made again.
        if find(params, RESPONSES)?.is_some() {
            self.server(&ANSWER, &[])?;
        }
        Ok(())
    }

    /// A tool or prompt with its arguments.
    fn named(&mut self, kind: ListKind, params: Option<&Map<String, Value>>) -> Result<(), CallError> {
        let rules = self.rules;
        let (form, rules) =
            if kind == ListKind::Prompts { (&PROMPT, &rules.prompts) } else { (&TOOL, &rules.tools) };
        let name = text(params, "name")?;
        let rule = find_rule(rules, name).ok_or(CallError::RouteUnknown)?;
        self.review(kind, name, rule);
        let given = find(params, "arguments")?;
        let arguments = Arguments::read(&rule.arguments, rule.others_pass, given)?;
        self.mirror.check_params(&rule.arguments, given.and_then(Value::as_object), self.version)?;
        let secret: Vec<String> = rule
            .arguments
            .iter()
            .filter(|argument| argument.secret)
            .map(|argument| format!("{}/{}", field::ARGS, argument.field))
            .collect();
        for args in arguments.calls() {
            let resource = self.entity(form, field::NAME, name);
            let arguments = Map::from_iter([(field::ARGS.to_owned(), Value::Object(args))]);
            let Rule { action, effect } = Rule::of(rule);
            self.push(ToolCall { action, effect, resource, arguments, secret: secret.clone() })?;
        }
        Ok(())
    }

    fn resource(&mut self, method: &str, address: &str) -> Result<(), CallError> {
        uri::check(address)?;
        let rule = find_rule(&self.rules.resources, address).ok_or(CallError::RouteUnknown)?;
        let Rule { action, effect } = Rule::of(rule);
        let resource = self.entity(&RESOURCE, field::URI, address);
        let arguments = texts(&[(field::METHOD, method)]);
        self.push(ToolCall { action, effect, resource, arguments, secret: Vec::new() })
    }

    /// Proposals tell what values there are, of a prompt or resource that the catalog knows.
    fn complete(&mut self, params: Option<&Map<String, Value>>) -> Result<(), CallError> {
        let reference = find(params, "ref")?
            .and_then(Value::as_object)
            .ok_or_else(|| CallError::argument("ref", "is missing or not an object"))?;
        let resource = match text(Some(reference), "type")? {
            "ref/prompt" => {
                let name = text(Some(reference), "name")?;
                let rule = find_rule(&self.rules.prompts, name).ok_or(CallError::RouteUnknown)?;
                self.review(ListKind::Prompts, name, rule);
                self.entity(&PROMPT, field::NAME, name)
            }
            "ref/resource" => {
                let address = text(Some(reference), "uri")?;
                uri::check(address)?;
                find_rule(&self.rules.resources, address).ok_or(CallError::RouteUnknown)?;
                self.entity(&RESOURCE, field::URI, address)
            }
            _ => return Err(CallError::argument("ref", "is neither a prompt nor a resource")),
        };
        self.push(call(&COMPLETE, resource, &[]))
    }

    /// News of the server, of resources and of tasks: as if each were asked for.
    fn listen(&mut self, method: &Method, params: Option<&Map<String, Value>>) -> Result<(), CallError> {
        const FLAGS: [&str; 3] = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"];
        let invalid = || CallError::argument("notifications", "has something that is not known here");
        if params.is_some_and(|params| {
            params.keys().any(|name| !matches!(name.as_str(), "_meta" | "notifications"))
        }) {
            return Err(invalid());
        }
        self.server(&CONNECT, &[(field::METHOD, method.name)])?;
        let Some(wanted) = find(params, "notifications")? else { return Ok(()) };
        for (name, value) in wanted.as_object().ok_or_else(invalid)? {
            match (name.as_str(), value) {
                (flag, Value::Bool(_)) if FLAGS.contains(&flag) => {}
                ("resourceSubscriptions", Value::Array(members)) => {
                    for member in members {
                        self.resource(method.name, member.as_str().ok_or_else(invalid)?)?;
                    }
                }
                ("taskIds", Value::Array(members)) => {
                    for member in members {
                        let id = member.as_str().ok_or_else(invalid)?;
                        self.server(&TASK_GET, &[(field::METHOD, method.name), (field::TASK_ID, id)])?;
                    }
                }
                _ => return Err(invalid()),
            }
        }
        Ok(())
    }

    /// Where what has changed is hidden, it is not called either.
    fn review(&mut self, kind: ListKind, name: &str, rule: &CatalogRule) {
        if let Some(digest) = rule.digest.as_ref().filter(|_| self.rules.hides_drift) {
            self.reviewed.push(Reviewed { kind, name: name.to_owned(), digest: digest.clone() });
        }
    }

    fn server(&mut self, action: &ActionForm, context: &[(&str, &str)]) -> Result<(), CallError> {
        let resource = self.parent();
        self.push(call(action, resource, context))
    }

    fn push(&mut self, call: ToolCall) -> Result<(), CallError> {
        if self.found.len() >= MAX_CALLS {
            return Err(CallError::limit("mcp.calls", MAX_CALLS));
        }
        self.found.push(call);
        Ok(())
    }

    fn parent(&self) -> Entity {
        server(self.service)
    }

    fn entity(&self, form: &TypeForm, attribute: &str, value: &str) -> Entity {
        entity(self.service, form, attribute, value)
    }
}

fn server(service: &str) -> Entity {
    Entity {
        type_name: SERVER.name.into(),
        id: service.to_owned(),
        attributes: BTreeMap::new(),
        parents: Vec::new(),
    }
}

fn entity(service: &str, form: &TypeForm, attribute: &str, value: &str) -> Entity {
    Entity {
        type_name: form.name.into(),
        id: format!("{service}/{value}"),
        attributes: BTreeMap::from([(Arc::from(attribute), Attribute::Text(value.to_owned()))]),
        parents: vec![server(service)],
    }
}

/// The URI of a resource that is not known. No message can ask for it: it is a control character.
const ANY_URI: &str = "\0";

/// What calling a listed thing is by a rule.
pub(super) fn possible(service: &str, rule: &CatalogRule, listed: &Listed<'_>) -> Possible {
    let any_resource = listed.kind == ListKind::Templates && listed.name.contains('{');
    let resource = match listed.kind {
        ListKind::Tools => entity(service, &TOOL, field::NAME, listed.name),
        ListKind::Prompts => entity(service, &PROMPT, field::NAME, listed.name),
        ListKind::Templates if any_resource => entity(service, &RESOURCE, field::URI, ANY_URI),
        ListKind::Resources | ListKind::Templates => entity(service, &RESOURCE, field::URI, listed.name),
    };
    let Rule { action, effect } = Rule::of(rule);
    let call = ToolCall { action, effect, resource, arguments: Map::new(), secret: Vec::new() };
    Possible { call, any_resource }
}

/// What a rule says of every call.
struct Rule {
    action: Arc<str>,
    effect: crate::tool_call::Effect,
}

impl Rule {
    fn of(rule: &CatalogRule) -> Self {
        Self { action: Arc::clone(&rule.action), effect: rule.effect }
    }
}

fn call(action: &ActionForm, resource: Entity, context: &[(&str, &str)]) -> ToolCall {
    ToolCall {
        action: action.name.into(),
        effect: action.effect,
        resource,
        arguments: texts(context),
        secret: Vec::new(),
    }
}

fn texts(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}
