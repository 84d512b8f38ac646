//! An object as its members' own text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::AnswerError;
use crate::json::same_but_for_case;

/// The members of an object, in their order, each value as it is written.
#[derive(Debug)]
pub(in crate::mcp) struct Members<'t>(Vec<(String, &'t str)>);

// === impl Members ===

impl<'t> Members<'t> {
    /// # Errors
    /// What is no object, and one with a member twice.
    pub(in crate::mcp) fn read(text: &'t str) -> Result<Self, AnswerError> {
        let members: Self = serde_json::from_str(text).map_err(|_| AnswerError::NotJson)?;
        let mut names: Vec<&str> = members.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair.first() == pair.get(1));
        if twice { Err(AnswerError::Ambiguous) } else { Ok(members) }
    }

    /// The text of a member.
    ///
    /// # Errors
    /// [`AnswerError::Ambiguous`] where another member differs from it only in case.
    pub(in crate::mcp) fn get(&self, name: &str) -> Result<Option<&'t str>, AnswerError> {
        if self.0.iter().any(|(other, _)| other != name && same_but_for_case(other, name)) {
            return Err(AnswerError::Ambiguous);
        }
        Ok(self.0.iter().find(|(own, _)| own == name).map(|(_, text)| *text))
    }

    /// The object without a member.
    pub(in crate::mcp) fn without(&self, name: &str) -> String {
        Self(self.0.iter().filter(|(own, _)| own != name).cloned().collect()).with(&[])
    }

    /// The object with other texts for some members, which are added where they are not there.
    pub(in crate::mcp) fn with(&self, changes: &[(&str, String)]) -> String {
        let mut text = String::from("{");
        let mut put = |name: &str, value: &str| {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&serde_json::Value::from(name).to_string());
            text.push(':');
            text.push_str(value);
        };
        for (name, value) in &self.0 {
            let change = changes.iter().find(|(changed, _)| changed == name);
            put(name, change.map_or(*value, |(_, value)| value));
        }
        for (name, value) in changes.iter().filter(|(name, _)| self.0.iter().all(|(own, _)| own != name)) {
            put(name, value);
        }
        text.push('}');
        text
    }
}

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = access.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}
