//! Bodies and configurations.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    guest::serve,
    state::{CalloutOutcome, Deferred, Host},
    status::Status,
    stream::{Direction, part},
};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_get_buffer_bytes",
        |caller: Caller<'_, Host>, kind: u32, start: u32, length: u32, data: u32, size: u32| {
            serve(caller, "proxy_get_buffer_bytes", |guest| {
                let bytes =
                    read(guest.host(), kind, |bytes| part(bytes, start, length).map(<[u8]>::to_vec))??;
                // Of nothing, Envoy writes not even the size.
                if bytes.is_empty() { Ok(()) } else { guest.give(&bytes, data, size) }
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_buffer_status",
        |caller: Caller<'_, Host>, kind: u32, size: u32, flags: u32| {
            serve(caller, "proxy_get_buffer_status", |guest| {
                let length = read(guest.host(), kind, <[u8]>::len)?;
                guest.write_u32(size, u32::try_from(length).unwrap_or(u32::MAX))?;
                Ok(guest.write_u32(flags, 0)?)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_buffer_bytes",
        |caller: Caller<'_, Host>, kind: u32, start: u32, length: u32, data: u32, size: u32| {
            serve(caller, "proxy_set_buffer_bytes", |guest| {
                let data = guest.read(data, size)?;
                let index = |number: u32| usize::try_from(number).map_err(|_| Status::BadArgument);
                let (start, length) = (index(start)?, index(length)?);
                let host = guest.host();
                let direction = match kind {
                    0 => Direction::Request,
                    1 => Direction::Response,
                    _ => return Err(Status::BadArgument.into()),
                };
                let (context, limit) = (host.context(), host.plugin.buffer_limit);
                let stream = host.stream_mut().ok_or(Status::BadArgument)?;
                let before = stream.message(direction).overflows(limit);
                stream.buffer(direction).put(start, length, &data)?;
                if !before && stream.message(direction).overflows(limit) {
                    host.deferred.push_back(Deferred::TooLarge(context, direction));
                }
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// Looks at a buffer.
fn read<T>(host: &mut Host, kind: u32, look: impl FnOnce(&[u8]) -> T) -> Result<T, Status> {
    match kind {
        0 | 1 => {
            let direction = if kind == 0 { Direction::Request } else { Direction::Response };
            match host.stream_mut() {
                Some(stream) => Ok(look(stream.buffer(direction).bytes())),
                None => Ok(look(&[])),
            }
        }
        // Connections are not for HTTP filters, and there is no gRPC and no call data: empty.
        2 | 3 | 5 | 8 => Ok(look(&[])),
        4 => match &host.callout_outcome {
            Some(CalloutOutcome::Response { body, .. }) => Ok(look(body)),
            Some(CalloutOutcome::Reset) | None => Err(Status::NotFound),
        },
        6 => Ok(look(&host.plugin.vm_configuration)),
        7 if host.configuring => Ok(look(&host.plugin.configuration)),
        7 => Err(Status::NotFound),
        _ => Err(Status::BadArgument),
    }
}
