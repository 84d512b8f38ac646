use std::path::Path;

use serde_json::json;

use super::*;
use crate::text::SourceText;

const DENIED: &str = "\
name: n
pack: p
request: { method: GET, path: /s/a }
expect:
  decision: deny
  reason: policy_denied
  policies: [one]
  status: 403
  upstream_saw: nothing
";

const ALLOWED: &str = "\
name: n
pack: p
request: { method: POST, path: /s/a, body: sent }
expect:
  decision: allow
  policies: [two, one]
  status: 200
  upstream_saw: { method: POST, path: /s/a, headers: { kept: \"1\" }, absent: [dropped] }
  events: { attempted: { subject: alice } }
";

fn denied() -> Outcome {
    let body = json!({
        "type": "urn:actgate:reason:policy_denied", "reason": "policy_denied", "policies": ["one"], "status": 403,
        "decision_id": "decision-1",
    });
    Outcome {
        status: 403,
        headers: vec![("content-type".to_owned(), "application/problem+json".to_owned())],
        body: body.to_string().into_bytes(),
        seen: Vec::new(),
        touched: false,
        record: json!({
            "id": "decision-1", "stage": "decided",
            "decided": { "decision": "deny", "reason": "policy_denied", "policies": ["one"] },
            "executed": { "status": 403, "details": "actgate_policy_denied", "upstream": "-" },
        }),
        inquiry: None,
    }
}

fn allowed() -> Outcome {
    let seen = Seen {
        method: "POST".to_owned(),
        path: "/s/a".to_owned(),
        headers: vec![("kept".to_owned(), "1".to_owned())],
        body: b"sent".to_vec(),
    };
    Outcome {
        status: 200,
        headers: Vec::new(),
        body: b"from upstream".to_vec(),
        seen: vec![seen],
        touched: true,
        record: json!({
            "id": "decision-1", "stage": "decided", "attempted": { "subject": "alice" },
            "decided": { "decision": "allow", "policies": ["one", "two"] },
            "executed": { "status": 200, "details": "via_upstream", "upstream": "127.0.0.1:1" },
        }),
        inquiry: None,
    }
}

/// What is found wrong with an outcome, without the path of the file.
fn found(case: &str, outcome: &Outcome, by_proxy: bool) -> Vec<String> {
    let case = Case::parse(SourceText::new("c.yaml", case), Path::new("")).unwrap();
    let step = &case.steps()[0];
    let exchange = Exchange {
        now: 0,
        method: step.request.method.clone(),
        path: step.request.path.clone(),
        host: "gateway.example".to_owned(),
        headers: Vec::new(),
        body: step.body.clone(),
        chunked: false,
        trailers: Vec::new(),
        upstream: step.expect.decision.forwards().then(|| step.upstream.clone()),
    };
    let differences = compare(step, &exchange, Some("a.b.signature-of-the-token"), None, outcome, by_proxy);
    differences.into_iter().map(|found| Mismatch::new(&case, step, found).to_string()).collect()
}

/// Every single change of an outcome is found, and named as `finding` says.
#[track_caller]
fn notices(case: &str, good: Outcome, change: impl FnOnce(&mut Outcome), finding: &str) {
    assert_eq!(found(case, &good, false), Vec::<String>::new(), "the outcome is good before");
    let mut outcome = good;
    change(&mut outcome);
    let found = found(case, &outcome, false);
    assert!(found.iter().any(|line| line == finding), "{finding}\n is not in \n{}", found.join("\n"));
}

fn set(record: &mut Value, pointer: &str, value: Value) {
    *record.pointer_mut(pointer).unwrap() = value;
}

#[test]
fn a_refusal_is_compared_in_every_respect() {
    let notices = |change: fn(&mut Outcome), finding: &str| notices(DENIED, denied(), change, finding);
    notices(|o| o.status = 200, "c.yaml:8: status: expected 403, came 200");
    notices(|o| o.touched = true, "c.yaml:9: upstream saw: expected nothing, came some bytes");
    notices(|o| o.seen = allowed().seen, "c.yaml:9: upstream saw: expected nothing, came POST /s/a");
    notices(
        |o| set(&mut o.record, "/decided/decision", json!("hold")),
        "c.yaml:5: decision: expected `deny`, came `hold`",
    );
    notices(
        |o| set(&mut o.record, "/decided/reason", json!("policy_error")),
        "c.yaml:6: reason: expected `policy_denied`, came `policy_error`",
    );
    notices(
        |o| set(&mut o.record, "/decided/policies", json!(["one", "two"])),
        "c.yaml:7: policies: expected [one], came [one, two]",
    );
    notices(
        |o| set(&mut o.record, "/executed/upstream", json!("127.0.0.1:1")),
        "c.yaml:4: upstream in the record: expected none, came `127.0.0.1:1`",
    );
    notices(
        |o| set(&mut o.record, "/id", json!("other")),
        "c.yaml:4: decision_id in the body: expected `other`, came `decision-1`",
    );
    notices(
        |o| o.headers.clear(),
        "c.yaml:4: content type of a refusal: expected `application/problem+json`, came nothing",
    );
    notices(
        |o| o.body = b"{}".to_vec(),
        "c.yaml:6: reason in the body: expected `policy_denied`, came nothing",
    );
    notices(
        |o| set(&mut o.record, "/stage", json!("rejected_by_proxy")),
        "c.yaml:4: stage of the record: expected `decided`, came `rejected_by_proxy`",
    );
    notices(
        |o| o.record["x"] = json!("a.b.signature-of-the-token"),
        "c.yaml:4: token in the record: expected none, came its signature",
    );
}

#[test]
fn what_goes_through_is_compared_in_every_respect() {
    let notices = |change: fn(&mut Outcome), finding: &str| notices(ALLOWED, allowed(), change, finding);
    notices(|o| o.seen.clear(), "c.yaml:8: upstream saw: expected one request, came 0 requests");
    notices(
        |o| o.seen.extend(allowed().seen),
        "c.yaml:8: upstream saw: expected one request, came 2 requests",
    );
    notices(|o| o.seen[0].path = "/".to_owned(), "c.yaml:8: upstream saw path: expected `/s/a`, came `/`");
    notices(|o| o.seen[0].headers.clear(), "c.yaml:8: upstream saw header `kept`: expected `1`, came []");
    notices(
        |o| o.seen[0].headers.push(("dropped".to_owned(), "x".to_owned())),
        "c.yaml:8: upstream saw header `dropped`: expected none, came [\"x\"]",
    );
    notices(
        |o| o.seen[0].body = b"other".to_vec(),
        "c.yaml:4: upstream saw body: expected the client's, byte for byte, came `other`",
    );
    notices(
        |o| o.seen[0].headers.push(("x".to_owned(), "a.b.signature-of-the-token".to_owned())),
        "c.yaml:4: upstream saw: expected no token, came the token",
    );
    notices(
        |o| o.body = b"something else".to_vec(),
        "c.yaml:4: body of the upstream: expected `from upstream`, came `something else`",
    );
    notices(
        |o| set(&mut o.record, "/attempted/subject", json!("bob")),
        "c.yaml:9: record /attempted/subject: expected \"alice\", came \"bob\"",
    );
    notices(
        |o| set(&mut o.record, "/executed/details", json!("upstream_reset")),
        "c.yaml:4: executed details in the record: expected via_upstream, came `upstream_reset`",
    );
}

#[test]
fn a_request_that_the_proxy_rejects_has_no_decision() {
    let case = DENIED.replace("  upstream_saw: nothing\n", "  proxy_rejects: 431\n");
    let mut rejected = denied();
    rejected.status = 431;
    rejected.record = json!({ "stage": "rejected_by_proxy", "executed": { "status": 431, "upstream": "" } });
    assert_eq!(found(&case, &rejected, true), Vec::<String>::new());
    assert_ne!(found(&case, &rejected, false), Vec::<String>::new());
    rejected.touched = true;
    assert_eq!(found(&case, &rejected, true), ["c.yaml:4: upstream saw: expected nothing, came some bytes"]);
}

#[test]
fn engines_agree_but_for_what_is_each_requests_own() {
    let (one, mut other) = (denied(), denied());
    set(&mut other.record, "/id", json!("another"));
    other.body = String::from_utf8(other.body).unwrap().replace("decision-1", "another").into_bytes();
    other.record["decided"]["latency_us"] = json!(7);
    assert_eq!(disagreements(&one, &other), Vec::<String>::new());
    set(&mut other.record, "/decided/policies", json!([]));
    assert_eq!(disagreements(&one, &other).len(), 1);
    let (mut one, mut other) = (denied(), denied());
    one.record["decided"]["detail"] = json!("expired at 1767225000");
    other.record["decided"]["detail"] = json!("expired at 1795251832");
    assert_eq!(disagreements(&one, &other), Vec::<String>::new());
}
