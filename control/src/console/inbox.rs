//! What waits for a decision.

use std::sync::Arc;

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
                        @for call in approval.envelope.calls.iter().take(3) {
                            span.verb { code { (visible(&call.action)) } }
                            span.resource { code { (visible(&call.resource)) } }
                        }
                        @if approval.envelope.calls.len() > 3 {
                            span { "and " (approval.envelope.calls.len().saturating_sub(3)) " more calls" }
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
