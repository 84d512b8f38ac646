//! The session's steps against the secrets store.

use super::{ALICE, Caller, Expectation, MALLORY, Step, UNKNOWN_AGENT, approver::CAROL, equal, text_at};
use crate::{error::DemoError, vault::SEEDS, world::World};

const DEV: &str = "/secrets/v1/kv/dev/db";
const PROD: &str = "/secrets/v1/kv/prod/db";
const OVERWRITE: &str = r#"{"username":"app","password":"overwritten"}"#;

const DENIED: Expectation = Expectation::Refusal { status: 403, reason: "policy_denied", groups: &[] };

const HELD: Expectation =
    Expectation::Refusal { status: 403, reason: "approval_required", groups: &["security"] };

/// The base of each step; what it differs in is spelt out below.
const READ_DEV: Step = Step {
    title: "alice's coder reads a development secret",
    caller: ALICE,
    method: "GET",
    path: DEV,
    headers: &[],
    body: "",
    approver: None,
    expect: Expectation::Value { pointer: "/data/password", text: SEEDS[0].1 },
};

pub(super) const STEPS: &[Step] = &[
    READ_DEV,
    Step {
        title: "the same agent wants a production secret: somebody in security has to agree",
        path: PROD,
        expect: HELD,
        ..READ_DEV
    },
    Step {
        title: "carol, who is in security, approves it; the same call again gets the secret",
        path: PROD,
        approver: Some(CAROL),
        expect: Expectation::Value { pointer: "/data/password", text: SEEDS[1].1 },
        ..READ_DEV
    },
    Step { title: "what carol approved was one call: it waits again", path: PROD, expect: HELD, ..READ_DEV },
    Step {
        title: "it tries to overwrite a secret",
        method: "PUT",
        headers: &[("content-type", "application/json")],
        body: OVERWRITE,
        expect: DENIED,
        ..READ_DEV
    },
    Step {
        title: "it tries to see which secrets there are",
        method: "LIST",
        path: "/secrets/v1/kv/dev",
        expect: DENIED,
        ..READ_DEV
    },
    Step { title: "it tries to delete a secret", method: "DELETE", expect: DENIED, ..READ_DEV },
    Step {
        title: "it tries the store's own administration, which is not in the catalog",
        path: "/secrets/v1/sys/mounts",
        expect: Expectation::Refusal { status: 403, reason: "route_unknown", groups: &[] },
        ..READ_DEV
    },
    Step {
        title: "it tries to get there by a path that means something else to others",
        path: "/secrets/v1/kv/dev/../prod/db",
        expect: Expectation::Refusal { status: 400, reason: "path_not_canonical", groups: &[] },
        ..READ_DEV
    },
    Step {
        title: "it brings a credential of its own for the store",
        headers: &[("x-vault-token", "found-in-a-chat")],
        expect: Expectation::Refusal { status: 400, reason: "header_refused", groups: &[] },
        ..READ_DEV
    },
    Step {
        title: "the same agent for mallory, who has no right herself",
        caller: MALLORY,
        expect: DENIED,
        ..READ_DEV
    },
    Step {
        title: "alice through an agent that nobody knows",
        caller: UNKNOWN_AGENT,
        expect: DENIED,
        ..READ_DEV
    },
    Step {
        title: "somebody without a token",
        caller: Caller::Nobody,
        expect: Expectation::Refusal { status: 401, reason: "token_missing", groups: &[] },
        ..READ_DEV
    },
];

/// What has to be true of the store after the session.
pub(super) async fn look_behind(world: &World) -> Result<Vec<(&'static str, Result<(), String>)>, DemoError> {
    let mut verdict = Ok(());
    for (path, password) in SEEDS {
        let answer = world.vault().read(path).await?;
        verdict = verdict.and_then(|()| equal(path, text_at(&answer.json(), "/data/password"), password));
    }
    Ok(vec![("the store holds what it held before", verdict)])
}

/// What must not be found anywhere.
pub(super) fn secret_values<'a>() -> impl Iterator<Item = &'a str> {
    SEEDS.into_iter().map(|(_, password)| password).chain(["overwritten", "found-in-a-chat"])
}
