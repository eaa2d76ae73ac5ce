//! Things a person should know that are not alerts: said once, then counted.

use std::sync::Arc;

use super::effect::{Event, EventKind};
use crate::domain::Wall;
use crate::rules::Severity;

/// Findings kept; the oldest goes first.
const KEPT: usize = 64;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One stable word.
    pub kind: &'static str,
    /// When it was last found.
    pub at: Wall,
    /// How bad it is, where that is not left to the reader.
    pub severity: Option<Severity>,
    /// One sentence.
    pub text: Arc<str>,
    /// How often.
    pub count: u64,
}

/// All findings, newest last.
#[derive(Debug, Default)]
pub struct Findings {
    rows: Vec<Finding>,
    untold: Vec<Event>,
}

impl Findings {
    /// Note a finding. Answers whether it is a new one.
    pub fn note(&mut self, kind: &'static str, at: Wall, text: &str) -> bool {
        self.add(kind, None, at, text)
    }

    /// Note a finding that is critical.
    pub fn alarm(&mut self, kind: &'static str, at: Wall, text: &str) {
        self.add(kind, Some(Severity::Critical), at, text);
    }

    /// New findings since this was last asked, as events.
    pub fn take_events(&mut self) -> impl Iterator<Item = Event> {
        self.untold.drain(..)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn rows(&self) -> &[Finding] {
        &self.rows
    }

    fn add(
        &mut self,
        kind: &'static str,
        severity: Option<Severity>,
        at: Wall,
        text: &str,
    ) -> bool {
        if let Some(row) = self.rows.iter_mut().find(|f| f.kind == kind && *f.text == *text) {
            row.count += 1;
            row.at = at;
            return false;
        }
        if self.rows.len() == KEPT {
            self.rows.remove(0);
        }
        self.rows.push(Finding { kind, severity, at, text: Arc::from(text), count: 1 });
        let mut event = Event::new(at, EventKind::Finding, text.to_owned());
        event.labels.insert("kind", kind.into());
        event.severity = severity;
        self.untold.push(event);
        true
    }
}
