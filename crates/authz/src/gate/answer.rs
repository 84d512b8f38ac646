//! What the upstream answers, on its way to the client: lists are cut to what the caller could call, and how a request
//! ended is read off as it goes by. Only MCP has such answers.

use actgate_call::{
    Route,
    mcp::{self, AnswerError, Client, Ending, Events, Inspection, Listed, McpRoute, SESSION, Scan, Sighting},
};
use actgate_token::Caller;
use serde_json::{Map, Value, json};

use super::{BodyProgress, Findings, Gate, session::Sealer};
use crate::{
    authorizer::Authorizer,
    config::Mode,
    decision::Denial,
    definitions::{Definitions, SharedData},
    moment::Moment,
    reason::Reason,
    reply::{LocalReply, Voice},
};

/// What the host does next with an answer.
#[derive(Debug)]
pub enum AnswerStep {
    /// Let what has come go on, as it is.
    Pass,
    /// Hold all of it, and report more.
    Hold,
    /// Let it go on, changed.
    Change(AnswerChange),
    /// Answer this instead: none of it has gone on.
    Reply(LocalReply),
}

/// A change of an answer.
#[derive(Debug, Default)]
pub struct AnswerChange {
    /// Names of header fields that do not go on.
    pub remove: Vec<&'static str>,
    /// Header fields that go on in place of those of the same name.
    pub set: Vec<(&'static str, String)>,
    /// What stands instead of the part of the body that has come.
    pub body: Option<Vec<u8>>,
}

/// An answer that is looked at.
#[derive(Debug)]
pub(super) struct Answer {
    asked: usize,
    client: Client,
    version: Option<mcp::Version>,
    sealer: Option<Sealer>,
    /// The changes of the head, until it goes on.
    head: AnswerChange,
    /// Whose lists are cut.
    viewer: Option<Box<Viewer>>,
    phase: Phase,
    endings: Vec<Ending>,
    hidden: usize,
    /// What is not as it was reviewed, by name.
    drifted: Vec<String>,
    /// What was listed that somebody has reviewed, until it is remembered.
    sightings: Vec<Sighting>,
    refused: Option<AnswerError>,
    /// The largest part that is held.
    limit: usize,
    /// What was good before what is refused.
    before: Vec<u8>,
    /// How much of it the host holds.
    whole: usize,
}

/// Who sees a list, and of what.
#[derive(Debug)]
struct Viewer {
    caller: Caller,
    route: McpRoute,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come.
    Head,
    /// It is one document, and all of it is needed.
    Whole,
    /// It is events, of which lists are cut.
    Stream(Events),
    /// It goes by.
    Scan(Scan),
    /// Nothing more of it is looked at.
    Passing,
    /// It was broken off here: nothing more of it goes on.
    Broken,
}

/// As many names as somebody reads, and as much of each as tells it from others: a record has a bound.
const MAX_DRIFTED: usize = 16;
const MAX_NAME_CHARS: usize = 64;

/// What a changed body makes untrue.
const OF_THE_BODY: [&str; 6] =
    ["content-length", "content-md5", "content-digest", "repr-digest", "digest", "etag"];

// === impl Gate ===

impl Gate {
    /// The upstream's header fields have come, pseudo-headers included; `complete` if nothing follows them.
    pub fn on_answer(&mut self, headers: &[(&[u8], &[u8])], complete: bool) -> AnswerStep {
        let Some(answer) = &mut self.answer else { return AnswerStep::Pass };
        match answer.begin(headers, complete) {
            Ok(step) => step,
            Err(error) => self.refuse_answer(error),
        }
    }

    /// More of the upstream's body is here: `progress` says how much, and whether it is the last of it; `read` gives it
    /// from a place in a length.
    pub fn on_answer_body(
        &mut self,
        authorizer: &Authorizer,
        progress: BodyProgress,
        read: impl FnOnce(usize, usize) -> Option<Vec<u8>>,
        now: Moment,
    ) -> AnswerStep {
        let Some(answer) = &mut self.answer else { return AnswerStep::Pass };
        let step = answer.advance(authorizer, progress, read, now);
        // Before the client knows of it, it could call at once.
        let remembered = answer.remember(self.shared.as_deref());
        match step.and_then(|step| remembered.map(|()| step)) {
            Ok(step) => step,
            Err(error) => self.refuse_answer(error),
        }
    }

    /// Whether the answer is looked at.
    pub const fn looks_at_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// How much of an answer is held: by the host, or of an event that has begun.
    pub(super) fn held_of_answer(&self) -> usize {
        match self.answer.as_ref().map(|answer| (&answer.phase, answer.whole)) {
            Some((Phase::Whole, bytes)) => bytes,
            Some((Phase::Stream(events), _)) => events.held(),
            Some((Phase::Head | Phase::Scan(_) | Phase::Passing | Phase::Broken, _)) | None => 0,
        }
    }

    /// The host holds too much already: an answer that would have to be held is refused.
    /// `step` was to be done; what is good of it goes on before the refusal.
    pub fn on_answer_overload(&mut self, step: AnswerStep) -> AnswerStep {
        if let (Some(answer), AnswerStep::Change(AnswerChange { body: Some(body), .. })) =
            (&mut self.answer, step)
        {
            answer.before = body;
        }
        self.refuse_answer(AnswerError::Overload)
    }

    /// Whether the host holds all that has come of it.
    pub fn holds_answer(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| matches!(answer.phase, Phase::Whole))
    }

    /// The record with what became of the answer, where it was looked at.
    pub fn answered_record(&self) -> Option<String> {
        let told = self.answer.as_ref()?.told()?;
        Some(format!("{},\"answered\":{told}", self.record()?))
    }

    /// The names of what the answer listed that is not as it was reviewed: worth a warning.
    pub fn drifted(&self) -> &[String] {
        self.answer.as_ref().map_or(&[], |answer| answer.drifted.as_slice())
    }

    /// What has to be known of the answer to a request that goes on.
    pub(super) fn expect_answer(&mut self, authorizer: &Authorizer, findings: &mut Findings<'_>) {
        let (Some(service), Some(Route::Mcp(route))) = (findings.service, &findings.route) else { return };
        let asked = match findings.heard.inspection {
            Inspection::Nothing => 0,
            Inspection::Ending { asked } | Inspection::Lists { asked } => asked,
        };
        let client = match &findings.voice {
            Voice::Mcp(client) => Client::clone(client),
            Voice::Http | Voice::Oci { .. } | Voice::Git | Voice::Lfs | Voice::Archive | Voice::Push(_) => {
                Client::default()
            }
        };
        let cuts =
            matches!(findings.heard.inspection, Inspection::Lists { .. }) && service.mode != Mode::Observe;
        let sealer = findings.caller.as_ref().map(|caller| Sealer::new(authorizer, caller, route.service()));
        let viewer = findings.caller.take().filter(|_| cuts);
        self.answer = Some(Answer {
            asked,
            client,
            version: route.version(),
            sealer,
            head: AnswerChange::default(),
            viewer: viewer.map(|caller| Box::new(Viewer { caller, route: route.clone() })),
            phase: Phase::Head,
            endings: Vec::new(),
            hidden: 0,
            drifted: Vec::new(),
            sightings: Vec::new(),
            refused: None,
            limit: authorizer.max_body,
            before: Vec::new(),
            whole: 0,
        });
    }

    /// An answer of which nothing has gone on is refused as a whole; else its end is an error.
    fn refuse_answer(&mut self, error: AnswerError) -> AnswerStep {
        let Some(answer) = &mut self.answer else { return AnswerStep::Pass };
        answer.refused = Some(error);
        let begun = matches!(answer.phase, Phase::Stream(_));
        answer.phase = Phase::Broken;
        let detail = format!("what the server answered cannot be passed on: {error}");
        let reason = match error {
            AnswerError::Overload => Reason::GateOverloaded,
            AnswerError::NotJson
            | AnswerError::Ambiguous
            | AnswerError::NotAList
            | AnswerError::TooMany
            | AnswerError::TooLarge(_)
            | AnswerError::NotUtf8
            | AnswerError::Encoded
            | AnswerError::NotRemembered
            | AnswerError::OtherType => Reason::AnswerRefused,
        };
        let denial = Denial::new(reason, detail);
        let reply = Voice::Mcp(Box::new(answer.client.clone())).refuse(&denial, &self.id);
        if !begun {
            return AnswerStep::Reply(reply);
        }
        let mut event = std::mem::take(&mut answer.before);
        event.extend(b"event: message\ndata: ");
        event.extend(reply.body);
        event.extend(b"\n\n");
        AnswerStep::Change(AnswerChange { body: Some(event), ..AnswerChange::default() })
    }
}

// === impl Answer ===

impl Answer {
    fn begin(&mut self, headers: &[(&[u8], &[u8])], complete: bool) -> Result<AnswerStep, AnswerError> {
        let head = Head::read(headers);
        self.name_session(headers);
        let cuts = self.viewer.is_some();
        self.phase = match head.kind {
            _ if complete => Phase::Passing,
            _ if head.encoded && cuts => return Err(AnswerError::Encoded),
            _ if head.encoded || (self.asked == 0 && !cuts) => Phase::Passing,
            Kind::Json if cuts => {
                self.phase = Phase::Whole;
                return Ok(AnswerStep::Hold);
            }
            Kind::Events if cuts => {
                self.head.remove.extend(OF_THE_BODY);
                Phase::Stream(Events::new(self.limit))
            }
            Kind::Json => Phase::Scan(Scan::of_document()),
            Kind::Events => Phase::Scan(Scan::of_events()),
            // The text of an error is no list to anybody.
            Kind::Other if cuts && head.success => return Err(AnswerError::OtherType),
            Kind::Other => Phase::Passing,
        };
        Ok(self.changed(None))
    }

    /// What comes with the head, and a body in place of the one that came.
    fn changed(&mut self, body: Option<Vec<u8>>) -> AnswerStep {
        let change = AnswerChange { body, ..std::mem::take(&mut self.head) };
        let AnswerChange { remove, set, body } = &change;
        if remove.is_empty() && set.is_empty() && body.is_none() {
            AnswerStep::Pass
        } else {
            AnswerStep::Change(change)
        }
    }

    /// A session that the server names is this caller's from here on.
    fn name_session(&mut self, headers: &[(&[u8], &[u8])]) {
        let mut named = headers.iter().filter(|(name, _)| *name == SESSION.as_bytes());
        let Some((_, id)) = named.next() else { return };
        match self.sealer.as_ref().and_then(|sealer| sealer.seal(id, self.client.opens_pages)) {
            Some(sealed) => self.head.set.push((SESSION, sealed)),
            None => self.head.remove.push(SESSION),
        }
    }

    fn advance(
        &mut self,
        authorizer: &Authorizer,
        progress: BodyProgress,
        read: impl FnOnce(usize, usize) -> Option<Vec<u8>>,
        now: Moment,
    ) -> Result<AnswerStep, AnswerError> {
        let BodyProgress { buffered, complete } = progress;
        let bytes = || {
            let bytes = if buffered == 0 { Some(Vec::new()) } else { read(0, buffered) };
            bytes.filter(|bytes| bytes.len() == buffered)
        };
        let Self { phase, viewer, version, endings, hidden, drifted, sightings, .. } = self;
        let version = *version;
        let mut edit = |text: &str| {
            let mut shown = |listed: &Listed<'_>| match viewer {
                Some(viewer) => viewer.sees(authorizer, listed, now, drifted, sightings),
                None => true,
            };
            let edited = mcp::edit(text, version, &mut shown)?;
            endings.extend(edited.endings);
            *hidden = hidden.saturating_add(edited.hidden);
            Ok(edited.text)
        };
        match phase {
            Phase::Head | Phase::Passing => Ok(AnswerStep::Pass),
            Phase::Whole => {
                if buffered > self.limit {
                    return Err(AnswerError::TooLarge(self.limit));
                }
                self.whole = buffered;
                if !complete {
                    return Ok(AnswerStep::Hold);
                }
                let bytes = bytes().ok_or(AnswerError::NotJson)?;
                let text = std::str::from_utf8(&bytes).map_err(|_| AnswerError::NotUtf8)?;
                // Nothing at all lists nothing.
                let edited = if text.trim().is_empty() { None } else { edit(text)? };
                self.phase = Phase::Passing;
                if edited.is_some() {
                    self.head.remove.extend(OF_THE_BODY);
                }
                Ok(self.changed(edited.map(String::into_bytes)))
            }
            Phase::Stream(events) => {
                let bytes = bytes().ok_or(AnswerError::NotJson)?;
                let mut out = Vec::with_capacity(bytes.len());
                let fed = events.feed(&bytes, complete, &mut out, &mut edit);
                if let Err(error) = fed {
                    self.before = out;
                    return Err(error);
                }
                Ok(self.changed(Some(out)))
            }
            Phase::Scan(scan) => {
                if !scan.is_over() {
                    // What the host does not give is not known, and passes all the same.
                    match bytes() {
                        Some(bytes) => scan.feed(&bytes),
                        None => self.phase = Phase::Passing,
                    }
                }
                Ok(AnswerStep::Pass)
            }
            Phase::Broken => Ok(self.changed(Some(Vec::new()))),
        }
    }

    /// Tells the host's other workers what was listed otherwise than it was reviewed.
    fn remember(&mut self, shared: Option<&dyn SharedData>) -> Result<(), AnswerError> {
        let sightings = std::mem::take(&mut self.sightings);
        let (Some(shared), Some(viewer)) = (shared, &self.viewer) else { return Ok(()) };
        if sightings.is_empty() {
            return Ok(());
        }
        Definitions::remember(shared, viewer.route.service(), &sightings)
            .map_err(|_| AnswerError::NotRemembered)
    }

    /// What became of it, for the record; nothing where nobody waits for an answer and none was changed.
    fn told(&self) -> Option<Value> {
        let mut told = Map::new();
        if let Some(error) = self.refused {
            told.insert("outcome".to_owned(), "refused".into());
            told.insert("detail".to_owned(), error.to_string().into());
        } else if self.asked > 0 {
            let endings = match &self.phase {
                Phase::Scan(scan) => scan.endings(),
                Phase::Head | Phase::Whole | Phase::Stream(_) | Phase::Passing | Phase::Broken => {
                    self.endings.as_slice()
                }
            };
            told.extend(outcome(endings, self.asked));
        }
        if !self.drifted.is_empty() {
            told.insert("drift".to_owned(), self.drifted.clone().into());
        }
        if self.hidden > 0 {
            told.insert("hidden".to_owned(), self.hidden.into());
        }
        (!told.is_empty()).then_some(Value::Object(told))
    }
}

/// How so many requests ended: as the first of them that did not end well, if one did not.
fn outcome(endings: &[Ending], asked: usize) -> Map<String, Value> {
    let bad = endings.iter().find(|ending| **ending != Ending::Result);
    let told = match bad {
        Some(Ending::Error(code)) => json!({ "outcome": "error", "code": code }),
        Some(Ending::ToolError) => json!({ "outcome": "tool_error" }),
        Some(Ending::InputRequired) => json!({ "outcome": "input_required" }),
        // Fewer answers than questions: it broke off, or says nothing of how it ended.
        Some(Ending::Result) | None if endings.len() < asked => json!({ "outcome": "unknown" }),
        Some(Ending::Result) | None => json!({ "outcome": "result" }),
    };
    match told {
        Value::Object(told) => told,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

// === impl Viewer ===

impl Viewer {
    /// Whether not every call of a listed thing would be denied, and it is what was reviewed where only that is shown.
    fn sees(
        &self,
        authorizer: &Authorizer,
        listed: &Listed<'_>,
        now: Moment,
        drifted: &mut Vec<String>,
        sightings: &mut Vec<Sighting>,
    ) -> bool {
        if let Some(sighting) = self.route.sighting(listed) {
            let is_reviewed = sighting.is_reviewed;
            if !is_reviewed && drifted.len() < MAX_DRIFTED {
                drifted.push(listed.name.chars().take(MAX_NAME_CHARS).collect());
            }
            if self.route.hides_drift() {
                sightings.push(sighting);
                if !is_reviewed {
                    return false;
                }
            }
        }
        let words = authorizer.scopes(self.caller.token().issuer_alias());
        self.route
            .possible(listed)
            .iter()
            .any(|possible| authorizer.bundle.could_permit(&self.caller, words, possible, now.unix_time()))
    }
}

/// What the head of an answer says of its body.
struct Head {
    success: bool,
    encoded: bool,
    kind: Kind,
}

enum Kind {
    Json,
    Events,
    Other,
}

// === impl Head ===

impl Head {
    fn read(headers: &[(&[u8], &[u8])]) -> Self {
        let all = |name: &'static [u8]| {
            headers.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.trim_ascii())
        };
        let encoded = all(b"content-encoding").any(|value| !matches!(value, b"" | b"identity"));
        let mut types = all(b"content-type");
        let kind = match (types.next(), types.next()) {
            (Some(value), None) => {
                let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                match essence.to_ascii_lowercase().as_slice() {
                    b"application/json" => Kind::Json,
                    b"text/event-stream" => Kind::Events,
                    other if other.ends_with(b"+json") => Kind::Json,
                    _ => Kind::Other,
                }
            }
            _ => Kind::Other,
        };
        let success = all(b":status").next().is_none_or(|status| status.starts_with(b"2"));
        Self { success, encoded, kind }
    }
}
