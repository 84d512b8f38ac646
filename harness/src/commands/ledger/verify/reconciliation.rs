//! What gateways have in their own logs against what the service has of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::entry::{Entry, text};
use super::super::filter::Filter;
use super::super::source::{Source, SourceError};
use super::{Findings, outcome};
use crate::terminal::counted;

/// Both sides, by what ties a record to its other copy: its id, or, of what the proxy refused before the plugin and which
/// has none, its bytes.
#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    stored: HashMap<String, Stored>,
    attempts: BTreeMap<String, String>,
    logged: HashMap<String, Digest>,
    /// Records without an id, and how often each is there.
    rejected_stored: HashMap<Digest, usize>,
    rejected_logged: HashMap<Digest, usize>,
    /// When the logs begin and end.
    span: Option<(String, String)>,
}

type Digest = [u8; 32];

#[derive(Debug)]
struct Stored {
    digest: Digest,
    emitter: String,
    time: String,
}

// === impl Reconciliation ===

impl Reconciliation {
    /// A record of the service.
    pub(super) fn stored(&mut self, emitter: &str, place: &str, entry: &Entry, findings: &mut Findings) {
        let record = &entry.record;
        let id = text(record, "/id");
        match text(record, "/stage").as_str() {
            "lost" => {
                let number = |name: &str| record.pointer(name).and_then(Value::as_u64).unwrap_or_default();
                let (count, first) = (number("/lost/count"), number("/lost/first"));
                let (last, cause) = (number("/lost/last"), text(record, "/lost/cause"));
                let count = counted(usize::try_from(count).unwrap_or(usize::MAX), "record");
                findings.add(
                    "losses that a gateway tells of itself",
                    format!("{emitter}: {count} of the numbers {first} to {last} ({cause})"),
                );
            }
            "attempted" => {
                if self.attempts.insert(id.clone(), place.to_owned()).is_some() {
                    findings.add("attempts that are stored twice", id);
                }
            }
            _ if id == "-" => count(&mut self.rejected_stored, entry),
            _ => {
                let stored = Stored {
                    digest: digest(entry),
                    emitter: emitter.to_owned(),
                    time: text(record, "/time"),
                };
                if self.stored.insert(id.clone(), stored).is_some() {
                    findings.add("ids that the service has twice", id);
                }
            }
        }
    }

    /// Reads a gateway's log, and returns how many records it has.
    pub(super) fn read_log(&mut self, path: &Path, findings: &mut Findings) -> Result<usize, SourceError> {
        let mut lines: usize = 0;
        Source::log(path)?.each(&Filter::default(), &mut |entry| {
            lines = lines.saturating_add(1);
            outcome(&entry.record, findings);
            let (id, time) = (text(&entry.record, "/id"), text(&entry.record, "/time"));
            let (first, last) = self.span.get_or_insert_with(|| (time.clone(), time.clone()));
            if time < *first {
                first.clone_from(&time);
            }
            if time > *last {
                *last = time;
            }
            if id == "-" {
                count(&mut self.rejected_logged, entry);
            } else if self.logged.insert(id.clone(), digest(entry)).is_some() {
                findings.add("ids that are there twice", id);
            }
            Ok(true)
        })?;
        Ok(lines)
    }

    /// Of what the proxy refused before the plugin, which sends records of what it sees: how many, and how many of them
    /// somebody else has sent.
    pub(super) fn rejected(&self) -> Option<String> {
        let logged: usize = self.rejected_logged.values().sum();
        if logged == 0 {
            return None;
        }
        let both = self
            .rejected_logged
            .iter()
            .map(|(digest, count)| self.rejected_stored.get(digest).copied().unwrap_or_default().min(*count));
        let both: usize = both.sum();
        Some(format!("{} in the logs, of which the service has {both}", counted(logged, "record")))
    }

    /// What was stored before it went on, and of which nobody has told what became.
    pub(super) fn attempts_without_outcome(&self, findings: &mut Findings) {
        for (id, place) in &self.attempts {
            if !self.stored.contains_key(id) {
                findings.add("attempts whose outcome is unknown to the service", format!("{place} {id}"));
            }
        }
    }

    /// What only one side has, and what they do not have alike.
    pub(super) fn compare(&self, findings: &mut Findings) {
        let mut logged: Vec<(&String, &Digest)> = self.logged.iter().collect();
        logged.sort_unstable();
        for (id, digest) in logged {
            match self.stored.get(id) {
                None => {
                    findings.add("in the log and not in the service's store: lost on the way", id.clone())
                }
                Some(stored) if stored.digest != *digest => {
                    findings.add("not the same in the log and in the service's store", id.clone());
                }
                Some(_) => {}
            }
        }
        // An emitter is one life of one gateway's worker: where a log has one record of it, it has to have all of its time.
        let emitters: BTreeSet<&str> = self
            .stored
            .iter()
            .filter(|(id, _)| self.logged.contains_key(*id))
            .map(|(_, stored)| stored.emitter.as_str())
            .collect();
        let Some((first, last)) = &self.span else { return };
        let mut alone: Vec<&String> = self
            .stored
            .iter()
            .filter(|(id, stored)| {
                !self.logged.contains_key(*id)
                    && emitters.contains(stored.emitter.as_str())
                    && stored.time >= *first
                    && stored.time <= *last
            })
            .map(|(id, _)| id)
            .collect();
        alone.sort_unstable();
        for id in alone {
            findings.add("in the service's store and not in the log of its gateway", id.clone());
        }
    }
}

fn digest(entry: &Entry) -> Digest {
    Sha256::digest(entry.raw.as_bytes()).into()
}

fn count(of: &mut HashMap<Digest, usize>, entry: &Entry) {
    let number = of.entry(digest(entry)).or_default();
    *number = number.saturating_add(1);
}

#[cfg(test)]
mod tests;
