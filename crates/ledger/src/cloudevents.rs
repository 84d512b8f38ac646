//! CloudEvents 1.0, in its JSON format.

use serde_json::{Value, json};

use crate::event::{Event, Members, Place};

/// An event in its envelope. `id` is unique by itself, so that what comes from a gateway's log and from the service's store
/// is known for the same.
pub fn cloud_event(event: &Event<'_>) -> Value {
    let mut envelope = Members::default();
    envelope.add("specversion", json!("1.0"));
    envelope.add("id", json!(event.id()));
    envelope.add("type", json!(format!("{}.v1", event.name())));
    envelope.add("time", json!(event.time().to_string()));
    envelope.add("datacontenttype", json!("application/json"));
    envelope.add("dataschema", json!("urn:actgate:ledger-event:1"));
    if let Some(call) = event.call.filter(|call| !call.resource.is_empty()) {
        envelope.add("subject", json!(call.resource));
    }
    match event.place {
        Place::Log => envelope.add("source", json!("urn:actgate:gateway")),
        Place::Stored { gateway, emitter, sequence } => {
            envelope.add("source", json!(format!("urn:actgate:gateway:{}", escaped(gateway, emitter))));
            // The Sequence extension: text that sorts as numbers do.
            envelope.add("sequence", json!(format!("{sequence:016}")));
        }
    }
    // The Distributed Tracing extension.
    envelope.add("traceparent", json!(event.trace.traceparent(event.span)));
    envelope.add("correlationid", json!(event.key));
    envelope.add("data", event.json());
    envelope.into_value()
}

/// The end of a URN (RFC 8141): whatever has no place there as its bytes.
fn escaped(gateway: &str, emitter: &str) -> String {
    let mut text = String::new();
    for (number, name) in [gateway, emitter].into_iter().enumerate() {
        if number > 0 {
            text.push(':');
        }
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}
