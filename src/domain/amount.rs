//! Exact decimals. Money never passes through a float.
//!
//! In JSON and CSV money is a plain decimal ([`NanoUsd`] prints itself so). In texts
//! there is one rule for what was spent or billed: cents at least, and as many
//! digits more as it needs ([`NanoUsd::exact`]), so that no two texts round the same
//! sum differently and rows add up to their total. Only estimates are rounded
//! ([`NanoUsd::about`]).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// Digits behind the point that both types keep.
pub const SCALE: i128 = 1_000_000_000;

/// US dollars in billionths. 128 bits, so no sum of log lines can overflow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i128);

/// A quantity of a limit (requests, tokens, dollars, …) in billionths of its
/// unit: exact for counts up to 10^29 and for fractional costs alike. Signed,
/// because providers send overdrafts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

impl NanoUsd {
    /// No money.
    pub const ZERO: NanoUsd = NanoUsd(0);

    /// Whole dollars.
    #[must_use]
    pub const fn from_usd(usd: i64) -> NanoUsd {
        NanoUsd(usd as i128 * SCALE)
    }

    /// Dollars as a float, for ratios and drawing only.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "for ratios and drawing only")]
    pub fn as_f64(self) -> f64 {
        float(self.0) / SCALE as f64
    }

    /// What a float says, to the millionth of a dollar: a float that was made of a sum
    /// knows no more of it.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "casts saturate")]
    pub fn of_f64(usd: f64) -> NanoUsd {
        NanoUsd(((usd * 1e6).round() as i128).saturating_mul(1000))
    }

    /// Digits behind the point that it needs in a text, cents at least.
    #[must_use]
    pub fn digits(self) -> usize {
        let part = self.0.unsigned_abs() % SCALE.unsigned_abs();
        format!("{part:09}").trim_end_matches('0').len().max(2)
    }

    /// For a column of a table, of which all rows have as many digits: `-1,234.50`.
    #[must_use]
    pub fn column(self, digits: usize) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}", self.unsigned(digits))
    }

    /// For a text, not rounded: `$1,234.50`, `$0.000000150`, `-$3.00`.
    #[must_use]
    pub fn exact(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}${}", self.unsigned(self.digits()))
    }

    /// An estimate for a text: whole cents, or two digits that count where it is less
    /// than ten cents: `$214.30`, `$0.0031`.
    #[must_use]
    pub fn about(self) -> String {
        let size = self.0.unsigned_abs();
        let mut unit = 10_000_000;
        while size > 0 && size < 10 * unit && unit > 1 {
            unit /= 10;
        }
        let rounded = size.saturating_add(unit / 2) / unit * unit;
        let rounded = i128::try_from(rounded).unwrap_or(i128::MAX);
        NanoUsd(if self.0 < 0 { -rounded } else { rounded }).exact()
    }

    fn unsigned(self, digits: usize) -> String {
        let (size, scale) = (self.0.unsigned_abs(), SCALE.unsigned_abs());
        let (mut text, part) = (grouped(size / scale), format!("{:09}", size % scale));
        text.push('.');
        text.extend(part.chars().take(digits));
        text
    }
}

/// A whole number with separators: `1,204`.
#[must_use]
pub fn grouped(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text that is no amount of dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no decimal with at most nine digits behind the point")]
pub struct NotMoney;

/// Reads what it prints, and any plain decimal that is a whole number of billionths.
impl FromStr for NanoUsd {
    type Err = NotMoney;
    fn from_str(text: &str) -> Result<NanoUsd, NotMoney> {
        let (sign, size) = text.strip_prefix('-').map_or((1, text), |size| (-1, size));
        let (whole, part) = size.split_once('.').unwrap_or((size, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
            return Err(NotMoney);
        }
        let whole: i128 = whole.parse().map_err(|_| NotMoney)?;
        let part: i128 = format!("{part:0<9}").parse().map_err(|_| NotMoney)?;
        let size = whole.checked_mul(SCALE).and_then(|whole| whole.checked_add(part));
        size.map(|size| NanoUsd(sign * size)).ok_or(NotMoney)
    }
}

impl Amount {
    /// A whole count.
    #[must_use]
    pub const fn whole(count: i64) -> Amount {
        Amount(count as i128 * SCALE)
    }

    /// The value as a float, for ratios and drawing only.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "for ratios and drawing only")]
    pub fn as_f64(self) -> f64 {
        float(self.0) / SCALE as f64
    }

    /// `self / whole`, unless `whole` is zero or negative.
    #[must_use]
    pub fn ratio_of(self, whole: Amount) -> Option<f64> {
        (whole.0 > 0).then(|| self.as_f64() / whole.as_f64())
    }
}

/// The nearest float. The usual number fits 64 bits, which is far cheaper.
#[allow(clippy::cast_precision_loss, reason = "for ratios and drawing only")]
fn float(billionths: i128) -> f64 {
    i64::try_from(billionths).map_or_else(|_| float_of_long(billionths), |small| small as f64)
}

/// Apart, or it is worked out for small numbers too and thrown away.
#[cold]
#[inline(never)]
#[allow(clippy::cast_precision_loss, reason = "for ratios and drawing only")]
fn float_of_long(billionths: i128) -> f64 {
    billionths as f64
}

impl Add for NanoUsd {
    type Output = NanoUsd;
    fn add(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: NanoUsd) {
        *self = *self + other;
    }
}

impl Sub for NanoUsd {
    type Output = NanoUsd;
    fn sub(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_sub(other.0))
    }
}

/// Prints dollars with six digits, more only where they are needed to be exact.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 6)
    }
}

/// Prints the plain decimal, without trailing zeros.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 0)
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, nano: i128, min_digits: usize) -> fmt::Result {
    let sign = if nano < 0 { "-" } else { "" };
    let scale = SCALE.unsigned_abs();
    let (whole, part) = (nano.unsigned_abs() / scale, nano.unsigned_abs() % scale);
    let digits = format!("{part:09}");
    let kept = digits.trim_end_matches('0').len().max(min_digits);
    match digits.get(..kept) {
        Some(frac) if kept > 0 => write!(f, "{sign}{whole}.{frac}"),
        _ => write!(f, "{sign}{whole}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_prints_six_digits_and_more_only_when_needed() {
        assert_eq!(NanoUsd(4_210_000).to_string(), "0.004210");
        assert_eq!(NanoUsd(1).to_string(), "0.000000001");
        assert_eq!(NanoUsd(-1_500_000_000).to_string(), "-1.500000");
        assert_eq!(NanoUsd::from_usd(3).to_string(), "3.000000");
    }

    #[test]
    fn in_texts_nothing_is_rounded_and_cents_are_always_there() {
        for (nano, text) in [
            (0, "$0.00"),
            (1, "$0.000000001"),
            (150, "$0.00000015"),
            (10_000_000, "$0.01"),
            (1_085_000_000, "$1.085"),
            (-2_500_000_000, "-$2.50"),
            (999_000_000_000, "$999.00"),
            (1_234_567_891_234_000, "$1,234,567.891234"),
            (i128::from(i64::MAX), "$9,223,372,036.854775807"),
        ] {
            assert_eq!(NanoUsd(nano).exact(), text);
        }
        assert_eq!(NanoUsd(1_234_500_000_000).column(4), "1,234.5000");
        assert_eq!(NanoUsd(-5_000_000).column(3), "-0.005");
    }

    #[test]
    fn estimates_are_short_and_a_little_is_not_nothing() {
        for (nano, text) in [
            (0, "$0.00"),
            (3_141_592_653, "$3.14"),
            (214_296_000_000, "$214.30"),
            (995_000_000, "$1.00"),
            (31_415_926, "$0.031"),
            (3_141_592, "$0.0031"),
            (99_999, "$0.0001"),
            (7, "$0.000000007"),
            (-3_141_592_653, "-$3.14"),
        ] {
            assert_eq!(NanoUsd(nano).about(), text, "{nano}");
        }
        assert_eq!(NanoUsd::of_f64(1.085), NanoUsd(1_085_000_000));
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for nano in [0, 1, -1, 1_085_000_000, -7_000_000_001, i128::from(i64::MIN)] {
            assert_eq!(NanoUsd(nano).to_string().parse(), Ok(NanoUsd(nano)));
        }
        assert_eq!("12".parse(), Ok(NanoUsd::from_usd(12)));
        for wrong in ["", ".5", "-", "1e3", "1.2.3", "$1", "+1", " 1", "0.0000000001"] {
            assert_eq!(wrong.parse::<NanoUsd>(), Err(NotMoney), "{wrong}");
        }
    }

    #[test]
    fn amounts_print_plainly() {
        assert_eq!(Amount::whole(200_000).to_string(), "200000");
        assert_eq!(Amount(999_993_700).to_string(), "0.9999937");
        assert_eq!(Amount::whole(-27_689).to_string(), "-27689");
    }
}
