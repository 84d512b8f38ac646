//! Proxy-Wasm ABI 0.2.1 hostcalls as [`Result`]s.
//!
//! The SDK's own getters panic on a status they do not expect and on header values that are no UTF-8, and a panic is a
//! trap that refuses every stream of the worker. These do not: whatever the host says comes back as an [`Error`].
//! Registration and dispatch stay the SDK's.
//!
//! Source: proxy-wasm/spec, abi-versions/v0.2.1.

pub mod body;
mod pairs;
mod shared;

pub use pairs::Pairs;
pub use shared::{ABSENT, Shared, replace_shared_data, set_shared_data, shared_data};

/// The host refused a call, or answered in a form that is not the ABI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Which hostcall.
    pub call: &'static str,
    /// The status it gave; `None` for an answer of a wrong form.
    pub status: Option<u32>,
}

/// Which header map (`proxy_map_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MapType {
    /// The request's header fields, pseudo-headers included.
    RequestHeaders = 0,
    /// The answer's header fields, `:status` included.
    ResponseHeaders = 2,
    /// The header fields of a callout's answer, `:status` included.
    CalloutHeaders = 6,
}

/// Which buffer (`proxy_buffer_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum BufferType {
    /// The request body as buffered so far.
    RequestBody = 0,
    /// What has come of the answer's body, with what is held of it.
    ResponseBody = 1,
    /// The body of a callout's answer.
    CalloutBody = 4,
    /// The plugin's `configuration`.
    PluginConfiguration = 7,
}

/// What kind of metric (`proxy_metric_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MetricType {
    /// Only grows.
    Counter = 0,
    /// Is set.
    Gauge = 1,
}

/// How loud a log line is (`proxy_log_level_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum LogLevel {
    /// Worth reading when looking for something.
    Info = 2,
    /// Worth a look.
    Warn = 3,
    /// Needs one.
    Error = 4,
}

#[expect(unsafe_code, reason = "the ABI is a C ABI")]
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

/// Writes a line to the proxy's log. A line that the host refuses has nowhere else to go.
pub fn log(level: LogLevel, message: &str) {
    #[expect(unsafe_code, reason = "hostcall; the host reads `message` during the call only")]
    let _status: u32 = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The host's wall clock in nanoseconds since the Unix epoch.
///
/// # Errors
/// The host refused.
pub fn current_time() -> Result<u64, Error> {
    let mut nanos = 0u64;
    #[expect(unsafe_code, reason = "hostcall; the host writes one u64 to a live local")]
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut nanos) };
    check("proxy_get_current_time_nanoseconds", status)?;
    Ok(nanos)
}

/// A whole header map in one call.
///
/// # Errors
/// The host refused, or the block is not of the ABI's form.
pub fn header_map(map: MapType) -> Result<Pairs, Error> {
    let mut data = std::ptr::null_mut();
    let mut size = 0usize;
    #[expect(unsafe_code, reason = "hostcall; the host writes pointer and size to live locals")]
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    check("proxy_get_header_map_pairs", status)?;
    Pairs::parse(adopt(data, size)).ok_or(Error { call: "proxy_get_header_map_pairs", status: None })
}

/// Removes every field of a name.
///
/// # Errors
/// The host refused.
pub fn remove_header(map: MapType, name: &str) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall; the host reads `name` during the call only")]
    let status = unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    check("proxy_remove_header_map_value", status)
}

/// Puts one field in place of every field of a name.
///
/// # Errors
/// The host refused.
pub fn set_header(map: MapType, name: &str, value: &str) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall; the host reads both texts during the call only")]
    let status = unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    };
    check("proxy_replace_header_map_value", status)
}

/// At most `max` bytes of a buffer, from `start`.
///
/// # Errors
/// The host refused, or there is no such buffer now.
pub fn buffer(buffer: BufferType, start: usize, max: usize) -> Result<Vec<u8>, Error> {
    let mut data = std::ptr::null_mut();
    let mut size = 0usize;
    #[expect(unsafe_code, reason = "hostcall; the host writes pointer and size to live locals")]
    let status = unsafe { proxy_get_buffer_bytes(buffer as u32, start, max, &raw mut data, &raw mut size) };
    check("proxy_get_buffer_bytes", status)?;
    Ok(adopt(data, size))
}

/// Puts `bytes` in place of `size` bytes of a buffer from `start`. The host takes ranges up to the whole buffer.
///
/// # Errors
/// The host refused, or there is no such buffer now.
pub fn set_buffer(buffer: BufferType, start: usize, size: usize, bytes: &[u8]) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall; the host reads `bytes` during the call only")]
    let status = unsafe { proxy_set_buffer_bytes(buffer as u32, start, size, bytes.as_ptr(), bytes.len()) };
    check("proxy_set_buffer_bytes", status)
}

/// Sets the property `name`, which the host keeps as filter state `wasm.<name>`.
///
/// # Errors
/// The host refused.
pub fn set_property(name: &str, value: &[u8]) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall; the host reads both slices during the call only")]
    let status = unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    check("proxy_set_property", status)
}

/// The property at a path, as the host has it.
///
/// # Errors
/// The host refused, or there is none.
pub fn property(path: &[&str]) -> Result<Vec<u8>, Error> {
    let path = path.join("\0");
    let mut data = std::ptr::null_mut();
    let mut size = 0usize;
    #[expect(unsafe_code, reason = "hostcall; the host reads `path` and writes to live locals")]
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    check("proxy_get_property", status)?;
    Ok(adopt(data, size))
}

/// Lets a request that was paused go on.
///
/// # Errors
/// The host refused.
pub fn continue_request() -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall without pointers")]
    let status = unsafe { proxy_continue_stream(HTTP_REQUEST) };
    check("proxy_continue_stream", status)
}

/// `proxy_stream_type_t` of a request.
const HTTP_REQUEST: u32 = 0;

/// Makes the hostcalls that follow those of another context of this VM.
///
/// # Errors
/// The host refused.
pub fn set_effective_context(context: u32) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall without pointers")]
    let status = unsafe { proxy_set_effective_context(context) };
    check("proxy_set_effective_context", status)
}

/// Calls what the host offers beyond the ABI, by its name. A host that does not know the name refuses.
///
/// # Errors
/// The host refused.
pub fn call_foreign_function(name: &str, argument: &[u8]) -> Result<Vec<u8>, Error> {
    let mut data = std::ptr::null_mut();
    let mut size = 0usize;
    #[expect(
        unsafe_code,
        reason = "hostcall; the host reads both slices during the call and writes two live locals"
    )]
    let status = unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            &raw mut data,
            &raw mut size,
        )
    };
    check("proxy_call_foreign_function", status)?;
    Ok(adopt(data, size))
}

/// Has the root context that is called now ticked once in a period.
///
/// # Errors
/// The host refused.
pub fn set_tick_period(period: std::time::Duration) -> Result<(), Error> {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    #[expect(unsafe_code, reason = "hostcall without pointers")]
    let status = unsafe { proxy_set_tick_period_milliseconds(millis) };
    check("proxy_set_tick_period_milliseconds", status)
}

/// Answers the request here. At most once per stream, and the callback that does it returns `Pause`.
///
/// # Errors
/// The host refused.
pub fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), Error> {
    let headers = pairs::serialize(headers);
    #[expect(unsafe_code, reason = "hostcall; the host reads all slices during the call only")]
    let result = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    check("proxy_send_local_response", result)
}

/// A gRPC status that is not there.
const NO_GRPC_STATUS: i32 = -1;

/// Defines a metric and returns its id.
///
/// # Errors
/// The host refused.
pub fn define_metric(kind: MetricType, name: &str) -> Result<u32, Error> {
    let mut id = 0u32;
    #[expect(unsafe_code, reason = "hostcall; the host writes one u32 to a live local")]
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) };
    check("proxy_define_metric", status)?;
    Ok(id)
}

/// Adds to a counter.
///
/// # Errors
/// The host refused.
pub fn increment_metric(id: u32, by: i64) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall without pointers")]
    let status = unsafe { proxy_increment_metric(id, by) };
    check("proxy_increment_metric", status)
}

/// Sets a gauge.
///
/// # Errors
/// The host refused.
pub fn record_metric(id: u32, value: u64) -> Result<(), Error> {
    #[expect(unsafe_code, reason = "hostcall without pointers")]
    let status = unsafe { proxy_record_metric(id, value) };
    check("proxy_record_metric", status)
}

fn check(call: &'static str, status: u32) -> Result<(), Error> {
    if status == 0 { Ok(()) } else { Err(Error { call, status: Some(status) }) }
}

/// Takes over a block that the host allocated through `proxy_on_memory_allocate`.
fn adopt(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host asks the SDK's allocator for exactly `size` bytes, fills them and gives them away.
    #[expect(unsafe_code, reason = "ABI: ownership of the block passes to the module")]
    unsafe {
        Vec::from_raw_parts(data, size, size)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} gave status {status}", self.call),
            None => write!(f, "{} gave an answer of a wrong form", self.call),
        }
    }
}

impl std::error::Error for Error {}
