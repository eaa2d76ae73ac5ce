//! Calls already counted: one row for each commit, because one for each call
//! would cost more than all the rest.

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::domain::{Commit, SeenCall, Wall};

/// Calls remembered at least.
const KEPT: u32 = 65_536;
const _: () = assert!(KEPT as usize == Commit::SEEN_KEPT);
/// Bytes of one call: its fingerprint and its end, little-endian.
const CALL_BYTES: usize = 16;

/// Append calls, and let go of the oldest rows while enough calls remain.
/// `kept` is how many the file holds, before and after.
pub(super) fn append(db: &Connection, calls: &[SeenCall], kept: &mut u32) -> rusqlite::Result<()> {
    let newest = calls.get(calls.len().saturating_sub(Commit::SEEN_KEPT)..).unwrap_or(calls);
    let count = u32::try_from(newest.len()).unwrap_or(KEPT);
    if count == 0 {
        return Ok(());
    }
    let packed: Vec<u8> = newest.iter().flat_map(pack).collect();
    let mut insert =
        db.prepare_cached("INSERT INTO seen (calls, packed, digest) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![count, packed, digest(&packed)])?;
    *kept = kept.saturating_add(count);
    let mut oldest = db.prepare_cached("SELECT id, calls FROM seen ORDER BY id LIMIT 1")?;
    let mut delete = db.prepare_cached("DELETE FROM seen WHERE id = ?1")?;
    while *kept > KEPT {
        let (id, calls): (i64, u32) = oldest.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let left = kept.saturating_sub(calls);
        if left < KEPT {
            break;
        }
        delete.execute([id])?;
        *kept = left;
    }
    Ok(())
}

/// How many calls the file holds.
pub(super) fn count(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("SELECT coalesce(sum(calls), 0) FROM seen", [], |row| row.get(0))
}

/// All of them, oldest first; `None` where a row is not what [`append`] wrote.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Vec<SeenCall>>> {
    let mut all = Vec::new();
    let mut select = db.prepare("SELECT calls, packed, digest FROM seen ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (calls, packed): (u32, &[u8]) = (row.get(0)?, row.get_ref(1)?.as_blob()?);
        let (whole, rest) = packed.as_chunks::<CALL_BYTES>();
        let same = row.get::<_, i64>(2)? == digest(packed);
        if whole.len() != calls as usize || !rest.is_empty() || !same {
            return Ok(None);
        }
        all.extend(whole.iter().map(unpack));
    }
    Ok(Some(all))
}

/// A flipped bit here would let a line count twice.
fn digest(packed: &[u8]) -> i64 {
    Sha256::digest(packed).first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

fn pack(call: &SeenCall) -> [u8; CALL_BYTES] {
    let both = u128::from(call.fingerprint) | u128::from(call.at.0.cast_unsigned()) << 64;
    both.to_le_bytes()
}

#[allow(clippy::cast_possible_truncation, reason = "the two halves of what was packed")]
fn unpack(bytes: &[u8; CALL_BYTES]) -> SeenCall {
    let both = u128::from_le_bytes(*bytes);
    SeenCall { fingerprint: both as u64, at: Wall(((both >> 64) as u64).cast_signed()) }
}
