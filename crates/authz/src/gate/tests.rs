mod approval;
mod storing;
pub(super) mod world;

use self::world::{ALICE, CODER, Outcome, World};

const ZERO: &str = "0000000000000000000000000000000000000000";
const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

fn packet(payload: &str) -> String {
    format!("{:04x}{payload}", payload.len().saturating_add(4))
}

/// A push of these commands and a pack of `pack` bytes.
fn body_of(commands: &[(&str, &str, &str)], pack: usize) -> Vec<u8> {
    let mut body = String::new();
    for (number, (old, new, name)) in commands.iter().enumerate() {
        let capabilities = if number == 0 { "\0 report-status side-band-64k object-format=sha1" } else { "" };
        body.push_str(&packet(&format!("{old} {new} {name}{capabilities}")));
    }
    body.push_str("0000");
    let mut body = body.into_bytes();
    if commands.iter().any(|(_, new, _)| *new != ZERO) {
        body.extend_from_slice(b"PACK");
        body.resize(body.len().saturating_add(pack), 7);
    }
    body
}

fn push(repo: &str, commands: &[(&str, &str, &str)]) -> Outcome {
    World::new("enforce").push(repo, &body_of(commands, 100), 64)
}

/// `decision reason`, and the policies.
fn verdict(outcome: &Outcome) -> (String, Vec<String>) {
    let policies = outcome.record["decided"]["policies"].as_array().unwrap();
    let policies = policies.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    (format!("{} {}", outcome.decision(), outcome.reason()), policies)
}

#[test]
fn the_rights_of_the_pack_are_the_table_in_its_readme() {
    let cases = [
        ("payments", ZERO, ONE, "refs/heads/agent/x", "allow -"),
        ("payments", ONE, TWO, "refs/heads/agent/x", "allow -"),
        ("payments", ONE, TWO, "refs/heads/main", "hold approval_required"),
        ("payments", ZERO, TWO, "refs/heads/main", "hold approval_required"),
        ("payments", ONE, TWO, "refs/heads/other", "deny policy_denied"),
        ("payments", ONE, TWO, "refs/heads/agent", "deny policy_denied"),
        ("payments", ONE, TWO, "refs/heads/agents/x", "deny policy_denied"),
        ("payments", ONE, TWO, "refs/heads/MAIN", "deny policy_denied"),
        ("payments", ONE, TWO, "refs/agent/x", "deny policy_denied"),
        ("payments", ZERO, ONE, "refs/tags/v2", "deny policy_denied"),
        ("payments", ONE, TWO, "refs/tags/v1.0", "deny policy_denied"),
        ("payments", ONE, ZERO, "refs/tags/v1.0", "deny policy_denied"),
        ("payments", ONE, ZERO, "refs/heads/agent/x", "deny policy_denied"),
        ("payments", ONE, ZERO, "refs/heads/main", "deny policy_denied"),
        ("website", ZERO, ONE, "refs/heads/agent/x", "deny policy_denied"),
        ("website", ONE, TWO, "refs/heads/main", "deny policy_denied"),
        ("unregistered", ZERO, ONE, "refs/heads/agent/x", "deny policy_denied"),
        ("Payments", ZERO, ONE, "refs/heads/agent/x", "deny policy_denied"),
        ("team/payments", ZERO, ONE, "refs/heads/agent/x", "deny policy_denied"),
    ];
    for (repo, old, new, name, expected) in cases {
        let outcome = push(repo, &[(old, new, name)]);
        let (verdict, policies) = verdict(&outcome);
        assert_eq!(verdict, expected, "{repo} {name} {old} {new}: {policies:?}");
        assert!(!policies.is_empty(), "{repo} {name}");
    }
}

#[test]
fn reading_is_for_those_with_the_right_and_for_registered_repositories() {
    let world = World::new("enforce");
    let cases = [
        (ALICE, CODER, "payments", "allow -"),
        (ALICE, CODER, "website", "allow -"),
        (ALICE, CODER, "unregistered", "deny policy_denied"),
        (ALICE, CODER, "PAYMENTS", "deny policy_denied"),
        ("mallory@demo", CODER, "payments", "deny policy_denied"),
        (ALICE, "spiffe://demo/agent/unknown", "payments", "deny policy_denied"),
    ];
    for (subject, actor, repo, expected) in cases {
        let token = world.token(subject, actor);
        for service in ["git-upload-pack", "git-receive-pack"] {
            let outcome = world.get(&format!("/git/{repo}.git/info/refs?service={service}"), &token);
            assert_eq!(verdict(&outcome).0, expected, "{subject} {actor} {repo} {service}");
        }
        let body = body_of(&[(ZERO, ONE, "refs/heads/agent/x")], 10);
        if expected != "allow -" {
            assert_ne!(
                world.push_as(&token, repo, &body, 1000).decision(),
                "allow",
                "{subject} {actor} {repo}"
            );
        }
    }
}

#[test]
fn all_refs_of_a_push_or_none() {
    let fine = (ZERO, ONE, "refs/heads/agent/x");
    assert_eq!(push("payments", &[fine, (ONE, TWO, "refs/heads/agent/y")]).decision(), "allow");
    let outcome = push("payments", &[fine, (ONE, TWO, "refs/tags/v1.0")]);
    assert_eq!(outcome.decision(), "deny");
    assert!(outcome.text().contains("ng refs/heads/agent/x another ref of this push is refused\n"));
    assert!(outcome.text().contains("ng refs/tags/v1.0 agents do not create, move or delete tags\n"));
    // What the policies say of one ref is not said of another.
    let outcome = push("payments", &[(ONE, ZERO, "refs/heads/agent/x"), (ONE, TWO, "refs/tags/v1.0")]);
    assert!(
        outcome.text().contains("ng refs/heads/agent/x agents do not delete branches\n"),
        "{}",
        outcome.text()
    );
    assert_eq!(verdict(&outcome).1, ["git.agents-never-delete", "git.agents-never-tag"]);
    assert_eq!(push("payments", &[fine, (ONE, TWO, "refs/heads/main")]).decision(), "hold");
}

#[test]
fn a_permitted_push_streams_once_its_commands_are_known() {
    let world = World::new("enforce");
    let body = body_of(&[(ZERO, ONE, "refs/heads/agent/x")], 100_000);
    let outcome = world.push("payments", &body, 64);
    assert_eq!(outcome.decision(), "allow");
    assert!(outcome.reply.is_none() && outcome.discarded == 0);
    assert!(outcome.seen < 300, "{}", outcome.seen);
}

#[test]
fn a_refused_push_is_drawn_off_and_answered_at_its_end() {
    let world = World::new("enforce");
    let body = body_of(&[(ONE, TWO, "refs/heads/main")], 100_000);
    for size in [1, 64, 4096, body.len()] {
        let outcome = world.push("payments", &body, size);
        assert_eq!(outcome.decision(), "hold");
        assert_eq!(outcome.seen, body.len(), "chunks of {size}");
        // The chunk that ends the body goes with the answer.
        let kept = body.len().saturating_sub(outcome.discarded);
        assert!(kept <= size, "chunks of {size}: {kept}");
        assert_eq!(outcome.reply.as_ref().unwrap().status, 200);
        assert!(outcome.text().contains("ng refs/heads/main approval required: release-managers\n"));
        assert!(outcome.text().contains("needs the approval of: release-managers\n"));
        assert_eq!(outcome.record["decided"]["status"], 403);
        assert_eq!(outcome.record["attempted"]["calls"][0]["arguments"]["ref"], "refs/heads/main");
    }
}

#[test]
fn malformed_pushes_are_told_where_the_client_can_be_told() {
    let world = World::new("enforce");
    let early = world.push("payments", b"00AB", 64);
    let reply = early.reply.as_ref().unwrap();
    assert_eq!((reply.status, early.reason()), (400, "git_framing_invalid"));
    assert!(early.text().starts_with("actgate: The push is malformed\n"));
    let twice = [(ZERO, ONE, "refs/heads/agent/x"), (ZERO, ONE, "refs/heads/agent/x")];
    let late = world.push("payments", &body_of(&twice, 1000), 64);
    assert_eq!((late.reply.as_ref().unwrap().status, late.reason()), (200, "git_ref_invalid"));
    assert!(
        late.text()
            .contains("ng refs/heads/agent/x ref `refs/heads/agent/x` is refused: the push names it twice\n")
    );
    let silent = packet(&format!("{ONE} {TWO} refs/heads/main\0")) + "0000PACK";
    let outcome = world.push("payments", silent.as_bytes(), 64);
    assert_eq!((outcome.reply.as_ref().unwrap().status, outcome.reason()), (403, "approval_required"));
}

#[test]
fn ten_thousand_refs_are_refused_with_the_limits_name() {
    let names: Vec<String> = (0..10_000).map(|number| format!("refs/heads/agent/{number}")).collect();
    let commands: Vec<_> = names.iter().map(|name| (ZERO, ONE, name.as_str())).collect();
    let body = body_of(&commands, 1000);
    let outcome = World::new("enforce").push("payments", &body, 16_384);
    assert_eq!((outcome.decision(), outcome.reason(), outcome.seen), ("deny", "limit_exceeded", body.len()));
    assert!(outcome.text().contains("`git.push.commands` of 1000"));
    // As many as the limit are decided, and the record stays a line.
    let outcome = World::new("enforce").push("payments", &body_of(&commands[..1000], 1000), 16_384);
    assert_eq!(
        (outcome.decision(), outcome.record["attempted"]["calls_total"].as_u64()),
        ("allow", Some(1000))
    );
    assert!(outcome.record.to_string().len() < 16_384);
}

#[test]
fn a_probe_is_asked_for_like_anything_else() {
    let world = World::new("enforce");
    assert_eq!(world.push("payments", b"0000", 64).decision(), "allow");
    assert_eq!(world.push("unregistered", b"0000", 64).decision(), "deny");
    assert_eq!(world.push("payments", b"", 64).reason(), "git_framing_invalid");
    assert_eq!(world.push("payments", b"00000000", 64).reason(), "git_framing_invalid");
}

#[test]
fn a_bad_token_is_told_in_plain_text_before_any_body() {
    let world = World::new("enforce");
    let body = body_of(&[(ZERO, ONE, "refs/heads/agent/x")], 100_000);
    let outcome = world.push_as("x.y.z", "payments", &body, 64);
    let reply = outcome.reply.as_ref().unwrap();
    assert_eq!((reply.status, outcome.seen, outcome.reason()), (403, 0, "token_malformed"));
    assert_eq!(reply.headers[0].1, "text/plain; charset=utf-8");
    let fetch = world.get("/git/payments.git/info/refs?service=git-upload-pack", "x.y.z");
    assert_eq!(fetch.reply.unwrap().status, 403);
    let dumb = world.get("/git/payments.git/HEAD", &world.token(ALICE, CODER));
    assert_eq!((dumb.reply.as_ref().unwrap().status, dumb.reason()), (403, "route_unknown"));
}

#[test]
fn an_observed_push_streams_with_its_denial_on_record() {
    let world = World::new("observe");
    let body = body_of(&[(ONE, TWO, "refs/heads/main")], 100_000);
    let outcome = world.push("payments", &body, 64);
    assert_eq!((outcome.decision(), outcome.reason()), ("observe", "approval_required"));
    assert!(outcome.reply.is_none() && outcome.discarded == 0 && outcome.seen < 300);
    // What cannot be read is never observed.
    assert_eq!(world.push("payments", b"00AB", 64).decision(), "deny");
}
