//! The demo's Envoy template, changed where a test needs another Envoy than the demo's options give.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use super::bundle;

/// The template as a value; its placeholders stay.
#[derive(Debug, Clone)]
pub struct Template(Value);

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const SENTINEL: &str = "actgate.sentinel";

// === impl Template ===

impl Template {
    /// `envoy/demo.yaml`.
    pub fn read(root: &Path) -> Self {
        Self(bundle::read(&root.join("envoy/demo.yaml")))
    }

    /// Everything.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The part at `pointer`.
    pub fn at(&mut self, pointer: &str) -> &mut Value {
        self.0.pointer_mut(pointer).unwrap_or_else(|| panic!("the template has no {pointer}"))
    }

    /// The HTTP connection manager.
    pub fn manager(&mut self) -> &mut Value {
        self.at(MANAGER)
    }

    /// The routes of the gateway.
    pub fn routes(&mut self) -> &mut Vec<Value> {
        self.at(&format!("{MANAGER}/route_config/virtual_hosts/0/routes")).as_array_mut().expect("routes")
    }

    /// Takes the sentinel filter out of the chain. The routes' own settings for it go by
    /// `Sentinel::Default`.
    pub fn remove_sentinel(&mut self) {
        let filters = self.at(&format!("{MANAGER}/http_filters")).as_array_mut().expect("filters");
        let before = filters.len();
        filters.retain(|filter| filter["name"] != SENTINEL);
        assert_eq!(filters.len() + 1, before, "one sentinel");
    }

    /// Adds a route in front of all others that differs from that of the secrets in `prefix` and in the marker that it
    /// demands.
    pub fn add_route(&mut self, prefix: &str, marker: &str) {
        let routes = self.routes();
        let mut route = routes.iter().find(|route| route["name"] == "secrets").expect("a route").clone();
        route["name"] = prefix.into();
        route["match"] = json!({ "prefix": prefix });
        route["typed_per_filter_config"][SENTINEL]["rbac"]["rules"]["policies"] = json!({
            marker: {
                "permissions": [{ "any": true }],
                "principals": [{
                    "filter_state": { "key": "wasm.actgate", "string_match": { "exact": marker } },
                }],
            },
        });
        routes.insert(0, route);
    }

    /// Has the gateway's listener speak TLS by these settings of a `DownstreamTlsContext`.
    pub fn speak_tls(&mut self, mut context: Value) {
        context["@type"] =
            "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext".into();
        self.at("/static_resources/listeners/0/filter_chains/0")["transport_socket"] =
            json!({ "name": "envoy.transport_sockets.tls", "typed_config": context });
    }

    /// Adds a cluster with one plain HTTP/1.1 server in it.
    pub fn add_cluster(&mut self, name: &str, address: SocketAddr) {
        let endpoint = json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
        let clusters = self.at("/static_resources/clusters").as_array_mut().expect("clusters");
        clusters.push(json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "2s",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": endpoint } }] }],
            },
        }));
    }

    /// Lets trailers through on both sides, in both directions.
    pub fn pass_trailers(&mut self) {
        self.manager()["http_protocol_options"]["enable_trailers"] = true.into();
        let clusters = self.at("/static_resources/clusters").as_array_mut().expect("clusters");
        let vault = clusters.iter_mut().find(|cluster| cluster["name"] == "vault").expect("a cluster");
        let options = &mut vault["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
            ["explicit_http_config"];
        options["http_protocol_options"] = json!({ "enable_trailers": true });
    }
}
