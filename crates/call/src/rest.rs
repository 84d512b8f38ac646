//! REST-like APIs: a catalog says which method, path and header is which tool call.

mod argument;
mod resource;

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use self::argument::Values;
pub use crate::catalog::Catalog;
use crate::{
    adapter::BodyNeed,
    catalog::{AlsoRule, RouteRule, Source, Traits},
    content,
    error::CallError,
    head::RequestHead,
    json,
    service::Service,
    tool_call::{ToolCall, ToolCalls},
};

/// A request that a catalog knows, with all that its head says.
#[derive(Clone)]
pub struct RestRoute {
    rule: Arc<RouteRule>,
    values: Values,
}

// === impl Catalog ===

impl Catalog {
    /// Finds the route of a request and reads everything that the head says about it.
    ///
    /// # Errors
    /// A refused header or cookie, no route, an undeclared query parameter, an argument that is not what it must be, or
    /// a body that cannot be right.
    pub fn route(&self, head: &RequestHead<'_>, service: &Service) -> Result<RestRoute, CallError> {
        self.refusals().check(head)?;
        let path = head.path().after(&service.prefix).ok_or(CallError::RouteUnknown)?;
        let found = self.index().find(head.method(), path, head)?;
        let Some(rule) = found.and_then(|number| self.rule(number)) else {
            // A route that asks for an escaped slash would have been found.
            return Err(if head.path().has_escaped_slash() {
                CallError::path("an escaped slash")
            } else {
                CallError::RouteUnknown
            });
        };
        for parameter in head.query().iter() {
            if !rule.query.iter().any(|declared| *declared == parameter.name) {
                return Err(CallError::undeclared(&parameter.name));
            }
        }
        let values = Values::read(rule, path, head)?;
        content::check(rule.body, head)?;
        Ok(RestRoute { rule: Arc::clone(rule), values })
    }
}

// === impl RestRoute ===

impl RestRoute {
    /// How much of the body is needed.
    pub fn body_need(&self) -> BodyNeed {
        self.rule.body.need
    }

    /// The rule that matched.
    pub fn rule(&self) -> &RouteRule {
        &self.rule
    }

    /// The route's own call, and the further ones.
    ///
    /// # Errors
    /// A body where there must be none, or one that is not what the route says.
    pub fn extract(&self, body: &[u8]) -> Result<ToolCalls, CallError> {
        let document = match self.rule.body.need {
            BodyNeed::None if !body.is_empty() => return Err(CallError::BodyNotAllowed),
            BodyNeed::Whole { max } | BodyNeed::Prefix { max } if body.len() > max => {
                return Err(CallError::BodyTooLarge { max });
            }
            BodyNeed::Whole { max } if self.rule.body.json => Some(json::parse(body, max)?),
            BodyNeed::None | BodyNeed::Ignore | BodyNeed::Whole { .. } | BodyNeed::Prefix { .. } => None,
        };
        let mut arguments = Map::new();
        for (place, field) in self.rule.context.iter().enumerate() {
            let value = match &field.source {
                Source::Path(_) | Source::Query(_) | Source::Header(_) => {
                    self.values.argument(place, field)?
                }
                Source::Json(pointer) => argument::from_json(field, pointer, document.as_ref())?,
            };
            if let Some(value) = value {
                arguments.insert(field.name.clone(), value);
            }
        }
        let further: Vec<ToolCall> =
            self.rule.also.iter().map(|also| self.further(also, &arguments)).collect::<Result<_, _>>()?;
        let own = ToolCall {
            action: Arc::clone(&self.rule.action),
            effect: self.rule.effect,
            resource: resource::entity(&self.rule.resource, &self.values)?,
            arguments,
            secret: self.rule.secret.clone(),
        };
        Ok(ToolCalls::one(own).and(further))
    }

    fn further(&self, also: &AlsoRule, arguments: &Map<String, Value>) -> Result<ToolCall, CallError> {
        let AlsoRule { action, effect, resource, context, pointer: _ } = also;
        let names = || context.iter().filter_map(|place| Some(&self.rule.context.get(*place)?.name));
        Ok(ToolCall {
            action: Arc::clone(action),
            effect: *effect,
            resource: resource::entity(resource, &self.values)?,
            arguments: names()
                .filter_map(|name| Some((name.clone(), arguments.get(name)?.clone())))
                .collect(),
            secret: names().filter(|name| self.rule.secret.contains(name)).cloned().collect(),
        })
    }
}

impl Traits for RequestHead<'_> {
    type Error = CallError;

    fn header(&self, name: &str) -> Result<Option<&[u8]>, CallError> {
        self.sole_header(name)
    }

    fn has_parameter(&self, name: &str) -> bool {
        self.query().find(name).is_some()
    }
}

impl fmt::Debug for RestRoute {
    /// Names the rule; the values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestRoute").field("rule", &self.rule.pointer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
