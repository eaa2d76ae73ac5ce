//! When the ledger lets go of what is old: once an hour, a step at a time, on its own
//! thread. Whether files are still there is looked for on another one, since a network's
//! file system may not answer for hours, and commits must not wait for it.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, never};

use crate::domain::{Mono, Stamp};
use crate::ledger::{Aged, Ledger, Place};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// What is to be let go of next, and when.
pub struct Ageing {
    due: Mono,
    /// When the next hour is over.
    hour: Mono,
    next: Next,
    /// What a look finds that is under way.
    looked: Option<Receiver<Vec<Place>>>,
}

enum Next {
    Sums,
    /// Places in files that are gone.
    Places(Vec<Place>),
}

impl Ageing {
    /// The first time is at once.
    pub fn new(now: Mono) -> Ageing {
        Ageing { due: now, hour: now, next: Next::Sums, looked: None }
    }

    /// When the next step is due.
    pub fn due(&self) -> Mono {
        self.due
    }

    /// Where a look says what it has found.
    pub fn looked(&self) -> Receiver<Vec<Place>> {
        self.looked.clone().unwrap_or_else(never)
    }

    /// One step. One that can't be done is tried again in an hour.
    pub fn turn(&mut self, ledger: &mut Ledger, now: Stamp) {
        let aged = match &self.next {
            Next::Sums => ledger.age(now.wall),
            Next::Places(gone) => ledger.forget(gone, now.wall),
        };
        if aged.unwrap_or_default() == Aged::More {
            self.due = now.mono;
            return;
        }
        if matches!(self.next, Next::Sums) {
            self.hour = now.mono.plus(EVERY);
            self.look(ledger);
        }
        self.next = Next::Sums;
        self.due = self.hour;
    }

    /// A look has ended; `None` if without an answer.
    pub fn found(&mut self, gone: Option<Vec<Place>>, now: Mono) {
        self.looked = None;
        if let Some(gone) = gone {
            self.next = Next::Places(gone);
            self.due = now;
        }
    }

    /// Look whether files are gone, unless the look before still waits for an answer.
    fn look(&mut self, ledger: &mut Ledger) {
        if self.looked.is_some() {
            return;
        }
        let Ok(places) = ledger.places() else { return };
        let (say, looked) = bounded(1);
        let look = move || {
            let gone = places.into_iter().filter(Place::is_gone).collect();
            // Nobody hears it after the end.
            let _ = say.send(gone);
        };
        let begun = thread::Builder::new().name("gone".into()).spawn(look);
        self.looked = begun.is_ok().then_some(looked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bucket, BucketId, Checkpoint, Commit, Generation, Names, Wall};
    use crate::ledger::{Committed, Holder, Setup};

    const DAY: i64 = 1440;
    /// 2026-11-20, in minutes.
    const START: i64 = 29_918_880;

    fn ledger(dir: &tempfile::TempDir) -> Ledger {
        let us = Holder { pid: 1, host: "h".into(), since: "then".into() };
        let names = Names::default();
        let state_dir = dir.path().join("state");
        Ledger::open(Setup { state_dir, us, names, sources: Vec::new() }, Wall(0)).unwrap().ledger
    }

    fn calls(ledger: &mut Ledger, days: std::ops::Range<i64>) {
        let id = |day| BucketId { minute: START + day * DAY, ..BucketId::default() };
        let one = Bucket { requests: 1, ..Bucket::default() };
        let buckets = days.map(|day| (id(day), one)).collect();
        let kept = ledger.commit(Commit { buckets, ..Commit::default() });
        assert_eq!(kept.unwrap(), Committed::Kept);
    }

    /// Minutes that are kept.
    fn minutes(ledger: &mut Ledger) -> usize {
        ledger.reader().unwrap().spent_by(1, Wall(0), 1).unwrap().len()
    }

    /// A clock that stands so many days after the start, and minutes into the run.
    fn at(days: u64, minutes: u64) -> Stamp {
        let wall = Wall::from_secs(START * 60).plus(Duration::from_secs(days * 86_400));
        Stamp { mono: Mono(7).plus(Duration::from_secs(minutes * 60)), wall }
    }

    /// All steps that are due by then.
    fn run(ageing: &mut Ageing, ledger: &mut Ledger, now: Stamp) {
        while ageing.due() <= now.mono {
            ageing.turn(ledger, now);
            if ageing.looked.is_some() {
                ageing.found(ageing.looked().recv().ok(), now.mono);
            }
        }
    }

    #[test]
    fn each_hour_of_a_run_lets_go_of_what_is_old_by_then() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(&dir);
        let mut ageing = Ageing::new(at(0, 0).mono);
        calls(&mut ledger, 0..9);
        run(&mut ageing, &mut ledger, at(8, 0));
        assert_eq!(minutes(&mut ledger), 9, "nothing is old");
        calls(&mut ledger, 9..13);
        run(&mut ageing, &mut ledger, at(12, 59));
        assert_eq!(minutes(&mut ledger), 13, "not yet");
        run(&mut ageing, &mut ledger, at(12, 60));
        assert_eq!(minutes(&mut ledger), 9);
        calls(&mut ledger, 13..15);
        run(&mut ageing, &mut ledger, at(14, 119));
        assert_eq!(minutes(&mut ledger), 11, "not yet");
        run(&mut ageing, &mut ledger, at(14, 500));
        assert_eq!(minutes(&mut ledger), 9);
        assert_eq!(ledger.reader().unwrap().totals().unwrap().requests, 15);
    }

    #[test]
    fn a_look_that_gets_no_answer_holds_up_nothing_and_is_not_begun_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(&dir);
        let file = Checkpoint {
            source: "gw".into(),
            path: dir.path().join("gone.log"),
            place: (1, 2),
            head: 0,
            head_len: 0,
            window: 0,
            window_len: 0,
            offset: 1,
            lines: 1,
            memo: String::new(),
            since: None,
            progress: Generation::Open,
        };
        let kept = ledger.commit(Commit { checkpoints: vec![file], ..Commit::default() });
        assert_eq!(kept.unwrap(), Committed::Kept);
        calls(&mut ledger, 0..9);
        let mut ageing = Ageing::new(at(0, 0).mono);
        ageing.turn(&mut ledger, at(8, 0));
        let (no_answer, looked) = bounded(1);
        ageing.looked = Some(looked);
        calls(&mut ledger, 9..13);
        ageing.turn(&mut ledger, at(12, 60));
        assert_eq!(minutes(&mut ledger), 9);
        assert!(ageing.looked().try_recv().is_err() && ageing.due() == at(0, 120).mono);
        // It answers at last: nothing is gone. From then on it is looked again.
        no_answer.send(Vec::new()).unwrap();
        ageing.found(ageing.looked().recv().ok(), at(12, 61).mono);
        let places = |ledger: &mut Ledger| ledger.places().unwrap().len();
        for (days, minutes, left) in [(12, 61, 1), (12, 180, 1), (80, 240, 0)] {
            run(&mut ageing, &mut ledger, at(days, minutes));
            assert_eq!(places(&mut ledger), left, "{days} days");
        }
    }
}
