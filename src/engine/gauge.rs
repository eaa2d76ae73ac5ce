//! One limit over time: its last reading, projected to the present, and overruled at
//! once by a refusal. Of other limits it knows nothing.

use std::time::Duration;

use super::heard::Heard;
use super::limit_name::{LimitName, LimitParts};
pub use super::limit_view::{Back, Exhaustion, Seen, View};
use super::refill::Refill;
use super::skew::{READ_AHEAD, SKEW, precedes};
use crate::domain::{
    Amount, Blame, LimitId, LimitReading, LimitStatus, Mono, Names, ReadingSource, Request, Reset,
    ResetKind, Resource, Scope, Stamp, Sym, Wall, WindowDecision,
};
use crate::stats::{Drain, Sliding};

/// Window assumed for staleness where none is known.
const USUAL_WINDOW: Duration = Duration::from_secs(60);
/// What an administration API says is asked for seldom, and holds for longer.
const POLLED: Duration = Duration::from_secs(3600);
/// Without a reading for this long, nobody draws from it any more.
const STILL: Duration = Duration::from_secs(5);
/// Windows ahead for which the present rate says anything.
const HORIZON: f64 = 5.0;
/// Share of a limit that must be there again before it is called back.
const BACK: f64 = 0.05;
/// Above that share the level of a bucket that fills up tells no trend.
const NEARLY_FULL: f64 = 0.9;
/// How long a refusal stands when the server did not say.
const USUAL_REFUSAL: Duration = Duration::from_secs(5);
/// The same of a bucket that refused with nothing left: what trickled back since is no
/// sign that a call passes.
const TRICKLE_REFUSAL: Duration = Duration::from_secs(10);
/// Who calls seldom is awaited for so many pauses between two refusals.
const PAUSES: u32 = 2;
/// The same for money that is spent: waiting brings none back, a call that passes
/// shows that somebody did.
const SPENT_REFUSAL: Duration = Duration::from_secs(600);

/// How long a refusal that is over is remembered where no header shows the limit.
const REMEMBERED: Duration = Duration::from_secs(900);

/// One limit over time.
#[derive(Debug)]
pub struct Gauge {
    /// Its newest reading; fields a reading lacks keep their last value.
    pub last: LimitReading,
    /// When the newest reading was made, on the monotonic line.
    pub read_at: Mono,
    /// When it was last heard of, which is later where calls stream for long.
    heard_at: Mono,
    /// The limit's size before it last changed.
    pub previous_limit: Option<Amount>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// What of it may stop traffic.
    pub heard: Heard,
    /// Another account has a limit like it: only its subject tells them apart.
    pub has_twin: bool,
    drain: Drain,
    /// The first reset that was announced since its level rose.
    promised: Option<Wall>,
    responses: Sliding<u32>,
    pub(super) refused: Option<Refusal>,
    /// A call has passed since the last refusal.
    passed: bool,
    was_exhausted: bool,
    window: WindowDecision,
}

/// A refusal that names this limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    at: Wall,
    until: Wall,
    /// Whether the server said until when, or we assume it.
    told: Told,
}

/// Where the end of a refusal is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    ByServer,
    /// By when its window is over.
    ByWindow,
    /// By how fast the bucket fills up.
    ByRefill,
    Assumed,
}

impl Gauge {
    pub(super) fn new(reading: &LimitReading, now: Stamp) -> Gauge {
        let mut gauge = Gauge {
            last: *reading,
            read_at: now.mono_of(reading.at),
            heard_at: now.mono_of(reading.heard),
            previous_limit: None,
            rules: Box::default(),
            heard: Heard::default(),
            has_twin: false,
            drain: Drain::default(),
            promised: reading.reset.map(|reset| reset.at),
            responses: Sliding::new(Duration::from_secs(5), 13),
            refused: None,
            passed: false,
            was_exhausted: false,
            window: WindowDecision::default(),
        };
        gauge.window.hear(reading);
        gauge.count_response(gauge.read_at);
        gauge.note_level();
        gauge
    }

    pub(super) fn update(&mut self, id: LimitId, reading: &LimitReading, now: Stamp) -> Seen {
        let changed = matches!((self.last.limit, reading.limit), (Some(a), Some(b)) if a != b);
        // Of what was said in the same instant the lower level is the later truth.
        self.heard_at = self.heard_at.max(now.mono_of(reading.heard));
        self.last.heard = self.last.heard.max(reading.heard);
        let is_outdone = reading.at == self.last.at && !changed && self.had_less(reading);
        if is_outdone || precedes(reading.at, self.last.at, READ_AHEAD, now) {
            self.count_response(now.mono_of(reading.at));
            return Seen::Older;
        }
        let before = (self.level(), self.whole_s());
        if changed {
            self.previous_limit = self.last.limit;
            // What was left of the limit of before says nothing about this one.
            (self.last.remaining, self.last.used, self.last.used_ratio) = (None, None, None);
        }
        self.window.hear(reading);
        let (window_s, window_from) = self.window.window().unzip();
        let last = &mut self.last;
        // What has shown to count money does so when it shows a whole number, too.
        let money = last.id.resource == Resource::Spend;
        let resource = if money { Resource::Spend } else { id.resource };
        last.id = id;
        (last.id.resource, last.id.window_s) = (resource, window_s);
        last.window_from = window_from;
        last.at = reading.at;
        learn(&mut last.remaining, reading.remaining);
        learn(&mut last.limit, reading.limit);
        learn(&mut last.used, reading.used);
        learn(&mut last.used_ratio, reading.used_ratio);
        let says_level =
            reading.remaining.or(reading.used).is_some() || reading.used_ratio.is_some();
        learn(&mut last.reset, reading.reset);
        last.status = reading.status;
        last.source = reading.source;
        self.read_at = now.mono_of(reading.at);
        if says_level && reading.reset.is_none() {
            self.work_out_reset(before.1);
        }
        if self.level() > before.0.map(|level| level + 1.0) {
            self.promised = None;
        }
        self.promised = self.promised.or(self.last.reset.map(|reset| reset.at));
        self.count_response(self.read_at);
        self.note_level();
        if changed { Seen::LimitChanged } else { Seen::Newer }
    }

    /// Whether less was left, or more was used, than a reading says.
    fn had_less(&self, reading: &LimitReading) -> bool {
        let last = &self.last;
        let less = last.remaining.zip(reading.remaining).is_some_and(|(own, new)| own < new);
        let used = last.used.zip(reading.used).is_some_and(|(own, new)| own > new);
        let share = last.used_ratio.zip(reading.used_ratio).is_some_and(|(own, new)| own > new);
        less || used || share
    }

    /// A level came without a reset: when a bucket is full that fills up belonged to the
    /// level of before, how long the whole of it takes does not.
    fn work_out_reset(&mut self, whole_s: Option<f64>) {
        if !self.last.reset.is_some_and(|reset| reset.kind == ResetKind::FullAt) {
            return;
        }
        let limit = self.last.limit.map(Amount::as_f64).filter(|limit| *limit > 0.0);
        let missing = limit.zip(self.level()).map(|(limit, level)| (1.0 - level / limit).max(0.0));
        let full_in = whole_s.zip(missing).map(|(whole_s, missing)| whole_s * missing);
        let full_in = full_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let at = full_in.map(|full_in| self.last.at.plus(full_in));
        self.last.reset = at.map(|at| Reset { at, kind: ResetKind::FullAt });
    }

    /// How long it takes from empty to full, as its last reading shows or its window is.
    fn whole_s(&self) -> Option<f64> {
        let shown = self.refill().and_then(Refill::whole_s);
        shown.or(self.last.id.window_s.map(f64::from))
    }

    /// One more response that tells of it.
    pub(super) fn count_response(&mut self, at: Mono) {
        if let Some(count) = self.responses.at(at) {
            *count += 1;
        }
    }

    fn note_level(&mut self) {
        if let Some(level) = self.level() {
            self.drain.note(self.read_at, level, || self.last.limit.map(Amount::as_f64));
        }
    }

    /// What was left at the time of the reading.
    pub(super) fn level(&self) -> Option<f64> {
        let last = &self.last;
        let limit = last.limit.map(Amount::as_f64);
        if let Some(remaining) = last.remaining {
            return Some(remaining.as_f64());
        }
        if let (Some(limit), Some(used)) = (limit, last.used) {
            return Some(limit - used.as_f64());
        }
        // Of a utilisation only the share is known.
        last.used_ratio.map(|used| (1.0 - used) * limit.unwrap_or(1.0))
    }

    /// A call was refused by it, as its response says or all that is known does.
    pub(super) fn refuse(&mut self, request: &Request, blame: Blame, now: Stamp) {
        // Where there is nothing to wait for, or for longer, it is no wait for this one.
        let is_one = !self.is_nil() && blame != Blame::Outlasting;
        let asked = request.failure.retry_after_s.filter(|s| *s > 0.0 && is_one);
        let asked = asked.and_then(|s| Duration::try_from_secs_f64(s).ok());
        let usual = match blame {
            Blame::Outlasting => self.window(),
            _ if self.is_money() || self.is_nil() => SPENT_REFUSAL,
            _ => USUAL_REFUSAL,
        };
        let (wait, told) = match (asked, self.wait(request.at, now)) {
            // Whoever asks again before an empty window is over is refused again.
            (Some(asked), Some((whole, Told::ByWindow))) if self.is_gone() && whole > asked => {
                (whole, Told::ByWindow)
            }
            (Some(asked), _) => (asked, Told::ByServer),
            (None, Some((wait, told))) => (wait, told),
            (None, None) => (usual, Told::Assumed),
        };
        let until = request.at.plus(wait);
        if self
            .refusal(now.wall)
            .is_none_or(|refusal| until > refusal.until || request.at > refusal.at)
        {
            self.refused = Some(Refusal { at: request.at, until, told });
            self.passed = false;
        }
        if self.last.limit.is_none() && self.level().is_none() {
            self.last.at = self.last.at.max(request.at);
            self.read_at = self.read_at.max(now.mono_of(request.at));
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self, names: &Names) -> LimitName {
        let has_twin = self.has_twin;
        LimitName::from(LimitParts { has_twin, ..LimitParts::of(&self.last.id, names) })
    }

    /// How long a call that is refused at `at` waits, by the reset: until the window is
    /// over, or until the first of a bucket is back, which is long before it is full.
    fn wait(&self, at: Wall, now: Stamp) -> Option<(Duration, Told)> {
        let reset = self.last.reset.filter(|reset| reset.at > at)?;
        let whole = reset.at.since(at);
        if reset.kind != ResetKind::FullAt {
            return Some((whole, Told::ByWindow));
        }
        let back = self.first_back().filter(|back| *back > at)?;
        // Others draw from it, and what a call needs is not known.
        let lately = |before: &Refusal| before.at < at && at.since(before.at) <= USUAL_WINDOW;
        let before = self.refusal(now.wall).filter(lately);
        let pause = before.map_or(Duration::ZERO, |before| at.since(before.at));
        let trickle = TRICKLE_REFUSAL.max(pause * PAUSES).min(whole);
        let first = back.since(at);
        Some(if first < trickle { (trickle, Told::Assumed) } else { (first, Told::ByRefill) })
    }

    fn refill(&self) -> Option<Refill> {
        Refill::of(&self.last, self.level()?)
    }

    /// When the first of an empty bucket is there again.
    fn first_back(&self) -> Option<Wall> {
        self.refill()?.first_in().map(|first| self.last.at.plus(first))
    }

    /// Whether its provider says that nothing is left.
    fn is_gone(&self) -> bool {
        self.is_rejected() || self.level().is_some_and(|level| level <= 0.0)
    }

    /// Whether it is known by refusals alone, and those name no limit.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.last.id.resource == Resource::Other && self.is_hidden()
    }

    /// The last refusal, unless a clock that was wrong dated it.
    fn refusal(&self, now: Wall) -> Option<Refusal> {
        self.refused.filter(|refusal| refusal.at <= now.plus(SKEW))
    }

    /// Whether a call that passes may still end what it refuses.
    pub(super) fn may_relent(&self, now: Wall) -> bool {
        let lately = |refusal: Refusal| !self.is_hidden() || now < refusal.until.plus(REMEMBERED);
        self.is_rejected() || self.refused.is_some_and(lately)
    }

    /// Whether what is left of it is known by refusals alone.
    pub(super) fn is_hidden(&self) -> bool {
        self.level().is_none() && self.last.used.is_none() && !self.is_money()
    }

    pub(super) fn is_money(&self) -> bool {
        matches!(self.last.id.resource, Resource::Credits | Resource::Spend)
    }

    /// Whether it refuses calls until one passes, however long that takes.
    pub(super) fn is_spent(&self) -> bool {
        let ends_by_a_call = self.is_money() || self.is_hidden();
        self.is_rejected() || (self.refused.is_some() && ends_by_a_call)
    }

    /// Whether a call draws from this limit, as far as the identity tells.
    pub(super) fn covers(&self, request: &Request, account: Option<Sym>) -> bool {
        let id = &self.last.id;
        let same = |own: Option<Sym>, other: Option<Sym>| own.is_none() || own == other;
        same(id.provider, request.provider)
            && same(id.model, request.model)
            && (id.scope != Scope::Key || same(id.subject, request.caller.key))
            && (!id.is_of_account() || account.is_none() || same(id.subject, account))
    }

    /// A success that began after the refusal, with something left, ends it. Of a limit
    /// that no header shows a part of all calls may be refused: it ends no sooner than a
    /// refusal without a word.
    #[inline]
    pub(super) fn relent(&mut self, request: &Request, now: Wall) {
        if self.refused.is_some() || self.is_rejected() {
            self.relent_by(request, now);
        }
    }

    fn relent_by(&mut self, request: &Request, now: Wall) {
        let began = request.began().unwrap_or(request.at);
        let least = if self.is_hidden() { USUAL_REFUSAL } else { Duration::ZERO };
        self.refused = self.refusal(now);
        if self.refused.is_some_and(|refusal| began > refusal.at.plus(least))
            && (self.is_nil() || self.level().is_none_or(|level| level > 0.0))
        {
            (self.refused, self.passed) = (None, true);
        }
        if self.is_rejected() && began > self.last.at {
            self.last.status = None;
        }
    }

    /// Whether all that is known is that calls were refused and pass again: what is left
    /// is not known, and that it is not nothing is.
    pub(super) fn only_passes(&self) -> bool {
        self.passed && self.level().is_none()
    }

    /// Whether the provider itself says that calls are refused, whatever is left.
    pub(super) fn is_rejected(&self) -> bool {
        self.last.status == Some(LimitStatus::Rejected)
    }

    /// Whether the provider itself says that calls pass.
    fn lets_pass(&self) -> bool {
        matches!(self.last.status, Some(LimitStatus::Allowed | LimitStatus::Warning))
    }

    fn window(&self) -> Duration {
        self.last.id.window_s.map_or(USUAL_WINDOW, |s| Duration::from_secs(s.into()))
    }

    /// Whether there is none of it, so that waiting brings none.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.last.limit.is_some_and(|limit| limit.0 == 0)
    }

    /// For how long a reading holds.
    fn holds(&self) -> Duration {
        let is_polled = self.last.source == ReadingSource::Api;
        if is_polled { self.window().max(POLLED) } else { self.window() }
    }

    /// When its last reading is stale by its age.
    #[must_use]
    pub fn stale_after(&self) -> Mono {
        self.read_at.plus(self.holds())
    }

    /// When it is reset, and when what it refuses is over.
    #[must_use]
    pub fn turns_at(&self) -> [Option<Wall>; 2] {
        let turns = self.last.reset.map(|reset| match reset.kind {
            ResetKind::Unknown => reset.at.max(self.last.heard.plus(STILL)),
            ResetKind::FullAt | ResetKind::WindowEndsAt => reset.at,
        });
        [turns, self.refused.map(|refusal| refusal.until)]
    }

    /// What the gauge shows at `now`.
    #[must_use]
    pub fn view(&self, now: Stamp) -> View {
        let age = now.mono.since(self.read_at);
        let window = self.holds();
        let refused = self.refusal(now.wall).filter(|refusal| now.wall < refusal.until);
        let waited = self.was_waited_for(now.wall);
        let stale = refused.is_none() && (age > window || self.turned_over(now) || waited);
        // Others may have drawn from it since: that is not known, and no full one.
        let was_reset = stale && (self.reset_is_past(now) || waited);
        let limit = self.last.limit.map(Amount::as_f64);
        let level = if was_reset { None } else { self.project(age) };
        // What has no size, or does not say it, is spent all the same.
        let is_real = limit.is_none_or(|limit| limit > 0.0);
        // Of what is used up, its provider knows whether calls pass all the same.
        let is_empty = is_real && !self.lets_pass() && level.is_some_and(|left| left <= 0.0);
        let exhausted = refused.is_some() || (!stale && (self.is_rejected() || is_empty));
        let remaining = if refused.is_some() { level.map(|left| left.min(0.0)) } else { level };
        let share = match limit {
            Some(limit) => (limit > 0.0).then(|| remaining.map(|left| left / limit)).flatten(),
            None => self.last.used_ratio.map(|used| 1.0 - used).filter(|_| !was_reset),
        };
        let read = self.level().filter(|read| refused.is_none() || *read <= 0.0);
        // A bucket whose time has passed is full now; a window's is over.
        let full = |reset: &Reset| reset.kind == ResetKind::FullAt && !stale;
        let told = self.last.reset.filter(|reset| reset.at > now.wall || full(reset));
        let refused_until = refused.filter(|refusal| refusal.told != Told::Assumed);
        // Of a bucket that is empty without a refusal the first is back long before it is full.
        let first_back = self.first_back().filter(|_| is_empty && !stale && refused.is_none());
        let reset_at = refused_until.map(|refusal| refusal.until).or(first_back);
        let reset_at = reset_at.or(told.map(|reset| reset.at));
        let reset_in_s = reset_at.map(|at| at.seconds_after(now.wall).max(0.0));
        View {
            remaining,
            read: read.filter(|read| remaining.is_some_and(|left| left.ne(read))),
            was_reset,
            remaining_ratio: share.map(|share| share.clamp(0.0, 1.0)),
            reset_in_s,
            reset_at,
            back: match refused_until {
                Some(Refusal { told: Told::ByRefill, .. }) => Some(Back::Refill),
                Some(Refusal { told: Told::ByServer, .. }) => Some(Back::RetryAfter),
                None if first_back.is_some() => Some(Back::Refill),
                Some(_) | None => self.last.reset.and_then(Back::of),
            },
            exhausts_in_s: if stale || exhausted { None } else { self.exhausts_in(now) },
            exhausted,
            refused: refused.is_some(),
            status: self.last.status.filter(|_| !stale),
            stale,
            age_s: age.as_secs_f64(),
        }
    }

    /// What rules see: while readings follow each other, no more than the last one
    /// says, for what comes back between two is drawn again by then. A bucket that each of
    /// them shows empty is empty.
    #[must_use]
    pub fn drawn(&self, view: View, now: Mono) -> View {
        let is_late = now.since(self.heard_at) <= STILL && !view.stale;
        let Some(level) = self.level().filter(|_| is_late) else { return view };
        let limit = self.last.limit.map(Amount::as_f64).filter(|limit| *limit > 0.0);
        let share = limit.map(|limit| (level / limit).clamp(0.0, 1.0));
        let least = |a: Option<f64>, b: Option<f64>| a.map(|a| b.map_or(a, |b| a.min(b)));
        View {
            remaining: least(view.remaining, Some(level)),
            remaining_ratio: least(view.remaining_ratio, share),
            ..view
        }
    }

    /// Whether the wait that its server asked for is over, and nothing else says when
    /// something is back of what was empty.
    fn was_waited_for(&self, now: Wall) -> bool {
        let is_over = |refusal: Refusal| {
            // The one clock may be ahead of the other.
            let newest = refusal.at.plus(READ_AHEAD) >= self.last.at;
            refusal.told == Told::ByServer && newest && refusal.until <= now
        };
        let is_told = self.last.reset.is_some() || self.is_nil();
        !is_told && self.is_gone() && self.refusal(now).is_some_and(is_over)
    }

    /// Whether its reset lay ahead when it was read, is now past, and ended what was
    /// known. Some are always due in a moment: while readings follow each other, a reset of
    /// which it is not known what it does ends nothing.
    fn turned_over(&self, now: Stamp) -> bool {
        let ends = match self.last.reset.map(|reset| reset.kind) {
            Some(ResetKind::WindowEndsAt) => true,
            Some(ResetKind::Unknown) => now.mono.since(self.heard_at) > STILL,
            Some(ResetKind::FullAt) | None => false,
        };
        ends && self.reset_is_past(now)
    }

    /// Whether its reset lay ahead when it was read, and is now past.
    fn reset_is_past(&self, now: Stamp) -> bool {
        let reset = self.last.reset.map(|reset| reset.at);
        reset.is_some_and(|at| at > self.last.at && at <= now.wall)
    }

    /// The level now: a token bucket fills up while nobody draws from it.
    fn project(&self, age: Duration) -> Option<f64> {
        if let Some(refill) = self.refill() {
            return Some(refill.after(age));
        }
        // How much came back to what was empty only its size would tell.
        self.level().filter(|left| *left > 0.0 || !self.came_back(age))
    }

    /// Whether the reset of what says no size lies behind us.
    fn came_back(&self, age: Duration) -> bool {
        let in_s = self.last.reset.map(|reset| reset.at.seconds_after(self.last.at));
        self.last.limit.is_none()
            && in_s.is_some_and(|in_s| in_s > 0.0 && age.as_secs_f64() >= in_s)
    }

    /// Time until nothing is left, where that is near enough to mean something.
    fn exhausts_in(&self, now: Stamp) -> Option<f64> {
        if now.mono.since(self.heard_at) > STILL {
            return None;
        }
        let drain = self.drain.per_s(self.read_at).filter(|per_s| *per_s > 0.0)?;
        let left = self.level().filter(|left| *left > 0.0)?;
        let seconds = left / drain;
        let kind = self.last.reset.map_or(ResetKind::Unknown, |reset| reset.kind);
        // As of its reading, for one reading has one answer. Where it is not known what a
        // reset does, and one that was announced passed while the level fell on, none is.
        let reset_in_s = self.last.reset.map(|reset| reset.at.seconds_after(self.last.at));
        let is_relief = match kind {
            ResetKind::FullAt => false,
            ResetKind::Unknown => self.promised.is_none_or(|promised| promised >= self.last.at),
            ResetKind::WindowEndsAt => true,
        };
        let turns_first = is_relief && reset_in_s.is_some_and(|in_s| in_s > 0.0 && in_s < seconds);
        // From full, any bucket in use falls to where what comes back is what is drawn.
        let limit = self.last.limit.map(Amount::as_f64);
        let is_full =
            kind == ResetKind::FullAt && limit.is_some_and(|limit| left > limit * NEARLY_FULL);
        let window = self.last.id.window_s.map_or(USUAL_WINDOW.as_secs_f64(), f64::from);
        (!turns_first && !is_full && seconds < window * HORIZON).then_some(seconds)
    }

    /// Responses of the last minute that told of it, as evidence. A provider that was asked
    /// for it knows.
    #[must_use]
    pub fn evidence(&self, now: Mono) -> u64 {
        if self.last.source == ReadingSource::Api {
            return u64::MAX;
        }
        self.responses.recent(now, Duration::from_secs(60)).map(|count| u64::from(*count)).sum()
    }

    /// Whether the exhaustion changed since this was last asked. The first drop
    /// that trickles in is no end of it, and silence is none either.
    pub fn exhaustion_change(&mut self, view: &View) -> Option<Exhaustion> {
        let worth_calling = view.remaining_ratio.is_none_or(|left| left >= BACK);
        if view.exhausted == self.was_exhausted || (self.was_exhausted && !worth_calling) {
            return None;
        }
        self.was_exhausted = view.exhausted;
        Some(if view.exhausted { Exhaustion::Began } else { Exhaustion::Ended })
    }
}

/// Keep what is known where a reading does not say it.
fn learn<T>(known: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *known = said;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_polled_holds_for_an_hour_and_a_header_for_its_window() {
        let start = Stamp { mono: Mono(0), wall: Wall::from_secs(1_795_176_000) };
        for (source, window_s, age_s, stale) in [
            (ReadingSource::Api, None, 3599, false),
            (ReadingSource::Api, Some(60), 3599, false),
            (ReadingSource::Api, None, 3601, true),
            (ReadingSource::Api, Some(86_400), 3601, false),
            (ReadingSource::Header, None, 61, true),
        ] {
            let id = LimitId { window_s, ..LimitId::of(Resource::Credits) };
            let reading = LimitReading {
                remaining: Some(Amount::whole(5)),
                ..LimitReading::silent(id, start.wall, source)
            };
            let age = Duration::from_secs(age_s);
            let now = Stamp { mono: start.mono.plus(age), wall: start.wall.plus(age) };
            let view = Gauge::new(&reading, start).view(now);
            assert_eq!(view.stale, stale, "{source:?} {window_s:?} {age_s}");
        }
    }
}
