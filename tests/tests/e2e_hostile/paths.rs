//! Paths and queries that a backend may read as something else than the gate does.

use actgate_tests::e2e::tokens::alice;

use crate::case::{Case, DEV, Expect, Kit};

pub(crate) fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = Vec::new();
    for path in [
        // A secret that nobody may read, by way of one that may be read.
        "/secrets/v1/kv/dev/../prod/db",
        "/secrets/v1/kv/dev/%2e%2e/prod/db",
        "/secrets/v1/kv/dev/%2E%2E/prod/db",
        "/secrets/v1/kv/dev/.%2e/prod/db",
        "/secrets/v1/kv/dev/..%2Fprod/db",
        "/secrets/v1/kv/dev/..%2fprod/db",
        "/secrets/v1/kv/dev/%2e%2e%2fprod%2fdb",
        "/secrets/v1/kv/dev/..%5Cprod/db",
        "/secrets/v1/kv/dev/..%5cprod/db",
        r"/secrets/v1/kv/dev/..\prod/db",
        r"/secrets/v1/kv/dev\..\prod\db",
        "/secrets/v1/kv/dev/%252e%252e/prod/db",
        "/secrets/v1/kv/dev/%252E%252E%252Fprod/db",
        "/secrets/v1/kv/dev/..;/prod/db",
        "/secrets/v1/kv/dev/..;x=y/prod/db",
        "/secrets/v1/kv/dev/%u002e%u002e/prod/db",
        "/secrets/v1/kv/dev/%C0%AE%C0%AE/prod/db",
        "/secrets/v1/kv/dev/%EF%BC%8E%EF%BC%8E/../db",
        "/secrets/../secrets/v1/kv/dev/db",
        "/secrets/v1/../v1/kv/dev/db",
        "/./secrets/v1/kv/dev/db",
        "/secrets/./v1/kv/dev/db",
        "/secrets/v1/kv/./dev/db",
        "/secrets/v1/kv/dev/.",
        "/secrets/v1/kv/dev/..",
        "/secrets/v1/kv/dev/db/%2E",
        "/..",
        // Empty segments.
        "//secrets/v1/kv/dev/db",
        "/secrets//v1/kv/dev/db",
        "/secrets/v1//kv/dev/db",
        "/secrets/v1/kv/dev//db",
        "/secrets/v1/kv/dev/db//",
        "//",
        // Parameters of segments.
        "/secrets/v1/kv/dev/db;x",
        "/secrets/v1/kv/dev;x=1/db",
        "/secrets;/v1/kv/dev/db",
        "/secrets/v1/kv/dev/db%3Bx",
        // Escapes: of what needs none, in lower case, broken, of what ends or splits something.
        "/secrets/v1/kv/%64ev/db",
        "/secrets/v1/kv/dev/%64b",
        "/%73ecrets/v1/kv/dev/db",
        "/secrets/v1/kv/dev/d%7Eb",
        "/secrets/v1/kv/dev/d%c3%a4",
        "/secrets/v1/kv/dev/d%c3%A4",
        "/secrets/v1/kv/dev%2Fdb",
        "/secrets/v1/kv/dev%2fdb",
        "/secrets/v1/kv/dev%5Cdb",
        "/secrets/v1/kv/dev/db%00",
        "/secrets/v1/kv/dev/db%00.json",
        "/secrets/v1/kv/dev/db%0A",
        "/secrets/v1/kv/dev/db%0D%0Ax-vault-token:%20x",
        "/secrets/v1/kv/dev/db%7F",
        "/secrets/v1/kv/dev/db%",
        "/secrets/v1/kv/dev/db%2",
        "/secrets/v1/kv/dev/db%zz",
        "/secrets/v1/kv/dev/db%FF",
        "/secrets/v1/kv/dev/db%C3",
        "/secrets/v1/kv/dev/%2525",
        // Characters that have to be escaped.
        r"/secrets\v1/kv/dev/db",
        "/secrets/v1/kv/dev/d\"b",
        "/secrets/v1/kv/dev/<db>",
        "/secrets/v1/kv/dev/{db}",
        "/secrets/v1/kv/dev/d|b",
        "/secrets/v1/kv/dev/d^b",
        "/secrets/v1/kv/dev/d`b",
    ] {
        rows.push(kit.with_path(path, Expect::Gate(400, "path_not_canonical")));
    }
    for path in [
        "/Secrets/v1/kv/dev/db",
        "/secrets%2Fv1/kv/dev/db",
        "/SECRETS/v1/kv/dev/db",
        "/secrets/V1/kv/dev/db",
        "/secrets/v1/KV/dev/db",
        "/secretsX/v1/kv/dev/db",
        "/secrets-old/v1/kv/dev/db",
        "/secrets",
        "/secrets/",
        "/",
        "/secrets/v2/kv/dev/db",
        "/secrets/v1/kv",
        "/secrets/v1/sys/raw/kv/dev/db",
        "/secrets/v1/sys/health",
        "/secrets/v1/auth/token/lookup-self",
        "/secrets/v1/cubbyhole/x",
        "/v1/kv/dev/db",
        // A listing to the backend, a secret to whoever drops the slash.
        "/secrets/v1/kv/dev/db/",
        "/secrets/v1/kv/dev/",
    ] {
        rows.push(kit.with_path(path, Expect::Gate(403, "route_unknown")));
    }
    for query in [
        "list=true",
        "list=True",
        "version=1",
        "token=x",
        "x-vault-token=x",
        "help=1",
        "standbyok",
        "a=%C3%A4",
    ] {
        rows.push(kit.with_path(&format!("{DEV}?{query}"), Expect::Gate(400, "query_undeclared")));
    }
    for query in [
        "",
        "&",
        "=x",
        "list=true;x",
        "a=1&a=2",
        "a=%6c",
        "a=%zz",
        "l%69st=true",
        "a b".replace(' ', "\"").as_str(),
    ] {
        rows.push(kit.with_path(&format!("{DEV}?{query}"), Expect::Gate(400, "query_malformed")));
    }
    rows.extend(odd_targets(kit));
    rows
}

/// Targets that are more or less than a path.
fn odd_targets(kit: &Kit) -> Vec<Case> {
    let line = |name: &str, line: &str, expect| kit.with_line(name, line, expect);
    let not_canonical = Expect::Gate(400, "path_not_canonical");
    let long = format!("GET /secrets/v1/kv/dev/{} HTTP/1.1", "x".repeat(9000));
    let deep = format!("GET /secrets/v1/kv/dev{} HTTP/1.1", "/x".repeat(80));
    let unseen = format!("GET {DEV}#?x HTTP/1.1");
    let foreign = {
        let token = kit.issuer().mint(&alice());
        format!(
            "GET http://evil.demo/v1/kv/prod/db HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\n"
        )
    };
    vec![
        line("a fragment", "GET /secrets/v1/kv/dev/db#x HTTP/1.1", Expect::Proxy(400)),
        line(
            "a fragment that hides a path",
            "GET /secrets/v1/kv/dev/db#/../../prod/db HTTP/1.1",
            Expect::Proxy(400),
        ),
        line("a fragment before the query", &unseen, Expect::Proxy(400)),
        line("too long", &long, not_canonical),
        line("too deep", &deep, not_canonical),
        line("a space", "GET /secrets/v1/kv/dev/db x HTTP/1.1", Expect::Proxy(400)),
        line("a tab", "GET /secrets/v1/kv/dev/\tdb HTTP/1.1", Expect::Proxy(400)),
        line("bytes over 0x7E", "GET /secrets/v1/kv/dev/d\u{e4} HTTP/1.1", Expect::Proxy(400)),
        line("no slash", "GET secrets/v1/kv/dev/db HTTP/1.1", Expect::Proxy(400)),
        line("a backslash for a slash", r"GET \secrets\v1\kv\dev\db HTTP/1.1", Expect::Proxy(400)),
        line("asterisk-form", "GET * HTTP/1.1", Expect::Proxy(400)),
        line("OPTIONS *", "OPTIONS * HTTP/1.1", Expect::Proxy(404)),
        line("authority-form", "GET gateway.demo:80 HTTP/1.1", Expect::Proxy(400)),
        line(
            "absolute-form with an odd path",
            "GET http://gateway.demo/secrets/v1/kv/dev/../prod/db HTTP/1.1",
            not_canonical,
        ),
        line(
            "absolute-form without a path",
            "GET http://gateway.demo HTTP/1.1",
            Expect::Gate(403, "route_unknown"),
        ),
        line(
            "absolute-form of another scheme",
            &format!("GET ftp://gateway.demo{DEV} HTTP/1.1"),
            Expect::Proxy(400),
        ),
        line(
            "absolute-form with a fragment",
            &format!("GET http://gateway.demo{DEV}#x HTTP/1.1"),
            Expect::Proxy(400),
        ),
        Case::h1("absolute-form of another place", foreign, Expect::Gate(403, "route_unknown")),
        line("another service's route", "GET /secrets/v1/kv/dev/elsewhere HTTP/1.1", Expect::Sentinel),
        line(
            "below another service's route",
            "GET /secrets/v1/kv/dev/elsewhere/db HTTP/1.1",
            Expect::Sentinel,
        ),
    ]
}
