//! `actgate ledger`

mod chain;
mod checkpoint;
mod entry;
mod export;
mod filter;
mod gap;
mod source;
mod verify;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use actgate_ledger::{Export, Format as ExportFormat};
use clap::{Args, Subcommand, ValueEnum};

use self::filter::Filter;
use self::source::{Source, SourceError};
use super::client::Service;
use super::visible::visible;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// How often `--follow` looks.
const PACE: Duration = Duration::from_millis(500);

/// Read, count, export and check the ledger
///
/// Of the service (actgate-control) that gateways send their records to, or, with --log, of a gateway's own log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate ledger tail --log .run/ledger.jsonl --follow
  actgate ledger search --agent demo/spiffe://demo/agent/coder --decision deny --since 2026-11-24T00:00:00Z
  actgate ledger gap --task CHG-1
  actgate ledger export --format csv > ledger.csv
  actgate ledger export --format ocsf --log .run/ledger.jsonl > ocsf.jsonl
  actgate ledger verify --key ledger-keys.json --log .run/ledger.jsonl")]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    verb: LedgerVerb,
    #[command(flatten)]
    service: Service,
    /// A gateway's own log (JSON lines) instead of the service; for `verify`, those of several gateways
    #[arg(long, global = true, value_name = "FILE")]
    log: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum LedgerVerb {
    /// The newest records, oldest of them first
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Go on with what comes
        #[arg(short, long)]
        follow: bool,
        #[command(flatten)]
        filter: Filter,
    },
    /// Records that match, newest first (of a log: in its order)
    Search {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// How to print: a line each, or the records themselves
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        filter: Filter,
    },
    /// What was attempted and what was executed, by agent and action: the difference is what an agent tried
    Gap {
        /// How to print
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        filter: Filter,
    },
    /// Everything that matches, for other programs
    Export {
        /// As what
        #[arg(long, value_parser = export::format(), default_value = ExportFormat::Jsonl.name())]
        format: ExportFormat,
        #[command(flatten)]
        filter: Filter,
    },
    /// Follow every chain of the service, hold it against its checkpoints and against the gateways' own logs
    ///
    /// Without the service (--log alone, --log-only) the log itself: every line a record, each id once, each with an outcome.
    #[command(
        after_help = "Exit codes: 0 all of it holds, 1 something does not, 2 nothing could be checked."
    )]
    Verify {
        /// The service's key of checkpoints (GET /v1/keys/ledger), as it was known before; without it the service's own word
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Check the log alone
        #[arg(long, requires = "log")]
        log_only: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn ledger(args: &LedgerArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    match run(args, terminal) {
        Ok(code) => Ok(code),
        Err(SourceError::Output(error)) => Err(error),
        Err(error) => {
            terminal.fail(&visible(&error.to_string()))?;
            Ok(if error.is_refusal() { ExitCode::CheckFailed } else { ExitCode::BadInput })
        }
    }
}

fn run(args: &LedgerArgs, terminal: &mut Terminal) -> Result<ExitCode, SourceError> {
    if let LedgerVerb::Verify { key, log_only } = &args.verb {
        let client = if *log_only { None } else { Some(args.service.connect()?) };
        return verify::verify(client.as_ref(), key.as_deref(), &args.log, terminal);
    }
    let mut source = match args.log.as_slice() {
        [path] => Source::log(path)?,
        [] => Source::service(args.service.connect()?),
        [_, _, ..] => {
            return Err(SourceError::Log("one log at a time: only `verify` takes several".to_owned()));
        }
    };
    match &args.verb {
        LedgerVerb::Tail { lines, follow, filter } => {
            for entry in source.newest(filter, *lines)? {
                writeln!(terminal.out, "{}", entry.line())?;
            }
            if *follow {
                loop {
                    terminal.out.flush()?;
                    thread::sleep(PACE);
                    for entry in source.more(filter)? {
                        writeln!(terminal.out, "{}", entry.line())?;
                    }
                }
            }
        }
        LedgerVerb::Search { limit, format, filter } => {
            let mut left = *limit;
            source.each(filter, &mut |entry| {
                match format {
                    _ if left == 0 => return Ok(false),
                    Format::Text => writeln!(terminal.out, "{}", entry.line())?,
                    Format::Json => writeln!(terminal.out, "{}", entry.raw)?,
                }
                left = left.saturating_sub(1);
                Ok(left > 0)
            })?;
        }
        LedgerVerb::Gap { format, filter } => {
            let mut gap = gap::Gap::default();
            source.each(filter, &mut |entry| {
                gap.count(&entry.record);
                Ok(true)
            })?;
            match format {
                Format::Text => gap.write_text(&mut terminal.out)?,
                Format::Json => writeln!(terminal.out, "{:#}", gap.json())?,
            }
        }
        LedgerVerb::Export { format, filter } => {
            let mut export = Export::new(*format);
            terminal.out.write_all(export.begin().as_bytes())?;
            source.each(filter, &mut |entry| {
                let text = export.record(&entry.raw, export::place(entry))?;
                terminal.out.write_all(text.as_bytes())?;
                Ok(true)
            })?;
            terminal.out.write_all(export.end()?.as_bytes())?;
        }
        LedgerVerb::Verify { .. } => {}
    }
    terminal.out.flush()?;
    Ok(ExitCode::Fine)
}
