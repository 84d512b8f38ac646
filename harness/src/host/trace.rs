//! Where a module spends its instructions, by function.

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::{Store, StoreContextMut, UpdateDeadline, WasmBacktrace};

use super::state::Host;

/// Instructions by the functions that were being called.
///
/// What a function executes before it calls another, or begins a loop anew, counts as its own. What it does after a call
/// has come back, and before the next one, counts as that of the function which came back: no engine says when one does.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    stacks: BTreeMap<Vec<String>, u64>,
    /// Where the last step was, and how many instructions were left.
    last: Option<(Vec<String>, u64)>,
}

/// What one function took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its name.
    pub function: String,
    /// Its own instructions.
    pub own: u64,
    /// With those of everything that it called.
    pub inclusive: u64,
}

// === impl Trace ===

impl Trace {
    /// Every function that took something, the dearest first.
    pub fn functions(&self) -> Vec<Taken> {
        let mut taken: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (stack, instructions) in &self.stacks {
            if let Some(own) = stack.first() {
                let (own, _) = taken.entry(own).or_default();
                *own = own.saturating_add(*instructions);
            }
            // A recursion counts once.
            for function in stack.iter().collect::<BTreeSet<_>>() {
                let (_, inclusive) = taken.entry(function).or_default();
                *inclusive = inclusive.saturating_add(*instructions);
            }
        }
        let mut all: Vec<Taken> = taken
            .into_iter()
            .map(|(function, (own, inclusive))| Taken { function: function.to_owned(), own, inclusive })
            .collect();
        all.sort_by_key(|taken| std::cmp::Reverse((taken.own, taken.inclusive)));
        all
    }

    /// The stacks, innermost first, and what was executed in each.
    pub fn stacks(&self) -> impl Iterator<Item = (&[String], u64)> {
        self.stacks.iter().map(|(stack, instructions)| (stack.as_slice(), *instructions))
    }

    fn step(&mut self, stack: Vec<String>, left: u64) {
        self.end(left);
        self.last = Some((stack, left));
    }

    /// The module has returned.
    pub(super) fn end(&mut self, left: u64) {
        if let Some((before, was)) = self.last.take() {
            let instructions = self.stacks.entry(before).or_default();
            *instructions = instructions.saturating_add(was.saturating_sub(left));
        }
    }
}

/// Has every function of a store and every turn of a loop reported, as long as its host has a trace.
pub(super) fn watch(store: &mut Store<Host>) {
    store.epoch_deadline_callback(|mut context: StoreContextMut<'_, Host>| {
        if context.data().trace.is_some() {
            let left = context.get_fuel()?;
            let trace = WasmBacktrace::force_capture(&context);
            let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
                Some(name) => super::vm::demangled(name),
                None => format!("function {}", frame.func_index()),
            };
            let stack = trace.frames().iter().map(name).collect();
            if let Some(trace) = &mut context.data_mut().trace {
                trace.step(stack, left);
            }
        }
        // At once again.
        Ok(UpdateDeadline::Continue(0))
    });
    store.set_epoch_deadline(0);
}
