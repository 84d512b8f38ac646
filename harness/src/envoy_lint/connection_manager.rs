//! One HTTP connection manager: its filters, and its settings that would put other bytes before the plugin.

use super::field::{field, is_type, items, may_be_true, text};
use super::route::{self, Chain};
use super::{Report, Services, sentinel};
use crate::diagnostic::Diagnostic;
use crate::document::Place;

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// `buffer` is what the listener says of a connection's.
pub(super) fn check<'a>(
    manager: &Place<'a>,
    buffer: Option<u64>,
    services: &mut Services<'a>,
    report: &mut Report,
) {
    let filters = items(manager, "http_filters");
    let Some(at) = filters.iter().position(is_actgate) else {
        // One that only answers by itself (health, metrics, redirects) leads nowhere.
        if route::leads_somewhere(manager) {
            let place = field(manager, "http_filters").unwrap_or_else(|| manager.clone());
            let help = "put the wasm filter `actgate` before the router, and its sentinel behind it";
            report.findings.push(place.key_error("requests reach clusters past actgate").with_help(help));
        }
        return;
    };
    let findings = &mut report.findings;
    check_paths(manager, findings);
    let before_router = filters.iter().position(|filter| is_of_type(filter, ROUTER)).unwrap_or(filters.len());
    let mut chain = Chain { plugin: "", sentinel: None };
    if let Some(plugin) = filters.get(at) {
        chain.plugin = text(plugin, "name").unwrap_or_default();
        check_plugin(plugin, findings);
    }
    match filters.get(at.saturating_add(1)) {
        Some(next) if is_of_type(next, RBAC) && at.saturating_add(1) < before_router => {
            chain.sentinel = text(next, "name");
            check_present(next, "the sentinel", findings);
            if let Some(rbac) = field(next, "typed_config")
                && let Err(finding) = sentinel::markers(&rbac)
            {
                findings.push(*finding);
            }
        }
        Some(_) | None => {
            let place = filters.get(at).unwrap_or(manager);
            let message = "the actgate filter is not directly followed by an RBAC sentinel";
            let help = "with the plugin gone, nothing else would stop a request";
            findings.push(place.error(message).with_help(help));
        }
    }
    for filter in filters.iter().take(before_router).skip(at.saturating_add(2)) {
        let message = "this filter comes after the decision; what it changes was not decided on";
        findings.push(filter.error(message).with_help("move it before actgate").as_warning());
    }
    route::check(manager, &chain, buffer, services, report);
}

/// By any of its names: which one carries the word differs between deployments.
fn is_actgate(filter: &Place<'_>) -> bool {
    let named = |name: Option<&str>| name.is_some_and(|name| name.to_ascii_lowercase().contains("actgate"));
    if !is_of_type(filter, WASM) {
        return named(text(filter, "name")) && field(filter, "config_discovery").is_some();
    }
    let config = field(filter, "typed_config").and_then(|wasm| field(&wasm, "config"));
    let machine = config.as_ref().and_then(|config| field(config, "vm_config"));
    let code = machine.as_ref().and_then(|machine| field(machine, "code"));
    let file = code.and_then(|code| field(&code, "local")).and_then(|local| text(&local, "filename"));
    named(text(filter, "name"))
        || named(config.as_ref().and_then(|config| text(config, "name")))
        || named(config.as_ref().and_then(|config| text(config, "root_id")))
        || named(file)
}

fn is_of_type(filter: &Place<'_>, name: &str) -> bool {
    field(filter, "typed_config").is_some_and(|config| is_type(&config, name))
}

fn check_plugin(plugin: &Place<'_>, findings: &mut Vec<Diagnostic>) {
    check_present(plugin, "actgate", findings);
    let Some(config) = field(plugin, "typed_config").and_then(|wasm| field(&wasm, "config")) else {
        findings.push(plugin.error("the filter's configuration is elsewhere and cannot be checked"));
        return;
    };
    let knob = field(&config, "allow_on_headers_stop_iteration");
    if knob.as_ref().is_none_or(|knob| knob.value() != &serde_json::Value::Bool(true)) {
        let message = "`allow_on_headers_stop_iteration: true` is missing";
        let help = "without it a request whose body is read hangs";
        findings.push(knob.unwrap_or_else(|| config.clone()).key_error(message).with_help(help));
    }
    if let Some(open) = field(&config, "fail_open") {
        findings.push(
            open.key_error("`fail_open` lets requests pass when the plugin fails").with_help("leave it out"),
        );
    }
    let policy = field(&config, "failure_policy");
    if policy.as_ref().and_then(Place::as_str) != Some("FAIL_RELOAD") {
        let message = "`failure_policy` is not FAIL_RELOAD";
        let help = match policy.as_ref().and_then(Place::as_str) {
            Some("FAIL_OPEN") => "FAIL_OPEN lets requests pass when the plugin fails",
            Some(_) | None => {
                "otherwise a worker whose plugin failed once refuses everything until a restart"
            }
        };
        findings.push(policy.unwrap_or_else(|| config.clone()).key_error(message).with_help(help));
    }
}

/// A filter that Envoy may leave out is no guard.
fn check_present(filter: &Place<'_>, what: &str, findings: &mut Vec<Diagnostic>) {
    for name in ["disabled", "is_optional"] {
        if may_be_true(filter, name)
            && let Some(place) = field(filter, name)
        {
            findings.push(place.key_error(format!("`{name}` on {what}")).with_help("leave it out"));
        }
    }
}

/// The filter and the ledger must see what was sent, and the upstream must get what was decided on.
fn check_paths(manager: &Place<'_>, findings: &mut Vec<Diagnostic>) {
    for name in ["normalize_path", "merge_slashes"] {
        if may_be_true(manager, name)
            && let Some(place) = field(manager, name)
        {
            let message = format!("`{name}` repairs paths before they are decided on");
            findings.push(place.key_error(message).with_help(format!("`{name}: false`")));
        }
    }
    if let Some(place) = field(manager, "path_with_escaped_slashes_action")
        && !matches!(place.as_str(), Some("KEEP_UNCHANGED" | "IMPLEMENTATION_SPECIFIC_DEFAULT"))
    {
        let message = "`path_with_escaped_slashes_action` changes paths before they are decided on";
        findings
            .push(place.key_error(message).with_help("`path_with_escaped_slashes_action: KEEP_UNCHANGED`"));
    }
    if let Some(place) = field(manager, "path_normalization_options") {
        findings
            .push(place.key_error("`path_normalization_options` repairs paths").with_help("leave it out"));
    }
    if let Some(place) = field(manager, "upgrade_configs") {
        let message = "`upgrade_configs` can replace the filter chain, actgate with it";
        findings.push(place.key_error(message).with_help("leave it out"));
    }
}
