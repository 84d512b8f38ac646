//! Headers and cookies that a client may not send to a service: its backend's own credentials.

use crate::{
    error::CallError,
    head::{RequestHead, folds_to},
};

/// The refused names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals {
    pub(super) headers: Vec<String>,
    pub(super) cookies: Vec<String>,
}

// === impl Refusals ===

impl Refusals {
    /// Whether a header of this name is refused. Backends read names more generously than they are written.
    pub(crate) fn header(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|refused| folds_to(name, refused.as_bytes()))
    }

    /// # Errors
    /// The first header or cookie of the request that is refused.
    pub(crate) fn check(&self, head: &RequestHead<'_>) -> Result<(), CallError> {
        for (name, value) in head.headers() {
            if self.header(name) {
                return Err(CallError::refused(name, "a client may not send it to this service"));
            }
            if *name == b"cookie" {
                self.check_cookies(value)?;
            }
        }
        Ok(())
    }

    /// Readers disagree about what separates cookies (`;`, to some also `,` and white space), about quotes, and about
    /// cookies without a name. What any of them takes for the name of a refused cookie is refused.
    fn check_cookies(&self, value: &[u8]) -> Result<(), CallError> {
        if self.cookies.is_empty() {
            return Ok(());
        }
        for piece in value.split(|b| matches!(b, b';' | b',' | b' ' | b'\t' | b'"')) {
            let piece = piece.trim_ascii();
            let start = piece.iter().position(|b| *b != b'=').unwrap_or(piece.len());
            let named = piece.get(start..).unwrap_or_default();
            // `name[key]=` is an element of `name` to PHP.
            let name = named.split(|b| matches!(b, b'=' | b'[')).next().unwrap_or_default();
            // PHP unescapes names; Python trims what Latin-1 or Unicode call white space.
            if name.iter().any(|byte| *byte == b'%' || !byte.is_ascii()) {
                return Err(CallError::refused(
                    b"cookie",
                    "the name of a cookie can be read in several ways",
                ));
            }
            if self.cookies.iter().any(|refused| folds_to(name, refused.as_bytes())) {
                return Err(CallError::refused(
                    b"cookie",
                    "a client may not send this cookie to this service",
                ));
            }
        }
        Ok(())
    }
}
