//! Requests of the plugin's own: to the service that people approve in, or for key sets.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Response, body::Incoming};
use tokio::time::timeout;

use super::{instance::World, manager, pipe::pipe, upstream::Pool};
use crate::host::{Callout, CalloutOutcome, Headers, Section};

/// A grant or a key set has some KiB; what is longer than this is neither.
const MAX_ANSWER: usize = 1 << 20;

/// Carries a callout out, once, as the client of an Envoy cluster does: a host that is not there or late is a response
/// of the proxy's own, and what breaks off is none.
pub(super) async fn carry_out(callout: &Callout, world: &World, pool: &Pool) -> CalloutOutcome {
    let asked = ask(callout, world, pool);
    if callout.timeout == 0 {
        return asked.await;
    }
    let limit = Duration::from_millis(callout.timeout.into());
    timeout(limit, asked)
        .await
        .unwrap_or_else(|_elapsed| CalloutOutcome::response(504, "upstream request timeout"))
}

async fn ask(callout: &Callout, world: &World, pool: &Pool) -> CalloutOutcome {
    let unhealthy = || CalloutOutcome::response(503, "no healthy upstream");
    let Some(upstream) = world.upstreams.get(&callout.cluster) else { return unhealthy() };
    let (sink, flow) = pipe();
    sink.push(callout.body.clone());
    sink.finish();
    let path = callout.headers.text(":path").unwrap_or_default();
    let Some(request) = upstream.request(&callout.headers, path, flow) else {
        return CalloutOutcome::response(400, "Bad Request");
    };
    match pool.send(upstream, request).await {
        Ok(response) => read(response).await,
        Err(failure) => CalloutOutcome::response(failure.status(), failure.to_string()),
    }
}

async fn read(response: Response<Incoming>) -> CalloutOutcome {
    let (parts, mut body) = response.into_parts();
    let status = (b":status".to_vec(), parts.status.as_str().as_bytes().to_vec());
    let fields = std::iter::once(status).chain(manager::fields(&parts.headers));
    let headers = Headers::received(Section::Response, fields);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return CalloutOutcome::Reset };
        let data = frame.into_data().unwrap_or_else(|_trailers| Bytes::new());
        if bytes.len().saturating_add(data.len()) > MAX_ANSWER {
            return CalloutOutcome::Reset;
        }
        bytes.extend_from_slice(&data);
    }
    CalloutOutcome::Response { headers, body: bytes, trailers: Headers::default() }
}
