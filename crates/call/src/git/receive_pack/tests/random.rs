//! Pushes that nobody wrote by hand.

use proptest::prelude::*;

use super::*;

fn id() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(ZERO.to_owned()), 4 => "[0-9a-f]{39}[1-9a-f]"]
}

/// Names of which some are refs and some are not.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "refs/(heads|tags|notes)/[a-zA-Z0-9._/-]{1,20}",
        1 => "refs/heads/[ -~]{1,12}",
        1 => "[ -~]{0,16}",
    ]
}

#[derive(Debug, Clone)]
struct Command {
    old: String,
    new: String,
    name: String,
    line_feed: bool,
}

fn command() -> impl Strategy<Value = Command> {
    (id(), id(), name(), any::<bool>()).prop_map(|(old, new, name, line_feed)| Command {
        old,
        new,
        name,
        line_feed,
    })
}

/// What a push of these commands must be read as: one call each, or nothing at all.
fn expected(commands: &[Command]) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    commands
        .iter()
        .map(|Command { old, new, name, .. }| {
            let verb = match (old == ZERO, new == ZERO) {
                (true, true) => return None,
                (true, false) => "create",
                (false, true) => "delete",
                (false, false) => "update",
            };
            (refname::check(name.as_bytes()).is_ok() && seen.insert(name))
                .then(|| format!("git.ref.{verb} payments/{name} {old} {new}"))
        })
        .collect()
}

fn encode(commands: &[Command], options: &[String]) -> Body {
    let mut body = push();
    for (number, Command { old, new, name, line_feed }) in commands.iter().enumerate() {
        let mut line = format!("{old} {new} {name}");
        if number == 0 {
            line.push('\0');
            line.push_str(CAPABILITIES);
            if !options.is_empty() {
                line.push_str(" push-options");
            }
        }
        if *line_feed {
            line.push('\n');
        }
        body = body.line(line);
    }
    body = body.flush();
    for option in options {
        body = body.line(option);
    }
    if !options.is_empty() {
        body = body.flush();
    }
    if commands.iter().all(|command| command.new == ZERO) { body } else { body.pack() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_is_what_is_read(
        commands in prop::collection::vec(command(), 1..12),
        options in prop::collection::vec("[a-z=.]{1,12}", 0..3),
        size in 1_usize..300,
    ) {
        let body = encode(&commands, &options);
        let found = read(&body.0, size).ok().map(|calls| {
            calls
                .iter()
                .map(|call| {
                    let text = |name: &str| call.arguments[name].as_str().unwrap();
                    format!("{} {} {} {}", call.action, call.resource.id, text("old"), text("new"))
                })
                .collect::<Vec<_>>()
        });
        prop_assert_eq!(&found, &expected(&commands));
        if found.is_some() {
            let calls = read(&body.0, size).unwrap();
            prop_assert_eq!(&calls.first().arguments["push_options"], &json!(options));
        }
    }

    #[test]
    fn bytes_changed_on_the_way_never_panic_and_never_hide_a_command(
        commands in prop::collection::vec(command(), 1..5),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        size in 1_usize..300,
    ) {
        let mut body = encode(&commands, &[]);
        let at = place.index(body.0.len());
        body.0[at] = byte;
        if let Ok(calls) = read(&body.0, size) {
            // Whatever is read is what a reader without any strictness finds in the same bytes.
            let lines = naive(&body.0);
            prop_assert_eq!(calls.len(), lines.len());
            for (call, line) in calls.iter().zip(&lines) {
                let text = |name: &str| call.arguments[name].as_str().unwrap();
                prop_assert_eq!(&format!("{} {} {}", text("old"), text("new"), text("ref")), line);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        if let Ok(calls) = read(&bytes, size) {
            prop_assert!(calls.len() > 0);
        }
    }
}

/// The commands of a push as a lenient reader sees them.
fn naive(mut body: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let length = usize::from_str_radix(str::from_utf8(&body[..4]).unwrap(), 16).unwrap();
        if length < 4 {
            return lines;
        }
        let text = String::from_utf8_lossy(&body[4..length]);
        let line = text.split('\0').next().unwrap().trim_end_matches('\n').to_owned();
        if !line.starts_with("shallow ") {
            lines.push(line);
        }
        body = &body[length..];
    }
}
