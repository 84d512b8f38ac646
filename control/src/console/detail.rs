//! One call in full, and the decision.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    envelope::envelope,
    origin,
    page::{Refused, page, see_other},
    signed_in::SignedIn,
    text::visible,
    when::{exact, length, when},
};
use crate::{
    api::approvals::{MAX_COMMENT_CHARS, comment_of},
    app::App,
    approval::{self, Approval, Event, Vote},
    person::Ineligible,
    problem::Problem,
    store::{Decision, History},
};

#[derive(Debug, Deserialize)]
pub(super) struct DecisionForm {
    csrf: String,
    #[serde(default)]
    comment: String,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Markup, Refused> {
    if who.person.groups.is_empty() {
        return Err(Problem::Ineligible(Ineligible::Group).into());
    }
    let found = app.store.approval(&id).await?.ok_or(Problem::NotFound("approval"))?;
    let (votes, events) = (app.store.votes(&id).await?, app.store.events(&id).await?);
    let history = app.store.history(&found).await?;
    let now = app.clock.now();
    let state = found.state_at(now);
    let content = html! {
        p.crumb { a href="/" { "Inbox" } }
        div #live {
            h1 { (headline(&found)) }
            p { span class={ "state " (state.as_str()) } { (state.as_str()) } " " (standing(&app, &found, now)) }
            h2 { "What is asked" }
            (envelope(&found))
            h2 { "Who asks" }
            (asker(&found, history, now))
            // Behind what it is about, so that nobody decides what they have not passed.
            h2 { "Decision" }
            (decision(&app, &who, &found, &votes, now))
            h2 { "What happened" }
            (happened(&events, now))
        }
    };
    Ok(page(&headline(&found), Some(&who), &content))
}

pub(super) async fn approve(
    app: State<Arc<App>>,
    who: SignedIn,
    id: Path<String>,
    headers: HeaderMap,
    form: Form<DecisionForm>,
) -> Result<Response, Refused> {
    decide(app, who, id, headers, form, Decision::Approve).await
}

pub(super) async fn deny(
    app: State<Arc<App>>,
    who: SignedIn,
    id: Path<String>,
    headers: HeaderMap,
    form: Form<DecisionForm>,
) -> Result<Response, Refused> {
    decide(app, who, id, headers, form, Decision::Deny).await
}

pub(super) async fn revoke(
    app: State<Arc<App>>,
    who: SignedIn,
    id: Path<String>,
    headers: HeaderMap,
    form: Form<DecisionForm>,
) -> Result<Response, Refused> {
    decide(app, who, id, headers, form, Decision::Revoke).await
}

async fn decide(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(DecisionForm { csrf, comment }): Form<DecisionForm>,
    decision: Decision,
) -> Result<Response, Refused> {
    origin::check(&app, &headers)?;
    who.check_form(&csrf)?;
    let comment = comment_of(Some(comment))?;
    let now = app.clock.now();
    let decided = app.store.decide(&app.config, &id, &who.person, decision, comment.as_deref(), now).await?;
    Ok(see_other(&format!("/approvals/{}", decided.id)))
}

fn headline(approval: &Approval) -> String {
    match approval.envelope.calls.as_slice() {
        [call] => call.action.clone(),
        calls => format!("{} calls in one request", calls.len()),
    }
}

/// What the state means for what comes next.
fn standing(app: &App, approval: &Approval, now: i64) -> Markup {
    match approval.state_at(now) {
        approval::State::Pending => html! {
            "It can be decided until " (exact(approval.expires)) " (" (when(approval.expires, now)) ")."
        },
        approval::State::Approved => html! {
            "The agent can use it once until " (exact(approval.expires)) " (" (when(approval.expires, now)) ")."
        },
        approval::State::Denied => html! {
            "The same call can be asked again "
            (length(app.config.limits.denied.seconds())) " after the denial."
            @if let Some(comment) = &approval.comment { " It was said: " q { (visible(comment)) } }
        },
        approval::State::Expired => html! { "Its time ran out. Nothing was run." },
        approval::State::Revoked => html! { "It was taken back. Nothing was run." },
        approval::State::Consumed => html! {
            "It was used" @if let Some(at) = approval.consumed { " " (when(at, now)) } ": "
            @match approval.outcome {
                None => "what became of the call is not known yet.",
                Some(approval::Outcome::Forwarded) => "the call was passed on to the tool.",
                Some(approval::Outcome::NotForwarded) => "the call was not passed on, and the approval is used up.",
                Some(approval::Outcome::Unknown) => "the gateway cannot tell whether the call was passed on.",
            }
            @if let Some(status) = approval.outcome_status { " The tool answered " (status) "." }
        },
    }
}

/// Who has to say yes, who has, and the form for those who may.
fn decision(app: &App, who: &SignedIn, approval: &Approval, votes: &[Vote], now: i64) -> Markup {
    let state = approval.state_at(now);
    let form = |verb: &'static str, label: &'static str, class: &'static str| {
        html! { button class=(class) type="submit" formaction={ "/approvals/" (approval.id) "/" (verb) } { (label) } }
    };
    html! {
        section.decision {
            ul.quorum {
                @for group in &approval.groups {
                    @let given: Vec<&Vote> = votes.iter().filter(|vote| vote.group == *group).collect();
                    li {
                        strong { (visible(group)) } ": "
                        @match app.config.quorum(group) {
                            None => "is not a group here, so this can never be approved",
                            Some(needed) => { (given.len()) " of " (needed) }
                        }
                        @for vote in &given { ", " (visible(&vote.approver)) " " (when(vote.at, now)) }
                    }
                }
            }
            @match (state, who.person.eligible(approval)) {
                (approval::State::Pending, Err(why)) => p.hint { "You cannot decide this: " (why) "." },
                (approval::State::Pending, Ok(groups)) => {
                    @if votes.iter().any(|vote| vote.approver == who.person.id) {
                        p.hint { "You have approved. It needs another person." }
                    }
                    form method="post" {
                        input type="hidden" name="csrf" value=(who.csrf);
                        label for="comment" { "Comment (the agent sees it with a denial)" }
                        textarea #comment name="comment" rows="2" maxlength=(MAX_COMMENT_CHARS) {}
                        p.hint {
                            "Approved for " (groups.join(", ")) ", exactly this call may run once within "
                            (length(app.config.limits.approved.seconds()))
                            ", through gateway " code { (visible(&approval.audience)) }
                            ". Anything else, one argument changed, is asked anew."
                        }
                        div.buttons {
                            (form("approve", "Approve", "yes"))
                            (form("deny", "Deny", "no"))
                        }
                    }
                }
                (approval::State::Approved, Ok(_)) => form method="post" {
                    input type="hidden" name="csrf" value=(who.csrf);
                    label for="comment" { "Comment" }
                    textarea #comment name="comment" rows="2" maxlength=(MAX_COMMENT_CHARS) {}
                    div.buttons { (form("revoke", "Take the approval back", "no")) }
                },
                (_, _) => {}
            }
        }
    }
}

fn asker(approval: &Approval, history: History, now: i64) -> Markup {
    html! {
        dl {
            dt { "For" } dd { code { (visible(&approval.subject)) } }
            dt { "Agent" } dd { code { (visible(&approval.actor)) } }
            @if approval.chain.len() > 1 {
                dt { "Through" }
                dd { ol.chain { @for link in &approval.chain { li { code { (visible(link)) } } } } }
            }
            dt { "Asked by policy" }
            dd { @for policy in &approval.policies { code { (visible(policy)) } " " } }
            dt { "Service" } dd { code { (visible(&approval.service)) } " through " code { (visible(&approval.audience)) } }
            @for (name, value) in &approval.context {
                dt { (visible(name)) " " span.hint { "(from the agent's token)" } }
                dd { @match value { Value::String(text) => (visible(text)), other => (visible(&other.to_string())) } }
            }
            dt { "First asked" } dd { (exact(approval.created)) " (" (when(approval.created, now)) ")" }
            dt { "Tried" }
            dd { (approval.asks) @if approval.asks == 1 { " time" } @else { " times, last " (when(approval.last_asked, now)) } }
            dt { "This agent before" }
            dd {
                @if history.asked == 0 { "never asked for anything" } @else {
                    "asked " (history.asked) ", approved " (history.approved) ", denied " (history.denied)
                    "; this very call " (history.same_call)
                }
            }
            dt { "Ledger" } dd { code.digest { (visible(&approval.action_id)) } }
        }
    }
}

fn happened(events: &[Event], now: i64) -> Markup {
    html! {
        ol.events {
            @for event in events {
                li {
                    strong { (what(&event.what)) } " by " code { (visible(&event.who)) } " " (when(event.at, now))
                    @if let Some(comment) = &event.comment { ": " q { (visible(comment)) } }
                }
            }
        }
    }
}

fn what(word: &str) -> &str {
    match word {
        "vote" => "yes",
        "forwarded" => "passed on",
        "not_forwarded" => "not passed on",
        other => other,
    }
}
