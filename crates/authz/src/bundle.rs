//! Policies, schema and entities, compiled together.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    Entity, EntityTypeName, EntityUid,
    pst::{Clause, Expr, Literal},
};

use crate::{
    document::{BundleDocument, BundleId, Document, PackDocument, TextDocument},
    entities::StaticEntities,
    fault::Fault,
    policies::Policies,
    schema::BundleSchema,
};

/// What decides: immutable once loaded.
#[derive(Debug)]
pub struct PolicyBundle {
    /// Which bundle this is; every ledger record names it.
    pub id: BundleId,
    /// The merged schema.
    pub schema: BundleSchema,
    /// The policies.
    pub policies: Policies,
    /// The static entities.
    pub entities: StaticEntities,
    /// The approver groups of the configuration, in the order in which a hold drops them.
    pub(crate) groups: Vec<String>,
    /// Every action as the entity that Cedar gets, ancestors included.
    pub(crate) actions: HashMap<String, Entity>,
    pub(crate) types: PrincipalTypes,
}

/// The entity types of `policies/base.cedarschema`, parsed once.
#[derive(Debug)]
pub(crate) struct PrincipalTypes {
    pub(crate) user: EntityTypeName,
    pub(crate) agent: EntityTypeName,
    pub(crate) group: EntityTypeName,
}

// === impl PolicyBundle ===

impl PolicyBundle {
    /// Compiles a bundle. The second value of a success is what is worth a warning.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn load(
        document: &BundleDocument,
        groups: &[String],
        used: &BTreeMap<&str, &PackDocument>,
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let id = BundleId::of(document).map_err(|error| {
            vec![Fault::whole(&document.config.file, format!("the bundle has no JSON form: {error}"))]
        })?;
        let schemas: Vec<&TextDocument> = used.values().map(|pack| &pack.schema).collect();
        let schema = BundleSchema::assemble(&schemas)?;
        let sources: Vec<&TextDocument> = used.values().flat_map(|pack| &pack.policies).collect();
        let (policies, warnings) = Policies::load(&sources, &schema, groups)?;
        let documents: Vec<&Document> = used.values().filter_map(|pack| pack.entities.as_ref()).collect();
        let mut entities = StaticEntities::load(&documents, &schema.cedar)?;
        entities.reachable_always(condition_literals(&policies));
        let base = |name: &str| {
            schema.types.get(name).map(|rule| rule.name.clone()).ok_or_else(|| {
                vec![Fault::whole("policies/base.cedarschema", format!("entity type `{name}` is missing"))]
            })
        };
        let types = PrincipalTypes { user: base("User")?, agent: base("Agent")?, group: base("Group")? };
        let ancestors = schema.cedar.action_entities().map_err(|error| {
            vec![Fault::whole("policies/base.cedarschema", crate::schema::describe(&error))]
        })?;
        let actions = schema
            .actions
            .iter()
            .map(|(name, rule)| {
                let above: HashSet<EntityUid> =
                    ancestors.ancestors(&rule.uid).into_iter().flatten().cloned().collect();
                (name.clone(), Entity::new_no_attrs(rule.uid.clone(), above))
            })
            .collect();
        let bundle = Self { id, schema, policies, entities, groups: groups.to_vec(), actions, types };
        Ok((bundle, warnings))
    }
}

/// The entities that policies name inside `when` and `unless`: only those can stand on the left of `in` or `.`
/// without being part of the request.
fn condition_literals(policies: &Policies) -> Vec<EntityUid> {
    let mut found = Vec::new();
    for policy in policies.set.policies() {
        let Ok(pst) = policy.to_pst() else { continue };
        for clause in pst.body().clauses() {
            let (Clause::When(condition) | Clause::Unless(condition)) = clause;
            literals(condition, &mut found);
        }
    }
    found
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Cedar's own type is open; what is not named holds no entities"
)]
fn literals(expression: &Expr, found: &mut Vec<EntityUid>) {
    match expression {
        Expr::Literal(Literal::EntityUID(literal)) => {
            if let Ok(type_name) = literal.ty.to_string().parse() {
                found.push(crate::entities::uid(&type_name, &literal.eid));
            }
        }
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => literals(expr, found),
        Expr::Is { expr, in_expr, .. } => {
            literals(expr, found);
            if let Some(within) = in_expr {
                literals(within, found);
            }
        }
        Expr::BinaryOp { left, right, .. } => {
            literals(left, found);
            literals(right, found);
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            literals(cond, found);
            literals(then_expr, found);
            literals(else_expr, found);
        }
        Expr::Set(members) => members.iter().for_each(|member| literals(member, found)),
        Expr::Record(fields) => fields.values().for_each(|field| literals(field, found)),
        _ => {}
    }
}
