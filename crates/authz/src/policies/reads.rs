//! What a condition reads of a request, so that nothing is made for Cedar that no policy asks for.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Var};

use crate::schema::RESERVED_CONTEXT;

/// What conditions read: entities beyond their names or not, and which parts of the context.
///
/// INVARIANT: a condition comes to the same without what is not in here: what Cedar would have to look at is said from the
/// expression alone, and whatever is not plain counts as everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    /// Attributes, tags or ancestors of an entity. Its id and type are not: every value that names it has them.
    pub(crate) entities: bool,
    /// One bit for each of [`RESERVED_CONTEXT`], and the highest for the call's own arguments.
    keys: u8,
}

/// The bit of everything in the context that is not reserved.
const ARGUMENTS: u8 = 1 << 7;

// === impl Reads ===

impl Reads {
    /// Everything there is.
    pub(crate) const ALL: Self = Self { entities: true, keys: u8::MAX };

    /// What a condition reads.
    pub(crate) fn of(condition: Option<&Expr>) -> Self {
        condition.map_or_else(Self::default, Self::of_expression)
    }

    /// Both together.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { entities: self.entities | other.entities, keys: self.keys | other.keys }
    }

    /// Whether a part of the context is read.
    pub(crate) fn key(self, name: &str) -> bool {
        self.keys & bit(name) != 0
    }

    /// Whether any argument of the call is read.
    pub(crate) const fn arguments(self) -> bool {
        self.keys & ARGUMENTS != 0
    }

    const ENTITIES: Self = Self { entities: true, keys: 0 };
    const CONTEXT: Self = Self { entities: false, keys: u8::MAX };

    fn of_expression(expression: &Expr) -> Self {
        match expression.expr_kind() {
            ExprKind::Var(Var::Context) => Self::CONTEXT,
            ExprKind::Lit(_)
            | ExprKind::Slot(_)
            | ExprKind::Var(Var::Principal | Var::Action | Var::Resource) => Self::default(),
            ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } => {
                Self::of_attribute(expr, attr)
            }
            ExprKind::ExtHasAttr { expr, attrs } => {
                // `has a.b` also reads what `a` is.
                let read = Self::of_attribute(expr, attrs.first());
                if attrs.len() > 1 { read.and(Self::ENTITIES) } else { read }
            }
            ExprKind::BinaryApp { op, arg1, arg2 } => {
                let both = Self::of_expression(arg1).and(Self::of_expression(arg2));
                match op {
                    BinaryOp::In | BinaryOp::GetTag | BinaryOp::HasTag => both.and(Self::ENTITIES),
                    BinaryOp::Eq
                    | BinaryOp::Less
                    | BinaryOp::LessEq
                    | BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Contains
                    | BinaryOp::ContainsAll
                    | BinaryOp::ContainsAny => both,
                }
            }
            ExprKind::If { test_expr, then_expr, else_expr } => Self::of_expression(test_expr)
                .and(Self::of_expression(then_expr))
                .and(Self::of_expression(else_expr)),
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                Self::of_expression(left).and(Self::of_expression(right))
            }
            ExprKind::UnaryApp { arg: inner, .. }
            | ExprKind::Like { expr: inner, .. }
            | ExprKind::Is { expr: inner, .. } => Self::of_expression(inner),
            ExprKind::ExtensionFunctionApp { args, .. } => Self::of_all(args.iter()),
            ExprKind::Set(members) => Self::of_all(members.iter()),
            ExprKind::Record(members) => Self::of_all(members.values()),
            ExprKind::Unknown(_) => Self::ALL,
        }
    }

    fn of_all<'e>(parts: impl Iterator<Item = &'e Expr>) -> Self {
        parts.map(Self::of_expression).fold(Self::default(), Self::and)
    }

    /// An attribute of the context is a key, one of a record in it is a part of that, and any other may be an entity's.
    fn of_attribute(of: &Expr, attribute: &str) -> Self {
        if is_context(of) {
            Self { entities: false, keys: bit(attribute) }
        } else if is_record(of) {
            Self::of_expression(of)
        } else {
            Self::of_expression(of).and(Self::ENTITIES)
        }
    }
}

/// Whether this is a record of the context: `subject` and `actor` are its only entities, and an argument never is one.
fn is_record(expression: &Expr) -> bool {
    let ExprKind::GetAttr { expr, attr } = expression.expr_kind() else { return false };
    if is_context(expr) { !matches!(attr.as_str(), "subject" | "actor") } else { is_record(expr) }
}

fn is_context(expression: &Expr) -> bool {
    matches!(expression.expr_kind(), ExprKind::Var(Var::Context))
}

fn bit(name: &str) -> u8 {
    let place = RESERVED_CONTEXT.iter().position(|reserved| *reserved == name);
    place.and_then(|place| 1_u8.checked_shl(u32::try_from(place).ok()?)).unwrap_or(ARGUMENTS)
}

#[cfg(test)]
mod tests;
