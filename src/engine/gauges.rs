//! Limits: the last word of each provider and gateway on what is left,
//! by identity, and which of them a refusal is about.

mod index;

use super::alerts::Series;
pub use super::gauge::{Back, Exhaustion, Gauge, Seen, View};
use crate::domain::{
    Blame, Layer, LimitId, LimitReading, LimitedBy, Mono, Outcome, ReadingSource, Request,
    Resource, Scope, Stamp, Sym, Wall, WindowFrom,
};
use index::Index;

/// Gauges kept. A new one takes the place of the one that was stale for longest;
/// where none is, it is counted, not kept.
const CAP: usize = 8192;

/// All limits seen.
#[derive(Debug, Default)]
pub struct Gauges {
    index: Index,
    gauges: Vec<Gauge>,
    /// Gauges that may make room, and when they were read; the first to go is last.
    stale: Vec<(Mono, u32)>,
    /// Gauges of quotas and budgets that refuse calls.
    spent: Vec<u32>,
    not_kept: u64,
    /// A gauge that has just learnt of its first twin, or over which time it counts.
    renamed: Option<u32>,
}

impl Gauges {
    /// Note a reading; answers the gauge's position, and whether it is new.
    pub fn read(&mut self, reading: &LimitReading, now: Stamp) -> Option<(u32, Seen)> {
        self.read_as(reading.id, reading, now)
    }

    /// The same for a reading of a limit that is known more closely than it says.
    pub fn read_as(
        &mut self,
        id: LimitId,
        reading: &LimitReading,
        now: Stamp,
    ) -> Option<(u32, Seen)> {
        let identity = identity(id, reading.window_from);
        if let Some(position) = self.index.find(&identity) {
            let gauge = self.gauges.get_mut(position as usize)?;
            let window_s = gauge.last.id.window_s;
            let seen = gauge.update(id, reading, now);
            if gauge.last.id.window_s != window_s {
                self.renamed = Some(position);
            }
            if gauge.is_spent() {
                self.note_spent(position);
            }
            return Some((position, seen));
        }
        let mut gauge = Gauge::new(&LimitReading { id, ..*reading }, now);
        gauge.has_twin = self.meet_twins(identity);
        let position = if self.gauges.len() < CAP {
            self.gauges.push(gauge);
            u32::try_from(self.gauges.len() - 1).ok()?
        } else if let Some(position) = self.replaceable() {
            self.spent.retain(|spent| *spent != position);
            *self.gauges.get_mut(position as usize)? = gauge;
            position
        } else {
            self.not_kept += 1;
            return None;
        };
        self.index.give(position, identity);
        self.note_spent(position);
        Some((position, Seen::New))
    }

    /// Whether there are limits like this one of other accounts. Of several all know it, so
    /// that only a single one learns it now.
    fn meet_twins(&mut self, identity: LimitId) -> bool {
        let whose = |id: LimitId| LimitId { subject: None, ..id };
        let like = |key: &LimitId| whose(*key) == whose(identity);
        let twin = self.index.limits().position(like).filter(|_| identity.is_of_account());
        let Some(gauge) = twin.and_then(|twin| self.gauges.get_mut(twin)) else { return false };
        if !std::mem::replace(&mut gauge.has_twin, true) {
            self.renamed = twin.and_then(|twin| u32::try_from(twin).ok());
        }
        true
    }

    /// The gauge whose name has changed since this was last asked.
    pub fn take_renamed(&mut self) -> Option<u32> {
        self.renamed.take()
    }

    /// The gauge that was stale for longest, if it still is.
    fn replaceable(&mut self) -> Option<u32> {
        let Gauges { stale, gauges, .. } = self;
        std::iter::from_fn(|| stale.pop()).find_map(|(read_at, position)| {
            let same = gauges.get(position as usize)?.read_at == read_at;
            same.then_some(position)
        })
    }

    /// Find out which ones may make room, where there is none left: those that are
    /// stale and that no alert is about.
    pub fn make_room(&mut self, now: Stamp, lives: &dyn Fn(Series) -> bool) {
        if self.gauges.len() < CAP {
            return;
        }
        let stale = (0u32..).zip(&self.gauges).filter(|(position, gauge)| {
            gauge.refused.is_none() && gauge.view(now).stale && !lives(Series::Limit(*position))
        });
        self.stale.clear();
        self.stale.extend(stale.map(|(position, gauge)| (gauge.read_at, position)));
        self.stale.sort_unstable_by_key(|stale| std::cmp::Reverse(*stale));
    }

    /// Note that a call was refused, or passed: evidence that beats
    /// arithmetic. `named` are the gauges of this very response, `blamed` those of them
    /// that it says refused it.
    pub fn judge_call(
        &mut self,
        request: &Request,
        named: &[u32],
        blamed: &[(u32, Blame)],
        now: Stamp,
    ) -> Option<(u32, Seen)> {
        match request.outcome() {
            Outcome::RateLimited | Outcome::QuotaExhausted => {}
            Outcome::Ok => {
                self.passed(request, named, now.wall);
                return None;
            }
            _ => return None,
        }
        for (position, blame) in blamed {
            self.refuse(*position, *blame, request, now);
        }
        let hit = if blamed.is_empty() { self.guess(request, named, now) } else { None };
        if let Some((position, seen)) = hit {
            // A response that tells of it in its headers, or is the first, is counted already.
            let gauge = self.gauges.get_mut(position as usize);
            if let Some(gauge) = gauge.filter(|_| seen != Seen::New && !named.contains(&position)) {
                gauge.count_response(now.mono_of(request.at));
            }
            self.refuse(position, Blame::Unsaid, request, now);
        }
        // Money that is rejected beside what refused the call would have paid for more.
        for position in named {
            let refused = hit.is_some_and(|(hit, _)| hit == *position)
                || blamed.iter().any(|(blamed, _)| blamed == position);
            if let Some(gauge) = self.gauges.get_mut(*position as usize).filter(|_| !refused) {
                gauge.last.status =
                    gauge.last.status.filter(|_| !(gauge.is_money() && gauge.is_rejected()));
            }
        }
        hit
    }

    /// Which limit refused a call whose response names none.
    fn guess(&mut self, request: &Request, named: &[u32], now: Stamp) -> Option<(u32, Seen)> {
        let by = request.failure.limited_by.unwrap_or(LimitedBy::Unknown);
        let account = self.account_of(named);
        // Of those that fit, the one with the least left.
        let left = |gauge: &Gauge| match (gauge.level(), gauge.last.limit) {
            (Some(level), Some(limit)) if limit.0 > 0 => level / limit.as_f64(),
            (level, _) => level.unwrap_or(f64::MAX),
        };
        let own = named.iter().filter_map(|at| Some((*at, self.gauges.get(*at as usize)?)));
        let fitting = own.filter(|(_, gauge)| {
            let id = &gauge.last.id;
            by.blames(id.resource) && may_blame(id, request) && may_count(id, request)
        });
        let hit = fitting.min_by(|(_, a), (_, b)| left(a).total_cmp(&left(b))).map(|(at, _)| at);
        let hit = hit.map(|position| (position, Seen::Newer));
        hit.or_else(|| self.hidden(request, by, account, now))
    }

    fn refuse(&mut self, position: u32, blame: Blame, request: &Request, now: Stamp) {
        if let Some(gauge) = self.gauges.get_mut(position as usize) {
            gauge.refuse(request, blame, now);
        }
        self.note_spent(position);
    }

    /// Remember what refuses calls until one passes.
    fn note_spent(&mut self, position: u32) {
        let gauge = self.gauges.get(position as usize);
        if gauge.is_some_and(Gauge::is_spent) && !self.spent.contains(&position) {
            self.spent.push(position);
        }
    }

    /// The account that a response speaks of.
    fn account_of(&self, named: &[u32]) -> Option<Sym> {
        let named = named.iter().filter_map(|position| self.gauges.get(*position as usize));
        named.map(|gauge| gauge.last.id).find_map(|id| id.subject.filter(|_| id.is_of_account()))
    }

    /// A call passed: the limits it names, and the money it was paid from, are there.
    fn passed(&mut self, request: &Request, named: &[u32], now: Wall) {
        for position in named {
            if let Some(gauge) = self.gauges.get_mut(*position as usize) {
                gauge.last.status = gauge.last.status.filter(|_| !gauge.is_rejected());
                gauge.relent(request, now);
            }
        }
        if self.spent.is_empty() {
            return;
        }
        let account = self.account_of(named);
        let gauges = &mut self.gauges;
        self.spent.retain(|position| {
            let Some(gauge) = gauges.get_mut(*position as usize) else { return false };
            if gauge.covers(request, account) {
                gauge.relent(request, now);
            }
            gauge.may_relent(now)
        });
    }

    /// The gauge of a limit that no header shows: known only by its refusals.
    fn hidden(
        &mut self,
        request: &Request,
        by: LimitedBy,
        account: Option<Sym>,
        now: Stamp,
    ) -> Option<(u32, Seen)> {
        let resource = by.resource();
        let id = match (request.failure.layer, request.caller.key) {
            // A gateway refuses a key, whatever provider its call would have gone to.
            (Layer::Gateway, Some(key)) if by != LimitedBy::Unknown => LimitId {
                layer: Layer::Gateway,
                scope: Scope::Key,
                subject: Some(key),
                ..LimitId::of(resource)
            },
            (layer, _) => LimitId {
                layer,
                provider: request.provider,
                model: request.model,
                subject: account.filter(|_| layer != Layer::Gateway),
                ..LimitId::of(resource)
            },
        };
        // Of several accounts it may be any.
        let known = self.gauges.iter().position(|gauge| {
            let known = &gauge.last.id;
            known.resource == resource
                && may_blame(known, request)
                && may_count(known, request)
                && known.provider == id.provider
                && (known.subject == id.subject || (id.subject.is_none() && !gauge.has_twin))
                && (known.model == id.model || known.model.is_none())
        });
        if let Some(known) = known {
            return u32::try_from(known).ok().map(|known| (known, Seen::Newer));
        }
        let window_s = request.failure.window_s;
        let reading = LimitReading {
            window_from: window_s.map(|_| WindowFrom::Header),
            ..LimitReading::silent(LimitId { window_s, ..id }, request.at, ReadingSource::Log)
        };
        self.read(&reading, now)
    }

    /// All gauges, in order of first sight.
    pub fn iter(&self) -> impl Iterator<Item = &Gauge> {
        self.gauges.iter()
    }

    /// One gauge.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut Gauge> {
        self.gauges.get_mut(position as usize)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.gauges.len()
    }

    /// What found no room: what it is, how often, and how many there are.
    #[must_use]
    pub fn overflowed(&self) -> (&'static str, u64, usize) {
        ("limits", self.not_kept, CAP)
    }
}

/// The identity of the gauge of a limit. A window that was not stated but derived or
/// looked up is a guess that some readings allow and others do not: it is no part
/// of it. Neither is that a gateway's own limiter counts money, which only the readings
/// with a fraction show.
fn identity(mut id: LimitId, window_from: Option<WindowFrom>) -> LimitId {
    if matches!(window_from, Some(WindowFrom::Math | WindowFrom::Doc) | None) {
        id.window_s = None;
    }
    let is_own = id.scope == Scope::Gateway && id.label.is_some();
    if is_own && id.resource == Resource::Spend {
        id.resource = Resource::Tokens;
    }
    id
}

/// The window of a limit, as far as it tells limits apart.
#[must_use]
pub fn sure_window(gauge: &Gauge) -> Option<u32> {
    identity(gauge.last.id, gauge.last.window_from).window_s
}

/// Whether a refusal can be about this limit: the gateway's own refusals are
/// not about the provider's limits, nor the other way round.
fn may_blame(id: &LimitId, request: &Request) -> bool {
    let layer = request.failure.layer;
    layer == Layer::Unknown || id.layer == Layer::Unknown || id.layer == layer
}

/// Whether it counts over the window that a refusal names: one provider has limits by the
/// minute and by the day on the same thing, and shows but one of them.
fn may_count(id: &LimitId, request: &Request) -> bool {
    let named = id.window_s.zip(request.failure.window_s);
    named.is_none_or(|(own, window)| own == window)
}
