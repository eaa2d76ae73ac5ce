//! When something of a row was last heard that may stop traffic: it came since its
//! source was started, and is not old. What an earlier run left, and what was logged
//! before the start, counts and is shown; on its own it is no grounds for a trip.

use std::time::Duration;

use super::Engine;
use super::alerts::Grounds;
use crate::domain::{Mono, Origin, Stamp, Wall};

/// The newest of what was heard live; nothing at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard(Option<Mono>);

impl Heard {
    /// Something of that time came.
    pub fn note(&mut self, when: Mono) {
        if self.0.is_none_or(|newest| newest < when) {
            self.0 = Some(when);
        }
    }

    /// Whether anything was, of what says itself when it is old.
    #[must_use]
    pub fn ever(self) -> Grounds {
        if self.0.is_some() { Grounds::Fresh } else { Grounds::Old }
    }

    /// Whether that is enough to act on, `max_age` being what is not yet old.
    #[must_use]
    pub fn grounds(self, now: Mono, max_age: Duration) -> Grounds {
        match self.0 {
            Some(when) if now.since(when) <= max_age => Grounds::Fresh,
            _ => Grounds::Old,
        }
    }
}

impl Engine {
    /// Whether something that is read now, and was at `at`, may stop traffic.
    pub(super) fn is_fresh(&self, at: Wall, now: Stamp) -> bool {
        self.origin != Origin::Backlog && at >= now.wall.minus(self.limits.max_age)
    }

    /// Something new is known of a limit, of that time.
    pub(super) fn hear_limit(&mut self, position: u32, at: Wall, now: Stamp) {
        if self.is_fresh(at, now)
            && let Some(gauge) = self.gauges.get_mut(position)
        {
            gauge.heard.note(now.mono_of(at));
            self.touched.limits.mark(position);
        }
    }

    /// The same of a queue.
    pub(super) fn hear_queue(&mut self, position: u32, at: Wall, now: Stamp) {
        if self.is_fresh(at, now)
            && let Some(queue) = self.queues.get_mut(position)
        {
            queue.heard.note(now.mono_of(at));
            self.touched.queues.mark(position);
        }
    }

    /// The same of another metric; those are judged as time passes.
    pub(super) fn hear_measure(&mut self, position: u32, at: Wall, now: Stamp) {
        if self.is_fresh(at, now)
            && let Some(measure) = self.measures.get_mut(position)
        {
            measure.heard.note(now.mono_of(at));
        }
    }
}
