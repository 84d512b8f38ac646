use super::*;

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn a_field_has_one_value_or_several() {
    let fields: Fields = read(json!({ "b": ["2", "3"], "a": "1", "c": [] })).unwrap();
    assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("b", "3")]);
    assert!(read::<Fields>(json!({ "a": 1 })).is_err());
    assert!(read::<Fields>(json!({ "a": [1] })).is_err());
}

#[test]
fn offsets_have_a_sign_and_a_unit() {
    for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("-1h", -3600), ("2d", 172_800)] {
        assert_eq!(read::<Offset>(json!(text)).unwrap().seconds(), seconds, "{text}");
    }
    for text in ["", "m", "10", "1.5h", "10 m", "9223372036854775807d", "10w"] {
        assert!(read::<Offset>(json!(text)).is_err(), "{text}");
    }
}

#[test]
fn an_act_claim_is_a_name_a_claim_or_a_chain() {
    for (written, claim) in [
        (json!("a"), json!({ "sub": "a" })),
        (json!({ "sub": "a", "iss": "i" }), json!({ "sub": "a", "iss": "i" })),
        (json!(["a", "b", "c"]), json!({ "sub": "a", "act": { "sub": "b", "act": { "sub": "c" } } })),
        (json!(["a", { "sub": 7 }]), json!({ "sub": "a", "act": { "sub": 7 } })),
    ] {
        assert_eq!(read::<Act>(written).unwrap().claim(), &claim);
    }
    assert!(read::<Act>(json!([])).is_err());
    assert!(read::<Act>(json!(7)).is_err());
}

#[test]
fn the_upstream_saw_nothing_or_a_request() {
    assert_eq!(read::<UpstreamSaw>(json!("nothing")), Ok(UpstreamSaw::Nothing));
    let UpstreamSaw::Request(seen) = read(json!({ "method": "GET", "path": "/" })).unwrap() else {
        panic!("a request")
    };
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.body), ("GET", "/", None));
    for wrong in
        [json!("something"), json!({ "method": "GET" }), json!({ "method": "GET", "path": "/", "x": 1 })]
    {
        assert!(read::<UpstreamSaw>(wrong).is_err());
    }
}
