//! Fields of Envoy's messages. Protobuf's JSON form knows each under two names, and null means absent: a
//! check that knew only one name could be walked around.

use serde_json::Value;

use crate::document::Place;

/// The field `name` (in snake case), whichever way it is written.
pub(super) fn field<'a>(place: &Place<'a>, name: &str) -> Option<Place<'a>> {
    let found = place.member(name).or_else(|| place.member(&camel(name)));
    found.filter(|field| !field.value().is_null())
}

/// The text of a field.
pub(super) fn text<'a>(place: &Place<'a>, name: &str) -> Option<&'a str> {
    field(place, name)?.as_str()
}

/// The items of a repeated field.
pub(super) fn items<'a>(place: &Place<'a>, name: &str) -> Vec<Place<'a>> {
    field(place, name).map(|list| list.items().collect()).unwrap_or_default()
}

/// Whether a boolean field may be true: everything but absent and `false` may.
pub(super) fn may_be_true(place: &Place<'_>, name: &str) -> bool {
    field(place, name).is_some_and(|field| field.value() != &Value::Bool(false))
}

/// The last part of a message's type: `Wasm` of `type.googleapis.com/envoy...http.wasm.v3.Wasm`.
pub(super) fn type_name<'a>(place: &Place<'a>) -> Option<&'a str> {
    place.member("@type")?.as_str()?.rsplit('.').next()
}

/// Whether the message is of a type of this package and name.
pub(super) fn is_type(place: &Place<'_>, name: &str) -> bool {
    let full = place.member("@type").and_then(|url| url.as_str());
    full.and_then(|url| url.rsplit('/').next()) == Some(name)
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}
