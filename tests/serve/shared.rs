//! One file that two sources read: each reads it for itself, over kills and rotations,
//! and what a ledger of before says is for both.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::{Sandbox, rfc3339};

/// Calls without an id: what is read twice is counted twice.
struct Log<'s> {
    sandbox: &'s Sandbox,
    lines: u64,
}

impl Log<'_> {
    fn write(&mut self, file: &Path, lines: u64) {
        let mut log = OpenOptions::new().append(true).create(true).open(file).unwrap();
        for _ in 0..lines {
            self.lines += 1;
            let (at, n) = (rfc3339(SystemTime::now()), self.lines);
            writeln!(
                log,
                "{{\"ts\":\"{at}\",\"model\":\"gpt-4o\",\"input_tokens\":{n},\"output_tokens\":1,\"cost\":0.000001}}"
            )
            .unwrap();
        }
    }

    /// Each source has read each line once.
    fn is_exact(&self, status: &Value, sources: u64) -> bool {
        let totals = &status["totals"];
        let each = status["sources"].as_array().unwrap().iter();
        let lines: Vec<_> = each.map(|source| source["lines"].as_u64().unwrap()).collect();
        totals["requests"] == sources * self.lines
            && totals["output_tokens"] == sources * self.lines
            && totals["input_tokens"] == sources * self.lines * (self.lines + 1) / 2
            && lines.iter().filter(|lines| **lines == self.lines).count() as u64 == sources
            && kept(status)
    }

    #[track_caller]
    fn reach(&self, sources: u64) {
        let seen = status_until(self.sandbox, "each line once by each source", |status| {
            self.is_exact(status, sources)
        });
        assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    }
}

fn source(name: &str, path: &Path, more: &str) -> String {
    format!("[[source]]\nname = {name:?}\npaths = [{:?}]\n{more}", path.to_str().unwrap())
}

/// One by its path, one by a pattern.
fn two(sandbox: &Sandbox) -> String {
    let one = source("one", &sandbox.path("gw.log"), "provider = \"openai\"\n");
    one + &source("two", &sandbox.path("g*.log"), "provider = \"azure\"\nenvironment = \"two\"\n")
}

#[test]
fn two_sources_on_one_file_lose_and_repeat_nothing_over_kills_and_rotations() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("gw.log");
    let mut log = Log { sandbox: &sandbox, lines: 0 };
    for round in 0..4 {
        let daemon = Daemon::start(serve(&sandbox, &two(&sandbox), &[]));
        log.reach(2);
        log.write(&path, 20);
        log.reach(2);
        if round == 2 {
            log.write(&path, 20);
            fs::rename(&path, sandbox.path("gw.log.live")).unwrap();
            log.write(&path, 20);
            log.reach(2);
        }
        daemon.kill();
        log.write(&path, 20);
        fs::rename(&path, sandbox.path(&format!("gw.log.{round}"))).unwrap();
        log.write(&path, 20);
    }
    let daemon = Daemon::start(serve(&sandbox, &two(&sandbox), &[]));
    log.reach(2);
    daemon.stop();
    assert_eq!(status(&sandbox)["totals"]["requests"], 2 * log.lines);
    sandbox.run(["ledger", "verify"]).ok();
}

/// Killed at any moment: one of them may be further than the other.
#[test]
fn two_sources_that_are_killed_anywhere_add_up() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("gw.log");
    let mut log = Log { sandbox: &sandbox, lines: 0 };
    for round in 0..6 {
        let daemon = Daemon::start(serve(&sandbox, &two(&sandbox), &[]));
        log.write(&path, 500);
        let some = |status: &Value| status["totals"]["requests"].as_u64() > Some(round * 1000);
        status_until(&sandbox, "some of them", some);
        daemon.kill();
    }
    let daemon = Daemon::start(serve(&sandbox, &two(&sandbox), &[]));
    log.reach(2);
    daemon.stop();
}

/// What a source has read is not read again because it is called otherwise now, or
/// because another one has taken its file over.
#[test]
fn a_source_by_another_name_reads_on() {
    let sandbox = Sandbox::new();
    let (path, other) = (sandbox.path("gw.log"), sandbox.path("other.log"));
    let mut log = Log { sandbox: &sandbox, lines: 0 };
    fs::write(&other, "").unwrap();
    let both = format!("paths = [{:?}, {:?}]\n", path.to_str().unwrap(), other.to_str().unwrap());
    let configs = [
        format!("[[source]]\nname = \"gateway\"\n{both}"),
        format!("[[source]]\nname = \"gateways\"\n{both}"),
        source("gateways", &other, "") + &source("apart", &path, ""),
        source("gateways", &path, "") + &source("apart", &other, ""),
    ];
    for (round, config) in configs.iter().enumerate() {
        let daemon = Daemon::start(serve(&sandbox, config, &[]));
        log.write(&path, 20);
        status_until(&sandbox, "all calls", |status| {
            status["totals"]["requests"] == log.lines && kept(status)
        });
        daemon.kill();
        log.write(&path, 20);
        fs::rename(&path, sandbox.path(&format!("gw.log.{round}"))).unwrap();
        log.write(&path, 20);
    }
    let daemon = Daemon::start(serve(&sandbox, &configs[3], &[]));
    let live = |status: &Value| {
        let mut sources = status["sources"].as_array().unwrap().iter();
        sources.all(|source| source["state"] == "live")
    };
    let seen = status_until(&sandbox, "all calls", |status| {
        status["totals"]["requests"].as_u64() >= Some(log.lines) && live(status) && kept(status)
    });
    assert_eq!(seen["totals"]["requests"], log.lines);
    assert_eq!(seen["totals"]["input_tokens"], log.lines * (log.lines + 1) / 2);
    daemon.stop();
}

/// Make of a ledger one of version 3: one checkpoint of a file, which is nobody's, and no
/// account. Its views are only there.
fn as_version_3(sandbox: &Sandbox) {
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    db.execute_batch(
        "DELETE FROM checkpoint WHERE NOT finished AND id NOT IN
           (SELECT max(id) FROM checkpoint WHERE NOT finished GROUP BY inode, device)",
    )
    .unwrap();
    let select = "SELECT device, inode, head_hash, head_len, window_hash, window_len, bytes, \
                  lines, finished, memo, path, id FROM checkpoint";
    let mut select = db.prepare(select).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (memo, path): (String, String) = (row.get(9).unwrap(), row.get(10).unwrap());
        let mut hash = Sha256::new();
        for column in 0..9 {
            hash.update(row.get::<_, i64>(column).unwrap().to_le_bytes());
        }
        hash.update((memo.len() as u64).to_le_bytes());
        hash.update(memo + &path);
        let digest = i64::from_le_bytes(*hash.finalize().first_chunk().unwrap());
        let update = "UPDATE checkpoint SET digest = ?1 WHERE id = ?2";
        db.execute(update, [digest, row.get(11).unwrap()]).unwrap();
    }
    db.execute_batch(
        "DROP TABLE standing; DELETE FROM state WHERE key = 'standing_at';
         DROP INDEX open_checkpoint;
         ALTER TABLE checkpoint DROP COLUMN source;
         ALTER TABLE checkpoint DROP COLUMN since;
         CREATE UNIQUE INDEX open_checkpoint ON checkpoint (inode, device) WHERE NOT finished;
         DROP VIEW spend; DROP VIEW spend_by_quarter; DROP VIEW spend_by_minute; DROP VIEW who;
         CREATE TABLE earlier (
           id INTEGER PRIMARY KEY,
           host INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
           key INTEGER NOT NULL, team INTEGER NOT NULL, user INTEGER NOT NULL,
           environment INTEGER NOT NULL,
           UNIQUE (user, key, model, team, provider, environment, host)
         ) STRICT;
         INSERT INTO earlier
         SELECT id, host, provider, model, key, team, user, environment FROM series;
         DROP TABLE series;
         ALTER TABLE earlier RENAME TO series;
         CREATE VIEW who AS SELECT 1 AS series;
         CREATE VIEW spend AS SELECT 1 AS at;
         CREATE VIEW spend_by_quarter AS SELECT 1 AS at;
         CREATE VIEW spend_by_minute AS SELECT 1 AS at;
         PRAGMA user_version = 3",
    )
    .unwrap();
}

#[test]
fn what_version_3_has_kept_is_read_on_by_each_source_that_follows_the_file() {
    for sources in [1, 2] {
        let sandbox = Sandbox::new();
        let path = sandbox.path("gw.log");
        let config = match sources {
            1 => source("one", &path, ""),
            _ => two(&sandbox),
        };
        let mut log = Log { sandbox: &sandbox, lines: 0 };
        log.write(&path, 300);
        let daemon = Daemon::start(serve(&sandbox, &config, &[]));
        log.reach(sources);
        fs::rename(&path, sandbox.path("gw.log.2")).unwrap();
        log.write(&path, 20);
        log.reach(sources);
        daemon.kill();
        as_version_3(&sandbox);
        for round in 0..3 {
            log.write(&path, 20);
            if round != 1 {
                fs::rename(&path, sandbox.path(&format!("gw.log.1{round}"))).unwrap();
                log.write(&path, 20);
            }
            let daemon = Daemon::start(serve(&sandbox, &config, &[]));
            log.reach(sources);
            let seen = status(&sandbox);
            assert_eq!(seen["findings"].as_array().map(Vec::len), Some(0), "{seen:#}");
            daemon.kill();
        }
        assert!(sandbox.path("state/ledger.db.v3").exists());
    }
}
