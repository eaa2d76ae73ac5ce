//! How far files are read. A wrong number here would count calls twice or not at
//! all, so each row carries a digest of itself.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, Transaction, TransactionBehavior, params};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::prune::Aged;
use crate::domain::{Checkpoint, Generation, Wall};

/// Finished generations remembered, so that their copies are not read again.
const FINISHED_KEPT: i64 = 10_000;

/// How long an open one is kept of which the file is gone.
const GONE_KEPT: Duration = Duration::from_secs(62 * 86_400);
/// Changes in one transaction.
const STEP: usize = 10_000;
/// What the keys begin with that say since when a file is gone.
const GONE: &str = "gone ";

/// Put each in the place of its predecessor: the open one of the same source and place.
/// The later one of two has the higher id.
pub(super) fn replace(db: &Connection, checkpoints: &[Checkpoint]) -> rusqlite::Result<()> {
    let mut forget = db.prepare_cached(
        "DELETE FROM checkpoint WHERE NOT finished AND inode = ?1 AND device = ?2 AND source = ?3",
    )?;
    let mut put = db.prepare_cached(
        "INSERT INTO checkpoint \
         (path, device, inode, head_hash, head_len, window_hash, window_len, \
          bytes, lines, memo, finished, digest, source, since) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for file in checkpoints {
        let (device, inode) = (file.place.0.cast_signed(), file.place.1.cast_signed());
        forget.execute(params![inode, device, file.source])?;
        put.execute(params![
            Path(file.path.as_os_str().as_bytes()),
            device,
            inode,
            file.head.cast_signed(),
            file.head_len,
            file.window.cast_signed(),
            file.window_len,
            file.offset.cast_signed(),
            file.lines.cast_signed(),
            file.memo,
            file.progress == Generation::Finished,
            digest(file),
            file.source,
            file.since.map(|since| since.0),
        ])?;
    }
    if checkpoints.iter().any(|file| file.progress == Generation::Finished) {
        db.prepare_cached(
            "DELETE FROM checkpoint WHERE id IN (SELECT id FROM checkpoint WHERE finished \
             ORDER BY id DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([FINISHED_KEPT])?;
    }
    Ok(())
}

/// An open checkpoint whose file may be gone.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
    place: (u64, u64),
    digest: i64,
    id: i64,
}

impl Place {
    /// Whether its path does not lead to the file any more. What is no path is no file.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let there = |meta: Metadata| (meta.dev(), meta.ino()) == self.place;
        self.path.is_absolute() && !self.path.metadata().is_ok_and(there)
    }
}

/// All open ones.
pub(super) fn places(db: &Connection) -> rusqlite::Result<Vec<Place>> {
    let mut open =
        db.prepare("SELECT path, device, inode, digest, id FROM checkpoint WHERE NOT finished")?;
    let place = |row: &Row<'_>| {
        let unsigned = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Place {
            path: path(row)?,
            place: (unsigned(1)?, unsigned(2)?),
            digest: row.get(3)?,
            id: row.get(4)?,
        })
    };
    open.query_map([], place)?.collect()
}

/// Forget those that have been gone for [`GONE_KEPT`], some at a time: of a pod that
/// ended while nobody looked, nothing comes any more. Since when one is gone stands in
/// `state`, by the digest: what is written again begins anew.
pub(super) fn forget_gone(db: &Connection, gone: &[Place], now: Wall) -> rusqlite::Result<Aged> {
    let key = |place: &Place| (format!("{GONE}{}", place.digest), (place.id, place.digest));
    let gone: FxHashMap<String, (i64, i64)> = gone.iter().map(key).collect();
    let mut since = FxHashMap::default();
    let mut known =
        db.prepare("SELECT key, value FROM state WHERE substr(key, 1, length(?1)) = ?1")?;
    let mut rows = known.query([GONE])?;
    while let Some(row) = rows.next()? {
        since.insert(row.get::<_, String>(0)?, Wall(row.get(1)?));
    }
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
    let mut steps = 0;
    let mut unmark = tx.prepare("DELETE FROM state WHERE key = ?1")?;
    let mut mark = tx.prepare("INSERT OR REPLACE INTO state VALUES (?1, ?2)")?;
    // The number may be another one's by now.
    let mut forget = tx.prepare("DELETE FROM checkpoint WHERE id = ?1 AND digest = ?2")?;
    for (key, _) in since.iter().filter(|(key, _)| !gone.contains_key(*key)) {
        steps += unmark.execute([key])?;
    }
    for (key, (id, digest)) in &gone {
        match since.get(key) {
            // It was noted by a clock that was wrong.
            Some(since) if *since > now => steps += mark.execute(params![key, now.0])?,
            None => steps += mark.execute(params![key, now.0])?,
            Some(since) if now.since(*since) >= GONE_KEPT => {
                steps += unmark.execute([key])?;
                forget.execute([id, digest])?;
            }
            Some(_) => {}
        }
        if steps >= STEP {
            break;
        }
    }
    drop((unmark, mark, forget));
    tx.commit()?;
    Ok(if steps >= STEP { Aged::More } else { Aged::Done })
}

/// All of them, in the order of their writing; `None` where a row is not what [`replace`] wrote.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Vec<Checkpoint>>> {
    let mut select = db.prepare(
        "SELECT path, device, inode, head_hash, head_len, window_hash, window_len, \
         bytes, lines, memo, finished, digest, source, since FROM checkpoint ORDER BY id",
    )?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let file = checkpoint(row)?;
        if row.get::<_, i64>(11)? != digest(&file) {
            return Ok(None);
        }
        all.push(file);
    }
    Ok(Some(all))
}

fn checkpoint(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    let unsigned = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Checkpoint {
        source: row.get_ref(12)?.as_str()?.into(),
        path: path(row)?,
        place: (unsigned(1)?, unsigned(2)?),
        head: unsigned(3)?,
        head_len: row.get(4)?,
        window: unsigned(5)?,
        window_len: row.get(6)?,
        offset: unsigned(7)?,
        lines: unsigned(8)?,
        memo: row.get(9)?,
        since: row.get::<_, Option<i64>>(13)?.map(Wall),
        progress: if row.get(10)? { Generation::Finished } else { Generation::Open },
    })
}

fn path(row: &Row<'_>) -> rusqlite::Result<PathBuf> {
    let path = match row.get_ref(0)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => OsString::from_vec(bytes.to_vec()),
        _ => OsString::new(),
    };
    Ok(path.into())
}

fn digest(file: &Checkpoint) -> i64 {
    let mut hash = Sha256::new();
    for number in [
        file.place.0,
        file.place.1,
        file.head,
        file.head_len.into(),
        file.window,
        file.window_len.into(),
        file.offset,
        file.lines,
        u64::from(file.progress == Generation::Finished),
        file.memo.len() as u64,
    ] {
        hash.update(number.to_le_bytes());
    }
    hash.update(&file.memo);
    hash.update(file.path.as_os_str().as_bytes());
    if !file.source.is_empty() {
        // No path has this byte.
        hash.update(b"\0");
        hash.update(file.source.as_bytes());
    }
    if let Some(since) = file.since {
        hash.update(b"\0");
        hash.update(since.0.to_le_bytes());
    }
    let hash = hash.finalize();
    hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// A path as text where it is text, so that people can read it.
struct Path<'p>(&'p [u8]);

impl ToSql for Path<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match std::str::from_utf8(self.0) {
            Ok(text) => ToSqlOutput::Borrowed(text.into()),
            Err(_) => ToSqlOutput::Owned(Value::Blob(self.0.to_vec())),
        })
    }
}
