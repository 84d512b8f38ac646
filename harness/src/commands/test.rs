//! `actgate test`

use std::io::{self, Write as _};
use std::num::NonZero;
use std::path::PathBuf;

use actgate_harness::artifact;
use actgate_harness::case::{
    Engines, NamedCase, Report, Suite, find_cases, read_cases, run, write_failures, write_json, write_junit,
    write_summary,
};
use actgate_harness::diagnostic::Diagnostic;
use actgate_harness::host::Module;
use clap::{Args, ValueEnum};
use serde_json::Map;

use crate::commands::scrutiny::ScrutinyArgs;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Play the cases of a pack or a configuration
///
/// A case is a YAML file: a request with its token, and what must become of it. A pack has its cases in its folder
/// `cases`; a configuration has those of its packs, and those in a folder `cases` beside it. docs/cases.md explains the
/// format.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate test policies/secrets
  actgate test demo/actgate.yaml --engine both --filter prod
  actgate test policies/secrets --coverage --min-coverage 90 --mutate

The plugin is --wasm, $ACTGATE_WASM, or `actgate.wasm` beside this program; `make wasm` builds it.

Coverage and mutants are tried in the gate alone, whatever the engine.

Exit codes: 0 every case holds, 1 one does not, or the cases are not enough (--min-coverage, --mutate), 2 a file is
wrong.")]
pub(crate) struct TestArgs {
    /// A pack's folder, a configuration (actgate.yaml), or a single case
    #[arg(value_name = "CONFIG|PACK", env = "ACTGATE_CONFIG", required = true)]
    targets: Vec<PathBuf>,
    /// Where cases are played: in the gate alone, in the plugin, or in both, which then have to agree
    #[arg(long, value_enum, default_value_t = Engine::Native)]
    engine: Engine,
    /// Only cases with this text in their name or their file's name
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How many cases are played at once; as many as there are cores unless given
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The plugin
    #[arg(long, value_name = "FILE", env = "ACTGATE_WASM")]
    wasm: Option<PathBuf>,
    #[command(flatten)]
    scrutiny: ScrutinyArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The gate alone
    Native,
    /// The plugin in the wasmtime host
    Wasm,
    /// Both; where they differ, the case fails
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Failures and a summary
    Text,
    /// One JSON document
    Json,
    /// JUnit XML
    Junit,
}

pub(crate) fn test(args: &TestArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let cases = find_cases(&args.targets).and_then(|files| read_cases(files, args.filter.as_deref()));
    let cases = match cases {
        Ok(cases) => cases,
        Err(findings) => return refuse(args, &findings, terminal),
    };
    if cases.is_empty() {
        terminal
            .fail(&format!("no case has `{}` in its name", args.filter.as_deref().unwrap_or_default()))?;
        return Ok(ExitCode::BadInput);
    }
    let module = match args.engine {
        Engine::Native => None,
        Engine::Wasm | Engine::Both => match plugin(args) {
            Ok(module) => Some(module),
            Err(message) => {
                terminal.fail(&message)?;
                return Ok(ExitCode::BadInput);
            }
        },
    };
    let suite = Suite::new(module);
    let report = play(args, &suite, &cases, terminal)?;
    let mut scrutiny = args.scrutiny.scrutinise(&suite, &cases, jobs(args), terminal)?;
    match args.format {
        Format::Text => {
            write_failures(&mut *terminal.out, &report, terminal.out_style)?;
            scrutiny.write_text(terminal)?;
            write_summary(&mut *terminal.out, &report, terminal.out_style)?;
        }
        Format::Json => write_json(&mut *terminal.out, Ok(&report), scrutiny.json())?,
        Format::Junit => write_junit(&mut *terminal.out, Ok(&report))?,
    }
    terminal.out.flush()?;
    let shortfalls = scrutiny.shortfalls(&args.scrutiny);
    for shortfall in &shortfalls {
        terminal.fail(shortfall)?;
    }
    Ok(match report.failed() {
        0 if shortfalls.is_empty() => ExitCode::Fine,
        _ if report.is_bad_input() => ExitCode::BadInput,
        _ => ExitCode::CheckFailed,
    })
}

fn jobs(args: &TestArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    args.jobs.map_or(cores, NonZero::get)
}

fn play(args: &TestArgs, suite: &Suite, cases: &[NamedCase], terminal: &mut Terminal) -> io::Result<Report> {
    let jobs = jobs(args);
    let mut line = terminal.progress();
    let report = run(suite, cases, Engines::from(args.engine), jobs, &mut |progress| {
        let failed =
            if progress.failed == 0 { String::new() } else { format!(", {} failed", progress.failed) };
        line.show(&format!("{} of {} cases{failed}", progress.done, progress.total));
    });
    line.clear()?;
    Ok(report)
}

/// Files that are wrong: nothing was played.
fn refuse(args: &TestArgs, findings: &[Diagnostic], terminal: &mut Terminal) -> io::Result<ExitCode> {
    match args.format {
        Format::Text => terminal.complain(findings)?,
        Format::Json => write_json(&mut *terminal.out, Err(findings), Map::new())?,
        Format::Junit => write_junit(&mut *terminal.out, Err(findings))?,
    }
    terminal.out.flush()?;
    Ok(ExitCode::BadInput)
}

fn plugin(args: &TestArgs) -> Result<Module, String> {
    artifact::find(args.wasm.as_deref())
        .and_then(|file| artifact::load(&file))
        .map_err(|error| format!("{error}\n  help: {}", error.help()))
}

// === impl Engines ===

impl From<Engine> for Engines {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Native => Self::Native,
            Engine::Wasm => Self::Wasm,
            Engine::Both => Self::Both,
        }
    }
}
