use super::*;

#[track_caller]
fn check(text: &str, offset: usize, line: usize, column: usize) {
    assert_eq!(SourceText::new("t", text).position(offset), Position { line, column });
}

#[test]
fn offsets_become_lines_and_columns_of_characters() {
    check("", 0, 1, 1);
    check("abc", 2, 1, 3);
    check("a\nbc", 3, 2, 2);
    check("äö\nü", 2, 1, 2);
    // In the middle of a character: the next place, never a panic.
    check("ä", 1, 1, 2);
    check("ab", 99, 1, 3);
}

#[test]
fn lines_are_counted_from_one() {
    let text = SourceText::new("t", "one\r\ntwo");
    assert_eq!(text.line(0), None);
    assert_eq!(text.line(1), Some("one"));
    assert_eq!(text.line(2), Some("two"));
    assert_eq!(text.line(3), None);
}
