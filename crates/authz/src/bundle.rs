//! Policies, schema and entities, compiled together.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use cedar_policy_core::ast::EntityType;

use crate::{
    action::Action,
    document::{BundleDocument, BundleId, Document, PackDocument, TextDocument},
    entities::StaticEntities,
    fault::Fault,
    policies::{CheckedPolicies, Policies},
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
    /// Every action, by its id. Those of a request are the catalog's: nobody can choose them to collide.
    pub(crate) actions: HashMap<String, Action, FixedState>,
    /// Every entity type, by its full name.
    pub(crate) kinds: HashMap<String, EntityType, FixedState>,
    pub(crate) types: PrincipalTypes,
}

/// The entity types of `policies/base.cedarschema`, parsed once.
#[derive(Debug)]
pub(crate) struct PrincipalTypes {
    pub(crate) user: EntityType,
    pub(crate) agent: EntityType,
    pub(crate) group: EntityType,
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
        let (checked, warnings) = CheckedPolicies::read(&sources, &schema, groups)?;
        let documents: Vec<&Document> = used.values().filter_map(|pack| pack.entities.as_ref()).collect();
        let mut entities = StaticEntities::load(&documents, &schema.cedar, id.seed())?;
        let policies = checked.compile(&mut entities);
        let base = |name: &str| {
            schema.types.get(name).map(|rule| rule.kind.clone()).ok_or_else(|| {
                vec![Fault::whole("policies/base.cedarschema", format!("entity type `{name}` is missing"))]
            })
        };
        let types = PrincipalTypes { user: base("User")?, agent: base("Agent")?, group: base("Group")? };
        let actions = schema
            .actions
            .iter()
            .map(|(name, rule)| Ok((name.clone(), Action::new(rule, &schema, &mut entities)?)))
            .collect::<Result<_, Vec<Fault>>>()?;
        let kinds = schema.types.iter().map(|(name, rule)| (name.clone(), rule.kind.clone())).collect();
        let groups = groups.to_vec();
        let bundle = Self { id, schema, policies, entities, groups, actions, kinds, types };
        Ok((bundle, warnings))
    }
}
