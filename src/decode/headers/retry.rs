//! How long the server asks to wait: `Retry-After` in all its forms, its
//! millisecond twins and vendors' own spellings.
//!
//! Reported on any status; whether it blocks is for `state` to say, since
//! providers send it with successes too.

use super::reset::{self, Written};
use crate::domain::Wall;
use crate::domain::time::NANOS_PER_S;

/// A longer wait than this is damage, not advice: 32 days covers a month's quota.
const LONGEST_S: i64 = 32 * 86_400;
/// A millisecond hint this near to the other is the same hint, unrounded.
const SAME_HINT_NANOS: i64 = NANOS_PER_S;

/// How a hint was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Seconds or a date.
    Plain,
    /// Milliseconds.
    Millis,
    /// A vendor's own or a body's; counts only where the others are missing.
    Aside,
}

/// Hints of one response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    plain: Option<i64>,
    millis: Option<i64>,
    aside: Option<i64>,
}

impl Retry {
    /// Takes a hint; false if it says something that can't be meant. An absolute
    /// date counts from the server's own clock, `now`.
    #[must_use]
    pub fn see(&mut self, spelling: Spelling, value: &[u8], now: Wall) -> bool {
        let mut fine = true;
        for copy in reset::copies(value).filter(|copy| !copy.is_empty()) {
            fine &= self.see_one(spelling, copy, now);
        }
        fine
    }

    fn see_one(&mut self, spelling: Spelling, value: &[u8], now: Wall) -> bool {
        let nanos = match (reset::read(value), spelling) {
            (Some(Written::Bare(count)), Spelling::Millis) => count / 1000,
            (Some(Written::Bare(nanos) | Written::Span(nanos)), _) => nanos,
            (Some(Written::Date(at) | Written::Epoch(at)), Spelling::Plain | Spelling::Aside) => {
                at.0.saturating_sub(now.0).max(0)
            }
            _ => return false,
        };
        if nanos > LONGEST_S * NANOS_PER_S {
            return false;
        }
        let slot = match spelling {
            Spelling::Plain => &mut self.plain,
            Spelling::Millis => &mut self.millis,
            Spelling::Aside => &mut self.aside,
        };
        *slot = Some(slot.map_or(nanos, |earlier| earlier.max(nanos)));
        true
    }

    /// Takes a wait that a message words out.
    pub fn see_nanos(&mut self, nanos: i64) {
        if (0..=LONGEST_S * NANOS_PER_S).contains(&nanos) {
            self.aside = self.aside.max(Some(nanos));
        }
    }

    /// The wait to go by: the more exact of two that agree, else the longer.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "seconds for people and ratios")]
    pub fn seconds(self) -> Option<f64> {
        let nanos = match (self.plain, self.millis) {
            (Some(plain), Some(millis))
                if plain.abs_diff(millis) < SAME_HINT_NANOS.unsigned_abs() =>
            {
                Some(millis)
            }
            (Some(plain), Some(millis)) => Some(plain.max(millis)),
            (plain, millis) => plain.or(millis).or(self.aside),
        };
        nanos.map(|nanos| nanos as f64 / NANOS_PER_S as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(hints: &[(Spelling, &str)]) -> Option<f64> {
        let mut retry = Retry::default();
        for (spelling, value) in hints {
            let _ = retry.see(*spelling, value.as_bytes(), Wall::from_secs(1_795_176_000));
        }
        retry.seconds()
    }

    #[test]
    fn hints_that_agree_give_the_exact_one_and_others_the_longer() {
        use Spelling::{Aside, Millis, Plain};
        for (hints, expected) in [
            (&[(Plain, "7")][..], Some(7.0)),
            (&[(Plain, "2"), (Millis, "1500")], Some(1.5)),
            (&[(Plain, "1"), (Millis, "0")], Some(1.0)),
            (&[(Plain, "1"), (Millis, "9000")], Some(9.0)),
            (&[(Millis, "850")], Some(0.85)),
            (&[(Plain, "1"), (Aside, "247.312ms")], Some(1.0)),
            (&[(Aside, "247.312ms")], Some(0.247_312)),
            (&[(Plain, "0.5")], Some(0.5)),
            (&[(Plain, "5, 7")], Some(7.0)),
            (&[(Plain, "5; drop")], None),
            (&[(Plain, "Fri, 20 Nov 2026 12:00:30 GMT")], Some(30.0)),
            (&[(Plain, "Fri, 20 Nov 2026 11:59:00 GMT")], Some(0.0)),
            (&[(Plain, "81486")], Some(81_486.0)),
            (&[(Plain, "soon")], None),
            (&[(Plain, "-1")], None),
            (&[(Plain, "9999999999999")], None),
            (&[(Plain, "")], None),
        ] {
            assert_eq!(wait(hints), expected, "{hints:?}");
        }
    }
}
