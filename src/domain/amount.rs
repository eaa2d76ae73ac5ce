//! Exact decimals. Money never passes through a float.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

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
    fn amounts_print_plainly() {
        assert_eq!(Amount::whole(200_000).to_string(), "200000");
        assert_eq!(Amount(999_993_700).to_string(), "0.9999937");
        assert_eq!(Amount::whole(-27_689).to_string(), "-27689");
    }
}
