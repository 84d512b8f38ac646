//! What was attempted and what was executed, as a table with bars.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::{
    chart::bar,
    entry::{calls, decision, is_executed, text},
    link,
};
use crate::{
    console::{page::capitalised, text::visible},
    store::Count,
};

/// Lines that are shown; the rest is one.
const SHOWN: usize = 12;

/// Calls of one agent, or of one action.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    name: String,
    attempted: i64,
    refused: i64,
    approved: i64,
    executed: i64,
}

/// Of both.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) agents: Vec<Line>,
    pub(super) actions: Vec<Line>,
}

// === impl Line ===

impl Line {
    /// Sums of counts that differ in their decision.
    pub(super) fn of_counts<'c>(counts: &'c [Count], name: impl Fn(&'c Count) -> &'c str) -> Vec<Self> {
        let mut lines: BTreeMap<&str, Self> = BTreeMap::new();
        for count in counts {
            lines.entry(name(count)).or_default().add(
                &count.decision,
                count.attempted,
                count.approved,
                count.executed,
            );
        }
        sorted(lines)
    }

    fn add(&mut self, decision: &str, attempted: i64, approved: i64, executed: i64) {
        self.attempted = self.attempted.saturating_add(attempted);
        self.approved = self.approved.saturating_add(approved);
        self.executed = self.executed.saturating_add(executed);
        if !matches!(decision, "allow" | "observe") {
            self.refused = self.refused.saturating_add(attempted);
        }
    }

    fn sum(name: &str, lines: &[Self]) -> Self {
        lines.iter().fold(Self { name: name.to_owned(), ..Self::default() }, |mut sum, line| {
            sum.attempted = sum.attempted.saturating_add(line.attempted);
            sum.refused = sum.refused.saturating_add(line.refused);
            sum.approved = sum.approved.saturating_add(line.approved);
            sum.executed = sum.executed.saturating_add(line.executed);
            sum
        })
    }
}

// === impl Tally ===

impl Tally {
    /// Of some records alone.
    pub(super) fn of_records(records: &[Value]) -> Self {
        let (mut agents, mut actions) = (BTreeMap::<&str, Line>::new(), BTreeMap::<&str, Line>::new());
        for record in records {
            let approved = i64::from(record.pointer("/approved/approvers").is_some());
            let executed = i64::from(is_executed(record));
            let of_calls: Vec<&str> = calls(record).map(|call| text(call, "/action")).collect();
            for action in if of_calls.is_empty() { vec![""] } else { of_calls } {
                for line in [
                    agents.entry(text(record, "/attempted/actor")).or_default(),
                    actions.entry(action).or_default(),
                ] {
                    line.add(decision(record), 1, approved, executed);
                }
            }
        }
        Self { agents: sorted(agents), actions: sorted(actions) }
    }

    /// The sums of everything.
    pub(super) fn totals(&self) -> Markup {
        let sum = Line::sum("", &self.actions);
        html! {
            dl.totals {
                div { dt { "Attempted" } dd { (sum.attempted) } }
                div { dt { "Refused or held" } dd { (sum.refused) } }
                div { dt { "Approved" } dd { (sum.approved) } }
                div { dt { "Executed" } dd { (sum.executed) } }
                div.gap { dt { "Not executed" } dd { (sum.attempted.saturating_sub(sum.executed)) } }
            }
        }
    }
}

/// A line each, those with most attempts first.
pub(super) fn table(what: &str, parameter: &str, lines: &[Line]) -> Markup {
    let (shown, rest) = lines.split_at_checked(SHOWN).unwrap_or((lines, &[]));
    let most = lines.iter().map(|line| line.attempted).max().unwrap_or(0);
    let others = (!rest.is_empty()).then(|| Line::sum(&format!("{} others", rest.len()), rest));
    html! {
        div.scroll tabindex="0" role="group" aria-label={ "Attempted and executed, by " (what) } {
            table.tally {
                caption { "By " (what) }
                thead { tr {
                    th scope="col" { (capitalised(what)) } th scope="col" { "Attempted" } th scope="col" { "Refused or held" }
                    th scope="col" { "Executed" } th scope="col" { "Executed of attempted" }
                } }
                tbody {
                    @for line in shown {
                        tr {
                            th scope="row" {
                                @if line.name.is_empty() { "not known" }
                                @else { a href=(link(parameter, &line.name)) { code { (visible(&line.name)) } } }
                            }
                            (cells(line, most))
                        }
                    }
                    @if let Some(others) = &others { tr { th scope="row" { (others.name) } (cells(others, most.max(others.attempted))) } }
                }
            }
        }
    }
}

fn cells(line: &Line, most: i64) -> Markup {
    html! {
        td.number { (line.attempted) } td.number { (line.refused) } td.number { (line.executed) }
        td.share { (bar(line.attempted, line.executed, most)) }
    }
}

fn sorted(lines: BTreeMap<&str, Line>) -> Vec<Line> {
    let mut lines: Vec<Line> =
        lines.into_iter().map(|(name, line)| Line { name: name.to_owned(), ..line }).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.attempted));
    lines
}
