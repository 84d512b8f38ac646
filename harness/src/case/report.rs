//! A run in words for people, and in JSON and JUnit XML for machines.

mod json;
mod junit;
mod text;

pub use json::write_json;
pub use junit::write_junit;
pub use text::{write_failures, write_summary};

use super::suite::Engines;

// === impl Engines ===

impl Engines {
    /// The word of the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
            Self::Both => "both",
        }
    }
}

#[cfg(test)]
mod tests;
