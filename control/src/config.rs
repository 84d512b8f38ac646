//! `control.yaml`: which gateways ask, which groups answer, and how long things last.

mod duration;
mod oidc;
mod otlp;

use std::{
    fs,
    path::{Path, PathBuf},
};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::{
    duration::Duration,
    oidc::{Claims, Oidc},
    otlp::{HeaderFile, HeaderSource, Otlp},
};

#[cfg(test)]
mod tests;

/// The configuration. Paths are relative to its file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    version: u32,
    /// Where people reach the console: in links, and the only origin that forms are taken from.
    pub public_url: String,
    /// `iss` of grants.
    #[serde(default = "default_issuer")]
    pub issuer: String,
    /// The folder of the database file and of the grant key.
    pub state: PathBuf,
    /// Who may claim.
    pub gateways: Vec<Gateway>,
    /// Who may be asked.
    pub groups: Vec<Group>,
    /// How long and how many.
    #[serde(default)]
    pub limits: Limits,
    /// Where people sign in.
    pub oidc: Option<Oidc>,
    /// Whether every request comes through a proxy that appends its peer's address to `X-Forwarded-For`: whose attempts to
    /// sign in are counted together.
    #[serde(default)]
    pub behind_proxy: bool,
    /// The ledger.
    #[serde(default)]
    pub ledger: Ledger,
    /// Who can sign in where `--dev-login` is given.
    #[serde(default)]
    pub people: Vec<DevPerson>,
}

/// A gateway (all Envoys of one name).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// `aud` of its grants.
    pub name: String,
    /// The file of its bearer token, made at the first start where it is missing.
    pub token_file: PathBuf,
}

/// An approver group, as policies name it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The name.
    pub name: String,
    /// How many different people have to say yes.
    #[serde(default = "one")]
    pub quorum: i64,
}

/// Bounds, each with the reason of its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open approvals of one agent: more than a person reads at a sitting is noise.
    pub pending_per_actor: i64,
    /// How long people have to decide.
    pub pending: Duration,
    /// How long a yes can be used: long enough for an agent that polls, short enough to remember what one approved.
    pub approved: Duration,
    /// How long a no holds before the same call may be asked again.
    pub denied: Duration,
    /// How long somebody stays signed in: a working day.
    pub session: Duration,
}

/// Records of gateways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// How long records are kept: a quarter.
    pub retention: Duration,
    /// How long an attempt waits for its outcome before it is told as unknown: longer than requests last.
    pub unknown_after: Duration,
    /// The groups whose people read them. None is named: nobody does.
    pub readers: Vec<String>,
    /// Where records are sent on to.
    pub otlp: Option<Otlp>,
}

/// A person of `--dev-login`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevPerson {
    /// In the namespace of subjects and actors, such as `demo/bob@demo`.
    pub id: String,
    /// How the console greets them.
    pub name: String,
    /// Their groups.
    pub groups: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not YAML, or not this configuration.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

// === impl Config ===

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder).map_err(|reason| ConfigError::Content { path: path.to_owned(), reason })
    }

    /// Reads the text of a file in `folder`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
        let [document] = documents.as_slice() else {
            return Err("there must be exactly one document".to_owned());
        };
        let value = json(document)?;
        let mut config: Self =
            serde_path_to_error::deserialize(value).map_err(|error| match error.path().to_string() {
                path if path == "." => error.inner().to_string(),
                path => format!("{path}: {}", error.inner()),
            })?;
        config.check()?;
        config.state = folder.join(&config.state);
        for gateway in &mut config.gateways {
            gateway.token_file = folder.join(&gateway.token_file);
        }
        if let Some(file) = config.oidc.as_mut().and_then(|oidc| oidc.client_secret_file.as_mut()) {
            *file = folder.join(&*file);
        }
        for header in config.ledger.otlp.iter_mut().flat_map(|otlp| otlp.headers.values_mut()) {
            if let HeaderSource::File(HeaderFile { file }) = header {
                *file = folder.join(&*file);
            }
        }
        config.trim();
        Ok(config)
    }

    /// The same with another `public_url`.
    ///
    /// # Errors
    /// It is no URL of a console.
    pub fn at(mut self, public_url: String) -> Result<Self, String> {
        self.public_url = public_url;
        self.check()?;
        self.trim();
        Ok(self)
    }

    fn trim(&mut self) {
        while self.public_url.ends_with('/') {
            self.public_url.pop();
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err("`version` must be 1".to_owned());
        }
        let rest =
            self.public_url.strip_prefix("http://").or_else(|| self.public_url.strip_prefix("https://"));
        if rest.is_none_or(|rest| {
            rest.trim_end_matches('/').is_empty() || rest.trim_end_matches('/').contains('/')
        }) {
            return Err("`public_url` must be http:// or https://, a host and perhaps a port".to_owned());
        }
        if self.gateways.is_empty() || self.groups.is_empty() {
            return Err("`gateways` and `groups` must not be empty".to_owned());
        }
        only_once("gateways", self.gateways.iter().map(|gateway| &gateway.name))?;
        only_once("groups", self.groups.iter().map(|group| &group.name))?;
        only_once("people", self.people.iter().map(|person| &person.id))?;
        if let Some(group) = self.groups.iter().find(|group| !(1..=16).contains(&group.quorum)) {
            return Err(format!("the quorum of `{}` must be 1 to 16", group.name));
        }
        for person in &self.people {
            if let Some(unknown) =
                person.groups.iter().find(|name| !self.groups.iter().any(|group| group.name == **name))
            {
                return Err(format!("`{}` is in `{unknown}`, which is not among `groups`", person.id));
            }
        }
        if let Some(unknown) =
            self.ledger.readers.iter().find(|name| !self.groups.iter().any(|group| group.name == **name))
        {
            return Err(format!("`ledger.readers`: `{unknown}` is not among `groups`"));
        }
        if let Some(otlp) = &self.ledger.otlp {
            otlp.check()?;
        }
        if let Some(oidc) = &self.oidc {
            oidc.check(&self.groups)?;
        }
        if self.limits.pending_per_actor < 1 {
            return Err("`limits.pending_per_actor` must be at least 1".to_owned());
        }
        Ok(())
    }

    /// How many people of a group have to say yes. A group that is not configured can never be satisfied.
    pub fn quorum(&self, group: &str) -> Option<i64> {
        self.groups.iter().find(|known| known.name == group).map(|known| known.quorum)
    }
}

// === impl Ledger ===

impl Default for Ledger {
    fn default() -> Self {
        Self {
            retention: Duration::hours(90 * 24),
            unknown_after: Duration::minutes(10),
            readers: Vec::new(),
            otlp: None,
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_per_actor: 20,
            pending: Duration::hours(1),
            approved: Duration::minutes(15),
            denied: Duration::hours(1),
            session: Duration::hours(8),
        }
    }
}

fn default_issuer() -> String {
    "actgate-control".to_owned()
}

const fn one() -> i64 {
    1
}

fn only_once<'a>(list: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen: Vec<&String> = Vec::new();
    for name in names {
        if name.is_empty() || seen.contains(&name) {
            return Err(format!("`{list}`: `{name}` is empty or there twice"));
        }
        seen.push(name);
    }
    Ok(())
}

/// A YAML node without anchors or tags.
fn json(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(Scalar::Null) => Ok(Value::Null),
        Yaml::Value(Scalar::Boolean(value)) => Ok(Value::Bool(*value)),
        Yaml::Value(Scalar::Integer(value)) => Ok(Value::from(*value)),
        Yaml::Value(Scalar::FloatingPoint(value)) => Ok(Value::from(value.into_inner())),
        Yaml::Value(Scalar::String(text)) => Ok(Value::from(text.as_ref())),
        Yaml::Sequence(items) => items.iter().map(json).collect::<Result<Vec<_>, _>>().map(Value::Array),
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                let name = key.as_str().ok_or("a key is not text")?;
                object.insert(name.to_owned(), json(value)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Representation(..) | Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err("anchors, aliases and tags have no place here".to_owned())
        }
    }
}
