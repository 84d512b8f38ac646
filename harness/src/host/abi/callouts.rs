//! Requests of the module's own.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    guest::serve,
    headers::{Headers, Section},
    pairs,
    state::{Callout, Host},
    status::Status,
};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_http_call",
        |caller: Caller<'_, Host>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout: u32,
         token: u32| {
            serve(caller, "proxy_http_call", |guest| {
                let callout = Callout {
                    token: 0,
                    stream: None,
                    cluster: guest.read_text(cluster, cluster_size)?,
                    headers: fields(Section::Request, &guest.read(headers, headers_size)?),
                    body: guest.read(body, body_size)?,
                    trailers: fields(Section::RequestTrailers, &guest.read(trailers, trailers_size)?),
                    timeout,
                };
                guest.write_u32(token, 0)?;
                if i32::try_from(timeout).is_err() {
                    return Err(Status::BadArgument.into());
                }
                let number = guest.host().call(callout)?;
                Ok(guest.write_u32(token, number)?)
            })
        },
    )?;
    link_grpc(linker)
}

/// gRPC is not for this host: nothing here calls it, and a module that does is told so.
fn link_grpc(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_grpc_call",
        |caller: Caller<'_, Host>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32| serve(caller, "proxy_grpc_call", |_| Err(Status::Unimplemented.into())),
    )?;
    linker.func_wrap(
        ENV,
        "proxy_grpc_stream",
        |caller: Caller<'_, Host>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            serve(caller, "proxy_grpc_stream", |_| Err(Status::Unimplemented.into()))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_grpc_send",
        |caller: Caller<'_, Host>, _: u32, _: u32, _: u32, _: u32| {
            serve(caller, "proxy_grpc_send", |_| Err(Status::Unimplemented.into()))
        },
    )?;
    for import in ["proxy_grpc_cancel", "proxy_grpc_close"] {
        linker.func_wrap(ENV, import, move |caller: Caller<'_, Host>, _: u32| {
            serve(caller, import, |_| Err(Status::Unimplemented.into()))
        })?;
    }
    Ok(())
}

fn fields(section: Section, block: &[u8]) -> Headers {
    Headers::received(section, pairs::parse(block))
}
