//! What agents did: everything, one agent's, or one task from its beginning.

mod chart;
mod entry;
mod export;
mod query;
mod tally;

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde_json::Value;

pub(super) use self::export::export;
use self::{
    chart::days,
    entry::{entry, moment},
    query::LedgerQuery,
    tally::{Line, Tally, table},
};
use super::{
    page::{Refused, page},
    signed_in::SignedIn,
    text::visible,
};
use crate::{
    api::events::may_read,
    app::App,
    store::{CountBy, LedgerFilter},
};

/// Records of one page.
const PAGE: i64 = 200;

/// What charts count where nobody says since when: what people look back to.
const WINDOW_MILLIS: i64 = 7 * 86_400_000;

/// What a page is about.
enum About {
    Everything,
    Agent,
    Task,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Query(query): Query<LedgerQuery>,
) -> Result<Markup, Refused> {
    may_read(&app, &who.person)?;
    let filter = query.filter()?;
    let mut rows = app.store.ledger(&filter, PAGE).await?;
    let next = rows.last().filter(|_| i64::try_from(rows.len()).is_ok_and(|count| count == PAGE));
    let next = next.map(|row| row.cursor.text());
    let about = match (&filter.task, &filter.actor) {
        (Some(_), _) => About::Task,
        (None, Some(_)) => About::Agent,
        (None, None) => About::Everything,
    };
    if matches!(about, About::Task) {
        // A story is read from its beginning.
        rows.reverse();
    }
    let records: Vec<Value> =
        rows.iter().map(|row| serde_json::from_str(&row.record).unwrap_or_default()).collect();
    let summary = summary(&app, &about, &filter, &records).await?;
    let (title, name) = match about {
        About::Everything => ("Ledger", None),
        About::Agent => ("Agent", filter.actor.as_deref()),
        About::Task => ("Task", filter.task.as_deref()),
    };
    let content = html! {
        h1 { (title) @if let Some(name) = name { " " code { (visible(name)) } } }
        @if name.is_some() { p { a href="/ledger" { "The whole ledger" } } }
        (query.form())
        @if records.is_empty() { p.empty { "There is nothing." } } @else {
            (summary)
            h2 { @if name.is_some() && filter.task.is_some() { "From the beginning" } @else { "Newest first" } }
            (query.decisions())
            (query.exports())
            @if matches!(about, About::Task) {
                ol.timeline {
                    @for (row, record) in rows.iter().zip(&records) {
                        li class=(entry::decision(record)) {
                            (moment(records.first(), record)) (entry(row, record))
                        }
                    }
                }
            } @else {
                ol.records { @for (row, record) in rows.iter().zip(&records) { li { (entry(row, record)) } } }
            }
            @if let Some(next) = next {
                p { a.button href=(query.link("/ledger", &[("before", &next)])) { "Older" } }
            }
        }
    };
    Ok(page(title, Some(&who), &content))
}

/// Attempted and executed, by agent, by action and by day. Of one task or one subject from the page's records; else from the
/// counts, which are of whole days.
async fn summary(
    app: &App,
    about: &About,
    filter: &LedgerFilter,
    records: &[Value],
) -> Result<Markup, sqlx::Error> {
    if filter.task.is_some() || filter.subject.is_some() || filter.service.is_some() {
        let tally = Tally::of_records(records);
        return Ok(html! {
            h2 { "Attempted and executed" }
            p.hint { "Of the calls on this page." }
            (tally.totals())
            @if filter.actor.is_none() && tally.agents.len() > 1 {
                (table("agent", "agent", &tally.agents))
            }
            (table("action", "action", &tally.actions))
        });
    }
    let since =
        filter.since.unwrap_or_else(|| app.clock.now().saturating_mul(1000).saturating_sub(WINDOW_MILLIS));
    let counted = LedgerFilter { since: Some(since), ..filter.clone() };
    let (by_action, by_day) =
        (app.store.counts(&counted, CountBy::Action).await?, app.store.counts(&counted, CountBy::Day).await?);
    let by_agent = match about {
        About::Agent | About::Task => Vec::new(),
        About::Everything => app.store.counts(&counted, CountBy::Actor).await?,
    };
    let agents = Line::of_counts(&by_agent, |count| &count.actor);
    let tally = Tally { agents, actions: Line::of_counts(&by_action, |count| &count.action) };
    Ok(html! {
        h2 { "Attempted and executed" }
        p.hint {
            @if filter.since.is_none() { "Calls of the last seven days, " } @else { "Calls of the time above, " }
            "in whole days (UTC). What was attempted and not executed is what an agent tried."
        }
        (tally.totals())
        (days(&by_day))
        @if !tally.agents.is_empty() { (table("agent", "agent", &tally.agents)) }
        (table("action", "action", &tally.actions))
    })
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
