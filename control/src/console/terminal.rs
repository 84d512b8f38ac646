//! Tokens for `actgate approvals`.

use std::sync::Arc;

use axum::{Form, extract::State, http::HeaderMap};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    origin,
    page::{Refused, page},
    signed_in::SignedIn,
    when::exact,
};
use crate::{api::sessions::begin_terminal, app::App};

#[derive(Debug, Deserialize)]
pub(super) struct TerminalForm {
    csrf: String,
}

pub(super) async fn show(who: SignedIn) -> Markup {
    let content = html! {
        h1 { "Terminal" }
        p { "A token lets " code { "actgate approvals" } " read and decide as you. It is shown once." }
        form method="post" action="/terminal" {
            input type="hidden" name="csrf" value=(who.csrf);
            button type="submit" { "Make a token" }
        }
    };
    page("Terminal", Some(&who), &content)
}

pub(super) async fn make(
    State(app): State<Arc<App>>,
    who: SignedIn,
    headers: HeaderMap,
    Form(TerminalForm { csrf }): Form<TerminalForm>,
) -> Result<Markup, Refused> {
    origin::check(&app, &headers)?;
    who.check_form(&csrf)?;
    let (token, session) = begin_terminal(&app, who.person.clone(), app.clock.now()).await?;
    let content = html! {
        h1 { "Terminal" }
        p { "Good until " (exact(session.expires)) ". Copy it now:" }
        pre tabindex="0" {
            "export ACTGATE_CONTROL=" (app.config.public_url) "\n"
            "export ACTGATE_CONTROL_TOKEN=" (token.reveal())
        }
    };
    Ok(page("Terminal", Some(&who), &content))
}
