//! The nearest known name, for the help line of a misspelt one.

/// How alike two names must be to be worth a question (Jaro-Winkler, 0 to 1): below it, the question
/// confuses more than it helps.
const LIKENESS: f64 = 0.75;

/// The candidate that `name` was probably meant to be.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
