//! Metrics.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{guest::serve, state::Host};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_define_metric",
        |caller: Caller<'_, Host>, kind: u32, name: u32, name_size: u32, id: u32| {
            serve(caller, "proxy_define_metric", |guest| {
                let name = guest.read_text(name, name_size)?;
                let number = guest.host().metrics.define(kind, &name)?;
                Ok(guest.write_u32(id, number)?)
            })
        },
    )?;
    linker.func_wrap(ENV, "proxy_increment_metric", |caller: Caller<'_, Host>, id: u32, offset: i64| {
        serve(caller, "proxy_increment_metric", |guest| Ok(guest.host().metrics.increment(id, offset)?))
    })?;
    linker.func_wrap(ENV, "proxy_record_metric", |caller: Caller<'_, Host>, id: u32, value: u64| {
        serve(caller, "proxy_record_metric", |guest| Ok(guest.host().metrics.record(id, value)?))
    })?;
    linker.func_wrap(ENV, "proxy_get_metric", |caller: Caller<'_, Host>, id: u32, value: u32| {
        serve(caller, "proxy_get_metric", |guest| {
            let number = guest.host().metrics.get(id)?;
            Ok(guest.write_u64(value, number)?)
        })
    })?;
    Ok(())
}
