//! A filter for probing hosts of the proxy-wasm ABI 0.2.1.
//!
//! Its configuration is a script: for each scenario and callback, what to do. A request names its scenario in
//! `x-scenario`. Every callback and every hostcall leaves a line in the log, with the status that the host gave, so
//! that two hosts can be compared line by line.
//!
//! ```text
//! scenario hold-body
//! request_headers: return 1
//! request_body: body 0 0 100; return 1
//! request_body end: put 0 0 100 changed
//! ```
//!
//! `callback end:` is for the call that says that nothing follows, `callback 2:` for the second one of the stream.
//!
//! A request can also bring its own script, in `x-script` with `|` between the lines, and a word in `x-tag` that its
//! lines in the log then begin with.

mod host;
mod operation;
mod script;
mod state;

use state::{Context, STATE};

const ROOT: u32 = 1;

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
    STATE.with_borrow_mut(|state| state.contexts.insert(id, Context::default()));
    host::tag("");
    // Root contexts are made once per worker, and once more on the main thread: nothing to compare.
    if parent != 0 {
        host::trace("create");
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_id: u32, _size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(_id: u32, _size: usize) -> u32 {
    let (status, text) = host::buffer(7, 0, u32::MAX);
    if status != 0 {
        return 0;
    }
    match script::Script::parse(&String::from_utf8_lossy(&text)) {
        Ok(script) => {
            STATE.with_borrow_mut(|state| {
                state.script = script;
                state.contexts.entry(ROOT).or_default().scenario = "configure".to_owned();
            });
            operation::callback(ROOT, "configure", "", true);
            1
        }
        Err(why) => {
            host::trace(&why);
            0
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _count: usize, end: u32) -> u32 {
    let text = |name| String::from_utf8_lossy(&host::header(0, name).1).into_owned();
    let (scenario, script, tag) = (text("x-scenario"), text("x-script"), text("x-tag"));
    STATE.with_borrow_mut(|state| {
        let context = state.contexts.entry(id).or_default();
        context.scenario = scenario;
        if !script.is_empty() {
            context.script = script::Script::parse(&script.replace('|', "\n")).ok();
        }
        if !tag.is_empty() {
            context.tag = format!("#{tag} ");
        }
    });
    operation::callback(id, "request_headers", &format!("end={end}"), end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end: u32) -> u32 {
    operation::callback(id, "request_body", &format!("size={size} end={end}"), end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, count: usize) -> u32 {
    operation::callback(id, "request_trailers", &format!("count={count}"), true)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _count: usize, end: u32) -> u32 {
    operation::callback(id, "response_headers", &format!("end={end}"), end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, end: u32) -> u32 {
    operation::callback(id, "response_body", &format!("size={size} end={end}"), end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, count: usize) -> u32 {
    operation::callback(id, "response_trailers", &format!("count={count}"), true)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    _root: u32,
    token: u32,
    headers: usize,
    size: usize,
    trailers: usize,
) {
    let caller = STATE.with_borrow_mut(|state| state.calls.remove(&token)).unwrap_or(ROOT);
    // A response has headers of its host's making: there are some, or there are none.
    let arguments = format!("headers={} size={size} trailers={trailers}", headers > 0);
    operation::speak_for(caller);
    if caller != ROOT {
        host::trace(&format!("effective -> {}", host::set_effective_context(caller)));
    }
    operation::callback(caller, "call_response", &arguments, true);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(_root: u32) {
    host::set_tick_period(0);
    for id in STATE.with_borrow_mut(|state| std::mem::take(&mut state.timers)) {
        operation::speak_for(id);
        host::trace(&format!("effective -> {}", host::set_effective_context(id)));
        operation::callback(id, "tick", "", true);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(_root: u32, _token: u32) {
    host::trace("queue_ready");
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    operation::callback(id, "log", "", true);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(id: u32) -> u32 {
    operation::callback(id, "done", "", true);
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    operation::callback(id, "delete", "", true);
    STATE.with_borrow_mut(|state| {
        state.contexts.remove(&id);
        state.timers.retain(|own| *own != id);
    });
}
