//! Signatures by the host's own cryptography, where it proves to have it.

use actgate_authz::Cryptography;

use crate::host;

/// Lets the host show what it can do, and says so: which way signatures are checked is an operator's business.
pub(crate) fn of_host() -> Cryptography {
    let cryptography = Cryptography::of_host(verify_signature);
    let names: Vec<&str> = cryptography.of_the_host().map(|algorithm| algorithm.name()).collect();
    if names.is_empty() {
        host::warn("actgate: the host's verify_signature is absent or wrong; signatures are checked in wasm");
    } else {
        host::info(&format!("actgate: the host checks signatures of {}", names.join(" and ")));
    }
    cryptography
}

fn verify_signature(message: &[u8]) -> Option<Vec<u8>> {
    actgate_abi::call_foreign_function("verify_signature", message).ok()
}
