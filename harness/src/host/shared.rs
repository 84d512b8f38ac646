//! What the VMs of one proxy share: data with compare-and-swap, and queues (proxy-wasm-cpp-host, `shared_data.cc` and
//! `shared_queue.cc`).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::status::Status;

/// The shared data and queues of one proxy. Clones are the same; VMs that are given different ones share nothing.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    data: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    cas: u32,
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, VecDeque<Vec<u8>>>,
}

// === impl Shared ===

impl Shared {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key and its counter.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.state().data.get(&(vm_id.to_owned(), key.to_vec())).cloned()
    }

    /// Sets a key. `cas` 0 is unconditional, and a key that is missing is inserted whatever `cas` is.
    pub(super) fn set(&self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let mut state = self.state();
        let place = (vm_id.to_owned(), key.to_vec());
        if let Some((_, own)) = state.data.get(&place)
            && cas != 0
            && cas != *own
        {
            return Err(Status::CasMismatch);
        }
        let cas = state.next_cas();
        state.data.insert(place, (value.to_vec(), cas));
        Ok(())
    }

    /// The token of a queue, which is made where it is not there.
    pub(super) fn register(&self, vm_id: &str, name: &[u8]) -> u32 {
        let mut state = self.state();
        let place = (vm_id.to_owned(), name.to_vec());
        if let Some(token) = state.tokens.get(&place) {
            return *token;
        }
        let token = u32::try_from(state.tokens.len()).unwrap_or(u32::MAX).saturating_add(1);
        state.tokens.insert(place, token);
        state.queues.insert(token, VecDeque::new());
        token
    }

    /// The token of a queue that is there.
    pub(super) fn resolve(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        self.state().tokens.get(&(vm_id.to_owned(), name.to_vec())).copied()
    }

    pub(super) fn enqueue(&self, token: u32, value: &[u8]) -> Result<(), Status> {
        let mut state = self.state();
        state.queues.get_mut(&token).ok_or(Status::NotFound)?.push_back(value.to_vec());
        Ok(())
    }

    pub(super) fn dequeue(&self, token: u32) -> Result<Vec<u8>, Status> {
        let mut state = self.state();
        state.queues.get_mut(&token).ok_or(Status::NotFound)?.pop_front().ok_or(Status::Empty)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// One counter for all keys, which skips 0.
    fn next_cas(&mut self) -> u32 {
        self.cas = self.cas.checked_add(1).unwrap_or(1);
        self.cas
    }
}

#[cfg(test)]
mod tests;
