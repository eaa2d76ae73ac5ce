//! A point in time, in whatever notation a log has it. What a notation leaves
//! out (zone, year) comes from what is known around the line.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use super::map::As;
use crate::domain::Wall;
use crate::scan::{Value, elements, number, time};

/// What is known around a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'l> {
    /// Zone of times that carry none; UTC where absent.
    pub(super) zone: Option<&'l TimeZone>,
    /// When the line was read.
    pub(super) received: Wall,
}

/// A date without a year may lie this far ahead of our clock.
const AHEAD_NS: i64 = 2 * 86_400 * 1_000_000_000;
/// Clocks differ by this much without harm.
const SKEW_NS: i64 = 5 * 60 * 1_000_000_000;
/// Of .NET's ticks at the Unix epoch, and nanoseconds in one.
const TICKS_AT_EPOCH: i128 = 621_355_968_000_000_000;
const TICK_NS: i128 = 100;

/// Dates that name no zone, in notations other than ISO 8601.
const LOCAL: [&str; 2] = ["%d/%b/%Y:%H:%M:%S%.f", "%Y/%m/%d - %H:%M:%S%.f"];
/// Dates that name neither year nor zone: vLLM's, syslog's, and klog's.
const YEARLESS: [&str; 3] = ["%m-%d %H:%M:%S%.f", "%b %e %H:%M:%S%.f", "%m%d %H:%M:%S%.f"];

/// Reads a time as the map asks.
pub(super) fn read_time(read_as: &As, value: Value<'_>, around: Around<'_>) -> Option<Wall> {
    let epoch = |unit: i128| wall(value.as_decimal().ok()?.checked_mul(unit)? / number::SCALE);
    match read_as {
        As::EpochS => epoch(1_000_000_000),
        As::EpochMs => epoch(1_000_000),
        As::EpochUs => epoch(1_000),
        As::EpochNs => epoch(1),
        As::Ticks => {
            let ticks = value.as_decimal().ok()? / number::SCALE;
            wall(ticks.checked_sub(TICKS_AT_EPOCH)?.checked_mul(TICK_NS)?)
        }
        As::HrTime => {
            let mut parts = elements(value.raw).map(Value::as_decimal);
            let (seconds, nanos) = (parts.next()?.ok()?, parts.next()?.ok()?);
            wall(seconds.checked_add(nanos / number::SCALE)?)
        }
        As::HttpDate => time::http_date(value.raw),
        As::Strftime(pattern) => by_pattern(pattern, str::from_utf8(value.raw).ok()?, around),
        _ => seen(value.raw, around),
    }
}

/// A time whose notation shows in its form.
pub(super) fn seen(raw: &[u8], around: Around<'_>) -> Option<Wall> {
    if let Some(inner) = raw.strip_prefix(br#"\""#).and_then(|raw| raw.strip_suffix(br#"\""#)) {
        // A time as JSON within a string.
        return seen(inner, around);
    }
    if matches!(raw.get(4), Some(b'-' | b'/')) {
        return time::rfc3339(raw).or_else(|| iso(raw, around)).or_else(|| local(raw, around));
    }
    time::epoch(raw)
        .or_else(|| time::clf(raw))
        .or_else(|| time::http_date(raw))
        .or_else(|| time::js_date(raw))
        .or_else(|| local(raw, around))
}

fn iso(raw: &[u8], around: Around<'_>) -> Option<Wall> {
    let at = time::civil(raw)?;
    let date = || DateTime::new(at.year, at.month, at.day, at.hour, at.minute, at.second, at.nano);
    match around.zone {
        Some(zone) => in_zone(date().ok()?, zone, around.received),
        None => Some(at.utc()),
    }
}

/// Notations that occur seldom enough to be read by pattern.
fn local(raw: &[u8], around: Around<'_>) -> Option<Wall> {
    let patterns: &[&str] = match (raw.get(2), raw.get(3)) {
        (Some(b'-'), _) | (_, Some(b' ')) => &YEARLESS,
        _ if raw.get(4) == Some(&b' ') => &YEARLESS,
        (Some(b'/'), _) => &LOCAL,
        _ if raw.get(4) == Some(&b'/') => &LOCAL,
        _ => return None,
    };
    let text = str::from_utf8(raw).ok()?;
    patterns.iter().find_map(|pattern| by_pattern(pattern, text, around))
}

fn by_pattern(pattern: &str, text: &str, around: Around<'_>) -> Option<Wall> {
    let mut parts = BrokenDownTime::parse(pattern, text).ok()?;
    if parts.year().is_some() || parts.timestamp().is_some() {
        return placed(&parts, around);
    }
    // The latest year in which it would not be far ahead of our clock.
    let received = jiff::Timestamp::from_nanosecond(around.received.0.into()).ok()?;
    let this_year = received.to_zoned(TimeZone::UTC).year();
    let latest = around.received.0.saturating_add(AHEAD_NS);
    (this_year.saturating_sub(4)..=this_year.saturating_add(1)).rev().find_map(|year| {
        parts.set_year(Some(year)).ok()?;
        placed(&parts, around).filter(|at| at.0 <= latest)
    })
}

fn placed(parts: &BrokenDownTime, around: Around<'_>) -> Option<Wall> {
    if parts.offset().is_some() || parts.timestamp().is_some() {
        return wall(parts.to_timestamp().ok()?.as_nanosecond());
    }
    let utc = TimeZone::UTC;
    in_zone(parts.to_datetime().ok()?, around.zone.unwrap_or(&utc), around.received)
}

/// An hour that comes twice when clocks are set back is the later one that has begun:
/// what is logged now is of now.
fn in_zone(at: DateTime, zone: &TimeZone, received: Wall) -> Option<Wall> {
    let read = zone.to_ambiguous_timestamp(at);
    if read.is_ambiguous() {
        let later = read.later().ok().and_then(|at| wall(at.as_nanosecond()));
        let begun = later.filter(|at| at.0 <= received.0.saturating_add(SKEW_NS));
        if begun.is_some() {
            return begun;
        }
    }
    wall(read.compatible().ok()?.as_nanosecond())
}

fn wall(nanos: i128) -> Option<Wall> {
    i64::try_from(nanos).ok().map(Wall)
}
