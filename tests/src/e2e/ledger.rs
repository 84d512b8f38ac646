//! What every line of a ledger has to be, whatever was asked.

use std::{path::Path, time::Duration};

use actgate_demo::ledger::{Ledger, Record};
use serde_json::Value;

/// Envoy writes every 50 ms; a loaded machine takes longer.
const LIMIT: Duration = Duration::from_secs(10);

/// What is written from now on.
pub fn from_now(path: &Path) -> Ledger {
    Ledger::from_now(path).expect("a ledger")
}

/// The next `count` records, once they are there; fewer where they do not come.
///
/// # Panics
/// Where a line is no record.
pub async fn records(ledger: &Ledger, count: usize) -> Vec<Record> {
    let records = ledger.wait_for(count, LIMIT).await.unwrap_or_else(|error| panic!("{error}"));
    for record in &records {
        if let Err(why) = is_version_1(record.value()) {
            panic!("{why}: {}", record.value());
        }
    }
    records
}

/// Whether a record has the agreed form.
///
/// # Errors
/// What is wrong with it.
pub fn is_version_1(record: &Value) -> Result<(), String> {
    let object = record.as_object().ok_or("no object")?;
    let known = [
        "answered",
        "approved",
        "attempted",
        "bundle",
        "decided",
        "executed",
        "id",
        "parent",
        "sampled",
        "service",
        "stage",
        "time",
        "trace",
        "v",
    ];
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("`{name}` is not agreed on"));
    }
    let own = |name: &str| object.get(name).unwrap_or(&Value::Null);
    let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    must(own("v") == 1, "v is not 1")?;
    must(own("time").as_str().is_some_and(|time| time.ends_with('Z')), "no time")?;
    must(own("attempted").is_object(), "nothing attempted")?;
    must(own("executed").is_object(), "nothing executed")?;
    // Of an answer that nobody looked at, the record says nothing.
    must(own("answered").is_null() || own("answered").is_object(), "no word about the answer")?;
    must(own("executed")["status"].is_u64(), "no status")?;
    must(own("executed")["duration_ms"].is_u64(), "no duration")?;
    match own("stage").as_str() {
        Some("rejected_by_proxy") => must(own("decided").is_null(), "decided by whom?"),
        Some("aborted") => must(own("decided").is_null() && own("id").is_string(), "an aborted decision"),
        Some("decided") => {
            let decided = own("decided");
            must(own("id").as_str().is_some_and(is_uuid_7), "the id is no UUIDv7")?;
            must(own("bundle").as_str().is_some_and(|id| id.starts_with("sha-256:")), "no bundle")?;
            must(decided["policies"].is_array(), "no policies")?;
            must(decided["latency_us"].is_u64(), "no latency")?;
            match decided["decision"].as_str() {
                Some("allow") => must(decided["reason"].is_null(), "a reason to allow"),
                Some("deny" | "hold" | "observe") => must(decided["reason"].is_string(), "no reason"),
                _ => Err("no decision".to_owned()),
            }
        }
        _ => Err("no stage".to_owned()),
    }
}

/// RFC 9562 section 5.7.
fn is_uuid_7(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            14 => *byte == b'7',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        })
}
