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

/// `Fri, 20 Nov 2026 15:11:17 GMT`, with or without the weekday.
#[must_use]
pub fn http_date(raw: &[u8]) -> Option<Wall> {
    let mut text = Text(raw);
    if let Some(comma) = raw.iter().position(|byte| *byte == b',') {
        text = Text(raw.get(comma + 1..)?);
        text.skip(b' ');
    }
    let day = text.number(1..=2)?;
    let separator = text.one_of(b" -")?;
    let month = text.month()?;
    text.one_of(&[separator])?;
    let year = text.number(4..=4)?;
    text.one_of(b" ")?;
    let time = text.time_of_day()?;
    text.one_of(b" ")?;
    let offset = text.offset()?;
    text.ended()?;
    Some(Civil::of(Date { year, month, day }, time)?.east_of_utc(offset))
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
