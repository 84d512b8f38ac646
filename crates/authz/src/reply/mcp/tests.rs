use actgate_call::mcp::{Page, Unsupported};
use serde_json::Value;

use super::*;
use crate::{claim::Ticket, reason::TokenReason};

fn asked(id: impl Into<Value>, calls_tool: bool) -> Asked {
    Asked { id: id.into(), calls_tool, structured: true }
}

fn client(version: Version, asked: Vec<Asked>) -> Client {
    Client { version: Some(version), asked, ..Client::default() }
}

fn refuse(reason: Reason, client: &Client) -> (LocalReply, Value) {
    let mut denial = Denial::new(reason, "no");
    denial.advice = Some("ask".to_owned());
    let reply = refusal(&denial, "id-1", client);
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply, body)
}

fn header<'a>(reply: &'a LocalReply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_tool_that_may_not_be_called_has_a_result_that_says_so() {
    let sessions = client(Version::June2025, vec![asked("a", true)]);
    for reason in [
        Reason::PolicyDenied,
        Reason::ApprovalRequired,
        Reason::ScopeInsufficient,
        Reason::PolicyError,
        Reason::Call(CallReason::RouteUnknown),
        Reason::Call(CallReason::ArgumentInvalid),
    ] {
        let (reply, body) = refuse(reason, &sessions);
        assert_eq!((reply.status, header(&reply, "content-type")), (200, Some("application/json")));
        assert_eq!(header(&reply, "www-authenticate"), None);
        assert_eq!(reply.details, format!("actgate_{}", reason.code()));
        assert_eq!((&body["jsonrpc"], &body["id"]), (&"2.0".into(), &"a".into()));
        let result = &body["result"];
        assert_eq!(result["isError"], true);
        assert_eq!(result["resultType"], Value::Null);
        assert_eq!(result["structuredContent"]["reason"], reason.code());
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
    }
    let stateless = client(Version::July2026, vec![asked(7, true)]);
    let (_, body) = refuse(Reason::PolicyDenied, &stateless);
    assert_eq!((&body["id"], &body["result"]["resultType"]), (&7.into(), &"complete".into()));
}

#[test]
fn nothing_structured_is_said_where_a_client_would_hold_it_against_a_schema() {
    let strict = Asked { structured: false, ..asked(1, true) };
    let (_, body) = refuse(Reason::PolicyDenied, &client(Version::June2025, vec![strict]));
    assert_eq!(
        (&body["result"]["isError"], &body["result"]["structuredContent"]),
        (&true.into(), &Value::Null)
    );
    assert!(body["result"]["content"][0]["text"].as_str().unwrap().contains("policy_denied"));
}

#[test]
fn everything_else_is_an_error_with_its_status() {
    let request = client(Version::June2025, vec![asked(3, false)]);
    for (reason, status, code) in [
        (Reason::PolicyDenied, 403, 403),
        (Reason::GateUnavailable, 503, 503),
        (Reason::Call(CallReason::McpMethodUnknown), 403, -32601),
        (Reason::Call(CallReason::McpHeaderMismatch), 400, -32020),
        (Reason::Call(CallReason::McpVersionUnsupported), 400, -32022),
        (Reason::Call(CallReason::McpMessageInvalid), 400, -32600),
        (Reason::Call(CallReason::McpMetaInvalid), 400, -32602),
        (Reason::Call(CallReason::ArgumentInvalid), 400, -32602),
        (Reason::Call(CallReason::BodyTooLarge), 413, 413),
    ] {
        let (reply, body) = refuse(reason, &request);
        assert_eq!((reply.status, &body["error"]["code"], &body["id"]), (status, &code.into(), &3.into()));
        assert_eq!(body["error"]["data"]["reason"], reason.code());
        assert_eq!(body["error"]["message"], format!("{}: no. ask", reason.row().title));
    }
    let unsupported = Unsupported { requested: Some("v9".into()), supported: vec![Version::July2026] };
    let request = Client { version: None, unsupported: Some(unsupported), ..request };
    let (_, body) = refuse(Reason::Call(CallReason::McpVersionUnsupported), &request);
    let data = &body["error"]["data"];
    assert_eq!((&data["supported"], &data["requested"]), (&json!(["2026-07-28"]), &"v9".into()));
    let (reply, body) = refuse(Reason::Call(CallReason::JsonInvalid), &Client::default());
    assert_eq!((reply.status, &body["error"]["code"], &body["id"]), (400, &(-32700).into(), &Value::Null));
}

#[test]
fn a_call_that_is_malformed_is_no_result() {
    let call = client(Version::July2026, vec![asked(1, true)]);
    let (reply, body) = refuse(Reason::Call(CallReason::McpHeaderMismatch), &call);
    assert_eq!((reply.status, &body["error"]["code"], &body["id"]), (400, &(-32020).into(), &1.into()));
}

#[test]
fn without_sessions_an_unknown_method_is_not_found() {
    let (reply, _) =
        refuse(Reason::Call(CallReason::McpMethodUnknown), &client(Version::July2026, vec![asked(1, false)]));
    assert_eq!(reply.status, 404);
}

#[test]
fn nobody_is_challenged() {
    let (reply, body) = refuse(Reason::TokenMissing, &Client::default());
    assert_eq!((reply.status, header(&reply, "www-authenticate")), (401, Some("Bearer realm=\"actgate\"")));
    assert_eq!((&body["error"]["code"], &body["id"]), (&401.into(), &Value::Null));
    // Whatever was called: who asks is not for the model.
    let (reply, _) =
        refuse(Reason::Token(TokenReason::Expired), &client(Version::June2025, vec![asked(1, true)]));
    assert_eq!(reply.status, 401);
}

#[test]
fn a_batch_is_answered_as_one() {
    let batch = Client { batch: true, ..Client::default() };
    let batch = Client { asked: vec![asked(1, true), asked("b", false)], ..batch };
    let (reply, body) = refuse(Reason::PolicyDenied, &batch);
    assert_eq!(reply.status, 200);
    assert_eq!((&body[0]["id"], &body[0]["result"]["isError"]), (&1.into(), &true.into()));
    assert_eq!((&body[1]["id"], &body[1]["error"]["code"]), (&"b".into(), &403.into()));
    // Without a tool there is no success to answer with.
    let batch = Client { asked: vec![asked(1, false)], ..batch };
    let (reply, body) = refuse(Reason::PolicyDenied, &batch);
    assert_eq!((reply.status, &body["id"]), (403, &Value::Null));
}

#[test]
fn a_notification_has_no_id_to_answer() {
    let (reply, body) = refuse(Reason::PolicyDenied, &client(Version::June2025, vec![]));
    assert_eq!((reply.status, &body["id"]), (403, &Value::Null));
}

fn waiting() -> Denial {
    let mut denial = Denial::new(Reason::ApprovalRequired, "release-managers have to approve");
    let url = "https://approvals.demo/a/1".to_owned();
    denial.ticket = Some(Box::new(Ticket { id: "1".to_owned(), url, expires: 0 }));
    denial
}

fn answer(denial: &Denial, client: &Client) -> (u16, Value) {
    let reply = refusal(denial, "id-1", client);
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn a_client_that_can_is_asked_to_open_the_page_in_the_form_of_its_version() {
    let can = |version| Client { opens_pages: true, ..client(version, vec![asked(5, true)]) };
    let (status, body) = answer(&waiting(), &can(Version::July2026));
    assert_eq!((status, &body["id"]), (200, &5.into()));
    let result = &body["result"];
    assert_eq!((&result["resultType"], &result["isError"]), (&"input_required".into(), &Value::Null));
    let request = &result["inputRequests"]["actgate.approval"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(
        (&request["params"]["mode"], &request["params"]["url"]),
        (&"url".into(), &"https://approvals.demo/a/1".into())
    );

    let (status, body) = answer(&waiting(), &can(Version::November2025));
    assert_eq!((status, &body["id"], &body["error"]["code"]), (200, &5.into(), &(-32042).into()));
    let page = &body["error"]["data"]["elicitations"][0];
    assert_eq!(
        (&page["mode"], &page["elicitationId"], &page["url"]),
        (&"url".into(), &"1".into(), &"https://approvals.demo/a/1".into())
    );
    assert_eq!(body["error"]["data"]["reason"], "approval_required");
}

#[test]
fn nobody_else_is_asked_to_open_a_page() {
    let can = |version| Client { opens_pages: true, ..client(version, vec![asked(5, true)]) };
    let mut told = waiting();
    told.ticket = None;
    for (denial, client) in [
        (waiting(), can(Version::June2025)),
        (waiting(), can(Version::March2025)),
        (waiting(), Client { version: None, ..can(Version::July2026) }),
        (waiting(), Client { opens_pages: false, ..can(Version::July2026) }),
        (waiting(), Client { batch: true, ..can(Version::July2026) }),
        // It was, or has something of its server's under way.
        (waiting(), Client { page: Some(Page::Opened), ..can(Version::July2026) }),
        (waiting(), Client { page: Some(Page::Declined), ..can(Version::July2026) }),
        (waiting(), Client { page: Some(Page::OfTheServer), ..can(Version::July2026) }),
        (told, can(Version::November2025)),
        (Denial { reason: Reason::ApprovalDenied, ..waiting() }, can(Version::November2025)),
    ] {
        let (status, body) = answer(&denial, &client);
        let body = if client.batch { body[0].clone() } else { body };
        assert_eq!((status, &body["result"]["isError"]), (200, &true.into()), "{client:?}");
    }
    // What is no tool has no result to ask in.
    let prompt = Client { opens_pages: true, ..client(Version::July2026, vec![asked(5, false)]) };
    assert_eq!(answer(&waiting(), &prompt).0, 403);
}
