//! What stands: alerts and stops of a run, whole each time it changes, so that a next run
//! goes on with them.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::domain::{Standing, Wall};

/// Put what stands now in the place of what did.
pub(super) fn replace(db: &Connection, standing: Option<&Standing>) -> rusqlite::Result<()> {
    let Some(standing) = standing else { return Ok(()) };
    db.prepare_cached("DELETE FROM standing")?.execute([])?;
    let mut insert = db.prepare_cached("INSERT INTO standing (item, digest) VALUES (?1, ?2)")?;
    for item in &standing.items {
        insert.execute(params![item, digest(item)])?;
    }
    let said = "INSERT OR REPLACE INTO state VALUES ('standing_at', ?1)";
    db.prepare_cached(said)?.execute([standing.at.0])?;
    Ok(())
}

/// What stood, if that was ever said; `None` where a row is not what [`replace`] wrote.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Standing>> {
    let at = "SELECT value FROM state WHERE key = 'standing_at'";
    let at: Option<i64> = db.query_row(at, [], |row| row.get(0)).optional()?;
    let Some(at) = at else { return Ok(Some(Standing::default())) };
    let mut items = Vec::new();
    let mut select = db.prepare("SELECT item, digest FROM standing ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let item: String = row.get(0)?;
        if row.get::<_, i64>(1)? != digest(&item) {
            return Ok(None);
        }
        items.push(item);
    }
    Ok(Some(Standing { at: Wall(at), items }))
}

/// A flipped bit here would take an alert for another one.
fn digest(item: &str) -> i64 {
    let hash = Sha256::digest(item);
    hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}
