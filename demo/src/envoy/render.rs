//! The bootstrap: the template filled in, then changed where the options depart from it.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use super::{
    options::{EnvoyOptions, Plugin, Sentinel},
    template,
};
use crate::{control::ControlUpstream, error::DemoError, vault::VaultUpstream};

/// The filter names of the template.
const PLUGIN_FILTER: &str = "actgate";
const SENTINEL_FILTER: &str = "actgate.sentinel";

/// The parts of the template that options can change.
const CHAIN: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const ROUTES: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config\
                      /virtual_hosts/0/routes";

/// The bootstrap configuration, as Envoy reads it.
///
/// # Errors
/// [`DemoError::Template`] where the template lacks a part that is to be filled in or changed.
pub(super) fn bootstrap(file: &Path, options: &EnvoyOptions) -> Result<Value, DemoError> {
    let EnvoyOptions {
        gateway_port,
        admin_port,
        concurrency: _,
        ledger,
        plugin,
        sentinel,
        vault,
        git,
        registry,
        mcp,
        control,
        secrets_key: _,
    } = options;
    let mut values = BTreeMap::from([
        ("GATEWAY_PORT", (*gateway_port).into()),
        ("ADMIN_PORT", (*admin_port).into()),
        ("LEDGER", path(ledger)),
        ("GIT_PORT", git.port().into()),
        ("REGISTRY_PORT", registry.port().into()),
        ("MCP_PORT", mcp.port().into()),
    ]);
    match plugin {
        Plugin::Loaded { module, bundle, stops_on_headers: _ } => {
            values.extend([("PLUGIN", path(module)), ("BUNDLE", bundle.as_str().into())]);
        }
        Plugin::Removed => values.extend([("PLUGIN", Value::Null), ("BUNDLE", Value::Null)]),
        Plugin::AsWritten => {}
    }
    values.extend(vault.values());
    values.extend(control.values());
    let mut bootstrap = template::fill(file, &values)?;
    let missing =
        |part: &str| DemoError::Template { file: file.to_owned(), message: format!("no {part} in it") };
    apply_plugin(&mut bootstrap, plugin).ok_or_else(|| missing("plugin"))?;
    apply_sentinel(&mut bootstrap, sentinel).ok_or_else(|| missing("sentinel"))?;
    Ok(bootstrap)
}

impl VaultUpstream {
    fn values(&self) -> [(&'static str, Value); 2] {
        [("VAULT_PORT", self.address.port().into()), ("VAULT_TOKEN_FILE", path(&self.token_file))]
    }
}

impl ControlUpstream {
    fn values(&self) -> [(&'static str, Value); 2] {
        [("CONTROL_PORT", self.address.port().into()), ("CONTROL_TOKEN_FILE", path(&self.token_file))]
    }
}

fn apply_plugin(bootstrap: &mut Value, plugin: &Plugin) -> Option<()> {
    let chain = bootstrap.pointer_mut(CHAIN)?.as_array_mut()?;
    let index = chain.iter().position(|filter| filter["name"] == PLUGIN_FILTER)?;
    match plugin {
        Plugin::Loaded { stops_on_headers, .. } => {
            let config = chain.get_mut(index)?.pointer_mut("/typed_config/config")?;
            *config.get_mut("allow_on_headers_stop_iteration")? = (*stops_on_headers).into();
        }
        Plugin::AsWritten => {}
        Plugin::Removed => drop(chain.remove(index)),
    }
    Some(())
}

fn apply_sentinel(bootstrap: &mut Value, sentinel: &Sentinel) -> Option<()> {
    for route in bootstrap.pointer_mut(ROUTES)?.as_array_mut()? {
        let filters = route.get_mut("typed_per_filter_config")?.as_object_mut()?;
        match sentinel {
            Sentinel::AsWritten => {
                filters.get(SENTINEL_FILTER)?;
            }
            Sentinel::Demands(marker) => {
                let policies = filters.get_mut(SENTINEL_FILTER)?.pointer_mut("/rbac/rules/policies")?;
                *policies = json!({
                    marker: {
                        "permissions": [{ "any": true }],
                        "principals": [
                            { "filter_state": { "key": "wasm.actgate", "string_match": { "exact": marker } } },
                        ],
                    },
                });
            }
            Sentinel::Default => {
                filters.remove(SENTINEL_FILTER)?;
            }
        }
    }
    Some(())
}

fn path(path: &Path) -> Value {
    path.to_string_lossy().into()
}

#[cfg(test)]
mod tests;
