//! How often one address may try to sign in.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::http::HeaderMap;

use crate::{app::App, problem::Problem};

/// Attempts of one address within [`WINDOW_SECONDS`]: people mistype, programs guess.
const ATTEMPTS: u32 = 20;

/// A minute is short enough to wait for.
const WINDOW_SECONDS: i64 = 60;

/// More addresses than sign in within a minute; over it, everybody waits for the window to end.
const MAX_ADDRESSES: usize = 10_000;

/// Counts attempts, in this replica.
#[derive(Debug, Default)]
pub struct LoginLimit {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: i64,
    attempts: HashMap<IpAddr, u32>,
}

// === impl LoginLimit ===

impl LoginLimit {
    /// Counts an attempt.
    ///
    /// # Errors
    /// It is one too many; the seconds until the next may be made.
    pub fn attempt(&self, address: IpAddr, now: i64) -> Result<(), i64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if !(0..WINDOW_SECONDS).contains(&now.saturating_sub(window.began)) {
            *window = Window { began: now, attempts: HashMap::new() };
        }
        let left = window.began.saturating_add(WINDOW_SECONDS).saturating_sub(now);
        if window.attempts.len() >= MAX_ADDRESSES && !window.attempts.contains_key(&address) {
            return Err(left);
        }
        let attempts = window.attempts.entry(address).or_default();
        *attempts = attempts.saturating_add(1);
        if *attempts > ATTEMPTS { Err(left) } else { Ok(()) }
    }
}

/// Counts an attempt of whoever sends a request.
///
/// # Errors
/// [`Problem::TooManyLogins`].
pub(crate) fn attempt(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let address =
        if app.config.behind_proxy { forwarded(headers).unwrap_or_else(|| peer.ip()) } else { peer.ip() };
    app.logins.attempt(address, app.clock.now()).map_err(Problem::TooManyLogins)
}

/// The last address: the proxy appended it, and whatever is before it came from the client.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_the_proxy_appended_counts() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            forwarded(&headers).map(|address| address.to_string())
        };
        assert_eq!(of(&["192.0.2.1, 198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(of(&["192.0.2.1", "2001:db8::1"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["192.0.2.1, unknown"]), None);
    }

    #[test]
    fn an_address_waits_and_others_do_not() {
        let (limit, one, two) =
            (LoginLimit::default(), IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..ATTEMPTS {
            limit.attempt(one, 1_000).unwrap();
        }
        assert_eq!(limit.attempt(one, 1_010), Err(50));
        limit.attempt(two, 1_010).unwrap();
        limit.attempt(one, 1_060).unwrap();
    }
}
