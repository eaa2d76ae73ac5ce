//! What the engine is told at start: caps, rules and tuning.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::limit::words;
use crate::domain::{NanoUsd, Wall};
use crate::rules::{Match, RuleSpec};

/// The period over which a cap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Period {
    Day,
    Month,
}

words!(Period { Day = "day", Month = "month" });

/// A spend cap.
#[derive(Clone, Debug, PartialEq)]
pub struct CapSpec {
    /// Unique name.
    pub name: String,
    /// What it covers: labels `provider`, `model`, `key`, `team`, `environment`. Empty is everything.
    pub matches: Match,
    /// Over which period.
    pub period: Period,
    /// How much.
    pub cap: NanoUsd,
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
    /// Zone in which days and months begin.
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
