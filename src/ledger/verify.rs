//! Whether a ledger is what its writer left: the file's structure, its tables,
//! and its sums against each other.

use rusqlite::{Connection, Row};
use rustc_hash::FxHashMap;

use super::error::LedgerError;
use super::grain::{self, GRAINS, Grain};
use super::prune::totals;
use super::read::Reader;
use super::schema;
use super::sums::{COLUMNS, bucket};
use crate::domain::Bucket;

/// Complaints after which the rest is not told.
const MOST: usize = 20;

impl Reader {
    /// What is wrong with the ledger, in sentences; nothing if all is well.
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// Only where it can't be read for another reason than damage.
    pub fn verify(&self) -> Result<Vec<String>, LedgerError> {
        // A commit between two of these would look like damage.
        let _moment = self.moment()?;
        let mut wrong = Vec::new();
        for check in [structure, tables, references, sums, grains] {
            let found = self.ask(check);
            match found {
                Ok(found) => wrong.extend(found),
                Err(LedgerError::Corrupt { what, .. }) => wrong.push(what),
                Err(error) => return Err(error),
            }
        }
        match self.load() {
            Err(LedgerError::Corrupt { what, .. }) => wrong.push(what),
            loaded => drop(loaded?),
        }
        wrong.dedup();
        wrong.truncate(MOST);
        Ok(wrong)
    }
}

fn structure(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = db.prepare("PRAGMA integrity_check(20)")?;
    let lines: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// That the tables are those of this version.
fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let ours = Connection::open_in_memory()?;
    schema::migrate(&ours, 0)?;
    let list = |db: &Connection| -> rusqlite::Result<Vec<(String, Option<String>)>> {
        let select = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' \
                      ORDER BY name";
        let mut select = db.prepare(select)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    let same = list(db)? == list(&ours)?;
    let complaint = || "its tables are not those that tripline makes".to_owned();
    Ok((!same).then(complaint).into_iter().collect())
}

fn references(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let stray = "SELECT \
       (SELECT count(*) FROM day WHERE series NOT IN (SELECT id FROM series)) + \
       (SELECT count(*) FROM quarter WHERE series NOT IN (SELECT id FROM series)) + \
       (SELECT count(*) FROM minute WHERE series NOT IN (SELECT id FROM series)) + \
       (SELECT count(*) FROM replaceable WHERE series NOT IN (SELECT id FROM series)) + \
       (SELECT count(*) FROM refused WHERE series NOT IN (SELECT id FROM series)), \
       (SELECT count(*) FROM (SELECT host AS id FROM series UNION SELECT provider FROM series \
        UNION SELECT model FROM series UNION SELECT key FROM series UNION SELECT team FROM series \
        UNION SELECT user FROM series UNION SELECT environment FROM series \
        UNION SELECT account FROM series) \
        WHERE id <> 0 AND id NOT IN (SELECT id FROM name))";
    let (sums, names): (i64, i64) =
        db.query_row(stray, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut wrong = Vec::new();
    if sums > 0 {
        wrong.push(format!("{sums} sums belong to no series"));
    }
    if names > 0 {
        wrong.push(format!("{names} series have a name that is missing"));
    }
    Ok(wrong)
}

/// That the running totals are the sum of what is there and what was pruned.
fn sums(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let total = |what: &str| -> rusqlite::Result<Bucket> {
        let select = format!("SELECT {COLUMNS} FROM totals WHERE what = ?1");
        db.query_row(&select, [what], |row| bucket(row, 0))
    };
    let select = format!("SELECT {} FROM day", totals());
    let mut found: Bucket = db.query_row(&select, [], |row| bucket(row, 0))?;
    found.add(&total("pruned")?);
    let all = total("all")?;
    Ok(differences(&all, &found).collect())
}

/// That the rows of each grain add up to those of the next coarser one, as far
/// as both are kept.
fn grains(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let floors = grain::floors(db)?;
    let mut wrong = Vec::new();
    for (pair, floor) in GRAINS.windows(2).zip(floors) {
        let [fine, coarse] = pair else { continue };
        let differing = differing(db, fine, coarse, floor)?;
        if differing > 0 {
            let (fine, coarse) = (fine.table, coarse.table);
            wrong.push(format!("{differing} rows by {coarse} are not the sum of those by {fine}"));
        }
    }
    Ok(wrong)
}

/// Both tables are read side by side, in the order in which they are stored.
fn differing(db: &Connection, fine: &Grain, coarse: &Grain, floor: i64) -> rusqlite::Result<usize> {
    let select = |grain: &Grain| {
        let table = grain.table;
        format!("SELECT {table}, series, {COLUMNS} FROM {table} WHERE {table} >= ?1 ORDER BY 1, 2")
    };
    let mut fine_rows = db.prepare(&select(fine))?;
    let mut fine_rows = fine_rows.query([floor])?;
    let mut coarse_rows = db.prepare(&select(coarse))?;
    let mut coarse_rows = coarse_rows.query([floor])?;
    let mut next = fine_rows.next()?.map(row).transpose()?;
    let mut wrong = 0;
    let mut whole = coarse_rows.next()?.map(row).transpose()?;
    while let Some(time) =
        [&next, &whole].into_iter().flatten().map(|(t, ..)| coarse.begin(*t)).min()
    {
        let mut sums: FxHashMap<i64, (Bucket, Bucket)> = FxHashMap::default();
        while let Some((_, series, part)) = next.take_if(|(at, ..)| coarse.begin(*at) == time) {
            sums.entry(series).or_default().0.add(&part);
            next = fine_rows.next()?.map(row).transpose()?;
        }
        while let Some((_, series, part)) = whole.take_if(|(at, ..)| *at == time) {
            sums.entry(series).or_default().1.add(&part);
            whole = coarse_rows.next()?.map(row).transpose()?;
        }
        // A row of the coarse table that is at no border of it belongs to no time.
        if let Some((_, series, part)) = whole.take_if(|(at, ..)| coarse.begin(*at) == time) {
            sums.entry(series).or_default().1.add(&part);
            wrong += 1;
            whole = coarse_rows.next()?.map(row).transpose()?;
        }
        wrong += sums.values().filter(|(parts, whole)| parts != whole).count();
    }
    Ok(wrong)
}

fn row(row: &Row<'_>) -> rusqlite::Result<(i64, i64, Bucket)> {
    Ok((row.get(0)?, row.get(1)?, bucket(row, 2)?))
}

fn differences(all: &Bucket, found: &Bucket) -> impl Iterator<Item = String> {
    let pairs = [
        ("requests", all.requests, found.requests),
        ("failed", all.failed, found.failed),
        ("input tokens", all.input_tokens, found.input_tokens),
        ("cached input tokens", all.cached_input_tokens, found.cached_input_tokens),
        ("cache write tokens", all.cache_write_tokens, found.cache_write_tokens),
        ("output tokens", all.output_tokens, found.output_tokens),
        ("reasoning tokens", all.reasoning_tokens, found.reasoning_tokens),
        ("unpriced", all.unpriced, found.unpriced),
    ];
    let counts = pairs.into_iter().filter(|(_, all, found)| all != found);
    let counts = counts.map(|(what, all, found)| {
        format!("{what}: the total is {all}, the parts add up to {found}")
    });
    let cost = (all.cost != found.cost).then(|| {
        format!(
            "cost: the total is {}, the parts add up to {}",
            all.cost.exact(),
            found.cost.exact()
        )
    });
    counts.chain(cost)
}
