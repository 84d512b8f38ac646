//! Whether a call could be permitted, or permitted once people approve it, by some arguments that are not known yet.
//!
//! Every condition is asked with the arguments unknown. What it may come to is a set: a part that reads no argument comes
//! to one thing, any other to anything. So a call that is said to be impossible is denied whatever it is made with; one
//! that is said to be possible may still be denied each time.

use std::collections::BTreeMap;

use actgate_call::{ToolCalls, mcp::Possible};
use actgate_token::{Caller, UnixTime};
use cedar_policy::validate_scope_variables;
use cedar_policy_core::{
    ast::{
        Context, Expr, ExprKind, Literal, Request, RequestSchemaAllPass, SlotEnv, UnaryOp, Value, ValueKind,
        Var,
    },
    evaluator::Evaluator,
    extensions::Extensions,
};

use super::{AccessRequest, Asker, Breadth, Question};
use crate::{
    bundle::PolicyBundle,
    narrowing::{Words, narrow},
    policies::Rule,
    schema::{RESERVED_CONTEXT, describe},
};

/// What a condition may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcomes {
    holds: bool,
    fails: bool,
    errs: bool,
}

/// What is known of a call.
struct Known<'e> {
    evaluator: Evaluator<'e>,
    /// The resource is any of its type.
    any_resource: bool,
}

// === impl PolicyBundle ===

impl PolicyBundle {
    /// Whether `possible` is not denied to `caller` by every argument.
    pub(crate) fn could_permit(
        &self,
        caller: &Caller,
        words: Option<&Words>,
        possible: &Possible,
        now: UnixTime,
    ) -> bool {
        let calls = ToolCalls::one(possible.call.clone());
        // What a token covers of a resource that is not known is not known either.
        if !possible.any_resource && narrow(caller, &calls, words, &self.schema).is_err() {
            return false;
        }
        let request = AccessRequest { caller, calls: &calls, now, approved: &[] };
        // Where the question cannot be put, it cannot with any arguments.
        let breadth = if possible.any_resource { Breadth::AnyResource } else { Breadth::Whole };
        let question = self.question(&request, calls.first(), breadth);
        let Ok(question) = question else { return false };
        let groups = self.groups.iter().map(|group| Literal::from(group.as_str()));
        let given = question.context.iter().map(|(name, value)| ((*name).into(), value.clone()));
        let approved = ("approvals".into(), Value::set_of_lits(groups, None));
        let facts: BTreeMap<_, _> = given.chain([approved]).collect();
        let context = Context::Value(std::sync::Arc::new(facts));
        question
            .askers
            .iter()
            .all(|asker| self.could_allow(&question, asker, &context, possible.any_resource))
    }

    /// Whether some arguments make the answer to one principal yes, with every group's approval: nothing but approvals
    /// is lifted by them, and no condition is made false by one.
    fn could_allow(
        &self,
        question: &Question<'_>,
        asker: &Asker,
        context: &Context,
        any_resource: bool,
    ) -> bool {
        let (principal, action, resource) = (&asker.uid, question.action, &question.resource);
        if !action.applies_to(principal.entity_type(), resource.entity_type())
            && validate_scope_variables(
                &principal.clone().into(),
                &action.uid.clone().into(),
                &resource.clone().into(),
                &self.schema.cedar,
            )
            .map_err(|error| describe(&error))
            .is_err()
        {
            return false;
        }
        let extensions = Extensions::all_available();
        let Ok(request) = Request::new(
            (principal.clone(), None),
            (action.uid.clone(), None),
            (resource.clone(), None),
            context.clone(),
            None::<&RequestSchemaAllPass>,
            extensions,
        );
        let known =
            Known { evaluator: Evaluator::new(request, &question.entities, extensions), any_resource };
        let mut permitted = false;
        for number in &asker.candidates {
            let Some(rule) = self.policies.rule(*number) else { return false };
            let outcomes = known.rule(rule);
            // A forbid that cannot fail to apply, and what can only err: each is a denial.
            if (rule.facts.forbids && !outcomes.fails) || outcomes.is_error() {
                return false;
            }
            permitted |= !rule.facts.forbids && outcomes.holds;
        }
        permitted || self.permits_some_resource(asker, &known)
    }

    /// Whether a permit of another resource may apply.
    fn permits_some_resource(&self, asker: &Asker, known: &Known<'_>) -> bool {
        let rules = asker.others.iter().filter_map(|number| self.policies.rule(*number));
        rules.filter(|rule| !rule.facts.forbids).any(|rule| known.rule(rule).holds)
    }
}

// === impl Known ===

impl Known<'_> {
    fn rule(&self, rule: &Rule) -> Outcomes {
        rule.condition.as_ref().map_or(Outcomes::HOLDS, |condition| self.outcomes(condition))
    }

    /// INVARIANT: what a condition comes to with any arguments is among these. Cedar evaluates from left to right and no
    /// further than it must.
    fn outcomes(&self, expression: &Expr) -> Outcomes {
        match expression.expr_kind() {
            ExprKind::And { left, right } => {
                let left = self.outcomes(left);
                left.then(|| self.outcomes(right), || Outcomes::FAILS)
            }
            ExprKind::Or { left, right } => {
                let left = self.outcomes(left);
                left.then(|| Outcomes::HOLDS, || self.outcomes(right))
            }
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } => {
                self.outcomes(arg).then(|| Outcomes::FAILS, || Outcomes::HOLDS)
            }
            ExprKind::If { test_expr, then_expr, else_expr } => {
                let test = self.outcomes(test_expr);
                test.then(|| self.outcomes(then_expr), || self.outcomes(else_expr))
            }
            ExprKind::Lit(_)
            | ExprKind::Var(_)
            | ExprKind::Slot(_)
            | ExprKind::Unknown(_)
            | ExprKind::UnaryApp { .. }
            | ExprKind::BinaryApp { .. }
            | ExprKind::ExtensionFunctionApp { .. }
            | ExprKind::GetAttr { .. }
            | ExprKind::HasAttr { .. }
            | ExprKind::ExtHasAttr { .. }
            | ExprKind::Like { .. }
            | ExprKind::Is { .. }
            | ExprKind::Set(_)
            | ExprKind::Record(_) => {
                if self.is_unknown(expression) {
                    Outcomes::ANY
                } else {
                    self.evaluated(expression)
                }
            }
        }
    }

    fn evaluated(&self, expression: &Expr) -> Outcomes {
        let value = self.evaluator.interpret(expression, &SlotEnv::new());
        match value.as_ref().map(Value::value_kind) {
            Ok(ValueKind::Lit(Literal::Bool(true))) => Outcomes::HOLDS,
            Ok(ValueKind::Lit(Literal::Bool(false))) => Outcomes::FAILS,
            Ok(_) | Err(_) => Outcomes::ERRS,
        }
    }

    /// Whether a part reads what is not known: of the context anything but what is in every context, or the resource.
    fn is_unknown(&self, expression: &Expr) -> bool {
        let of_context = |inner: &Expr| matches!(inner.expr_kind(), ExprKind::Var(Var::Context));
        match expression.expr_kind() {
            ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } if of_context(expr) => {
                !RESERVED_CONTEXT.contains(&attr.as_str())
            }
            ExprKind::ExtHasAttr { expr, attrs } if of_context(expr) => {
                !RESERVED_CONTEXT.contains(&attrs.first().as_str())
            }
            ExprKind::Var(Var::Context) | ExprKind::Unknown(_) => true,
            ExprKind::Var(Var::Resource) => self.any_resource,
            ExprKind::Var(Var::Principal | Var::Action) | ExprKind::Lit(_) | ExprKind::Slot(_) => false,
            ExprKind::If { .. }
            | ExprKind::And { .. }
            | ExprKind::Or { .. }
            | ExprKind::UnaryApp { .. }
            | ExprKind::BinaryApp { .. }
            | ExprKind::ExtensionFunctionApp { .. }
            | ExprKind::GetAttr { .. }
            | ExprKind::HasAttr { .. }
            | ExprKind::ExtHasAttr { .. }
            | ExprKind::Like { .. }
            | ExprKind::Is { .. }
            | ExprKind::Set(_)
            | ExprKind::Record(_) => children(expression).iter().any(|part| self.is_unknown(part)),
        }
    }
}

/// What an expression is directly made of.
fn children(expression: &Expr) -> Vec<&Expr> {
    match expression.expr_kind() {
        ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => Vec::new(),
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::UnaryApp { arg, .. } => vec![arg],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::ExtensionFunctionApp { args, .. } => args.iter().collect(),
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => vec![expr],
        ExprKind::Set(members) => members.iter().collect(),
        ExprKind::Record(members) => members.values().collect(),
    }
}

// === impl Outcomes ===

impl Outcomes {
    const HOLDS: Self = Self { holds: true, fails: false, errs: false };
    const FAILS: Self = Self { holds: false, fails: true, errs: false };
    const ERRS: Self = Self { holds: false, fails: false, errs: true };
    const ANY: Self = Self { holds: true, fails: true, errs: true };

    /// What comes of it where one thing follows if it holds and another one if it fails.
    fn then(self, if_holds: impl FnOnce() -> Self, if_fails: impl FnOnce() -> Self) -> Self {
        let mut all = Self { holds: false, fails: false, errs: self.errs };
        if self.holds {
            all = all.or(if_holds());
        }
        if self.fails {
            all = all.or(if_fails());
        }
        all
    }

    const fn or(self, other: Self) -> Self {
        Self {
            holds: self.holds || other.holds,
            fails: self.fails || other.fails,
            errs: self.errs || other.errs,
        }
    }

    const fn is_error(self) -> bool {
        self.errs && !self.holds && !self.fails
    }
}

#[cfg(test)]
mod tests;
