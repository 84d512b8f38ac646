//! Which records.

use chrono::DateTime;
use clap::Args;
use serde_json::Value;

/// As the service has it; of a log the same is asked here.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Filter {
    /// The agent, as an entity id
    #[arg(long)]
    agent: Option<String>,
    /// On whose behalf, as an entity id
    #[arg(long)]
    subject: Option<String>,
    /// The task
    #[arg(long)]
    task: Option<String>,
    /// An action of any of the request's calls
    #[arg(long)]
    action: Option<String>,
    /// allow, deny, hold, observe, aborted or rejected_by_proxy
    #[arg(long)]
    decision: Option<String>,
    /// The service
    #[arg(long = "service")]
    service_name: Option<String>,
    /// Not before: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Before: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
}

// === impl Filter ===

impl Filter {
    /// As a query of the service.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("agent", &self.agent),
            ("subject", &self.subject),
            ("task", &self.task),
            ("action", &self.action),
            ("decision", &self.decision),
            ("service", &self.service_name),
        ];
        let mut query: Vec<_> =
            texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        for (name, seconds) in [("since", self.since), ("until", self.until)] {
            if let Some(seconds) = seconds {
                query.push((name, seconds.to_string()));
            }
        }
        query
    }

    /// Whether a record of a log is one of them.
    pub(super) fn admits(&self, record: &Value) -> bool {
        let is = |pointer: &str, wanted: &Option<String>| {
            let Some(wanted) = wanted else { return true };
            record.pointer(pointer).and_then(Value::as_str) == Some(wanted)
        };
        let calls = record.pointer("/attempted/calls").and_then(Value::as_array);
        let has_action = self.action.as_ref().is_none_or(|wanted| {
            calls.into_iter().flatten().any(|call| call.get("action").and_then(Value::as_str) == Some(wanted))
        });
        let decided =
            if record.pointer("/decided/decision").is_some() { "/decided/decision" } else { "/stage" };
        has_action
            && is("/attempted/actor", &self.agent)
            && is("/attempted/subject", &self.subject)
            && is("/attempted/task", &self.task)
            && is("/service", &self.service_name)
            && is(decided, &self.decision)
            && self.is_in_time(record)
    }

    fn is_in_time(&self, record: &Value) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let time = record.pointer("/time").and_then(Value::as_str);
        let Some(at) = time.and_then(|time| DateTime::parse_from_rfc3339(time).ok()) else { return false };
        let at = at.timestamp_millis();
        self.since.is_none_or(|since| at >= since.saturating_mul(1000))
            && self.until.is_none_or(|until| at < until.saturating_mul(1000))
    }
}

/// Unix seconds of a time as people and programs write it.
pub(super) fn time(argument: &str) -> Result<i64, String> {
    if let Ok(seconds) = argument.parse() {
        return Ok(seconds);
    }
    DateTime::parse_from_rfc3339(argument)
        .map(|time| time.timestamp())
        .map_err(|_| "it is Unix seconds or a time such as 2026-11-24T12:00:00Z".to_owned())
}
