//! The verbs.

mod approvals;
mod build;
mod check;
mod mint;

use std::io;

use clap::{Parser, Subcommand};

use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Action-time authorization for the tool calls of AI agents: the developer's side.
#[derive(Debug, Parser)]
#[command(name = "actgate", version, after_help = "Exit codes: 0 fine, 1 a check failed, 2 bad input.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Approvals(approvals::ApprovalsArgs),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Mint(Box<mint::MintArgs>),
}

// === impl Cli ===

impl Cli {
    pub(crate) fn run(self, terminal: &mut Terminal) -> io::Result<ExitCode> {
        match self.verb {
            Verb::Approvals(args) => approvals::approvals(&args, terminal),
            Verb::Build(args) => build::build(&args, terminal),
            Verb::Check(args) => check::check(&args, terminal),
            Verb::Mint(args) => mint::mint(&args, terminal),
        }
    }
}
