use serde_json::{Value, json};

use super::*;
use crate::{
    fixture::{Request, service},
    service::Services,
    tool_call::{Effect, Entity},
};

fn field(from: &str, at: &str, kind: &str) -> Value {
    json!({ "from": from, "at": at, "type": kind })
}

fn optional(from: &str, at: &str, kind: &str) -> Value {
    json!({ "from": from, "at": at, "type": kind, "optional": true })
}

fn services() -> Services {
    let catalog = json!({
        "service": "tools",
        "routes": [
            {
                "method": "GET", "path": "/kv/{env}/{name...}", "action": "read", "effect": "read",
                "resource": {
                    "type": "Secret", "id": "{env}/{name}",
                    "parents": [
                        { "type": "Folder", "folders_of": "{env}/{name}" },
                        { "type": "Mount", "id": "kv", "parents": [{ "type": "Engine", "id": "vault" }] },
                    ],
                },
                "context": {
                    "env": field("path", "env", "string"),
                    "version": optional("query", "version", "long"),
                    "dry": optional("query", "dry-run", "bool"),
                    "tenant": optional("header", "x-tenant", "string"),
                },
                "query": ["pretty"],
            },
            {
                "method": "POST", "path": "/kv/{name}", "action": "write", "effect": "write",
                "resource": { "type": "Secret", "id": "{name}" },
                "context": {
                    "value": field("json", "/data/value", "string"),
                    "ttl": optional("json", "/ttl", "long"),
                    "force": optional("json", "/force", "bool"),
                },
                "secret": ["value"],
                "max_body": 200,
            },
            {
                "method": "GET", "path": "/repos/{repo:encoded}/{ref}", "action": "read", "effect": "read",
                "resource": {
                    "type": "Repo", "id": "{repo}", "parents": [{ "type": "Folder", "folders_of": "{repo}" }],
                },
            },
            {
                "method": "PUT", "path": "/images/{name}/{tag}", "action": "write", "effect": "write",
                "resource": { "type": "Tag", "id": "{name}:{tag}" },
            },
            {
                "method": "POST", "path": "/raw", "action": "write", "effect": "write",
                "resource": { "type": "Raw", "id": "raw" }, "body": "whole",
            },
            {
                "method": "POST", "path": "/ops", "action": "op", "effect": "write",
                "header": { "name": "x-op", "value": "Tools.Run" },
                "resource": { "type": "Op", "id": "run" },
            },
            {
                "method": "GET", "path": "/pages/{number}", "action": "read", "effect": "read",
                "resource": { "type": "Page", "id": "{number}" },
                "context": { "number": field("path", "number", "long") },
            },
        ],
        "refuse": { "headers": ["x-vault-token"], "cookies": ["token"] },
    });
    Services::new(vec![service("tools", "/tools/", catalog)]).unwrap()
}

fn calls(request: &Request, body: &[u8]) -> Result<ToolCalls, CallError> {
    request.calls(&services(), body)
}

fn code(request: &Request, body: &[u8]) -> &'static str {
    calls(request, body).map_or_else(|error| error.code(), |_| "ok")
}

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn write(content_type: &str) -> Request {
    Request::new("POST", "/tools/kv/db").with("content-type", content_type)
}

fn entity(type_name: &str, id: &str, parents: Vec<Entity>) -> Entity {
    Entity { type_name: type_name.into(), id: id.to_owned(), attributes: Default::default(), parents }
}

#[test]
fn a_request_becomes_its_tool_call() {
    let request = get("/tools/kv/prod/team%20a/db?version=3&dry-run=true&pretty").with("x-tenant", "acme");
    let calls = calls(&request, b"").unwrap();
    assert_eq!(calls.len(), 1);
    let call = calls.first();
    assert_eq!((&*call.action, call.effect), ("read", Effect::Read));
    assert_eq!(
        Value::Object(call.arguments.clone()),
        json!({ "env": "prod", "version": 3, "dry": true, "tenant": "acme" })
    );
    let folders = entity("Folder", "prod/team a", vec![entity("Folder", "prod", vec![])]);
    let mount = entity("Mount", "kv", vec![entity("Engine", "vault", vec![])]);
    assert_eq!(call.resource, entity("Secret", "prod/team a/db", vec![folders, mount]));
}

#[test]
fn what_is_optional_may_be_absent() {
    let calls = calls(&get("/tools/kv/dev/db"), b"").unwrap();
    assert_eq!(Value::Object(calls.first().arguments.clone()), json!({ "env": "dev" }));
}

#[test]
fn arguments_come_out_of_the_body() {
    let request = write("application/json");
    let route = request.route(&services()).unwrap();
    assert_eq!(route.body_need(), BodyNeed::Whole { max: 200 });
    let body = br#"{"data":{"value":"hunter2","other":1},"ttl":60,"force":false}"#;
    let calls = route.extract(body).unwrap();
    let call = calls.first();
    assert_eq!(
        Value::Object(call.arguments.clone()),
        json!({ "value": "hunter2", "ttl": 60, "force": false })
    );
    assert_eq!(call.secret, ["value"]);
    assert!(!format!("{call:?}").contains("hunter2"), "a secret in debug output");
    assert!(!format!("{route:?}").contains("db"), "a value in debug output");
}

#[test]
fn a_route_without_a_folder_has_no_folder() {
    let plain = calls(&get("/tools/repos/name/main"), b"").unwrap();
    assert_eq!(plain.first().resource, entity("Repo", "name", vec![]));
    let nested = calls(&get("/tools/repos/group%2Fsub%2Fname/main"), b"").unwrap();
    let folders = entity("Folder", "group/sub", vec![entity("Folder", "group", vec![])]);
    assert_eq!(nested.first().resource, entity("Repo", "group/sub/name", vec![folders]));
}

#[test]
fn heads_that_mean_nothing_here_are_refused() {
    let table: &[(&str, &str, &str)] = &[
        ("GET", "/", "route_unknown"),
        ("GET", "/tools", "route_unknown"),
        ("GET", "/tools/", "route_unknown"),
        ("GET", "/toolsx/kv/dev/db", "route_unknown"),
        ("GET", "/tools/kv/dev", "route_unknown"),
        ("GET", "/tools/kv/dev/", "route_unknown"),
        ("GET", "/tools/kv/dev/db/", "route_unknown"),
        ("GET", "/tools/KV/dev/db", "route_unknown"),
        ("PUT", "/tools/kv/dev/db", "route_unknown"),
        ("LIST", "/tools/kv/dev/db", "route_unknown"),
        ("HEAD", "/tools/kv/dev/db", "route_unknown"),
        ("POST", "/tools/ops", "route_unknown"),
        // an escaped slash where the route does not ask for one
        ("GET", "/tools/kv/dev%2Fdb", "path_not_canonical"),
        ("GET", "/tools/kv/dev/a%2Fb", "path_not_canonical"),
        ("GET", "/tools/kv%2Fdev/db", "path_not_canonical"),
        ("GET", "/tools/repos/a%2Fb/c%2Fd", "path_not_canonical"),
        // undeclared, misspelt and badly typed parameters
        ("GET", "/tools/kv/dev/db?list=true", "query_undeclared"),
        ("GET", "/tools/kv/dev/db?Version=1", "query_undeclared"),
        ("GET", "/tools/kv/dev/db?version%20=1", "query_undeclared"),
        ("GET", "/tools/kv/dev/db?_method=DELETE", "query_undeclared"),
        ("PUT", "/tools/images/a/b?x", "query_undeclared"),
        ("GET", "/tools/kv/dev/db?version=1&version=1", "query_malformed"),
        ("GET", "/tools/kv/dev/db?version=+1", "query_malformed"),
        ("GET", "/tools/kv/dev/db?version=", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=01", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=-0", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=%2B1", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=1.0", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=1e3", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=0x1", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=%D9%A1", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?version=9007199254740992", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?dry-run=1", "argument_invalid"),
        ("GET", "/tools/kv/dev/db?dry-run=True", "argument_invalid"),
        ("GET", "/tools/pages/one", "argument_invalid"),
        ("GET", "/tools/pages/007", "argument_invalid"),
        // an id that another request has
        ("PUT", "/tools/images/a:b/c", "argument_invalid"),
        ("PUT", "/tools/images/a%3Ab/c", "argument_invalid"),
        ("PUT", "/tools/images/a/b:c", "ok"),
        ("GET", "/tools/kv/dev/db?version=-9007199254740991", "ok"),
        ("GET", "/tools/pages/7", "ok"),
    ];
    for (method, target, expected) in table {
        assert_eq!(code(&Request::new(method, target), b""), *expected, "{method} {target}");
    }
}

#[test]
fn headers_tell_operations_apart() {
    let op = || Request::new("POST", "/tools/ops");
    assert_eq!(code(&op().with("x-op", "Tools.Run"), b""), "ok");
    assert_eq!(code(&op().with("x-op", "tools.run"), b""), "route_unknown");
    assert_eq!(code(&op().with("x-op", "Tools.Run").with("x-op", "Tools.Run"), b""), "header_duplicate");
    assert_eq!(code(&op().with("x-op", "Tools.Run").with("x_op", "Tools.Drop"), b""), "header_refused");
    assert_eq!(code(&op().with("x-op", "Tools.Run "), b""), "request_malformed");
}

#[test]
fn header_arguments_are_printable_and_there_once() {
    let read = || get("/tools/kv/dev/db");
    assert_eq!(code(&read().with("x-tenant", "a").with("x-tenant", "a"), b""), "header_duplicate");
    assert_eq!(code(&read().with("x-tenant", "caf\u{e9}"), b""), "argument_invalid");
    assert_eq!(code(&read().with("x_tenant", "a"), b""), "header_refused");
}

#[test]
fn backend_credentials_of_a_client_are_refused() {
    let read = || get("/tools/kv/dev/db");
    for name in ["x-vault-token", "x_vault_token", "x-vault_token", "x.vault.token"] {
        assert_eq!(code(&read().with(name, "root"), b""), "header_refused", "{name}");
    }
    let cookies: &[&[u8]] = &[
        b"token=x",
        b"a=1; token=x",
        b"a=1;token=x",
        b"TOKEN=x",
        b"a=1, token=x",
        b"a=1 token=x",
        b"a=\"1; token=x\"",
        b"a=1;\ttoken=x",
        b"token",
        b"token =x",
        b"=token=x",
        b"a=1; =token=x",
        b"token[0]=x",
        b"%74oken=x",
        b"a=1;\xA0token=x",
        b"a=1;\xC2\x85token=x",
        b"$Version=1;token=x;$Path=/",
    ];
    for cookie in cookies {
        assert_eq!(code(&read().with("cookie", cookie), b""), "header_refused", "{}", cookie.escape_ascii());
    }
    for cookie in ["a=1; b=2", "mytoken=x", "token2=x", "a=\"b\"", "theme=dark;", "a=caf%C3%A9"] {
        assert_eq!(code(&read().with("cookie", cookie), b""), "ok", "{cookie}");
    }
}

#[test]
fn bodies_are_only_where_they_belong() {
    let read = get("/tools/kv/dev/db");
    assert_eq!(read.route(&services()).unwrap().body_need(), BodyNeed::None);
    assert_eq!(code(&read, b"x"), "body_not_allowed");
    assert_eq!(code(&get("/tools/kv/dev/db").with("content-length", "1"), b""), "body_not_allowed");
    assert_eq!(code(&get("/tools/kv/dev/db").with("content-length", "0"), b""), "ok");
    let stream = Request::new("PUT", "/tools/images/a/b")
        .with("content-encoding", "gzip")
        .with("content-length", "9999999999");
    assert_eq!(stream.route(&services()).unwrap().body_need(), BodyNeed::Ignore);
    assert_eq!(code(&stream, b""), "ok");
}

#[test]
fn bodies_are_bounded_and_plain() {
    let body = br#"{"data":{"value":"x"}}"#;
    assert_eq!(code(&write("application/json"), body), "ok");
    assert_eq!(code(&write("application/json").with("content-encoding", "identity"), body), "ok");
    for encoding in ["gzip", "br", "identity, gzip", "x-unknown", ""] {
        let request = write("application/json").with("content-encoding", encoding);
        assert_eq!(code(&request, body), "body_encoding_refused", "{encoding}");
    }
    assert_eq!(code(&write("application/json").with("content-length", "200"), body), "ok");
    assert_eq!(code(&write("application/json").with("content-length", "201"), body), "body_too_large");
    let long = format!("{}{}", " ".repeat(200 - body.len()), str::from_utf8(body).unwrap());
    assert_eq!(code(&write("application/json"), long.as_bytes()), "ok");
    assert_eq!(code(&write("application/json"), format!(" {long}").as_bytes()), "body_too_large");
    let raw = Request::new("POST", "/tools/raw");
    assert_eq!(code(&raw, b"\xFF\0 any bytes"), "ok");
    assert_eq!(code(&raw, &vec![0; (1 << 20) + 1]), "body_too_large");
}

#[test]
fn json_bodies_say_so() {
    let body = br#"{"data":{"value":"x"}}"#;
    for kind in [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json; charset=\"utf-8\"",
        "application/merge-patch+json",
        "application/vnd.api+json",
    ] {
        assert_eq!(code(&write(kind), body), "ok", "{kind}");
    }
    for kind in [
        "",
        "text/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/json-seq",
        "application/+json",
        "application/a/b+json",
        "application/json;",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; boundary=x",
        "application/json text/plain",
        "*/*",
        "json",
    ] {
        assert_eq!(code(&write(kind), body), "body_type_refused", "{kind}");
    }
    let joined = write("application/json, text/plain");
    assert_eq!(code(&joined, body), "header_duplicate", "a proxy made one of two");
    let untyped = Request::new("POST", "/tools/kv/db");
    assert_eq!(code(&untyped, body), "body_type_refused");
}

#[test]
fn json_arguments_are_what_the_catalog_says() {
    let table: &[(&str, &str)] = &[
        (r#"{"data":{"value":"x"}}"#, "ok"),
        (r#"{"data":{"value":"x"},"unread":[1,2,3]}"#, "ok"),
        ("", "json_invalid"),
        ("{", "json_invalid"),
        (r#"{"data":{"value":"x"}}{}"#, "json_invalid"),
        (r#"{"data":{"value":"x","value":"y"}}"#, "json_invalid"),
        (r#"{"data":{"value":"x"},"unread":{"a":1,"a":2}}"#, "json_invalid"),
        (r#"{"data":{"value":"x","Value":"y"}}"#, "json_invalid"),
        (r#"{"data":{"value":"x"},"DATA":{"value":"y"}}"#, "json_invalid"),
        (r#"{"data":{"value":"x"},"Force":true}"#, "json_invalid"),
        (r#"{"data":{"value":"x"},"ttl":9007199254740992}"#, "json_invalid"),
        ("{}", "argument_invalid"),
        ("[]", "argument_invalid"),
        ("null", "argument_invalid"),
        (r#"{"data":null}"#, "argument_invalid"),
        (r#"{"data":{"value":null}}"#, "argument_invalid"),
        (r#"{"data":{"value":1}}"#, "argument_invalid"),
        (r#"{"data":{"value":["x"]}}"#, "argument_invalid"),
        (r#"{"data":{"value":"a\u0000b"}}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"ttl":"60"}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"ttl":60.0}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"ttl":1e2}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"ttl":-0}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"ttl":null}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"force":1}"#, "argument_invalid"),
        (r#"{"data":{"value":"x"},"force":"true"}"#, "argument_invalid"),
    ];
    for (body, expected) in table {
        assert_eq!(code(&write("application/json"), body.as_bytes()), *expected, "{body}");
    }
}

#[test]
fn folder_chains_are_bounded() {
    let deep = vec!["a"; 65].join("%2F");
    assert_eq!(code(&get(&format!("/tools/repos/{deep}/main")), b""), "argument_invalid");
    let deepest = vec!["a"; 64].join("%2F");
    assert_eq!(code(&get(&format!("/tools/repos/{deepest}/main")), b""), "ok");
}

#[test]
fn every_error_has_a_code_of_its_own() {
    let read = |request: Request| calls(&request, b"x").unwrap_err();
    let errors = [
        read(get("/").with("content-length", "x")),
        read(get("/a//b")),
        read(get("/").with("cookie", "a").with("cookie", "a")),
        read(get("/tools/x").with("x-vault-token", "x")),
        read(get("/tools/kv/a/b?x")),
        read(get("/?")),
        read(get("/x")),
        read(get("/tools/kv/a/b")),
        read(write("application/json").with("content-length", "9999")),
        read(write("application/json").with("content-encoding", "gzip")),
        read(write("text/plain")),
        read(write("application/json")),
        read(get("/tools/pages/x")),
        read(get("/").with("upgrade", "x")),
    ];
    let codes: std::collections::BTreeSet<&str> = errors.iter().map(CallError::code).collect();
    assert_eq!(codes.len(), errors.len(), "{codes:?}");
    for error in errors {
        let text = error.to_string();
        assert!(
            !text.is_empty() && !text.ends_with('.') && text.starts_with(|c: char| !c.is_uppercase()),
            "{text}"
        );
    }
}

#[test]
fn messages_repeat_little_of_what_a_client_chose() {
    let name = format!("x-vault-token{}", "`\u{1b}");
    let error = CallError::refused(name.as_bytes(), "because");
    assert_eq!(error.to_string(), "header `x-vault-token??` is refused: because");
    let long = get(&format!("/tools/kv/a/b?{}", "n".repeat(5000)));
    assert!(calls(&long, b"").unwrap_err().to_string().len() < 200);
}

/// What a registry's upload of a blob is: it may take the blob from another repository, which is a read of that.
fn registry() -> Services {
    let repository = |id: &str| json!({ "type": "Repository", "id": id, "parents": [{ "type": "Folder", "folders_of": id }] });
    let catalog = json!({
        "service": "registry",
        "routes": [
            {
                "method": "POST", "path": "/{name...}/blobs/uploads/", "action": "push", "effect": "write",
                "resource": repository("{name}"),
            },
            {
                "method": "POST", "path": "/{name...}/blobs/uploads/", "present": ["from", "mount"],
                "action": "push", "effect": "write", "resource": repository("{name}"),
                "context": {
                    "from": field("query", "from", "string"), "mount": field("query", "mount", "string"),
                },
                "secret": ["mount"],
                "also": [
                    { "action": "pull", "effect": "read", "resource": repository("{from}"), "context": ["mount"] },
                ],
            },
            {
                "method": "PUT", "path": "/{name...}/manifests/{tag}", "action": "put", "effect": "write",
                "resource": {
                    "type": "Tag", "id": "{name}:{tag}", "parents": [repository("{name}")],
                },
            },
        ],
    });
    Services::new(vec![service("registry", "/v2/", catalog)]).unwrap()
}

#[test]
fn a_request_can_be_two_calls() {
    let request = Request::new("POST", "/v2/a/b/blobs/uploads/?mount=sha256%3A0&from=c%2Fd");
    let calls = request.calls(&registry(), b"").unwrap();
    let [push, pull] = &calls.iter().collect::<Vec<_>>()[..] else { panic!("two calls") };
    assert_eq!((&*push.action, push.effect, push.resource.id.as_str()), ("push", Effect::Write, "a/b"));
    assert_eq!((&*pull.action, pull.effect, pull.resource.id.as_str()), ("pull", Effect::Read, "c/d"));
    assert_eq!(pull.resource.parents[0].id, "c");
    assert_eq!(Value::from(push.arguments.clone()), json!({ "from": "c/d", "mount": "sha256:0" }));
    assert_eq!(Value::from(pull.arguments.clone()), json!({ "mount": "sha256:0" }));
    assert_eq!(
        (push.secret.as_slice(), pull.secret.as_slice()),
        (&["mount".to_owned()][..], &["mount".to_owned()][..])
    );
}

#[test]
fn one_of_two_parameters_is_no_route() {
    let code = |target: &str| match Request::new("POST", target).calls(&registry(), b"") {
        Ok(calls) => calls.len().to_string(),
        Err(error) => error.code().to_owned(),
    };
    let upload = "/v2/a/blobs/uploads/";
    for (query, expected) in [
        ("", "1"),
        ("?from=b&mount=c", "2"),
        ("?from=b", "route_unknown"),
        ("?mount=c", "route_unknown"),
        ("?from=b&mount=c&x=d", "query_undeclared"),
        ("?x=d", "query_undeclared"),
        ("?from=b&from=c&mount=d", "query_malformed"),
        // An id that another reader could take for another repository's.
        ("?from=&mount=c", "argument_invalid"),
        ("?from=b/../c&mount=c", "argument_invalid"),
        ("?from=b/./c&mount=c", "argument_invalid"),
        ("?from=/b&mount=c", "argument_invalid"),
        ("?from=b/&mount=c", "argument_invalid"),
        ("?from=b//c&mount=c", "argument_invalid"),
        ("?from=b%5Cc&mount=c", "argument_invalid"),
        ("?from=b%0Ac&mount=c", "query_malformed"),
        ("?from=b%253Ac&mount=c", "argument_invalid"),
    ] {
        assert_eq!(code(&format!("{upload}{query}")), expected, "{query}");
    }
}

#[test]
fn a_name_of_several_segments_can_be_followed() {
    let tag = |target: &str| {
        let calls = Request::new("PUT", target).calls(&registry(), b"").map_err(|error| error.code())?;
        Ok::<Entity, &str>(calls.first().resource.clone())
    };
    let found = tag("/v2/a/b/c/manifests/v1").unwrap();
    assert_eq!((found.id.as_str(), found.parents[0].id.as_str()), ("a/b/c:v1", "a/b/c"));
    assert_eq!(found.parents[0].parents[0].id, "a/b");
    assert_eq!(tag("/v2/a/manifests/sha256:0").unwrap().id, "a:sha256:0");
    assert_eq!(tag("/v2/a:b/manifests/c"), Err("argument_invalid"), "`a:b` and `c`, or `a` and `b:c`");
    assert_eq!(tag("/v2/a/manifests/b/manifests/c"), Err("route_unknown"));
    assert_eq!(tag("/v2/a/b%2Fc/manifests/d"), Err("path_not_canonical"));
}
