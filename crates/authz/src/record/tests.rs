use proptest::prelude::*;

use super::*;
use crate::reason::Reason;

fn record(attempt: &Attempt, outcome: Outcome<'_>) -> Value {
    let start = Moment::from_unix_nanos(1_790_000_000_123_456_789);
    let text = attempt.open_record("id", "sha-256:x", start, Some(500), outcome);
    serde_json::from_str(&format!("{text},\"executed\":{{}}}}")).unwrap()
}

#[test]
fn a_record_is_an_object_that_only_lacks_its_end() {
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":path", b"/secrets/v1/kv/x?token=canary#canary"),
        (b":authority", b"user:canary@gate\"way"),
        (b"authorization", b"Bearer canary"),
        (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let denial = Denial::new(Reason::PolicyDenied, "no \"way\"\n");
    let value = record(&Attempt::raw(&headers), Outcome::Deny(&denial));
    assert_eq!(value["time"], "2026-09-21T14:13:20.123Z");
    assert_eq!(value["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&value["parent"], &value["sampled"]), (&json!("00f067aa0ba902b7"), &json!(true)));
    assert_eq!(value["attempted"]["path"], "/secrets/v1/kv/x");
    assert_eq!(value["attempted"]["query"], true);
    assert_eq!(value["attempted"]["authority"], "gate\"way");
    assert_eq!(value["decided"]["reason"], "policy_denied");
    assert_eq!(value["decided"]["latency_us"], 500);
    assert!(!value.to_string().contains("canary"));
}

#[test]
fn hostile_bytes_stay_inside_their_string_and_below_the_line_limit() {
    let path = vec![0xffu8; 100_000];
    let headers: Vec<(&[u8], &[u8])> = vec![(b":method", b"G\x80\"},{"), (b":path", &path)];
    let value = record(&Attempt::raw(&headers), Outcome::Aborted);
    assert_eq!(value["stage"], "aborted");
    assert!(value.to_string().len() < 8192);
}

#[test]
fn a_trace_id_is_taken_only_in_its_own_form() {
    for bad in [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f35-00f067aa0ba902b7-01",
        "canary",
    ] {
        assert!(TraceContext::parse(bad.as_bytes()).is_none(), "{bad}");
    }
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736";
    for (rest, parent, sampled) in [
        ("-00f067aa0ba902b7-00", Some("00f067aa0ba902b7"), false),
        ("-00f067aa0ba902b7-03-later", Some("00f067aa0ba902b7"), true),
        ("-0000000000000000-01", None, true),
        ("-canary-canary", None, false),
        ("", None, false),
    ] {
        let context = TraceContext::parse(format!("{trace}{rest}").as_bytes()).unwrap();
        assert_eq!((context.parent.as_deref(), context.sampled), (parent, sampled), "{rest}");
    }
}

#[test]
fn arguments_are_shown_without_secrets_and_within_a_line() {
    let call = |arguments: Value| {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        let secret = vec!["token".to_owned(), "args/content".to_owned()];
        let call = ToolCall { arguments, secret, ..crate::fixture::call("item.read", "i", "s") };
        let mut told = JsonText::default();
        describe(&call, &mut told);
        serde_json::from_str::<Value>(&told.into_string()).unwrap()
    };
    let shown =
        call(json!({ "token": "canary", "args": { "content": "canary", "path": "a", "labels": ["x"] } }));
    assert_eq!(
        shown["arguments"],
        json!({ "token": "[redacted]", "args": { "content": "[redacted]", "path": "a", "labels": ["x"] } })
    );
    let long = call(json!({ "args": { "labels": vec!["x"; 1000] } }));
    assert_eq!(
        long["arguments"]["args"]["labels"].as_array().map(Vec::len),
        Some(MAX_MEMBERS.saturating_add(1))
    );
    let names = (0..64).map(|n| (format!("a{n}"), "x".repeat(300).into()));
    let many = call(json!({ "args": names.collect::<Map<String, Value>>() }));
    assert_eq!(many["arguments"], "[too long]");
}

/// Values with names and texts that are long, secret, or have to be escaped.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just("x".repeat(300)), Just("a\"b\\\n[{".to_owned()), ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 64, 20, |inner| {
        let name = prop_oneof![Just("a".to_owned()), Just("b\"".to_owned()), ".{0,3}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4).prop_map(|all| json!(all)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_shown(
        arguments in prop::collection::btree_map("a|b|c", value(), 0..3),
        secret in prop::collection::vec("a|b/a|a/a/a|c", 0..3),
    ) {
        let arguments: Map<String, Value> = arguments.into_iter().collect();
        let call = ToolCall { arguments, secret, ..crate::fixture::call("item.read", "i", "s") };
        let mut told = JsonText::default();
        describe(&call, &mut told);
        let told: Value = serde_json::from_str(&told.into_string()).unwrap();
        let shown = Value::Object(shown_arguments(&call));
        prop_assume!(shown.to_string().len() < MAX_CALLS_BYTES - 20);
        prop_assert_eq!(&told["arguments"], &shown);
    }
}
