//! `oidc`: the identity provider that people sign in at.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

/// An OpenID Connect provider, and who its people are here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its issuer identifier: `/.well-known/openid-configuration` is found under it.
    pub issuer: String,
    /// How the sign-in page calls it.
    #[serde(default = "default_name")]
    pub name: String,
    /// This service, as the provider knows it. Its redirect URI is `<public_url>/login/callback`.
    pub client_id: String,
    /// The file of the client's secret. Without it the client is a public one, held by PKCE alone.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for besides `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Whether claims that the ID token lacks are asked for at the user info endpoint.
    #[serde(default)]
    pub userinfo: bool,
    /// The first part of people's ids: the alias of the issuer under which agents' tokens name the same people.
    pub alias: String,
    /// Where things stand in the claims.
    #[serde(default)]
    pub claims: Claims,
    /// The provider's names of a group, where they are not its own.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
}

/// Places in the claims, as JSON pointers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claims {
    /// The second part of people's ids: what `sub` of an agent's token is for them.
    pub id: String,
    /// How the console greets them.
    pub name: String,
    /// A list of group names.
    pub groups: String,
}

// === impl Oidc ===

impl Oidc {
    /// What is wrong with it, if something is.
    pub(super) fn check(&self, groups: &[super::Group]) -> Result<(), String> {
        if !is_trusted_transport(&self.issuer) {
            return Err("`oidc.issuer` must be an https:// URL (http:// on loopback only)".to_owned());
        }
        if self.client_id.is_empty() || self.alias.is_empty() || self.alias.contains('/') {
            return Err("`oidc.client_id` and `oidc.alias` must be there, and no alias has a `/`".to_owned());
        }
        let Claims { id, name, groups: list } = &self.claims;
        if let Some(odd) = [id, name, list].into_iter().find(|pointer| !pointer.starts_with('/')) {
            return Err(format!("`oidc.claims`: `{odd}` is no JSON pointer: it must begin with `/`"));
        }
        match self.groups.keys().find(|name| !groups.iter().any(|group| group.name == **name)) {
            Some(unknown) => Err(format!("`oidc.groups`: `{unknown}` is not among `groups`")),
            None => Ok(()),
        }
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self { id: "/sub".to_owned(), name: "/name".to_owned(), groups: "/groups".to_owned() }
    }
}

/// A provider that anybody on the way could play would let anybody in.
fn is_trusted_transport(url: &str) -> bool {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    url.strip_prefix("http://").is_some_and(|rest| {
        let host = host(rest);
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    })
}

fn default_name() -> String {
    "your organisation".to_owned()
}

fn default_scopes() -> Vec<String> {
    vec!["profile".to_owned()]
}
