//! What the real client does, and prints.

use actgate_tests::e2e::verdict::{Verdicts, equal, holds};

use crate::stage::{Caller, Stage};

/// A run of skopeo.
struct Run {
    name: &'static str,
    caller: Caller,
    act: Act,
    /// What it prints, where it fails.
    prints: &'static [&'static str],
    /// The tag and the image that it points to afterwards.
    change: Option<(&'static str, &'static str)>,
}

enum Act {
    /// An image of ours to a tag.
    Push(&'static str, &'static str),
    /// A tag to a tag, both in the registry.
    Copy(&'static str, &'static str),
    /// A tag to this machine.
    Pull(&'static str),
    /// What a tag points to, and which others there are.
    Inspect(&'static str),
    /// No more tag.
    Delete(&'static str),
}

const NO_POLICY: &[&str] = &["denied: policy_denied", "no policy permits"];
/// skopeo looks for blobs with HEAD, whose answer has no text.
const FORBIDDEN: &[&str] = &["403"];

fn runs() -> Vec<Run> {
    let fails = |name, caller, act, prints| Run { name, caller, act, prints, change: None };
    let alice = |name, act, prints| fails(name, Caller::Alice, act, prints);
    vec![
        alice("pull staging", Act::Pull("payments:staging"), &[]),
        alice("pull production", Act::Pull("payments:production"), &[]),
        alice("pull a base image", Act::Pull("base/runtime:1"), &[]),
        alice("inspect, with the list of tags", Act::Inspect("payments:staging"), &[]),
        alice("pull what is others'", Act::Pull("website:production"), NO_POLICY),
        Run {
            name: "deploy to staging",
            caller: Caller::Alice,
            act: Act::Push("release-2", "payments:staging"),
            prints: &[],
            change: Some(("payments:staging", "release-2")),
        },
        Run {
            name: "a base image to staging, its layer taken over",
            caller: Caller::Alice,
            act: Act::Copy("base/runtime:1", "payments:staging"),
            prints: &[],
            change: Some(("payments:staging", "runtime")),
        },
        Run {
            name: "back again",
            caller: Caller::AliceWithTicket,
            act: Act::Copy("payments:production", "payments:staging"),
            prints: &[],
            change: Some(("payments:staging", "release-1")),
        },
        alice(
            "production without a ticket",
            Act::Push("release-2", "payments:production"),
            &["denied: policy_denied", "production changes only for a ticket", "advice"],
        ),
        fails(
            "production with a ticket",
            Caller::AliceWithTicket,
            Act::Push("release-2", "payments:production"),
            &["denied: approval_required", "release-managers"],
        ),
        fails(
            "production from staging with a ticket",
            Caller::AliceWithTicket,
            Act::Copy("payments:staging", "payments:production"),
            &["denied: approval_required", "release-managers"],
        ),
        alice("another tag", Act::Push("release-2", "payments:latest"), NO_POLICY),
        alice("another repository", Act::Push("release-2", "website:production"), FORBIDDEN),
        alice("a base image", Act::Push("runtime", "base/runtime:2"), NO_POLICY),
        alice(
            "a layer of what may not be read",
            Act::Copy("website:production", "payments:staging"),
            NO_POLICY,
        ),
        alice("delete", Act::Delete("payments:staging"), &["agents may not delete images"]),
        fails("mallory pulls", Caller::MalloryWithTicket, Act::Pull("payments:staging"), NO_POLICY),
        fails(
            "mallory deploys",
            Caller::MalloryWithTicket,
            Act::Push("release-2", "payments:staging"),
            FORBIDDEN,
        ),
        fails(
            "an unknown agent",
            Caller::UnknownAgent,
            Act::Push("release-2", "payments:staging"),
            FORBIDDEN,
        ),
        fails("an unknown agent pulls", Caller::UnknownAgent, Act::Pull("payments:staging"), NO_POLICY),
        fails(
            "an expired token",
            Caller::Expired,
            Act::Pull("payments:staging"),
            &["unauthorized", "The token has expired"],
        ),
        fails("no token", Caller::Nobody, Act::Pull("payments:staging"), &["unauthorized", "token_missing"]),
        fails(
            "no token, to push",
            Caller::Nobody,
            Act::Push("release-2", "payments:staging"),
            &["unauthorized", "token_missing"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_table_of_the_deploy_pack() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let mut contents = stage.contents().await;
    for run in runs() {
        let finished = stage.skopeo(&run).await;
        let said = &finished.stderr;
        let verdict = equal("whether it succeeds", finished.success, run.prints.is_empty())
            .map_err(|why| format!("{why}: {said}"))
            .and_then(|()| match run.prints.iter().find(|text| !said.contains(**text)) {
                None => Ok(()),
                Some(text) => Err(format!("it does not print `{text}`: {said}")),
            })
            .and_then(|()| holds(!said.contains("missing realm"), "it complains about the challenge"));
        if let Some((tag, image)) = run.change {
            let digest = stage.registry.image_digest(image).expect("a layout").expect("an image");
            contents = contents.with(tag, &digest);
        }
        let now = stage.contents().await;
        verdicts.row(run.name, verdict.and_then(|()| equal("the registry", &now, &contents)));
        // A row that fails is not to make the next ones fail.
        contents = now;
    }
    verdicts.conclude();
}

impl Stage {
    async fn skopeo(&self, run: &Run) -> actgate_demo::tool::Finished {
        let remote = |tag: &str| format!("docker://{}/{tag}", self.gateway.address());
        let token = self.token(run.caller);
        let authorized = |names: &[&str], arguments: &mut Vec<String>| {
            for name in names {
                arguments.push(format!("--{name}tls-verify=false"));
                arguments.extend(token.iter().map(|token| format!("--{name}registry-token={token}")));
            }
        };
        let mut arguments: Vec<String> = Vec::new();
        let folder = tempfile::tempdir().expect("a folder");
        match run.act {
            Act::Push(image, tag) => {
                arguments.push("copy".to_owned());
                authorized(&["dest-"], &mut arguments);
                arguments.extend([self.registry.image(image), remote(tag)]);
            }
            Act::Copy(from, to) => {
                arguments.push("copy".to_owned());
                authorized(&["src-", "dest-"], &mut arguments);
                arguments.extend([remote(from), remote(to)]);
            }
            Act::Pull(tag) => {
                arguments.push("copy".to_owned());
                authorized(&["src-"], &mut arguments);
                arguments.extend([remote(tag), format!("dir:{}", folder.path().display())]);
            }
            Act::Inspect(tag) => {
                arguments.push("inspect".to_owned());
                authorized(&[""], &mut arguments);
                arguments.push(remote(tag));
            }
            Act::Delete(tag) => {
                arguments.push("delete".to_owned());
                authorized(&[""], &mut arguments);
                arguments.push(remote(tag));
            }
        }
        self.registry.skopeo(arguments.iter().map(String::as_str)).finish().await.expect("skopeo runs")
    }
}
