//! Packets, commands, ref names, capabilities and options that git would take in another way.

use super::{Expect, Kit, Row};
use crate::push_body::{CAPABILITIES, Push, ZERO};

const FRAMING: Expect = Expect::Report("git_framing_invalid");
const COMMAND: Expect = Expect::Report("git_command_invalid");
const REF: Expect = Expect::Report("git_ref_invalid");
const CAPABILITY: Expect = Expect::Report("git_capability_refused");
const OPTION: Expect = Expect::Report("git_push_option_invalid");
/// Before the client has said what it reads.
const MUTE_FRAMING: Expect = Expect::Text(400, "git_framing_invalid");
const MUTE_COMMAND: Expect = Expect::Text(400, "git_command_invalid");

pub(super) fn rows(kit: &Kit) -> Vec<Row> {
    let mut rows = packets(kit);
    rows.extend(hidden_commands(kit));
    rows.extend(commands(kit));
    rows.extend(names(kit));
    rows.extend(capabilities(kit));
    rows.extend(options(kit));
    rows
}

fn first(kit: &Kit) -> Push {
    Push::default().first(&kit.ids.fine())
}

fn packets(kit: &Kit) -> Vec<Row> {
    let main = kit.ids.hidden();
    let length = format!("{:04X}", main.len() + 1 + CAPABILITIES.len() + 4);
    let upper = Push::default().raw(&length).raw(format!("{main}\0{CAPABILITIES}")).end();
    let second = format!("{:04X}", main.len() + 4);
    let behind = first(kit).raw(&second).raw(&main).end();
    let push = Push::default;
    let upper_expect =
        if length == length.to_lowercase() { Expect::Report("approval_required") } else { MUTE_FRAMING };
    let behind_expect =
        if second == second.to_lowercase() { Expect::Report("approval_required") } else { FRAMING };
    vec![
        Row::push("an upper-case length", &upper, upper_expect),
        Row::push("an upper-case length behind a good one", &behind, behind_expect),
        Row::push("a length of three", &push().raw("0003").first(&main).end(), MUTE_FRAMING),
        Row::push("an empty packet", &push().raw("0004").first(&main).end(), MUTE_FRAMING),
        Row::push("an empty packet between", &first(kit).raw("0004").line(&main).end(), FRAMING),
        Row::push("a length with 0x", &push().raw("0x9a").raw(&main).end(), MUTE_FRAMING),
        Row::push("a length with a sign", &push().raw("+09a").raw(&main).end(), MUTE_FRAMING),
        Row::push("a length with a space", &push().raw(" 09a").raw(&main).end(), MUTE_FRAMING),
        Row::push("a packet beyond the maximum", &push().raw("fff1").raw(vec![b'x'; 65_517]), MUTE_FRAMING),
        Row::push("a packet that does not end", &push().raw("00ff").raw(&main), MUTE_FRAMING),
        Row::push("no flush", &first(kit).line(&main), FRAMING),
        Row::push("no flush, and a pack", &first(kit).pack(), FRAMING),
        Row::push("a delimiter for the flush", &first(kit).raw("0001").pack(), FRAMING),
        Row::push("a response end for the flush", &first(kit).raw("0002").pack(), FRAMING),
        Row::push("a delimiter first", &push().raw("0001").first(&main).end(), MUTE_FRAMING),
        Row::push("a response end first", &push().raw("0002").first(&main).end(), MUTE_FRAMING),
        Row::push("a command behind a delimiter", &first(kit).raw("0001").line(&main).end(), FRAMING),
        Row::push("a command behind a response end", &first(kit).raw("0002").line(&main).end(), FRAMING),
        Row::push("nothing at all", &push(), MUTE_FRAMING),
        Row::push("no packets", &push().raw("refs/heads/main"), MUTE_FRAMING),
        Row::push("gzip without saying so", &push().raw(b"\x1f\x8b\x08\0\0\0\0\0"), MUTE_FRAMING),
    ]
}

fn hidden_commands(kit: &Kit) -> Vec<Row> {
    let main = kit.ids.hidden();
    let push = Push::default;
    let delete = format!("{} {ZERO} refs/heads/agent/x", kit.ids.main);
    vec![
        Row::push("a second list behind the flush", &first(kit).flush().line(&main).end(), FRAMING),
        Row::push("a second push behind the flush", &first(kit).flush().first(&main).end(), FRAMING),
        Row::push("two flushes", &first(kit).flush().flush().pack(), FRAMING),
        Row::push("a push behind the probe", &push().flush().first(&main).end(), MUTE_FRAMING),
        Row::push("a pack behind the probe", &push().flush().pack(), MUTE_FRAMING),
        Row::push("a second probe", &push().flush().flush(), MUTE_FRAMING),
        Row::push("a command behind a deletion", &push().first(&delete).flush().line(&main).end(), FRAMING),
        Row::push("a pack behind a deletion", &push().first(&delete).flush().pack(), FRAMING),
        Row::push("no pack", &first(kit).flush(), FRAMING),
        Row::push("half a pack's name", &first(kit).flush().raw("PAC"), FRAMING),
        Row::push("a pack in lower case", &first(kit).flush().raw("pack"), FRAMING),
        Row::push("options nobody spoke of", &first(kit).flush().line("ci.skip").flush().pack(), FRAMING),
        Row::push(
            "the same ref twice",
            &first(kit).line(format!("{ZERO} {} refs/heads/agent/x", kit.ids.before)).end(),
            REF,
        ),
        Row::push(
            "main behind a line feed",
            &push().first(&format!("{}\n{main}", kit.ids.fine())).end(),
            REF,
        ),
        Row::push(
            "main behind a NUL",
            &push().first(&format!("{}\0{main}", kit.ids.fine())).end(),
            CAPABILITY,
        ),
        Row::push(
            "main behind the capabilities",
            &push().with(&kit.ids.fine(), &format!("{CAPABILITIES}\0{main}")).end(),
            CAPABILITY,
        ),
        Row::push(
            "main among honest commands",
            &first(kit).line(&main).end(),
            Expect::Report("approval_required"),
        ),
        Row::push(
            "signed",
            &push()
                .line(format!("push-cert\0{CAPABILITIES}"))
                .line("certificate version 0.1\n")
                .line(&main)
                .line("push-cert-end\n")
                .end(),
            COMMAND,
        ),
        Row::push(
            "signed, beside commands",
            &first(kit).line(format!("push-cert\0{CAPABILITIES}")).line(&main).line("push-cert-end\n").end(),
            COMMAND,
        ),
        Row::push("signed, before commands", &push().line("push-cert\0").first(&main).end(), MUTE_COMMAND),
        Row::push(
            "the end of a certificate",
            &push().line("push-cert-end\n").first(&main).end(),
            MUTE_COMMAND,
        ),
    ]
}

fn commands(kit: &Kit) -> Vec<Row> {
    let (main, before) = (&kit.ids.main, &kit.ids.before);
    let push = Push::default;
    let bent = |name: &str, command: String| Row::push(name, &push().first(&command).end(), COMMAND);
    vec![
        bent("an upper-case old id", format!("{} {before} refs/heads/main", main.to_uppercase())),
        bent("an upper-case new id", format!("{main} {} refs/heads/main", before.to_uppercase())),
        bent("a short id", format!("{main} {} refs/heads/main", &before[..7])),
        bent("a long id", format!("{main} {before}0 refs/heads/main")),
        bent(
            "ids of the other format",
            format!("{main}{} {before}{} refs/heads/main", &ZERO[..24], &ZERO[..24]),
        ),
        bent("a ref for an id", format!("{main} refs/heads/main~1 refs/heads/main")),
        bent("from nothing to nothing", format!("{ZERO} {ZERO} refs/heads/agent/x")),
        bent("two spaces", format!("{main}  {before} refs/heads/main")),
        bent("a tab", format!("{main}\t{before} refs/heads/main")),
        bent("a space before", format!(" {main} {before} refs/heads/main")),
        bent("no ref", format!("{main} {before}")),
        Row::push("a shallow line of a wrong id", &push().first("shallow 1").end(), MUTE_COMMAND),
        Row::push(
            "a shallow line behind a command",
            &first(kit).line(format!("shallow {main}")).end(),
            COMMAND,
        ),
        Row::push(
            "a shallow line with a tail",
            &push().line(format!("shallow {main} refs/heads/main")).first(&kit.ids.hidden()).end(),
            COMMAND,
        ),
        Row::push(
            "an upper-case shallow line",
            &push().line(format!("shallow {}", main.to_uppercase())).first(&kit.ids.hidden()).end(),
            COMMAND,
        ),
        Row::push("nothing but shallow lines", &push().line(format!("shallow {main}")).end(), MUTE_COMMAND),
        Row::push("a version line", &push().line("version 1").first(&kit.ids.hidden()).end(), MUTE_COMMAND),
        Row::push("a command of version 2", &push().line("command=push").end(), MUTE_COMMAND),
        Row::push("a first command without capabilities", &push().line(kit.ids.hidden()).end(), MUTE_COMMAND),
    ]
}

fn names(kit: &Kit) -> Vec<Row> {
    let odd = [
        ("HEAD", "HEAD"),
        ("a short name", "main"),
        ("another case of refs", "REFS/heads/main"),
        ("a part too many", "refs//heads/main"),
        ("a dot", "refs/heads/./main"),
        ("out of the agent's folder", "refs/heads/agent/../main"),
        ("out of the repository", "refs/heads/agent/../../../config"),
        ("a slash at the end", "refs/heads/main/"),
        ("a backslash", "refs/heads/agent\\..\\main"),
        ("a lock", "refs/heads/agent/x.lock"),
        ("a dot at the end", "refs/heads/agent/x."),
        ("a pattern", "refs/heads/agent/*"),
        ("what git reads as a revision", "refs/heads/agent/x@{1}"),
        ("a revision before", "refs/heads/main~1"),
        ("a carriage return", "refs/heads/main\r"),
        ("a space at the end", "refs/heads/main "),
        ("two refs", "refs/heads/agent/x refs/heads/main"),
        ("an invisible character", "refs/heads/ma\u{200b}in"),
        ("from right to left", "refs/heads/agent/\u{202e}niam"),
        ("an escape", "refs/heads/agent/\u{1b}[2K"),
        ("a file of the repository", "config"),
        ("one level", "refs/main"),
        ("nothing", ""),
    ];
    let mut rows: Vec<Row> = odd
        .into_iter()
        .map(|(name, to)| {
            let command = format!("{} {} {to}", kit.ids.main, kit.ids.before);
            Row::push(format!("a name: {name}"), &Push::default().first(&command).end(), REF)
        })
        .collect();
    let mut bytes = format!("{} {} refs/heads/main", kit.ids.main, kit.ids.before).into_bytes();
    bytes.push(0xff);
    bytes.push(0);
    bytes.extend_from_slice(CAPABILITIES.as_bytes());
    rows.push(Row::push("a name: bytes that are no text", &Push::default().line(&bytes).end(), REF));
    // Names that are refs, and mean what they say: the policy does not permit them.
    for (name, to) in [
        ("in capitals", "refs/heads/MAIN"),
        ("almost the agent's", "refs/heads/Agent/x"),
        ("wide letters", "refs/heads/ｍain"),
    ] {
        let command = format!("{ZERO} {} {to}", kit.ids.main);
        rows.push(Row::push(
            format!("a name: {name}"),
            &Push::default().first(&command).end(),
            Expect::Report("policy_denied"),
        ));
    }
    rows
}

fn capabilities(kit: &Kit) -> Vec<Row> {
    let main = kit.ids.hidden();
    let with = |name: &str, list: &str| {
        Row::push(name, &Push::default().with(&main, &format!("{CAPABILITIES} {list}")).end(), CAPABILITY)
    };
    vec![
        Row::push(
            "capabilities on the second command",
            &first(kit).line(format!("{main}\0push-options")).end(),
            COMMAND,
        ),
        Row::push(
            "an empty list on the second command",
            &first(kit).line(format!("{main}\0")).end(),
            COMMAND,
        ),
        with("a certificate's nonce", "push-cert=1"),
        with("an unknown capability", "bundle-uri"),
        with("a filter", "filter"),
        with("two formats", "object-format=sha256"),
        with("a capability twice", "side-band-64k"),
        with("a capability in capitals", "Push-Options"),
        with("a value where there is none", "push-options=1"),
        with("parted by a tab", "quiet\tpush-options"),
        with("parted by a line feed", "quiet\npush-options"),
    ]
}

fn options(kit: &Kit) -> Vec<Row> {
    let with = |options: &[&str]| {
        let push = Push::default().with(&kit.ids.fine(), &format!("{CAPABILITIES} push-options")).flush();
        options.iter().fold(push, |push, option| push.line(option))
    };
    vec![
        Row::push("options without their end", &with(&["a"]).pack(), FRAMING),
        Row::push("options ended by a delimiter", &with(&["a"]).raw("0001").pack(), FRAMING),
        Row::push(
            "a second list behind the options",
            &with(&["a"]).flush().line(kit.ids.hidden()).end(),
            FRAMING,
        ),
        Row::push("an option with a NUL", &with(&["a\0b"]).end(), OPTION),
        Row::push("an option of two lines", &with(&["a\nb"]).end(), OPTION),
        Row::push("too many options", &with(&["a"; 33]).end(), Expect::Report("limit_exceeded")),
        Row::push("too long an option", &with(&[&"a".repeat(5000)]).end(), Expect::Report("limit_exceeded")),
    ]
}
