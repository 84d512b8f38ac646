use super::*;
use crate::diagnostic::Severity;
use crate::text::SourceText;

const CONFIG: &str = "
services:
  - {name: git, prefix: /git/}
  - {name: secrets, prefix: /secrets/, strip_prefix: true}
";

/// What every test starts from, and what passes.
const ENVOY: &str = r#"
static_resources:
  listeners:
    - address: { socket_address: { address: 127.0.0.1, port_value: ${PORT} } }
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                normalize_path: false
                http_filters:
                  - name: actgate
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        failure_policy: FAIL_RELOAD
                        allow_on_headers_stop_iteration: true
                        vm_config: { code: { local: { filename: ${PLUGIN} } } }
                  - name: sentinel
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
                      rules: { action: ALLOW, policies: {} }
                  - name: router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                route_config:
                  virtual_hosts:
                    - domains: ["*"]
                      routes:
                        - match: { path: /healthz }
                          direct_response: { status: 200 }
                        - match: { prefix: /git/ }
                          route: { cluster: git }
                          typed_per_filter_config:
                            sentinel:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute
                              rbac: { rules: { policies: { p: { permissions: [{ any: true }], principals: [{ filter_state: { key: wasm.actgate, string_match: { exact: "permit:git" } } }] } } } }
                        - match: { prefix: /secrets/ }
                          route: { cluster: secrets, prefix_rewrite: / }
                          typed_per_filter_config:
                            sentinel:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute
                              rbac: { rules: { policies: { p: { permissions: [{ any: true }], principals: [{ filter_state: { key: wasm.actgate, string_match: { exact: "permit:secrets" } } }] } } } }
"#;

fn report(envoy: &str, config: &str) -> Report {
    let envoy = Document::parse_template(SourceText::new("envoy.yaml", envoy)).unwrap();
    let config = Document::parse(SourceText::new("actgate.yaml", config)).unwrap();
    check(&envoy, &config)
}

fn shown(report: &Report) -> Vec<String> {
    let show = |finding: &Diagnostic| {
        let line = finding.position.map_or(0, |position| position.line);
        let mark = if finding.severity == Severity::Warning { "warning: " } else { "" };
        let place = if finding.file == "envoy.yaml" { String::new() } else { format!("{}:", finding.file) };
        format!("{place}{line} {mark}{}", finding.message)
    };
    report.findings.iter().map(show).collect()
}

/// `envoy` with each `(old, new)` replaced; `expected` is `line message` per finding.
#[track_caller]
fn with(changes: &[(&str, &str)], expected: &[&str]) {
    with_config(CONFIG, changes, expected);
}

#[track_caller]
fn with_config(config: &str, changes: &[(&str, &str)], expected: &[&str]) {
    let mut envoy = ENVOY.to_owned();
    for (old, new) in changes {
        assert!(envoy.contains(old), "{old}");
        envoy = envoy.replacen(old, new, 1);
    }
    assert_eq!(shown(&report(&envoy, config)), expected);
}

const MANAGER: &str = "                normalize_path: false\n";
const GIT_ROUTE: &str = "route: { cluster: git }";
const GIT_PRINCIPAL: &str =
    r#"{ filter_state: { key: wasm.actgate, string_match: { exact: "permit:git" } } }"#;

#[test]
fn what_agrees_passes() {
    with(&[], &[]);
    let report = report(ENVOY, CONFIG);
    assert_eq!((report.connection_managers, report.routes), (1, 2));
}

#[test]
fn both_field_names_are_known() {
    with(&[("failure_policy: FAIL_RELOAD", "failurePolicy: FAIL_RELOAD")], &[]);
    with(
        &[(MANAGER, "                normalizePath: true\n")],
        &["10 `normalize_path` repairs paths before they are decided on"],
    );
    with(
        &[
            ("http_filters", "httpFilters"),
            ("route_config", "routeConfig"),
            ("virtual_hosts", "virtualHosts"),
        ],
        &[],
    );
    with(
        &[(GIT_ROUTE, "route: { cluster: git, retryPolicy: {} }")],
        &["32 `retry_policy` in front of a service"],
    );
}

#[test]
fn the_plugin_must_be_there_with_its_sentinel() {
    with(
        &[("- name: actgate\n", "- name: other\n"), ("${PLUGIN}", "/x/other.wasm")],
        &[
            "11 requests reach clusters past actgate",
            "actgate.yaml:3 warning: no Envoy route leads to service `git`",
            "actgate.yaml:4 warning: no Envoy route leads to service `secrets`",
        ],
    );
    // Named by its file alone.
    with(&[("- name: actgate\n", "- name: other\n"), ("${PLUGIN}", "${ACTGATE_WASM}")], &[]);
    with(
        &[("http.rbac.v3.RBAC\n", "http.cors.v3.Cors\n")],
        &["12 the actgate filter is not directly followed by an RBAC sentinel"],
    );
    with(
        &[(
            "                  - name: router",
            "                  - name: lua\n                  - name: router",
        )],
        &["23 warning: this filter comes after the decision; what it changes was not decided on"],
    );
    with(
        &[("- name: sentinel\n", "- name: sentinel\n                    disabled: true\n")],
        &["20 `disabled` on the sentinel"],
    );
    with(
        &[("- name: actgate\n", "- name: actgate\n                    is_optional: true\n")],
        &["13 `is_optional` on actgate"],
    );
}

#[test]
fn a_manager_that_only_answers_by_itself_needs_no_plugin() {
    let start = ENVOY.find("                  - name: actgate").unwrap();
    let end = ENVOY.find("                  - name: router").unwrap();
    let routes = ENVOY.find("                        - match: { prefix: /git/ }").unwrap();
    let envoy = format!("{}{}", ENVOY.get(..start).unwrap(), ENVOY.get(end..routes).unwrap());
    let found = report(&envoy, "services: []");
    assert_eq!(shown(&found), [""; 0]);
}

#[test]
fn the_plugin_fails_closed_and_holds_headers() {
    with(
        &[("allow_on_headers_stop_iteration: true", "allow_on_headers_stop_iteration: false")],
        &["17 `allow_on_headers_stop_iteration: true` is missing"],
    );
    with(
        &[("                        allow_on_headers_stop_iteration: true\n", "")],
        &["15 `allow_on_headers_stop_iteration: true` is missing"],
    );
    for policy in ["FAIL_OPEN", "FAIL_CLOSED", "${POLICY}", "2"] {
        with(&[("FAIL_RELOAD", policy)], &["16 `failure_policy` is not FAIL_RELOAD"]);
    }
    with(
        &[("failure_policy: FAIL_RELOAD", "fail_open: true")],
        &[
            "15 `failure_policy` is not FAIL_RELOAD",
            "16 `fail_open` lets requests pass when the plugin fails",
        ],
    );
}

#[test]
fn paths_reach_the_plugin_as_they_were_sent() {
    for value in ["true", "${NORMALIZE}", "{}"] {
        let change = format!("                normalize_path: {value}\n");
        with(&[(MANAGER, &change)], &["10 `normalize_path` repairs paths before they are decided on"]);
    }
    with(
        &[(MANAGER, "                merge_slashes: true\n")],
        &["10 `merge_slashes` repairs paths before they are decided on"],
    );
    with(
        &[(MANAGER, "                path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD\n")],
        &["10 `path_with_escaped_slashes_action` changes paths before they are decided on"],
    );
    with(&[(MANAGER, "                path_with_escaped_slashes_action: KEEP_UNCHANGED\n")], &[]);
    with(
        &[(MANAGER, "                upgrade_configs: [{ upgrade_type: websocket }]\n")],
        &["10 `upgrade_configs` can replace the filter chain, actgate with it"],
    );
}

#[test]
fn one_decision_is_one_forward() {
    for name in ["retry_policy", "hedge_policy", "request_mirror_policies", "internal_redirect_policy"] {
        let route = format!("route: {{ cluster: git, {name}: {{}} }}");
        with(&[(GIT_ROUTE, &route)], &[&format!("32 `{name}` in front of a service")]);
        let host = format!("- domains: [\"*\"]\n                      {name}: {{}}\n");
        with(&[("- domains: [\"*\"]\n", &host)], &[&format!("28 `{name}` in front of a service")]);
    }
    with(
        &[("route_config:\n", "route_config:\n                  request_mirror_policies: []\n")],
        &["26 `request_mirror_policies` in front of a service"],
    );
    for name in ["regex_rewrite", "path_rewrite_policy", "upgrade_configs"] {
        let route = format!("route: {{ cluster: git, {name}: {{}} }}");
        with(
            &[(GIT_ROUTE, &route)],
            &[&format!("32 `{name}`: what was decided on must go upstream as it is")],
        );
    }
}

#[test]
fn what_lies_beside_the_routes_is_seen_too() {
    let beside =
        |message: &str| format!("static_resources:\n  clusters: [{{ x: {{ \"@type\": t/{message} }} }}]\n");
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions, retry_policy: {}";
    with(&[("static_resources:\n", &beside(options))], &["3 `retry_policy` in front of a service"]);
    let proxy = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    with(
        &[("static_resources:\n", &beside(proxy))],
        &["3 warning: a TCP proxy forwards what nobody decides on"],
    );
}

#[test]
fn every_route_has_its_sentinel() {
    with(
        &[("                            sentinel:\n", "                            other:\n")],
        &["34 the sentinel filter is called `sentinel`"],
    );
    let start = ENVOY.find("                          typed_per_filter_config:\n").unwrap();
    let end = ENVOY.find("                        - match: { prefix: /secrets/ }").unwrap();
    with(&[(ENVOY.get(start..end).unwrap(), "")], &["31 this route has no sentinel of its own"]);
    with(
        &[("rbac: { rules: { policies", "rbc: { rules: { policies")],
        &["34 the sentinel is switched off here"],
    );
    with(
        &[("http.rbac.v3.RBACPerRoute", "config.route.v3.FilterConfig")],
        &["34 the sentinel is switched off or changed here"],
    );
    with(
        &[(
            "                            sentinel:\n",
            "                            actgate: { disabled: true }\n                            sentinel:\n",
        )],
        &["34 actgate is switched off or changed here"],
    );
    with(
        &[(
            "- domains: [\"*\"]\n",
            "- domains: [\"*\"]\n                      typed_per_filter_config: { actgate: { disabled: true } }\n",
        )],
        &["28 actgate is switched off or changed here"],
    );
    with(
        &[(
            GIT_ROUTE,
            "route: { weighted_clusters: { clusters: [{ name: a, typed_per_filter_config: {} }] } }",
        )],
        &["32 a cluster's own filter settings are not understood here"],
    );
}

#[test]
fn a_sentinel_demands_its_own_service() {
    with(&[("permit:git", "permit:secrets")], &["36 `/git/` is service `git`, not `permit:secrets`"]);
    with(&[("permit:git", "permit:gti")], &["36 no service's marker is `permit:gti`"]);
    with(
        &[("permit:git", "observe:git")],
        &["36 what service `git` permits never passes", "36 service `git` is not in `mode: observe`"],
    );
    let observed = CONFIG.replace("prefix: /git/", "prefix: /git/, mode: observe");
    with_config(
        &observed,
        &[],
        &["36 warning: service `git` is in `mode: observe`, but nothing observed passes"],
    );
    let both = format!("{GIT_PRINCIPAL}, {}", GIT_PRINCIPAL.replace("permit", "observe"));
    with_config(&observed, &[(GIT_PRINCIPAL, &both)], &[]);
    with(&[(GIT_PRINCIPAL, &both)], &["36 service `git` is not in `mode: observe`"]);
}

#[test]
fn a_sentinel_that_lets_more_pass_is_none() {
    let open = "36 this policy lets pass without a decision marker";
    let state =
        |matcher: &str| format!("{{ filter_state: {{ key: wasm.actgate, string_match: {matcher} }} }}");
    for principal in [
        "{ any: true }".to_owned(),
        format!("{GIT_PRINCIPAL}, {{ any: true }}"),
        format!("{{ not_id: {GIT_PRINCIPAL} }}"),
        format!("{{ or_ids: {{ ids: [{GIT_PRINCIPAL}, {{ any: true }}] }} }}"),
        state(r#"{ prefix: "permit:" }"#),
        state(r#"{ exact: "permit:git", ignore_case: true }"#),
        GIT_PRINCIPAL.replace("wasm.actgate", "wasm.other"),
    ] {
        with(&[(GIT_PRINCIPAL, &principal)], &[open]);
    }
    with(&[(GIT_PRINCIPAL, &format!("{{ and_ids: {{ ids: [{{ any: true }}, {GIT_PRINCIPAL}] }} }}"))], &[]);
    with(
        &[("rules: { policies: { p", "rules: { action: DENY, policies: { p")],
        &["36 a DENY list lets pass what it does not name"],
    );
    with(
        &[("rules: { policies: { p", "rules: { action: LOG, policies: { p")],
        &["36 a sentinel's action is ALLOW"],
    );
    with(
        &[("rbac: { rules", "rbac: { matcher: {}, rules")],
        &["36 Envoy ignores `rules` where there is a `matcher`, which is not understood here"],
    );
    with(
        &[("rbac: { rules", "rbac: { shadow_rules")],
        &["36 a sentinel without `rules` lets everything pass"],
    );
    // The one in the filter chain must be closed too.
    with(
        &[("rules: { action: ALLOW, policies: {} }", "stat_prefix: x")],
        &["20 a sentinel without `rules` lets everything pass"],
    );
    let closed = "rules: { action: DENY, policies: { p: { permissions: [{ any: true }], principals: [{ any: true }] } } }";
    with(&[("rules: { action: ALLOW, policies: {} }", closed)], &[]);
}

#[test]
fn conditions_are_read() {
    let condition = |marker: &str| {
        let state = "{ call_expr: { function: '_[_]', args: [{ ident_expr: { name: filter_state } }, { const_expr: { string_value: wasm.actgate } }] } }";
        format!("{{ call_expr: {{ function: _==_, args: [{state}, {{ const_expr: {marker} }}] }} }}")
    };
    let principals = format!("principals: [{GIT_PRINCIPAL}]");
    let with_condition = |expression: &str| format!("principals: [{{ any: true }}], condition: {expression}");
    // permit:git, as protobuf's JSON form writes bytes.
    for good in ["{ bytes_value: cGVybWl0OmdpdA== }", r#"{ string_value: "permit:git" }"#] {
        with(&[(&principals, &with_condition(&condition(good)))], &[]);
    }
    with(
        &[(&principals, &with_condition(&condition(r#"{ string_value: "permit:secrets" }"#)))],
        &["36 `/git/` is service `git`, not `permit:secrets`"],
    );
    let or = |right: &str| {
        let left = condition(r#"{ string_value: "permit:git" }"#);
        format!("{{ call_expr: {{ function: _||_, args: [{left}, {right}] }} }}")
    };
    let open = "36 this policy lets pass without a decision marker";
    with(&[(&principals, &with_condition(&or("{ const_expr: { bool_value: true } }")))], &[open]);
    with(
        &[(
            &principals,
            &with_condition(&or("{ const_expr: { bool_value: true } }").replace("_||_", "_&&_")),
        )],
        &[],
    );
    with(
        &[(&principals, &with_condition(&condition("{ string_value: x }").replace("_==_", "_!=_")))],
        &[open],
    );
}

#[test]
fn every_route_is_a_services() {
    with(
        &[("prefix: /git/ }", "prefix: /gti/ }")],
        &["31 no service covers `/gti/`", "actgate.yaml:3 warning: no Envoy route leads to service `git`"],
    );
    with(
        &[("prefix: /git/ }", "prefix: / }")],
        &["31 no service covers `/`", "actgate.yaml:3 warning: no Envoy route leads to service `git`"],
    );
    with(
        &[("prefix: /git/ }", "safe_regex: { regex: /git/.* } }")],
        &[
            "31 cannot tell which service these paths are of",
            "actgate.yaml:3 warning: no Envoy route leads to service `git`",
        ],
    );
    with(&[("prefix: /git/ }", "path: /git/info }")], &[]);
    with(&[("prefix: /git/ }", "path_separated_prefix: /git }")], &[]);
    with(
        &[(GIT_ROUTE, "filter_action: {}")],
        &[
            "31 only `route`, `redirect` and `direct_response` are understood here",
            "actgate.yaml:3 warning: no Envoy route leads to service `git`",
        ],
    );
    with_config(
        &format!("{CONFIG}  - {{name: deploy, prefix: /v2/}}\n"),
        &[],
        &["actgate.yaml:5 warning: no Envoy route leads to service `deploy`"],
    );
}

#[test]
fn the_longest_prefix_and_the_host_choose_the_service() {
    let nested = format!("{CONFIG}  - {{name: wiki, prefix: /git/wiki/}}\n");
    with_config(
        &nested,
        &[("prefix: /git/ }", "prefix: /git/wiki/ }")],
        &[
            "36 `/git/wiki/` is service `wiki`, not `permit:git`",
            "actgate.yaml:3 warning: no Envoy route leads to service `git`",
        ],
    );
    let hosts = CONFIG.replace("name: git,", "name: git, host: git.corp,");
    with_config(&hosts, &[], &[]);
    with_config(&hosts, &[(r#"domains: ["*"]"#, r#"domains: ["GIT.corp:443", "*.corp"]"#)], &[]);
    with_config(
        &hosts,
        &[(r#"domains: ["*"]"#, "domains: [other.corp]")],
        &["31 no service covers `/git/`", "actgate.yaml:3 warning: no Envoy route leads to service `git`"],
    );
    let both = format!("{CONFIG}  - {{name: corp, prefix: /git/, host: git.corp}}\n");
    with_config(
        &both,
        &[(r#"domains: ["*"]"#, "domains: [git.corp]")],
        &[
            "36 `/git/` is service `corp`, not `permit:git`",
            "actgate.yaml:3 warning: no Envoy route leads to service `git`",
        ],
    );
}

#[test]
fn a_prefix_is_stripped_where_the_service_says_so() {
    with(
        &[(GIT_ROUTE, "route: { cluster: git, prefix_rewrite: / }")],
        &["32 service `git` does not strip its prefix"],
    );
    with(&[(GIT_ROUTE, "route: { cluster: git, prefix_rewrite: /git/ }")], &[]);
    with(&[(", prefix_rewrite: / }", " }")], &["38 service `secrets` strips its prefix"]);
    with(&[("prefix_rewrite: / }", "prefix_rewrite: /v1/ }")], &["38 service `secrets` strips its prefix"]);
    with(
        &[("prefix: /secrets/ }", "prefix: /secrets }")],
        &["37 `/secrets` does not end on a segment, so its prefix cannot be stripped"],
    );
    with(
        &[
            ("prefix: /secrets/ }", "prefix: /secrets/v1/ }"),
            ("prefix_rewrite: / }", "prefix_rewrite: /v1/ }"),
        ],
        &[],
    );
}

#[test]
fn routes_that_are_elsewhere_are_refused() {
    for name in ["rds", "scoped_routes"] {
        let message = format!("25 routes by `{name}` are elsewhere and cannot be checked");
        with(
            &[("                route_config:\n", &format!("                {name}:\n"))],
            &[
                &message,
                "actgate.yaml:3 warning: no Envoy route leads to service `git`",
                "actgate.yaml:4 warning: no Envoy route leads to service `secrets`",
            ],
        );
    }
    let found = report("listeners: []", "services: []");
    assert_eq!(shown(&found), ["0 no HTTP connection manager"]);
    let disguised = "filters: [{typed_config: {\"@type\": type.googleapis.com/xds.type.v3.TypedStruct, type_url: x/envoy.HttpConnectionManager}}]";
    assert_eq!(
        shown(&report(disguised, "services: []")),
        ["0 no HTTP connection manager", "1 a connection manager in disguise cannot be checked",]
    );
}

#[test]
fn whoever_is_asked_for_approvals_has_to_be_there() {
    let config = format!("{CONFIG}approvals:\n  control: {{cluster: control, issuer: i, audience: a}}\n");
    let found = report(ENVOY, &config).findings;
    let messages: Vec<_> = found.iter().map(|finding| (finding.severity, finding.message.as_str())).collect();
    assert_eq!(messages, [(Severity::Warning, "no cluster `control` in envoy.yaml")]);
    let with = format!("{ENVOY}  clusters:\n    - name: other\n    - name: control\n");
    assert_eq!(report(&with, &config).findings, []);
}

#[test]
fn a_push_that_waits_for_an_approval_fits_into_the_buffer() {
    const ASKS: &str = "
services:
  - {name: git, prefix: /git/, adapter: git}
  - {name: secrets, prefix: /secrets/, strip_prefix: true, adapter: rest}
approvals: { groups: [a], control: { cluster: control } }
";
    const MATCH: &str = "- match: { prefix: /git/ }\n";
    const HOST: &str = "- domains: [\"*\"]\n";
    const LISTENER: &str = "    - address: { socket";
    let cluster: (&str, &str) =
        ("static_resources:\n", "static_resources:\n  clusters: [{ name: control }]\n");
    let of_route = |text: &str| {
        let indent = " ".repeat(26);
        with_config(ASKS, &[cluster, (MATCH, &format!("{MATCH}{indent}{text}\n"))], &[]);
    };
    of_route("request_body_buffer_limit: 16777216");
    of_route("requestBodyBufferLimit: \"16777216\"");
    let of_listener =
        |bytes: u32| format!("    - per_connection_buffer_limit_bytes: {bytes}\n      address: {{ socket");
    with_config(ASKS, &[cluster, (LISTENER, &of_listener(16_777_216))], &[]);
    let of_host = (HOST, &*format!("{HOST}{}request_body_buffer_limit: 16777216\n", " ".repeat(22)));
    with_config(ASKS, &[cluster, of_host], &[]);

    let held = |bytes: &str| {
        format!("pushes of service `git` are held for approval, and {bytes} bytes of one are too few")
    };
    with_config(ASKS, &[cluster], &[&format!("32 {}", held("1048576"))]);
    with_config(ASKS, &[cluster, (LISTENER, &of_listener(2_097_152))], &[&format!("33 {}", held("2097152"))]);
    // What stands nearest counts.
    let small = format!("{MATCH}{}request_body_buffer_limit: 1000\n", " ".repeat(26));
    let both = [cluster, (LISTENER, &*of_listener(16_777_216)), (MATCH, &*small)];
    with_config(ASKS, &both, &[&format!("34 {}", held("1000"))]);
    // Nothing is held where nobody can be asked.
    let nobody = ASKS.replace(", control: { cluster: control }", "");
    with_config(&nobody, &[], &[]);
}
