//! Bodies of every kind: what the gate decides on is what every reader finds, be it one that takes the first of two
//! members, the last, or one that does not care for case.

use proptest::prelude::*;

use super::*;

/// JSON as it is written, members in order and as often as they are there.
#[derive(Debug, Clone)]
enum Node {
    Text(&'static str),
    Number(i64),
    Object(Vec<(&'static str, Self)>),
}

/// How a reader looks a member up.
#[derive(Debug, Clone, Copy)]
enum Reader {
    First,
    Last,
    LastInAnyCase,
}

impl Node {
    fn write(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| format!("{name:?}:{}", value.write()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn at(&self, path: &[&str], reader: Reader) -> Option<&Self> {
        let Some((name, rest)) = path.split_first() else { return Some(self) };
        let Self::Object(members) = self else { return None };
        let mut named = members.iter().filter(|(own, _)| match reader {
            Reader::First | Reader::Last => own == name,
            Reader::LastInAnyCase => own.eq_ignore_ascii_case(name),
        });
        let found = match reader {
            Reader::First => named.next(),
            Reader::Last | Reader::LastInAnyCase => named.next_back(),
        };
        found.and_then(|(_, value)| value.at(rest, reader))
    }

    fn text(&self, path: &[&str], reader: Reader) -> Option<&'static str> {
        match self.at(path, reader)? {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Object(_) => None,
        }
    }
}

fn text(choices: &'static [&'static str]) -> impl Strategy<Value = Node> {
    prop::sample::select(choices).prop_map(Node::Text)
}

/// An object of these members in any order, now and then with one that is there twice, missing or in another case.
fn object(members: Vec<(&'static [&'static str], BoxedStrategy<Node>)>) -> impl Strategy<Value = Node> {
    let one = move |(names, value): (&'static [&'static str], BoxedStrategy<Node>)| {
        let spelling = prop_oneof![8 => Just(0_usize), 1 => 0..names.len()];
        let count = prop_oneof![1 => Just(0_usize), 12 => Just(1), 1 => Just(2)];
        count.prop_flat_map(move |count| {
            let name = spelling.clone().prop_map(move |index| names[index]);
            prop::collection::vec((name, value.clone()), count)
        })
    };
    let all: Vec<_> = members.into_iter().map(|member| one(member).boxed()).collect();
    all.prop_map(|members| members.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Node::Object)
}

fn body() -> impl Strategy<Value = Node> {
    let path = text(&["docs/a", "private/b", "../c"]).boxed();
    let arguments = object(vec![(&["path", "Path", "PATH", "other"], path)]).boxed();
    let name = text(&["read_file", "read_link", "write_file"]).boxed();
    let params = object(vec![
        (&["name", "Name", "NAME", "x"], name),
        (&["arguments", "Arguments", "args"], arguments),
    ]);
    object(vec![
        (&["jsonrpc"], text(&["2.0"]).boxed()),
        (&["id", "ID"], Just(Node::Number(1)).boxed()),
        (&["method", "Method", "METHOD"], text(&["tools/call", "tools/call", "ping"]).boxed()),
        (&["params", "Params", "PARAMS"], params.boxed()),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn readers_agree_on_what_passes(body in body()) {
        let written = body.write();
        let Ok(found) = post("2025-06-18").calls(&services(), written.as_bytes()) else { return Ok(()) };
        let call = found.first();
        for reader in [Reader::First, Reader::Last, Reader::LastInAnyCase] {
            let method = body.text(&["method"], reader);
            if &*call.action == "mcp.connect" {
                prop_assert_eq!(method, Some("ping"), "{:?} of {}", reader, written);
                continue;
            }
            prop_assert_eq!(method, Some("tools/call"), "{:?} of {}", reader, written);
            let tool = call.resource.id.strip_prefix("files/");
            prop_assert_eq!(body.text(&["params", "name"], reader), tool, "{:?} of {}", reader, written);
            let path = call.arguments.get("args").and_then(|args| args.get("path")).and_then(Value::as_str);
            let theirs = body.text(&["params", "arguments", "path"], reader);
            prop_assert_eq!(theirs, path, "{:?} of {}", reader, written);
        }
    }

    #[test]
    fn no_bytes_are_a_panic_or_a_call_of_nothing(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(found) = post("").calls(&services(), &bytes) {
            prop_assert!(found.len() > 0);
        }
    }

    #[test]
    fn nor_is_a_message_with_some_bytes_changed(
        at in 0..120_usize, with in prop::collection::vec(any::<u8>(), 0..6), cut in 0..4_usize,
    ) {
        let mut bytes = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"docs/a"}}}"#.to_vec();
        let start = at.min(bytes.len());
        let end = start.saturating_add(cut).min(bytes.len());
        bytes.splice(start..end, with);
        if let Ok(found) = post("2025-11-25").calls(&services(), &bytes) {
            let call = found.first();
            // Whatever passes is a call that a lenient reader makes too.
            let read: Value = serde_json::from_slice(&bytes).unwrap();
            let name = read.pointer("/params/name").and_then(Value::as_str).map(|name| format!("files/{name}"));
            prop_assert_eq!(Some(call.resource.id.clone()), name);
        }
    }
}

#[test]
fn many_random_bodies_do_pass() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let passed = (0..500)
        .filter(|_| {
            let body = body().new_tree(&mut runner).unwrap().current();
            post("2025-06-18").calls(&services(), body.write().as_bytes()).is_ok()
        })
        .count();
    assert!(passed > 50, "{passed}");
}
