//! A request to look at: a case of which nothing is expected, or what `curl` would send.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::engine::Exchange;
use super::file::{NOW, Step};
use super::format::{Fields, Request, TokenPlan};
use super::play::exchange;
use super::setup::Setup;
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::mint::MintError;
use crate::path::without_detours;
use crate::source::read_text;

/// A request and the token that comes with it.
#[derive(Debug, Clone)]
pub struct Question {
    step: Step,
    now: Option<i64>,
}

/// A case file, or one that leaves out what is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    #[serde(rename = "pack")]
    _pack: Option<IgnoredAny>,
    #[serde(rename = "config")]
    _config: Option<IgnoredAny>,
    now: Option<String>,
    request: Option<Request>,
    token: Option<TokenPlan>,
    #[serde(rename = "upstream")]
    _upstream: Option<IgnoredAny>,
    #[serde(rename = "expect")]
    _expect: Option<IgnoredAny>,
    steps: Option<Vec<RawQuestion>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuestion {
    request: Request,
    token: Option<TokenPlan>,
    #[serde(rename = "upstream")]
    _upstream: Option<IgnoredAny>,
    #[serde(rename = "expect")]
    _expect: Option<IgnoredAny>,
}

// === impl Question ===

impl Question {
    /// Reads every request of a case file. `name`, `pack`, `config`, `upstream` and `expect` may be there, and say
    /// nothing here.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Vec<Self>, Vec<Diagnostic>> {
        let text = read_text(path)
            .map_err(|why| vec![Diagnostic::in_file(without_detours(path).to_string_lossy(), why)])?;
        let document = Document::parse(text)?;
        let written = actgate_authz::Document {
            file: document.text().name().to_owned(),
            value: document.value().clone(),
        };
        let raw: RawFile = written.read().map_err(|fault| {
            let finding = match &fault.at {
                actgate_authz::At::Pointer(pointer) => document.at(pointer, &fault.message),
                actgate_authz::At::Whole | actgate_authz::At::Offset(_) => {
                    Diagnostic::in_file(fault.file.as_str(), fault.message.as_str())
                }
            };
            vec![match fault.help {
                Some(help) => finding.with_help(help),
                None => finding,
            }]
        })?;
        let mut findings = Vec::new();
        let now = raw.now.as_deref().map(moment).transpose().unwrap_or_else(|why| {
            findings.push(("/now".to_owned(), why));
            None
        });
        let single = raw.request.map(|request| (String::new(), request, raw.token));
        let several = raw.steps.into_iter().flatten().enumerate();
        let several = several.map(|(index, step)| (format!("/steps/{index}"), step.request, step.token));
        let steps: Vec<Step> = single
            .into_iter()
            .chain(several)
            .map(|(pointer, request, token)| Step::asked(pointer, request, token, &mut findings))
            .collect();
        if steps.is_empty() {
            findings.push((String::new(), "there is no `request`".to_owned()));
        }
        if !findings.is_empty() {
            return Err(findings.iter().map(|(pointer, message)| document.at(pointer, message)).collect());
        }
        // A case lives at its own time, whenever it is looked at.
        let is_case = raw._expect.is_some();
        let now = if now.is_none() && is_case { Some(NOW) } else { now };
        Ok(steps.into_iter().map(|step| Self { step, now }).collect())
    }

    /// A request as a client would send it.
    ///
    /// # Errors
    /// What does not fit into a request.
    pub fn of(
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Option<String>,
        token: Option<TokenPlan>,
    ) -> Result<Self, String> {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Fields::from(headers),
            body,
            body_base64: None,
            json: None,
            git: None,
            push_options: Vec::new(),
            chunked: false,
            trailers: Fields::default(),
        };
        let mut findings = Vec::new();
        let step = Step::asked(String::new(), request, token, &mut findings);
        match findings.first() {
            None => Ok(Self { step, now: None }),
            Some((_, message)) => Err(message.clone()),
        }
    }

    /// The token that comes with it.
    pub fn token(&self) -> Option<&TokenPlan> {
        self.step.token.as_ref()
    }

    /// Its time, where it has one of its own.
    pub fn now(&self) -> Option<i64> {
        self.now
    }

    /// The request as it is sent.
    pub fn exchange(&self, token: Option<&str>, now: i64) -> Exchange {
        exchange(&self.step, token, now)
    }

    /// The same with the proof that its token asks for.
    ///
    /// # Errors
    /// A proof that cannot be made.
    pub fn proven(&self, setup: &Setup, token: Option<&str>, now: i64) -> Result<Exchange, MintError> {
        let mut exchange = self.exchange(token, now);
        setup.prove(self.token(), token, &mut exchange)?;
        Ok(exchange)
    }
}

/// A moment (RFC 3339) in seconds since 1970.
///
/// # Errors
/// What is none.
pub fn moment(text: &str) -> Result<i64, String> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.map(|time| time.timestamp())
        .map_err(|_| format!("`{text}` is no time (RFC 3339) such as `2026-01-01T00:00:00Z`"))
}
