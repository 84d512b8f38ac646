use serde_json::json;

use super::*;

#[test]
fn what_an_agent_writes_moves_no_cursor() {
    let hostile = "\u{1b}[2Jgone\u{202e}\u{200b}\r\n\u{7}";
    let row = json!({
        "id": hostile, "state": hostile, "actor": hostile, "groups": [hostile], "context": { hostile: hostile },
        "envelope": { "path": hostile }, "calls": [{ "action": hostile, "resource": hostile }],
        "events": [{ "at": 0, "who": hostile, "what": hostile, "comment": hostile }],
    });
    let mut out = Vec::new();
    full(&mut out, &row).unwrap();
    list(&mut out, &json!({ "approvals": [row] })).unwrap();
    decided(&mut out, &row).unwrap();
    let shown = String::from_utf8(out).unwrap();
    let odd: Vec<char> = shown.chars().filter(|letter| letter.is_control() && *letter != '\n').collect();
    assert_eq!(odd, []);
    assert!(!shown.contains(['\u{202e}', '\u{200b}']) && shown.contains("gone"));
}
