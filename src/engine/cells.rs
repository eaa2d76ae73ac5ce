//! From a call to its rows in one look-up: a cell is a combination of names
//! that occurs, and knows the rows of traffic, caller, retries and caps that
//! such a call counts in.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::bills::Days;
use super::callers::Caller;
use super::caps::Caps;
use super::retries::Retries;
use super::spec::CapSpec;
use super::spend::Sums;
use super::table::{NOWHERE, Table};
use super::traffic::{Row, RowId};
use crate::domain::{Dimension, Mono, Priority, Request, Sym, Wall};
use crate::stats::{Known, Sliding};

/// Combinations kept; calls of further ones count in the totals and caps only.
const CAP: usize = 16_384;
/// Rows kept of each kind.
const ROWS: usize = 4096;

/// All cells, and the rows they lead to.
#[derive(Debug)]
pub struct Cells {
    cells: Table<CellId, Cell>,
    traffic: Table<RowId, Row>,
    callers: Table<(Option<Sym>, Option<Sym>), Caller>,
    retries: Table<(Option<Sym>, Option<Sym>), Retries>,
    days: Table<Account, Days>,
    overall: Row,
    /// What only caps tell calls apart by, where one does.
    apart: Vec<Dimension>,
    /// Caps of the last call for which there was no room.
    spilled: Vec<u32>,
}

/// A combination of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CellId {
    row: RowId,
    key: Option<Sym>,
    environment: Option<Sym>,
    team: Option<Sym>,
    priority: Option<Priority>,
    /// Only where a cap tells calls apart by them.
    user: Option<Sym>,
    host: Option<Sym>,
}

impl CellId {
    fn of(request: &Request, apart: &[Dimension]) -> CellId {
        let (provider, model) = (request.provider, request.model);
        let caller = &request.caller;
        CellId {
            row: RowId { provider, model, endpoint: request.endpoint },
            key: caller.key,
            environment: caller.environment,
            team: caller.team,
            priority: caller.priority,
            user: caller.user.filter(|_| apart.contains(&Dimension::User)),
            host: request.host.filter(|_| apart.contains(&Dimension::Host)),
        }
    }
}

#[derive(Debug)]
struct Cell {
    id: CellId,
    traffic: u32,
    caller: u32,
    retries: u32,
    days: u32,
    caps: Box<[u32]>,
    load: Sliding<u32>,
}

/// The rows a call was counted in.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Row of traffic.
    pub traffic: u32,
    /// Row of its key.
    pub caller: u32,
    /// Row of its retries.
    pub retries: u32,
    /// Caps that cover it.
    pub caps: &'a [u32],
    /// The cell is a new one: its rows may have to be watched.
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

/// Looked up for every call: as few words as it fits into.
impl Hash for CellId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(Sym::pair(self.row.provider, self.row.model));
        hasher.write_u64(Sym::pair(self.row.endpoint, self.key));
        hasher.write_u64(Sym::pair(self.environment, self.team));
        hasher.write_u64(self.priority.map_or(0, |priority| 1 + priority as u64));
        hasher.write_u64(Sym::pair(self.user, self.host));
    }
}

impl Cells {
    /// No cells yet.
    #[must_use]
    pub fn new(caps: &[CapSpec]) -> Cells {
        let about = |cap: &CapSpec, by: Dimension| {
            cap.each == Some(by) || cap.matches.contains_key(by.word())
        };
        let apart = [Dimension::User, Dimension::Host];
        Cells {
            cells: Table::new(CAP),
            traffic: Table::new(ROWS),
            callers: Table::new(ROWS),
            retries: Table::new(ROWS),
            days: Table::new(ROWS),
            overall: Row::new(RowId::default()),
            apart: apart.into_iter().filter(|by| caps.iter().any(|cap| about(cap, *by))).collect(),
            spilled: Vec::new(),
        }
    }

    /// Count a call in all its rows, in the day of `at`.
    pub fn count(&mut self, request: &Request, when: Mono, at: Wall, all: &mut Caps) -> Rows<'_> {
        self.overall.count(request, when);
        let id = CellId::of(request, &self.apart);
        let Cells { cells, traffic, callers, retries, days, spilled, .. } = self;
        let found = cells.position(id, || {
            let pair = (id.row.provider, id.row.model);
            let who = (id.key, id.environment);
            let account = (id.row.provider, id.environment);
            let mut caps = Vec::new();
            all.covering(request, &mut caps);
            Cell {
                id,
                traffic: place(traffic.position(id.row, || Row::new(id.row))),
                caller: place(callers.position(who, || Caller::new(id.key, id.environment))),
                retries: place(retries.position(pair, || Retries::new(pair.0, pair.1))),
                days: place(days.position(account, || Days::new(account.0, account.1))),
                caps: caps.into(),
                load: Sliding::new(Duration::from_secs(5), 13),
            }
        });
        let found = found.and_then(|(position, new)| Some((cells.get_mut(position)?, new)));
        let Some((cell, new)) = found else {
            // No room for its combination: spend still counts against its caps, and
            // in its day.
            spilled.clear();
            all.covering(request, spilled);
            let account = (id.row.provider, id.environment);
            add_to_day(days, account, at, &Sums::of(request));
            let caps = spilled.as_slice();
            return Rows { traffic: NOWHERE, caller: NOWHERE, retries: NOWHERE, caps, new: false };
        };
        if let Some(load) = cell.load.at(when) {
            *load += 1;
        }
        if let Some(row) = traffic.get_mut(cell.traffic) {
            row.count(request, when);
        }
        if let Some(row) = callers.get_mut(cell.caller) {
            row.count(request, when);
        }
        if let Some(row) = retries.get_mut(cell.retries) {
            row.count(request, when);
        }
        if let Some(sums) = days.get_mut(cell.days).and_then(|days| days.at(at)) {
            sums.add(&Sums::of(request));
        }
        let (traffic, caller, retries) = (cell.traffic, cell.caller, cell.retries);
        Rows { traffic, caller, retries, caps: &cell.caps, new }
    }

    /// What was counted at `when` in the rows of a cell may stop traffic.
    pub fn heard(&mut self, (traffic, caller, retries): (u32, u32, u32), when: Mono) {
        if let Some(row) = self.traffic.get_mut(traffic) {
            row.heard.note(when);
        }
        if let Some(row) = self.callers.get_mut(caller) {
            row.heard.note(when);
        }
        if let Some(row) = self.retries.get_mut(retries) {
            row.heard.note(when);
        }
    }

    /// Take a call back that was counted at `when`, in the day of `at`. Of one that an
    /// earlier run counted there are no rates. Returns the caps that cover it.
    pub fn take_back(
        &mut self,
        request: &Request,
        when: Option<Mono>,
        at: Wall,
        all: &mut Caps,
    ) -> &[u32] {
        self.add_to_day(request, at, &Sums::of(request).negated());
        if let Some(when) = when {
            self.overall.take_back(request, when);
        }
        let cell = self.cells.find_mut(&CellId::of(request, &self.apart));
        let Some((cell, when)) = cell.zip(when) else {
            self.spilled.clear();
            all.covering(request, &mut self.spilled);
            return &self.spilled;
        };
        if let Some(load) = cell.load.at(when) {
            *load = load.saturating_sub(1);
        }
        if let Some(row) = self.traffic.get_mut(cell.traffic) {
            row.take_back(request, when);
        }
        if let Some(row) = self.callers.get_mut(cell.caller) {
            row.take_back(request, when);
        }
        if let Some(row) = self.retries.get_mut(cell.retries) {
            row.take_back(request, when);
        }
        &cell.caps
    }

    /// Add to what an account has spent on the day of `at`.
    pub fn add_to_day(&mut self, request: &Request, at: Wall, part: &Sums) {
        let account = (request.provider, request.caller.environment);
        add_to_day(&mut self.days, account, at, part);
    }

    /// What each account has spent, by day.
    #[must_use]
    pub fn days(&self) -> &[Days] {
        self.days.iter().as_slice()
    }

    /// Traffic over everything.
    #[must_use]
    pub fn overall(&self) -> &Row {
        &self.overall
    }

    /// Rows of traffic.
    pub fn traffic(&self) -> std::slice::Iter<'_, Row> {
        self.traffic.iter()
    }

    /// Keys.
    pub fn callers(&self) -> std::slice::Iter<'_, Caller> {
        self.callers.iter()
    }

    /// Retries by provider and model.
    pub fn retries(&self) -> std::slice::Iter<'_, Retries> {
        self.retries.iter()
    }

    /// One row of traffic.
    pub fn traffic_row(&mut self, position: u32) -> Option<&mut Row> {
        self.traffic.get_mut(position)
    }

    /// One key.
    pub fn caller_row(&mut self, position: u32) -> Option<&mut Caller> {
        self.callers.get_mut(position)
    }

    /// Retries of one provider and model.
    pub fn retries_row(&mut self, position: u32) -> Option<&mut Retries> {
        self.retries.get_mut(position)
    }

    /// The last minute's load by cell, without cells that are quiet.
    pub fn load(&self, now: Mono, known: Known) -> impl Iterator<Item = Load> {
        let minute = Duration::from_secs(60);
        self.cells.iter().filter_map(move |cell| {
            let calls: u32 = cell.load.recent(now, minute).sum();
            (calls > 0).then(|| Load {
                row: cell.id.row,
                key: cell.id.key,
                environment: cell.id.environment,
                priority: cell.id.priority,
                calls,
                per_s: cell.load.covered_s(now, minute, known).map(|s| f64::from(calls) / s),
            })
        })
    }
}

/// A provider and an environment.
type Account = (Option<Sym>, Option<Sym>);

fn add_to_day(days: &mut Table<Account, Days>, account: Account, at: Wall, part: &Sums) {
    let row = days.position(account, || Days::new(account.0, account.1));
    if let Some(days) = row.and_then(|(position, _)| days.get_mut(position))
        && let Some(sums) = days.at(at)
    {
        sums.add(part);
    }
}

/// A row's position, or one that leads nowhere.
fn place(found: Option<(u32, bool)>) -> u32 {
    found.map_or(NOWHERE, |(position, _)| position)
}
