//! HTTP/2 with prior knowledge: pseudo-headers, trailers, tunnels, and what HTTP/1.1 has no words for.

use actgate_tests::e2e::h2::Frames;

use crate::case::{Case, DEV, Expect, Kit};

type Fields = Vec<(String, String)>;

pub(crate) fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = pseudo_headers(kit);
    rows.extend(tunnels(kit));
    rows.extend(trailers(kit));
    rows.extend(plain(kit));
    rows
}

/// The good request after `change`.
fn bent(kit: &Kit, name: &str, change: impl FnOnce(&mut Fields), expect: Expect) -> Case {
    let mut fields = kit.fields();
    change(&mut fields);
    Case::h2(name, head(&fields, true), expect)
}

fn head(fields: &Fields, last: bool) -> Frames {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Frames::default().headers(&fields, last)
}

fn set(name: &str, value: &str) -> impl FnOnce(&mut Fields) {
    move |fields| {
        for (own, there) in fields.iter_mut().filter(|(own, _)| own == name) {
            assert_eq!(own, name);
            value.clone_into(there);
        }
    }
}

fn without(name: &str) -> impl FnOnce(&mut Fields) {
    move |fields| fields.retain(|(own, _)| own != name)
}

fn with(name: &str, value: &str) -> impl FnOnce(&mut Fields) {
    move |fields| fields.push((name.to_owned(), value.to_owned()))
}

/// In front, where pseudo-headers belong.
fn before(name: &str, value: &str) -> impl FnOnce(&mut Fields) {
    move |fields| fields.insert(0, (name.to_owned(), value.to_owned()))
}

fn pseudo_headers(kit: &Kit) -> Vec<Case> {
    let cut = Expect::Cut;
    vec![
        bent(kit, "no :method", without(":method"), cut),
        bent(kit, "no :path", without(":path"), cut),
        bent(kit, "no :scheme", without(":scheme"), cut),
        bent(kit, "no :authority", without(":authority"), cut),
        bent(kit, "two :path", before(":path", "/secrets/v1/kv/prod/db"), cut),
        bent(kit, "two :method", before(":method", "DELETE"), cut),
        bent(kit, "two :authority", before(":authority", "evil.demo"), cut),
        bent(kit, ":path behind the headers", |fields| fields.swap(3, 4), cut),
        bent(kit, ":status", before(":status", "200"), cut),
        bent(kit, "an unknown pseudo-header", before(":actgate", "permit"), cut),
        bent(kit, "an empty :path", set(":path", ""), cut),
        bent(kit, ":path without a slash", set(":path", "secrets/v1/kv/dev/db"), cut),
        bent(kit, ":path with a space", set(":path", "/secrets/v1/kv/dev/d b"), cut),
        bent(kit, ":path with a line break", set(":path", "/secrets/v1/kv/dev/db HTTP/1.1\r\nx: y"), cut),
        bent(kit, ":path with a fragment", set(":path", "/secrets/v1/kv/dev/db#x"), Expect::Proxy(400)),
        bent(
            kit,
            ":path with dots",
            set(":path", "/secrets/v1/kv/dev/../prod/db"),
            Expect::Gate(400, "path_not_canonical"),
        ),
        bent(kit, ":path in absolute-form", set(":path", "http://gateway.demo/secrets/v1/kv/dev/db"), cut),
        bent(kit, ":method in lower case", set(":method", "get"), Expect::Gate(400, "request_malformed")),
        bent(kit, ":method with a space", set(":method", "GET /v1/kv/prod/db HTTP/1.1"), cut),
        bent(kit, ":scheme of another kind", set(":scheme", "ftp"), Expect::Gate(400, "request_malformed")),
        bent(kit, ":authority with a user", set(":authority", "a@gateway.demo"), cut),
    ]
}

fn tunnels(kit: &Kit) -> Vec<Case> {
    let connect = |name: &str, remove: &[&str], add: Option<(&str, &str)>, expect| {
        let mut fields = kit.fields();
        set(":method", "CONNECT")(&mut fields);
        fields.retain(|(own, _)| !remove.contains(&own.as_str()));
        if let Some((name, value)) = add {
            before(name, value)(&mut fields);
        }
        Case::h2(name, head(&fields, false), expect)
    };
    vec![
        connect("CONNECT", &[":scheme", ":path"], None, Expect::Gate(400, "upgrade_refused")),
        connect("CONNECT with a path", &[], None, Expect::Cut),
        connect("extended CONNECT", &[], Some((":protocol", "websocket")), Expect::Cut),
        connect("extended CONNECT for UDP", &[], Some((":protocol", "connect-udp")), Expect::Cut),
        bent(kit, "GET with :protocol", before(":protocol", "websocket"), Expect::Cut),
        bent(kit, "Connection", with("connection", "upgrade"), Expect::Cut),
        bent(kit, "Upgrade", with("upgrade", "websocket"), Expect::Cut),
        bent(kit, "Transfer-Encoding", with("transfer-encoding", "chunked"), Expect::Cut),
        bent(kit, "Keep-Alive", with("keep-alive", "x"), Expect::Cut),
    ]
}

fn trailers(kit: &Kit) -> Vec<Case> {
    let trailed = |name: &str, method: &str, body: &[u8], trailers: &[(&str, &str)], expect| {
        let mut fields = kit.fields();
        set(":method", method)(&mut fields);
        let mut frames = head(&fields, false);
        if !body.is_empty() {
            frames = frames.data(body, false);
        }
        Case::h2(name, frames.headers(trailers, true), expect)
    };
    let denied = Expect::Gate(403, "policy_denied");
    vec![
        trailed(
            "GET with a body and trailers",
            "GET",
            b"x",
            &[("x-a", "b")],
            Expect::Gate(400, "body_not_allowed"),
        ),
        trailed("PUT with trailers", "PUT", b"{}", &[("x-http-method-override", "GET")], denied),
        trailed("PUT with nothing but trailers", "PUT", b"", &[("x-vault-token", "root")], denied),
        trailed("DELETE with trailers", "DELETE", b"", &[("x-http-method-override", "GET")], denied),
        trailed(
            "a pseudo-header in trailers",
            "DELETE",
            b"",
            &[(":path", "/secrets/v1/kv/prod/db")],
            Expect::Aborted,
        ),
    ]
}

fn plain(kit: &Kit) -> Vec<Case> {
    let token = format!("Bearer {}", kit.token());
    let mut longer = kit.fields();
    with("content-length", "5")(&mut longer);
    let longer = head(&longer, false).data(b"x", false);
    let body = head(&kit.fields(), false).data(b"x", true);
    let mut unfinished = kit.fields();
    set(":method", "PUT")(&mut unfinished);
    vec![
        bent(kit, "no token", without("authorization"), Expect::Gate(401, "token_missing")),
        bent(kit, "two tokens", with("authorization", &token), Expect::Gate(400, "credential_ambiguous")),
        bent(kit, "an upper-case name", with("X-Vault-Token", "root"), Expect::Cut),
        bent(
            kit,
            "the store's credential",
            with("x-vault-token", "root"),
            Expect::Gate(400, "header_refused"),
        ),
        bent(kit, "an underscore", with("x_vault_token", "root"), Expect::Cut),
        bent(
            kit,
            "a method override",
            with("x-http-method-override", "DELETE"),
            Expect::Gate(400, "header_refused"),
        ),
        bent(kit, "a line break in a value", with("x-a", "b\r\nx-vault-token: root"), Expect::Cut),
        bent(kit, "a NUL in a value", with("x-a", "b\0c"), Expect::Cut),
        bent(kit, "a name with a colon", with("x-a:b", "c"), Expect::Cut),
        bent(
            kit,
            "the store's cookie in pieces",
            with("cookie", "token=root"),
            Expect::Gate(400, "header_refused"),
        ),
        bent(
            kit,
            "two cookies, the store's second",
            |fields| {
                with("cookie", "a=b")(fields);
                with("cookie", "token=root")(fields);
            },
            Expect::Gate(400, "header_refused"),
        ),
        bent(kit, "TE", with("te", "gzip"), Expect::Cut),
        bent(
            kit,
            "a query",
            set(":path", &format!("{DEV}?list=true")),
            Expect::Gate(400, "query_undeclared"),
        ),
        Case::h2("a body on GET", body, Expect::Gate(400, "body_not_allowed")),
        Case::h2("a body that stops", longer, Expect::Gate(400, "body_not_allowed")),
        Case::h2("a body that never comes", head(&unfinished, false), Expect::Gate(403, "policy_denied")),
    ]
}
