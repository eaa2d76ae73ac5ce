//! Who did what to the switches: an append-only file in which every record
//! carries the hash of the one before it, so that a changed, removed or
//! inserted record shows.
//!
//! The chain can't show that its newest records were cut off; compare the head
//! that [`verify`] gives with one noted elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scope::hex;
use super::switch::record::clean;
use crate::domain::Wall;

/// The file's name in the state directory.
pub const AUDIT_FILE: &str = "audit.jsonl";

/// What the first record has as the hash of the one before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// No record of ours is longer, so this much of the end holds the last one.
const MAX_RECORD: u64 = 16 * 1024;
const MAX_TEXT: usize = 1000;
/// How much of the end is searched for what was done to a scope.
const SEARCHED: u64 = 4 << 20;

/// The action of a [`Deed`] that nobody did through tripline.
pub const REMOVED_OUTSIDE: &str = "removed_outside";
/// The action of a stop.
pub const TRIP: &str = "trip";
/// The action of making a kill file again that somebody removed: no new stop.
pub const TRIP_AGAIN: &str = "trip_again";
/// The result of a trip that stopped the traffic.
pub const TRIPPED: &str = "tripped";
/// The action of letting traffic through again, and its result.
pub const RESET: &str = "reset";
/// The result of a reset of what was not stopped.
pub const NOT_TRIPPED: &str = "not tripped";
/// The result of what is about to be tried. It is no proof that it was done.
pub const REQUESTED: &str = "requested";

/// Something that was done, or tried, to a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Wall,
    /// Who: a person, or `tripline` for a rule.
    pub by: String,
    /// On which host.
    pub host: String,
    /// What: `trip`, `trip_again`, `reset`, `arm`, `disarm`, `removed_outside`, …
    pub action: String,
    /// To which scope, if it concerns one.
    pub scope: Option<String>,
    /// By which rule, if one did it.
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
    /// What came of it: `ok`, `already_tripped`, an error in words, …
    pub result: String,
}

/// A chain without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records.
    pub records: u64,
    /// The hash of the last one, [`GENESIS`] if there is none.
    pub head: String,
}

/// Why a chain does not hold, or can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The record in this line was changed, or one before it was removed or inserted.
    #[error("{path:?} is broken at line {line}: {what}")]
    BrokenAt {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path:?}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    at: String,
    by: String,
    host: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    reason: String,
    result: String,
    prev: &'a str,
}

/// What was done, as far as anybody asks the record.
#[derive(Deserialize)]
pub(super) struct Done {
    pub at: String,
    pub by: String,
    pub host: String,
    action: String,
    pub scope: Option<String>,
    pub rule: Option<String>,
    pub reason: String,
    result: String,
}

/// What that was to its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A stop.
    Trip,
    /// Its kill file was made again.
    Again,
    /// A person let the traffic through, or wanted what was gone already to be gone.
    Reset,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    prev: &'a str,
}

/// Add a record and wait until it is on the disk. Several processes may do so
/// at the same time.
pub fn append(path: &Path, deed: &Deed) -> Result<(), AuditError> {
    Book::open(path, FlockOperation::LockExclusive)?.append(deed)
}

/// What came of a deed, and whether that is on record.
#[derive(Debug)]
pub struct Attempt<T> {
    /// What came of it.
    pub outcome: T,
    /// Whether that was recorded.
    pub recorded: Result<(), AuditError>,
}

/// Do something on record: that it is asked for first, and the result in words afterwards.
/// A record that can't be written prevents nothing, or a full disk would, and nobody waits
/// for others who write into it before it is done.
pub fn attempt<T>(
    path: &Path,
    mut deed: Deed,
    act: impl FnOnce() -> T,
    result: impl FnOnce(&T) -> String,
) -> Attempt<T> {
    deed.result = REQUESTED.into();
    let book = Book::open(path, FlockOperation::NonBlockingLockExclusive);
    let asked = book.map(|mut book| (book.append(&deed), book));
    let outcome = act();
    deed.result = result(&outcome);
    let recorded = match asked {
        Ok((asked, mut book)) => asked.and(book.append(&deed)),
        Err(_) => append(path, &deed),
    };
    Attempt { outcome, recorded }
}

/// How far the record goes.
#[must_use]
pub fn end(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len())
}

/// The end of the record.
pub(super) fn end_of(mut file: File) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(SEARCHED)))?;
    let mut records = Vec::new();
    file.take(SEARCHED).read_to_end(&mut records)?;
    Ok(records)
}

/// Stops and resets of a scope, in the order of the records.
pub(super) fn turns(records: &[u8], scope: &str) -> impl Iterator<Item = (Turn, Done)> {
    let scope = clean(scope, MAX_TEXT);
    records.split(|byte| *byte == b'\n').filter_map(move |line| {
        let done: Done = serde_json::from_slice(line).ok()?;
        let turn = match (done.action.as_str(), done.result.as_str()) {
            _ if done.scope.as_ref() != Some(&scope) => return None,
            (TRIP, TRIPPED) => Turn::Trip,
            (TRIP_AGAIN, TRIPPED) => Turn::Again,
            (RESET, RESET | NOT_TRIPPED) => Turn::Reset,
            _ => return None,
        };
        Some((turn, done))
    })
}

/// Check the whole chain. A file that does not exist holds no records.
pub fn verify(path: &Path) -> Result<Verified, AuditError> {
    let failed = |source| AuditError::Io { doing: "read", path: path.to_owned(), source };
    let mut chain = Verified { records: 0, head: GENESIS.into() };
    let mut lines = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(chain),
        Err(error) => return Err(failed(error)),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        // No more than a record can have, so that a strange file costs no memory.
        lines.by_ref().take(MAX_RECORD).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            return Ok(chain);
        }
        let broken =
            |what| AuditError::BrokenAt { path: path.to_owned(), line: chain.records + 1, what };
        let head = check(&line, &chain.head).map_err(broken)?;
        chain = Verified { records: chain.records + 1, head };
    }
}

/// The record, held: until it is dropped no other process writes into it.
struct Book<'p> {
    file: File,
    path: &'p Path,
}

impl Book<'_> {
    /// Waits for nobody, or for whoever writes into it now.
    fn open(path: &Path, lock: FlockOperation) -> Result<Book<'_>, AuditError> {
        let opened = || {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
                .open(path)?;
            rustix::fs::flock(&file, lock)?;
            Ok(Book { file, path })
        };
        opened().map_err(|source| AuditError::Io { doing: "write", path: path.to_owned(), source })
    }

    fn append(&mut self, deed: &Deed) -> Result<(), AuditError> {
        let path = self.path;
        let failed = |source| AuditError::Io { doing: "write", path: path.to_owned(), source };
        self.try_append(deed).map_err(failed)
    }

    fn try_append(&mut self, deed: &Deed) -> io::Result<()> {
        let end = last_line(&mut self.file)?;
        let (prev, torn) = match &end {
            Some(line) => (stated_hash(line).unwrap_or(GENESIS), !line.ends_with(b"\n")),
            None => (GENESIS, false),
        };
        let mut bytes = if torn { b"\n".to_vec() } else { Vec::new() };
        bytes.extend_from_slice(&render(deed, prev)?);
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        if end.is_none() {
            // The file may be new: its name must survive a power cut as well.
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

fn render(deed: &Deed, prev: &str) -> io::Result<Vec<u8>> {
    let cut = |text: &str| clean(text, MAX_TEXT);
    let mut bytes = serde_json::to_vec(&Body {
        at: deed.at.rfc3339(),
        by: cut(&deed.by),
        host: cut(&deed.host),
        action: cut(&deed.action),
        scope: deed.scope.as_deref().map(cut),
        rule: deed.rule.as_deref().map(cut),
        reason: cut(&deed.reason),
        result: cut(&deed.result),
        prev,
    })?;
    let hash = hex(&Sha256::digest(&bytes));
    bytes.pop();
    bytes.extend_from_slice(format!("{HASH_OPENS}{hash}{HASH_CLOSES}\n").as_bytes());
    Ok(bytes)
}

const HASH_OPENS: &str = ",\"hash\":\"";
const HASH_CLOSES: &str = "\"}";

/// The hash of a record that follows the one with hash `prev`.
fn check(line: &[u8], prev: &str) -> Result<String, &'static str> {
    let Some(record) = line.strip_suffix(b"\n") else {
        return Err("it has no end: writing it was cut short");
    };
    let Some(stated) = stated_hash(line) else { return Err("it is not a record") };
    let body_len = record.len() - stated.len() - HASH_OPENS.len() - HASH_CLOSES.len();
    let mut body = record.get(..body_len).unwrap_or_default().to_vec();
    body.push(b'}');
    if hex(&Sha256::digest(&body)) != stated {
        return Err("its content does not match its hash");
    }
    match serde_json::from_slice::<Link<'_>>(&body) {
        Ok(link) if link.prev == prev => Ok(stated.to_owned()),
        Ok(_) => Err("it does not follow the record before it"),
        Err(_) => Err("it is not a record"),
    }
}

/// The hash that a line claims to have.
fn stated_hash(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line).strip_suffix(HASH_CLOSES.as_bytes())?;
    let (rest, hash) = line.split_at_checked(line.len().checked_sub(GENESIS.len())?)?;
    let hex = hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let hash = std::str::from_utf8(hash).ok()?;
    (hex && rest.ends_with(HASH_OPENS.as_bytes())).then_some(hash)
}

/// The last line with its newline, if it has one; `None` for an empty file.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let len = file.metadata()?.len();
    if len == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(len.saturating_sub(MAX_RECORD)))?;
    let mut end = Vec::new();
    file.take(MAX_RECORD).read_to_end(&mut end)?;
    let before_last = end.split_last().map(|(_, before)| before).unwrap_or_default();
    let start = before_last.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(Some(end.split_off(start)))
}
