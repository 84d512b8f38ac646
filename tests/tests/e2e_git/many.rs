//! Pushes of many refs, and repositories that have many: within the limits, or refused by a limit's name.

use std::{fmt::Write as _, fs};

use actgate_tests::e2e::{
    h1::Outcome,
    ledger,
    verdict::{Verdicts, equal, holds},
};

use crate::{
    desk::Desk,
    push_body::{Push, ZERO},
    stage::{Caller, Stage},
};

/// How many refs the gate decides on at once.
const LIMIT: usize = 1000;

/// So many local branches `many/*`.
async fn branches(desk: &Desk, count: usize) {
    let id = desk.succeed(&["rev-parse", "HEAD"]).await;
    desk.write(".git/packed-refs", &packed("refs/heads/many", &id, count));
}

/// A file of refs that point to one object.
fn packed(folder: &str, id: &str, count: usize) -> String {
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    let mut names: Vec<String> = (0..count).map(|number| format!("{folder}/{number}")).collect();
    names.sort();
    for name in names {
        writeln!(packed, "{id} {name}").expect("a string");
    }
    packed
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refs_in_one_push() {
    let Some(stage) = Stage::set().await else { return };
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Alice)).await;
    desk.commit(0).await;
    let mut verdicts = Verdicts::default();
    for (count, passes) in [(LIMIT, true), (LIMIT + 1, false), (10_000, false)] {
        stage.world.restore().await;
        branches(&desk, count).await;
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let start = std::time::Instant::now();
        let finished = desk.git(&["push", "origin", "refs/heads/many/*:refs/heads/agent/*"]).await;
        eprintln!("{count} refs: {:.1} s", start.elapsed().as_secs_f64());
        let arrived = stage.world.refs().await.len() - stage.world.seeds().len();
        let verdict = equal("whether it succeeds", finished.success, passes)
            .and_then(|()| equal("refs that arrived", arrived, if passes { count } else { 0 }))
            .map_err(|why| format!("{why}: {}", finished.stderr.chars().take(2000).collect::<String>()));
        verdicts.row(&format!("{count} refs"), verdict);
        if passes {
            continue;
        }
        let said = desk.plain(&finished.stderr);
        let rejected = |line: &&str| line.starts_with("! [remote rejected] many/");
        let named = said.lines().filter(rejected).count();
        let limit = "the request exceeds the limit `git.push.commands` of 1000";
        let verdict = holds(said.contains(&format!("remote: {limit}\n")), "the limit is not named")
            .and_then(|()| holds(named > LIMIT, format!("only {named} refs are reported")))
            .and_then(|()| {
                let all = said.lines().filter(rejected).all(|line| line.ends_with(&format!("({limit})")));
                holds(all, "a ref is rejected for another reason")
            })
            .and_then(|()| {
                let second =
                    said.lines().find(|line| line.starts_with("fatal") || line.contains("RPC failed"));
                second.map_or(Ok(()), |line| Err(format!("a second error: {line}")))
            })
            .map_err(|why| format!("{why}: {}", said.chars().take(600).collect::<String>()));
        verdicts.row(&format!("{count} refs, what git says"), verdict);
        let records = ledger::records(&ledger, 2).await;
        let last = records.last().map(|record| record.reason().to_owned());
        verdicts.row("the ledger", equal("reason", last.as_deref(), Some("limit_exceeded")));
    }
    verdicts.conclude();
    a_repository_with_many_refs(&stage).await;
}

/// A repository with 50,000.
async fn a_repository_with_many_refs(stage: &Stage) {
    const COUNT: usize = 50_000;
    stage.world.restore().await;
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Alice)).await;
    desk.commit(0).await;
    let path = stage.world.path("payments");
    let main = stage.world.seeds()["payments refs/heads/main"].clone();
    // What is loose beside it, main and the tag, goes before it.
    fs::write(path.join("packed-refs"), packed("refs/heads/old", &main, COUNT)).expect("refs");

    let mut verdicts = Verdicts::default();
    let listed = desk.succeed(&["ls-remote", "--heads", "origin"]).await;
    verdicts.row("list", equal("branches", listed.lines().count(), COUNT + 1));
    let listed = desk.succeed(&["-c", "protocol.version=0", "ls-remote", "--heads", "origin"]).await;
    verdicts.row("list with version 0", equal("branches", listed.lines().count(), COUNT + 1));
    desk.succeed(&["clone", "--quiet", "--mirror", "{payments}", "../new"]).await;
    let cloned = desk.succeed(&["-C", "../new", "for-each-ref"]).await;
    verdicts.row("clone", equal("refs", cloned.lines().count(), COUNT + 2));
    for (to, passes) in
        [("refs/heads/agent/x", true), ("refs/heads/main", false), ("refs/heads/old/1", false)]
    {
        let finished = desk.git(&["push", "--force", "origin", &format!("HEAD:{to}")]).await;
        let verdict = equal("whether it succeeds", finished.success, passes);
        verdicts.row(to, verdict.map_err(|why| format!("{why}: {}", finished.stderr)));
    }
    // git's own client of this version locks up over so many, with or without a gate.
    let delete = |number: usize| format!("{main} {ZERO} refs/heads/old/{number}");
    let body = (1..COUNT).fold(Push::default().first(&delete(0)), |body, number| body.line(delete(number)));
    let head = "content-type: application/x-git-receive-pack-request\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = body.flush().0;
    let mut rest = format!("{head}{:x}\r\n", body.len()).into_bytes();
    rest.extend([body.as_slice(), b"\r\n0\r\n\r\n"].concat());
    let outcome = stage.send(Caller::Alice, "POST /git/payments.git/git-receive-pack", &rest).await;
    let verdict = match &outcome {
        Outcome::Reply(reply) => {
            let said = String::from_utf8_lossy(&reply.body);
            equal("status", reply.status, 200)
                .and_then(|()| holds(said.contains("`git.push.commands` of 1000"), "the limit is not named"))
                .and_then(|()| holds(!said.contains("ok refs/"), "a ref is reported as gone"))
        }
        outcome @ (Outcome::Closed | Outcome::Silence) => Err(format!("{outcome:?}")),
    };
    verdicts.row("delete them all", verdict);
    let refs = stage.world.refs().await;
    let kept = stage.world.seeds().iter().all(|(name, id)| refs.get(name) == Some(id));
    verdicts.row("no ref is gone", equal("refs", refs.len(), stage.world.seeds().len() + COUNT + 1));
    verdicts.row("none of the first has moved", holds(kept, "one has"));
    verdicts.conclude();
}
