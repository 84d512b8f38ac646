//! What stands before the tools: Envoy with the plugin, or `actgate serve`.

use std::net::SocketAddr;

use crate::{envoy::Envoy, serve::Serve, server::Server};

/// Which of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A real Envoy.
    #[default]
    Envoy,
    /// The wasmtime host of `actgate serve`.
    Wasmtime,
}

/// A running gateway.
#[derive(Debug)]
pub enum Gateway {
    /// A real Envoy.
    Envoy(Envoy),
    /// The wasmtime host of `actgate serve`.
    Wasmtime(Serve),
}

// === impl Gateway ===

impl Gateway {
    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.gateway(),
            Self::Wasmtime(serve) => serve.address(),
        }
    }

    /// Envoy's own interface.
    pub fn admin(&self) -> Option<SocketAddr> {
        match self {
            Self::Envoy(envoy) => Some(envoy.admin()),
            Self::Wasmtime(_) => None,
        }
    }

    /// The process, to be watched.
    pub fn server_mut(&mut self) -> &mut Server {
        match self {
            Self::Envoy(envoy) => envoy.server_mut(),
            Self::Wasmtime(serve) => serve.server_mut(),
        }
    }

    /// The process, to be stopped or left running.
    pub fn into_server(self) -> Server {
        match self {
            Self::Envoy(envoy) => envoy.into_server(),
            Self::Wasmtime(serve) => serve.into_server(),
        }
    }
}
