//! Records of every kind.

use crate::{Place, Record};

/// One a line.
pub(crate) const RECORDS: &str = include_str!("../../../tests/data/ledger-records.jsonl");

pub(crate) fn records() -> Vec<Record> {
    RECORDS.lines().map(|line| Record::parse(line).unwrap()).collect()
}

pub(crate) fn stored(sequence: i64) -> Place {
    Place::Stored { gateway: "gateway-demo".to_owned(), emitter: "envoy-7f3a/1".to_owned(), sequence }
}
