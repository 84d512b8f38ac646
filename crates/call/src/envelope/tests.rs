use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;

const VECTORS: &str = include_str!("../../../../docs/vectors/call-digest.json");

fn envelope() -> Envelope {
    Envelope {
        version: VERSION,
        subject: "demo/alice@demo".to_owned(),
        actor: "demo/spiffe://demo/agent/coder".to_owned(),
        service: "secrets".to_owned(),
        calls: vec![EnvelopeCall {
            action: "secrets.read".to_owned(),
            resource: "Secrets::Secret::\"kv/prod/db\"".to_owned(),
            arguments: Map::new(),
        }],
        method: "GET".to_owned(),
        path: "/secrets/v1/kv/prod/db".to_owned(),
        query: String::new(),
        content_type: None,
        headers: BTreeMap::new(),
        body: EnvelopeBody::None,
    }
}

fn with_body(value: Value) -> String {
    let body = EnvelopeBody::Json { value };
    Envelope { body, ..envelope() }.digest().unwrap().to_string()
}

#[test]
fn the_published_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() >= 4, "{}", vectors.len());
    for vector in vectors {
        let envelope: Envelope = serde_json::from_value(vector["envelope"].clone()).unwrap();
        let canonical = String::from_utf8(envelope.canonical().unwrap()).unwrap();
        assert_eq!(canonical, vector["canonical"], "{}", vector["name"]);
        assert_eq!(envelope.digest().unwrap().as_str(), vector["digest"], "{}", vector["name"]);
        // What is read is what was written: nothing is lost on the way to the approver.
        assert_eq!(serde_json::to_value(&envelope).unwrap(), vector["envelope"], "{}", vector["name"]);
    }
}

#[test]
fn every_field_changes_the_digest() {
    let base = serde_json::to_value(envelope()).unwrap();
    let before = envelope().digest().unwrap();
    let changes = [
        ("/version", json!(2)),
        ("/subject", json!("demo/bob@demo")),
        ("/actor", json!("demo/spiffe://demo/agent/other")),
        ("/service", json!("git")),
        ("/calls", json!([])),
        ("/calls/0/action", json!("secrets.write")),
        ("/calls/0/resource", json!("Secrets::Secret::\"kv/prod/db2\"")),
        ("/calls/0/arguments", json!({ "a": null })),
        ("/method", json!("HEAD")),
        ("/path", json!("/secrets/v1/kv/prod/db/")),
        ("/query", json!("a=1")),
        ("/headers", json!({ "x-vault-namespace": "a" })),
        ("/body", json!({ "kind": "json", "value": null })),
    ];
    for (pointer, value) in changes {
        let mut changed = base.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let changed: Envelope = serde_json::from_value(changed).unwrap();
        assert_ne!(changed.digest().unwrap(), before, "{pointer}");
    }
    let typed = Envelope { content_type: Some("text/plain".to_owned()), ..envelope() };
    assert_ne!(typed.digest().unwrap(), before);
}

#[test]
fn unknown_members_are_refused_so_that_nothing_is_shown_that_was_not_hashed() {
    let mut more = serde_json::to_value(envelope()).unwrap();
    more["note"] = json!("harmless");
    assert!(serde_json::from_value::<Envelope>(more).is_err());
}

#[test]
fn numbers_that_readers_round_are_refused() {
    for number in ["9007199254740992", "-9007199254740992", "18446744073709551615"] {
        let value: Value = serde_json::from_str(number).unwrap();
        let body = EnvelopeBody::Json { value: json!([value]) };
        assert!(Envelope { body, ..envelope() }.digest().is_err(), "{number}");
    }
    assert_eq!(with_body(json!(1.0)), with_body(json!(1)), "one number, two spellings");
}

#[test]
fn a_secret_is_bound_and_not_shown() {
    let key = SecretKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let other = SecretKey::parse("AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let seal = |key: &SecretKey, name, value: &str| key.seal(name, &json!(value)).unwrap();
    let sealed = seal(&key, "password", "hunter2");
    assert_eq!(sealed, json!({ "hmac-sha-256": "4hWWKHVMWsbF10bszZLQOatbOuqsT_EQvjyCe_HCBLI" }));
    assert_ne!(sealed, seal(&key, "password", "hunter3"));
    assert_ne!(sealed, seal(&key, "token", "hunter2"));
    assert_ne!(sealed, seal(&other, "password", "hunter2"));
    assert_eq!(format!("{key:?}"), "SecretKey(..)");
    assert_eq!(SecretKey::parse("AAEC").unwrap_err(), SecretKeyError::Short(3));
    assert_eq!(SecretKey::parse("not base64!").unwrap_err(), SecretKeyError::Encoding);
}

/// JSON of some depth.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("\\PC{0,4}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same value as text, the members of its objects in another order.
fn reversed(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().rev().enumerate() {
                text.push_str(if index == 0 { "" } else { " , " });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str(" : ");
                reversed(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                reversed(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

proptest! {
    #[test]
    fn the_order_of_members_makes_no_difference(value in json()) {
        let mut text = String::new();
        reversed(&value, &mut text);
        let again: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(with_body(value), with_body(again));
    }

    #[test]
    fn another_value_has_another_digest(one in json(), other in json()) {
        prop_assert_eq!(with_body(one.clone()) == with_body(other.clone()), one == other);
    }
}
