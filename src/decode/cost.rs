//! A reported cost: exact, rounded up, or not believed at all.
//!
//! Unlike other fields an empty or strange cost is not "absent": only `null`
//! and a missing field are. Whatever else can't be read puts the whole line
//! into quarantine, because a total that silently lacks it would be a lie.

use super::eval::Line;
use super::map::{Alts, From, Spot};
use crate::domain::{FaultReason, NanoUsd};
use crate::scan::{Kind, Value, number};

/// What a line says it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reported {
    /// Nothing: unpriced.
    #[default]
    Nothing,
    /// One cost.
    Usd(NanoUsd),
    /// Several, or some unreadable beside it; this is the largest valid one.
    Ambiguous(NanoUsd),
    /// None that can be trusted.
    Bad(FaultReason),
}

impl Reported {
    /// What is said elsewhere of the same call, and here before. A stream's costs count up.
    pub(super) fn or_larger(self, other: Reported) -> Reported {
        use Reported::{Ambiguous, Bad, Nothing, Usd};
        match (self, other) {
            (said, Nothing) | (Nothing, said) => said,
            (Usd(one), Usd(other)) => Usd(one.max(other)),
            (Ambiguous(one), Usd(other) | Ambiguous(other)) | (Usd(one), Ambiguous(other)) => {
                Ambiguous(one.max(other))
            }
            (Bad(_), Usd(usd) | Ambiguous(usd)) | (Usd(usd) | Ambiguous(usd), Bad(_)) => {
                Ambiguous(usd)
            }
            (Bad(reason), Bad(_)) => Bad(reason),
        }
    }

    /// The same, unless nothing costs that much.
    pub(super) fn up_to(self, max: NanoUsd) -> Reported {
        match self {
            Reported::Usd(usd) | Reported::Ambiguous(usd) if usd > max => {
                Reported::Bad(FaultReason::CostImplausible)
            }
            said => said,
        }
    }
}

/// The cost of a line by the alternatives of its map.
pub(super) fn reported(line: Line<'_>, alts: Alts<'_>, max: NanoUsd) -> Reported {
    let mut bad = None;
    for alt in alts {
        if alt.when.as_ref().is_some_and(|when| !line.holds(when)) {
            continue;
        }
        let found = match &alt.from {
            From::Path(place) if line.get(*place).is_none() => continue,
            From::Path(place) => largest(line.all(*place), alt.scale, max),
            From::Sum(places) => sum(line, places, alt.scale, max),
            From::Header(name) => largest(line.headers(name), alt.scale, max),
            _ => largest(line.value(alt).into_iter(), alt.scale, max),
        };
        match found {
            Reported::Nothing => {}
            Reported::Bad(reason) => bad = bad.or(Some(reason)),
            Reported::Usd(usd) if bad.is_some() => return Reported::Ambiguous(usd),
            found => return found,
        }
    }
    bad.map_or(Reported::Nothing, Reported::Bad)
}

/// Whether a line says that something was spent, readably or not.
pub(super) fn states_one(line: Line<'_>, alts: Alts<'_>) -> bool {
    let nothing = [Reported::Nothing, Reported::Usd(NanoUsd(0))];
    !nothing.contains(&reported(line, alts, NanoUsd(i128::MAX)))
}

/// Whether a unit is the one that costs are counted in.
pub(super) fn is_dollar(unit: &str) -> bool {
    let unit = unit.trim();
    ["usd", "$", "us$", "dollar", "dollars"].iter().any(|word| unit.eq_ignore_ascii_case(word))
}

fn largest<'v>(
    values: impl Iterator<Item = Value<'v>>,
    scale: Option<f64>,
    max: NanoUsd,
) -> Reported {
    let mut seen = 0;
    let mut best = None;
    let mut bad = None;
    for value in values.filter(|value| !is_missing(*value)) {
        if value.kind == Kind::Cut {
            // What is not here may be the largest.
            return Reported::Bad(FaultReason::CostUnreadable);
        }
        seen += 1;
        match usd(value, scale, max) {
            Ok(usd) => best = best.max(Some(usd)),
            Err(reason) => bad = bad.or(Some(reason)),
        }
    }
    match (best, bad) {
        (Some(usd), None) if seen == 1 => Reported::Usd(usd),
        (Some(usd), _) => Reported::Ambiguous(usd),
        (None, Some(reason)) => Reported::Bad(reason),
        (None, None) => Reported::Nothing,
    }
}

fn sum(line: Line<'_>, places: &[Spot], scale: Option<f64>, max: NanoUsd) -> Reported {
    let mut total = Reported::Nothing;
    for place in places {
        total = match (total, largest(line.all(*place), scale, max)) {
            (total, Reported::Nothing) => total,
            (_, Reported::Bad(reason)) => return Reported::Bad(reason),
            (Reported::Usd(a), Reported::Usd(b)) => Reported::Usd(a + b),
            (
                Reported::Usd(a) | Reported::Ambiguous(a),
                Reported::Usd(b) | Reported::Ambiguous(b),
            ) => Reported::Ambiguous(a + b),
            (_, part) => part,
        };
    }
    total.up_to(max)
}

fn is_missing(value: Value<'_>) -> bool {
    matches!((value.kind, value.raw), (Kind::Null, _) | (Kind::Bare | Kind::Str, b"None" | b"null"))
}

fn usd(value: Value<'_>, scale: Option<f64>, max: NanoUsd) -> Result<NanoUsd, FaultReason> {
    let nano = value.as_decimal().map_err(|error| match error {
        number::NumberError::TooLarge => FaultReason::CostImplausible,
        number::NumberError::NotANumber | number::NumberError::NotFinite => {
            FaultReason::CostUnreadable
        }
    })?;
    if nano < 0 {
        return Err(FaultReason::CostNegative);
    }
    let nano = match scale {
        Some(scale) => scaled(nano, scale).ok_or(FaultReason::CostImplausible)?,
        None => nano,
    };
    if nano > max.0 { Err(FaultReason::CostImplausible) } else { Ok(NanoUsd(nano)) }
}

/// Exact for every scale with at most nine digits behind the point.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a map's scale is near one"
)]
fn scaled(nano: i128, scale: f64) -> Option<i128> {
    let product = nano.checked_mul((scale * number::SCALE as f64).round() as i128)?;
    Some(product.div_euclid(number::SCALE) + i128::from(product.rem_euclid(number::SCALE) > 0))
}
