//! What loads, and yet cannot be meant: policies that never decide, and routes of which no policy speaks.

mod condition;
mod reach;
mod route;
mod shadow;
mod statics;

use std::collections::BTreeSet;

use self::reach::{Reach, Speakers};
pub(crate) use self::statics::Statics;
use super::Analysis;
use crate::fault::Fault;

/// What is worth a look in a bundle that loads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lints {
    /// Policies that can never apply, or never matter.
    pub policies: Vec<Fault>,
    /// Routes that nobody is permitted to take, without a policy that says so.
    pub routes: Vec<Fault>,
    /// Where the policies begin that can never apply, as file and byte offset: what Cedar itself warns of there says
    /// less.
    pub idle: Vec<(String, usize)>,
}

// === impl Analysis ===

impl Analysis {
    /// Everything that is worth a look.
    pub fn lints(&self) -> Lints {
        let reach = Reach::of(self);
        let mut lints = Lints::default();
        let mut idle = BTreeSet::new();
        for (number, policy) in self.policies.iter().enumerate() {
            let found = reach.out_of_reach(policy).or_else(|| condition::never_holds(policy));
            if let Some(fault) = found {
                lints.policies.push(fault);
                lints.idle.push((policy.text.file.clone(), policy.text.offset));
                idle.insert(number);
            } else {
                lints.policies.extend(condition::always_hold(policy));
            }
        }
        let numbered = self.policies.iter().enumerate();
        let live = numbered.filter(|(number, _)| !idle.contains(number)).map(|(_, policy)| policy);
        let speakers = Speakers::of(&reach, live);
        lints.policies.extend(shadow::shadowed(&reach, &speakers));
        lints.routes = route::without_policy(self, &reach, &speakers);
        lints
    }
}
