//! The script: scenarios of callbacks of operations.

use std::collections::BTreeMap;

/// When a line applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    End,
    Nth(u32),
}

#[derive(Debug)]
struct Line {
    callback: String,
    when: When,
    operations: Vec<String>,
}

/// All scenarios.
#[derive(Debug, Default)]
pub(crate) struct Script(BTreeMap<String, Vec<Line>>);

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut scenarios = BTreeMap::new();
        let mut lines: &mut Vec<Line> = scenarios.entry(String::new()).or_default();
        for text in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(name) = text.strip_prefix("scenario ") {
                lines = scenarios.entry(name.to_owned()).or_default();
                continue;
            }
            let (head, operations) = text.split_once(": ").ok_or_else(|| format!("no callback: {text}"))?;
            let (callback, when) = match head.split_once(' ') {
                None => (head, When::Always),
                Some((callback, "end")) => (callback, When::End),
                Some((callback, nth)) => {
                    (callback, When::Nth(nth.parse().map_err(|_| format!("no number: {text}"))?))
                }
            };
            let operations = operations.split(';').map(|part| part.trim().to_owned()).collect();
            lines.push(Line { callback: callback.to_owned(), when, operations });
        }
        Ok(Self(scenarios))
    }

    /// What to do in the `nth` call of a callback.
    pub(crate) fn operations(&self, scenario: &str, callback: &str, nth: u32, end: bool) -> Vec<String> {
        let lines = self.0.get(scenario).into_iter().flatten();
        let applies = |line: &&Line| {
            line.callback == callback
                && match line.when {
                    When::Always => true,
                    When::End => end,
                    When::Nth(own) => own == nth,
                }
        };
        lines.filter(applies).flat_map(|line| line.operations.iter().cloned()).collect()
    }
}
