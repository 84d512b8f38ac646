//! Who pushes what: the refs behind the gate, and what git prints where it is refused.

use crate::{
    desk::Desk,
    run::{Expect, Run, play},
    stage::{Caller, Stage},
};

/// Above `http.postBuffer`: git asks first and sends it in chunks.
const CHUNKED: usize = 3 << 20;

const DENIED: &str = "actgate: Denied by policy";
const ELSEWHERE: &str = "agents push to branches below agent/ only";
const TAGS: &str = "agents do not create, move or delete tags";
const DELETION: &str = "agents do not delete branches";
const OWNERS: &str = "only the owners of a repository push to it";
const HELD: &str = "approval required: release-managers";
const ANOTHER: &str = "another ref of this push is refused";
const TO_A_BRANCH: &str = "Push to a branch such as agent/<topic> and ask for a review.";

type Command = &'static [&'static str];

fn run(name: &'static str, command: Command, expect: Expect) -> Run {
    Run { name, caller: Caller::Alice, size: 0, before: &[], command, look: &[], expect }
}

/// A push that passes and changes these refs.
fn passes(name: &'static str, command: Command, changes: &'static [&'static str]) -> Run {
    run(name, command, Expect::Same(changes))
}

/// A push that is denied, first of all for what it does to `resource`.
fn denied(
    name: &'static str,
    command: Command,
    (action, resource): (&str, &str),
    (because, advice): (&str, &str),
    refs: &[&str],
) -> Run {
    let says = [
        DENIED.to_owned(),
        format!("a policy forbids to {action} Git::Ref::\"{resource}\": {because}"),
        advice.to_owned(),
    ];
    let repository = resource.split('/').next().unwrap_or_default();
    run(name, command, Expect::rejected("deny", "policy_denied", &says, refs, repository))
}

/// A push for which a release manager has to agree to a change of main.
fn held(name: &'static str, command: Command, refs: &[&str]) -> Run {
    let says = [
        "actgate: Approval required".to_owned(),
        "approval by release-managers is required to git.ref.update Git::Ref::\"payments/refs/heads/main\": \
         protected branches change under four eyes"
            .to_owned(),
        "needs the approval of: release-managers".to_owned(),
        TO_A_BRANCH.to_owned(),
    ];
    run(name, command, Expect::rejected("hold", "approval_required", &says, refs, "payments"))
}

const NEW: &[&str] = &["payments refs/heads/agent/new"];
const AGENT: (&str, &str) = (ELSEWHERE, TO_A_BRANCH);
const TAG: (&str, &str) = (TAGS, "Ask a release manager to tag the commit.");
const DELETE: (&str, &str) = (DELETION, "Leave the branch to whoever reviews it.");
const OWNER: (&str, &str) = (OWNERS, "Ask its owners to take the change.");

/// What alice's coder may push.
fn permitted() -> Vec<Run> {
    let old: &[Command] = &[&["push", "--quiet", "{behind}", "HEAD~1:refs/heads/agent/old"]];
    let moves =
        |name, command| Run { before: old, ..passes(name, command, &["payments refs/heads/agent/old"]) };
    let pushes = |name, command| passes(name, command, NEW);
    let new: Command = &["push", "{payments}", "HEAD:refs/heads/agent/new"];
    vec![
        pushes("a new branch", new),
        pushes("a new branch, quietly", &["push", "--quiet", "origin", "HEAD:refs/heads/agent/new"]),
        pushes("in lines for programs", &["push", "--porcelain", "origin", "HEAD:refs/heads/agent/new"]),
        Run { size: 100_000, ..pushes("100 kB", new) },
        Run { size: CHUNKED, ..pushes("more than a buffer, in chunks", new) },
        Run {
            size: 200_000,
            ..pushes(
                "in chunks of a small buffer",
                &["-c", "http.postBuffer=65536", "push", "origin", "HEAD:refs/heads/agent/new"],
            )
        },
        Run {
            size: CHUNKED,
            ..pushes(
                "large in a large buffer",
                &["-c", "http.postBuffer=8388608", "push", "origin", "HEAD:refs/heads/agent/new"],
            )
        },
        pushes(
            "what is there already, without objects",
            &["push", "origin", "origin/main:refs/heads/agent/new"],
        ),
        pushes(
            "with version 0",
            &["-c", "protocol.version=0", "push", "origin", "HEAD:refs/heads/agent/new"],
        ),
        pushes(
            "with version 1",
            &["-c", "protocol.version=1", "push", "origin", "HEAD:refs/heads/agent/new"],
        ),
        pushes("without thin packs", &["push", "--no-thin", "origin", "HEAD:refs/heads/agent/new"]),
        pushes(
            "with an option",
            &["push", "--push-option", "ci.skip", "origin", "HEAD:refs/heads/agent/new"],
        ),
        pushes(
            "with options",
            &["push", "-o", "a=b", "-o", "two words", "origin", "HEAD:refs/heads/agent/new"],
        ),
        pushes("a name of many parts", &["push", "origin", "HEAD:refs/heads/agent/new"]),
        passes(
            "two branches",
            &["push", "origin", "HEAD:refs/heads/agent/new", "HEAD~1:refs/heads/agent/b/c"],
            &["payments refs/heads/agent/b/c", "payments refs/heads/agent/new"],
        ),
        passes(
            "two branches, both or none",
            &["push", "--atomic", "origin", "HEAD:refs/heads/agent/new", "HEAD~1:refs/heads/agent/b"],
            &["payments refs/heads/agent/b", "payments refs/heads/agent/new"],
        ),
        moves("forward", &["push", "origin", "HEAD:refs/heads/agent/old"]),
        moves("back, by force", &["push", "--force", "origin", "HEAD~3:refs/heads/agent/old"]),
        moves("back, by a plus", &["push", "origin", "+HEAD~3:refs/heads/agent/old"]),
        Run {
            before: &[
                &["push", "--quiet", "{behind}", "HEAD:refs/heads/agent/old"],
                &["fetch", "--quiet", "{behind}"],
            ],
            ..passes(
                "back without force: git itself refuses",
                &["push", "origin", "HEAD~3:refs/heads/agent/old"],
                &[],
            )
        },
        Run {
            before: &[&["push", "--quiet", "{behind}", "HEAD:refs/heads/agent/old"]],
            ..passes("nothing new", &["push", "origin", "HEAD:refs/heads/agent/old"], &[])
        },
        passes("tags that are there", &["push", "--tags", "origin"], &[]),
        passes("only to see", &["push", "--dry-run", "origin", "HEAD:refs/heads/agent/new"], &[]),
        Run {
            before: &[
                &["clone", "--quiet", "--depth", "1", "{payments}", "../new"],
                &["-C", "../new", "commit", "--quiet", "--allow-empty", "--message", "More"],
            ],
            ..pushes("from a shallow clone", &["-C", "../new", "push", "origin", "HEAD:refs/heads/agent/new"])
        },
        Run {
            before: &[
                &["clone", "--quiet", "--filter=blob:none", "{payments}", "../new"],
                &["-C", "../new", "commit", "--quiet", "--allow-empty", "--message", "More"],
            ],
            ..pushes("from a partial clone", &["-C", "../new", "push", "origin", "HEAD:refs/heads/agent/new"])
        },
        passes(
            "signed, which the server does not offer",
            &["push", "--signed", "origin", "HEAD:refs/heads/agent/new"],
            &[],
        ),
    ]
}

/// What alice's coder may not push, and may not without approval.
fn refused() -> Vec<Run> {
    let main = &[&*format!("HEAD -> main ({HELD})")];
    let topic = ("git.ref.create", "payments/refs/heads/topic");
    let tag = ("git.ref.create", "payments/refs/tags/v2");
    let moved = ("git.ref.update", "payments/refs/tags/v1.0");
    let line = |what: &str, because: &str| format!("{what} ({because})");
    let mut runs = vec![
        held("main", &["push", "origin", "HEAD:refs/heads/main"], main),
        Run { size: 100_000, ..held("main, 100 kB", &["push", "origin", "HEAD:refs/heads/main"], main) },
        Run { size: CHUNKED, ..held("main, in chunks", &["push", "origin", "HEAD:refs/heads/main"], main) },
        held("main, by force", &["push", "--force", "origin", "HEAD:refs/heads/main"], main),
        held("main, quietly", &["push", "--quiet", "origin", "HEAD:refs/heads/main"], main),
        held("main, with an option", &["push", "-o", "ci.skip", "origin", "HEAD:refs/heads/main"], main),
        held(
            "main back, by force",
            &["push", "--force", "origin", "HEAD~2:refs/heads/main"],
            &[&line("HEAD~2 -> main", HELD)],
        ),
        held("every branch", &["push", "--all", "origin"], &[&line("main -> main", HELD)]),
        held(
            "main and a branch",
            &["push", "origin", "HEAD:refs/heads/agent/new", "HEAD:refs/heads/main"],
            &[&line("HEAD -> main", HELD), &line("HEAD -> agent/new", ANOTHER)],
        ),
        held(
            "main and a branch, both or none",
            &["push", "--atomic", "origin", "HEAD:refs/heads/agent/new", "HEAD:refs/heads/main"],
            &[&line("HEAD -> main", HELD), &line("HEAD -> agent/new", ANOTHER)],
        ),
    ];
    let alone = |name, command, call, (because, advice): (&'static str, &'static str), what: &str| {
        denied(name, command, call, (because, advice), &[&line(what, because)])
    };
    runs.extend([
        alone("another branch", &["push", "origin", "HEAD:refs/heads/topic"], topic, AGENT, "HEAD -> topic"),
        Run {
            size: CHUNKED,
            ..alone(
                "another branch, in chunks",
                &["push", "origin", "HEAD:refs/heads/topic"],
                topic,
                AGENT,
                "HEAD -> topic",
            )
        },
        alone(
            "a branch of almost the same name",
            &["push", "origin", "HEAD:refs/heads/agents/new"],
            ("git.ref.create", "payments/refs/heads/agents/new"),
            AGENT,
            "HEAD -> agents/new",
        ),
        alone(
            "main in capitals",
            &["push", "origin", "HEAD:refs/heads/MAIN"],
            ("git.ref.create", "payments/refs/heads/MAIN"),
            AGENT,
            "HEAD -> MAIN",
        ),
        alone(
            "a note",
            &["push", "origin", "HEAD:refs/notes/agent/new"],
            ("git.ref.create", "payments/refs/notes/agent/new"),
            AGENT,
            "HEAD -> refs/notes/agent/new",
        ),
        alone("a tag", &["push", "origin", "HEAD:refs/tags/v2"], tag, TAG, "HEAD -> v2"),
        Run {
            size: CHUNKED,
            ..alone("a tag, in chunks", &["push", "origin", "HEAD:refs/tags/v2"], tag, TAG, "HEAD -> v2")
        },
        Run {
            before: &[&["tag", "--annotate", "--message", "two", "v2"]],
            ..alone("an annotated tag", &["push", "origin", "v2"], tag, TAG, "v2 -> v2")
        },
        Run {
            before: &[&["tag", "v2"]],
            ..alone("every tag", &["push", "--tags", "origin"], tag, TAG, "v2 -> v2")
        },
        alone(
            "a tag moved",
            &["push", "--force", "origin", "HEAD:refs/tags/v1.0"],
            moved,
            TAG,
            "HEAD -> v1.0",
        ),
        alone(
            "a tag deleted",
            &["push", "--delete", "origin", "v1.0"],
            ("git.ref.delete", "payments/refs/tags/v1.0"),
            TAG,
            "v1.0",
        ),
        alone(
            "main deleted",
            &["push", "--delete", "origin", "main"],
            ("git.ref.delete", "payments/refs/heads/main"),
            DELETE,
            "main",
        ),
        Run {
            before: &[&["push", "--quiet", "{behind}", "HEAD:refs/heads/agent/old"]],
            ..alone(
                "a branch of its own deleted",
                &["push", "origin", ":refs/heads/agent/old"],
                ("git.ref.delete", "payments/refs/heads/agent/old"),
                DELETE,
                "agent/old",
            )
        },
        alone(
            "a branch elsewhere",
            &["push", "{website}", "HEAD:refs/heads/agent/new"],
            ("git.ref.create", "website/refs/heads/agent/new"),
            OWNER,
            "HEAD -> agent/new",
        ),
        Run {
            size: CHUNKED,
            ..alone(
                "a branch elsewhere, in chunks",
                &["push", "{website}", "HEAD:refs/heads/agent/new"],
                ("git.ref.create", "website/refs/heads/agent/new"),
                OWNER,
                "HEAD -> agent/new",
            )
        },
        denied(
            "a branch and its tag",
            &["push", "--atomic", "origin", "HEAD:refs/heads/agent/new", "HEAD:refs/tags/v2"],
            tag,
            TAG,
            &[&line("HEAD -> agent/new", ANOTHER), &line("HEAD -> v2", TAGS)],
        ),
        Run {
            before: &[
                &["branch", "--quiet", "--move", "agent/new"],
                &["tag", "--annotate", "--message", "two", "v2"],
            ],
            ..denied(
                "a branch with the tags on it",
                &["push", "--follow-tags", "origin", "agent/new"],
                tag,
                TAG,
                &[&line("agent/new -> agent/new", ANOTHER), &line("v2 -> v2", TAGS)],
            )
        },
        Run {
            before: &[
                &["branch", "--quiet", "--move", "agent/new"],
                &["branch", "--quiet", "--remotes", "--delete", "origin/main"],
                &["remote", "set-head", "origin", "--delete"],
                &["tag", "--delete", "v1.0"],
            ],
            ..denied(
                "a mirror: everything else goes",
                &["push", "--mirror", "origin"],
                ("git.ref.delete", "payments/refs/heads/main"),
                DELETE,
                &[&line("main", DELETION), &line("v1.0", ANOTHER), &line("agent/new -> agent/new", ANOTHER)],
            )
        },
    ]);
    runs
}

/// Who may not push at all: the first question is refused.
fn turned_away() -> Vec<Run> {
    let away = |name, caller, principal: &str, command: Command| {
        let says = format!("no policy permits `demo/{principal}` to git.push.probe Git::Repo::\"payments\"");
        let expect = Expect::turned_away("policy_denied", &[DENIED, &says], "payments");
        Run { caller, ..run(name, command, expect) }
    };
    let unknown = "spiffe://demo/agent/unknown";
    let nobody = &["actgate: No token was sent", "send a bearer token in the `authorization` header"];
    let nothing = "no policy permits `demo/alice@demo` to git.push.probe Git::Repo::\"nothing\"";
    vec![
        away("mallory", Caller::Mallory, "mallory@demo", &["push", "origin", "HEAD:refs/heads/agent/new"]),
        away("mallory, main", Caller::Mallory, "mallory@demo", &["push", "origin", "HEAD:refs/heads/main"]),
        away("mallory deletes", Caller::Mallory, "mallory@demo", &["push", "--delete", "origin", "main"]),
        away("mallory mirrors", Caller::Mallory, "mallory@demo", &["push", "--mirror", "origin"]),
        Run {
            size: CHUNKED,
            ..away(
                "mallory, in chunks",
                Caller::Mallory,
                "mallory@demo",
                &["push", "origin", "HEAD:refs/heads/agent/new"],
            )
        },
        away(
            "an unknown agent",
            Caller::UnknownAgent,
            unknown,
            &["push", "origin", "HEAD:refs/heads/agent/new"],
        ),
        away(
            "an unknown agent, a tag",
            Caller::UnknownAgent,
            unknown,
            &["push", "origin", "HEAD:refs/tags/v2"],
        ),
        Run {
            caller: Caller::Nobody,
            ..run(
                "nobody",
                &["push", "origin", "HEAD:refs/heads/agent/new"],
                Expect::turned_away("token_missing", nobody, "payments"),
            )
        },
        run(
            "a repository that nobody has registered",
            &["push", "{nothing}", "HEAD:refs/heads/agent/new"],
            Expect::turned_away("policy_denied", &[DENIED, nothing], "nothing"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_pushed_is_pushed_as_without_the_gate() {
    let Some(stage) = play(permitted()).await else { return };
    push_options_reach_the_hooks_of_permitted_pushes_only(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_pushed_is_not_and_git_says_why() {
    play(refused().into_iter().chain(turned_away()).collect()).await;
}

/// What a hook of the server is told is what the gate decided on.
async fn push_options_reach_the_hooks_of_permitted_pushes_only(stage: &Stage) {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let repository = stage.world.path("payments");
    let hook = repository.join("hooks/pre-receive");
    let script =
        "#!/bin/sh\necho \"$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1\" >> options\n";
    fs::create_dir_all(repository.join("hooks")).expect("a folder");
    fs::write(&hook, script).expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a hook");
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Alice)).await;
    desk.commit(0).await;
    for (option, to) in [("no", "refs/heads/main"), ("yes", "refs/heads/agent/x"), ("never", "refs/tags/v2")]
    {
        let finished = desk.git(&["push", "-o", option, "-o", "x", "origin", &format!("HEAD:{to}")]).await;
        assert_eq!(finished.success, option == "yes", "{option}: {}", finished.stderr);
    }
    assert_eq!(fs::read_to_string(repository.join("options")).expect("options"), "2 yes x\n");
}
