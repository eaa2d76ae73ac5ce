//! Opening the file: who may, and how safely.

use std::fmt::Write;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::LedgerError;
use super::schema::{self, Found};
use crate::mount;

/// The ledger's file name in the state directory.
pub const LEDGER_FILE: &str = "ledger.db";

/// Before it, a writer and a checkpoint could together lose committed data.
const SAFE_SQLITE: i32 = 3_051_003;
/// How long to wait for a program that holds SQLite's lock.
const PATIENCE: Duration = Duration::from_secs(1);
/// A file up to this size is checked whole when it is opened: it takes a few
/// milliseconds.
const CHECKED_WHOLE_BYTES: u64 = 4 << 20;
/// What the write-ahead log is cut back to when it begins anew: well below the length
/// at which it is brought into the database, for that is asked of the file.
const WAL_KEPT_BYTES: i64 = 4 << 20;

/// Make the directory, private to its owner, where it is missing, and refuse
/// one on a network. Answers where the ledger belongs, without symbolic links.
pub(super) fn prepare_dir(dir: &Path) -> Result<PathBuf, LedgerError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| LedgerError::io("create the directory", dir, error))?;
    let open = File::open(dir).map_err(|error| LedgerError::io("open", dir, error))?;
    let kind =
        mount::network_kind(&open).map_err(|error| LedgerError::io("look at", dir, error))?;
    if let Some(kind) = kind {
        return Err(LedgerError::NetworkFs { path: dir.to_owned(), kind });
    }
    let dir = dir.canonicalize().map_err(|error| LedgerError::io("look at", dir, error))?;
    Ok(dir.join(LEDGER_FILE))
}

/// Make an empty file where there is none. One that was left empty is damaged, for all that
/// is known: also a first run that ended in this very moment leaves one.
pub(super) fn create(path: &Path) -> Result<(), LedgerError> {
    // Private from its first moment; SQLite gives the files beside it the same mode.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(LedgerError::io("create", path, error))
        }
        Err(_) if is_blank(path) => Err(blank(path)),
        _ => Ok(()),
    }
}

/// Open for writing, and bring an empty or older file up to date. The caller
/// holds the lock.
pub(super) fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    if rusqlite::version_number() < SAFE_SQLITE {
        return Err(LedgerError::UnsafeSqlite { found: rusqlite::version() });
    }
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let of = |error: rusqlite::Error| LedgerError::of(path, &error);
    let from = match schema::look(&db).map_err(of)? {
        Found::Empty => 0,
        Found::Version(version) if version <= schema::VERSION => version,
        Found::Version(found) => return Err(newer(path, found)),
        Found::Foreign => return Err(foreign(path)),
    };
    db.pragma_update(None, "journal_mode", "wal").map_err(of)?;
    db.pragma_update(None, "synchronous", "normal").map_err(of)?;
    db.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES).map_err(of)?;
    // Done by the writer itself, which wants to know when it fails.
    db.pragma_update(None, "wal_autocheckpoint", 0).map_err(of)?;
    if path.metadata().is_ok_and(|meta| meta.len() <= CHECKED_WHOLE_BYTES) {
        check_whole(&db, path)?;
    }
    if from < schema::VERSION {
        if from > 0 {
            back_up(&db, path, from)?;
        }
        schema::migrate(&db, from).map_err(of)?;
    }
    Ok(db)
}

/// Open for reading alone, beside a writer or without one.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing { path: path.to_owned() });
    }
    let of = |error: rusqlite::Error| LedgerError::of(path, &error);
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found = match schema::look(&db).map_err(of) {
        // Where nothing can be written, SQLite has to be told that nobody writes.
        Err(LedgerError::Disk { .. } | LedgerError::ReadOnly { .. }) if !has_wal(path) => {
            let db = connect_immutable(path)?;
            let found = schema::look(&db).map_err(of)?;
            return accept(db, path, &found);
        }
        found => found?,
    };
    accept(db, path, &found)
}

/// Bytes of the ledger's write-ahead log.
pub(super) fn wal_bytes(path: &Path) -> u64 {
    beside(path, "-wal").metadata().map_or(0, |meta| meta.len())
}

fn is_blank(path: &Path) -> bool {
    !has_wal(path) && path.metadata().is_ok_and(|meta| meta.len() == 0)
}

fn has_wal(path: &Path) -> bool {
    wal_bytes(path) > 0
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opened = || {
        let db = Connection::open_with_flags(path, flags)?;
        careful(&db)?;
        Ok(db)
    };
    opened().map_err(|error| match File::open(path) {
        // SQLite does not say why.
        Err(why) => LedgerError::io("open", path, why),
        Ok(_) => LedgerError::of(path, &error),
    })
}

fn connect_immutable(path: &Path) -> Result<Connection, LedgerError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => {
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&uri), flags).map_err(|error| match error {
        LedgerError::Disk { what, .. } => LedgerError::Disk { path: path.to_owned(), what },
        other => other,
    })
}

/// A file that somebody prepared can't make us run code, and a damaged page is
/// noticed rather than followed.
fn careful(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn accept(db: Connection, path: &Path, found: &Found) -> Result<Connection, LedgerError> {
    match *found {
        Found::Version(schema::VERSION) => Ok(db),
        Found::Version(found) if found > schema::VERSION => Err(newer(path, found)),
        Found::Version(found) => {
            let path = path.to_owned();
            Err(LedgerError::Older { path, found, known: schema::VERSION })
        }
        Found::Empty if is_blank(path) => Err(blank(path)),
        Found::Empty => Err(LedgerError::Missing { path: path.to_owned() }),
        Found::Foreign => Err(foreign(path)),
    }
}

fn newer(path: &Path, found: i64) -> LedgerError {
    LedgerError::Newer { path: path.to_owned(), found, known: schema::VERSION }
}

fn blank(path: &Path) -> LedgerError {
    LedgerError::Corrupt { path: path.to_owned(), what: "it is empty".into() }
}

fn foreign(path: &Path) -> LedgerError {
    LedgerError::Corrupt { path: path.to_owned(), what: "it is no ledger of tripline".into() }
}

fn check_whole(db: &Connection, path: &Path) -> Result<(), LedgerError> {
    let answer: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| LedgerError::of(path, &error))?;
    if answer == "ok" {
        return Ok(());
    }
    Err(LedgerError::Corrupt { path: path.to_owned(), what: answer })
}

/// A copy as it was before a migration, beside it.
fn back_up(db: &Connection, path: &Path, version: i64) -> Result<(), LedgerError> {
    let copy = beside(path, &format!(".v{version}"));
    let part = beside(path, ".part");
    let failed = |doing, error| LedgerError::io(doing, &part, error);
    let mut private = OpenOptions::new();
    private.write(true).create(true).truncate(true).mode(0o600);
    private.open(&part).map_err(|error| failed("create", error))?;
    let name = part.to_str().ok_or_else(|| failed("copy to", ErrorKind::InvalidFilename.into()))?;
    db.execute("VACUUM INTO ?1", [name]).map_err(|error| LedgerError::of(path, &error))?;
    std::fs::rename(&part, &copy).map_err(|error| failed("rename", error))
}

/// The name of a file beside the ledger: its own, and an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
