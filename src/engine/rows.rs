//! The rows that calls are counted in: traffic, callers, retries, and days of accounts.
//!
//! There is room for so many of each. A call that finds none for its own names counts
//! in a row of its provider's others: no call is missing from what a provider's rows
//! add up to. Rows that nobody called for some time make room for new ones.

use std::time::Duration;

use super::alerts::Series;
use super::bills::Days;
use super::callers::Caller;
use super::part::Part;
use super::retries::Retries;
use super::spend::Sums;
use super::table::{NOWHERE, Table, Take};
use super::traffic::{Row, RowId};
use crate::domain::{Mono, Request, Sym, Wall};

/// Rows kept of each kind.
const ROWS: usize = 4096;
/// A row that was not called for so long shows nothing any more.
pub const IDLE: Duration = Duration::from_secs(300);

/// Rows whose old durations are freed at a time.
const LOOKED_AT: usize = 512;

/// A provider and a model, a provider and an environment, a key and an environment.
type Pair = (Option<Sym>, Option<Sym>);

/// All rows.
#[derive(Debug)]
pub struct Rows {
    pub traffic: Table<RowId, Row>,
    pub callers: Table<Pair, Caller>,
    pub retries: Table<Pair, Retries>,
    pub days: Table<Pair, Days>,
    /// Traffic for which there was no row at all.
    unplaced: Row,
    /// The row of traffic whose durations were looked at last.
    looked_at: u32,
}

/// Where a call is counted.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub traffic: u32,
    pub caller: u32,
    pub retries: u32,
    pub days: u32,
    /// In one of them it is one of others.
    pub shared: bool,
    /// One of them is new.
    pub made: bool,
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Rows {
        Rows {
            traffic: Table::new(ROWS),
            callers: Table::new(ROWS),
            retries: Table::new(ROWS),
            days: Table::new(ROWS),
            unplaced: Row::new(RowId::default()),
            looked_at: 0,
        }
    }

    /// Where a call is counted; rows are made where they are new.
    pub fn place(&mut self, request: &Request, take: Take) -> Places {
        let (mut shared, mut made) = (false, false);
        let mut note = |(position, own, new): (u32, bool, bool)| {
            shared |= !own;
            made |= new;
            position
        };
        let traffic = note(placed(&mut self.traffic, rows_of(request), take, Row::new));
        let caller = |(key, environment)| Caller::new(key, environment);
        let caller = note(placed(&mut self.callers, callers_of(request), take, caller));
        let retries = |(provider, model)| Retries::new(provider, model);
        let retries = note(placed(&mut self.retries, pairs_of(request), take, retries));
        let days = self.day_of(request);
        Places { traffic, caller, retries, days, shared, made }
    }

    /// Where a call that was counted is found again.
    pub fn find(&self, request: &Request) -> Places {
        Places {
            traffic: found(&self.traffic, &rows_of(request)),
            caller: found(&self.callers, &callers_of(request)),
            retries: found(&self.retries, &pairs_of(request)),
            days: found(&self.days, &accounts_of(request)),
            shared: false,
            made: false,
        }
    }

    /// Count a part of a call.
    pub fn count(
        &mut self,
        places: &Places,
        request: &Request,
        when: Mono,
        (part, at): (Part, Wall),
    ) {
        if part.has_sums()
            && let Some(sums) = self.days.get_mut(places.days).and_then(|days| days.at(at))
        {
            sums.add(&Sums::of(request));
        }
        if !part.has_present() {
            return;
        }
        self.traffic_of(places).count(request, when);
        if let Some(row) = self.callers.get_mut(places.caller) {
            row.count(request, when);
        }
        if let Some(row) = self.retries.get_mut(places.retries) {
            row.count(request, when);
        }
    }

    /// Take a call back that was counted at `when`; its day apart.
    pub fn take_back(&mut self, places: &Places, request: &Request, when: Mono) {
        self.traffic_of(places).take_back(request, when);
        if let Some(row) = self.callers.get_mut(places.caller) {
            row.take_back(request, when);
        }
        if let Some(row) = self.retries.get_mut(places.retries) {
            row.take_back(request, when);
        }
    }

    /// All traffic there is.
    pub fn all_traffic(&self) -> impl Iterator<Item = &Row> + Clone {
        self.traffic.iter().chain(std::iter::once(&self.unplaced))
    }

    fn traffic_of(&mut self, places: &Places) -> &mut Row {
        self.traffic.get_mut(places.traffic).unwrap_or(&mut self.unplaced)
    }

    /// Add to what an account has spent on the day of `at`.
    pub fn add_to_day(&mut self, request: &Request, at: Wall, part: &Sums) {
        let position = self.day_of(request);
        if let Some(sums) = self.days.get_mut(position).and_then(|days| days.at(at)) {
            sums.add(part);
        }
    }

    fn day_of(&mut self, request: &Request) -> u32 {
        let days = |(provider, environment)| Days::new(provider, environment);
        placed(&mut self.days, accounts_of(request), Take::Any, days).0
    }

    /// Give up rows that nobody called for some time and that no alert is about.
    pub fn give_up(&mut self, now: Mono, lives: &dyn Fn(Series) -> bool) {
        let idle = |last: Mono, series| now.since(last) >= IDLE && !lives(series);
        if self.traffic.is_scarce() {
            self.traffic.give_up(|at, row| {
                let free = idle(row.last(), Series::Traffic(at));
                unwatch(&mut row.rules, free)
            });
        }
        if self.callers.is_scarce() {
            self.callers.give_up(|at, row| {
                let free = idle(row.last().unwrap_or_default(), Series::Caller(at));
                unwatch(&mut row.rules, free)
            });
        }
        if self.retries.is_scarce() {
            self.retries.give_up(|at, row| {
                let free = idle(row.last(), Series::Retries(at));
                unwatch(&mut row.rules, free)
            });
        }
    }

    /// Free durations that are too old to be shown, of some rows at a time.
    pub fn forget_durations(&mut self, now: Mono) {
        for _ in 0..LOOKED_AT {
            let Some(row) = self.traffic.get_mut(self.looked_at) else {
                self.looked_at = 0;
                return;
            };
            row.latency.forget(now);
            row.ttft.forget(now);
            self.looked_at += 1;
        }
    }

    /// What found no room of its own: which table, how often, and how many rows it has.
    pub fn overflowed(&self) -> [(&'static str, u64, usize); 4] {
        [
            ("rows of traffic", self.traffic.overflowed(), ROWS),
            ("rows of keys", self.callers.overflowed(), ROWS),
            ("rows of retries", self.retries.overflowed(), ROWS),
            ("accounts", self.days.overflowed(), ROWS),
        ]
    }
}

const OTHER: Option<Sym> = Some(Sym::OTHER);

fn rows_of(request: &Request) -> [RowId; 3] {
    let (provider, model, endpoint) = (request.provider, request.model, request.endpoint);
    let others = RowId { provider, model: OTHER, endpoint: OTHER };
    [RowId { provider, model, endpoint }, others, RowId { provider: OTHER, ..others }]
}

fn callers_of(request: &Request) -> [Pair; 3] {
    let caller = &request.caller;
    [(caller.key, caller.environment), (OTHER, caller.environment), (OTHER, OTHER)]
}

fn pairs_of(request: &Request) -> [Pair; 3] {
    [(request.provider, request.model), (request.provider, OTHER), (OTHER, OTHER)]
}

fn accounts_of(request: &Request) -> [Pair; 3] {
    let (provider, environment) = (request.provider, request.caller.environment);
    [(provider, environment), (provider, OTHER), (OTHER, OTHER)]
}

/// No rule watches a row that is given up.
fn unwatch(rules: &mut Box<[u16]>, given_up: bool) -> bool {
    if given_up {
        *rules = Box::default();
    }
    given_up
}

/// The first of the keys that has, or gets, a row; whether it is the call's own, and new.
fn placed<K: Copy + Eq + std::hash::Hash, R>(
    table: &mut Table<K, R>,
    keys: [K; 3],
    take: Take,
    make: impl Fn(K) -> R,
) -> (u32, bool, bool) {
    for (number, key) in keys.into_iter().enumerate() {
        let take = if number == 0 { take } else { Take::Reserve };
        if let Some((position, new)) = table.position(key, take, || make(key)) {
            return (position, number == 0, new);
        }
    }
    (NOWHERE, false, false)
}

fn found<K: Eq + std::hash::Hash, R>(table: &Table<K, R>, keys: &[K; 3]) -> u32 {
    keys.iter().find_map(|key| table.find(key)).unwrap_or(NOWHERE)
}
