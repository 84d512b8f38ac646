//! One Envoy with a listener for each chain. All are the demo's own listener, with other filters and without what is not
//! asked about, so that two chains differ in nothing but their names say.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use actgate_harness::{document::Document, text::SourceText};
use serde_json::{Value, json};

use crate::{
    error::BenchError,
    tokens::{self, ACTOR, SUBJECT, Signer},
    variant::{Chain, PERMITTED_TOOL},
};

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const PLUGIN: &str = "actgate";
const SENTINEL: &str = "actgate.sentinel";
const ROUTER: &str = "envoy.filters.http.router";
/// The services whose calls are measured: their routes, and their clusters.
const SERVICE: &str = "secrets";
const CLUSTER: &str = "vault";
/// The cluster of the ledger's service.
const CONTROL: &str = "control";
const MCP_SERVICE: &str = "mcp";
const MCP_CLUSTER: &str = "mcp";

/// What the listeners are made of.
#[derive(Debug)]
pub(crate) struct Parts {
    template: PathBuf,
    manager: Value,
    clusters: [Value; 3],
    secrets: Value,
    /// The filters that are no part of the template.
    noop: Value,
    hostcalls: Value,
    jwt: Value,
    jwt_cached: Value,
    roles: Value,
    /// Where records are sent.
    /// The plugin's configuration where they are.
    buffered: String,
    durable: String,
}

/// Files and addresses that the template and the filters name.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) template: PathBuf,
    pub(crate) plugin: PathBuf,
    /// A folder of our own.
    pub(crate) folder: PathBuf,
    pub(crate) upstream: SocketAddr,
    /// Who takes records.
    pub(crate) taker: SocketAddr,
}

// === impl Parts ===

impl Parts {
    /// Reads the template and makes the other filters.
    pub(crate) fn new(places: &Places, config: &Path, signer: &Signer) -> Result<Self, BenchError> {
        let bundle = |ledger| tokens::bundle(config, ledger);
        let token_file = places.folder.join("upstream-token");
        write(&token_file, b"none")?;
        let values = BTreeMap::from([
            ("PLUGIN", text(&places.plugin)),
            ("BUNDLE", bundle(None)?.into()),
            ("LEDGER", text(&places.folder.join("ledger.jsonl"))),
            ("VAULT_PORT", places.upstream.port().into()),
            ("MCP_PORT", places.upstream.port().into()),
            ("VAULT_TOKEN_FILE", text(&token_file)),
            ("CONTROL_TOKEN_FILE", text(&token_file)),
            ("CONTROL_PORT", places.taker.port().into()),
        ]);
        let template = read(&places.template)?;
        let part = |pointer: &str| {
            let part = template.pointer(pointer).cloned();
            part.ok_or_else(|| missing(&places.template, pointer))
        };
        let filled = |mut part: Value| match fill(&mut part, &values) {
            Ok(()) => Ok(part),
            Err(name) => Err(missing(&places.template, &format!("known value for `${{{name}}}`"))),
        };
        let clusters = part("/static_resources/clusters")?;
        let cluster = |name: &str| {
            let found = named(&clusters, name).cloned().ok_or_else(|| missing(&places.template, name));
            found.and_then(filled)
        };
        let jwks = signer.key_set()?.to_string();
        Ok(Self {
            template: places.template.clone(),
            manager: filled(part(MANAGER)?)?,
            clusters: [cluster(CLUSTER)?, cluster(MCP_CLUSTER)?, cluster(CONTROL)?],
            secrets: filled(part("/static_resources/secrets")?)?,
            noop: wasm("bench.noop", &places.folder, include_bytes!("../wat/noop.wat"))?,
            hostcalls: wasm("bench.hostcalls", &places.folder, include_bytes!("../wat/hostcalls.wat"))?,
            jwt: jwt_authn(signer, &jwks, false),
            jwt_cached: jwt_authn(signer, &jwks, true),
            roles: roles(),
            buffered: bundle(Some(json!({ "delivery": "buffered", "cluster": CONTROL })))?,
            durable: bundle(Some(json!({ "delivery": "durable", "cluster": CONTROL })))?,
        })
    }

    /// A bootstrap with these listeners.
    pub(crate) fn bootstrap(&self, listeners: &[(Chain, SocketAddr)]) -> Result<Value, BenchError> {
        let listeners = listeners
            .iter()
            .map(|(chain, address)| self.listener(*chain, *address))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(json!({
            // Nobody reads the statistics: writing them out is not what is measured.
            "stats_flush_interval": "60s",
            "static_resources": {
                "listeners": listeners,
                "clusters": self.clusters,
                "secrets": self.secrets,
            },
        }))
    }

    fn listener(&self, chain: Chain, address: SocketAddr) -> Result<Value, BenchError> {
        let mut manager = self.manager.clone();
        let lacks = |part: &str| missing(&self.template, part);
        let fields = manager.as_object_mut().ok_or_else(|| lacks("connection manager"))?;
        fields.insert("stat_prefix".to_owned(), chain.name().into());
        if !matches!(chain, Chain::ActgateLedger | Chain::ActgateBuffered | Chain::ActgateDurable) {
            fields.remove("access_log");
        }
        let filters = self.filters(chain)?;
        let guarded = filters.iter().any(|filter| has_name(filter, SENTINEL));
        fields.insert("http_filters".to_owned(), filters.into());

        let route = fields.get_mut("route_config").and_then(|config| config.pointer_mut("/virtual_hosts/0"));
        let route = route.and_then(|host| host.get_mut("routes")).ok_or_else(|| lacks("routes"))?;
        let name = if chain.speaks_mcp() { MCP_SERVICE } else { SERVICE };
        let mut service = named(route, name).cloned().ok_or_else(|| lacks(name))?;
        let members = service.as_object_mut().ok_or_else(|| lacks(name))?;
        if !guarded {
            members.remove("typed_per_filter_config");
        }
        // Envoy closes a connection on which it answers before a body has come, so tools have an upstream.
        if !matches!(chain, Chain::Upstream | Chain::ActgateUpstream) && !chain.speaks_mcp() {
            members.remove("route");
            members.insert(
                "direct_response".to_owned(),
                json!({ "status": 200, "body": { "inline_string": "ok" } }),
            );
        }
        *route = json!([service]);
        Ok(json!({
            "name": chain.name(),
            "address": { "socket_address": {
                "address": address.ip().to_string(), "port_value": address.port(),
            } },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }],
        }))
    }

    fn filters(&self, chain: Chain) -> Result<Vec<Value>, BenchError> {
        let own = |name: &str| {
            let filters = self.manager.get("http_filters");
            let found = filters.and_then(|filters| named(filters, name)).cloned();
            found.ok_or_else(|| missing(&self.template, name))
        };
        let before = match chain {
            Chain::Router | Chain::RouterAgain | Chain::Upstream | Chain::McpRouter => Vec::new(),
            Chain::WasmNoop => vec![self.noop.clone()],
            Chain::WasmHostcalls => vec![self.hostcalls.clone(), own(SENTINEL)?],
            Chain::Jwt => vec![self.jwt.clone(), self.roles.clone()],
            Chain::JwtCached => vec![self.jwt_cached.clone(), self.roles.clone()],
            Chain::McpNative => vec![mcp(), tools()],
            Chain::Actgate | Chain::ActgateLedger | Chain::ActgateUpstream | Chain::McpActgate => {
                vec![own(PLUGIN)?, own(SENTINEL)?]
            }
            Chain::ActgateBuffered => vec![delivering(own(PLUGIN)?, &self.buffered), own(SENTINEL)?],
            Chain::ActgateDurable => vec![delivering(own(PLUGIN)?, &self.durable), own(SENTINEL)?],
        };
        Ok(before.into_iter().chain([own(ROUTER)?]).collect())
    }
}

/// The plugin with another configuration.
fn delivering(mut plugin: Value, bundle: &str) -> Value {
    if let Some(value) = plugin.pointer_mut("/typed_config/config/configuration/value") {
        *value = bundle.into();
    }
    plugin
}

/// A module of our own, translated and put where Envoy finds it.
fn wasm(name: &str, folder: &Path, module: &[u8]) -> Result<Value, BenchError> {
    let file = folder.join(format!("{name}.wasm"));
    write(&file, &wat::parse_bytes(module)?)?;
    Ok(json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "vm_config": {
                    "vm_id": name,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": file } },
                },
            },
        },
    }))
}

/// Envoy's own check of the same tokens.
fn jwt_authn(signer: &Signer, jwks: &str, cached: bool) -> Value {
    let mut provider = json!({
        "issuer": signer.issuer(),
        "audiences": signer.audiences(),
        "local_jwks": { "inline_string": jwks },
        "payload_in_metadata": "payload",
    });
    if let Some(fields) = provider.as_object_mut()
        && cached
    {
        // As many as the plugin keeps.
        fields.insert("jwt_cache_config".to_owned(), json!({ "jwt_cache_size": 1024 }));
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "demo": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "demo" } }],
        },
    })
}

/// Envoy's own rule to the same effect: this subject, through this actor, may read this folder.
fn roles() -> Value {
    let claim = |path: &[&str], value: &str| {
        let path: Vec<Value> =
            ["payload"].iter().chain(path).map(|segment| json!({ "key": segment })).collect();
        json!({ "sourced_metadata": { "metadata_matcher": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": path,
            "value": { "string_match": { "exact": value } },
        } } })
    };
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "coders-read-dev": {
                        "permissions": [{ "and_rules": { "rules": [
                            { "header": { "name": ":method", "string_match": { "exact": "GET" } } },
                            { "url_path": { "path": { "prefix": "/secrets/v1/kv/dev/" } } },
                        ] } }],
                        "principals": [{ "and_ids": { "ids": [
                            claim(&["sub"], SUBJECT),
                            claim(&["act", "sub"], ACTOR),
                        ] } }],
                    },
                },
            },
        },
    })
}

/// Envoy's own reader of MCP.
fn mcp() -> Value {
    json!({
        "name": "envoy.filters.http.mcp",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp" },
    })
}

/// Envoy's own rule over what that has read: this tool may be called. Who calls, nobody asks.
fn tools() -> Value {
    let is = |path: &[&str], value: &str| {
        let path: Vec<Value> = path.iter().map(|segment| json!({ "key": segment })).collect();
        json!({ "sourced_metadata": { "metadata_matcher": {
            "filter": "envoy.filters.http.mcp",
            "path": path,
            "value": { "string_match": { "exact": value } },
        } } })
    };
    let rules = [is(&["method"], "tools/call"), is(&["params", "name"], PERMITTED_TOOL)];
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": { "one-tool": {
                    "permissions": [{ "and_rules": { "rules": rules } }],
                    "principals": [{ "any": true }],
                } },
            },
        },
    })
}

fn read(file: &Path) -> Result<Value, BenchError> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(BenchError::io(format!("read `{name}`")))?;
    let document = Document::parse(SourceText::new(name, text)).map_err(BenchError::Configuration)?;
    Ok(document.into_value())
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), BenchError> {
    fs::write(file, bytes).map_err(BenchError::io(format!("write `{}`", file.display())))
}

/// Replaces every scalar that is a placeholder; the name of one that has no value otherwise.
fn fill(part: &mut Value, values: &BTreeMap<&str, Value>) -> Result<(), String> {
    match part {
        Value::String(text) => {
            let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            if let Some(name) = name {
                *part = values.get(name).cloned().ok_or_else(|| name.to_owned())?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, values)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| has_name(item, name))
}

fn has_name(item: &Value, name: &str) -> bool {
    item.get("name").and_then(Value::as_str) == Some(name)
}

fn missing(template: &Path, part: &str) -> BenchError {
    BenchError::Template { file: template.to_owned(), part: part.to_owned() }
}

fn text(path: &Path) -> Value {
    path.to_string_lossy().into()
}
