//! Who somebody is here, by what the provider says of them.

use serde_json::Value;

use crate::{config::Oidc, person::Person};

/// Longer is no name that a person reads, nor a `sub` (OpenID Connect Core section 2).
const MAX_CHARS: usize = 255;

/// The person with these claims.
///
/// INVARIANT: an id is exact or there is none. Somebody whose id is not certain could approve their own call.
pub(super) fn person(
    config: &Oidc,
    groups: &[(String, Vec<String>)],
    claims: &Value,
) -> Result<Person, &'static str> {
    let text = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str).filter(|text| is_plain(text));
    let local =
        text(&config.claims.id).ok_or("your account has no id that agents act for, so you cannot approve")?;
    // Whoever may choose their own address could choose somebody else's.
    let is_verified = claims.get("email_verified").is_some_and(|value| *value == Value::Bool(true));
    if config.claims.id == "/email" && !is_verified {
        return Err("your address is not verified, so you cannot approve");
    }
    let held: Vec<&str> = match claims.pointer(&config.claims.groups) {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let of_theirs = |names: &[String]| names.iter().any(|name| held.contains(&name.as_str()));
    Ok(Person {
        id: format!("{}/{local}", config.alias),
        name: text(&config.claims.name).unwrap_or(local).to_owned(),
        groups: groups.iter().filter(|(_, names)| of_theirs(names)).map(|(group, _)| group.clone()).collect(),
    })
}

fn is_plain(text: &str) -> bool {
    let is_bounded = !text.is_empty() && text.chars().count() <= MAX_CHARS;
    is_bounded && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapped(id: &str, claims: &Value) -> Result<Person, &'static str> {
        let config: Oidc = serde_json::from_value(json!({
            "issuer": "https://login.test", "client_id": "actgate", "alias": "demo",
            "claims": { "id": id, "groups": "/realm/roles" },
        }))
        .unwrap();
        let groups = [
            ("release-managers".to_owned(), vec!["RM".to_owned(), "a1b2".to_owned()]),
            ("security".to_owned(), vec!["security".to_owned()]),
        ];
        person(&config, &groups, claims)
    }

    #[test]
    fn ids_are_in_the_namespace_of_subjects_and_groups_are_the_configured_ones() {
        let claims = json!({ "sub": "bob@demo", "name": "Bob", "realm": { "roles": ["a1b2", "admins", 1, "Security"] } });
        let expected = Person {
            id: "demo/bob@demo".into(),
            name: "Bob".into(),
            groups: vec!["release-managers".into()],
        };
        assert_eq!(mapped("/sub", &claims), Ok(expected));
    }

    #[test]
    fn nobody_without_a_certain_id_is_anybody() {
        for sub in [
            json!(null),
            json!(""),
            json!(7),
            json!(["bob"]),
            json!(" bob"),
            json!("bob\n"),
            json!("b".repeat(256)),
        ] {
            mapped("/sub", &json!({ "sub": sub })).unwrap_err();
        }
        mapped("/employee/id", &json!({ "sub": "bob" })).unwrap_err();
        for verified in [json!(null), json!(false), json!("true")] {
            mapped("/email", &json!({ "email": "bob@demo", "email_verified": verified })).unwrap_err();
        }
        mapped("/email", &json!({ "email": "bob@demo", "email_verified": true })).unwrap();
    }

    #[test]
    fn groups_that_are_no_list_are_none() {
        for groups in [json!("RM"), json!({ "RM": true }), json!(null)] {
            assert!(
                mapped("/sub", &json!({ "sub": "bob", "realm": { "roles": groups } }))
                    .unwrap()
                    .groups
                    .is_empty()
            );
        }
    }
}
