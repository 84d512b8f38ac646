//! Cookies: for this host alone, never for a script.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;

/// The header that sets one.
pub(super) fn set(app: &App, name: &str, value: &str, seconds: i64) -> HeaderValue {
    // Lax, so that the link in an agent's refusal leads a person who is signed in to the call. What changes anything
    // is a POST with the form's token.
    let secure = if app.is_https() { "; Secure" } else { "" };
    let name = full(app, name);
    let text = format!("{name}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// The header that ends one.
pub(super) fn forget(app: &App, name: &str) -> HeaderValue {
    set(app, name, "", 0)
}

/// The value of one, where there is exactly one.
pub(super) fn get<'a>(app: &App, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name = full(app, name);
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    // Two of one name: one is not ours.
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        (None | Some(_), _) => None,
    }
}

/// `__Host-` makes a browser take it from this host over TLS only.
fn full(app: &App, name: &str) -> String {
    if app.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}
