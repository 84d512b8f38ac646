//! What the filter remembers.

use std::{cell::RefCell, collections::BTreeMap};

use crate::script::Script;

/// A stream.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) scenario: String,
    /// Before its lines.
    pub(crate) tag: String,
    /// Its own script, where it has one.
    pub(crate) script: Option<Script>,
    /// How often each callback was made.
    pub(crate) counts: BTreeMap<&'static str, u32>,
}

/// The VM.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) script: Script,
    pub(crate) contexts: BTreeMap<u32, Context>,
    /// Which context waits for which callout.
    pub(crate) calls: BTreeMap<u32, u32>,
    /// Which contexts wait for the next tick.
    pub(crate) timers: Vec<u32>,
}

thread_local! {
    pub(crate) static STATE: RefCell<State> = RefCell::default();
}
