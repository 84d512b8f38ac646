//! The demo's Envoy, with a route and a sentinel for each service of a case's setup.

use std::path::Path;

use actgate_harness::route::Route;
use serde_json::{Value, json};

use crate::e2e::template::Template;

const SENTINEL: &str = "actgate.sentinel";
const UPSTREAM_FILTERS: &str = "/static_resources/clusters/0/typed_extension_protocol_options\
                                /envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The template, with every route made after the demo's own first one.
pub fn template(root: &Path, routes: &[Route]) -> Template {
    let mut template = Template::read(root);
    let model = template.routes().first().expect("a route").clone();
    let mut routes: Vec<&Route> = routes.iter().collect();
    // Envoy takes the first route that fits; the gate takes the most particular one.
    routes.sort_by_key(|route| std::cmp::Reverse((route.host.is_some(), route.prefix.len())));
    *template.routes() = routes.into_iter().map(|route| made_after(&model, route)).collect();
    // The upstream here is to see what the gate let through and nothing besides.
    let options = template.at(UPSTREAM_FILTERS).as_object_mut().expect("options of the cluster");
    options.remove("http_filters").expect("the injector of credentials");
    template
}

fn made_after(model: &Value, route: &Route) -> Value {
    let mut made = model.clone();
    made["name"] = route.service.as_str().into();
    made["match"] = if route.speaks_mcp {
        // The endpoint is the prefix itself.
        json!({ "path_separated_prefix": route.prefix.trim_end_matches('/') })
    } else {
        json!({ "prefix": route.prefix })
    };
    if let Some(host) = &route.host {
        made["match"]["headers"] =
            json!([{ "name": ":authority", "string_match": { "exact": host, "ignore_case": true } }]);
    }
    let action = made["route"].as_object_mut().expect("a route action");
    if route.strip_prefix {
        action.insert("prefix_rewrite".to_owned(), "/".into());
    } else {
        action.remove("prefix_rewrite");
    }
    let markers = [Some("permit"), route.observed.then_some("observe")];
    let policies = markers.into_iter().flatten().map(|right| {
        let marker = format!("{right}:{}", route.service);
        let principal =
            json!({ "filter_state": { "key": "wasm.actgate", "string_match": { "exact": marker } } });
        (marker, json!({ "permissions": [{ "any": true }], "principals": [principal] }))
    });
    made["typed_per_filter_config"][SENTINEL]["rbac"]["rules"]["policies"] = policies.collect();
    made
}
