//! The ledger's service against the gateway's own log.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::text_at;
use crate::{control::Control, error::DemoError, ledger::Record};

/// Who reads the ledger.
const READER: &str = "demo/carol@demo";

/// Records are sent a few times a second; a loaded machine takes its time.
const LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(100);

/// Waits until the service has what the log has, each record once and the same. What the proxy refused before the plugin
/// is in the log alone.
pub(super) async fn is_the_log(control: &Control, log: &[Record]) -> Result<Result<(), String>, DemoError> {
    let start = Instant::now();
    loop {
        let verdict = compare(log, &records(control).await?);
        if verdict.is_ok() || start.elapsed() > LIMIT {
            return Ok(verdict);
        }
        sleep(POLL).await;
    }
}

/// Every record that readers see.
async fn records(control: &Control) -> Result<Vec<Value>, DemoError> {
    let (mut records, mut before) = (Vec::new(), String::new());
    loop {
        let page = control.look(READER, &format!("/v1/events?limit=500{before}")).await?;
        let events = page.get("events").and_then(Value::as_array);
        records.extend(events.into_iter().flatten().filter_map(|event| event.get("record")).cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => before = format!("&before={next}"),
            None => return Ok(records),
        }
    }
}

fn compare(log: &[Record], stored: &[Value]) -> Result<(), String> {
    let mut by_id: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for record in stored {
        by_id.entry(text_at(record, "/id")).or_default().push(record);
    }
    for record in log.iter().map(Record::value) {
        let id = text_at(record, "/id");
        match by_id.get(id).map(Vec::as_slice) {
            _ if id.is_empty() => {}
            Some([one]) if *one == record => {}
            Some([_]) => return Err(format!("{id} is not the same in the log and at the service")),
            Some(several) => return Err(format!("{id} is there {} times", several.len())),
            None => return Err(format!("{id} is missing at the service")),
        }
    }
    Ok(())
}
