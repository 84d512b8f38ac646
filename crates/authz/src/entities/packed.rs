//! Attributes of static entities as bytes, unpacked for the few that a request reaches.

use std::{collections::BTreeMap, sync::Arc};

use cedar_policy_core::ast::{Literal, PartialValue, Value, ValueKind};

use super::names::{Names, Span, length};

/// Attributes by name.
pub(super) type Attributes = BTreeMap<Arc<str>, Value>;

/// The attributes of all entities.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    /// Attribute names, which repeat.
    keys: Vec<Arc<str>>,
    /// Extension values, such as addresses, as they are.
    others: Vec<Value>,
}

/// What a byte says that follows.
#[derive(Clone, Copy)]
enum Tag {
    False,
    True,
    Long,
    Text,
    Entity,
    Set,
    Record,
    Other,
}

// === impl Packed ===

impl Packed {
    pub(super) fn bytes(&self) -> usize {
        let others = self.others.capacity().saturating_mul(size_of::<Value>());
        self.bytes.capacity().saturating_add(others)
    }

    /// Writes a record; entities in it get numbers.
    pub(super) fn write(&mut self, record: &Attributes, names: &mut Names) -> Span {
        if record.is_empty() {
            return Span::default();
        }
        let start = length(self.bytes.len());
        self.size(record.len());
        for (name, value) in record {
            self.key(name);
            self.value(value, names);
        }
        Span { start, end: length(self.bytes.len()) }
    }

    /// Reads a record that was written here, and which entities it names.
    pub(super) fn record(&self, span: Span, names: &Names, found: &mut Vec<u32>) -> Option<Attributes> {
        let mut bytes = span.of(&self.bytes);
        if bytes.is_empty() {
            return Some(Attributes::new());
        }
        let count = number(&mut bytes)?;
        (0..count).map(|_| Some((self.read_key(&mut bytes)?, self.read(&mut bytes, names, found)?))).collect()
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.others.shrink_to_fit();
    }

    fn size(&mut self, size: usize) {
        self.bytes.extend(length(size).to_le_bytes());
    }

    fn key(&mut self, name: &str) {
        let place = match self.keys.iter().position(|known| **known == *name) {
            Some(place) => place,
            None => {
                self.keys.push(name.into());
                self.keys.len().saturating_sub(1)
            }
        };
        self.size(place);
    }

    fn value(&mut self, value: &Value, names: &mut Names) {
        match value.value_kind() {
            ValueKind::Lit(Literal::Bool(truth)) => self.tag(if *truth { Tag::True } else { Tag::False }),
            ValueKind::Lit(Literal::Long(long)) => {
                self.tag(Tag::Long);
                self.bytes.extend(long.to_le_bytes());
            }
            ValueKind::Lit(Literal::String(text)) => {
                self.tag(Tag::Text);
                self.size(text.len());
                self.bytes.extend(text.as_bytes());
            }
            ValueKind::Lit(Literal::EntityUID(uid)) => {
                self.tag(Tag::Entity);
                let number = names.intern(uid);
                self.bytes.extend(number.to_le_bytes());
            }
            ValueKind::Set(set) => {
                self.tag(Tag::Set);
                self.size(set.len());
                for member in set.iter() {
                    self.value(member, names);
                }
            }
            ValueKind::Record(fields) => {
                self.tag(Tag::Record);
                self.size(fields.len());
                for (name, field) in fields.iter() {
                    self.key(name);
                    self.value(field, names);
                }
            }
            ValueKind::ExtensionValue(_) => {
                self.tag(Tag::Other);
                self.size(self.others.len());
                self.others.push(value.clone());
            }
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.bytes.push(tag as u8);
    }

    fn read_key(&self, bytes: &mut &[u8]) -> Option<Arc<str>> {
        self.keys.get(usize::try_from(number(bytes)?).ok()?).cloned()
    }

    fn read(&self, bytes: &mut &[u8], names: &Names, found: &mut Vec<u32>) -> Option<Value> {
        let (tag, rest) = bytes.split_first()?;
        *bytes = rest;
        let value = match Tag::of(*tag)? {
            Tag::False => Value::new(false, None),
            Tag::True => Value::new(true, None),
            Tag::Long => Value::new(i64::from_le_bytes(array(bytes)?), None),
            Tag::Text => {
                let size = usize::try_from(number(bytes)?).ok()?;
                let (text, rest) = bytes.split_at_checked(size)?;
                *bytes = rest;
                Value::new(std::str::from_utf8(text).ok()?, None)
            }
            Tag::Entity => {
                let entity = number(bytes)?;
                found.push(entity);
                Value::new(names.uid(entity)?, None)
            }
            Tag::Set => {
                let count = number(bytes)?;
                let members: Option<Vec<Value>> =
                    (0..count).map(|_| self.read(bytes, names, found)).collect();
                Value::set(members?, None)
            }
            Tag::Record => {
                let count = number(bytes)?;
                let fields: Option<Vec<(Arc<str>, Value)>> = (0..count)
                    .map(|_| Some((self.read_key(bytes)?, self.read(bytes, names, found)?)))
                    .collect();
                Value::record(fields?, None)
            }
            Tag::Other => self.others.get(usize::try_from(number(bytes)?).ok()?)?.clone(),
        };
        Some(value)
    }
}

// === impl Tag ===

impl Tag {
    fn of(byte: u8) -> Option<Self> {
        const ALL: [Tag; 8] =
            [Tag::False, Tag::True, Tag::Long, Tag::Text, Tag::Entity, Tag::Set, Tag::Record, Tag::Other];
        ALL.get(usize::from(byte)).copied()
    }
}

/// Cedar's attributes, without the places in a source that it keeps; none if one is not a value.
pub(super) fn attributes<'e, K: AsRef<str> + 'e>(
    all: impl Iterator<Item = (&'e K, &'e PartialValue)>,
) -> Option<Attributes> {
    all.map(|(name, value)| match value {
        PartialValue::Value(value) => Some((name.as_ref().into(), value.clone())),
        PartialValue::Residual(_) => None,
    })
    .collect()
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(array(bytes)?))
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
