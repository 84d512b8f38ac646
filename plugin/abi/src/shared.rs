//! Texts that all VMs of a proxy with the same `vm_id` share, each with a version.

use crate::{Error, adopt, check, proxy_get_shared_data, proxy_set_shared_data};

/// A shared text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The text.
    pub value: Vec<u8>,
    /// Another one after each change.
    pub version: u32,
}

/// The version to replace a text that is not there: hosts insert what is missing whatever the version, and count up
/// from 1, so that what is there has another one.
pub const ABSENT: u32 = u32::MAX;

/// `proxy_status_t`
const NOT_FOUND: u32 = 1;
/// `proxy_status_t`
const CAS_MISMATCH: u32 = 8;

/// A shared text; `None` where there is none of the name.
///
/// # Errors
/// The host refused.
pub fn shared_data(name: &str) -> Result<Option<Shared>, Error> {
    let mut data = std::ptr::null_mut();
    let mut size = 0usize;
    let mut version = 0u32;
    #[expect(
        unsafe_code,
        reason = "hostcall; the host reads `name` during the call and writes three live locals"
    )]
    let status = unsafe {
        proxy_get_shared_data(name.as_ptr(), name.len(), &raw mut data, &raw mut size, &raw mut version)
    };
    if status == NOT_FOUND {
        return Ok(None);
    }
    check("proxy_get_shared_data", status)?;
    Ok(Some(Shared { value: adopt(data, size), version }))
}

/// Sets a shared text, whatever is there.
///
/// # Errors
/// The host refused.
pub fn set_shared_data(name: &str, value: &[u8]) -> Result<(), Error> {
    /// No version: unconditionally.
    const ANY: u32 = 0;
    check("proxy_set_shared_data", set(name, value, ANY))
}

/// Sets a shared text if it has this version still; whether it had.
///
/// # Errors
/// The host refused.
pub fn replace_shared_data(name: &str, value: &[u8], version: u32) -> Result<bool, Error> {
    match set(name, value, version) {
        CAS_MISMATCH => Ok(false),
        status => check("proxy_set_shared_data", status).map(|()| true),
    }
}

fn set(name: &str, value: &[u8], version: u32) -> u32 {
    #[expect(unsafe_code, reason = "hostcall; the host reads both slices during the call only")]
    unsafe {
        proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), version)
    }
}
