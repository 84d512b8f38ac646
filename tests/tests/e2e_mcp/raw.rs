//! What no SDK would send: the server sees none of it.

use actgate_tests::e2e::{
    h1::{self, Outcome},
    tokens::alice,
    verdict::Verdicts,
};
use serde_json::Value;

use crate::stage::Stage;

/// Header lines, the body, and the status and reason with which it is refused.
type Row = (&'static str, &'static str, &'static str, u16, &'static str);

const DELETE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","arguments":{"path":"drafts/ideas.md"}}}"#;
const SESSION: &str = "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\n";
const STATELESS: &str = "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: read_file\r\n";

const ROWS: &[Row] = &[
    ("denied", SESSION, DELETE, 200, "policy_denied"),
    (
        "two names",
        SESSION,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","name":"delete_file","arguments":{"path":"drafts/ideas.md"}}}"#,
        400,
        "json_invalid",
    ),
    (
        "a name in another case",
        SESSION,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","NAME":"delete_file","arguments":{"path":"drafts/ideas.md"}}}"#,
        400,
        "json_invalid",
    ),
    (
        "two messages",
        SESSION,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}",
        400,
        "json_invalid",
    ),
    (
        "a batch with one refused",
        "content-type: application/json\r\n",
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_file","arguments":{"path":"drafts/ideas.md"}}}]"#,
        200,
        "policy_denied",
    ),
    (
        "a batch in a later version",
        SESSION,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        400,
        "mcp_message_invalid",
    ),
    (
        "compressed",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
        DELETE,
        400,
        "body_encoding_refused",
    ),
    ("text", "content-type: text/plain\r\n", DELETE, 400, "body_type_refused"),
    (
        "a header that names another tool",
        STATELESS,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"delete_file","arguments":{"path":"drafts/ideas.md"}}}"#,
        400,
        "mcp_header_mismatch",
    ),
    (
        "a version in the message alone",
        "content-type: application/json\r\n",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"read_file","arguments":{"path":"docs/handbook.md"}}}"#,
        400,
        "mcp_header_mismatch",
    ),
    (
        "a method that nobody knows",
        SESSION,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/run"}"#,
        403,
        "mcp_method_unknown",
    ),
    ("nothing", SESSION, "", 400, "json_invalid"),
];

impl Stage {
    async fn post(&self, headers: &str, framing: &str, body: &[u8]) -> Outcome {
        let token = self.issuer.mint(&alice());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\naccept: application/json, text/event-stream\r\n{headers}{framing}\r\n"
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        h1::send(self.gateway.address(), &bytes).await
    }
}

/// The reason of a refusal, wherever in the answer it is.
fn reason(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let answer = answer.get(0).cloned().unwrap_or(answer);
    let places = ["/result/structuredContent/reason", "/error/data/reason"];
    places.iter().find_map(|place| answer.pointer(place)?.as_str()).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_nothing_of_what_is_refused() {
    let Some(stage) = Stage::set().await else { return };
    let (files, passed) = (stage.files(), stage.passed().await);
    let mut verdicts = Verdicts::default();
    for (name, headers, body, status, expected) in ROWS {
        // Announced, and in two chunks.
        let length = format!("content-length: {}\r\n", body.len());
        let middle = body.len() / 2;
        let (first, second) = body.split_at(middle);
        let mut chunks = String::new();
        for chunk in [first, second].iter().filter(|chunk| !chunk.is_empty()) {
            chunks.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        chunks.push_str("0\r\n\r\n");
        for (framing, bytes) in
            [(length.as_str(), body.as_bytes()), ("transfer-encoding: chunked\r\n", chunks.as_bytes())]
        {
            let outcome = stage.post(headers, framing, bytes).await;
            let answer = match &outcome {
                Outcome::Reply(reply) => Some((reply.status, reason(&reply.body))),
                Outcome::Closed | Outcome::Silence => None,
            };
            let wanted = (*status, (*expected).to_owned());
            let verdict = match answer {
                Some(came) if came == wanted => Ok(()),
                came => Err(format!("{came:?}, not {wanted:?}")),
            };
            verdicts.row(&format!("{name}, {}", framing.trim()), verdict);
        }
    }
    verdicts.conclude();
    assert_eq!(stage.passed().await, passed, "the server was asked or called");
    assert_eq!(stage.files(), files);
}
