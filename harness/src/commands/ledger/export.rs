//! Records for other programs.

use actgate_ledger::{Format, Place};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::entry::Entry;

/// Reads `--format`.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(|format| PossibleValue::new(format.name()).help(help(format)));
    PossibleValuesParser::new(names).map(|name| Format::named(&name).unwrap_or(Format::Jsonl))
}

const fn help(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "The records themselves, one a line",
        Format::Csv => "One line for each call, as spreadsheets read it",
        Format::CloudEvents => "CloudEvents 1.0, one event a line",
        Format::CloudEventsBatch => "CloudEvents 1.0, one array",
        Format::Ocsf => "OCSF API Activity (6003), one event a line",
        Format::Otlp => "OTLP in JSON, logs and traces, some records a line",
        Format::OtlpLogs => "OTLP in JSON, logs alone",
        Format::OtlpTraces => "OTLP in JSON, traces alone",
    }
}

/// Where a record was found.
pub(super) fn place(entry: &Entry) -> Place {
    match &entry.place {
        None => Place::Log,
        Some((gateway, emitter, sequence)) => {
            Place::Stored { gateway: gateway.clone(), emitter: emitter.clone(), sequence: *sequence }
        }
    }
}
