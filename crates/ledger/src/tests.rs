use std::collections::BTreeSet;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse},
        trace::v1::ExportTraceServiceRequest,
    },
    trace::v1::{Span, status::StatusCode},
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::{
    Export, Format, Kind, Outcome, Place, Record, api_activity, cloud_event, events,
    fixture::{RECORDS, records, stored},
    otlp::Signal,
    trace::hex,
};

fn schema(text: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

#[test]
fn the_records_are_as_their_schema_says_and_so_are_their_events() {
    let of_record = schema(include_str!("../../../docs/ledger-record.schema.json"));
    let of_event = schema(include_str!("../../../docs/ledger-event.schema.json"));
    let of_envelope = schema(include_str!("../../../docs/ledger-cloudevent.schema.json"));
    for line in RECORDS.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Err(error) = of_record.validate(&value) {
            panic!("{error}: {line}");
        }
        let record = Record::parse(line).unwrap();
        for place in [Place::Log, stored(7)] {
            for event in events(&record, &place) {
                let told = event.json();
                if let Err(error) = of_event.validate(&told) {
                    panic!("{error} at {}: {told}", error.instance_path());
                }
                let envelope = cloud_event(&event);
                if let Err(error) = of_envelope.validate(&envelope) {
                    panic!("{error} at {}: {envelope}", error.instance_path());
                }
                assert_eq!(envelope["data"], told);
            }
        }
    }
    // The schema has no room for anything that nobody knows.
    let records = records();
    let mut told = events(&records[0], &Place::Log)[0].json();
    told["token"] = json!("canary");
    assert!(!of_event.is_valid(&told));
}

#[test]
fn a_record_has_the_events_that_happened() {
    use Kind::{Approved, Attempted, Decided, Executed, Lost};
    let records = records();
    let kinds = |number: usize| {
        let all = events(&records[number], &Place::Log);
        all.iter().map(|event| (event.index, event.kind)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(0), [(0, Attempted), (0, Decided), (0, Executed)]);
    assert_eq!(kinds(1), [(0, Attempted), (0, Decided), (1, Attempted), (1, Decided)]);
    assert_eq!(kinds(2), [(0, Attempted), (0, Decided)]);
    assert_eq!(kinds(3), [(0, Attempted), (0, Decided), (0, Approved), (0, Executed)]);
    // Permitted, and yet it went nowhere.
    assert_eq!(kinds(7), [(0, Attempted), (0, Decided)]);
    assert_eq!(kinds(11), [(0, Attempted)]);
    assert_eq!(kinds(12), [(0, Attempted)]);
    // Stored before it went on; records that will not come.
    assert_eq!(kinds(15), [(0, Attempted), (0, Decided)]);
    assert_eq!(kinds(16), [(0, Lost)]);
}

#[test]
fn an_outcome_is_a_success_only_where_the_upstream_said_so() {
    use Outcome::{Failed, NotExecuted, Open, Succeeded, Unknown};
    let outcomes: Vec<Outcome> = records().iter().map(Outcome::of).collect();
    assert_eq!(
        outcomes,
        [
            Succeeded,
            NotExecuted,
            NotExecuted,
            Succeeded,
            Failed,
            Succeeded,
            Unknown,
            NotExecuted,
            Failed,
            NotExecuted,
            NotExecuted,
            NotExecuted,
            NotExecuted,
            NotExecuted,
            NotExecuted,
            Open,
            NotExecuted
        ]
    );
    // An attempt as readers see it, whose record did not come in time.
    let shown = json!({ "outcome": "unknown", "said_by": "control" });
    let mut written_off: Value = serde_json::from_str(RECORDS.lines().nth(15).unwrap()).unwrap();
    written_off["executed"] = shown;
    let written_off = Record::parse(&written_off.to_string()).unwrap();
    assert_eq!(Outcome::of(&written_off), Unknown);
    assert!(events(&written_off, &Place::Log).iter().any(|event| event.kind == Kind::Executed));
    let odd = RECORDS.lines().nth(4).unwrap().replace("tool_error", "refused");
    assert_eq!(Outcome::of(&Record::parse(&odd).unwrap()), Unknown);
}

#[test]
fn ids_are_unique_and_always_the_same() {
    let ids = || {
        let mut all = BTreeSet::new();
        for (record, number) in records().iter().zip(1..) {
            for event in events(record, &stored(number)) {
                assert!(all.insert(event.id()), "{}", event.id());
            }
        }
        all
    };
    assert_eq!(ids(), ids());
    // Two requests that nothing tells apart but their place.
    let twins = records();
    let ids = [stored(1), stored(2), Place::Log].map(|place| events(&twins[12], &place)[0].id());
    assert_eq!(BTreeSet::from(ids).len(), 3);
    // Of a record with an id, the log and the store say the same.
    assert_eq!(events(&twins[0], &Place::Log)[0].id(), events(&twins[0], &stored(9))[0].id());
}

fn spans(records: Vec<Record>) -> Vec<Span> {
    let records: Vec<_> =
        records.into_iter().zip(1..).map(|(record, number)| (record, stored(number))).collect();
    let sent = ExportTraceServiceRequest::decode(Signal::Traces.protobuf(&records).as_slice()).unwrap();
    let [resource] = sent.resource_spans.as_slice() else { panic!("one resource") };
    let named: Vec<&str> =
        resource.resource.as_ref().unwrap().attributes.iter().map(|a| a.key.as_str()).collect();
    assert_eq!(named, ["service.name", "service.namespace", "service.instance.id"]);
    resource.scope_spans[0].spans.clone()
}

#[test]
fn every_call_that_has_ended_is_a_span_in_the_trace_of_its_request() {
    let spans = spans(records());
    // But for the last two: an attempt that nobody knows the end of, and a loss.
    let records = records();
    let ended = &records[..15];
    let calls: usize = ended.iter().map(|record| record.attempted.calls.len().max(1)).sum();
    assert_eq!(spans.len(), calls);
    let first = &spans[0];
    assert_eq!(hex(&first.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&first.parent_span_id), "00f067aa0ba902b7");
    assert_eq!((first.flags, first.name.as_str()), (0x301, "git.ref.update"));
    assert_eq!(first.start_time_unix_nano, 1_795_559_461_528_000_000);
    assert_eq!(first.end_time_unix_nano, 1_795_559_461_531_000_000);
    let names: Vec<&str> = first.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["actgate.call.attempted", "actgate.call.decided", "actgate.call.executed"]);
    let times: Vec<u64> =
        first.events.iter().map(|event| event.time_unix_nano - first.start_time_unix_nano).collect();
    assert_eq!(times, [0, 412_000, 3_000_000]);
    // Two calls of one request: one trace, called after the action id, and two spans.
    assert_eq!(hex(&spans[1].trace_id), "01a20faf550070008000000000000002");
    assert_eq!(spans[1].trace_id, spans[2].trace_id);
    assert!(spans[1].parent_span_id.is_empty());
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len());
    assert!(ids.iter().all(|id| id.len() == 8));
    let codes: Vec<i32> = spans.iter().map(|span| span.status.as_ref().unwrap().code).collect();
    let error = i32::from(StatusCode::Error);
    assert_eq!(codes, [0, error, error, 0, 0, error, 0, error, 0, error, error, error, 0, 0, 0, error]);
    // Arguments may be anything: they are in no span.
    assert!(!format!("{spans:?}").contains("push_options"));
}

#[test]
fn what_is_no_trace_context_is_not_taken_for_one() {
    let sound = RECORDS.lines().next().unwrap();
    for (good, odd) in [
        ("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "4BF92F3577B34DA6A3CE929D0E0E4736"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "4bf9"),
    ] {
        let span = &spans(vec![Record::parse(&sound.replace(good, odd)).unwrap()])[0];
        assert_eq!(hex(&span.trace_id), "01a20faf550070008000000000000001", "{odd}");
        assert!(span.parent_span_id.is_empty());
    }
    let span =
        &spans(vec![Record::parse(&sound.replace("00f067aa0ba902b7", "0000000000000000")).unwrap()])[0];
    assert!(span.parent_span_id.is_empty() && hex(&span.trace_id).starts_with("4bf9"));
}

#[test]
fn every_event_is_a_log_record_with_its_span() {
    let stored: Vec<_> =
        records().into_iter().zip(1..).map(|(record, number)| (record, stored(number))).collect();
    let sent = ExportLogsServiceRequest::decode(Signal::Logs.protobuf(&stored).as_slice()).unwrap();
    let logs = &sent.resource_logs[0].scope_logs[0].log_records;
    let expected: usize = stored.iter().map(|(record, place)| events(record, place).len()).sum();
    assert_eq!(logs.len(), expected);
    let spans: BTreeSet<Vec<u8>> = spans(records()).into_iter().map(|span| span.span_id).collect();
    let of_ended: usize = stored[..15].iter().map(|(record, place)| events(record, place).len()).sum();
    assert!(logs[..of_ended].iter().all(|log| spans.contains(&log.span_id)));
    let last: Vec<&str> = logs[of_ended..].iter().map(|log| log.event_name.as_str()).collect();
    assert_eq!(last, ["actgate.call.attempted", "actgate.call.decided", "actgate.records.lost"]);
    assert_eq!(
        (logs[2].event_name.as_str(), logs[2].severity_text.as_str()),
        ("actgate.call.executed", "INFO")
    );
    assert_eq!(logs[4].severity_text, "WARN");
    // Records of different emitters are different resources.
    let mixed = [(records().remove(0), Place::Log), (records().remove(0), fixture_place())];
    let sent = ExportLogsServiceRequest::decode(Signal::Logs.protobuf(&mixed).as_slice()).unwrap();
    assert_eq!(sent.resource_logs.len(), 2);
}

fn fixture_place() -> Place {
    stored(1)
}

#[test]
fn what_a_collector_did_not_take_is_read_from_its_answer() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "too old".to_owned() };
    let answer = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    assert_eq!(Signal::Logs.rejected(&answer), Some((3, "too old".to_owned())));
    for whole in [Vec::new(), ExportLogsServiceResponse::default().encode_to_vec(), b"{}".to_vec()] {
        assert_eq!(Signal::Logs.rejected(&whole), None);
    }
}

#[test]
fn an_api_activity_says_what_was_done_about_it() {
    let records = records();
    let told = |number: usize, kind: Kind| {
        let place = stored(1);
        let event = events(&records[number], &place).into_iter().find(|event| event.kind == kind).unwrap();
        let told = api_activity(&event).unwrap();
        let number = |name: &str| told[name].as_u64().unwrap();
        (number("action_id"), number("disposition_id"), number("status_id"), number("type_uid"))
    };
    assert_eq!(told(0, Kind::Attempted), (3, 17, 0, 600_303));
    assert_eq!(told(0, Kind::Decided), (1, 1, 1, 600_303));
    assert_eq!(told(1, Kind::Decided), (2, 2, 2, 600_303));
    assert_eq!(told(2, Kind::Decided), (2, 23, 2, 600_303));
    assert_eq!(told(3, Kind::Approved), (1, 8, 1, 600_303));
    assert_eq!(told(4, Kind::Executed), (1, 1, 2, 600_303));
    assert_eq!(told(5, Kind::Decided), (3, 1, 1, 600_303));
    assert_eq!(told(6, Kind::Executed), (1, 1, 0, 600_303));
    assert_eq!(told(9, Kind::Decided), (2, 26, 2, 600_301));
    assert_eq!(told(10, Kind::Decided), (2, 27, 2, 600_303));
    assert_eq!(told(12, Kind::Attempted), (3, 17, 0, 600_399));
}

fn exported(format: Format) -> String {
    let mut export = Export::new(format);
    let mut text = export.begin();
    for (record, number) in RECORDS.lines().zip(1..) {
        text.push_str(&export.record(record, stored(number)).unwrap());
    }
    text.push_str(&export.end().unwrap());
    text
}

#[test]
fn every_export_can_be_read_again() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Some(format));
        let text = exported(format);
        match format {
            Format::Jsonl => assert_eq!(text, RECORDS),
            Format::Csv => assert_eq!(text.lines().count(), 18),
            Format::CloudEventsBatch => {
                let all: Vec<Value> = serde_json::from_str(&text).unwrap();
                assert_eq!(all.len(), exported(Format::CloudEvents).lines().count());
            }
            Format::CloudEvents | Format::Ocsf | Format::Otlp | Format::OtlpLogs | Format::OtlpTraces => {
                let lines: Vec<Value> =
                    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let is_otlp = !matches!(format, Format::CloudEvents | Format::Ocsf);
                assert!(!lines.is_empty() && (!is_otlp || lines.len() <= 2), "{text}");
            }
        }
    }
    let empty = Export::new(Format::CloudEventsBatch);
    assert_eq!(format!("{}{}", empty.begin(), empty.end().unwrap()), "[\n]\n");
    // In OTLP's JSON, ids are hexadecimal and times are text.
    let otlp: Value = serde_json::from_str(exported(Format::OtlpTraces).trim()).unwrap();
    let span = &otlp["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["startTimeUnixNano"], "1795559461528000000");
    assert!(Export::new(Format::Ocsf).record("{}", Place::Log).is_err());
}
