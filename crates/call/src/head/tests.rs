use super::*;
use crate::fixture::Request;

fn get() -> Request {
    Request::new("GET", "/a?b=1")
}

#[test]
fn a_plain_request_is_read_as_sent() {
    let request = Request::new("POST", "/a/b?c=1")
        .with("content-type", "application/json")
        .with("content-length", "12")
        .with("x-other", "one")
        .with("x-other", "two");
    request
        .read(|head| {
            assert_eq!((head.method(), head.scheme(), head.raw_path()), ("POST", "https", "/a/b?c=1"));
            assert_eq!((head.path().as_str(), head.query().as_str()), ("/a/b", Some("c=1")));
            assert_eq!(head.authority().as_str(), "tools.example");
            assert_eq!(
                (head.content_type(), head.content_length()),
                (Some(&b"application/json"[..]), Some(12))
            );
            assert_eq!((head.header("x-other"), head.header("missing")), (Some(&b"one"[..]), None));
            assert_eq!(head.sole_header("x-other").unwrap_err().code(), "header_duplicate");
            assert_eq!(head.sole_header("missing"), Ok(None));
        })
        .unwrap();
}

#[test]
fn pseudo_headers_are_there_once_and_no_others() {
    for name in [":method", ":scheme", ":authority", ":path"] {
        assert_eq!(get().without(name).code(), "request_malformed", "without {name}");
        let value = get().headers.iter().find(|(other, _)| other == name.as_bytes()).unwrap().1.clone();
        assert_eq!(get().with(name, value).code(), "request_malformed", "twice {name}");
    }
    for name in [":status", ":", ":Path", ":x", ":method "] {
        assert_eq!(get().with(name, "x").code(), "request_malformed", "{name}");
    }
}

#[test]
fn methods_are_words_in_upper_case() {
    for method in ["GET", "LIST", "M-SEARCH", "BASELINE-CONTROL", "PURGE"] {
        assert_eq!(Request::new(method, "/").code(), "ok", "{method}");
    }
    for method in
        ["", "get", "Get", "GET ", " GET", "GET\t", "GE T", "GET/", "1GET", "G\u{c9}T", &"A".repeat(33)]
    {
        assert_eq!(Request::new(method, "/").code(), "request_malformed", "{method:?}");
    }
}

#[test]
fn tunnels_and_upgrades_are_refused() {
    let tunnels = [
        Request::new("CONNECT", "/"),
        Request::new("connect", "/"),
        Request::new("CONNECT", "/").without(":path").without(":scheme"),
        get().with(":protocol", "websocket"),
        get().with("upgrade", "websocket"),
        get().with("upgrade", "h2c"),
        get().with("upgrade", ""),
        get().with("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        get().with("connection", "Upgrade"),
        get().with("connection", "keep-alive, upgrade"),
        get().with("connection", "HTTP2-Settings"),
    ];
    for tunnel in tunnels {
        assert_eq!(tunnel.code(), "upgrade_refused", "{:?}", tunnel.headers);
    }
}

#[test]
fn headers_with_more_than_one_reading_are_refused() {
    let table: &[(&str, &str, &str)] = &[
        // another method or path than the request line's
        ("x-http-method-override", "DELETE", "header_refused"),
        ("x-http-method", "DELETE", "header_refused"),
        ("x-method-override", "DELETE", "header_refused"),
        ("x_http_method_override", "DELETE", "header_refused"),
        ("x-http_method-override", "DELETE", "header_refused"),
        ("x.http.method.override", "DELETE", "header_refused"),
        ("x-original-method", "DELETE", "header_refused"),
        ("x-original-url", "/admin", "header_refused"),
        ("x-original-uri", "/admin", "header_refused"),
        ("x_original_url", "/admin", "header_refused"),
        ("x-rewrite-url", "/admin", "header_refused"),
        ("x-forwarded-uri", "/admin", "header_refused"),
        // names that some take for one with a meaning
        ("content_length", "0", "header_refused"),
        ("content_type", "text/plain", "header_refused"),
        ("transfer_encoding", "chunked", "header_refused"),
        ("proxy_authorization", "Bearer x", "header_refused"),
        ("mcp_session_id", "x", "header_refused"),
        ("git.protocol", "version=2", "header_refused"),
        // what other headers the next hop drops, what it waits for
        ("connection", "x-decision", "header_refused"),
        ("connection", "close, authorization", "header_refused"),
        ("connection", "", "header_refused"),
        ("expect", "200-ok", "header_refused"),
        ("expect", "100-continue, x", "header_refused"),
        // framing
        ("content-length", "", "request_malformed"),
        ("content-length", "+1", "request_malformed"),
        ("content-length", "-1", "request_malformed"),
        ("content-length", "01", "request_malformed"),
        ("content-length", "0x10", "request_malformed"),
        ("content-length", "1, 1", "request_malformed"),
        ("content-length", "1 ", "request_malformed"),
        ("content-length", "99999999999999999999", "request_malformed"),
        ("transfer-encoding", "identity", "request_malformed"),
        ("transfer-encoding", "gzip, chunked", "request_malformed"),
        ("transfer-encoding", "chunked, chunked", "request_malformed"),
        ("transfer-encoding", "\u{b}chunked", "request_malformed"),
        ("transfer-encoding", "xchunked", "request_malformed"),
        ("host", "evil.example", "request_malformed"),
        ("host", "", "request_malformed"),
        // values and names outside the grammar
        ("authorization", " Bearer x", "request_malformed"),
        ("authorization", "Bearer x\t", "request_malformed"),
        ("x-any", "a\r\nb", "request_malformed"),
        ("x-any", "a\0b", "request_malformed"),
        ("x-any", "a\u{7f}b", "request_malformed"),
        ("", "x", "request_malformed"),
        ("X-Any", "x", "request_malformed"),
        ("x any", "x", "request_malformed"),
        ("x-any:", "x", "request_malformed"),
        ("x-any\0", "x", "request_malformed"),
        ("x-é", "x", "request_malformed"),
        ("authorization ", "x", "request_malformed"),
    ];
    for (name, value, code) in table {
        assert_eq!(get().with(name, value).code(), *code, "{name:?}: {value:?}");
    }
}

#[test]
fn headers_with_a_meaning_are_there_once() {
    let meaningful = [
        ("authorization", "Bearer x"),
        ("proxy-authorization", "Bearer x"),
        ("dpop", "x"),
        ("content-type", "application/json"),
        ("content-length", "1"),
        ("content-encoding", "identity"),
        ("transfer-encoding", "chunked"),
        ("host", "tools.example"),
        ("cookie", "a=1"),
        ("expect", "100-continue"),
        ("x-amz-target", "A.B"),
        ("git-protocol", "version=2"),
        ("mcp-session-id", "x"),
        ("mcp-name", "x"),
        ("mcp-param-anything", "x"),
        ("connection", "keep-alive"),
        ("te", "trailers"),
        ("range", "bytes=0-1"),
    ];
    for (name, value) in meaningful {
        assert_eq!(get().with(name, value).code(), "ok", "{name}");
        assert_eq!(get().with(name, value).with(name, value).code(), "header_duplicate", "{name}");
    }
    assert_eq!(get().with("accept", "a/b").with("accept", "c/d").code(), "ok");
}

#[test]
fn harmless_headers_pass() {
    for (name, value) in [
        ("x_custom", "1"),
        ("upgrade-insecure-requests", "1"),
        ("connection", "keep-alive, TE"),
        ("user-agent", "caf\u{e9}"),
        ("expect", "100-Continue"),
        ("x-empty", ""),
        ("transfer-encoding", "Chunked"),
        ("host", "TOOLS.example"),
        ("a-name-that-is-longer_than_any_in_the_table_of_meanings", "x"),
    ] {
        assert_eq!(get().with(name, value).code(), "ok", "{name}: {value}");
    }
}

#[test]
fn a_content_type_that_the_proxy_joined_from_two_is_refused() {
    for (value, code) in [
        ("text/plain,application/json", "header_duplicate"),
        ("application/json, application/json", "header_duplicate"),
        (r#"a/b; c="d",e/f"#, "header_duplicate"),
        (r#"a/b; c="d\\",e/f"#, "header_duplicate"),
        (r#"a/b; c="d,e/f"#, "request_malformed"),
        (r#"multipart/mixed; boundary="a,b""#, "ok"),
        (r#"multipart/mixed; boundary="a\",b""#, "ok"),
    ] {
        assert_eq!(get().with("content-type", value).code(), code, "{value}");
    }
}

#[test]
fn two_lengths_are_smuggling() {
    let request = get().with("content-length", "3").with("transfer-encoding", "chunked");
    assert_eq!(request.code(), "request_malformed");
}

#[test]
fn a_disguise_of_a_header_that_is_decided_on_is_refused() {
    let request = get().with("x-api-key", "a").with("x_api_key", "b");
    request
        .read(|head| assert_eq!(head.sole_header("x-api-key").unwrap_err().code(), "header_refused"))
        .unwrap();
    let alone = get().with("x_api_key", "b");
    alone
        .read(|head| assert_eq!(head.sole_header("x-api-key").unwrap_err().code(), "header_refused"))
        .unwrap();
}

#[test]
fn targets_are_paths() {
    let long = format!("/?a={}", "x".repeat(MAX_TARGET_BYTES));
    for (target, code) in [
        ("*", "path_not_canonical"),
        ("", "path_not_canonical"),
        ("?a=1", "path_not_canonical"),
        ("http://tools.example/", "path_not_canonical"),
        ("/a#b", "path_not_canonical"),
        ("/a b", "path_not_canonical"),
        ("/a?b c", "path_not_canonical"),
        ("/é", "path_not_canonical"),
        (&long, "path_not_canonical"),
        ("/a?", "query_malformed"),
        ("/a?b=1#c", "query_malformed"),
        ("/a?b=1&b=2", "query_malformed"),
        ("/a?b=/../c", "ok"),
    ] {
        assert_eq!(Request::new("GET", target).code(), code, "{target:.40}");
    }
}

#[test]
fn authorities_are_hosts() {
    let parsed =
        |text| Authority::parse(text).map(|authority: Authority<'_>| (authority.host(), authority.port()));
    assert_eq!(parsed("a.example"), Some(("a.example", None)));
    assert_eq!(parsed("a.example:443"), Some(("a.example", Some(443))));
    assert_eq!(parsed("127.0.0.1:1"), Some(("127.0.0.1", Some(1))));
    assert_eq!(parsed("[::1]"), Some(("[::1]", None)));
    assert_eq!(parsed("[::1]:8080"), Some(("[::1]", Some(8080))));
    for text in [
        "",
        ":80",
        "a:",
        "a:0",
        "a:080",
        "a:+80",
        "a:65536",
        "a:b",
        "a:1:2",
        "user@a",
        "user:pw@a",
        "a.",
        ".a",
        "a..b",
        "a/b",
        "a,b",
        "a b",
        "a%2eb",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:",
        "[a]",
        "a?b",
        "a#b",
        "a\\b",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
    assert_eq!(get().without(":authority").with(":authority", "a,b").code(), "request_malformed");
    assert_eq!(get().without(":scheme").with(":scheme", "gopher").code(), "request_malformed");
}

#[test]
fn the_number_of_headers_is_bounded() {
    let many = |count: usize| (0..count).fold(get(), |request, n| request.with(format!("x-{n}"), "1"));
    assert_eq!(many(MAX_HEADERS - 4).code(), "ok");
    assert_eq!(many(MAX_HEADERS - 3).code(), "request_malformed");
}

#[test]
fn debug_output_shows_no_credential() {
    let request = get().with("authorization", "Bearer topsecret");
    let shown = request.read(|head| format!("{head:?}")).unwrap();
    assert!(!shown.contains("topsecret"), "{shown}");
}
