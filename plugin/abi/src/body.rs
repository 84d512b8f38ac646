//! The callback for a part of a request's body, with the status that the SDK's `Action` lacks.
//!
//! What is paused with `StopIterationAndBuffer` has to fit into the proxy's buffer: beyond it Envoy answers 413. With
//! `StopIterationAndWatermark` it stops reading from the client instead. The SDK's exported callback can return only the
//! former. So the callback of this file calls the SDK's and is put in its place by `make wasm`, which gives each the
//! other's name in the finished module (both are of one length).

use std::cell::Cell;

/// `StopIterationAndBuffer` (`proxy_action_t`, Envoy's `FilterDataStatus`).
const BUFFER: u32 = 1;
/// `StopIterationAndWatermark`.
const WATERMARK: u32 = 2;

thread_local! {
    /// What the callback that runs has said.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Lets the sender wait once the proxy's buffer is full: for a body callback that is about to return `Pause`. What the
/// proxy holds can be read or replaced no more.
pub fn wait_when_full() {
    WAITS.set(true);
}

#[expect(unsafe_code, reason = "the SDK's own callback, which is linked into the same module")]
unsafe extern "C" {
    // INVARIANT: the very types of the SDK's, or the linker puts a trap in its place.
    fn proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32;
}

/// The body callback.
#[expect(unsafe_code, reason = "an export, under the name that `make wasm` looks for")]
#[unsafe(no_mangle)]
pub extern "C" fn gated_on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32 {
    WAITS.set(false);
    #[expect(unsafe_code, reason = "it takes what the proxy gave, as the proxy would call it")]
    let status = unsafe { proxy_on_request_body(context, size, end_of_stream) };
    if status == BUFFER && WAITS.get() { WATERMARK } else { status }
}
