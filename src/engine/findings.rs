//! Things a person should know that are not alerts: said once, then counted.

use std::sync::Arc;

use super::Engine;
use super::effect::{Event, EventKind};
use super::losses::Loss;
use crate::domain::{Stamp, Wall};
use crate::rules::Severity;

/// Findings kept; of more the least severe goes, and of those the one not found for longest.
const KEPT: usize = 64;

/// Tells how many were dropped.
const DROPPED: &str = "findings_dropped";

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
        self.add(kind, None, at, text, 1)
    }

    /// Note a finding as bad as that.
    pub fn tell(&mut self, kind: &'static str, severity: Option<Severity>, at: Wall, text: &str) {
        self.add(kind, severity, at, text, 1);
    }

    /// Note something that is found more often than it is worth telling of.
    pub fn warn(&mut self, kind: &'static str, at: Wall, text: &str, times: u64) {
        self.add(kind, Some(Severity::Warning), at, text, times);
    }

    /// Note a finding that is critical.
    pub fn alarm(&mut self, kind: &'static str, at: Wall, text: &str) {
        self.add(kind, Some(Severity::Critical), at, text, 1);
    }

    /// Know again what an earlier run has found, and told.
    pub fn recall(&mut self, loss: &Loss) {
        if let Some(row) = self.find(loss.kind, &loss.text) {
            (row.count, row.at) = (row.count + 1, row.at.max(loss.at));
            return;
        }
        self.push(Finding {
            kind: loss.kind,
            at: loss.at,
            severity: loss.severity,
            text: Arc::from(&*loss.text),
            count: 1,
            recalled: true,
        });
    }

    /// Whether it is found already.
    #[must_use]
    pub fn has(&self, kind: &str, text: &str) -> bool {
        self.rows.iter().any(|row| row.kind == kind && *row.text == *text)
    }

    /// It is so no more.
    pub fn unsay(&mut self, kind: &'static str, text: &str) {
        self.rows.retain(|row| row.kind != kind || *row.text != *text);
    }

    /// Of those of a kind only what `still` is so.
    pub fn keep(&mut self, kind: &str, still: impl Fn(&str) -> bool) {
        self.rows.retain(|row| row.kind != kind || still(&row.text));
    }

    /// New findings since this was last asked, as events.
    pub fn take_events(&mut self) -> impl Iterator<Item = Event> {
        self.untold.drain(..)
    }

    /// All of them, oldest first; one of them tells how many others found no room.
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
        times: u64,
    ) -> bool {
        if let Some(row) = self.find(kind, text) {
            row.count += times;
            row.at = at;
            // What happens again in another run is told again.
            if !std::mem::take(&mut row.recalled) {
                return false;
            }
        } else {
            let (text, count) = (Arc::from(text), times);
            if !self.push(Finding { kind, at, severity, text, count, recalled: false }) {
                return false;
            }
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

    /// Answers whether it found room.
    fn push(&mut self, row: Finding) -> bool {
        let has_room = self.make_room(row.severity, row.at);
        if has_room {
            self.rows.push(row);
        }
        has_room
    }

    /// Drop what matters least, unless that is the new one. Answers whether there is room.
    fn make_room(&mut self, severity: Option<Severity>, at: Wall) -> bool {
        let others = || self.rows.iter().enumerate().filter(|(_, row)| row.kind != DROPPED);
        if others().count() < KEPT {
            return true;
        }
        let least = others().min_by_key(|(_, row)| (row.severity, row.at));
        let least = least.filter(|(_, row)| row.severity <= severity).map(|(index, _)| index);
        let has_room = least.map(|index| self.rows.remove(index)).is_some();
        let told = self.rows.iter_mut().find(|row| row.kind == DROPPED);
        if let Some(row) = told {
            row.count += 1;
            row.at = at;
        } else {
            let text = "findings that found no room, or that worse or newer ones took it from";
            self.rows.push(Finding {
                kind: DROPPED,
                at,
                severity: None,
                text: Arc::from(text),
                count: 1,
                recalled: false,
            });
        }
        has_room
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(findings: &Findings, kind: &str) -> Vec<(u64, String)> {
        let rows = findings.rows().iter().filter(|row| row.kind == kind);
        rows.map(|row| (row.count, row.text.to_string())).collect()
    }

    #[test]
    fn a_flood_pushes_out_the_least_severe_then_what_was_not_found_for_longest() {
        let mut findings = Findings::default();
        findings.alarm("ledger_lost", Wall(0), "it is");
        findings.warn("overflow", Wall(1), "often", 7);
        for number in 0..200_i64 {
            findings.note("limit_changed", Wall(2 + number), &number.to_string());
            findings.note("limit_changed", Wall(2 + number), "found again");
        }
        assert_eq!(found(&findings, "ledger_lost"), [(1, "it is".to_owned())]);
        assert_eq!(found(&findings, "overflow"), [(7, "often".to_owned())]);
        let changed = found(&findings, "limit_changed");
        assert_eq!((changed.len(), changed[0].1.as_str()), (62, "found again"));
        assert_eq!(changed[61].1, "199");
        assert_eq!(found(&findings, "findings_dropped")[0].0, 203 - 64);
        for number in 0..64 {
            findings.alarm("ledger_lost", Wall(0), &number.to_string());
        }
        findings.take_events().for_each(drop);
        findings.note("limit_changed", Wall(1000), "what nobody has room for");
        assert_eq!(found(&findings, "limit_changed"), [], "it is counted only");
        assert_eq!(findings.rows().len(), 65);
        assert_eq!(findings.take_events().count(), 0);
    }
}
