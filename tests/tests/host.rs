//! The wasmtime host with modules that do what a plugin must never do, and the code cache.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test panics, and says so"
)]

use std::{fs, path::PathBuf, time::Duration};

use actgate_harness::host::{
    CalloutOutcome, End, Entropy, Event, Headers, Module, ModuleError, ModuleOptions, Plugin, Request,
    Shared, StreamId, Vm, VmError,
};
use tempfile::TempDir;

const SECOND: u64 = 1_000_000_000;

/// A module with these items besides what every module has.
fn text(items: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "env" "proxy_http_call" (func $call
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $act_for (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            {items})"#
    );
    wat::parse_str(text).expect("a module")
}

fn compile(items: &str, deadline: Option<Duration>) -> Module {
    let options = ModuleOptions { deadline, ..ModuleOptions::default() };
    Module::compile(&text(items), &options).expect("a module")
}

fn load(module: &Module, plugin: Plugin) -> Result<Vm, VmError> {
    Vm::load(module, plugin, Shared::new(), Entropy::seeded(1), SECOND)
}

fn plugin() -> Plugin {
    Plugin::new("test", "")
}

fn head() -> Headers {
    Headers::new([(":method", "GET"), (":path", "/"), (":authority", "test"), (":scheme", "http")])
}

fn open(vm: &mut Vm) -> StreamId {
    vm.open(std::iter::empty())
}

/// The status of the response among events.
fn status(events: &[Event]) -> &str {
    match events {
        [Event::ResponseHeaders { headers, .. }, ..] => headers.text(":status").expect("a status"),
        others => panic!("no response: {others:?}"),
    }
}

struct Nobody;

impl actgate_harness::host::Upstream for Nobody {
    fn answer(&mut self, _: &actgate_harness::host::Forwarded) -> actgate_harness::host::Answer {
        panic!("nothing may get here");
    }
}

fn exchange(vm: &mut Vm) -> actgate_harness::host::Exchange {
    vm.exchange(Request { headers: head(), ..Request::default() }, &mut Nobody)
}

#[test]
fn a_vm_can_be_driven_from_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<Vm>();
    is_send::<Module>();
}

#[test]
fn a_callback_that_does_not_return_is_ended() {
    let module = compile(
        r#"(func $spins (loop $again (br $again)))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $spins) (i32.const 0))"#,
        Some(Duration::from_millis(50)),
    );
    let done = exchange(&mut load(&module, plugin()).unwrap());
    assert_eq!(done.client.unwrap().status(), 503);
    let failure = done.failure.unwrap();
    assert!(failure.starts_with("proxy_on_request_headers: wasm trap: interrupt"), "{failure}");
    assert!(failure.contains("in spins"), "{failure}");
}

#[test]
fn so_is_a_configuration_that_does_not_end() {
    let module = compile(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (loop $again (br $again)) (i32.const 1))"#,
        Some(Duration::from_millis(50)),
    );
    let why = load(&module, plugin()).unwrap_err().to_string();
    assert!(why.contains("proxy_on_configure: wasm trap: interrupt"), "{why}");
}

/// Both functions are named, the loop's turns are the inner one's, and nothing is counted that was not executed.
#[test]
fn a_trace_says_where_instructions_are_spent() {
    let items = r#"(func $spins (local i32) (loop $again
            (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000)))))
        (func $asks (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $spins) (call $spins) (i32.const 0))"#;
    let options = ModuleOptions { trace: true, ..ModuleOptions::default() };
    let mut vm = load(&Module::compile(&text(items), &options).unwrap(), plugin()).unwrap();
    assert!(vm.trace().is_none());
    vm.take_usage();
    let stream = open(&mut vm);
    vm.request_headers(stream, head(), true);
    let executed = vm.take_usage().fuel.unwrap();
    let functions = vm.trace().unwrap().functions();
    let [spins, asks] = functions.as_slice() else { panic!("{functions:?}") };
    assert_eq!((spins.function.as_str(), asks.function.as_str()), ("spins", "asks"));
    // Seven instructions a turn.
    assert!((13_990..14_020).contains(&spins.own), "{functions:?}");
    assert_eq!(spins.own, spins.inclusive);
    assert_eq!(asks.inclusive, spins.own + asks.own);
    assert!(asks.inclusive <= executed && executed < asks.inclusive + 10, "{executed}: {functions:?}");
}

#[test]
fn every_callback_has_its_own_deadline() {
    let module = compile(r#"(func (export "proxy_on_tick") (param i32))"#, Some(Duration::from_millis(50)));
    let mut vm = load(&module, plugin()).unwrap();
    // Longer than the deadline from the first to the last.
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(200) {
        vm.tick();
    }
    assert_eq!(vm.failure(), None);
}

#[test]
fn a_trap_is_told_with_the_functions_that_it_happened_in() {
    let module = compile(
        r#"(func $deepest unreachable)
           (func $middle (call $deepest))
           (func $outer (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $middle) (i32.const 0))"#,
        None,
    );
    let failure = exchange(&mut load(&module, plugin()).unwrap()).failure.unwrap();
    let told = "proxy_on_request_headers: wasm trap: wasm `unreachable` instruction executed\n  \
                in deepest\n  in middle\n  in outer";
    assert_eq!(failure, told);
}

#[test]
fn memory_is_bounded() {
    // 100 pages more; and whether they are there.
    let module = compile(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
              (i32.ne (memory.grow (i32.const 100)) (i32.const -1)))"#,
        None,
    );
    let bounded = |pages: usize| Plugin { memory_limit: pages * 65536, ..plugin() };
    let vm = load(&module, bounded(101)).unwrap();
    assert_eq!(vm.memory_size(), 101 * 65536);
    assert!(matches!(load(&module, bounded(100)), Err(VmError::Refused(_))));
    assert!(matches!(load(&module, bounded(0)), Err(VmError::Failed(_))), "not even what it begins with");
}

#[test]
fn what_is_no_plugin_is_refused() {
    let refused = |bytes: &[u8]| match Module::compile(bytes, &ModuleOptions::default()) {
        Err(ModuleError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(b"#!/bin/sh").contains("magic"));
    let none = wat::parse_str("(module)").unwrap();
    assert!(refused(&none).contains("proxy_abi_version_0_2_1"));
    let stranger = r#"(import "env" "proxy_launch_missiles" (func))"#;
    let stranger = wat::parse_str(format!(
        r#"(module {stranger} (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#
    ));
    assert!(refused(&stranger.unwrap()).contains("proxy_launch_missiles"));
}

/// Traps where there is a body, holds everything else.
const TRAPS_ON_BODY: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) unreachable)"#;

#[test]
fn streams_that_a_dead_module_held_are_refused_and_not_forgotten() {
    let module = compile(TRAPS_ON_BODY, None);
    let mut vm = load(&module, plugin()).unwrap();
    let (first, second, third) = (open(&mut vm), open(&mut vm), open(&mut vm));
    for stream in [first, second, third] {
        vm.request_headers(stream, head(), false);
    }
    assert_eq!(vm.ready(), []);
    vm.request_data(first, b"x".to_vec(), true);
    assert_eq!(status(&vm.take_events(first)), "503");
    assert!(vm.failure().is_some());

    // Before the back-off is over, and after it.
    vm.request_data(second, b"x".to_vec(), true);
    assert_eq!(vm.ready(), [second]);
    assert_eq!(status(&vm.take_events(second)), "503");
    vm.set_time(2 * SECOND);
    let fourth = open(&mut vm);
    assert_eq!((vm.failure(), vm.reloads()), (None, 1));
    assert!(![first, second, third].contains(&fourth));
    vm.request_data(third, b"x".to_vec(), true);
    assert_eq!(status(&vm.take_events(third)), "503");
    assert_eq!(vm.failure(), None, "the new module has nothing to do with it");
    for stream in [first, second, third] {
        assert!(vm.is_ended(stream));
        assert_eq!(vm.close(stream).code, Some(503));
    }
}

#[test]
fn a_reload_that_fails_is_tried_again() {
    // The first byte of randomness decides whether it starts, and whether it lives.
    let items = r#"
        (func $byte (result i32)
            (drop (call $random (i32.const 0) (i32.const 1)))
            (i32.and (i32.load8_u (i32.const 0)) (i32.const 1)))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $byte))
        (func (export "proxy_on_tick") (param i32) unreachable)"#;
    let module = compile(items, None);
    let mut bytes = [1, 0, 0, 1].into_iter();
    let entropy = Entropy::new(move |place| place.fill(bytes.next().expect("no more starts")));
    let mut vm = Vm::load(&module, plugin(), Shared::new(), entropy, SECOND).unwrap();
    vm.tick();
    for (second, reloads) in [(2, 0), (3, 0), (4, 1)] {
        vm.set_time(second * SECOND);
        open(&mut vm);
        // At once, there is no other attempt.
        open(&mut vm);
        assert_eq!((vm.failure().is_none(), vm.reloads()), (reloads == 1, reloads), "{second}");
    }
}

/// Asks about every head, and lets the stream go when the answer comes. Cluster and fields are in the memory.
fn asks(continues: &str) -> String {
    format!(
        r#"(data (i32.const 0) "answers")
           (data (i32.const 16) "\03\00\00\00\05\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\0a\00\00\00\01\00\00\00:path\00/\00:method\00GET\00:authority\00a\00")
           (global $asked (mut i32) (i32.const 0))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
              (global.set $asked (local.get 0))
              (drop (call $call (i32.const 0) (i32.const 7) (i32.const 16) (i32.const 61) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 512)))
              (i32.const 1))
           (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
              (drop (call $act_for (global.get $asked)))
              {continues})"#
    )
}

fn asking(module: &Module) -> Vm {
    let mut plugin = plugin();
    plugin.clusters.insert("answers".to_owned(), true);
    load(module, plugin).unwrap()
}

#[test]
fn an_answer_lets_another_stream_go() {
    let module = compile(&asks("(drop (call $continue (i32.const 0)))"), None);
    let mut vm = asking(&module);
    let stream = open(&mut vm);
    vm.request_headers(stream, head(), true);
    let callouts = vm.take_callouts();
    assert_eq!((callouts.len(), callouts[0].cluster.as_str()), (1, "answers"));
    assert_eq!(vm.ready(), []);
    vm.answer_callout(callouts[0].token, CalloutOutcome::response(200, ""));
    assert_eq!(vm.ready(), [stream]);
    assert!(matches!(vm.take_events(stream)[..], [Event::RequestHeaders { end: true, .. }]));
    // Twice is once.
    vm.answer_callout(callouts[0].token, CalloutOutcome::response(200, ""));
    assert_eq!((vm.ready(), vm.failure()), (Vec::new(), None));
}

#[test]
fn an_answer_to_a_dead_module_is_none_to_its_successor() {
    let module = compile(&asks("unreachable"), None);
    let mut vm = asking(&module);
    let (old, other) = (open(&mut vm), open(&mut vm));
    vm.request_headers(old, head(), true);
    vm.request_headers(other, head(), true);
    let tokens: Vec<u32> = vm.take_callouts().into_iter().map(|callout| callout.token).collect();
    vm.answer_callout(tokens[0], CalloutOutcome::Reset);
    assert!(vm.failure().is_some());
    vm.set_time(2 * SECOND);
    let fresh = open(&mut vm);
    vm.request_headers(fresh, head(), true);
    let callout = vm.take_callouts().pop_front().unwrap();
    assert!(!tokens.contains(&callout.token));
    vm.answer_callout(tokens[1], CalloutOutcome::Reset);
    assert_eq!(vm.failure(), None);
}

#[test]
fn a_body_that_is_held_back_is_not_read_on() {
    // Holds all, and lets the proxy push back.
    let module = compile(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 4))"#,
        None,
    );
    let mut vm = load(&module, Plugin { buffer_limit: 10, ..plugin() }).unwrap();
    let stream = open(&mut vm);
    vm.request_headers(stream, head(), false);
    vm.request_data(stream, vec![b'x'; 10], false);
    assert!(vm.takes_request_data(stream));
    vm.request_data(stream, vec![b'x'; 1], false);
    assert!(!vm.takes_request_data(stream));
    assert!(vm.takes_response_data(stream));
    assert!(!vm.is_ended(stream), "that is no error");
    vm.resume_request(stream);
    assert!(vm.takes_request_data(stream));
    let [Event::RequestHeaders { .. }, Event::RequestData { data, .. }] = &vm.take_events(stream)[..] else {
        panic!("head and body are let go");
    };
    assert_eq!(data.len(), 11);
}

#[test]
fn a_stream_that_was_closed_is_gone() {
    let module = compile("", None);
    let mut vm = load(&module, plugin()).unwrap();
    let stream = open(&mut vm);
    vm.request_headers(stream, head(), false);
    assert_eq!(vm.close(stream).details.as_deref(), Some("downstream_remote_disconnect"));
    vm.request_data(stream, b"x".to_vec(), true);
    vm.response_headers(stream, Headers::new([(":status", "200")]), true);
    assert!(vm.is_ended(stream) && vm.ready().is_empty() && vm.take_events(stream).is_empty());
    let exchange = exchange_that_hangs(&mut vm);
    assert_eq!(exchange.end, End::Hangs);
}

fn exchange_that_hangs(vm: &mut Vm) -> actgate_harness::host::Exchange {
    struct Silent;
    impl actgate_harness::host::Upstream for Silent {
        fn answer(&mut self, _: &actgate_harness::host::Forwarded) -> actgate_harness::host::Answer {
            actgate_harness::host::Answer::Silence
        }
    }
    vm.exchange(Request { headers: head(), ..Request::default() }, &mut Silent)
}

/// A module that lives in a cache, and the one file of code there.
fn cached(folder: &TempDir) -> PathBuf {
    let options = ModuleOptions { cache: Some(folder.path().to_owned()), ..ModuleOptions::default() };
    let module = Module::compile(&text(TRAPS_ON_BODY), &options).expect("a module");
    assert_eq!(load(&module, plugin()).unwrap().failure(), None);
    let versions = fs::read_dir(folder.path().join("wasmtime/modules")).unwrap();
    let files = versions.flat_map(|version| fs::read_dir(version.unwrap().path()).unwrap());
    let code = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_none());
    let code: Vec<PathBuf> = code.collect();
    assert_eq!(code.len(), 1, "{code:?}");
    code[0].clone()
}

#[test]
fn compiled_code_is_used_again() {
    let folder = TempDir::new().unwrap();
    let file = cached(&folder);
    let date = fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(fs::metadata(cached(&folder)).unwrap().modified().unwrap(), date);
}

#[test]
fn compiled_code_that_is_damaged_is_not_used() {
    let folder = TempDir::new().unwrap();
    let file = cached(&folder);
    let whole = fs::read(&file).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    let damaged = [Vec::new(), b"not code".to_vec(), whole[..middle].to_vec(), flipped, {
        let mut longer = whole.clone();
        longer.push(0);
        longer
    }];
    for bytes in damaged {
        fs::write(&file, &bytes).unwrap();
        assert_eq!(cached(&folder), file);
        assert_ne!(fs::read(&file).unwrap(), bytes);
    }
}

#[cfg(unix)]
#[test]
fn compiled_code_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    cached(&folder);
    let mode = fs::metadata(folder.path().join("wasmtime/modules")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn a_cache_that_cannot_be_used_is_not() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let options = ModuleOptions { cache: Some(file), ..ModuleOptions::default() };
    assert!(Module::compile(&text(""), &options).is_ok());
}
