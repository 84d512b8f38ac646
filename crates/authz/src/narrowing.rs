//! What the token itself narrows: `scope` (RFC 6749 section 3.3) and `authorization_details` (RFC 9396).

use std::collections::BTreeMap;

use actgate_call::{ToolCall, ToolCalls};
use actgate_token::Caller;
use serde_json::Value;

use crate::{
    decision::Denial,
    reason::Reason,
    schema::{ActionRule, BundleSchema},
};

/// Scope words of one issuer: word to actions and action groups.
pub(crate) type Words = BTreeMap<String, Vec<String>>;

/// Checks that every call lies inside what the token carries. Nobody lends what they do not have.
///
/// # Errors
/// The first call that does not.
pub(crate) fn narrow(
    caller: &Caller,
    calls: &ToolCalls,
    words: Option<&Words>,
    schema: &BundleSchema,
) -> Result<(), Denial> {
    let token = caller.token();
    if token.scope().is_none() && token.authorization_details().is_none() {
        return Ok(());
    }
    for call in calls.iter() {
        let Some(rule) = schema.actions.get(call.action.as_ref()) else {
            return Err(Denial::new(
                Reason::PolicyError,
                format!("action `{}` is not in the schema", call.action),
            ));
        };
        if let Some(scope) = token.scope() {
            let granted = scope.iter().filter_map(|word| words.and_then(|words| words.get(word))).flatten();
            if !covers(granted.map(String::as_str), call, rule) {
                return Err(outside(call, "scope"));
            }
        }
        if let Some(details) = token.authorization_details()
            && !details.iter().any(|detail| detail_covers(detail, call, rule))
        {
            return Err(outside(call, "authorization_details"));
        }
    }
    Ok(())
}

fn covers<'a>(mut granted: impl Iterator<Item = &'a str>, call: &ToolCall, rule: &ActionRule) -> bool {
    granted.any(|name| name == call.action.as_ref() || rule.ancestors.contains(name))
}

/// One RFC 9396 object of type `actgate`: `actions` (or groups) and `resources` (an entity, or a prefix and `*`).
/// A missing member, or one of another form, grants nothing.
fn detail_covers(detail: &Value, call: &ToolCall, rule: &ActionRule) -> bool {
    if detail.get("type").and_then(Value::as_str) != Some("actgate") {
        return false;
    }
    let strings = |name: &str| {
        detail.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    };
    let resource = format!("{}::\"{}\"", call.resource.type_name, call.resource.id);
    covers(strings("actions"), call, rule)
        && strings("resources").any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => resource.starts_with(prefix),
            None => resource == pattern,
        })
}

fn outside(call: &ToolCall, claim: &str) -> Denial {
    let resource = format!("{}::\"{}\"", call.resource.type_name, call.resource.id);
    let mut denial = Denial::new(
        Reason::ScopeInsufficient,
        format!("the token's {claim} does not cover {} {resource}", call.action),
    );
    denial.action = Some(call.action.to_string());
    denial.resource = Some(resource);
    denial
}
