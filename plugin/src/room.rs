//! The room for what waits for decisions in this worker, shared by all its requests.

use std::{cell::Cell, rc::Rc};

/// What there is of it.
#[derive(Debug)]
pub(crate) struct Room {
    limit: usize,
    taken: Cell<usize>,
}

/// What one request has of it. It comes back with the request, however that ends.
#[derive(Debug, Default)]
pub(crate) struct Place {
    room: Option<Rc<Room>>,
    bytes: usize,
}

// === impl Room ===

impl Room {
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { limit, taken: Cell::new(0) })
    }
}

// === impl Place ===

impl Place {
    pub(crate) const fn within(room: Rc<Room>) -> Self {
        Self { room: Some(room), bytes: 0 }
    }

    /// Has this many bytes from now on, if there are so many; to have less is always possible.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        // Without a room there is no bundle, and nothing is held.
        let Some(room) = &self.room else { return bytes == 0 };
        let others = room.taken.get().saturating_sub(self.bytes);
        let taken = others.saturating_add(bytes);
        if bytes > self.bytes && taken > room.limit {
            return false;
        }
        room.taken.set(taken);
        self.bytes = bytes;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.resize(0);
    }
}
