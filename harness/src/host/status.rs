//! What a hostcall answers.

/// `proxy_status_t`, with the numbers that Envoy really uses (proxy-wasm-cpp-host, `WasmResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

/// Why a hostcall does not succeed: with a status that the module sees, or by ending the module.
#[derive(Debug)]
pub(super) enum Refusal {
    Status(Status),
    Trap(wasmtime::Error),
}

// === impl Refusal ===

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<wasmtime::Error> for Refusal {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}
