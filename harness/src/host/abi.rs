//! The imports of the ABI, by area. A module that imports anything else is not loaded, as in Envoy.

mod buffers;
mod callouts;
mod general;
mod maps;
mod metrics;
mod sharing;
mod streams;
mod wasi;

use wasmtime::Linker;

use super::state::Host;

/// The module that proxy-wasm functions are imported from.
const ENV: &str = "env";

/// Gives a linker everything.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    general::link(linker)?;
    maps::link(linker)?;
    buffers::link(linker)?;
    streams::link(linker)?;
    callouts::link(linker)?;
    sharing::link(linker)?;
    metrics::link(linker)?;
    wasi::link(linker)
}
