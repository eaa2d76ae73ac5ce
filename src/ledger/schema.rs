//! The tables, and how a file made by an earlier version becomes one of ours.
//!
//! `docs/LEDGER.md` describes the newest version for operators.

use rusqlite::{Connection, Transaction};

/// `trip`, in the header of the file.
pub(super) const APPLICATION_ID: i64 = 0x7472_6970;

/// The version this program reads and writes.
pub(super) const VERSION: i64 = 2;

/// What makes each version of the one before. Never changed once released.
const STEPS: [(i64, &str); 2] = [(1, V1), (2, V2)];

const V1: &str = "
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO state VALUES ('commits', 0);

CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  host INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  key INTEGER NOT NULL, team INTEGER NOT NULL, user INTEGER NOT NULL,
  environment INTEGER NOT NULL,
  UNIQUE (user, key, model, team, provider, environment, host)
) STRICT;

CREATE TABLE minute (
  minute INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
  what TEXT PRIMARY KEY,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO totals VALUES ('all', 0,0,0,0,0,0,0,0,0), ('pruned', 0,0,0,0,0,0,0,0,0);

CREATE TABLE source (
  name TEXT PRIMARY KEY,
  lines INTEGER NOT NULL, faults INTEGER NOT NULL, quarantined INTEGER NOT NULL,
  ignored INTEGER NOT NULL, duplicates INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  path ANY NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
  head_hash INTEGER NOT NULL, head_len INTEGER NOT NULL,
  window_hash INTEGER NOT NULL, window_len INTEGER NOT NULL,
  bytes INTEGER NOT NULL, lines INTEGER NOT NULL, memo TEXT NOT NULL,
  finished INTEGER NOT NULL, digest INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX open_checkpoint ON checkpoint (inode, device) WHERE NOT finished;

CREATE TABLE seen (
  id INTEGER PRIMARY KEY, calls INTEGER NOT NULL, packed BLOB NOT NULL, digest INTEGER NOT NULL
) STRICT;

CREATE TABLE history (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL) STRICT;

CREATE VIEW spend AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', minute * 60, 'unixepoch') AS at, minute,
  host.text AS host, provider.text AS provider, model.text AS model, key.text AS key,
  team.text AS team, user.text AS user, environment.text AS environment,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM minute JOIN series ON series.id = series
  LEFT JOIN name AS host ON host.id = series.host
  LEFT JOIN name AS provider ON provider.id = series.provider
  LEFT JOIN name AS model ON model.id = series.model
  LEFT JOIN name AS key ON key.id = series.key
  LEFT JOIN name AS team ON team.id = series.team
  LEFT JOIN name AS user ON user.id = series.user
  LEFT JOIN name AS environment ON environment.id = series.environment;
";

/// Quarters of an hour and days beside the minutes, which can go after a while.
const V2: &str = "
CREATE TABLE quarter (
  quarter INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (quarter, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE day (
  day INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;
INSERT INTO quarter SELECT
  minute - (minute % 15 + 15) % 15, series, sum(requests), sum(failed), sum(input_tokens),
  sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens), sum(reasoning_tokens),
  sum(cost_nano_usd), sum(unpriced)
FROM minute GROUP BY 1, 2;
INSERT INTO day SELECT
  minute - (minute % 1440 + 1440) % 1440, series, sum(requests), sum(failed), sum(input_tokens),
  sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens), sum(reasoning_tokens),
  sum(cost_nano_usd), sum(unpriced)
FROM minute GROUP BY 1, 2;
INSERT INTO state VALUES
  ('minute_from', -9223372036854775808), ('quarter_from', -9223372036854775808);

DROP VIEW spend;
CREATE VIEW who AS SELECT
  series.id AS series,
  host.text AS host, provider.text AS provider, model.text AS model, key.text AS key,
  team.text AS team, user.text AS user, environment.text AS environment
FROM series
  LEFT JOIN name AS host ON host.id = series.host
  LEFT JOIN name AS provider ON provider.id = series.provider
  LEFT JOIN name AS model ON model.id = series.model
  LEFT JOIN name AS key ON key.id = series.key
  LEFT JOIN name AS team ON team.id = series.team
  LEFT JOIN name AS user ON user.id = series.user
  LEFT JOIN name AS environment ON environment.id = series.environment;
CREATE VIEW spend AS SELECT
  strftime('%Y-%m-%d', day * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM day JOIN who USING (series);
CREATE VIEW spend_by_quarter AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', quarter * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM quarter JOIN who USING (series);
CREATE VIEW spend_by_minute AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', minute * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM minute JOIN who USING (series);
";

/// What a file says of itself.
pub(super) enum Found {
    /// Nothing yet.
    Empty,
    /// Another program's, or so damaged that it does not say.
    Foreign,
    /// A ledger of this version.
    Version(i64),
}

/// Look at a file's header.
pub(super) fn look(db: &Connection) -> rusqlite::Result<Found> {
    let id: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if id == APPLICATION_ID && version > 0 {
        return Ok(Found::Version(version));
    }
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if id == 0 && version == 0 && tables == 0 { Found::Empty } else { Found::Foreign })
}

/// Bring a file of an earlier version (0 is an empty one) to ours, or leave it
/// as it was.
pub(super) fn migrate(db: &Connection, from: i64) -> rusqlite::Result<()> {
    let tx = Transaction::new_unchecked(db, rusqlite::TransactionBehavior::Immediate)?;
    for (_, step) in STEPS.iter().filter(|(makes, _)| *makes > from) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()
}
