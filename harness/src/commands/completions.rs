//! `actgate completions`

use std::io;

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::Cli;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Print what a shell completes this command with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  actgate completions bash > ~/.local/share/bash-completion/completions/actgate
  actgate completions zsh > \"${fpath[1]}/_actgate\"
  actgate completions fish > ~/.config/fish/completions/actgate.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    // The generator panics where it cannot write, as into a closed pipe; this cannot fail.
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "actgate", &mut script);
    terminal.out.write_all(&script)?;
    Ok(ExitCode::Fine)
}
