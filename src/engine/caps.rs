//! The caps: which of them cover a call, and the rows of those that count for
//! each key, team or the like by itself.
//!
//! Names are chosen by clients, so rows are bounded; what finds no room is counted
//! under `__other__`. Who is covered is asked once for each combination of names
//! that occurs, and kept in its cell.

use std::ops::Range;

use hashbrown::HashMap;
use jiff::tz::TimeZone;
use rustc_hash::FxBuildHasher;

use super::calendar::Span;
use super::restored::Stretch;
use super::spec::{CapSpec, Period};
use super::spend::Cap;
use crate::domain::{Bucket, BucketId, Dimension, Names, Request, Stamp, Sym, Wall};

/// Rows of one cap that counts for each name.
const ROWS: usize = 4096;

/// All caps.
#[derive(Debug)]
pub struct Caps {
    /// In which months are counted.
    zone: TimeZone,
    plans: Vec<Plan>,
    rows: Vec<Cap>,
    places: HashMap<(usize, Sym), u32, FxBuildHasher>,
    /// Rows that rules have been found for.
    watched: usize,
}

/// A configured cap.
#[derive(Debug)]
struct Plan {
    wanted: Vec<(Dimension, Wanted)>,
    rows: PlanRows,
}

#[derive(Debug)]
enum PlanRows {
    /// It is one row.
    One(u32),
    /// It has a row for each name of a dimension.
    Each(Box<Each>),
}

#[derive(Debug)]
struct Each {
    dimension: Dimension,
    /// What a new row begins as.
    fresh: Cap,
    rows: usize,
    overflowed: u64,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Any,
    Only(Sym),
}

impl Caps {
    /// The configured ones, nothing spent. Those that count for each name have no
    /// row yet.
    #[must_use]
    pub fn new(specs: Vec<CapSpec>, zone: &TimeZone, names: &Names, now: Stamp) -> Caps {
        let mut caps = Caps {
            zone: zone.clone(),
            plans: Vec::new(),
            rows: Vec::new(),
            places: HashMap::with_hasher(FxBuildHasher),
            watched: 0,
        };
        for spec in specs {
            let wanted = Dimension::ALL.iter().filter_map(|dimension| {
                let wanted = match spec.matches.get(dimension.word())?.as_str() {
                    "*" => Wanted::Any,
                    text => Wanted::Only(names.intern(dimension.kind(), text)),
                };
                Some((*dimension, wanted))
            });
            let (wanted, each) = (wanted.collect(), spec.each);
            let cap = Cap::new(spec, zone, now);
            let rows = match each {
                Some(dimension) => {
                    let each = Each { dimension, fresh: cap, rows: 0, overflowed: 0 };
                    PlanRows::Each(Box::new(each))
                }
                None => PlanRows::One(push(&mut caps.rows, cap)),
            };
            caps.plans.push(Plan { wanted, rows });
        }
        caps
    }

    /// Whether a cap of that name is configured.
    pub fn has(&self, name: &str) -> bool {
        self.plans.iter().any(|plan| match &plan.rows {
            PlanRows::Each(each) => each.fresh.spec.name == name,
            PlanRows::One(row) => {
                self.rows.get(*row as usize).is_some_and(|cap| cap.spec.name == name)
            }
        })
    }

    /// Append the rows that a call counts in; they are made where they are new.
    pub fn covering(&mut self, request: &Request, into: &mut Vec<u32>) {
        for (number, plan) in self.plans.iter_mut().enumerate() {
            if !plan.covers(request) {
                continue;
            }
            match &mut plan.rows {
                PlanRows::One(row) => into.push(*row),
                PlanRows::Each(each) => {
                    let Some(name) = each.dimension.of(request) else { continue };
                    into.push(place(&mut self.places, &mut self.rows, number, each, name));
                }
            }
        }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Cap] {
        &self.rows
    }

    /// One row.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut Cap> {
        self.rows.get_mut(position as usize)
    }

    /// Whether there are rows that no rule has been found for yet.
    #[must_use]
    pub fn has_unwatched(&self) -> bool {
        self.watched < self.rows.len()
    }

    /// Positions of these; each is told once.
    pub fn unwatched(&mut self) -> Range<u32> {
        let watched = std::mem::replace(&mut self.watched, self.rows.len());
        let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        number(watched)..number(self.rows.len())
    }

    /// What found no row of its own: what it is, how often, and how many a cap has.
    #[must_use]
    pub fn overflowed(&self) -> (&'static str, u64, usize) {
        let each = self.plans.iter().filter_map(|plan| match &plan.rows {
            PlanRows::Each(each) => Some(each.overflowed),
            PlanRows::One(_) => None,
        });
        ("rows of a cap", each.sum(), ROWS)
    }

    /// Begin new periods where they are due.
    pub fn roll(&mut self, now: Stamp) {
        self.rows.iter_mut().for_each(|cap| cap.roll(now));
        for plan in &mut self.plans {
            if let PlanRows::Each(each) = &mut plan.rows {
                each.fresh.roll(now);
            }
        }
    }

    /// Dimensions of which every name in a stretch has a row.
    #[must_use]
    pub fn each(&self, stretch: &Stretch) -> Vec<Dimension> {
        let each = self.plans.iter().filter_map(|plan| match &plan.rows {
            PlanRows::Each(each) if each.fresh.counts(stretch) => Some(each.dimension),
            _ => None,
        });
        each.collect()
    }

    /// The stretches of which they need to know what was spent.
    #[must_use]
    pub fn stretches(&self, known: &[Wall]) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for plan in &self.plans {
            for stretch in self.period_of(plan).into_iter().flat_map(|cap| cap.stretches(known)) {
                if !stretches.contains(&stretch) {
                    stretches.push(stretch);
                }
            }
        }
        stretches
    }

    /// From when on what was spent counts now: the beginning of the longest period of
    /// a cap, or of this month where that is earlier.
    #[must_use]
    pub fn since(&self, now: Wall) -> Wall {
        let begins = self.plans.iter().filter_map(|plan| self.period_of(plan));
        let month = Span::around(Period::Month, now, &self.zone).start;
        begins.map(Cap::begin).fold(month, Wall::min)
    }

    /// Take over what a caller spent in a part of a stretch.
    pub fn restore(
        &mut self,
        stretch: &Stretch,
        caller: &Request,
        part: (&BucketId, &Bucket),
        now: Wall,
    ) {
        for number in 0..self.plans.len() {
            let Some(plan) = self.plans.get(number).filter(|plan| plan.covers(caller)) else {
                continue;
            };
            let period = self.period_of(plan);
            if !period.is_some_and(|cap| cap.counts(stretch)) {
                continue;
            }
            let row = match self.plans.get_mut(number).map(|plan| &mut plan.rows) {
                Some(PlanRows::One(row)) => *row,
                Some(PlanRows::Each(each)) => {
                    let Some(name) = each.dimension.of(caller) else { continue };
                    place(&mut self.places, &mut self.rows, number, each, name)
                }
                None => continue,
            };
            if let Some(cap) = self.get_mut(row) {
                cap.restore(stretch, part, now);
            }
        }
    }

    /// Dimensions in which caps count for each name.
    #[must_use]
    pub fn each_of_all(&self) -> Vec<Dimension> {
        let each = self.plans.iter().filter_map(|plan| match &plan.rows {
            PlanRows::Each(each) => Some(each.dimension),
            PlanRows::One(_) => None,
        });
        each.collect()
    }

    /// Take over what a caller spent in a minute before a restart, for rates.
    pub fn restore_rate(&mut self, caller: &Request, part: (&BucketId, &Bucket), now: Stamp) {
        let mut rows = Vec::new();
        self.covering(caller, &mut rows);
        for row in rows {
            if let Some(cap) = self.get_mut(row) {
                cap.restore_rate(part, now);
            }
        }
    }

    /// All of an earlier run is taken over.
    pub fn settle(&mut self, now: Stamp) {
        self.rows.iter_mut().for_each(|cap| cap.settle(now));
    }

    /// A cap that knows the present period of a plan.
    fn period_of<'a>(&'a self, plan: &'a Plan) -> Option<&'a Cap> {
        match &plan.rows {
            PlanRows::One(row) => self.rows.get(*row as usize),
            PlanRows::Each(each) => Some(&each.fresh),
        }
    }
}

impl Plan {
    fn covers(&self, request: &Request) -> bool {
        self.wanted.iter().all(|(dimension, wanted)| match (wanted, dimension.of(request)) {
            (Wanted::Any, name) => name.is_some(),
            (Wanted::Only(sym), name) => name == Some(*sym),
        })
    }
}

/// The row of a name under a plan, or of all others where there is no room.
fn place(
    places: &mut HashMap<(usize, Sym), u32, FxBuildHasher>,
    rows: &mut Vec<Cap>,
    number: usize,
    each: &mut Each,
    mut name: Sym,
) -> u32 {
    if each.rows >= ROWS && !places.contains_key(&(number, name)) {
        name = Sym::OTHER;
        each.overflowed += 1;
    }
    *places.entry((number, name)).or_insert_with(|| {
        each.rows += usize::from(name != Sym::OTHER);
        push(rows, each.fresh.of_name(each.dimension, name))
    })
}

fn push(rows: &mut Vec<Cap>, cap: Cap) -> u32 {
    rows.push(cap);
    u32::try_from(rows.len() - 1).unwrap_or(u32::MAX)
}
