//! `actgate.yaml`: what is written (raw) and what is meant (checked).

mod proofs;

use std::collections::BTreeMap;

use actgate_token::{
    Algorithm, ClaimMap, GrantVerifier, IssuerKeys, IssuerKind, IssuerRules, KeySet, KeySetError, Profile,
    ProofRules, SkippedKey,
};
use serde::Deserialize;
use serde_json::Value;

use self::proofs::RawDpop;

use crate::{
    claim::ApprovalService,
    delivery::{Durable, LedgerService},
    document::Document,
    fault::Fault,
    key_source::{DEFAULT_MAX_AGE_SECONDS, DEFAULT_REFRESH_SECONDS, KeyAddress, KeySource},
};

/// The shortest and longest name of a service, an issuer alias or a group: they appear in ids, markers and logs.
const NAME_BYTES: std::ops::RangeInclusive<usize> = 1..=64;

/// At most this many approver groups: a hold is minimised in one more evaluation than there are groups.
const MAX_GROUPS: usize = 16;

/// `actgate.yaml` as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    version: u32,
    issuers: Vec<RawIssuer>,
    services: Vec<RawService>,
    dpop: Option<RawDpop>,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    approvals: RawApprovals,
    #[serde(default)]
    ledger: RawLedger,
    #[serde(default)]
    #[expect(dead_code, reason = "read by `actgate check`, which looks at the document itself")]
    envoy: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    alias: String,
    issuer: String,
    audiences: Vec<String>,
    jwks: Value,
    kind: RawKind,
    #[serde(default)]
    profile: RawProfile,
    algorithms: Option<Vec<String>>,
    types: Option<Vec<String>>,
    max_lifetime: Option<String>,
    skew: Option<String>,
    #[serde(default)]
    act_issuers: Vec<String>,
    #[serde(default)]
    claims: RawClaims,
    scopes: Option<BTreeMap<String, Vec<String>>>,
}

/// Where an issuer's keys are published.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeySource {
    jwks_uri: String,
    cluster: String,
    refresh: Option<String>,
    max_age: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Workload,
    Delegated,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
enum RawProfile {
    #[default]
    #[serde(rename = "at+jwt")]
    AtJwt,
    #[serde(rename = "jwt-svid")]
    JwtSvid,
    #[serde(rename = "generic")]
    Generic,
    #[serde(rename = "github-actions")]
    GitHubActions,
    #[serde(rename = "kubernetes")]
    Kubernetes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaims {
    task: Option<String>,
    purpose: Option<String>,
    ticket: Option<String>,
    groups: Option<String>,
    risk: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    name: String,
    host: Option<String>,
    prefix: String,
    adapter: AdapterKind,
    pack: String,
    #[serde(default)]
    mode: Mode,
    token_header: Option<String>,
    #[serde(default)]
    forward_credential: bool,
    #[serde(default)]
    #[expect(dead_code, reason = "read by `actgate check` against the Envoy configuration")]
    strip_prefix: bool,
}

/// How a service's requests are read, and with that, what its pack's catalog has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AdapterKind {
    /// Routes of a catalog.
    Rest,
    /// Git over HTTP.
    Git,
    /// MCP over Streamable HTTP.
    Mcp,
}

/// Whether a service's verdicts are enforced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A denial refuses the request.
    #[default]
    Enforce,
    /// Catalog and policy denials of authenticated callers are recorded and let through, for rolling out.
    Observe,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    body: Option<usize>,
    held: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApprovals {
    #[serde(default)]
    groups: Vec<String>,
    control: Option<RawControl>,
    key: Option<Value>,
    wait: Option<u64>,
}

/// The approval service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    cluster: String,
    issuer: String,
    audience: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLedger {
    #[serde(default)]
    delivery: RawDelivery,
    writes: Option<RawWrites>,
    cluster: Option<String>,
    emitter: Option<String>,
}

/// How records leave, beside the proxy's own log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawDelivery {
    /// They do not.
    #[default]
    Log,
    /// In batches, when requests are over.
    Buffered,
    /// And every attempt before it goes on.
    Durable,
}

/// How attempts with an effect leave, where it is another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawWrites {
    /// Each before it goes on.
    Durable,
}

/// The checked configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// The trusted issuers' rules, in the order of the file.
    pub issuers: Vec<IssuerRules>,
    /// Where the keys of those are published whose keys are not given.
    pub key_sources: Vec<KeySource>,
    /// What each issuer's scope words stand for, by alias in the order of the file: word to actions and action groups.
    pub scopes: Vec<(String, BTreeMap<String, Vec<String>>)>,
    /// The services, in the order of the file.
    pub services: Vec<ServiceConfig>,
    /// The approver groups, in the order in which a hold drops them.
    pub groups: Vec<String>,
    /// Where approvals are asked for; nowhere where absent.
    pub approvals: Option<ApprovalService>,
    /// Where records are sent; nowhere where absent.
    pub ledger: Option<LedgerService>,
    /// Which proofs of possession count; none where absent.
    pub proofs: Option<ProofRules>,
    /// The largest body in bytes that is read for a decision.
    pub max_body: usize,
    /// How many bytes wait for decisions at once in one worker.
    pub max_held: usize,
}

/// One service as configured.
#[derive(Debug, Clone)]
pub(crate) struct ServiceConfig {
    /// Its name, which is also what its decision marker says.
    pub name: String,
    /// The `Host` it answers to; any where absent.
    pub host: Option<String>,
    /// The path prefix under which it is reached.
    pub prefix: String,
    /// How its requests are read.
    pub adapter: AdapterKind,
    /// The key of its pack in the bundle: the path as written.
    pub pack: String,
    /// Whether denials are enforced.
    pub mode: Mode,
    /// Where the token travels, if not in `Authorization`.
    pub token_header: Option<String>,
    /// Whether the caller's token goes on to the upstream.
    pub forward_credential: bool,
}

/// A pack that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReference {
    /// The key under which the bundle holds it: the path as written.
    pub name: String,
    /// The folder, relative to the configuration file.
    pub path: String,
    /// Where in the configuration it is named.
    pub pointer: String,
}

/// The packs that `config` names, each once, in order.
///
/// # Errors
/// What does not fit the format of `actgate.yaml`.
pub fn bundle_packs(config: &Document) -> Result<Vec<PackReference>, Vec<Fault>> {
    let raw: RawConfig = config.read().map_err(|fault| vec![fault])?;
    let mut packs: Vec<PackReference> = Vec::new();
    for (index, service) in raw.services.iter().enumerate() {
        if packs.iter().all(|pack| pack.name != service.pack) {
            packs.push(PackReference {
                name: service.pack.clone(),
                path: service.pack.clone(),
                pointer: format!("/services/{index}/pack"),
            });
        }
    }
    Ok(packs)
}

// === impl Config ===

impl Config {
    /// Reads and checks the configuration. The second value of a success is what is worth a warning.
    ///
    /// # Errors
    /// Everything that is wrong in it, each with its place.
    pub(crate) fn read(document: &Document) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let raw: RawConfig = document.read().map_err(|fault| vec![fault])?;
        let file = &document.file;
        let mut faults = Vec::new();
        let mut warnings = Vec::new();
        if raw.version != 1 {
            faults.push(Fault::at_pointer(
                file,
                "/version",
                format!("version `{}` is not known", raw.version),
            ));
        }
        if raw.issuers.is_empty() {
            faults.push(Fault::at_pointer(file, "/issuers", "no issuer: nobody could call"));
        }
        if raw.services.is_empty() {
            faults.push(Fault::at_pointer(file, "/services", "no service: nothing could be called"));
        }

        let mut issuers = Vec::new();
        let mut key_sources = Vec::new();
        let mut scopes = Vec::new();
        for (index, issuer) in raw.issuers.into_iter().enumerate() {
            let pointer = format!("/issuers/{index}");
            scopes.push((issuer.alias.clone(), issuer.scopes.clone().unwrap_or_default()));
            match issuer.check(file, &pointer) {
                Ok((rules, source, skipped)) => {
                    issuers.push(rules);
                    key_sources.extend(source);
                    warnings.extend(skipped);
                }
                Err(found) => faults.extend(found),
            }
        }
        let mut services: Vec<ServiceConfig> = Vec::new();
        for (index, service) in raw.services.into_iter().enumerate() {
            let pointer = format!("/services/{index}");
            if services.iter().any(|other| other.name == service.name) {
                faults.push(Fault::at_pointer(
                    file,
                    format!("{pointer}/name"),
                    format!("service `{}` is there twice", service.name),
                ));
            }
            match service.check(file, &pointer) {
                Ok(service) => services.push(service),
                Err(found) => faults.extend(found),
            }
        }
        for service in &services {
            if service.mode == Mode::Observe {
                warnings.push(Fault::at_pointer(
                    file,
                    "/services",
                    format!(
                        "service `{}` is in observe mode: its denials are recorded and not enforced",
                        service.name
                    ),
                ));
            }
        }
        check_groups(file, &raw.approvals.groups, &mut faults);
        let RawApprovals { groups, control, key, wait } = raw.approvals;
        let mut approvals = approval_service(file, control, key.as_ref(), &mut faults);
        if let Some(wait) = wait {
            match &mut approvals {
                _ if wait > MAX_WAIT_SECONDS => faults.push(Fault::at_pointer(
                    file,
                    "/approvals/wait",
                    format!("a call waits at most {MAX_WAIT_SECONDS} seconds"),
                )),
                Some(service) => service.wait = wait,
                None => faults.push(Fault::at_pointer(
                    file,
                    "/approvals/wait",
                    "`control` and `key` are missing: nobody is asked",
                )),
            }
        }
        let ledger = ledger_service(file, raw.ledger, &mut faults);
        let max_body = raw.limits.body.unwrap_or(DEFAULT_MAX_BODY);
        if !(1..=DEFAULT_MAX_BODY).contains(&max_body) {
            faults.push(Fault::at_pointer(
                file,
                "/limits/body",
                format!("`{max_body}` is not between 1 and {DEFAULT_MAX_BODY} bytes"),
            ));
        }
        let proofs = raw.dpop.map(|dpop| dpop.check(file, &mut faults));
        let max_held = raw.limits.held.unwrap_or(DEFAULT_MAX_HELD);
        // One request of the largest body, its head and what is made of both has to fit.
        let least = max_body.saturating_mul(4).max(1 << 18);
        if !(least..=DEFAULT_MAX_HELD).contains(&max_held) {
            faults.push(Fault::at_pointer(
                file,
                "/limits/held",
                format!("`{max_held}` is not between {least} and {DEFAULT_MAX_HELD} bytes"),
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok((
            Self {
                issuers,
                key_sources,
                scopes,
                services,
                groups,
                approvals,
                proofs,
                ledger,
                max_body,
                max_held,
            },
            warnings,
        ))
    }
}

/// 1 MiB: Envoy's default `per_connection_buffer_limit_bytes`; a larger body would be a 413 of Envoy's own.
pub const DEFAULT_MAX_BODY: usize = 1 << 20;

/// 256 MiB, a quarter of what Envoy lets a VM have: what waits is there up to twice, in the proxy and in the gate, and what
/// people are asked about is written anew besides. It is 256 of the largest bodies at once in one worker, or 16 pushes
/// that are held for approval: more come only from senders that are slow, and those can come again.
pub(crate) const DEFAULT_MAX_HELD: usize = 256 << 20;

/// Proxies end a request that is idle for a minute (`stream_idle_timeout` of the Envoy configuration), and the service
/// may take its time to answer.
const MAX_WAIT_SECONDS: u64 = 50;

/// Where approvals are asked for, and whose grants count.
fn approval_service(
    file: &str,
    control: Option<RawControl>,
    key: Option<&Value>,
    faults: &mut Vec<Fault>,
) -> Option<ApprovalService> {
    let (control, key) = match (control, key) {
        (Some(control), Some(key)) => (control, key),
        (None, None) => return None,
        (Some(_), None) => {
            faults.push(Fault::at_pointer(
                file,
                "/approvals/control",
                "`key` is missing: without the service's key set no grant could be verified",
            ));
            return None;
        }
        (None, Some(_)) => {
            faults.push(Fault::at_pointer(file, "/approvals/key", "`control` is missing: nobody is asked"));
            return None;
        }
    };
    let RawControl { cluster, issuer, audience } = control;
    for (name, value) in [("cluster", &cluster), ("issuer", &issuer), ("audience", &audience)] {
        if value.is_empty() || value.len() > 256 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            faults.push(Fault::at_pointer(
                file,
                format!("/approvals/control/{name}"),
                format!("`{name}` is 1 to 256 visible characters"),
            ));
        }
    }
    match KeySet::parse(&key.to_string()) {
        Ok((keys, _)) => Some(ApprovalService {
            cluster,
            grants: GrantVerifier { issuer, audience, keys },
            secrets: None,
            wait: 0,
        }),
        Err(error) => {
            faults.push(Fault::at_pointer(file, "/approvals/key", error.to_string()));
            None
        }
    }
}

/// Where records are sent.
fn ledger_service(file: &str, raw: RawLedger, faults: &mut Vec<Fault>) -> Option<LedgerService> {
    let RawLedger { delivery, writes, cluster, emitter } = raw;
    let mut fault = |name: &str, message: String| {
        faults.push(Fault::at_pointer(file, format!("/ledger/{name}"), message));
    };
    if delivery == RawDelivery::Log {
        for (name, is_there) in
            [("writes", writes.is_some()), ("cluster", cluster.is_some()), ("emitter", emitter.is_some())]
        {
            if is_there {
                fault(name, format!("`delivery: log` sends nothing: `{name}` would mean nothing"));
            }
        }
        return None;
    }
    let Some(cluster) = cluster else {
        fault("delivery", "`cluster` is missing: nobody is there to send records to".to_owned());
        return None;
    };
    if cluster.is_empty() || cluster.len() > 256 || !cluster.bytes().all(|byte| byte.is_ascii_graphic()) {
        fault("cluster", "`cluster` is 1 to 256 visible characters".to_owned());
    }
    let emitter = emitter.unwrap_or_else(|| DEFAULT_EMITTER.to_owned());
    if !is_name(&emitter) {
        fault("emitter", bad_name("emitter", &emitter));
    }
    let durable = match (delivery, writes) {
        (RawDelivery::Durable, _) => Durable::Everything,
        (_, Some(RawWrites::Durable)) => Durable::Writes,
        (RawDelivery::Buffered | RawDelivery::Log, None) => Durable::Routes,
    };
    Some(LedgerService { cluster, emitter, durable })
}

/// What the names of emitters begin with: they differ by their lives, whatever it is.
const DEFAULT_EMITTER: &str = "gateway";

fn check_groups(file: &str, groups: &[String], faults: &mut Vec<Fault>) {
    if groups.len() > MAX_GROUPS {
        faults.push(Fault::at_pointer(
            file,
            "/approvals/groups",
            format!("more than {MAX_GROUPS} approver groups"),
        ));
    }
    for (index, group) in groups.iter().enumerate() {
        let pointer = format!("/approvals/groups/{index}");
        if !is_name(group) {
            faults.push(Fault::at_pointer(file, pointer, bad_name("group", group)));
        } else if groups.iter().take(index).any(|other| other == group) {
            faults.push(Fault::at_pointer(file, pointer, format!("group `{group}` is there twice")));
        }
    }
}

// === impl RawIssuer ===

impl RawIssuer {
    fn check(
        self,
        file: &str,
        pointer: &str,
    ) -> Result<(IssuerRules, Option<KeySource>, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut warnings = Vec::new();
        let at = |field: &str| format!("{pointer}/{field}");
        if !is_name(&self.alias) {
            faults.push(Fault::at_pointer(file, at("alias"), bad_name("alias", &self.alias)));
        }
        let mut algorithms = Vec::new();
        for (index, name) in self.algorithms.iter().flatten().enumerate() {
            match name.parse::<Algorithm>() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(_) => faults.push(
                    Fault::at_pointer(
                        file,
                        format!("{pointer}/algorithms/{index}"),
                        format!("algorithm `{name}` is not one of EdDSA, ES256, ES384, RS256, PS256"),
                    )
                    .nearest(name, ALGORITHMS),
                ),
            }
        }
        if self.algorithms.is_none() {
            algorithms = ALGORITHMS.iter().filter_map(|name| name.parse().ok()).collect();
        }
        let mut source = None;
        let keys = match &self.jwks {
            Value::Object(members) if members.contains_key("jwks_uri") => {
                source = key_source(file, &at("jwks"), &self.alias, &self.jwks, &mut faults);
                Some(IssuerKeys::Fetched)
            }
            Value::Object(_) => match KeySet::parse(&self.jwks.to_string()) {
                Ok((keys, skipped)) => {
                    warnings.extend(skipped.iter().map(|key| skipped_key(file, &at("jwks"), key)));
                    Some(keys.into())
                }
                Err(error) => {
                    faults.push(Fault::at_pointer(file, at("jwks"), error.to_string()));
                    // Each key says itself why it is of no use.
                    if let KeySetError::NoUsableKey { skipped } = error {
                        faults.extend(skipped.iter().map(|key| skipped_key(file, &at("jwks"), key)));
                    }
                    None
                }
            },
            Value::String(path) => {
                faults.push(Fault::at_pointer(file, at("jwks"), format!("key set `{path}` was not read in")));
                None
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                faults.push(Fault::at_pointer(
                    file,
                    at("jwks"),
                    "expected a JWKS object, the path of a file, or a `jwks_uri` and its `cluster`",
                ));
                None
            }
        };
        let max_lifetime =
            seconds(file, &at("max_lifetime"), self.max_lifetime.as_deref(), 3600, &mut faults);
        let skew = seconds(file, &at("skew"), self.skew.as_deref(), 30, &mut faults);
        let Some(keys) = keys.filter(|_| faults.is_empty()) else { return Err(faults) };
        let rules = IssuerRules {
            alias: self.alias,
            issuer: self.issuer,
            audiences: self.audiences,
            keys,
            kind: match self.kind {
                RawKind::Workload => IssuerKind::Workload,
                RawKind::Delegated => IssuerKind::Delegated,
            },
            profile: match self.profile {
                RawProfile::AtJwt => Profile::AtJwt,
                RawProfile::JwtSvid => Profile::JwtSvid,
                RawProfile::Generic => Profile::Generic,
                RawProfile::GitHubActions => Profile::GitHubActions,
                RawProfile::Kubernetes => Profile::Kubernetes,
            },
            algorithms,
            types: self.types,
            max_lifetime_seconds: max_lifetime,
            skew_seconds: skew,
            act_issuers: self.act_issuers,
            claims: ClaimMap {
                task: self.claims.task,
                purpose: self.claims.purpose,
                ticket: self.claims.ticket,
                groups: self.claims.groups,
                risk: self.claims.risk,
            },
        };
        Ok((rules, source, warnings))
    }
}

/// Keys that are fetched.
fn key_source(
    file: &str,
    pointer: &str,
    alias: &str,
    jwks: &Value,
    faults: &mut Vec<Fault>,
) -> Option<KeySource> {
    let at = |field: &str| format!("{pointer}/{field}");
    let raw: RawKeySource = match (Document { file: file.to_owned(), value: jwks.clone() }).read() {
        Ok(raw) => raw,
        Err(fault) => {
            faults.push(fault.below(pointer));
            return None;
        }
    };
    let refresh = seconds(file, &at("refresh"), raw.refresh.as_deref(), DEFAULT_REFRESH_SECONDS, faults);
    let max_age = seconds(
        file,
        &at("max_age"),
        raw.max_age.as_deref(),
        DEFAULT_MAX_AGE_SECONDS.max(refresh.saturating_mul(2)),
        faults,
    );
    if refresh < 1 {
        faults.push(Fault::at_pointer(file, at("refresh"), "keys are fetched once a second at most"));
    }
    if max_age < refresh {
        let message =
            "keys that count for less time than there is between two fetches are missing in between";
        faults.push(Fault::at_pointer(file, at("max_age"), message));
    }
    if raw.cluster.is_empty() || raw.cluster.len() > 256 || !raw.cluster.bytes().all(|b| b.is_ascii_graphic())
    {
        faults.push(Fault::at_pointer(file, at("cluster"), "`cluster` is 1 to 256 visible characters"));
    }
    let Some(KeyAddress { scheme, authority, path }) = KeyAddress::parse(&raw.jwks_uri) else {
        faults.push(
            Fault::at_pointer(file, at("jwks_uri"), format!("`{}` is no address of keys", raw.jwks_uri))
                .help("such as `https://issuer.example/.well-known/jwks.json`"),
        );
        return None;
    };
    Some(KeySource {
        alias: alias.to_owned(),
        cluster: raw.cluster,
        scheme,
        authority,
        path,
        refresh,
        max_age,
    })
}

fn skipped_key(file: &str, pointer: &str, key: &SkippedKey) -> Fault {
    Fault::at_pointer(
        file,
        format!("{pointer}/keys/{}", key.index),
        format!("this key is left out: {}", key.reason),
    )
}

const ALGORITHMS: [&str; 5] = ["EdDSA", "ES256", "ES384", "RS256", "PS256"];

/// `90s`, `10m`, `1h`, `1d` as seconds.
fn seconds(file: &str, pointer: &str, text: Option<&str>, default: i64, faults: &mut Vec<Fault>) -> i64 {
    let Some(text) = text else { return default };
    let parsed = text.char_indices().next_back().and_then(|(end, unit)| {
        let number: i64 = text.get(..end)?.parse().ok()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        number.checked_mul(factor).filter(|seconds| *seconds >= 0)
    });
    parsed.unwrap_or_else(|| {
        faults.push(
            Fault::at_pointer(file, pointer, format!("`{text}` is not a duration"))
                .help("such as `30s`, `10m` or `1h`"),
        );
        default
    })
}

// === impl RawService ===

impl RawService {
    fn check(self, file: &str, pointer: &str) -> Result<ServiceConfig, Vec<Fault>> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults.push(Fault::at_pointer(file, format!("{pointer}/name"), bad_name("service", &self.name)));
        }
        if !(self.prefix.starts_with('/') && self.prefix.ends_with('/')) {
            faults.push(
                Fault::at_pointer(
                    file,
                    format!("{pointer}/prefix"),
                    format!("prefix `{}` does not begin and end with `/`", self.prefix),
                )
                .help("a prefix ends on a segment, such as `/secrets/`"),
            );
        }
        if let Some(header) = &self.token_header
            && (header.is_empty()
                || !header.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        {
            faults.push(Fault::at_pointer(
                file,
                format!("{pointer}/token_header"),
                format!("`{header}` is not a lower-case header name"),
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(ServiceConfig {
            name: self.name,
            host: self.host,
            prefix: self.prefix,
            adapter: self.adapter,
            pack: self.pack,
            mode: self.mode,
            token_header: self.token_header,
            forward_credential: self.forward_credential,
        })
    }
}

fn is_name(text: &str) -> bool {
    NAME_BYTES.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn bad_name(what: &str, given: &str) -> String {
    format!("{what} `{given}` is not 1 to 64 letters, digits, `-`, `_` or `.`")
}
