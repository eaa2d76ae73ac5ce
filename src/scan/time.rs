//! Times as logs and headers write them, read by hand because there is one in
//! every line. Each function reads one notation and the whole of its input, or
//! gives nothing; which notation a field has is the caller's business.
//!
//! Points outside the years 2000 to 2100 are refused: a clock that wrong says
//! nothing, and date arithmetic stays far from every overflow.

mod duration;

pub use duration::go_duration;

use super::number;
use crate::domain::time::{NANOS_PER_S, Wall};

/// A date and time of day without a zone; the caller knows where the clock hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// 2000 to 2100.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31, and in the month.
    pub day: i8,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// 0 to 59: a leap second is no time we can place.
    pub second: i8,
    /// Below a thousand million.
    pub nano: i32,
}

const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i64> = 2000..=2100;

/// First second of 2000 and of 2101.
const PLAUSIBLE_SECONDS: std::ops::Range<i128> = 946_684_800..4_133_980_800;
const PLAUSIBLE_NANOS: std::ops::Range<i64> =
    946_684_800 * NANOS_PER_S..4_133_980_800 * NANOS_PER_S;

impl Civil {
    /// The point in time if the clock showed UTC.
    #[must_use]
    pub fn utc(self) -> Wall {
        self.east_of_utc(0)
    }

    /// The point in time if the clock was `seconds` ahead of UTC.
    #[must_use]
    pub fn east_of_utc(self, seconds: i32) -> Wall {
        let days = days_since_epoch(self.year.into(), self.month.into(), self.day.into());
        let minutes = (days * 24 + i64::from(self.hour)) * 60 + i64::from(self.minute);
        let total = minutes * 60 + i64::from(self.second) - i64::from(seconds);
        Wall(total * NANOS_PER_S + i64::from(self.nano))
    }

    fn of(date: Date, time: TimeOfDay) -> Option<Civil> {
        let Date { year, month, day } = date;
        let in_month = (1..=days_in(year, month)?).contains(&day);
        let valid = PLAUSIBLE_YEARS.contains(&year)
            && in_month
            && time.hour < 24
            && time.minute < 60
            && time.second < 60;
        if !valid {
            return None;
        }
        Some(Civil {
            year: year.try_into().ok()?,
            month: month.try_into().ok()?,
            day: day.try_into().ok()?,
            hour: time.hour.try_into().ok()?,
            minute: time.minute.try_into().ok()?,
            second: time.second.try_into().ok()?,
            nano: time.nano,
        })
    }
}

/// `2026-11-20T15:11:17.123Z`: any number of fraction digits, a space or `_`
/// for the `T`, offsets as `+01:00`, `+0100`, `+01`, `Z`, `UTC` or `GMT`.
#[must_use]
pub fn rfc3339(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw);
    let civil = text.iso_civil()?;
    text.skip(b' ');
    let offset = text.offset()?;
    text.ended()?;
    Some(civil.east_of_utc(offset))
}

/// The same without a zone: `2026-11-20 15:11:17,123`, also with slashes.
#[must_use]
pub fn civil(raw: &[u8]) -> Option<Civil> {
    let mut text = Text(raw);
    let civil = text.iso_civil()?;
    text.ended()?;
    Some(civil)
}

/// `Fri, 20 Nov 2026 15:11:17 GMT`, with or without the weekday, and the two obsolete
/// forms that HTTP still asks of whoever reads a date: `Friday, 20-Nov-26 15:11:17 GMT`
/// and `Fri Nov 20 15:11:17 2026`.
#[must_use]
pub fn http_date(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw);
    if raw.get(3) == Some(&b' ') && raw.first().is_some_and(u8::is_ascii_alphabetic) {
        return asctime(raw);
    }
    if let Some(comma) = raw.iter().position(|byte| *byte == b',') {
        text = Text(raw.get(comma + 1..)?);
        text.skip(b' ');
    }
    let day = text.number(1..=2)?;
    let separator = text.one_of(b" -")?;
    let month = text.month()?;
    text.one_of(&[separator])?;
    let year = if separator == b'-' { text.year()? } else { text.number(4..=4)? };
    text.one_of(b" ")?;
    let time = text.time_of_day()?;
    text.one_of(b" ")?;
    let offset = text.offset()?;
    text.ended()?;
    Some(Civil::of(Date { year, month, day }, time)?.east_of_utc(offset))
}

/// As C prints it, in UTC: `Fri Nov 20 15:11:17 2026`.
fn asctime(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw.get(4..)?);
    let month = text.month()?;
    text.one_of(b" ")?;
    text.skip(b' ');
    let day = text.number(1..=2)?;
    text.one_of(b" ")?;
    let time = text.time_of_day()?;
    text.one_of(b" ")?;
    let year = text.number(4..=4)?;
    text.ended()?;
    Some(Civil::of(Date { year, month, day }, time)?.utc())
}

/// `20/Nov/2026:15:11:17 +0000`, as access logs write it.
#[must_use]
pub fn clf(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw);
    let day = text.number(2..=2)?;
    text.one_of(b"/")?;
    let month = text.month()?;
    text.one_of(b"/")?;
    let year = text.number(4..=4)?;
    text.one_of(b":")?;
    let time = text.time_of_day()?;
    text.one_of(b" ")?;
    let offset = text.offset()?;
    text.ended()?;
    Some(Civil::of(Date { year, month, day }, time)?.east_of_utc(offset))
}

/// `Fri Nov 20 2026 15:11:17 GMT+0000 (Coordinated Universal Time)`, as
/// JavaScript prints a date.
#[must_use]
pub fn js_date(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw.get(4..)?);
    let month = text.month()?;
    text.one_of(b" ")?;
    let day = text.number(2..=2)?;
    text.one_of(b" ")?;
    let year = text.number(4..=4)?;
    text.one_of(b" ")?;
    let time = text.time_of_day()?;
    text.one_of(b" ")?;
    text.word(b"GMT").then_some(())?;
    let offset = text.offset()?;
    let comment = text.0;
    let closed = comment.is_empty() || (comment.starts_with(b" (") && comment.ends_with(b")"));
    closed.then(|| Civil::of(Date { year, month, day }, time))?.map(|at| at.east_of_utc(offset))
}

/// A Unix time in seconds, milli-, micro- or nanoseconds, perhaps with a
/// fraction; its size tells which.
#[must_use]
pub fn epoch(raw: &[u8]) -> Option<Wall> {
    // Seconds are the rule, and billionths of them are what is wanted.
    if let Some(nanos) = number::short_decimal(raw).and_then(|nanos| i64::try_from(nanos).ok())
        && PLAUSIBLE_NANOS.contains(&nanos)
    {
        return Some(Wall(nanos));
    }
    let billionths = number::decimal(raw).ok()?;
    let units = [NANOS_PER_S, 1_000_000, 1_000, 1].map(i128::from);
    let per_second = |nanos: i128| i128::from(NANOS_PER_S) / nanos;
    // The four plausible ranges are far apart.
    let nanos_per_unit = units.into_iter().find(|nanos| {
        PLAUSIBLE_SECONDS.contains(&(billionths / number::SCALE / per_second(*nanos)))
    })?;
    i64::try_from(billionths * nanos_per_unit / number::SCALE).ok().map(Wall)
}

#[derive(Clone, Copy)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

#[derive(Clone, Copy)]
struct TimeOfDay {
    hour: i64,
    minute: i64,
    second: i64,
    nano: i32,
}

/// Days from 1970-01-01, by counting from March so that the leap day is last.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469
}

const fn days_in(year: i64, month: i64) -> Option<i64> {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// What is still to be read.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn iso_civil(&mut self) -> Option<Civil> {
        let year = self.number(4..=4)?;
        let separator = self.one_of(b"-/")?;
        let month = self.number(2..=2)?;
        self.one_of(&[separator])?;
        let day = self.number(2..=2)?;
        self.one_of(b"Tt _")?;
        Civil::of(Date { year, month, day }, self.time_of_day()?)
    }

    fn time_of_day(&mut self) -> Option<TimeOfDay> {
        let hour = self.number(2..=2)?;
        self.one_of(b":")?;
        let minute = self.number(2..=2)?;
        self.one_of(b":")?;
        let second = self.number(2..=2)?;
        let nano = if self.one_of(b".,").is_some() { self.fraction()? } else { 0 };
        Some(TimeOfDay { hour, minute, second, nano })
    }

    /// Nanoseconds; digits beyond are dropped.
    fn fraction(&mut self) -> Option<i32> {
        let mut nano = 0;
        let mut digits = 0;
        while let Some(digit) = self.digit() {
            if digits < 9 {
                nano = nano * 10 + i32::from(digit);
                digits += 1;
            }
        }
        (digits > 0).then(|| (digits..9).fold(nano, |nano, _| nano * 10))
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Option<i32> {
        if self.word(b"Z") || self.word(b"UTC") || self.word(b"GMT") {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2..=2)?;
        let colon = self.one_of(b":").is_some();
        let minutes = match self.number(2..=2) {
            Some(minutes) => minutes,
            None if colon => return None,
            None => 0,
        };
        let plausible = hours < 24 && minutes < 60;
        plausible.then(|| i32::try_from((hours * 60 + minutes) * 60).ok())?.map(|all| sign * all)
    }

    fn month(&mut self) -> Option<i64> {
        const MONTHS: [&[u8]; 12] = [
            b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
            b"Dec",
        ];
        MONTHS.iter().zip(1..).find(|(name, _)| self.word(name)).map(|(_, number)| number)
    }

    #[inline]
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let mut value = 0;
        let mut count = 0;
        while count < *digits.end()
            && let Some(digit) = self.digit()
        {
            value = value * 10 + i64::from(digit);
            count += 1;
        }
        digits.contains(&count).then_some(value)
    }

    #[inline]
    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.wrapping_sub(b'0');
        (digit < 10).then(|| {
            self.0 = rest;
            digit
        })
    }

    #[inline]
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Two digits are of the years around the turn of the century.
    fn year(&mut self) -> Option<i64> {
        if Text(self.0).number(4..=4).is_some() {
            return self.number(4..=4);
        }
        let year = self.number(2..=2)?;
        Some(if year < 70 { 2000 + year } else { 1900 + year })
    }

    fn skip(&mut self, unwanted: u8) {
        while self.one_of(&[unwanted]).is_some() {}
    }

    /// Takes `word`, in any case, if it is next.
    fn word(&mut self, word: &[u8]) -> bool {
        let Some((head, rest)) = self.0.split_at_checked(word.len()) else { return false };
        let is_next = head.eq_ignore_ascii_case(word);
        if is_next {
            self.0 = rest;
        }
        is_next
    }

    fn ended(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
    use proptest::prelude::*;

    fn wall(text: &str) -> Option<Wall> {
        let at: Timestamp = text.parse().unwrap();
        i64::try_from(at.as_nanosecond()).ok().map(Wall)
    }

    #[test]
    fn every_notation_of_one_moment_is_the_same_moment() {
        let moment = wall("2026-11-20T15:11:17Z");
        for text in [
            "2026-11-20T15:11:17Z",
            "2026-11-20t15:11:17z",
            "2026-11-20 15:11:17 UTC",
            "2026-11-20_15:11:17.000Z",
            "2026-11-20T16:11:17+01:00",
            "2026-11-20T16:11:17+0100",
            "2026-11-20T16:11:17+01",
            "2026-11-21T05:11:17+14:00",
            "2026-11-20T09:41:17-05:30",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), moment, "{text}");
        }
        assert_eq!(http_date(b"Fri, 20 Nov 2026 15:11:17 GMT"), moment);
        assert_eq!(http_date(b"20-Nov-2026 15:11:17 UTC"), moment);
        assert_eq!(http_date(b"Friday, 20-Nov-26 15:11:17 GMT"), moment);
        assert_eq!(http_date(b"Fri Nov 20 15:11:17 2026"), moment);
        let old = rfc3339(b"1994-11-06T08:49:37Z");
        assert_eq!(http_date(b"Sunday, 06-Nov-94 08:49:37 GMT"), old);
        assert_eq!(http_date(b"Sun Nov  6 08:49:37 1994"), old);
        for wrong in
            ["Fri Nov 20 15:11:17 26", "Fri Nov 20 15:11:17 2026 x", "20 Nov 26 15:11:17 GMT"]
        {
            assert_eq!(http_date(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(clf(b"20/Nov/2026:16:11:17 +0100"), moment);
        assert_eq!(js_date(b"Fri Nov 20 2026 16:11:17 GMT+0100 (Central European Time)"), moment);
        for text in [
            "1795187477",
            "1795187477000",
            "1795187477000000",
            "1795187477000000000",
            "1795187477.000",
            "1.795187477e9",
        ] {
            assert_eq!(epoch(text.as_bytes()), moment, "{text}");
        }
        for text in ["2026-11-20 15:11:17", "2026/11/20 15:11:17", "2026-11-20T15:11:17,000"] {
            assert_eq!(civil(text.as_bytes()).map(Civil::utc), moment, "{text}");
            assert_eq!(rfc3339(text.as_bytes()), None, "{text} has no zone");
        }
        assert_eq!(civil(b"2026-11-20 15:11:17Z"), None);
    }

    #[test]
    fn fractions_keep_nanoseconds() {
        for (text, same) in [
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
            ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.5Z"),
            ("2026-01-02T03:04:05.9999999999999Z", "2026-01-02T03:04:05.999999999Z"),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), wall(same), "{text}");
        }
        assert_eq!(epoch(b"1795187236.293488"), wall("2026-11-20T15:07:16.293488Z"));
        assert_eq!(epoch(b"1795187236293.5"), wall("2026-11-20T15:07:16.2935Z"));
    }

    #[test]
    fn impossible_and_implausible_times_are_refused() {
        for text in [
            "0000-00-00T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "2101-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-12-31T23:59:60Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T03:60:05Z",
            "2026-01-02T03:04:05+99:99",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+01:",
            "2026-03-29T02:30:00 Europe/Berlin",
            "2026-01-02T03:04:05.Z",
            "2026-1-2T03:04:05Z",
            "2026-01/02T03:04:05Z",
            "2026-01-02T03:04:05ZZ",
            "2026-01-02",
            "",
            "now",
            "\0",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
        for text in [
            "-1",
            "0",
            "1e308",
            "1e999",
            "NaN",
            "9223372036854775807",
            "1767323045000000000000",
            "17951874",
            "",
            "1795187477s",
        ] {
            assert_eq!(epoch(text.as_bytes()), None, "{text}");
        }
        for text in [
            "Fri, 30 Feb 2026 00:00:00 GMT",
            "Fri, 20 Foo 2026 15:11:17 GMT",
            "Fri, 20 Nov 2026 15:11:17",
            "Fri,",
            ",",
        ] {
            assert_eq!(http_date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_whole_or_not_at_all() {
        const S: i64 = NANOS_PER_S;
        for (text, nanos) in [
            ("0s", 0),
            ("1m", 60 * S),
            ("1ms", 1_000_000),
            ("120MS", 120_000_000),
            ("1m26.4s", 86 * S + 400_000_000),
            ("17.399999999s", 17_399_999_999),
            ("782.333333ms", 782_333_333),
            ("83h10m39.057s", (83 * 3600 + 10 * 60 + 39) * S + 57_000_000),
            ("1d2h", 26 * 3600 * S),
            ("59.214µs", 59_214),
            ("59.214μs", 59_214),
            ("5us", 5_000),
            ("7ns", 7),
            ("-1.5s", -1_500_000_000),
            (".5s", 500_000_000),
            ("0.1234567891234567891234567s", 123_456_789),
        ] {
            assert_eq!(go_duration(text.as_bytes()), Some(nanos), "{text}");
        }
        for text in [
            "",
            "1",
            "0",
            "s",
            "1x",
            "1m26",
            "1m ",
            " 1m",
            "1 m",
            "1.2.3s",
            ".s",
            "-",
            "1e3s",
            "9999999999h",
            "1mm",
            "m1",
        ] {
            assert_eq!(go_duration(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn points_agree_with_jiff(seconds in 946_684_800_i64..4_133_980_800, nano in 0_i32..1_000_000_000, offset in -23 * 60..23 * 60_i32) {
            let at = Timestamp::new(seconds, nano).unwrap();
            let expected = Some(Wall(i64::try_from(at.as_nanosecond()).unwrap()));
            prop_assert_eq!(rfc3339(at.to_string().as_bytes()), expected);
            let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(offset * 60).unwrap());
            let local = at.to_zoned(zone);
            let text = local.strftime("%Y-%m-%dT%H:%M:%S.%f%:z").to_string();
            if (2000..=2100).contains(&local.year()) {
                prop_assert_eq!(rfc3339(text.as_bytes()), expected, "{}", text);
            }
            let whole = Some(Wall(seconds * NANOS_PER_S));
            prop_assert_eq!(clf(at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string().as_bytes()), whole);
            prop_assert_eq!(http_date(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().as_bytes()), whole);
            prop_assert_eq!(epoch(format!("{seconds}.{nano:09}").as_bytes()), expected);
        }

        #[test]
        fn any_date_is_valid_exactly_when_jiff_says_so(year in 2000_i64..=2100, month in 0_i64..15, day in 0_i64..34) {
            let text = format!("{year:04}-{month:02}-{day:02}T12:00:00");
            prop_assert_eq!(civil(text.as_bytes()).is_some(), text.parse::<DateTime>().is_ok());
        }

        #[test]
        fn noise_never_panics(text in "[-+0-9TtZz:./, a-zµ]{0,40}") {
            let raw = text.as_bytes();
            let _ = (rfc3339(raw), civil(raw), http_date(raw), clf(raw), js_date(raw), epoch(raw), go_duration(raw));
        }
    }
}
