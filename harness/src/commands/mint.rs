//! `actgate mint`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use actgate_authz::nearest;
use actgate_harness::mint::{
    Actor, Algorithm, Issuer, KeyStore, MintError, ProofSpec, Stored, TokenKey, TokenSpec, issuers,
    random_token_id,
};
use actgate_harness::source::read_config;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Make development keys and tokens
///
/// Prints a token, signed with the development key of one of the configuration's issuers. `actgate mint init`
/// makes the keys first: a private key per issuer, and the key set (JWKS) at the path that `jwks` names.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  actgate mint init --config demo/actgate.yaml
  actgate mint --config demo/actgate.yaml --actor spiffe://demo/agent/coder --subject alice@demo --ttl 10m
  actgate mint --config demo/actgate.yaml --subject alice@demo --dpop-key client.pem
  actgate mint proof --dpop-key client.pem --method GET --uri https://tools.example.org/x --token $TOKEN"
)]
pub(crate) struct MintArgs {
    #[command(subcommand)]
    init: Option<MintVerb>,
    #[command(flatten)]
    token: TokenArgs,
}

#[derive(Debug, Subcommand)]
enum MintVerb {
    /// Make the keys that are missing; what is there stays as it is
    #[command(after_help = "Example: actgate mint init --config demo/actgate.yaml")]
    Init(ConfigArgs),
    /// Prove for one request that the client has the key of its token (DPoP): the value of the header `DPoP`
    #[command(
        after_help = "Example: curl -H \"Authorization: DPoP $TOKEN\" -H \"DPoP: $(actgate mint proof --dpop-key client.pem --method GET --uri $URL --token $TOKEN)\" $URL"
    )]
    Proof(ProofArgs),
}

#[derive(Debug, Args)]
struct ProofArgs {
    /// The client's key (PEM, ES256)
    #[arg(long, value_name = "FILE")]
    dpop_key: PathBuf,
    /// The request's method
    #[arg(long, default_value = "GET")]
    method: String,
    /// The request's address, as clients know the gateway
    #[arg(long, value_name = "URL")]
    uri: String,
    /// The token that is sent with it
    #[arg(long)]
    token: String,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration (actgate.yaml)
    #[arg(long, value_name = "CONFIG", env = "ACTGATE_CONFIG")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct TokenArgs {
    // Required, yet optional here: beside `init` there is neither.
    /// The configuration (actgate.yaml)
    #[arg(long, value_name = "CONFIG", env = "ACTGATE_CONFIG", required = true)]
    config: Option<PathBuf>,
    /// On whose behalf (`sub`)
    #[arg(long, required = true)]
    subject: Option<String>,
    /// The agent that acts (`act.sub`)
    #[arg(long)]
    actor: Option<String>,
    /// The agent's issuer (`act.iss`), where it is not the token's
    #[arg(long, value_name = "ISSUER", requires = "actor")]
    actor_issuer: Option<String>,
    /// The alias of the issuer, where the configuration has several
    #[arg(long, value_name = "ALIAS")]
    issuer: Option<String>,
    /// A further claim, as text
    #[arg(long, value_name = "NAME=TEXT", value_parser = claim_text)]
    claim: Vec<(String, Value)>,
    /// A further claim, as JSON
    #[arg(long, value_name = "NAME=JSON", value_parser = claim_json)]
    claim_json: Vec<(String, Value)>,
    /// Words of the `scope` claim
    #[arg(long, value_name = "WORDS")]
    scope: Vec<String>,
    /// How long it is valid, such as 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = seconds)]
    ttl: i64,
    /// Whom it is for (`aud`); the issuer's first audience unless given
    #[arg(long)]
    audience: Vec<String>,
    /// The algorithm, where the issuer has several
    #[arg(long, value_name = "ALG")]
    algorithm: Option<Algorithm>,
    /// Bind it to the client's key in this file (PEM, ES256), which is made where it is missing
    #[arg(long, value_name = "FILE")]
    dpop_key: Option<PathBuf>,
}

pub(crate) fn mint(args: &MintArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    match &args.init {
        Some(MintVerb::Init(config)) => init(&config.config, terminal),
        Some(MintVerb::Proof(args)) => proof(args, terminal),
        None => token(&args.token, terminal),
    }
}

fn init(config: &Path, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let Some(issuers) = read_issuers(config, terminal)? else { return Ok(ExitCode::BadInput) };
    for issuer in issuers.iter().filter(|issuer| issuer.key_set.is_some()) {
        match KeyStore::of(issuer).and_then(|store| store.init()) {
            Ok(stored) => {
                for file in stored {
                    match file {
                        Stored::Wrote(path) => writeln!(terminal.out, "wrote {}", path.display())?,
                        Stored::Kept(path) => writeln!(terminal.out, "kept  {}", path.display())?,
                    }
                }
            }
            Err(error) => return refuse(&error, terminal),
        }
    }
    Ok(ExitCode::Fine)
}

fn proof(args: &ProofArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let ProofArgs { dpop_key, method, uri, token } = args;
    let spec = ProofSpec {
        method: method.clone(),
        uri: uri.split(['?', '#']).next().unwrap_or_default().to_owned(),
        id: random_token_id(),
        issued_at: now(),
        header: Map::new(),
        claims: Map::new(),
    };
    match TokenKey::read(dpop_key, Algorithm::Es256).and_then(|key| spec.sign(&key, token)) {
        Ok(proof) => {
            writeln!(terminal.out, "{proof}")?;
            Ok(ExitCode::Fine)
        }
        Err(error) => refuse(&error, terminal),
    }
}

fn token(args: &TokenArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let (Some(config), Some(subject)) = (&args.config, &args.subject) else {
        terminal.fail("a token needs --config and --subject")?;
        return Ok(ExitCode::BadInput);
    };
    let Some(issuers) = read_issuers(config, terminal)? else { return Ok(ExitCode::BadInput) };
    let issuer = match choose(&issuers, args.issuer.as_deref()) {
        Ok(issuer) => issuer,
        Err(message) => {
            terminal.fail(&message)?;
            return Ok(ExitCode::BadInput);
        }
    };
    let key = KeyStore::of(issuer).and_then(|store| match args.algorithm {
        Some(algorithm) => store.load(algorithm),
        None => store.preferred(),
    });
    let minted = key.and_then(|key| {
        let mut spec = spec(args, subject, issuer);
        if let Some(path) = &args.dpop_key {
            let holder = TokenKey::read_or_make(path, Algorithm::Es256)?;
            spec.claims.insert("cnf".to_owned(), holder.confirmation());
        }
        spec.mint(&key)
    });
    match minted {
        Ok(token) => {
            if issuer.delegated && args.actor.is_none() {
                writeln!(
                    terminal.err,
                    "warning: issuer `{}` is delegated: without --actor this is refused",
                    issuer.alias
                )?;
            }
            writeln!(terminal.out, "{token}")?;
            Ok(ExitCode::Fine)
        }
        Err(error) => refuse(&error, terminal),
    }
}

fn spec(args: &TokenArgs, subject: &str, issuer: &Issuer) -> TokenSpec {
    let audiences = match (args.audience.as_slice(), issuer.audiences.first()) {
        ([], Some(first)) => vec![first.clone()],
        (given, _) => given.to_vec(),
    };
    let actor = args
        .actor
        .as_ref()
        .map(|subject| Actor { issuer: args.actor_issuer.clone(), ..Actor::named(subject) });
    let claims: Map<String, Value> = args.claim.iter().chain(&args.claim_json).cloned().collect();
    TokenSpec {
        profile: issuer.profile,
        issuer: issuer.issuer.clone(),
        subject: subject.to_owned(),
        audiences,
        actor,
        client_id: None,
        scope: (!args.scope.is_empty()).then(|| args.scope.join(" ")),
        token_id: random_token_id(),
        issued_at: now(),
        lifetime: args.ttl,
        claims,
        tamper: Vec::new(),
    }
}

fn choose<'a>(issuers: &'a [Issuer], alias: Option<&str>) -> Result<&'a Issuer, String> {
    let names = || issuers.iter().map(|issuer| issuer.alias.as_str());
    match (alias, issuers) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(format!("which issuer? --issuer is one of {}", names().collect::<Vec<_>>().join(", ")))
        }
        (Some(alias), _) => issuers.iter().find(|issuer| issuer.alias == alias).ok_or_else(|| {
            let known = match nearest(alias, names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
            };
            format!("issuer `{alias}` is not in the configuration; {known}")
        }),
    }
}

fn read_issuers(config: &Path, terminal: &mut Terminal) -> io::Result<Option<Vec<Issuer>>> {
    let folder = config.parent().unwrap_or_else(|| Path::new(""));
    match read_config(config).and_then(|document| issuers(&document, folder)) {
        Ok(issuers) => Ok(Some(issuers)),
        Err(findings) => {
            terminal.complain(&findings)?;
            Ok(None)
        }
    }
}

fn refuse(error: &MintError, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let no_key = match error {
        MintError::File { source, .. } => source.kind() == io::ErrorKind::NotFound,
        MintError::AlgorithmUnknown(_)
        | MintError::Key { .. }
        | MintError::KeySetForeign(_)
        | MintError::KeySetInvalid { .. }
        | MintError::KeySetRemote(_)
        | MintError::Tamper(_) => false,
    };
    terminal.fail(&error.to_string())?;
    if no_key {
        writeln!(terminal.err, "  help: `actgate mint init` makes the keys that are missing")?;
    }
    Ok(ExitCode::BadInput)
}

pub(crate) fn claim_text(argument: &str) -> Result<(String, Value), String> {
    let (name, text) = argument.split_once('=').ok_or("it is NAME=TEXT")?;
    Ok((name.to_owned(), Value::from(text)))
}

pub(crate) fn claim_json(argument: &str) -> Result<(String, Value), String> {
    let (name, json) = argument.split_once('=').ok_or("it is NAME=JSON")?;
    let value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value))
}

fn seconds(argument: &str) -> Result<i64, String> {
    let parsed = argument.char_indices().next_back().and_then(|(end, unit)| {
        let number: i64 = argument.get(..end)?.parse().ok()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    parsed.ok_or_else(|| "it is a number and s, m, h or d".to_owned())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
