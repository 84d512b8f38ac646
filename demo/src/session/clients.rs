//! The session's runs of real clients: git, skopeo for images, and the MCP SDK's.

use std::{fmt, fs, path::PathBuf};

use super::{
    ALICE, Caller, LEDGER_LIMIT,
    approver::{Approver, BOB},
    behind::Change,
};
use crate::{
    error::DemoError,
    git,
    ledger::{Ledger, Record},
    tool::{Finished, Tool},
    world::World,
};

/// A run of a client and what should come of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) title: &'static str,
    pub(super) caller: Caller,
    pub(super) ticket: Option<&'static str>,
    pub(super) client: Client,
    /// What becomes different behind the gate.
    pub(super) change: Change,
    /// Who approves it before it is run.
    pub(super) approver: Option<Approver>,
    expect: Expect,
}

/// A client with what it is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// Takes a repository to the desk.
    Clone(&'static str),
    /// Pushes what was committed at the desk to this ref of this repository.
    Push(&'static str, &'static str),
    /// Commits something else first.
    PushMore(&'static str, &'static str),
    /// Copies this image to this tag.
    Copy(&'static str, &'static str),
    /// Calls this tool with these arguments.
    Call(&'static str, &'static str),
}

/// What a client should say and the ledger hold.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// It does what it was told.
    Success,
    /// The same, with what was approved.
    ApprovedSuccess,
    /// It fails and prints all of this; the ledger's last word is this decision for this reason.
    Refusal { decision: &'static str, reason: &'static str, prints: &'static [&'static str] },
}

/// Where the agent works: a clone with a commit of its own.
#[derive(Debug)]
pub(super) struct Desk<'w> {
    world: &'w World,
    folder: PathBuf,
}

const PUSH: Run = Run {
    title: "it pushes its work to a branch of its own",
    caller: ALICE,
    ticket: None,
    client: Client::Push("payments", "refs/heads/agent/greeting"),
    change: Change::Ref("payments refs/heads/agent/greeting"),
    approver: None,
    expect: Expect::Success,
};

const COPY: Run = Run {
    title: "it deploys a new image to staging",
    client: Client::Copy("release-2", "payments:staging"),
    change: Change::Tag("payments:staging", "release-2"),
    ..PUSH
};

const CALL: Run = Run {
    title: "it writes a draft through an MCP tool",
    client: Client::Call("write_file", r#"{"path": "drafts/greeting.md", "content": "hello"}"#),
    change: Change::File("drafts/greeting.md", "hello"),
    ..PUSH
};

/// Without a session there is one request for a call.
const MCP_VERSION: &str = "2026-07-28";

pub(super) const RUNS: &[Run] = &[
    Run {
        title: "alice's coder clones a repository, with git itself",
        client: Client::Clone("payments"),
        change: Change::Nothing,
        ..PUSH
    },
    PUSH,
    Run {
        title: "it pushes to main: a release manager has to agree, and git says so",
        client: Client::Push("payments", "refs/heads/main"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "hold",
            reason: "approval_required",
            prints: &["[remote rejected]", "approval required: release-managers", "/approvals/"],
        },
        ..PUSH
    },
    Run {
        title: "bob, a release manager, approves it; the same push again lands",
        approver: Some(BOB),
        client: Client::Push("payments", "refs/heads/main"),
        change: Change::Ref("payments refs/heads/main"),
        expect: Expect::ApprovedSuccess,
        ..PUSH
    },
    Run {
        title: "it pushes another commit to main: that one nobody has approved",
        client: Client::PushMore("payments", "refs/heads/main"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "hold",
            reason: "approval_required",
            prints: &["[remote rejected]", "approval required: release-managers", "/approvals/"],
        },
        ..PUSH
    },
    Run {
        title: "it tries to set a tag",
        client: Client::Push("payments", "refs/tags/v2.0"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "deny",
            reason: "policy_denied",
            prints: &["[remote rejected]", "agents do not create, move or delete tags"],
        },
        ..PUSH
    },
    Run {
        title: "it tries to push to a repository that is not its team's",
        client: Client::Push("website", "refs/heads/agent/greeting"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "deny",
            reason: "policy_denied",
            prints: &["[remote rejected]", "only the owners of a repository push to it"],
        },
        ..PUSH
    },
    COPY,
    Run {
        title: "it tries to deploy to production without a ticket",
        client: Client::Copy("release-2", "payments:production"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "deny",
            reason: "policy_denied",
            prints: &["denied: policy_denied", "production changes only for a ticket"],
        },
        ..COPY
    },
    Run {
        title: "it has a ticket now: a release manager has to agree, and skopeo says so",
        ticket: Some("CHG-1"),
        client: Client::Copy("release-2", "payments:production"),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "hold",
            reason: "approval_required",
            prints: &["denied: approval_required", "release-managers", "/approvals/"],
        },
        ..COPY
    },
    Run {
        title: "bob approves that image for production, and it is deployed",
        ticket: Some("CHG-1"),
        approver: Some(BOB),
        client: Client::Copy("release-2", "payments:production"),
        change: Change::Tag("payments:production", "release-2"),
        expect: Expect::ApprovedSuccess,
        ..COPY
    },
    CALL,
    Run {
        title: "it publishes through the same tool: a release manager has to agree, and the model can read so",
        client: Client::Call("write_file", r#"{"path": "docs/handbook.md", "content": "hello"}"#),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "hold",
            reason: "approval_required",
            prints: &["approval_required", "release-managers", "/approvals/"],
        },
        ..CALL
    },
    Run {
        title: "bob approves it; called again, it is published",
        approver: Some(BOB),
        client: Client::Call("write_file", r#"{"path": "docs/handbook.md", "content": "hello"}"#),
        change: Change::File("docs/handbook.md", "hello"),
        expect: Expect::ApprovedSuccess,
        ..CALL
    },
    Run {
        title: "it tries to read what is private",
        client: Client::Call("read_file", r#"{"path": "private/payroll.csv"}"#),
        change: Change::Nothing,
        expect: Expect::Refusal { decision: "deny", reason: "policy_denied", prints: &["policy_denied"] },
        ..CALL
    },
    Run {
        title: "it tries to delete a file",
        client: Client::Call("delete_file", r#"{"path": "drafts/ideas.md"}"#),
        change: Change::Nothing,
        expect: Expect::Refusal {
            decision: "deny",
            reason: "policy_denied",
            prints: &["agents do not delete files"],
        },
        ..CALL
    },
];

// === impl Run ===

impl Run {
    /// Whether it is of git's.
    pub(super) const fn is_push(&self) -> bool {
        matches!(self.client, Client::Push(..))
    }

    /// Nothing, or how the client's end differs from what it should be.
    pub(super) fn judge(&self, finished: &Finished) -> Result<(), String> {
        match self.expect {
            Expect::Success | Expect::ApprovedSuccess if finished.success => Ok(()),
            Expect::Success | Expect::ApprovedSuccess => {
                Err(format!("it failed: {}", finished.stderr.trim()))
            }
            Expect::Refusal { .. } if finished.success => Err("it succeeded".to_owned()),
            Expect::Refusal { prints, .. } => {
                match prints.iter().find(|text| !finished.stderr.contains(**text)) {
                    None => Ok(()),
                    Some(text) => Err(format!("it does not print `{text}`: {}", finished.stderr.trim())),
                }
            }
        }
    }

    /// Whether the ledger says what became of it.
    pub(super) async fn is_recorded(&self, since: &Ledger) -> Result<Result<(), String>, DemoError> {
        let mut count: usize = 1;
        loop {
            let records = since.wait_for(count, LEDGER_LIMIT).await?;
            let verdict = self.compare(&records);
            // There may be more to come, since the client has made several requests.
            if verdict.is_ok() || records.len() < count {
                return Ok(verdict);
            }
            count = records.len().saturating_add(1);
        }
    }

    fn compare(&self, records: &[Record]) -> Result<(), String> {
        let passed = |record: &Record| record.decision() == "allow" && record.was_forwarded();
        // Clients ask without a token first, and are told that they need one; skopeo even tries TLS before that.
        let asked = |record: &Record| {
            (record.reason() == "token_missing" || record.stage() == "rejected_by_proxy")
                && !record.was_forwarded()
        };
        let Some((last, before)) = records.split_last() else { return Err("it left no record".to_owned()) };
        if let Some(other) = before.iter().find(|record| !passed(record) && !asked(record)) {
            return Err(format!("{} was {}", other.attempted(), other.decided()));
        }
        let is_right = match self.expect {
            Expect::Success => passed(last) && last.approved().is_empty(),
            Expect::ApprovedSuccess => {
                // A client may ask for more after what was approved.
                let approved = |record: &&Record| !record.approved().is_empty();
                let found: Vec<&Record> = records.iter().filter(approved).collect();
                let approver = self.approver.map(|approver| approver.in_ledger()).unwrap_or_default();
                matches!(found.as_slice(), [one] if passed(one) && one.approved() == approver) && passed(last)
            }
            Expect::Refusal { decision, reason, .. } => {
                last.decision() == decision && last.reason() == reason && !last.was_forwarded()
            }
        };
        if is_right { Ok(()) } else { Err(format!("its last record says: {}", last.decided())) }
    }
}

// === impl Client ===

impl Client {
    /// What it says that is worth reading.
    pub(super) fn telling<'f>(&self, finished: &'f Finished) -> Vec<&'f str> {
        let lines = finished.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = match self {
            Self::Clone(_) => lines.collect(),
            Self::Push(..) | Self::PushMore(..) => {
                lines.filter(|line| line.starts_with("remote:") || line.contains(" -> ")).collect()
            }
            Self::Copy(..) => lines.filter(|line| line.contains("level=fatal")).collect(),
            Self::Call(..) => lines.collect(),
        };
        if lines.is_empty() && finished.success { vec!["done"] } else { lines }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clone(repository) => write!(f, "git clone $ACTGATE_GATEWAY/git/{repository}.git"),
            Self::Push(repository, to) | Self::PushMore(repository, to) => {
                write!(f, "git push $ACTGATE_GATEWAY/git/{repository}.git HEAD:{to}")
            }
            Self::Copy(image, tag) => {
                write!(f, "skopeo copy oci:images:{image} docker://$ACTGATE_GATEWAY/{tag}")
            }
            Self::Call(tool, arguments) => {
                write!(f, "client.py $ACTGATE_GATEWAY/mcp {MCP_VERSION} call {tool} '{arguments}'")
            }
        }
    }
}

// === impl Desk ===

impl<'w> Desk<'w> {
    /// An empty desk.
    pub(super) async fn open(world: &'w World) -> Result<Self, DemoError> {
        let folder = world.layout().empty_folder("git/desk")?;
        Ok(Self { world, folder })
    }

    /// Runs a client to its end.
    pub(super) async fn run(&self, client: Client, token: Option<&str>) -> Result<Finished, DemoError> {
        let gateway = self.world.gateway().address();
        let url = |repository: &str| format!("http://{gateway}/git/{repository}.git");
        match client {
            Client::Clone(repository) => {
                let url = url(repository);
                let clone = authorized(git::tool(&self.folder, ["clone", "--quiet", &url, "work"]), token);
                let finished = clone.finish().await?;
                if finished.success {
                    self.work("print('good day')\n").await?;
                }
                Ok(finished)
            }
            Client::Push(repository, to) | Client::PushMore(repository, to) => {
                if matches!(client, Client::PushMore(..)) {
                    self.work("print('good evening')\n").await?;
                }
                let arguments = ["push".to_owned(), url(repository), format!("HEAD:{to}")];
                authorized(git::tool(&self.clone(), arguments), token).finish().await
            }
            Client::Call(tool, arguments) => {
                let request = ["call", tool, arguments];
                self.world.mcp().client(gateway, MCP_VERSION, token, request).finish().await
            }
            Client::Copy(image, tag) => {
                let registry = self.world.registry();
                let (from, to) = (registry.image(image), format!("docker://{gateway}/{tag}"));
                let mut arguments = vec!["copy", "--quiet", "--dest-tls-verify=false"];
                arguments.extend(token.iter().flat_map(|token| ["--dest-registry-token", token]));
                arguments.extend([from.as_str(), to.as_str()]);
                registry.skopeo(arguments).finish().await
            }
        }
    }

    /// The commit that was made here.
    pub(super) async fn commit(&self) -> Result<String, DemoError> {
        let commit = git::tool(&self.clone(), ["rev-parse", "HEAD"]).succeed().await?;
        Ok(String::from_utf8_lossy(&commit).trim().to_owned())
    }

    /// The digest of an image that can be copied from here.
    pub(super) fn image_digest(&self, image: &str) -> Result<String, DemoError> {
        Ok(self.world.registry().image_digest(image)?.unwrap_or_default())
    }

    fn clone(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Commits a change in the clone.
    async fn work(&self, text: &str) -> Result<(), DemoError> {
        let file = self.clone().join("src/main.py");
        fs::write(&file, text).map_err(DemoError::io(format!("write `{}`", file.display())))?;
        let message = ["commit", "--quiet", "--all", "--message", "Greet better"];
        git::tool(&self.clone(), message)
            .variable("GIT_AUTHOR_NAME", "coder")
            .variable("GIT_AUTHOR_EMAIL", "coder@demo")
            .variable("GIT_COMMITTER_NAME", "coder")
            .variable("GIT_COMMITTER_EMAIL", "coder@demo")
            .succeed()
            .await
            .map(drop)
    }
}

/// git with a token in a header, which is not to be seen among its arguments.
fn authorized(git: Tool, token: Option<&str>) -> Tool {
    match token {
        None => git,
        Some(token) => git
            .variable("GIT_CONFIG_COUNT", "1")
            .variable("GIT_CONFIG_KEY_0", "http.extraHeader")
            .variable("GIT_CONFIG_VALUE_0", format!("Authorization: Bearer {token}")),
    }
}

#[cfg(test)]
mod tests;
