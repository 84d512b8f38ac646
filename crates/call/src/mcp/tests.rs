use serde_json::{Value, json};

use super::*;
use crate::{
    CallError, ToolCalls,
    adapter::Adapter,
    catalog::Limits,
    fixture::Request,
    service::{Service, Services},
};

mod hostile;
mod random;

/// The largest body of these tests.
const MAX_BODY: usize = 4096;

/// A server of tools over files, as a catalog knows it.
pub(super) fn document() -> Value {
    let path = json!({ "type": "string", "path": "relative" });
    json!({
        "service": "files",
        "groups": { "file.read": ["read"], "file.write": ["write"] },
        "tools": [
            { "name": "read_file", "action": "file.read", "effect": "read", "arguments": { "path": path } },
            { "name": "read_files", "action": "file.read", "effect": "read", "output_schema": true, "arguments": {
                "paths": { "type": "string", "path": "relative", "each": true, "as": "path" } } },
            { "name": "read_*", "action": "file.peek", "effect": "read", "arguments": {
                "path": { "type": "string", "path": "absolute", "optional": true } }, "others": "pass" },
            { "name": "write_file", "action": "file.write", "effect": "write", "arguments": {
                "path": path,
                "content": { "type": "string", "secret": true },
                "mode": { "type": "long", "optional": true, "header": "mode" },
                "sync": { "type": "bool", "optional": true, "header": "sync" },
                "labels": { "type": "strings", "optional": true },
                "options": { "type": "any", "optional": true },
            } },
        ],
        "prompts": [{ "name": "review", "action": "prompt.get", "effect": "read" }],
        "resources": [{ "uri": "files:///docs/*", "action": "resource.read", "effect": "read" }],
        "refuse": { "headers": ["x-upstream-key"] },
    })
}

pub(super) fn services() -> Services {
    let raw: RawCatalog = serde_json::from_value(document()).unwrap();
    let limits = Limits { max_body: MAX_BODY };
    let service = Service {
        name: "files".into(),
        host: None,
        prefix: "/mcp/".into(),
        token_header: None,
        adapter: Adapter::Mcp(Catalog::try_from(raw, limits).unwrap()),
    };
    Services::new(vec![service]).unwrap()
}

pub(super) fn post(version: &str) -> Request {
    let request = Request::new("POST", "/mcp").with("content-type", "application/json");
    if version.is_empty() { request } else { request.with("mcp-protocol-version", version) }
}

/// A request without a session, with the headers that it needs.
fn stateless(method: &str, name: &str) -> Request {
    let request = post("2026-07-28").with("mcp-method", method);
    if name.is_empty() { request } else { request.with("mcp-name", name) }
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass what they have just made")]
pub(super) fn told(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn meta() -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" })
}

pub(super) fn calls(request: &Request, body: &Value) -> Result<ToolCalls, CallError> {
    request.calls(&services(), body.to_string().as_bytes())
}

/// `action on type::id arguments` of every call, or the refusal's code.
fn outcome(request: &Request, body: &Value) -> String {
    match calls(request, body) {
        Ok(calls) => calls
            .iter()
            .map(|call| {
                let arguments = Value::Object(call.arguments.clone());
                format!("{} {}::{} {arguments}", call.action, call.resource.type_name, call.resource.id)
            })
            .collect::<Vec<_>>()
            .join(" & "),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn a_tool_is_an_action_on_the_tool_in_its_server() {
    let body = told("tools/call", json!({ "name": "read_file", "arguments": { "path": "docs/a.md" } }));
    let calls = calls(&post("2025-06-18"), &body).unwrap();
    let call = calls.first();
    assert_eq!(&*call.action, "file.read");
    assert_eq!(call.resource.id, "files/read_file");
    assert_eq!(call.resource.parents.first().map(|server| server.id.as_str()), Some("files"));
    assert_eq!(call.arguments.get("args"), Some(&json!({ "path": "docs/a.md" })));
    assert_eq!(calls.len(), 1);
}

#[test]
fn the_most_particular_name_is_meant() {
    let call = |name: &str, arguments: Value| {
        outcome(&post(""), &told("tools/call", json!({ "name": name, "arguments": arguments })))
    };
    let peek = r#"file.peek Mcp::Tool::files/read_link {"args":{}}"#;
    assert_eq!(call("read_link", json!({ "anything": [1] })), peek);
    assert_eq!(call("read_file", json!({ "anything": [1], "path": "a" })), "argument_invalid");
}

#[test]
fn every_member_of_a_list_is_a_call() {
    let body = told("tools/call", json!({ "name": "read_files", "arguments": { "paths": ["a", "b"] } }));
    assert_eq!(
        outcome(&post(""), &body),
        r#"file.read Mcp::Tool::files/read_files {"args":{"path":"a"}} & file.read Mcp::Tool::files/read_files {"args":{"path":"b"}}"#
    );
}

#[test]
fn arguments_are_typed_and_secrets_are_named() {
    let arguments = json!({
        "path": "a", "content": "x", "mode": 420, "sync": true, "labels": ["l"], "options": { "deep": [null] },
    });
    let body = told("tools/call", json!({ "name": "write_file", "arguments": arguments }));
    let calls = calls(&post(""), &body).unwrap();
    let expected = json!({ "path": "a", "content": "x", "mode": 420, "sync": true, "labels": ["l"] });
    assert_eq!(calls.first().arguments.get("args"), Some(&expected));
    assert_eq!(calls.first().secret, ["args/content"]);
}

#[test]
fn what_the_adapter_has_by_itself() {
    let session = |method: &str, params: Value| outcome(&post("2025-11-25"), &told(method, params));
    let connect = |method: &str| format!(r#"mcp.connect Mcp::Server::files {{"method":"{method}"}}"#);
    assert_eq!(session("initialize", json!({})), connect("initialize"));
    assert_eq!(session("logging/setLevel", json!({ "level": "debug" })), connect("logging/setLevel"));
    assert_eq!(
        session("tools/list", json!({ "cursor": "2" })),
        r#"mcp.list Mcp::Server::files {"method":"tools/list"}"#
    );
    assert_eq!(
        session("tasks/cancel", json!({ "taskId": "t" })),
        r#"mcp.task.update Mcp::Server::files {"method":"tasks/cancel","task_id":"t"}"#
    );
    assert_eq!(
        session("resources/subscribe", json!({ "uri": "files:///docs/a" })),
        r#"resource.read Mcp::Resource::files/files:///docs/a {"method":"resources/subscribe"}"#
    );
    assert_eq!(
        session(
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "files:///docs/{name}" } })
        ),
        "mcp.complete Mcp::Resource::files/files:///docs/{name} {}"
    );
    assert_eq!(
        session("prompts/get", json!({ "name": "review" })),
        r#"prompt.get Mcp::Prompt::files/review {"args":{}}"#
    );
    let answer = json!({ "jsonrpc": "2.0", "id": "s-1", "result": { "roots": [] } });
    assert_eq!(outcome(&post("2025-06-18"), &answer), "mcp.answer Mcp::Server::files {}");
    let get = Request::new("GET", "/mcp").with("accept", "text/event-stream");
    assert_eq!(get.calls(&services(), b"").unwrap().first().arguments.get("method"), Some(&"GET".into()));
    let delete = Request::new("DELETE", "/mcp").with("mcp-session-id", "s");
    assert_eq!(
        delete.calls(&services(), b"").unwrap().first().arguments.get("method"),
        Some(&"DELETE".into())
    );
}

#[test]
fn without_sessions_headers_repeat_the_message() {
    let body =
        told("tools/call", json!({ "_meta": meta(), "name": "read_file", "arguments": { "path": "a" } }));
    let read = r#"file.read Mcp::Tool::files/read_file {"args":{"path":"a"}}"#;
    assert_eq!(outcome(&stateless("tools/call", "read_file"), &body), read);
    assert_eq!(outcome(&stateless("tools/call", "=?base64?cmVhZF9maWxl?="), &body), read);
    let write = json!({ "path": "a", "content": "", "mode": 7, "sync": false });
    let body = told("tools/call", json!({ "_meta": meta(), "name": "write_file", "arguments": write }));
    let request =
        stateless("tools/call", "write_file").with("mcp-param-mode", "7").with("mcp-param-sync", "false");
    assert!(outcome(&request, &body).starts_with("file.write "));
}

#[test]
fn news_are_asked_for_one_by_one() {
    let wanted =
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["files:///docs/a"], "taskIds": ["t"] });
    let body = told("subscriptions/listen", json!({ "_meta": meta(), "notifications": wanted }));
    let found = calls(&stateless("subscriptions/listen", ""), &body).unwrap();
    let actions: Vec<&str> = found.iter().map(|call| &*call.action).collect();
    // An object's members have no order of their own.
    assert_eq!(actions, ["mcp.connect", "resource.read", "mcp.task.get"]);
}

#[test]
fn an_answer_on_a_call_is_a_call_of_its_own() {
    let params = json!({
        "_meta": meta(), "name": "read_file", "arguments": { "path": "a" }, "inputResponses": { "q": {} },
    });
    let found = calls(&stateless("tools/call", "read_file"), &told("tools/call", params)).unwrap();
    let actions: Vec<&str> = found.iter().map(|call| &*call.action).collect();
    assert_eq!(actions, ["file.read", "mcp.answer"]);
}

#[test]
fn a_client_is_known_as_far_as_its_message_can_be_read() {
    let read = |request: &Request, body: &[u8]| match request.route(&services()).unwrap() {
        crate::Route::Mcp(route) => route.read_body(body),
        crate::Route::Rest(_) | crate::Route::Git(_) => panic!("another adapter"),
    };
    let reading = read(&post("2025-06-18"), br#"{"jsonrpc":"1.0","id":"a","method":"tools/call"}"#);
    assert_eq!(reading.calls.unwrap_err().code(), "mcp_message_invalid");
    assert_eq!(reading.client.asked, [Asked { id: "a".into(), calls_tool: true, structured: true }]);
    let unsupported = |requested: Option<&str>, supported: &[Version]| {
        Some(Unsupported { requested: requested.map(Into::into), supported: supported.to_vec() })
    };
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (version, requested) in [("2027-01-01", Some("2027-01-01")), ("a b", None), (&*"9".repeat(65), None)]
    {
        let reading = read(&post(version), ping);
        assert_eq!(reading.calls.unwrap_err().code(), "mcp_version_unsupported");
        assert_eq!(reading.client.unsupported, unsupported(requested, &Version::ALL));
        assert_eq!(reading.client.asked.len(), 1);
    }
    // Who names it in the message has no use for versions with sessions.
    let discover = br#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"v9"}}}"#;
    let reading = read(&post("v9"), discover);
    assert_eq!(reading.calls.unwrap_err().code(), "mcp_version_unsupported");
    assert_eq!(reading.client.unsupported, unsupported(Some("v9"), &[Version::July2026]));
    let reading = read(&post(""), b"{");
    assert_eq!(reading.calls.unwrap_err().code(), "json_invalid");
    assert_eq!(reading.client, Client::default());
    let reading = read(&post(""), br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]"#);
    assert_eq!(reading.calls.unwrap().len(), 2);
    assert_eq!(reading.client.asked, [Asked { id: 1.into(), calls_tool: false, structured: true }]);
    assert!(reading.client.batch);
    let reading =
        read(&post(""), br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_files"}}"#);
    assert_eq!(reading.client.asked, [Asked { id: 1.into(), calls_tool: true, structured: false }]);
}

#[test]
fn what_the_gate_was_answered_is_taken_out_and_the_rest_is_what_was_sent_before() {
    let read = |request: &Request, body: &str| match request.route(&services()).unwrap() {
        crate::Route::Mcp(route) => route.read_body(body.as_bytes()),
        crate::Route::Rest(_) | crate::Route::Git(_) => panic!("another adapter"),
    };
    let call = |more: &str| {
        format!(
            r#"{{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{"elicitation":{{"url":{{}}}}}}}},"name":"read_file","arguments":{{"path": "a"}}{more}}}}}"#
        )
    };
    let request = stateless("tools/call", "read_file");
    let plain = read(&request, &call(""));
    assert_eq!((plain.client.page, plain.client.opens_pages, plain.body), (None, true, None));
    for (action, page) in [
        ("accept", Page::Opened),
        ("decline", Page::Declined),
        ("cancel", Page::Declined),
        ("x", Page::Declined),
    ] {
        let answer = format!(r#","inputResponses":{{"actgate.approval":{{"action":"{action}"}}}}"#);
        let reading = read(&request, &call(&answer));
        assert_eq!(reading.client.page, Some(page), "{action}");
        let rest: Value = serde_json::from_slice(&reading.body.unwrap()).unwrap();
        assert_eq!(rest, serde_json::from_str::<Value>(&call("")).unwrap());
        let calls = reading.calls.unwrap();
        let actions: Vec<&str> = calls.iter().map(|call| &*call.action).collect();
        assert_eq!(actions, ["file.read"], "an answer to the gate is none to the server");
    }
    // What the server has asked for goes to it.
    for theirs in [r#","inputResponses":{"q":{}}"#, r#","requestState":"s""#] {
        let reading = read(&request, &call(theirs));
        assert_eq!((reading.client.page, &reading.body), (Some(Page::OfTheServer), &None));
        reading.calls.unwrap();
    }
    for wrong in [
        r#","inputResponses":{"actgate.approval":{"action":"accept"},"q":{}}"#,
        r#","inputResponses":{"actgate.approval":{},"Actgate.Approval":{}}"#,
        r#","inputresponses":{"actgate.approval":{}}"#,
    ] {
        assert!(read(&request, &call(wrong)).calls.is_err(), "{wrong}");
    }
    // With sessions there is no such answer: it is the server's to refuse.
    let answer = r#","inputResponses":{"actgate.approval":{"action":"accept"}}"#;
    let body = call(answer).replace("2026-07-28", "2025-11-25");
    let reading = read(&post("2025-11-25"), &body);
    assert_eq!((reading.client.page, &reading.body), (None, &None));
}

#[test]
fn a_client_says_that_it_opens_pages_when_its_session_begins() {
    let says = |capabilities: Value| {
        let body =
            told("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities }));
        match post("").route(&services()).unwrap() {
            crate::Route::Mcp(route) => route.read_body(body.to_string().as_bytes()).client.opens_pages,
            crate::Route::Rest(_) | crate::Route::Git(_) => panic!("another adapter"),
        }
    };
    assert!(says(json!({ "elicitation": { "url": {} } })));
    for none in [
        json!({}),
        json!({ "elicitation": {} }),
        json!({ "elicitation": { "form": {} } }),
        json!({ "elicitation": { "url": true } }),
    ] {
        assert!(!says(none.clone()), "{none}");
    }
}
