//! The Cedar schema of a bundle: the base, every pack, and the base context added to every action.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use cedar_policy_core::ast::EntityType;
use miette::Diagnostic;
use serde_json::{Map, Value, json};

use crate::{document::TextDocument, fault::Fault};

/// `policies/base.cedarschema`, which comes before every pack.
pub const BASE_SCHEMA: &str = include_str!("../../../policies/base.cedarschema");

/// The context keys that Actgate fills; a pack that declares one is refused.
pub const RESERVED_CONTEXT: [&str; 7] =
    ["approvals", "task", "signals", "time", "claims", "subject", "actor"];

/// A schema and what the load checks ask of it.
#[derive(Debug)]
pub struct BundleSchema {
    /// The whole, for validation and requests.
    pub cedar: Schema,
    /// Actions by their id, such as `secrets.read`.
    pub actions: BTreeMap<String, ActionRule>,
    /// Entity types by their full name.
    pub types: BTreeMap<String, TypeRule>,
}

/// An action as declared.
#[derive(Debug, Clone)]
pub struct ActionRule {
    /// `Action::"secrets.read"`, with the namespace in which it was declared.
    pub uid: EntityUid,
    /// The ids of the groups that it is declared to be directly in.
    pub parents: BTreeSet<String>,
    /// Every group that it is in, however far up.
    pub ancestors: BTreeSet<String>,
    /// The principal types it applies to, by full name.
    pub principals: BTreeSet<String>,
    /// The resource types it applies to, by full name.
    pub resources: BTreeSet<String>,
    /// The context a pack declares for it: key to (type, required).
    pub context: BTreeMap<String, (Value, bool)>,
    /// The file that declares it.
    pub file: String,
}

/// An entity type as declared.
#[derive(Debug, Clone)]
pub struct TypeRule {
    /// The type's name, parsed once.
    pub name: EntityTypeName,
    /// The same for Cedar's evaluator, which knows no places in sources.
    pub(crate) kind: EntityType,
    /// Whether only the ids that the schema lists exist.
    pub(crate) enumerated: bool,
    /// The types that it may be directly in, by full name.
    pub parents: BTreeSet<String>,
    /// Its attributes by name, as types of Cedar's JSON schema.
    pub attributes: BTreeMap<String, Value>,
}

// === impl BundleSchema ===

impl BundleSchema {
    /// Merges the base schema and the packs' schemas and adds the base context to every action.
    ///
    /// # Errors
    /// What does not parse, is declared twice, or declares a reserved context key.
    pub fn assemble(packs: &[&TextDocument]) -> Result<Self, Vec<Fault>> {
        let base =
            TextDocument { file: "policies/base.cedarschema".to_owned(), text: BASE_SCHEMA.to_owned() };
        let mut faults = Vec::new();
        let mut merged = Merged::default();
        for source in std::iter::once(&base).chain(packs.iter().copied()) {
            match parse(source) {
                Ok(fragment) => merged.add(source, fragment, &mut faults),
                Err(found) => faults.extend(found),
            }
        }
        if faults.is_empty() {
            merged.inject(&mut faults);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let file = packs.first().map_or(base.file.as_str(), |pack| pack.file.as_str());
        let cedar = Schema::from_json_value(merged.namespaces.clone().into())
            .map_err(|error| vec![Fault::whole(file, describe(&error))])?;
        let types = merged.types(file)?;
        let actions = merged.actions(&types, &cedar)?;
        Ok(Self { cedar, actions, types })
    }
}

fn parse(source: &TextDocument) -> Result<Map<String, Value>, Vec<Fault>> {
    let (fragment, _warnings) =
        SchemaFragment::from_cedarschema_str(&source.text).map_err(|error| faults_of(source, &error))?;
    match fragment.to_json_value() {
        Ok(Value::Object(namespaces)) => Ok(namespaces),
        Ok(_) => Err(vec![Fault::whole(&source.file, "the schema is not an object")]),
        Err(error) => Err(vec![Fault::whole(&source.file, describe(&error))]),
    }
}

/// A Cedar diagnostic as faults of `source`, at its labels where it has any.
pub(crate) fn faults_of(source: &TextDocument, error: &dyn Diagnostic) -> Vec<Fault> {
    let message = describe(error);
    let mut faults: Vec<Fault> = error
        .labels()
        .into_iter()
        .flatten()
        .take(1)
        .map(|label| {
            let fault = Fault::at_offset(&source.file, label.offset(), message.clone());
            match label.label() {
                Some(text) => fault.help(text),
                None => fault,
            }
        })
        .collect();
    if faults.is_empty() {
        faults.push(Fault::whole(&source.file, message));
    }
    faults
}

/// A diagnostic's message with its causes and its help.
pub(crate) fn describe(error: &dyn Diagnostic) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    if let Some(help) = error.help() {
        text.push_str(" (");
        text.push_str(&help.to_string());
        text.push(')');
    }
    text
}

/// The fragments of base and packs as one JSON schema.
#[derive(Debug, Default)]
struct Merged {
    namespaces: Map<String, Value>,
    /// Which file declared an action: (namespace, id) to file.
    origin: BTreeMap<(String, String), String>,
}

// === impl Merged ===

impl Merged {
    fn add(&mut self, source: &TextDocument, fragment: Map<String, Value>, faults: &mut Vec<Fault>) {
        for (namespace, body) in fragment {
            let Value::Object(body) = body else { continue };
            let target = self
                .namespaces
                .entry(namespace.clone())
                .or_insert_with(|| json!({ "entityTypes": {}, "actions": {}, "commonTypes": {} }));
            for (section, declared) in body {
                let Value::Object(declared) = declared else { continue };
                let Some(slot) =
                    target.as_object_mut().map(|t| t.entry(section.clone()).or_insert_with(|| json!({})))
                else {
                    continue;
                };
                for (name, value) in declared {
                    if slot.get(&name).is_some() {
                        faults.push(fault_at_word(
                            source,
                            &name,
                            format!("`{name}` is already declared by the base schema or by another pack"),
                        ));
                        continue;
                    }
                    if section == "actions" {
                        self.origin.insert((namespace.clone(), name.clone()), source.file.clone());
                    }
                    if let Some(slot) = slot.as_object_mut() {
                        slot.insert(name, value);
                    }
                }
            }
        }
    }

    /// Adds the base context to every action that applies to anything.
    fn inject(&mut self, faults: &mut Vec<Fault>) {
        for (namespace, body) in &mut self.namespaces {
            let common = body.get("commonTypes").cloned().unwrap_or_default();
            let Some(actions) = body.get_mut("actions").and_then(Value::as_object_mut) else { continue };
            for (id, action) in actions {
                let file = self.origin.get(&(namespace.clone(), id.clone())).map_or("", String::as_str);
                let Some(applies) = action.get_mut("appliesTo").and_then(Value::as_object_mut) else {
                    continue;
                };
                if names(applies.get("principalTypes")).next().is_none() {
                    continue;
                }
                let declared = applies.get("context").cloned().unwrap_or_else(|| json!({ "type": "Record" }));
                let Some(mut attributes) = record(&declared, &common) else {
                    faults.push(Fault::whole(
                        file,
                        format!("the context of action `{id}` is neither a record nor a record type of its namespace"),
                    ));
                    continue;
                };
                for key in RESERVED_CONTEXT {
                    if attributes.contains_key(key) {
                        faults.push(Fault::whole(
                            file,
                            format!("action `{id}` declares context `{key}`, which is reserved: Actgate adds it to every action"),
                        ));
                    }
                }
                attributes.extend(base_context());
                applies.insert("context".to_owned(), json!({ "type": "Record", "attributes": attributes }));
            }
        }
    }

    fn types(&self, file: &str) -> Result<BTreeMap<String, TypeRule>, Vec<Fault>> {
        let mut types = BTreeMap::new();
        for (namespace, body) in &self.namespaces {
            let declared = body.get("entityTypes").and_then(Value::as_object);
            for (name, value) in declared.into_iter().flatten() {
                let full = qualify(namespace, name);
                let parents =
                    names(value.get("memberOfTypes")).map(|parent| self.resolve(namespace, parent)).collect();
                let parsed: EntityTypeName = full
                    .parse()
                    .map_err(|_| vec![Fault::whole(file, format!("`{full}` is no type name"))])?;
                let enumerated = value.get("enum").is_some();
                let attributes = value
                    .pointer("/shape/attributes")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, kind)| (name.clone(), kind.clone()))
                    .collect();
                types.insert(
                    full,
                    TypeRule {
                        kind: parsed.as_ref().with_loc(None),
                        name: parsed,
                        enumerated,
                        parents,
                        attributes,
                    },
                );
            }
        }
        Ok(types)
    }

    fn actions(
        &self,
        types: &BTreeMap<String, TypeRule>,
        cedar: &Schema,
    ) -> Result<BTreeMap<String, ActionRule>, Vec<Fault>> {
        let mut actions: BTreeMap<String, ActionRule> = BTreeMap::new();
        let entities = cedar
            .action_entities()
            .map_err(|error| vec![Fault::whole("policies/base.cedarschema", describe(&error))])?;
        for (namespace, body) in &self.namespaces {
            let declared = body.get("actions").and_then(Value::as_object);
            for (id, value) in declared.into_iter().flatten() {
                let file = self.origin.get(&(namespace.clone(), id.clone())).cloned().unwrap_or_default();
                let Ok(type_name) = qualify(namespace, "Action").parse::<EntityTypeName>() else { continue };
                let uid = EntityUid::from_type_name_and_id(type_name, EntityId::new(id));
                let parents = value
                    .get("memberOf")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(|parent| parent.get("id").and_then(Value::as_str).map(str::to_owned))
                    .collect();
                let ancestors = entities
                    .ancestors(&uid)
                    .into_iter()
                    .flatten()
                    .map(|ancestor| ancestor.id().unescaped().to_owned())
                    .collect();
                let applies = value.get("appliesTo");
                let full = |key: &str| -> BTreeSet<String> {
                    names(applies.and_then(|a| a.get(key)))
                        .map(|name| self.resolve_in(types, namespace, name))
                        .collect()
                };
                let context = applies
                    .and_then(|a| a.pointer("/context/attributes"))
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| !RESERVED_CONTEXT.contains(&key.as_str()))
                    .map(|(key, value)| (key.clone(), (value.clone(), required(value))))
                    .collect();
                let rule = ActionRule {
                    uid,
                    parents,
                    ancestors,
                    principals: full("principalTypes"),
                    resources: full("resourceTypes"),
                    context,
                    file: file.clone(),
                };
                // INVARIANT: an action is found by its id alone, so that catalogs need not name namespaces.
                if actions.insert(id.clone(), rule).is_some() {
                    return Err(vec![Fault::whole(
                        &file,
                        format!("action `{id}` is declared in more than one namespace"),
                    )]);
                }
            }
        }
        Ok(actions)
    }

    fn resolve(&self, namespace: &str, name: &str) -> String {
        let own = qualify(namespace, name);
        let declared = self
            .namespaces
            .get(namespace)
            .and_then(|body| body.get("entityTypes"))
            .is_some_and(|types| types.get(name).is_some());
        if declared { own } else { name.to_owned() }
    }

    fn resolve_in(&self, types: &BTreeMap<String, TypeRule>, namespace: &str, name: &str) -> String {
        let own = qualify(namespace, name);
        if types.contains_key(&own) { own } else { name.to_owned() }
    }
}

fn qualify(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

fn names(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn required(attribute: &Value) -> bool {
    attribute.get("required").and_then(Value::as_bool).unwrap_or(true)
}

/// The attributes of a record type, written out or by the name of a common type of the same namespace.
fn record(declared: &Value, common: &Value) -> Option<Map<String, Value>> {
    let kind = declared.get("type").and_then(Value::as_str)?;
    if kind == "Record" {
        return match declared.get("attributes") {
            None => Some(Map::new()),
            Some(Value::Object(attributes)) => Some(attributes.clone()),
            Some(_) => None,
        };
    }
    let name = if kind == "EntityOrCommon" { declared.get("name").and_then(Value::as_str)? } else { kind };
    let aliased = common.get(name)?;
    // One step only: an alias of an alias is rare, and a bound is simpler than a cycle check.
    (aliased.get("type").and_then(Value::as_str) == Some("Record"))
        .then(|| record(aliased, &Value::Null))
        .flatten()
}

/// The base context of every action (design: formats, version 1).
fn base_context() -> Map<String, Value> {
    let optional = json!({ "type": "String", "required": false });
    let strings = json!({ "type": "Set", "element": { "type": "String" } });
    let long = json!({ "type": "Long" });
    let record = |attributes: Value| json!({ "type": "Record", "attributes": attributes });
    let base = json!({
        "approvals": strings,
        "task": record(json!({ "id": optional, "labels": strings, "calls": long, "denials": long })),
        "signals": record(json!({})),
        "time": long,
        "claims": record(json!({
            "task": optional, "purpose": optional, "ticket": optional, "groups": strings, "risk": optional,
        })),
        "subject": { "type": "Entity", "name": "User" },
        "actor": { "type": "Entity", "name": "Agent" },
    });
    match base {
        Value::Object(base) => base,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// A fault at the first place where `word` stands in the text, as near as a merged schema lets one say.
fn fault_at_word(source: &TextDocument, word: &str, message: String) -> Fault {
    match source.text.find(word) {
        Some(offset) => Fault::at_offset(&source.file, offset, message),
        None => Fault::whole(&source.file, message),
    }
}
