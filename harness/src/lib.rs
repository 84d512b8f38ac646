//! The actgate command and what it is made of: configuration files with places, the check of an Envoy
//! configuration against them, development tokens, and cases that play requests against a bundle.

pub mod case;
pub mod check;
pub mod diagnostic;
pub mod document;
pub mod envoy_lint;
pub mod mint;
pub mod path;
pub mod source;
pub mod text;
