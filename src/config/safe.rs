//! Pieces of the file as they may be shown: no secret, no control character.
//!
//! A configuration of ours holds no secrets, but people paste them, and an
//! error message travels further than the file.

use unicode_width::UnicodeWidthStr;

/// Columns of a line that are shown around a problem.
const SHOWN: usize = 100;

/// Names of keys whose value is never shown.
const SECRET_KEYS: &[&str] =
    &["secret", "passw", "token", "api_key", "apikey", "api-key", "credential", "auth", "private"];

/// How keys of known vendors begin.
const SECRET_PREFIXES: &[&str] = &[
    "sk-", "sk_", "pk-", "rk_", "gsk_", "xai-", "AIza", "AKIA", "ASIA", "ghp_", "gho_", "glpat-",
    "hf_", "r8_", "pplx-", "xoxb-", "xoxp-", "eyJ",
];

/// `text` without secrets, with invisible and control characters spelled out.
pub(super) fn shown(text: &str) -> String {
    let cut = secret_assignment(text).unwrap_or(text.len());
    let (open, hidden) = text.split_at(cut);
    let mut out = String::with_capacity(text.len());
    let mut word_start = 0;
    for (at, c) in open.char_indices() {
        if !is_word(c) {
            push_word(&mut out, open.get(word_start..at).unwrap_or(""));
            push_char(&mut out, c);
            word_start = at + c.len_utf8();
        }
    }
    push_word(&mut out, open.get(word_start..).unwrap_or(""));
    if !hidden.is_empty() {
        out.push_str(" …");
    }
    out
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
    let indent = shown(&prefix).width().saturating_sub(lead).min(body.width());
    let carets = length.clamp(1, body.width().saturating_sub(indent).max(1));
    format!("{}\n{}{}", body.trim_end(), " ".repeat(indent), "^".repeat(carets))
}

/// Whether a character may not stand in a name: control, bidi, invisible.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Where the value of a key that sounds secret begins.
fn secret_assignment(text: &str) -> Option<usize> {
    text.match_indices('=').map(|(at, _)| at).find_map(|at| {
        let before = text.get(..at)?.trim_end();
        let start =
            before.rfind(|c: char| !is_word(c) && c != '"' && c != '\'').map_or(0, |i| i + 1);
        let key = before.get(start..).unwrap_or(before).to_ascii_lowercase();
        SECRET_KEYS.iter().any(|word| key.contains(word)).then_some(at + 1)
    })
}

fn push_word(out: &mut String, word: &str) {
    if looks_secret(word) { out.push('…') } else { out.push_str(word) }
}

fn push_char(out: &mut String, c: char) {
    match c {
        '\t' => out.push(' '),
        c if is_unseen(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')
}

fn looks_secret(word: &str) -> bool {
    let known = SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && word.len() >= 12;
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    known || (word.len() >= 28 && digits >= 4 && letters >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_ordinary_words_are_not() {
        let cases = [
            ("api_key = \"hunter2\"", "api_key = …"),
            ("match = { key = \"sk-abcdefgh12345678\" }", "match = { key = \"…\" }"),
            ("x = { auth_header = 'abc' }", "x = { auth_header = …"),
            ("\"password\" = 'a'", "\"password\" = …"),
            ("name = \"limit-exhausts-before-reset\"", "name = \"limit-exhausts-before-reset\""),
            ("paths = [\"/var/log/a.log\"]", "paths = [\"/var/log/a.log\"]"),
            ("k = 0123456789abcdef0123456789abcdef", "k = …"),
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
