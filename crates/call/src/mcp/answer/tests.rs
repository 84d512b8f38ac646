use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::mcp::Version;

fn shown(text: &str) -> Result<Edited, AnswerError> {
    edit(text, None, &mut |listed: &Listed<'_>| listed.name.starts_with("ok"))
}

fn cut(text: &str) -> Option<String> {
    shown(text).unwrap().text
}

#[test]
fn what_is_shown_is_the_servers_own_text() {
    let list = r#"{ "result" : { "x" : 1e400, "tools":[ {"name":"no"}, { "name" : "ok1", "n": 18446744073709551617 } ] , "nextCursor":"\u0041" }, "id":1}"#;
    let expected = r#"{"result":{"x":1e400,"tools":[{ "name" : "ok1", "n": 18446744073709551617 }],"nextCursor":"\u0041"},"id":1}"#;
    assert_eq!(cut(list).as_deref(), Some(expected));
    assert_eq!(cut(r#"{"result":{"tools":[ {"name":"ok"} ]}}"#), None);
}

#[test]
fn every_kind_is_cut_by_its_own_name() {
    for kind in ListKind::ALL {
        let (member, key) = (kind.member(), kind.key());
        let list = format!(
            r#"{{"id":1,"result":{{"{member}":[{{"{key}":"no"}},{{"{key}":"ok"}},{{}},7,{{"{key}":7}},{{"{key}":"ok","{key}":"no"}}]}}}}"#
        );
        let expected = format!(r#"{{"id":1,"result":{{"{member}":[{{"{key}":"ok"}}]}}}}"#);
        let edited = shown(&list).unwrap();
        assert_eq!((edited.text.as_deref(), edited.hidden), (Some(expected.as_str()), 5));
    }
}

#[test]
fn what_readers_could_read_in_another_way_is_refused() {
    use AnswerError::{Ambiguous, NotAList, NotJson, TooMany};
    let many = format!(r#"{{"result":{{"tools":[{}1]}}}}"#, "1,".repeat(5000));
    for (text, error) in [
        (r#"{"result":{"tools":[{"name":"ok"}]}"#, NotJson),
        (r#"{"result":{"tools":[]}} {}"#, NotJson),
        ("\u{feff}{\"result\":{\"tools\":[]}}", NotJson),
        (r#"{"result":{"tools":[]},"result":{"tools":[{"name":"no"}]}}"#, Ambiguous),
        (r#"{"result":{"tools":[],"tools":[{"name":"no"}]}}"#, Ambiguous),
        (r#"{"Result":{"tools":[{"name":"no"}]}}"#, Ambiguous),
        (r#"{"result":{"TOOLS":[{"name":"no"}]}}"#, Ambiguous),
        (r#"{"result":{"tool\u017f":[{"name":"no"}]}}"#, Ambiguous),
        (r#"{"result":{"tools":{"name":"no"}}}"#, NotAList),
        (r#"[{"result":{"tools":null}}]"#, NotAList),
        ("nothing", NotJson),
        (&many, TooMany),
    ] {
        assert_eq!(shown(text), Err(error), "{text}");
    }
    // Of two names in two cases, Go's readers take either.
    assert_eq!(
        cut(r#"{"result":{"tools":[{"name":"ok","Name":"no"}]}}"#).as_deref(),
        Some(r#"{"result":{"tools":[]}}"#)
    );
}

#[test]
fn what_one_caller_sees_is_private_where_the_version_says_so() {
    let of = |text: &str, version| edit(text, Some(version), &mut |_| true).unwrap().text;
    let list = r#"{"id":1,"result":{"tools":[],"cacheScope":"public"}}"#;
    let private = r#"{"id":1,"result":{"tools":[],"cacheScope":"private"}}"#;
    assert_eq!(of(list, Version::July2026).as_deref(), Some(private));
    assert_eq!(of(private, Version::July2026), None);
    let without = r#"{"id":1,"result":{"tools":[]}}"#;
    assert_eq!(of(without, Version::July2026).as_deref(), Some(private));
    assert_eq!(of(list, Version::June2025), None);
    assert_eq!(of(r#"{"id":1,"result":{"content":[]}}"#, Version::July2026), None);
}

/// Feeds a stream in the given parts.
fn passed(parts: &[&[u8]]) -> Result<String, AnswerError> {
    let mut events = Events::new(1000);
    let mut out = Vec::new();
    let mut edit = |text: &str| Ok(shown(text)?.text);
    for part in parts {
        events.feed(part, false, &mut out, &mut edit)?;
    }
    events.feed(b"", true, &mut out, &mut edit)?;
    Ok(String::from_utf8(out).unwrap())
}

const LIST: &str = r#"{"result":{"tools":[{"name":"no"},{"name":"ok"}]}}"#;
const CUT: &str = r#"{"result":{"tools":[{"name":"ok"}]}}"#;

#[test]
fn events_are_cut_wherever_their_ends_are() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = format!(": hi\n\nid: 1\ndata: {LIST}\n\nretry: 5\ndata\n\ndata:{LIST}\nid: 2\n\n")
            .replace('\n', end);
        // What is cut is written with line feeds; the other events pass as they are.
        let parts = [": hi\n\n", "id: 1\ndata: ", "\n\n", "retry: 5\ndata\n\n", "id: 2\ndata: ", "\n\n"];
        let [hi, one, close, retry, two, last] = parts;
        let own = |text: &str| text.replace('\n', end);
        let expected = format!("{}{one}{CUT}{close}{}{two}{CUT}{last}", own(hi), own(retry));
        // The second half of a line's end stays where it was, behind what is written anew.
        let clean = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n").replace("\n\n\n", "\n\n");
        assert_eq!(clean(&passed(&[stream.as_bytes()]).unwrap()), clean(&expected), "{end:?}");
        for cut in 0..=stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            assert_eq!(clean(&passed(&[first, second]).unwrap()), clean(&expected), "{end:?} at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(clean(&passed(&bytes).unwrap()), clean(&expected), "{end:?} byte by byte");
    }
}

#[test]
fn data_in_several_lines_is_one_document() {
    let (start, end) = LIST.split_at(10);
    let (start, end) = (format!("{start}\n"), end);
    let stream = format!("data: {}data: {end}\n\n", start);
    let came = passed(&[stream.as_bytes()]).unwrap();
    assert!(!came.contains("no\""), "{came}");
    assert!(came.contains("\"ok\""), "{came}");
}

#[test]
fn nothing_of_a_list_passes_that_is_cut_off() {
    let whole = format!("data: {LIST}\n");
    assert_eq!(passed(&[whole.as_bytes()]).unwrap(), format!("data: {CUT}\n\n"));
    let broken = format!("data: {}", LIST.get(..20).unwrap());
    assert_eq!(passed(&[broken.as_bytes()]), Err(AnswerError::NotJson));
}

#[test]
fn an_event_has_a_bound_and_is_text() {
    let long = format!("data: {}", "a".repeat(1000));
    assert_eq!(passed(&[long.as_bytes()]), Err(AnswerError::TooLarge(1000)));
    assert_eq!(passed(&[b"data: \xff\n\n"]), Err(AnswerError::NotUtf8));
    let marked = format!("\u{feff}data: {LIST}\n\n");
    assert_eq!(passed(&[marked.as_bytes()]).unwrap(), format!("data: {CUT}\n\n"));
    let inside = format!("data: \u{feff}{LIST}\n\n");
    assert_eq!(passed(&[inside.as_bytes()]), Err(AnswerError::NotJson));
}

fn endings(text: &str, mut scan: Scan) -> Vec<Ending> {
    for byte in text.as_bytes().chunks(3) {
        scan.feed(byte);
    }
    scan.endings().to_vec()
}

#[test]
fn a_scan_finds_how_requests_ended() {
    for (text, expected) in [
        (r#"{"id":1,"result":{}}"#, vec![Ending::Result]),
        (r#"{"id":1,"result":{"isError":true}}"#, vec![Ending::ToolError]),
        (r#"{"id":1,"result":{"isError" : true , "content":[]}}"#, vec![Ending::ToolError]),
        (r#"{"id":1,"result":{"isError":false}}"#, vec![Ending::Result]),
        (
            r#"{"id":1,"result":{"content":[{"isError":true}],"structuredContent":{"isError":true}}}"#,
            vec![Ending::Result],
        ),
        (r#"{"id":1,"result":{"content":["\"isError\":true}}"]}}"#, vec![Ending::Result]),
        (r#"{"id":1,"result":{"resultType":"input_required"}}"#, vec![Ending::InputRequired]),
        (r#"{"id":1,"error":{"data":{"code":7},"code":-32000}}"#, vec![Ending::Error(Some(-32000))]),
        (r#"{"method":"x","params":{"result":1}}"#, vec![]),
        (r#"{"method":"x","id":1,"result":{}}"#, vec![]),
        (
            r#"[{"result":{"isError":true}},{"result":[{"isError":true}]}]"#,
            vec![Ending::ToolError, Ending::Result],
        ),
        (r#"{"id":1,"result":{"isError":true}"#, vec![]),
        ("", vec![]),
    ] {
        assert_eq!(endings(text, Scan::of_document()), expected, "{text}");
        let event = format!("id: 1\r\ndata: {text}\r\n\r\n: end\n\n");
        assert_eq!(endings(&event, Scan::of_events()), expected, "{event}");
    }
}

#[test]
fn a_scan_ends_at_its_bound() {
    let mut scan = Scan::of_document();
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..17 {
        scan.feed(&spaces);
    }
    scan.feed(br#"{"result":{}}"#);
    assert!(scan.is_over());
    assert_eq!(scan.endings(), &[]);
}

/// JSON of a few interesting names.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-40_000..40_000_i64).prop_map(Value::from),
        select(&["input_required", "a\"b", "\\", "isError", "{", "]"][..]).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = select(&["result", "error", "method", "isError", "code", "resultType", "x"][..]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name, inner), 0..4)
                .prop_map(|members| members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_scan_sees_what_a_reader_sees(message in documents(), spaced in any::<bool>()) {
        let message = if message.is_object() { message } else { json!({ "result": message }) };
        let text = if spaced { serde_json::to_string_pretty(&message).unwrap() } else { message.to_string() };
        let read = edit(&text, None, &mut |_| true).unwrap();
        prop_assert_eq!(endings(&text, Scan::of_document()), read.endings);
    }
}
