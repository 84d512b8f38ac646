use serde_json::{Value, json};

use super::*;
use crate::{
    adapter::BodyNeed,
    fixture::{catalog, plain},
};

/// A catalog in which everything is used.
fn full() -> Value {
    json!({
        "service": "secrets",
        "routes": [
            {
                "method": "GET", "path": "/v1/kv/{env}/{name...}", "action": "secrets.read", "effect": "read",
                "resource": {
                    "type": "Secrets::Secret", "id": "{env}/{name}",
                    "parents": [
                        { "type": "Secrets::Folder", "folders_of": "{env}/{name}" },
                        { "type": "Secrets::Mount", "id": "kv", "parents": [{ "type": "Secrets::Engine", "id": "vault" }] },
                    ],
                },
                "context": {
                    "env": { "from": "path", "at": "env", "type": "string" },
                    "version": { "from": "query", "at": "version", "type": "long", "optional": true },
                    "namespace": { "from": "header", "at": "x-vault-namespace", "type": "string", "optional": true },
                },
                "query": ["pretty"],
                "present": ["raw"],
                "also": [also("secrets.list", "{env}", &["env"])],
                "delivery": "log",
            },
            {
                "method": "POST", "path": "/v1/kv/{name}", "action": "secrets.write", "effect": "write",
                "header": { "name": "x-kind", "value": "kv" },
                "resource": { "type": "Secrets::Secret", "id": "{name}" },
                "context": { "value": { "from": "json", "at": "/data/value", "type": "string" } },
                "secret": ["value"],
                "body": "whole", "max_body": 4096,
            },
        ],
        "groups": {
            "secrets.read": ["read"], "secrets.list": ["read"], "secrets.write": ["write"], "read": ["any"],
        },
        "refuse": { "headers": ["x-vault-token"], "cookies": ["token"] },
        "voice": "oci",
    })
}

/// The faults of the full catalog after a change, as `pointer: message (help)`.
fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut document = full();
    change(&mut document);
    let found = catalog(document).err().unwrap_or_default();
    found.iter().map(CatalogFault::to_string).collect()
}

/// The pointers of the faults of the full catalog after setting one place.
fn pointers(place: &str, value: Value) -> Vec<String> {
    let mut document = full();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(number) => parent[number] = value,
        Err(_) => parent[name] = value,
    }
    catalog(document).err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect()
}

/// A further call.
fn also(action: &str, id: &str, context: &[&str]) -> Value {
    json!({
        "action": action, "effect": "read", "resource": { "type": "Secrets::Secret", "id": id },
        "context": context,
    })
}

#[test]
fn a_catalog_is_read_whole() {
    let catalog = catalog(full()).unwrap();
    assert_eq!(catalog.service(), "secrets");
    assert_eq!(catalog.voice(), Voice::Oci);
    assert_eq!(catalog.groups().len(), 4);
    let [read, write] = &catalog.routes().collect::<Vec<_>>()[..] else { panic!("two routes") };
    assert_eq!(
        (read.method.as_str(), read.path.as_str(), &*read.action),
        ("GET", "/v1/kv/{env}/{name...}", "secrets.read")
    );
    assert_eq!(read.query, ["pretty", "raw", "version"]);
    let calls: Vec<_> = read
        .calls()
        .map(|call| (call.action.to_string(), call.context.len(), call.pointer.to_owned()))
        .collect();
    assert_eq!(
        calls,
        [
            ("secrets.read".to_owned(), 3, "/routes/0".to_owned()),
            ("secrets.list".to_owned(), 1, "/routes/0/also/0".to_owned()),
        ]
    );
    assert_eq!(read.body, BodyRule { need: BodyNeed::None, json: false });
    assert_eq!((&*read.resource.type_name, read.resource.id.as_str()), ("Secrets::Secret", "{env}/{name}"));
    assert_eq!(read.resource.parents[1].pointer, "/routes/0/resource/parents/1");
    let fields: Vec<(&str, FieldType, bool, &str)> = read
        .context
        .iter()
        .map(|field| (field.name.as_str(), field.kind, field.optional, field.pointer.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("env", FieldType::String, false, "/routes/0/context/env"),
            ("namespace", FieldType::String, true, "/routes/0/context/namespace"),
            ("version", FieldType::Long, true, "/routes/0/context/version"),
        ]
    );
    assert_eq!(write.body, BodyRule { need: BodyNeed::Whole { max: 4096 }, json: true });
    assert_eq!((write.pointer.as_str(), &write.secret[..]), ("/routes/1", &["value".to_owned()][..]));
}

#[test]
fn what_was_read_is_written_alike() {
    let raw: RawCatalog = serde_json::from_value(full()).unwrap();
    assert_eq!(serde_json::from_value::<RawCatalog>(serde_json::to_value(&raw).unwrap()).unwrap(), raw);
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    for place in [
        "",
        "/refuse",
        "/routes/0",
        "/routes/0/resource",
        "/routes/0/resource/parents/0",
        "/routes/0/resource/parents/1/parents/0",
        "/routes/0/context/env",
        "/routes/0/also/0",
        "/routes/0/also/0/resource",
        "/routes/1/header",
    ] {
        let mut document = full();
        document.pointer_mut(place).unwrap()["surprise"] = json!(1);
        assert!(serde_json::from_value::<RawCatalog>(document).is_err(), "{place}");
    }
}

#[test]
fn every_fault_names_its_place() {
    let table = [
        ("/service", json!("")),
        ("/service", json!("a b")),
        ("/routes", json!([])),
        ("/routes/0/method", json!("get")),
        ("/routes/0/method", json!("")),
        ("/routes/0/method", json!("CONNECT")),
        ("/routes/0/method", json!("TRACE")),
        ("/routes/0/path", json!("v1")),
        ("/routes/0/path", json!("/a//{env}/{name...}")),
        ("/routes/0/path", json!("/{env}/{name...}/{x}")),
        ("/routes/0/present/0", json!(["pretty"])),
        ("/routes/0/present/0", json!([""])),
        ("/routes/1/present", json!(["x"])),
        ("/routes/0/also/0/action", json!([also("", "{env}", &[])])),
        ("/routes/0/also/0/resource/id", json!([also("a", "{x}", &[])])),
        ("/routes/0/also/0/resource/id", json!([also("a", "{version}", &[])])),
        ("/routes/0/also/0/context/0", json!([also("a", "{env}", &["evn"])])),
        ("/routes/0/also/0/context/1", json!([also("a", "{env}", &["env", "env"])])),
        ("/routes/0/also", json!(vec![also("a", "{env}", &[]); 8])),
        ("/routes/0/action", json!("")),
        ("/routes/0/action", json!("a b")),
        ("/routes/0/resource/type", json!("Secrets::")),
        ("/routes/0/resource/type", json!("")),
        ("/routes/0/resource/type", json!("9a")),
        ("/routes/0/resource/type", json!("a.b")),
        ("/routes/0/resource/id", json!("{nmae}")),
        ("/routes/0/resource/id", json!("{env}{name}")),
        ("/routes/0/resource/parents/0/folders_of", json!("{x}")),
        ("/routes/0/resource/parents/0/type", json!("a b")),
        ("/routes/0/resource/parents/0/parents", json!([{ "type": "X", "id": "x" }])),
        ("/routes/0/resource/parents/1/id", json!("{x}")),
        ("/routes/0/resource/parents/1", json!({ "type": "X" })),
        ("/routes/0/resource/parents/1", json!({ "type": "X", "id": "x", "folders_of": "{name}" })),
        ("/routes/0/resource/parents/1/parents/0/id", json!("{x}")),
        ("/routes/0/context/env/at", json!("nope")),
        ("/routes/0/context/version/at", json!("")),
        ("/routes/0/context/version/at", json!("a+b")),
        ("/routes/0/context/namespace/at", json!("X-Vault-Namespace")),
        ("/routes/0/context/namespace/at", json!("authorization")),
        ("/routes/0/context/namespace/at", json!("cookie")),
        ("/routes/0/context/namespace/at", json!("x_vault_token")),
        ("/routes/0/context/env/optional", json!(true)),
        ("/routes/0/context/approvals", json!({ "from": "path", "at": "env", "type": "string" })),
        ("/routes/0/context/time", json!({ "from": "path", "at": "env", "type": "string" })),
        ("/routes/0/context/actor", json!({ "from": "path", "at": "env", "type": "string" })),
        ("/routes/0/context/a-b", json!({ "from": "path", "at": "env", "type": "string" })),
        ("/routes/0/query/0", json!("")),
        ("/routes/0/max_body", json!(10)),
        ("/routes/1/context/value/at", json!("data/value")),
        ("/routes/1/secret/0", json!("valu")),
        ("/routes/1/header/name", json!("X-Kind")),
        ("/routes/1/header/name", json!("x-vault-token")),
        ("/routes/1/header/value", json!("")),
        ("/routes/1/header/value", json!(" kv")),
        ("/routes/1/body", json!("ignore")),
        ("/routes/1/body", json!("prefix")),
        ("/routes/1/max_body", json!(0)),
        ("/routes/1/max_body", json!(1_048_577)),
        ("/groups/secrets.write/0", json!("a b")),
        ("/refuse/headers/0", json!("X-Vault-Token")),
        ("/refuse/cookies/0", json!("a=b")),
    ];
    for (place, value) in table {
        // A list is set as a whole.
        let whole = ["also", "present"].iter().find_map(|list| place.split_once(&format!("/{list}")));
        let set = match whole {
            Some((route, rest)) if !rest.is_empty() || value.is_array() => {
                format!("{route}/{}", if place.contains("/also") { "also" } else { "present" })
            }
            _ => place.to_owned(),
        };
        let found = pointers(&set, value.clone());
        assert!(found.iter().any(|pointer| pointer == place), "{place} = {value}: {found:?}");
    }
}

#[test]
fn faults_are_told_together_and_with_help() {
    let found = faults(|document| {
        document["routes"][0]["resource"]["id"] = json!("{evn}/{name}");
        document["routes"][0]["context"]["env"]["at"] = json!("nmae");
        document["routes"][1]["secret"] = json!(["valeu"]);
        document["groups"]["secrets.raed"] = json!(["read"]);
    });
    assert_eq!(
        found,
        [
            "/groups/secrets.raed: no route has the action `secrets.raed`, and nothing is in such a group \
             (did you mean `secrets.read`?)",
            "/routes/0/context/env/at: the path `/v1/kv/{env}/{name...}` names no `nmae` (did you mean `name`?)",
            "/routes/0/resource/id: `{evn}/{name}`: the path `/v1/kv/{env}/{name...}` names no `evn` (did you mean `env`?)",
            "/routes/1/secret/0: the context has no `valeu` (did you mean `value`?)",
        ]
    );
}

#[test]
fn overlapping_routes_name_each_other() {
    let found = catalog(plain(&[("GET", "/a/{x}"), ("GET", "/b"), ("GET", "/{y}/c")])).unwrap_err();
    let [fault] = &found[..] else { panic!("{found:?}") };
    assert_eq!(fault.pointer, "/routes/2/path");
    assert_eq!(fault.message, "`GET /{y}/c` and `GET /a/{x}` (/routes/0) match the same requests");
}

#[test]
fn groups_are_not_in_themselves() {
    let found = faults(|document| document["groups"]["any"] = json!(["read"]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|fault| fault.ends_with("is in itself")), "{found:?}");
    let twice = faults(|document| document["groups"]["read"] = json!(["any", "any"]));
    assert_eq!(twice, ["/groups/read/1: group `any` is there twice"]);
}

#[test]
fn pointers_escape_names() {
    let found = faults(|document| document["groups"]["a/b~c"] = json!([]));
    assert!(found[0].starts_with("/groups/a~1b~0c: "), "{found:?}");
}

#[test]
fn ancestry_is_bounded() {
    let mut parents = json!([]);
    for _ in 0..9 {
        parents = json!([{ "type": "X", "id": "x", "parents": parents }]);
    }
    let found = faults(|document| document["routes"][1]["resource"]["parents"] = parents);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("more than 8 generations"), "{found:?}");
}

#[test]
fn bodies_have_defaults() {
    let mut document = plain(&[
        ("GET", "/a"),
        ("HEAD", "/a"),
        ("DELETE", "/a"),
        ("LIST", "/a"),
        ("POST", "/a"),
        ("PUT", "/a"),
    ]);
    document["routes"][5]["context"] = json!({ "x": { "from": "json", "at": "/x", "type": "bool" } });
    let catalog = catalog(document).unwrap();
    let needs: Vec<BodyNeed> = catalog.routes().map(|rule| rule.body.need).collect();
    let whole = BodyNeed::Whole { max: Limits::default().max_body };
    assert_eq!(
        needs,
        [BodyNeed::None, BodyNeed::None, BodyNeed::None, BodyNeed::None, BodyNeed::Ignore, whole]
    );
}

#[test]
fn the_number_of_routes_is_bounded() {
    let route = plain(&[("GET", "/a")])["routes"][0].clone();
    let found = catalog(json!({ "service": "s", "routes": vec![route; 10_001] })).unwrap_err();
    assert_eq!(found.len(), 1);
}
