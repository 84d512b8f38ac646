use serde_json::json;

use super::{InvalidJson, MAX_DEPTH, object};

#[test]
fn objects_are_read_whole() {
    let text = r#" {"a": [1, -2, 1.5, "x\u00e9", null, true], "b": {"c": {}}, "": 18446744073709551615} "#;
    let expected = json!({"a": [1, -2, 1.5, "xé", null, true], "b": {"c": {}}, "": u64::MAX});
    assert_eq!(object(text.as_bytes()).map(Into::into), Ok(expected));
}

#[test]
fn whatever_has_two_readings_is_refused() {
    let texts: [&[u8]; 16] = [
        b"",
        b"null",
        b"[]",
        b"\"{}\"",
        b"{} {}",
        b"{}x",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":NaN}",
        b"\xEF\xBB\xBF{}",
        b"{\"a\":\"\xFF\"}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":1,\"a\":1}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"{\"a\":[{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}",
    ];
    for text in texts {
        assert_eq!(object(text), Err(InvalidJson), "{}", text.escape_ascii());
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(object(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(object(nested(MAX_DEPTH + 1).as_bytes()), Err(InvalidJson));
    let arrays = format!("{{\"a\":{}{}}}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(object(arrays.as_bytes()), Err(InvalidJson));
    assert_eq!(object(nested(100_000).as_bytes()), Err(InvalidJson));
}
