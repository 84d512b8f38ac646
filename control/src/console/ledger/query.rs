//! What is looked for.

use actgate_ledger::Format;
use chrono::DateTime;
use maud::{Markup, html};
use serde::Deserialize;

use super::encoded;
use crate::{
    problem::Problem,
    store::{Cursor, LedgerFilter},
};

const DECISIONS: [&str; 6] = ["allow", "deny", "hold", "observe", "aborted", "rejected_by_proxy"];

/// What people take away, and how it is called.
const EXPORTS: [(Format, &str); 5] = [
    (Format::Jsonl, "JSONL"),
    (Format::Csv, "CSV"),
    (Format::CloudEvents, "CloudEvents"),
    (Format::Ocsf, "OCSF"),
    (Format::Otlp, "OTLP"),
];

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(in crate::console) struct LedgerQuery {
    agent: String,
    subject: String,
    task: String,
    action: String,
    decision: String,
    since: String,
    until: String,
    before: String,
    pub(super) format: String,
}

// === impl LedgerQuery ===

impl LedgerQuery {
    pub(super) fn filter(&self) -> Result<LedgerFilter, Problem> {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let time = |text: &String| given(text).map(|text| time(&text)).transpose();
        Ok(LedgerFilter {
            actor: given(&self.agent),
            subject: given(&self.subject),
            task: given(&self.task),
            action: given(&self.action),
            decision: given(&self.decision),
            service: None,
            since: time(&self.since)?,
            until: time(&self.until)?,
            before: Cursor::parse(&self.before),
        })
    }

    pub(super) fn form(&self) -> Markup {
        let fields = [
            ("agent", "Agent", "text", &self.agent),
            ("subject", "On whose behalf", "text", &self.subject),
            ("task", "Task", "text", &self.task),
            ("action", "Action", "text", &self.action),
            ("since", "Since (UTC)", "datetime-local", &self.since),
            ("until", "Before (UTC)", "datetime-local", &self.until),
        ];
        html! {
            form.search method="get" action="/ledger" role="search" aria-label="The ledger" {
                @for (name, label, kind, value) in fields {
                    div { label for=(name) { (label) } input id=(name) name=(name) type=(kind) value=(value); }
                }
                div {
                    label for="decision" { "Decision" }
                    select id="decision" name="decision" {
                        option value="" { "any" }
                        @for decision in DECISIONS {
                            option value=(decision) selected[self.decision == decision] { (decision) }
                        }
                    }
                }
                button type="submit" { "Search" }
            }
        }
    }

    /// The same search for one decision, or for any.
    pub(super) fn decisions(&self) -> Markup {
        let link = |decision: &str| {
            let other = Self { decision: String::new(), ..self.clone() };
            other.link("/ledger", &[("decision", decision)])
        };
        html! {
            nav.filters aria-label="What was decided" {
                a href=(link("")) aria-current=[self.decision.is_empty().then_some("page")] { "all" }
                @for decision in DECISIONS {
                    a href=(link(decision)) aria-current=[(self.decision == decision).then_some("page")] { (decision) }
                }
            }
        }
    }

    /// Everything that is found, in formats for other programs.
    pub(super) fn exports(&self) -> Markup {
        html! {
            p.exports {
                "All of it as "
                @for (number, (format, name)) in EXPORTS.iter().enumerate() {
                    @if number > 0 { " · " }
                    a href=(self.link("/ledger/export", &[("format", format.name())])) download { (name) }
                }
            }
        }
    }

    /// The same search with something more.
    pub(super) fn link(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = [
            ("agent", self.agent.as_str()),
            ("subject", &self.subject),
            ("task", &self.task),
            ("action", &self.action),
            ("decision", &self.decision),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let given = own.iter().chain(more).filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("{path}?{}", pairs.join("&"))
    }
}

/// Unix milliseconds of a time as browsers' fields (without a zone: UTC) and programs write it.
fn time(text: &str) -> Result<i64, Problem> {
    let readings = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z"), format!("{text}T00:00:00Z")];
    let read = readings.iter().find_map(|text| DateTime::parse_from_rfc3339(text).ok());
    read.map(|time| time.timestamp_millis())
        .ok_or_else(|| Problem::invalid("a time is as 2026-11-24T12:00, in UTC"))
}
