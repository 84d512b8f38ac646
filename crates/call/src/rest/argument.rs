//! The arguments of a call, from the parts of the request that have them.

use std::ops::Range;

use serde_json::Value;

use crate::{
    catalog::{FieldRule, FieldType, Part, Piece, RouteRule, Source},
    error::CallError,
    head::RequestHead,
    json::{self, JsonError, Pointer},
    path,
};

/// What the head of a request says: the values that the path template captures, then those of the arguments.
///
/// One text and one list, so that a request costs two allocations however many values it has.
#[derive(Clone)]
pub(super) struct Values {
    text: String,
    spans: Vec<Option<Range<usize>>>,
    captures: usize,
}

// === impl Values ===

impl Values {
    /// Reads the values of a matching request.
    ///
    /// # Errors
    /// [`CallError::ArgumentInvalid`] for one that is missing or not what it must be.
    pub(super) fn read(rule: &RouteRule, path: &str, head: &RequestHead<'_>) -> Result<Self, CallError> {
        let pieces = rule.path.pieces();
        let mut values = Self {
            text: String::with_capacity(path.len()),
            spans: Vec::with_capacity(pieces.len().saturating_add(rule.context.len())),
            captures: 0,
        };
        values.capture(pieces, path)?;
        values.captures = values.spans.len();
        for field in &rule.context {
            values.read_field(field, head)?;
        }
        Ok(values)
    }

    /// The value of the capture of this number.
    fn captured(&self, number: usize) -> Option<&str> {
        if number < self.captures { self.get(number) } else { None }
    }

    /// The value that a part of an id stands for. `None` also for an argument that is no slash path as a path of a
    /// request would be: folders are made from it.
    pub(super) fn named(&self, part: &Part) -> Option<&str> {
        match part {
            Part::Text(_) => None,
            Part::Capture(number) => self.captured(*number),
            Part::Argument(place) => {
                let value = self.get(self.captures.saturating_add(*place))?;
                let is_plain = value.split('/').all(|piece| !matches!(piece, "" | "." | ".."));
                let is_path = !value.contains(|c: char| c.is_control() || matches!(c, '\\' | '%' | ';'));
                (is_plain && is_path).then_some(value)
            }
        }
    }

    /// The value of the argument at this place of the rule's context.
    pub(super) fn argument(&self, place: usize, field: &FieldRule) -> Result<Option<Value>, CallError> {
        let text = match field.source {
            Source::Path(number) => self.captured(number),
            Source::Query(_) | Source::Header(_) => self.get(self.captures.saturating_add(place)),
            Source::Json(_) => None,
        };
        present(text.map(|text| typed(field, text)).transpose()?, field)
    }

    fn get(&self, place: usize) -> Option<&str> {
        self.text.get(self.spans.get(place)?.clone()?)
    }

    fn push(&mut self, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.spans.push(Some(start..self.text.len()));
    }

    fn capture(&mut self, pieces: &[Piece], path: &str) -> Result<(), CallError> {
        // The index has matched the path, so that none of these happens.
        let mismatch = || CallError::RouteUnknown;
        let mut segments = path::segments(path);
        for (number, piece) in pieces.iter().enumerate() {
            let segment = segments.next().ok_or_else(mismatch)?;
            match piece {
                Piece::Literal(_) => {}
                Piece::One(_) => self.push(&segment.decoded().ok_or_else(mismatch)?),
                Piece::Encoded(_) => self.push(&segment.decoded_with_slash().ok_or_else(mismatch)?),
                Piece::Rest(_) => {
                    let behind = pieces.len().saturating_sub(number).saturating_sub(1);
                    let more = segments.clone().count().checked_sub(behind).ok_or_else(mismatch)?;
                    let start = self.text.len();
                    self.text.push_str(&segment.decoded().ok_or_else(mismatch)?);
                    for segment in segments.by_ref().take(more) {
                        self.text.push('/');
                        self.text.push_str(&segment.decoded().ok_or_else(mismatch)?);
                    }
                    self.spans.push(Some(start..self.text.len()));
                }
            }
        }
        if segments.next().is_some() { Err(mismatch()) } else { Ok(()) }
    }

    fn read_field(&mut self, field: &FieldRule, head: &RequestHead<'_>) -> Result<(), CallError> {
        let place = self.spans.len();
        match &field.source {
            Source::Query(name) => match head.query().find(name) {
                Some(parameter) => self.push(&parameter.value()?),
                None => self.spans.push(None),
            },
            Source::Header(name) => match head.sole_header(name)? {
                Some(value) => {
                    self.push(printable(value).ok_or_else(|| invalid(field, "is not printable ASCII"))?)
                }
                None => self.spans.push(None),
            },
            Source::Path(number) => {
                self.spans.push(None);
                return check(field, self.captured(*number));
            }
            Source::Json(_) => {
                self.spans.push(None);
                return Ok(());
            }
        }
        check(field, self.get(place))
    }
}

/// The value of a JSON argument.
pub(super) fn from_json(
    field: &FieldRule,
    pointer: &Pointer,
    document: Option<&Value>,
) -> Result<Option<Value>, CallError> {
    let found = match document {
        Some(document) => pointer.find(document).map_err(|error| {
            if error == JsonError::Obstructed {
                invalid(field, "is behind something that is neither object nor list")
            } else {
                error.into()
            }
        })?,
        None => None,
    };
    // `null` is not absence: a backend may tell them apart, or not.
    let is_right = |value: &Value| match field.kind {
        FieldType::String => value.as_str().is_some_and(is_text),
        FieldType::Long => value.is_i64() || value.is_u64(),
        FieldType::Bool => value.is_boolean(),
    };
    match found {
        Some(value) if !is_right(value) => Err(invalid(field, must_be(field.kind))),
        Some(_) | None => present(found.cloned(), field),
    }
}

fn present(value: Option<Value>, field: &FieldRule) -> Result<Option<Value>, CallError> {
    if value.is_none() && !field.optional { Err(invalid(field, "is missing")) } else { Ok(value) }
}

/// Whether a value from the head is what it must be.
fn check(field: &FieldRule, text: Option<&str>) -> Result<(), CallError> {
    let is_right = match (text, field.kind) {
        (None, _) => return if field.optional { Ok(()) } else { Err(invalid(field, "is missing")) },
        (Some(text), FieldType::String) => is_text(text),
        (Some(text), FieldType::Long) => long(text).is_some(),
        (Some(text), FieldType::Bool) => boolean(text).is_some(),
    };
    if is_right { Ok(()) } else { Err(invalid(field, must_be(field.kind))) }
}

fn typed(field: &FieldRule, text: &str) -> Result<Value, CallError> {
    let value = match field.kind {
        FieldType::String => Some(Value::from(text)),
        FieldType::Long => long(text).map(Value::from),
        FieldType::Bool => boolean(text).map(Value::from),
    };
    value.ok_or_else(|| invalid(field, must_be(field.kind)))
}

/// A decimal integer in its one spelling that every reader keeps exactly.
fn long(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = text == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
    let value: i64 = if is_plain { text.parse().ok()? } else { return None };
    (-json::MAX_INTEGER..=json::MAX_INTEGER).contains(&value).then_some(value)
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// NUL ends a text for backends in C.
fn is_text(text: &str) -> bool {
    !text.contains('\0')
}

fn printable(value: &[u8]) -> Option<&str> {
    let is_printable = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if is_printable { str::from_utf8(value).ok() } else { None }
}

const fn must_be(kind: FieldType) -> &'static str {
    match kind {
        FieldType::String => "must be a text without NUL",
        FieldType::Long => "must be an integer within 2^53-1",
        FieldType::Bool => "must be `true` or `false`",
    }
}

fn invalid(field: &FieldRule, reason: &'static str) -> CallError {
    CallError::argument(&field.name, reason)
}
