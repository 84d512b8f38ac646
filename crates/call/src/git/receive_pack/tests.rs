mod hostile;
mod random;

use serde_json::json;

use super::*;
use crate::{
    ToolCall,
    git::fixture::{Body, CAPABILITIES, ONE, TWO, ZERO, packet, read},
};

fn push() -> Body {
    Body::default()
}

/// The calls of a push, each as `action name`.
fn actions(calls: &ToolCalls) -> Vec<String> {
    calls.iter().map(|call| format!("{} {}", call.action, call.resource.id)).collect()
}

#[test]
fn each_command_is_one_call() {
    let body = push()
        .first(ONE, TWO, "refs/heads/main")
        .command(ZERO, ONE, "refs/tags/v2")
        .command(ONE, ZERO, "refs/notes/commits")
        .flush()
        .pack();
    let calls = body.read().unwrap();
    assert_eq!(
        actions(&calls),
        [
            "git.ref.update payments/refs/heads/main",
            "git.ref.create payments/refs/tags/v2",
            "git.ref.delete payments/refs/notes/commits",
        ]
    );
    let ToolCall { effect, resource, arguments, secret, .. } = calls.first();
    assert_eq!((effect.code(), secret.len()), ("write", 0));
    assert_eq!(
        serde_json::Value::Object(arguments.clone()),
        json!({ "old": ONE, "new": TWO, "ref": "refs/heads/main", "kind": "branch", "push_options": [] })
    );
    assert_eq!(&*resource.type_name, "Git::Ref");
    assert_eq!((&*resource.parents[0].type_name, resource.parents[0].id.as_str()), ("Git::Repo", "payments"));
    let attributes = format!("{:?}", resource.attributes);
    assert_eq!(
        attributes,
        r#"{"name": Text("refs/heads/main"), "repo": Entity { type_name: "Git::Repo", id: "payments" }}"#
    );
}

#[test]
fn how_a_push_arrives_changes_nothing() {
    let body = push().first(ONE, TWO, "refs/heads/main").command(ZERO, ONE, "refs/heads/b").flush().pack();
    let whole = body.read().unwrap();
    for size in 1..body.0.len() {
        assert_eq!(read(&body.0, size), Ok(whole.clone()), "{size}");
    }
}

#[test]
fn the_pack_is_not_needed_to_decide() {
    let body = push().first(ONE, TWO, "refs/heads/main").flush().raw("PACK");
    let mut reader = PushReader::new("payments".into());
    let (most, last) = body.0.split_at(body.0.len() - 1);
    assert_eq!(reader.feed(most, false), Ok(None));
    assert!(matches!(reader.feed(last, false), Ok(Some(_))));
}

#[test]
fn a_deletion_sends_no_objects() {
    let body = push().first(ONE, ZERO, "refs/heads/old").flush();
    assert_eq!(actions(&body.read().unwrap()), ["git.ref.delete payments/refs/heads/old"]);
    // Until the body ends, something may follow that a lenient reader would see.
    let mut reader = PushReader::new("payments".into());
    assert_eq!(reader.feed(&body.0, false), Ok(None));
    assert_eq!(reader.clone().feed(b"PACK", false).unwrap_err().code(), "git_framing_invalid");
    assert!(matches!(reader.feed(b"", true), Ok(Some(_))));
}

#[test]
fn nothing_is_a_probe_and_never_a_permit() {
    let calls = push().flush().read().unwrap();
    assert_eq!(actions(&calls), ["git.push.probe payments"]);
    let mut reader = PushReader::new("payments".into());
    assert_eq!(reader.feed(b"0000", false), Ok(None));
    assert!(matches!(reader.feed(b"", true), Ok(Some(_))));
    assert_eq!(push().code(), "git_framing_invalid");
    assert_eq!(push().flush().flush().code(), "git_framing_invalid");
}

#[test]
fn push_options_are_context_of_every_call() {
    let body = push()
        .line(format!("{ONE} {TWO} refs/heads/a\0 report-status push-options"))
        .command(ONE, TWO, "refs/heads/b")
        .flush()
        .line("ci.skip")
        .line("topic=früh\n")
        .flush()
        .pack();
    for call in &body.read().unwrap() {
        assert_eq!(call.arguments["push_options"], json!(["ci.skip", "topic=früh"]));
    }
    let none = push().line(format!("{ONE} {TWO} refs/heads/a\0push-options")).flush().flush().pack();
    assert_eq!(none.read().unwrap().first().arguments["push_options"], json!([]));
}

#[test]
fn other_clients_write_the_same_in_their_own_way() {
    let id = "3".repeat(64);
    let none = "0".repeat(64);
    for body in [
        push().line(format!("{ONE} {TWO} refs/heads/a\0report-status\n")).flush().pack(),
        push().line(format!("{ONE} {TWO} refs/heads/a\0  report-status  side-band-64k ")).flush().pack(),
        push().line(format!("{ONE} {TWO} refs/heads/a\0")).flush().pack(),
        push().first(ONE, TWO, "refs/heads/a").line(format!("{ONE} {TWO} refs/heads/b\n")).flush().pack(),
        push().line(format!("{id} {none} refs/heads/a\0object-format=sha256")).flush(),
        // A clone of limited depth.
        push()
            .line(format!("shallow {ONE}"))
            .line(format!("shallow {TWO}\n"))
            .first(ONE, TWO, "refs/heads/a")
            .flush()
            .pack(),
    ] {
        assert_eq!(body.code(), "ok", "{}", String::from_utf8_lossy(&body.0));
    }
}

#[test]
fn the_client_can_be_told_what_was_refused() {
    let body = push()
        .line(format!("{ONE} {TWO} refs/heads/a\0report-status side-band-64k"))
        .command(ONE, TWO, "refs/heads/b")
        .line(format!("{ONE} {TWO} refs/heads/c..d"));
    let mut reader = PushReader::new("payments".into());
    assert!(reader.client().is_none());
    reader.feed(&body.0, false).unwrap_err();
    let client = reader.client().unwrap();
    assert!(client.report_status && client.side_band);
    assert_eq!(client.refs, ["refs/heads/a", "refs/heads/b"]);
    let mut reader = PushReader::new("payments".into());
    reader.feed(&push().line("push-cert\0 report-status").0, false).unwrap_err();
    assert!(reader.client().unwrap().report_status);
}

fn many(count: usize) -> Body {
    let mut body = push().first(ZERO, ONE, "refs/heads/n0");
    for number in 1..count {
        body = body.command(ZERO, ONE, &format!("refs/heads/n{number}"));
    }
    body.flush().pack()
}

#[test]
fn as_many_commands_as_the_limit_and_not_one_more() {
    assert_eq!(many(MAX_COMMANDS).read().map(|calls| calls.len()), Ok(MAX_COMMANDS));
    for count in [MAX_COMMANDS + 1, 10_000] {
        assert_eq!(
            many(count).read().unwrap_err().to_string(),
            "the request exceeds the limit `git.push.commands` of 1000"
        );
    }
}

/// git says of a ref that no report names that the server failed.
#[test]
fn refs_beyond_the_limit_are_known_to_the_report() {
    for (count, known) in [(MAX_COMMANDS + 1, MAX_COMMANDS + 1), (4000, 4000)] {
        let mut reader = PushReader::new("payments".into());
        let body = many(count).0;
        let refused = body.chunks(16_384).find_map(|piece| reader.feed(piece, false).err());
        assert_eq!(refused.unwrap().code(), "limit_exceeded");
        assert_eq!(reader.client().unwrap().refs.len(), known);
    }
}

#[test]
fn a_prefix_ends_somewhere() {
    let mut body = push();
    while body.0.len() <= MAX_PREFIX_BYTES {
        body = body.line(format!("shallow {ONE}"));
    }
    assert_eq!(
        read(&body.0, 4096).unwrap_err().to_string(),
        "the request exceeds the limit `git.push.prefix_bytes` of 524288"
    );
}

#[test]
fn push_options_are_few_and_short() {
    let with = |options: &[String]| {
        let mut body = push().line(format!("{ONE} {TWO} refs/heads/a\0push-options")).flush();
        for option in options {
            body = body.line(option);
        }
        body.flush().pack().code()
    };
    assert_eq!(with(&vec!["o".to_owned(); MAX_OPTIONS]), "ok");
    assert_eq!(with(&vec!["o".to_owned(); MAX_OPTIONS + 1]), "limit_exceeded");
    assert_eq!(with(&["o".repeat(MAX_OPTION_BYTES)]), "ok");
    assert_eq!(with(&["o".repeat(MAX_OPTION_BYTES), "o".to_owned()]), "limit_exceeded");
}
