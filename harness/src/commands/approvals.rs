//! `actgate approvals`

mod text;

use std::io::{self, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{ClientError, Service};
use super::visible::visible;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Read and decide what waits for approval
///
/// Talks to an approval service (actgate-control) with a token from its console. What agents wrote is shown with
/// control characters escaped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate approvals list
  actgate approvals show 019f...
  actgate approvals approve 019f... --comment 'compared the commits'
  actgate approvals --as demo/bob@demo list        # a service with --dev-login, on this machine")]
pub(crate) struct ApprovalsArgs {
    #[command(subcommand)]
    verb: ApprovalsVerb,
    #[command(flatten)]
    service: Service,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum ApprovalsVerb {
    /// What is open, newest first
    List {
        /// pending, approved, denied, expired, consumed, revoked or all
        #[arg(long, default_value = "pending")]
        state: String,
    },
    /// One call in full, as it was hashed
    Show {
        /// Its id
        id: String,
    },
    /// Say yes to exactly this call, once
    Approve(Decision),
    /// Say no; the agent sees the comment
    Deny(Decision),
    /// Take back a yes that has not been used
    Revoke(Decision),
}

#[derive(Debug, Args)]
struct Decision {
    /// The approval's id
    id: String,
    /// Why
    #[arg(long)]
    comment: Option<String>,
}

pub(crate) fn approvals(args: &ApprovalsArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    match ask(args) {
        Ok(answer) => {
            match (args.format, &args.verb) {
                (Format::Json, _) => writeln!(terminal.out, "{answer:#}")?,
                (Format::Text, ApprovalsVerb::List { .. }) => text::list(&mut terminal.out, &answer)?,
                (Format::Text, ApprovalsVerb::Show { .. }) => text::full(&mut terminal.out, &answer)?,
                (
                    Format::Text,
                    ApprovalsVerb::Approve(_) | ApprovalsVerb::Deny(_) | ApprovalsVerb::Revoke(_),
                ) => text::decided(&mut terminal.out, &answer)?,
            }
            Ok(ExitCode::Fine)
        }
        Err(error) => {
            terminal.fail(&visible(&error.to_string()))?;
            Ok(if error.is_refusal() { ExitCode::CheckFailed } else { ExitCode::BadInput })
        }
    }
}

fn ask(args: &ApprovalsArgs) -> Result<Value, ClientError> {
    let client = args.service.connect()?;
    let decide = |verb: &str, Decision { id, comment }: &Decision| {
        client.post(&["v1", "approvals", id, verb], &json!({ "comment": comment }))
    };
    match &args.verb {
        ApprovalsVerb::List { state } if state == "all" => client.get(&["v1", "approvals"], &[]),
        ApprovalsVerb::List { state } => client.get(&["v1", "approvals"], &[("state", state)]),
        ApprovalsVerb::Show { id } => client.get(&["v1", "approvals", id], &[]),
        ApprovalsVerb::Approve(decision) => decide("approve", decision),
        ApprovalsVerb::Deny(decision) => decide("deny", decision),
        ApprovalsVerb::Revoke(decision) => decide("revoke", decision),
    }
}
