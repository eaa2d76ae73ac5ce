//! Queues by priority: depth, age of the oldest entry, and flow.

use std::time::Duration;

use super::heard::Heard;
use super::skew::{READ_AHEAD, precedes};
use crate::domain::{Mono, Priority, QueueReading, Request, SourceId, Stamp, Sym};
use crate::stats::{Durations, Known, Sliding};

/// A reading older than this is stale, unless they come more seldom.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// Readings in a row that may be missing.
const MISSED: u32 = 3;
/// Flow is measured over this.
const FLOW: Duration = Duration::from_secs(30);
/// Queues kept.
const CAP: usize = 256;
/// Hosts of one queue whose calls saw its depth; of more the one goes that was silent longest.
const SIGHTS: usize = 256;

/// All queues seen, in order of first sight.
#[derive(Debug, Default)]
pub struct Queues {
    rows: Vec<Queue>,
    not_kept: u64,
}

/// Queues of one name and priority: hosts have queues of their own, and of one class
/// there may be several.
#[derive(Debug)]
pub struct Queue {
    /// Queue name.
    pub name: Option<Sym>,
    /// Which class.
    pub priority: Option<Priority>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// Time callers of this class waited.
    pub waits: Durations,
    /// What of it may stop traffic.
    pub heard: Heard,
    lanes: Vec<Lane>,
    /// Depth that calls saw, where nothing reads the queue itself.
    seen_by_calls: Vec<Sight>,
    /// From when on its counters are known.
    counted_from: Option<Mono>,
    flow: Sliding<Flow>,
}

/// The newest reading of one of them.
#[derive(Debug)]
struct Lane {
    last: QueueReading,
    source: SourceId,
    read_at: Mono,
    /// Time between the last two readings, and what flowed in it.
    apart: Duration,
    flowed: Flow,
}

impl Lane {
    /// Whether a call can have waited here: the same log tells of both, and of no two hosts.
    /// That hosts are the same proves nothing: of logs that name none it is this one.
    fn is_of(&self, request: &Request, source: SourceId) -> bool {
        let hosts = self.last.host.zip(request.host);
        self.source == source && hosts.is_none_or(|(own, host)| own == host)
    }

    fn is_stale(&self, now: Mono) -> bool {
        now.since(self.read_at) > STALE_AFTER.max(self.apart * MISSED)
    }
}

/// The depth that the newest call of a host saw.
#[derive(Debug)]
struct Sight {
    host: Option<Sym>,
    at: Mono,
    depth: u64,
}

impl Sight {
    fn is_stale(&self, now: Mono) -> bool {
        now.since(self.at) > STALE_AFTER
    }
}

/// A count of a reading.
type Counter = fn(&QueueReading) -> Option<u64>;

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    enqueued: u64,
    dequeued: u64,
    dropped: u64,
}

/// Flow is added up in steps of this.
const SLOT: Duration = Duration::from_secs(2);
const SLOTS: u32 = 16;

impl Flow {
    /// The `nth` of so many parts, which together are all of it.
    fn part(&self, nth: u32, parts: u32) -> Flow {
        let upto = |all: u64, n: u32| {
            let upto = u128::from(all) * u128::from(n) / u128::from(parts.max(1));
            u64::try_from(upto).unwrap_or(u64::MAX)
        };
        let of = |all: u64| upto(all, nth + 1).saturating_sub(upto(all, nth));
        Flow { enqueued: of(self.enqueued), dequeued: of(self.dequeued), dropped: of(self.dropped) }
    }

    /// Counters are what somebody wrote: no sum of them may overflow.
    fn add(&mut self, other: &Flow) {
        self.enqueued = self.enqueued.saturating_add(other.enqueued);
        self.dequeued = self.dequeued.saturating_add(other.dequeued);
        self.dropped = self.dropped.saturating_add(other.dropped);
    }
}

/// What a queue shows, over all hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// Waiting entries.
    pub depth: Option<u64>,
    /// Whether hosts report that do not say theirs: then at least so many wait.
    pub depth_partial: bool,
    /// Entries being worked on.
    pub running: Option<u64>,
    /// Age of the oldest, in seconds.
    pub oldest_age_s: Option<f64>,
    /// Entries put in a second; `None` when the log has no counters.
    pub in_per_s: Option<f64>,
    /// Entries taken out a second.
    pub out_per_s: Option<f64>,
    /// Entries dropped a second.
    pub dropped_per_s: Option<f64>,
    /// Age of the newest reading in seconds.
    pub age_s: f64,
    /// Whether that is too old.
    pub stale: bool,
}

impl Queues {
    /// Note a reading; answers its row.
    pub fn read(
        &mut self,
        source: SourceId,
        reading: &QueueReading,
        now: Stamp,
    ) -> Option<(u32, bool)> {
        let (position, new) = self.row(reading.name, reading.priority)?;
        let row = self.rows.get_mut(position as usize)?;
        row.read(source, reading, now);
        Some((position, new))
    }

    /// Note what a call tells of the queue it waited in: of most calls, nothing.
    #[inline]
    pub fn call(&mut self, source: SourceId, request: &Request, when: Mono) -> Option<(u32, bool)> {
        let says = request.timing.queue_ms.is_some() || request.queue_depth.is_some();
        if says { self.waited(source, request, when) } else { None }
    }

    /// It waited in one with a name if there is only one that it can be; else nobody says
    /// which it was.
    fn waited(&mut self, source: SourceId, request: &Request, when: Mono) -> Option<(u32, bool)> {
        let priority = request.caller.priority;
        let mut own = self.rows.iter().filter(|row| {
            let is_own = || row.lanes.iter().any(|lane| lane.is_of(request, source));
            row.name.is_some() && row.priority == priority && is_own()
        });
        let name = own.next().filter(|_| own.next().is_none()).and_then(|row| row.name);
        let (position, new) = self.row(name, priority)?;
        let row = self.rows.get_mut(position as usize)?;
        if let Some(ms) = request.timing.queue_ms {
            row.waits.record(when, ms);
        }
        if let Some(depth) = request.queue_depth {
            row.see(Sight { host: request.host, at: when, depth });
        }
        Some((position, new))
    }

    fn row(&mut self, name: Option<Sym>, priority: Option<Priority>) -> Option<(u32, bool)> {
        let same = |row: &Queue| row.name == name && row.priority == priority;
        if let Some(position) = self.rows.iter().position(same) {
            return Some((u32::try_from(position).ok()?, false));
        }
        if self.rows.len() >= CAP {
            self.not_kept += 1;
            return None;
        }
        self.rows.push(Queue {
            name,
            priority,
            rules: Box::default(),
            waits: Durations::default(),
            heard: Heard::default(),
            lanes: Vec::new(),
            seen_by_calls: Vec::new(),
            counted_from: None,
            flow: Sliding::new(SLOT, SLOTS as usize),
        });
        Some((u32::try_from(self.rows.len() - 1).ok()?, true))
    }

    /// What found no room: what it is, how often, and how many there are.
    #[must_use]
    pub fn overflowed(&self) -> (&'static str, u64, usize) {
        ("queues", self.not_kept, CAP)
    }

    /// All rows, in order of first sight.
    pub fn iter(&self) -> impl Iterator<Item = &Queue> {
        self.rows.iter()
    }

    /// One row.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut Queue> {
        self.rows.get_mut(position as usize)
    }
}

impl Queue {
    fn read(&mut self, source: SourceId, reading: &QueueReading, now: Stamp) {
        let when = now.mono_of(reading.at);
        let whose = |reading: &QueueReading| (reading.host, reading.lane);
        let same = |lane: &&mut Lane| whose(&lane.last) == whose(reading);
        let Some(lane) = self.lanes.iter_mut().find(same) else {
            self.lanes.push(Lane {
                last: *reading,
                source,
                read_at: when,
                apart: Duration::ZERO,
                flowed: Flow::default(),
            });
            self.counted_from = Some(self.counted_from.map_or(when, |from| from.min(when)));
            return;
        };
        if precedes(reading.at, lane.last.at, READ_AHEAD, now) {
            return;
        }
        let grown = |before: Option<u64>, after: Option<u64>| match (before, after) {
            // A counter that fell was restarted: what it shows is new.
            (Some(before), Some(after)) if after < before => after,
            (Some(before), Some(after)) => after - before,
            _ => 0,
        };
        let flow = Flow {
            enqueued: grown(lane.last.enqueued_total, reading.enqueued_total),
            dequeued: grown(lane.last.dequeued_total, reading.dequeued_total),
            dropped: grown(lane.last.dropped_total, reading.dropped_total),
        };
        (lane.last, lane.source) = (*reading, source);
        lane.apart = when.since(lane.read_at);
        lane.flowed = flow;
        lane.read_at = when;
        // When in between it flowed nobody knows: evenly.
        let steps = lane.apart.as_nanos().div_ceil(SLOT.as_nanos()).max(1);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        for back in 0..steps.min(SLOTS) {
            if let Some(slot) = self.flow.at(when.minus(SLOT * back)) {
                slot.add(&flow.part(steps - 1 - back, steps));
            }
        }
    }

    /// A call saw a depth: each host has a queue of its own.
    fn see(&mut self, sight: Sight) {
        let all = &mut self.seen_by_calls;
        let place = match all.iter().position(|known| known.host == sight.host) {
            None if all.len() < SIGHTS => return all.push(sight),
            None => (0..all.len()).min_by_key(|place| all.get(*place).map(|known| known.at)),
            own => own,
        };
        // Of two calls that ended in the same instant the deeper one.
        if let Some(known) = place.and_then(|place| all.get_mut(place))
            && (known.at, known.depth) <= (sight.at, sight.depth)
        {
            *known = sight;
        }
    }

    /// What calls saw, summed over the hosts of which some still come.
    fn view_of_calls(&self, now: Mono) -> View {
        let newest = self.seen_by_calls.iter().map(|sight| sight.at).max();
        let Some(newest) = newest else { return View::default() };
        let stale = now.since(newest) > STALE_AFTER;
        // The last known word stands, marked stale, when all have gone silent.
        let seen_from = if stale { newest } else { now };
        let live = self.seen_by_calls.iter().filter(|sight| !sight.is_stale(seen_from));
        View {
            depth: live.map(|sight| sight.depth).reduce(u64::saturating_add),
            age_s: now.since(newest).as_secs_f64(),
            stale,
            ..View::default()
        }
    }

    /// What it shows at `now`, summed over those that still report.
    #[must_use]
    pub fn view(&self, now: Mono) -> View {
        let newest = self.lanes.iter().max_by_key(|lane| lane.read_at);
        let Some(newest) = newest else { return self.view_of_calls(now) };
        // The last known word stands, marked stale, when all have gone silent.
        let stale = self.lanes.iter().all(|lane| lane.is_stale(now));
        let seen_from = if stale { newest.read_at } else { now };
        let live = || self.lanes.iter().filter(move |lane| !lane.is_stale(seen_from));
        let total =
            |of: Counter| live().filter_map(|lane| of(&lane.last)).reduce(u64::saturating_add);
        let known = self.counted_from.map_or(Known::NotYet, Known::Since);
        let covered = self.flow.covered_s(now, FLOW, known);
        let mut flow = Flow::default();
        for slot in self.flow.recent(now, FLOW) {
            flow.add(slot);
        }
        // Where readings are rare a window holds one or none: the last step counts.
        let rare = live().any(|lane| lane.apart * MISSED > FLOW);
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_s = |total: Counter, flowed: fn(&Flow) -> u64| {
            let counted = live().any(|lane| total(&lane.last).is_some()) && !stale;
            let step = |lane: &Lane| flowed(&lane.flowed) as f64 / lane.apart.as_secs_f64();
            let steps = || live().filter(|lane| !lane.apart.is_zero()).map(step).sum();
            match covered {
                _ if !counted => None,
                _ if rare => Some(steps()),
                covered => covered.map(|covered_s| flowed(&flow) as f64 / covered_s),
            }
        };
        let depth = total(|last| last.depth);
        View {
            depth,
            depth_partial: depth.is_some() && live().any(|lane| lane.last.depth.is_none()),
            running: total(|last| last.running),
            oldest_age_s: live().filter_map(|h| h.last.oldest_age_s).reduce(f64::max),
            in_per_s: per_s(|last| last.enqueued_total, |flow| flow.enqueued),
            out_per_s: per_s(|last| last.dequeued_total, |flow| flow.dequeued),
            dropped_per_s: per_s(|last| last.dropped_total, |flow| flow.dropped),
            age_s: now.since(newest.read_at).as_secs_f64(),
            stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NameKind, Names, Wall};

    #[test]
    fn counters_of_any_size_are_added_without_overflow() {
        let names = Names::default();
        let mut queues = Queues::default();
        let at = |seconds: u64| {
            let seconds = Duration::from_secs(seconds);
            Stamp { mono: Mono(0).plus(seconds), wall: Wall(0).plus(seconds) }
        };
        let mut read = |seconds, host: &str, total| {
            let reading = QueueReading {
                at: at(seconds).wall,
                name: None,
                host: Some(names.intern(NameKind::Host, host)),
                priority: None,
                lane: None,
                depth: Some(1),
                running: None,
                oldest_age_s: None,
                enqueued_total: Some(total),
                dequeued_total: Some(total),
                dropped_total: Some(total),
            };
            queues.read(SourceId(0), &reading, at(seconds)).unwrap();
        };
        for second in [100, 101, 105] {
            for host in ["a", "b"] {
                read(second, host, if second == 100 { 0 } else { u64::MAX - second });
            }
        }
        let view = queues.iter().next().unwrap().view(at(105).mono);
        assert!(view.in_per_s.is_some_and(|rate| rate > 1e17), "{view:?}");
        assert!(view.dropped_per_s.is_some_and(|rate| rate > 1e17), "{view:?}");
    }
}
