//! The contract of `docs/approvals.md`, over HTTP, on SQLite and on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code"
)]

mod support;

use actgate_control::store::{IN_FLIGHT_SECONDS, Store};
use actgate_token::{GrantBinding, GrantVerifier, KeySet, PureRust, UnixTime};
use serde_json::{Value, json};
use support::{
    ALICE, BEA, BEGIN, BOB, CAROL, CODER, GATEWAY, Replica, again, claim, claim_of, postgres::Cluster, with,
};
use tempfile::TempDir;

/// Runs every scenario on SQLite as a test of its own, and all of them on one PostgreSQL.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::Store::sqlite(&folder.path().join("control.db")).await.unwrap();
                let replica = super::Replica::start(folder.path(), store).await;
                super::$name(&replica).await;
                replica.stop().await;
            })+
        }

        #[tokio::test]
        async fn everything_holds_on_postgresql() {
            let Some(cluster) = Cluster::start().await else { return };
            $({
                println!("{}", stringify!($name));
                let (folder, replica) = on(&cluster, stringify!($name)).await;
                $name(&replica).await;
                replica.stop().await;
                drop(folder);
            })+
        }
    };
}

scenarios![
    a_yes_admits_one_claim_and_the_next_needs_another,
    the_gate_takes_the_grant_of_its_own_claim_only,
    a_no_holds_for_its_time,
    retries_make_one_entry,
    a_claim_is_for_what_is_hashed,
    callers_are_who_they_say,
    nobody_approves_their_own,
    only_the_groups_asked_decide,
    a_quorum_is_different_people,
    every_group_has_to_agree,
    what_runs_out_has_expired,
    an_agent_has_a_bounded_number_of_open_calls,
    a_claim_without_an_outcome_is_burnt,
    a_late_outcome_replaces_a_guess,
    a_changed_policy_asks_anew,
    a_yes_can_be_taken_back_until_it_is_used,
    a_claim_id_works_once,
    every_change_is_an_event,
    another_gateway_needs_its_own_yes,
    sign_ins_end,
    lists_are_by_state,
    a_lost_database_is_a_refusal,
];

async fn on(cluster: &Cluster, name: &str) -> (TempDir, Replica) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::postgres(&cluster.database(name).await).await.unwrap();
    let replica = Replica::start(folder.path(), store).await;
    (folder, replica)
}

/// Claims, and has Bob approve.
async fn approved(replica: &Replica, call: &Value) -> String {
    let id = replica.pending(call).await;
    let reply = replica.decide(BOB, &id, "approve", "checked").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("approved")), "{}", reply.text);
    id
}

async fn state_of_claim(replica: &Replica, call: &Value) -> (u16, String) {
    let reply = replica.claim(&again(call)).await;
    (reply.status, reply.json()["state"].as_str().unwrap_or_default().to_owned())
}

async fn report(replica: &Replica, claim: &Value, outcome: &str) -> u16 {
    let body = json!({ "claim": claim["claim"], "outcome": outcome, "status": 200 });
    replica.post("/v1/outcomes", &replica.gateway_token(GATEWAY), &body).await.status
}

async fn a_yes_admits_one_claim_and_the_next_needs_another(replica: &Replica) {
    let call = claim(1);
    let id = approved(replica, &call).await;
    let used = again(&call);
    let granted = replica.claim(&used).await;
    assert_eq!((granted.status, &granted.json()["state"]), (200, &json!("granted")), "{}", granted.text);
    assert_eq!(granted.json()["id"], id);

    let second = replica.claim(&again(&call)).await;
    assert_eq!((second.status, &second.json()), (409, &json!({ "state": "in_flight", "id": id })));
    // The same attempt, sent again, is no second forward either.
    assert_eq!(replica.claim(&used).await.status, 409);

    assert_eq!(report(replica, &used, "forwarded").await, 204);
    assert_eq!(report(replica, &used, "forwarded").await, 204);
    let next = replica.pending(&again(&call)).await;
    assert_ne!(next, id);
    let shown = replica.show(&id).await;
    assert_eq!((&shown["state"], &shown["outcome"]), (&json!("consumed"), &json!("forwarded")));
}

async fn the_gate_takes_the_grant_of_its_own_claim_only(replica: &Replica) {
    let call = claim(1);
    let id = approved(replica, &call).await;
    let used = again(&call);
    let reply = replica.claim(&used).await.json();
    let grant = reply["grant"].as_str().unwrap();
    let keys = replica.get("/v1/keys", "none").await.text;
    let (keys, _) = KeySet::parse(&keys).unwrap();
    let verifier =
        GrantVerifier { issuer: "https://control.demo".to_owned(), audience: GATEWAY.to_owned(), keys };
    let binding = GrantBinding {
        digest: used["digest"].as_str().unwrap(),
        claim: used["claim"].as_str().unwrap(),
        subject: ALICE,
        actor: CODER,
    };
    let verify = |binding, now| verifier.verify(&PureRust, grant.as_bytes(), binding, UnixTime::new(now));
    let verified = verify(binding, BEGIN).unwrap();
    assert_eq!(
        (verified.approval(), verified.groups()),
        (id.as_str(), ["release-managers".to_owned()].as_slice())
    );
    assert_eq!(verified.approvers(), [BOB]);
    verify(GrantBinding { claim: call["claim"].as_str().unwrap(), ..binding }, BEGIN).unwrap_err();
    verify(binding, BEGIN + 30).unwrap_err();
}

async fn a_no_holds_for_its_time(replica: &Replica) {
    let call = claim(1);
    let id = replica.pending(&call).await;
    let reply = replica.decide(BOB, &id, "deny", "  not on a Friday ").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("denied")));
    let denied = replica.claim(&again(&call)).await;
    assert_eq!(
        (denied.status, denied.json()),
        (200, json!({ "state": "denied", "id": id, "comment": "not on a Friday" }))
    );
    assert_eq!(replica.decide(BOB, &id, "approve", "").await.problem(), "decided_already");
    replica.turn(600);
    assert_ne!(replica.pending(&again(&call)).await, id);
}

async fn retries_make_one_entry(replica: &Replica) {
    let call = claim(1);
    let all = (0..100).map(|_| again(&call)).collect::<Vec<_>>();
    let mut ids = futures_of(&all, |claim| replica.pending(claim)).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let shown = replica.show(&ids[0]).await;
    assert_eq!((&shown["asks"], shown["events"].as_array().unwrap().len()), (&json!(100), 1));
}

async fn a_claim_is_for_what_is_hashed(replica: &Replica) {
    let call = claim(1);
    let mut altered = call.clone();
    altered["envelope"]["calls"][0]["arguments"]["new"] = json!("f".repeat(40));
    assert_eq!(replica.claim(&altered).await.problem(), "digest_mismatch");
    for (member, value) in [
        ("claim", json!("short")),
        ("claim", json!("x".repeat(22) + "!")),
        ("version", json!(2)),
        ("groups", json!([])),
        ("groups", json!(["a", "a"])),
        ("surplus", json!(1)),
        ("envelope", json!({})),
        ("context", json!({ "purpose": "x".repeat(9000) })),
    ] {
        let reply = replica.claim(&with(&call, member, value)).await;
        assert_eq!((reply.status, reply.problem().as_str()), (422, "invalid"), "{member}: {}", reply.text);
    }
    let reply = replica.claim(&with(&call, "policies", json!(["x".repeat(3 * 1024 * 1024)]))).await;
    assert_eq!((reply.status, reply.problem().as_str()), (413, "too_long"));
    assert!(replica.app.store.approvals(&Default::default(), BEGIN).await.unwrap().is_empty());

    // Every part of the call is another call.
    let id = approved(replica, &call).await;
    for (part, value) in [
        ("/subject", json!("demo/mallory@demo")),
        ("/actor", json!("demo/spiffe://demo/agent/other")),
        ("/service", json!("other")),
        ("/method", json!("PUT")),
        ("/path", json!("/git/website.git/git-receive-pack")),
        ("/query", json!("force=1")),
        ("/headers", json!({ "x-vault-namespace": "prod" })),
        ("/calls/0/resource", json!("Git::Ref::\"payments/refs/heads/release\"")),
        ("/body/commands/0/new", json!("e".repeat(40))),
        ("/body/push_options", json!(["ci.skip"])),
    ] {
        let mut envelope = call["envelope"].clone();
        *envelope.pointer_mut(part).unwrap() = value;
        let other = claim_of(&envelope);
        let reply = replica.claim(&other).await;
        // Whatever else: not this approval, and no grant.
        assert_ne!(reply.json()["id"], id, "{part}");
        assert_ne!(reply.json()["state"], "granted", "{part}");
    }
}

async fn callers_are_who_they_say(replica: &Replica) {
    let call = claim(1);
    let (gateway, person) = (replica.gateway_token(GATEWAY), replica.token_of(BOB).await);
    for token in ["wrong", "", person.as_str()] {
        let reply = replica.post("/v1/claims", token, &call).await;
        assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthenticated"));
        assert!(reply.headers.contains_key("www-authenticate"));
    }
    let foreign = replica.post("/v1/claims", &replica.gateway_token("gateway-other"), &call).await;
    assert_eq!((foreign.status, foreign.problem().as_str()), (403, "audience"));
    let twice = replica
        .request("POST", "/v1/claims")
        .header("authorization", format!("Bearer {gateway}"))
        .header("authorization", format!("Bearer {gateway}"))
        .header("content-type", "application/json");
    assert_eq!(replica.send(twice, call.to_string().into_bytes()).await.status, 401);

    let id = replica.pending(&call).await;
    for path in ["/v1/approvals", &format!("/v1/approvals/{id}")] {
        assert_eq!(replica.get(path, &gateway).await.status, 401);
    }
    let approve = format!("/v1/approvals/{id}/approve");
    assert_eq!(replica.post(&approve, &gateway, &json!({})).await.status, 401);
    // A form of another site cannot send JSON, and its browser says where it comes from.
    let form = replica.request("POST", &approve).header("authorization", format!("Bearer {person}"));
    assert_eq!(replica.send(form, b"comment=yes".to_vec()).await.status, 422);
    let evil = replica
        .request("POST", "/v1/sessions")
        .header("content-type", "application/json")
        .header("origin", "http://evil.test");
    assert_eq!(replica.send(evil, br#"{"person":"demo/bob@demo"}"#.to_vec()).await.status, 422);
    let stranger = replica.request("POST", "/v1/sessions").header("content-type", "application/json");
    assert_eq!(replica.send(stranger, br#"{"person":"demo/eve@demo"}"#.to_vec()).await.status, 401);
    assert_eq!(replica.show(&id).await["state"], "pending");
}

async fn nobody_approves_their_own(replica: &Replica) {
    let id = replica.pending(&claim(1)).await;
    for own in [ALICE, CODER, "demo/lead@demo"] {
        for verb in ["approve", "deny"] {
            let reply = replica.decide(own, &id, verb, "").await;
            assert_eq!((reply.status, reply.problem().as_str()), (403, "own_call"), "{own}");
        }
    }
    assert_eq!(replica.show(&id).await["state"], "pending");
}

async fn only_the_groups_asked_decide(replica: &Replica) {
    let id = replica.pending(&claim(1)).await;
    for outsider in [CAROL, BEA] {
        for verb in ["approve", "deny"] {
            assert_eq!(replica.decide(outsider, &id, verb, "").await.problem(), "not_in_group", "{outsider}");
        }
    }
    // Whoever is in no group does not even see it.
    let token = replica.token_of("demo/nobody@demo").await;
    assert_eq!(replica.get(&format!("/v1/approvals/{id}"), &token).await.problem(), "not_in_group");
    assert_eq!(replica.get("/v1/approvals", &token).await.problem(), "not_in_group");
    // A group that nobody can be in is never satisfied.
    let unknown = with(&claim(2), "groups", json!(["release-managers", "unknown"]));
    let id = replica.pending(&unknown).await;
    assert_eq!(replica.decide(BOB, &id, "approve", "").await.json()["state"], "pending");
    assert_eq!(state_of_claim(replica, &unknown).await, (200, "pending".to_owned()));
}

async fn a_quorum_is_different_people(replica: &Replica) {
    let call = with(&claim(1), "groups", json!(["board"]));
    let id = replica.pending(&call).await;
    assert_eq!(replica.decide(BOB, &id, "approve", "one").await.json()["state"], "pending");
    let twice = replica.decide(BOB, &id, "approve", "one more").await;
    assert_eq!((twice.status, twice.problem().as_str()), (409, "approved_already"));
    assert_eq!(state_of_claim(replica, &call).await, (200, "pending".to_owned()));
    assert_eq!(replica.decide(BEA, &id, "approve", "two").await.json()["state"], "approved");
    assert_eq!(state_of_claim(replica, &call).await, (200, "granted".to_owned()));
    let votes = replica.show(&id).await["votes"].clone();
    let approvers: Vec<&str> =
        votes.as_array().unwrap().iter().map(|vote| vote["approver"].as_str().unwrap()).collect();
    assert_eq!(approvers.len(), 2);
    assert!(approvers.contains(&BOB) && approvers.contains(&BEA));
}

async fn every_group_has_to_agree(replica: &Replica) {
    let call = with(&claim(1), "groups", json!(["release-managers", "security"]));
    let id = replica.pending(&call).await;
    assert_eq!(replica.decide(BOB, &id, "approve", "").await.json()["state"], "pending");
    assert_eq!(replica.decide(CAROL, &id, "approve", "").await.json()["state"], "approved");
    // One no is enough.
    let call = with(&claim(2), "groups", json!(["release-managers", "security"]));
    let id = replica.pending(&call).await;
    replica.decide(BOB, &id, "approve", "").await;
    assert_eq!(replica.decide(CAROL, &id, "deny", "").await.json()["state"], "denied");
    assert_eq!(state_of_claim(replica, &call).await, (200, "denied".to_owned()));
}

async fn what_runs_out_has_expired(replica: &Replica) {
    let call = claim(1);
    let id = replica.pending(&call).await;
    replica.turn(600);
    assert_eq!(replica.show(&id).await["state"], "expired");
    assert_eq!(replica.decide(BOB, &id, "approve", "").await.problem(), "decided_already");
    let second = replica.pending(&again(&call)).await;
    assert_ne!(second, id);

    assert_eq!(replica.decide(BOB, &second, "approve", "").await.status, 200);
    replica.turn(300);
    let third = replica.pending(&again(&call)).await;
    assert_ne!(third, second);
    // Upkeep writes down what nobody asks about.
    replica.turn(600);
    replica.app.store.upkeep(replica.now()).await.unwrap();
    let shown = replica.show(&third).await;
    assert_eq!(
        shown["events"][1],
        json!({ "number": 2, "at": replica.now(), "who": "control", "what": "expired" })
    );
}

async fn an_agent_has_a_bounded_number_of_open_calls(replica: &Replica) {
    let calls: Vec<Value> = (0..20).map(claim).collect();
    let replies = futures_of(&calls, |call| replica.claim(call)).await;
    let (open, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((open.len(), refused.len()), (5, 15));
    for reply in refused {
        assert_eq!((reply.status, reply.problem().as_str()), (429, "too_many_pending"));
        assert!(reply.headers.contains_key("retry-after"));
    }
    // What waits can be asked about, another agent can ask, and a decision makes room.
    let first = open[0].json()["id"].as_str().unwrap().to_owned();
    let waiting = calls.iter().zip(&replies).find(|(_, reply)| reply.status == 200).unwrap().0;
    replica.pending(&again(waiting)).await;
    let mut envelope = claim(100)["envelope"].clone();
    envelope["actor"] = json!("demo/spiffe://demo/agent/other");
    replica.pending(&claim_of(&envelope)).await;
    replica.decide(BOB, &first, "deny", "").await;
    replica.pending(&claim(200)).await;
}

async fn a_claim_without_an_outcome_is_burnt(replica: &Replica) {
    let call = claim(1);
    let id = approved(replica, &call).await;
    assert_eq!(state_of_claim(replica, &call).await, (200, "granted".to_owned()));
    replica.turn(IN_FLIGHT_SECONDS - 1);
    assert_eq!(state_of_claim(replica, &call).await, (409, "in_flight".to_owned()));
    replica.turn(1);
    let next = replica.pending(&again(&call)).await;
    assert_ne!(next, id);
    let shown = replica.show(&id).await;
    assert_eq!((&shown["state"], &shown["outcome"]), (&json!("consumed"), &json!("not_forwarded")));
    let last = shown["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["who"], &last["what"]), (&json!("control"), &json!("not_forwarded")));
}

async fn a_late_outcome_replaces_a_guess(replica: &Replica) {
    let call = claim(1);
    let id = approved(replica, &call).await;
    let used = again(&call);
    assert_eq!(replica.claim(&used).await.json()["state"], "granted");
    replica.turn(IN_FLIGHT_SECONDS);
    replica.app.store.upkeep(replica.now()).await.unwrap();
    assert_eq!(replica.show(&id).await["outcome"], "not_forwarded");
    assert_eq!(report(replica, &used, "forwarded").await, 204);
    // A gateway's own word stays.
    assert_eq!(report(replica, &used, "not_forwarded").await, 204);
    assert_eq!(replica.show(&id).await["outcome"], "forwarded");
    assert_eq!(report(replica, &again(&call), "forwarded").await, 404);
}

async fn a_changed_policy_asks_anew(replica: &Replica) {
    let call = claim(1);
    let id = replica.pending(&call).await;
    let stricter = with(&again(&call), "groups", json!(["security"]));
    let second = replica.pending(&stricter).await;
    assert_ne!(second, id);
    assert_eq!(replica.show(&id).await["state"], "revoked");
    assert_eq!(replica.decide(CAROL, &second, "approve", "").await.json()["state"], "approved");
    // What was approved for more than is asked now still holds; for less, it does not.
    let third = replica.pending(&again(&call)).await;
    assert_eq!(replica.show(&second).await["state"], "revoked");
    assert_eq!(replica.decide(BOB, &third, "approve", "").await.json()["state"], "approved");
}

async fn a_yes_can_be_taken_back_until_it_is_used(replica: &Replica) {
    let call = claim(1);
    let id = approved(replica, &call).await;
    assert_eq!(replica.decide(CAROL, &id, "revoke", "").await.problem(), "not_in_group");
    assert_eq!(replica.decide(BOB, &id, "revoke", "wrong branch").await.json()["state"], "revoked");
    let second = replica.pending(&again(&call)).await;
    assert_ne!(second, id);
    assert_eq!(replica.decide(BOB, &second, "approve", "").await.status, 200);
    assert_eq!(state_of_claim(replica, &call).await, (200, "granted".to_owned()));
    assert_eq!(replica.decide(BOB, &second, "revoke", "").await.problem(), "decided_already");
}

async fn a_claim_id_works_once(replica: &Replica) {
    let (one, two) = (claim(1), claim(2));
    approved(replica, &one).await;
    approved(replica, &two).await;
    let used = again(&one);
    assert_eq!(replica.claim(&used).await.json()["state"], "granted");
    let reused = replica.claim(&with(&two, "claim", used["claim"].clone())).await;
    assert_eq!((reused.status, reused.problem().as_str()), (409, "claim_reused"));
    assert_eq!(state_of_claim(replica, &two).await, (200, "granted".to_owned()));
}

async fn every_change_is_an_event(replica: &Replica) {
    let call = claim(1);
    let id = replica.pending(&call).await;
    replica.turn(10);
    replica.decide(BOB, &id, "approve", "checked").await;
    replica.turn(10);
    let used = again(&call);
    replica.claim(&used).await;
    replica.turn(10);
    report(replica, &used, "forwarded").await;
    let gateway = format!("gateway/{GATEWAY}");
    assert_eq!(
        replica.show(&id).await["events"],
        json!([
            { "number": 1, "at": BEGIN, "who": gateway, "what": "requested" },
            { "number": 2, "at": BEGIN + 10, "who": BOB, "what": "vote", "comment": "checked" },
            { "number": 3, "at": BEGIN + 10, "who": "control", "what": "approved" },
            { "number": 4, "at": BEGIN + 20, "who": gateway, "what": "consumed" },
            { "number": 5, "at": BEGIN + 30, "who": gateway, "what": "forwarded" },
        ])
    );
}

async fn another_gateway_needs_its_own_yes(replica: &Replica) {
    let call = claim(1);
    approved(replica, &call).await;
    let other = with(&again(&call), "audience", json!("gateway-other"));
    let reply = replica.post("/v1/claims", &replica.gateway_token("gateway-other"), &other).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("pending")));
    let used = again(&call);
    assert_eq!(replica.claim(&used).await.json()["state"], "granted");
    let body = json!({ "claim": used["claim"], "outcome": "not_forwarded" });
    assert_eq!(
        replica.post("/v1/outcomes", &replica.gateway_token("gateway-other"), &body).await.status,
        404
    );
}

async fn sign_ins_end(replica: &Replica) {
    let token = replica.token_of(BOB).await;
    assert_eq!(replica.get("/v1/approvals", &token).await.status, 200);
    replica.turn(8 * 3600);
    assert_eq!(replica.get("/v1/approvals", &token).await.status, 401);
    let token = replica.token_of(BOB).await;
    let end = replica.request("DELETE", "/v1/sessions").header("authorization", format!("Bearer {token}"));
    assert_eq!(replica.send(end, Vec::new()).await.status, 204);
    assert_eq!(replica.get("/v1/approvals", &token).await.status, 401);
    // Somebody who guesses names is slowed down.
    let mut last = 0;
    for _ in 0..30 {
        let login = replica.request("POST", "/v1/sessions").header("content-type", "application/json");
        last = replica.send(login, br#"{"person":"demo/eve@demo"}"#.to_vec()).await.status;
    }
    assert_eq!(last, 429);
}

async fn lists_are_by_state(replica: &Replica) {
    let token = replica.token_of(BOB).await;
    let (waits, denied) = (replica.pending(&claim(1)).await, replica.pending(&claim(2)).await);
    replica.decide(BOB, &denied, "deny", "").await;
    let ids = async |query: &str| {
        let list = replica.get(&format!("/v1/approvals{query}"), &token).await.json();
        let ids =
            list["approvals"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [denied.clone(), waits.clone()]);
    assert_eq!(ids("?state=pending").await, [waits.as_str()]);
    assert_eq!(ids("?state=denied").await, [denied.as_str()]);
    assert_eq!(ids(&format!("?before={denied}")).await, [waits.as_str()]);
    assert_eq!(replica.get("/v1/approvals?state=open", &token).await.status, 422);
    assert_eq!(replica.get("/v1/approvals?stat=pending", &token).await.status, 422);
    assert_eq!(replica.get("/v1/approvals/none", &token).await.problem(), "not_found");
    replica.turn(600);
    let token = replica.token_of(BOB).await;
    let expired = replica.get("/v1/approvals?state=expired", &token).await.json();
    assert_eq!(expired["approvals"].as_array().unwrap().len(), 1);
}

async fn a_lost_database_is_a_refusal(replica: &Replica) {
    let call = claim(1);
    approved(replica, &call).await;
    assert_eq!(replica.get("/healthz", "none").await.status, 200);
    replica.app.store.close().await;
    let reply = replica.claim(&again(&call)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(replica.get("/healthz", "none").await.status, 503);
}

#[tokio::test]
async fn a_database_that_hangs_or_goes_is_a_refusal_and_loses_nothing() {
    use sqlx::{Connection as _, Executor as _};
    let Some(mut cluster) = Cluster::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.database("slow").await;
    let replica = Replica::start(folder.path(), Store::postgres(&url).await.unwrap()).await;
    let (one, two) = (claim(1), claim(2));
    approved(&replica, &one).await;
    approved(&replica, &two).await;

    // Somebody else holds the table.
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE approvals IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = std::time::Instant::now();
    let reply = replica.claim(&again(&one)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
    assert!(reply.headers.contains_key("retry-after"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    assert_eq!(state_of_claim(&replica, &one).await, (200, "granted".to_owned()));

    // And the server is killed.
    cluster.kill();
    let reply = replica.claim(&again(&two)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
    cluster.restart().await;
    assert_eq!(state_of_claim(&replica, &two).await, (200, "granted".to_owned()));
    assert_eq!(state_of_claim(&replica, &one).await, (409, "in_flight".to_owned()));
    replica.stop().await;
}

#[tokio::test]
async fn what_was_approved_is_there_after_a_restart_and_so_is_what_was_used() {
    let folder = tempfile::tempdir().unwrap();
    // A place that a URL would read otherwise.
    std::fs::create_dir(folder.path().join("a b?#%")).unwrap();
    let file = folder.path().join("a b?#%/../a b?#%/control.db");
    let open = async || Store::sqlite(&file).await.unwrap();
    let (one, two) = (claim(1), claim(2));
    let replica = Replica::start(folder.path(), open().await).await;
    approved(&replica, &one).await;
    approved(&replica, &two).await;
    assert_eq!(state_of_claim(&replica, &one).await, (200, "granted".to_owned()));
    replica.stop().await;
    let replica = Replica::start(folder.path(), open().await).await;
    assert_eq!(state_of_claim(&replica, &one).await, (409, "in_flight".to_owned()));
    assert_eq!(state_of_claim(&replica, &two).await, (200, "granted".to_owned()));
    replica.stop().await;
    assert!(file.exists());
}

/// All of them at once.
async fn futures_of<'a, T, F: Future<Output = T> + 'a>(
    claims: &'a [Value],
    run: impl Fn(&'a Value) -> F,
) -> Vec<T> {
    let mut running: Vec<_> = claims.iter().map(|claim| Box::pin(run(claim))).collect();
    let mut done: Vec<Option<T>> = claims.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in running.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}
