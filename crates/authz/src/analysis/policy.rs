//! A policy as it is written, and its parts as questions that can be put alone.

use std::ops::Range;

use cedar_policy::{
    Expression, Policy,
    pst::{
        ActionConstraint, Clause, EntityOrSlot, Expr, PrincipalConstraint, ResourceConstraint, Template, Var,
    },
};

use super::anatomy::Anatomy;
use crate::statement::Statement;

/// A policy as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// `@id`.
    pub id: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// The file.
    pub file: String,
    /// Where it begins there, as a byte offset.
    pub offset: usize,
    /// Its `when` and `unless`.
    pub conditions: Vec<ConditionText>,
    /// `@unnoticed`: why no case can notice a change to its conditions, such as that another policy says the same.
    pub unnoticed: Option<String>,
}

/// A `when` or `unless` as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionText {
    /// Where it begins in the file, as a byte offset.
    pub offset: usize,
    /// What it says, on one line.
    pub text: String,
}

/// A policy taken apart.
#[derive(Debug)]
pub(crate) struct Dissected {
    pub(super) text: PolicyText,
    pub(super) template: Template,
    /// Principal, action and resource, each a question of yes or no.
    pub(super) scope: [Expression; 3],
    /// Where they stand in the file.
    pub(super) scope_places: [usize; 3],
    pub(super) conditions: Vec<Condition>,
}

/// A condition of a policy.
#[derive(Debug)]
pub(super) struct Condition {
    /// The value with which the policy applies: `true` for `when`.
    pub(super) wanted: bool,
    pub(super) expression: Expression,
    /// What it reads of the request.
    pub(super) reads: Vec<Read>,
}

/// Something that a condition reads.
#[derive(Debug)]
pub(super) struct Read {
    /// As policies write it.
    pub(super) text: String,
    pub(super) expression: Expression,
    /// The name of the context's member that it is in.
    pub(super) argument: Option<String>,
}

// === impl Dissected ===

impl Dissected {
    /// Takes a policy apart that has passed the load check.
    ///
    /// # Errors
    /// What Cedar does not understand of what it has printed itself.
    pub(super) fn of(file: &str, statement: &Statement<'_>) -> Result<Self, String> {
        let policy = Policy::parse(None, statement.text).map_err(|error| error.to_string())?;
        let parsed = policy.to_pst().map_err(|error| error.to_string())?;
        let template = parsed.body().clone();
        let anatomy = Anatomy::of(statement.text);
        let place = |offset: usize| statement.offset.saturating_add(offset);
        let scope = [
            principal_question(&template.principal),
            action_question(&template.action),
            resource_question(&template.resource),
        ];
        let [principal, action, resource] = scope;
        let conditions = template.clauses().iter().map(Condition::of).collect::<Result<Vec<_>, _>>()?;
        let texts = (0..conditions.len()).map(|number| {
            let range = anatomy.conditions.get(number).cloned().unwrap_or(anatomy.effect..anatomy.effect);
            ConditionText { offset: place(range.start), text: one_line(statement.text, range) }
        });
        let text = PolicyText {
            id: policy.annotation("id").unwrap_or_default().to_owned(),
            forbids: policy.effect() == cedar_policy::Effect::Forbid,
            file: file.to_owned(),
            offset: statement.offset,
            conditions: texts.collect(),
            unnoticed: policy.annotation("unnoticed").map(str::to_owned),
        };
        Ok(Self {
            text,
            scope: [question(&principal)?, question(&action)?, question(&resource)?],
            scope_places: [0, 1, 2].map(|number| place(anatomy.part(number))),
            template,
            conditions,
        })
    }
}

// === impl Condition ===

impl Condition {
    fn of(clause: &Clause) -> Result<Self, String> {
        let (wanted, expression) = match clause {
            Clause::When(expression) => (true, expression),
            Clause::Unless(expression) => (false, expression),
        };
        let mut paths = Vec::new();
        collect(expression, &mut paths);
        let reads = paths.into_iter().map(Read::of).collect::<Result<_, _>>()?;
        Ok(Self { wanted, expression: question(&expression.to_string())?, reads })
    }
}

// === impl Read ===

impl Read {
    fn of(path: &Expr) -> Result<Self, String> {
        let text = path.to_string();
        let argument = argument(path).map(ToString::to_string);
        Ok(Self { expression: question(&text)?, text, argument })
    }
}

/// The member of the context that a path leads into.
#[expect(clippy::wildcard_enum_match_arm, reason = "Cedar's own type is open; what is not named is no path")]
fn argument(path: &Expr) -> Option<&str> {
    let of = |expr: &Expr| matches!(expr, Expr::Var(Var::Context));
    match path {
        Expr::GetAttr { expr, attr } if of(expr) => Some(attr.as_str()),
        Expr::HasAttr { expr, attrs } if of(expr) => Some(attrs.first().as_str()),
        Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } => argument(expr),
        _ => None,
    }
}

/// The longest paths of attributes that an expression reads, each once, and its questions whether one is there.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Cedar's own type is open; what is not named reads nothing"
)]
fn collect<'e>(expression: &'e Expr, found: &mut Vec<&'e Expr>) {
    match expression {
        Expr::GetAttr { expr, .. } => {
            if is_path(expr) {
                if !found.contains(&expression) {
                    found.push(expression);
                }
            } else {
                collect(expr, found);
            }
        }
        Expr::HasAttr { expr, .. } => {
            if !found.contains(&expression) {
                found.push(expression);
            }
            if !is_path(expr) {
                collect(expr, found);
            }
        }
        Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => collect(expr, found),
        Expr::Is { expr, in_expr, .. } => {
            collect(expr, found);
            if let Some(within) = in_expr {
                collect(within, found);
            }
        }
        Expr::BinaryOp { left, right, .. } => {
            collect(left, found);
            collect(right, found);
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            collect(cond, found);
            collect(then_expr, found);
            collect(else_expr, found);
        }
        Expr::Set(members) => members.iter().for_each(|member| collect(member, found)),
        Expr::Record(fields) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

/// Whether an expression is a variable or an attribute of one, however deep.
#[expect(clippy::wildcard_enum_match_arm, reason = "Cedar's own type is open; what is not named is no path")]
fn is_path(expression: &Expr) -> bool {
    match expression {
        Expr::Var(_) => true,
        Expr::GetAttr { expr, .. } => is_path(expr),
        _ => false,
    }
}

fn question(text: &str) -> Result<Expression, String> {
    text.parse().map_err(|error: cedar_policy::ParseErrors| format!("`{text}`: {error}"))
}

fn principal_question(constraint: &PrincipalConstraint) -> String {
    match constraint {
        PrincipalConstraint::Any => "true".to_owned(),
        PrincipalConstraint::Eq(entity) => format!("principal == {}", shown(entity)),
        PrincipalConstraint::In(entity) => format!("principal in {}", shown(entity)),
        PrincipalConstraint::Is(kind) => format!("principal is {kind}"),
        PrincipalConstraint::IsIn(kind, entity) => format!("principal is {kind} in {}", shown(entity)),
    }
}

fn action_question(constraint: &ActionConstraint) -> String {
    match constraint {
        ActionConstraint::Any => "true".to_owned(),
        ActionConstraint::Eq(action) => format!("action == {action}"),
        ActionConstraint::In(actions) => {
            let list: Vec<String> = actions.iter().map(ToString::to_string).collect();
            format!("action in [{}]", list.join(", "))
        }
    }
}

fn resource_question(constraint: &ResourceConstraint) -> String {
    match constraint {
        ResourceConstraint::Any => "true".to_owned(),
        ResourceConstraint::Eq(entity) => format!("resource == {}", shown(entity)),
        ResourceConstraint::In(entity) => format!("resource in {}", shown(entity)),
        ResourceConstraint::Is(kind) => format!("resource is {kind}"),
        ResourceConstraint::IsIn(kind, entity) => format!("resource is {kind} in {}", shown(entity)),
    }
}

fn shown(entity: &EntityOrSlot) -> String {
    match entity {
        EntityOrSlot::Entity(uid) => uid.to_string(),
        // The load check refuses templates.
        EntityOrSlot::Slot(slot) => slot.to_string(),
    }
}

/// A part of a text with every run of white space as one space.
fn one_line(text: &str, range: Range<usize>) -> String {
    let part = text.get(range).unwrap_or_default();
    let lines =
        part.lines().map(|line| line.split("//").next().filter(|_| !line.contains('"')).unwrap_or(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}
