use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::document::{BUNDLE_FORMAT, BundleDocument, Document, PackDocument, TextDocument};

const SCHEMA: &str = include_str!("../../../../../policies/git/schema.cedarschema");

/// The faults of a git pack with this schema and these groups.
fn faults(schema: &str, groups: &Value) -> Vec<String> {
    let pack = PackDocument {
        catalog: Document { file: "catalog.yaml".into(), value: Value::Null },
        schema: TextDocument { file: "schema.cedarschema".into(), text: schema.into() },
        policies: vec![],
        entities: None,
    };
    let document = BundleDocument {
        format: BUNDLE_FORMAT.into(),
        config: Document { file: "actgate.yaml".into(), value: Value::Null },
        packs: BTreeMap::from([("git".to_owned(), pack)]),
    };
    let used = document.packs.iter().map(|(name, pack)| (name.as_str(), pack)).collect();
    let (bundle, _) = PolicyBundle::load(&document, &[], &used).unwrap();
    let raw = serde_json::from_value(json!({ "service": "git", "groups": groups })).unwrap();
    let catalog = Catalog::try_from(raw).unwrap();
    check_git_catalog("catalog.yaml", "schema.cedarschema", &catalog, &bundle)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn groups() -> Value {
    json!({
        "git.fetch": ["read"], "git.push.probe": ["read"], "git.ref.create": ["write"],
        "git.ref.update": ["write"], "git.ref.delete": ["destroy"],
    })
}

#[test]
fn the_pack_agrees_with_the_adapter() {
    assert_eq!(faults(SCHEMA, &groups()), Vec::<String>::new());
}

#[test]
fn every_difference_is_told() {
    for (from, to, expected) in [
        (
            "action \"git.fetch\" in [Action::\"read\"]",
            "action \"git.fetch\" in [Action::\"write\"]",
            "its effect is `read`, so the schema must put action `git.fetch` in `read`",
        ),
        (
            "action \"git.push.probe\"",
            "action \"git.push.prob\"",
            "the git adapter needs the action `git.push.probe`",
        ),
        (
            "entity Ref in [Repo]",
            "entity Ref",
            "the git adapter puts `Git::Ref` in [Git::Repo], and the schema in []",
        ),
        (
            "entity Repo in [Folder]",
            "entity Repo in [Folder, Ref]",
            "the git adapter puts `Git::Repo` in [Git::Folder]",
        ),
        ("repo: Repo,", "", "`Git::Ref` needs the attribute `repo: Git::Repo`"),
        ("name: String,", "name: Long,", "`Git::Ref` needs the attribute `name: String`"),
        ("kind: String,", "", "the schema declares no context `kind: String` for action `git.ref.create`"),
        (
            "push_options: Set<String>,",
            "push_options: String,",
            "context `push_options` of action `git.ref.update` is not `Set<String>`",
        ),
        (
            "kind: String,",
            "kind: String, force: Bool,",
            "the schema requires context `force` for action `git.ref.delete`, and the git adapter has none",
        ),
    ] {
        assert!(SCHEMA.contains(from), "{from}");
        let found = faults(&SCHEMA.replace(from, to), &groups());
        assert!(found.iter().any(|fault| fault.contains(expected)), "{to}: {found:#?}");
    }
    let mut less = groups();
    less.as_object_mut().unwrap().remove("git.fetch");
    assert!(faults(SCHEMA, &less)[0].contains("the catalog's `groups` leave out action `git.fetch`"));
    let mut other = groups();
    other["git.fetch"] = json!(["write"]);
    assert_eq!(faults(SCHEMA, &other).len(), 2);
}
