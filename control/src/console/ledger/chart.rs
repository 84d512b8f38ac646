//! Small charts, drawn here: a page needs no script for them, and says the same in words to whoever does not see them.

use chrono::DateTime;
use maud::{Markup, html};

use crate::store::Count;

/// Days that fit beside each other on a small screen.
const DAYS: usize = 31;

/// Heights and widths within a chart, in its own units.
const FULL: i64 = 1_000;
const COLUMN: i64 = 20;
const HEIGHT: i64 = 60;

/// How much of what was attempted was executed, as a bar beside others.
pub(super) fn bar(attempted: i64, executed: i64, most: i64) -> Markup {
    let (done, tried) = (part(executed, most, FULL), part(attempted, most, FULL));
    html! {
        svg.bar viewBox={ "0 0 " (FULL) " 10" } preserveAspectRatio="none" role="img"
            aria-label={ (executed) " of " (attempted) " executed" } {
            rect.tried x="0" y="0" width=(tried) height="10" {}
            rect.done x="0" y="0" width=(done) height="10" {}
        }
    }
}

/// A column for each of the last days, the oldest first.
pub(super) fn days(counts: &[Count]) -> Markup {
    let Some(last) = counts.iter().map(|count| count.day).max() else { return html! {} };
    let first = counts.iter().map(|count| count.day).min().unwrap_or(last);
    let span = i64::try_from(DAYS).unwrap_or(i64::MAX).saturating_sub(1);
    let from = first.min(last.saturating_sub(6)).max(last.saturating_sub(span));
    let shown: Vec<Count> = (from..=last)
        .map(|day| {
            counts
                .iter()
                .find(|count| count.day == day)
                .cloned()
                .unwrap_or_else(|| Count { day, ..Count::default() })
        })
        .collect();
    let most = shown.iter().map(|count| count.attempted).max().unwrap_or(0);
    let width = i64::try_from(shown.len()).unwrap_or(1).saturating_mul(COLUMN);
    html! {
        figure.days {
            svg viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={
                "Attempted and executed on each day from " (date(from)) " to " (date(last)) ", at most " (most) " a day"
            } {
                @for (count, place) in shown.iter().zip(0_i64..) {
                    @let (tried, done) = (part(count.attempted, most, HEIGHT), part(count.executed, most, HEIGHT));
                    @let x = place.saturating_mul(COLUMN).saturating_add(2);
                    g {
                        title { (date(count.day)) ": " (count.attempted) " attempted, " (count.executed) " executed" }
                        rect.tried x=(x) y=(HEIGHT.saturating_sub(tried)) width=(COLUMN.saturating_sub(4)) height=(tried) {}
                        rect.done x=(x) y=(HEIGHT.saturating_sub(done)) width=(COLUMN.saturating_sub(4)) height=(done) {}
                    }
                }
            }
            figcaption {
                span { (date(from)) @if from != last { " to " (date(last)) } }
                span.key { span.done aria-hidden="true" {} " executed " span.tried aria-hidden="true" {} " not executed" }
            }
        }
        details {
            summary { "By day, in numbers" }
            div.scroll tabindex="0" role="group" aria-label="Attempted and executed, by day" {
                table.tally {
                    thead { tr { th scope="col" { "Day" } th scope="col" { "Attempted" } th scope="col" { "Executed" } } }
                    tbody {
                        @for count in shown.iter().rev() {
                            tr {
                                th scope="row" { (date(count.day)) }
                                td.number { (count.attempted) } td.number { (count.executed) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// As much of `whole` as `of` is of `most`; something is never shown as nothing.
fn part(of: i64, most: i64, whole: i64) -> i64 {
    if of <= 0 {
        return 0;
    }
    of.saturating_mul(whole).checked_div(most).unwrap_or(0).clamp(1, whole)
}

fn date(day: i64) -> String {
    let time = DateTime::from_timestamp(day.saturating_mul(86_400), 0);
    time.map_or_else(|| day.to_string(), |time| time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_vanishes() {
        assert_eq!(part(5, 10, 1_000), 500);
        assert_eq!((part(1, 1_000_000, 1_000), part(0, 10, 1_000), part(-1, 10, 1_000)), (1, 0, 0));
        assert_eq!((part(5, 0, 1_000), part(i64::MAX, 1, 1_000)), (1, 1_000));
        let drawn = bar(9, 6, 9).into_string();
        assert!(drawn.contains("6 of 9 executed") && drawn.contains("width=\"666\""), "{drawn}");
    }

    #[test]
    fn days_without_anything_keep_their_place() {
        let count = |day, attempted, executed| Count { day, attempted, executed, ..Count::default() };
        let drawn = days(&[count(20_837, 4, 1), count(20_827, 8, 8)]).into_string();
        assert_eq!(drawn.matches("<g>").count(), 11);
        assert!(drawn.contains("2027-01-19: 4 attempted, 1 executed"), "{drawn}");
        // Never more than fit.
        let drawn = days(&[count(20_837, 4, 1), count(20_000, 8, 8)]).into_string();
        assert_eq!(drawn.matches("<g>").count(), DAYS);
        // A week at least, so that a day is never as broad as a month.
        assert_eq!(days(&[count(20_837, 4, 1)]).into_string().matches("<g>").count(), 7);
        assert!(days(&[]).into_string().is_empty());
    }
}
