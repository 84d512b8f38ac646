//! What the requests of one engine share, as the workers of a proxy do.

use std::{cell::RefCell, collections::BTreeMap};

use actgate_authz::SharedData;

/// A proxy's shared data, in memory.
#[derive(Debug, Default)]
pub(super) struct Memory(RefCell<BTreeMap<String, (Vec<u8>, u32)>>);

// === impl Memory ===

impl SharedData for Memory {
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, String> {
        Ok(self.0.borrow().get(name).cloned())
    }

    fn replace(&self, name: &str, value: &[u8], version: Option<u32>) -> Result<bool, String> {
        let mut kept = self.0.borrow_mut();
        if kept.get(name).map(|(_, version)| *version) != version {
            return Ok(false);
        }
        kept.insert(name.to_owned(), (value.to_vec(), version.map_or(1, |version| version.wrapping_add(1))));
        Ok(true)
    }
}
