use std::path::Path;

use serde_json::json;

use super::*;
use crate::case::engine::Exchange;

/// The gate, with an answer that is not the gate's.
struct Changed<'s>(Native<'s>, fn(&mut Outcome));

impl Engine for Changed<'_> {
    fn name(&self) -> &'static str {
        "changed"
    }

    fn clock(&self) -> Option<i64> {
        None
    }

    fn is_proxy(&self) -> bool {
        false
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        let mut outcome = self.0.run(exchange)?;
        (self.1)(&mut outcome);
        Ok(outcome)
    }
}

fn case() -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/packs/notes/cases");
    Case::read(&folder.join("unknown-agent.yaml")).unwrap()
}

fn kinds(change: fn(&mut Outcome)) -> Vec<&'static str> {
    let (suite, case) = (Suite::new(None), case());
    let setup = suite.setup(case.origin()).unwrap();
    let failures = suite.play_through(&case, &mut Changed(Native::new(&setup), change));
    failures.iter().map(Failure::code).collect()
}

#[test]
fn engines_that_differ_fail_the_case_even_where_both_do_as_expected() {
    assert_eq!(kinds(|_| ()), Vec::<&str>::new());
    assert_eq!(kinds(|outcome| outcome.record["decided"]["detail"] = json!("otherwise")), ["difference"]);
    assert_eq!(kinds(|outcome| outcome.status = 404), ["expectation", "difference"]);
}

#[test]
fn without_a_plugin_nothing_is_played_in_it() {
    let failures = Suite::new(None).play(&case(), Engines::Both);
    assert_eq!(failures.iter().map(Failure::code).collect::<Vec<_>>(), ["engine"]);
}

#[test]
fn what_was_asked_of_the_policies_is_there_to_be_looked_at() {
    let (suite, case) = (Suite::new(None), case());
    let setup = suite.setup(case.origin()).unwrap();
    let played = play(&case, &setup, &mut Native::new(&setup)).unwrap();
    let inquiry = played[0].outcome.inquiry.as_ref().unwrap();
    assert_eq!(inquiry.calls.first().action.as_ref(), "notes.read");
    assert_eq!(inquiry.caller.actor().entity_id(), "demo/spiffe://demo/agent/unknown");
}
