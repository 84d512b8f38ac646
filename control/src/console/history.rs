//! What was decided.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    inbox::list,
    page::{Refused, page},
    signed_in::SignedIn,
};
use crate::{app::App, approval, person::Ineligible, problem::Problem, store::Filter};

#[derive(Debug, Deserialize)]
pub(super) struct HistoryQuery {
    state: Option<String>,
    before: Option<String>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Query(HistoryQuery { state, before }): Query<HistoryQuery>,
) -> Result<Markup, Refused> {
    if who.person.groups.is_empty() {
        return Err(Problem::Ineligible(Ineligible::Group).into());
    }
    let now = app.clock.now();
    let state = state.as_deref().and_then(approval::State::parse);
    let found = app.store.approvals(&Filter { state, before }, now).await?;
    let content = html! {
        h1 { "History" }
        nav.filters aria-label="By state" {
            a href="/history" aria-current=[state.is_none().then_some("page")] { "all" }
            @for known in approval::State::ALL {
                a href={ "/history?state=" (known.as_str()) }
                    aria-current=[(state == Some(known)).then_some("page")] { (known.as_str()) }
            }
        }
        @if found.is_empty() { p.empty { "There is nothing." } } @else { (list(&found, now)) }
        @if let (100.., Some(last)) = (found.len(), found.last()) {
            p { a.button href={
                "/history?before=" (last.id) @if let Some(state) = state { "&state=" (state.as_str()) }
            } { "Older" } }
        }
    };
    Ok(page("History", Some(&who), &content))
}
