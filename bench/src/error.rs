//! Why there are no numbers.

use std::{io, path::PathBuf};

use actgate_demo::error::DemoError;
use actgate_harness::{
    diagnostic::{Diagnostic, Style, write_text},
    mint::MintError,
};

/// Why there are no numbers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// Set-up or a build is missing.
    #[error(transparent)]
    Setup(#[from] DemoError),
    /// The system did not do what it was asked for.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        source: io::Error,
    },
    /// A configuration of the demo does not load.
    #[error("{}", listed(.0))]
    Configuration(Vec<Diagnostic>),
    /// The Envoy template lacks a part.
    #[error("{file}: no {part} in it")]
    Template {
        /// The template.
        file: PathBuf,
        /// The part.
        part: String,
    },
    /// There are no tokens.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A module of our own is wrong.
    #[error("{0}")]
    Module(#[from] wat::Error),
    /// Envoy ended, or never answered as it should.
    #[error("Envoy {what}; the end of its log:\n{log}")]
    Envoy {
        /// What became of it.
        what: String,
        /// Its last lines.
        log: String,
    },
    /// An answer was not the one that the variant is about.
    #[error("variant `{variant}`: {problem}")]
    Answer {
        /// Which variant.
        variant: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The kernel does not tell what is measured.
    #[error("the kernel does not tell {0}")]
    Unmeasurable(&'static str),
    /// A program that is measured is not there.
    #[error("`{}` is not built: `make bench` builds it", .0.display())]
    NotBuilt(PathBuf),
    /// Every cycle was dropped.
    #[error("all cycles were dropped for steal: this machine has no quiet time")]
    NoCycles,
}

impl BenchError {
    /// Says what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    let mut text = Vec::new();
    match write_text(&mut text, diagnostics, Style::Plain) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => error.to_string(),
    }
}
