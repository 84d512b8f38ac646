use super::*;

#[test]
fn nothing_is_markup_and_nothing_hides() {
    let shown = visible("<b>a\u{202e}b</b>\u{200b}\u{0}\nc").0;
    assert!(shown.starts_with("&lt;b&gt;a<span class=\"odd\""), "{shown}");
    for code in ["U+202E", "U+200B", "U+0000"] {
        assert!(shown.contains(code), "{shown}");
    }
    assert!(shown.ends_with("\nc"));
}
