//! Things a person should know that are not alerts: said once, then counted.

use std::sync::Arc;

use super::Engine;
use super::effect::{Event, EventKind};
use super::losses::Loss;
use crate::domain::{Stamp, Wall};
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
    /// Whether only an earlier run has found it.
    recalled: bool,
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

    /// Know again what an earlier run has found, and told.
    pub fn recall(&mut self, loss: &Loss) {
        match self.find(loss.kind, &loss.text) {
            Some(row) => (row.count, row.at) = (row.count + 1, row.at.max(loss.at)),
            None => self.push(Finding {
                kind: loss.kind,
                at: loss.at,
                severity: loss.severity,
                text: Arc::from(&*loss.text),
                count: 1,
                recalled: true,
            }),
        }
    }

    /// It is so no more.
    pub fn unsay(&mut self, kind: &'static str, text: &str) {
        self.rows.retain(|row| row.kind != kind || *row.text != *text);
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
        if let Some(row) = self.find(kind, text) {
            row.count += 1;
            row.at = at;
            // What happens again in another run is told again.
            if !std::mem::take(&mut row.recalled) {
                return false;
            }
        } else {
            let (text, count) = (Arc::from(text), 1);
            self.push(Finding { kind, at, severity, text, count, recalled: false });
        }
        let mut event = Event::new(at, EventKind::Finding, text.to_owned());
        event.labels.insert("kind", kind.into());
        event.severity = severity;
        self.untold.push(event);
        true
    }

    fn find(&mut self, kind: &str, text: &str) -> Option<&mut Finding> {
        self.rows.iter_mut().find(|row| row.kind == kind && *row.text == *text)
    }

    fn push(&mut self, row: Finding) {
        if self.rows.len() == KEPT {
            self.rows.remove(0);
        }
        self.rows.push(row);
    }
}

impl Engine {
    /// Note something that a person should know.
    pub fn report(&mut self, kind: &'static str, text: &str, now: Stamp) {
        self.findings.note(kind, now.wall, text);
    }

    /// Note something that a person must know at once.
    pub fn alarm(&mut self, kind: &'static str, text: &str, now: Stamp) {
        self.findings.alarm(kind, now.wall, text);
    }

    /// What was noted like this is not so any more.
    pub fn unsay(&mut self, kind: &'static str, text: &str) {
        self.findings.unsay(kind, text);
    }
}
