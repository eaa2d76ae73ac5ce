//! Pieces of the file as they may be shown: no secret, no control character.
//!
//! A configuration of ours holds no secrets, but people paste them, and an
//! error message travels further than the file.

use crate::text;

/// Columns of a line that are shown around a problem.
const SHOWN: usize = 100;

/// Columns of a message.
const MESSAGE: usize = 300;

/// Names of keys whose value is never shown, whatever it looks like.
const SECRET_KEYS: &[&str] = &[
    "secret",
    "passw",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "credential",
    "auth",
    "private",
    "-key",
    "cookie",
];

/// `text` without secrets, with invisible and control characters spelled out.
pub(super) fn shown(text: &str) -> String {
    let (open, rest) = text.split_at(secret_value(text).unwrap_or(text.len()));
    let hidden = if rest.is_empty() { "" } else { " …" };
    text::printable(&text::mask(&open.replace('\t', " "))).into_owned() + hidden
}

/// A message that may quote a value of any length.
pub(super) fn sentence(text: &str) -> String {
    // Cut first: looking for secrets takes time. The second cut is for what grew.
    let start: String = text.chars().take(MESSAGE * 2).collect();
    text::cut(&shown(&start), MESSAGE, text::Ellipsis::Unicode).into_owned()
}

/// The line, cut to a readable length, with carets under `column` (from 0, in
/// characters) for `length` characters.
pub(super) fn excerpt(line: &str, column: usize, length: usize) -> String {
    let skip = if column < SHOWN * 3 / 4 { 0 } else { column - SHOWN / 2 };
    // What is hidden depends on the whole line, but lines can be very long.
    let from: String = line.chars().skip(skip.saturating_sub(SHOWN)).take(SHOWN * 3).collect();
    let lead = skip.min(SHOWN);
    let prefix: String = from.chars().take(lead + column - skip).collect();
    let body: String = shown(&from).chars().skip(lead).take(SHOWN).collect();
    let indent = text::width(&shown(&prefix)).saturating_sub(lead).min(text::width(&body));
    let carets = length.clamp(1, text::width(&body).saturating_sub(indent).max(1));
    format!("{}\n{}{}", body.trim_end(), " ".repeat(indent), "^".repeat(carets))
}

/// Whether all of a name can be seen: no control, direction or filler character.
pub(super) fn is_visible(name: &str) -> bool {
    text::printable(name) == name
}

/// Where the value of a key that sounds secret begins.
fn secret_value(text: &str) -> Option<usize> {
    text.match_indices('=').map(|(at, _)| at + 1).find(|&at| {
        let before = text.get(..at - 1).unwrap_or("").trim_end().trim_end_matches(['"', '\'']);
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = before.rsplit(|c| !is_word(c)).next().unwrap_or("").to_ascii_lowercase();
        SECRET_KEYS.iter().any(|word| key.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_ordinary_words_are_not() {
        let cases = [
            ("api_key = \"hunter2\"", "api_key = …"),
            ("match = { key = \"sk-abcdefgh12345678\" }", "match = { key = \"sk-…5678\" }"),
            ("x = { auth_header = 'abc' }", "x = { auth_header = …"),
            ("\"password\" = 'a'", "\"password\" = …"),
            ("name = \"limit-exhausts-before-reset\"", "name = \"limit-exhausts-before-reset\""),
            ("paths = [\"/var/log/a.log\"]", "paths = [\"/var/log/a.log\"]"),
            ("resource = \"tokens\"", "resource = \"tokens\""),
            ("a\u{1b}[2J\u{202e}\tb", "a\\u{1b}[2J\\u{202e} b"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn carets_stand_under_the_place_also_after_wide_characters() {
        assert_eq!(excerpt("a = 1", 4, 1), "a = 1\n    ^");
        assert_eq!(excerpt("# 日本 = x", 7, 1), "# 日本 = x\n         ^");
        assert_eq!(excerpt("", 0, 5), "\n^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}X{}", "a ".repeat(5_000), "b ".repeat(5_000));
        let cut = excerpt(&line, 10_000, 1);
        let (body, carets) = cut.split_once('\n').unwrap();
        assert!(body.chars().count() <= SHOWN);
        assert_eq!(body.chars().nth(carets.len() - 1), Some('X'));
    }
}
