//! Where the numbers come from, and whether they still come.

use std::collections::BTreeMap;
use std::time::Duration;

use super::alerts::Grounds;
use super::part::Part;
use super::spec::SourceName;
use super::traffic::MINUTE;
use crate::domain::{
    Batch, FaultReason, Mono, Observation, Origin, Progress, SourceCounters, Stamp, Wall,
};
use crate::rules::Metric;
use crate::stats::{Known, Sliding};

/// Span over which the speed of reading is measured.
const RATE: Duration = Duration::from_secs(10);

/// What a source says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// `waiting`, `catching_up`, `live`, `denied`, `error`, `ended`.
    pub state: &'static str,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Its format, once known.
    pub format: Option<String>,
    /// What was met on the way and can't be made good: a stable word, and a sentence.
    pub findings: Vec<(&'static str, String)>,
}

/// One source.
#[derive(Debug)]
pub struct SourceRow {
    /// Its name and kind.
    pub name: SourceName,
    /// What it says of itself.
    pub status: SourceStatus,
    /// It was looked at, in this run or an earlier one.
    was_looked_at: bool,
    /// How far it has read, in this run.
    pub progress: Progress,
    /// Lines that earlier runs have read.
    pub lines_before: u64,
    /// Lines and parts of lines not understood.
    pub faults: u64,
    /// Lines that can't be trusted.
    pub quarantined: u64,
    /// Lines of no interest.
    pub ignored: u64,
    /// Lines that repeat another.
    pub duplicates: u64,
    /// What was not understood, or not trusted, by the reason.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// Time of the newest event read, in its turn or ahead of that.
    pub newest_event: Option<Wall>,
    /// The same of what was read in its turn.
    newest_in_turn: Option<Wall>,
    /// When the last line came, or the source began.
    pub last_arrival: Mono,
    recent: Sliding<Recent>,
    /// When it last read of what was there before the start.
    read_backlog: Option<Mono>,
    began: Mono,
    was_silent: bool,
    /// A call of it has been counted.
    has_called: bool,
    /// Since when it can't be read.
    broken_since: Option<Mono>,
}

/// How far a source has read of what was there before the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CatchUp {
    /// Share that is read, 0..1.
    pub ratio: f64,
    /// Seconds until all of it is, at the present rate.
    pub eta_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    lines: u64,
    bytes: u64,
    faults: u64,
    quarantined: u64,
    implausible: u64,
}

impl SourceRow {
    /// A source that has not said anything yet.
    #[must_use]
    pub fn new(name: SourceName, now: Stamp) -> SourceRow {
        SourceRow {
            name,
            status: SourceStatus { state: "waiting", ..SourceStatus::default() },
            was_looked_at: false,
            progress: Progress::default(),
            lines_before: 0,
            faults: 0,
            quarantined: 0,
            ignored: 0,
            duplicates: 0,
            by_reason: BTreeMap::new(),
            rules: Box::default(),
            newest_event: None,
            newest_in_turn: None,
            last_arrival: now.mono,
            recent: Sliding::new(Duration::from_secs(5), 13),
            read_backlog: None,
            began: now.mono,
            was_silent: false,
            has_called: false,
            broken_since: None,
        }
    }

    /// Go on where an earlier run ended.
    pub fn restore(&mut self, counters: &SourceCounters) {
        self.was_looked_at = true;
        self.lines_before = counters.lines;
        self.faults = counters.faults;
        self.quarantined = counters.quarantined;
        self.ignored = counters.ignored;
        self.duplicates = counters.duplicates;
    }

    /// Its counters over all runs, as another run goes on from them.
    #[must_use]
    pub fn counters(&self) -> SourceCounters {
        SourceCounters {
            lines: self.lines() - self.progress.open_lines,
            faults: self.faults,
            quarantined: self.quarantined,
            ignored: self.ignored,
            duplicates: self.duplicates,
        }
    }

    /// The same, once it was looked at. A source that begins at the end of its files does
    /// so until this is kept.
    #[must_use]
    pub fn kept(&self) -> Option<SourceCounters> {
        let counters = self.counters();
        (self.was_looked_at || counters != SourceCounters::default()).then_some(counters)
    }

    /// Lines read, in all runs.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines_before + self.progress.lines
    }

    /// Note that a batch arrived.
    pub fn arrive(&mut self, batch: &Batch, now: Stamp) {
        let lines = batch.progress.lines.saturating_sub(self.progress.lines);
        if lines > 0 || !batch.items.is_empty() {
            self.last_arrival = now.mono;
        }
        if batch.origin == Origin::Backlog {
            self.read_backlog = Some(now.mono);
        }
        if let Some(recent) = self.recent.at(now.mono) {
            recent.lines += lines;
            recent.bytes += batch.progress.bytes.saturating_sub(self.progress.bytes);
        }
        self.progress = batch.progress;
    }

    /// Learn what it says of itself.
    pub fn learn(&mut self, status: SourceStatus, now: Mono) {
        self.status = status;
        self.was_looked_at = true;
        self.broken_since = self.is_broken().then(|| self.broken_since.unwrap_or(now));
    }

    /// Whether it, or a part of it, can't be read or asked now.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.status.state, "denied" | "error")
    }

    /// Seconds for which it could not be read. What is asked may fail once; a key
    /// that is refused stays refused.
    #[must_use]
    pub fn unreadable_s(&self, now: Mono) -> f64 {
        let Some(since) = self.broken_since else { return 0.0 };
        let patience = match self.status.state {
            "denied" => Duration::ZERO,
            _ => self.name.every,
        };
        now.since(since).saturating_sub(patience).as_secs_f64()
    }

    /// Something of that time was read. A clock that runs ahead must not hide how old
    /// everything after it is.
    pub fn note_event(&mut self, at: Wall, part: Part, now: Wall) {
        let newer =
            |before: Option<Wall>| before.filter(|before| *before <= now).max(Some(at.min(now)));
        self.newest_event = newer(self.newest_event);
        if part.has_sums() {
            self.newest_in_turn = newer(self.newest_in_turn);
        }
    }

    /// A call of it counts; whether that is the first one.
    pub fn first_call(&mut self) -> bool {
        !std::mem::replace(&mut self.has_called, true)
    }

    /// Note something that is not a call.
    pub fn note(&mut self, seen: &Observation, now: Stamp) {
        let recent = self.recent.at(now.mono);
        match seen {
            Observation::Ignored { .. } => self.ignored += 1,
            Observation::Quarantined { reason, .. } => {
                self.quarantined += 1;
                *self.by_reason.entry(reason.word()).or_default() += 1;
                if let Some(recent) = recent {
                    recent.quarantined += 1;
                    recent.implausible += u64::from(*reason == FaultReason::CostImplausible);
                }
            }
            Observation::Fault { reason, .. } => {
                self.faults += 1;
                *self.by_reason.entry(reason.word()).or_default() += 1;
                // One odd header, a gateway that does not measure what it says, or
                // one that logs keys, is no reason to doubt the source.
                let minor = [
                    FaultReason::HeaderUnreadable,
                    FaultReason::TtftNotMeasured,
                    FaultReason::DurationUnreadable,
                    FaultReason::KeyInLog,
                ];
                if !minor.contains(reason)
                    && let Some(recent) = recent
                {
                    recent.faults += 1;
                }
            }
            _ => {}
        }
    }

    /// Whether anything came of it in this run.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.last_arrival > self.began
    }

    /// Seconds since its last line; of a source that is asked, since it should
    /// have answered again.
    #[must_use]
    pub fn silent_s(&self, now: Mono) -> f64 {
        self.silent(now).as_secs_f64()
    }

    fn silent(&self, now: Mono) -> Duration {
        now.since(self.last_arrival).saturating_sub(self.name.every)
    }

    /// Age of the newest line by its own time; since it came, if it has none.
    #[must_use]
    pub fn last_line_age_s(&self, now: Stamp) -> f64 {
        let by_event = self.newest_event.map(|at| now.wall.since(at).as_secs_f64());
        by_event.unwrap_or_else(|| now.mono.since(self.last_arrival).as_secs_f64())
    }

    /// How old the newest event is while there are lines still to be read.
    #[must_use]
    pub fn seconds_behind(&self, now: Stamp) -> Option<f64> {
        if self.progress.bytes_behind == 0 {
            return Some(0.0);
        }
        self.newest_in_turn.map(|at| now.wall.since(at).as_secs_f64())
    }

    /// Share of the last minute's lines that were not understood, or a part of which was not.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn fault_ratio(&self, now: Mono) -> Option<f64> {
        let recent = self.minute(now);
        (recent.lines > 0).then(|| (recent.faults as f64 / recent.lines as f64).min(1.0))
    }

    /// How far it is, while it reads what was there before the start.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ratios and rates for people")]
    pub fn catch_up(&self, now: Mono) -> Option<CatchUp> {
        if self.status.state != "catching_up" {
            return None;
        }
        let (read, left) = (self.progress.bytes as f64, self.progress.bytes_behind as f64);
        let recent = self.recent.recent(now, RATE);
        let bytes: u64 = recent.map(|slot| slot.bytes).sum();
        let covered = self.recent.covered_s(now, RATE, Known::Since(self.began));
        let per_s = covered.map(|covered_s| bytes as f64 / covered_s).filter(|rate| *rate > 0.0);
        Some(CatchUp {
            ratio: if left > 0.0 { read / (read + left) } else { 1.0 },
            eta_s: per_s.map(|per_s| left / per_s),
        })
    }

    /// Whether a metric of it tells of the present, and not of what was logged before
    /// the start.
    #[must_use]
    pub fn grounds(&self, metric: Metric, now: Mono) -> Grounds {
        let of_lines = matches!(
            metric,
            Metric::SourceSecondsBehind
                | Metric::SourceFaultRatio
                | Metric::SourceQuarantined
                | Metric::SourceQuarantinedRatio
                | Metric::SourceImplausible
        );
        let read = self.read_backlog.is_some_and(|at| now.since(at) <= MINUTE);
        if of_lines && read { Grounds::Old } else { Grounds::Fresh }
    }

    /// Lines quarantined in the last minute.
    #[must_use]
    pub fn quarantined_per_min(&self, now: Mono) -> u64 {
        self.minute(now).quarantined
    }

    /// Share of the last minute's lines that were.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn quarantined_ratio(&self, now: Mono) -> Option<f64> {
        let recent = self.minute(now);
        (recent.lines > 0).then(|| (recent.quarantined as f64 / recent.lines as f64).min(1.0))
    }

    /// Lines of the last minute that were, since no call costs as much as they say.
    #[must_use]
    pub fn implausible_per_min(&self, now: Mono) -> u64 {
        self.minute(now).implausible
    }

    fn minute(&self, now: Mono) -> Recent {
        let recent = self.recent.recent(now, Duration::from_secs(60));
        recent.fold(Recent::default(), |sum, slot| Recent {
            lines: sum.lines + slot.lines,
            bytes: sum.bytes + slot.bytes,
            faults: sum.faults + slot.faults,
            quarantined: sum.quarantined + slot.quarantined,
            implausible: sum.implausible + slot.implausible,
        })
    }

    /// Whether it fell silent since this was last asked.
    pub fn fell_silent(&mut self, now: Mono, usual: Duration) -> bool {
        let after = self.name.silent_after.unwrap_or(usual);
        let silent = self.silent(now) >= after && self.status.state != "ended";
        let fell = silent && !self.was_silent;
        self.was_silent = silent;
        fell
    }

    /// Whether it is silent.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.was_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Stamp {
        Stamp { mono: Mono(0).plus(Duration::from_secs(seconds)), wall: Wall::from_secs(0) }
    }

    #[test]
    fn what_is_asked_once_an_hour_is_silent_only_when_an_answer_is_missing() {
        let hour = Duration::from_secs(3600);
        let row = |every| {
            let name =
                SourceName { name: "s".into(), kind: "probe", every, ..SourceName::default() };
            let mut row = SourceRow::new(name, at(0));
            row.status.state = "live";
            row
        };
        let after = Duration::from_secs(300);
        assert!(row(Duration::ZERO).fell_silent(at(300).mono, after));
        let mut asked = row(hour);
        assert!(!asked.fell_silent(at(3899).mono, after));
        assert!(asked.silent_s(at(3610).mono) > 9.0);
        assert!(asked.fell_silent(at(3900).mono, after));
        assert!(asked.last_line_age_s(at(3900)) > 3899.0, "its age is its age");
    }
}
