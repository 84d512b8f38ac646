//! What waits for a decision.

use std::sync::Arc;

use actgate_call::envelope::EnvelopeBody;
use axum::extract::State;
use maud::{Markup, html};

use super::{
    page::{Refused, page},
    signed_in::SignedIn,
    text::visible,
    when::when,
};
use crate::{
    app::App,
    approval::{self, Approval},
    store::Filter,
};

/// Calls of one request that its entry names.
const SHOWN_CALLS: usize = 3;

pub(super) async fn show(State(app): State<Arc<App>>, who: SignedIn) -> Result<Markup, Refused> {
    let now = app.clock.now();
    let mut open = Vec::new();
    for state in [approval::State::Pending, approval::State::Approved] {
        if !who.person.groups.is_empty() {
            open.extend(app.store.approvals(&Filter { state: Some(state), before: None }, now).await?);
        }
    }
    let (mine, others): (Vec<Approval>, Vec<Approval>) = open.into_iter().partition(|approval| {
        approval.state == approval::State::Pending && who.person.eligible(approval).is_ok()
    });
    let content = html! {
        h1 { "Inbox" }
        @if who.person.groups.is_empty() {
            p.empty { "You are in no approver group, so there is nothing here for you." }
        } @else {
            // The script replaces what is in here.
            div #live aria-live="polite" {
                h2 { "Waiting for you" @if !mine.is_empty() { " (" (mine.len()) ")" } }
                @if mine.is_empty() { p.empty { "Nothing waits for your decision." } }
                @else { (list(&mine, now)) }
                @if !others.is_empty() {
                    h2 { "Open elsewhere" }
                    p.hint { "Approved and not used yet, waiting for another group, or your own." }
                    (list(&others, now))
                }
            }
            p.hint { "You decide for " @for (at, group) in who.person.groups.iter().enumerate() {
                @if at > 0 { ", " } strong { (group) }
            } "." }
        }
    };
    Ok(page("Inbox", Some(&who), &content))
}

/// Approvals, each as a link to it in full.
pub(super) fn list(approvals: &[Approval], now: i64) -> Markup {
    html! {
        ul.cards {
            @for approval in approvals {
                @let state = approval.state_at(now);
                li {
                    a.card href={ "/approvals/" (approval.id) } {
                        @for call in approval.envelope.calls.iter().take(SHOWN_CALLS) {
                            span.verb { code { (visible(&call.action)) } }
                            span.resource { code { (visible(&call.resource)) } }
                        }
                        @if let more @ 1.. = approval.envelope.calls.len().saturating_sub(SHOWN_CALLS) {
                            span { "and " (more) " more" }
                        }
                        @if let EnvelopeBody::Git { commands, .. } = &approval.envelope.body {
                            @for command in commands.iter().take(SHOWN_CALLS) {
                                span.hint { code { (short(&command.old)) " → " (short(&command.new)) } }
                            }
                        }
                        span.meta {
                            span class={ "state " (state.as_str()) } { (state.as_str()) }
                            span { "by " code { (visible(&approval.actor)) } " for " code { (visible(&approval.subject)) } }
                            span { (approval.groups.join(", ")) }
                            @if matches!(state, approval::State::Pending | approval::State::Approved) {
                                span { "ends " (when(approval.expires, now)) }
                            } @else {
                                span { "asked " (when(approval.created, now)) }
                            }
                            @if approval.asks > 1 { span { "tried " (approval.asks) " times" } }
                        }
                    }
                }
            }
        }
    }
}

/// An object id, to tell entries apart; in full it stands on the call's own page.
fn short(id: &str) -> Markup {
    if id.bytes().all(|digit| digit == b'0') {
        return html! { "nothing" };
    }
    html! { (visible(&id.chars().take(12).collect::<String>())) }
}
