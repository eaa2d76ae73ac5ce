//! Letting go of what is old, in transactions that hold nobody up.

use rusqlite::{
    Connection, OptionalExtension, Transaction, TransactionBehavior, params, params_from_iter,
};

use super::grain;
use super::sums::{COLUMNS, add_columns, bucket, columns};
use super::write::Failed;
use crate::domain::{Bucket, Wall};

/// Rows removed in one transaction, more or less.
const STEP_ROWS: i64 = 20_000;

/// What one step removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows of quarters of an hour.
    pub rows: usize,
    /// Events of the history.
    pub events: usize,
    /// What they added up to. It stays in the totals.
    pub sums: Bucket,
    /// Whether there is more to remove: another step is due.
    pub more: bool,
}

/// Whether minutes that are too old are all gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aged {
    /// They are.
    Done,
    /// Another step is due.
    More,
}

impl Pruned {
    /// With what another step removed.
    pub fn add(&mut self, step: &Pruned) {
        self.rows += step.rows;
        self.events += step.events;
        self.sums.add(&step.sums);
        self.more = step.more;
    }
}

/// One step of removing all quarters that end before `before`, and events of
/// that time. Answers also the minute from which minutes are kept now.
pub(super) fn prune(db: &Connection, before: Wall) -> Result<(Pruned, i64), Failed> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let wanted = grain::quarter_of(before.0.div_euclid(60_000_000_000));
    let until = step_end(&tx, "quarter", wanted)?;
    let sums = format!("SELECT {} FROM quarter WHERE quarter < ?1", totals());
    let sums: Bucket = tx.query_row(&sums, [until], |row| bucket(row, 0))?;
    let rows = tx.execute("DELETE FROM quarter WHERE quarter < ?1", [until])?;
    let update = format!("UPDATE totals SET {} WHERE what = 'pruned'", add_columns());
    tx.execute(&update, params_from_iter(columns(&sums)?))?;
    let minutes_from = grain::minutes_from(&tx)?.max(until);
    cut_minutes(&tx, minutes_from)?;
    let more = until < wanted;
    let events = match more {
        true => 0,
        false => tx.execute("DELETE FROM history WHERE at < ?1", [before.0])?,
    };
    if !more {
        forget_unused(&tx)?;
    }
    tx.commit()?;
    Ok((Pruned { rows, events, sums, more }, minutes_from))
}

/// One step of letting go of minutes that are older than they are kept. Answers
/// the minute from which they are kept now, and whether more is to be done.
pub(super) fn age(db: &Connection, now: Wall) -> Result<(i64, Aged), Failed> {
    let wanted = grain::quarter_of(grain::minute_from(now.minus(grain::MINUTES_KEPT)));
    // A clock that runs years ahead must not forbid the minutes of days to come.
    let newest: Option<i64> = db.query_row("SELECT max(minute) FROM minute", [], |r| r.get(0))?;
    let wanted = newest.map_or(i64::MIN, |newest| wanted.min(grain::quarter_of(newest)));
    let known = grain::minutes_from(db)?;
    if wanted <= known {
        return Ok((known, Aged::Done));
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let until = step_end(&tx, "minute", wanted)?;
    cut_minutes(&tx, until)?;
    tx.commit()?;
    Ok((until, if until < wanted { Aged::More } else { Aged::Done }))
}

/// The end of a step that removes up to [`STEP_ROWS`] rows from before `wanted`:
/// at the border of a quarter.
fn step_end(db: &Connection, table: &str, wanted: i64) -> rusqlite::Result<i64> {
    let nth = format!("SELECT {table} FROM {table} ORDER BY {table} LIMIT 1 OFFSET ?1");
    let nth: Option<i64> = db.query_row(&nth, [STEP_ROWS], |row| row.get(0)).optional()?;
    Ok(nth.map_or(wanted, |nth| wanted.min(grain::quarter_of(nth) + grain::QUARTER)))
}

fn cut_minutes(db: &Connection, from: i64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM minute WHERE minute < ?1", [from])?;
    let set = "UPDATE state SET value = ?1 WHERE key = 'minutes_from'";
    db.execute(set, params![from]).map(|_| ())
}

/// Names of which nothing is left: a user's, too.
fn forget_unused(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "DELETE FROM series WHERE id NOT IN (SELECT series FROM quarter);
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
