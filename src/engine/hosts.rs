//! Hosts that calls are heard of: who is expected to prove a stop, and, of those heard
//! live, how far each one's clock is off.
//!
//! No line can be received before it was written. So a host whose line bears a later time
//! than that has a clock that is ahead, by so much at least; and one of which not a single
//! recent line is younger than some seconds has a clock that is behind, or sends its lines
//! late. Which of the two, no log tells.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::wording;
use crate::domain::{Mono, Names, Request, Stamp, Sym, Wall};

/// Who sent calls within that time before a trip is expected to refuse them after it.
pub const EXPECTED: Duration = Duration::from_secs(300);
/// Clocks this far off are told, and what is further behind is not taken at its word.
const OFF: i64 = 2_000_000_000;
/// What is dated further away is no clock that is off, but another day's log.
const DAY: i64 = 86_400 * 1_000_000_000;
/// A clock is judged by the lines of this time and of as much before it …
const WINDOW: Duration = Duration::from_secs(30);
/// … and by no fewer than so many, over no less than that.
const LEAST_LINES: u32 = 3;
const LEAST_TIME: Duration = Duration::from_secs(1);
/// No line of a clock that is ahead is taken to have been longer on its way.
const WAY: i64 = 10_000_000_000;
/// Hosts and callers kept.
const KEPT: usize = 4096;

/// What a scope may name of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Provider.
    pub provider: Option<Sym>,
    /// Model.
    pub model: Option<Sym>,
    /// Key.
    pub key: Option<Sym>,
    /// Environment.
    pub environment: Option<Sym>,
}

impl Who {
    /// Of a call.
    #[must_use]
    pub fn of(request: &Request) -> Who {
        let (provider, model) = (request.provider, request.model);
        let (key, environment) = (request.caller.key, request.caller.environment);
        Who { provider, model, key, environment }
    }
}

/// Looked up for every call: as few words as it fits into.
impl Hash for Who {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(Sym::pair(self.provider, self.model));
        hasher.write_u64(Sym::pair(self.key, self.environment));
    }
}

/// How a call was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowHeard {
    /// In what was logged before the start: as long ago as it says.
    Logged,
    /// Since the start; how late it was read says nothing of its host.
    Live,
    /// As soon as its log had it.
    AsWritten,
}

/// All hosts.
#[derive(Debug, Default)]
pub struct Hosts {
    heard: HashMap<(Sym, Who), Mono, FxBuildHasher>,
    clocks: HashMap<Sym, Clock, FxBuildHasher>,
}

/// How long after the times they bear the lines of a host are received, in nanoseconds.
#[derive(Debug)]
struct Clock {
    first: Mono,
    lines: u32,
    /// Since when the present window lasts, and the least of it.
    since: Mono,
    least: i64,
    /// The least of the window before.
    before: Option<i64>,
    /// Whether there were enough of them to say anything.
    judged: bool,
    /// What was last told.
    told: i64,
}

impl Hosts {
    /// A call was heard.
    pub fn hear(&mut self, request: &Request, how: HowHeard, now: Stamp) {
        let is_live = how != HowHeard::Logged;
        let late = now.wall.0.saturating_sub(request.at.0);
        let Some(host) = request.host.filter(|_| late.abs() < DAY) else { return };
        let age = Duration::from_nanos(u64::try_from(late).unwrap_or(0));
        if !is_live && age > EXPECTED {
            return;
        }
        let when = if is_live { now.mono } else { now.mono_of(request.at) };
        let key = (host, Who::of(request));
        if let Some(heard) = self.heard.get_mut(&key) {
            *heard = when.max(*heard);
        } else if self.heard.len() < KEPT {
            self.heard.insert(key, when);
        }
        if how != HowHeard::AsWritten {
            return;
        }
        // Where only the start is logged, a slow call is no late line.
        let ended = request.started_at.is_some() || request.timing.latency_ms.is_some();
        if !ended && late > 0 {
            return;
        }
        if let Some(clock) = self.clocks.get_mut(&host) {
            clock.note(late, now.mono);
        } else if self.clocks.len() < KEPT {
            let mut clock = Clock::new(now.mono);
            clock.note(late, now.mono);
            self.clocks.insert(host, clock);
        }
    }

    /// By how much the clock of a call's host is off: ahead is below zero. What is not
    /// known, and what may be the way of a line, is nothing. One line of a far future
    /// makes no call of the present an old one.
    #[must_use]
    pub fn late(&self, request: &Request, now: Stamp) -> i64 {
        let clock = request.host.and_then(|host| self.clocks.get(&host));
        let own = now.wall.0.saturating_sub(request.at.0);
        clock.map_or(0, |clock| match clock.late() {
            ahead @ ..0 => ahead.max(own.saturating_sub(WAY)).min(0),
            behind => behind,
        })
    }

    /// Hosts of which calls that `covers` tells were heard lately, in a stable order.
    pub fn expected(&self, now: Mono, covers: impl Fn(Who) -> bool) -> Vec<Sym> {
        let lately = self.heard.iter().filter(|(_, heard)| now.since(**heard) <= EXPECTED);
        let mut hosts: Vec<Sym> =
            lately.filter(|((_, who), _)| covers(*who)).map(|((host, _), _)| *host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// Forget who has been silent for long, and say whose clock is off, once.
    pub fn look(&mut self, names: &Names, now: Mono) -> Vec<String> {
        let lately = |heard: Mono| now.since(heard) <= EXPECTED;
        self.heard.retain(|_, heard| lately(*heard));
        self.clocks.retain(|_, clock| lately(clock.since));
        let off = self.clocks.iter_mut().filter_map(|(host, clock)| {
            let late = clock.take_news()?;
            Some(in_words(&names.text(*host), late))
        });
        let mut off: Vec<String> = off.collect();
        off.sort_unstable();
        off
    }
}

impl Clock {
    fn new(now: Mono) -> Clock {
        Clock {
            first: now,
            lines: 0,
            since: now,
            least: i64::MAX,
            before: None,
            judged: false,
            told: 0,
        }
    }

    fn note(&mut self, late: i64, now: Mono) {
        if now > self.since.plus(WINDOW) {
            self.before = Some(self.least);
            (self.since, self.least) = (now, i64::MAX);
        }
        self.least = self.least.min(late);
        self.lines = self.lines.saturating_add(1);
        self.judged =
            self.judged || (self.lines >= LEAST_LINES && now.since(self.first) >= LEAST_TIME);
    }

    fn late(&self) -> i64 {
        let late = self.least.min(self.before.unwrap_or(i64::MAX));
        if !self.judged || (late > 0 && late <= OFF) { 0 } else { late }
    }

    /// How far it is off, if it is and that was not told.
    fn take_news(&mut self) -> Option<i64> {
        let late = self.late();
        let is_off = late.abs() > OFF;
        let moved = (late - self.told).abs() > OFF.max(self.told.abs() / 4);
        if !moved {
            return None;
        }
        self.told = if is_off { late } else { 0 };
        is_off.then_some(late)
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds for people")]
fn in_words(host: &str, late: i64) -> String {
    let span = wording::span((late.abs() as f64 / 1e9).round());
    if late < 0 {
        return format!(
            "the clock of host {host} is {span} ahead of ours: calls are held against a stop by \
             our clock"
        );
    }
    format!(
        "the clock of host {host} is {span} behind ours, or its lines come that late: to rules its \
         calls are as old as they say, and what may have begun after a stop is not proven"
    )
}

/// A time of a host's clock on ours, as far as that is certain.
#[must_use]
pub fn on_our_clock(at: Wall, late: i64) -> Wall {
    at.offset_nanos(late.min(0))
}
