use serde_json::json;

use super::*;
use crate::text::Position;

fn read(text: &str) -> Document {
    Document::parse(SourceText::new("t.yaml", text)).unwrap()
}

/// `expected` is `line:column message` per finding.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let found: Vec<String> = Document::parse(SourceText::new("t.yaml", text))
        .unwrap_err()
        .into_iter()
        .map(|finding| match finding.position {
            Some(position) => format!("{}:{} {}", position.line, position.column, finding.message),
            None => finding.message,
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[track_caller]
fn value(text: &str, expected: &Value) {
    assert_eq!(read(text).value(), expected, "{text}");
}

#[test]
fn scalars_follow_the_core_schema() {
    value("[null, Null, ~, ]", &json!([null, null, null]));
    value("[true, FALSE, yes, no, on, off, y]", &json!([true, false, "yes", "no", "on", "off", "y"]));
    value("[1, -1, +1, 0x1F, 0o17, 18446744073709551615]", &json!([1, -1, 1, 31, 15, u64::MAX]));
    value("[1.5, -.5, 1e3, 1., 0x, 0o8]", &json!([1.5, -0.5, 1000.0, 1.0, "0x", "0o8"]));
    value("[1.2.3, 1_000, ., 0x+1]", &json!(["1.2.3", "1_000", ".", "0x+1"]));
    value("['1', \"true\", '']", &json!(["1", "true", ""]));
    value("a: |\n  b\n  c\nd: >\n  e\n  f\n", &json!({"a": "b\nc\n", "d": "e f\n"}));
    value("a:\nb: 2024-01-01", &json!({"a": null, "b": "2024-01-01"}));
    refused("a: 18446744073709551616", &["1:4 integer does not fit into 64 bits"]);
    refused(
        "[.inf, -.INF, .nan, 1e999]",
        &[
            "1:2 only finite numbers have a JSON value",
            "1:8 only finite numbers have a JSON value",
            "1:15 only finite numbers have a JSON value",
            "1:21 only finite numbers have a JSON value",
        ],
    );
}

#[test]
fn json_is_read_the_same() {
    value(
        "{\"a\": [1, 2.5, null, true, \"x\\n\\u00e9\"], \"b\": {}}",
        &json!({"a": [1, 2.5, null, true, "x\né"], "b": {}}),
    );
    value("{\n\t\"a\":1,\n\t\"b\":\"c/d\\/e\"\n}\n", &json!({"a": 1, "b": "c/d/e"}));
}

#[test]
fn json_files_may_escape_characters_beyond_the_basic_plane() {
    let json = |text: &str| Document::parse(SourceText::new("t.json", text));
    let text = r#"{"a": "\\ud83d", "b": "x\ud83d\ude00\u00e9\""}"#;
    assert_eq!(json(text).unwrap().into_value(), json!({"a": r"\ud83d", "b": "x\u{1f600}é\""}));
    assert!(json(r#"["\ud83d"]"#).is_err(), "a lone surrogate");
    assert!(json(r#"["\\ud83d", "\ude00"]"#).is_err(), "a lone surrogate behind a backslash");
    assert!(json(r#"["\"#).is_err());
    assert!(read(r#"["\\ud83d\\ude00"]"#).value() == &json!([r"\ud83d\ude00"]));
}

#[test]
fn duplicate_keys_name_both_lines() {
    refused("a: 1\nb: 2\na: 3\n", &["3:1 duplicate key `a`"]);
    refused("x:\n  - {a: 1, \"a\": 2}\n", &["2:12 duplicate key `a`"]);
    let finding = Document::parse(SourceText::new("t", "a: 1\nb: 2\na: 3\n")).unwrap_err().remove(0);
    assert_eq!(finding.help.as_deref(), Some("the first `a` is on line 1"));
    assert_eq!(finding.excerpt.as_deref(), Some("a: 3"));
}

#[test]
fn keys_are_text() {
    refused(
        "1: a\ntrue: b\n~: c\n? [x]\n: d\n",
        &["1:1 keys are text", "2:1 keys are text", "3:1 keys are text", "4:3 keys are text"],
    );
    value("'1': a\non: b\n", &json!({"1": "a", "on": "b"}));
}

#[test]
fn what_two_readers_may_understand_in_two_ways_is_refused() {
    refused("a: &x 1\nb: *x\n", &["1:4 anchors are not supported", "2:4 aliases are not supported"]);
    refused("a: !!str 1\nb: !thing {}\n", &["1:4 tags are not supported", "2:4 tags are not supported"]);
    refused("a: {x: 1}\n<<: {y: 2}\n", &["2:1 merge keys are not supported"]);
    value("'<<': 1", &json!({"<<": 1}));
    refused("a: 1\n---\nb: 2\n", &["2:1 a second document; one file is one document"]);
    refused("", &["the file is empty"]);
    refused("# only a comment\n", &["the file is empty"]);
}

#[test]
fn broken_yaml_says_where() {
    refused("a: [1, 2\nb: 3\n", &["2:2 illegal placement of ':' indicator"]);
    refused("a: b: c\n", &["1:5 mapping values are not allowed in this context"]);
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Document::parse(SourceText::new("t", nested(64))).is_ok());
    refused(&nested(66), &["1:66 nested deeper than 64 levels"]);
    let block: String = (0..70).map(|depth| format!("{}a:\n", "  ".repeat(depth))).collect();
    refused(&block, &["66:131 nested deeper than 64 levels"]);
    refused(&"#".repeat(MAX_BYTES + 1), &["larger than 16 MiB"]);
}

#[test]
fn findings_are_bounded() {
    let text: String = (0..100).map(|index| format!("{index}: a\n")).collect();
    assert_eq!(Document::parse(SourceText::new("t", text)).unwrap_err().len(), 20);
}

#[test]
fn pointers_lead_to_keys_and_values() {
    let document = read("a:\n  - b: 1\n    c/d: {e~f: x}\n");
    let at = |line, column| Position { line, column };
    let exact = |key: Option<(usize, usize)>, value: (usize, usize), collection| Found {
        key: key.map(|(line, column)| at(line, column)),
        value: at(value.0, value.1),
        collection,
        exact: true,
    };
    let spans = document.spans();
    assert_eq!(spans.find("/a/0/b"), exact(Some((2, 5)), (2, 8), false));
    assert_eq!(spans.find("/a/0/c~1d/e~0f"), exact(Some((3, 11)), (3, 16), false));
    assert_eq!(spans.find("/a/0"), exact(None, (2, 5), true));
    assert_eq!(spans.find(""), exact(None, (1, 1), true));
    // The nearest part on the way.
    assert_eq!(spans.find("/a/0/missing/x"), Found { exact: false, ..exact(None, (2, 5), true) });
    assert_eq!(spans.find("/a/7"), Found { exact: false, ..exact(Some((1, 1)), (2, 3), true) });
}

#[test]
fn places_walk_and_complain() {
    let document = read("services:\n  - name: git\n  - name: 7\n");
    let services = document.root().member("services").unwrap();
    let names: Vec<_> = services.items().map(|item| item.member("name").unwrap()).collect();
    assert_eq!(names[0].as_str(), Some("git"));
    assert_eq!(names[1].as_str(), None);
    assert_eq!(names[1].pointer(), "/services/1/name");
    assert_eq!(names[1].error("no text").position, Some(Position { line: 3, column: 11 }));
    assert_eq!(names[1].key_error("no text").position, Some(Position { line: 3, column: 5 }));
    assert_eq!(document.root().members().map(|(name, _)| name).collect::<Vec<_>>(), ["services"]);
}

#[test]
fn placeholders_are_words_and_move_nothing() {
    let text = "port: {value: ${PORT}, next: 1}\nname: \"${A_B}x\"\nraw: $${}\n";
    let document = Document::parse_template(SourceText::new("t", text)).unwrap();
    assert_eq!(
        document.value(),
        &json!({"port": {"value": "$_PORT_", "next": 1}, "name": "$_A_B_x", "raw": "$${}"})
    );
    assert_eq!(document.spans().find("/port/next").value, Position { line: 1, column: 30 });
    assert_eq!(document.text().line(1), Some("port: {value: ${PORT}, next: 1}"));
    refused(
        "port: {value: ${PORT}, next: 1}",
        &["1:16 while parsing a flow mapping, did not find expected ',' or '}'"],
    );
}
