//! Names and series as small numbers, each stored once.

use rusqlite::{Connection, OptionalExtension, params_from_iter};
use rustc_hash::FxHashMap;

use super::sums::{NAMES, Names as SeriesNames};
use crate::domain::{Dimension, Names, Sym};

/// Series remembered; a flood of them costs look-ups, not memory.
const MOST_SERIES: usize = 65_536;

/// Numbers that are known to be in the file. To be forgotten whenever a
/// transaction that may have made some is rolled back.
#[derive(Debug, Default)]
pub(super) struct Ids {
    names: FxHashMap<Sym, i64>,
    series: FxHashMap<SeriesNames, i64>,
}

impl Ids {
    /// The number of a series, made if new.
    pub(super) fn series(
        &mut self,
        db: &Connection,
        names: &Names,
        of: &SeriesNames,
    ) -> rusqlite::Result<i64> {
        if let Some(id) = self.series.get(of) {
            return Ok(*id);
        }
        let mut ids = [0; Dimension::ALL.len()];
        for (id, sym) in ids.iter_mut().zip(of) {
            if let Some(sym) = sym {
                *id = self.name(db, names, *sym)?;
            }
        }
        let id = find_or_insert_series(db, ids)?;
        if self.series.len() >= MOST_SERIES {
            self.series.clear();
        }
        self.series.insert(*of, id);
        Ok(id)
    }

    /// Forget all.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.series.clear();
    }

    fn name(&mut self, db: &Connection, names: &Names, sym: Sym) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.get(&sym) {
            return Ok(*id);
        }
        let text = names.text(sym);
        let mut find = db.prepare_cached("SELECT id FROM name WHERE text = ?1")?;
        let found = find.query_row([&*text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => db.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.insert([&*text])?,
        };
        self.names.insert(sym, id);
        Ok(id)
    }
}

fn find_or_insert_series(
    db: &Connection,
    ids: [i64; Dimension::ALL.len()],
) -> rusqlite::Result<i64> {
    let find = format!("SELECT id FROM series WHERE ({NAMES}) = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let mut find = db.prepare_cached(&find)?;
    if let Some(id) = find.query_row(params_from_iter(ids), |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let insert = format!("INSERT INTO series ({NAMES}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db.prepare_cached(&insert)?.insert(params_from_iter(ids))
}
