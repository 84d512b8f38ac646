//! The `actgate` command.

mod commands;
mod exit;
mod terminal;

use std::io::{self, Write as _};

use clap::Parser as _;

use exit::ExitCode;
use terminal::Terminal;

fn main() -> ExitCode {
    let command = commands::Cli::parse();
    let mut terminal = Terminal::of_process();
    let ended = command.run(&mut terminal).and_then(|code| terminal.out.flush().map(|()| code));
    match ended {
        Ok(code) => code,
        // Whoever read our output has enough of it, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Fine,
        Err(error) => {
            // Nothing is left to tell it to where this fails too.
            terminal.fail(&format!("cannot write: {error}")).unwrap_or_default();
            ExitCode::BadInput
        }
    }
}
