//! What minting needs to know of `actgate.yaml`: its issuers and where their key sets lie.
//!
//! Not the checked configuration: that one needs the key sets, which `actgate mint init` is there to make.

use std::path::{Path, PathBuf};

use super::{Algorithm, MintError, Profile};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Place};
use crate::path::without_detours;

/// An issuer of the configuration, as far as minting is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in the configuration.
    pub alias: String,
    /// Its `iss`.
    pub issuer: String,
    /// The audiences that the gateway accepts from it.
    pub audiences: Vec<String>,
    /// Whether its tokens need an `act`.
    pub delegated: bool,
    /// The form of its tokens.
    pub profile: Profile,
    /// What it signs with, the preferred one first.
    pub algorithms: Vec<Algorithm>,
    /// The file of its key set; none where the keys are inline or remote.
    pub key_set: Option<PathBuf>,
}

const PROFILES: &str = "not one of `at+jwt`, `jwt-svid`, `generic`, `github-actions`, `kubernetes`";

/// The issuers of a configuration whose paths are relative to `folder`.
pub fn issuers(config: &Document, folder: &Path) -> Result<Vec<Issuer>, Vec<Diagnostic>> {
    let Some(list) = config.root().member("issuers") else {
        return Err(vec![config.root().error("no `issuers`")]);
    };
    let mut issuers = Vec::new();
    let mut findings = Vec::new();
    for place in list.items() {
        match read(&place, folder) {
            Ok(issuer) => issuers.push(issuer),
            Err(finding) => findings.push(*finding),
        }
    }
    if findings.is_empty() { Ok(issuers) } else { Err(findings) }
}

fn read(place: &Place<'_>, folder: &Path) -> Result<Issuer, Box<Diagnostic>> {
    let alias = text(place, "alias")?;
    // It becomes a file name.
    if alias.is_empty() || !alias.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(complaint(
            place,
            "alias",
            &format!("alias `{alias}` is not made of letters, digits, `-`, `_`, `.`"),
        ));
    }
    let profile = match place.member("profile") {
        None => Profile::AtJwt,
        Some(profile) => profile
            .as_str()
            .and_then(|name| match name {
                // What such tokens have beyond any JWT is said by claims.
                "github-actions" | "kubernetes" => Some(Profile::Generic),
                name => Profile::from_name(name),
            })
            .ok_or_else(|| Box::new(profile.error(PROFILES)))?,
    };
    let mut algorithms = Vec::new();
    for name in place.member("algorithms").iter().flat_map(Place::items) {
        let parsed: Result<Algorithm, MintError> = name.as_str().unwrap_or_default().parse();
        algorithms.push(parsed.map_err(|error| Box::new(name.error(error.to_string())))?);
    }
    if algorithms.is_empty() {
        algorithms.push(Algorithm::Es256);
    }
    let audiences = place.member("audiences");
    let audiences =
        audiences.iter().flat_map(Place::items).filter_map(|item| item.as_str().map(str::to_owned));
    let key_set = place.member("jwks");
    Ok(Issuer {
        alias: alias.to_owned(),
        issuer: text(place, "issuer")?.to_owned(),
        audiences: audiences.collect(),
        delegated: text(place, "kind")? == "delegated",
        profile,
        algorithms,
        key_set: key_set.and_then(|jwks| Some(without_detours(&folder.join(jwks.as_str()?)))),
    })
}

fn text<'a>(place: &Place<'a>, name: &str) -> Result<&'a str, Box<Diagnostic>> {
    match place.member(name) {
        None => Err(Box::new(place.error(format!("missing `{name}`")))),
        Some(member) => member.as_str().ok_or_else(|| Box::new(member.error(format!("`{name}` is no text")))),
    }
}

fn complaint(place: &Place<'_>, name: &str, message: &str) -> Box<Diagnostic> {
    Box::new(place.member(name).as_ref().unwrap_or(place).error(message))
}

#[cfg(test)]
mod tests;
