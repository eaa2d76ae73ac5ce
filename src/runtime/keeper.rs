//! What the engine thread knows of the ledger: when to hand over what was
//! counted, and how far behind the ledger is. It never waits for it: while a
//! commit is on its way, the engine's deltas go on adding up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::aside;
use super::clock::Clock;
use super::ledger::Word;
use crate::domain::{Commit, Mono, Stamp, Standing, Wall};
use crate::engine::{Engine, Event, EventKind, LedgerStatus, LedgerUse};
use crate::ledger::Committed;

/// Shortest time between two commits.
const EVERY: Duration = Duration::from_millis(250);
/// Events that wait for a commit; the oldest go first.
const HISTORY: usize = 4096;
/// How long the end waits for the last commit, and the one before it: a busy disk takes
/// more than a second, and whoever stops a program waits longer than this.
const FAREWELL: Duration = Duration::from_secs(3);

/// Said of sums that do not fit, always in the same words: then it is one finding.
const REFUSED: &str = "what some calls add up to is too large for the ledger: it is kept apart, in \
                       its table `refused`, and will not be in the totals of later runs; a log or a \
                       price is wrong";

/// Said of a file that was damaged while it is in use, always in the same words.
const BROKEN: &str = "the ledger is damaged and keeps nothing more: do not restart, what is in \
                      memory is right; first save `tripline status --json` and copy ledger.db with \
                      its -wal and -shm: the next start sets it aside and counts again only what \
                      the logs still hold";

/// The engine thread's end of the ledger.
pub struct Keeper {
    /// What the ledger's thread answers.
    pub words: Receiver<Word>,
    commits: Sender<Commit>,
    path: Arc<str>,
    history: Vec<(Wall, String)>,
    due: Mono,
    /// When the oldest thing happened that is on its way, and that waits here.
    under_way: Option<Mono>,
    waiting: Option<Mono>,
    problem: Option<String>,
    /// Dropped to tell the ledger's thread that nothing more comes.
    _alive: Sender<Infallible>,
}

impl Keeper {
    /// A ledger at `path`, behind these channels.
    pub fn new(
        path: Arc<str>,
        commits: Sender<Commit>,
        words: Receiver<Word>,
        alive: Sender<Infallible>,
    ) -> Keeper {
        Keeper {
            words,
            commits,
            path,
            history: Vec::new(),
            due: Mono(0),
            under_way: None,
            waiting: None,
            problem: None,
            _alive: alive,
        }
    }

    /// Hand over what is there, if it is time and the ledger is free. Answers
    /// when to come again, if that is known.
    pub fn turn(&mut self, engine: &mut Engine, now: Stamp) -> Option<Mono> {
        if self.waiting.is_none() && (engine.has_deltas(now.mono) || !self.history.is_empty()) {
            self.waiting = Some(now.mono);
        }
        if self.under_way.is_none() && now.mono >= self.due && self.waiting.is_some() {
            let commit = self.gather(engine, now);
            // Not full, for nothing is under way; and an end is heard of otherwise.
            let _ = self.commits.try_send(commit);
            self.under_way = self.waiting.take();
            self.due = now.mono.plus(EVERY);
        }
        engine.set_ledger(self.status());
        self.waiting.filter(|_| self.under_way.is_none()).map(|_| self.due)
    }

    /// Take in what became of a commit.
    pub fn hear(&mut self, word: Word, engine: &mut Engine, now: Stamp) {
        match word {
            Word::Kept(kept) => {
                self.under_way = None;
                self.problem = None;
                engine.unsay("ledger_broken", BROKEN);
                let (trouble, refused) = match kept {
                    Committed::Kept => (None, 0),
                    Committed::KeptBut { refused } => (None, refused),
                    Committed::KeptAfter { trouble, refused } => (Some(trouble), refused),
                };
                if refused > 0 {
                    engine.alarm("ledger_refused", REFUSED, now);
                }
                if let Some(trouble) = trouble {
                    let text = format!("the ledger was reopened: {trouble}");
                    engine.report("ledger_disk", &text, now);
                }
            }
            Word::Failed(why) => {
                if self.problem.as_ref() != Some(&why) {
                    let text = format!("the ledger is behind: {why}");
                    engine.report("ledger_behind", &text, now);
                }
                self.problem = Some(why);
            }
            Word::Broken(why) => {
                if self.problem.as_ref() != Some(&why) {
                    engine.alarm("ledger_broken", BROKEN, now);
                }
                self.problem = Some(why);
            }
            Word::Seen(file) => aside::seen(&file, engine),
        }
    }

    /// Remember what happened.
    pub fn remember(&mut self, event: &Event) {
        let lasting = !matches!(
            event.kind,
            EventKind::AlertPending | EventKind::LimitExhausted | EventKind::LimitReset
        );
        if let Some(json) = serde_json::to_string(event).ok().filter(|_| lasting) {
            if self.history.len() == HISTORY {
                self.history.remove(0);
            }
            self.history.push((event.at, json));
        }
    }

    /// Hand over the rest, and wait a moment for what becomes of it: what is not
    /// kept in the end is read again by the next run. The ledger's thread ends
    /// when it has it.
    pub fn finish(mut self, engine: &mut Engine, clock: Clock) {
        let deadline = clock.now().mono.plus(FAREWELL);
        engine.say_what_stands();
        loop {
            let now = clock.now();
            self.due = now.mono;
            self.turn(engine, now);
            if self.under_way.is_none() {
                return;
            }
            let left = deadline.since(now.mono);
            let Ok(word) = self.words.recv_timeout(left) else { return };
            self.hear(word, engine, now);
        }
    }

    /// There is no ledger any more.
    pub fn lost(mut self, engine: &mut Engine) {
        self.problem = Some("its thread has ended; this is a defect".into());
        engine.set_ledger(self.status());
    }

    fn status(&self) -> LedgerStatus {
        LedgerStatus {
            path: Arc::clone(&self.path),
            use_of: LedgerUse::Kept,
            behind_since: self.under_way.or(self.waiting),
            problem: self.problem.clone(),
        }
    }

    fn gather(&mut self, engine: &mut Engine, now: Stamp) -> Commit {
        let mut commit = engine.take_commit(now);
        commit.history = std::mem::take(&mut self.history);
        commit.standing = engine.take_standing(now).map(|all| Standing {
            at: now.wall,
            items: all.iter().filter_map(|one| serde_json::to_string(one).ok()).collect(),
        });
        commit
    }
}
