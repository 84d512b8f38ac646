//! The console over HTTP: who gets in, what a form needs, and what a page may never do.

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

use actgate_control::store::Store;
use serde_json::json;
use support::{ALICE, BOB, Replica, Reply, claim, claim_of, with};
use tempfile::TempDir;

async fn start() -> (TempDir, Replica) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    let replica = Replica::start(folder.path(), store).await;
    (folder, replica)
}

/// A browser, as far as cookies and forms go.
struct Browser<'a> {
    replica: &'a Replica,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn sign_in(replica: &'a Replica, person: &str) -> Self {
        let mut browser = Self { replica, cookie: String::new() };
        let reply = browser.post("/login", &format!("person={}&next=", encoded(person))).await;
        assert_eq!((reply.status, reply.headers["location"].to_str().unwrap()), (303, "/"));
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=28800"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser
    }

    async fn get(&self, path: &str) -> Reply {
        self.replica.send(self.replica.request("GET", path).header("cookie", &self.cookie), Vec::new()).await
    }

    async fn post(&self, path: &str, form: &str) -> Reply {
        self.post_from("http://console.test", path, form).await
    }

    async fn post_from(&self, origin: &str, path: &str, form: &str) -> Reply {
        let request = self
            .replica
            .request("POST", path)
            .header("cookie", &self.cookie)
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded");
        self.replica.send(request, form.as_bytes().to_vec()).await
    }

    async fn csrf(&self, path: &str) -> String {
        let page = self.get(path).await.text;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_person_signs_in_reads_the_call_and_decides() {
    let (_folder, replica) = start().await;
    let call = claim(1);
    let id = replica.pending(&call).await;
    let bob = Browser::sign_in(&replica, BOB).await;
    let inbox = bob.get("/").await.text;
    assert!(inbox.contains("Waiting for you (1)") && inbox.contains(&format!("/approvals/{id}")), "{inbox}");
    let page = bob.get(&format!("/approvals/{id}")).await.text;
    for shown in [
        "git.ref.update",
        "Git::Ref::&quot;payments/refs/heads/main&quot;",
        &"0".repeat(39),
        "does not exist",
        ALICE,
        "spiffe://demo/agent/coder",
        "demo/lead@demo",
        "git.main-needs-release-managers",
        "CHG-1",
        "fix the rounding",
        call["digest"].as_str().unwrap(),
        "never asked for anything",
        "/git/payments.git/git-receive-pack",
        "gateway-demo",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let csrf = bob.csrf(&format!("/approvals/{id}")).await;
    let form = format!("csrf={csrf}&comment=looks+right");
    let reply = bob.post(&format!("/approvals/{id}/approve"), &form).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let shown = replica.show(&id).await;
    assert_eq!(
        (&shown["state"], &shown["events"][1]["comment"]),
        (&json!("approved"), &json!("looks right"))
    );
    assert!(bob.get("/history?state=approved").await.text.contains(&id));
    // Taken back.
    assert_eq!(bob.post(&format!("/approvals/{id}/revoke"), &form).await.status, 303);
    assert_eq!(replica.show(&id).await["state"], "revoked");
}

#[tokio::test]
async fn a_decision_needs_the_forms_token_and_comes_from_here() {
    let (_folder, replica) = start().await;
    let id = replica.pending(&claim(1)).await;
    let bob = Browser::sign_in(&replica, BOB).await;
    let other = Browser::sign_in(&replica, BOB).await;
    let csrf = bob.csrf("/").await;
    let approve = format!("/approvals/{id}/approve");
    let foreign = other.csrf("/").await;
    for form in ["", "csrf=", "csrf=x", &format!("csrf={foreign}"), "comment=yes"] {
        let reply = bob.post(&approve, form).await;
        assert_eq!(reply.status, 422, "{form}: {}", reply.text);
    }
    let form = format!("csrf={csrf}");
    for origin in ["http://evil.test", "null", "http://console.test.evil.test", "https://console.test"] {
        assert_eq!(bob.post_from(origin, &approve, &form).await.status, 422, "{origin}");
    }
    let cross = replica
        .request("POST", &approve)
        .header("cookie", &bob.cookie)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(replica.send(cross, form.clone().into_bytes()).await.status, 422);
    // Nor does a cookie open the API.
    let api = replica
        .request("POST", &format!("/v1{approve}"))
        .header("cookie", &bob.cookie)
        .header("content-type", "application/json");
    assert_eq!(replica.send(api, b"{}".to_vec()).await.status, 401);
    // Nor a GET.
    assert_eq!(bob.get(&approve).await.status, 405);
    assert_eq!(replica.show(&id).await["state"], "pending");
    assert_eq!(bob.post(&approve, &form).await.status, 303);
}

#[tokio::test]
async fn who_may_not_decide_reads_why() {
    let (_folder, replica) = start().await;
    let id = replica.pending(&claim(1)).await;
    for (person, why) in [(ALICE, "nobody approves their own"), ("demo/carol@demo", "in none of the groups")]
    {
        let browser = Browser::sign_in(&replica, person).await;
        let page = browser.get(&format!("/approvals/{id}")).await.text;
        assert!(page.contains(why) && !page.contains("formaction"), "{page}");
        let form = format!("csrf={}", browser.csrf("/").await);
        assert_eq!(browser.post(&format!("/approvals/{id}/approve"), &form).await.status, 403);
    }
    let nobody = Browser::sign_in(&replica, "demo/nobody@demo").await;
    assert_eq!(nobody.get(&format!("/approvals/{id}")).await.status, 403);
    assert_eq!(nobody.get("/history").await.status, 403);
    assert!(!nobody.get("/").await.text.contains(&id));
    assert_eq!(replica.show(&id).await["state"], "pending");
}

#[tokio::test]
async fn what_an_agent_writes_is_text() {
    let (_folder, replica) = start().await;
    let hostile = "</pre><script>alert(1)</script>\u{202e}\"' onload=x";
    let mut envelope = claim(1)["envelope"].clone();
    envelope["calls"][0]["resource"] = json!(hostile);
    envelope["calls"][0]["arguments"]["ref"] = json!({ hostile: hostile });
    envelope["headers"] = json!({ hostile: hostile });
    envelope["body"]["push_options"] = json!([hostile]);
    let call =
        with(&claim_of(&envelope), "context", json!({ "purpose": hostile, hostile: { "a": hostile } }));
    let call = with(&call, "policies", json!([hostile]));
    let id = replica.pending(&call).await;
    let bob = Browser::sign_in(&replica, BOB).await;
    for path in ["/", "/history", &format!("/approvals/{id}")] {
        let page = bob.get(path).await;
        assert!(!page.text.contains("<script>") && !page.text.contains('\u{202e}'), "{path}: {}", page.text);
        assert!(page.text.contains("&lt;script&gt;") && page.text.contains("U+202E"), "{path}");
    }
}

#[tokio::test]
async fn pages_are_closed_to_other_sites_and_sessions_end() {
    let (_folder, replica) = start().await;
    let id = replica.pending(&claim(1)).await;
    let nobody = Browser { replica: &replica, cookie: String::new() };
    let turned_away = nobody.get(&format!("/approvals/{id}")).await;
    assert_eq!(
        (turned_away.status, turned_away.headers["location"].to_str().unwrap()),
        (303, format!("/login?next=/approvals/{id}").as_str())
    );
    let mut bob = Browser::sign_in(&replica, BOB).await;
    for path in ["/", "/login", "/none", &format!("/approvals/{id}"), "/assets/console.js"] {
        let headers = bob.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        if !path.contains("assets") {
            assert_eq!(headers["cache-control"], "no-store");
        }
    }
    // A link leads to a page of ours only.
    for next in ["//evil.test", "https://evil.test", "/approvals/../x", "/\\evil.test", "/logout"] {
        let form = format!("person={}&next={}", encoded(BOB), encoded(next));
        assert_eq!(nobody.post("/login", &form).await.headers["location"], "/", "{next}");
    }
    let form = format!("person={}&next=/approvals/{id}", encoded(BOB));
    assert_eq!(
        nobody.post("/login", &form).await.headers["location"].to_str().unwrap(),
        format!("/approvals/{id}")
    );
    assert_eq!(nobody.post_from("http://evil.test", "/login", &form).await.status, 422);

    // A second cookie of the name is somebody else's doing.
    let own = bob.cookie.clone();
    bob.cookie = format!("{own}; actgate=planted");
    assert_eq!(bob.get("/").await.status, 303);
    bob.cookie = own;
    assert_eq!(bob.get("/").await.status, 200);
    let form = format!("csrf={}", bob.csrf("/").await);
    assert_eq!(bob.post("/logout", &form).await.status, 303);
    assert_eq!(bob.get("/").await.status, 303);
    let bob = Browser::sign_in(&replica, BOB).await;
    replica.turn(8 * 3600);
    assert_eq!(bob.get("/").await.status, 303);
}

#[tokio::test]
async fn a_terminals_token_is_made_in_the_console() {
    let (_folder, replica) = start().await;
    let id = replica.pending(&claim(1)).await;
    let bob = Browser::sign_in(&replica, BOB).await;
    let form = format!("csrf={}", bob.csrf("/terminal").await);
    let page = bob.post("/terminal", &form).await.text;
    let (_, rest) = page.split_once("ACTGATE_CONTROL_TOKEN=").unwrap();
    let token = rest.split('<').next().unwrap().trim();
    let reply = replica.post(&format!("/v1/approvals/{id}/approve"), token, &json!({})).await;
    assert_eq!(reply.json()["state"], "approved", "{}", reply.text);
    // It is no cookie, as a cookie is no token.
    let browser = Browser { replica: &replica, cookie: format!("actgate={token}") };
    assert_eq!(browser.get("/").await.status, 303);
    assert_eq!(replica.get("/v1/approvals", bob.cookie.strip_prefix("actgate=").unwrap()).await.status, 401);
}

#[tokio::test]
async fn signing_in_is_slowed_down() {
    let (_folder, replica) = start().await;
    let nobody = Browser { replica: &replica, cookie: String::new() };
    let mut last = nobody.post("/login", "person=nobody").await;
    assert_eq!(last.status, 401);
    for _ in 0..25 {
        last = nobody.post("/login", "person=nobody").await;
    }
    assert_eq!((last.status, last.headers.contains_key("retry-after")), (429, true));
}
