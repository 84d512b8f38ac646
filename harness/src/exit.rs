//! How the command ends.

use std::process::Termination;

/// The process's exit code; 2 is also what a wrong command line ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// 0: as asked; warnings may have been written.
    Fine,
    /// 1: what was checked does not hold.
    CheckFailed,
    /// 2: a file or an argument is wrong, so nothing was checked.
    BadInput,
}

// === impl ExitCode ===

impl Termination for ExitCode {
    fn report(self) -> std::process::ExitCode {
        match self {
            Self::Fine => std::process::ExitCode::from(0),
            Self::CheckFailed => std::process::ExitCode::from(1),
            Self::BadInput => std::process::ExitCode::from(2),
        }
    }
}
