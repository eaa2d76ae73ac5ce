//! From a call to its rows in one look-up: a cell is a combination of names
//! that occurs, and knows the rows of traffic, caller, retries and caps that
//! such a call counts in.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::alerts::Series;
use super::bills::Days;
use super::callers::Caller;
use super::caps::Caps;
use super::part::Part;
use super::retries::Retries;
use super::rows::{IDLE, Places, Rows};
use super::spec::CapSpec;
use super::spend::Sums;
use super::table::{Table, Take};
use super::traffic::{Row, RowId, View};
use crate::domain::{Dimension, Mono, Outcome, Priority, Request, Sym, Wall};
use crate::stats::{Known, Sliding};

/// Combinations kept; of further ones the rows and caps are looked up for each call.
const CAP: usize = 16_384;
/// Slices of load kept for calls without a cell.
const SLICES: usize = 4096;

/// All cells, and the rows they lead to.
#[derive(Debug)]
pub struct Cells {
    cells: Table<CellId, Cell>,
    rows: Rows,
    /// The load of calls without a cell.
    spilled_load: Table<Slice, (Slice, Sliding<u32>)>,
    /// What only caps tell calls apart by, where one does.
    apart: Vec<Dimension>,
    /// Caps of the last call without a cell.
    spilled: Vec<u32>,
}

/// A combination of names: user, host and account only where a cap tells calls apart by
/// them. It is looked up for every call, and so is as few words as that fits into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CellId([u64; 5]);

impl CellId {
    fn of(request: &Request, apart: &[Dimension]) -> CellId {
        let caller = &request.caller;
        let user = caller.user.filter(|_| apart.contains(&Dimension::User));
        let host = request.host.filter(|_| apart.contains(&Dimension::Host));
        let account = caller.account.filter(|_| apart.contains(&Dimension::Account));
        let priority = caller.priority.map_or(0, |priority| 1 + priority as u64);
        CellId([
            Sym::pair(request.provider, request.model),
            Sym::pair(request.endpoint, caller.key),
            Sym::pair(caller.environment, caller.team),
            Sym::pair(account, None) | priority,
            Sym::pair(user, host),
        ])
    }
}

impl Hash for CellId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.iter().for_each(|word| hasher.write_u64(*word));
    }
}

#[derive(Debug)]
struct Cell {
    slice: Slice,
    places: Places,
    caps: Box<[u32]>,
    load: Sliding<u32>,
}

/// What load is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Slice {
    row: RowId,
    key: Option<Sym>,
    environment: Option<Sym>,
    priority: Option<Priority>,
}

impl Slice {
    fn of(request: &Request) -> Slice {
        let (provider, model) = (request.provider, request.model);
        let caller = &request.caller;
        Slice {
            row: RowId { provider, model, endpoint: request.endpoint },
            key: caller.key,
            environment: caller.environment,
            priority: caller.priority,
        }
    }

    /// All of a provider for which there is no room.
    fn of_others(self) -> Slice {
        let other = Some(Sym::OTHER);
        Slice { row: RowId { model: other, endpoint: other, ..self.row }, key: other, ..self }
    }
}

/// Where a call was counted.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its rows.
    pub places: Places,
    /// Caps that cover it.
    pub caps: &'a [u32],
    /// It is a new combination: its rows may have to be watched.
    pub new: bool,
}

/// A slice of the last minute's load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Provider and model (and endpoint).
    pub row: RowId,
    /// Key.
    pub key: Option<Sym>,
    /// Environment.
    pub environment: Option<Sym>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Calls.
    pub calls: u32,
    /// Calls a second, once that can be said.
    pub per_s: Option<f64>,
}

impl Cells {
    /// No cells yet.
    #[must_use]
    pub fn new(caps: &[CapSpec]) -> Cells {
        let about = |cap: &CapSpec, by: Dimension| {
            cap.each == Some(by) || cap.matches.contains_key(by.word())
        };
        let apart = [Dimension::User, Dimension::Host, Dimension::Account];
        Cells {
            cells: Table::new(CAP),
            rows: Rows::new(),
            spilled_load: Table::new(SLICES),
            apart: apart.into_iter().filter(|by| caps.iter().any(|cap| about(cap, *by))).collect(),
            spilled: Vec::new(),
        }
    }

    /// Count a call in a part of all its rows, in the day of `at`.
    pub fn count(
        &mut self,
        request: &Request,
        when: Mono,
        (part, at): (Part, Wall),
        all: &mut Caps,
    ) -> Seen<'_> {
        let id = CellId::of(request, &self.apart);
        // What failed may be about names that somebody has invented.
        let take = if request.outcome() == Outcome::Ok { Take::Any } else { Take::Half };
        let Cells { cells, rows, spilled, spilled_load, .. } = self;
        let found = cells.position(id, take, || {
            let mut caps = Vec::new();
            all.covering(request, &mut caps);
            Cell {
                slice: Slice::of(request),
                places: rows.place(request, take),
                caps: caps.into(),
                load: fresh_load(),
            }
        });
        let found = found.and_then(|(position, new)| Some((cells.get_mut(position)?, new)));
        let Some((cell, new)) = found else {
            spilled.clear();
            all.covering(request, spilled);
            let places = rows.place(request, take);
            rows.count(&places, request, when, (part, at));
            if part.has_present() {
                spill(spilled_load, Slice::of(request), when);
            }
            return Seen { places, caps: spilled, new: places.made };
        };
        if part.has_present()
            && let Some(load) = cell.load.at(when)
        {
            *load += 1;
        }
        let mut new = new;
        if cell.places.shared && !new {
            // There may be room for rows of its own by now.
            cell.places = rows.place(request, take);
            new = cell.places.made;
        }
        rows.count(&cell.places, request, when, (part, at));
        Seen { places: cell.places, caps: &cell.caps, new }
    }

    /// What was counted at `when` in the rows of a call may stop traffic.
    pub fn heard(&mut self, places: &Places, when: Mono) {
        if let Some(row) = self.rows.traffic.get_mut(places.traffic) {
            row.heard.note(when);
        }
        if let Some(row) = self.rows.callers.get_mut(places.caller) {
            row.heard.note(when);
        }
        if let Some(row) = self.rows.retries.get_mut(places.retries) {
            row.heard.note(when);
        }
    }

    /// Take a call back that was counted at `when`, in the day of `at`. Of one that an
    /// earlier run counted there are no rates. Returns the caps that cover it.
    pub fn take_back(
        &mut self,
        request: &Request,
        when: Option<Mono>,
        (part, at): (Part, Wall),
        all: &mut Caps,
    ) -> &[u32] {
        if part.has_sums() {
            self.add_to_day(request, at, &Sums::of(request).negated());
        }
        let id = CellId::of(request, &self.apart);
        let cell = self.cells.find(&id).and_then(|position| self.cells.get_mut(position));
        let Some((cell, when)) = cell.zip(when) else {
            if let Some(when) = when {
                self.rows.take_back(&self.rows.find(request), request, when);
                unspill(&mut self.spilled_load, Slice::of(request), when);
            }
            self.spilled.clear();
            all.covering(request, &mut self.spilled);
            return &self.spilled;
        };
        if let Some(load) = cell.load.at(when) {
            *load = load.saturating_sub(1);
        }
        self.rows.take_back(&cell.places, request, when);
        &cell.caps
    }

    /// Give up what nobody called for some time, where room is scarce. `lives` tells
    /// whether an alert is about a row.
    pub fn make_room(&mut self, now: Mono, lives: &dyn Fn(Series) -> bool) {
        self.rows.give_up(now, lives);
        let idle = |load: &Sliding<u32>| now.since(load.last()) >= IDLE;
        let traffic = self.rows.traffic.is_spare();
        let callers = self.rows.callers.is_spare();
        let retries = self.rows.retries.is_spare();
        let leads_astray = |places: &Places| {
            traffic(places.traffic) || callers(places.caller) || retries(places.retries)
        };
        let scarce = self.cells.is_scarce();
        self.cells.give_up(|_, cell| (scarce && idle(&cell.load)) || leads_astray(&cell.places));
        if self.spilled_load.is_scarce() {
            self.spilled_load.give_up(|_, (_, load)| idle(load));
        }
    }

    /// Free durations that are too old to be shown, of some rows at a time.
    pub fn forget_durations(&mut self, now: Mono) {
        self.rows.forget_durations(now);
    }

    /// What found no room of its own: what it is, how often, and how many there are.
    pub fn overflowed(&self) -> impl Iterator<Item = (&'static str, u64, usize)> {
        self.rows.overflowed().into_iter()
    }

    /// Add to what an account has spent on the day of `at`.
    pub fn add_to_day(&mut self, request: &Request, at: Wall, part: &Sums) {
        self.rows.add_to_day(request, at, part);
    }

    /// What each account has spent, by day.
    #[must_use]
    pub fn days(&self) -> &[Days] {
        self.rows.days.iter().as_slice()
    }

    /// Traffic over everything.
    #[must_use]
    pub fn overall(&self, now: Mono, known: Known) -> View {
        View::of(RowId::default(), self.rows.all_traffic(), now, known)
    }

    /// Rows of traffic.
    pub fn traffic(&self) -> std::slice::Iter<'_, Row> {
        self.rows.traffic.iter()
    }

    /// Keys.
    pub fn callers(&self) -> std::slice::Iter<'_, Caller> {
        self.rows.callers.iter()
    }

    /// Retries by provider and model.
    pub fn retries(&self) -> std::slice::Iter<'_, Retries> {
        self.rows.retries.iter()
    }

    /// One row of traffic.
    pub fn traffic_row(&mut self, position: u32) -> Option<&mut Row> {
        self.rows.traffic.get_mut(position)
    }

    /// One key.
    pub fn caller_row(&mut self, position: u32) -> Option<&mut Caller> {
        self.rows.callers.get_mut(position)
    }

    /// Retries of one provider and model.
    pub fn retries_row(&mut self, position: u32) -> Option<&mut Retries> {
        self.rows.retries.get_mut(position)
    }

    /// The last minute's load by slice, without those that are quiet.
    pub fn load(&self, now: Mono, known: Known) -> impl Iterator<Item = Load> {
        let minute = Duration::from_secs(60);
        let cells = self.cells.iter().map(|cell| (cell.slice, &cell.load));
        let spilled = self.spilled_load.iter().map(|(slice, load)| (*slice, load));
        cells.chain(spilled).filter_map(move |(slice, load)| {
            let calls: u32 = load.recent(now, minute).sum();
            (calls > 0).then(|| Load {
                row: slice.row,
                key: slice.key,
                environment: slice.environment,
                priority: slice.priority,
                calls,
                per_s: load.covered_s(now, minute, known).map(|s| f64::from(calls) / s),
            })
        })
    }
}

fn fresh_load() -> Sliding<u32> {
    Sliding::new(Duration::from_secs(5), 13)
}

/// Count the load of a call without a cell.
fn spill(spilled: &mut Table<Slice, (Slice, Sliding<u32>)>, slice: Slice, when: Mono) {
    let mut place = |slice: Slice, take| {
        let (position, _) = spilled.position(slice, take, || (slice, fresh_load()))?;
        let (_, load) = spilled.get_mut(position)?;
        load.at(when).map(|load| *load += 1)
    };
    if place(slice, Take::Any).is_none() {
        place(slice.of_others(), Take::Reserve);
    }
}

fn unspill(spilled: &mut Table<Slice, (Slice, Sliding<u32>)>, slice: Slice, when: Mono) {
    let place = spilled.find(&slice).or_else(|| spilled.find(&slice.of_others()));
    let load = place.and_then(|position| spilled.get_mut(position));
    if let Some(load) = load.and_then(|(_, load)| load.at(when)) {
        *load = load.saturating_sub(1);
    }
}
