//! Ports on loopback.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use crate::error::DemoError;

/// The loopback address at `port`.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that nobody listens on now. Somebody may by the time it is used: whoever starts a server on it
/// tries again with another.
///
/// # Errors
/// [`DemoError::Io`] where no port is free.
pub fn free() -> Result<u16, DemoError> {
    let listener = TcpListener::bind(loopback(0)).map_err(DemoError::io("find a free port"))?;
    let address = listener.local_addr().map_err(DemoError::io("find a free port"))?;
    Ok(address.port())
}

/// The port that `variable` names, or else `default`, if nobody listens there.
///
/// # Errors
/// [`DemoError::PortInvalid`] and [`DemoError::PortTaken`].
pub fn chosen(variable: &'static str, default: u16) -> Result<u16, DemoError> {
    let port = match env::var(variable) {
        Ok(value) if !value.is_empty() => {
            value.parse().map_err(|_| DemoError::PortInvalid { variable, value })?
        }
        Ok(_) | Err(_) => default,
    };
    match TcpListener::bind(loopback(port)) {
        Ok(_) => Ok(port),
        Err(_) => Err(DemoError::PortTaken { port, variable }),
    }
}
