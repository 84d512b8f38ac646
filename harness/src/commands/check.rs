//! `actgate check`

use std::io::{self, Write as _};
use std::path::PathBuf;

use actgate_harness::check::{Checked, UnruledRoutes, check as check_config};
use actgate_harness::diagnostic::{Diagnostic, write_json};
use clap::{Args, ValueEnum};

use crate::exit::ExitCode;
use crate::terminal::{Terminal, counted};

/// Check a configuration with all that it names
///
/// Reads actgate.yaml, its packs (catalogs, schemas, policies, entities), key sets and Envoy configuration,
/// and says what is wrong, with file, line and what was probably meant. It warns of policies that can never apply or
/// never matter, and of routes that nobody is permitted to take without a policy that says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: actgate check demo/actgate.yaml

Exit codes: 0 fine (warnings included), 1 the Envoy configuration disagrees with the services, or with --strict a
route has no policy, 2 a file is wrong.")]
pub(crate) struct CheckArgs {
    /// The configuration (actgate.yaml)
    #[arg(value_name = "CONFIG", env = "ACTGATE_CONFIG")]
    config: PathBuf,
    /// How findings are written: for people to stderr, or as one JSON array to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Fail where a route has no policy that speaks of it
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn check(args: &CheckArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let unruled = if args.strict { UnruledRoutes::Fail } else { UnruledRoutes::Warn };
    let checked = check_config(&args.config, unruled);
    let (findings, code): (&[Diagnostic], ExitCode) = match &checked {
        Ok(checked) if checked.passed() => (&checked.findings, ExitCode::Fine),
        Ok(checked) => (&checked.findings, ExitCode::CheckFailed),
        Err(findings) => (findings, ExitCode::BadInput),
    };
    match args.format {
        Format::Json => write_json(&mut *terminal.out, findings)?,
        Format::Text => {
            terminal.complain(findings)?;
            if let Ok(checked) = &checked {
                summarise(checked, terminal)?;
            }
        }
    }
    Ok(code)
}

fn summarise(checked: &Checked, terminal: &mut Terminal) -> io::Result<()> {
    let summary = checked.summary;
    let counts = [
        counted(summary.issuers, "issuer"),
        counted(summary.services, "service"),
        counted(summary.routes, "route"),
        counted(summary.policies, "policy"),
        counted(summary.entities, "entity"),
    ];
    writeln!(terminal.out, "{}: {}", checked.source.config().text().name(), counts.join(", "))?;
    match summary.unindexed {
        0 => {}
        1 => writeln!(terminal.out, "1 policy has a scope that names nothing: every call asks it")?,
        many => {
            writeln!(terminal.out, "{many} policies have a scope that names nothing: every call asks them")?
        }
    }
    match &checked.envoy {
        None => writeln!(terminal.out, "no Envoy configuration (`envoy:`) to check"),
        Some(envoy) => writeln!(
            terminal.out,
            "{}: {}, {}",
            envoy.file,
            counted(envoy.connection_managers, "connection manager"),
            counted(envoy.routes, "forwarding route"),
        ),
    }
}
