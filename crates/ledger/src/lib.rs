//! What a record of the ledger says, in the formats that other programs read.
//!
//! ```text
//! Record::parse -> events (attempted, decided, approved, executed: per tool call) -> JSON, CloudEvents, OCSF, OTLP logs
//!                                                                    record -> one span per tool call (OTLP traces)
//! ```
//!
//! `docs/ledger.md` says what stands where. Nothing here adds to what a record says, and everything that is made of one
//! record has the same ids whenever it is made: whoever gets it twice can tell.

mod cloudevents;
mod csv;
mod event;
mod export;
mod ocsf;
pub mod otlp;
mod outcome;
mod record;
mod time;
mod trace;

pub use self::{
    cloudevents::cloud_event,
    event::{Event, Kind, Place, events},
    export::{Export, Format},
    ocsf::{OCSF_VERSION, api_activity},
    outcome::Outcome,
    record::{Record, RecordError},
};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
