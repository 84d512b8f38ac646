//! A case, request after request, through an engine.

use super::compare::{Mismatch, compare};
use super::engine::{Engine, EngineError, Exchange, Outcome};
use super::file::{Case, SESSION, Step, TOKEN};
use super::format::TokenPlan;
use super::push;
use super::setup::Setup;
use crate::diagnostic::Diagnostic;

/// The host of requests that name none.
const HOST: &str = "gateway.example";

/// One request that was played.
#[derive(Debug)]
pub struct Played {
    /// What became of it.
    pub outcome: Outcome,
    /// Whatever is not as the case asks for, and what may never be.
    pub mismatches: Vec<Mismatch>,
}

/// Why a case did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interruption {
    /// It asks for what this setup does not have.
    Case(Diagnostic),
    /// The engine failed, which says nothing about the gate.
    Engine(Diagnostic),
    /// The plugin trapped: at this request, and in these functions.
    Trap(Diagnostic, Vec<String>),
}

/// Plays every request of a case.
///
/// # Errors
/// A case that asks for what cannot be sent, or an engine that fails.
pub fn play(case: &Case, setup: &Setup, engine: &mut dyn Engine) -> Result<Vec<Played>, Box<Interruption>> {
    let now = engine.clock().unwrap_or_else(|| case.now());
    // The same plan in one case is the same token, as with a client that keeps its token for a while.
    let mut tokens: Vec<(TokenPlan, String)> = Vec::new();
    let mut session: Option<String> = None;
    let mut played = Vec::new();
    for step in case.steps() {
        let token = match &step.token {
            None => None,
            Some(plan) => match tokens.iter().find(|(known, _)| known == plan) {
                Some((_, token)) => Some(token.clone()),
                None => {
                    let id = format!("case-token-{}", tokens.len());
                    let token = setup
                        .mint(plan, now, &id)
                        .map_err(|(member, why)| Interruption::Case(at(case, step, member, &why)))?;
                    tokens.push((plan.clone(), token.clone()));
                    Some(token)
                }
            },
        };
        let mut exchange = exchange(step, token.as_deref(), now);
        setup
            .prove(step.token.as_ref(), token.as_deref(), &mut exchange)
            .map_err(|error| Interruption::Case(at(case, step, "/token/dpop", &error.to_string())))?;
        for (_, value) in &mut exchange.headers {
            *value = value.replace(SESSION, session.as_deref().unwrap_or_default());
        }
        let outcome = engine.run(&exchange).map_err(|error| interrupted(case, step, &error))?;
        session = outcome.header("mcp-session-id").next().map(str::to_owned).or(session);
        let route = setup.route(&exchange.host, &exchange.path);
        let differences = compare(step, &exchange, token.as_deref(), route, &outcome, engine.is_proxy());
        let mismatches = differences.into_iter().map(|found| Mismatch::new(case, step, found)).collect();
        played.push(Played { outcome, mismatches });
    }
    Ok(played)
}

fn interrupted(case: &Case, step: &Step, error: &EngineError) -> Interruption {
    let told = error.to_string();
    let mut lines = told.lines();
    let finding = at(case, step, "/request", lines.next().unwrap_or_default());
    match error {
        EngineError::Failed(_) => Interruption::Engine(finding),
        EngineError::Trapped(_) => Interruption::Trap(finding, lines.map(str::to_owned).collect()),
    }
}

fn at(case: &Case, step: &Step, member: &str, message: &str) -> Diagnostic {
    case.document().at(&format!("{}{member}", step.pointer), message)
}

pub(super) fn exchange(step: &Step, token: Option<&str>, now: i64) -> Exchange {
    let request = &step.request;
    let mut host = HOST.to_owned();
    let mut headers = Vec::new();
    let mut placed = false;
    for (name, value) in request.headers.iter() {
        placed |= value.contains(TOKEN);
        let value = value.replace(TOKEN, token.unwrap_or_default());
        if name == "host" {
            host = value;
        } else {
            headers.push((name.to_owned(), value));
        }
    }
    if let Some(token) = token.filter(|_| !placed) {
        let dpop = step.token.as_ref().and_then(|plan| plan.dpop.as_ref());
        let scheme = dpop.map_or("Bearer", |dpop| dpop.scheme.as_str());
        headers.push(("authorization".to_owned(), format!("{scheme} {token}")));
    }
    if request.json.is_some() && headers.iter().all(|(name, _)| name != "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    if request.git.is_some() && headers.iter().all(|(name, _)| name != "content-type") {
        headers.push(("content-type".to_owned(), push::CONTENT_TYPE.to_owned()));
    }
    Exchange {
        now,
        method: request.method.clone(),
        path: request.path.clone(),
        host,
        headers,
        body: step.body.clone(),
        chunked: request.chunked || !request.trailers.is_empty(),
        trailers: request.trailers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        upstream: step.expect.decision.forwards().then(|| step.upstream.clone()),
    }
}
