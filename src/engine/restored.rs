//! What an earlier run left, taken over by a fresh engine: totals, counters of
//! sources, calls seen, and what the caps of the present period have spent.
//! Rates and percentiles start anew: nothing in here is fresh, so nothing in
//! here can trip anything.

use super::Engine;
use crate::domain::{Bucket, BucketId, Request, SeenCall, SourceCounters, SourceId, Stamp, Wall};

/// A stretch of time over which spend is asked for: from a moment on, and up to
/// another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Its beginning.
    pub from: Wall,
    /// Its end, where it has one.
    pub to: Option<Wall>,
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
    /// Spend by caller in each of [`Engine::stretches`]. Minutes and users do
    /// not matter here, and parts of the same bucket add up.
    pub spent: Vec<(Stretch, Vec<(BucketId, Bucket)>)>,
}

impl Engine {
    /// The stretches of which the caps need to know what was spent.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for cap in &self.caps {
            for stretch in cap.stretches() {
                if !stretches.contains(&stretch) {
                    stretches.push(stretch);
                }
            }
        }
        stretches
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
        for (stretch, parts) in &restored.spent {
            for (id, part) in parts {
                for position in self.cells.caps_of(&caller_of(id)) {
                    if let Some(cap) = self.caps.get_mut(usize::from(position)) {
                        cap.restore(stretch, part, now.wall);
                    }
                }
            }
        }
    }
}

/// A call as a bucket remembers it, to ask which caps cover it.
fn caller_of(id: &BucketId) -> Request {
    let mut request = Request::at(Wall::default());
    request.provider = id.provider;
    request.model = id.model;
    request.caller.key = id.key;
    request.caller.team = id.team;
    request.caller.user = id.user;
    request.caller.environment = id.environment;
    request
}
