//! The functions that a module exports.

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use super::super::{module::Module, state::Host};

/// A function that a module may have.
type Export<P, R> = Option<TypedFunc<P, R>>;

/// What can be called. A module need not have all of it.
pub(in super::super) struct Callbacks {
    create: Export<(u32, u32), ()>,
    vm_start: Export<(u32, u32), u32>,
    configure: Export<(u32, u32), u32>,
    tick: Export<u32, ()>,
    queue_ready: Export<(u32, u32), ()>,
    http_call_response: Export<(u32, u32, u32, u32, u32), ()>,
    headers: [Export<(u32, u32, u32), u32>; 2],
    body: [Export<(u32, u32, u32), u32>; 2],
    trailers: [Export<(u32, u32), u32>; 2],
    done: Export<u32, u32>,
    log: Export<u32, ()>,
    delete: Export<u32, ()>,
}

// === impl Callbacks ===

impl Callbacks {
    /// Makes an instance and runs its initialisation.
    pub(super) fn start(module: &Module, store: &mut Store<Host>) -> wasmtime::Result<Self> {
        let instance = module.instance().instantiate(&mut *store)?;
        let memory = instance
            .get_memory(&mut *store, "memory")
            .ok_or_else(|| wasmtime::Error::msg("it exports no memory"))?;
        let allocate = match find(&instance, store, "proxy_on_memory_allocate")? {
            Some(allocate) => Some(allocate),
            None => find(&instance, store, "malloc")?,
        };
        let host = store.data_mut();
        host.memory = Some(memory);
        host.allocate = allocate;
        for name in ["_initialize", "_start"] {
            if let Some(start) = find::<(), ()>(&instance, store, name)? {
                start.call(&mut *store, ())?;
                break;
            }
        }
        Ok(Self {
            create: find(&instance, store, "proxy_on_context_create")?,
            vm_start: find(&instance, store, "proxy_on_vm_start")?,
            configure: find(&instance, store, "proxy_on_configure")?,
            tick: find(&instance, store, "proxy_on_tick")?,
            queue_ready: find(&instance, store, "proxy_on_queue_ready")?,
            http_call_response: find(&instance, store, "proxy_on_http_call_response")?,
            headers: [
                find(&instance, store, "proxy_on_request_headers")?,
                find(&instance, store, "proxy_on_response_headers")?,
            ],
            body: [
                find(&instance, store, "proxy_on_request_body")?,
                find(&instance, store, "proxy_on_response_body")?,
            ],
            trailers: [
                find(&instance, store, "proxy_on_request_trailers")?,
                find(&instance, store, "proxy_on_response_trailers")?,
            ],
            done: find(&instance, store, "proxy_on_done")?,
            log: find(&instance, store, "proxy_on_log")?,
            delete: find(&instance, store, "proxy_on_delete")?,
        })
    }

    pub(in super::super) fn create(&self, store: &mut Store<Host>, ids: (u32, u32)) -> wasmtime::Result<u32> {
        run(self.create.as_ref(), store, ids)
    }

    pub(super) fn vm_start(&self, store: &mut Store<Host>, arguments: (u32, u32)) -> wasmtime::Result<u32> {
        ask(self.vm_start.as_ref(), store, arguments, 1)
    }

    pub(super) fn configure(&self, store: &mut Store<Host>, arguments: (u32, u32)) -> wasmtime::Result<u32> {
        ask(self.configure.as_ref(), store, arguments, 1)
    }

    pub(super) fn tick(&self, store: &mut Store<Host>, context: u32) -> wasmtime::Result<u32> {
        run(self.tick.as_ref(), store, context)
    }

    pub(super) fn queue_ready(
        &self,
        store: &mut Store<Host>,
        arguments: (u32, u32),
    ) -> wasmtime::Result<u32> {
        run(self.queue_ready.as_ref(), store, arguments)
    }

    pub(super) fn http_call_response(
        &self,
        store: &mut Store<Host>,
        arguments: (u32, u32, u32, u32, u32),
    ) -> wasmtime::Result<u32> {
        run(self.http_call_response.as_ref(), store, arguments)
    }

    pub(in super::super) fn headers(
        &self,
        store: &mut Store<Host>,
        response: bool,
        arguments: (u32, u32, u32),
    ) -> wasmtime::Result<u32> {
        let [request, of_response] = &self.headers;
        ask((if response { of_response } else { request }).as_ref(), store, arguments, 0)
    }

    pub(in super::super) fn body(
        &self,
        store: &mut Store<Host>,
        response: bool,
        arguments: (u32, u32, u32),
    ) -> wasmtime::Result<u32> {
        let [request, of_response] = &self.body;
        ask((if response { of_response } else { request }).as_ref(), store, arguments, 0)
    }

    pub(in super::super) fn trailers(
        &self,
        store: &mut Store<Host>,
        response: bool,
        arguments: (u32, u32),
    ) -> wasmtime::Result<u32> {
        let [request, of_response] = &self.trailers;
        ask((if response { of_response } else { request }).as_ref(), store, arguments, 0)
    }

    pub(in super::super) fn done(&self, store: &mut Store<Host>, context: u32) -> wasmtime::Result<u32> {
        ask(self.done.as_ref(), store, context, 1)
    }

    pub(in super::super) fn log(&self, store: &mut Store<Host>, context: u32) -> wasmtime::Result<u32> {
        run(self.log.as_ref(), store, context)
    }

    pub(in super::super) fn delete(&self, store: &mut Store<Host>, context: u32) -> wasmtime::Result<u32> {
        run(self.delete.as_ref(), store, context)
    }
}

/// An export of this name; one of another type is an error.
fn find<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<Host>,
    name: &str,
) -> wasmtime::Result<Option<TypedFunc<P, R>>> {
    match instance.get_func(&mut *store, name) {
        Some(function) => function.typed(&*store).map(Some),
        None => Ok(None),
    }
}

fn run<P: WasmParams>(
    function: Option<&TypedFunc<P, ()>>,
    store: &mut Store<Host>,
    arguments: P,
) -> wasmtime::Result<u32> {
    match function {
        Some(function) => function.call(store, arguments).map(|()| 0),
        None => Ok(0),
    }
}

/// What the module says, or what it says by not being able to.
fn ask<P: WasmParams>(
    function: Option<&TypedFunc<P, u32>>,
    store: &mut Store<Host>,
    arguments: P,
    absent: u32,
) -> wasmtime::Result<u32> {
    match function {
        Some(function) => function.call(store, arguments),
        None => Ok(absent),
    }
}
