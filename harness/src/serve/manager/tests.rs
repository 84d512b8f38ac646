use std::net::{IpAddr, Ipv4Addr};

use super::manage;
use crate::{host::Headers, serve::codec::Head};

fn managed(fields: &[(&str, &str)]) -> Result<Headers, u16> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let head = Head {
        method: b"GET".to_vec(),
        authority: Some(b"gateway.demo".to_vec()),
        scheme: None,
        path: Some(b"/a".to_vec()),
        fields: fields.collect(),
    };
    manage(&head, IpAddr::V4(Ipv4Addr::LOCALHOST), "id").map_err(|refusal| refusal.status)
}

fn kept(fields: &[(&str, &str)]) -> Vec<String> {
    let headers = managed(fields).expect("a head");
    let own = ["x-forwarded-for", "x-forwarded-proto", "x-request-id"];
    let names = headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    names.filter(|name| !name.starts_with(':') && !own.contains(&name.as_str())).collect()
}

#[test]
fn what_steers_the_proxy_is_taken_away() {
    let fields = [("x-envoy-retry-on", "5xx"), ("keep-alive", "1"), ("proxy-connection", "x"), ("x-a", "b")];
    assert_eq!(kept(&fields), ["x-a"]);
    assert_eq!(kept(&[("connection", "close, X-A"), ("x-a", "b"), ("x-b", "c")]), ["x-b"]);
    assert_eq!(kept(&[("te", "gzip"), ("expect", "100-Continue")]), [""; 0]);
    assert_eq!(kept(&[("te", "trailers"), ("expect", "200-maybe")]), ["te", "expect"]);
}

#[test]
fn tunnels_and_underscores_are_refused() {
    assert_eq!(managed(&[("x_a", "b")]).err(), Some(400));
    assert_eq!(managed(&[("connection", "Upgrade"), ("upgrade", "websocket")]).err(), Some(403));
    assert_eq!(kept(&[("upgrade", "websocket")]), [""; 0]);
    let cleartext = [
        ("connection", "Upgrade, HTTP2-Settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
    ];
    assert_eq!(kept(&cleartext), [""; 0]);
    assert_eq!(kept(&[("http2-settings", "x")]), ["http2-settings"]);
}

#[test]
fn the_proxy_says_itself_where_a_request_came_from() {
    let fields =
        [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https"), ("x-request-id", "chosen")];
    let headers = managed(&fields).expect("a head");
    assert_eq!(headers.text("x-forwarded-for"), Some("10.0.0.1,127.0.0.1"));
    assert_eq!(headers.text("x-forwarded-proto"), Some("http"));
    assert_eq!(headers.text("x-request-id"), Some("id"));
}
