use proptest::prelude::*;
use serde_json::json;

use super::*;

const MAX: usize = 1 << 20;

fn fault(text: impl AsRef<[u8]>) -> JsonError {
    parse(text.as_ref(), MAX).unwrap_err()
}

#[test]
fn what_is_not_json_is_refused() {
    let broken: &[&[u8]] = &[
        b"",
        b" ",
        b"\xEF\xBB\xBF{}",
        b"\xFE\xFF\0{\0}",
        b"{} {}",
        b"{}x",
        b"{}\0",
        b"[1,]",
        b"{\"a\":1,}",
        b"{a:1}",
        b"{'a':1}",
        b"[01]",
        b"[+1]",
        b"[.5]",
        b"[1.]",
        b"[0x10]",
        b"[NaN]",
        b"[Infinity]",
        b"[-]",
        b"nul",
        b"True",
        b"\"a\nb\"",
        b"\"a\tb\"",
        b"\"\\x41\"",
        b"\"\\u12\"",
        b"\"open",
        b"\"\xFF\"",
        b"\"\xC0\x80\"",
        b"\"\xED\xA0\x80\"",
        b"\"\\uD800\"",
        b"\"\\uDC00\"",
        b"\"\\uD800\\u0041\"",
        b"{\"\\uD800\":1}",
        b"// comment\n{}",
        b"/* comment */{}",
        b"{\"a\":1}/**/",
        b"\x0C{}",
        b"[1 2]",
        b"{\"a\" 1}",
        b"[1}",
    ];
    for text in broken {
        assert!(matches!(fault(text), JsonError::Syntax { .. }), "{}", text.escape_ascii());
    }
    assert_eq!(fault("{\n  \"a\": x}"), JsonError::Syntax { line: 2, column: 8 });
}

#[test]
fn duplicate_members_are_refused_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"[{"x":[{"a":1,"a":2}]}]"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"":1,"":2}"#,
        r#"{"a":null,"a":null}"#,
    ] {
        assert_eq!(fault(text), JsonError::DuplicateMember, "{text}");
    }
    assert_eq!(
        parse(br#"{"a":{"a":1},"b":{"a":1},"A":1}"#, MAX).unwrap(),
        json!({"a":{"a":1},"b":{"a":1},"A":1})
    );
}

#[test]
fn depth_size_and_number_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes(), MAX).is_ok());
    assert_eq!(fault(nested(MAX_DEPTH + 1)), JsonError::TooDeep);
    assert_eq!(fault("[".repeat(100_000)), JsonError::TooDeep);
    assert_eq!(fault("{\"a\":".repeat(100_000)), JsonError::TooDeep);
    assert_eq!(parse(b"[1,2]", 4), Err(JsonError::TooLong(4)));
    assert!(parse(b"[1,2]", 5).is_ok());
    let flat = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    assert!(parse(flat(MAX_VALUES - 1).as_bytes(), MAX).is_ok());
    assert_eq!(fault(flat(MAX_VALUES)), JsonError::TooMany);
}

#[test]
fn numbers_that_readers_round_are_refused() {
    for text in ["9007199254740991", "-9007199254740991", "0", "-1", "1.5", "1e3", "9007199254740990.0"] {
        let value = parse(text.as_bytes(), MAX).unwrap();
        assert!(value.is_number(), "{text}");
    }
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "9007199254740993.0",
        "1e16",
        "1e308",
    ] {
        assert_eq!(fault(text), JsonError::NumberTooLarge, "{text}");
    }
    assert!(matches!(fault("1e999"), JsonError::Syntax { .. }));
}

#[test]
fn pointers_follow_rfc_6901() {
    let document =
        json!({"": 0, "a/b": 1, "m~n": 2, "list": [{"x": 3}, 4], "deep": {"a": {"b": 5}}, "~1": 6});
    let find = |pointer: &str| Pointer::parse(pointer).unwrap().find(&document).unwrap().cloned();
    assert_eq!(find(""), Some(document.clone()));
    for (pointer, value) in [
        ("/", 0),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/list/0/x", 3),
        ("/list/1", 4),
        ("/deep/a/b", 5),
        ("/~01", 6),
    ] {
        assert_eq!(find(pointer), Some(json!(value)), "{pointer}");
    }
    for missing in ["/x", "/x/y", "/list/2", "/list/2/x", "/deep/c"] {
        assert_eq!(find(missing), None, "{missing}");
    }
    // Not absent: a lenient reader may look through what stands there.
    for obstructed in ["/list/-", "/list/00", "/list/+1", "/list/x", "/list/0/x/y", "/deep/a/b/c"] {
        let found = Pointer::parse(obstructed).unwrap().find(&document);
        assert_eq!(found, Err(JsonError::Obstructed), "{obstructed}");
    }
    for broken in ["a", "a/b", "/~", "/~2", "/a~", "#/a"] {
        assert_eq!(Pointer::parse(broken), None, "{broken}");
    }
}

#[test]
fn members_that_differ_only_in_case_are_refused_where_they_matter() {
    let pointer = Pointer::parse("/task/env").unwrap();
    let find = |document: Value| pointer.find(&document).map(|found| found.cloned());
    assert_eq!(find(json!({"task": {"env": "dev"}, "Other": 1, "other": 2})), Ok(Some(json!("dev"))));
    for document in [
        json!({"task": {"env": "dev", "ENV": "prod"}}),
        json!({"task": {"Env": "prod"}}),
        json!({"task": {"env": "dev"}, "Task": {"env": "prod"}}),
        json!({"ta\u{17f}k": {"env": "prod"}}),
        json!({"tas\u{212a}": {"env": "prod"}}),
    ] {
        assert_eq!(find(document.clone()), Err(JsonError::AmbiguousMember), "{document}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
        (-1e15..1e15).prop_map(|number: f64| json!(number)),
        "\\PC{0,8}|[\\x00-\\x1f\"\\\\]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_accepted_reads_as_serde_json_reads_it(document in any_json()) {
        let text = serde_json::to_string_pretty(&document).unwrap();
        let reread: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(parse(text.as_bytes(), MAX), Ok(reread));
    }

    #[test]
    fn nothing_is_accepted_that_serde_json_refuses(text in "[\\[\\]{}:,\"a1e.+ \\\\u0-]{0,24}|\\PC{0,24}") {
        if let Ok(value) = parse(text.as_bytes(), MAX) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn a_duplicate_is_refused_wherever_it_is(document in any_json(), name in "[a-z]{1,4}") {
        let name = json!(name);
        let text = format!("[{document},{{{name}:{document},\"other\":[],{name}:{document}}}]");
        prop_assert_eq!(parse(text.as_bytes(), MAX), Err(JsonError::DuplicateMember));
    }
}
