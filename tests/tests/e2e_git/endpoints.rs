//! What is no fetch and no push: Git LFS, the dumb protocol, archives. Each is decided, refused in words that its own
//! client prints, and unseen by the server.

use actgate_tests::e2e::{
    h1::{Outcome, Reply},
    ledger,
    verdict::{Verdicts, equal, holds, text},
};

use crate::{
    desk::Desk,
    stage::{Caller, Stage},
};

const LFS: &str = "application/vnd.git-lfs+json";
const BATCH: &str = r#"{"operation":"upload","transfers":["basic"],"objects":[{"oid":"0000000000000000000000000000000000000000000000000000000000000001","size":1}]}"#;

fn rows() -> Vec<(&'static str, Caller, &'static str, &'static str)> {
    let lfs = "POST /git/payments.git/info/lfs/objects/batch";
    vec![
        ("an LFS upload", Caller::Alice, lfs, "route_unknown"),
        ("an LFS upload of mallory's", Caller::Mallory, lfs, "route_unknown"),
        ("an LFS upload of nobody's", Caller::Nobody, lfs, "token_missing"),
        ("an LFS upload with an old token", Caller::Expired, lfs, "token_expired"),
        ("an LFS object put", Caller::Alice, "PUT /git/payments.git/info/lfs/objects/0001", "route_unknown"),
        ("LFS locks", Caller::Alice, "GET /git/payments.git/info/lfs/locks", "route_unknown"),
        ("an LFS lock", Caller::Alice, "POST /git/payments.git/info/lfs/locks", "route_unknown"),
        (
            "LFS locks verified",
            Caller::Alice,
            "POST /git/payments.git/info/lfs/locks/verify",
            "route_unknown",
        ),
        ("dumb refs", Caller::Alice, "GET /git/payments.git/info/refs", "route_unknown"),
        ("dumb HEAD", Caller::Alice, "GET /git/payments.git/HEAD", "route_unknown"),
        ("dumb alternates", Caller::Alice, "GET /git/payments.git/objects/info/alternates", "route_unknown"),
        ("dumb packs", Caller::Alice, "GET /git/payments.git/objects/info/packs", "route_unknown"),
        (
            "a dumb object",
            Caller::Alice,
            "GET /git/payments.git/objects/04/636adb3a4d763b584f9edef89547ef860a8cd0",
            "route_unknown",
        ),
        ("a file of the server", Caller::Alice, "GET /git/payments.git/config", "route_unknown"),
        ("a way to write of WebDAV", Caller::Alice, "PUT /git/payments.git/refs/heads/main", "route_unknown"),
        ("another of WebDAV", Caller::Alice, "MKCOL /git/payments.git/objects/aa/", "route_unknown"),
        (
            "an archive advertised",
            Caller::Alice,
            "GET /git/payments.git/info/refs?service=git-upload-archive",
            "route_unknown",
        ),
        ("an archive", Caller::Alice, "POST /git/payments.git/git-upload-archive", "route_unknown"),
        (
            "an archive of nobody's",
            Caller::Nobody,
            "POST /git/payments.git/git-upload-archive",
            "token_missing",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_fetch_and_no_push_is_refused() {
    let Some(stage) = Stage::watched().await else { return };
    let mut verdicts = Verdicts::default();
    for (name, caller, line, reason) in rows() {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let rest = if line.starts_with("GET ") {
            "\r\n".to_owned()
        } else {
            format!("content-type: {LFS}\r\ncontent-length: {}\r\n\r\n{BATCH}", BATCH.len())
        };
        let outcome = stage.send(caller, line, rest.as_bytes()).await;
        let records = ledger::records(&ledger, 1).await;
        let verdict = match (&outcome, records.as_slice()) {
            (Outcome::Reply(reply), [record]) => {
                let id = text(record.value(), "/id");
                told(line, caller, reply, reason, id)
                    .and_then(|()| equal("recorded reason", record.reason(), reason))
                    .and_then(|()| holds(!record.was_forwarded(), "recorded as forwarded"))
            }
            (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
        };
        verdicts.row(name, verdict);
    }
    verdicts.row("the server saw nothing", equal("connections", stage.seen(), 0));
    verdicts.row("no ref changed", equal("the refs", &stage.world.refs().await, stage.world.seeds()));
    verdicts.conclude();
    git_archive_is_told_why(&stage).await;
}

/// Whether the reply is one that the client of this endpoint prints.
fn told(line: &str, caller: Caller, reply: &Reply, reason: &str, id: &str) -> Result<(), String> {
    let ending = format!("reason: {reason}, decision: {id}");
    let said = String::from_utf8_lossy(&reply.body).into_owned();
    let (status, kind) = if line.contains("/info/lfs/") {
        let message = reply.json()["message"].as_str().unwrap_or_default().to_owned();
        holds(message.starts_with("actgate: "), format!("the message is `{message}`"))?;
        (403, LFS)
    } else if line.ends_with("/git-upload-archive") && caller == Caller::Alice {
        holds(said.get(4..).is_some_and(|line| line.starts_with("NACK actgate: ")), &*said)?;
        (200, "application/x-git-upload-archive-result")
    } else {
        (403, "text/plain; charset=utf-8")
    };
    holds(said.contains(&ending), format!("it does not say `{ending}`: {said}"))?;
    equal("status", reply.status, status)?;
    equal("content-type", reply.header("content-type"), Some(kind))?;
    equal("a challenge", reply.header("www-authenticate"), None)
}

/// `git archive` prints why, and nothing else.
async fn git_archive_is_told_why(stage: &Stage) {
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Alice)).await;
    let finished = desk.git(&["archive", "--remote={payments}", "HEAD"]).await;
    let said = desk.plain(&finished.stderr);
    assert!(!finished.success && finished.stdout.is_empty(), "{said}");
    let expected = "fatal: git archive: NACK actgate: The route is not in the catalog; no route of the catalog matches \
                    the request; reason: route_unknown, decision: ";
    assert!(said.starts_with(expected) && said.lines().count() == 1, "{said}");
}
