//! `dpop`: which proofs of possession count.

use actgate_token::{Algorithm, DEFAULT_PROOF_SECONDS, Origin, PROOF_SECONDS, ProofRules};
use serde::Deserialize;

use super::{ALGORITHMS, seconds};
use crate::fault::Fault;

/// `dpop` as written. Without it proofs are not checked, and tokens that are bound to a key are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDpop {
    origins: Vec<String>,
    window: Option<String>,
    algorithms: Option<Vec<String>>,
}

/// The most names of one gateway: each proof is compared with them all.
const MAX_ORIGINS: usize = 16;

// === impl RawDpop ===

impl RawDpop {
    pub(super) fn check(self, file: &str, faults: &mut Vec<Fault>) -> ProofRules {
        if self.origins.is_empty() || self.origins.len() > MAX_ORIGINS {
            let message =
                format!("between 1 and {MAX_ORIGINS} origins, under which clients know the gateway");
            faults.push(Fault::at_pointer(file, "/dpop/origins", message));
        }
        let mut origins = Vec::new();
        for (index, text) in self.origins.iter().enumerate() {
            match Origin::parse(text) {
                Ok(origin) => origins.push(origin),
                Err(error) => {
                    let fault = Fault::at_pointer(
                        file,
                        format!("/dpop/origins/{index}"),
                        format!("`{text}` is {error}"),
                    );
                    faults.push(fault);
                }
            }
        }
        let window = seconds(file, "/dpop/window", self.window.as_deref(), DEFAULT_PROOF_SECONDS, faults);
        if !PROOF_SECONDS.contains(&window) {
            let (least, most) = (PROOF_SECONDS.start(), PROOF_SECONDS.end());
            let message = format!("a proof is of use for {least} to {most} seconds");
            faults.push(Fault::at_pointer(file, "/dpop/window", message));
        }
        let mut algorithms = Vec::new();
        for (index, name) in self.algorithms.iter().flatten().enumerate() {
            match name.parse() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(_) => faults.push(
                    Fault::at_pointer(
                        file,
                        format!("/dpop/algorithms/{index}"),
                        format!("`{name}` is not an algorithm that may be used"),
                    )
                    .nearest(name, ALGORITHMS),
                ),
            }
        }
        match self.algorithms {
            None => algorithms = Algorithm::ALL.to_vec(),
            Some(names) if names.is_empty() => {
                faults.push(Fault::at_pointer(
                    file,
                    "/dpop/algorithms",
                    "no algorithm: no proof would count",
                ));
            }
            Some(_) => {}
        }
        ProofRules { origins, algorithms, seconds: window }
    }
}
