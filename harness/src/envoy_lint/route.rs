//! Routes: each leads to one service's upstream, demands that service's marker, and forwards once.

use actgate_authz::nearest;

use super::field::{field, is_type, items};
use super::service::{Paths, Service};
use super::{Report, Services, buffer, sentinel};
use crate::diagnostic::Diagnostic;
use crate::document::Place;

const PER_ROUTE: &str = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute";

/// One decision is one forward: what makes two of one, and where it may stand.
const REPEATERS: [(&str, &str); 6] = [
    ("retry_policy", "a retry would repeat a call that was decided on once"),
    ("retry_policy_typed_config", "a retry would repeat a call that was decided on once"),
    ("hedge_policy", "a hedged request is sent twice"),
    ("request_mirror_policies", "a mirrored request is sent twice"),
    ("internal_redirect_policy", "an internal redirect sends the call somewhere else"),
    ("internal_redirect_action", "an internal redirect sends the call somewhere else"),
];

/// What puts another path before the upstream than the one that was decided on.
const REWRITERS: [&str; 3] = ["regex_rewrite", "path_rewrite_policy", "path_rewrite"];

/// The names under which routes override the two filters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) plugin: &'a str,
    pub(super) sentinel: Option<&'a str>,
}

/// A route with all that it inherits from, the nearest first.
struct Scope<'s, 'a> {
    levels: [&'s Place<'a>; 3],
    chain: &'s Chain<'a>,
    /// What the listener says of a connection's buffer.
    buffer: Option<u64>,
}

/// Whether a connection manager has a route to a cluster, or routes that cannot be seen.
pub(super) fn leads_somewhere(manager: &Place<'_>) -> bool {
    let Some(config) = field(manager, "route_config") else { return true };
    items(&config, "virtual_hosts").iter().any(|host| {
        field(host, "matcher").is_some()
            || items(host, "routes").iter().any(|route| !answers_by_itself(route))
    })
}

pub(super) fn check<'a>(
    manager: &Place<'a>,
    chain: &Chain<'a>,
    buffer: Option<u64>,
    services: &mut Services<'a>,
    report: &mut Report,
) {
    for name in ["rds", "scoped_routes"] {
        if let Some(place) = field(manager, name) {
            let message = format!("routes by `{name}` are elsewhere and cannot be checked");
            report
                .findings
                .push(place.key_error(message).with_help("check a file that has them as `route_config`"));
        }
    }
    let Some(config) = field(manager, "route_config") else { return };
    refuse_repeaters(&config, &mut report.findings);
    refuse_overrides(&config, chain, &mut report.findings);
    if let Some(discovery) = field(&config, "vhds") {
        report
            .findings
            .push(discovery.key_error("virtual hosts by `vhds` are elsewhere and cannot be checked"));
    }
    for host in items(&config, "virtual_hosts") {
        refuse_repeaters(&host, &mut report.findings);
        refuse_overrides(&host, chain, &mut report.findings);
        if let Some(matcher) = field(&host, "matcher") {
            report
                .findings
                .push(matcher.key_error("a `matcher` is not understood here").with_help("use `routes`"));
        }
        let domains: Vec<&str> = items(&host, "domains").iter().filter_map(Place::as_str).collect();
        if domains.is_empty() {
            report.findings.push(host.error("a virtual host without `domains`"));
        }
        for route in items(&host, "routes") {
            if !answers_by_itself(&route) {
                report.routes = report.routes.saturating_add(1);
                let scope = Scope { levels: [&route, &host, &config], chain, buffer };
                scope.check(&domains, services, &mut report.findings);
            }
        }
    }
}

fn answers_by_itself(route: &Place<'_>) -> bool {
    field(route, "direct_response").is_some() || field(route, "redirect").is_some()
}

pub(super) fn refuse_repeaters(level: &Place<'_>, findings: &mut Vec<Diagnostic>) {
    for (name, why) in REPEATERS {
        if let Some(place) = field(level, name) {
            findings.push(place.key_error(format!("`{name}` in front of a service")).with_help(why));
        }
    }
}

/// Per-route configuration must not switch the plugin off, nor the sentinel.
fn refuse_overrides(level: &Place<'_>, chain: &Chain<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(overrides) = field(level, "typed_per_filter_config") else { return };
    for (name, place) in overrides.members() {
        if name == chain.plugin {
            findings
                .push(place.key_error("actgate is switched off or changed here").with_help("leave it out"));
        } else if Some(name) == chain.sentinel && !is_type(&place, PER_ROUTE) {
            let help = format!("\"@type\": type.googleapis.com/{PER_ROUTE}");
            findings.push(place.key_error("the sentinel is switched off or changed here").with_help(help));
        }
    }
}

// === impl Scope ===

impl<'a> Scope<'_, 'a> {
    fn check(&self, domains: &[&str], services: &mut Services<'a>, findings: &mut Vec<Diagnostic>) {
        let [route, ..] = self.levels;
        refuse_overrides(route, self.chain, findings);
        let Some(action) = field(route, "route") else {
            findings.push(route.error("only `route`, `redirect` and `direct_response` are understood here"));
            return;
        };
        refuse_repeaters(&action, findings);
        for name in ["upgrade_configs"].iter().chain(&REWRITERS) {
            if let Some(place) = field(&action, name) {
                let message = format!("`{name}`: what was decided on must go upstream as it is");
                findings.push(place.key_error(message).with_help("leave it out"));
            }
        }
        let weighted =
            field(&action, "weighted_clusters").map(|set| items(&set, "clusters")).unwrap_or_default();
        for cluster in &weighted {
            if let Some(place) = field(cluster, "typed_per_filter_config") {
                findings.push(place.key_error("a cluster's own filter settings are not understood here"));
            }
        }
        let Some(matched) = field(route, "match") else {
            findings.push(route.error("a route without `match`"));
            return;
        };
        let Some((place, paths)) = paths(&matched) else {
            let help = "use `prefix`, `path` or `path_separated_prefix`";
            findings.push(matched.error("cannot tell which service these paths are of").with_help(help));
            return;
        };
        for domain in domains {
            match services.serve(domain, paths) {
                None => findings.push(uncovered(&place, paths, services)),
                Some(service) => {
                    self.check_sentinel(&service, paths, services, findings);
                    check_rewrite(&action, &place, paths, &service, findings);
                    if service.holds_pushes {
                        findings.extend(buffer::too_small_for_pushes(
                            &self.levels,
                            self.buffer,
                            service.name,
                        ));
                    }
                }
            }
        }
    }

    fn check_sentinel(
        &self,
        service: &Service<'a>,
        paths: Paths<'_>,
        services: &Services<'a>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let Some(name) = self.chain.sentinel else { return };
        let [route, ..] = self.levels;
        let permit = format!("permit:{}", service.name);
        let observe = format!("observe:{}", service.name);
        let overrides = self.levels.iter().filter_map(|level| field(level, "typed_per_filter_config"));
        let Some(own) = overrides.clone().find_map(|level| level.member(name)) else {
            let misnamed = overrides.clone().find_map(|level| {
                level.members().find(|(_, place)| is_type(place, PER_ROUTE)).map(|(_, place)| place)
            });
            let help = format!("typed_per_filter_config: {{{name}: ..}} that demands `{permit}`");
            findings.push(match misnamed {
                Some(place) => {
                    place.key_error(format!("the sentinel filter is called `{name}`")).with_help(help)
                }
                None => route.error("this route has no sentinel of its own").with_help(help),
            });
            return;
        };
        if !is_type(&own, PER_ROUTE) {
            // Said already, where it stands.
            return;
        }
        let Some(rbac) = field(&own, "rbac") else {
            let help = format!("demand `{permit}`");
            findings.push(own.key_error("the sentinel is switched off here").with_help(help));
            return;
        };
        let markers = match sentinel::markers(&rbac) {
            Ok(markers) => markers,
            Err(finding) => {
                findings.push(*finding);
                return;
            }
        };
        for marker in markers.iter().filter(|marker| marker.text != permit) {
            if marker.text == observe {
                if !service.observe {
                    let message = format!("service `{}` is not in `mode: observe`", service.name);
                    findings.push(marker.place.error(message).with_help(format!("demand `{permit}` only")));
                }
                continue;
            }
            let known: Vec<String> = services.names().map(|name| format!("permit:{name}")).collect();
            let message = if known.contains(&marker.text) {
                format!("`{}` is service `{}`, not `{}`", paths.text(), service.name, marker.text)
            } else {
                format!("no service's marker is `{}`", marker.text)
            };
            let meant = nearest(&marker.text, known.iter().map(String::as_str));
            let help = match meant {
                Some(meant) if meant != permit && !known.contains(&marker.text) => {
                    format!("demand `{permit}`; did you mean `{meant}`?")
                }
                Some(_) | None => format!("demand `{permit}`"),
            };
            findings.push(marker.place.error(message).with_help(help));
        }
        let has = |text: &String| markers.iter().any(|marker| marker.text == *text);
        if !has(&permit) && markers.iter().all(|marker| marker.text == observe) {
            let message = format!("what service `{}` permits never passes", service.name);
            findings.push(rbac.key_error(message).with_help(format!("demand `{permit}`")));
        }
        if service.observe && !has(&observe) {
            let message =
                format!("service `{}` is in `mode: observe`, but nothing observed passes", service.name);
            findings.push(rbac.key_error(message).with_help(format!("admit `{observe}` too")).as_warning());
        }
    }
}

fn paths<'a>(matched: &Place<'a>) -> Option<(Place<'a>, Paths<'a>)> {
    ["prefix", "path", "path_separated_prefix"].into_iter().find_map(|name| {
        let place = field(matched, name)?;
        let text = place.as_str()?;
        let paths = match name {
            "prefix" => Paths::Prefix(text),
            "path" => Paths::Exact(text),
            _ => Paths::Segments(text),
        };
        Some((place, paths))
    })
}

fn uncovered(place: &Place<'_>, paths: Paths<'_>, services: &Services<'_>) -> Diagnostic {
    let finding = place.error(format!("no service covers `{}`", paths.text()));
    match services.below(paths) {
        Some(service) => {
            finding.with_help(format!("service `{}` has only `{}`", service.name, service.shown_prefix()))
        }
        None => finding.with_help("add the service, or answer with `direct_response`"),
    }
}

fn check_rewrite(
    action: &Place<'_>,
    matched: &Place<'_>,
    paths: Paths<'_>,
    service: &Service<'_>,
    findings: &mut Vec<Diagnostic>,
) {
    let rewrite = field(action, "prefix_rewrite");
    let given = rewrite.as_ref().and_then(Place::as_str);
    if !service.strip_prefix {
        if let Some(place) = &rewrite
            && given != Some(paths.text())
        {
            let message = format!("service `{}` does not strip its prefix", service.name);
            findings.push(
                place.key_error(message).with_help("`strip_prefix: true` in actgate.yaml, or leave it out"),
            );
        }
        return;
    }
    let Some(expected) = service.stripped(paths) else {
        let message =
            format!("`{}` does not end on a segment, so its prefix cannot be stripped", paths.text());
        findings.push(matched.error(message).with_help(format!("`prefix: {}`", service.shown_prefix())));
        return;
    };
    // A service at the root has nothing to strip.
    if given.unwrap_or_else(|| paths.text()) != expected {
        let message = format!("service `{}` strips its prefix", service.name);
        let place =
            rewrite.as_ref().map_or_else(|| action.key_error(&*message), |place| place.key_error(&*message));
        findings.push(place.with_help(format!("`prefix_rewrite: {expected}`")));
    }
}
