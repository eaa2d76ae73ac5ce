//! From a call to its rows in one look-up: a cell is a combination of names
//! that occurs, and knows the rows of traffic, caller, retries and caps that
//! such a call counts in.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::callers::Caller;
use super::retries::Retries;
use super::spec::CapSpec;
use super::table::{NOWHERE, Table};
use super::traffic::{Row, RowId};
use crate::domain::{Mono, NameKind, Names, Priority, Request, Sym};
use crate::stats::Sliding;

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
    overall: Row,
    caps: Vec<CapMatch>,
    /// Caps of the last call for which there was no room.
    spilled: Vec<u16>,
}

/// A combination of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CellId {
    row: RowId,
    key: Option<Sym>,
    environment: Option<Sym>,
    team: Option<Sym>,
    priority: Option<Priority>,
}

impl CellId {
    fn of(request: &Request) -> CellId {
        let (provider, model) = (request.provider, request.model);
        let caller = &request.caller;
        CellId {
            row: RowId { provider, model, endpoint: request.endpoint },
            key: caller.key,
            environment: caller.environment,
            team: caller.team,
            priority: caller.priority,
        }
    }
}

#[derive(Debug)]
struct Cell {
    id: CellId,
    traffic: u32,
    caller: u32,
    retries: u32,
    caps: Box<[u16]>,
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
    pub caps: &'a [u16],
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
    /// Calls a second.
    pub per_s: f64,
}

/// What a cap covers, with its names made symbols.
#[derive(Debug, Default)]
struct CapMatch {
    provider: Option<Wanted>,
    model: Option<Wanted>,
    key: Option<Wanted>,
    team: Option<Wanted>,
    environment: Option<Wanted>,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Any,
    Only(Sym),
}

/// Looked up for every call: as few words as it fits into.
impl Hash for CellId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(Sym::pair(self.row.provider, self.row.model));
        hasher.write_u64(Sym::pair(self.row.endpoint, self.key));
        hasher.write_u64(Sym::pair(self.environment, self.team));
        hasher.write_u64(self.priority.map_or(0, |priority| 1 + priority as u64));
    }
}

impl Cells {
    /// No cells yet.
    #[must_use]
    pub fn new(caps: &[CapSpec], names: &Names) -> Cells {
        Cells {
            cells: Table::new(CAP),
            traffic: Table::new(ROWS),
            callers: Table::new(ROWS),
            retries: Table::new(ROWS),
            overall: Row::new(RowId::default()),
            caps: caps.iter().map(|cap| CapMatch::new(cap, names)).collect(),
            spilled: Vec::new(),
        }
    }

    /// Count a call in all its rows.
    pub fn count(&mut self, request: &Request, when: Mono) -> Rows<'_> {
        self.overall.count(request, when);
        let id = CellId::of(request);
        let Cells { cells, traffic, callers, retries, caps, spilled, .. } = self;
        let found = cells.position(id, || {
            let pair = (id.row.provider, id.row.model);
            let who = (id.key, id.environment);
            let covers = |cap: &CapMatch| cap.covers(request);
            Cell {
                id,
                traffic: place(traffic.position(id.row, || Row::new(id.row))),
                caller: place(callers.position(who, || Caller::new(id.key, id.environment))),
                retries: place(retries.position(pair, || Retries::new(pair.0, pair.1))),
                caps: (0u16..).zip(&*caps).filter(|(_, c)| covers(c)).map(|(i, _)| i).collect(),
                load: Sliding::new(Duration::from_secs(5), 13),
            }
        });
        let found = found.and_then(|(position, new)| Some((cells.get_mut(position)?, new)));
        let Some((cell, new)) = found else {
            // No room for its combination: spend still counts against its caps.
            spill(spilled, caps, request);
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
        let (traffic, caller, retries) = (cell.traffic, cell.caller, cell.retries);
        Rows { traffic, caller, retries, caps: &cell.caps, new }
    }

    /// Caps that cover a call.
    pub fn caps_of(&self, request: &Request) -> impl Iterator<Item = u16> {
        let all = (0u16..).zip(&self.caps);
        all.filter(|(_, cap)| cap.covers(request)).map(|(position, _)| position)
    }

    /// Take a call back that was counted at `when`. Returns the caps that cover it.
    pub fn take_back(&mut self, request: &Request, when: Mono) -> &[u16] {
        self.overall.take_back(request, when);
        let Some(cell) = self.cells.find_mut(&CellId::of(request)) else {
            spill(&mut self.spilled, &self.caps, request);
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
    pub fn load(&self, now: Mono) -> impl Iterator<Item = Load> {
        let minute = Duration::from_secs(60);
        self.cells.iter().filter_map(move |cell| {
            let calls: u32 = cell.load.recent(now, minute).sum();
            (calls > 0).then(|| Load {
                row: cell.id.row,
                key: cell.id.key,
                environment: cell.id.environment,
                priority: cell.id.priority,
                per_s: f64::from(calls) / cell.load.covered_s(now, minute),
            })
        })
    }
}

/// Which caps cover a call for whose combination there was no room.
fn spill(into: &mut Vec<u16>, caps: &[CapMatch], request: &Request) {
    into.clear();
    let covering = (0u16..).zip(caps).filter(|(_, cap)| cap.covers(request));
    into.extend(covering.map(|(index, _)| index));
}

/// A row's position, or one that leads nowhere.
fn place(found: Option<(u32, bool)>) -> u32 {
    found.map_or(NOWHERE, |(position, _)| position)
}

impl CapMatch {
    fn new(cap: &CapSpec, names: &Names) -> CapMatch {
        let wanted = |label: &str, kind: NameKind| {
            cap.matches.get(label).map(|text| match text.as_str() {
                "*" => Wanted::Any,
                text => Wanted::Only(names.intern(kind, text)),
            })
        };
        CapMatch {
            provider: wanted("provider", NameKind::Provider),
            model: wanted("model", NameKind::Model),
            key: wanted("key", NameKind::Key),
            team: wanted("team", NameKind::Team),
            environment: wanted("environment", NameKind::Environment),
        }
    }

    fn covers(&self, request: &Request) -> bool {
        let fits = |wanted: Option<Wanted>, name: Option<Sym>| match wanted {
            None => true,
            Some(Wanted::Any) => name.is_some(),
            Some(Wanted::Only(sym)) => name == Some(sym),
        };
        fits(self.provider, request.provider)
            && fits(self.model, request.model)
            && fits(self.key, request.caller.key)
            && fits(self.team, request.caller.team)
            && fits(self.environment, request.caller.environment)
    }
}
