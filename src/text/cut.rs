//! Text in columns.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands where text was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ellipsis {
    /// `…`
    #[default]
    Unicode,
    /// `>`, for terminals without Unicode: `~` says that a number is worked out.
    Ascii,
}

/// Columns that `text` (already [`printable`](super::printable())) takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` (already [`printable`](super::printable())) in at most `columns`
/// columns, with a mark at the end if something is missing. The first half of a number
/// is another number: one that does not fit is left out, and so is what it stands in
/// brackets with.
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
    let kept = whole_numbers(text, end);
    let mark = if mark == Ellipsis::Ascii { '>' } else { '…' };
    Cow::Owned(format!("{kept}{mark}"))
}

/// What is before `end`, less the number that `end` lies in. Digits of a name
/// (`gpt-4o-2024`) are no number.
fn whole_numbers(text: &str, end: usize) -> &str {
    let (kept, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let of_number = |ch: char| ch.is_ascii_digit() || matches!(ch, '.' | ',');
    let before = kept.trim_end_matches(of_number);
    let begun = kept.get(before.len()..).unwrap_or_default();
    let bare = before.trim_end_matches(['$', '<', '~', '-']);
    let stands_alone = bare.is_empty() || bare.ends_with([' ', '(']);
    let is_money = before.len() > bare.len() && before.ends_with('$');
    let goes_on = rest.starts_with(|ch: char| of_number(ch) || ch == '%');
    let is_cut =
        goes_on && stands_alone && (begun.contains(|ch: char| ch.is_ascii_digit()) || is_money);
    if !is_cut {
        return kept;
    }
    let opened = bare.rfind('(').filter(|at| !bare.get(*at..).unwrap_or_default().contains(')'));
    opened.and_then(|at| bare.get(..at)).unwrap_or(bare).trim_end()
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
        assert_eq!(cut("gpt-4o", 5, Ellipsis::Ascii), "gpt->");
    }

    /// A cap of $1,000,000 must not look like one of $1,000.
    #[test]
    fn no_text_ends_inside_a_number() {
        let spent = "cap c is spent ($4,680,313.58 of $1,000,000.00)";
        for (text, columns, shown) in [
            (spent, 47, spent),
            (spent, 41, "cap c is spent…"),
            (spent, 36, "cap c is spent…"),
            (spent, 35, "cap c is spent…"),
            (spent, 30, "cap c is spent ($4,680,313.58…"),
            (spent, 24, "cap c is spent…"),
            ("used 100%, above 90%", 9, "used…"),
            ("used 100% of it", 12, "used 100% o…"),
            ("1,234,567", 5, "…"),
            ("gpt-4o-2024-08-06", 10, "gpt-4o-20…"),
        ] {
            assert_eq!(cut(text, columns, Ellipsis::Unicode), shown, "{text} in {columns}");
        }
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
