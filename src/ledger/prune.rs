//! Letting go of what is old, in transactions that hold nobody up.

use std::time::Duration;

use rusqlite::params_from_iter;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::grain::{self, GRAINS, Grain};
use super::sums::{COLUMNS, add_columns, bucket, columns};
use super::write::Failed;
use crate::domain::{Bucket, Wall};

/// Rows removed in one transaction, more or less.
const STEP_ROWS: i64 = 20_000;
/// Clocks of hosts may be this far ahead of ours.
const SKEW: Duration = Duration::from_secs(300);

/// Where the file says up to which minute days were removed, if any were.
const PRUNED: &str = "day_from";

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
/// time: first the finer grains, then the days themselves, then what nothing is
/// left of.
pub(super) fn prune(db: &Connection, before: Wall) -> Result<Pruned, Failed> {
    let more = Pruned { aged: Aged::More, ..Pruned::default() };
    let [finer @ .., days] = GRAINS;
    let until = days.begin(before.0.div_euclid(60_000_000_000));
    for grain in &finer {
        if cut(db, grain, until)? == Aged::More {
            return Ok(more);
        }
    }
    let (days, sums) = remove_days(db, until)?;
    if days > 0 {
        return Ok(Pruned { days, sums, ..more });
    }
    let events = "DELETE FROM history WHERE id IN \
                  (SELECT id FROM history WHERE at < ?1 ORDER BY id LIMIT ?2)";
    let events = db.execute(events, params![before.0, STEP_ROWS])?;
    if events > 0 {
        return Ok(Pruned { events, ..more });
    }
    // A user's name would stay in them.
    db.execute("DELETE FROM replaceable WHERE counted_at < ?1", [grain::begin_of(until).0])?;
    db.execute("DELETE FROM refused WHERE minute < ?1", [until])?;
    let forgotten = forget_unused(db)?;
    Ok(if forgotten > 0 { more } else { Pruned::default() })
}

/// Some rows of days that begin before `until`, oldest first. What they add up to
/// stays in the totals.
fn remove_days(db: &Connection, until: i64) -> Result<(usize, Bucket), Failed> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let nth = "SELECT day, series FROM day ORDER BY day, series LIMIT 1 OFFSET ?1";
    let nth: Option<(i64, i64)> =
        tx.query_row(nth, [STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let end = nth.filter(|(day, _)| *day < until).unwrap_or((until, i64::MIN));
    let old = "(day, series) < (?1, ?2)";
    let sums = format!("SELECT {} FROM day WHERE {old}", totals());
    let sums: Bucket = tx.query_row(&sums, [end.0, end.1], |row| bucket(row, 0))?;
    let removed = tx.execute(&format!("DELETE FROM day WHERE {old}"), [end.0, end.1])?;
    let update = format!("UPDATE totals SET {} WHERE what = 'pruned'", add_columns());
    tx.execute(&update, params_from_iter(columns(&sums)?))?;
    if removed > 0 {
        let reached = "INSERT INTO state VALUES (?1, ?2) \
                       ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)";
        tx.execute(reached, params![PRUNED, until])?;
    }
    tx.commit()?;
    Ok((removed, sums))
}

/// What was removed for good, and from before when; `None` if nothing was.
pub(super) fn pruned(db: &Connection) -> rusqlite::Result<Option<(Wall, Bucket)>> {
    let sums = format!("SELECT {COLUMNS} FROM totals WHERE what = 'pruned'");
    let sums: Bucket = db.query_row(&sums, [], |row| bucket(row, 0))?;
    if sums == Bucket::default() {
        return Ok(None);
    }
    // Earlier programs left no word: all that they removed lies before what is left,
    // and before what is kept by the quarter of an hour.
    let before = "SELECT coalesce((SELECT value FROM state WHERE key = ?1), \
         min((SELECT value FROM state WHERE key = 'quarter_from'), \
             (SELECT coalesce(min(day), 9223372036854775807) FROM day)))";
    let before = db.query_row(before, [PRUNED], |row| row.get(0))?;
    Ok(Some((grain::begin_of(before), sums)))
}

/// One step of letting go of rows that are old enough for a coarser grain.
pub(super) fn age(db: &Connection, now: Wall) -> Result<Aged, Failed> {
    for grain in GRAINS {
        let Some(kept) = grain.kept else { continue };
        // By the days that have rows, too: what was counted under a clock that runs a
        // year ahead is one of them, and no reason to let go of the others.
        let most = usize::try_from(kept.as_secs() / 86_400).unwrap_or(usize::MAX);
        let ahead = grain::minute_from(now.plus(SKEW));
        let days = grain::last_steps(db, grain.table, (1440, ahead), most.saturating_add(1))?;
        let Some(oldest) = days.get(most) else { continue };
        let old = grain::minute_from(now.minus(kept));
        if cut(db, &grain, old.min(*oldest))? == Aged::More {
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

/// Some of the names of which nothing is left: a user's, too. Looking for them takes
/// longer than removing them, so that is done before: nobody else writes.
fn forget_unused(db: &Connection) -> rusqlite::Result<usize> {
    let unused = [
        (
            "series",
            "SELECT id FROM series WHERE id NOT IN (SELECT series FROM day
               UNION SELECT series FROM replaceable UNION SELECT series FROM refused) LIMIT ?1",
        ),
        (
            "name",
            "SELECT id FROM name WHERE id NOT IN (
               SELECT host FROM series UNION SELECT provider FROM series
               UNION SELECT model FROM series UNION SELECT key FROM series
               UNION SELECT team FROM series UNION SELECT user FROM series
               UNION SELECT environment FROM series
               UNION SELECT account FROM series) LIMIT ?1",
        ),
    ];
    for (table, select) in unused {
        let mut select = db.prepare(select)?;
        let ids = select.query_map([STEP_ROWS], |row| row.get(0))?;
        let ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
        if ids.is_empty() {
            continue;
        }
        let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
        let mut delete = tx.prepare(&format!("DELETE FROM {table} WHERE id = ?1"))?;
        for id in &ids {
            delete.execute([id])?;
        }
        drop(delete);
        tx.commit()?;
        return Ok(ids.len());
    }
    Ok(0)
}

/// The sum of each column, 0 where there are no rows.
pub(super) fn totals() -> String {
    let sum = |column: &str| format!("coalesce(sum({column}), 0)");
    COLUMNS.split(", ").map(sum).collect::<Vec<_>>().join(", ")
}
