//! Values of a case file that can be written in more than one way.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// Header fields by lower-case name: a text, or a list where the field is there several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Seconds from some moment: `90s`, `10m`, `-1h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offset(i64);

/// An `act` claim: a subject, the claim as it is, or a list of such, the current actor first.
#[derive(Debug, Clone, PartialEq)]
pub struct Act(Value);

/// What reached the upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UpstreamSaw {
    /// Not one byte.
    #[default]
    Nothing,
    /// One request.
    Request(SeenRequest),
}

/// The request that reached the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenRequest {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Header fields that it has, with exactly these values.
    #[serde(default)]
    pub headers: Fields,
    /// Header fields that it does not have.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Its body, as text; that it is the client's is asserted in any case.
    pub body: Option<String>,
}

// === impl Fields ===

impl Fields {
    /// Every field, one entry per value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(String, String)>> for Fields {
    /// Fields in their order, with names in lower case.
    fn from(fields: Vec<(String, String)>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written: BTreeMap<String, Values> = BTreeMap::deserialize(deserializer)?;
        let mut fields = Vec::new();
        for (name, values) in written {
            if name.chars().any(|letter| letter.is_ascii_uppercase()) {
                return Err(Error::custom(format!("header `{name}` is not in lower case")));
            }
            fields.extend(values.0.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(Self(fields))
    }
}

/// One value or several.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Values, E> {
                Ok(Values(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

// === impl Offset ===

impl Offset {
    /// So many minutes later.
    pub(super) const fn minutes(count: i64) -> Self {
        Self(count.saturating_mul(60))
    }

    /// As seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let (end, unit) = text.char_indices().next_back()?;
        let number: i64 = text.get(..end)?.parse().ok()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        number.checked_mul(seconds).map(Self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| Error::custom(format!("`{text}` is not a duration such as `30s`, `10m` or `-1h`")))
    }
}

// === impl Act ===

impl Act {
    /// The claim.
    pub fn claim(&self) -> &Value {
        &self.0
    }

    /// The `sub` of the current actor, where there is one.
    pub fn subject(&self) -> Option<&str> {
        self.0.get("sub")?.as_str()
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Chain;

        impl<'de> Visitor<'de> for Chain {
            type Value = Act;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a subject, an `act` claim, or a list of them")
            }

            fn visit_str<E: Error>(self, subject: &str) -> Result<Act, E> {
                Ok(Act(json!({ "sub": subject })))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Act, A::Error> {
                Map::deserialize(MapAccessDeserializer::new(members)).map(|claim| Act(Value::Object(claim)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Act, A::Error> {
                let mut actors = Vec::new();
                while let Some(Act(actor)) = items.next_element()? {
                    actors.push(actor);
                }
                let chain = actors.into_iter().rev().reduce(|earlier, mut later| {
                    if let Some(members) = later.as_object_mut() {
                        members.insert("act".to_owned(), earlier);
                    }
                    later
                });
                chain.map(Act).ok_or_else(|| Error::custom("a chain of actors has at least one"))
            }
        }

        deserializer.deserialize_any(Chain)
    }
}

// === impl UpstreamSaw ===

impl<'de> Deserialize<'de> for UpstreamSaw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Saw;

        impl<'de> Visitor<'de> for Saw {
            type Value = UpstreamSaw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`nothing` or a request")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<UpstreamSaw, E> {
                match word {
                    "nothing" => Ok(UpstreamSaw::Nothing),
                    _ => Err(Error::custom(format!("`{word}` is neither `nothing` nor a request"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<UpstreamSaw, A::Error> {
                SeenRequest::deserialize(MapAccessDeserializer::new(members)).map(UpstreamSaw::Request)
            }
        }

        deserializer.deserialize_any(Saw)
    }
}

#[cfg(test)]
mod tests;
