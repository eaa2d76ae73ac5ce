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

/// `text` (already [`printable`](super::printable())) broken at spaces into lines of
/// at most `columns` columns; a word that is longer than a line is broken too.
/// Nothing is left out. There is at least one line.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + word.width() > columns {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            used += put(&mut lines, ' ');
        }
        for ch in word.chars() {
            if used > 0 && used + ch.width().unwrap_or(0) > columns {
                lines.push(String::new());
                used = 0;
            }
            used += put(&mut lines, ch);
        }
    }
    lines
}

fn put(lines: &mut [String], ch: char) -> usize {
    if let Some(line) = lines.last_mut() {
        line.push(ch);
    }
    ch.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_is_all_there_and_fits() {
        for (text, columns, lines) in [
            ("cannot open /var/log/x: denied", 12, &["cannot open", "/var/log/x:", "denied"][..]),
            ("/a/very/long/path end", 8, &["/a/very/", "long/pat", "h end"]),
            ("日本語です", 5, &["日本", "語で", "す"]),
            ("", 5, &[""]),
            ("ab", 0, &["a", "b"]),
        ] {
            assert_eq!(wrapped(text, columns), lines, "{text} in {columns}");
        }
    }

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
