//! Where records come from: the service, or a gateway's own log.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use actgate_ledger::RecordError;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::Entry;
use super::filter::Filter;
use crate::commands::client::{Client, ClientError};

/// Of one page.
const PAGE: &str = "500";

/// Records of the service's newest page that `--follow` remembers, to tell new ones.
const REMEMBERED: usize = 10_000;

/// Why there are no records.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Log(String),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

pub(super) enum Source {
    Log { path: String, file: BufReader<File>, line: usize, part: String },
    Service { client: Client, seen: HashSet<(String, String, i64)>, order: VecDeque<(String, String, i64)> },
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) events: Vec<Event>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) gateway: String,
    pub(super) emitter: String,
    pub(super) sequence: i64,
    pub(super) link: String,
    pub(super) record: Box<RawValue>,
}

// === impl SourceError ===

impl SourceError {
    /// Whether the service answered and said no.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Client(error) => error.is_refusal(),
            Self::Log(_) | Self::Record(_) | Self::Output(_) => false,
        }
    }
}

// === impl Source ===

impl Source {
    pub(super) fn log(path: &Path) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(|error| SourceError::Log(format!("{shown}: {error}")))?;
        Ok(Self::Log { path: shown, file: BufReader::new(file), line: 0, part: String::new() })
    }

    pub(super) fn service(client: Client) -> Self {
        Self::Service { client, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// Every record that matches, until `take` has enough: of the service newest first, of a log in its order.
    pub(super) fn each(
        &mut self,
        filter: &Filter,
        take: &mut dyn FnMut(&Entry) -> Result<bool, SourceError>,
    ) -> Result<(), SourceError> {
        match self {
            Self::Log { .. } => {
                while let Some(entry) = self.next_of_log()? {
                    if filter.admits(&entry.record) && !take(&entry)? {
                        break;
                    }
                }
                Ok(())
            }
            Self::Service { client, .. } => pages(client, &filter.query(), take),
        }
    }

    /// The newest of those that match, oldest of them first.
    pub(super) fn newest(&mut self, filter: &Filter, count: usize) -> Result<Vec<Entry>, SourceError> {
        let is_log = matches!(self, Self::Log { .. });
        let mut newest = VecDeque::new();
        self.each(filter, &mut |entry| {
            if is_log {
                newest.push_back(entry.clone());
                if newest.len() > count {
                    newest.pop_front();
                }
            } else if newest.len() < count {
                newest.push_front(entry.clone());
            }
            Ok(is_log || newest.len() < count)
        })?;
        let newest = Vec::from(newest);
        self.remember(&newest);
        Ok(newest)
    }

    /// What has come since, oldest first.
    pub(super) fn more(&mut self, filter: &Filter) -> Result<Vec<Entry>, SourceError> {
        let mut fresh = VecDeque::new();
        if let Self::Service { client, seen, .. } = self {
            pages(client, &filter.query(), &mut |entry| {
                let is_new = entry.place.as_ref().is_some_and(|place| !seen.contains(place));
                if is_new {
                    fresh.push_front(entry.clone());
                }
                Ok(is_new && fresh.len() < REMEMBERED)
            })?;
        } else {
            self.each(filter, &mut |entry| {
                fresh.push_back(entry.clone());
                Ok(true)
            })?;
        }
        let fresh = Vec::from(fresh);
        self.remember(&fresh);
        Ok(fresh)
    }

    fn remember(&mut self, entries: &[Entry]) {
        if let Self::Service { seen, order, .. } = self {
            for place in entries.iter().filter_map(|entry| entry.place.clone()) {
                if seen.insert(place.clone()) {
                    order.push_back(place);
                }
            }
            while order.len() > REMEMBERED {
                if let Some(old) = order.pop_front() {
                    seen.remove(&old);
                }
            }
        }
    }

    /// The next whole line; what is still being written waits for its end.
    fn next_of_log(&mut self) -> Result<Option<Entry>, SourceError> {
        let Self::Log { path, file, line, part } = self else { return Ok(None) };
        loop {
            let read = file.read_line(part).map_err(|error| SourceError::Log(format!("{path}: {error}")))?;
            if read == 0 {
                return Ok(None);
            }
            if !part.ends_with('\n') {
                return Ok(None);
            }
            *line = line.saturating_add(1);
            let whole = std::mem::take(part);
            if whole.trim().is_empty() {
                continue;
            }
            let entry = Entry::of_log(whole.trim_end());
            return entry
                .map(Some)
                .map_err(|error| SourceError::Log(format!("{path}:{line}: no record: {error}")));
        }
    }
}

/// Pages of the service, newest record first.
fn pages(
    client: &Client,
    filter: &[(&'static str, String)],
    take: &mut dyn FnMut(&Entry) -> Result<bool, SourceError>,
) -> Result<(), SourceError> {
    let mut before: Option<String> = None;
    loop {
        let mut query: Vec<(&str, &str)> =
            filter.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query.push(("limit", PAGE));
        if let Some(before) = &before {
            query.push(("before", before));
        }
        let page: Page = client.get(&["v1", "events"], &query)?;
        for event in page.events {
            let mut entry = Entry::of_log(event.record.get())
                .map_err(|error| SourceError::Log(format!("the service: no record: {error}")))?;
            entry.place = Some((event.gateway, event.emitter, event.sequence));
            if !take(&entry)? {
                return Ok(());
            }
        }
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(()),
        }
    }
}
