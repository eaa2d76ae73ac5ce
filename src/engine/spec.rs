//! What the engine is told at start: caps and tuning.

use std::time::Duration;

use crate::domain::NanoUsd;
use crate::domain::limit::words;
use crate::rules::Match;

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
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_age: Duration::from_secs(120), silent_after: Duration::from_secs(300) }
    }
}
