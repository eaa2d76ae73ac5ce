//! The one writer.
//!
//! What can't be written stays in memory and goes with the next commit. After a
//! failure of the disk nothing is assumed: the file is opened again, and its own
//! count of commits says whether the last one is in it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::aside::{self, SetAside};
use super::checkpoints::{self, Place};
use super::error::LedgerError;
use super::file;
use super::lock::{Holder, Lock};
use super::prune::{self, Aged, Pruned};
use super::read::{Kept, Reader};
use super::write::{self, Failed, Known};
use crate::domain::{Commit, Names, Wall};

/// The write-ahead log is brought into the database when it is this long.
const WAL_FULL_BYTES: u64 = 16 << 20;

/// What a writer is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where state is kept; made where missing.
    pub state_dir: PathBuf,
    /// This process, for others that want to write.
    pub us: Holder,
    /// Names behind the symbols of all commits.
    pub names: Names,
    /// Names of the sources, by [`SourceId`](crate::domain::SourceId).
    pub sources: Vec<String>,
}

/// A ledger that was opened for writing.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// What it knows.
    pub kept: Kept,
    /// The damaged one that was there before, if one was. Its checkpoints are
    /// lost, so logs that still exist are to be read again from their start.
    pub set_aside: Option<SetAside>,
}

/// What became of a commit that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// All is well.
    Kept,
    /// It is kept, but for sums that would be too large. To be said.
    KeptBut {
        /// How many sums are kept apart.
        refused: usize,
    },
    /// It is kept, but the disk failed on the way: the file was opened and read
    /// again. To be said.
    KeptAfter {
        /// What failed.
        trouble: String,
        /// How many sums are kept apart.
        refused: usize,
    },
}

/// The ledger, open for writing: the only one for its state directory.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    setup: Setup,
    /// `None` after a failure of the disk, until the file can be opened again.
    open: Option<Open>,
    /// Commits in the file, as far as we know.
    commits: i64,
    /// Tried when the disk failed: it may be in the file or not.
    in_doubt: Option<Commit>,
    /// Not in the file.
    pending: Commit,
    /// Sums that are kept apart, of which nobody was told.
    refused: usize,
    _lock: Lock,
}

#[derive(Debug)]
struct Open {
    reader: Reader,
    known: Known,
    /// Device and inode: SQLite goes on writing to a file that was removed.
    place: (u64, u64),
}

impl Ledger {
    /// Take the lock and open the ledger: make one where there is none, bring an
    /// older one up to date, set a damaged one aside.
    pub fn open(setup: Setup, now: Wall) -> Result<Opened, LedgerError> {
        let path = file::prepare_dir(&setup.state_dir)?;
        let lock = Lock::take(&path, &setup.us)?;
        let ledger = Ledger {
            path,
            setup,
            open: None,
            commits: 0,
            in_doubt: None,
            pending: Commit::default(),
            refused: 0,
            _lock: lock,
        };
        ledger.begin(now, None)
    }

    /// Set a ledger aside of which a part can't be read, and begin a new one.
    pub fn begin_again(mut self, why: &LedgerError, now: Wall) -> Result<Opened, LedgerError> {
        self.open = None;
        (self.in_doubt, self.pending, self.refused) = (None, Commit::default(), 0);
        let set_aside = aside::set_aside(&self.path, now, why.to_string())?;
        self.begin(now, Some(set_aside))
    }

    /// Keep all of it, or nothing. After an error it is [held](Self::held) here
    /// and goes with the next commit, which may be an empty one.
    pub fn commit(&mut self, commit: Commit) -> Result<Committed, LedgerError> {
        self.pending.merge(commit);
        self.settle()?;
        if self.pending.is_empty() {
            return Ok(self.kept(None));
        }
        let commit = std::mem::take(&mut self.pending);
        match self.write(&commit) {
            Ok(refused) => self.refused += refused,
            Err(error) => {
                if !error.shakes_the_file() {
                    self.pending = commit;
                    return Err(error);
                }
                self.in_doubt = Some(commit);
                return self.after(error);
            }
        }
        self.commits += 1;
        // What is committed is kept, wherever in the two files it stands.
        match self.shorten_wal() {
            Ok(()) => Ok(self.kept(None)),
            Err(error) => self.after(error),
        }
    }

    fn kept(&mut self, trouble: Option<String>) -> Committed {
        match (trouble, std::mem::take(&mut self.refused)) {
            (Some(trouble), refused) => Committed::KeptAfter { trouble, refused },
            (None, 0) => Committed::Kept,
            (None, refused) => Committed::KeptBut { refused },
        }
    }

    /// One step of removing days and events from before a moment. The totals stay
    /// as they are. Call again until it is [done](Pruned::aged).
    pub fn prune(&mut self, before: Wall) -> Result<Pruned, LedgerError> {
        self.change(|db| prune::prune(db, before))
    }

    /// One step of letting go of minutes and quarters of an hour that are older
    /// than they are kept. To be called now and then, again until it is done.
    pub fn age(&mut self, now: Wall) -> Result<Aged, LedgerError> {
        self.change(|db| prune::age(db, now))
    }

    /// Files that are followed. Whether they are gone is looked for elsewhere, since
    /// that may take as long as a file system likes.
    pub fn places(&mut self) -> Result<Vec<Place>, LedgerError> {
        self.reader()?.ask(checkpoints::places)
    }

    /// One step of forgetting files that have been gone for long: `gone` are all that
    /// are gone now. To be called again until it is done.
    pub fn forget(&mut self, gone: &[Place], now: Wall) -> Result<Aged, LedgerError> {
        self.change(|db| Ok(checkpoints::forget_gone(db, gone, now)?))
    }

    /// What is not in the file yet, as far as that is known.
    #[must_use]
    pub fn held(&self) -> &Commit {
        self.in_doubt.as_ref().unwrap_or(&self.pending)
    }

    /// The same ledger for reading, with all that is committed.
    pub fn reader(&mut self) -> Result<&Reader, LedgerError> {
        self.settle()?;
        self.open.as_ref().map(|open| &open.reader).ok_or_else(|| self.moved())
    }

    fn begin(mut self, now: Wall, mut set_aside: Option<SetAside>) -> Result<Opened, LedgerError> {
        let mut begun = self.create_and_load();
        if let Err(LedgerError::Corrupt { what, .. }) = &begun {
            set_aside = Some(aside::set_aside(&self.path, now, what.clone())?);
            begun = self.create_and_load();
        }
        let (open, kept) = begun?;
        self.commits = open.reader.commits()?;
        self.open = Some(open);
        Ok(Opened { ledger: self, kept, set_aside })
    }

    fn create_and_load(&self) -> Result<(Open, Kept), LedgerError> {
        file::create(&self.path)?;
        let open = Open::new(&self.path)?;
        let kept = open.reader.load()?;
        Ok((open, kept))
    }

    fn write(&mut self, commit: &Commit) -> Result<usize, LedgerError> {
        let Some(open) = &mut self.open else { return Err(self.moved()) };
        if place_of(&self.path) != Some(open.place) {
            return Err(self.moved());
        }
        let names = (&self.setup.names, self.setup.sources.as_slice());
        let written = write::write(open.reader.db(), names, commit, &mut open.known);
        written.map_err(|error| error.in_file(&self.path))
    }

    /// Change what is in the file without counting anything. What was changed stays so
    /// where only shortening the write-ahead log fails.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> Result<T, Failed>,
    ) -> Result<T, LedgerError> {
        self.settle()?;
        let Some(open) = &mut self.open else { return Err(self.moved()) };
        let changed = change(open.reader.db());
        let known = open.reader.ask(Known::new);
        let changed = changed.map_err(|failed| failed.in_file(&self.path));
        let changed = changed.and_then(|changed| {
            open.known = known?;
            Ok(changed)
        });
        let changed = changed.and_then(|changed| self.shorten_wal().map(|()| changed));
        // Opened again, it is known again.
        changed.inspect_err(|_| self.open = None)
    }

    /// Drop what the failed disk may have left in the connection, and look at
    /// the file again.
    fn after(&mut self, error: LedgerError) -> Result<Committed, LedgerError> {
        self.open = None;
        match self.settle() {
            Ok(()) if self.pending.is_empty() => Ok(self.kept(Some(error.to_string()))),
            _ => Err(error),
        }
    }

    /// Open the file again if it had to be closed, and find out what is in it.
    fn settle(&mut self) -> Result<(), LedgerError> {
        if self.open.is_some() {
            return Ok(());
        }
        let open = Open::new(&self.path)?;
        let in_file = open.reader.commits()?;
        let landed = i64::from(self.in_doubt.is_some() && in_file == self.commits + 1);
        if in_file != self.commits + landed {
            return Err(LedgerError::Lost { path: self.path.clone(), in_file, made: self.commits });
        }
        self.commits = in_file;
        if let Some(mut tried) = self.in_doubt.take().filter(|_| landed == 0) {
            tried.merge(std::mem::take(&mut self.pending));
            self.pending = tried;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Only here does SQLite wait for the disk and reuse its log.
    fn shorten_wal(&self) -> Result<(), LedgerError> {
        match &self.open {
            Some(open) if file::wal_bytes(&self.path) >= WAL_FULL_BYTES => open.reader.ask(|db| {
                // A reader may hold a part of it back: the next one moves that.
                db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            }),
            _ => Ok(()),
        }
    }

    fn moved(&self) -> LedgerError {
        LedgerError::Moved { path: self.path.clone() }
    }
}

impl Open {
    fn new(path: &Path) -> Result<Open, LedgerError> {
        let reader = Reader::over(file::open_writer(path)?, path.to_owned());
        let known = reader.ask(Known::new)?;
        let moved = || LedgerError::Moved { path: path.to_owned() };
        Ok(Open { reader, known, place: place_of(path).ok_or_else(moved)? })
    }
}

fn place_of(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bucket, BucketId};

    fn ledger(dir: &Path) -> Ledger {
        let us = Holder { pid: 1, host: "h".into(), since: "now".into() };
        let names = Names::default();
        let setup = Setup { state_dir: dir.to_owned(), us, names, sources: Vec::new() };
        Ledger::open(setup, Wall(0)).unwrap().ledger
    }

    fn calls(requests: i64) -> Commit {
        let id = BucketId {
            minute: 7,
            host: None,
            provider: None,
            model: None,
            key: None,
            team: None,
            user: None,
            environment: None,
            account: None,
        };
        let bucket = Bucket { requests, ..Bucket::default() };
        Commit { buckets: vec![(id, bucket)], ..Commit::default() }
    }

    fn total(ledger: &mut Ledger) -> i64 {
        ledger.reader().unwrap().totals().unwrap().requests
    }

    /// The disk fails while a commit is written, before or after it has landed.
    fn fail(ledger: &mut Ledger, commit: Commit, landed: bool) {
        if landed {
            assert_eq!(ledger.write(&commit).unwrap(), 0);
        }
        ledger.in_doubt = Some(commit);
        ledger.open = None;
    }

    #[test]
    fn a_commit_in_doubt_is_counted_once_whether_it_landed_or_not() {
        for landed in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let mut ledger = ledger(dir.path());
            assert_eq!(ledger.commit(calls(1)).unwrap(), Committed::Kept);
            fail(&mut ledger, calls(10), landed);
            assert_eq!(ledger.held().buckets[0].1.requests, 10);
            assert_eq!(ledger.commit(calls(100)).unwrap(), Committed::Kept);
            assert_eq!(total(&mut ledger), 111, "landed: {landed}");
            assert!(ledger.held().is_empty());
            assert_eq!(ledger.commit(calls(1000)).unwrap(), Committed::Kept);
            drop(ledger);
            assert_eq!(total(&mut self::ledger(dir.path())), 1111);
        }
    }

    #[test]
    fn a_disk_that_fails_after_the_commit_is_told_and_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        fail(&mut ledger, calls(10), true);
        let error = || LedgerError::Disk { path: dir.path().to_owned(), what: "EIO".into() };
        let answer = ledger.after(error()).unwrap();
        let told = |answer, apart| {
            matches!(answer, Committed::KeptAfter { trouble, refused }
                if trouble.contains("EIO") && refused == apart)
        };
        assert!(told(answer, 0));
        assert_eq!(total(&mut ledger), 10);
        // Of sums that are kept apart it is told all the same, once.
        ledger.refused = 2;
        assert!(told(ledger.after(error()).unwrap(), 2));
        assert!(told(ledger.after(error()).unwrap(), 0));
    }

    #[test]
    fn commits_that_the_disk_lost_stop_the_ledger_until_a_new_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        assert_eq!(ledger.commit(calls(1)).unwrap(), Committed::Kept);
        ledger.commits += 2;
        ledger.open = None;
        for _ in 0..2 {
            let error = ledger.commit(calls(1)).unwrap_err();
            assert!(matches!(error, LedgerError::Lost { in_file: 1, made: 3, .. }), "{error}");
        }
        drop(ledger);
        assert_eq!(total(&mut self::ledger(dir.path())), 1);
    }

    #[test]
    fn without_space_nothing_is_half_written_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        assert_eq!(ledger.commit(calls(1)).unwrap(), Committed::Kept);
        let limit = |ledger: &Ledger, pages: i64| {
            let db = ledger.open.as_ref().unwrap().reader.db();
            db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        limit(&ledger, 1);
        let many = |minute: i64| {
            let mut commit = calls(1);
            let id = commit.buckets[0].0;
            commit.buckets = (0..900)
                .map(|n| {
                    (
                        BucketId { minute: minute + n, ..id },
                        Bucket { requests: 1, ..Bucket::default() },
                    )
                })
                .collect();
            commit
        };
        for full in 1..5 {
            let error = ledger.commit(many(full)).unwrap_err();
            assert!(matches!(error, LedgerError::Full { .. }), "{error}");
            assert_eq!(total(&mut ledger), 1);
        }
        limit(&ledger, 1_000_000);
        assert_eq!(ledger.commit(Commit::default()).unwrap(), Committed::Kept);
        assert_eq!(total(&mut ledger), 1 + 4 * 900);
        assert_eq!(ledger.reader().unwrap().verify().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_ledger_begun_again_keeps_the_lock_and_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        assert_eq!(ledger.commit(calls(1)).unwrap(), Committed::Kept);
        let why = LedgerError::Corrupt { path: dir.path().to_owned(), what: "a row".into() };
        let opened = ledger.begin_again(&why, Wall(0)).unwrap();
        let aside = opened.set_aside.unwrap();
        assert!(aside.path.exists() && aside.why.contains("a row"));
        let mut ledger = opened.ledger;
        assert_eq!(ledger.commit(calls(5)).unwrap(), Committed::Kept);
        assert_eq!(total(&mut ledger), 5);
    }
}
