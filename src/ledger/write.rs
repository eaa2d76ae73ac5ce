//! The one transaction of a commit.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};

use super::error::{self, LedgerError};
use super::grain::{self, Floors, GRAINS};
use super::ids::Ids;
use super::sums::{COLUMNS, SUMS, add_columns, add_excluded, columns, names_of};
use super::{checkpoints, refused, replaceable, seen, standing};
use crate::domain::{Bucket, BucketId, Commit, Names, SourceCounters, SourceId, Wall};

/// Events remembered.
const HISTORY_KEPT: i64 = 100_000;

/// What is known of the file without asking it.
#[derive(Debug)]
pub(super) struct Known {
    ids: Ids,
    /// Counted calls that it remembers.
    seen: u32,
    floors: Floors,
}

/// Why a commit is not in the file.
#[derive(Debug)]
pub(super) enum Failed {
    Sql(rusqlite::Error),
    Other(LedgerError),
}

impl Known {
    pub(super) fn new(db: &Connection) -> rusqlite::Result<Known> {
        Ok(Known { ids: Ids::default(), seen: seen::count(db)?, floors: grain::floors(db)? })
    }
}

impl Failed {
    pub(super) fn in_file(self, path: &Path) -> LedgerError {
        match self {
            Failed::Sql(error) => LedgerError::of(path, &error),
            Failed::Other(error) => error,
        }
    }
}

impl Failed {
    /// Whether a sum did not fit.
    fn overflows(&self) -> bool {
        match self {
            Failed::Sql(error) => error::is_overflow(error),
            Failed::Other(error) => matches!(error, LedgerError::Overflow { .. }),
        }
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Failed {
        Failed::Sql(error)
    }
}

impl From<LedgerError> for Failed {
    fn from(error: LedgerError) -> Failed {
        Failed::Other(error)
    }
}

/// How the sums of a commit are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adding {
    /// All, or an error.
    AtOnce,
    /// One after the other; what does not fit is put apart.
    OneByOne,
}

/// Write a commit, or leave the file as it was. `names` are those behind the
/// symbols, and those of the sources. Answers how many sums did not fit and were put
/// apart.
pub(super) fn write(
    db: &Connection,
    names: (&Names, &[String]),
    commit: &Commit,
    known: &mut Known,
) -> Result<usize, Failed> {
    // What happened must survive a power cut once it is told. Spend may roll back
    // together with the offsets it comes from: it is read again.
    let sync = if commit.history.is_empty() { "normal" } else { "full" };
    db.pragma_update(None, "synchronous", sync)?;
    match attempt(db, names, commit, known, Adding::AtOnce) {
        Err(failed) if failed.overflows() => attempt(db, names, commit, known, Adding::OneByOne),
        written => written,
    }
}

fn attempt(
    db: &Connection,
    names: (&Names, &[String]),
    commit: &Commit,
    known: &mut Known,
    adding: Adding,
) -> Result<usize, Failed> {
    let seen = known.seen;
    let written = transact(db, names, commit, known, adding);
    if written.is_err() {
        // What was made in the transaction was rolled back with it.
        known.seen = seen;
        known.ids.clear();
    }
    written
}

fn transact(
    db: &Connection,
    (names, sources): (&Names, &[String]),
    commit: &Commit,
    known: &mut Known,
    adding: Adding,
) -> Result<usize, Failed> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    count_commit(&tx)?;
    let refused = match adding {
        Adding::AtOnce => add_spend(&tx, names, &commit.buckets, known).map(|()| 0)?,
        Adding::OneByOne => add_what_fits(&tx, names, &commit.buckets, known)?,
    };
    checkpoints::replace(&tx, &commit.checkpoints)?;
    seen::append(&tx, &commit.seen, &mut known.seen)?;
    replaceable::replace(&tx, names, &commit.replaceable, &mut known.ids)?;
    replace_sources(&tx, sources, &commit.sources)?;
    append_history(&tx, &commit.history)?;
    standing::replace(&tx, commit.standing.as_ref())?;
    tx.commit()?;
    Ok(refused)
}

fn count_commit(db: &Connection) -> rusqlite::Result<usize> {
    db.prepare_cached("UPDATE state SET value = value + 1 WHERE key = 'commits'")?.execute([])
}

fn add_spend(
    db: &Connection,
    names: &Names,
    buckets: &[(BucketId, Bucket)],
    known: &mut Known,
) -> Result<(), Failed> {
    if buckets.is_empty() {
        return Ok(());
    }
    let mut parts = Vec::with_capacity(buckets.len());
    let mut total = Bucket::default();
    for (id, bucket) in buckets {
        parts.push(((id.minute, known.ids.series(db, names, &names_of(id))?), *bucket));
        total.add(bucket);
    }
    for (grain, floor) in GRAINS.iter().zip(known.floors) {
        for ((minute, _), _) in &mut parts {
            *minute = grain.begin(*minute);
        }
        fold(&mut parts);
        let kept = parts.partition_point(|((minute, _), _)| *minute < floor);
        upsert(db, grain.table, parts.get(kept..).unwrap_or_default())?;
    }
    let update = format!("UPDATE totals SET {} WHERE what = 'all'", add_columns());
    db.prepare_cached(&update)?.execute(params_from_iter(columns(&total)?))?;
    Ok(())
}

/// The same, but for what would be too large in one of the tables. Answers how many
/// were put apart.
fn add_what_fits(
    db: &Connection,
    names: &Names,
    buckets: &[(BucketId, Bucket)],
    known: &mut Known,
) -> Result<usize, Failed> {
    let mut refused = 0;
    for one in buckets {
        // Its number outlives the savepoint.
        let series = known.ids.series(db, names, &names_of(&one.0))?;
        db.execute_batch("SAVEPOINT one")?;
        match add_spend(db, names, std::slice::from_ref(one), known) {
            Ok(()) => db.execute_batch("RELEASE one")?,
            Err(failed) if failed.overflows() => {
                db.execute_batch("ROLLBACK TO one; RELEASE one")?;
                refused::put(db, one.0.minute, series, &one.1)?;
                refused += 1;
            }
            Err(failed) => return Err(failed),
        }
    }
    Ok(refused)
}

/// Sums in the order of a table, so that neighbours go to the same page, and
/// each key once.
fn fold(parts: &mut Vec<((i64, i64), Bucket)>) {
    parts.sort_unstable_by_key(|(key, _)| *key);
    parts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1.add(&next.1);
        }
        same
    });
}

/// Add to a table of sums by time and series.
fn upsert(db: &Connection, table: &str, parts: &[((i64, i64), Bucket)]) -> Result<(), Failed> {
    let mut upsert = db.prepare_cached(&format!(
        "INSERT INTO {table} ({table}, series, {COLUMNS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT ({table}, series) DO UPDATE SET {}",
        add_excluded()
    ))?;
    for ((time, series), bucket) in parts {
        let mut row = [0; SUMS + 2];
        let values = [*time, *series].into_iter().chain(columns(bucket)?);
        row.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
        upsert.execute(row)?;
    }
    Ok(())
}

fn replace_sources(
    db: &Connection,
    names: &[String],
    sources: &[(SourceId, SourceCounters)],
) -> rusqlite::Result<()> {
    let mut put =
        db.prepare_cached("INSERT OR REPLACE INTO source VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (id, counters) in sources {
        let Some(name) = names.get(id.0 as usize) else { continue };
        // No counter of lines gets there; one that was made up must stop nothing.
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        put.execute(params![
            name,
            count(counters.lines),
            count(counters.faults),
            count(counters.quarantined),
            count(counters.ignored),
            count(counters.duplicates),
        ])?;
    }
    Ok(())
}

fn append_history(db: &Connection, events: &[(Wall, String)]) -> rusqlite::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = db.prepare_cached("INSERT INTO history (at, event) VALUES (?1, ?2)")?;
    let mut last = 0;
    for (at, event) in events {
        last = insert.insert(params![at.0, event])?;
    }
    db.prepare_cached("DELETE FROM history WHERE id <= ?1")?.execute([last - HISTORY_KEPT])?;
    Ok(())
}
