//! Random bits for decision ids without a hostcall per request.

use std::cell::Cell;

/// Six random bytes of this VM and a counter: what UUIDv7 calls a monotonic random (RFC 9562 section 6.2, method 1).
/// Ids need to be unique, not secret.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    vm: [u8; 6],
    count: Cell<u32>,
}

impl Ids {
    /// Draws the VM's own bytes.
    ///
    /// # Errors
    /// The host has no randomness.
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut vm = [0u8; 6];
        getrandom::fill(&mut vm)?;
        Ok(Self { vm, count: Cell::new(0) })
    }

    /// The bits of the next id. The counter leads, so that ids of one millisecond keep their order.
    pub(crate) fn next(&self) -> [u8; 10] {
        let count = self.count.get();
        self.count.set(count.wrapping_add(1));
        let [a, b, c, d] = count.to_be_bytes();
        let [e, f, g, h, i, j] = self.vm;
        [a, b, c, d, e, f, g, h, i, j]
    }
}
