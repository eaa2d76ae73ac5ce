//! What the engine is told at start: caps, rules and tuning.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::calendar::Span;
use crate::domain::{Dimension, NanoUsd, Wall};
use crate::rules::{Match, RuleSpec};

/// The period over which a cap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Period {
    Day,
    /// From Monday on.
    Week,
    Month,
    /// What was spent in the time just past.
    Rolling(Window),
}

/// The length of a rolling period: whole minutes, from an hour to 31 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    minutes: u32,
}

/// A spend cap.
#[derive(Clone, Debug, PartialEq)]
pub struct CapSpec {
    /// Unique name.
    pub name: String,
    /// What it covers, by the words of [`Dimension`]. Empty is everything.
    pub matches: Match,
    /// Counts for each name of this dimension by itself.
    pub each: Option<Dimension>,
    /// Over which period.
    pub period: Period,
    /// Where its days begin; in the zone of all where absent.
    pub zone: Option<TimeZone>,
    /// How much.
    pub cap: NanoUsd,
}

impl CapSpec {
    /// The first moment whose spend it counts now; days begin in `home` if it does not
    /// say where.
    #[must_use]
    pub fn counts_from(&self, now: Wall, home: &TimeZone) -> Wall {
        Span::around(self.period, now, self.zone.as_ref().unwrap_or(home)).start
    }
}

impl Period {
    /// Those of the calendar.
    pub const CALENDAR: [(&'static str, Period); 3] =
        [("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];
}

/// `day`, `week`, `month`, or the length of a rolling one: `24h`, `7d`, `90m`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day => f.write_str("day"),
            Period::Week => f.write_str("week"),
            Period::Month => f.write_str("month"),
            Period::Rolling(Window { minutes }) => match minutes {
                m if m % DAY == 0 && *m > DAY => write!(f, "{}d", m / DAY),
                m if m % HOUR == 0 => write!(f, "{}h", m / HOUR),
                m => write!(f, "{m}m"),
            },
        }
    }
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

impl Window {
    /// Of whole minutes, from an hour to 31 days; else `None`.
    #[must_use]
    pub fn new(span: Duration) -> Option<Window> {
        let minutes = u32::try_from(span.as_secs() / 60).ok()?;
        let whole = span == Duration::from_secs(u64::from(minutes) * 60);
        (whole && (HOUR..=31 * DAY).contains(&minutes)).then_some(Window { minutes })
    }

    /// How long it is.
    #[must_use]
    pub fn span(self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60)
    }

    /// Minutes that are forgotten together. Spend counts until all of its step is
    /// out of the window: for too long by at most a 48th of it, never too short.
    /// A ledger keeps such steps for as long as their windows reach.
    #[must_use]
    pub fn step_minutes(self) -> u32 {
        match self.minutes {
            0..=720 => 1,
            721..=10_080 => 15,
            _ => 60,
        }
    }
}

/// Tuning that has a documented default.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Observations older than this never trip a switch.
    pub max_age: Duration,
    /// A source without a line for this long is silent.
    pub silent_after: Duration,
    /// A call that started this much after a trip and was let through was
    /// started after it, whatever the clocks' disagreement.
    pub obey_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_age: Duration::from_secs(120),
            silent_after: Duration::from_secs(300),
            obey_grace: Duration::from_secs(1),
        }
    }
}

/// Everything the engine is told.
#[derive(Clone, Debug)]
pub struct EngineSpec {
    /// When the prices in use were collected, where that is known.
    pub prices_of: Option<Wall>,
    /// Spend caps.
    pub caps: Vec<CapSpec>,
    /// Rules, built-in ones included.
    pub rules: Vec<RuleSpec>,
    /// Tuning.
    pub limits: Limits,
    /// Zone in which days, weeks and months begin, where a cap names no other.
    pub timezone: TimeZone,
    /// Names of the sources, by [`SourceId`](crate::domain::SourceId).
    pub sources: Vec<SourceName>,
}

/// How a source is called, and what kind it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceName {
    /// Its name.
    pub name: String,
    /// `file`, `stdin`, `command`, `probe`, …
    pub kind: &'static str,
    /// How often it is asked; nothing where it speaks by itself. It is silent
    /// only from when it should have spoken again.
    pub every: Duration,
    /// How long it may say nothing; what holds for all where absent.
    pub silent_after: Option<Duration>,
    /// What its calls are.
    pub calls: Calls,
}

/// What becomes of the calls that a source tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// They are counted.
    #[default]
    Counted,
    /// Another source counts them: only limits are read.
    CountedElsewhere,
}
