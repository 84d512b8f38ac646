//! A fault on demand, for the test of what happens after one. Compiled in by the feature `trap` alone, which no shipped
//! module has: `tests/tests/e2e_trap.rs` looks for the name of the header in it.

/// The header that asks for it.
const HEADER: &[u8] = b"x-actgate-test-trap";

/// Traps, if a request asks for it before its decision (`before`) or after it (`after`).
pub(crate) fn on_demand(headers: &[(&[u8], &[u8])], moment: &[u8]) {
    if headers.iter().any(|(name, value)| *name == HEADER && *value == moment) {
        std::process::abort();
    }
}
