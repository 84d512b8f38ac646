use serde_json::json;

use super::*;
use crate::{
    CallError,
    adapter::Adapter,
    catalog::Limits,
    fixture::{Request, service},
    mcp,
    service::{Service, Services},
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn services() -> Services {
    let catalog = json!({
        "service": "users",
        "routes": [
            {
                "method": "PUT", "path": "/{user}/password", "action": "set", "effect": "write",
                "header": { "name": "x-target", "value": "Set" },
                "resource": { "type": "User", "id": "{user}" },
                "context": {
                    "password": { "from": "json", "at": "/new/password", "type": "string" },
                    "tenant": { "from": "header", "at": "x-tenant", "type": "string" },
                    "code": { "from": "header", "at": "x-code", "type": "string", "optional": true },
                },
                "secret": ["password", "code"],
                "query": ["notify"],
            },
            {
                "method": "GET", "path": "/{user}/invite/{code}", "action": "see", "effect": "read",
                "resource": { "type": "User", "id": "{user}" },
                "context": { "code": { "from": "path", "at": "code", "type": "string" } },
                "secret": ["code"],
            },
            {
                "method": "PUT", "path": "/{user}/picture", "action": "picture", "effect": "write",
                "resource": { "type": "User", "id": "{user}" },
                "body": "ignore",
            },
        ],
        "groups": { "set": ["write"], "see": ["read"], "picture": ["write"] },
    });
    Services::new(vec![service("users", "/", catalog)]).unwrap()
}

fn envelope(request: &Request, body: &[u8], key: Option<&SecretKey>) -> Result<Envelope, EnvelopeError> {
    let services = services();
    let route = request.route(&services).unwrap();
    let calls = route.extract(body).unwrap();
    let read = |head: &RequestHead<'_>| -> Result<Result<Envelope, EnvelopeError>, CallError> {
        Ok(Envelope::of(&HeldRequest {
            subject: "demo/alice@demo",
            actor: "demo/agent",
            service: "users",
            head,
            route: &route,
            calls: &calls,
            body,
            key,
        }))
    };
    request.read(read).unwrap().unwrap()
}

fn put() -> Request {
    Request::new("PUT", "/u1/password?notify=false")
        .with("content-type", "application/json")
        .with("x-target", "Set")
        .with("x-tenant", "acme")
        .with("x-code", "4711")
        .with("x-other", "whatever")
        .with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

const BODY: &[u8] = br#"{"new":{"password":"hunter2","hint":"a game"}}"#;

#[test]
fn what_was_read_is_in_it_and_secrets_are_sealed() {
    let key = SecretKey::parse(KEY).unwrap();
    let envelope = envelope(&put(), BODY, Some(&key)).unwrap();
    let sealed = key.seal("password", &json!("hunter2")).unwrap();
    let code = key.seal("code", &json!("4711")).unwrap();
    assert_eq!(
        serde_json::to_value(&envelope).unwrap(),
        json!({
            "version": 1, "subject": "demo/alice@demo", "actor": "demo/agent", "service": "users",
            "calls": [{
                "action": "set", "resource": "User::\"u1\"",
                "arguments": { "password": sealed, "tenant": "acme", "code": code },
            }],
            "method": "PUT", "path": "/u1/password", "query": "notify=false",
            "content_type": "application/json",
            "headers": { "x-target": "Set", "x-tenant": "acme", "x-code": code },
            "body": { "kind": "json", "value": { "new": { "password": sealed, "hint": "a game" } } },
        })
    );
    let text = String::from_utf8(envelope.canonical().unwrap()).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("4711"), "{text}");
}

#[test]
fn a_secret_that_cannot_be_sealed_is_not_shown() {
    let key = SecretKey::parse(KEY).unwrap();
    assert!(envelope(&put(), BODY, None).is_err(), "no key");
    let in_path = Request::new("GET", "/u1/invite/s3cret");
    assert!(envelope(&in_path, b"", Some(&key)).is_err(), "in the path");
    let other_json = put().without("content-type").with("content-type", "application/merge-patch+json");
    assert!(envelope(&other_json, BODY, Some(&key)).is_err(), "in bytes");
}

#[test]
fn a_body_that_is_not_plain_json_is_bound_by_its_bytes() {
    let picture = |kind: &str, body: &[u8]| {
        let request = Request::new("PUT", "/u1/picture").with("content-type", kind);
        envelope(&request, body, None).unwrap().body
    };
    let bytes = br#"{"a":1, "b":2}"#;
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert!(matches!(picture(kind, bytes), EnvelopeBody::Json { .. }), "{kind}");
    }
    assert!(matches!(picture("application/json;charset=latin1", bytes), EnvelopeBody::Bytes { .. }));
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    assert!(matches!(picture(manifest, bytes), EnvelopeBody::Bytes { length: 14, .. }));
    assert_ne!(picture(manifest, bytes), picture(manifest, br#"{"b":2, "a":1}"#));
    for doubtful in [&br#"{"a":1,"a":1}"#[..], br#"{"a":1} x"#, b"\xff"] {
        let shown = picture("application/json", doubtful);
        assert!(matches!(shown, EnvelopeBody::Bytes { .. }), "{shown:?}");
    }
    assert_eq!(picture("image/png", b""), EnvelopeBody::None);
}

/// A tool with a secret that policies see, and one that they do not.
fn mcp_envelope(body: &Value, key: Option<&SecretKey>) -> Result<Envelope, EnvelopeError> {
    let catalog = json!({
        "service": "mcp",
        "tools": [{
            "name": "write", "action": "mcp.write", "effect": "write",
            "arguments": {
                "path": { "type": "string" },
                "content": { "type": "string", "secret": true },
                "login": { "type": "any", "secret": true, "optional": true },
            },
        }],
        "groups": { "mcp.write": ["write"] },
    });
    let raw: mcp::RawCatalog = serde_json::from_value(catalog).unwrap();
    let adapter = Adapter::Mcp(mcp::Catalog::try_from(raw, Limits::default()).unwrap());
    let (name, prefix) = ("mcp".to_owned(), "/mcp/".to_owned());
    let services =
        Services::new(vec![Service { name, host: None, prefix, token_header: None, adapter }]).unwrap();
    let request = Request::new("POST", "/mcp").with("content-type", "application/json");
    let route = request.route(&services).unwrap();
    let body = body.to_string().into_bytes();
    let calls = route.extract(&body).unwrap();
    let read = |head: &RequestHead<'_>| -> Result<Result<Envelope, EnvelopeError>, CallError> {
        Ok(Envelope::of(&HeldRequest {
            subject: "demo/alice@demo",
            actor: "demo/agent",
            service: "mcp",
            head,
            route: &route,
            calls: &calls,
            body: &body,
            key,
        }))
    };
    request.read(read).unwrap().unwrap()
}

#[test]
fn secrets_of_tools_are_sealed_wherever_they_stand() {
    let key = SecretKey::parse(KEY).unwrap();
    let call = |id: u32, content: &str| {
        json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "write", "arguments": {
                "path": "a", "content": content, "login": { "user": "u", "password": "pass-4711" },
            } },
        })
    };
    let of = |body: &Value| mcp_envelope(body, Some(&key)).unwrap();
    let one = of(&call(1, "hunter2"));
    let sealed = key.seal("args/content", &json!("hunter2")).unwrap();
    assert_eq!(one.calls[0].arguments["args"], json!({ "path": "a", "content": sealed }));
    let EnvelopeBody::Json { value } = &one.body else { panic!("{:?}", one.body) };
    assert_eq!(value["params"]["arguments"]["content"], sealed);
    // A list of calls is sealed call by call.
    for body in [call(1, "hunter2"), json!([call(1, "hunter2"), call(2, "hunter2")])] {
        let text = String::from_utf8(of(&body).canonical().unwrap()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("4711"), "{text}");
    }
    assert_eq!(one.digest(), of(&call(7, "hunter2")).digest(), "the id of a request is not the call");
    assert_ne!(one.digest(), of(&call(1, "hunter3")).digest(), "a secret is bound");
    mcp_envelope(&call(1, "hunter2"), None).unwrap_err();
}
