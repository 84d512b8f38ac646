//! Times, for people.

use chrono::DateTime;
use maud::{Markup, html};

/// A time, and how far it is from `now`.
pub(super) fn when(at: i64, now: i64) -> Markup {
    let exact = exact(at);
    html! { time datetime=(exact) title=(exact) { (relative(at, now)) } }
}

/// `2026-11-24 17:03:00 UTC`
pub(super) fn exact(at: i64) -> String {
    DateTime::from_timestamp(at, 0)
        .map_or_else(|| at.to_string(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// `in 12 min`, `3 h ago`, `just now`
pub(super) fn relative(at: i64, now: i64) -> String {
    let away = at.saturating_sub(now);
    if away == 0 {
        return "just now".to_owned();
    }
    let length = length(away.saturating_abs());
    if away > 0 { format!("in {length}") } else { format!("{length} ago") }
}

/// `45 s`, `12 min`, `3 h`, `2 days`
pub(super) fn length(seconds: i64) -> String {
    match seconds {
        ..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", seconds.saturating_add(30).div_euclid(60)),
        5_400..129_600 => format!("{} h", seconds.saturating_add(1_800).div_euclid(3_600)),
        129_600.. => format!("{} days", seconds.saturating_add(43_200).div_euclid(86_400)),
    }
}
