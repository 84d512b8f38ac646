//! `actgate explain`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use actgate_authz::{Analysis, BundleDocument, Fault};
use actgate_harness::case::{Looker, Origin, Question, Setup, TokenPlan, moment};
use actgate_harness::diagnostic::Diagnostic;
use actgate_harness::explain::Explanation;
use actgate_harness::places::Places;
use actgate_harness::source::Source;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::commands::mint::{claim_json, claim_text};
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Say what would become of a request, and why
///
/// Shows the way of a request through the gate: the token, who asks, the calls that it makes, the policies that speak of
/// them, which of them decides and on what values, and what approval would change it. Nothing is sent anywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate explain demo/actgate.yaml /secrets/v1/kv/prod/db --subject alice@demo --actor spiffe://demo/agent/coder
  actgate explain demo/actgate.yaml /secrets/v1/kv/dev/db -H \"Authorization: Bearer $TOKEN\"
  actgate explain policies/git policies/git/cases/push-main.yaml --format json

REQUEST is a file in the format of cases (what it expects is not looked at), or a path or URL as `curl` takes it, with
-X, -H, --data and --json. A token that is made here, from --subject or the file, is signed with keys of its own, which the
gate is told to trust. With a token of your own in -H the configuration's key sets decide.

Exit codes: 0 it is explained, whatever the decision, 2 a file or an argument is wrong.")]
pub(crate) struct ExplainArgs {
    /// The configuration (actgate.yaml) or a pack's folder
    #[arg(value_name = "CONFIG|PACK")]
    config: PathBuf,
    /// A request as a file (.yaml), a path, or a URL
    #[arg(value_name = "REQUEST")]
    request: String,
    /// The method; GET unless given, POST where there is a body
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,
    /// A header field
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body, or `@FILE` for what is in a file
    #[arg(short = 'd', long, value_name = "TEXT", conflicts_with = "json")]
    data: Option<String>,
    /// The body as JSON, with the content type of it
    #[arg(long, value_name = "JSON")]
    json: Option<String>,
    /// On whose behalf (`sub`), in a token that is made for this
    #[arg(long)]
    subject: Option<String>,
    /// The agent that acts (`act.sub`) in that token
    #[arg(long, requires = "subject")]
    actor: Option<String>,
    /// The alias of that token's issuer; the first one of the configuration unless given
    #[arg(long, value_name = "ALIAS", requires = "subject")]
    issuer: Option<String>,
    /// A further claim of that token, as text
    #[arg(long, value_name = "NAME=TEXT", value_parser = claim_text, requires = "subject")]
    claim: Vec<(String, Value)>,
    /// A further claim of that token, as JSON
    #[arg(long, value_name = "NAME=JSON", value_parser = claim_json, requires = "subject")]
    claim_json: Vec<(String, Value)>,
    /// Words of that token's `scope`
    #[arg(long, value_name = "WORDS", requires = "subject")]
    scope: Vec<String>,
    /// The time at which it is asked (RFC 3339); now unless given, and for a case its own
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
    /// For people, or one JSON array with an object for each request
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What decides, and who signs the tokens that are made here.
enum World {
    /// The configuration as it is.
    Real(Box<Source>),
    /// The configuration with key sets of our own.
    Own(Box<Setup>),
}

pub(crate) fn explain(args: &ExplainArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let told = questions(args).and_then(|questions| Ok((World::of(args)?, questions)));
    let explained = told.and_then(|(world, questions)| {
        let analysis = Analysis::load(world.bundle()).map_err(|faults| {
            let places = world.places();
            faults.iter().map(places).collect::<Vec<_>>()
        })?;
        Ok((world, questions, analysis))
    });
    let (world, questions, analysis) = match explained {
        Ok(explained) => explained,
        Err(findings) => {
            terminal.complain(&findings)?;
            return Ok(ExitCode::BadInput);
        }
    };
    let mut looker = Looker::new(&analysis);
    let mut places = world.places();
    let mut told = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        let now = args.at.or_else(|| question.now()).unwrap_or_else(clock);
        let token = match question.token().map(|plan| world.mint(plan, now)).transpose() {
            Ok(token) => token,
            Err(why) => {
                terminal.fail(&why)?;
                return Ok(ExitCode::BadInput);
            }
        };
        let sent = match &world {
            World::Real(_) => Ok(question.exchange(token.as_deref(), now)),
            World::Own(setup) => question.proven(setup, token.as_deref(), now),
        };
        let exchange = match sent {
            Ok(exchange) => exchange,
            Err(error) => {
                terminal.fail(&error.to_string())?;
                return Ok(ExitCode::BadInput);
            }
        };
        let examination = looker.look(&exchange);
        let explanation = Explanation { exchange: &exchange, examination: &examination, analysis: &analysis };
        match args.format {
            Format::Text => {
                if number > 0 {
                    writeln!(terminal.out)?;
                }
                let style = terminal.out_style;
                explanation.write_text(&mut *terminal.out, &mut *places, style)?;
            }
            Format::Json => told.push(explanation.json(&mut *places)),
        }
    }
    if args.format == Format::Json {
        serde_json::to_writer_pretty(&mut *terminal.out, &told)?;
        writeln!(terminal.out)?;
    }
    Ok(ExitCode::Fine)
}

/// The requests that are asked about.
fn questions(args: &ExplainArgs) -> Result<Vec<Question>, Vec<Diagnostic>> {
    let path = Path::new(&args.request);
    let is_file = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    if is_file && !args.request.contains("://") {
        let is_curl = args.method.is_some() || !args.headers.is_empty() || body(args)?.is_some();
        if is_curl || args.subject.is_some() {
            return Err(wrong(
                "a request in a file is as it is written there: its token, method, headers and body too",
            ));
        }
        return Question::read(path);
    }
    let body = body(args)?;
    let method =
        args.method.clone().unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let mut headers = args.headers.clone();
    if args.json.is_some() && headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let target = match args.request.split_once("://") {
        None => args.request.clone(),
        Some((_, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("host")) {
                headers.push(("host".to_owned(), host.to_owned()));
            }
            if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }
        }
    };
    let plan =
        args.subject.as_ref().map(|subject| plan(args, subject)).transpose().map_err(|why| wrong(&why))?;
    let question = Question::of(&method, &target, headers, body, plan).map_err(|why| wrong(&why))?;
    Ok(vec![question])
}

fn body(args: &ExplainArgs) -> Result<Option<String>, Vec<Diagnostic>> {
    let Some(text) = args.data.as_ref().or(args.json.as_ref()) else { return Ok(None) };
    match text.strip_prefix('@').filter(|_| args.data.is_some()) {
        None => Ok(Some(text.clone())),
        Some(file) => std::fs::read_to_string(file)
            .map(Some)
            .map_err(|error| vec![Diagnostic::in_file(file, error.to_string().to_lowercase())]),
    }
}

/// The token that the flags describe.
fn plan(args: &ExplainArgs, subject: &str) -> Result<TokenPlan, String> {
    let mut claims: Map<String, Value> = args.claim.iter().chain(&args.claim_json).cloned().collect();
    if !args.scope.is_empty() {
        claims.insert("scope".to_owned(), args.scope.join(" ").into());
    }
    // The alias is found when it is signed, where the issuers are known.
    let issuer = args.issuer.clone().unwrap_or_default();
    let mut plan = json!({ "issuer": issuer, "sub": subject, "claims": claims });
    if let (Some(actor), Some(members)) = (&args.actor, plan.as_object_mut()) {
        members.insert("act".to_owned(), actor.clone().into());
    }
    serde_json::from_value(plan).map_err(|error| error.to_string())
}

// === impl World ===

impl World {
    fn of(args: &ExplainArgs) -> Result<Self, Vec<Diagnostic>> {
        let is_pack = args.config.is_dir();
        // A token of somebody else's could only come in a header.
        if is_pack || args.subject.is_some() || args.headers.is_empty() {
            let origin =
                if is_pack { Origin::Pack(args.config.clone()) } else { Origin::Config(args.config.clone()) };
            return Setup::of(&origin).map(Box::new).map(Self::Own);
        }
        Source::load(&args.config).map(Box::new).map(Self::Real)
    }

    fn bundle(&self) -> &BundleDocument {
        match self {
            Self::Real(source) => source.bundle(),
            Self::Own(setup) => setup.bundle(),
        }
    }

    /// Signs a token; one without an issuer is the first issuer's.
    fn mint(&self, plan: &TokenPlan, now: i64) -> Result<String, String> {
        let Self::Own(setup) = self else { return Err("there is no key to sign a token with".to_owned()) };
        let mut plan = plan.clone();
        if plan.issuer.is_empty() {
            let issuers = setup.bundle().config.value.pointer("/issuers/0/alias").and_then(Value::as_str);
            plan.issuer = issuers.unwrap_or_default().to_owned();
        }
        setup.mint(&plan, now, "explained").map_err(|(_, why)| why)
    }

    fn places(&self) -> Box<dyn FnMut(&Fault) -> Diagnostic + '_> {
        match self {
            Self::Real(source) => Box::new(|fault| source.diagnostic(fault)),
            Self::Own(_) => {
                let mut places = Places::seen_from(&std::env::current_dir().unwrap_or_default());
                Box::new(move |fault| places.diagnostic(fault))
            }
        }
    }
}

fn wrong(message: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::in_file("command line", message)]
}

fn header(argument: &str) -> Result<(String, String), String> {
    let (name, value) = argument.split_once(':').ok_or("it is NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
