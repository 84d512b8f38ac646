//! An explanation for people.

use std::io::{self, Write};

use actgate_authz::{Answer, CallFacts, CallerFacts, Candidate, Hearing, NearMiss, Role, ScopePart, Stage};

use super::{Explanation, Placing, place, place_of_policy, place_of_route};
use crate::diagnostic::{Style, printable};

/// At most so many permits that almost fit are told: with more of them, none is near.
const MAX_NEAR: usize = 5;

/// Lines with a name before them, the same name only once in a row.
struct Lines<'o> {
    out: &'o mut dyn Write,
    style: Style,
}

// === impl Lines ===

impl Lines<'_> {
    fn named(&mut self, name: &str, text: &str) -> io::Result<()> {
        let name = self.style.paint("1", &format!("{name:<9}"));
        writeln!(self.out, "{name} {}", printable(text))
    }

    fn more(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:<9} {}", "", printable(text))
    }
}

// === impl Explanation ===

impl Explanation<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// What the output says.
    pub fn write_text(&self, out: &mut dyn Write, placing: &mut Placing<'_>, style: Style) -> io::Result<()> {
        let mut lines = Lines { out, style };
        lines.named("request", &format!("{} {}", self.exchange.method, self.exchange.path))?;
        if let Some(service) = &self.examination.service {
            let observed =
                if self.examination.is_observed { " (only observed: refusals go through)" } else { "" };
            lines.named("service", &format!("{service}{observed}"))?;
        }
        if let Some(caller) = &self.examination.caller {
            lines.named("caller", &described(caller, self.exchange.now))?;
        }
        if let Some(route) = self.route() {
            lines.named("route", &format!("{}  {}", route.name, place(&place_of_route(route, placing))))?;
        }
        for (number, call) in self.examination.calls.iter().enumerate() {
            self.call(number, call, &mut lines, placing)?;
        }
        self.decision(&mut lines)
    }

    fn call(
        &self,
        number: usize,
        call: &CallFacts,
        lines: &mut Lines<'_>,
        placing: &mut Placing<'_>,
    ) -> io::Result<()> {
        lines.named("call", &format!("{} {}", call.action, call.resource))?;
        if !call.within.is_empty() {
            lines.more(&format!("in {}", call.within.join(", ")))?;
        }
        for (name, value) in &call.arguments {
            lines.more(&format!("{name} = {value}"))?;
        }
        if self.examination.stage != Stage::Policy {
            return Ok(());
        }
        for hearing in self.examination.hearings.iter().filter(|hearing| hearing.call == number) {
            self.hearing(hearing, lines, placing)?;
        }
        Ok(())
    }

    fn hearing(&self, hearing: &Hearing, lines: &mut Lines<'_>, placing: &mut Placing<'_>) -> io::Result<()> {
        let role = match hearing.role {
            Role::Subject => "subject",
            Role::Actor => "actor",
            Role::Both => "caller",
        };
        lines.named("policies", &format!("for the {role} {}", hearing.principal))?;
        for candidate in &hearing.candidates {
            self.candidate(candidate, lines, placing)?;
        }
        let permitted = hearing
            .candidates
            .iter()
            .any(|candidate| candidate.applies && self.policy(candidate.policy).is_some_and(|p| !p.forbids));
        if !permitted {
            lines.more("  no permit applies")?;
            for near in hearing.near.iter().filter(|near| near.parts.len() == 1).take(MAX_NEAR) {
                self.near(near, lines, placing)?;
            }
        }
        Ok(())
    }

    fn candidate(
        &self,
        candidate: &Candidate,
        lines: &mut Lines<'_>,
        placing: &mut Placing<'_>,
    ) -> io::Result<()> {
        let Some(policy) = self.policy(candidate.policy) else { return Ok(()) };
        let what = match (candidate.applies, policy.forbids) {
            (true, true) => "forbids",
            (true, false) => "permits",
            (false, _) => "silent ",
        };
        let decides = if self.decides(candidate) { "  <- decides" } else { "" };
        let at = place(&place_of_policy(policy, placing));
        lines.more(&format!("  {what}  {}  {at}{decides}", policy.id))?;
        for (condition, answer) in policy.conditions.iter().zip(&candidate.answers) {
            let came = match answer {
                Answer::True => "is true".to_owned(),
                Answer::False => "is false".to_owned(),
                Answer::Failed(why) => format!("fails: {why}"),
                Answer::Unasked => continue,
            };
            lines.more(&format!("           {} {came}", condition.text))?;
        }
        for reading in &candidate.readings {
            lines.more(&format!("           {} = {}", reading.what, reading.value))?;
        }
        Ok(())
    }

    fn near(&self, near: &NearMiss, lines: &mut Lines<'_>, placing: &mut Placing<'_>) -> io::Result<()> {
        let Some(policy) = self.policy(near.policy) else { return Ok(()) };
        let other = match near.parts.first() {
            Some(ScopePart::Principal) => "another principal",
            Some(ScopePart::Resource) | None => "another resource",
        };
        lines.more(&format!(
            "  near     {}  {} is for {other}",
            policy.id,
            place(&place_of_policy(policy, placing))
        ))
    }

    fn decision(&self, lines: &mut Lines<'_>) -> io::Result<()> {
        let conclusion = &self.examination.conclusion;
        let Some(denial) = self.denial() else {
            return lines.named("decision", &format!("allow, by {}", conclusion.policies.join(", ")));
        };
        let row = denial.reason.row();
        lines.named(
            "decision",
            &format!(
                "{} at stage `{}`: {} ({})",
                conclusion.decision,
                self.examination.stage.code(),
                row.code,
                row.status
            ),
        )?;
        lines.more(&denial.detail)?;
        for more in [&denial.advice, &denial.internal].into_iter().flatten() {
            lines.more(more)?;
        }
        match self.approval() {
            None => Ok(()),
            Some([]) => lines.named("approval", "none would change it"),
            Some(groups) => lines.named("approval", &format!("by {} lets it through", groups.join(" and "))),
        }
    }
}

fn described(caller: &CallerFacts, now: i64) -> String {
    let CallerFacts { subject, actor, earlier, issuer, expires, scope, claims, groups } = caller;
    let mut text =
        if subject == actor { format!("{subject} for itself") } else { format!("{subject} through {actor}") };
    for earlier in earlier {
        text.push_str(&format!(", before that {earlier}"));
    }
    text.push_str(&format!("; issuer `{issuer}`, expires in {} s", expires.saturating_sub(now)));
    if let Some(scope) = scope {
        text.push_str(&format!("; scope {}", scope.join(" ")));
    }
    for (name, value) in claims {
        text.push_str(&format!("; {name} {value}"));
    }
    if !groups.is_empty() {
        text.push_str(&format!("; groups {}", groups.join(" ")));
    }
    text
}
