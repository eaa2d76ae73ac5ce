//! Headers that a program wrote down as text. It knows how such text is put together and
//! nothing of what a header says.

use crate::decode::frame::literal;
use crate::scan::{Kind, Value};

/// How the text of a response's headers is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written<'t> {
    /// An object or a list, as JSON has them.
    Nested(Value<'t>),
    /// As they came: a line for each.
    Lines(&'t str),
}

/// Looks into the text: JSON, what Python or JavaScript print, also behind a type's name
/// as in `Headers({…})`. `json` is room.
pub(super) fn written<'t>(text: &'t str, json: &'t mut Vec<u8>) -> Written<'t> {
    let text = text.trim();
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let inner = match text.split_once('(') {
        Some((name, inner)) if is_name(name) => inner,
        _ => text,
    };
    let kind = match inner.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        _ => return Written::Lines(text),
    };
    json.clear();
    literal::to_json(inner.as_bytes(), json);
    Written::Nested(Value { kind, raw: json })
}

/// The name and the value in `name: value`.
pub(super) fn line(line: Value<'_>) -> Option<(Value<'_>, Value<'_>)> {
    let colon = line.raw.iter().position(|b| *b == b':')?;
    let (name, value) = (line.raw.get(..colon)?.trim_ascii(), line.raw.get(colon + 1..)?);
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_name = !name.is_empty() && name.iter().all(is_token);
    let value = Value { kind: line.kind, raw: value.trim_ascii() };
    is_name.then_some((Value { kind: Kind::Str, raw: name }, value))
}

/// Whether something is lost where this is not taken apart.
pub(super) fn speaks_of_limits(text: &[u8]) -> bool {
    let names = ["ratelimit", "rate-limit", "rate_limit", "retry-after", "retry_after"];
    let is_at = |at: &[u8], name: &str| {
        at.get(..name.len()).is_some_and(|at| at.eq_ignore_ascii_case(name.as_bytes()))
    };
    (0..text.len()).filter_map(|at| text.get(at..)).any(|at| names.iter().any(|n| is_at(at, n)))
}

/// A text as the value that it would be in a line.
pub(super) fn plain(text: &str) -> Value<'_> {
    Value { kind: Kind::Str, raw: text.as_bytes() }
}
