//! Approvals: the service that gateways ask, and the console in which people answer.
//!
//! A gateway sends a *claim* for one exact call. Where people have approved that call, the claim consumes their yes and
//! gets a signed grant; where not, it opens an approval, or finds the one that is open. `docs/approvals.md` is the
//! contract.

pub mod api;
pub mod app;
pub mod approval;
pub mod claim;
pub mod clock;
pub mod collector;
pub mod config;
pub mod console;
pub mod grant;
pub mod key;
pub mod ledger;
pub mod limit;
pub mod oidc;
pub mod person;
pub mod problem;
pub mod secret;
pub mod store;
