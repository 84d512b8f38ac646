//! Framings by which a server could be made to do something else than was decided.

use super::*;

const MAIN: &str = "refs/heads/main";
const FRAMING: &str = "git_framing_invalid";
const COMMAND: &str = "git_command_invalid";
const REF: &str = "git_ref_invalid";
const CAPABILITY: &str = "git_capability_refused";
const OPTION: &str = "git_push_option_invalid";

fn first() -> Body {
    push().first(ONE, TWO, "refs/heads/agent/x")
}

fn with_capabilities(list: &str) -> Body {
    push().line(format!("{ONE} {TWO} {MAIN}\0{list}")).flush().pack()
}

fn with_options(options: &[&str]) -> Body {
    let mut body = push().line(format!("{ONE} {TWO} {MAIN}\0push-options")).flush();
    for option in options {
        body = body.line(option);
    }
    body
}

fn single(command: &str) -> Body {
    push().line(format!("{command}\0{CAPABILITIES}")).flush().pack()
}

fn named(name: &str) -> Body {
    single(&format!("{ONE} {TWO} {name}"))
}

#[test]
fn hostile_pushes_are_refused_by_code() {
    let id = "3".repeat(64);
    let upper = "ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD";
    let command = format!("{ONE} {TWO} {MAIN}");
    let cases: Vec<(&str, Body, &str)> = vec![
        // --- packets ---
        ("nothing at all", push(), FRAMING),
        ("half a length", push().raw("00"), FRAMING),
        ("a length without its packet", push().raw("00ff"), FRAMING),
        ("length 3", push().raw("0003"), FRAMING),
        ("an empty packet first", push().raw("0004").raw(&first().0), FRAMING),
        ("an empty packet between commands", first().raw("0004").command(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("an upper-case length", push().raw("00AB").raw("x".repeat(167)), FRAMING),
        ("a length in another base", push().raw("0x05a"), FRAMING),
        ("a signed length", push().raw("+005a"), FRAMING),
        ("a length with a space", push().raw("  05a"), FRAMING),
        ("a packet beyond the maximum", push().raw("fff1").raw("x".repeat(65_517)), FRAMING),
        ("the longest length there is", push().raw("ffff"), FRAMING),
        ("commands ended by a delimiter", first().raw("0001").pack(), FRAMING),
        ("commands ended by a response end", first().raw("0002").pack(), FRAMING),
        ("a delimiter, then commands", push().raw("0001").first(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("a response end, then commands", push().raw("0002").first(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("a second list behind a delimiter", first().raw("0001").command(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("commands without an end", first(), FRAMING),
        ("a cut command", push().raw("00a0").raw(&command), FRAMING),
        ("gzip", push().raw(b"\x1f\x8b\x08\0\0\0\0\0"), FRAMING),
        ("JSON", push().raw(r#"{"ref":"refs/heads/main"}"#), FRAMING),
        // --- what follows the commands ---
        ("a push without a pack", first().flush(), FRAMING),
        ("half the word PACK", first().flush().raw("PAC"), FRAMING),
        ("no pack but commands", first().flush().command(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("a second flush before the pack", first().flush().flush().pack(), FRAMING),
        ("a pack in lower case", first().flush().raw("pack"), FRAMING),
        ("a pack behind a space", first().flush().raw(" PACK"), FRAMING),
        ("a pack behind the probe", push().flush().pack(), FRAMING),
        ("commands behind the probe", push().flush().first(ONE, TWO, MAIN).flush().pack(), FRAMING),
        ("a second probe", push().flush().flush(), FRAMING),
        ("a pack behind a deletion", push().first(ONE, ZERO, MAIN).flush().pack(), FRAMING),
        ("commands behind a deletion", push().first(ONE, ZERO, MAIN).flush().command(ONE, TWO, MAIN).flush(), FRAMING),
        ("options behind a deletion that has none", push().first(ONE, ZERO, MAIN).flush().line("o").flush(), FRAMING),
        ("options that were not negotiated", first().flush().line("ci.skip").flush().pack(), FRAMING),
        // --- commands ---
        ("the first command without capabilities", push().line(&command).flush().pack(), COMMAND),
        ("capabilities on the second command", first().line(format!("{command}\0push-options")).flush().pack(), COMMAND),
        ("capabilities on the second command only", push().line(&command).line(format!("{ONE} {TWO} refs/heads/b\0report-status")).flush().pack(), COMMAND),
        ("an empty second list of capabilities", first().line(format!("{command}\0")).flush().pack(), COMMAND),
        ("a command behind a NUL", push().line(format!("\0{command}")).flush().pack(), CAPABILITY),
        ("upper-case old id", single(&format!("{upper} {TWO} {MAIN}")), COMMAND),
        ("upper-case new id", single(&format!("{ONE} {upper} {MAIN}")), COMMAND),
        ("a short id", single(&format!("{} {TWO} {MAIN}", "1".repeat(39))), COMMAND),
        ("a long id", single(&format!("{} {TWO} {MAIN}", "1".repeat(41))), COMMAND),
        ("an abbreviated id", single(&format!("1111111 {TWO} {MAIN}")), COMMAND),
        ("ids of the other format", single(&format!("{id} {id} {MAIN}")), COMMAND),
        ("a new id of the other format", single(&format!("{ONE} {id} {MAIN}")), COMMAND),
        ("short ids in a sha256 push", with_capabilities("object-format=sha256"), COMMAND),
        ("a ref for an id", single(&format!("{ONE} refs/heads/other {MAIN}")), COMMAND),
        ("no object to no object", single(&format!("{ZERO} {ZERO} {MAIN}")), COMMAND),
        ("two spaces after the old id", single(&format!("{ONE}  {TWO} {MAIN}")), COMMAND),
        ("a tab after the old id", single(&format!("{ONE}\t{TWO} {MAIN}")), COMMAND),
        ("a leading space", single(&format!(" {command}")), COMMAND),
        ("no ref", single(&format!("{ONE} {TWO}")), COMMAND),
        ("only a new id", single(&format!("{TWO} {MAIN}")), COMMAND),
        ("one LF for a command", push().line("\n").flush().pack(), COMMAND),
        ("a signed push", push().line("push-cert\0report-status").line("certificate version 0.1\n"), COMMAND),
        ("a signed push beside commands", first().line("push-cert\0report-status"), COMMAND),
        ("a signed push before commands", push().line("push-cert\0").first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("the end of a certificate", push().line("push-cert-end\n").first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a shallow line of another length", push().line("shallow 1111").first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a shallow line with a tail", push().line(format!("shallow {ONE} {MAIN}")).first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("an upper-case shallow line", push().line(format!("shallow {upper}")).first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a shallow line with capabilities", push().line(format!("shallow {ONE}\0report-status")).first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a shallow line behind a command", first().line(format!("shallow {ONE}")).flush().pack(), COMMAND),
        ("nothing but shallow lines", push().line(format!("shallow {ONE}")).flush(), COMMAND),
        ("an unshallow line", push().line(format!("unshallow {ONE}")).first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a version line", push().line("version 1").first(ONE, TWO, MAIN).flush().pack(), COMMAND),
        ("a v2 command", push().line("command=receive-pack").flush(), COMMAND),
        // --- refs ---
        ("a second command behind a line feed", single(&format!("{ONE} {TWO} refs/heads/agent/x\n{command}")), REF),
        ("a line feed before the capabilities", single(&format!("{command}\n")), REF),
        ("two line feeds behind a later command", first().line(format!("{command}\n\n")).flush().pack(), REF),
        ("a carriage return", named("refs/heads/main\r"), REF),
        ("the same ref twice", first().command(TWO, ONE, "refs/heads/agent/x").flush().pack(), REF),
        ("a ref deleted and made", push().first(ONE, ZERO, MAIN).command(ZERO, TWO, MAIN).flush().pack(), REF),
        ("an empty name", named(""), REF),
        ("HEAD", named("HEAD"), REF),
        ("a short name", named("main"), REF),
        ("a name outside refs", named("config"), REF),
        ("a way out of refs", named("refs/heads/../../config"), REF),
        ("a lock", named("refs/heads/main.lock"), REF),
        ("a trailing space", named("refs/heads/main "), REF),
        ("a second field", named("refs/heads/agent/x refs/heads/main"), REF),
        ("a pattern", named("refs/heads/*"), REF),
        ("another case of refs", named("REFS/heads/main"), REF),
        ("an empty part", named("refs//heads/main"), REF),
        ("a dot part", named("refs/heads/./main"), REF),
        ("a backslash", named("refs\\heads\\main"), REF),
        ("an invisible character", named("refs/heads/ma\u{200b}in"), REF),
        ("one level", named("refs/main"), REF),
        ("bytes that are no text", push().raw(packet([b"1111111111111111111111111111111111111111 2222222222222222222222222222222222222222 refs/heads/\xff\0".as_slice(), CAPABILITIES.as_bytes()].concat())).flush().pack(), REF),
        // --- capabilities ---
        ("a second NUL", with_capabilities("report-status\0push-options"), CAPABILITY),
        ("a command behind a second NUL", with_capabilities(&format!("report-status\0{command}")), CAPABILITY),
        ("an unknown capability", with_capabilities("report-status bundle-uri"), CAPABILITY),
        ("a certificate's nonce", with_capabilities("push-cert=1"), CAPABILITY),
        ("an unknown object format", with_capabilities("object-format=sha512"), CAPABILITY),
        ("two object formats", with_capabilities("object-format=sha1 object-format=sha256"), CAPABILITY),
        ("a capability twice", with_capabilities("push-options push-options"), CAPABILITY),
        ("capabilities parted by a tab", with_capabilities("report-status\tpush-options"), CAPABILITY),
        ("capabilities parted by a line feed", with_capabilities("report-status\npush-options"), CAPABILITY),
        ("an upper-case capability", with_capabilities("Report-Status"), CAPABILITY),
        ("a capability with a value that has none", with_capabilities("push-options=1"), CAPABILITY),
        ("an agent with a line feed", with_capabilities("agent=a\u{b}b"), CAPABILITY),
        ("a filter", with_capabilities("filter"), CAPABILITY),
        // --- push options ---
        ("options without their end", with_options(&["ci.skip"]), FRAMING),
        ("options ended by a delimiter", with_options(&["ci.skip"]).raw("0001").pack(), FRAMING),
        ("options and no pack", with_options(&["ci.skip"]).flush(), FRAMING),
        ("a flush too many behind options", with_options(&["ci.skip"]).flush().flush().pack(), FRAMING),
        ("an option with a NUL", with_options(&["a\0b"]).flush().pack(), OPTION),
        ("an option of two lines", with_options(&["a\nb"]).flush().pack(), OPTION),
        ("an option with an escape", with_options(&["a\u{1b}b"]).flush().pack(), OPTION),
        ("an option that is no text", push().line(format!("{command}\0push-options")).flush().raw(packet(b"\xff")).flush().pack(), OPTION),
        ("an empty packet among options", with_options(&[]).raw("0004").flush().pack(), FRAMING),
    ];
    assert!(cases.len() >= 80, "{}", cases.len());
    for (what, body, code) in &cases {
        assert_eq!(body.code(), *code, "{what}");
        // Nor does it help to send it byte by byte.
        if body.0.len() < 2000 {
            let outcome = read(&body.0, 1).map_or_else(|error| error.code(), |_| "ok");
            assert_eq!(outcome, *code, "{what}, byte by byte");
        }
    }
}
