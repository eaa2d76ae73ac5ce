//! Kill files that went away otherwise than by a reset here. A trip of ours is owed
//! until its file stands again or a reset is on record: it is not forgotten because
//! a directory could not be used at the moment.

use crate::action::switch::KillNote;

/// A trip whose kill file is gone although it was not reset here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// Its scope.
    pub scope: String,
    /// What it said, if it was one of ours. Whoever else made one may remove it.
    pub note: Option<KillNote>,
    /// How far the audit record went when the file still stood.
    pub mark: u64,
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
    vanished: Vanished,
    /// Somebody is looking whether it was reset.
    asked: bool,
    problem: Option<String>,
}

impl Gone {
    /// One more.
    pub fn add(&mut self, vanished: Vanished) {
        self.settle(&vanished.scope);
        self.rows.push(Row { vanished, asked: false, problem: None });
    }

    /// Those of which it is to be asked now whether they were reset.
    pub fn take_due(&mut self) -> Vec<Vanished> {
        let mut due = Vec::new();
        for row in self.rows.iter_mut().filter(|row| !row.asked) {
            due.push(row.vanished.clone());
            row.asked = true;
            row.vanished.told = Told::Again;
        }
        // What others made is told once.
        self.rows.retain(|row| row.vanished.note.is_some());
        due
    }

    /// What the file said that must be made again.
    pub fn note(&self, scope: &str) -> Option<KillNote> {
        self.rows.iter().find(|row| row.vanished.scope == scope)?.vanished.note.clone()
    }

    /// It stands again, or it was reset.
    pub fn settle(&mut self, scope: &str) {
        self.rows.retain(|row| row.vanished.scope != scope);
    }

    /// It could not be made again and stays owed. Answers whether that is news.
    pub fn stays(&mut self, scope: &str, why: &str) -> bool {
        let mut news = false;
        for row in self.rows.iter_mut().filter(|row| row.vanished.scope == scope) {
            row.asked = false;
            news |= row.problem.as_deref() != Some(why);
            row.problem = Some(why.to_owned());
        }
        news
    }

    /// Scopes that could not be stopped again, and why not.
    pub fn owed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().filter_map(|row| Some((&*row.vanished.scope, row.problem.as_deref()?)))
    }
}
