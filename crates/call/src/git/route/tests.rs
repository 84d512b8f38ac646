use serde_json::json;

use super::*;
use crate::{
    adapter::Adapter,
    fixture::Request,
    git,
    service::{Service, Services},
};

fn services() -> Services {
    let raw: git::RawCatalog = serde_json::from_value(json!({
        "service": "git",
        "groups": { "git.fetch": ["read"] },
        "refuse": { "headers": ["x-forwarded-user"] },
    }))
    .unwrap();
    let service = Service {
        name: "git".into(),
        host: None,
        prefix: "/git/".into(),
        token_header: None,
        adapter: Adapter::Git(git::Catalog::try_from(raw).unwrap()),
    };
    Services::new(vec![service]).unwrap()
}

/// `action on resource`, or the refusal's code.
fn outcome(request: &Request) -> String {
    match request.calls(&services(), b"") {
        Ok(calls) => {
            let call = calls.first();
            format!("{} {}::{}", call.action, call.resource.type_name, call.resource.id)
        }
        Err(error) => error.code().to_owned(),
    }
}

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn post(target: &str) -> Request {
    Request::new("POST", target).with("content-type", UPLOAD_PACK_REQUEST)
}

fn push() -> Request {
    Request::new("POST", "/git/payments.git/git-receive-pack").with("content-type", RECEIVE_PACK_REQUEST)
}

#[test]
fn reading_and_asking_are_one_call_on_the_repository() {
    let fetch = "git.fetch Git::Repo::payments";
    assert_eq!(outcome(&get("/git/payments.git/info/refs?service=git-upload-pack")), fetch);
    assert_eq!(outcome(&post("/git/payments.git/git-upload-pack")), fetch);
    let v2 = post("/git/payments.git/git-upload-pack").with("git-protocol", "version=2");
    assert_eq!(outcome(&v2), fetch);
    assert_eq!(outcome(&v2.with("content-encoding", "gzip")), fetch);
    assert_eq!(
        outcome(&get("/git/payments.git/info/refs?service=git-receive-pack")),
        "git.push.probe Git::Repo::payments"
    );
    assert_eq!(
        outcome(&get("/git/team/web/site.git/info/refs?service=git-upload-pack")),
        "git.fetch Git::Repo::team/web/site"
    );
}

#[test]
fn a_repository_is_in_every_folder_above_it() {
    let calls =
        get("/git/team/web/site.git/info/refs?service=git-upload-pack").calls(&services(), b"").unwrap();
    let web = &calls.first().resource.parents[0];
    assert_eq!((&*web.type_name, web.id.as_str()), ("Git::Folder", "team/web"));
    let team = &web.parents[0];
    assert_eq!((&*team.type_name, team.id.as_str(), team.parents.len()), ("Git::Folder", "team", 0));
}

#[test]
fn only_the_smart_protocol_has_endpoints() {
    for (method, target) in [
        // The dumb protocol.
        ("GET", "/git/payments.git/info/refs"),
        ("GET", "/git/payments.git/HEAD"),
        ("GET", "/git/payments.git/objects/info/packs"),
        ("GET", "/git/payments.git/objects/ab/cdef"),
        ("GET", "/git/payments.git/packed-refs"),
        ("GET", "/git/payments.git/config"),
        // Archives, Git LFS, other services.
        ("POST", "/git/payments.git/git-upload-archive"),
        ("GET", "/git/payments.git/info/refs?service=git-upload-archive"),
        ("GET", "/git/payments.git/info/refs?service=upload-pack"),
        ("GET", "/git/payments.git/info/refs?service="),
        ("GET", "/git/payments.git/info/refs?service=GIT-RECEIVE-PACK"),
        ("POST", "/git/payments.git/info/lfs/objects/batch"),
        ("GET", "/git/payments.git/info/lfs/locks"),
        ("PUT", "/git/payments.git/info/lfs/objects/ab"),
        // Other methods.
        ("HEAD", "/git/payments.git/info/refs?service=git-upload-pack"),
        ("POST", "/git/payments.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/payments.git/git-upload-pack"),
        ("GET", "/git/payments.git/git-receive-pack"),
        ("PUT", "/git/payments.git/git-receive-pack"),
        // Other paths.
        ("GET", "/git/payments.git/info/refs/?service=git-upload-pack"),
        ("GET", "/git/info/refs?service=git-upload-pack"),
        ("GET", "/git/.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/payments/info/refs?service=git-upload-pack"),
        ("GET", "/git/payments.GIT/info/refs?service=git-upload-pack"),
        ("GET", "/git/"),
        ("POST", "/git/payments.git/git-receive-pack/"),
        ("POST", "/git/payments.git/x/git-receive-pack"),
    ] {
        let request = Request::new(method, target).with("content-type", UPLOAD_PACK_REQUEST);
        assert_eq!(outcome(&request), "route_unknown", "{method} {target}");
    }
}

#[test]
fn a_repository_has_one_name() {
    for (target, code) in [
        ("/git/payments.git.git/info/refs", "argument_invalid"),
        ("/git/a.git/b.git/info/refs", "argument_invalid"),
        ("/git/payments.git/.git/info/refs", "argument_invalid"),
        ("/git/.payments.git/info/refs", "argument_invalid"),
        ("/git/-payments.git/info/refs", "argument_invalid"),
        ("/git/a@b.git/info/refs", "argument_invalid"),
        ("/git/a:b.git/info/refs", "argument_invalid"),
        ("/git/pay%20ments.git/info/refs", "argument_invalid"),
        ("/git/team%2Fpayments.git/info/refs", "path_not_canonical"),
        ("/git/team/../payments.git/info/refs", "path_not_canonical"),
        ("/git/team//payments.git/info/refs", "path_not_canonical"),
        ("/git/payments%2Egit/info/refs", "path_not_canonical"),
        ("/git/payments.git/info%2Frefs", "path_not_canonical"),
    ] {
        assert_eq!(outcome(&get(&format!("{target}?service=git-upload-pack"))), code, "{target}");
    }
    let long = format!("/git/{}.git/info/refs?service=git-upload-pack", "x".repeat(MAX_REPO_BYTES + 1));
    assert_eq!(outcome(&get(&long)), "argument_invalid");
}

#[test]
fn the_service_is_the_only_parameter_and_there_once() {
    for (query, code) in [
        ("service=git-upload-pack&service=git-receive-pack", "query_malformed"),
        ("service=git-receive-pack&service=git-upload-pack", "query_malformed"),
        ("service=git-upload-pack&x=1", "query_undeclared"),
        ("x=1", "query_undeclared"),
        ("Service=git-upload-pack", "query_undeclared"),
        ("service=git%2Dupload-pack", "query_malformed"),
        ("service=git-upload-pack&", "query_malformed"),
        ("", "query_malformed"),
    ] {
        assert_eq!(outcome(&get(&format!("/git/payments.git/info/refs?{query}"))), code, "{query}");
    }
    assert_eq!(
        outcome(&post("/git/payments.git/git-upload-pack?service=git-upload-pack")),
        "query_undeclared"
    );
}

#[test]
fn headers_are_what_git_sends() {
    for (request, code) in [
        (Request::new("POST", "/git/payments.git/git-upload-pack"), "body_type_refused"),
        (Request::new("POST", "/git/payments.git/git-receive-pack"), "body_type_refused"),
        (
            Request::new("POST", "/git/payments.git/git-receive-pack")
                .with("content-type", UPLOAD_PACK_REQUEST),
            "body_type_refused",
        ),
        (
            Request::new("POST", "/git/payments.git/git-receive-pack")
                .with("content-type", "application/x-git-receive-pack-request; charset=utf-8"),
            "body_type_refused",
        ),
        (
            Request::new("POST", "/git/payments.git/git-receive-pack")
                .with("content-type", "Application/X-Git-Receive-Pack-Request"),
            "body_type_refused",
        ),
        (push().with("content-encoding", "gzip"), "body_encoding_refused"),
        (push().with("content-encoding", "x-gzip"), "body_encoding_refused"),
        (push().with("content-encoding", "deflate"), "body_encoding_refused"),
        (push().with("content-encoding", "identity"), "body_encoding_refused"),
        (push().with("content-encoding", ""), "body_encoding_refused"),
        (push().with("content_encoding", "gzip"), "header_refused"),
        (
            post("/git/payments.git/git-upload-pack").with("content-encoding", "x-gzip"),
            "body_encoding_refused",
        ),
        (post("/git/payments.git/git-upload-pack").with("content-encoding", "GZIP"), "body_encoding_refused"),
        (push().with("git-protocol", "version=3"), "header_refused"),
        (push().with("git-protocol", "version=2:x=y"), "header_refused"),
        (push().with("git-protocol", ""), "header_refused"),
        (push().with("git-protocol", "version=2").with("git-protocol", "version=1"), "header_duplicate"),
        (push().with("git_protocol", "version=2"), "header_refused"),
        (push().with("x-forwarded-user", "root"), "header_refused"),
        (push().with("x-http-method-override", "GET"), "header_refused"),
        (
            get("/git/payments.git/info/refs?service=git-upload-pack").with("content-length", "4"),
            "body_not_allowed",
        ),
        // The head alone is well: an empty push is what is wrong.
        (push(), "git_framing_invalid"),
        (push().with("git-protocol", "version=1"), "git_framing_invalid"),
    ] {
        let shown: Vec<_> = request
            .headers
            .iter()
            .skip(3)
            .map(|(n, v)| (String::from_utf8_lossy(n).into_owned(), String::from_utf8_lossy(v).into_owned()))
            .collect();
        assert_eq!(outcome(&request), code, "{shown:?}");
    }
}

#[test]
fn only_a_push_is_read() {
    let need = |request: &Request| request.route(&services()).unwrap().body_need();
    assert_eq!(need(&get("/git/payments.git/info/refs?service=git-upload-pack")), BodyNeed::None);
    assert_eq!(need(&post("/git/payments.git/git-upload-pack")), BodyNeed::Ignore);
    assert_eq!(need(&push()), BodyNeed::Prefix { max: MAX_PREFIX_BYTES });
    let body = get("/git/payments.git/info/refs?service=git-upload-pack").calls(&services(), b"x");
    assert_eq!(body.unwrap_err().code(), "body_not_allowed");
}
