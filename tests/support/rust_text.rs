//! Just enough of Rust's lexical shape to ask questions about source files.

use std::ops::Range;

/// The text with comments, strings and character literals blanked out; every
/// line keeps its number.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => end_of_line(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => end_of_comment(bytes, at),
            b'"' => end_of_string(bytes, at),
            b'r' if raw_hashes(bytes, at).is_some() => end_of_raw(bytes, at),
            b'\'' => end_of_char(bytes, at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("whole literals were replaced")
}

/// `code_only` text without what is compiled for tests alone.
pub fn production_only(code: &str) -> String {
    let mut out = code.to_owned();
    for item in test_items(code) {
        let blank: String =
            code[item.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
        out.replace_range(item, &blank);
    }
    out
}

/// Where the items stand that are compiled for tests alone.
pub fn test_items(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(MARK) {
        if items.last().is_none_or(|last| start >= last.end) {
            items.push(start..end_of_item(code.as_bytes(), start + MARK.len()));
        }
    }
    items
}

/// Line number of a byte, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |len| from + len)
}

fn end_of_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// How many `#` a raw string that starts here has.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    // `br"…"` is a raw string too.
    let byte_string = at > 0 && bytes[at - 1] == b'b';
    if after_word && !byte_string {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn end_of_raw(bytes: &[u8], at: usize) -> usize {
    let hashes = raw_hashes(bytes, at).unwrap_or(0);
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = at + hashes + 2;
    let len = bytes[body..].windows(close.len()).position(|w| w == close);
    len.map_or(bytes.len(), |len| body + len + close.len())
}

/// A character literal, or a lifetime (which is not blanked).
fn end_of_char(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let from = (at + 3).min(bytes.len());
        return bytes[from..].iter().position(|b| *b == b'\'').map_or(at, |len| from + len + 1);
    }
    // One character of one to four bytes.
    let close = (at + 2..=at + 5).find(|i| bytes.get(*i) == Some(&b'\''));
    let one = |end: usize| {
        std::str::from_utf8(&bytes[at + 1..end]).is_ok_and(|text| text.chars().count() == 1)
    };
    close.filter(|end| one(*end)).map_or(at, |end| end + 1)
}

/// The end of the item whose attributes start here: its `;` or closing brace.
fn end_of_item(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0i32;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth -= 1;
                if depth == 0 && *byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}
