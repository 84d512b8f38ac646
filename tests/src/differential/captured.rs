//! The requests of the cases, as real clients would send them, varied: other parts, trailers, clients that go away,
//! upstreams that fail.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use actgate_harness::case::{Case, Engine, EngineError, Exchange, Origin, Outcome, Setup, play};

use super::{
    plan::{Answer, Filter, Framing, Pieces, Plan, Protocol},
    random::Random,
    scripts::TAG,
};
use crate::cases::suite::Suite;

/// The setups of all cases, and their requests.
#[derive(Debug)]
pub struct Captured {
    setups: Vec<Setup>,
    /// The case, the setup, the request.
    exchanges: Vec<(String, usize, Exchange)>,
}

/// Takes requests down instead of sending them.
#[derive(Default)]
struct Scribe(Vec<Exchange>);

// === impl Captured ===

impl Captured {
    /// Everything of the repository, with tokens that are good from now on.
    pub fn of(root: &Path) -> Self {
        let mut origins: Vec<Origin> = Vec::new();
        let mut captured = Self { setups: Vec::new(), exchanges: Vec::new() };
        for file in Suite::new(root).files().expect("cases") {
            // Those are about what a proxy refuses or changes before its filters: `tests/cases.rs` plays them.
            if file.name.starts_with("proxy/") {
                continue;
            }
            let case = Case::read(&file.path).expect("a case");
            let known = origins.iter().position(|origin| origin == case.origin());
            let index = known.unwrap_or_else(|| {
                origins.push(case.origin().clone());
                captured.setups.push(Setup::of(case.origin()).expect("a setup"));
                origins.len() - 1
            });
            let mut scribe = Scribe::default();
            // What it would become of them is not asked.
            if let Ok(_played) = play(&case, &captured.setups[index], &mut scribe) {}
            let rejected = case.steps().iter().map(|step| step.expect.proxy_rejects.is_some());
            let exchanges = scribe.0.into_iter().zip(rejected).filter(|(_, rejected)| !rejected);
            captured.exchanges.extend(exchanges.map(|(exchange, _)| (file.name.clone(), index, exchange)));
        }
        captured
    }

    /// The setups.
    pub fn setups(&self) -> &[Setup] {
        &self.setups
    }

    /// An exchange of a seed.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let random = &mut random;
        let (name, setup, exchange) = random.pick(&self.exchanges);
        let mut request = Pieces {
            headers: exchange.headers.clone(),
            parts: exchange.body.as_ref().filter(|body| !body.is_empty()).map(|body| random.split(body, 5)),
            framing: if exchange.chunked || random.once_in(3) { Framing::Chunks } else { Framing::Length },
            trailers: exchange.trailers.clone(),
        };
        let framed = request.headers.iter().any(|(name, _)| name == "content-length");
        match request.framing {
            Framing::Length if request.parts.is_some() && !framed => {
                request.headers.push(("content-length".to_owned(), request.length().to_string()));
            }
            Framing::Chunks if request.parts.is_some() && random.once_in(6) => {
                request.trailers.push(("x-late".to_owned(), "1".to_owned()));
            }
            Framing::Length | Framing::Chunks | Framing::Flag => {}
        }
        let protocol = match speaks_http2(exchange) && random.once_in(3) {
            true => Protocol::Http2,
            false => Protocol::Http1,
        };
        if protocol == Protocol::Http2 && request.framing == Framing::Length {
            request.framing = Framing::Flag;
        }
        request.headers.push((TAG.to_owned(), seed.to_string()));
        let status = exchange.upstream.as_ref().map_or(200, |upstream| upstream.status);
        let body = vec![b'u'; 1 + random.below(100)];
        let mut answer = Pieces {
            headers: Vec::new(),
            parts: Some(random.split(&body, 3)),
            framing: if random.once_in(2) { Framing::Length } else { Framing::Chunks },
            trailers: Vec::new(),
        };
        // RFC 9110 section 8.6: 204 must not have one, and Envoy's codec refuses it.
        if answer.framing == Framing::Length && status != 204 {
            answer.headers.push(("content-length".to_owned(), body.len().to_string()));
        }
        Plan {
            seed,
            about: name.clone(),
            filter: Filter::Actgate(*setup),
            protocol,
            method: exchange.method.clone(),
            path: exchange.path.clone(),
            authority: exchange.host.clone(),
            request,
            leaves_after: random.once_in(8).then(|| 1 + random.below(3)),
            answer: Answer {
                early: random.once_in(8),
                status,
                pieces: answer,
                closes_after: random.once_in(8).then(|| random.below(3)),
                silent: random.once_in(20),
            },
        }
    }
}

/// Whether a library would send it in HTTP/2.
fn speaks_http2(exchange: &Exchange) -> bool {
    let uri = format!("http://{}{}", exchange.host, exchange.path);
    let fields = exchange.headers.iter().chain(&exchange.trailers);
    let own =
        |name: &str| matches!(name, "connection" | "upgrade" | "te" | "transfer-encoding" | "keep-alive");
    uri.parse::<http::Uri>().is_ok_and(|parsed| parsed.to_string() == uri)
        && !exchange.path.contains('#')
        && http::Method::from_bytes(exchange.method.as_bytes()).is_ok()
        && fields.into_iter().all(|(name, value)| {
            !own(name)
                && http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(value).is_ok()
        })
}

// === impl Scribe ===

impl Engine for Scribe {
    fn name(&self) -> &'static str {
        "scribe"
    }

    fn clock(&self) -> Option<i64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        Some(i64::try_from(since.as_secs()).expect("a time before the end of times"))
    }

    fn is_proxy(&self) -> bool {
        true
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        self.0.push(exchange.clone());
        Ok(Outcome {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            seen: Vec::new(),
            touched: false,
            record: serde_json::Value::Null,
        })
    }
}
