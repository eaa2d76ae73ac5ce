//! The tables, and how a file made by an earlier version becomes one of ours.
//!
//! `docs/LEDGER.md` describes the newest version for operators.

use rusqlite::{Connection, Transaction};

/// `trip`, in the header of the file.
pub(super) const APPLICATION_ID: i64 = 0x7472_6970;

/// The version this program reads and writes.
pub(super) const VERSION: i64 = 6;

/// What makes each version of the one before. Never changed once released.
const STEPS: [(i64, &str); 6] = [(1, V1), (2, V2), (3, V3), (4, V4), (5, V5), (6, V6)];

/// The columns of every table of sums.
macro_rules! columns_of_sums {
    () => {
        "  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL"
    };
}

/// A table of sums by time and series.
macro_rules! table_of_sums {
    ($table:literal) => {
        concat!(
            "CREATE TABLE ",
            $table,
            " (\n  ",
            $table,
            " INTEGER NOT NULL, series INTEGER NOT NULL,\n",
            columns_of_sums!(),
            ",\n  PRIMARY KEY (",
            $table,
            ", series)\n) STRICT, WITHOUT ROWID;\n",
        )
    };
}

/// A coarser table, from the minutes.
macro_rules! fill_from_minutes {
    ($table:literal, $minutes:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " SELECT minute - (minute % ",
            $minutes,
            " + ",
            $minutes,
            ") % ",
            $minutes,
            ", series, sum(requests), sum(failed), sum(input_tokens), sum(cached_input_tokens),
  sum(cache_write_tokens), sum(output_tokens), sum(reasoning_tokens), sum(cost_nano_usd),
  sum(unpriced)
FROM minute GROUP BY 1, 2;
",
        )
    };
}

/// A table of sums with names and times that people read.
macro_rules! view_of_sums {
    ($view:literal, $table:literal, $time:literal, $more:literal) => {
        concat!(
            "CREATE VIEW ",
            $view,
            " AS SELECT\n  strftime('",
            $time,
            "', ",
            $table,
            " * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment",
            $more,
            ",
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM ",
            $table,
            " JOIN who USING (series);\n",
        )
    };
}

/// The names of a row of `series`.
macro_rules! joined_names {
    ($more:literal) => {
        concat!(
            "  LEFT JOIN name AS host ON host.id = series.host
  LEFT JOIN name AS provider ON provider.id = series.provider
  LEFT JOIN name AS model ON model.id = series.model
  LEFT JOIN name AS key ON key.id = series.key
  LEFT JOIN name AS team ON team.id = series.team
  LEFT JOIN name AS user ON user.id = series.user
  LEFT JOIN name AS environment ON environment.id = series.environment",
            $more,
            ";\n"
        )
    };
}

const V1: &str = concat!(
    "CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO state VALUES ('commits', 0);

CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  host INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  key INTEGER NOT NULL, team INTEGER NOT NULL, user INTEGER NOT NULL,
  environment INTEGER NOT NULL,
  UNIQUE (user, key, model, team, provider, environment, host)
) STRICT;

",
    table_of_sums!("minute"),
    "
CREATE TABLE totals (
  what TEXT PRIMARY KEY,
",
    columns_of_sums!(),
    "
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
",
    joined_names!(""),
);

/// Quarters of an hour and days beside the minutes, which can go after a while.
const V2: &str = concat!(
    table_of_sums!("quarter"),
    table_of_sums!("day"),
    fill_from_minutes!("quarter", "15"),
    fill_from_minutes!("day", "1440"),
    "INSERT INTO state VALUES
  ('minute_from', -9223372036854775808), ('quarter_from', -9223372036854775808);

DROP VIEW spend;
CREATE VIEW who AS SELECT
  series.id AS series,
  host.text AS host, provider.text AS provider, model.text AS model, key.text AS key,
  team.text AS team, user.text AS user, environment.text AS environment
FROM series
",
    joined_names!(""),
    view_of_sums!("spend", "day", "%Y-%m-%d", ""),
    view_of_sums!("spend_by_quarter", "quarter", "%Y-%m-%dT%H:%M:%SZ", ""),
    view_of_sums!("spend_by_minute", "minute", "%Y-%m-%dT%H:%M:%SZ", ""),
);

/// Calls of which a better line may come, and sums that fit nowhere.
const V3: &str = "
CREATE TABLE replaceable (
  id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL UNIQUE,
  counted_at INTEGER NOT NULL, series INTEGER NOT NULL,
  call TEXT NOT NULL, digest INTEGER NOT NULL
) STRICT;
CREATE TABLE refused (
  id INTEGER PRIMARY KEY, minute INTEGER NOT NULL, series INTEGER NOT NULL, sums TEXT NOT NULL
) STRICT;
";

/// Each source reads a file for itself. Of those before, nobody knows whose they are:
/// they are for every source that follows the path.
const V4: &str = "
ALTER TABLE checkpoint ADD COLUMN source TEXT NOT NULL DEFAULT '';
DROP INDEX open_checkpoint;
CREATE UNIQUE INDEX open_checkpoint ON checkpoint (inode, device, source) WHERE NOT finished;
";

/// The account at the provider, which no call told before; and from when on what stands
/// beside a file is new.
const V5: &str = concat!(
    "ALTER TABLE checkpoint ADD COLUMN since INTEGER;

DROP VIEW spend;
DROP VIEW spend_by_quarter;
DROP VIEW spend_by_minute;
DROP VIEW who;
ALTER TABLE series RENAME TO earlier;
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  host INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  key INTEGER NOT NULL, team INTEGER NOT NULL, user INTEGER NOT NULL,
  environment INTEGER NOT NULL, account INTEGER NOT NULL,
  UNIQUE (user, key, model, team, provider, environment, host, account)
) STRICT;
INSERT INTO series
SELECT id, host, provider, model, key, team, user, environment, 0 FROM earlier;
DROP TABLE earlier;

CREATE VIEW who AS SELECT
  series.id AS series,
  host.text AS host, provider.text AS provider, model.text AS model, key.text AS key,
  team.text AS team, user.text AS user, environment.text AS environment,
  account.text AS account
FROM series
",
    joined_names!("\n  LEFT JOIN name AS account ON account.id = series.account"),
    view_of_sums!("spend", "day", "%Y-%m-%d", ", account"),
    view_of_sums!("spend_by_quarter", "quarter", "%Y-%m-%dT%H:%M:%SZ", ", account"),
    view_of_sums!("spend_by_minute", "minute", "%Y-%m-%dT%H:%M:%SZ", ", account"),
);

/// Alerts and stops that stand.
const V6: &str = "
CREATE TABLE standing (
  id INTEGER PRIMARY KEY, item TEXT NOT NULL, digest INTEGER NOT NULL
) STRICT;
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
