//! What a rule says, validated: the shape the configuration builds and the
//! judge compiles.

use std::collections::BTreeMap;
use std::time::Duration;

use super::metric::Metric;
use crate::domain::limit::words;

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

words!(Severity { Info = "info", Warning = "warning", Critical = "critical" });

/// Which side of a threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Direction {
    Above,
    Below,
}

words!(Direction { Above = "above", Below = "below" });

impl Direction {
    /// Whether a value is on the bad side of a threshold.
    #[must_use]
    pub fn crosses(self, value: f64, threshold: f64) -> bool {
        match self {
            Direction::Above => value > threshold,
            Direction::Below => value < threshold,
        }
    }
}

/// A value that must not be crossed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The value.
    pub value: f64,
    /// Severity when it is crossed.
    pub severity: Severity,
}

/// What missing data means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum OnNoData {
    #[default]
    Unknown,
    Fire,
    Ok,
}

words!(OnNoData { Unknown = "unknown", Fire = "fire", Ok = "ok" });

/// What to do when a rule fires.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Trip a kill switch. The scope is literal (`all`, `model/openai/gpt-4o`) or one of
    /// `provider`, `model`, `key`, `env`: then it is taken from the alert's labels.
    Trip(String),
}

/// Label conditions: every named label must equal the value (`*` matches any that is present).
pub type Match = BTreeMap<String, String>;

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSpec {
    /// Unique name.
    pub name: String,
    /// What it watches.
    pub metric: Metric,
    /// Which series of it.
    pub matches: Match,
    /// Which side is bad.
    pub direction: Direction,
    /// Crossing values, mildest first. Usually one.
    pub thresholds: Vec<Threshold>,
    /// Value at which it clears; the (mildest) threshold if none is given.
    pub clear: Option<f64>,
    /// How long it must hold before it fires.
    pub hold: Duration,
    /// How long it keeps firing after it has cleared.
    pub keep_firing: Duration,
    /// What to do.
    pub actions: Vec<Action>,
    /// Evidence needed before it may fire, in calls of the last minute.
    pub min_requests: u64,
    /// Time after a resolve during which it does not act again.
    pub cooldown: Duration,
    /// What missing data means.
    pub on_no_data: OnNoData,
    /// Link shown with the alert.
    pub runbook: Option<String>,
    /// Whether it belongs to the built-in set.
    pub builtin: bool,
}
