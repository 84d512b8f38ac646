//! Shared data and shared queues.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    guest::serve,
    state::{Deferred, Host},
    status::Status,
};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_get_shared_data",
        |caller: Caller<'_, Host>, key: u32, key_size: u32, data: u32, size: u32, cas: u32| {
            serve(caller, "proxy_get_shared_data", |guest| {
                let key = guest.read(key, key_size)?;
                let host = guest.host();
                let (value, counter) = host.shared.get(&host.plugin.vm_id, &key).ok_or(Status::NotFound)?;
                guest.give(&value, data, size)?;
                Ok(guest.write_u32(cas, counter)?)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_shared_data",
        |caller: Caller<'_, Host>, key: u32, key_size: u32, data: u32, size: u32, cas: u32| {
            serve(caller, "proxy_set_shared_data", |guest| {
                let key = guest.read(key, key_size)?;
                let value = guest.read(data, size)?;
                let host = guest.host();
                Ok(host.shared.set(&host.plugin.vm_id, &key, &value, cas)?)
            })
        },
    )?;
    link_queues(linker)
}

fn link_queues(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_register_shared_queue",
        |caller: Caller<'_, Host>, name: u32, name_size: u32, token: u32| {
            serve(caller, "proxy_register_shared_queue", |guest| {
                let name = guest.read(name, name_size)?;
                let host = guest.host();
                let number = host.shared.register(&host.plugin.vm_id, &name);
                host.queues.insert(number);
                Ok(guest.write_u32(token, number)?)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_resolve_shared_queue",
        |caller: Caller<'_, Host>, vm_id: u32, vm_id_size: u32, name: u32, name_size: u32, token: u32| {
            serve(caller, "proxy_resolve_shared_queue", |guest| {
                let vm_id = guest.read_text(vm_id, vm_id_size)?;
                let name = guest.read(name, name_size)?;
                let host = guest.host();
                let vm_id = if vm_id.is_empty() { &host.plugin.vm_id } else { &vm_id };
                let number = host.shared.resolve(vm_id, &name).ok_or(Status::NotFound)?;
                Ok(guest.write_u32(token, number)?)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_enqueue_shared_queue",
        |caller: Caller<'_, Host>, token: u32, data: u32, size: u32| {
            serve(caller, "proxy_enqueue_shared_queue", |guest| {
                let value = guest.read(data, size)?;
                let host = guest.host();
                host.shared.enqueue(token, &value)?;
                if host.queues.contains(&token) {
                    host.deferred.push_back(Deferred::QueueReady(token));
                }
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_dequeue_shared_queue",
        |caller: Caller<'_, Host>, token: u32, data: u32, size: u32| {
            serve(caller, "proxy_dequeue_shared_queue", |guest| {
                let value = guest.host().shared.dequeue(token)?;
                guest.give(&value, data, size)
            })
        },
    )?;
    Ok(())
}
