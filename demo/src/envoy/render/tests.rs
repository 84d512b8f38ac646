//! The template of the repository, rendered in every variation.

use std::path::PathBuf;

use super::*;
use crate::port;

fn options() -> EnvoyOptions {
    let vault = VaultUpstream { address: port::loopback(7), token_file: "/state/token".into() };
    let plugin = Plugin::loaded("/state/a.wasm", "{\"format\": \"${X}\"}");
    let (git, registry, mcp) = (port::loopback(8), port::loopback(9), port::loopback(11));
    let control = ControlUpstream { address: port::loopback(12), token_file: "/state/control".into() };
    EnvoyOptions { git, registry, mcp, control, ..EnvoyOptions::new(plugin, vault, "/state/ledger") }
}

fn render(options: &EnvoyOptions) -> Value {
    let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../envoy/demo.yaml");
    bootstrap(&template, options).unwrap()
}

fn filters(bootstrap: &Value) -> Vec<&str> {
    let chain = bootstrap.pointer(CHAIN).unwrap().as_array().unwrap();
    chain.iter().map(|filter| filter["name"].as_str().unwrap()).collect()
}

fn sentinels(bootstrap: &Value) -> Vec<Option<&str>> {
    let marker = "/typed_per_filter_config/actgate.sentinel/rbac/rules/policies";
    let exact = "/principals/0/filter_state/string_match/exact";
    let routes = bootstrap.pointer(ROUTES).unwrap().as_array().unwrap();
    routes
        .iter()
        .map(|route| route.pointer(marker)?.as_object()?.values().next()?.pointer(exact)?.as_str())
        .collect()
}

#[test]
fn as_written() {
    let bootstrap = render(&EnvoyOptions { gateway_port: 10000, ..options() });
    assert_eq!(filters(&bootstrap), ["actgate", "actgate.sentinel", "envoy.filters.http.router"]);
    let own = ["permit:secrets", "permit:git", "permit:deploy", "permit:mcp"].map(Some);
    assert_eq!(sentinels(&bootstrap), own);
    let config = bootstrap.pointer(CHAIN).unwrap()[0].pointer("/typed_config/config").unwrap();
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["configuration"]["value"], "{\"format\": \"${X}\"}");
    let port = "/static_resources/listeners/0/address/socket_address/port_value";
    assert_eq!(bootstrap.pointer(port), Some(&json!(10000)));
    let clusters = bootstrap.pointer("/static_resources/clusters").unwrap().as_array().unwrap();
    let port = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
    let ports: Vec<_> = clusters.iter().map(|cluster| cluster.pointer(port).unwrap().clone()).collect();
    assert_eq!(ports, [json!(7), json!(8), json!(9), json!(11), json!(12)]);
}

#[test]
fn with_less() {
    let bootstrap = render(&EnvoyOptions { plugin: Plugin::Removed, ..options() });
    assert_eq!(filters(&bootstrap), ["actgate.sentinel", "envoy.filters.http.router"]);

    let plugin = Plugin::Loaded { module: "/a".into(), bundle: "{}".to_owned(), stops_on_headers: false };
    let bootstrap = render(&EnvoyOptions { plugin, ..options() });
    let config = bootstrap.pointer(CHAIN).unwrap()[0].pointer("/typed_config/config").unwrap();
    assert_eq!(config["allow_on_headers_stop_iteration"], false);
}

#[test]
fn with_another_sentinel() {
    let other = Sentinel::Demands("permit:git".to_owned());
    assert_eq!(sentinels(&render(&EnvoyOptions { sentinel: other, ..options() })), [Some("permit:git"); 4]);
    assert_eq!(sentinels(&render(&EnvoyOptions { sentinel: Sentinel::Default, ..options() })), [None; 4]);
}
