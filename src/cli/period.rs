//! Stretches of time as people name them, and their days and months in a zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::args::Period as Typed;
use super::failure::{Failure, Kind};
use super::times;
use crate::domain::Wall;
use crate::domain::limit::words;

/// How long each row of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Every {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

words!(Every {
    Minute = "minute",
    Hour = "hour",
    Day = "day",
    Week = "week",
    Month = "month",
});

/// `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: Wall,
    /// The first moment behind it.
    pub to: Wall,
}

/// A moment and a zone, from which today, 7d and the like are counted.
#[derive(Clone, Debug)]
pub struct Here {
    /// Now.
    pub now: Wall,
    /// Where days begin.
    pub zone: TimeZone,
}

/// What a text can mean.
enum Meant {
    Day(Date),
    Moment(Wall),
}

impl Here {
    /// What was typed; this month up to now where nothing was.
    pub fn span(&self, typed: &Typed) -> Result<Span, Failure> {
        let from = match &typed.from {
            Some(text) => self.begin(text)?,
            None => self.month_begin(),
        };
        let to = match &typed.to {
            Some(text) => self.end(text)?,
            None => self.now,
        };
        if from < to {
            return Ok(Span { from, to });
        }
        Err(times::backwards(from, to))
    }

    /// Where a day or a moment begins.
    pub fn begin(&self, text: &str) -> Result<Wall, Failure> {
        match self.meant(text)? {
            Meant::Day(day) => self.midnight(day),
            Meant::Moment(at) => Ok(at),
        }
    }

    /// Where this month began.
    #[must_use]
    pub fn month_begin(&self) -> Wall {
        self.period(Every::Month, self.now).from
    }

    /// The minute, hour, day, … that a moment lies in. A minute where the
    /// calendar ends.
    #[must_use]
    pub fn period(&self, every: Every, at: Wall) -> Span {
        let fixed = |seconds: i64, shift_s: i64| {
            let nanos = seconds * 1_000_000_000;
            let into = at.0.saturating_add(shift_s * 1_000_000_000).rem_euclid(nanos);
            let from = Wall(at.0.saturating_sub(into));
            Span { from, to: Wall(from.0.saturating_add(nanos)) }
        };
        let Some(local) = self.zoned(at) else { return fixed(60, 0) };
        let date = local.date();
        let found = match every {
            Every::Minute => None,
            Every::Hour => return fixed(3600, i64::from(local.offset().seconds())),
            Every::Day => date.tomorrow().ok().map(|next| (date, next)),
            Every::Week => {
                let since = date.weekday().since(Weekday::Monday);
                let first = date.checked_sub(i64::from(since).days()).ok();
                first.and_then(|first| Some((first, first.checked_add(7.days()).ok()?)))
            }
            Every::Month => {
                let next = date.last_of_month().tomorrow().ok();
                next.map(|next| (date.first_of_month(), next))
            }
        };
        let span = |(first, next)| {
            Some(Span { from: self.midnight(first).ok()?, to: self.midnight(next).ok()? })
        };
        found.and_then(span).unwrap_or_else(|| fixed(60, 0))
    }

    /// A moment as people of this zone write it: `2026-11-20 14:03`.
    #[must_use]
    pub fn written(&self, at: Wall) -> String {
        let local = self.zoned(at).map(|local| local.strftime("%Y-%m-%d %H:%M").to_string());
        local.unwrap_or_else(|| at.rfc3339())
    }

    fn end(&self, text: &str) -> Result<Wall, Failure> {
        match self.meant(text)? {
            Meant::Day(day) => self.midnight(day.tomorrow().unwrap_or(day)),
            Meant::Moment(at) => Ok(at),
        }
    }

    fn meant(&self, text: &str) -> Result<Meant, Failure> {
        let today = self.zoned(self.now).map_or(Date::ZERO, |now| now.date());
        let ago = |days: i64| today.checked_sub(days.days()).ok();
        let days = text.strip_suffix('d').and_then(|n| n.parse::<u16>().ok()).map(i64::from);
        let day = match text {
            "today" => Some(today),
            "yesterday" => ago(1),
            _ => days.and_then(ago).or_else(|| plain_date(text)),
        };
        if let Some(day) = day {
            return Ok(Meant::Day(day));
        }
        times::moment(text).map(Meant::Moment).map_err(|_| {
            Failure::new(Kind::Usage, format!("'{text}' is no time"))
                .hint("write today, yesterday, 7d, 2026-11-20 or 2026-11-20T14:03:00Z")
        })
    }

    /// The first moment of a day: not always 00:00 where clocks go forward at midnight.
    fn midnight(&self, day: Date) -> Result<Wall, Failure> {
        let start = day.to_zoned(self.zone.clone()).and_then(|noon| noon.start_of_day()).ok();
        let nanos = start.map(|start| start.timestamp().as_nanosecond());
        nanos
            .and_then(|nanos| i64::try_from(nanos).ok())
            .map(Wall)
            .ok_or_else(|| Failure::new(Kind::Usage, format!("{day} is too far away")))
    }

    fn zoned(&self, at: Wall) -> Option<Zoned> {
        let at = Timestamp::from_nanosecond(at.0.into()).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}

impl Span {
    /// The periods in it, cut at both ends.
    pub fn each(self, here: &Here, every: Every) -> impl Iterator<Item = Span> {
        let mut from = self.from;
        std::iter::from_fn(move || {
            if from >= self.to {
                return None;
            }
            let to = here.period(every, from).to.min(self.to);
            let part = Span { from, to };
            from = to;
            Some(part)
        })
    }
}

/// `2026-11-20` and nothing behind it.
fn plain_date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(zone: &str, now: &str) -> Here {
        Here { now: times::moment(now).unwrap(), zone: TimeZone::get(zone).unwrap() }
    }

    fn typed(from: Option<&str>, to: Option<&str>) -> Typed {
        Typed { from: from.map(Into::into), to: to.map(Into::into) }
    }

    #[track_caller]
    fn check(here: &Here, from: Option<&str>, to: Option<&str>, expected: [&str; 2]) {
        let span = here.span(&typed(from, to)).unwrap();
        assert_eq!(
            [span.from.rfc3339(), span.to.rfc3339()],
            expected.map(|t| format!("{t}:00.000Z"))
        );
    }

    #[test]
    fn what_people_type_is_what_they_mean() {
        let berlin = here("Europe/Berlin", "2026-11-20T23:30:00Z");
        let now = "2026-11-20T23:30";
        check(&berlin, None, None, ["2026-10-31T23:00", now]);
        check(&berlin, Some("today"), None, ["2026-11-20T23:00", now]);
        check(
            &berlin,
            Some("yesterday"),
            Some("yesterday"),
            ["2026-11-19T23:00", "2026-11-20T23:00"],
        );
        check(&berlin, Some("7d"), Some("today"), ["2026-11-13T23:00", "2026-11-21T23:00"]);
        check(
            &berlin,
            Some("2026-03-29"),
            Some("2026-03-29"),
            ["2026-03-28T23:00", "2026-03-29T22:00"],
        );
        check(&berlin, Some("2026-03-29T10:00:00Z"), None, ["2026-03-29T10:00", now]);
        for wrong in ["tomorrow", "", "d", "-3d", "2026-13-01", "2026-11-20T14:03", "70000d"] {
            let refused = berlin.span(&typed(Some(wrong), None)).unwrap_err();
            assert_eq!(refused.kind, Kind::Usage, "{wrong}");
        }
        assert!(berlin.span(&typed(Some("today"), Some("yesterday"))).is_err());
    }

    #[test]
    fn periods_follow_the_zone_and_fill_the_span() {
        let span =
            |from, to| Span { from: times::moment(from).unwrap(), to: times::moment(to).unwrap() };
        let count = |zone, every, from, to| {
            let here = here(zone, "2026-11-20T00:00:00Z");
            let parts: Vec<Span> = span(from, to).each(&here, every).collect();
            let mut at = times::moment(from).unwrap();
            for part in &parts {
                assert!(part.from == at && part.to > at);
                at = part.to;
            }
            assert_eq!(at, times::moment(to).unwrap());
            parts.len()
        };
        let (march, april) = ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        assert_eq!(count("Europe/Berlin", Every::Month, march, april), 1);
        assert_eq!(count("UTC", Every::Month, march, april), 2);
        assert_eq!(count("Europe/Berlin", Every::Day, march, april), 31);
        assert_eq!(count("Europe/Berlin", Every::Hour, march, april), 31 * 24 - 1);
        // March 2026 begins on a Sunday.
        assert_eq!(count("Europe/Berlin", Every::Week, march, april), 6);
        // Hours begin at a half in India.
        assert_eq!(
            count("Asia/Kolkata", Every::Hour, "2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z"),
            3
        );
        assert_eq!(count("UTC", Every::Minute, "2026-11-20T00:00:30Z", "2026-11-20T00:02:00Z"), 2);
    }
}
