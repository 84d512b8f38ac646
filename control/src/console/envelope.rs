//! The call, exactly as it was hashed.

use actgate_call::envelope::{EnvelopeBody, GitCommand};
use maud::{Markup, html};
use serde_json::Value;

use super::text::{has_foreign_letters, visible};
use crate::approval::Approval;

/// Everything that the digest covers.
pub(super) fn envelope(approval: &Approval) -> Markup {
    let envelope = &approval.envelope;
    html! {
        @for call in &envelope.calls {
            section.call {
                p.verb { code { (visible(&call.action)) } }
                p.resource { code { (visible(&call.resource)) } }
                @if !call.arguments.is_empty() {
                    details open[!is_long(&call.arguments)] {
                        summary { "Arguments" }
                        pre tabindex="0" { (structured(&Value::Object(call.arguments.clone()))) }
                    }
                }
            }
        }
        (body(&envelope.body))
        details {
            summary { "Request" }
            dl {
                dt { "Method and path" }
                dd { code { (visible(&envelope.method)) " " (visible(&envelope.path)) } }
                @if !envelope.query.is_empty() {
                    dt { "Query" } dd { code { (visible(&envelope.query)) } }
                }
                @if let Some(media) = &envelope.content_type {
                    dt { "Content type" } dd { code { (visible(media)) } }
                }
                @for (name, value) in &envelope.headers {
                    dt { "Header " code { (visible(name)) } } dd { code { (structured(value)) } }
                }
                dt { "Digest" } dd { code.digest { (approval.digest) } }
            }
        }
        @if has_foreign_letters(&serde_json::to_string(envelope).unwrap_or_default()) {
            p.warn role="note" {
                "This call has letters outside ASCII. Some look like Latin ones: read names twice."
            }
        }
    }
}

fn body(body: &EnvelopeBody) -> Markup {
    match body {
        EnvelopeBody::None => html! {},
        EnvelopeBody::Json { value } => html! {
            details open[value.to_string().len() < LONG] {
                summary { "Body (JSON)" }
                pre tabindex="0" { (structured(value)) }
            }
        },
        EnvelopeBody::Bytes { digest, length } => html! {
            p { "Body: " (length) " bytes, known by their hash only: " code.digest { (visible(digest)) } }
        },
        EnvelopeBody::Git { commands, push_options } => html! {
            div.scroll tabindex="0" role="region" aria-label="Ref updates" {
                table {
                    thead { tr { th scope="col" { "Ref" } th scope="col" { "From" } th scope="col" { "To" } } }
                    tbody {
                        @for command in commands {
                            tr {
                                th scope="row" { code { (visible(&command.name)) } }
                                td { (object(&command.old, "does not exist")) }
                                td { (object(&command.new, "deleted")) }
                            }
                        }
                    }
                }
            }
            p.hint { (change(commands)) }
            @if !push_options.is_empty() {
                p { "Push options:" @for option in push_options { " " code { (visible(option)) } } }
            }
        },
    }
}

/// An object id, or what its absence (all zeros) means.
fn object(id: &str, absent: &'static str) -> Markup {
    if id.bytes().all(|digit| digit == b'0') {
        return html! { em { (absent) } };
    }
    html! { code.digest { (visible(id)) } }
}

fn change(commands: &[GitCommand]) -> &'static str {
    if commands.iter().any(|command| command.new.bytes().all(|digit| digit == b'0')) {
        "A ref is deleted. The commits are named by their ids, so that no other content can be pushed with this approval."
    } else {
        "The commits are named by their ids: no other content can be pushed with this approval. Whether history is \
         rewritten does not show here; compare the two commits."
    }
}

const LONG: usize = 2_000;

fn is_long(arguments: &serde_json::Map<String, Value>) -> bool {
    Value::Object(arguments.clone()).to_string().len() >= LONG
}

/// JSON, indented, never as markup.
fn structured(value: &Value) -> Markup {
    visible(&serde_json::to_string_pretty(value).unwrap_or_default())
}
