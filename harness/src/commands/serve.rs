//! `actgate serve`

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use actgate_harness::artifact;
use actgate_harness::serve::{
    Environment, Field, Notice, Options, Printed, Served, Server, Trouble, is_local,
};
use clap::{Args, ValueEnum};

use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Serve the tools of a configuration through the plugin, without Envoy
///
/// Runs the production actgate.wasm as a reverse proxy on this machine, and prints each decision. Changes of the
/// configuration or its packs are taken at once; a bad one is refused and the one before it stays. Ctrl-C ends
/// it when nothing is under way any more, a second one at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  actgate serve demo/actgate.yaml \\
    --upstream secrets=http://127.0.0.1:8200 --upstream-header 'secrets=X-Vault-Token: @vault.token' \\
    --upstream git=http://127.0.0.1:8080 --upstream deploy=http://127.0.0.1:5000 \\
    --upstream control=http://127.0.0.1:10100 --upstream-header 'control=Authorization: Bearer @gateway.token'

Where the plugin seals secret arguments for approvers, its key is in ACTGATE_SECRETS_KEY.

Exit codes: 0 ended as asked, 1 the Envoy configuration disagrees with the services, 2 it cannot serve.")]
pub(crate) struct ServeArgs {
    /// The configuration (actgate.yaml)
    #[arg(value_name = "CONFIG", env = "ACTGATE_CONFIG")]
    config: PathBuf,
    /// Where a service is, or a cluster that the plugin asks; once for each
    #[arg(long, value_name = "NAME=URL", value_parser = pair)]
    upstream: Vec<(String, String)>,
    /// What an upstream gets in place of the client's own; `@FILE` or `Bearer @FILE` keeps a secret off the command line
    #[arg(long, value_name = "NAME=HEADER: VALUE", value_parser = field)]
    upstream_header: Vec<Field>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,
    /// Let other machines reach it, in plain HTTP
    #[arg(long)]
    allow_remote: bool,
    /// The plugin; else beside this program, or target/actgate.wasm
    #[arg(long, value_name = "FILE", env = artifact::VARIABLE)]
    wasm: Option<PathBuf>,
    /// Append a record of each request to this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How decisions are printed: for people, or as the ledger's records
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How many threads decide; one for each processor unless given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn serve(args: ServeArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    if !is_local(&args.listen) && !args.allow_remote {
        terminal.fail(&format!("{} is not this machine alone", args.listen))?;
        terminal.help("listen on 127.0.0.1, or say --allow-remote: tokens then travel in plain HTTP")?;
        return Ok(ExitCode::BadInput);
    }
    let module = match artifact::find(args.wasm.as_deref()).and_then(|path| artifact::load(&path)) {
        Ok(module) => module,
        Err(error) => {
            terminal.fail(&error.to_string())?;
            terminal.help(error.help())?;
            return Ok(ExitCode::BadInput);
        }
    };
    let printed = match args.format {
        Format::Text => Printed::Text { colour: colour() },
        Format::Json => Printed::Json,
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        served: Served {
            config: args.config,
            upstreams: args.upstream,
            fields: args.upstream_header,
            environment: environment(),
        },
        listen: args.listen,
        ledger: args.ledger,
        printed,
        workers: args.workers.map_or(processors, usize::from),
    };
    let server = match Server::start(module, options) {
        Ok((server, warnings)) => {
            terminal.complain(&warnings)?;
            server
        }
        Err(trouble) => return complain(&trouble, terminal),
    };
    writeln!(terminal.err, "listening on http://{}; Ctrl-C ends it", server.address())?;
    let served = server.run(|notice| match notice {
        Notice::Reloaded(warnings) => {
            terminal.complain(&warnings)?;
            writeln!(terminal.err, "the changed configuration is in force")
        }
        Notice::Refused(trouble) => {
            complain(&trouble, terminal)?;
            writeln!(terminal.err, "the changed configuration is refused; the one before it stays in force")
        }
        Notice::Draining => {
            writeln!(terminal.err, "ending; Ctrl-C again does not wait for what is under way")
        }
    });
    match served {
        Ok(()) => Ok(ExitCode::Fine),
        Err(error) => {
            terminal.fail(&format!("cannot go on: {error}"))?;
            Ok(ExitCode::BadInput)
        }
    }
}

fn complain(trouble: &Trouble, terminal: &mut Terminal) -> io::Result<ExitCode> {
    match trouble {
        Trouble::Findings(findings) => terminal.complain(findings)?,
        Trouble::Other { message, help } => {
            terminal.fail(message)?;
            terminal.help(help)?;
        }
    }
    Ok(ExitCode::BadInput)
}

/// What the plugin is to see of this program's own environment.
fn environment() -> Environment {
    let name = "ACTGATE_SECRETS_KEY";
    // What is no text is no key, and the plugin says so.
    let value = std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    Environment(value.map(|value| (name.to_owned(), value)).into_iter().collect())
}

/// https://no-color.org
fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

fn pair(argument: &str) -> Result<(String, String), String> {
    let (name, url) =
        argument.split_once('=').ok_or("it is NAME=URL, such as secrets=http://127.0.0.1:8200")?;
    Ok((name.to_owned(), url.to_owned()))
}

fn field(argument: &str) -> Result<Field, String> {
    let form = "it is NAME=HEADER: VALUE, such as 'secrets=X-Vault-Token: @vault.token'";
    let (upstream, field) = argument.split_once('=').ok_or(form)?;
    let (name, value) = field.split_once(':').ok_or(form)?;
    let value = value.trim();
    // An `@` within a word is one.
    let (value, file) = match value.split_once('@') {
        Some((before, file)) if before.is_empty() || before.ends_with(' ') => (before, Some(file.into())),
        Some(_) | None => (value, None),
    };
    Ok(Field { upstream: upstream.to_owned(), name: name.trim().to_owned(), value: value.to_owned(), file })
}
