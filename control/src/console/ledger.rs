//! What agents did: everything, one agent's, or one task from its beginning.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    page::{Refused, page},
    signed_in::SignedIn,
    text::visible,
};
use crate::{
    api::events::may_read,
    app::App,
    store::{Cursor, LedgerFilter, LedgerRow},
};

/// Records of one page; also what an agent's table counts.
const PAGE: i64 = 200;

const DECISIONS: [&str; 6] = ["allow", "deny", "hold", "observe", "aborted", "rejected_by_proxy"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LedgerQuery {
    agent: String,
    subject: String,
    task: String,
    action: String,
    decision: String,
    before: String,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    attempted: u64,
    refused: u64,
    executed: u64,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Query(query): Query<LedgerQuery>,
) -> Result<Markup, Refused> {
    may_read(&app, &who.person)?;
    let mut rows = app.store.ledger(&query.filter(), PAGE).await?;
    let next = rows.last().filter(|_| i64::try_from(rows.len()).is_ok_and(|count| count == PAGE));
    let next = next.map(|row| row.cursor.text());
    let (title, subject) = match (&query.task, &query.agent) {
        (task, _) if !task.is_empty() => ("Task", task.as_str()),
        (_, agent) if !agent.is_empty() => ("Agent", agent.as_str()),
        _ => ("Ledger", ""),
    };
    if title == "Task" {
        // A story is read from its beginning.
        rows.reverse();
    }
    let records: Vec<Value> =
        rows.iter().map(|row| serde_json::from_str(&row.record).unwrap_or_default()).collect();
    let content = html! {
        h1 { (title) @if !subject.is_empty() { " " code { (visible(subject)) } } }
        (query.form())
        @if records.is_empty() { p.empty { "There is nothing." } } @else {
            @if title != "Ledger" { (summary(&records)) }
            h2 { @if title == "Task" { "From the beginning" } @else { "Newest first" } }
            ol.records {
                @for (row, record) in rows.iter().zip(&records) { li { (entry(row, record)) } }
            }
            @if let Some(next) = next { p { a.button href=(query.link(&[("before", &next)])) { "Older" } } }
        }
    };
    Ok(page(title, Some(&who), &content))
}

/// What was attempted and what was executed, by action.
fn summary(records: &[Value]) -> Markup {
    let mut rows: BTreeMap<&str, Counts> = BTreeMap::new();
    for record in records {
        let calls = record.pointer("/attempted/calls").and_then(Value::as_array);
        for action in calls.into_iter().flatten().filter_map(|call| call.get("action")?.as_str()) {
            let counts = rows.entry(action).or_default();
            counts.attempted = counts.attempted.saturating_add(1);
            if is_executed(record) {
                counts.executed = counts.executed.saturating_add(1);
            }
            if !matches!(text(record, "/decided/decision"), "allow" | "observe") {
                counts.refused = counts.refused.saturating_add(1);
            }
        }
    }
    html! {
        h2 { "Attempted and executed" }
        p.hint { "Of the records on this page." }
        div.scroll tabindex="0" role="group" aria-label="Attempted and executed, by action" {
            table {
                thead { tr { th { "Action" } th { "Attempted" } th { "Refused or held" } th { "Executed" } } }
                tbody {
                    @for (action, counts) in &rows {
                        tr {
                            th scope="row" { code { (visible(action)) } }
                            td { (counts.attempted) " " meter min="0" max=(records.len()) value=(counts.attempted)
                                aria-label={ "attempted " (visible(action)) } {} }
                            td { (counts.refused) }
                            td { (counts.executed) " " meter min="0" max=(records.len()) value=(counts.executed)
                                aria-label={ "executed " (visible(action)) } {} }
                        }
                    }
                }
            }
        }
    }
}

fn entry(row: &LedgerRow, record: &Value) -> Markup {
    let (agent, task) = (text(record, "/attempted/actor"), text(record, "/attempted/task"));
    let decision = match text(record, "/decided/decision") {
        "" => text(record, "/stage"),
        decision => decision,
    };
    let calls = record.pointer("/attempted/calls").and_then(Value::as_array);
    html! {
        div.card {
            @if calls.is_none_or(Vec::is_empty) {
                span.verb { code { (visible(text(record, "/attempted/method"))) " " (visible(text(record, "/attempted/path"))) } }
            }
            @for call in calls.into_iter().flatten() {
                span.verb { code { (visible(text(call, "/action"))) } }
                span.resource { code { (visible(text(call, "/resource"))) } }
            }
            span.meta {
                span class={ "state " (decision) } { (visible(decision)) }
                @if let reason @ [_, ..] = text(record, "/decided/reason").as_bytes() {
                    span { (visible(&String::from_utf8_lossy(reason))) }
                }
                span { (outcome(record)) }
                @if !agent.is_empty() { span { "by " a href=(link("agent", agent)) { code { (visible(agent)) } } } }
                @if let subject @ [_, ..] = text(record, "/attempted/subject").as_bytes() {
                    span { "for " code { (visible(&String::from_utf8_lossy(subject))) } }
                }
                @if !task.is_empty() { span { "task " a href=(link("task", task)) { (visible(task)) } } }
                span { time { (visible(text(record, "/time"))) } }
            }
            details {
                summary { "The record" }
                pre tabindex="0" { (visible(&format!("{record:#}"))) }
                p.hint { (visible(&row.gateway)) " " (visible(&row.emitter)) " " (row.sequence) }
            }
        }
    }
}

fn outcome(record: &Value) -> String {
    match record.pointer("/executed/status").and_then(Value::as_i64) {
        Some(status) if is_executed(record) => format!("executed, {status}"),
        Some(status) => format!("not executed, answered {status}"),
        // An attempt whose record has not come.
        None => match text(record, "/executed/outcome") {
            "open" => "under way".to_owned(),
            _ => "outcome unknown".to_owned(),
        },
    }
}

fn is_executed(record: &Value) -> bool {
    !matches!(text(record, "/executed/upstream"), "" | "-")
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

// === impl LedgerQuery ===

impl LedgerQuery {
    fn filter(&self) -> LedgerFilter {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        LedgerFilter {
            actor: given(&self.agent),
            subject: given(&self.subject),
            task: given(&self.task),
            action: given(&self.action),
            decision: given(&self.decision),
            before: Cursor::parse(&self.before),
            ..LedgerFilter::default()
        }
    }

    fn form(&self) -> Markup {
        let fields = [
            ("agent", "Agent", &self.agent),
            ("subject", "On whose behalf", &self.subject),
            ("task", "Task", &self.task),
            ("action", "Action", &self.action),
        ];
        html! {
            form.search method="get" action="/ledger" {
                @for (name, label, value) in fields {
                    div { label for=(name) { (label) } input id=(name) name=(name) value=(value); }
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

    /// The same search with something more.
    fn link(&self, more: &[(&str, &str)]) -> String {
        let own = [
            ("agent", self.agent.as_str()),
            ("subject", &self.subject),
            ("task", &self.task),
            ("action", &self.action),
            ("decision", &self.decision),
        ];
        let given = own.iter().chain(more).filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("/ledger?{}", pairs.join("&"))
    }
}

fn link(name: &str, value: &str) -> String {
    format!("/ledger?{name}={}", encoded(value))
}

/// A value of a query: whatever is no letter or digit as its bytes.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
