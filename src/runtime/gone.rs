//! Kill files that went away otherwise than by a reset. A trip of ours is owed until its
//! file stands again or its scope is reset: it is not forgotten because a directory could
//! not be used at the moment.

use std::time::Duration;

use crate::action::switch::{Entry, KillNote};
use crate::domain::Mono;

/// So long after an attempt to make a file again the next one is made.
const PAUSE: Duration = Duration::from_millis(500);

/// A trip whose kill file is gone although it was not reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// Its scope, or the name of its file where that tells none.
    pub scope: String,
    /// What it said, if it was one of ours. Whoever else made one may remove it.
    pub note: Option<KillNote>,
    /// Whether this is told for the first time.
    pub told: Told,
}

/// Whether it was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Told {
    First,
    Again,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Gone {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    stood: Entry,
    told: Told,
    /// When it is tried next.
    due: Mono,
    problem: Option<String>,
}

impl Row {
    fn is_of(&self, scope: &str) -> bool {
        self.stood.scope_or_file() == scope
    }

    fn note(&self) -> Option<KillNote> {
        // Under a name that stands for no scope nothing can be made again.
        let record = self.stood.scope.as_ref().and(self.stood.record())?;
        Some(KillNote {
            reason: record.reason.clone(),
            rule: record.rule.clone(),
            by: record.by.clone().unwrap_or_default(),
            host: record.host.clone().unwrap_or_default(),
            at: self.stood.since,
        })
    }
}

impl Gone {
    /// One more.
    pub fn add(&mut self, stood: Entry) {
        self.settle(&stood.scope_or_file());
        self.rows.push(Row { stood, told: Told::First, due: Mono(0), problem: None });
    }

    /// What is to be told, and to be made again where it is ours.
    pub fn take_due(&mut self, now: Mono) -> Vec<Vanished> {
        let mut due = Vec::new();
        self.rows.retain_mut(|row| {
            if now < row.due {
                return true;
            }
            row.due = now.plus(PAUSE);
            let (scope, note) = (row.stood.scope_or_file(), row.note());
            let stays = note.is_some();
            due.push(Vanished { scope, note, told: row.told });
            row.told = Told::Again;
            // What others made is told once.
            stays
        });
        due
    }

    /// What the file said that must be made again.
    pub fn note(&self, scope: &str) -> Option<KillNote> {
        self.rows.iter().find(|row| row.is_of(scope))?.note()
    }

    /// It stands again, or it was reset.
    pub fn settle(&mut self, scope: &str) {
        self.rows.retain(|row| !row.is_of(scope));
    }

    /// Those whose scope was reset since they stood, as `was_reset` tells, are not owed.
    /// Answers whether there was any.
    pub fn settle_reset(&mut self, was_reset: impl Fn(&Entry) -> bool) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !was_reset(&row.stood));
        self.rows.len() < before
    }

    /// It could not be made again and stays owed. Answers whether that is news.
    pub fn stays(&mut self, scope: &str, why: &str) -> bool {
        let mut news = false;
        for row in self.rows.iter_mut().filter(|row| row.is_of(scope)) {
            news |= row.problem.as_deref() != Some(why);
            row.problem = Some(why.to_owned());
        }
        news
    }

    /// Scopes that could not be stopped again, and why not.
    pub fn owed(&self) -> impl Iterator<Item = (String, &str)> {
        self.rows
            .iter()
            .filter_map(|row| Some((row.stood.scope_or_file(), row.problem.as_deref()?)))
    }
}
