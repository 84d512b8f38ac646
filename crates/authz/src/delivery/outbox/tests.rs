#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::delivery::Durable;

fn outbox() -> Outbox {
    let service =
        LedgerService { cluster: "control".to_owned(), emitter: "edge".to_owned(), durable: Durable::Routes };
    Outbox::new(&service, [7; 8])
}

fn at(millis: u64) -> Moment {
    Moment::from_unix_nanos(1_790_000_000_000_000_000).plus_millis(millis)
}

fn body(callout: &Callout) -> Value {
    serde_json::from_slice(&callout.body).unwrap()
}

/// What a service does with a batch that it takes.
fn acknowledge(outbox: &mut Outbox, callout: &Callout, now: Moment) {
    let events = body(callout)["events"].as_array().unwrap().clone();
    let said = json!({ "stored": events.len(), "known": 0, "last": events.last().unwrap()["sequence"] });
    outbox.answered(Some(CalloutAnswer { status: 200, body: said.to_string().as_bytes() }), now);
}

fn numbers(callout: &Callout) -> Vec<u64> {
    let body = body(callout);
    body["events"].as_array().unwrap().iter().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn a_batch_is_what_the_service_reads_and_holds_records_as_they_are() {
    let mut outbox = outbox();
    assert!(outbox.due(at(0)).is_none(), "nothing waits");
    outbox.push("{\"v\":1, \"text\":\"ü\"}".to_owned());
    outbox.push("{\"v\":2}".to_owned());
    let callout = outbox.due(at(0)).unwrap();
    assert_eq!(
        String::from_utf8(callout.body.clone()).unwrap(),
        "{\"emitter\":\"edge/0707070707070707\",\"events\":[{\"sequence\":1,\"record\":{\"v\":1, \"text\":\"ü\"}},\
         {\"sequence\":2,\"record\":{\"v\":2}}]}"
    );
    assert_eq!(callout.cluster, "control");
    assert!(callout.headers.contains(&(":path".to_owned(), "/v1/events".to_owned())));
    outbox.push("{\"v\":3}".to_owned());
    assert!(outbox.due(at(0)).is_none(), "one at a time");
    acknowledge(&mut outbox, &callout, at(1));
    assert_eq!(numbers(&outbox.due(at(1)).unwrap()), [3]);
    assert_eq!(outbox.take_tally(), Tally { stored: 2, lost: 0, failed: 0 });
}

#[test]
fn what_is_no_acknowledgement_is_none_and_the_batch_is_sent_again_as_it_was() {
    let mut outbox = outbox();
    (0..3).for_each(|number| outbox.push(format!("{{\"v\":{number}}}")));
    let mut now = 0;
    let first = outbox.due(at(now)).unwrap();
    let lies: [Option<(u16, String)>; 9] = [
        None,
        Some((500, String::new())),
        Some((503, json!({}).to_string())),
        Some((401, json!({}).to_string())),
        Some((200, String::new())),
        Some((200, json!({ "stored": 3, "known": 0, "last": 2 }).to_string())),
        Some((200, json!({ "stored": 2, "known": 0, "last": 3 }).to_string())),
        Some((200, json!({ "stored": 3, "known": 3, "last": 3 }).to_string())),
        Some((204, json!({ "stored": 3, "known": 0, "last": 3 }).to_string())),
    ];
    for lie in lies {
        let answer =
            lie.as_ref().map(|(status, body)| CalloutAnswer { status: *status, body: body.as_bytes() });
        outbox.answered(answer, at(now));
        assert!(outbox.due(at(now)).is_none(), "it backs off after {lie:?}");
        now += MAX_BACK_OFF_MILLIS;
        assert_eq!(outbox.due(at(now)).unwrap(), first, "after {lie:?}");
    }
    assert_eq!(outbox.take_tally(), Tally { stored: 0, lost: 0, failed: 9 });
    acknowledge(&mut outbox, &first, at(now));
    assert!(outbox.is_empty());
}

#[test]
fn it_backs_off_longer_each_time_up_to_a_bound_and_at_once_after_a_success() {
    let mut outbox = outbox();
    outbox.push("{}".to_owned());
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..70 {
        assert!(outbox.due(at(now)).is_some());
        outbox.answered(None, at(now));
        let begun = now;
        while !outbox.may_send(at(now)) {
            now += 1;
        }
        waits.push(now - begun);
    }
    assert!((125..=250).contains(&waits[0]), "{waits:?}");
    assert!((250..=500).contains(&waits[1]), "{waits:?}");
    assert!(waits[5..].iter().all(|wait| (2_500..=5_000).contains(wait)), "{waits:?}");
    assert!(waits[5..].iter().collect::<BTreeSet<_>>().len() > 10, "workers would come back together");
    let callout = outbox.due(at(now)).unwrap();
    acknowledge(&mut outbox, &callout, at(now));
    outbox.push("{}".to_owned());
    assert!(outbox.due(at(now)).is_some());
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let mut outbox = outbox();
    outbox.push("{}".to_owned());
    assert!(outbox.due(at(3_600_000)).is_some());
    outbox.answered(None, at(3_600_000));
    assert!(outbox.due(at(0)).is_some());
}

#[test]
fn what_overflows_is_counted_and_told_in_its_place() {
    let mut outbox = outbox();
    let record = format!("{{\"text\":\"{}\"}}", "x".repeat(16_000));
    let room = MAX_WAITING_BYTES / record.len();
    for _ in 0..room + 5 {
        outbox.push(record.clone());
    }
    assert!(outbox.bytes <= MAX_WAITING_BYTES);
    assert_eq!(outbox.take_tally().lost, 5);
    let (mut told, mut last) = (Vec::new(), 0);
    while let Some(callout) = outbox.due(at(0)) {
        assert!(callout.body.len() <= MAX_BATCH_BYTES + 64 * MAX_BATCH, "{}", callout.body.len());
        for event in body(&callout)["events"].as_array().unwrap() {
            let number = event["sequence"].as_u64().unwrap();
            assert!(number > last);
            last = number;
            if event["record"]["stage"] == "lost" {
                told.push(event["record"]["lost"].clone());
            }
        }
        acknowledge(&mut outbox, &callout, at(0));
    }
    let first = u64::try_from(room).unwrap() + 1;
    assert_eq!(told, [json!({ "cause": "overflow", "count": 5, "first": first, "last": first + 4 })]);
    assert!(outbox.is_empty());
}

#[test]
fn small_records_are_bounded_in_number() {
    let mut outbox = outbox();
    (0..MAX_WAITING + 3).for_each(|_| outbox.push("{}".to_owned()));
    assert_eq!((outbox.waiting.len(), outbox.take_tally().lost), (MAX_WAITING, 3));
}

#[test]
fn losses_far_apart_are_all_counted_in_bounded_memory() {
    let mut outbox = outbox();
    for number in 0..10_000 {
        outbox.losses.add(Cause::Overflow, number * 2);
    }
    assert_eq!(outbox.losses.count(), 10_000);
    outbox.push("{}".to_owned());
    let callout = outbox.due(at(0)).unwrap();
    let events = body(&callout)["events"].as_array().unwrap().clone();
    let told: u64 = events.iter().filter_map(|event| event["record"]["lost"]["count"].as_u64()).sum();
    assert_eq!((events.len(), told), (17, 10_000));
}

/// A service with a mind of its own.
#[derive(Debug, Clone)]
enum Event {
    Push(u8),
    Tick(u16),
    Store,
    /// It stores, and the answer is lost.
    StoreInSilence,
    Fail(u16),
    Silence,
    Lie,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => any::<u8>().prop_map(Event::Push),
        4 => (0_u16..2_000).prop_map(Event::Tick),
        4 => Just(Event::Store),
        1 => Just(Event::StoreInSilence),
        2 => prop::sample::select(vec![400, 401, 403, 404, 413, 429, 500, 502, 503]).prop_map(Event::Fail),
        1 => Just(Event::Silence),
        1 => Just(Event::Lie),
    ];
    prop::collection::vec(event, 1..200)
}

/// What a service has taken, by number: as `POST /v1/events` does it.
#[derive(Default)]
struct Service {
    stored: Vec<(u64, String)>,
}

impl Service {
    /// The status, and whether anything was stored.
    fn take(&mut self, callout: &Callout) -> (u16, Value) {
        let events = body(callout)["events"].as_array().unwrap().clone();
        let last = self.stored.last().map_or(0, |(number, _)| *number);
        let (mut new, mut known) = (Vec::new(), 0);
        for event in events {
            let (number, record) = (event["sequence"].as_u64().unwrap(), event["record"].to_string());
            // Records that it does not take are those of the pushes of this kind.
            if event["record"]["kind"] == 13 {
                return (422, json!({}));
            }
            if number > last {
                new.push((number, record));
            } else if self.stored.contains(&(number, record)) {
                known += 1;
            } else {
                return (409, json!({}));
            }
        }
        let stored = new.len();
        self.stored.extend(new);
        (
            200,
            json!({ "stored": stored, "known": known, "last": self.stored.last().map(|(number, _)| *number) }),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Whatever the service and the network do: what was pushed is stored once and in order, or waits, or is counted as
    /// lost under its number.
    #[test]
    fn every_record_is_stored_once_or_waits_or_is_told_as_lost(events in events()) {
        let mut outbox = outbox();
        let mut service = Service::default();
        let (mut now, mut pushed, mut lost, mut asked) = (0_u64, 0_u64, 0_u64, None);
        let mut play = |outbox: &mut Outbox, service: &mut Service, event: Event, asked: &mut Option<Callout>| {
            match event {
                Event::Push(kind) => {
                    pushed += 1;
                    outbox.push(format!("{{\"push\":{pushed},\"kind\":{}}}", kind % 32));
                }
                Event::Tick(millis) => {
                    now += u64::from(millis);
                    if let Some(callout) = outbox.due(at(now)) {
                        assert!(asked.is_none(), "two at a time");
                        *asked = Some(callout);
                    }
                }
                answer @ (Event::Store | Event::StoreInSilence | Event::Fail(_) | Event::Silence | Event::Lie) => {
                    let Some(callout) = asked.take() else { return };
                    let (status, said) = match answer {
                        Event::Store => service.take(&callout),
                        Event::StoreInSilence => {
                            service.take(&callout);
                            return outbox.answered(None, at(now));
                        }
                        Event::Fail(status) if !matches!(status, 400 | 413) => (status, json!({})),
                        Event::Lie => (200, json!({ "stored": 0, "known": 0, "last": 0 })),
                        Event::Push(_) | Event::Tick(_) | Event::Fail(_) | Event::Silence => {
                            return outbox.answered(None, at(now));
                        }
                    };
                    outbox.answered(
                        Some(CalloutAnswer { status, body: said.to_string().as_bytes() }),
                        at(now),
                    );
                }
            }
            lost += outbox.take_tally().lost;
        };
        for event in events {
            play(&mut outbox, &mut service, event, &mut asked);
        }
        // In the end the service is well for long enough.
        for _ in 0..4_000 {
            if outbox.is_empty() {
                break;
            }
            play(&mut outbox, &mut service, Event::Tick(5_000), &mut asked);
            play(&mut outbox, &mut service, Event::Store, &mut asked);
        }
        prop_assert!(outbox.is_empty(), "something waits for ever");
        prop_assert!(service.stored.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let records: Vec<Value> =
            service.stored.iter().map(|(_, record)| serde_json::from_str(record).unwrap()).collect();
        let arrived: Vec<u64> = records.iter().filter_map(|record| record["push"].as_u64()).collect();
        prop_assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
        let told: u64 = records.iter().filter_map(|record| record["lost"]["count"].as_u64()).sum();
        prop_assert_eq!(told, lost);
        prop_assert_eq!(u64::try_from(arrived.len()).unwrap() + told, pushed);
        // The numbers that are missing are those that are told.
        let known: BTreeSet<u64> = service.stored.iter().map(|(number, _)| *number).collect();
        let missing: BTreeSet<u64> = (1..outbox.next).filter(|number| !known.contains(number)).collect();
        let spoken: BTreeSet<u64> = records.iter().filter_map(|record| record.get("lost"))
            .flat_map(|lost| lost["first"].as_u64().unwrap()..=lost["last"].as_u64().unwrap())
            .collect();
        prop_assert!(missing.is_subset(&spoken), "{:?} {:?}", missing, spoken);
    }
}
