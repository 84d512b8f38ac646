//! One route: every name it uses is one that it declares.

use std::{collections::BTreeMap, sync::Arc};

use super::{Faults, NOT_A_WORD, is_word, token};
use crate::{
    adapter::BodyNeed,
    catalog::{
        AlsoRule, BodyRule, FieldRule, HeaderRule, IdTemplate, Limits, Lineage, ParentRule, PathTemplate,
        RawBody, RawCall, RawDelivery, RawField, RawHeader, RawParent, RawResource, RawRoute, RawSource,
        Refusals, ResourceRule, RouteRule, Source,
        template::{TemplateFault, is_identifier},
    },
    head::{is_method, is_name},
    json::Pointer,
};

/// Ancestors that are written out in a catalog; folder chains are bounded by the path.
const MAX_ANCESTRY: usize = 8;

/// A request that does more than this is better described by an adapter of its own.
const MAX_ALSO: usize = 7;

/// What the gate adds to every context. An argument of such a name could pass for it.
const RESERVED: [&str; 7] = ["approvals", "task", "signals", "time", "claims", "subject", "actor"];

/// Credentials are not arguments: arguments are shown and logged.
const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "dpop"];

pub(super) fn check(
    raw: &RawRoute,
    number: usize,
    refusals: &Refusals,
    limits: Limits,
    faults: &mut Faults,
) -> Option<RouteRule> {
    let RawRoute {
        method,
        path,
        header,
        present,
        action,
        effect,
        resource,
        also,
        context,
        query,
        secret,
        body,
        max_body,
        delivery,
    } = raw;
    let pointer = format!("/routes/{number}");
    let before = faults.found.len();
    if !is_method(method) {
        faults.add(format!("{pointer}/method"), format!("method `{method}` is not a word in upper case"));
    } else if matches!(method.as_str(), "CONNECT" | "TRACE") {
        faults.add(format!("{pointer}/method"), format!("method `{method}` cannot be allowed"));
    }
    check_action(action, &pointer, faults);
    let path = faults.keep(&format!("{pointer}/path"), PathTemplate::parse(path))?;
    let header = header.as_ref().map(|raw| header_rule(raw, &pointer, refusals, faults));
    let context: Vec<FieldRule> = context
        .iter()
        .filter_map(|(name, raw)| {
            field(name, raw, &path, format!("{pointer}/context/{}", token(name)), refusals, faults)
        })
        .collect();
    let names = Names { path: &path, arguments: &context };
    let resource = resource_rule(resource, names, format!("{pointer}/resource"), faults);
    let also = further_calls(also, &raw.context, names, &pointer, faults);
    if header.is_some() && !present.is_empty() {
        faults
            .add(format!("{pointer}/present"), "a route is told apart by a header or by its query, not both");
    }
    let query = declared(query, present, &context, &pointer, faults);
    for (place, name) in secret.iter().enumerate() {
        if !raw.context.contains_key(name) {
            faults.unknown(
                format!("{pointer}/secret/{place}"),
                format!("the context has no `{name}`"),
                name,
                raw.context.keys().map(String::as_str),
            );
        }
    }
    let json = raw.context.values().any(|field| field.from == RawSource::Json);
    let need = body_need(*body, *max_body, json, method, &pointer, limits, faults);
    let rule = RouteRule {
        method: method.clone(),
        path,
        header,
        present: present.clone(),
        action: Arc::from(action.as_str()),
        effect: *effect,
        resource: resource?,
        also,
        context,
        query,
        secret: secret.clone(),
        body: BodyRule { need, json },
        durable: *delivery == Some(RawDelivery::Durable),
        pointer,
    };
    (faults.found.len() == before).then_some(rule)
}

/// The names that an id template can use.
#[derive(Clone, Copy)]
struct Names<'a> {
    path: &'a PathTemplate,
    arguments: &'a [FieldRule],
}

fn check_action(action: &str, pointer: &str, faults: &mut Faults) {
    if !is_word(action) {
        faults.add(format!("{pointer}/action"), format!("action `{action}` {NOT_A_WORD}"));
    }
}

fn further_calls(
    raw: &[RawCall],
    known: &BTreeMap<String, RawField>,
    names: Names<'_>,
    of: &str,
    faults: &mut Faults,
) -> Vec<AlsoRule> {
    if raw.len() > MAX_ALSO {
        faults.add(format!("{of}/also"), format!("more than {MAX_ALSO} further calls"));
        return Vec::new();
    }
    let rule = |(number, raw): (usize, &RawCall)| {
        let RawCall { action, effect, resource, context } = raw;
        let pointer = format!("{of}/also/{number}");
        check_action(action, &pointer, faults);
        let resource = resource_rule(resource, names, format!("{pointer}/resource"), faults);
        let mut places = Vec::with_capacity(context.len());
        for (number, name) in context.iter().enumerate() {
            match names.arguments.iter().position(|field| field.name == *name) {
                Some(place) if places.contains(&place) => {
                    faults.add(format!("{pointer}/context/{number}"), format!("`{name}` is there twice"));
                }
                Some(place) => places.push(place),
                // It is told of there.
                None if known.contains_key(name) => {}
                None => faults.unknown(
                    format!("{pointer}/context/{number}"),
                    format!("the route has no argument `{name}`"),
                    name,
                    known.keys().map(String::as_str),
                ),
            }
        }
        let action = Arc::from(action.as_str());
        Some(AlsoRule { action, effect: *effect, resource: resource?, context: places, pointer })
    };
    raw.iter().enumerate().filter_map(rule).collect()
}

fn header_rule(raw: &RawHeader, pointer: &str, refusals: &Refusals, faults: &mut Faults) -> HeaderRule {
    let RawHeader { name, value } = raw;
    check_header(name, format!("{pointer}/header/name"), refusals, faults);
    let is_value = !value.is_empty()
        && value.trim() == value
        && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !is_value {
        faults.add(format!("{pointer}/header/value"), format!("`{value}` is not a printable header value"));
    }
    HeaderRule { name: name.clone(), value: value.clone() }
}

fn check_header(name: &str, pointer: String, refusals: &Refusals, faults: &mut Faults) {
    if !is_name(name.as_bytes()) {
        faults.add(pointer, format!("`{name}` is not a header name in lower case"));
    } else if CREDENTIALS.contains(&name) {
        faults.add(pointer, format!("header `{name}` holds a credential, which is no argument"));
    } else if refusals.header(name.as_bytes()) {
        faults.add(pointer, format!("header `{name}` is refused by this catalog"));
    }
}

fn resource_rule(
    raw: &RawResource,
    names: Names<'_>,
    pointer: String,
    faults: &mut Faults,
) -> Option<ResourceRule> {
    let RawResource { type_name, id, parents } = raw;
    let type_name = entity_type(type_name, &pointer, faults);
    let id = faults.keep(&format!("{pointer}/id"), id_template(id, names));
    let parents = parent_rules(parents, names, &pointer, 1, faults);
    Some(ResourceRule { type_name, id: id?, parents, pointer })
}

fn parent_rules(
    raw: &[RawParent],
    names: Names<'_>,
    of: &str,
    depth: usize,
    faults: &mut Faults,
) -> Vec<ParentRule> {
    if depth > MAX_ANCESTRY && !raw.is_empty() {
        faults.add(format!("{of}/parents"), format!("more than {MAX_ANCESTRY} generations"));
        return Vec::new();
    }
    let rule = |(number, raw): (usize, &RawParent)| {
        let RawParent { type_name, id, folders_of, parents } = raw;
        let pointer = format!("{of}/parents/{number}");
        let type_name = entity_type(type_name, &pointer, faults);
        let lineage = match (id, folders_of) {
            (Some(id), None) => {
                let id = faults.keep(&format!("{pointer}/id"), id_template(id, names));
                let parents = parent_rules(parents, names, &pointer, depth.saturating_add(1), faults);
                Lineage::Entity { id: id?, parents }
            }
            (None, Some(folders)) => {
                if !parents.is_empty() {
                    faults
                        .add(format!("{pointer}/parents"), "a chain of folders ends with its topmost folder");
                }
                Lineage::FoldersOf(
                    faults.keep(&format!("{pointer}/folders_of"), id_template(folders, names))?,
                )
            }
            (Some(_), Some(_)) | (None, None) => {
                faults.add(pointer, "a parent has either `id` or `folders_of`");
                return None;
            }
        };
        Some(ParentRule { type_name, lineage, pointer })
    };
    raw.iter().enumerate().filter_map(rule).collect()
}

fn id_template(text: &str, names: Names<'_>) -> Result<IdTemplate, TemplateFault> {
    IdTemplate::parse(text, names.path, names.arguments)
}

fn entity_type(name: &str, pointer: &str, faults: &mut Faults) -> Arc<str> {
    if !name.split("::").all(is_identifier) {
        faults.help(
            format!("{pointer}/type"),
            format!("`{name}` is not an entity type"),
            "such as `Secrets::Secret`",
        );
    }
    Arc::from(name)
}

fn field(
    name: &str,
    raw: &RawField,
    path: &PathTemplate,
    pointer: String,
    refusals: &Refusals,
    faults: &mut Faults,
) -> Option<FieldRule> {
    let RawField { from, at, kind, optional } = raw;
    if !is_identifier(name) {
        faults.add(pointer.clone(), format!("argument `{name}` is not letters, digits and `_`"));
    } else if RESERVED.contains(&name) {
        faults.add(pointer.clone(), format!("`{name}` is reserved: the gate sets it itself"));
    }
    let place = format!("{pointer}/at");
    let source = match from {
        RawSource::Path => {
            if *optional {
                faults.add(format!("{pointer}/optional"), "what the path names is always there");
            }
            let capture = path.capture(at);
            if capture.is_none() {
                faults.unknown(place, format!("the path `{path}` names no `{at}`"), at, path.names());
            }
            Source::Path(capture?)
        }
        RawSource::Query => {
            check_parameter(at, place, faults);
            Source::Query(at.clone())
        }
        RawSource::Header => {
            check_header(at, place, refusals, faults);
            Source::Header(at.clone())
        }
        RawSource::Json => {
            let Some(pointer) = Pointer::parse(at) else {
                faults.help(
                    place,
                    format!("`{at}` is not a JSON pointer"),
                    "such as `/data/name` (RFC 6901)",
                );
                return None;
            };
            Source::Json(pointer)
        }
    };
    Some(FieldRule { name: name.to_owned(), source, kind: *kind, optional: *optional, pointer })
}

fn check_parameter(name: &str, pointer: String, faults: &mut Faults) {
    if name.is_empty() || name.chars().any(|c| c.is_control() || c == '+') {
        faults.add(pointer, format!("`{name}` is not the name of a query parameter"));
    }
}

/// All query parameters that may be there.
fn declared(
    raw: &[String],
    present: &[String],
    context: &[FieldRule],
    pointer: &str,
    faults: &mut Faults,
) -> Vec<String> {
    let mut declared: Vec<String> = Vec::new();
    let listed = raw.iter().enumerate().map(|entry| ("query", entry));
    for (list, (place, name)) in listed.chain(present.iter().enumerate().map(|entry| ("present", entry))) {
        let pointer = format!("{pointer}/{list}/{place}");
        if declared.contains(name) {
            faults.add(pointer, format!("query parameter `{name}` is there twice"));
        } else {
            check_parameter(name, pointer, faults);
            declared.push(name.clone());
        }
    }
    for field in context {
        if let Source::Query(name) = &field.source
            && !declared.contains(name)
        {
            declared.push(name.clone());
        }
    }
    declared
}

fn body_need(
    raw: Option<RawBody>,
    max: Option<usize>,
    json: bool,
    method: &str,
    pointer: &str,
    limits: Limits,
    faults: &mut Faults,
) -> BodyNeed {
    let default = match method {
        _ if json => RawBody::Whole,
        "GET" | "HEAD" | "DELETE" | "LIST" => RawBody::None,
        _ => RawBody::Ignore,
    };
    let body = raw.unwrap_or(default);
    if json && body != RawBody::Whole {
        faults.add(format!("{pointer}/body"), "arguments come from the body, so it must be `whole`");
    }
    if max.is_some() && body != RawBody::Whole {
        faults.add(format!("{pointer}/max_body"), "only a `whole` body has a bound: no other is read");
    }
    let max = max.unwrap_or(limits.max_body);
    if !(1..=limits.max_body).contains(&max) {
        faults.add(
            format!("{pointer}/max_body"),
            format!("`{max}` is not between 1 and {} bytes", limits.max_body),
        );
    }
    match body {
        RawBody::None => BodyNeed::None,
        RawBody::Ignore => BodyNeed::Ignore,
        RawBody::Whole => BodyNeed::Whole { max },
        RawBody::Prefix => {
            faults.help(
                format!("{pointer}/body"),
                "the beginning of a body says nothing about a REST call",
                "`whole` reads it, `ignore` lets it stream through",
            );
            BodyNeed::Whole { max }
        }
    }
}
