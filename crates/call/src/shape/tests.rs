use serde_json::json;

use crate::{
    adapter::Adapter,
    catalog::{Catalog, Limits},
    git,
};

fn catalog() -> Adapter {
    let raw = serde_json::from_value(json!({
        "service": "s",
        "routes": [
            {
                "method": "PUT", "path": "/kv/{path...}", "action": "a", "effect": "write", "body": "ignore",
                "resource": {
                    "type": "Secret", "id": "kv/{path}",
                    "parents": [{ "type": "Folder", "folders_of": "kv/{path}" }],
                },
            },
            {
                "method": "GET", "path": "/{name}/tags/{tag}", "action": "b", "effect": "read",
                "resource": {
                    "type": "Tag", "id": "{name}:{tag}", "parents": [{ "type": "Repo", "id": "{name}" }],
                },
            },
        ],
        "groups": { "a": ["write"], "b": ["read"] },
    }));
    Adapter::Rest(Catalog::try_from(raw.unwrap(), Limits::default()).unwrap())
}

#[test]
fn routes_are_known_by_what_they_match() {
    let adapter = catalog();
    let kinds = adapter.kinds();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    assert_eq!(names, ["PUT /kv/{path...}", "GET /{name}/tags/{tag}"]);
    assert_eq!(kinds[1].pointer, Some("/routes/1"));
    assert_eq!(kinds[1].calls[0].action, "b");
}

#[test]
fn ids_are_those_that_templates_can_make() {
    let adapter = catalog();
    let kinds = adapter.kinds();
    let secret = &kinds[0].calls[0].resource;
    for (type_name, id, is, within) in [
        ("Secret", "kv/prod/db", true, true),
        ("Secret", "kv/", false, false),
        ("Secret", "prod/db", false, false),
        ("Folder", "kv", false, true),
        ("Folder", "kv/prod", false, true),
        ("Folder", "prod", false, false),
        ("Folder", "k", false, false),
        ("Repo", "kv", false, false),
    ] {
        assert_eq!(secret.may_be(type_name, id), is, "{type_name} {id}");
        assert_eq!(secret.may_be_in(type_name, id), within, "{type_name} {id}");
    }
    assert!(secret.is_chain("Folder") && !secret.is_chain("Secret"));
    assert_eq!(secret.ids_of("Folder").unwrap(), "the folders of kv/{path}");

    let tag = &kinds[1].calls[0].resource;
    assert!(tag.may_be("Tag", "payments:staging") && tag.may_be("Tag", "a:b:c"));
    assert!(
        !tag.may_be("Tag", "payments") && !tag.may_be("Tag", ":staging") && !tag.may_be("Tag", "payments:")
    );
    assert!(tag.may_be_in("Repo", "payments") && !tag.may_be_in("Folder", "payments"));
    assert!(tag.reaches("Repo") && !tag.reaches("Folder"));
}

#[test]
fn git_makes_what_its_vocabulary_says() {
    let raw = serde_json::from_value(json!({ "service": "git", "groups": {
        "git.fetch": ["read"], "git.push.probe": ["read"], "git.ref.create": ["write"],
        "git.ref.update": ["write"], "git.ref.delete": ["destroy"],
    } }));
    let adapter = Adapter::Git(git::Catalog::try_from(raw.unwrap()).unwrap());
    let kinds = adapter.kinds();
    assert_eq!(kinds.len(), adapter.route_count());
    let push = kinds.iter().find(|kind| kind.name == "git-receive-pack").unwrap();
    let actions: Vec<&str> = push.calls.iter().map(|call| call.action).collect();
    assert_eq!(actions, ["git.push.probe", "git.ref.create", "git.ref.update", "git.ref.delete"]);
    let resource = &push.calls[1].resource;
    assert!(resource.may_be_in("Git::Folder", "team") && resource.may_be("Git::Ref", "team/x/refs/heads/a"));
}
