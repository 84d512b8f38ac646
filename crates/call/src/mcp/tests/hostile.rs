//! Requests by which a server could be made to run something else than was decided on. None of them is a call.

use super::*;

/// A request, its body, and the code with which it is refused.
type Row = (&'static str, Request, &'static str, &'static str);

fn s() -> Request {
    post("2025-06-18")
}

fn call() -> Request {
    stateless("tools/call", "read_file")
}

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
const READ: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"}}}"#;

/// What is wrong with the body, whatever its headers.
fn bodies() -> Vec<Row> {
    let rows: &[(&str, &str, &str)] = &[
        ("an empty body", "", "json_invalid"),
        ("a byte order mark", "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", "json_invalid"),
        ("something behind the end", r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, "json_invalid"),
        ("NUL behind the end", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0", "json_invalid"),
        (
            "a line of messages",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}",
            "json_invalid",
        ),
        ("a comment", r#"{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}"#, "json_invalid"),
        ("a trailing comma", r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#, "json_invalid"),
        ("single quotes", r"{'jsonrpc':'2.0','id':1,'method':'ping'}", "json_invalid"),
        ("NaN", r#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#, "json_invalid"),
        ("two methods", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, "json_invalid"),
        (
            "two params",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"},"params":{"name":"write_file"}}"#,
            "json_invalid",
        ),
        (
            "two names",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","name":"write_file","arguments":{"path":"a"}}}"#,
            "json_invalid",
        ),
        (
            "two names, one escaped",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","n\u0061me":"write_file","arguments":{"path":"a"}}}"#,
            "json_invalid",
        ),
        (
            "two paths",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a","path":"b"}}}"#,
            "json_invalid",
        ),
        (
            "two members deep below what passes",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_link","arguments":{"x":[{"y":1,"y":2}]}}}"#,
            "json_invalid",
        ),
        (
            "two members in `_meta`",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":1,"a":2}}}"#,
            "json_invalid",
        ),
        (
            "a lone surrogate",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800"}}"#,
            "json_invalid",
        ),
        ("an id beyond 2^53", r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}"#, "json_invalid"),
        (
            "`Method`",
            r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}"#,
            "mcp_message_invalid",
        ),
        ("`METHOD` alone", r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}"#, "mcp_message_invalid"),
        (
            "`PARAMS` beside `params`",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"}},"PARAMS":{"name":"write_file"}}"#,
            "mcp_message_invalid",
        ),
        (
            "`Name` beside `name`",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","Name":"write_file","arguments":{"path":"a"}}}"#,
            "json_invalid",
        ),
        (
            "`Arguments` beside `arguments`",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"},"Arguments":{"path":"b"}}}"#,
            "json_invalid",
        ),
        (
            "`Path` beside `path`",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a","Path":"b"}}}"#,
            "json_invalid",
        ),
        (
            "`PATH` where others pass",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_link","arguments":{"PATH":"../b"}}}"#,
            "json_invalid",
        ),
        (
            "`Uri` beside `uri`",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"files:///docs/a","Uri":"files:///x"}}"#,
            "json_invalid",
        ),
        (
            "`_META` beside `_meta`",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{},"_META":{}}}"#,
            "json_invalid",
        ),
        (
            "a member that JSON-RPC does not have",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","tool":"x"}"#,
            "mcp_message_invalid",
        ),
        ("no `jsonrpc`", r#"{"id":1,"method":"ping"}"#, "mcp_message_invalid"),
        ("`jsonrpc` 1.0", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "mcp_message_invalid"),
        ("`jsonrpc` as a number", r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, "mcp_message_invalid"),
        ("an id that is null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "mcp_message_invalid"),
        ("an id that is a fraction", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "mcp_message_invalid"),
        ("an id that is an object", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, "mcp_message_invalid"),
        (
            "a request without an id",
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"}}}"#,
            "mcp_message_invalid",
        ),
        (
            "a notification with an id",
            r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
            "mcp_message_invalid",
        ),
        (
            "a request and an answer at once",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            "mcp_message_invalid",
        ),
        (
            "an answer with result and error",
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
            "mcp_message_invalid",
        ),
        ("an answer without an id", r#"{"jsonrpc":"2.0","result":{}}"#, "mcp_message_invalid"),
        (
            "an answer with params",
            r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
            "mcp_message_invalid",
        ),
        (
            "a method that is no text",
            r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"]}"#,
            "mcp_message_invalid",
        ),
        (
            "params by position",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read_file",{"path":"a"}]}"#,
            "mcp_message_invalid",
        ),
        (
            "params that are null",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            "mcp_message_invalid",
        ),
        (
            "`_meta` that is no object",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":"x"}}"#,
            "mcp_meta_invalid",
        ),
        ("text", r#""tools/call""#, "mcp_message_invalid"),
        (
            "a batch where there is none",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "mcp_message_invalid",
        ),
        (
            "another case of the method",
            r#"{"jsonrpc":"2.0","id":1,"method":"Tools/call","params":{"name":"read_file","arguments":{"path":"a"}}}"#,
            "mcp_method_unknown",
        ),
        (
            "a space behind the method",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"read_file","arguments":{"path":"a"}}}"#,
            "mcp_method_unknown",
        ),
        (
            "a method of the server's",
            r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}"#,
            "mcp_method_unknown",
        ),
        (
            "JSON-RPC's own methods",
            r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#,
            "mcp_method_unknown",
        ),
        (
            "no name",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"path":"a"}}}"#,
            "argument_invalid",
        ),
        (
            "a name that is a list",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["read_file"],"arguments":{"path":"a"}}}"#,
            "argument_invalid",
        ),
        (
            "an empty name",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
            "argument_invalid",
        ),
        (
            "NUL in a name",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_\u0000"}}"#,
            "argument_invalid",
        ),
        (
            "arguments that are text",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":"{\"path\":\"a\"}"}}"#,
            "argument_invalid",
        ),
        (
            "arguments that are null",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":null}}"#,
            "argument_invalid",
        ),
        (
            "no argument",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}}"#,
            "argument_invalid",
        ),
        (
            "an argument that nobody declared",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a","follow":true}}}"#,
            "argument_invalid",
        ),
        (
            "a path that is a list",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":["a"]}}}"#,
            "argument_invalid",
        ),
        (
            "a number that is a text",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"a","content":"","mode":"7"}}}"#,
            "argument_invalid",
        ),
        (
            "a number with a fraction of none",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"a","content":"","mode":7.0}}}"#,
            "argument_invalid",
        ),
        (
            "a list with a number",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"a","content":"","labels":["x",1]}}}"#,
            "argument_invalid",
        ),
        (
            "one bad member of a list of paths",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_files","arguments":{"paths":["a","../b"]}}}"#,
            "argument_invalid",
        ),
        (
            "an unknown tool",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","arguments":{"path":"a"}}}"#,
            "route_unknown",
        ),
        (
            "a tool with a space",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":" read_file","arguments":{"path":"a"}}}"#,
            "route_unknown",
        ),
        (
            "an unknown resource",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"files:///etc/passwd"}}"#,
            "route_unknown",
        ),
        (
            "proposals for an unknown prompt",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x"}}}"#,
            "route_unknown",
        ),
        (
            "proposals for neither",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/tool","name":"review"}}}"#,
            "argument_invalid",
        ),
    ];
    rows.iter().map(|(label, body, code)| (*label, s(), *body, *code)).collect()
}

/// What is wrong with the head, or with head and body together.
fn heads() -> Vec<Row> {
    let stateless_read: &'static str = Box::leak(
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{META},"name":"read_file","arguments":{{"path":"a"}}}}}}"#)
            .into_boxed_str(),
    );
    let write = |arguments: &str| -> &'static str {
        Box::leak(
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{META},"name":"write_file","arguments":{arguments}}}}}"#)
                .into_boxed_str(),
        )
    };
    let ping = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
    vec![
        ("a compressed body", s().with("content-encoding", "gzip"), READ, "body_encoding_refused"),
        ("two codings", s().with("content-encoding", "identity, gzip"), READ, "body_encoding_refused"),
        (
            "another content type",
            Request::new("POST", "/mcp").with("content-type", "text/plain"),
            READ,
            "body_type_refused",
        ),
        ("no content type", Request::new("POST", "/mcp"), READ, "body_type_refused"),
        (
            "another character set",
            Request::new("POST", "/mcp").with("content-type", "application/json; charset=utf-16"),
            READ,
            "body_type_refused",
        ),
        ("an announced length beyond the bound", s().with("content-length", "5000"), READ, "body_too_large"),
        (
            "a parameter",
            Request::new("POST", "/mcp?method=ping").with("content-type", "application/json"),
            READ,
            "query_undeclared",
        ),
        (
            "a path below the endpoint",
            Request::new("POST", "/mcp/x").with("content-type", "application/json"),
            READ,
            "route_unknown",
        ),
        (
            "a slash behind the endpoint",
            Request::new("POST", "/mcp/").with("content-type", "application/json"),
            READ,
            "route_unknown",
        ),
        (
            "another HTTP method",
            Request::new("PUT", "/mcp").with("content-type", "application/json"),
            READ,
            "route_unknown",
        ),
        ("a header that clients may not send", s().with("x-upstream-key", "k"), READ, "header_refused"),
        ("a method override", s().with("x-http-method-override", "DELETE"), READ, "header_refused"),
        ("two versions", s().with("mcp-protocol-version", "2026-07-28"), READ, "header_duplicate"),
        ("a disguised header", call().with("mcp_name", "write_file"), stateless_read, "header_refused"),
        ("two names in headers", call().with("mcp-name", "write_file"), stateless_read, "header_duplicate"),
        ("a version of nobody", post("2027-01-01"), READ, "mcp_version_unsupported"),
        (
            "a version of nobody, and another in the message",
            post("2027-01-01"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        ("the oldest version, of another transport", post("2024-11-05"), READ, "mcp_version_unsupported"),
        ("a version in another spelling", post("2025-6-18"), READ, "mcp_version_unsupported"),
        ("the stateless version in the message alone", post(""), stateless_read, "mcp_header_mismatch"),
        ("an older version in the header", post("2025-11-25"), stateless_read, "mcp_header_mismatch"),
        ("the stateless version in the header alone", call(), READ, "mcp_meta_invalid"),
        (
            "no `Mcp-Method`",
            post("2026-07-28").with("mcp-name", "read_file"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        ("no `Mcp-Name`", stateless("tools/call", ""), stateless_read, "mcp_header_mismatch"),
        ("another `Mcp-Method`", stateless("tools/list", "read_file"), stateless_read, "mcp_header_mismatch"),
        (
            "`Mcp-Method` in another case",
            stateless("Tools/Call", "read_file"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        ("another `Mcp-Name`", stateless("tools/call", "write_file"), stateless_read, "mcp_header_mismatch"),
        ("another `Mcp-Name` in a session", s().with("mcp-name", "write_file"), READ, "mcp_header_mismatch"),
        ("another `Mcp-Method` in a session", s().with("mcp-method", "ping"), READ, "mcp_header_mismatch"),
        (
            "another name in Base64",
            stateless("tools/call", "=?base64?d3JpdGVfZmlsZQ==?="),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "Base64 without its padding",
            stateless("tools/call", "=?base64?cmVhZF9maWxlMQ?="),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "Base64 that is not canonical",
            stateless("tools/call", "=?base64?cmVhZF9maWxlMR==?="),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "Base64 that is no UTF-8",
            stateless("tools/call", "=?base64?//79?="),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "the sentinel in upper case",
            stateless("tools/call", "=?BASE64?cmVhZF9maWxl?="),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "the sentinel without its end",
            stateless("tools/call", "=?base64?cmVhZF9maWxl"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "a name that is no ASCII",
            stateless("tools/call", "read_filé"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "a parameter header of nothing",
            call().with("mcp-param-path", "b"),
            stateless_read,
            "mcp_header_mismatch",
        ),
        (
            "another parameter in the header",
            stateless("tools/call", "write_file").with("mcp-param-mode", "8"),
            write(r#"{"path":"a","content":"","mode":7}"#),
            "mcp_header_mismatch",
        ),
        (
            "a parameter that no header repeats",
            stateless("tools/call", "write_file"),
            write(r#"{"path":"a","content":"","mode":7}"#),
            "mcp_header_mismatch",
        ),
        (
            "a parameter header without its argument",
            stateless("tools/call", "write_file").with("mcp-param-mode", "7"),
            write(r#"{"path":"a","content":""}"#),
            "mcp_header_mismatch",
        ),
        (
            "a session's method without sessions",
            stateless("initialize", ""),
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
            "mcp_method_unknown",
        ),
        (
            "a notification without sessions",
            stateless("notifications/cancelled", ""),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
            "mcp_method_unknown",
        ),
        (
            "an answer without sessions",
            post("2026-07-28"),
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            "mcp_message_invalid",
        ),
        ("a batch without sessions", post("2026-07-28"), ping, "mcp_message_invalid"),
        ("an empty batch", post("2025-03-26"), "[]", "mcp_message_invalid"),
        (
            "a batch in a batch",
            post("2025-03-26"),
            r#"[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]"#,
            "mcp_message_invalid",
        ),
        (
            "two requests of one id",
            post("2025-03-26"),
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#,
            "mcp_message_invalid",
        ),
        (
            "one bad message of a batch",
            post("2025-03-26"),
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"x"}]"#,
            "mcp_method_unknown",
        ),
        (
            "a handshake in a batch",
            post("2025-03-26"),
            r#"[{"jsonrpc":"2.0","id":1,"method":"initialize"}]"#,
            "mcp_message_invalid",
        ),
        (
            "a header beside a batch",
            post("2025-03-26").with("mcp-method", "ping"),
            ping,
            "mcp_header_mismatch",
        ),
        ("a stream with a body", Request::new("GET", "/mcp"), READ, "body_not_allowed"),
        (
            "a stream without sessions",
            Request::new("GET", "/mcp").with("mcp-protocol-version", "2026-07-28"),
            "",
            "mcp_method_unknown",
        ),
        (
            "a session's end that names a tool",
            Request::new("DELETE", "/mcp").with("mcp-method", "tools/call"),
            "",
            "mcp_header_mismatch",
        ),
        (
            "news of what is not known",
            stateless("subscriptions/listen", ""),
            r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"notifications":{"files":["files:///x"]}}}"#,
            "argument_invalid",
        ),
        (
            "news of what is no resource of the catalog",
            stateless("subscriptions/listen", ""),
            r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"notifications":{"resourceSubscriptions":["files:///x"]}}}"#,
            "route_unknown",
        ),
    ]
}

#[test]
fn none_of_these_is_a_call() {
    let services = services();
    let rows: Vec<Row> = bodies().into_iter().chain(heads()).collect();
    assert!(rows.len() >= 100, "{}", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(label, request, body, code)| {
            let came = request.calls(&services, body.as_bytes()).map_or_else(|error| error.code(), |_| "ok");
            (came != *code).then(|| format!("{label}: {came}, not {code}"))
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn paths_have_one_form() {
    let read = |path: &str| {
        let params = json!({ "name": "read_file", "arguments": { "path": path } });
        calls(&s(), &told("tools/call", params)).is_ok()
    };
    for path in ["a", "docs/a.md", "docs/.hidden", "a b/c", "é/日本", "-a", "a/b/c/d"] {
        assert!(read(path), "{path}");
    }
    for path in [
        "", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/..", "a/../b", "../a", "~", "~/a",
        "~root/a", "a\\b", "..\\a", "a%2fb", "%2e%2e/a", "a;b", "a\nb", "a\u{7f}", "C:/a", "a:stream", "a.",
        "a ", " a", "a/ b", "a./b",
    ] {
        assert!(!read(path), "{path:?}");
    }
}

#[test]
fn uris_have_one_form() {
    let read = |uri: &str| {
        calls(&s(), &told("resources/read", json!({ "uri": uri }))).map_or_else(|e| e.code(), |_| "ok")
    };
    for uri in ["files:///docs/a", "files:///docs/a%20b", "files:///docs/", "files:///docs/a?x=../b"] {
        assert_eq!(read(uri), "ok", "{uri}");
    }
    for uri in [
        "docs/a",
        "files:///docs/../a",
        "files:///docs/./a",
        "files:///docs//a",
        "files:////docs/a",
        "FILES:///docs/a",
        "files:///docs/%2e%2e/a",
        "files:///docs/%2E%2E/a",
        "files:///docs/%2Fa",
        "files:///docs/%5Ca",
        "files:///docs/%252Fa",
        "files:///docs/%61",
        "files:///docs/a%",
        "files:///docs/a%zz",
        "files:///docs/a b",
        "files:///docs/é",
        "files:///docs\\a",
        "files:///docs/a#x",
        "files:///docs/a;b",
        ":///docs/a",
        "1files:///docs/a",
        "files:///docs/%00",
    ] {
        assert_eq!(read(uri), "argument_invalid", "{uri}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let paths = |count: usize| {
        told("tools/call", json!({ "name": "read_files", "arguments": { "paths": vec!["a"; count] } }))
    };
    assert_eq!(calls(&s(), &paths(64)).unwrap().len(), 64);
    assert_eq!(calls(&s(), &paths(65)).unwrap_err().code(), "limit_exceeded");
    let batch = |count: usize| {
        Value::from(
            (0..count).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })).collect::<Vec<_>>(),
        )
    };
    assert_eq!(calls(&post(""), &batch(MAX_BATCH)).unwrap().len(), MAX_BATCH);
    assert_eq!(calls(&post(""), &batch(MAX_BATCH.saturating_add(1))).unwrap_err().code(), "limit_exceeded");
    let many = (0..5).map(|id| {
        let mut message = paths(64);
        message["id"] = id.into();
        message
    });
    assert_eq!(calls(&post(""), &many.collect::<Vec<_>>().into()).unwrap_err().code(), "limit_exceeded");
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{}1{}}}}}"#,
        "[".repeat(80),
        "]".repeat(80)
    );
    assert_eq!(s().calls(&services(), deep.as_bytes()).unwrap_err().code(), "json_invalid");
    let long =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "x".repeat(MAX_BODY));
    assert_eq!(s().calls(&services(), long.as_bytes()).unwrap_err().code(), "body_too_large");
}
