//! Session ids that belong to a caller. A client gets the server's id with a seal over whose it is, and the server gets
//! its own id back; so nothing about sessions is kept, and any gate with the same key knows them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header that names a session.
pub const SESSION: &str = "mcp-session-id";

/// What is hashed before an id, so that no other use of a key gives the same seal.
const DOMAIN: &[u8] = b"actgate-mcp-session/v1\0";
/// The same of a client that can ask its user to open a page.
const DOMAIN_OF_PAGES: &[u8] = b"actgate-mcp-session-pages/v1\0";
/// 128 bits: nobody finds a seal by trying, and an id grows by 23 characters only.
const SEAL_BYTES: usize = 16;

/// The key of the seals.
#[derive(Clone)]
pub struct SessionKey(Hmac<Sha256>);

/// Whose a session is.
#[derive(Debug, Clone, Copy)]
pub struct SessionOwner<'a> {
    /// The service.
    pub service: &'a str,
    /// On whose behalf.
    pub subject: &'a str,
    /// Who acts.
    pub actor: &'a str,
}

/// A session that a caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<'s> {
    /// The server's own id of it.
    pub id: &'s str,
    /// Whether its client has said, when it began, that it can ask its user to open a page.
    pub opens_pages: bool,
}

// === impl SessionKey ===

impl SessionKey {
    /// The key of these bytes, which have to be random and nobody else's.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mut key = [0; 64];
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = *from;
        }
        // A key of one block is taken as it is (RFC 2104 section 2); shorter ones are filled with zeros.
        Self(Hmac::new(&key.into()))
    }

    pub(crate) const fn of(mac: Hmac<Sha256>) -> Self {
        Self(mac)
    }

    /// The server's id as this caller gets it.
    pub fn seal(&self, owner: SessionOwner<'_>, session: Session<'_>) -> String {
        let id = session.id;
        let seal = self.mac(owner, session).finalize().into_bytes();
        let seal = seal.get(..SEAL_BYTES).unwrap_or(&seal);
        format!("{id}.{}", URL_SAFE_NO_PAD.encode(seal))
    }

    /// The session of what a caller sends; nothing where it is not this caller's.
    pub fn open<'s>(&self, owner: SessionOwner<'_>, sealed: &'s str) -> Option<Session<'s>> {
        let (id, seal) = sealed.rsplit_once('.')?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok().filter(|seal| seal.len() == SEAL_BYTES)?;
        // What is known of the client is in the seal alone, so that nobody can change it.
        let mut all = [false, true].into_iter().map(|opens_pages| Session { id, opens_pages });
        all.find(|session| self.mac(owner, *session).verify_truncated_left(&seal).is_ok())
    }

    fn mac(&self, owner: SessionOwner<'_>, session: Session<'_>) -> Hmac<Sha256> {
        let Session { id, opens_pages } = session;
        let mut mac = self.0.clone();
        mac.update(if opens_pages { DOMAIN_OF_PAGES } else { DOMAIN });
        for part in [owner.service, owner.subject, owner.actor, id] {
            // With its length, so that no two callers write the same.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

#[cfg(test)]
mod tests;
