//! `actgate replay`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use actgate_harness::case::{Origin, Setup};
use actgate_harness::diagnostic::Diagnostic;
use actgate_harness::replay::{Change, Replay, replay as decide_anew, write_json, write_text};
use actgate_harness::source::read_ledger;
use clap::{Args, ValueEnum};

use crate::exit::ExitCode;
use crate::terminal::{Terminal, counted};

/// Decide what a ledger recorded anew, under another configuration
///
/// Shows every verdict that would change, grouped by the policies that it is a matter of, and how many would not. It also
/// says how many attempts cannot be replayed and why: a record shows no secret argument, and what was refused before its
/// calls were known has none.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate replay .run/ledger.jsonl demo/actgate.yaml
  actgate replay .run/ledger.jsonl demo/actgate.yaml --accept secrets.agents-never-change

Exit codes: 0 fine, 1 what did not go through would now, and no --accept names it, 2 a file is wrong.")]
pub(crate) struct ReplayArgs {
    /// Records, one JSON object on each line; `-` is standard input
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// The configuration (actgate.yaml)
    #[arg(value_name = "CONFIG", env = "ACTGATE_CONFIG")]
    config: PathBuf,
    /// A policy or a decision id whose changes are meant
    #[arg(long, value_name = "POLICY|ID")]
    accept: Vec<String>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn replay(args: &ReplayArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let replay = match decide(args) {
        Ok(replay) => replay,
        Err(findings) => {
            terminal.complain(&findings)?;
            return Ok(ExitCode::BadInput);
        }
    };
    match args.format {
        Format::Text => write_text(&mut *terminal.out, &replay, terminal.out_style)?,
        Format::Json => write_json(&mut *terminal.out, &replay)?,
    }
    terminal.out.flush()?;
    for name in args.accept.iter().filter(|name| !is_used(name, &replay)) {
        writeln!(terminal.err, "warning: `--accept {name}` names no call that would go through now")?;
    }
    let loosened = replay.loosened().count();
    if loosened == 0 {
        return Ok(ExitCode::Fine);
    }
    let calls = counted(loosened, "attempt");
    terminal.fail(&format!(
        "{calls} that did not go through would now; --accept POLICY or ID if that is meant"
    ))?;
    Ok(ExitCode::CheckFailed)
}

fn decide(args: &ReplayArgs) -> Result<Replay, Vec<Diagnostic>> {
    let ledger = read_ledger(&args.ledger)
        .map_err(|why| vec![Diagnostic::in_file(args.ledger.to_string_lossy(), why)])?;
    if !Path::new(&args.config).is_file() {
        return Err(vec![Diagnostic::in_file(args.config.to_string_lossy(), "no such file")]);
    }
    let setup = Setup::of(&Origin::Config(args.config.clone()))?;
    decide_anew(&ledger, &setup, &args.accept)
}

fn is_used(name: &String, replay: &Replay) -> bool {
    let names = |change: &&Change| {
        change.id == *name || change.before.policies.contains(name) || change.after.policies.contains(name)
    };
    replay.changes.iter().filter(|change| change.is_loosened()).any(|change| names(&change))
}
