//! The many ways a point in time or a wait is written in a header.
//!
//! The shape of the text decides; what shape alone can't decide (is `7` seconds
//! or milliseconds?) is left open for whoever knows the rest of the response.

use crate::domain::Wall;
use crate::domain::time::NANOS_PER_S;
use crate::scan::{number, time};

/// From here on a bare number is not a wait but a date: seconds since 1970.
const EPOCH_S: i128 = 1_000_000_000;
/// From here on it is a date in milliseconds, then micro-, then nanoseconds.
const EPOCH_MS: i128 = 100_000_000_000;
const EPOCH_US: i128 = 100_000_000_000_000;
const EPOCH_NS: i128 = 100_000_000_000_000_000;
/// Years after which a date is taken for damage.
const LAST_YEAR_S: i64 = 4_102_444_800;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A duration with units, in nanoseconds.
    Span(i64),
    /// A bare number small enough to be a wait, in billionths of its unit.
    Bare(i64),
    /// A date as a number since 1970.
    Epoch(Wall),
    /// A date as text.
    Date(Wall),
}

impl Written {
    /// The point in time, with a bare number in seconds counted from `now`.
    pub fn at(self, now: Wall) -> Wall {
        match self {
            Written::Span(nanos) | Written::Bare(nanos) => round_to_ms(now.offset_nanos(nanos)),
            Written::Epoch(at) | Written::Date(at) => at,
        }
    }
}

/// Reads a reset or a wait in any known form. Negative and absurd ones are none.
pub(super) fn read(value: &[u8]) -> Option<Written> {
    let (first, last) = (*value.first()?, *value.last()?);
    // A number ends in a digit; what does not, a duration mostly, is not tried.
    if let Some(Ok(billionths)) = last.is_ascii_digit().then(|| number::decimal(unpadded(value))) {
        return from_number(billionths);
    }
    if first.is_ascii_digit()
        && let Some(nanos) = short_span(value).or_else(|| span(value))
    {
        return Some(Written::Span(nanos));
    }
    let date = if first.is_ascii_digit() {
        time::rfc3339(value)
    } else {
        time::http_date(value).or_else(|| javascript_date(value))
    };
    date.filter(|at| *at >= Wall(0) && *at < Wall::from_secs(LAST_YEAR_S)).map(Written::Date)
}

/// A number without the zeros that it may begin with in a header, other than in JSON.
#[inline]
pub(super) fn unpadded(mut digits: &[u8]) -> &[u8] {
    while let [b'0', b'0'..=b'9', ..] = digits {
        digits = digits.get(1..).unwrap_or_default();
    }
    digits
}

/// The copies in a value that a proxy joined with commas; dates have commas too.
pub(super) fn copies(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let joined = value.first().is_some_and(u8::is_ascii_digit);
    value.split(move |b| joined && *b == b',').map(<[u8]>::trim_ascii)
}

/// A duration as Go prints it, plus days as imitators do: `1h8m25.745s`, `850µs`.
/// All of the text or nothing.
pub(super) fn span(value: &[u8]) -> Option<i64> {
    let mut rest = value;
    let mut total = 0_i128;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        let (count, tail) = rest.split_at_checked(digits)?;
        let letters = tail.iter().take_while(|b| !b.is_ascii_digit() && **b != b'.').count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let is_it = |(name, _): &&(&str, i128)| name.as_bytes().eq_ignore_ascii_case(unit);
        let nanos_per_unit = match unit {
            b"s" => NANOS_PER_S.into(),
            b"ms" => 1_000_000,
            _ => UNITS.iter().find(is_it)?.1,
        };
        let product = number::decimal(unpadded(count)).ok()?.checked_mul(nanos_per_unit)?;
        total = total.checked_add(in_units(product))?;
        rest = tail;
    }
    i64::try_from(total).ok().filter(|_| !value.is_empty())
}

/// The same of a number of seconds or milliseconds alone, as nearly all are.
#[inline]
fn short_span(value: &[u8]) -> Option<i64> {
    let (count, nanos_per_billionth) = match value.strip_suffix(b"s")? {
        [count @ .., b'm'] => (count, 1000),
        count => (count, 1),
    };
    let nanos = number::short_decimal(count)? / nanos_per_billionth;
    i64::try_from(nanos).ok()
}

/// Billionths as whole units. Long division is slow and hardly ever needed.
fn in_units(billionths: i128) -> i128 {
    match i64::try_from(billionths) {
        Ok(small) => i128::from(small / NANOS_PER_S),
        Err(_) => billionths / i128::from(NANOS_PER_S),
    }
}

/// Rounds half up to the millisecond, the precision of everything shown.
pub(super) fn round_to_ms(at: Wall) -> Wall {
    const MS: i64 = 1_000_000;
    Wall(at.0.saturating_add(MS / 2).div_euclid(MS).saturating_mul(MS))
}

const UNITS: [(&str, i128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

fn from_number(billionths: i128) -> Option<Written> {
    let count = in_units(billionths);
    let nanos = match count {
        _ if billionths < 0 => return None,
        0..EPOCH_S => return i64::try_from(billionths).ok().map(Written::Bare),
        EPOCH_S..EPOCH_MS => billionths,
        EPOCH_MS..EPOCH_US => billionths / 1_000,
        EPOCH_US..EPOCH_NS => billionths / 1_000_000,
        _ => billionths / 1_000_000_000,
    };
    let at = i64::try_from(nanos).ok().filter(|nanos| *nanos < LAST_YEAR_S * NANOS_PER_S)?;
    Some(Written::Epoch(round_to_ms(Wall(at))))
}

/// `Tue Feb 16 2021 09:02:42 GMT+0100 (…)`, as JavaScript prints a date.
fn javascript_date(value: &[u8]) -> Option<Wall> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = value.split(|b| *b == b' ');
    let (_weekday, month, day) = (words.next()?, words.next()?, words.next()?);
    let (year, clock, zone) = (words.next()?, words.next()?, words.next()?);
    let zone = zone.strip_prefix(b"GMT")?;
    let month = MONTHS.chunks(3).position(|name| name == month)? + 1;
    let tens_and_ones =
        [b'0' + u8::try_from(month / 10).ok()?, b'0' + u8::try_from(month % 10).ok()?];
    let (hours, minutes) = match zone {
        [] => (&b"+00"[..], &b"00"[..]),
        zone => (zone.get(..3)?, zone.get(3..5)?),
    };
    let pieces: [&[u8]; 9] = [year, b"-", &tens_and_ones, b"-", day, b"T", clock, hours, b":"];
    let mut text = [0_u8; 32];
    let mut at = 0;
    for piece in pieces.into_iter().chain([minutes]) {
        text.get_mut(at..at + piece.len())?.copy_from_slice(piece);
        at += piece.len();
    }
    time::rfc3339(text.get(..at)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = NANOS_PER_S;

    #[test]
    fn durations_are_read_whole_or_not_at_all() {
        for (text, nanos) in [
            ("2ms", 2_000_000),
            ("0s", 0),
            ("1m26.4s", 86_400_000_000),
            ("782.333333ms", 782_333_333),
            ("17.399999999s", 17_399_999_999),
            ("83h10m39.057s", 299_439_057_000_000),
            ("6m0s", 360 * S),
            ("850us", 850_000),
            ("850\u{b5}s", 850_000),
            ("850\u{3bc}s", 850_000),
            ("12MS", 12_000_000),
            ("1m", 60 * S),
            ("1d2h", 93_600 * S),
        ] {
            assert_eq!(read(text.as_bytes()), Some(Written::Span(nanos)), "{text}");
        }
        for text in ["1m2x", "ms", "1.2.3s", "-1.5s", "1 s", "s1", "1h-2m", "99999999999999h", "1y"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_size_of_a_bare_number_tells_a_wait_from_a_date() {
        let epoch = |ms| Some(Written::Epoch(Wall::from_millis(ms)));
        for (text, expected) in [
            ("0", Some(Written::Bare(0))),
            ("2592000", Some(Written::Bare(2_592_000 * S))),
            ("33011.382867097", Some(Written::Bare(33_011_382_867_097))),
            ("1790741520", epoch(1_790_741_520_000)),
            ("1777248000000", epoch(1_777_248_000_000)),
            ("1777248000000000", epoch(1_777_248_000_000)),
            ("1777248000000000000", epoch(1_777_248_000_000)),
            ("-3", None),
            ("NaN", None),
            ("1e999", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn dates_come_as_text_in_three_forms() {
        let date = |secs| Some(Written::Date(Wall::from_secs(secs)));
        assert_eq!(read(b"2026-11-20t12:00:01z"), date(1_795_176_001));
        assert_eq!(read(b"Fri, 20 Nov 2026 12:00:01 GMT"), date(1_795_176_001));
        assert_eq!(
            read(b"Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)"),
            date(1_613_462_562)
        );
        for text in
            ["0000-00-00T00:00:00Z", "yesterday", "Tue Feb 16", "Fri, 31 Dec 9999 23:59:59 GMT"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
