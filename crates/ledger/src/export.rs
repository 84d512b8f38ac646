//! Many records, as one text.

use std::fmt::Display;

use serde_json::Value;

use crate::{
    cloudevents::cloud_event,
    csv,
    event::{Event, Place, events},
    ocsf::api_activity,
    otlp::Signal,
    record::{Record, RecordError},
};

/// Records of one line of OTLP: what keeps it well below the size that collectors take at once.
const OTLP_RECORDS: usize = 100;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The records themselves, one a line.
    Jsonl,
    /// A line for each call, as spreadsheets read it.
    Csv,
    /// CloudEvents, one a line.
    CloudEvents,
    /// The same as one array, as `application/cloudevents-batch+json` has it.
    CloudEventsBatch,
    /// OCSF API Activity, one event a line.
    Ocsf,
    /// OTLP in JSON, logs and traces, a line for some records.
    Otlp,
    /// The logs of it.
    OtlpLogs,
    /// The traces of it.
    OtlpTraces,
}

/// An export that goes on.
#[derive(Debug)]
pub struct Export {
    format: Format,
    waiting: Vec<(Record, Place)>,
    is_first: bool,
}

// === impl Format ===

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Jsonl,
        Self::Csv,
        Self::CloudEvents,
        Self::CloudEventsBatch,
        Self::Ocsf,
        Self::Otlp,
        Self::OtlpLogs,
        Self::OtlpTraces,
    ];

    /// As it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsBatch => "cloudevents-batch",
            Self::Ocsf => "ocsf",
            Self::Otlp => "otlp",
            Self::OtlpLogs => "otlp-logs",
            Self::OtlpTraces => "otlp-traces",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The type of the text.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::CloudEventsBatch => "application/cloudevents-batch+json",
            Self::Jsonl | Self::CloudEvents | Self::Ocsf | Self::Otlp | Self::OtlpLogs | Self::OtlpTraces => {
                "application/jsonl"
            }
        }
    }

    /// What a file of it is called.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Jsonl => "ledger.jsonl",
            Self::Csv => "ledger.csv",
            Self::CloudEvents => "ledger-cloudevents.jsonl",
            Self::CloudEventsBatch => "ledger-cloudevents.json",
            Self::Ocsf => "ledger-ocsf.jsonl",
            Self::Otlp => "ledger-otlp.jsonl",
            Self::OtlpLogs => "ledger-otlp-logs.jsonl",
            Self::OtlpTraces => "ledger-otlp-traces.jsonl",
        }
    }
}

// === impl Export ===

impl Export {
    /// Begins one.
    pub const fn new(format: Format) -> Self {
        Self { format, waiting: Vec::new(), is_first: true }
    }

    /// What stands before all records.
    pub fn begin(&self) -> String {
        match self.format {
            Format::Csv => csv::head(),
            Format::CloudEventsBatch => "[".to_owned(),
            Format::Jsonl
            | Format::CloudEvents
            | Format::Ocsf
            | Format::Otlp
            | Format::OtlpLogs
            | Format::OtlpTraces => String::new(),
        }
    }

    /// One more record: what is to be written for it now.
    ///
    /// # Errors
    /// It is no record.
    pub fn record(&mut self, text: &str, place: Place) -> Result<String, RecordError> {
        match self.format {
            Format::Jsonl => Ok(format!("{text}\n")),
            Format::Csv => {
                let record: Value = serde_json::from_str(text)?;
                Ok(csv::lines(&record))
            }
            Format::CloudEvents => lines(text, &place, |event| Some(cloud_event(event))),
            Format::Ocsf => lines(text, &place, api_activity),
            Format::CloudEventsBatch => {
                let record = Record::parse(text)?;
                let mut out = String::new();
                for event in events(&record, &place) {
                    out.push_str(if self.is_first { "\n" } else { ",\n" });
                    out.push_str(&cloud_event(&event).to_string());
                    self.is_first = false;
                }
                Ok(out)
            }
            Format::Otlp | Format::OtlpLogs | Format::OtlpTraces => {
                self.waiting.push((Record::parse(text)?, place));
                if self.waiting.len() < OTLP_RECORDS { Ok(String::new()) } else { Ok(self.flush()?) }
            }
        }
    }

    /// What stands after all records.
    ///
    /// # Errors
    /// None that is known.
    pub fn end(mut self) -> Result<String, RecordError> {
        match self.format {
            Format::CloudEventsBatch => Ok("\n]\n".to_owned()),
            Format::Otlp | Format::OtlpLogs | Format::OtlpTraces => Ok(self.flush()?),
            Format::Jsonl | Format::Csv | Format::CloudEvents | Format::Ocsf => Ok(String::new()),
        }
    }

    fn flush(&mut self) -> Result<String, serde_json::Error> {
        let signals: &[Signal] = match self.format {
            _ if self.waiting.is_empty() => &[],
            Format::OtlpLogs => &[Signal::Logs],
            Format::OtlpTraces => &[Signal::Traces],
            Format::Otlp
            | Format::Jsonl
            | Format::Csv
            | Format::CloudEvents
            | Format::CloudEventsBatch
            | Format::Ocsf => &[Signal::Logs, Signal::Traces],
        };
        let mut out = String::new();
        for signal in signals {
            out.push_str(&signal.json(&self.waiting)?);
            out.push('\n');
        }
        self.waiting.clear();
        Ok(out)
    }
}

fn lines<T: Display>(
    text: &str,
    place: &Place,
    write: impl Fn(&Event<'_>) -> Option<T>,
) -> Result<String, RecordError> {
    let record = Record::parse(text)?;
    Ok(events(&record, place).iter().filter_map(write).map(|event| format!("{event}\n")).collect())
}
