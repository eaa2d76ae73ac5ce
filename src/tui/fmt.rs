//! Numbers and names as short text for a screen.
//!
//! Values are coarse on purpose: a field that reads the same writes no bytes,
//! and a tired reader wants `53m`, not `3184 s`. What is not known is `?`.

use crate::domain::{Wall, amount};
use crate::engine::percent_in_words;

use super::options::ClockStyle;

/// A value that exists but is not known.
pub const UNKNOWN: &str = "?";
/// A value that does not exist here.
pub const ABSENT: &str = "-";

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Time to go, or time gone by in a state: `0:41`, `53m`, `51h`, `9d`.
#[must_use]
pub fn span(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.into();
    }
    let seconds = seconds.max(0.0);
    if seconds < 10.0 * MINUTE {
        let whole = whole(seconds);
        return format!("{}:{:02}", whole / 60, whole % 60);
    }
    if seconds < 2.0 * HOUR {
        return format!("{}m", whole(seconds / MINUTE));
    }
    if seconds < 100.0 * HOUR {
        return format!("{}h", whole(seconds / HOUR));
    }
    days(seconds)
}

/// How old something is: whole seconds, then steps of five, so that an idle
/// screen hardly changes.
#[must_use]
pub fn age(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.into();
    }
    if seconds < 1.0 {
        return "<1s".into();
    }
    if seconds < 10.0 {
        return format!("{}s", whole(seconds));
    }
    if seconds < MINUTE {
        return format!("{}s", whole(seconds) / 5 * 5);
    }
    if seconds < HOUR {
        return format!("{}m", whole(seconds / MINUTE));
    }
    if seconds < 48.0 * HOUR {
        return format!("{}h", whole(seconds / HOUR));
    }
    days(seconds)
}

/// A waiting time or a latency: `0.6s`, `11s`, `9:20`.
#[must_use]
pub fn latency(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.into();
    }
    if seconds < 9.95 {
        return format!("{:.1}s", seconds.max(0.0));
    }
    if seconds < 100.0 {
        return format!("{seconds:.0}s");
    }
    span(seconds)
}

/// A count in at most five characters: `412`, `4.1k`, `310k`, `1.9M`.
#[must_use]
pub fn count(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    if size < 999.5 {
        return format!("{value:.0}");
    }
    for (unit, suffix) in [(1e3, 'k'), (1e6, 'M'), (1e9, 'G'), (1e12, 'T')] {
        if size < 9.95 * unit {
            return format!("{:.1}{suffix}", value / unit);
        }
        if size < 999.5 * unit {
            return format!("{:.0}{suffix}", value / unit);
        }
    }
    format!("{value:.0e}")
}

/// A whole number of events with separators: `1,204`.
#[must_use]
pub fn grouped(value: u64) -> String {
    amount::grouped(value.into())
}

/// A number in full, with separators where it is whole, and with as many decimals as
/// mean anything: `2,000,000`, `0.25`, `19.73`.
#[must_use]
pub fn exact(value: f64) -> String {
    if (0.0..1e15).contains(&value) && value.fract() == 0.0 {
        return grouped(whole(value));
    }
    let decimals = match value.abs() {
        size if size >= 1e15 || !value.is_finite() => return format!("{value}"),
        10.0.. => 2,
        0.1.. => 4,
        _ => 9,
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A rate per second: `0.3`, `44`, `1.2k`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 0.05 {
        return "<0.1".into();
    }
    if per_second.abs() < 9.95 && per_second.is_finite() {
        return format!("{per_second:.1}");
    }
    count(per_second)
}

/// Money in at most six characters: `$0.42`, `$812`, `$9.1k`.
#[must_use]
pub fn money(usd: f64) -> String {
    if !usd.is_finite() {
        return UNKNOWN.into();
    }
    let (sign, size) = if usd < 0.0 { ("-", -usd) } else { ("", usd) };
    if size == 0.0 {
        return "$0".into();
    }
    if size < 0.01 {
        return format!("{sign}<$.01");
    }
    if size < 9.995 {
        return format!("{sign}${size:.2}");
    }
    if size < 1999.5 {
        return format!("{sign}${size:.0}");
    }
    for (unit, suffix) in [(1e3, 'k'), (1e6, 'M'), (1e9, 'G')] {
        if size < 99.95 * unit {
            let digits = format!("{:.1}", size / unit);
            return format!("{sign}${}{suffix}", digits.trim_end_matches(".0"));
        }
        if size < 999.5 * unit {
            return format!("{sign}${:.0}{suffix}", size / unit);
        }
    }
    format!("{sign}${size:.0e}")
}

/// A share: `0%`, `<1%`, `31%`, `>99%`, `100%`.
#[must_use]
pub fn percent(ratio: f64) -> String {
    percent_in_words(ratio)
}

/// A signed difference: `+18%`, `-1%`.
#[must_use]
pub fn signed_percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{:+.0}%", ratio * 100.0) } else { UNKNOWN.into() }
}

/// Bytes: `412`, `4.1k`, `1.9M`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
pub fn size(bytes: u64) -> String {
    count(bytes as f64)
}

/// The time of day: `14:03:27Z`, without `Z` where it is local.
#[must_use]
pub fn clock(now: Wall, style: &ClockStyle) -> String {
    let Ok(at) = jiff::Timestamp::from_nanosecond(i128::from(now.0)) else {
        return UNKNOWN.into();
    };
    let (zone, suffix) = match style {
        ClockStyle::Utc => (jiff::tz::TimeZone::UTC, "Z"),
        ClockStyle::Local(zone) => (zone.clone(), ""),
    };
    let civil = zone.to_datetime(at);
    format!("{:02}:{:02}:{:02}{suffix}", civil.hour(), civil.minute(), civil.second())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn whole(value: f64) -> u64 {
    value as u64
}

fn days(seconds: f64) -> String {
    let days = whole(seconds / DAY);
    if days > 999 { ">999d".into() } else { format!("{days}d") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_coarse() {
        for (seconds, text) in [
            (-3.0, "0:00"),
            (0.4, "0:00"),
            (41.9, "0:41"),
            (599.0, "9:59"),
            (600.0, "10m"),
            (3184.0, "53m"),
            (7200.0, "2h"),
            (51.0 * 3600.0, "51h"),
            (9.0 * 86_400.0, "9d"),
            (1e12, ">999d"),
            (f64::NAN, "?"),
            (f64::INFINITY, "?"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn ages_move_in_steps() {
        for (seconds, text) in [
            (0.0, "<1s"),
            (0.99, "<1s"),
            (1.0, "1s"),
            (9.9, "9s"),
            (10.0, "10s"),
            (14.9, "10s"),
            (59.0, "55s"),
            (94.0, "1m"),
            (3600.0, "1h"),
            (200_000.0, "2d"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(age(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn numbers_fit_their_fields() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (4112.0, "4.1k"),
            (9949.0, "9.9k"),
            (9951.0, "10k"),
            (310_000.0, "310k"),
            (999_600.0, "1.0M"),
            (1.9e6, "1.9M"),
            (-27_689.0, "-28k"),
            (1e20, "1e20"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(count(value), text, "{value}");
        }
        for (value, text) in
            [(0.0, "0.0"), (0.01, "<0.1"), (0.34, "0.3"), (9.96, "10"), (44.0, "44")]
        {
            assert_eq!(rate(value), text, "{value}");
        }
        for (value, text) in [
            (0.0, "$0"),
            (0.004, "<$.01"),
            (0.42, "$0.42"),
            (9.999, "$10"),
            (812.0, "$812"),
            (1999.0, "$1999"),
            (9100.0, "$9.1k"),
            (20_000.0, "$20k"),
            (214_000.0, "$214k"),
            (-3.5, "-$3.50"),
        ] {
            assert_eq!(money(value), text, "{value}");
        }
        assert_eq!(grouped(1_204), "1,204");
        assert_eq!(grouped(999), "999");
        assert_eq!(exact(2_000_000.0), "2,000,000");
        assert_eq!(exact(0.25), "0.25");
    }

    #[test]
    fn a_little_is_not_nothing() {
        for (ratio, text) in [
            (0.0, "0%"),
            (-0.0, "0%"),
            (0.004, "<1%"),
            (0.31, "31%"),
            (0.999, ">99%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(ratio), text, "{ratio}");
        }
    }

    #[test]
    fn the_clock_shows_the_zone_it_was_given() {
        let at = Wall::from_secs(1_795_183_407);
        assert_eq!(clock(at, &ClockStyle::Utc), "14:03:27Z");
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(clock(at, &ClockStyle::Local(zone)), "15:03:27");
    }
}
