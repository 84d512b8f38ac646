//! Envoy routes, the catalog decides: this check refuses an Envoy configuration in which they disagree.
//!
//! It reads what Envoy reads and follows one rule: a request must reach a cluster only through the actgate
//! filter and then through a native sentinel that demands the decision marker of that very service.

mod buffer;
mod connection_manager;
mod field;
mod route;
mod sentinel;
mod service;

use crate::diagnostic::Diagnostic;
use crate::document::{Document, Place};

use field::{field, type_name};
use service::Services;

const CONNECTION_MANAGER: &str = "HttpConnectionManager";

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Errors and warnings, by line; those about the configuration last.
    pub findings: Vec<Diagnostic>,
    /// How many HTTP connection managers there are.
    pub connection_managers: usize,
    /// How many of their routes lead to a service.
    pub routes: usize,
}

/// Checks an Envoy configuration against the services of a valid `actgate.yaml`.
pub fn check(envoy: &Document, config: &Document) -> Report {
    let mut services = Services::of(config);
    let mut report = Report { findings: Vec::new(), connection_managers: 0, routes: 0 };
    let mut managers = Vec::new();
    collect(&envoy.root(), None, &mut managers, &mut report.findings);
    report.connection_managers = managers.len();
    for (manager, buffer) in &managers {
        connection_manager::check(manager, *buffer, &mut services, &mut report);
    }
    asked_clusters(envoy, config, &mut report.findings);
    if managers.is_empty() {
        report.findings.push(Diagnostic::in_file(envoy.text().name(), "no HTTP connection manager"));
    }
    // A level that several routes inherit from is complained about once.
    let mut findings: Vec<Diagnostic> = Vec::new();
    for finding in report.findings {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| finding.position);
    for service in services.unserved() {
        let message = format!("no Envoy route leads to service `{}`", service.name);
        findings.push(service.place.key_error(message).as_warning());
    }
    Report { findings, ..report }
}

/// Whoever is asked for something has to be there: without approvals every held call is refused, without an issuer's keys
/// every call of its tokens.
fn asked_clusters(envoy: &Document, config: &Document, findings: &mut Vec<Diagnostic>) {
    let root = config.root();
    let control = root.member("approvals").and_then(|approvals| approvals.member("control"));
    if let Some(cluster) = control.and_then(|control| control.member("cluster")) {
        asked_cluster(envoy, &cluster, "approvals are asked for", findings);
    }
    let ledger = config.root().member("ledger");
    if let Some(cluster) = ledger.and_then(|ledger| ledger.member("cluster")) {
        asked_cluster(envoy, &cluster, "records are sent", findings);
    }
    let issuers = root.member("issuers");
    for key_source in issuers.iter().flat_map(Place::items).filter_map(|issuer| issuer.member("jwks")) {
        if let Some(cluster) = key_source.member("cluster") {
            asked_cluster(envoy, &cluster, "the issuer's keys are asked for", findings);
        }
    }
}

fn asked_cluster(envoy: &Document, cluster: &Place<'_>, what: &str, findings: &mut Vec<Diagnostic>) {
    let Some(resources) = field(&envoy.root(), "static_resources") else { return };
    let clusters = field(&resources, "clusters");
    let named = |place: Place<'_>| field(&place, "name").and_then(|name| name.as_str().map(str::to_owned));
    let mut names = clusters.iter().flat_map(Place::items).filter_map(named);
    if names.any(|name| Some(name.as_str()) == cluster.as_str()) {
        return;
    }
    let message = format!("no cluster `{}` in {}", cluster.as_str().unwrap_or_default(), envoy.text().name());
    let help = format!("{what} there; a cluster that comes by discovery cannot be seen here");
    findings.push(cluster.error(message).with_help(help).as_warning());
}

/// Every connection manager, wherever it is: bootstrap, listener discovery file, default filter chain; with what its
/// listener says of the buffer of a connection.
fn collect<'a>(
    place: &Place<'a>,
    buffer: Option<u64>,
    managers: &mut Vec<(Place<'a>, Option<u64>)>,
    findings: &mut Vec<Diagnostic>,
) {
    let buffer = buffer::of_listener(place).or(buffer);
    match type_name(place) {
        Some(CONNECTION_MANAGER) => {
            managers.push((place.clone(), buffer));
            return;
        }
        // Clusters have policies of their own.
        Some("HttpProtocolOptions") => route::refuse_repeaters(place, findings),
        Some("TcpProxy") => {
            let message = "a TCP proxy forwards what nobody decides on";
            findings.push(place.error(message).with_help("see that no service is behind it").as_warning());
        }
        Some(_) | None => {}
    }
    if let Some(url) = field(place, "type_url")
        && url.as_str().is_some_and(|url| url.ends_with(&format!(".{CONNECTION_MANAGER}")))
    {
        let help = "write its own `@type` instead of TypedStruct";
        findings.push(url.error("a connection manager in disguise cannot be checked").with_help(help));
    }
    place.members().for_each(|(_, member)| collect(&member, buffer, managers, findings));
    place.items().for_each(|item| collect(&item, buffer, managers, findings));
}

#[cfg(test)]
mod tests;
