use serde_json::json;

use super::*;
use crate::fixture::{Request, plain, service};

fn at(name: &str, host: Option<&str>, prefix: &str) -> Service {
    Service { host: host.map(str::to_owned), ..service(name, prefix, plain(&[("GET", "/{x...}")])) }
}

fn selected(services: &Services, authority: &str, path: &str) -> String {
    let request = Request::new("GET", path).without(":authority").with(":authority", authority);
    request
        .read(|head| {
            services.select(head).map_or_else(|error| error.code().to_owned(), |service| service.name.clone())
        })
        .unwrap()
}

#[test]
fn the_host_decides_before_the_prefix() {
    let services = Services::new(vec![
        at("any", None, "/"),
        at("any-git", None, "/git/"),
        at("any-git-deep", None, "/git/deep"),
        at("host", Some("a.example"), "/"),
        at("host-port", Some("A.example:8443"), "/git"),
        at("v6", Some("[::1]"), "/"),
    ])
    .unwrap();
    for (authority, path, name) in [
        ("x.example", "/", "any"),
        ("x.example", "/git/a", "any-git"),
        ("x.example", "/git", "any-git"),
        ("x.example", "/gitx/a", "any"),
        ("x.example", "/git/deep/a", "any-git-deep"),
        ("x.example", "/git/deeper", "any-git"),
        ("a.example", "/git/a", "host"),
        ("A.EXAMPLE", "/git/a", "host"),
        ("a.example:80", "/git/a", "host"),
        ("a.example:8443", "/git/a", "host-port"),
        ("a.example:8443", "/other", "host"),
        ("a.example.evil.example", "/", "any"),
        ("[::1]:80", "/", "v6"),
    ] {
        assert_eq!(selected(&services, authority, path), name, "{authority}{path}");
    }
}

#[test]
fn a_request_for_no_service_has_no_route() {
    let services = Services::new(vec![at("one", Some("a.example"), "/one/")]).unwrap();
    for (authority, path) in
        [("a.example", "/"), ("a.example", "/onex/a"), ("b.example", "/one/a"), ("xa.example", "/one/a")]
    {
        assert_eq!(selected(&services, authority, path), "route_unknown", "{authority}{path}");
    }
    assert_eq!(selected(&Services::default(), "a.example", "/"), "route_unknown");
}

#[test]
fn services_that_hide_each_other_are_refused() {
    let fault = |services: Vec<Service>| Services::new(services).unwrap_err();
    let place = ServicesError::SamePlace { first: 0, second: 1 };
    assert_eq!(fault(vec![at("a", None, "/x"), at("b", None, "/x/")]), place);
    assert_eq!(fault(vec![at("a", Some("h"), "/"), at("b", Some("H"), "/")]), place);
    assert_eq!(
        fault(vec![at("a", None, "/x"), at("a", None, "/y")]),
        ServicesError::SameName { first: 0, second: 1 }
    );
    assert!(
        Services::new(vec![at("a", Some("h"), "/"), at("b", None, "/"), at("c", Some("h:1"), "/")]).is_ok()
    );
}

#[test]
fn services_that_no_request_reaches_are_refused() {
    for prefix in ["", "x", "//", "/a//", "/a/../", "/a%2Fb", "/a%20b", "/a;b", "/a?b"] {
        let error = Services::new(vec![at("a", None, prefix)]).unwrap_err();
        assert!(matches!(error, ServicesError::Prefix { index: 0, .. }), "{prefix}");
    }
    for host in ["", "a b", "a:x", "*.example", "a.example.", "https://a"] {
        let error = Services::new(vec![at("a", Some(host), "/")]).unwrap_err();
        assert!(matches!(error, ServicesError::Host { index: 0, .. }), "{host}");
    }
}

#[test]
fn the_token_has_a_header_of_its_own() {
    let mut document = plain(&[("GET", "/{x...}")]);
    document["refuse"] = json!({ "headers": ["x-backend-token"] });
    document["routes"][0]["context"] =
        json!({ "tenant": { "from": "header", "at": "x-tenant", "type": "string" } });
    for header in ["X-Token", "", "x token", "x-backend-token", "x_backend_token", "x-tenant"] {
        let service =
            Service { token_header: Some(header.to_owned()), ..service("a", "/", document.clone()) };
        let error = Services::new(vec![service]).unwrap_err();
        assert!(matches!(error, ServicesError::TokenHeader { index: 0, .. }), "{header}");
    }
}

#[test]
fn two_tokens_are_refused() {
    let service = Service { token_header: Some("x-token".to_owned()), ..at("a", None, "/") };
    let services = Services::new(vec![service]).unwrap();
    let code = |request: Request| request.route(&services).map_or_else(|error| error.code(), |_| "ok");
    let request = || Request::new("GET", "/x").with("x-token", "one");
    assert_eq!(code(request()), "ok");
    assert_eq!(code(request().with("x-token", "two")), "header_duplicate");
    assert_eq!(code(request().with("x_token", "two")), "header_refused");
}
