//! The bundle as an extension that Envoy discovers (ECDS): what `config_discovery` of an HTTP filter reads, so that a new
//! bundle is put in force without a new listener and without a dropped request.

use actgate_authz::{BundleDocument, BundleId};
use serde_json::{Value, json};

/// The name of the filter, and of the extension.
const NAME: &str = "actgate";

/// The type of the filter's configuration, which `config_discovery` lists too.
pub const TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// A discovery response with the plugin at `module`, a path as Envoy sees it, configured with the bundle.
///
/// # Errors
/// A bundle without a JSON form.
pub fn response(bundle: &BundleDocument, module: &str) -> Result<Value, serde_json::Error> {
    let id = BundleId::of(bundle)?;
    Ok(json!({
        "version_info": id.as_str(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": NAME,
            "typed_config": filter(&serde_json::to_string(bundle)?, module),
        }],
    }))
}

/// What an HTTP filter in `envoy/demo.yaml` says, and why, is said there.
fn filter(configuration: &str, module: &str) -> Value {
    json!({
        "@type": TYPE_URL,
        "config": {
            "name": NAME,
            "failure_policy": "FAIL_RELOAD",
            "reload_config": { "backoff": { "base_interval": "0.1s" } },
            "allow_on_headers_stop_iteration": true,
            "vm_config": {
                "vm_id": NAME,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": module } },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": configuration,
            },
        },
    })
}
