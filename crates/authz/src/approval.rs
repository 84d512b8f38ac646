//! Which policies an approval can satisfy, and proof that it can satisfy nothing else.

use std::collections::BTreeSet;

use cedar_policy::pst::{BinaryOp, Clause, Effect, Expr, Literal, Template, Var};

/// How a policy may use approvals, for the help line of a fault.
pub(crate) const RULE: &str = "approvals may stand only in the `unless` of a forbid, under `&&` and `||`, as \
     `context.approvals.contains(\"group\")`, `.containsAll([\"group\"])` or `.containsAny([\"group\"])`";

/// Why a policy's use of `context.approvals` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApprovalMisuse {
    /// A use outside `unless`, or negated, compared, assigned, or of the whole context.
    #[error("`context.approvals` is used where an approval could widen a right or its absence satisfy one")]
    Position,
    /// `contains(x)` where `x` is no literal, or an empty set.
    #[error("`context.approvals` is asked for something other than literal group names")]
    NotLiteral,
    /// A group that `approvals.groups` of the configuration does not name.
    #[error("approver group `{0}` is not in `approvals.groups` of the configuration")]
    UnknownGroup(String),
}

/// The approver groups that a policy's `unless` names.
///
/// Accepted is only what is monotone: with more groups approved, an accepted forbid applies to less, and nothing else
/// changes. Strict validation alone accepts `!context.approvals.contains("x")` and misspelt groups.
///
/// # Errors
/// Any other use of approvals, or of the context as a whole (through which approvals could be reached).
pub(crate) fn approver_groups(
    policy: &Template,
    known: &[String],
) -> Result<BTreeSet<String>, ApprovalMisuse> {
    let mut groups = BTreeSet::new();
    for clause in policy.clauses() {
        match (clause, policy.effect) {
            (Clause::Unless(condition), Effect::Forbid) => collect(condition, &mut groups)?,
            (Clause::When(condition), Effect::Forbid | Effect::Permit)
            | (Clause::Unless(condition), Effect::Permit) => free_of_approvals(condition)?,
        }
    }
    match groups.iter().find(|group| !known.contains(group)) {
        Some(group) => Err(ApprovalMisuse::UnknownGroup(group.clone())),
        None => Ok(groups),
    }
}

/// Walks `&&` and `||` down to questions about approvals; every other expression must not touch them.
fn collect(condition: &Expr, groups: &mut BTreeSet<String>) -> Result<(), ApprovalMisuse> {
    let Expr::BinaryOp { op, left, right } = condition else { return free_of_approvals(condition) };
    if matches!(op, BinaryOp::And | BinaryOp::Or) {
        collect(left, groups)?;
        return collect(right, groups);
    }
    if matches!(op, BinaryOp::Contains) && is_approvals(left) {
        groups.insert(literal(right)?);
        return Ok(());
    }
    if matches!(op, BinaryOp::ContainsAll | BinaryOp::ContainsAny) && is_approvals(left) {
        let Expr::Set(members) = right.as_ref() else { return Err(ApprovalMisuse::NotLiteral) };
        // `containsAll([])` holds for nobody's approval, `containsAny([])` for none at all.
        if members.is_empty() {
            return Err(ApprovalMisuse::NotLiteral);
        }
        for member in members {
            groups.insert(literal(member)?);
        }
        return Ok(());
    }
    free_of_approvals(condition)
}

fn literal(expression: &Expr) -> Result<String, ApprovalMisuse> {
    let Expr::Literal(Literal::String(group)) = expression else { return Err(ApprovalMisuse::NotLiteral) };
    Ok(group.to_string())
}

fn is_approvals(expression: &Expr) -> bool {
    matches!(expression, Expr::GetAttr { expr, attr } if attr == "approvals" && is_context(expr))
}

fn is_context(expression: &Expr) -> bool {
    matches!(expression, Expr::Var(Var::Context))
}

/// Refuses any mention of approvals, and any use of `context` other than reading another attribute of it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Cedar's own type is open: slots, unknowns and what later versions add are not accepted"
)]
fn free_of_approvals(expression: &Expr) -> Result<(), ApprovalMisuse> {
    match expression {
        Expr::GetAttr { expr, attr } if is_context(expr) => {
            if attr == "approvals" {
                Err(ApprovalMisuse::Position)
            } else {
                Ok(())
            }
        }
        Expr::HasAttr { expr, attrs } if is_context(expr) => {
            if attrs.first() == "approvals" {
                Err(ApprovalMisuse::Position)
            } else {
                Ok(())
            }
        }
        Expr::Var(Var::Context) => Err(ApprovalMisuse::Position),
        Expr::Literal(_) | Expr::Var(Var::Principal | Var::Action | Var::Resource) => Ok(()),
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => free_of_approvals(expr),
        Expr::Is { expr, in_expr, .. } => {
            free_of_approvals(expr)?;
            in_expr.as_deref().map_or(Ok(()), free_of_approvals)
        }
        Expr::BinaryOp { left, right, .. } => {
            free_of_approvals(left)?;
            free_of_approvals(right)
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            free_of_approvals(cond)?;
            free_of_approvals(then_expr)?;
            free_of_approvals(else_expr)
        }
        Expr::Set(members) => members.iter().try_for_each(|member| free_of_approvals(member)),
        Expr::Record(fields) => fields.values().try_for_each(|field| free_of_approvals(field)),
        _ => Err(ApprovalMisuse::Position),
    }
}

#[cfg(test)]
mod tests;
