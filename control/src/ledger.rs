//! The ledger's store: records of gateways, each in its emitter's chain, so that none can be changed, left out or moved
//! afterwards without its being seen. `docs/ledger.md` is the contract.

mod awaited;
mod chain;
mod checkpoint;
mod record;

pub use self::{
    awaited::without_outcome,
    chain::{Link, record_digest},
    checkpoint::{CHECKPOINT_TYPE, Checkpoint},
    record::{Facts, MAX_RECORD_BYTES, RECORD_SCHEMA, RecordFault, facts},
};
