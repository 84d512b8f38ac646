//! The actgate command and what it is made of: configuration files with places, the check of an Envoy
//! configuration against them, development tokens, cases that play requests against a bundle, and a host that runs
//! the very plugin.

pub mod artifact;
pub mod case;
pub mod check;
pub mod coverage;
pub mod diagnostic;
pub mod document;
pub mod ecds;
pub mod envoy_lint;
pub mod explain;
pub mod host;
pub mod mint;
pub mod mutation;
pub mod path;
pub mod places;
pub mod replay;
pub mod route;
pub mod serve;
pub mod source;
pub mod starting_point;
pub mod text;
