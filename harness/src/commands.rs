//! The verbs.

mod approvals;
mod build;
mod catalog;
mod check;
mod client;
mod completions;
mod explain;
mod grant;
mod ledger;
mod mint;
mod replay;
mod scrutiny;
mod serve;
mod test;
mod visible;

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
    Catalog(catalog::CatalogArgs),
    Check(check::CheckArgs),
    Completions(completions::CompletionsArgs),
    Explain(Box<explain::ExplainArgs>),
    Grant(grant::GrantArgs),
    Ledger(Box<ledger::LedgerArgs>),
    Mint(Box<mint::MintArgs>),
    Replay(replay::ReplayArgs),
    Serve(Box<serve::ServeArgs>),
    Test(test::TestArgs),
}

// === impl Cli ===

impl Cli {
    pub(crate) fn run(self, terminal: &mut Terminal) -> io::Result<ExitCode> {
        match self.verb {
            Verb::Approvals(args) => approvals::approvals(&args, terminal),
            Verb::Build(args) => build::build(&args, terminal),
            Verb::Catalog(args) => catalog::catalog(&args, terminal),
            Verb::Check(args) => check::check(&args, terminal),
            Verb::Completions(args) => completions::completions(&args, terminal),
            Verb::Explain(args) => explain::explain(&args, terminal),
            Verb::Grant(args) => grant::grant(&args, terminal),
            Verb::Ledger(args) => ledger::ledger(&args, terminal),
            Verb::Mint(args) => mint::mint(&args, terminal),
            Verb::Replay(args) => replay::replay(&args, terminal),
            Verb::Serve(args) => serve::serve(*args, terminal),
            Verb::Test(args) => test::test(&args, terminal),
        }
    }
}
