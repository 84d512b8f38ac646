//! The hostcalls, with their statuses.

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

/// A name and a value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// What to do where the host asks for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Give,
    Refuse,
    Trap,
}

thread_local! {
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::Give) };
    static TAG: RefCell<String> = const { RefCell::new(String::new()) };
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, data: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        out: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, out: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, start: u32, max: u32, out: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: u32, length: u32, data: *const u8, size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc: u32,
    ) -> u32;
    fn proxy_continue_stream(kind: u32) -> u32;
    fn proxy_close_stream(kind: u32) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, out: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_get_status(code: *mut u32, out: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        out: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, size: usize, cas: u32)
    -> u32;
    fn proxy_register_shared_queue(name: *const u8, size: usize, token: *mut u32) -> u32;
    fn proxy_resolve_shared_queue(
        vm: *const u8,
        vm_size: usize,
        name: *const u8,
        size: usize,
        token: *mut u32,
    ) -> u32;
    fn proxy_dequeue_shared_queue(token: u32, out: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_enqueue_shared_queue(token: u32, data: *const u8, size: usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        data: *const u8,
        size: usize,
        out: *mut *mut u8,
        out_size: *mut usize,
    ) -> u32;
    fn proxy_set_effective_context(id: u32) -> u32;
    fn proxy_done() -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
}

pub(crate) fn allocate(size: usize) -> *mut u8 {
    match MEMORY.replace(Memory::Give) {
        Memory::Give => {
            let mut block = Vec::<u8>::with_capacity(size);
            let data = block.as_mut_ptr();
            std::mem::forget(block);
            data
        }
        Memory::Refuse => null_mut(),
        Memory::Trap => core::arch::wasm32::unreachable(),
    }
}

/// The next block is not to be had.
pub(crate) fn refuse_memory() {
    MEMORY.set(Memory::Refuse);
}

/// Asking for the next block ends the module.
pub(crate) fn trap_on_memory() {
    MEMORY.set(Memory::Trap);
}

/// What the following lines begin with, so that exchanges that run at once can be told apart.
pub(crate) fn tag(tag: &str) {
    TAG.set(tag.to_owned());
}

/// A line that a test looks for. Envoy's log shows warnings.
pub(crate) fn trace(text: &str) {
    const WARN: u32 = 3;
    let line = TAG.with_borrow(|tag| format!("PROBE {tag}{text}"));
    unsafe { proxy_log(WARN, line.as_ptr(), line.len()) };
}

pub(crate) fn log_level() -> u32 {
    let mut level = u32::MAX;
    unsafe { proxy_get_log_level(&raw mut level) };
    level
}

/// What a hostcall gives in memory of ours.
fn taken(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> (u32, Vec<u8>) {
    let (mut data, mut size) = (null_mut::<u8>(), 0usize);
    let status = call(&raw mut data, &raw mut size);
    let bytes = if data.is_null() { Vec::new() } else { unsafe { Vec::from_raw_parts(data, size, size) } };
    (status, bytes)
}

pub(crate) fn header(map: u32, name: &str) -> (u32, Vec<u8>) {
    taken(|data, size| unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size) })
}

pub(crate) fn pairs(map: u32) -> (u32, Vec<Field>) {
    let (status, block) = taken(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) });
    if block.is_empty() {
        return (status, Vec::new());
    }
    let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().expect("four bytes")) as usize;
    let count = word(0);
    let mut at = 4 + count * 8;
    let mut fields = Vec::new();
    for index in 0..count {
        let (name, value) = (word(4 + index * 8), word(8 + index * 8));
        fields.push((block[at..at + name].to_vec(), block[at + name + 1..at + name + 1 + value].to_vec()));
        at += name + value + 2;
    }
    (status, fields)
}

fn serialize(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut block = (fields.len() as u32).to_le_bytes().to_vec();
    for (name, value) in fields {
        block.extend((name.len() as u32).to_le_bytes());
        block.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in fields {
        block.extend(name);
        block.push(0);
        block.extend(value);
        block.push(0);
    }
    block
}

pub(crate) fn assign(map: u32, fields: &[(Vec<u8>, Vec<u8>)]) -> u32 {
    let block = serialize(fields);
    unsafe { proxy_set_header_map_pairs(map, block.as_ptr(), block.len()) }
}

pub(crate) fn add(map: u32, name: &str, value: &str) -> u32 {
    unsafe { proxy_add_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn replace(map: u32, name: &str, value: &str) -> u32 {
    unsafe { proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn remove(map: u32, name: &str) -> u32 {
    unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) }
}

pub(crate) fn buffer(kind: u32, start: u32, max: u32) -> (u32, Vec<u8>) {
    taken(|data, size| unsafe { proxy_get_buffer_bytes(kind, start, max, data, size) })
}

pub(crate) fn put(kind: u32, start: u32, length: u32, text: &str) -> u32 {
    unsafe { proxy_set_buffer_bytes(kind, start, length, text.as_ptr(), text.len()) }
}

pub(crate) fn reply(status: u32, details: &str, body: &str, fields: &[(Vec<u8>, Vec<u8>)], grpc: u32) -> u32 {
    let headers = serialize(fields);
    unsafe {
        proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc,
        )
    }
}

pub(crate) fn continue_stream(kind: u32) -> u32 {
    unsafe { proxy_continue_stream(kind) }
}

pub(crate) fn close_stream(kind: u32) -> u32 {
    unsafe { proxy_close_stream(kind) }
}

pub(crate) fn property(path: &str) -> (u32, Vec<u8>) {
    taken(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

pub(crate) fn set_property(path: &str, value: &str) -> u32 {
    unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn call(cluster: &str, path: &str, timeout: u32) -> (u32, u32) {
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut fields = vec![field(":method", "POST"), field(":authority", "callout")];
    if path != "-" {
        fields.push(field(":path", path));
    }
    let headers = serialize(&fields);
    let (body, trailers) = ("question", serialize(&[]));
    let mut token = 0;
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut token,
        )
    };
    (status, token)
}

pub(crate) fn status() -> String {
    let mut code = 0;
    let (status, message) = taken(|data, size| unsafe { proxy_get_status(&raw mut code, data, size) });
    format!("{status} {code} `{}`", String::from_utf8_lossy(&message))
}

pub(crate) fn shared_data(key: &str) -> (u32, Vec<u8>, u32) {
    let mut cas = 0;
    let (status, value) = taken(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
    });
    (status, value, cas)
}

pub(crate) fn set_shared_data(key: &str, value: &str, cas: u32) -> u32 {
    unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) }
}

pub(crate) fn register_queue(name: &str) -> (u32, u32) {
    let mut token = 0;
    let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut token) };
    (status, token)
}

pub(crate) fn resolve_queue(vm: &str, name: &str) -> (u32, u32) {
    let mut token = 0;
    let status = unsafe {
        proxy_resolve_shared_queue(vm.as_ptr(), vm.len(), name.as_ptr(), name.len(), &raw mut token)
    };
    (status, token)
}

pub(crate) fn dequeue(token: u32) -> (u32, Vec<u8>) {
    taken(|data, size| unsafe { proxy_dequeue_shared_queue(token, data, size) })
}

pub(crate) fn enqueue(token: u32, value: &str) -> u32 {
    unsafe { proxy_enqueue_shared_queue(token, value.as_ptr(), value.len()) }
}

pub(crate) fn define_metric(kind: u32, name: &str) -> (u32, u32) {
    let mut id = 0;
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    (status, id)
}

pub(crate) fn increment_metric(id: u32, offset: i64) -> u32 {
    unsafe { proxy_increment_metric(id, offset) }
}

pub(crate) fn record_metric(id: u32, value: u64) -> u32 {
    unsafe { proxy_record_metric(id, value) }
}

pub(crate) fn metric(id: u32) -> (u32, u64) {
    let mut value = 0;
    let status = unsafe { proxy_get_metric(id, &raw mut value) };
    (status, value)
}

pub(crate) fn foreign(name: &str, argument: &[u8]) -> (u32, Vec<u8>) {
    taken(|data, size| unsafe {
        proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), data, size)
    })
}

pub(crate) fn set_effective_context(id: u32) -> u32 {
    unsafe { proxy_set_effective_context(id) }
}

pub(crate) fn done() -> u32 {
    unsafe { proxy_done() }
}

pub(crate) fn set_tick_period(milliseconds: u32) -> u32 {
    unsafe { proxy_set_tick_period_milliseconds(milliseconds) }
}
