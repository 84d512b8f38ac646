//! Log, time, timer, properties, foreign functions, contexts.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    foreign,
    guest::serve,
    properties,
    state::{Host, LogLevel, ROOT},
    status::{Refusal, Status},
};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_log", |caller: Caller<'_, Host>, level: u32, at: u32, size: u32| {
        serve(caller, "proxy_log", |guest| {
            let level = LogLevel::from_number(level).ok_or(Status::BadArgument)?;
            let message = guest.read(at, size)?;
            guest.host().write_log(level, &message);
            Ok(())
        })
    })?;
    linker.func_wrap(ENV, "proxy_get_log_level", |caller: Caller<'_, Host>, level: u32| {
        serve(caller, "proxy_get_log_level", |guest| {
            let own = guest.host().plugin.log_level as u32;
            Ok(guest.write_u32(level, own)?)
        })
    })?;
    linker.func_wrap(ENV, "proxy_get_current_time_nanoseconds", |caller: Caller<'_, Host>, time: u32| {
        serve(caller, "proxy_get_current_time_nanoseconds", |guest| {
            let now = guest.host().now;
            Ok(guest.write_u64(time, now)?)
        })
    })?;
    linker.func_wrap(
        ENV,
        "proxy_set_tick_period_milliseconds",
        |caller: Caller<'_, Host>, period: u32| {
            serve(caller, "proxy_set_tick_period_milliseconds", |guest| {
                guest.host().tick_period = period;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_status",
        |caller: Caller<'_, Host>, code: u32, data: u32, size: u32| {
            serve(caller, "proxy_get_status", |guest| {
                let (number, message) = guest.host().status.clone();
                guest.write_u32(code, number)?;
                guest.give(message.as_bytes(), data, size)
            })
        },
    )?;
    link_properties(linker)?;
    link_contexts(linker)?;
    linker.func_wrap(
        ENV,
        "proxy_call_foreign_function",
        |caller: Caller<'_, Host>,
         name: u32,
         name_size: u32,
         data: u32,
         size: u32,
         out: u32,
         out_size: u32| {
            serve(caller, "proxy_call_foreign_function", |guest| {
                let name = guest.read_text(name, name_size)?;
                let argument = guest.read(data, size)?;
                let result = foreign::call(guest.host(), &name, &argument)?;
                if out == 0 || out_size == 0 {
                    return Ok(());
                }
                guest.give(&result, out, out_size)
            })
        },
    )?;
    Ok(())
}

fn link_properties(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_get_property",
        |caller: Caller<'_, Host>, path: u32, path_size: u32, data: u32, size: u32| {
            serve(caller, "proxy_get_property", |guest| {
                let path = guest.read(path, path_size)?;
                let value = properties::get(guest.host(), &path).ok_or(Status::NotFound)?;
                guest.give(&value, data, size)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_property",
        |caller: Caller<'_, Host>, path: u32, path_size: u32, value: u32, size: u32| {
            serve(caller, "proxy_set_property", |guest| {
                let path = guest.read(path, path_size)?;
                let value = guest.read(value, size)?;
                Ok(properties::set(guest.host(), &path, value)?)
            })
        },
    )?;
    Ok(())
}

fn link_contexts(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_set_effective_context", |caller: Caller<'_, Host>, id: u32| {
        serve(caller, "proxy_set_effective_context", |guest| {
            let host = guest.host();
            if id != ROOT && !host.streams.contains_key(&id) {
                return Err(Refusal::Status(Status::BadArgument));
            }
            host.effective = id;
            Ok(())
        })
    })?;
    // Streams end by themselves, and nothing waits for the plugin to be done (performance.md 1.3): only a context
    // that was asked to finish may say so.
    linker.func_wrap(ENV, "proxy_done", |caller: Caller<'_, Host>| {
        serve(caller, "proxy_done", |_| Err(Status::NotFound.into()))
    })?;
    Ok(())
}
