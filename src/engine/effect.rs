//! What the engine wants done. Effects are values: the engine never does them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::Wall;
use crate::rules::Severity;

/// Labels of a series, by name.
pub type Labels = BTreeMap<&'static str, Arc<str>>;

/// Something to be carried out, in order, kills first.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Trip a kill switch, if it is armed.
    Trip {
        /// Scope, e.g. `model/openai/gpt-4o`.
        scope: String,
        /// The rule that asks.
        rule: Arc<str>,
        /// Why, in words.
        reason: String,
    },
    /// Something worth telling viewers and scripts.
    Event(Event),
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words say it")]
pub enum EventKind {
    AlertPending,
    AlertFiring,
    AlertResolved,
    SwitchTripped,
    SwitchReset,
    SwitchObeyed,
    LimitExhausted,
    LimitReset,
    SourceStale,
    Finding,
}

impl EventKind {
    /// The word in `tripline.event/v1`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            EventKind::AlertPending => "alert.pending",
            EventKind::AlertFiring => "alert.firing",
            EventKind::AlertResolved => "alert.resolved",
            EventKind::SwitchTripped => "switch.tripped",
            EventKind::SwitchReset => "switch.reset",
            EventKind::SwitchObeyed => "switch.obeyed",
            EventKind::LimitExhausted => "limit.exhausted",
            EventKind::LimitReset => "limit.reset",
            EventKind::SourceStale => "source.stale",
            EventKind::Finding => "finding",
        }
    }
}

/// One line of `watch --ndjson` and `replay --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    schema: &'static str,
    /// When.
    pub at: Wall,
    /// What.
    #[serde(rename = "event")]
    pub kind: EventKind,
    /// The rule, for alerts and automatic trips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// How bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What it is about.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    /// The value that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What it crossed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The kill switch scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What would have been done, in a replay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would: Vec<String>,
    /// One sentence.
    pub summary: String,
}

/// Why a trip that a rule asked for was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Withheld {
    /// Rules may not trip.
    Disarmed,
    /// It could not be done.
    Failed,
    /// What it is about has no such name.
    Nameless,
    /// It could not be done, but a wider stop that stands stops the same.
    Covered,
    /// This process only looks.
    Looking,
}

impl Event {
    /// An event of which only the kind and a sentence are known yet.
    #[must_use]
    pub fn new(at: Wall, kind: EventKind, summary: String) -> Event {
        Event {
            schema: "tripline.event/v1",
            at,
            kind,
            rule: None,
            severity: None,
            labels: Labels::new(),
            value: None,
            threshold: None,
            scope: None,
            by: None,
            would: Vec::new(),
            summary,
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
