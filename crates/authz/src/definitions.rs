//! What servers listed last of tools and prompts that are not as somebody has read them. Whoever lists finds out, and every
//! worker of a host has to know: hidden from lists only, such a tool could still be called.

use std::{collections::BTreeMap, fmt};

use actgate_call::mcp::{ListKind, Reviewed, Sighting};

/// A place of the host's that all its workers share.
pub trait SharedData: fmt::Debug {
    /// What is there under a name, and its version.
    ///
    /// # Errors
    /// The host does not say.
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, String>;

    /// Puts something there, unless what is there is not of this version any more (none: is not missing any more). Whether it
    /// was put there.
    ///
    /// # Errors
    /// The host keeps nothing.
    fn replace(&self, name: &str, value: &[u8], version: Option<u32>) -> Result<bool, String>;
}

/// What was listed last, by kind and name: the digest of what was seen, or none where it has no canonical form. A catalog
/// that names this digest has been reviewed since, so nothing has to be forgotten when catalogs change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Definitions(BTreeMap<String, Option<String>>);

/// As much as one list may have, of which all would have to be changed.
const MAX_KEPT: usize = 4096;
/// Workers that list at the same moment wait for each other; more than these are not there.
const MAX_TRIES: usize = 64;

// === impl Definitions ===

impl Definitions {
    /// What is known of a service.
    ///
    /// # Errors
    /// The host does not say, or it is not to be read: then nobody knows what has changed.
    pub(crate) fn of(shared: &dyn SharedData, service: &str) -> Result<Self, String> {
        Self::versioned(shared, service).map(|(definitions, _)| definitions)
    }

    /// Whether something is known to be another one than was read.
    pub(crate) fn differs(&self, reviewed: &Reviewed) -> bool {
        self.0
            .get(&key(reviewed.kind, &reviewed.name))
            .is_some_and(|seen| seen.as_deref() != Some(&*reviewed.digest))
    }

    /// Keeps what an answer has listed.
    ///
    /// # Errors
    /// The host keeps nothing, or more has changed than is kept.
    pub(crate) fn remember(
        shared: &dyn SharedData,
        service: &str,
        sightings: &[Sighting],
    ) -> Result<(), String> {
        for _ in 0..MAX_TRIES {
            let (mut known, version) = Self::versioned(shared, service)?;
            if !known.take_in(sightings)? {
                return Ok(());
            }
            let text = serde_json::to_vec(&known.0).map_err(|error| error.to_string())?;
            if shared.replace(&place(service), &text, version)? {
                return Ok(());
            }
        }
        Err("others write all the time".to_owned())
    }

    fn versioned(shared: &dyn SharedData, service: &str) -> Result<(Self, Option<u32>), String> {
        match shared.read(&place(service))? {
            None => Ok((Self::default(), None)),
            Some((text, version)) => {
                let known = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
                Ok((Self(known), Some(version)))
            }
        }
    }

    /// Whether anything is new. Of what one answer lists twice, as it was read and otherwise, it is the other that counts:
    /// it comes last.
    fn take_in(&mut self, sightings: &[Sighting]) -> Result<bool, String> {
        let before = self.0.clone();
        for Sighting { kind, name, .. } in sightings.iter().filter(|sighting| sighting.is_reviewed) {
            self.0.remove(&key(*kind, name));
        }
        for Sighting { kind, name, digest, .. } in sightings.iter().filter(|sighting| !sighting.is_reviewed) {
            self.0.insert(key(*kind, name), digest.clone());
        }
        let is_new = self.0 != before;
        if self.0.len() > MAX_KEPT { Err("too much has changed".to_owned()) } else { Ok(is_new) }
    }
}

fn key(kind: ListKind, name: &str) -> String {
    format!("{}/{name}", kind.member())
}

fn place(service: &str) -> String {
    format!("actgate.definitions/v1.{service}")
}

#[cfg(test)]
mod tests;
