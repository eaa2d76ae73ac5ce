//! When time alone changes something next. A replay leaves out the ticks before that, for
//! logs are quiet for most of the time.
//!
//! Whatever is not known to rest does not: then no tick is left out.

use std::time::Duration;

use super::Engine;
use super::alerts::Series;
use super::callers;
use super::gauges::Gauge;
use super::sources::SourceRow;
use super::spend::{self, Cap};
use crate::domain::{Mono, ResetKind, Stamp, Wall};
use crate::rules::{Direction, Metric};

/// After so long without a line all that is judged by the last minute is empty, and no
/// time to a cap is told.
const WINDOWS: Duration = spend::STILL;
/// How late the slots of a window may end.
const SLOT: Duration = Duration::from_secs(15);
/// A new period has a rate by then.
const RATED: Duration = Duration::from_secs(30);
/// Under that share of a limit it may still be called back by what comes back of it.
const BACK: f64 = 0.05;
/// No more is left out at once: tables make room, findings end.
const LONGEST: Duration = Duration::from_secs(60);

/// The next moment at which something changes by itself.
struct Next {
    now: Stamp,
    at: Mono,
}

impl Next {
    /// Something changes then; what lies in the past has changed.
    fn mono(&mut self, at: Mono) {
        if at >= self.now.mono {
            self.at = self.at.min(at);
        }
    }

    fn wall(&mut self, at: Wall) {
        if at >= self.now.wall {
            self.mono(self.now.mono.plus(at.since(self.now.wall)));
        }
    }
}

impl Engine {
    /// Until when ticks change nothing if nothing comes meanwhile: now, where that is not
    /// known. To be asked after a tick.
    #[must_use]
    pub fn rests_until(&self, now: Stamp) -> Mono {
        let mut next = Next { now, at: now.mono.plus(LONGEST) };
        let rests = self.is_still(now.mono)
            && self.sources.iter().all(|row| self.source_rests(row, &mut next))
            && self
                .queues
                .iter()
                .map(|row| row.view(now.mono))
                .all(|view| view.stale || view.depth.is_none())
            && self.measures.rows().iter().all(|row| row.view(now.mono).stale)
            && (0u32..)
                .zip(self.gauges.iter())
                .all(|(position, gauge)| self.limit_rests(position, gauge, &mut next))
            && (0u32..)
                .zip(self.caps.rows())
                .all(|(position, cap)| self.cap_rests(position, cap, &mut next));
        if !rests {
            return now.mono;
        }
        self.book.dues().for_each(|due| next.mono(due));
        next.at
    }

    /// When an alert or a limit changes by itself, if the clock gets there and nothing comes:
    /// at a moment that is known, other than with the slots of a window.
    #[must_use]
    pub fn next_due(&self, now: Stamp) -> Option<Mono> {
        let mut next = Next { now, at: Mono(u64::MAX) };
        self.book.dues().for_each(|due| next.mono(due));
        for gauge in self.gauges.iter() {
            next.mono(gauge.stale_after());
            gauge.turns_at().into_iter().flatten().for_each(|at| next.wall(at));
        }
        (next.at < Mono(u64::MAX)).then_some(next.at)
    }

    /// Whether the last line is so old that it is in no window but those of caps, and
    /// whether nothing else is kept that changes at its own times.
    fn is_still(&self, now: Mono) -> bool {
        let heard = self.sources.iter().map(|row| row.last_arrival).max();
        let watched = self.cells.callers().any(|row| !row.rules.is_empty());
        let windows = if watched { callers::SPAN } else { WINDOWS };
        let windows = windows.max(self.limits.max_age) + SLOT;
        heard.is_none_or(|heard| now.since(heard) > windows)
            && self.switches.rows().is_empty()
            && self.bills.is_empty()
            && self.ledger.is_none()
    }

    fn source_rests(&self, row: &SourceRow, next: &mut Next) -> bool {
        if row.is_broken() || row.progress.bytes_behind > 0 {
            return false;
        }
        let silent_for = |span| row.last_arrival.plus(row.name.every).plus(span);
        next.mono(silent_for(row.name.silent_after.unwrap_or(self.limits.silent_after)));
        for rule in row.rules.iter().filter_map(|rule| self.book.rule(*rule)) {
            if rule.metric == Metric::SourceSilent {
                let values = rule.thresholds.iter().map(|threshold| threshold.value);
                let spans = values.chain(rule.clear).map(Duration::try_from_secs_f64);
                spans.flatten().for_each(|span| next.mono(silent_for(span)));
            }
        }
        true
    }

    fn limit_rests(&self, position: u32, gauge: &Gauge, next: &mut Next) -> bool {
        let view = gauge.view(next.now);
        if view.exhausted || view.remaining_ratio.is_some_and(|left| left < BACK) {
            return false;
        }
        if view.stale {
            return true;
        }
        next.mono(gauge.stale_after());
        gauge.turns_at().into_iter().flatten().for_each(|at| next.wall(at));
        let fills = gauge.last.reset.is_some_and(|reset| reset.kind == ResetKind::FullAt);
        gauge.rules.iter().all(|index| {
            // What fills up crosses no line that lies below it.
            let grows = |good: Direction| {
                !fills
                    || self.book.rule(*index).is_some_and(|rule| rule.direction == good)
                        && !self.book.is_about(*index, Series::Limit(position))
            };
            match self.book.rule(*index).map(|rule| rule.metric) {
                Some(Metric::LimitResetIn) => false,
                Some(Metric::LimitUsedRatio) => grows(Direction::Above),
                Some(Metric::LimitRemaining | Metric::LimitRemainingRatio) => {
                    grows(Direction::Below)
                }
                _ => true,
            }
        })
    }

    fn cap_rests(&self, position: u32, cap: &Cap, next: &mut Next) -> bool {
        next.wall(cap.turns_at(next.now.wall));
        if next.now.wall.since(cap.begin()) < RATED {
            return false;
        }
        // Where nothing is spent a rate falls, and crosses no line that lies above it.
        let falls = cap.has_rate(next.now.mono);
        cap.rules.iter().all(|index| {
            let rule = self.book.rule(*index);
            let is_rate = rule.as_ref().is_some_and(|rule| {
                matches!(rule.metric, Metric::SpendUsdPerHour | Metric::SpendBurnRate)
            });
            let is_below = rule.is_some_and(|rule| rule.direction == Direction::Below);
            let judged = is_below || self.book.is_about(*index, Series::Cap(position));
            !(falls && is_rate && judged)
        })
    }
}
