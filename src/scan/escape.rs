//! Undoing JSON escapes without losing anything.
//!
//! Broken text is somebody's name too, and two different names must stay two.
//! Bytes that are no UTF-8 are printed as `\x{ff}`, halves of surrogate pairs
//! as `\u{d800}`; so that no honest text looks the same, backslashes before a
//! literal `x{` or `u{` are doubled. All other text is printed as it is.

/// Appends what the escaped string content `raw` stands for. Half a surrogate
/// pair becomes the three bytes it would have in UTF-8. `\xHH` (nginx) becomes
/// that byte; escapes nobody knows stay as they are.
pub(super) fn decode(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = decode_one(escape, out);
    }
    out.extend_from_slice(rest);
}

/// Decodes the escape that `text` starts with; returns what follows it.
fn decode_one<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let short = match text.get(1) {
        Some(b'"') => b'"',
        Some(b'\\') => b'\\',
        Some(b'/') => b'/',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return decode_unicode(text, out),
        Some(b'x') => return decode_byte(text, out),
        _ => return keep(text, 1, out),
    };
    out.push(short);
    text.get(2..).unwrap_or_default()
}

fn keep<'a>(text: &'a [u8], count: usize, out: &mut Vec<u8>) -> &'a [u8] {
    let (kept, rest) = text.split_at_checked(count).unwrap_or((text, &[]));
    out.extend_from_slice(kept);
    rest
}

fn decode_byte<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match hex(text.get(2..4)).and_then(|byte| u8::try_from(byte).ok()) {
        Some(byte) => out.push(byte),
        None => return keep(text, 2, out),
    }
    text.get(4..).unwrap_or_default()
}

fn decode_unicode<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some(unit) = hex(text.get(2..6)) else { return keep(text, 2, out) };
    let rest = text.get(6..).unwrap_or_default();
    if let Some(decoded) = char::from_u32(unit) {
        push_char(decoded, out);
        return rest;
    }
    let low = rest.strip_prefix(b"\\u").and_then(|after| hex(after.get(..4)));
    if let (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) = (unit, low) {
        let pair = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        push_char(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER), out);
        return rest.get(6..).unwrap_or_default();
    }
    let [_, _, high, low] = unit.to_be_bytes();
    out.extend([0xe0 | high >> 4, 0x80 | (high & 0x0f) << 2 | low >> 6, 0x80 | low & 0x3f]);
    rest
}

fn push_char(decoded: char, out: &mut Vec<u8>) {
    out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// `bytes` as text by the rule at the top of this file.
pub(super) fn printed(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        push_doubled(chunk.valid(), &mut out);
        let bad = rest.get(chunk.valid().len()..).unwrap_or_default();
        let escape = match bad {
            [] => break,
            [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
                rest = bad.get(3..).unwrap_or_default();
                let unit = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
                format!("\\u{{{unit:x}}}")
            }
            [byte, ..] => {
                rest = bad.get(1..).unwrap_or_default();
                format!("\\x{{{byte:02x}}}")
            }
        };
        double_last(&mut out);
        out.push_str(&escape);
    }
    out
}

/// Whether `text` prints as itself.
pub(super) fn prints_as_is(text: &str) -> bool {
    !text.contains("\\u{") && !text.contains("\\x{")
}

fn push_doubled(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let head = before.strip_suffix(['u', 'x']).unwrap_or(before);
        out.push_str(head);
        if head.len() < before.len() {
            double_last(out);
        }
        out.push_str(before.get(head.len()..).unwrap_or_default());
        out.push('{');
        rest = after;
    }
    out.push_str(rest);
}

/// Doubles the backslashes that `out` ends with.
fn double_last(out: &mut String) {
    let slashes = out.len() - out.trim_end_matches('\\').len();
    out.extend(std::iter::repeat_n('\\', slashes));
}
