//! OTLP: a log record per event, and a span per tool call.

mod logs;
mod spans;
mod value;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::{InstrumentationScope, KeyValue},
    logs::v1::{ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message as _;

use self::value::text;
use crate::{
    event::{Place, events},
    record::Record,
};

/// What is sent of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Events, as log records.
    Logs,
    /// Tool calls, as spans.
    Traces,
}

// === impl Signal ===

impl Signal {
    /// Below a collector's URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
        }
    }

    /// The request that gives these records to a collector, as protobuf.
    pub fn protobuf(self, records: &[(Record, Place)]) -> Vec<u8> {
        match self {
            Self::Logs => ExportLogsServiceRequest { resource_logs: logs(records) }.encode_to_vec(),
            Self::Traces => ExportTraceServiceRequest { resource_spans: traces(records) }.encode_to_vec(),
        }
    }

    /// The same in JSON: a line of a file that collectors read.
    ///
    /// # Errors
    /// None that is known: the types are their crate's.
    pub fn json(self, records: &[(Record, Place)]) -> Result<String, serde_json::Error> {
        match self {
            Self::Logs => serde_json::to_string(&ExportLogsServiceRequest { resource_logs: logs(records) }),
            Self::Traces => {
                serde_json::to_string(&ExportTraceServiceRequest { resource_spans: traces(records) })
            }
        }
    }

    /// How many a collector says it has not taken, and why; `None` where it took all. An answer that cannot be read is no
    /// refusal: the status was one of success.
    pub fn rejected(self, answer: &[u8]) -> Option<(i64, String)> {
        let (count, why) = match self {
            Self::Logs => {
                let partial = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
                (partial.rejected_log_records, partial.error_message)
            }
            Self::Traces => {
                let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
                (partial.rejected_spans, partial.error_message)
            }
        };
        (count > 0).then_some((count, why))
    }
}

/// Records of one emitter belong to one resource, and follow each other.
fn by_place(records: &[(Record, Place)]) -> impl Iterator<Item = &[(Record, Place)]> {
    records.chunk_by(|(_, one), (_, next)| match (one, next) {
        (Place::Log, Place::Log) => true,
        (
            Place::Stored { gateway, emitter, .. },
            Place::Stored { gateway: next_gateway, emitter: next_emitter, .. },
        ) => gateway == next_gateway && emitter == next_emitter,
        (Place::Log, Place::Stored { .. }) | (Place::Stored { .. }, Place::Log) => false,
    })
}

fn logs(records: &[(Record, Place)]) -> Vec<ResourceLogs> {
    let of_place = |records: &[(Record, Place)]| ResourceLogs {
        resource: records.first().map(|(_, place)| resource(place)),
        scope_logs: vec![ScopeLogs {
            scope: Some(scope()),
            log_records: records
                .iter()
                .flat_map(|(record, place)| events(record, place))
                .map(|event| logs::log_record(&event))
                .collect(),
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    };
    by_place(records).map(of_place).collect()
}

fn traces(records: &[(Record, Place)]) -> Vec<ResourceSpans> {
    let of_place = |records: &[(Record, Place)]| ResourceSpans {
        resource: records.first().map(|(_, place)| resource(place)),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope()),
            spans: records.iter().flat_map(|(record, place)| spans::spans(record, place)).collect(),
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    };
    by_place(records).map(of_place).collect()
}

/// The gateway: what was observed, not the service that passes it on.
fn resource(place: &Place) -> Resource {
    let mut attributes: Vec<KeyValue> = vec![text("service.name", "actgate")];
    if let Place::Stored { gateway, emitter, .. } = place {
        attributes.push(text("service.namespace", gateway));
        attributes.push(text("service.instance.id", emitter));
    }
    Resource { attributes, dropped_attributes_count: 0, entity_refs: Vec::new() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "actgate.ledger".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
    }
}
