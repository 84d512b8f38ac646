//! What a case is played against: a bundle whose issuers have keys that are known here, so that tokens are signed for
//! real and verified for real.

use std::fs;
use std::path::{Path, PathBuf};

use actgate_authz::{At, Authorizer, BundleDocument, Fault, SessionKey, nearest};
use serde_json::{Map, Value, json};

use super::engine::Exchange;
use super::file::Origin;
use super::format::TokenPlan;
use super::pack;
use super::possession::Holders;
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::mint::{Issuer, MintError, TokenKey, TokenSpec, issuers};
use crate::path::without_detours;
use crate::route::{self, Route};
use crate::source::Source;
use crate::text::SourceText;

/// A bundle, its issuers' private keys, and its services.
#[derive(Debug)]
pub struct Setup {
    bundle: BundleDocument,
    authorizer: Authorizer,
    signers: Vec<Signer>,
    holders: Holders,
    routes: Vec<Route>,
}

/// Where a pack is, and how that was written.
#[derive(Debug)]
struct Pack {
    whole: PathBuf,
    written: PathBuf,
}

/// An issuer with its keys, one per algorithm.
#[derive(Debug)]
struct Signer {
    issuer: Issuer,
    keys: Vec<TokenKey>,
}

// === impl Setup ===

impl Setup {
    /// The setup of a pack or a configuration; everything that is wrong with it otherwise.
    pub fn of(origin: &Origin) -> Result<Self, Vec<Diagnostic>> {
        match origin {
            Origin::Pack(folder) => {
                let text = format!("{:#}", pack::configuration(folder)?);
                let name = format!("{}/try-out.json", folder.to_string_lossy());
                Self::assemble(&Document::parse(SourceText::new(name, text))?, Path::new(""))
            }
            Origin::Config(file) => {
                let shown = file.to_string_lossy();
                let text = fs::read_to_string(file).map_err(|error| {
                    vec![Diagnostic::in_file(shown.clone(), error.to_string().to_lowercase())]
                })?;
                let folder = file.parent().unwrap_or_else(|| Path::new(""));
                Self::assemble(&Document::parse(SourceText::new(shown, text))?, folder)
            }
        }
    }

    /// What the gate is configured with.
    pub fn bundle(&self) -> &BundleDocument {
        &self.bundle
    }

    /// The bundle, loaded.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The services.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The service that a path belongs to, as Envoy's routes find it: the longest prefix of a fitting host.
    pub fn route(&self, host: &str, path: &str) -> Option<&Route> {
        route::find(&self.routes, host, path)
    }

    /// Puts the proof that a plan asks for into a request with its token.
    ///
    /// # Errors
    /// A proof that cannot be made.
    pub(crate) fn prove(
        &self,
        plan: Option<&TokenPlan>,
        token: Option<&str>,
        exchange: &mut Exchange,
    ) -> Result<(), MintError> {
        let Some((dpop, token)) = plan.and_then(|plan| plan.dpop.as_ref()).zip(token) else { return Ok(()) };
        // The address under which clients know the gateway.
        let origin = self.bundle.config.value.pointer("/dpop/origins/0").and_then(Value::as_str);
        self.holders.prove(dpop, token, origin, exchange)
    }

    /// Signs the token of a plan at `now`.
    ///
    /// # Errors
    /// What the plan asks for in vain: the member of the step that says so, and one sentence.
    pub fn mint(&self, plan: &TokenPlan, now: i64, id: &str) -> Result<String, (&'static str, String)> {
        let failed = |error: MintError| ("/token", error.to_string());
        let aliases = || self.signers.iter().map(|signer| signer.issuer.alias.as_str());
        let signer = self.signers.iter().find(|signer| signer.issuer.alias == plan.issuer);
        let Signer { issuer, keys } = signer.ok_or_else(|| {
            let meant = nearest(&plan.issuer, aliases()).map(|name| format!(", did you mean `{name}`?"));
            let message = format!("no issuer has the alias `{}`{}", plan.issuer, meant.unwrap_or_default());
            ("/token/issuer", message)
        })?;
        let algorithm = match &plan.alg {
            None => None,
            Some(name) => {
                let unknown = |error: MintError| ("/token/alg", error.to_string());
                Some(name.parse().map_err(unknown)?)
            }
        };
        let known = keys.iter().find(|key| algorithm.is_none_or(|algorithm| key.algorithm() == algorithm));
        // An algorithm that the issuer does not have: a key that nobody knows.
        let strange = match (known, algorithm) {
            (None, Some(algorithm)) => Some(TokenKey::generate(algorithm).map_err(failed)?),
            (_, _) => None,
        };
        let key = known
            .or(strange.as_ref())
            .ok_or_else(|| ("/token/issuer", format!("issuer `{}` has no key", plan.issuer)))?;
        let issued_at = now.saturating_add(plan.issued.seconds());
        let mut claims = Map::new();
        if let Some(act) = &plan.act {
            claims.insert("act".to_owned(), act.claim().clone());
        }
        if let Some(not_before) = plan.not_before {
            claims.insert("nbf".to_owned(), json!(now.saturating_add(not_before.seconds())));
        }
        if let Some(dpop) = plan.dpop.as_ref().filter(|dpop| dpop.bound) {
            let holder = self.holders.holder(dpop).map_err(|error| ("/token/dpop/alg", error.to_string()))?;
            claims.insert("cnf".to_owned(), holder.confirmation());
        }
        claims.extend(plan.claims.clone());
        let spec = TokenSpec {
            profile: issuer.profile,
            issuer: issuer.issuer.clone(),
            subject: plan.sub.clone(),
            audiences: issuer.audiences.iter().take(1).cloned().collect(),
            actor: None,
            client_id: plan.act.as_ref().and_then(|act| act.subject().map(str::to_owned)),
            scope: None,
            token_id: id.to_owned(),
            issued_at,
            lifetime: plan.ttl.seconds(),
            claims,
            tamper: plan.tamper.clone(),
        };
        spec.mint(key).map_err(failed)
    }

    fn assemble(config: &Document, folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let signers = issuers(config, folder)?
            .into_iter()
            .map(Signer::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| vec![config.at("/issuers", &error)])?;
        let (value, packs) = self_contained(config, folder, &signers)?;
        let named = |mut finding: Diagnostic| {
            for Pack { whole, written } in &packs {
                if let Ok(inside) = Path::new(&finding.file).strip_prefix(whole) {
                    finding.file = without_detours(&written.join(inside)).to_string_lossy().into_owned();
                    break;
                }
            }
            finding
        };
        let source =
            load(&value).map_err(|findings| findings.into_iter().map(named).collect::<Vec<Diagnostic>>())?;
        // The configuration that was loaded is a copy: its faults belong to the file that was written by hand.
        let copy = &source.bundle().config.file;
        let place = |fault: &Fault| match &fault.at {
            At::Pointer(pointer) if fault.file == *copy => config.at(pointer, &fault.message),
            At::Whole | At::Offset(_) | At::Pointer(_) => named(source.diagnostic(fault)),
        };
        let bundle = undelivered(source.bundle().clone());
        let loaded =
            Authorizer::load(&bundle).map_err(|faults| faults.iter().map(place).collect::<Vec<_>>())?;
        let routes = route::read(config.value());
        let authorizer = with_sessions(loaded.authorizer);
        Ok(Self { bundle, authorizer, signers, holders: Holders::default(), routes })
    }
}

/// The configuration with key sets of our own making, and with packs that are found from anywhere.
fn self_contained(
    config: &Document,
    folder: &Path,
    signers: &[Signer],
) -> Result<(Value, Vec<Pack>), Vec<Diagnostic>> {
    let mut packs = Vec::new();
    let mut value = config.value().clone();
    for (index, signer) in signers.iter().enumerate() {
        let keys = signer.key_set().map_err(|error| vec![config.at("/issuers", &error)])?;
        if let Some(issuer) = value.pointer_mut(&format!("/issuers/{index}")).and_then(Value::as_object_mut) {
            issuer.insert("jwks".to_owned(), keys);
        }
    }
    // Nobody is asked while cases are played: a hold is what comes of a call that has no approval.
    if let Some(approvals) = value.get_mut("approvals").and_then(Value::as_object_mut) {
        approvals.remove("control");
        approvals.remove("key");
    }
    let services = value.get_mut("services").and_then(Value::as_array_mut);
    for (index, service) in services.into_iter().flatten().enumerate() {
        let Some(pack) = service.get_mut("pack") else { continue };
        let Some(path) = pack.as_str() else { continue };
        let written = folder.join(path);
        let whole = written.canonicalize().map_err(|error| {
            let message = format!("pack `{path}`: {}", error.to_string().to_lowercase());
            vec![config.at(&format!("/services/{index}/pack"), &message)]
        })?;
        *pack = whole.to_string_lossy().into();
        packs.push(Pack { whole, written });
    }
    Ok((value, packs))
}

/// The same with nowhere to send records to: how they leave is no part of a verdict, and no service is there to take
/// attempts while cases are played.
fn undelivered(mut bundle: BundleDocument) -> BundleDocument {
    if let Some(config) = bundle.config.value.as_object_mut() {
        config.remove("ledger");
    }
    for pack in bundle.packs.values_mut() {
        let catalog = &mut pack.catalog.value;
        for section in ["routes", "tools", "prompts", "resources"] {
            for rule in catalog.get_mut(section).and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(rule) = rule.as_object_mut() {
                    rule.remove("delivery");
                }
            }
        }
    }
    bundle
}

/// Reads a bundle from a configuration that is not on disk.
fn load(config: &Value) -> Result<Source, Vec<Diagnostic>> {
    let failed = |error: std::io::Error| vec![Diagnostic::in_file("actgate.json", error.to_string())];
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join("actgate.json");
    fs::write(&file, config.to_string()).map_err(failed)?;
    Source::load(&file)
}

// === impl Signer ===

impl Signer {
    fn new(issuer: Issuer) -> Result<Self, String> {
        let keys = issuer.algorithms.iter().map(|algorithm| TokenKey::generate(*algorithm));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(Self { issuer, keys })
    }

    fn key_set(&self) -> Result<Value, String> {
        let keys = self.keys.iter().map(|key| key.jwk(self.issuer.profile));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(json!({ "keys": keys }))
    }
}

/// The same with a key for sessions, whose ids a case does not know beforehand.
pub(crate) fn with_sessions(authorizer: Authorizer) -> Authorizer {
    authorizer.with_session_key(SessionKey::new(&[7; 32]))
}
