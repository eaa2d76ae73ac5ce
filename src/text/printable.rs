//! Foreign text for a terminal: what would be obeyed, reordered or not seen is
//! spelled out instead.

use std::borrow::Cow;
use std::fmt::Write;
use unicode_width::UnicodeWidthChar;

/// Marks kept on one base character.
const MARKS: usize = 8;

/// `text` with every control, direction, invisible or filler character, every
/// space but the plain one, and every code point without a meaning of its own
/// written as `\u{..}`. Combining marks stay, eight to a base; with no base
/// before them they are spelled out as well.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut marks = None;
    for ch in text.chars() {
        if is_hidden(ch) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(ch));
            marks = None;
        } else if ch.width() == Some(0) {
            match marks {
                Some(MARKS) => {}
                Some(count) => {
                    out.push(ch);
                    marks = Some(count + 1);
                }
                None => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(ch));
                }
            }
        } else {
            out.push(ch);
            marks = Some(0);
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal would obey `ch`, hide it or reorder text by it.
#[must_use]
pub fn is_hidden(ch: char) -> bool {
    let space = ch.is_whitespace() && ch != ' ';
    let no_character = u32::from(ch) & 0xfffe == 0xfffe;
    space
        || no_character
        || ch.is_control()
        || matches!(ch,
        // Soft hyphen, joiners, direction marks, vowel separators.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Fillers that look like nothing.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        // Variation selectors, byte order mark, annotations, specials.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        // No characters, private use, shorthand and music formats, tags.
        | '\u{fdd0}'..='\u{fdef}' | '\u{e000}'..='\u{f8ff}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_foreign_text_stays() {
        for text in
            ["", "k1", "a\\b ~", "café", "cafe\u{301}", "аdmin", "日本語", "😀 ok", "العربية"]
        {
            assert_eq!(printable(text), text);
        }
        assert!(matches!(printable("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_spelled_out() {
        for (text, shown) in [
            ("\u{1b}[2Jx", "\\u{1b}[2Jx"),
            ("a\rb\nc\td\0", "a\\u{d}b\\u{a}c\\u{9}d\\u{0}"),
            ("\u{7f}\u{9b}31m", "\\u{7f}\\u{9b}31m"),
            ("gpt-\u{202e}kcirt", "gpt-\\u{202e}kcirt"),
            ("a\u{a0}b\u{3000}c", "a\\u{a0}b\\u{3000}c"),
            ("adm\u{e0041}in", "adm\\u{e0041}in"),
            ("\u{301}x", "\\u{301}x"),
            ("\u{200b}\u{301}", "\\u{200b}\\u{301}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let shown = printable(&format!("e{}x", "\u{301}".repeat(500))).into_owned();
        assert_eq!(shown, format!("e{}x", "\u{301}".repeat(8)));
    }
}
