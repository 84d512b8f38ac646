//! Header maps and trailers.

use wasmtime::{Caller, Linker};

use super::ENV;
use crate::host::{
    guest::serve,
    headers::{Headers, Section},
    pairs,
    state::{CalloutOutcome, Host},
    status::Status,
    stream::{Direction, Phase},
};

/// The last number of `proxy_map_type_t`.
const LAST_MAP: u32 = 7;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        ENV,
        "proxy_get_header_map_pairs",
        |caller: Caller<'_, Host>, map: u32, data: u32, size: u32| {
            serve(caller, "proxy_get_header_map_pairs", |guest| {
                known(map)?;
                // A map that is not there is an empty one here.
                let block = match readable(guest.host(), map) {
                    Some(headers) if !headers.is_empty() => pairs::serialize(headers.iter()),
                    Some(_) | None => Vec::new(),
                };
                guest.give(&block, data, size)
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_header_map_value",
        |caller: Caller<'_, Host>, map: u32, name: u32, name_size: u32, data: u32, size: u32| {
            serve(caller, "proxy_get_header_map_value", |guest| {
                known(map)?;
                let name = guest.read(name, name_size)?;
                let host = guest.host();
                let in_log = host.stream().is_some_and(|stream| stream.phase == Phase::Log);
                let missing = if in_log { Status::NotFound } else { Status::BadArgument };
                let headers = readable(host, map).ok_or(missing)?;
                let value = headers.first(&name).ok_or(Status::NotFound)?.to_vec();
                guest.give(&value, data, size)
            })
        },
    )?;
    linker.func_wrap(ENV, "proxy_get_header_map_size", |caller: Caller<'_, Host>, map: u32, size: u32| {
        serve(caller, "proxy_get_header_map_size", |guest| {
            known(map)?;
            let headers = writable(guest.host(), map).ok_or(Status::BadArgument)?;
            let sum = headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
            let sum: usize = sum;
            Ok(guest.write_u32(size, u32::try_from(sum).unwrap_or(u32::MAX))?)
        })
    })?;
    linker.func_wrap(
        ENV,
        "proxy_set_header_map_pairs",
        |caller: Caller<'_, Host>, map: u32, data: u32, size: u32| {
            serve(caller, "proxy_set_header_map_pairs", |guest| {
                known(map)?;
                let fields = pairs::parse(&guest.read(data, size)?);
                let section = section(map).ok_or(Status::BadArgument)?;
                writable(guest.host(), map).ok_or(Status::BadArgument)?.assign(section, &fields);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_remove_header_map_value",
        |caller: Caller<'_, Host>, map: u32, name: u32, name_size: u32| {
            serve(caller, "proxy_remove_header_map_value", |guest| {
                known(map)?;
                let name = guest.read(name, name_size)?;
                writable(guest.host(), map).ok_or(Status::BadArgument)?.remove(&name);
                Ok(())
            })
        },
    )?;
    link_edits(linker)
}

fn link_edits(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    type Edit = fn(&mut Headers, Section, &[u8], &[u8]);
    let replace: Edit = |headers, _, name, value| headers.replace(name, value);
    let edits: [(&'static str, Edit); 2] =
        [("proxy_add_header_map_value", Headers::add), ("proxy_replace_header_map_value", replace)];
    for (import, edit) in edits {
        linker.func_wrap(
            ENV,
            import,
            move |caller: Caller<'_, Host>, map: u32, name: u32, name_size: u32, value: u32, size: u32| {
                serve(caller, import, |guest| {
                    known(map)?;
                    let name = guest.read(name, name_size)?;
                    let value = guest.read(value, size)?;
                    let section = section(map).ok_or(Status::BadArgument)?;
                    edit(writable(guest.host(), map).ok_or(Status::BadArgument)?, section, &name, &value);
                    Ok(())
                })
            },
        )?;
    }
    Ok(())
}

fn known(map: u32) -> Result<(), Status> {
    if map > LAST_MAP { Err(Status::BadArgument) } else { Ok(()) }
}

/// Where a map of a stream is: its direction, and whether it is the trailers.
fn place(map: u32) -> Option<(Direction, bool)> {
    match map {
        0 => Some((Direction::Request, false)),
        1 => Some((Direction::Request, true)),
        2 => Some((Direction::Response, false)),
        3 => Some((Direction::Response, true)),
        _ => None,
    }
}

/// Which part of a message a map is, if it is one that can be changed.
fn section(map: u32) -> Option<Section> {
    match map {
        0 => Some(Section::Request),
        1 => Some(Section::RequestTrailers),
        2 => Some(Section::Response),
        3 => Some(Section::ResponseTrailers),
        _ => None,
    }
}

fn readable(host: &Host, map: u32) -> Option<&Headers> {
    if let Some((direction, trailers)) = place(map) {
        return host.stream()?.map(direction, trailers);
    }
    match (map, host.callout_outcome.as_ref()?) {
        (6, CalloutOutcome::Response { headers, .. }) => Some(headers),
        (7, CalloutOutcome::Response { trailers, .. }) => {
            Some(trailers).filter(|trailers| !trailers.is_empty())
        }
        (_, CalloutOutcome::Response { .. } | CalloutOutcome::Reset) => None,
    }
}

fn writable(host: &mut Host, map: u32) -> Option<&mut Headers> {
    let (direction, trailers) = place(map)?;
    host.stream_mut()?.map_mut(direction, trailers)
}
