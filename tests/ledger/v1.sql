-- A ledger of version 1, as its program left it.
PRAGMA application_id = 1953655152;
PRAGMA user_version = 1;
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

UPDATE state SET value = 3 WHERE key = 'commits';
INSERT INTO name VALUES (1, 'openai'), (2, 'gpt-4o'), (3, 'prod-web');
INSERT INTO series VALUES (1, 0, 1, 2, 3, 0, 0, 0), (2, 0, 1, 2, 0, 0, 0, 0);
INSERT INTO minute VALUES
  (-1, 2, 1, 0, 10, 0, 0, 1, 0, 7, 0),
  (29919239, 1, 2, 1, 20, 0, 0, 2, 0, 1000, 0),
  (29919240, 1, 3, 0, 30, 0, 0, 3, 0, 2000, 0),
  (29919254, 1, 4, 0, 40, 0, 0, 4, 0, 3000, 0),
  (29919254, 2, 5, 0, 50, 0, 0, 5, 0, 4000, 5);
UPDATE totals SET requests = 15, failed = 1, input_tokens = 150, output_tokens = 15,
  cost_nano_usd = 10007, unpriced = 5 WHERE what = 'all';
INSERT INTO source VALUES ('gateway', 100, 1, 2, 3, 4);
INSERT INTO seen VALUES (1, 1, x'01000000000000000200000000000000', -621957923223145716);
INSERT INTO history VALUES (1, 5, '{"event":"alert.firing"}');
