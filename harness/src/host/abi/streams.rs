//! Answering, holding and breaking off streams.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    guest::serve,
    pairs,
    state::{Deferred, Host},
    status::Status,
    stream::{Direction, LocalReply},
};

/// The last status of gRPC; what is beyond it stands for none.
const LAST_GRPC_STATUS: u32 = 16;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_send_local_response",
        |caller: Caller<'_, Host>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32| {
            serve(caller, "proxy_send_local_response", |guest| {
                let details = guest.read_text(details, details_size)?;
                let reply = LocalReply {
                    status: u16::try_from(status).map_err(|_| Status::BadArgument)?,
                    headers: {
                        let fields = pairs::parse(&guest.read(headers, headers_size)?);
                        fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
                    },
                    body: guest.read(body, body_size)?,
                    // It is a field of the access log.
                    details: details.replace(|c: char| c.is_ascii_whitespace(), "_"),
                    grpc_status: Some(grpc_status).filter(|status| *status <= LAST_GRPC_STATUS),
                };
                let host = guest.host();
                let context = host.context();
                if host.streams.contains_key(&context) {
                    host.deferred.push_back(Deferred::Reply(context, reply));
                }
                host.stopped = true;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(ENV, "proxy_continue_stream", |caller: Caller<'_, Host>, kind: u32| {
        serve(caller, "proxy_continue_stream", |guest| {
            let host = guest.host();
            let context = host.context();
            let direction = match kind {
                0 => Direction::Request,
                1 => Direction::Response,
                // Connections are not for HTTP filters.
                2 => return Ok(()),
                3 => return Err(Status::Unimplemented.into()),
                _ => return Err(Status::BadArgument.into()),
            };
            if let Some(stream) = host.streams.get_mut(&context) {
                stream.hide_request();
                host.deferred.push_back(Deferred::Continue(context, direction));
            }
            Ok(())
        })
    })?;
    linker.func_wrap(ENV, "proxy_close_stream", |caller: Caller<'_, Host>, kind: u32| {
        serve(caller, "proxy_close_stream", |guest| {
            let host = guest.host();
            let context = host.context();
            match kind {
                0 | 1 if host.streams.contains_key(&context) => {
                    host.deferred.push_back(Deferred::Reset(context));
                    Ok(())
                }
                0..=3 => Ok(()),
                _ => Err(Status::BadArgument.into()),
            }
        })
    })?;
    Ok(())
}
