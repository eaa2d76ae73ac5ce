//! A scope of the kill switch as every viewer gets it: what stands, who made it, and what
//! the logs prove of each host.

use serde::Serialize;

use super::Text;

/// Lines of calls at once come in any order: what is newer than this says nothing of them.
const A_WHILE_S: f64 = 5.0;

/// A kill switch scope.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Switch {
    /// The scope, e.g. `all` or `model/openai/gpt-4o`.
    pub name: Text,
    pub path: Text,
    pub scope: Text,
    /// `disarmed`, `armed`, `tripped` or `unknown`.
    pub state: &'static str,
    /// Whether rules of the process that watches may trip; of a tripped one its state does
    /// not say it, and of one that others may trip neither. Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub armed: Option<bool>,
    /// A stop was asked for and could not be made: the traffic passes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Text>,
    /// When its kill file was made again, if somebody had removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_again_at: Option<Text>,
    /// Seconds since `since`; for the screen only.
    #[serde(skip)]
    pub since_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<f64>,
    /// From when on this process saw what hosts do about it, where it stood before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched_from: Option<Text>,
    pub hosts: Vec<SwitchHost>,
    /// Why it can't be armed or read, where it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Text>,
}

/// Whether one host obeys a trip.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct SwitchHost {
    pub host: Text,
    /// Nothing was heard of it since, though it sent such calls before.
    pub silent: bool,
    /// Absent until there is evidence either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obeyed: Option<bool>,
    /// Calls that started after the trip and were let through. Must be 0.
    pub started_after_trip: u64,
    /// Calls refused because of the switch since the trip: the proof.
    pub refused: u64,
    /// Calls refused by another switch that covers them too: no proof of this one.
    pub refused_by_another: u64,
    /// The stop that the last of those names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_stop: Option<Text>,
    /// How long ago the last call ended that should not have passed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_passed_s: Option<f64>,
    /// Whether calls are refused since; for the screen only.
    #[serde(skip)]
    pub refuses_since: bool,
    /// Calls that ended after the trip but are known to have started before it.
    pub draining: u64,
    /// Calls that passed after the trip and whose start the log does not tell: while
    /// there are any, nothing is proven.
    pub start_unknown: u64,
}

impl SwitchHost {
    /// For how many seconds none has passed, where some did and calls are refused since:
    /// from silence alone nothing follows.
    #[must_use]
    pub fn none_passed_for(&self, elapsed_s: f64) -> Option<f64> {
        let for_s = self.last_passed_s.filter(|_| self.refuses_since)? + elapsed_s;
        Some(for_s).filter(|for_s| *for_s >= A_WHILE_S)
    }
}
