use super::*;
use crate::diagnostic::{Style, write_text};

const GOOD: &str = "\
name: A developer reads
pack: ../pack
token: { issuer: demo, sub: alice@demo, act: coder }
request: { method: GET, path: /secrets/v1/kv/dev/db }
expect:
  decision: allow
  policies: [a]
  status: 200
  upstream_saw: { method: GET, path: /v1/kv/dev/db }
";

fn parse(text: &str) -> Result<Case, Vec<Diagnostic>> {
    Case::parse(SourceText::new("case.yaml", text), Path::new("cases"))
}

/// Each finding in one line; `ok` where there is none.
fn findings(text: &str) -> String {
    let Err(found) = parse(text) else { return "ok".to_owned() };
    let mut shown = Vec::new();
    for mut finding in found {
        finding.excerpt = None;
        write_text(&mut shown, &[finding], Style::Plain).unwrap();
    }
    let shown = String::from_utf8(shown).unwrap();
    shown.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}

/// The good case after one edit.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` is there once");
    findings(&GOOD.replace(from, to))
}

fn refused(expect: &str) -> String {
    let (before, _) = GOOD.split_once("expect:").unwrap();
    findings(&format!("{before}expect: {{ {expect} }}\n"))
}

#[test]
fn a_case_is_read_with_its_defaults() {
    let case = parse(GOOD).unwrap();
    assert_eq!((case.name(), case.now()), ("A developer reads", NOW));
    assert_eq!(case.origin(), &Origin::Pack("pack".into()));
    let [step] = case.steps() else { panic!("one step") };
    assert_eq!((step.pointer.as_str(), &step.body), ("", &None));
    assert_eq!(step.upstream, Upstream::default());
    let token = step.token.as_ref().unwrap();
    assert_eq!((token.ttl.seconds(), token.issued.seconds(), token.not_before), (300, 0, None));
    assert_eq!(token.act.as_ref().unwrap().claim(), &serde_json::json!({ "sub": "coder" }));
}

#[test]
fn steps_are_numbered() {
    let step = "{ request: { method: GET, path: / }, expect: { decision: deny, reason: token_missing, status: 401 } }";
    let case = parse(&format!(
        "name: n\nconfig: a/../b.yaml\nnow: 2026-02-03T04:05:06+01:00\nsteps: [{step}, {step}]"
    ));
    let case = case.unwrap();
    assert_eq!(case.origin(), &Origin::Config("cases/b.yaml".into()));
    assert_eq!(case.now(), 1_770_087_906);
    let pointers: Vec<&str> = case.steps().iter().map(|step| step.pointer.as_str()).collect();
    assert_eq!(pointers, ["/steps/0", "/steps/1"]);
}

#[test]
fn unknown_keys_and_types_are_errors_with_a_place() {
    assert_eq!(
        edited("policies: [a]", "polices: [a]"),
        "case.yaml:7:3: error: unknown field `polices`, expected one of `decision`, `reason`, `policies`, `status`, \
         `body`, `answer`, `upstream_saw`, `events`, `proxy_rejects` | help: did you mean `policies`?"
    );
    for (from, to, place, message) in [
        ("status: 200", "status: ok", "8:11", "invalid type"),
        ("decision: allow", "decision: allowed", "6:13", "unknown variant `allowed`"),
        (
            "method: GET, path: /secrets",
            "method: GET, query: [], path: /secrets",
            "4:25",
            "unknown field `query`",
        ),
        ("sub: alice@demo", "sub: alice@demo, ttl: soon", "3:46", "`soon` is not a duration"),
        ("act: coder", "act: []", "3:41", "a chain of actors has at least one"),
        ("act: coder", "act: coder, tamper: [forget]", "3:62", "unknown variant `forget`"),
        (
            "path: /secrets/v1",
            "headers: { A: b }, path: /secrets/v1",
            "4:36",
            "header `A` is not in lower case",
        ),
        (
            "{ method: GET, path: /v1/kv/dev/db }",
            "nobody",
            "9:17",
            "`nobody` is neither `nothing` nor a request",
        ),
    ] {
        let found = edited(from, to);
        assert!(found.starts_with(&format!("case.yaml:{place}: error: ")), "{found}");
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn a_case_has_one_origin_and_one_form() {
    for (from, to, finding) in [
        ("pack: ../pack\n", "", "case.yaml:1:1: error: a case needs `pack` or `config`"),
        ("pack: ../pack", "pack: a\nconfig: b", "case.yaml:3:9: error: a case has either `pack` or `config`"),
        (
            "pack: ../pack",
            "pack: a\nsteps: []",
            "case.yaml:3:1: error: a case has either `request` or `steps`",
        ),
        (
            "request: { method: GET, path: /secrets/v1/kv/dev/db }\n",
            "",
            "case.yaml:1:1: error: a case needs `request`, or `steps`",
        ),
    ] {
        assert_eq!(edited(from, to), finding);
    }
    assert_eq!(findings("name: n\npack: p\nsteps: []"), "case.yaml:3:1: error: there is no step");
    assert_eq!(
        findings("name: n\npack: p"),
        "case.yaml:1:1: error: a case needs `request`, or `steps` | case.yaml:1:1: error: a case needs `expect`, or \
         `steps`"
    );
}

#[test]
fn the_parts_of_an_expectation_go_together() {
    for (expect, finding) in [
        ("decision: deny, reason: policy_denied, status: 403", "ok"),
        ("decision: hold, reason: approval_required, status: 403, upstream_saw: nothing", "ok"),
        ("decision: deny, status: 403", "needs a `reason`"),
        ("decision: deny, reason: policy_denied, status: 404", "`policy_denied` is answered with 403"),
        (
            "decision: allow, status: 403, upstream_saw: { method: GET, path: / }",
            "the upstream answers 200, and the client gets what it answers",
        ),
        ("decision: deny, reason: policy_denied, status: 403, policies: [a, b, a]", "`a` is there twice"),
        ("decision: deny, reason: route_unknown, status: 403, policies: [a]", "nothing to do with policies"),
        ("decision: deny, reason: policy_denid, status: 403", "did you mean `policy_denied`?"),
        ("decision: hold, reason: policy_denied, status: 403", "`hold` does not go with `policy_denied`"),
        (
            "decision: deny, reason: approval_required, status: 403",
            "`deny` does not go with `approval_required`",
        ),
        (
            "decision: allow, reason: policy_denied, status: 200, upstream_saw: { method: GET, path: / }",
            "what is allowed has no reason",
        ),
        ("decision: allow, status: 200", "what goes through needs `upstream_saw`"),
        ("decision: observe, reason: policy_denied, status: 200", "what goes through needs `upstream_saw`"),
        (
            "decision: deny, reason: policy_denied, status: 403, upstream_saw: { method: GET, path: / }",
            "a refused request reaches nobody",
        ),
        (
            "decision: allow, status: 200, upstream_saw: { method: GET, path: / }, proxy_rejects: 400",
            "what the proxy rejects cannot go through",
        ),
    ] {
        let found = refused(expect);
        assert!(found.contains(finding), "{expect}: {found}");
    }
}

#[test]
fn a_request_is_what_it_says_on_the_wire() {
    let path = "path: /secrets/v1/kv/dev/db";
    for (to, finding) in [
        ("path: \"/a b\"", "does not fit into a request line"),
        ("path: \"/a\\r\\nx: y\"", "does not fit into a request line"),
        ("path: /a, headers: { x: \"a\\r\\nb: c\" }", "`x` does not fit into a header line"),
        (
            "path: /a, headers: { content-length: \"5\" }",
            "`content-length` is made from `body` and `chunked`",
        ),
        ("path: /a, body: x, json: {}", "one of `body`, `body_base64`, `json` and `git`"),
        ("path: /a, body_base64: \"?\"", "not base64"),
        ("path: /a, chunked: true", "only a request with a body has chunks and trailers"),
        ("path: /a, headers: { authorization: Bearer abc }", "say with `${token}` where the token goes"),
    ] {
        let found = edited(path, to);
        assert!(found.contains(finding), "{to}: {found}");
    }
    let token = "token: { issuer: demo, sub: alice@demo, act: coder }\n";
    let without = GOOD.replace(token, "").replace(path, "path: /a, headers: { x: \"${token}\" }");
    assert_eq!(findings(&without), "case.yaml:3:35: error: `${token}` without a `token`");
}

#[test]
fn the_case_in_the_documentation_is_one() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cases.md")).unwrap();
    let cases: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert_eq!(cases.len(), 1);
    for case in cases {
        assert_eq!(findings(case), "ok");
    }
}

#[test]
fn the_documentation_knows_every_tampering_and_key() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cases.md")).unwrap();
    let listed = |from: &str, to: &str| {
        let found = edited(from, to);
        let (_, names) = found.split_once("expected one of ").unwrap_or_else(|| panic!("{found}"));
        let names: Vec<String> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        names
    };
    let mut names = listed("act: coder", "act: coder, tamper: [nothing-known]");
    names.extend(listed("act: coder", "nothing-known: 1"));
    names.extend(listed("method: GET, path: /secrets", "nothing-known: 1, path: /secrets"));
    names.extend(listed("status: 200", "nothing-known: 1"));
    names.extend(listed("name: A", "nothing-known: A"));
    for name in names.iter().filter(|name| !name.contains("nothing-known") && !name.contains('?')) {
        assert!(page.contains(&format!("`{name}")), "`{name}` is not in docs/cases.md");
    }
}
