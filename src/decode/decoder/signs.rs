//! What the bytes of a line show before anybody understands it.

/// Whether a cost may stand in a damaged line where the scan can't see it.
pub(in crate::decode) fn speaks_of_cost(line: &[u8]) -> bool {
    line.windows(4).any(|word| word.eq_ignore_ascii_case(b"cost"))
}

/// `{}`
pub(super) fn is_empty_object(line: &[u8]) -> bool {
    let inner = line.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

/// A byte order mark of UTF-16, or ASCII with a NUL beside every character.
pub(super) fn is_utf16(line: &[u8]) -> bool {
    let zeros = |first: usize| line.iter().skip(first).step_by(2).take(32).all(|b| *b == 0);
    let text = |first: usize| line.iter().skip(first).step_by(2).take(32).all(|b| *b != 0);
    line.starts_with(&[0xff, 0xfe])
        || line.starts_with(&[0xfe, 0xff])
        || (line.len() >= 8 && ((zeros(0) && text(1)) || (zeros(1) && text(0))))
}
