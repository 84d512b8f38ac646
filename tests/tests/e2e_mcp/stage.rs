//! A gateway before an MCP server, and what is behind it.

use std::collections::BTreeMap;

use actgate_demo::mcp::Mcp;
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};

/// A running gateway with an MCP server behind it.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) mcp: Mcp,
    pub(crate) issuer: Issuer,
    pub(crate) setup: Setup,
}

// === impl Stage ===

impl Stage {
    pub(crate) async fn set() -> Option<Self> {
        let setup = Setup::find(Needs::Mcp)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let mcp = state.mcp().await;
        let nobody = state.upstream(mcp.address());
        let departure = Departure { mcp: Some(mcp.address()), ..Departure::none(&setup, &issuer) };
        let gateway = Gateway::start(state, departure, nobody).await;
        Some(Self { gateway, mcp, issuer, setup })
    }

    /// Every file of the server.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        self.mcp.files().expect("files")
    }

    /// How many requests, and how many connections, the server has got from the gateway.
    pub(crate) async fn passed(&self) -> (u64, u64) {
        let of = async |name| self.gateway.stat(name).await.unwrap_or_default();
        (of("cluster.mcp.upstream_rq_total").await, of("cluster.mcp.upstream_cx_total").await)
    }
}
