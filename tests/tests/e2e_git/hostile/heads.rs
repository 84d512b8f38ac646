//! Paths, queries, methods and headers around a push that is honest otherwise.

use super::{Expect, Kit, Row, TARGET, TYPE};

const UNKNOWN: Expect = Expect::Text(403, "route_unknown");
const ARGUMENT: Expect = Expect::Text(400, "argument_invalid");
const ENCODING: Expect = Expect::Text(400, "body_encoding_refused");
const BODY_TYPE: Expect = Expect::Text(400, "body_type_refused");
const UNDECLARED: Expect = Expect::Text(400, "query_undeclared");
const PATH: Expect = Expect::Problem(400, "path_not_canonical");
const HEADER: Expect = Expect::Problem(400, "header_refused");
const DUPLICATE: Expect = Expect::Problem(400, "header_duplicate");

pub(super) fn rows(kit: &Kit) -> Vec<Row> {
    let mut rows = paths(kit);
    rows.extend(discovery());
    rows.extend(headers(kit));
    rows
}

/// Other names of payments, and other repositories.
fn paths(kit: &Kit) -> Vec<Row> {
    let push = kit.honest(&kit.ids.fine());
    let mut rows = Vec::new();
    for (path, expect) in [
        ("/git/website.git/../payments.git/git-receive-pack", PATH),
        ("/git/./payments.git/git-receive-pack", PATH),
        ("/git//payments.git/git-receive-pack", PATH),
        ("/git/payments.git//git-receive-pack", PATH),
        ("/git/payments.git/./git-receive-pack", PATH),
        ("/git/payments.git/git-receive-pack/.", PATH),
        ("/git/payments%2Egit/git-receive-pack", PATH),
        ("/git/p%61yments.git/git-receive-pack", PATH),
        ("/git/payments.git/git%2Dreceive-pack", PATH),
        ("/git/payments.git%00/git-receive-pack", PATH),
        ("/git/payments.git;x/git-receive-pack", PATH),
        ("/git/website.git%2F..%2Fpayments.git/git-receive-pack", PATH),
        ("/git/team%2Fpayments.git/git-receive-pack", Expect::Text(400, "path_not_canonical")),
        ("/git/payments.git%2Fgit-receive-pack", Expect::Text(400, "path_not_canonical")),
        ("/git/payments.git/git-receive-pack/", UNKNOWN),
        ("/git/payments/git-receive-pack", UNKNOWN),
        ("/git/payments.git/.git/git-receive-pack", ARGUMENT),
        ("/git/payments.git/objects/git-receive-pack", UNKNOWN),
        ("/git/payments.git/git-receive-pack/git-receive-pack", UNKNOWN),
        ("/git/payments.git/payments.git/git-receive-pack", ARGUMENT),
        ("/git/payments.git.git/git-receive-pack", ARGUMENT),
        ("/git/.git/git-receive-pack", UNKNOWN),
        ("/git/-x.git/git-receive-pack", ARGUMENT),
        ("/git/~alice/payments.git/git-receive-pack", Expect::Report("policy_denied")),
        ("/git/Payments.git/git-receive-pack", Expect::Report("policy_denied")),
        ("/git/payments.GIT/git-receive-pack", UNKNOWN),
        ("/git/payments.git/Git-Receive-Pack", UNKNOWN),
        ("/git/payments.git/git-receive-pack%20", UNKNOWN),
        ("/git/payments.git/git-receive-pack%0A", PATH),
        ("/git/team/payments.git/git-receive-pack", Expect::Report("policy_denied")),
        ("/git/website.git/git-receive-pack", Expect::Report("policy_denied")),
        ("/git/payments.git/git-receive-pack?service=git-upload-pack", UNDECLARED),
        ("/git/payments.git/git-receive-pack?service=git-receive-pack", UNDECLARED),
        ("/GIT/payments.git/git-receive-pack", Expect::Problem(403, "route_unknown")),
        ("/git\\payments.git\\git-receive-pack", Expect::Somehow),
    ] {
        rows.push(Row::with(path, &format!("POST {path}"), TYPE, &push.0, expect));
    }
    for method in ["PUT", "GET", "DELETE", "PATCH", "HEAD"] {
        let expect = if method == "HEAD" { Expect::Somehow } else { UNKNOWN };
        rows.push(Row::with(
            format!("{method} for POST"),
            &format!("{method} {TARGET}"),
            TYPE,
            &push.0,
            expect,
        ));
    }
    rows
}

/// What git's server takes the last of, and others the first.
fn discovery() -> Vec<Row> {
    let get = |query: &str, expect| {
        let line = format!("GET /git/payments.git/info/refs{query}");
        Row::raw(line.clone(), &line, "\r\n", expect)
    };
    vec![
        get("?service=git-upload-pack&service=git-receive-pack", Expect::Problem(400, "query_malformed")),
        get("?service=git-receive-pack&service=git-upload-pack", Expect::Problem(400, "query_malformed")),
        get("?service=git-upload-pack&x=1", UNDECLARED),
        get("?x=1&service=git-upload-pack", UNDECLARED),
        get("?service=git-upload-archive", UNKNOWN),
        get("?service=", UNKNOWN),
        get("?service", UNKNOWN),
        get("?Service=git-upload-pack", UNDECLARED),
        get("?service=git-upload-pack%00", Expect::Somehow),
        get("?service=git%2Dupload-pack", Expect::Somehow),
        get("?service=Git-Upload-Pack", UNKNOWN),
        get("?service=git-upload-pack#x", Expect::Somehow),
        get("/?service=git-upload-pack", UNKNOWN),
        Row::with(
            "a body at the discovery",
            "GET /git/payments.git/info/refs?service=git-upload-pack",
            TYPE,
            b"0000",
            Expect::Text(400, "body_not_allowed"),
        ),
    ]
}

fn headers(kit: &Kit) -> Vec<Row> {
    let push = kit.honest(&kit.ids.fine());
    let line = format!("POST {TARGET}");
    let with = |name: &str, headers: &str, expect| Row::with(name, &line, headers, &push.0, expect);
    let more = |name: &str, header: &str, expect| {
        Row::with(name, &line, &format!("{TYPE}{header}\r\n"), &push.0, expect)
    };
    let mut rows = vec![
        with("no type", "", BODY_TYPE),
        with("the type of a fetch", "content-type: application/x-git-upload-pack-request\r\n", BODY_TYPE),
        with("the type of an answer", "content-type: application/x-git-receive-pack-result\r\n", BODY_TYPE),
        with(
            "a type with a parameter",
            "content-type: application/x-git-receive-pack-request; charset=utf-8\r\n",
            BODY_TYPE,
        ),
        with("a type in capitals", "content-type: Application/X-Git-Receive-Pack-Request\r\n", BODY_TYPE),
        with("a form", "content-type: application/x-www-form-urlencoded\r\n", BODY_TYPE),
        more("two types", "content-type: text/plain", DUPLICATE),
        more("gzip with another", "content-encoding: gzip, identity", ENCODING),
        more("an encoding twice", "content-encoding: gzip\r\ncontent-encoding: identity", ENCODING),
        more("a method in a header", "x-http-method-override: GET", HEADER),
        more("a path in a header", "x-original-url: /git/payments.git/git-upload-pack", HEADER),
        more("a user in a header", "remote-user: bob@demo", Expect::Text(400, "header_refused")),
        more("another user", "x-remote-user: bob@demo", Expect::Text(400, "header_refused")),
        more("a third user", "x-forwarded-user: bob@demo", Expect::Text(400, "header_refused")),
        more("a version that is none", "git-protocol: version=3", Expect::Text(400, "header_refused")),
        more(
            "a version and more",
            "git-protocol: version=2:object-format=sha256",
            Expect::Text(400, "header_refused"),
        ),
        more("two versions", "git-protocol: version=0\r\ngit-protocol: version=2", Expect::Somehow),
        more("an upgrade", "connection: upgrade\r\nupgrade: websocket", Expect::Somehow),
        more("two tokens", "authorization: Bearer x", Expect::Somehow),
        more("an underscore", "git_protocol: version=2", Expect::Somehow),
    ];
    for coding in ["gzip", "x-gzip", "deflate", "br", "zstd", "identity", "GZIP", "compress", "x", ""] {
        let expect = if coding.is_empty() { Expect::Somehow } else { ENCODING };
        rows.push(more(
            &format!("content-encoding `{coding}`"),
            &format!("content-encoding: {coding}"),
            expect,
        ));
    }
    // A real gzip stream of a push to main: git's server would unpack and run it.
    let hidden = kit.honest(&kit.ids.hidden());
    let packed = gzip(&hidden.0);
    let gzipped = |name: &str, coding: &str| {
        Row::with(name, &line, &format!("{TYPE}content-encoding: {coding}\r\n"), &packed, ENCODING)
    };
    rows.push(gzipped("a push to main, compressed", "gzip"));
    rows.push(gzipped("a push to main, compressed by another name", "x-gzip"));
    rows
}

/// A gzip stream (RFC 1952) that stores the bytes (RFC 1951 section 3.2.4).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    let length = u16::try_from(bytes.len()).expect("a short body");
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend_from_slice(bytes);
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
