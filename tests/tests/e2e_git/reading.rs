//! Who reads what: clone, fetch, shallow and partial, and every caller that may not.

use crate::{
    desk::Desk,
    run::{Expect, Run, play},
    stage::{Caller, Stage},
};

/// Everything that is in a clone, what is missing included.
const OBJECTS: &[&str] = &["-C", "../new", "rev-list", "--objects", "--all", "--missing=print"];
const REFS: &[&str] = &["-C", "../new", "for-each-ref"];
const SHALLOW: &[&str] = &["-C", "../new", "rev-parse", "--is-shallow-repository"];
/// The contents too, which a partial clone fetches now.
const CONTENTS: &[&str] = &["-C", "../new", "log", "--patch", "--format=%H"];

fn runs() -> Vec<Run> {
    let reads = |name, command| Run {
        name,
        caller: Caller::Alice,
        size: 0,
        before: &[],
        command,
        look: &[REFS, OBJECTS, SHALLOW, CONTENTS],
        expect: Expect::Same(&[]),
    };
    let asks = |name, command| Run { look: &[], ..reads(name, command) };
    let fetches = |name, command| Run {
        look: &[&["for-each-ref"], &["rev-list", "--all"], &["rev-parse", "FETCH_HEAD"]],
        before: &[
            &["push", "--quiet", "{behind}", "HEAD~1:refs/heads/agent/theirs"],
            &["update-ref", "-d", "refs/remotes/origin/main"],
        ],
        ..reads(name, command)
    };
    let refused = |name, caller, command, reason, says: &[&str], repository| Run {
        caller,
        look: &[],
        expect: Expect::turned_away(reason, says, repository),
        ..reads(name, command)
    };
    let mallory = &[
        "actgate: Denied by policy",
        "no policy permits `demo/mallory@demo` to git.fetch Git::Repo::\"payments\"",
    ];
    let unknown = &[
        "actgate: Denied by policy",
        "no policy permits `demo/spiffe://demo/agent/unknown` to git.fetch Git::Repo::\"payments\"",
    ];
    let nothing = &[
        "actgate: Denied by policy",
        "no policy permits `demo/alice@demo` to git.fetch Git::Repo::\"nothing\"",
    ];
    let nobody = &["actgate: No token was sent", "send a bearer token in the `authorization` header"];
    let no_route =
        &["actgate: The route is not in the catalog", "no route of the catalog matches the request"];
    vec![
        reads("clone", &["clone", "{payments}", "../new"]),
        reads("clone the other", &["clone", "{website}", "../new"]),
        reads("clone a mirror", &["clone", "--mirror", "{payments}", "../new"]),
        reads("clone a bare one", &["clone", "--bare", "{payments}", "../new"]),
        reads("clone with version 0", &["-c", "protocol.version=0", "clone", "{payments}", "../new"]),
        reads("clone with version 1", &["-c", "protocol.version=1", "clone", "{payments}", "../new"]),
        reads("clone a tag", &["clone", "--branch", "v1.0", "{payments}", "../new"]),
        reads("clone without tags", &["clone", "--no-tags", "{payments}", "../new"]),
        reads("clone shallow", &["clone", "--depth", "1", "{payments}", "../new"]),
        reads(
            "clone shallow, two deep",
            &["clone", "--depth", "2", "--no-single-branch", "{payments}", "../new"],
        ),
        reads("clone shallow by date", &["clone", "--shallow-since", "2026-01-08", "{payments}", "../new"]),
        reads("clone partial, no blobs", &["clone", "--filter=blob:none", "{payments}", "../new"]),
        reads(
            "clone partial, no trees",
            &["clone", "--filter=tree:0", "--no-checkout", "{payments}", "../new"],
        ),
        reads("clone partial, small blobs", &["clone", "--filter=blob:limit=20", "{payments}", "../new"]),
        asks("list", &["ls-remote", "{payments}"]),
        asks("list with version 0", &["-c", "protocol.version=0", "ls-remote", "{payments}"]),
        asks("list tags", &["ls-remote", "--tags", "{website}"]),
        asks("list a pattern that is not there", &["ls-remote", "--exit-code", "{payments}", "refs/none/*"]),
        fetches("fetch", &["fetch", "--quiet", "origin"]),
        fetches("fetch one ref", &["fetch", "--quiet", "origin", "refs/heads/agent/theirs"]),
        fetches("fetch by object id", &["fetch", "--quiet", "--depth", "1", "origin", "refs/tags/v1.0"]),
        Run {
            look: &[SHALLOW],
            before: &[&["clone", "--quiet", "--depth", "1", "{payments}", "../new"]],
            ..reads("deepen", &["-C", "../new", "fetch", "--quiet", "--unshallow"])
        },
        refused(
            "mallory clones",
            Caller::Mallory,
            &["clone", "--quiet", "{payments}", "../new"],
            "policy_denied",
            mallory,
            "payments",
        ),
        refused(
            "mallory lists",
            Caller::Mallory,
            &["ls-remote", "{payments}"],
            "policy_denied",
            mallory,
            "payments",
        ),
        refused(
            "mallory fetches",
            Caller::Mallory,
            &["fetch", "origin"],
            "policy_denied",
            mallory,
            "payments",
        ),
        refused(
            "mallory clones partially",
            Caller::Mallory,
            &["clone", "--quiet", "--filter=blob:none", "{payments}", "../new"],
            "policy_denied",
            mallory,
            "payments",
        ),
        refused(
            "an unknown agent clones",
            Caller::UnknownAgent,
            &["clone", "--quiet", "{payments}", "../new"],
            "policy_denied",
            unknown,
            "payments",
        ),
        refused(
            "an unknown agent lists",
            Caller::UnknownAgent,
            &["ls-remote", "{payments}"],
            "policy_denied",
            unknown,
            "payments",
        ),
        refused(
            "nobody clones",
            Caller::Nobody,
            &["clone", "--quiet", "{payments}", "../new"],
            "token_missing",
            nobody,
            "payments",
        ),
        refused(
            "a repository that nobody has registered",
            Caller::Alice,
            &["clone", "--quiet", "{nothing}", "../new"],
            "policy_denied",
            nothing,
            "nothing",
        ),
        Run {
            command: &["-c", "http.extraHeader=", "clone", "--quiet", "{payments}", "../new"],
            ..refused(
                "a client that drops its header",
                Caller::Nobody,
                &[],
                "token_missing",
                nobody,
                "payments",
            )
        },
        // git's client of the dumb protocol is built in, and asks without a service.
        refused(
            "the dumb protocol",
            Caller::Alice,
            &["-c", "alias.dumb=!GIT_SMART_HTTP=0 git", "dumb", "ls-remote", "{payments}"],
            "route_unknown",
            no_route,
            "payments",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_what() {
    let Some(stage) = play(runs()).await else { return };
    an_expired_token_is_told_so(&stage).await;
}

/// What a refusal says of an expired token has the time in it.
async fn an_expired_token_is_told_so(stage: &Stage) {
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Expired)).await;
    for command in [&["ls-remote", "{payments}"][..], &["push", "{payments}", "HEAD:refs/heads/agent/x"]] {
        let finished = desk.git(command).await;
        let said = desk.plain(&finished.stderr);
        let lines: Vec<&str> = said.lines().collect();
        assert!(!finished.success, "{command:?}");
        assert_eq!(lines[0], "remote: actgate: The token has expired", "{said}");
        assert!(lines[1].starts_with("remote: the token expired at "), "{said}");
        assert!(lines[2].starts_with("remote: reason: token_expired, decision: "), "{said}");
        assert_eq!(
            lines[3..],
            ["fatal: unable to access 'URL/payments.git/': The requested URL returned error: 403"],
            "{said}"
        );
    }
    assert_eq!(stage.world.refs().await, *stage.world.seeds());
}
