//! Letting go of what is old, in transactions that hold nobody up.

use rusqlite::params_from_iter;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::grain::{self, GRAINS, Grain};
use super::sums::{COLUMNS, add_columns, bucket, columns};
use super::write::Failed;
use crate::domain::{Bucket, Wall};

/// Rows removed in one transaction, more or less.
const STEP_ROWS: i64 = 20_000;

/// Whether everything that is too old is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aged {
    /// It is.
    #[default]
    Done,
    /// Another step is due.
    More,
}

/// What pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Days of a series.
    pub days: usize,
    /// Events of the history.
    pub events: usize,
    /// What they added up to. It stays in the totals.
    pub sums: Bucket,
    /// Whether that was all.
    pub aged: Aged,
}

impl Pruned {
    /// With what another step removed.
    pub fn add(&mut self, step: &Pruned) {
        self.days += step.days;
        self.events += step.events;
        self.sums.add(&step.sums);
        self.aged = step.aged;
    }
}

/// One step of removing all days that end before `before`, and events of that
/// time: first the finer grains, then the days themselves.
pub(super) fn prune(db: &Connection, before: Wall) -> Result<Pruned, Failed> {
    let [finer @ .., days] = GRAINS;
    let until = days.begin(before.0.div_euclid(60_000_000_000));
    for grain in &finer {
        if cut(db, grain, until)? == Aged::More {
            return Ok(Pruned { aged: Aged::More, ..Pruned::default() });
        }
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let sums = format!("SELECT {} FROM day WHERE day < ?1", totals());
    let sums: Bucket = tx.query_row(&sums, [until], |row| bucket(row, 0))?;
    let removed = tx.execute("DELETE FROM day WHERE day < ?1", [until])?;
    let update = format!("UPDATE totals SET {} WHERE what = 'pruned'", add_columns());
    tx.execute(&update, params_from_iter(columns(&sums)?))?;
    let events = tx.execute("DELETE FROM history WHERE at < ?1", [before.0])?;
    // A user's name would stay in them.
    tx.execute("DELETE FROM replaceable WHERE counted_at < ?1", [grain::begin_of(until).0])?;
    tx.execute("DELETE FROM refused WHERE minute < ?1", [until])?;
    forget_unused(&tx)?;
    tx.commit()?;
    Ok(Pruned { days: removed, events, sums, aged: Aged::Done })
}

/// One step of letting go of rows that are old enough for a coarser grain.
pub(super) fn age(db: &Connection, now: Wall) -> Result<Aged, Failed> {
    for grain in GRAINS {
        let Some(kept) = grain.kept else { continue };
        // A clock that runs years ahead must not forbid the rows of days to come.
        let newest = format!("SELECT max({0}) FROM {0}", grain.table);
        let newest: Option<i64> = db.query_row(&newest, [], |row| row.get(0))?;
        let old = grain::minute_from(now.minus(kept));
        let Some(until) = newest.map(|newest| old.min(newest)) else { continue };
        if cut(db, &grain, until)? == Aged::More {
            return Ok(Aged::More);
        }
    }
    Ok(Aged::Done)
}

/// One step of removing a grain's rows from before `until`, up to a border of the
/// next coarser grain.
fn cut(db: &Connection, grain: &Grain, until: i64) -> Result<Aged, Failed> {
    let Some(at) = GRAINS.iter().position(|known| known == grain) else { return Ok(Aged::Done) };
    let Some(coarser) = GRAINS.get(at + 1) else { return Ok(Aged::Done) };
    let wanted = coarser.begin(until);
    if grain::floors(db)?.get(at).is_none_or(|floor| wanted <= *floor) {
        return Ok(Aged::Done);
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let table = grain.table;
    let nth = format!("SELECT {table} FROM {table} ORDER BY {table} LIMIT 1 OFFSET ?1");
    let nth: Option<i64> = tx.query_row(&nth, [STEP_ROWS], |row| row.get(0)).optional()?;
    let step = nth.map_or(wanted, |nth| wanted.min(coarser.end(nth)));
    tx.execute(&format!("DELETE FROM {table} WHERE {table} < ?1"), [step])?;
    let set = "UPDATE state SET value = ?1 WHERE key = ?2";
    tx.execute(set, params![step, format!("{table}_from")])?;
    tx.commit()?;
    Ok(if step < wanted { Aged::More } else { Aged::Done })
}

/// Names of which nothing is left: a user's, too.
fn forget_unused(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "DELETE FROM series WHERE id NOT IN (SELECT series FROM day
           UNION SELECT series FROM replaceable UNION SELECT series FROM refused);
         DELETE FROM name WHERE id NOT IN (
           SELECT host FROM series UNION SELECT provider FROM series
           UNION SELECT model FROM series UNION SELECT key FROM series
           UNION SELECT team FROM series UNION SELECT user FROM series
           UNION SELECT environment FROM series);",
    )
}

/// The sum of each column, 0 where there are no rows.
pub(super) fn totals() -> String {
    let sum = |column: &str| format!("coalesce(sum({column}), 0)");
    COLUMNS.split(", ").map(sum).collect::<Vec<_>>().join(", ")
}
