//! People sign in at a real identity provider (npm's `oidc-provider`), in a real Chromium.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "test code"
)]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actgate_control::store::Store;
use serde_json::{Value, json};
use support::{CONFIG, Replica, again, claim, claim_of};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// Slow machines load slowly; a browser that hangs ends.
const WHOLE_STORY: Duration = Duration::from_secs(240);

const SECRET: &str = "a secret that only a test has, long enough";

struct World {
    folder: TempDir,
    provider: Child,
    issuer: String,
    replica: Replica,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl World {
    /// A provider and a service that know each other, or why there are none.
    async fn start(userinfo: bool) -> Option<Self> {
        let modules = root().join(".run/oidc-provider");
        if !modules.join("node_modules/oidc-provider").exists() {
            assert!(std::env::var_os("CI").is_none(), "oidc-provider is missing: run `make setup`");
            eprintln!("SKIPPED: oidc-provider is missing (`make setup` brings it where there is npm)");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control = format!("http://{}", listener.local_addr().unwrap());
        let told = json!({
            "modules": modules, "control": control, "secret": SECRET, "userinfo": userinfo,
            "people": {
                "bob@demo": { "name": "Bob Example", "employee": { "id": "bob@demo" }, "roles": ["rm", "staff"] },
                "alice@demo": { "name": "Alice", "employee": { "id": "alice@demo" }, "roles": ["rm"] },
                "carol@demo": { "name": "Carol", "employee": { "id": "carol@demo" }, "roles": ["security"] },
                "contractor": { "name": "Contractor", "roles": ["rm"] },
            },
        });
        let mut provider = Command::new("node")
            .arg(root().join("control/tests/browser/provider.mjs"))
            .arg(told.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        let mut output = BufReader::new(provider.stdout.take().unwrap());
        output.read_line(&mut issuer).await.unwrap();
        let issuer = issuer.trim().to_owned();
        assert!(issuer.starts_with("http://127.0.0.1:"), "{issuer}");
        // It writes no more, but a closed pipe would end it.
        tokio::spawn(async move { output.read_to_end(&mut Vec::new()).await });

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("client.secret"), format!("{SECRET}\n")).unwrap();
        let config = format!(
            "{}
oidc:
  issuer: {issuer}
  name: Example login
  client_id: actgate
  client_secret_file: client.secret
  scopes: [profile, roles]
  userinfo: {userinfo}
  alias: demo
  claims: {{ id: /employee/id, groups: /roles }}
  groups: {{ release-managers: [rm, release] }}
",
            CONFIG.replace("http://console.test", &control)
        );
        let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
        // What the provider signs is of today.
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let replica =
            Replica::start_at(today.try_into().unwrap(), listener, folder.path(), store, &config).await;
        Some(Self { folder, provider, issuer, replica })
    }
}

#[tokio::test]
async fn people_sign_in_at_a_provider_and_decide() {
    let (chromium, modules) = (root().join(".run/chromium/bin/chromium"), root().join(".run/playwright"));
    if !chromium.exists() || !modules.join("node_modules/playwright-core").exists() {
        assert!(std::env::var_os("CI").is_none(), "Chromium or Playwright is missing: run `make setup`");
        eprintln!("SKIPPED: Chromium or Playwright is missing (`make setup` brings them where there is npm)");
        return;
    }
    let Some(world) = World::start(false).await else { return };
    let replica = &world.replica;
    let mut of_nobody = claim(4);
    of_nobody["envelope"]["subject"] = json!("demo/contractor");
    let ids = [
        replica.pending(&claim(1)).await,
        replica.pending(&claim(2)).await,
        replica.pending(&claim(3)).await,
        replica.pending(&claim_of(&of_nobody["envelope"])).await,
    ];
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&screenshots).unwrap();
    let told = json!({
        "url": format!("http://{}", replica.address), "issuer": world.issuer, "chromium": chromium,
        "modules": modules, "screenshots": screenshots,
        "approve": ids[0], "deny": ids[1], "two": ids[2], "late": ids[3],
    });
    let mut run = Command::new("node")
        .arg(root().join("control/tests/browser/oidc.mjs"))
        .arg(told.to_string())
        .env("HOME", world.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut input, output) = (run.stdin.take().unwrap(), run.stdout.take().unwrap());
    let mut errors = run.stderr.take().unwrap();
    let story = async {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            replica.turn(line.strip_prefix("turn ").unwrap().parse().unwrap());
            input.write_all(b"turned\n").await.unwrap();
        }
        let mut said = String::new();
        errors.read_to_string(&mut said).await.unwrap();
        (run.wait().await.unwrap(), said)
    };
    let (status, said) = tokio::time::timeout(WHOLE_STORY, story).await.unwrap();
    assert!(status.success(), "{said}\nscreenshots: {}", screenshots.display());
    // The attempts to sign in are another minute's.
    replica.turn(60);
    for (id, state) in ids.iter().zip(["approved", "denied", "pending", "pending"]) {
        let shown: Value = replica.show(id).await;
        assert_eq!(shown["state"], state, "{shown}");
    }
    assert_eq!(replica.show(&ids[0]).await["votes"][0]["approver"], "demo/bob@demo");
    world.replica.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_people_out_and_answers_gateways() {
    let Some(mut world) = World::start(true).await else { return };
    let replica = &world.replica;
    let begin = replica.send(replica.request("GET", "/login/begin?next=/history"), Vec::new()).await;
    assert_eq!(begin.status, 303, "{}", begin.text);
    let to = begin.headers["location"].to_str().unwrap();
    for part in
        ["response_type=code", "code_challenge_method=S256", "nonce=", "state=", "scope=openid+profile+roles"]
    {
        assert!(to.contains(part), "{to}");
    }
    let cookie = begin.headers["set-cookie"].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let state = to.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap();
    let pair = cookie.split(';').next().unwrap();
    let callback = async |query: String, cookie: &str| {
        let request = replica.request("GET", &format!("/login/callback?{query}")).header("cookie", cookie);
        let reply = replica.send(request, Vec::new()).await;
        assert!(
            !reply.headers.get_all("set-cookie").iter().any(|set| set.as_bytes().starts_with(b"actgate="))
        );
        let (_, text) = reply.text.split_once("role=\"alert\">").unwrap();
        (reply.status, text.split('<').next().unwrap().to_owned())
    };
    let refused = |answer: (u16, String), status: u16, why: &str| {
        assert!(answer.0 == status && answer.1.contains(why), "{answer:?}, not {status} {why}");
    };
    // Made up, of another attempt, of another provider, refused by the person.
    refused(callback("code=x&state=none".to_owned(), pair).await, 401, "not begun in this browser");
    refused(callback(format!("code=x&state={}A", &state[..8]), pair).await, 401, "begun elsewhere");
    refused(callback(format!("code=x&state={state}"), "").await, 401, "not begun in this browser");
    refused(
        callback(format!("code=x&state={state}&iss=https://evil.test"), pair).await,
        401,
        "another provider",
    );
    refused(callback(format!("error=access_denied&state={state}"), pair).await, 401, "did not sign you in");
    refused(callback(format!("state={state}"), pair).await, 401, "did not sign you in");
    refused(callback(format!("code=x&state={state}"), pair).await, 401, "does not take the code");

    world.provider.kill().await.unwrap();
    refused(callback(format!("code=x&state={state}"), pair).await, 503, "identity provider");
    replica.turn(3600);
    let begin = replica.send(replica.request("GET", "/login/begin"), Vec::new()).await;
    assert_eq!(begin.status, 503);
    assert!(begin.headers.contains_key("retry-after"));
    replica.pending(&again(&claim(1))).await;
    // Who asks too often waits.
    let mut last = 0;
    for _ in 0..30 {
        last = callback("code=x&state=none".to_owned(), "").await.0;
    }
    assert_eq!(last, 429);
    world.replica.stop().await;
}
