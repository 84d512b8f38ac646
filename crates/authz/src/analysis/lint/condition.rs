//! Conditions that are the same for every request.

use cedar_policy::{
    Context, Entities, EntityUid, EvalResult, Expression, Request, eval_expression,
    pst::{Clause, Expr},
};

use crate::{analysis::policy::Dissected, fault::Fault};

/// The first condition with which a policy can never apply.
pub(super) fn never_holds(policy: &Dissected) -> Option<Fault> {
    let (number, text) = constants(policy).find_map(|(number, wanted, value)| {
        (value != wanted).then_some((number, if value { "true" } else { "false" }))
    })?;
    let id = &policy.text.id;
    Some(at(policy, number, format!("policy `{id}` can never apply: this condition is always {text}")))
}

/// The conditions that ask nothing.
pub(super) fn always_hold(policy: &Dissected) -> impl Iterator<Item = Fault> {
    constants(policy).filter(|(_, wanted, value)| value == wanted).map(|(number, _, value)| {
        at(policy, number, format!("this condition of policy `{}` is always {value}", policy.text.id))
            .help("leave it out, or let it say what was meant")
    })
}

/// The conditions that read nothing, with the value that is wanted and the value that they have.
fn constants(policy: &Dissected) -> impl Iterator<Item = (usize, bool, bool)> {
    policy.template.clauses().iter().zip(&policy.conditions).enumerate().filter_map(
        |(number, (clause, condition))| {
            let (Clause::When(written) | Clause::Unless(written)) = clause;
            let value =
                if reads_nothing(written) { value(&condition.expression)? } else { same_sides(written)? };
            Some((number, condition.wanted, value))
        },
    )
}

fn at(policy: &Dissected, number: usize, message: String) -> Fault {
    let place = policy.text.conditions.get(number).map_or(policy.text.offset, |condition| condition.offset);
    Fault::at_offset(&policy.text.file, place, message)
}

fn reads_nothing(expression: &Expr) -> bool {
    let is_variable = |part: &Expr| matches!(part, Expr::Var(_) | Expr::Slot(_)).then_some(true);
    !expression.reduce(&is_variable, &|one, other| one || other, false)
}

/// `x == x` and its like.
#[expect(clippy::wildcard_enum_match_arm, reason = "Cedar's own type is open; other operators say nothing")]
fn same_sides(expression: &Expr) -> Option<bool> {
    use cedar_policy::pst::BinaryOp;
    let Expr::BinaryOp { op, left, right } = expression else { return None };
    if left != right {
        return None;
    }
    match op {
        BinaryOp::Eq | BinaryOp::LessEq | BinaryOp::GreaterEq | BinaryOp::In => Some(true),
        BinaryOp::NotEq | BinaryOp::Less | BinaryOp::Greater => Some(false),
        _ => None,
    }
}

/// The value of an expression that reads nothing of the request.
fn value(expression: &Expression) -> Option<bool> {
    let nobody: EntityUid = "User::\"nobody\"".parse().ok()?;
    let action: EntityUid = "Action::\"none\"".parse().ok()?;
    let request = Request::new(nobody.clone(), action, nobody, Context::empty(), None).ok()?;
    match eval_expression(&request, &Entities::empty(), expression) {
        Ok(EvalResult::Bool(value)) => Some(value),
        Ok(_) | Err(_) => None,
    }
}
