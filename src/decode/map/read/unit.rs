//! Units in names: what a log calls `latency_us` is in microseconds, whether or not its
//! map says so.

use crate::decode::map::field::Field;
use crate::decode::map::{Alt, As, From};

/// Endings of names and what one of that unit is in seconds, or in dollars.
const SPANS: [(&[&str], f64); 4] = [
    (&["ns", "nanos", "nanoseconds"], 1e-9),
    (&["us", "micros", "microseconds"], 1e-6),
    (&["ms", "millis", "milliseconds"], 1e-3),
    (&["s", "sec", "secs", "seconds"], 1.0),
];
const MONEY: [(&[&str], f64); 2] = [(&["cents"], 0.01), (&["usd", "dollars"], 1.0)];

/// What makes of a number the unit of a field, where its map leaves it as it is and the
/// name of the path ends with another unit.
pub(super) fn scale(field: Field, alt: &Alt<String>) -> Option<f64> {
    let From::Path(path) = &alt.from else { return None };
    if alt.read_as != As::Plain || alt.regex.is_some() || !alt.map.is_empty() {
        return None;
    }
    let (units, own) = match field.word() {
        "cost_usd" => (&MONEY[..], 1.0),
        word if word.ends_with("_ms") => (&SPANS[..], 1e-3),
        word if word.ends_with("_s") => (&SPANS[..], 1.0),
        _ => return None,
    };
    let name = path.rsplit('.').next()?;
    let (_, unit) =
        units.iter().find(|(words, _)| words.iter().any(|word| ends_with(name, word)))?;
    let scale = unit / own;
    ((scale - 1.0).abs() > f64::EPSILON).then_some(scale)
}

/// Whether a word is the last of a name: `latency_us`, `latencyUs`, `latency-us`, `us`.
fn ends_with(name: &str, word: &str) -> bool {
    let Some((before, end)) =
        name.len().checked_sub(word.len()).and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let hump = before.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && end.starts_with(|c: char| c.is_ascii_uppercase());
    // A letter alone is a word of its own only after an underscore.
    let whole = before.is_empty() && word.len() > 1;
    end.eq_ignore_ascii_case(word)
        && (whole || before.ends_with(['_', '-']) || (hump && word.len() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_last_word_of_a_name() {
        for (name, word, is) in [
            ("latency_us", "us", true),
            ("latencyUs", "us", true),
            ("costCents", "cents", true),
            ("cents", "cents", true),
            ("secs", "secs", true),
            ("took_s", "s", true),
            ("status", "us", false),
            ("tookS", "s", false),
            ("s", "s", false),
            ("tokens", "ns", false),
            ("é", "s", false),
        ] {
            assert_eq!(ends_with(name, word), is, "{name}");
        }
    }
}
