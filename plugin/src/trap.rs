//! A fault on demand, for the test of what happens after one. Compiled in by the feature `trap` alone, which no shipped
//! module has: a module that has it says so, and `tests/tests/e2e_trap.rs` looks for those words.

/// The header that asks for it. Names that begin with `x-actgate-` are taken off before a request goes on.
const HEADER: &[u8] = b"x-test-trap";

/// When a request asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// Before its decision.
    Before,
    /// When it is decided and let go.
    After,
}

/// Says what kind of module this is.
pub(crate) fn announce() {
    crate::host::warn("actgate: this module has a fault on demand, for tests alone");
}

/// Traps, if the headers ask for it at this moment.
pub(crate) fn on_demand(headers: &[(&[u8], &[u8])], now: Trap) {
    let wish = headers.iter().find(|(name, _)| *name == HEADER).map(|(_, value)| *value);
    let moment = match wish {
        Some(b"before") => Trap::Before,
        Some(b"after") => Trap::After,
        Some(_) | None => return,
    };
    if moment == now {
        std::process::abort();
    }
}
