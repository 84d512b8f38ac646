//! The sentinel: a native RBAC filter that lets pass only what carries a decision marker. Read conservatively:
//! what is not understood counts as open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::field::{field, items, text};
use crate::diagnostic::Diagnostic;
use crate::document::Place;

/// The filter state in which the plugin leaves its marker.
pub(super) const FILTER_STATE: &str = "wasm.actgate";

/// A marker that a sentinel is content with, and where it says so.
#[derive(Debug, Clone)]
pub(super) struct Marker<'a> {
    pub(super) text: String,
    pub(super) place: Place<'a>,
}

/// The markers with which a request passes this `RBAC` message; none if nothing passes.
pub(super) fn markers<'a>(rbac: &Place<'a>) -> Result<Vec<Marker<'a>>, Box<Diagnostic>> {
    if let Some(matcher) = field(rbac, "matcher") {
        return Err(Box::new(
            matcher
                .key_error("Envoy ignores `rules` where there is a `matcher`, which is not understood here"),
        ));
    }
    let Some(rules) = field(rbac, "rules") else {
        return Err(Box::new(rbac.key_error("a sentinel without `rules` lets everything pass")));
    };
    let policies: Vec<Place<'a>> = field(&rules, "policies")
        .map(|list| list.members().map(|(_, policy)| policy).collect())
        .unwrap_or_default();
    match text(&rules, "action") {
        None if field(&rules, "action").is_none() => {}
        Some("ALLOW") => {}
        Some("DENY") if policies.iter().any(denies_everything) => return Ok(Vec::new()),
        Some("DENY") => {
            return Err(Box::new(rules.error("a DENY list lets pass what it does not name")));
        }
        Some(_) | None => {
            let place = field(&rules, "action").unwrap_or(rules);
            return Err(Box::new(place.error("a sentinel's action is ALLOW")));
        }
    }
    let mut found = Vec::new();
    for policy in policies {
        match of_policy(&policy) {
            Some(markers) => found.extend(markers),
            None => {
                let help = format!(
                    "principals: [{{filter_state: {{key: {FILTER_STATE}, string_match: {{exact: ..}}}}}}]"
                );
                let finding = policy.key_error("this policy lets pass without a decision marker");
                return Err(Box::new(finding.with_help(help)));
            }
        }
    }
    Ok(found)
}

/// A policy matches if one permission, one principal and the condition do: it is enough that one of the three
/// demands a marker.
fn of_policy<'a>(policy: &Place<'a>) -> Option<Vec<Marker<'a>>> {
    let principals = any_of(&items(policy, "principals"), of_principal);
    principals.or_else(|| of_condition(&field(policy, "condition")?))
}

fn denies_everything(policy: &Place<'_>) -> bool {
    let has_any = |name: &str| {
        items(policy, name)
            .iter()
            .any(|rule| field(rule, "any").is_some_and(|any| any.value() == &Value::Bool(true)))
    };
    let unconditional = ["condition", "checked_condition"].iter().all(|name| field(policy, name).is_none());
    has_any("permissions") && has_any("principals") && unconditional
}

fn of_principal<'a>(principal: &Place<'a>) -> Option<Vec<Marker<'a>>> {
    if let Some(state) = field(principal, "filter_state") {
        let matcher = field(&state, "string_match")?;
        let exact = field(&matcher, "exact")?;
        let is_ours = text(&state, "key") == Some(FILTER_STATE) && field(&matcher, "ignore_case").is_none();
        return is_ours
            .then(|| Some(vec![Marker { text: exact.as_str()?.to_owned(), place: exact }]))
            .flatten();
    }
    if let Some(set) = field(principal, "or_ids") {
        return any_of(&items(&set, "ids"), of_principal);
    }
    if let Some(set) = field(principal, "and_ids") {
        return items(&set, "ids").iter().find_map(of_principal);
    }
    None
}

/// A CEL condition as Envoy takes it, parsed: `filter_state["wasm.actgate"] == b"permit:x"`, with `||` and `&&`.
fn of_condition<'a>(expression: &Place<'a>) -> Option<Vec<Marker<'a>>> {
    let call = field(expression, "call_expr")?;
    let arguments = items(&call, "args");
    match text(&call, "function")? {
        "_||_" => any_of(&arguments, of_condition),
        "_&&_" => arguments.iter().find_map(of_condition),
        "_==_" => match arguments.as_slice() {
            [left, right] if is_filter_state(left) => constant(right).map(|marker| vec![marker]),
            [left, right] if is_filter_state(right) => constant(left).map(|marker| vec![marker]),
            _ => None,
        },
        _ => None,
    }
}

fn is_filter_state(expression: &Place<'_>) -> bool {
    let Some(call) = field(expression, "call_expr") else { return false };
    let arguments = items(&call, "args");
    let [state, key] = arguments.as_slice() else { return false };
    let state = field(state, "ident_expr");
    text(&call, "function") == Some("_[_]")
        && state.is_some_and(|state| text(&state, "name") == Some("filter_state"))
        && constant(key).is_some_and(|key| key.text == FILTER_STATE)
}

fn constant<'a>(expression: &Place<'a>) -> Option<Marker<'a>> {
    let constant = field(expression, "const_expr")?;
    if let Some(place) = field(&constant, "string_value") {
        return Some(Marker { text: place.as_str()?.to_owned(), place });
    }
    let place = field(&constant, "bytes_value")?;
    let bytes = STANDARD.decode(place.as_str()?).ok()?;
    Some(Marker { text: String::from_utf8(bytes).ok()?, place })
}

/// The markers of alternatives: one that demands none makes them all worthless.
fn any_of<'a>(
    alternatives: &[Place<'a>],
    read: impl Fn(&Place<'a>) -> Option<Vec<Marker<'a>>>,
) -> Option<Vec<Marker<'a>>> {
    if alternatives.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for alternative in alternatives {
        found.extend(read(alternative)?);
    }
    Some(found)
}
