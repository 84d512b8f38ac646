//! The part of WASI that Envoy has (proxy-wasm-cpp-host, `exports.cc`): no files, no network, the log as output.

use wasmtime::{Caller, Linker};

use crate::host::{
    guest::{Guest, serve_wasi},
    state::{Host, LogLevel},
    status::{Refusal, Status},
};

const WASI: &str = "wasi_snapshot_preview1";

/// Numbers of `__wasi_errno_t`.
const SUCCESS: u32 = 0;
const BAD_FILE: u32 = 8;
const INVALID: u32 = 28;
const NOT_IMPLEMENTED: u32 = 52;
const NOT_SUPPORTED: u32 = 58;

/// Envoy's bound for one call of `random_get`.
const MAX_RANDOM: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        WASI,
        "fd_write",
        |caller: Caller<'_, Host>, file: u32, parts: u32, count: u32, written: u32| {
            serve_wasi(caller, "fd_write", |guest| write(guest, file, parts, count, written))
        },
    )?;
    linker.func_wrap(WASI, "random_get", |caller: Caller<'_, Host>, at: u32, size: u32| {
        serve_wasi(caller, "random_get", |guest| {
            if size > MAX_RANDOM {
                return Ok(INVALID);
            }
            let mut bytes = vec![0; usize::try_from(size).map_err(|_| Status::BadArgument)?];
            guest.host().entropy.fill(&mut bytes);
            guest.write(at, &bytes)?;
            Ok(SUCCESS)
        })
    })?;
    link_clock(linker)?;
    link_environment(linker)?;
    link_files(linker)?;
    linker.func_wrap(WASI, "sched_yield", |caller: Caller<'_, Host>| {
        serve_wasi(caller, "sched_yield", |_| Ok(SUCCESS))
    })?;
    linker.func_wrap(WASI, "poll_oneoff", |caller: Caller<'_, Host>, _: u32, _: u32, _: u32, _: u32| {
        serve_wasi(caller, "poll_oneoff", |_| Ok(NOT_IMPLEMENTED))
    })?;
    // Envoy only notes it. What follows in a module is a trap.
    linker.func_wrap(WASI, "proc_exit", |mut caller: Caller<'_, Host>, _: u32| {
        caller.data_mut().usage.count_hostcall("proc_exit");
    })?;
    Ok(())
}

fn write(guest: &mut Guest<'_, '_>, file: u32, parts: u32, count: u32, written: u32) -> Result<u32, Refusal> {
    let level = match file {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Ok(BAD_FILE),
    };
    let mut text = Vec::new();
    for index in 0..count {
        let part = index.checked_mul(8).and_then(|offset| parts.checked_add(offset));
        let part = part.ok_or(Status::InvalidMemoryAccess)?;
        let at = guest.read_u32(part)?;
        let size = guest.read_u32(part.checked_add(4).ok_or(Status::InvalidMemoryAccess)?)?;
        text.extend(guest.read(at, size)?);
    }
    let size = u32::try_from(text.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    if !text.is_empty() {
        guest.host().write_log(level, text.strip_suffix(b"\n").unwrap_or(&text));
    }
    guest.write_u32(written, size)?;
    Ok(SUCCESS)
}

fn link_clock(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(WASI, "clock_time_get", |caller: Caller<'_, Host>, clock: u32, _: u64, time: u32| {
        serve_wasi(caller, "clock_time_get", |guest| {
            // Realtime and monotonic are the same here: the caller's.
            if clock > 1 {
                return Ok(NOT_SUPPORTED);
            }
            let now = guest.host().now;
            guest.write_u64(time, now)?;
            Ok(SUCCESS)
        })
    })?;
    linker.func_wrap(WASI, "clock_res_get", |caller: Caller<'_, Host>, clock: u32, resolution: u32| {
        serve_wasi(caller, "clock_res_get", |guest| {
            if clock > 1 {
                return Ok(NOT_SUPPORTED);
            }
            guest.write_u64(resolution, 1)?;
            Ok(SUCCESS)
        })
    })?;
    Ok(())
}

fn link_environment(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(WASI, "environ_sizes_get", |caller: Caller<'_, Host>, count: u32, size: u32| {
        serve_wasi(caller, "environ_sizes_get", |guest| {
            let variables = variables(guest);
            let sum: usize = variables.iter().map(Vec::len).sum();
            guest.write_u32(count, u32::try_from(variables.len()).unwrap_or(u32::MAX))?;
            guest.write_u32(size, u32::try_from(sum).unwrap_or(u32::MAX))?;
            Ok(SUCCESS)
        })
    })?;
    linker.func_wrap(WASI, "environ_get", |caller: Caller<'_, Host>, pointers: u32, bytes: u32| {
        serve_wasi(caller, "environ_get", |guest| {
            let (mut pointer, mut at) = (pointers, bytes);
            for variable in variables(guest) {
                guest.write_u32(pointer, at)?;
                guest.write(at, &variable)?;
                let size = u32::try_from(variable.len()).map_err(|_| Status::InvalidMemoryAccess)?;
                at = at.checked_add(size).ok_or(Status::InvalidMemoryAccess)?;
                pointer = pointer.checked_add(4).ok_or(Status::InvalidMemoryAccess)?;
            }
            Ok(SUCCESS)
        })
    })?;
    linker.func_wrap(WASI, "args_sizes_get", |caller: Caller<'_, Host>, count: u32, size: u32| {
        serve_wasi(caller, "args_sizes_get", |guest| {
            guest.write_u32(count, 0)?;
            guest.write_u32(size, 0)?;
            Ok(SUCCESS)
        })
    })?;
    linker.func_wrap(WASI, "args_get", |caller: Caller<'_, Host>, _: u32, _: u32| {
        serve_wasi(caller, "args_get", |_| Ok(SUCCESS))
    })?;
    Ok(())
}

/// The environment, each variable ended by a NUL.
fn variables(guest: &mut Guest<'_, '_>) -> Vec<Vec<u8>> {
    let plugin = &guest.host().plugin;
    plugin.environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn link_files(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(WASI, "fd_read", |caller: Caller<'_, Host>, _: u32, _: u32, _: u32, _: u32| {
        serve_wasi(caller, "fd_read", |_| Ok(NOT_IMPLEMENTED))
    })?;
    linker.func_wrap(WASI, "fd_seek", |caller: Caller<'_, Host>, _: u32, _: i64, _: u32, _: u32| {
        serve_wasi(caller, "fd_seek", |_| Ok(SUCCESS))
    })?;
    linker.func_wrap(WASI, "fd_close", |caller: Caller<'_, Host>, _: u32| {
        serve_wasi(caller, "fd_close", |_| Ok(SUCCESS))
    })?;
    linker.func_wrap(WASI, "fd_fdstat_get", |caller: Caller<'_, Host>, file: u32, stat: u32| {
        serve_wasi(caller, "fd_fdstat_get", |guest| {
            if file != 1 && file != 2 {
                return Ok(BAD_FILE);
            }
            /// `__WASI_RIGHTS_FD_WRITE`, in the middle of three words.
            const WRITE: u64 = 64;
            for word in [0, WRITE, 0].into_iter().enumerate() {
                let offset = u32::try_from(word.0).unwrap_or_default().saturating_mul(8);
                guest.write_u64(stat.checked_add(offset).ok_or(Status::InvalidMemoryAccess)?, word.1)?;
            }
            Ok(SUCCESS)
        })
    })?;
    Ok(())
}
