//! Sums that do not fit: kept apart, for a person to look at, so that one wrong
//! line does not keep everything after it out of the ledger.

use rusqlite::{Connection, params};
use serde_json::json;

use crate::domain::Bucket;

/// Rows remembered. What fills them is a defect of some log, and all alike.
const KEPT: i64 = 10_000;

/// Put one apart, whole.
pub(super) fn put(
    db: &Connection,
    minute: i64,
    series: i64,
    sums: &Bucket,
) -> rusqlite::Result<()> {
    let text = json!({
        "requests": sums.requests,
        "failed": sums.failed,
        "input_tokens": sums.input_tokens,
        "cached_input_tokens": sums.cached_input_tokens,
        "cache_write_tokens": sums.cache_write_tokens,
        "output_tokens": sums.output_tokens,
        "reasoning_tokens": sums.reasoning_tokens,
        "cost_usd": sums.cost.to_string(),
        "unpriced": sums.unpriced,
    });
    let insert = "INSERT INTO refused (minute, series, sums) VALUES (?1, ?2, ?3)";
    let id = db.prepare_cached(insert)?.insert(params![minute, series, text.to_string()])?;
    db.prepare_cached("DELETE FROM refused WHERE id <= ?1")?.execute([id - KEPT])?;
    Ok(())
}

/// How many there are.
pub(super) fn count(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("SELECT count(*) FROM refused", [], |row| row.get(0))
}
