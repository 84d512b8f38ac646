//! May they: a bundle of configuration, catalogs and Cedar policies, and the gate that asks it about one request.
//!
//! ```text
//! RequestHead::parse -> Services::select -> Verifier::verify -> Caller::resolve -> Adapter::route
//!   -> Route::extract -> narrow -> PolicyBundle::decide -> record -> Step
//! ```
//!
//! The crate does no I/O: bytes, time, keys and randomness are arguments, so that Envoy, a test on a laptop and a
//! browser are thin shells around the same [`Gate`]. It is the only crate that names Cedar.

#![forbid(unsafe_code)]

mod action;
mod agreement;
mod analysis;
mod approval;
mod authorizer;
mod bundle;
mod claim;
mod config;
mod credential;
mod decision;
mod definitions;
mod delivery;
mod document;
mod entities;
mod evaluate;
mod fault;
mod gate;
mod json_text;
mod key_source;
mod moment;
mod narrowing;
mod policies;
mod reason;
mod record;
mod reply;
mod schema;
mod statement;

#[cfg(test)]
mod fixture;

pub use actgate_call::envelope::SecretKey;
pub use actgate_call::mcp::{SessionKey, definition_digest};
pub use actgate_call::{Adapter, catalog, mcp};
pub use actgate_token::{
    Cryptography, MAX_SET_BYTES as MAX_KEY_SET_BYTES, ProofMemory, ProofUse, Remembering, Thumbprint,
    TokenCache, UnixTime, remember as remember_proof, shard_since,
};
pub use analysis::{
    Analysis, Answer, CallFacts, CallerFacts, Candidate, Change, Conclusion, ConditionText, Examination,
    Hearing, Lints, Mutant, NearMiss, PolicyText, Reading, Role, RouteText, ScopePart, Stage,
};
pub use authorizer::{Authorizer, GuardedService, Loaded, Summary};
pub use bundle::PolicyBundle;
pub use claim::{Callout, CalloutAnswer, Entropy, Ticket};
pub use config::{DEFAULT_MAX_BODY, Mode, PackReference, bundle_packs};
pub use decision::{Decision, Denial, Hold, Observation, Permit, ProofChallenge};
pub use definitions::SharedData;
pub use delivery::{Executed, LedgerService, Outbox, Tally};
pub use document::{BUNDLE_FORMAT, BundleDocument, BundleId, Document, PackDocument, TextDocument};
pub use entities::StaticEntities;
pub use evaluate::{AccessRequest, Inquiry};
pub use fault::{At, Fault, nearest};
pub use gate::{
    AnswerChange, AnswerStep, BodyProgress, Clock, Forwarding, Gate, PUSH_BUFFER_BYTES, Passage, Peer, Step,
    refuse_everything,
};
pub use key_source::{KeySource, Lease, Published};
pub use moment::Moment;
pub use policies::{Policies, PolicyFacts};
pub use reason::{CallReason, Reason, Row, TokenReason};
pub use reply::LocalReply;
pub use schema::{ActionRule, BASE_SCHEMA, BundleSchema, RESERVED_CONTEXT, TypeRule};
