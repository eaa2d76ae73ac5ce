//! Text in columns.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands where text was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ellipsis {
    /// `…`
    #[default]
    Unicode,
    /// `~`, for terminals without Unicode.
    Ascii,
}

/// Columns that `text` (already [`printable`](super::printable())) takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` (already [`printable`](super::printable())) in at most `columns`
/// columns, with a mark at the end if something is missing.
#[must_use]
pub fn cut(text: &str, columns: usize, mark: Ellipsis) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut end = 0;
    let mut used = 0;
    for (at, ch) in text.char_indices() {
        used += ch.width().unwrap_or(0);
        if used > room {
            break;
        }
        end = at + ch.len_utf8();
    }
    let kept = text.get(..end).unwrap_or_default();
    let mark = if mark == Ellipsis::Ascii { '~' } else { '…' };
    Cow::Owned(format!("{kept}{mark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns_not_by_characters() {
        for (text, columns, shown) in [
            ("gpt-4o", 6, "gpt-4o"),
            ("gpt-4o", 5, "gpt-…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 1, "…"),
            ("日本語", 0, ""),
            ("", 0, ""),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            assert_eq!(cut(text, columns, Ellipsis::Unicode), shown, "{text} in {columns}");
        }
        assert_eq!(cut("gpt-4o", 5, Ellipsis::Ascii), "gpt-~");
    }

    #[test]
    fn nothing_is_ever_wider_than_asked() {
        let texts = ["👨‍👩‍👧 family", "ﷺ salla", "🇩🇪🇫🇷", "日本 mixed é", "가각"];
        for text in texts.map(|text| crate::text::printable(text).into_owned()) {
            for columns in 0..30 {
                assert!(
                    width(&cut(&text, columns, Ellipsis::Unicode)) <= columns,
                    "{text} {columns}"
                );
            }
        }
    }
}
