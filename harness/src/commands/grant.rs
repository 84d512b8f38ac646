//! `actgate grant`

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use actgate_token::{
    Grant, GrantBinding, GrantError, GrantVerifier, KeySet, MAX_TOKEN_BYTES, PureRust, UnixTime,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::visible::visible;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Look at grants: what people's yes turns into
#[derive(Debug, Args)]
#[command(after_help = "Example: actgate grant verify grant.jws --key keys.json --audience actgate-demo")]
pub(crate) struct GrantArgs {
    #[command(subcommand)]
    verb: GrantVerb,
}

#[derive(Debug, Subcommand)]
enum GrantVerb {
    /// Verify a grant offline, as a gateway does
    ///
    /// Signature, type, times and self-approval are always checked. What a gateway knows besides (the call's digest, its own
    /// claim, subject, actor, the service and itself) is compared where it is given here; what was not compared is said.
    #[command(after_help = "\
Exit codes: 0 it holds, 1 it does not, 2 there is no grant or no key to check.
Examples:
  curl -s \"$ACTGATE_CONTROL/v1/keys\" > keys.json
  actgate grant verify grant.jws --key keys.json --audience actgate-demo --digest sha-256:...
  actgate grant verify - --key keys.json --at 2026-11-24T12:00:00Z --format json < grant.jws")]
    Verify(Box<Verify>),
}

#[derive(Debug, Args)]
struct Verify {
    /// The file of the grant, or - for standard input
    #[arg(value_name = "FILE")]
    grant: PathBuf,
    /// The file of the approval service's key: a JWK, or a JWK set
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The approval service (`iss`)
    #[arg(long)]
    issuer: Option<String>,
    /// The gateway (`aud`)
    #[arg(long)]
    audience: Option<String>,
    /// The digest of the call
    #[arg(long)]
    digest: Option<String>,
    /// The claim id of the attempt
    #[arg(long)]
    claim: Option<String>,
    /// On whose behalf, as an entity id
    #[arg(long)]
    subject: Option<String>,
    /// The agent, as an entity id
    #[arg(long)]
    actor: Option<String>,
    /// When: Unix seconds or RFC 3339, instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<i64>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What came of it.
struct Verdict {
    result: Result<Grant, GrantError>,
    claims: Map<String, Value>,
    not_compared: Vec<&'static str>,
}

pub(crate) fn grant(args: &GrantArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let GrantVerb::Verify(args) = &args.verb;
    match verdict(args) {
        Ok(verdict) => {
            match args.format {
                Format::Text => in_text(&verdict, terminal)?,
                Format::Json => writeln!(terminal.out, "{:#}", in_json(&verdict))?,
            }
            Ok(if verdict.result.is_ok() { ExitCode::Fine } else { ExitCode::CheckFailed })
        }
        Err(reason) => {
            terminal.fail(&visible(&reason))?;
            Ok(ExitCode::BadInput)
        }
    }
}

fn verdict(args: &Verify) -> Result<Verdict, String> {
    let grant = read(&args.grant)?;
    let grant = grant.trim();
    let keys = keys(&args.key)?;
    // Read before anything is known of it, only to say of what was not compared what it says.
    let claims = unverified(grant).unwrap_or_default();
    let (mut compared, mut not_compared) = (Vec::new(), Vec::new());
    for (name, given, pointer) in [
        ("issuer", &args.issuer, &["iss"][..]),
        ("audience", &args.audience, &["aud"][..]),
        ("digest", &args.digest, &["digest"][..]),
        ("claim", &args.claim, &["claim"][..]),
        ("subject", &args.subject, &["sub"][..]),
        ("actor", &args.actor, &["act", "sub"][..]),
    ] {
        compared.push(match given {
            Some(given) => given.clone(),
            None => {
                not_compared.push(name);
                own(&claims, pointer)
            }
        });
    }
    let [issuer, audience, digest, claim, subject, actor] =
        <[String; 6]>::try_from(compared).map_err(|_| "six claims are compared".to_owned())?;
    let verifier = GrantVerifier { issuer, audience, keys };
    let binding = GrantBinding { digest: &digest, claim: &claim, subject: &subject, actor: &actor };
    let at = UnixTime::new(args.at.unwrap_or_else(now));
    let result = verifier.verify(&PureRust, grant.as_bytes(), binding, at);
    Ok(Verdict { result, claims, not_compared })
}

fn in_text(verdict: &Verdict, terminal: &mut Terminal) -> io::Result<()> {
    let Verdict { result, claims, not_compared } = verdict;
    let out = &mut terminal.out;
    match result {
        Ok(grant) => {
            writeln!(out, "the grant holds")?;
            for (name, pointer) in [
                ("issuer", &["iss"][..]),
                ("audience", &["aud"][..]),
                ("digest", &["digest"][..]),
                ("claim", &["claim"][..]),
                ("subject", &["sub"][..]),
                ("actor", &["act", "sub"][..]),
            ] {
                let note = if not_compared.contains(&name) { "  (not compared)" } else { "" };
                writeln!(out, "  {name:<10}{}{note}", visible(&own(claims, pointer)))?;
            }
            writeln!(out, "  {:<10}{}", "approval", visible(grant.approval()))?;
            writeln!(out, "  {:<10}{}", "groups", visible(&grant.groups().join(", ")))?;
            writeln!(out, "  {:<10}{}", "approvers", visible(&grant.approvers().join(", ")))
        }
        Err(error) => writeln!(out, "the grant does not hold: {error}"),
    }
}

/// Nothing of what a grant says is shown that does not hold.
fn in_json(verdict: &Verdict) -> Value {
    let Verdict { result, claims, not_compared } = verdict;
    match result {
        Ok(_) => json!({ "holds": true, "claims": claims, "not_compared": not_compared }),
        Err(error) => json!({ "holds": false, "reason": error.to_string(), "not_compared": not_compared }),
    }
}

fn own(claims: &Map<String, Value>, path: &[&str]) -> String {
    let mut found = claims.get(path.first().copied().unwrap_or_default());
    for name in path.iter().skip(1) {
        found = found.and_then(|value| value.get(name));
    }
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn unverified(grant: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(grant.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

fn read(path: &Path) -> Result<String, String> {
    // One byte more than any grant, and perhaps a line's end.
    let limit = u64::try_from(MAX_TOKEN_BYTES).unwrap_or(u64::MAX).saturating_add(3);
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().take(limit).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if text.trim().is_empty() { Err(format!("{}: there is no grant", path.display())) } else { Ok(text) }
}

fn keys(path: &Path) -> Result<KeySet, String> {
    let failed = |what: String| format!("{}: {what}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let set = if value.get("keys").is_some() { text } else { format!("{{\"keys\":[{text}]}}") };
    let (keys, skipped) = KeySet::parse(&set).map_err(|error| failed(error.to_string()))?;
    match skipped.first() {
        Some(skipped) => Err(failed(format!("a key that cannot be used: {}", skipped.reason))),
        None => Ok(keys),
    }
}

fn time(argument: &str) -> Result<i64, String> {
    if let Ok(seconds) = argument.parse() {
        return Ok(seconds);
    }
    chrono::DateTime::parse_from_rfc3339(argument)
        .map(|time| time.timestamp())
        .map_err(|_| "it is Unix seconds or a time such as 2026-11-24T12:00:00Z".to_owned())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
