//! The gate without a proxy: what Envoy does around it, in a few lines, with the upstream's answer from the file.

use std::rc::Rc;

use actgate_authz::{
    Authorizer, BodyProgress, Forwarding, Gate, LocalReply, Moment, SharedData, Step, TokenCache,
};
use serde_json::{Value, json};

use super::answering::{Answered, answered};
use super::engine::{Engine, EngineError, Exchange, Outcome, Seen};
use super::memory::Memory;
use super::setup::Setup;

/// Fields of which Envoy makes one where there are several: a filter never sees the second.
const JOINED: [&str; 2] = ["authorization", "content-type"];

/// Plays cases through [`Gate`].
#[derive(Debug)]
pub struct Native<'s> {
    setup: &'s Setup,
    authorizer: &'s Authorizer,
    cache: TokenCache,
    memory: Rc<Memory>,
    count: u32,
}

// === impl Native ===

impl<'s> Native<'s> {
    /// An engine whose token cache is empty.
    pub fn new(setup: &'s Setup) -> Self {
        Self::deciding_by(setup, setup.authorizer())
    }

    /// The same with another authorizer than the setup's own, such as one that lacks a policy. Tokens are still those
    /// of the setup, so its issuers have to be the same.
    pub fn deciding_by(setup: &'s Setup, authorizer: &'s Authorizer) -> Self {
        Self { setup, authorizer, cache: TokenCache::default(), memory: Rc::default(), count: 0 }
    }

    fn decide(&mut self, exchange: &Exchange, gate: &mut Gate, now: Moment) -> Result<Step, EngineError> {
        let fields = head(exchange);
        let borrowed: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        // An HTTP/1.1 proxy sees no end of the stream with the headers where any framing announces a body.
        let body = exchange.body.as_deref().filter(|body| exchange.chunked || !body.is_empty());
        let mut step = gate.on_headers(self.authorizer, &mut self.cache, &borrowed, body.is_none(), now);
        let bytes = body.unwrap_or_default();
        // In two parts, as a body that is longer than a packet would come.
        let mut discarded = 0;
        for (size, complete) in [(bytes.len() / 2, false), (bytes.len(), true)] {
            if !matches!(step, Step::AwaitBody | Step::Discard(_)) {
                break;
            }
            let held = bytes.get(discarded..size).unwrap_or_default();
            let progress = BodyProgress { buffered: held.len(), complete };
            let read = |start: usize, length: usize| {
                held.get(start..).and_then(|rest| rest.get(..length)).map(<[u8]>::to_vec)
            };
            step = gate.on_body(self.authorizer, &mut self.cache, progress, read, now);
            if let Step::Discard(count) = step {
                discarded = usize::saturating_add(discarded, count);
            }
        }
        match step {
            Step::AwaitBody | Step::HoldBack | Step::Discard(_) => {
                Err(EngineError::Failed("the gate waits for more than the whole body".to_owned()))
            }
            Step::Callout(_) => Err(EngineError::Failed("cases have no approval service".to_owned())),
            Step::Forward(_) | Step::Reply(_) => Ok(step),
        }
    }

    fn forwarded(&self, exchange: &Exchange, forwarding: &Forwarding, instead: Option<&[u8]>) -> Seen {
        let marker = forwarding.marker();
        let service = marker.split_once(':').map_or("", |(_, service)| service);
        let route = self.setup.routes().iter().find(|route| route.service == service);
        let host = ("host".to_owned(), exchange.host.clone());
        let framing = exchange.framing().map(|(name, value)| (name.to_owned(), value));
        let headers = end_to_end(exchange).cloned().chain(framing);
        let is_set = |name: &String| forwarding.set.iter().any(|(set, _)| set == name);
        let kept = headers.filter(|(name, _)| !forwarding.remove.contains(name) && !is_set(name));
        Seen {
            method: exchange.method.clone(),
            path: route.map_or_else(|| exchange.path.clone(), |route| route.upstream_path(&exchange.path)),
            headers: std::iter::once(host).chain(kept).chain(forwarding.set.iter().cloned()).collect(),
            body: instead.map(<[u8]>::to_vec).or_else(|| exchange.body.clone()).unwrap_or_default(),
        }
    }
}

impl Engine for Native<'_> {
    fn name(&self) -> &'static str {
        "native"
    }

    fn clock(&self) -> Option<i64> {
        None
    }

    fn is_proxy(&self) -> bool {
        false
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        let seconds = u64::try_from(exchange.now).unwrap_or_default();
        let now = Moment::from_unix_nanos(seconds.saturating_mul(1_000_000_000));
        self.count = self.count.wrapping_add(1);
        let [a, b, c, d] = self.count.to_be_bytes();
        let gate = Gate::new(now, [a, b, c, d, 0, 0, 0, 0, 0, 0]).noting();
        let mut gate = gate.sharing(Rc::clone(&self.memory) as Rc<dyn SharedData>);
        let step = self.decide(exchange, &mut gate, now)?;
        let open = gate
            .record()
            .ok_or_else(|| EngineError::Failed("the gate left no record".to_owned()))?
            .to_owned();
        match step {
            Step::Forward(forwarding) => {
                let seen = self.forwarded(exchange, &forwarding, gate.body_instead());
                let upstream = exchange.upstream.clone().unwrap_or_default();
                let Answered { status, headers, body, details } =
                    answered(&mut gate, self.authorizer, upstream, now);
                let open = gate.answered_record().unwrap_or(open);
                Ok(Outcome {
                    status,
                    headers,
                    body,
                    seen: vec![seen],
                    touched: true,
                    record: record(&open, status, &details, "upstream")?,
                    inquiry: gate.inquiry().cloned(),
                })
            }
            Step::Reply(LocalReply { status, headers, body, details }) => Ok(Outcome {
                status,
                headers,
                body,
                seen: Vec::new(),
                touched: false,
                record: record(&open, status, &details, "-")?,
                inquiry: gate.inquiry().cloned(),
            }),
            Step::AwaitBody | Step::HoldBack | Step::Discard(_) | Step::Callout(_) => {
                Err(EngineError::Failed("the gate waits for something".to_owned()))
            }
        }
    }
}

/// The header fields as Envoy hands them to its filters: those of one connection end with it, and the values of
/// [`JOINED`] fields are in one.
pub(super) fn head(exchange: &Exchange) -> Vec<(String, String)> {
    let pseudo = [
        (":method", exchange.method.as_str()),
        (":scheme", "http"),
        (":authority", exchange.host.as_str()),
        (":path", exchange.path.as_str()),
    ];
    let mut fields: Vec<(String, String)> =
        pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in end_to_end(exchange) {
        match fields.iter_mut().find(|(own, _)| own == name && JOINED.contains(&own.as_str())) {
            Some((_, joined)) => *joined = format!("{joined},{value}"),
            None => fields.push((name.clone(), value.clone())),
        }
    }
    fields.extend(exchange.framing().map(|(name, value)| (name.to_owned(), value)));
    fields
}

/// RFC 9110 section 7.6.1: a proxy drops `connection` and what it names.
fn end_to_end(exchange: &Exchange) -> impl Iterator<Item = &(String, String)> {
    let is_connection = |name: &str| name == "connection";
    let named = move |name: &str| {
        let options = exchange.headers.iter().filter(|(own, _)| is_connection(own));
        options.flat_map(|(_, value)| value.split(',')).any(|option| option.trim() == name)
    };
    exchange.headers.iter().filter(move |(name, _)| !is_connection(name) && !named(name))
}

/// Closes the gate's record as the access log does.
pub(super) fn record(open: &str, status: u16, details: &str, upstream: &str) -> Result<Value, EngineError> {
    let executed = json!({ "status": status, "details": details, "flags": "-", "upstream": upstream });
    let text = format!("{open},\"executed\":{executed}}}");
    serde_json::from_str(&text)
        .map_err(|error| EngineError::Failed(format!("the record is no JSON: {error}: {text}")))
}
