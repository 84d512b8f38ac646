//! Requests of which the gate and a server could think differently, through a real Envoy: all are refused, each for its
//! reason, and the upstream sees no byte.

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    setup::{Needs, Setup},
    template::Template,
    tokens::{Issuer, alice},
    verdict::Verdicts,
};
use serde_json::Value;

/// A request: what it is, its line, its header lines, its body, and how it is refused.
struct Row {
    name: &'static str,
    line: &'static str,
    headers: &'static str,
    body: Vec<u8>,
    status: u16,
    reason: &'static str,
}

const POST: &str = "POST /mcp HTTP/1.1";
const GET: &str = "GET /mcp HTTP/1.1";
const JSON: &str = "content-type: application/json\r\n";
const SESSION: &str = "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\n";
const BATCHES: &str = "content-type: application/json\r\nmcp-protocol-version: 2025-03-26\r\n";
const STATELESS: &str = "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: read_file\r\n";
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
const ARGUMENTS: &str = r#""arguments":{"path":"docs/handbook.md"}"#;

/// A call of the tool that may be called, with something else among its parameters, and in its message.
fn call(params: &str, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}{message}}}"#)
}

fn read(more: &str) -> String {
    call(&format!(r#""name":"read_file",{ARGUMENTS}{more}"#), "")
}

fn path(argument: &str) -> String {
    call(&format!(r#""name":"read_file","arguments":{{"path":{argument}}}"#), "")
}

fn stateless(more: &str) -> String {
    call(&format!(r#"{META},"name":"read_file",{ARGUMENTS}{more}"#), "")
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Row> {
    let row = |name, line, headers, body: &str, status, reason| Row {
        name,
        line,
        headers,
        body: body.into(),
        status,
        reason,
    };
    let post = |name, headers, body: &str, status, reason| row(name, POST, headers, body, status, reason);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let bytes = |name, body: Vec<u8>, reason| Row { body, ..row(name, POST, SESSION, "", 400, reason) };
    let utf16 = read("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        // --- members that readers take one or the other of ---
        post("a name twice", SESSION, &read(r#","name":"delete_file""#), 400, "json_invalid"),
        post("a name twice, escaped", SESSION, &read(r#","n\u0061me":"delete_file""#), 400, "json_invalid"),
        post(
            "arguments twice",
            SESSION,
            &read(r#","arguments":{"path":"private/payroll.csv"}"#),
            400,
            "json_invalid",
        ),
        post(
            "an argument twice",
            SESSION,
            &call(r#""name":"read_file","arguments":{"path":"docs/a","path":"private/payroll.csv"}"#, ""),
            400,
            "json_invalid",
        ),
        post("`NAME`", SESSION, &read(r#","NAME":"delete_file""#), 400, "json_invalid"),
        post(
            "`argumentſ`",
            SESSION,
            &read(r#","argumentſ":{"path":"private/payroll.csv"}"#),
            400,
            "json_invalid",
        ),
        post(
            "`method` twice",
            SESSION,
            &call(r#""name":"read_file""#, r#","method":"tools/call""#),
            400,
            "json_invalid",
        ),
        post(
            "`Method`",
            SESSION,
            &call(r#""name":"read_file""#, r#","Method":"tools/call""#),
            400,
            "mcp_message_invalid",
        ),
        post(
            "`params` twice",
            SESSION,
            &call(r#""name":"read_file""#, r#","params":{"name":"delete_file"}"#),
            400,
            "json_invalid",
        ),
        post("`id` twice", SESSION, &call(r#""name":"read_file""#, r#","id":2"#), 400, "json_invalid"),
        post("`_META` beside `_meta`", STATELESS, &stateless(r#","_META":{}"#), 400, "json_invalid"),
        // --- messages that are two things, or none ---
        post(
            "a request and an answer",
            SESSION,
            &call(r#""name":"read_file""#, r#","result":{}"#),
            400,
            "mcp_message_invalid",
        ),
        post(
            "a request and an error",
            SESSION,
            &call(r#""name":"read_file""#, r#","error":{"code":1,"message":"x"}"#),
            400,
            "mcp_message_invalid",
        ),
        post(
            "a call without an id",
            SESSION,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_file"}}"#,
            400,
            "mcp_message_invalid",
        ),
        post(
            "an id that is a fraction",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            400,
            "mcp_message_invalid",
        ),
        post(
            "an id that is nothing",
            SESSION,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            400,
            "mcp_message_invalid",
        ),
        post(
            "another JSON-RPC",
            SESSION,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            400,
            "mcp_message_invalid",
        ),
        post(
            "params as a list",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["delete_file"]}"#,
            400,
            "mcp_message_invalid",
        ),
        post("`_meta` as text", SESSION, &read(r#","_meta":"x""#), 400, "mcp_meta_invalid"),
        post(
            "a member of nobody",
            SESSION,
            &call(r#""name":"read_file""#, r#","trace":1"#),
            400,
            "mcp_message_invalid",
        ),
        post("text", SESSION, r#""tools/call""#, 400, "mcp_message_invalid"),
        post("nothing", SESSION, "", 400, "json_invalid"),
        post("two messages in a row", SESSION, &format!("{ping}\n{ping}"), 400, "json_invalid"),
        post(
            "a comma too many",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
            400,
            "json_invalid",
        ),
        post("a comment", SESSION, &format!("/**/{ping}"), 400, "json_invalid"),
        post("a number too large", SESSION, &path("1e999"), 400, "json_invalid"),
        post("half of a pair", SESSION, &path(r#""\ud800""#), 400, "json_invalid"),
        bytes("UTF-16", utf16, "json_invalid"),
        bytes("a byte order mark", [b"\xef\xbb\xbf", ping.as_bytes()].concat(), "json_invalid"),
        bytes(
            "no UTF-8",
            path("\"docs/\u{1}\"")
                .replace('\u{1}', "x")
                .into_bytes()
                .into_iter()
                .map(|byte| if byte == b'x' { 0xff } else { byte })
                .collect(),
            "json_invalid",
        ),
        bytes("deep", path(&format!("{}1{}", "[".repeat(200), "]".repeat(200))).into_bytes(), "json_invalid"),
        // --- batches ---
        post("a batch in a later version", SESSION, &format!("[{ping}]"), 400, "mcp_message_invalid"),
        post("a batch without sessions", STATELESS, &format!("[{ping}]"), 400, "mcp_message_invalid"),
        post("an empty batch", BATCHES, "[]", 400, "mcp_message_invalid"),
        post("a batch in a batch", BATCHES, &format!("[[{ping}]]"), 400, "mcp_message_invalid"),
        post("a batch with two of one id", BATCHES, &format!("[{ping},{ping}]"), 400, "mcp_message_invalid"),
        post(
            "a batch with `initialize`",
            BATCHES,
            &format!("[{ping},{}]", r#"{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}"#),
            400,
            "mcp_message_invalid",
        ),
        post(
            "a batch of too many",
            BATCHES,
            &format!(
                "[{}]",
                (0..33)
                    .map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            413,
            "limit_exceeded",
        ),
        post(
            "a batch with one that is denied",
            JSON,
            &format!(
                "[{ping},{}]",
                call(r#""name":"delete_file","arguments":{"path":"docs/a"}"#, "")
                    .replace("\"id\":1", "\"id\":2")
            ),
            403,
            "policy_denied",
        ),
        // --- headers that say something else ---
        post(
            "another `Mcp-Name`",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: write_file\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post(
            "another `Mcp-Method`",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/list\r\nmcp-name: read_file\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post(
            "no `Mcp-Name`",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post(
            "`Mcp-Name` twice",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: read_file\r\nmcp-name: read_file\r\n",
            &stateless(""),
            400,
            "header_duplicate",
        ),
        post(
            "another name in Base64",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: =?base64?d3JpdGVfZmlsZQ==?=\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post(
            "Base64 that is not canonical",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: =?base64?cmVhZF9maWxlMR==?=\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post("the version in the message alone", JSON, &stateless(""), 400, "mcp_header_mismatch"),
        post("the version in the header alone", STATELESS, &read(""), 400, "mcp_meta_invalid"),
        post("an older version in the header", SESSION, &stateless(""), 400, "mcp_header_mismatch"),
        post(
            "a version of nobody",
            "content-type: application/json\r\nmcp-protocol-version: 2099-01-01\r\n",
            &read(""),
            400,
            "mcp_version_unsupported",
        ),
        post(
            "two versions",
            "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\nmcp-protocol-version: 2026-07-28\r\n",
            &read(""),
            400,
            "header_duplicate",
        ),
        post(
            "a parameter header of nothing",
            "content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: read_file\r\nmcp-param-path: private/payroll.csv\r\n",
            &stateless(""),
            400,
            "mcp_header_mismatch",
        ),
        post(
            "a disguised header",
            "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\nmcp_name: delete_file\r\n",
            &read(""),
            400,
            // By Envoy itself (`headers_with_underscores_action`), before the plugin; the adapter refuses it as well.
            "",
        ),
        post(
            "another method by header",
            "content-type: application/json\r\nx-http-method-override: DELETE\r\n",
            &read(""),
            400,
            "header_refused",
        ),
        // --- bodies that are something else to somebody ---
        post(
            "compressed",
            "content-type: application/json\r\ncontent-encoding: gzip\r\n",
            &read(""),
            400,
            "body_encoding_refused",
        ),
        post("text", "content-type: text/plain\r\n", &read(""), 400, "body_type_refused"),
        post(
            "another charset",
            "content-type: application/json; charset=utf-16\r\n",
            &read(""),
            400,
            "body_type_refused",
        ),
        post("no type", "accept-language: en\r\n", &read(""), 400, "body_type_refused"),
        post(
            "a form",
            "content-type: application/x-www-form-urlencoded\r\n",
            "method=tools/call&name=delete_file",
            400,
            "body_type_refused",
        ),
        post(
            "an expectation",
            "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\nexpect: 100-continue\r\n",
            &path("\"private/payroll.csv\""),
            403,
            "policy_denied",
        ),
        // --- methods ---
        post(
            "a method of nobody",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/run"}"#,
            403,
            "mcp_method_unknown",
        ),
        post(
            "a method in another case",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"read_file"}}"#,
            403,
            "mcp_method_unknown",
        ),
        post(
            "a method with a space",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"delete_file"}}"#,
            403,
            "mcp_method_unknown",
        ),
        post(
            "a server's request",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#,
            403,
            "mcp_method_unknown",
        ),
        row("another HTTP method", "PUT /mcp HTTP/1.1", SESSION, &read(""), 403, "route_unknown"),
        row("below the endpoint", "POST /mcp/messages HTTP/1.1", SESSION, &read(""), 403, "route_unknown"),
        row(
            "a session in the query",
            "POST /mcp?sessionId=1 HTTP/1.1",
            SESSION,
            &read(""),
            400,
            "query_undeclared",
        ),
        row("a stream with a body", GET, "accept: text/event-stream\r\n", ping, 400, "body_not_allowed"),
        row(
            "a stream with a method in its headers",
            GET,
            "accept: text/event-stream\r\nmcp-method: tools/call\r\n",
            "",
            400,
            "mcp_header_mismatch",
        ),
        row(
            "a stream without sessions",
            GET,
            "accept: text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n",
            "",
            404,
            "mcp_method_unknown",
        ),
        row(
            "somebody's stream, taken up again",
            GET,
            "accept: text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\nlast-event-id: 7\r\n",
            "",
            400,
            "header_refused",
        ),
        row(
            "somebody's session",
            GET,
            "accept: text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\nmcp-session-id: 3f2a\r\n",
            "",
            404,
            "session_unknown",
        ),
        row(
            "the end of somebody's session",
            "DELETE /mcp HTTP/1.1",
            "mcp-session-id: 3f2a.AAAAAAAAAAAAAAAAAAAAAA\r\n",
            "",
            404,
            "session_unknown",
        ),
        post(
            "a message in somebody's session",
            "content-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\nmcp-session-id: 3f2a\r\n",
            &read(""),
            404,
            "session_unknown",
        ),
        post(
            "two sessions",
            "content-type: application/json\r\nmcp-session-id: a\r\nmcp-session-id: b\r\n",
            &read(""),
            400,
            "header_duplicate",
        ),
        // --- names, paths and arguments ---
        post(
            "a tool of nobody",
            SESSION,
            &call(r#""name":"run_command","arguments":{}"#, ""),
            403,
            "route_unknown",
        ),
        post(
            "a tool in another case",
            SESSION,
            &call(r#""name":"Read_File","arguments":{}"#, ""),
            403,
            "route_unknown",
        ),
        post(
            "a tool with a NUL",
            SESSION,
            &call(r#""name":"read_file\u0000","arguments":{}"#, ""),
            400,
            "argument_invalid",
        ),
        post(
            "a tool with a soft hyphen",
            SESSION,
            &call(r#""name":"read\u00adfile","arguments":{}"#, ""),
            403,
            "route_unknown",
        ),
        post(
            "a tool that is no text",
            SESSION,
            &call(r#""name":["read_file"],"arguments":{}"#, ""),
            400,
            "argument_invalid",
        ),
        post("a path around", SESSION, &path("\"docs/../private/payroll.csv\""), 400, "argument_invalid"),
        post("a path of bytes", SESSION, &path("\"docs/%2e%2e/private\""), 400, "argument_invalid"),
        post("a path of another system", SESSION, &path(r#""docs\\..\\private""#), 400, "argument_invalid"),
        post("a path as a list", SESSION, &path(r#"["private/payroll.csv"]"#), 400, "argument_invalid"),
        post("a path that is nothing", SESSION, &path("null"), 400, "argument_invalid"),
        post(
            "an argument of nobody",
            SESSION,
            &call(r#""name":"read_file","arguments":{"path":"docs/a","root":"/"}"#, ""),
            400,
            "argument_invalid",
        ),
        post(
            "one private file among several",
            SESSION,
            &call(r#""name":"read_files","arguments":{"paths":["docs/a","private/payroll.csv"]}"#, ""),
            403,
            "policy_denied",
        ),
        post(
            "too many files",
            SESSION,
            &call(
                &format!(
                    r#""name":"read_files","arguments":{{"paths":[{}]}}"#,
                    vec!["\"docs/a\""; 65].join(",")
                ),
                "",
            ),
            413,
            "limit_exceeded",
        ),
        post(
            "a resource around",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"files:///docs/../private/payroll.csv"}}"#,
            400,
            "argument_invalid",
        ),
        post(
            "a resource of another scheme",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}"#,
            403,
            "route_unknown",
        ),
        post(
            "a completion of a private resource",
            SESSION,
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/tool","name":"delete_file"},"argument":{"name":"path","value":""}}}"#,
            400,
            "argument_invalid",
        ),
        post(
            "an answer to the gate beside one to the server",
            STATELESS,
            &stateless(r#","inputResponses":{"actgate.approval":{"action":"accept"},"q":{}}"#),
            400,
            "mcp_message_invalid",
        ),
        post(
            "an answer to the gate in another case",
            STATELESS,
            &stateless(r#","inputresponses":{"actgate.approval":{"action":"accept"}}"#),
            400,
            "json_invalid",
        ),
    ]
}

/// The reason of a refusal, wherever in the answer it is.
fn reason(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let answer = answer.get(0).cloned().unwrap_or(answer);
    // A head that is no request to anybody is answered in the words of HTTP.
    let places = ["/result/structuredContent/reason", "/error/data/reason", "/reason"];
    places.iter().find_map(|place| answer.pointer(place)?.as_str()).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_sees_no_byte_of_what_could_be_read_in_two_ways() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let (issuer, upstream) =
        (Issuer::new(), Recorder::start(Script::text(200, "seen")).await.expect("a recorder"));
    let state = State::new(&setup, &Template::read(setup.root()));
    let nobody = state.upstream(upstream.address());
    let departure = Departure { mcp: Some(upstream.address()), ..Departure::none(&setup, &issuer) };
    let gateway = Gateway::start(state, departure, nobody).await;
    let token = issuer.mint(&alice());
    let send = async |line: &str, headers: &str, body: &[u8]| {
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!(
            "{line}\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\naccept: application/json, text/event-stream\r\n{headers}{length}\r\n"
        );
        h1::send(gateway.address(), &[head.as_bytes(), body].concat()).await
    };
    let rows = rows();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let mut verdicts = Verdicts::default();
    for Row { name, line, headers, body, status, reason: wanted } in &rows {
        let outcome = send(line, headers, body).await;
        let seen = upstream.seen();
        let verdict = match &outcome {
            _ if seen.connections > 0 || !seen.is_nothing() => Err("the upstream saw something".to_owned()),
            Outcome::Reply(reply) => {
                // A refusal of a tool's call is a result, which HTTP counts a success.
                let came = (reply.status, reason(&reply.body));
                let is_meant = came.1 == **wanted && (came.0 == *status || came.0 == 200);
                if is_meant { Ok(()) } else { Err(format!("{came:?}, not {status} {wanted}")) }
            }
            Outcome::Closed | Outcome::Silence => Err(format!("{outcome:?}")),
        };
        verdicts.row(name, verdict);
        upstream.forget();
    }
    verdicts.conclude();
    // They prove nothing unless what they were made from passes.
    for (headers, body) in [(SESSION, read("")), (STATELESS, stateless(""))] {
        send(POST, headers, body.as_bytes()).await;
        assert_eq!(upstream.seen().requests.len(), 1, "{headers}");
        upstream.forget();
    }
}
