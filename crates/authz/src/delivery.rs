//! Records on their way to the ledger's service, beside the gateway's own log: which are sent, what waits, and what is
//! lost.

mod attempt;
mod executed;
mod loss;
mod outbox;

pub(crate) use self::attempt::Receipt;
pub use self::{
    executed::Executed,
    outbox::{Outbox, Tally},
};
use crate::claim::Callout;

/// Where records are sent. Gateways authenticate by what the proxy's cluster adds.
const EVENTS_PATH: &str = "/v1/events";

/// The ledger's service, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerService {
    /// The proxy's name for where it is.
    pub(crate) cluster: String,
    /// What the names of this gateway's emitters begin with.
    pub(crate) emitter: String,
    /// Which attempts it has to acknowledge before they go on.
    pub(crate) durable: Durable,
}

/// Which attempts have to be stored before anything is forwarded. Routes whose catalog says so are, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// No others.
    Routes,
    /// Those with an effect.
    Writes,
    /// All.
    Everything,
}

// === impl LedgerService ===

impl LedgerService {
    fn callout(&self, path: &str, body: String, timeout_millis: u64) -> Callout {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Callout {
            cluster: self.cluster.clone(),
            headers: vec![
                header(":method", "POST"),
                header(":path", path),
                header(":authority", &self.cluster),
                header("content-type", "application/json"),
            ],
            body: body.into_bytes(),
            timeout_millis,
        }
    }
}
