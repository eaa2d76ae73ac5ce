//! Numbers without floats: what a log says is what is counted.

use std::num::IntErrorKind;

/// Billionths in one unit.
pub const SCALE: i128 = 1_000_000_000;

/// Why bytes are no usable number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NumberError {
    /// Not written as JSON writes numbers.
    #[error("not a number")]
    NotANumber,
    /// `NaN` or infinite, in any common spelling.
    #[error("not a finite number")]
    NotFinite,
    /// Too large to count in billionths.
    #[error("number too large")]
    TooLarge,
}

/// The number `raw` in billionths. Digits beyond that round away from zero, so
/// that a cost is never less than what was written.
pub fn decimal(raw: &[u8]) -> Result<i128, NumberError> {
    if let Some(billionths) = short_decimal(raw) {
        return Ok(i128::from(billionths));
    }
    let Some(parts) = Parts::of(raw) else {
        return Err(if is_not_finite(raw) {
            NumberError::NotFinite
        } else {
            NumberError::NotANumber
        });
    };
    let magnitude = parts.billionths()?;
    Ok(if parts.negative { -magnitude } else { magnitude })
}

/// The same of a number that is written shortly and without a sign, as nearly all are.
#[must_use]
#[inline]
pub fn short_decimal(raw: &[u8]) -> Option<u64> {
    let (digits, decimals) = short(raw)?;
    Some(digits * power(9 - decimals))
}

/// A whole number of digits only.
#[must_use]
pub fn unsigned(raw: &[u8]) -> Option<u64> {
    if raw.is_empty() {
        return None;
    }
    raw.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A whole number of digits, perhaps behind a sign.
#[must_use]
pub fn signed(raw: &[u8]) -> Option<i64> {
    match raw.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        None => i64::try_from(unsigned(raw.strip_prefix(b"+").unwrap_or(raw))?).ok(),
    }
}

/// A finite number, rounded as floats are. Not for money.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "only what a float holds exactly")]
pub fn float(raw: &[u8]) -> Option<f64> {
    // Of two floats that are exact the quotient is rounded right.
    if let Some((digits, decimals)) = short(raw).filter(|(digits, _)| *digits < 1 << 53) {
        return Some(digits as f64 / power(decimals) as f64);
    }
    let written = raw.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if !written {
        return None;
    }
    str::from_utf8(raw).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The digits of a number written as JSON writes it, without sign and exponent
/// and not too long for 64 bits in billionths, and how many of them stand behind
/// the point. Nearly all numbers are such, times since 1970 among them.
#[inline]
fn short(raw: &[u8]) -> Option<(u64, usize)> {
    const WHOLE: usize = 10;
    const FRACTION: usize = 9;
    let (mut value, mut rest) = match raw.split_first_chunk() {
        Some((first, behind)) => eight_digits(*first).map_or((0, raw), |value| (value, behind)),
        None => (0, raw),
    };
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = behind;
    }
    let whole = raw.len() - rest.len();
    if whole == 0 || whole > WHOLE || (whole > 1 && raw.first() == Some(&b'0')) {
        return None;
    }
    let fraction = match rest.split_first() {
        None => return Some((value, 0)),
        Some((b'.', fraction)) if (1..=FRACTION).contains(&fraction.len()) => fraction,
        Some(_) => return None,
    };
    for byte in fraction {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Some((value, fraction.len()))
}

/// The number that eight digits are, found for all of them at once.
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    let upper_halves = |word: u64| word & 0xf0f0_f0f0_f0f0_f0f0;
    // Six more than nine is in the next upper half.
    let above = word.wrapping_add(0x0606_0606_0606_0606);
    if [word, above].map(upper_halves) != [0x3030_3030_3030_3030; 2] {
        return None;
    }
    let ones = word & 0x0f0f_0f0f_0f0f_0f0f;
    let tens = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let hundreds = (tens.wrapping_mul(100) + (tens >> 16)) & 0x0000_ffff_0000_ffff;
    Some((hundreds.wrapping_mul(10_000) + (hundreds >> 32)) & 0xffff_ffff)
}

/// Ten to the power of at most nine.
fn power(exponent: usize) -> u64 {
    const POWERS: [u64; 10] =
        [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    POWERS.get(exponent).copied().unwrap_or(1)
}

/// Whether `raw` is written as JSON writes numbers.
pub(super) fn is_number(raw: &[u8]) -> bool {
    short(raw).is_some() || Parts::of(raw).is_some()
}

fn is_not_finite(raw: &[u8]) -> bool {
    let unsigned = raw.strip_prefix(b"-").or_else(|| raw.strip_prefix(b"+")).unwrap_or(raw);
    let spellings: [&[u8]; 3] = [b"nan", b"inf", b"infinity"];
    spellings.iter().any(|spelling| unsigned.eq_ignore_ascii_case(spelling))
}

/// A number taken apart, by the grammar of JSON.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Cut off far outside of what can matter.
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn of(raw: &'a [u8]) -> Option<Parts<'a>> {
        let (negative, rest) = match raw.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, raw),
        };
        let (whole, rest) = digits(rest);
        if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
            return None;
        }
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => digits(rest),
            _ => (&[][..], rest),
        };
        if fraction.is_empty() && raw.contains(&b'.') {
            return None;
        }
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        Some(Parts { negative, whole, fraction, exponent })
    }

    fn billionths(&self) -> Result<i128, NumberError> {
        // Digits up to here count billionths or more; the rest only round up.
        let point = i64::try_from(self.whole.len()).unwrap_or(i64::MAX);
        let kept = point.saturating_add(self.exponent).saturating_add(9);
        let mut value = 0_i128;
        let mut rounded = 0;
        let mut seen = 0_i64;
        for digit in self.whole.iter().chain(self.fraction).map(|digit| i128::from(digit - b'0')) {
            if seen < kept {
                value = ten_times(value)?.checked_add(digit).ok_or(NumberError::TooLarge)?;
            } else if digit != 0 {
                rounded = 1;
            }
            seen += 1;
        }
        while seen < kept && value != 0 {
            value = ten_times(value)?;
            seen += 1;
        }
        value.checked_add(rounded).ok_or(NumberError::TooLarge)
    }
}

fn ten_times(value: i128) -> Result<i128, NumberError> {
    value.checked_mul(10).ok_or(NumberError::TooLarge)
}

fn digits(raw: &[u8]) -> (&[u8], &[u8]) {
    let count = raw.iter().take_while(|byte| byte.is_ascii_digit()).count();
    raw.split_at_checked(count).unwrap_or((raw, &[]))
}

fn exponent(raw: &[u8]) -> Option<i64> {
    const FAR: i64 = 1 << 40;
    let (negative, written) = match raw.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, raw),
    };
    let (all, rest) = digits(written);
    if all.is_empty() || !rest.is_empty() {
        return None;
    }
    let size = match str::from_utf8(all).ok()?.parse::<i64>() {
        Ok(size) => size.min(FAR),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => FAR,
        Err(_) => return None,
    };
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use NumberError::{NotANumber, NotFinite, TooLarge};
    use proptest::prelude::*;

    #[test]
    fn decimals_are_exact_and_round_away_from_zero() {
        for (text, billionths) in [
            ("0", 0),
            ("-0.0", 0),
            ("1", 1_000_000_000),
            ("1e-7", 100),
            ("7.2e-05", 72_000),
            ("1E+3", 1_000_000_000_000),
            ("1.5e+0", 1_500_000_000),
            ("0.30000000000000004", 300_000_001),
            ("-0.30000000000000004", -300_000_001),
            ("999.999999999", 999_999_999_999),
            ("0.0000000001", 1),
            ("1e-999", 1),
            ("1e-99999999999999999999999", 1),
            ("0e999999999999999999999999", 0),
            ("0.000000000e5", 0),
            ("123456789012345678901.5", 123_456_789_012_345_678_901_500_000_000),
            ("100000e-5", 1_000_000_000),
        ] {
            assert_eq!(decimal(text.as_bytes()), Ok(billionths), "{text}");
        }
        let long = format!("0.{}", "1".repeat(5000));
        assert_eq!(decimal(long.as_bytes()), Ok(111_111_112));
    }

    #[test]
    fn what_is_no_usable_number_says_why() {
        for (text, why) in [
            ("1e999", TooLarge),
            ("-1e308", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("1000000000000000000000000000000", TooLarge),
            ("NaN", NotFinite),
            ("-nan", NotFinite),
            ("-Infinity", NotFinite),
            ("inf", NotFinite),
        ] {
            assert_eq!(decimal(text.as_bytes()), Err(why), "{text}");
        }
        let not = [
            "", " ", "+1", ".5", "1.", "01", "-", "0x10", "1_000", "1,5", "$1.00", "1,234.56",
            "1e", "1e+", "1.5.5", "1e5.0", "--1", "1 ", "true", "1e1e1", "-.5", "٣",
        ];
        for text in not {
            assert_eq!(decimal(text.as_bytes()), Err(NotANumber), "{text}");
        }
    }

    #[test]
    fn whole_numbers_keep_to_their_range() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(unsigned(b"007"), Some(7));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"-27689"), Some(-27_689));
        assert_eq!(signed(b"9223372036854775808"), None);
        for text in [&b""[..], b"-", b"1.5", b" 1", b"1e3", b"x"] {
            assert_eq!((unsigned(text), signed(text)), (None, None));
        }
        assert_eq!(float(b"1e-7"), Some(1e-7));
        for text in [&b"NaN"[..], b"inf", b"1e999", b"", b"0x1", b"1 "] {
            assert_eq!(float(text), None);
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_read_like_all(text in "-?[0-9]{1,11}([.][0-9]{0,10})?") {
            let parts = Parts::of(text.as_bytes()).ok_or(NotANumber);
            let exact = parts.and_then(|parts| {
                let size = parts.billionths()?;
                Ok(if parts.negative { -size } else { size })
            });
            prop_assert_eq!(decimal(text.as_bytes()), exact);
            prop_assert_eq!(float(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn decimals_agree_with_integers(units in any::<i64>(), nano in 0_i128..SCALE, zeros in 0_usize..5) {
            let sign = if units < 0 { -1 } else { 1 };
            let text = format!("{units}.{nano:09}{}", "0".repeat(zeros));
            prop_assert_eq!(decimal(text.as_bytes()), Ok(i128::from(units) * SCALE + sign * nano));
        }

        #[test]
        fn moving_the_point_changes_nothing(digits in 1_u64.., shift in 0_u32..18) {
            let moved = format!("{digits}e{shift}");
            let plain = format!("{digits}{}", "0".repeat(shift as usize));
            prop_assert_eq!(decimal(moved.as_bytes()), decimal(plain.as_bytes()));
        }

        #[test]
        fn a_number_is_what_json_calls_one(text in "[-+0-9.eE]{0,12}") {
            let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(decimal(text.as_bytes()) != Err(NotANumber), valid);
        }
    }
}
