//! What a ledger makes of commits, in memory: tests of the engine restart from it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use tripline::domain::{Bucket, BucketId, Commit, CountedCall, NanoUsd, Stamp, Sym, Wall};
use tripline::engine::spend::{Cap, View};
use tripline::engine::{Engine, Restored, Stretch};

/// What a ledger makes of commits.
#[derive(Default)]
pub struct Book {
    buckets: HashMap<BucketId, Bucket>,
    pub restored: Restored,
    pub offset: u64,
}

impl Book {
    pub fn take(&mut self, commit: Commit) {
        for (id, part) in commit.buckets {
            self.buckets.entry(id).or_default().add(&part);
            self.restored.totals.add(&part);
        }
        self.restored.seen.extend(commit.seen);
        for call in commit.replaceable {
            let print = |call: &CountedCall| call.request.dedup.map(|id| id.fingerprint);
            let same = |old: &&mut CountedCall| print(old) == print(&call);
            match self.restored.replaceable.iter_mut().find(same) {
                Some(old) => *old = call,
                None => self.restored.replaceable.push(call),
            }
        }
        if !commit.sources.is_empty() {
            self.restored.sources = commit.sources;
        }
        self.offset = commit.checkpoints.last().map_or(self.offset, |file| file.offset);
    }

    pub fn restore(&self, engine: &mut Engine, now: Stamp) {
        let mut restored = self.restored.clone();
        let mut known: Vec<Wall> = self.buckets.keys().map(BucketId::begin).collect();
        known.sort_unstable_by_key(|at| Reverse(*at));
        for stretch in engine.stretches(now, &known) {
            let Stretch { from, to, steps, .. } = stretch;
            let step = i64::from(steps.map_or(1, |steps| steps.minutes));
            let step_of = |id: &BucketId| id.minute.div_euclid(step) * step;
            let begin_of = |minute: i64| Wall::from_secs(minute * 60);
            let last: BTreeSet<i64> = self.buckets.keys().map(step_of).collect();
            let last =
                last.into_iter().rev().take(steps.map_or(0, |steps| steps.least)).next_back();
            let from = last.map_or(from, |last| from.min(begin_of(last)));
            let within = |id: &BucketId| {
                let minute = begin_of(step_of(id));
                minute >= from && to.is_none_or(|to| minute < to)
            };
            let parts = self.buckets.iter().filter(|(id, _)| within(id));
            let parts = parts.map(|(id, part)| (BucketId { minute: step_of(id), ..*id }, *part));
            restored.spent.push((stretch, parts.collect()));
        }
        engine.restore(&restored, now);
    }
}

/// By cap and whose it is: of rows for each name the order does not matter, and
/// neither do those in which there is nothing.
pub fn spent(engine: &Engine, now: Stamp) -> Vec<(String, Option<Sym>, NanoUsd, u64, u64)> {
    let known = engine.spend_known();
    let rows = engine.caps().iter().map(|cap| (cap, cap.view(now, known)));
    let rows = rows.filter(|(cap, view)| cap.of.is_none() || view.calls > 0);
    let row = |(cap, view): (&Cap, View)| {
        let of = cap.of.map(|(_, name)| name);
        (cap.spec.name.clone(), of, view.spent.unwrap_or_default(), view.calls, view.unpriced)
    };
    let mut rows: Vec<_> = rows.map(row).collect();
    rows.sort();
    rows
}
