//! OTLP's values.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value};
use serde_json::Value;

use crate::event::{Event, Place};

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.to_owned()))
}

pub(super) fn number(key: &str, value: u64) -> KeyValue {
    pair(key, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(super) fn texts(key: &str, values: &[String]) -> KeyValue {
    let values = values.iter().map(|value| any(any_value::Value::StringValue(value.clone()))).collect();
    pair(key, any_value::Value::ArrayValue(ArrayValue { values }))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

const fn any(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

/// JSON as a value. A record is nested as deep as serde_json reads at most.
pub(super) fn of_json(value: &Value) -> AnyValue {
    let value = match value {
        Value::Null => return AnyValue { value: None },
        Value::Bool(value) => any_value::Value::BoolValue(*value),
        Value::String(text) => any_value::Value::StringValue(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => any_value::Value::IntValue(whole),
            None => any_value::Value::DoubleValue(number.as_f64().unwrap_or_default()),
        },
        Value::Array(members) => {
            any_value::Value::ArrayValue(ArrayValue { values: members.iter().map(of_json).collect() })
        }
        Value::Object(members) => {
            let values = members
                .iter()
                .map(|(key, value)| KeyValue {
                    key: key.clone(),
                    value: Some(of_json(value)),
                    ..KeyValue::default()
                })
                .collect();
            any_value::Value::KvlistValue(KeyValueList { values })
        }
    };
    any(value)
}

/// What people search logs and spans by. Arguments are not among it: they are in the body of a log record alone.
pub(super) fn attributes(event: &Event<'_>) -> Vec<KeyValue> {
    let record = event.record;
    let asked = &record.attempted;
    let mut all =
        vec![text("actgate.action_id", &event.key), text("actgate.outcome", event.outcome.as_str())];
    let optional = [
        ("actgate.service", &record.service),
        ("actgate.bundle", &record.bundle),
        ("actgate.subject", &asked.subject),
        ("actgate.actor", &asked.actor),
        ("actgate.task", &asked.task),
        ("actgate.ticket", &asked.ticket),
        ("http.request.method", &asked.method),
        ("server.address", &asked.authority),
        ("url.path", &asked.path),
    ];
    all.extend(optional.iter().filter_map(|(key, value)| Some(text(key, value.as_deref()?))));
    if let Some(call) = event.call {
        all.push(text("actgate.action", &call.action));
        all.push(text("actgate.resource", &call.resource));
        all.push(number("actgate.call.index", u64::try_from(event.index).unwrap_or(u64::MAX)));
    }
    if let Some(decided) = &record.decided {
        all.push(text("actgate.decision", decided.decision.as_str()));
        all.push(texts("actgate.policies", &decided.policies));
        if let Some(reason) = &decided.reason {
            all.push(text("actgate.reason", reason));
        }
    } else {
        all.push(text("actgate.stage", &record.stage));
    }
    if let Some(approved) = &record.approved {
        all.push(text("actgate.approval", &approved.id));
        all.push(texts("actgate.approvers", &approved.approvers));
    }
    if let Place::Stored { sequence, .. } = event.place {
        all.push(number("actgate.sequence", u64::try_from(*sequence).unwrap_or_default()));
    }
    if record.executed.status > 0 {
        all.push(number("http.response.status_code", record.executed.status));
    }
    all
}
