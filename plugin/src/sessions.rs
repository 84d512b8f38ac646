//! The key of session seals where none is configured: one for the whole process, since a session's requests come to any
//! of its workers.

use actgate_authz::SessionKey;

/// Under which the VMs of the process share it.
const SHARED: &str = "actgate.session-key";

/// The key of the process, drawn by the first VM that needs it. It ends with the process, and its sessions with it.
///
/// # Errors
/// The host has no randomness, or shares nothing.
pub(crate) fn process_key() -> Result<SessionKey, String> {
    let shared = || -> Result<Option<SessionKey>, String> {
        let found = actgate_abi::shared_data(SHARED).map_err(|error| error.to_string())?;
        let bytes: Option<[u8; 32]> = found.and_then(|shared| shared.value.try_into().ok());
        Ok(bytes.map(|bytes| SessionKey::new(&bytes)))
    };
    if let Some(key) = shared()? {
        return Ok(key);
    }
    let mut own = [0u8; 32];
    getrandom::fill(&mut own).map_err(|error| format!("no randomness: {error}"))?;
    // Two VMs may draw one at the same time: the one that is there in the end is the key.
    actgate_abi::replace_shared_data(SHARED, &own, actgate_abi::ABSENT).map_err(|error| error.to_string())?;
    shared()?.ok_or_else(|| "the host forgets what VMs share".to_owned())
}
