//! Foreign functions: what Envoy offers beyond the ABI.

mod fields;
mod signature;

use self::fields::{Field, parse};
use super::{
    state::{Host, ROOT},
    status::Status,
};

/// Calls one by its name.
pub(super) fn call(host: &mut Host, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
    match name {
        "verify_signature" => signature::verify(argument),
        "declare_property" => declare_property(host, argument),
        // There is one route, and nothing that depends on it is remembered.
        "clear_route_cache" => Ok(Vec::new()),
        _ => Err(Status::NotFound),
    }
}

/// `envoy.source.extensions.common.wasm.DeclarePropertyArguments`: name 1, readonly 2.
fn declare_property(host: &mut Host, argument: &[u8]) -> Result<Vec<u8>, Status> {
    let fields = parse(argument).ok_or(Status::BadArgument)?;
    let mut name = Vec::new();
    let mut read_only = false;
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = bytes.to_vec(),
            (2, Field::Number(value)) => read_only = value != 0,
            (_, Field::Bytes(_) | Field::Number(_)) => {}
        }
    }
    // What a stream declares is nobody's: properties are looked up in the root context.
    if read_only && host.context() == ROOT {
        host.read_only.insert(name);
    }
    Ok(Vec::new())
}
