//! The way of one request through the gate, in a few lines: who asks, what is asked, which policies speak of it, which
//! of them decides and on what values, and what approval would change it.
//!
//! Nothing is sent anywhere, and nothing that is forwarded could come of it: what is looked at holds no permit.

mod json;
mod text;

use actgate_authz::{Analysis, Candidate, Denial, Examination, Fault, PolicyText, RouteText, Stage};

use crate::case::Exchange;
use crate::diagnostic::Diagnostic;

/// A request that was looked at.
#[derive(Debug)]
pub struct Explanation<'e> {
    /// The request.
    pub exchange: &'e Exchange,
    /// What the gate makes of it.
    pub examination: &'e Examination,
    /// What it was asked.
    pub analysis: &'e Analysis,
}

/// Finds the place of something in the bundle's files.
pub type Placing<'p> = dyn FnMut(&Fault) -> Diagnostic + 'p;

// === impl Explanation ===

impl Explanation<'_> {
    fn policy(&self, number: usize) -> Option<&PolicyText> {
        self.analysis.policies().nth(number)
    }

    fn route(&self) -> Option<&RouteText> {
        self.analysis.routes().get(self.examination.route?)
    }

    fn decides(&self, candidate: &Candidate) -> bool {
        let determining = &self.examination.conclusion.policies;
        candidate.applies
            && self.policy(candidate.policy).is_some_and(|policy| determining.contains(&policy.id))
    }

    /// What approval would change: the groups whose approval lets it through, and nothing where none would.
    fn approval(&self) -> Option<&[String]> {
        let denial = self.examination.conclusion.denial.as_ref()?;
        (self.examination.stage == Stage::Policy).then_some(denial.groups.as_slice())
    }

    fn denial(&self) -> Option<&Denial> {
        self.examination.conclusion.denial.as_ref()
    }
}

/// `file:line:column`, or the file alone.
fn place(finding: &Diagnostic) -> String {
    match finding.position {
        Some(position) => format!("{}:{}:{}", finding.file, position.line, position.column),
        None => finding.file.clone(),
    }
}

fn place_of_policy(policy: &PolicyText, placing: &mut Placing<'_>) -> Diagnostic {
    placing(&Fault::at_offset(&policy.file, policy.offset, String::new()))
}

fn place_of_route(route: &RouteText, placing: &mut Placing<'_>) -> Diagnostic {
    let RouteText { file, at, .. } = route;
    placing(&Fault { file: file.clone(), at: at.clone(), message: String::new(), help: None })
}
