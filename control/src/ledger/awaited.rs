//! Attempts whose outcome is not there, as readers see them.

use serde_json::{Value, json};

/// A stored attempt with what is known of its outcome in the place of one: `open` while it may yet come, `unknown` when
/// this service has written it off. Chains hold the attempt itself.
pub fn without_outcome(attempt: &str, is_overdue: bool) -> Option<String> {
    let mut record: Value = serde_json::from_str(attempt).ok()?;
    let outcome = if is_overdue { "unknown" } else { "open" };
    *record.get_mut("executed")? = json!({ "outcome": outcome, "said_by": "control" });
    serde_json::to_string(&record).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_shown_with_what_is_known_of_its_outcome() {
        let shown = without_outcome("{\"stage\":\"attempted\",\"executed\":null}", true).unwrap();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["executed"], json!({ "outcome": "unknown", "said_by": "control" }));
        assert_eq!(shown["stage"], "attempted");
        assert_eq!(without_outcome("{}", true), None);
    }
}
