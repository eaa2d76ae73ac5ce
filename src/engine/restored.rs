//! What an earlier run left, taken over by a fresh engine: totals, counters of
//! sources, calls seen, what the caps of the present period have spent, and how
//! fast, and what stood: alerts and stops. Rates and percentiles start anew: nothing
//! in here is fresh, so nothing in here can trip anything.

use super::losses::Loss;
use super::spend::Sums;
use super::standing::Standing;
use super::{Engine, bills, spend};
use crate::domain::time::NANOS_PER_S;
use crate::domain::{
    Bucket, BucketId, CountedCall, Dimension, Request, SeenCall, SourceCounters, SourceId, Stamp,
    Wall,
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
    /// Of these, what a better line may still take back, oldest first.
    pub replaceable: Vec<CountedCall>,
    /// When the oldest spend was that is still known by the day.
    pub since: Option<Wall>,
    /// Spend by caller in each of [`Engine::stretches`]. Minutes matter only where
    /// a stretch has steps: each is the first of its step. Parts of the same bucket
    /// add up.
    pub spent: Vec<(Stretch, Vec<(BucketId, Bucket)>)>,
    /// What was found since [`Engine::counts_since`] that may have cost calls.
    pub losses: Vec<Loss>,
    /// What stood when the earlier run ended, and when that was.
    pub standing: (Wall, Vec<Standing>),
}

impl Engine {
    /// The stretches of which the caps, and what is compared with bills, need to
    /// know what was spent. `known` are moments around which something was, the
    /// newest first: if the clock is wrong now, it may be set to there.
    #[must_use]
    pub fn stretches(&self, now: Stamp, known: &[Wall]) -> Vec<Stretch> {
        let mut stretches = self.caps.stretches(known);
        stretches.push(bills::stretch(now.wall));
        let rates = rates(now.wall);
        if !stretches.contains(&rates) {
            stretches.push(rates);
        }
        stretches
    }

    /// From when on what was spent, or lost, counts for the present.
    #[must_use]
    pub fn counts_since(&self, now: Wall) -> Wall {
        self.caps.since(now)
    }

    /// The dimensions in which every name of a stretch matters, because caps count
    /// for each.
    #[must_use]
    pub fn each(&self, stretch: &Stretch, now: Stamp) -> Vec<Dimension> {
        if *stretch == bills::stretch(now.wall) {
            return bills::BY.into();
        }
        if *stretch == rates(now.wall) {
            return self.caps.each_of_all();
        }
        self.caps.each(stretch)
    }

    /// Go on where an earlier run ended. To be called once, on a fresh engine.
    pub fn restore(&mut self, restored: &Restored, now: Stamp) {
        self.totals.add(&restored.totals);
        for (id, counters) in &restored.sources {
            if let Some(row) = self.sources.get_mut(id.0 as usize) {
                row.restore(counters);
            }
        }
        self.gone = restored.gone;
        for call in &restored.seen {
            self.dedup.remember(call.fingerprint);
        }
        for call in &restored.replaceable {
            self.dedup.recall(call);
        }
        let (days, rates) = (bills::stretch(now.wall), rates(now.wall));
        let mut minutes: Option<(Wall, Wall)> = None;
        for (stretch, parts) in &restored.spent {
            for (id, part) in parts {
                let caller = caller_of(id);
                if *stretch == days {
                    self.cells.add_to_day(&caller, id.begin(), &Sums::kept(part));
                }
                if *stretch == rates {
                    self.caps.restore_rate(&caller, (id, part), now);
                    let (first, last) = minutes.unwrap_or((id.begin(), id.begin()));
                    minutes = Some((first.min(id.begin()), last.max(id.begin())));
                }
                self.caps.restore(stretch, &caller, (id, part), now.wall);
            }
        }
        self.caps.settle(now);
        if let Some(since) = restored.since {
            self.bills.counted_from(since);
        }
        if let Some((first, last)) = minutes
            && now.wall.since(last) <= spend::SHORT
        {
            self.spend_known = self.spend_known.min(now.mono_of(first));
        }
        restored.losses.iter().for_each(|loss| self.findings.recall(loss));
        self.watch_new_caps();
        let (at, standing) = &restored.standing;
        self.let_stand(*at, standing, now);
    }
}

/// The time whose spend makes the present rates, minute by minute.
fn rates(now: Wall) -> Stretch {
    const MINUTE_NS: i64 = 60 * NANOS_PER_S;
    let from = now.minus(spend::LONG);
    let from = Wall(from.0.saturating_sub(from.0.rem_euclid(MINUTE_NS)));
    Stretch { from, to: None, steps: Some(Steps { minutes: 1, least: 0 }), need: Need::Now }
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
    request.caller.account = id.account;
    request
}
