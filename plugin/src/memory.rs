//! What the gates of a process know of each other: the host's shared data.

use actgate_abi::ABSENT;
use actgate_authz::SharedData;

/// The shared data of the VMs of one `vm_id`.
#[derive(Debug)]
pub(crate) struct Memory;

// === impl Memory ===

impl SharedData for Memory {
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, String> {
        let found = actgate_abi::shared_data(name).map_err(|error| error.to_string())?;
        Ok(found.map(|found| (found.value, found.version)))
    }

    fn replace(&self, name: &str, value: &[u8], version: Option<u32>) -> Result<bool, String> {
        let version = version.unwrap_or(ABSENT);
        actgate_abi::replace_shared_data(name, value, version).map_err(|error| error.to_string())
    }
}
