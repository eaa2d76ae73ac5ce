-- A ledger of version 5, as its program left it.
PRAGMA application_id = 1953655152;
PRAGMA user_version = 5;
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  path ANY NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
  head_hash INTEGER NOT NULL, head_len INTEGER NOT NULL,
  window_hash INTEGER NOT NULL, window_len INTEGER NOT NULL,
  bytes INTEGER NOT NULL, lines INTEGER NOT NULL, memo TEXT NOT NULL,
  finished INTEGER NOT NULL, digest INTEGER NOT NULL
, source TEXT NOT NULL DEFAULT '', since INTEGER) STRICT;
INSERT INTO "checkpoint" VALUES(1,'/var/log/gw.log',2049,77,3,4,5,6,4400,10,'{"line":8}',0,6136262132864411199,'',NULL);
INSERT INTO "checkpoint" VALUES(2,'/var/log/gw.log',2049,76,7,4096,8,256,9000,20,'',1,-2083865233944600891,'',NULL);
CREATE TABLE day (
  day INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "day" VALUES(-1440,2,1,0,10,0,0,1,0,7,0);
INSERT INTO "day" VALUES(29918880,1,9,1,90,0,0,9,0,6000,0);
INSERT INTO "day" VALUES(29918880,2,5,0,50,0,0,5,0,4000,5);
CREATE TABLE history (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL) STRICT;
INSERT INTO "history" VALUES(1,5,'{"event":"alert.firing"}');
CREATE TABLE minute (
  minute INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "minute" VALUES(29919239,1,2,1,20,0,0,2,0,1000,0);
INSERT INTO "minute" VALUES(29919240,1,3,0,30,0,0,3,0,2000,0);
INSERT INTO "minute" VALUES(29919254,1,4,0,40,0,0,4,0,3000,0);
INSERT INTO "minute" VALUES(29919254,2,5,0,50,0,0,5,0,4000,5);
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "name" VALUES(1,'openai');
INSERT INTO "name" VALUES(2,'gpt-4o');
INSERT INTO "name" VALUES(3,'prod-web');
CREATE TABLE quarter (
  quarter INTEGER NOT NULL, series INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (quarter, series)
) STRICT, WITHOUT ROWID;
INSERT INTO "quarter" VALUES(-15,2,1,0,10,0,0,1,0,7,0);
INSERT INTO "quarter" VALUES(29919225,1,2,1,20,0,0,2,0,1000,0);
INSERT INTO "quarter" VALUES(29919240,1,7,0,70,0,0,7,0,5000,0);
INSERT INTO "quarter" VALUES(29919240,2,5,0,50,0,0,5,0,4000,5);
CREATE TABLE refused (
  id INTEGER PRIMARY KEY, minute INTEGER NOT NULL, series INTEGER NOT NULL, sums TEXT NOT NULL
) STRICT;
INSERT INTO "refused" VALUES(1,29919240,1,'{"cost_usd":"9223372036.854775808","requests":1}');
CREATE TABLE replaceable (
  id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL UNIQUE,
  counted_at INTEGER NOT NULL, series INTEGER NOT NULL,
  call TEXT NOT NULL, digest INTEGER NOT NULL
) STRICT;
INSERT INTO "replaceable" VALUES(1,-3943651255564861324,1795155242000000000,1,'{"keep":"last","at":1795155242000000000,"at_logged":true,"started_at":1795155241000000000,"status":200,"layer":"unknown","tokens":[10,1,null,null,null,null],"tier":"standard","cost_nano_usd":1000,"cost_source":"reported","millis":[4652007308841189376,null,null]}',-134225088438050500);
CREATE TABLE seen (
  id INTEGER PRIMARY KEY, calls INTEGER NOT NULL, packed BLOB NOT NULL, digest INTEGER NOT NULL
) STRICT;
INSERT INTO "seen" VALUES(1,1,X'01000000000000000200000000000000',-621957923223145716);
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  host INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  key INTEGER NOT NULL, team INTEGER NOT NULL, user INTEGER NOT NULL,
  environment INTEGER NOT NULL, account INTEGER NOT NULL,
  UNIQUE (user, key, model, team, provider, environment, host, account)
) STRICT;
INSERT INTO "series" VALUES(1,0,1,2,3,0,0,0,0);
INSERT INTO "series" VALUES(2,0,1,2,0,0,0,0,0);
CREATE TABLE source (
  name TEXT PRIMARY KEY,
  lines INTEGER NOT NULL, faults INTEGER NOT NULL, quarantined INTEGER NOT NULL,
  ignored INTEGER NOT NULL, duplicates INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "source" VALUES('gateway',100,1,2,3,4);
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "state" VALUES('commits',4);
INSERT INTO "state" VALUES('minute_from',1440);
INSERT INTO "state" VALUES('quarter_from',-9223372036854775808);
CREATE TABLE totals (
  what TEXT PRIMARY KEY,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "totals" VALUES('all',15,1,150,0,0,15,0,10007,5);
INSERT INTO "totals" VALUES('pruned',0,0,0,0,0,0,0,0,0);
CREATE UNIQUE INDEX open_checkpoint ON checkpoint (inode, device, source) WHERE NOT finished;
CREATE VIEW who AS SELECT
  series.id AS series,
  host.text AS host, provider.text AS provider, model.text AS model, key.text AS key,
  team.text AS team, user.text AS user, environment.text AS environment,
  account.text AS account
FROM series
  LEFT JOIN name AS host ON host.id = series.host
  LEFT JOIN name AS provider ON provider.id = series.provider
  LEFT JOIN name AS model ON model.id = series.model
  LEFT JOIN name AS key ON key.id = series.key
  LEFT JOIN name AS team ON team.id = series.team
  LEFT JOIN name AS user ON user.id = series.user
  LEFT JOIN name AS environment ON environment.id = series.environment
  LEFT JOIN name AS account ON account.id = series.account;
CREATE VIEW spend AS SELECT
  strftime('%Y-%m-%d', day * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment, account,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM day JOIN who USING (series);
CREATE VIEW spend_by_quarter AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', quarter * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment, account,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM quarter JOIN who USING (series);
CREATE VIEW spend_by_minute AS SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', minute * 60, 'unixepoch') AS at,
  host, provider, model, key, team, user, environment, account,
  requests, failed, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, unpriced
FROM minute JOIN who USING (series);
