use super::*;

fn rendered(diagnostics: &[Diagnostic], style: Style) -> String {
    let mut out = Vec::new();
    write_text(&mut out, diagnostics, style).unwrap();
    String::from_utf8(out).unwrap()
}

fn at(line: &str, column: usize) -> Diagnostic {
    Diagnostic::at(&SourceText::new("a.yaml", line), Position { line: 1, column }, "no such thing")
}

#[test]
fn text_shows_place_line_caret_and_help() {
    let text = SourceText::new("demo/actgate.yaml", "version: 1\nissuerr: []\n");
    let diagnostic = Diagnostic::at(&text, Position { line: 2, column: 1 }, "unknown key `issuerr`")
        .with_help("did you mean `issuers`?");
    assert_eq!(
        rendered(&[diagnostic], Style::Plain),
        "demo/actgate.yaml:2:1: error: unknown key `issuerr`\n \
         2 | issuerr: []\n   \
         | ^\n  \
         help: did you mean `issuers`?\n"
    );
}

#[test]
fn a_finding_about_a_whole_file_has_no_line() {
    let diagnostic = Diagnostic::in_file("a.cedar", "no such file").as_warning();
    assert_eq!(rendered(&[diagnostic], Style::Plain), "a.cedar: warning: no such file\n");
}

#[test]
fn tabs_do_not_move_the_caret() {
    assert_eq!(
        rendered(&[at("\tx: y", 5)], Style::Plain),
        "a.yaml:1:5: error: no such thing\n 1 |  x: y\n   |     ^\n"
    );
}

#[test]
fn of_a_long_line_the_part_around_the_caret_is_shown() {
    let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
    let shown = rendered(&[at(&line, 501)], Style::Plain);
    let lines: Vec<&str> = shown.lines().collect();
    let caret = lines[2].find('^').unwrap();
    assert_eq!(lines[1].find("HERE"), Some(caret), "{shown}");
    assert!(lines[1].len() < 110, "{shown}");
}

#[test]
fn a_file_cannot_steer_the_terminal() {
    let mut diagnostic = at("x: \u{1b}[2J", 4);
    diagnostic.message = "unknown `\u{1b}[2J`".into();
    diagnostic.help = Some("\u{7}".into());
    assert!(!rendered(&[diagnostic], Style::Plain).contains(['\u{1b}', '\u{7}']));
}

#[test]
fn colours_only_where_asked() {
    assert!(rendered(&[at("x", 1)], Style::Colour).contains("\u{1b}[1;31merror\u{1b}[0m"));
    assert!(!rendered(&[at("x", 1)], Style::Plain).contains('\u{1b}'));
}

#[test]
fn json_is_one_array_with_null_where_there_is_no_place() {
    let mut out = Vec::new();
    write_json(&mut out, &[at("x", 3), Diagnostic::in_file("b", "m").with_help("h").as_warning()]).unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        rows,
        serde_json::json!([
            {"file": "a.yaml", "line": 1, "column": 3, "severity": "error", "message": "no such thing", "help": null},
            {"file": "b", "line": null, "column": null, "severity": "warning", "message": "m", "help": "h"},
        ])
    );
}
