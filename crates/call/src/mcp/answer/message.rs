//! A server's message with what the caller may see of its lists.

use serde_json::value::RawValue;

use super::{AnswerError, Ending, ListKind, Listed, MAX_LISTED, members::Members};
use crate::mcp::version::Version;

/// What has become of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// Its new text; none where it passes as it is.
    pub text: Option<String>,
    /// How each request that it answers ended.
    pub endings: Vec<Ending>,
    /// How many things it listed that are not shown.
    pub hidden: usize,
}

/// Reads a document of a server, one message or a list of them, and cuts out of its lists what `shown` does not want.
///
/// # Errors
/// What is no message, and what readers could take for another one.
pub fn edit(
    text: &str,
    version: Option<Version>,
    shown: &mut dyn FnMut(&Listed<'_>) -> bool,
) -> Result<Edited, AnswerError> {
    let mut edited = Edited::default();
    let trimmed = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let mut reader = Reader { version, shown, edited: &mut edited, listed: 0 };
    let changed = if trimmed.starts_with('[') {
        reader.batch(text)?
    } else if trimmed.starts_with('{') {
        reader.message(text)?
    } else {
        // Not even an object: nothing that a client takes for an answer.
        serde_json::from_str::<&RawValue>(text).map_err(|_| AnswerError::NotJson)?;
        None
    };
    edited.text = changed;
    Ok(edited)
}

struct Reader<'r> {
    version: Option<Version>,
    shown: &'r mut dyn FnMut(&Listed<'_>) -> bool,
    edited: &'r mut Edited,
    listed: usize,
}

// === impl Reader ===

impl Reader<'_> {
    fn batch(&mut self, text: &str) -> Result<Option<String>, AnswerError> {
        let members = list(text)?;
        let mut changed = false;
        let mut texts = Vec::with_capacity(members.len());
        for member in members {
            let member = member.get();
            let new = if member.starts_with('{') { self.message(member)? } else { None };
            changed |= new.is_some();
            texts.push(new.unwrap_or_else(|| member.to_owned()));
        }
        Ok(changed.then(|| joined(&texts)))
    }

    fn message(&mut self, text: &str) -> Result<Option<String>, AnswerError> {
        let members = Members::read(text)?;
        let (method, error) = (members.get("method")?, members.get("error")?);
        let result = members.get("result")?;
        let ending = error.map(Ending::error).or_else(|| result.map(Ending::result));
        self.edited.endings.extend(ending.filter(|_| method.is_none()));
        let Some(result) = result else { return Ok(None) };
        if !result.starts_with('{') {
            return Ok(None);
        }
        let own = Members::read(result)?;
        let mut changes: Vec<(&str, String)> = Vec::new();
        let mut lists = false;
        for kind in ListKind::ALL {
            let Some(list) = own.get(kind.member())? else { continue };
            lists = true;
            if let Some(cut) = self.cut(kind, list)? {
                changes.push((kind.member(), cut));
            }
        }
        // What is shown to one caller is not for another one: a shared cache would mix them.
        const SCOPE: &str = "cacheScope";
        if lists && self.version.is_some_and(Version::is_stateless) && own.get(SCOPE)? != Some("\"private\"")
        {
            changes.push((SCOPE, "\"private\"".to_owned()));
        }
        Ok((!changes.is_empty()).then(|| members.with(&[("result", own.with(&changes))])))
    }

    fn cut(&mut self, kind: ListKind, text: &str) -> Result<Option<String>, AnswerError> {
        let all = list(text).map_err(|_| AnswerError::NotAList)?;
        self.listed = self.listed.saturating_add(all.len());
        if self.listed > MAX_LISTED {
            return Err(AnswerError::TooMany);
        }
        let kept: Vec<&str> =
            all.iter().map(|one| one.get()).filter(|definition| self.shows(kind, definition)).collect();
        let hidden = all.len().saturating_sub(kept.len());
        self.edited.hidden = self.edited.hidden.saturating_add(hidden);
        Ok((hidden > 0).then(|| joined(&kept)))
    }

    /// What has no name cannot be called, and neither can what has two.
    fn shows(&mut self, kind: ListKind, definition: &str) -> bool {
        let name = || -> Option<String> {
            let members = Members::read(definition).ok()?;
            serde_json::from_str(members.get(kind.key()).ok()??).ok()
        };
        name().is_some_and(|name| (self.shown)(&Listed { kind, name: &name, definition }))
    }
}

fn list(text: &str) -> Result<Vec<&RawValue>, AnswerError> {
    serde_json::from_str(text).map_err(|_| AnswerError::NotJson)
}

fn joined<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    format!("[{}]", texts.join(","))
}
