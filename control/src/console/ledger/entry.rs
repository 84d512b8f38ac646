//! One record, as people read it.

use chrono::DateTime;
use maud::{Markup, html};
use serde_json::Value;

use super::link;
use crate::{console::text::visible, store::LedgerRow};

pub(super) fn entry(row: &LedgerRow, record: &Value) -> Markup {
    let (agent, task) = (text(record, "/attempted/actor"), text(record, "/attempted/task"));
    let decision = decision(record);
    html! {
        div.card {
            @if calls(record).next().is_none() {
                span.verb { code { (visible(text(record, "/attempted/method"))) " " (visible(text(record, "/attempted/path"))) } }
            }
            @for call in calls(record) {
                span.verb { code { (visible(text(call, "/action"))) } }
                span.resource { code { (visible(text(call, "/resource"))) } }
            }
            span.meta {
                span class={ "state " (decision) } { (visible(decision)) }
                @if let Some(reason) = given(record, "/decided/reason") { span { (visible(reason)) } }
                @if let Some(approvers) = approvers(record) { span { "approved by " (visible(&approvers)) } }
                span { (outcome(record)) }
                @if !agent.is_empty() { span { "by " a href=(link("agent", agent)) { code { (visible(agent)) } } } }
                @if let Some(subject) = given(record, "/attempted/subject") {
                    span { "for " a href=(link("subject", subject)) { code { (visible(subject)) } } }
                }
                @if !task.is_empty() { span { "task " a href=(link("task", task)) { (visible(task)) } } }
                span { time { (visible(text(record, "/time"))) } }
            }
            @if let Some(detail) = given(record, "/decided/detail") { span.detail { (visible(detail)) } }
            details {
                summary { "The record" }
                pre tabindex="0" { (visible(&format!("{record:#}"))) }
                p.hint { (visible(&row.gateway)) " " (visible(&row.emitter)) " " (row.sequence) }
            }
        }
    }
}

/// How long after the first one.
pub(super) fn moment(first: Option<&Value>, record: &Value) -> Markup {
    let at = |record: &Value| DateTime::parse_from_rfc3339(text(record, "/time")).ok();
    let passed = first
        .and_then(at)
        .zip(at(record))
        .map(|(first, this)| this.signed_duration_since(first).num_milliseconds());
    html! { @if let Some(passed) = passed { span.moment { (after(passed)) } } }
}

/// `+0 s`, `+2.4 s`, `+12 min 5 s`, `+3 h 2 min`
fn after(millis: i64) -> String {
    let seconds = millis.div_euclid(1_000);
    match seconds {
        ..60 => format!("+{seconds}.{} s", millis.rem_euclid(1_000).div_euclid(100)),
        60..3_600 => format!("+{} min {} s", seconds.div_euclid(60), seconds.rem_euclid(60)),
        3_600.. => {
            format!("+{} h {} min", seconds.div_euclid(3_600), seconds.rem_euclid(3_600).div_euclid(60))
        }
    }
}

fn outcome(record: &Value) -> String {
    match record.pointer("/executed/status").and_then(Value::as_i64) {
        Some(status) if is_executed(record) => match given(record, "/executed/details") {
            // Only an answer that came from the upstream tells what became of the call there.
            Some(details) if details != "via_upstream" && details != "-" => {
                "executed, outcome unknown".to_owned()
            }
            Some(_) | None => format!("executed, {status}"),
        },
        Some(status) => format!("not executed, answered {status}"),
        // An attempt whose record has not come.
        None if text(record, "/executed/outcome") == "open" => "under way".to_owned(),
        None => "outcome unknown".to_owned(),
    }
}

fn approvers(record: &Value) -> Option<String> {
    let names = record.pointer("/approved/approvers")?.as_array()?;
    Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
}

/// What was decided, or why nothing was.
pub(super) fn decision(record: &Value) -> &str {
    given(record, "/decided/decision").unwrap_or_else(|| text(record, "/stage"))
}

pub(super) fn calls(record: &Value) -> impl Iterator<Item = &Value> {
    record.pointer("/attempted/calls").and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn is_executed(record: &Value) -> bool {
    !matches!(text(record, "/executed/upstream"), "" | "-")
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn given<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    Some(text(value, pointer)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_long_as_people_say_it() {
        for (millis, said) in [
            (0, "+0.0 s"),
            (2_450, "+2.4 s"),
            (60_000, "+1 min 0 s"),
            (725_000, "+12 min 5 s"),
            (10_920_000, "+3 h 2 min"),
        ] {
            assert_eq!(after(millis), said);
        }
    }
}
