//! From a request that was read to the envelope that people are shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Envelope, EnvelopeBody, EnvelopeCall, EnvelopeError, GitCommand, SecretKey, VERSION};
use crate::{
    adapter::Route,
    catalog::{RouteRule, Source},
    content,
    git::{Endpoint, GitRoute, vocabulary::field},
    head::RequestHead,
    json,
    mcp::McpRoute,
    tool_call::{ToolCall, ToolCalls},
};

/// A request that is held, and all that was read of it.
#[derive(Debug, Clone, Copy)]
pub struct HeldRequest<'a> {
    /// On whose behalf: an entity id.
    pub subject: &'a str,
    /// Who acts: an entity id.
    pub actor: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The head.
    pub head: &'a RequestHead<'a>,
    /// What the request means.
    pub route: &'a Route,
    /// What it asks for.
    pub calls: &'a ToolCalls,
    /// The whole body; of a push, which is bound by its commands, nothing.
    pub body: &'a [u8],
    /// What secret values are sealed with.
    pub key: Option<&'a SecretKey>,
}

// === impl Envelope ===

impl Envelope {
    /// The envelope of a request.
    ///
    /// # Errors
    /// What cannot be shown to an approver as it is: a secret without a key to seal it, or one in the path or query; a
    /// header that is no text.
    pub fn of(request: &HeldRequest<'_>) -> Result<Self, EnvelopeError> {
        let HeldRequest { subject, actor, service, head, route, calls, body, key } = *request;
        let (headers, body) = match route {
            Route::Rest(route) => {
                (headers(route.rule(), head, key)?, rest_body(route.rule(), head, body, key)?)
            }
            Route::Git(route) => (BTreeMap::new(), git_body(route, calls, body)),
            Route::Mcp(route) => (BTreeMap::new(), mcp_body(route, calls, body, key)?),
        };
        let content_type = head.content_type().map(text).transpose()?;
        Ok(Self {
            version: VERSION,
            subject: subject.to_owned(),
            actor: actor.to_owned(),
            service: service.to_owned(),
            calls: calls.iter().map(|call| EnvelopeCall::of(call, key)).collect::<Result<_, _>>()?,
            method: head.method().to_owned(),
            path: head.path().as_str().to_owned(),
            query: head.query().as_str().unwrap_or_default().to_owned(),
            content_type,
            headers,
            body,
        })
    }
}

// === impl EnvelopeCall ===

impl EnvelopeCall {
    fn of(call: &ToolCall, key: Option<&SecretKey>) -> Result<Self, EnvelopeError> {
        let shown = |(name, value): (&String, &Value)| Ok((name.clone(), shown(name, value, call, key)?));
        let resource = &call.resource;
        Ok(Self {
            action: call.action.as_ref().to_owned(),
            resource: format!("{}::\"{}\"", resource.type_name, resource.id),
            arguments: call.arguments.iter().map(shown).collect::<Result<_, EnvelopeError>>()?,
        })
    }
}

/// An argument at its path (`args/content`), with what is secret in it sealed.
fn shown(
    path: &str,
    value: &Value,
    call: &ToolCall,
    key: Option<&SecretKey>,
) -> Result<Value, EnvelopeError> {
    if call.secret.iter().any(|secret| secret == path) {
        return seal(key, path, value);
    }
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| Ok((name.clone(), shown(&format!("{path}/{name}"), member, call, key)?)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(value.clone())
        }
    }
}

/// The header fields that the route reads.
fn headers(
    rule: &RouteRule,
    head: &RequestHead<'_>,
    key: Option<&SecretKey>,
) -> Result<BTreeMap<String, Value>, EnvelopeError> {
    let mut headers = BTreeMap::new();
    let told_apart = rule.header.iter().map(|header| (header.name.as_str(), None));
    let arguments = rule.context.iter().filter_map(|field| match &field.source {
        Source::Header(name) => Some((name.as_str(), rule.secret.contains(&field.name).then_some(field))),
        Source::Path(_) | Source::Query(_) | Source::Json(_) => None,
    });
    for (name, secret) in told_apart.chain(arguments) {
        let Some(value) = head.header(name) else { continue };
        let value = Value::String(text(value)?);
        let shown = match secret {
            Some(field) => seal(key, &field.name, &value)?,
            None => value,
        };
        headers.insert(name.to_owned(), shown);
    }
    Ok(headers)
}

/// A body by its value where it is JSON and nothing else, by its bytes elsewhere: of an image manifest, which is JSON
/// too, every byte counts.
fn rest_body(
    rule: &RouteRule,
    head: &RequestHead<'_>,
    body: &[u8],
    key: Option<&SecretKey>,
) -> Result<EnvelopeBody, EnvelopeError> {
    let secrets = || rule.context.iter().filter(|field| rule.secret.contains(&field.name));
    let is_json = head.content_type().is_some_and(content::is_plain_json);
    let encoded = head.content_encoding().is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let document = (is_json && !encoded).then(|| json::parse(body, body.len())).and_then(Result::ok);
    let mut places = Vec::new();
    for field in secrets() {
        match &field.source {
            Source::Json(pointer) => places.push((field.name.as_str(), pointer)),
            Source::Header(_) => {}
            Source::Path(_) | Source::Query(_) => {
                return Err(EnvelopeError("a secret in the path or the query cannot be shown".to_owned()));
            }
        }
    }
    let Some(mut value) = document else {
        // The digest of a short body gives its secret away.
        return if places.is_empty() {
            Ok(EnvelopeBody::bytes(body))
        } else {
            Err(EnvelopeError("a secret in a body that is not `application/json` cannot be shown".to_owned()))
        };
    };
    for (name, pointer) in places {
        if let Some(place) = pointer.find_mut(&mut value) {
            let sealed = seal(key, name, place)?;
            *place = sealed;
        }
    }
    Ok(EnvelopeBody::Json { value })
}

/// A push by its commands and options; what reads a repository by its bytes.
fn git_body(route: &GitRoute, calls: &ToolCalls, body: &[u8]) -> EnvelopeBody {
    if route.endpoint() != Endpoint::ReceivePack {
        return EnvelopeBody::bytes(body);
    }
    let of = |arguments: &Map<String, Value>, name: &str| {
        arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let updates = calls.iter().filter(|call| call.arguments.contains_key(field::REF));
    let commands = updates.map(|call| GitCommand {
        name: of(&call.arguments, field::REF),
        old: of(&call.arguments, field::OLD),
        new: of(&call.arguments, field::NEW),
    });
    let options = calls.first().arguments.get(field::PUSH_OPTIONS).and_then(Value::as_array);
    EnvelopeBody::Git {
        commands: commands.collect(),
        push_options: options.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// What names one exchange of a client and changes with every try: the id of a request, and what traces it
/// (2026-07-28, "_meta").
const VOLATILE: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// A message or a batch of them, without what changes from one try to the next.
fn mcp_body(
    route: &McpRoute,
    calls: &ToolCalls,
    body: &[u8],
    key: Option<&SecretKey>,
) -> Result<EnvelopeBody, EnvelopeError> {
    let Ok(mut value) = json::parse(body, body.len()) else {
        // The digest of a short body gives its secret away.
        return if calls.iter().all(|call| call.secret.is_empty()) {
            Ok(EnvelopeBody::bytes(body))
        } else {
            Err(EnvelopeError("a secret argument in what is no JSON cannot be shown".to_owned()))
        };
    };
    let messages = match &mut value {
        Value::Array(messages) => messages.as_mut_slice(),
        message @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            std::slice::from_mut(message)
        }
    };
    for message in messages {
        settle(message);
        for secret in route.secrets_of(message) {
            let arguments = message.pointer_mut("/params/arguments").and_then(Value::as_object_mut);
            if let Some(place) = arguments.and_then(|arguments| arguments.get_mut(&secret.name)) {
                let sealed = seal(key, &secret.path, place)?;
                *place = sealed;
            }
        }
    }
    Ok(EnvelopeBody::Json { value })
}

fn settle(message: &mut Value) {
    if let Some(members) = message.as_object_mut() {
        members.remove("id");
    }
    let Some(meta) = message.pointer_mut("/params/_meta").and_then(Value::as_object_mut) else { return };
    meta.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    if meta.is_empty()
        && let Some(params) = message.pointer_mut("/params").and_then(Value::as_object_mut)
    {
        params.remove("_meta");
    }
}

fn seal(key: Option<&SecretKey>, name: &str, value: &Value) -> Result<Value, EnvelopeError> {
    key.ok_or_else(|| EnvelopeError("the gate has no key to seal secrets with".to_owned()))?.seal(name, value)
}

fn text(value: &[u8]) -> Result<String, EnvelopeError> {
    std::str::from_utf8(value)
        .map(str::to_owned)
        .map_err(|_| EnvelopeError("a header is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;
