//! Hostile OCI requests: every one is refused, none reaches the registry, no tag moves.

use actgate_demo::ledger::Record;
use actgate_tests::e2e::{
    h1::{Outcome, Reply},
    ledger,
    verdict::{Verdicts, equal, holds, is_oci_refusal, is_refusal},
};

use crate::stage::{Caller, Stage};

/// A request, and how it is refused.
struct Row {
    name: String,
    line: String,
    rest: Vec<u8>,
    expect: Expect,
}

#[derive(Clone, Copy)]
enum Expect {
    /// In the registry's words, once the service is known.
    Oci(u16, &'static str),
    /// In HTTP's own words, before that.
    Http(u16, &'static str),
    /// By whoever notices first.
    Somehow,
}

const MANIFEST: &str = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";
const STAGING: &str = "/v2/payments/manifests/staging";
const UPLOADS: &str = "/v2/payments/blobs/uploads/";

const DENIED: Expect = Expect::Oci(403, "policy_denied");
const UNKNOWN: Expect = Expect::Oci(403, "route_unknown");
const UNDECLARED: Expect = Expect::Oci(400, "query_undeclared");
const ARGUMENT: Expect = Expect::Oci(400, "argument_invalid");
const ESCAPED_SLASH: Expect = Expect::Oci(400, "path_not_canonical");
const PATH: Expect = Expect::Http(400, "path_not_canonical");
const QUERY: Expect = Expect::Http(400, "query_malformed");
const HEADER: Expect = Expect::Http(400, "header_refused");
const DUPLICATE: Expect = Expect::Http(400, "header_duplicate");

/// A request with a body of two bytes where its method carries one.
fn row(name: impl Into<String>, line: impl Into<String>, expect: Expect) -> Row {
    with(name, line, MANIFEST, expect)
}

fn with(name: impl Into<String>, line: impl Into<String>, headers: &str, expect: Expect) -> Row {
    let line = line.into();
    let has_body = ["PUT ", "POST ", "PATCH "].iter().any(|method| line.starts_with(method));
    let body = if has_body { "content-length: 2\r\n\r\n{}" } else { "\r\n" };
    Row { name: name.into(), line, rest: format!("{headers}{body}").into_bytes(), expect }
}

fn bytes(name: &str, line: impl Into<String>, rest: &[u8], expect: Expect) -> Row {
    Row { name: name.to_owned(), line: line.into(), rest: rest.to_vec(), expect }
}

/// Ways to write the path of a deploy to production.
fn paths() -> Vec<Row> {
    let paths = [
        ("/v2/payments/manifests/productio%6E", PATH),
        ("/v2/payments/manifests/%70roduction", PATH),
        ("/v2/payments/%6Danifests/production", PATH),
        ("/v2/p%61yments/manifests/production", PATH),
        ("/%762/payments/manifests/production", PATH),
        ("/v2/payments/manifests/staging/../production", PATH),
        ("/v2/payments/manifests/./production", PATH),
        ("/v2/payments/blobs/../manifests/production", PATH),
        ("/v2/./payments/manifests/production", PATH),
        ("/v2/payments//manifests/production", PATH),
        ("/v2//payments/manifests/production", PATH),
        ("//v2/payments/manifests/production", Expect::Somehow),
        ("/v2/payments/manifests/staging;/../production", PATH),
        ("/v2/payments/manifests/production;x=1", PATH),
        ("/v2/payments/manifests/production%00", PATH),
        ("/v2/payments/manifests/staging%2F..%2Fproduction", PATH),
        ("/v2/payments/manifests/production%5C", PATH),
        ("/v2/payments/manifests/productio%256E", PATH),
        ("/v2/payments/manifests/production%0A", PATH),
        ("/v2/payments/manifests\\production", Expect::Somehow),
        ("/v2/payments%2Fmanifests%2Fproduction", ESCAPED_SLASH),
        ("/v2/payments%2Fmanifests/production", ESCAPED_SLASH),
        ("/v2/payments/manifests%2Fproduction", ESCAPED_SLASH),
        ("/v2/payments/manifests/production/", UNKNOWN),
        ("/v2/payments/manifests/staging/manifests/production", UNKNOWN),
        ("/v2/payments/blobs/uploads/manifests/production", UNKNOWN),
        ("/v2/payments/tags/manifests/production", UNKNOWN),
        ("/v2/payments/manifests/", UNKNOWN),
        ("/v2/payments/Manifests/production", UNKNOWN),
        ("/v2/payments/manifests/Production", DENIED),
        ("/v2/Payments/manifests/production", DENIED),
        ("/v2/payments/manifests/production%20", DENIED),
        ("/v2/payments/manifests/production%3Fx", DENIED),
        ("/v2/payments/manifests/production%23x", DENIED),
        ("/v2/payments/manifests/staging,production", DENIED),
        ("/v2/payments/manifests/production@sha256:0", DENIED),
        ("/v2/payments/manifests/staging:production", DENIED),
        ("/v2/payments:staging/manifests/production", ARGUMENT),
        ("/v2/payments:production/manifests/x", ARGUMENT),
        ("http://gateway.demo/v2/payments/manifests/production", Expect::Somehow),
        ("/v2/payments/manifests/production#staging", Expect::Somehow),
        ("/V2/payments/manifests/production", Expect::Http(403, "route_unknown")),
        ("/v2payments/manifests/production", Expect::Http(403, "route_unknown")),
        ("/v1/payments/manifests/production", Expect::Http(403, "route_unknown")),
        ("/secrets/v2/payments/manifests/production", Expect::Http(403, "route_unknown")),
        ("/secrets/../v2/payments/manifests/production", PATH),
        ("/git/v2/payments/manifests/production", Expect::Somehow),
        ("/git/payments.git/../../v2/payments/manifests/production", Expect::Somehow),
    ];
    paths.into_iter().map(|(path, expect)| row(path, format!("PUT {path}"), expect)).collect()
}

/// Tags, digests and parameters beside the path.
fn manifests() -> Vec<Row> {
    let put = |what: &str, expect| row(what, format!("PUT {what}"), expect);
    vec![
        put("/v2/payments/manifests/latest", DENIED),
        put("/v2/payments/manifests/staging-2", DENIED),
        put("/v2/payments/manifests/.staging", DENIED),
        put(&format!("/v2/payments/manifests/{DIGEST}"), DENIED),
        put(&format!("/v2/payments/manifests/{}", DIGEST.replace(':', "%3A")), DENIED),
        put(&format!("/v2/payments/manifests/{}", DIGEST.to_uppercase()), DENIED),
        put("/v2/payments/manifests/sha512:0", DENIED),
        put("/v2/website/manifests/staging", DENIED),
        put("/v2/website/manifests/production", DENIED),
        put("/v2/base/runtime/manifests/1", DENIED),
        put("/v2/team/payments/manifests/staging", DENIED),
        put("/v2/payments/staging/manifests/staging", DENIED),
        put(&format!("{STAGING}?tag=production"), UNDECLARED),
        put(&format!("{STAGING}?reference=production"), UNDECLARED),
        put(&format!("{STAGING}?_method=DELETE"), UNDECLARED),
        put(&format!("{STAGING}?ns=elsewhere.example"), UNDECLARED),
        put(&format!("{STAGING}?"), Expect::Somehow),
        row("post a manifest", format!("POST {STAGING}"), UNKNOWN),
        row("patch a manifest", format!("PATCH {STAGING}"), UNKNOWN),
        row("a method in small letters", format!("put {STAGING}"), Expect::Somehow),
        row("a method nobody has", format!("DEPLOY {STAGING}"), Expect::Somehow),
    ]
}

/// Blobs that are taken over, and uploads that go elsewhere.
fn uploads() -> Vec<Row> {
    let escaped = DIGEST.replace(':', "%3A");
    let mount = |query: &str, expect| {
        let query = query.replace("{digest}", &escaped);
        with(query.clone(), format!("POST {UPLOADS}?{query}"), "", expect)
    };
    vec![
        mount("from=website&mount={digest}", DENIED),
        mount("mount={digest}&from=website", DENIED),
        mount("from=Base%2Fruntime&mount={digest}", DENIED),
        mount("from=base&mount={digest}", DENIED),
        mount("from=baseline%2Fruntime&mount={digest}", DENIED),
        mount("from=payments%3Astaging&mount={digest}", DENIED),
        mount("from=base%2F..%2Fwebsite&mount={digest}", ARGUMENT),
        mount("from=base/../website&mount={digest}", ARGUMENT),
        mount("from=base%2F.%2Fruntime&mount={digest}", ARGUMENT),
        mount("from=base%2F%2Fwebsite&mount={digest}", ARGUMENT),
        mount("from=%2Fbase%2Fruntime&mount={digest}", ARGUMENT),
        mount("from=base%2Fruntime%2F&mount={digest}", ARGUMENT),
        mount("from=base%5Cwebsite&mount={digest}", ARGUMENT),
        mount("from=&mount={digest}", ARGUMENT),
        mount("from&mount={digest}", ARGUMENT),
        mount("from=base%252Fruntime&mount={digest}", ARGUMENT),
        mount("from=base+runtime&mount={digest}", Expect::Somehow),
        mount("mount={digest}", UNKNOWN),
        mount("from=base%2Fruntime", UNKNOWN),
        mount("From=website&mount={digest}", UNKNOWN),
        mount("from=base%2Fruntime&from=website&mount={digest}", QUERY),
        mount("from=base%2Fruntime&%66rom=website&mount={digest}", QUERY),
        mount("from[]=website&mount={digest}", QUERY),
        mount("from=base%2Fruntime;from=website&mount={digest}", QUERY),
        mount("from=base%2Fruntime%00&mount={digest}", Expect::Somehow),
        mount("from=base%2fruntime&mount={digest}", QUERY),
        mount("from=base%2Fruntime&mount={digest}&digest={digest}", UNDECLARED),
        mount("from=base%2Fruntime&mount={digest}&origin=website", UNDECLARED),
        mount("digest={digest}&_state=x", UNDECLARED),
        row("uploads without the slash", "POST /v2/payments/blobs/uploads", UNKNOWN),
        row("an upload elsewhere", "POST /v2/website/blobs/uploads/", DENIED),
        row("an upload to a base image", "POST /v2/base/runtime/blobs/uploads/", DENIED),
        row("an upload goes on elsewhere", "PATCH /v2/website/blobs/uploads/0f3a?_state=x", DENIED),
        row(
            "an upload ends elsewhere",
            format!("PUT /v2/website/blobs/uploads/0f3a?_state=x&digest={escaped}"),
            DENIED,
        ),
        row("two digests", format!("PUT {UPLOADS}0f3a?digest={escaped}&digest={escaped}"), QUERY),
        row("an upload with an escaped slash", format!("PUT {UPLOADS}0f3a%2F..%2Fx?_state=x"), PATH),
        row("an upload that is none", format!("PUT {UPLOADS}?_state=x&digest={escaped}"), UNKNOWN),
        row("a blob put directly", format!("PUT /v2/payments/blobs/{DIGEST}"), UNKNOWN),
    ]
}

/// Reading and destroying what is not theirs.
fn others() -> Vec<Row> {
    let line = |line: &str, expect| with(line, line, "", expect);
    vec![
        line("GET /v2/_catalog", UNKNOWN),
        line("GET /v2/_catalog?n=1000", UNKNOWN),
        line("GET /v2/website/tags/list", DENIED),
        line("GET /v2/website/manifests/production", DENIED),
        line(&format!("GET /v2/website/blobs/{DIGEST}"), DENIED),
        line("GET /v2/payments/tags/list?n=1&n=2", QUERY),
        line("GET /v2/payments/tags/list?next=%2Fv2%2F_catalog", UNDECLARED),
        line("GET /v2", Expect::Somehow),
        line("GET /v2/?token=x", UNDECLARED),
        line("OPTIONS /v2/", UNKNOWN),
        line("TRACE /v2/", Expect::Somehow),
        line("GET /metrics", Expect::Http(403, "route_unknown")),
        line("GET /debug/vars", Expect::Http(403, "route_unknown")),
        line(&format!("DELETE {STAGING}"), DENIED),
        line("DELETE /v2/payments/manifests/production", DENIED),
        line(&format!("DELETE /v2/payments/manifests/{DIGEST}"), DENIED),
        line(&format!("DELETE /v2/payments/blobs/{DIGEST}"), DENIED),
        line(&format!("DELETE {UPLOADS}0f3a?_state=x"), DENIED),
        line("DELETE /v2/website/manifests/production", DENIED),
    ]
}

/// Headers and framing around a deploy to staging, which would pass without them.
fn framing() -> Vec<Row> {
    let put = |name: &str, headers: &str, expect| {
        with(name, format!("PUT {STAGING}"), &format!("{MANIFEST}{headers}"), expect)
    };
    let raw = |name: &str, rest: &str, expect| bytes(name, format!("PUT {STAGING}"), rest.as_bytes(), expect);
    vec![
        put("a method in a header", "x-http-method-override: DELETE\r\n", HEADER),
        put("another spelling of it", "x-method-override: DELETE\r\n", HEADER),
        put("a path in a header", "x-original-url: /v2/payments/manifests/production\r\n", HEADER),
        put("another spelling of it, too", "x-rewrite-url: /v2/payments/manifests/production\r\n", HEADER),
        put("a name with underscores", "x_http_method_override: DELETE\r\n", Expect::Somehow),
        put("a second token", "authorization: Bearer x\r\n", Expect::Somehow),
        put("a type and another", "content-type: text/plain\r\n", DUPLICATE),
        put("a second host", "host: registry.example\r\n", Expect::Somehow),
        put("an upgrade", "connection: upgrade\r\nupgrade: websocket\r\n", Expect::Somehow),
        put("a second length", "content-length: 20\r\n", Expect::Somehow),
        put("a length and chunks", "transfer-encoding: chunked\r\n", Expect::Somehow),
        raw("a length with a sign", "content-length: +2\r\n\r\n{}", Expect::Somehow),
        raw("a length in hex", "content-length: 0x2\r\n\r\n{}", Expect::Somehow),
        raw(
            "chunked twice",
            "transfer-encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            Expect::Somehow,
        ),
        raw("chunked, or not", "transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Expect::Somehow),
        raw(
            "a header with a space",
            "transfer-encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            Expect::Somehow,
        ),
        raw("NUL in a header", "x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}", Expect::Somehow),
        bytes(
            "a pull with a body",
            format!("GET {STAGING}"),
            b"content-length: 2\r\n\r\n{}",
            Expect::Oci(400, "body_not_allowed"),
        ),
        bytes(
            "a pull with chunks",
            format!("GET {STAGING}"),
            b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            Expect::Oci(400, "body_not_allowed"),
        ),
        bytes(
            "a deletion in the chunks of a deletion",
            "DELETE /v2/website/manifests/production",
            b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nDELET\r\n0\r\n\r\n",
            Expect::Somehow,
        ),
    ]
}

async fn refuses(rows: Vec<Row>, caller: Caller) {
    let Some(stage) = Stage::set().await else { return };
    let before = stage.contents().await;
    let mut verdicts = Verdicts::default();
    for row in rows {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let outcome = stage.send(caller, &row.line, &row.rest).await;
        // What the codec refuses may leave a record of its own kind.
        let records = ledger::records(&ledger, 1).await;
        let verdict = row.judge(&outcome, &records);
        let now = stage.contents().await;
        verdicts.row(&row.name, verdict.and_then(|()| equal("the registry", &now, &before)));
    }
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_mean_production_to_somebody() {
    refuses(paths(), Caller::Alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_under_other_names() {
    refuses(manifests(), Caller::AliceWithTicket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_from_and_to_elsewhere() {
    refuses(uploads(), Caller::Alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_others_and_what_destroys() {
    refuses(others(), Caller::AliceWithTicket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_framing() {
    refuses(framing(), Caller::Alice).await;
}

// === impl Row ===

impl Row {
    fn judge(&self, outcome: &Outcome, records: &[Record]) -> Result<(), String> {
        if let Some(record) = records.iter().find(|record| record.was_forwarded()) {
            return Err(format!("it was forwarded: {}", record.value()));
        }
        match (self.expect, outcome, records) {
            (Expect::Oci(status, reason), Outcome::Reply(reply), [record]) => {
                is_oci_refusal(reply, status, reason, record)
            }
            (Expect::Http(status, reason), Outcome::Reply(reply), [record]) => {
                is_refusal(reply, status, reason, record)
            }
            (Expect::Somehow, Outcome::Reply(Reply { status, .. }), _) => {
                holds((400..=501).contains(status), format!("it was answered with {status}"))
            }
            (Expect::Somehow, Outcome::Closed, _) => Ok(()),
            (_, outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
        }
    }
}
