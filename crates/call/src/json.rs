//! JSON without room for opinions: what one reader takes, every reader takes alike, or it is refused.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Deeper than any tool's arguments; backends' own bounds begin at 100 (serde_json: 128, Jackson: 1000, Go: 10000).
pub const MAX_DEPTH: usize = 64;

/// A value takes up to 40 times its shortest text (`0,`) in memory; this many stay within a few MiB.
pub const MAX_VALUES: usize = 65_536;

/// The largest integer that every reader keeps exactly (RFC 7493 section 2.2).
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// Why a text is not acceptable JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It is longer than the bound given.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It does not follow the grammar of RFC 8259, is not UTF-8, has a lone surrogate, a byte order mark or something
    /// behind its end.
    #[error("it breaks the grammar at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It nests deeper than [`MAX_DEPTH`].
    #[error("it nests deeper than {MAX_DEPTH}")]
    TooDeep,
    /// It has more than [`MAX_VALUES`] values.
    #[error("it has more than {MAX_VALUES} values")]
    TooMany,
    /// An object has a member twice: readers take the first, the last or both.
    #[error("an object has a member twice")]
    DuplicateMember,
    /// An object has two members that differ only in case where one of them is decided on: Go's readers take either.
    #[error("an object has members that differ only in case")]
    AmbiguousMember,
    /// Something else than an object or a list stands where the place that is decided on goes on: lenient readers unwrap
    /// or skip it.
    #[error("something stands in the way of a value that is decided on")]
    Obstructed,
    /// A number beyond 2^53-1 either way: readers round it differently.
    #[error("a number is beyond 2^53-1")]
    NumberTooLarge,
}

/// Reads `text` of at most `max_bytes` bytes as one JSON value.
///
/// # Errors
/// Everything that is not JSON, and JSON that readers disagree about.
pub fn parse(text: &[u8], max_bytes: usize) -> Result<Value, JsonError> {
    if text.len() > max_bytes {
        return Err(JsonError::TooLong(max_bytes));
    }
    let bounds = Bounds { values: Cell::new(0), fault: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Strict { bounds: &bounds, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        let syntax = JsonError::Syntax { line: error.line(), column: error.column() };
        bounds.fault.get().unwrap_or(syntax)
    })
}

/// What is counted over a whole text, and the fault of ours that stopped the reading.
struct Bounds {
    values: Cell<usize>,
    fault: Cell<Option<JsonError>>,
}

/// Reads one value at a depth.
#[derive(Clone, Copy)]
struct Strict<'b> {
    bounds: &'b Bounds,
    depth: usize,
}

// === impl Strict ===

impl Strict<'_> {
    fn fail<T, E: serde::de::Error>(self, fault: JsonError) -> Result<T, E> {
        self.bounds.fault.set(Some(fault));
        Err(E::custom(fault))
    }

    /// The reader of the values inside this one.
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH { self.fail(JsonError::TooDeep) } else { Ok(Self { depth, ..self }) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = self.bounds.values.get().saturating_add(1);
        if values > MAX_VALUES {
            return self.fail(JsonError::TooMany);
        }
        self.bounds.values.set(values);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_INTEGER.unsigned_abs() {
            self.fail(JsonError::NumberTooLarge)
        } else {
            Ok(value.into())
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
            self.fail(JsonError::NumberTooLarge)
        } else {
            Ok(value.into())
        }
    }

    /// Also integers too long for 64 bits, which is why the bound holds for all numbers.
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        /// 2^53, the first number that stands for several integers.
        const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
        match Number::from_f64(value) {
            Some(number) if value.abs() < FIRST_INEXACT => Ok(Value::Number(number)),
            Some(_) | None => self.fail(JsonError::NumberTooLarge),
        }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                return self.fail(JsonError::DuplicateMember);
            }
            let value = access.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// A place in a JSON value (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<String>,
}

// === impl Pointer ===

impl Pointer {
    /// Reads a pointer, such as `/data/0/name`; `None` where it is none. The `-` behind an array's end is only another
    /// name here, which no array has.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { tokens: Vec::new() });
        }
        let tokens: Option<Vec<String>> = text.strip_prefix('/')?.split('/').map(unescaped).collect();
        Some(Self { tokens: tokens? })
    }

    /// The value at this place, if there is one.
    ///
    /// # Errors
    /// [`JsonError::AmbiguousMember`] where an object on the way has another member that differs from the one asked
    /// for only in case. Go's `encoding/json` would take that one just as well. [`JsonError::Obstructed`] where anything
    /// but an object (or a list, for an index) is on the way: only what is not there is absent.
    pub fn find<'v>(&self, value: &'v Value) -> Result<Option<&'v Value>, JsonError> {
        let mut place = value;
        for token in &self.tokens {
            let next = match place {
                Value::Object(members) => member(members, token)?,
                Value::Array(items) => items.get(index(token).ok_or(JsonError::Obstructed)?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    return Err(JsonError::Obstructed);
                }
            };
            let Some(next) = next else { return Ok(None) };
            place = next;
        }
        Ok(Some(place))
    }

    /// The value at this place, to be replaced; nothing where [`Self::find`] finds nothing.
    pub fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.tokens.iter().try_fold(value, |place, token| match place {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => items.get_mut(index(token)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }
}

/// The member `name` of an object, if there is one.
///
/// # Errors
/// [`JsonError::AmbiguousMember`] where another member differs from it only in case.
pub(crate) fn member<'v>(
    members: &'v Map<String, Value>,
    name: &str,
) -> Result<Option<&'v Value>, JsonError> {
    if members.keys().any(|other| other != name && same_but_for_case(other, name)) {
        return Err(JsonError::AmbiguousMember);
    }
    Ok(members.get(name))
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tokens = self.tokens.iter().map(|token| token.replace('~', "~0").replace('/', "~1"));
        tokens.try_for_each(|token| write!(f, "/{token}"))
    }
}

/// RFC 6901 section 4: `~1` is `/`, `~0` is `~`, any other `~` is an error.
fn unescaped(token: &str) -> Option<String> {
    let mut text = String::with_capacity(token.len());
    let mut pieces = token.split('~');
    text.push_str(pieces.next()?);
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix('0') {
            text.push('~');
            text.push_str(rest);
        } else {
            text.push('/');
            text.push_str(piece.strip_prefix('1')?);
        }
    }
    Some(text)
}

/// RFC 6901 section 4: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let is_plain = token == "0" || token.starts_with(|first: char| matches!(first, '1'..='9'));
    if is_plain { token.parse().ok() } else { None }
}

/// Whether Go takes one member name for the other: simple case folding, so that `ſ` is an `s` and the Kelvin sign a
/// `k` too.
pub(crate) fn same_but_for_case(one: &str, other: &str) -> bool {
    let fold = |c: char| c.to_uppercase().flat_map(char::to_lowercase);
    one.chars().flat_map(fold).eq(other.chars().flat_map(fold))
}

#[cfg(test)]
mod tests;
