//! Text that somebody else wrote, shown so that it cannot look like something else.

use maud::{Markup, PreEscaped, Render as _, html};

#[cfg(test)]
mod tests;

/// The text with every character made visible that would hide, reorder or break what stands around it.
pub(super) fn visible(text: &str) -> Markup {
    let mut pieces: Vec<Markup> = Vec::new();
    let mut plain = String::new();
    for letter in text.chars() {
        if is_deceptive(letter) {
            pieces.push(plain.as_str().render());
            plain.clear();
            let code = format!("U+{:04X}", u32::from(letter));
            pieces.push(html! { span.odd title="a character that would not show" { (code) } });
        } else {
            plain.push(letter);
        }
    }
    pieces.push(plain.as_str().render());
    PreEscaped(pieces.into_iter().map(|piece| piece.0).collect())
}

/// Controls, marks of direction, joiners and fillers, variation selectors and tags.
fn is_deceptive(letter: char) -> bool {
    let is_control = letter.is_control() && letter != '\n';
    is_control
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether letters of another script may pass for Latin ones.
pub(super) fn has_foreign_letters(text: &str) -> bool {
    !text.is_ascii()
}
