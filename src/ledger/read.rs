//! What the ledger knows.

use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};
use rustc_hash::FxHashMap;

use super::error::LedgerError;
use super::grain::{self, Piece};
use super::replaceable::KeptCall;
use super::sums::{COLUMNS, Dimension, NAMES, Who, bucket};
use super::{LEDGER_FILE, checkpoints, file, prune, refused, replaceable, seen, standing};
use crate::domain::{Bucket, Checkpoint, SeenCall, SourceCounters, Standing, Wall};

/// A ledger that can be read; beside a writer, and never in its way.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

/// See [`Reader::moment`]; nothing is changed in it.
#[derive(Debug)]
pub struct Moment<'r> {
    /// It ends when it is dropped.
    _reading: Option<Transaction<'r>>,
}

/// What a run begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Sums of everything ever counted, also of what was pruned.
    pub totals: Bucket,
    /// Counters by name of the source.
    pub sources: Vec<(String, SourceCounters)>,
    /// How far files are read.
    pub checkpoints: Vec<Checkpoint>,
    /// Calls counted last, oldest first.
    pub seen: Vec<SeenCall>,
    /// Calls of which a better line may come, oldest first.
    pub replaceable: Vec<KeptCall>,
    /// What stood when this was last said.
    pub standing: Standing,
}

/// What was found in an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFinding {
    /// When.
    pub at: Wall,
    /// What kind of thing, in a word.
    pub kind: String,
    /// One sentence.
    pub text: String,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the database.
    pub file_bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// The time with spend, if there is any: `[from, to)`, to the quarter of an
    /// hour as far as those are kept.
    pub period: Option<(Wall, Wall)>,
    /// From before when days were pruned, and what they added up to, if any were.
    pub pruned: Option<(Wall, Bucket)>,
}

impl Reader {
    /// Open the ledger of a state directory.
    pub fn open(state_dir: &Path) -> Result<Reader, LedgerError> {
        let dir = match state_dir.canonicalize() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LedgerError::Missing { path: state_dir.join(LEDGER_FILE) });
            }
            dir => dir.map_err(|error| LedgerError::io("look at", state_dir, error))?,
        };
        let path = dir.join(LEDGER_FILE);
        Ok(Reader { db: file::open_reader(&path)?, path })
    }

    pub(super) fn over(db: Connection, path: PathBuf) -> Reader {
        Reader { db, path }
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// A moment to which all answers belong that are asked for while it lives, also
    /// beside a writer. Until then its log can't begin anew: not to be kept for long.
    pub fn moment(&self) -> Result<Moment<'_>, LedgerError> {
        let begin = |db| Transaction::new_unchecked(db, TransactionBehavior::Deferred);
        // One within another is the same.
        let begun = self.db.is_autocommit().then(|| begin(&self.db)).transpose();
        let begun = begun.map_err(|error| LedgerError::of(&self.path, &error))?;
        Ok(Moment { _reading: begun })
    }

    /// Everything that a run begins with.
    pub fn load(&self) -> Result<Kept, LedgerError> {
        let _moment = self.moment()?;
        Ok(Kept {
            totals: self.totals()?,
            sources: self.sources()?,
            checkpoints: self.whole("a checkpoint", checkpoints::load)?,
            seen: self.whole("the memory of counted calls", seen::load)?,
            replaceable: self.whole("what may be taken back", replaceable::load)?,
            standing: self.whole("what stands", standing::load)?,
        })
    }

    /// Sums of everything ever counted, also of what was pruned.
    pub fn totals(&self) -> Result<Bucket, LedgerError> {
        let select = format!("SELECT {COLUMNS} FROM totals WHERE what = 'all'");
        self.ask(|db| db.query_row(&select, [], |row| bucket(row, 0)))
    }

    /// Sums that did not fit and are in no total.
    pub fn refused(&self) -> Result<u32, LedgerError> {
        self.ask(refused::count)
    }

    /// Commits that are in the file.
    pub(super) fn commits(&self) -> Result<i64, LedgerError> {
        let select = "SELECT value FROM state WHERE key = 'commits'";
        self.ask(|db| db.query_row(select, [], |row| row.get(0)))
    }

    /// Counters by name of the source.
    pub fn sources(&self) -> Result<Vec<(String, SourceCounters)>, LedgerError> {
        let select = "SELECT name, lines, faults, quarantined, ignored, duplicates FROM source";
        self.ask(|db| db.prepare(select)?.query_map([], source)?.collect())
    }

    /// What was spent by whom in the minutes that begin in `[from, to)`, in no
    /// order. Where `to` is `None`, up to the last. Where minutes are no longer
    /// kept, in the quarters of an hour that begin there, and before those in the
    /// days of UTC that do.
    pub fn spent(&self, from: Wall, to: Option<Wall>) -> Result<Vec<(Who, Bucket)>, LedgerError> {
        let (from, to) = (grain::minute_from(from), to.map_or(i64::MAX, grain::minute_from));
        let _moment = self.moment()?;
        self.ask(|db| {
            let mut sums = FxHashMap::default();
            for piece in grain::pieces(from, to, &grain::floors(db)?) {
                add_by_series(db, &piece, &mut sums)?;
            }
            let mut series = Series::default();
            sums.into_iter().map(|(id, sum)| Ok((series.who(db, id)?, sum))).collect()
        })
    }

    /// Where what [`Self::spent`] answers really begins, or ends, if it is asked for from,
    /// or up to, that moment: that itself, or the next border of the rows that are kept.
    pub fn border(&self, at: Wall) -> Result<Wall, LedgerError> {
        let minute = grain::minute_from(at);
        let border = grain::border(minute, &self.ask(grain::floors)?);
        Ok(if border == minute { at } else { grain::begin_of(border) })
    }

    /// The last days of UTC with spend, the newest first.
    pub fn days(&self, most: usize) -> Result<Vec<Wall>, LedgerError> {
        let days = self.ask(|db| grain::last_steps(db, "day", (1, i64::MAX), most))?;
        Ok(days.into_iter().map(grain::begin_of).collect())
    }

    /// When the newest minute with spend ended, or else the newest of what is left
    /// where minutes are no longer kept.
    pub fn until(&self) -> Result<Option<Wall>, LedgerError> {
        let newest = self.ask(|db| grain::last_steps(db, "minute", (1, i64::MAX), 1))?;
        match newest.first() {
            Some(minute) => Ok(Some(grain::begin_of(minute + 1))),
            None => Ok(self.size()?.period.map(|(_, to)| to)),
        }
    }

    /// The same from a moment on, by steps of so many minutes counted from 1970,
    /// each told by its first minute: from the step on that the moment lies in, and
    /// from the finest rows that steps are made of. Where fewer steps than `least`
    /// have spend, as many as that from before it.
    pub fn spent_by(
        &self,
        step_minutes: u32,
        from: Wall,
        least: usize,
    ) -> Result<Vec<(Who, i64, Bucket)>, LedgerError> {
        let step = i64::from(step_minutes.max(1));
        let from = grain::minute_of(from).div_euclid(step).saturating_mul(step);
        let table = grain::of_step(step);
        let _moment = self.moment()?;
        self.ask(|db| {
            let last = grain::last_steps(db, table, (step, i64::MAX), least)?.last().copied();
            let from = last.map_or(from, |last| last.min(from));
            let piece = Piece { table, from, to: i64::MAX };
            let mut sums: FxHashMap<(i64, i64), Bucket> = FxHashMap::default();
            each_row(db, &piece, |series, at, part| {
                let at = at.div_euclid(step).saturating_mul(step);
                sums.entry((series, at)).or_default().add(&part);
            })?;
            let mut series = Series::default();
            let known = sums.into_iter();
            known.map(|((id, at), sum)| Ok((series.who(db, id)?, at, sum))).collect()
        })
    }

    /// The last events, oldest first.
    pub fn history(&self, most: u32) -> Result<Vec<(Wall, String)>, LedgerError> {
        let select = "SELECT at, event FROM history ORDER BY id DESC LIMIT ?1";
        let mut last: Vec<_> = self.ask(|db| {
            let mut select = db.prepare(select)?;
            let rows = select.query_map([most], |row| Ok((Wall(row.get(0)?), row.get(1)?)))?;
            rows.collect()
        })?;
        last.reverse();
        Ok(last)
    }

    /// Findings since a moment, as far as the history goes, oldest first.
    pub fn findings(&self, since: Wall) -> Result<Vec<KeptFinding>, LedgerError> {
        // Most events are none, and there may be many: how they begin tells it soonest.
        let select = "SELECT at, event ->> '$.labels.kind', event ->> 'summary' FROM history \
                      WHERE at >= ?1 AND event LIKE '{\"schema\":\"tripline.event/v1\",\
                      \"at\":\"________________________\",\"event\":\"finding\"%' \
                      AND json_valid(event) ORDER BY id";
        self.ask(|db| {
            let mut select = db.prepare(select)?;
            let text = |row: &Row<'_>, column| row.get::<_, Option<String>>(column);
            let rows = select.query_map([since.0], |row| {
                let (kind, text) = (text(row, 1)?, text(row, 2)?);
                let at = Wall(row.get(0)?);
                Ok(kind.zip(text).map(|(kind, text)| KeptFinding { at, kind, text }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// How much there is.
    pub fn size(&self) -> Result<Size, LedgerError> {
        let ends = "SELECT \
             coalesce((SELECT min(quarter) FROM quarter WHERE quarter < first + 1440), first), \
             coalesce((SELECT max(quarter) + 15 FROM quarter WHERE quarter >= last), last + 1440) \
             FROM (SELECT min(day) AS first, max(day) AS last FROM day)";
        let (first, end): (Option<i64>, Option<i64>) =
            self.ask(|db| db.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        Ok(Size {
            file_bytes: self.path.metadata().map_or(0, |meta| meta.len()),
            wal_bytes: file::wal_bytes(&self.path),
            period: first.zip(end).map(|(a, b)| (grain::begin_of(a), grain::begin_of(b))),
            pruned: self.ask(prune::pruned)?,
        })
    }

    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        question(&self.db).map_err(|error| LedgerError::of(&self.path, &error))
    }

    /// Rows of which each must be as it was written.
    fn whole<T>(
        &self,
        what: &str,
        load: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Result<T, LedgerError> {
        self.ask(load)?.ok_or_else(|| LedgerError::Corrupt {
            path: self.path.clone(),
            what: format!("{what} is not as it was written"),
        })
    }
}

fn source(row: &Row<'_>) -> rusqlite::Result<(String, SourceCounters)> {
    let count = |column| {
        let value: i64 = row.get(column)?;
        u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
    };
    let counters = SourceCounters {
        lines: count(1)?,
        faults: count(2)?,
        quarantined: count(3)?,
        ignored: count(4)?,
        duplicates: count(5)?,
    };
    Ok((row.get(0)?, counters))
}

/// Adding up here is several times faster than SQLite's sorting `GROUP BY`.
fn add_by_series(
    db: &Connection,
    piece: &Piece,
    sums: &mut FxHashMap<i64, Bucket>,
) -> rusqlite::Result<()> {
    each_row(db, piece, |series, _, part| sums.entry(series).or_default().add(&part))
}

/// Each row's series, the minute it begins with, and its sums.
fn each_row(
    db: &Connection,
    piece: &Piece,
    mut visit: impl FnMut(i64, i64, Bucket),
) -> rusqlite::Result<()> {
    let table = piece.table;
    let select = format!(
        "SELECT series, {table}, {COLUMNS} FROM {table} WHERE {table} >= ?1 AND {table} < ?2"
    );
    let mut select = db.prepare_cached(&select)?;
    let mut rows = select.query([piece.from, piece.to])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get(1)?, bucket(row, 2)?);
    }
    Ok(())
}

/// The names of series, each asked for once.
#[derive(Debug, Default)]
pub(super) struct Series {
    known: FxHashMap<i64, Who>,
    names: FxHashMap<i64, Option<Arc<str>>>,
}

impl Series {
    /// Those of one.
    pub(super) fn who(&mut self, db: &Connection, series: i64) -> rusqlite::Result<Who> {
        if let Some(who) = self.known.get(&series) {
            return Ok(who.clone());
        }
        let mut find = db.prepare_cached(&format!("SELECT {NAMES} FROM series WHERE id = ?1"))?;
        let mut rows = find.query([series])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let mut who = Who::default();
        for (column, dimension) in Dimension::ALL.iter().enumerate() {
            let id: i64 = row.get(column)?;
            let text = match self.names.entry(id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(free) => free.insert(name(db, id)?).clone(),
            };
            who = who.with(*dimension, text);
        }
        self.known.insert(series, who.clone());
        Ok(who)
    }
}

fn name(db: &Connection, id: i64) -> rusqlite::Result<Option<Arc<str>>> {
    if id == 0 {
        return Ok(None);
    }
    let mut find = db.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
    let text: Option<String> = find.query_row([id], |row| row.get(0)).optional()?;
    text.map(|text| Some(text.into())).ok_or(rusqlite::Error::QueryReturnedNoRows)
}
