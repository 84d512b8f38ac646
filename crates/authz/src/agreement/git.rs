//! What the git adapter makes, against what a git pack's schema declares.

use actgate_call::git::{
    Catalog,
    vocabulary::{ACTIONS, TYPES},
};

use super::{check_groups, forms::Forms};
use crate::{bundle::PolicyBundle, fault::Fault};

/// Everything in which a git pack's catalog or schema differs from what the adapter makes.
pub(crate) fn check_git_catalog(
    catalog_file: &str,
    schema_file: &str,
    catalog: &Catalog,
    bundle: &PolicyBundle,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (action, groups) in catalog.groups() {
        check_groups(catalog_file, action, groups, &bundle.schema, &mut faults);
    }
    let forms = Forms { adapter: "git", actions: &ACTIONS, types: &TYPES };
    faults.extend(forms.check(
        catalog_file,
        schema_file,
        |action| catalog.groups().contains_key(action),
        bundle,
    ));
    faults
}

#[cfg(test)]
mod tests;
