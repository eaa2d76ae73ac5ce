//! What an earlier run left, taken over by a fresh engine: totals, counters of
//! sources, calls seen, and what the caps of the present period have spent.
//! Rates and percentiles start anew: nothing in here is fresh, so nothing in
//! here can trip anything.

use super::spend::Sums;
use super::{Engine, bills};
use crate::domain::{
    Bucket, BucketId, Dimension, Request, SeenCall, SourceCounters, SourceId, Stamp, Wall,
};

/// A stretch of time over which spend is asked for: from a moment on, and up to
/// another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Its beginning.
    pub from: Wall,
    /// Its end, where it has one.
    pub to: Option<Wall>,
    /// Where it is asked for step by step.
    pub steps: Option<Steps>,
    /// What for.
    pub need: Need,
}

/// Steps of the clock, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Steps {
    /// How many minutes a step has.
    pub minutes: u32,
    /// So many steps with spend are wanted, even if they lie before the stretch.
    pub least: usize,
}

/// What spend is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// It counts.
    Now,
    /// It counts when a clock is set that is wrong now.
    Perhaps,
}

/// What is known from earlier runs.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Everything ever counted.
    pub totals: Bucket,
    /// Counters of the sources that are still there.
    pub sources: Vec<(SourceId, SourceCounters)>,
    /// Counters of all those that are not.
    pub gone: SourceCounters,
    /// Calls seen, oldest first.
    pub seen: Vec<SeenCall>,
    /// When the oldest spend was that is still known by the day.
    pub since: Option<Wall>,
    /// Spend by caller in each of [`Engine::stretches`]. Minutes matter only where
    /// a stretch has steps: each is the first of its step. Parts of the same bucket
    /// add up.
    pub spent: Vec<(Stretch, Vec<(BucketId, Bucket)>)>,
}

impl Engine {
    /// The stretches of which the caps, and what is compared with bills, need to
    /// know what was spent. `known` are moments around which something was, the
    /// newest first: if the clock is wrong now, it may be set to there.
    #[must_use]
    pub fn stretches(&self, now: Stamp, known: &[Wall]) -> Vec<Stretch> {
        let mut stretches = self.caps.stretches(known);
        stretches.push(bills::stretch(now.wall));
        stretches
    }

    /// The dimensions in which every name of a stretch matters, because caps count
    /// for each.
    #[must_use]
    pub fn each(&self, stretch: &Stretch, now: Stamp) -> Vec<Dimension> {
        if *stretch == bills::stretch(now.wall) {
            return bills::BY.into();
        }
        self.caps.each(stretch)
    }

    /// Go on where an earlier run ended. To be called once, on a fresh engine.
    pub fn restore(&mut self, restored: &Restored, now: Stamp) {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let totals = &restored.totals;
        self.totals.requests += count(totals.requests);
        self.totals.input_tokens += count(totals.input_tokens);
        self.totals.output_tokens += count(totals.output_tokens);
        self.totals.cost += totals.cost;
        self.totals.unpriced += count(totals.unpriced);
        for (id, counters) in &restored.sources {
            if let Some(row) = self.sources.get_mut(id.0 as usize) {
                row.restore(counters);
            }
        }
        self.gone = restored.gone;
        for call in &restored.seen {
            self.dedup.remember(call.fingerprint);
        }
        let days = bills::stretch(now.wall);
        for (stretch, parts) in &restored.spent {
            for (id, part) in parts {
                let caller = caller_of(id);
                if *stretch == days {
                    self.cells.add_to_day(&caller, id.begin(), &Sums::kept(part));
                }
                self.caps.restore(stretch, &caller, (id, part), now.wall);
            }
        }
        if let Some(since) = restored.since {
            self.bills.known_from(since);
        }
        self.watch_new_caps();
    }
}

/// A call as a bucket remembers it, to ask which caps cover it.
fn caller_of(id: &BucketId) -> Request {
    let mut request = Request::at(Wall::default());
    request.host = id.host;
    request.provider = id.provider;
    request.model = id.model;
    request.caller.key = id.key;
    request.caller.team = id.team;
    request.caller.user = id.user;
    request.caller.environment = id.environment;
    request
}
