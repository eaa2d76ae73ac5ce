//! How far files are read. A wrong number here would count calls twice or not at
//! all, so each row carries a digest of itself.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, params};
use sha2::{Digest, Sha256};

use crate::domain::{Checkpoint, Generation};

/// Finished generations remembered, so that their copies are not read again.
const FINISHED_KEPT: i64 = 10_000;

/// Put each in the place of its predecessor: the open one of the same place.
/// The later one of two has the higher id.
pub(super) fn replace(db: &Connection, checkpoints: &[Checkpoint]) -> rusqlite::Result<()> {
    let mut forget = db.prepare_cached(
        "DELETE FROM checkpoint WHERE NOT finished AND inode = ?1 AND device = ?2",
    )?;
    let mut put = db.prepare_cached(
        "INSERT INTO checkpoint \
         (path, device, inode, head_hash, head_len, window_hash, window_len, \
          bytes, lines, memo, finished, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for file in checkpoints {
        forget.execute([file.place.1.cast_signed(), file.place.0.cast_signed()])?;
        put.execute(params![
            Path(file.path.as_os_str().as_bytes()),
            file.place.0.cast_signed(),
            file.place.1.cast_signed(),
            file.head.cast_signed(),
            file.head_len,
            file.window.cast_signed(),
            file.window_len,
            file.offset.cast_signed(),
            file.lines.cast_signed(),
            file.memo,
            file.progress == Generation::Finished,
            digest(file),
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

/// All of them; `None` where a row is not what [`replace`] wrote.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Vec<Checkpoint>>> {
    let mut select = db.prepare(
        "SELECT path, device, inode, head_hash, head_len, window_hash, window_len, \
         bytes, lines, memo, finished, digest FROM checkpoint ORDER BY id",
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
    let path = match row.get_ref(0)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => OsString::from_vec(bytes.to_vec()),
        _ => OsString::new(),
    };
    Ok(Checkpoint {
        path: path.into(),
        place: (unsigned(1)?, unsigned(2)?),
        head: unsigned(3)?,
        head_len: row.get(4)?,
        window: unsigned(5)?,
        window_len: row.get(6)?,
        offset: unsigned(7)?,
        lines: unsigned(8)?,
        memo: row.get(9)?,
        progress: if row.get(10)? { Generation::Finished } else { Generation::Open },
    })
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
