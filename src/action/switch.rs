//! The switch directory: one file per stopped scope, and the file's existence
//! is the signal.
//!
//! A trip has two halves. [`SwitchDir::trip`] is the decision's half: one rename
//! of a prepared file, without waiting for a disk. [`Pending::confirm`] is the
//! durable half, for another thread: sync, write the details, read back.

mod entry;
mod error;
mod guard;
mod pending;
pub(super) mod record;
mod reset_mark;
mod restock;
mod staging;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags};

pub use entry::{Content, Entry, FileKind};
pub use error::SwitchError;
use guard::Handle;
pub use guard::{NetworkFs, Reach};
pub use pending::{Confirmed, Details, Pending};
pub use record::{KILL_SCHEMA, KillNote, KillRecord};
pub use restock::{Restock, Stock};
use staging::{Staging, Used};

use reset_mark::ResetMark;

use super::scope::{KILL_SUFFIX, SwitchScope};
use crate::domain::Wall;

/// Prepared files that are usually enough: as many scopes can trip at once
/// before [`SwitchDir::restock`] has replaced them.
pub const DEFAULT_COPIES: usize = 8;

/// The switch directory, opened once, and what was last seen in it.
#[derive(Debug)]
pub struct SwitchDir {
    dir: Arc<Handle>,
    staging: Option<Staging>,
    known: BTreeMap<String, Entry>,
    seen: Seen,
}

/// The directory's modification time at the last two looks.
#[derive(Debug, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Never,
    /// Looked once at this time stamp. The clock of a file system is coarse: a
    /// change right after the look may bear the same stamp.
    Once(i128),
    /// Looked again later; nothing can hide behind the stamp any more.
    Settled(i128),
}

/// What came of a trip.
#[derive(Debug)]
pub enum TripOutcome {
    /// The traffic is stopped; call [`Pending::confirm`] before calling it durable.
    Tripped(Pending),
    /// It was stopped already; nothing was changed.
    AlreadyTripped(Entry),
}

/// Who resets, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetNote {
    /// The person.
    pub by: String,
    /// Why the traffic may flow again.
    pub reason: String,
}

/// What to do with a kill file that tripline did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Leave it and say whose it is.
    Refuse,
    /// Remove it too.
    Force,
}

/// What came of a reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetOutcome {
    /// The file is gone; this is what it said.
    Reset(Box<Entry>),
    /// There was no such file.
    NotTripped,
}

/// Something that others did in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A kill file is there that was not.
    Appeared(Entry),
    /// A kill file that was there tells of another stop, or more of its own.
    Told(Entry),
    /// A kill file is gone because its scope was reset. This is what it said.
    Reset(Entry),
    /// A kill file is gone, and no reset is told of. This is what it said.
    Vanished(Entry),
}

impl SwitchDir {
    /// Open the directory, creating it with mode 0755 if there is none. Refuses
    /// one that others could turn against us.
    pub fn open(path: &Path, network: &NetworkFs) -> Result<SwitchDir, SwitchError> {
        SwitchDir::over(Handle::open(path, network)?)
    }

    /// The same for who only looks: `None` if there is none, and none is made.
    pub fn existing(path: &Path, network: &NetworkFs) -> Result<Option<SwitchDir>, SwitchError> {
        Handle::existing(path, network)?.map(SwitchDir::over).transpose()
    }

    fn over(handle: Handle) -> Result<SwitchDir, SwitchError> {
        let dir = Arc::new(handle);
        let mut opened =
            SwitchDir { dir, staging: None, known: BTreeMap::new(), seen: Seen::Never };
        opened.refresh()?;
        Ok(opened)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The file that stands for a scope.
    #[must_use]
    pub fn path_of(&self, scope: &SwitchScope) -> PathBuf {
        self.dir.join(&scope.file_name())
    }

    /// Whether gateways that run as another user can see what is in it.
    pub fn reach(&self) -> Result<Reach, SwitchError> {
        self.dir.reach().map_err(|error| self.dir.failed("look at", error))
    }

    /// That still nobody but us and root may write into it.
    pub fn check_trust(&self) -> Result<(), SwitchError> {
        self.dir.check_trust()
    }

    /// That this process can make files in it.
    pub fn check_writable(&self) -> Result<(), SwitchError> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.dir, ".", access, AtFlags::EACCESS)
            .map_err(|error| self.dir.failed("write into", error))
    }

    /// Take the directory's lock (one process at a time) and clear up after a
    /// process that died, except for `copies` prepared files that can be used
    /// again. Refuses if something that is no file has the name of a kill file.
    /// Waits for no disk: [`restock`](Self::restock) orders the files themselves.
    pub fn claim(&mut self, copies: usize) -> Result<(), SwitchError> {
        if self.staging.is_some() {
            return Ok(());
        }
        for entry in self.status()? {
            self.check_is_file(&entry)?;
        }
        self.staging = Some(Staging::claim(&self.dir)?);
        staging::remove_leftovers(&self.dir, copies)
            .map_err(|error| self.dir.failed("clear up", error))
    }

    /// An order for the prepared files that are missing, if any are and the lock
    /// is held, for a thread that may wait for the disk.
    pub fn restock(&mut self, copies: usize) -> Option<Restock> {
        let names = self.staging.as_mut()?.order(copies);
        (!names.is_empty()).then(|| Restock::new(Arc::clone(&self.dir), names))
    }

    /// What came of an order. Says why where not all of it could be made.
    pub fn take_stock(&mut self, stock: Stock) -> Result<(), SwitchError> {
        let (made, outcome) = stock.unpack(&self.dir);
        if let Some(staging) = &mut self.staging {
            staging.deliver(made);
        }
        outcome
    }

    /// How many trips can go by a single rename.
    #[must_use]
    pub fn prepared(&self) -> usize {
        self.staging.as_ref().map_or(0, Staging::ready)
    }

    /// Whether the lock is held.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.staging.is_some()
    }

    /// Remove the prepared files and let the lock go. Kill files stay.
    pub fn release(&mut self) {
        if let Some(staging) = self.staging.take() {
            staging.dissolve(&self.dir);
        }
    }

    /// Stop the traffic of a scope. Never replaces a file, so of any number of
    /// callers exactly one trips.
    pub fn trip(
        &mut self,
        scope: &SwitchScope,
        note: &KillNote,
    ) -> Result<TripOutcome, SwitchError> {
        self.place((scope, note, None))
    }

    /// The same for a stop whose file somebody removed: it is no new one. Where a file
    /// of somebody else is in its place by now, what is known of the stop is kept.
    pub fn trip_again(
        &mut self,
        scope: &SwitchScope,
        note: &KillNote,
        again: Wall,
    ) -> Result<TripOutcome, SwitchError> {
        let outcome = self.place((scope, note, Some(again)))?;
        if let TripOutcome::AlreadyTripped(entry) = &outcome
            && (entry.says_nothing() || entry.content == Content::Foreign)
            && let Some(record) = record::parse(&record::render(scope, note, Some(entry.since)))
        {
            self.known.insert(entry.file.clone(), entry.clone().of_stop(record));
        }
        Ok(outcome)
    }

    fn place(
        &mut self,
        (scope, note, again): (&SwitchScope, &KillNote, Option<Wall>),
    ) -> Result<TripOutcome, SwitchError> {
        let file = scope.file_name();
        let reset_before = ResetMark::read(&self.dir, &file);
        let used = self
            .staging
            .as_mut()
            .map_or(Used::NoneReady, |staging| staging.use_one(&self.dir, &file));
        let content = record::render(scope, note, again);
        let made = match used {
            Used::New(made) => Some(made),
            Used::Exists => None,
            Used::NoneReady => match staging::write_unstaged(&self.dir, &file, &content) {
                Ok(made) => made,
                // Where nothing can be written it may stand all the same.
                Err(_) if self.read(&file)?.is_some() => None,
                Err(source) => return Err(self.failed("create", &file, source)),
            },
        };
        let Some(made) = made else { return self.already_tripped(&file) };
        let meta = made.metadata().map_err(|source| self.failed("look at", &file, source))?;
        let says = record::parse(&content).map_or(Content::Foreign, Content::Ours);
        self.known.insert(file.clone(), Entry::new(&file, says, &meta, reset_before));
        let dir = Arc::clone(&self.dir);
        let what = (scope.clone(), note.clone(), again);
        Ok(TripOutcome::Tripped(Pending::new(dir, what, made)))
    }

    /// Say since when the file of a trip stands there. The rename itself may have
    /// waited for a busy disk, and no call is to be judged by a file that was not
    /// there yet.
    pub fn stands_since(&mut self, pending: &mut Pending, at: Wall) {
        let says = record::parse(pending.date(at));
        if let (Some(says), Some(entry)) = (says, self.known.get_mut(&pending.name())) {
            *entry = Entry { since: at, ..entry.clone() }.of_stop(says);
        }
    }

    /// Let the traffic of a scope through again. The caller records it.
    pub fn reset(
        &mut self,
        scope: &SwitchScope,
        note: &ResetNote,
        foreign: Foreign,
    ) -> Result<ResetOutcome, SwitchError> {
        for (text, missing) in [(&note.reason, "a reason"), (&note.by, "the name of a person")] {
            if text.trim().is_empty() {
                return Err(SwitchError::ResetIncomplete { missing });
            }
        }
        let file = scope.file_name();
        let leave = || {
            let left = reset_mark::leave(&self.dir, &file);
            left.map_err(|error| self.failed("mark the reset of", &file, error))
        };
        let Some(entry) = self.read(&file)? else {
            leave()?;
            self.known.remove(&file);
            return Ok(ResetOutcome::NotTripped);
        };
        self.check_is_file(&entry)?;
        if entry.content == Content::Foreign && foreign == Foreign::Refuse {
            return Err(SwitchError::Foreign { path: self.dir.join(&file), owner: entry.owner });
        }
        let was_there = reset_mark::put_away(&self.dir, &file)
            .map_err(|error| self.failed("remove", &file, error))?;
        if !was_there {
            leave()?;
        }
        self.known.remove(&file);
        rustix::fs::fsync(&self.dir).map_err(|error| self.dir.failed("sync", error))?;
        Ok(ResetOutcome::Reset(Box::new(entry)))
    }

    /// The kill file of a scope was reset by way of another handle: that is no news.
    pub fn forget(&mut self, scope: &SwitchScope) {
        self.known.remove(&scope.file_name());
    }

    /// Every kill file as it stands on disk now, by name.
    pub fn status(&self) -> Result<Vec<Entry>, SwitchError> {
        let mut names =
            staging::names(&self.dir).map_err(|error| self.dir.failed("read", error))?;
        names.retain(|name| name.ends_with(KILL_SUFFIX));
        names.sort_unstable();
        names.iter().filter_map(|name| self.read(name).transpose()).collect()
    }

    /// The kill file of a scope as it stands on disk now.
    pub fn entry(&self, scope: &SwitchScope) -> Result<Option<Entry>, SwitchError> {
        self.read(&scope.file_name())
    }

    /// What a kill file does not say is known otherwise.
    pub fn recognize(&mut self, entry: Entry) {
        self.known.insert(entry.file.clone(), entry);
    }

    /// Every kill file as last seen, by name.
    pub fn known(&self) -> impl Iterator<Item = &Entry> {
        self.known.values()
    }

    /// Look again, and say what others did since the last look. Cheap enough to
    /// call several times a second: two `stat` calls where nothing has changed.
    pub fn refresh(&mut self) -> Result<Vec<Change>, SwitchError> {
        self.dir.check_same()?;
        let stamp = self.dir.modified().map_err(|error| self.dir.failed("look at", error))?;
        // Details are written after the rename, which leaves the directory's stamp alone.
        let awaits_details = self.known.values().any(Entry::awaits_details);
        self.seen = match self.seen {
            Seen::Settled(seen) if seen == stamp && !awaits_details => return Ok(Vec::new()),
            Seen::Once(seen) | Seen::Settled(seen) if seen == stamp => Seen::Settled(stamp),
            _ => Seen::Once(stamp),
        };
        let now = self.status()?.into_iter().map(|entry| (entry.file.clone(), entry)).collect();
        let before: BTreeMap<String, Entry> = std::mem::replace(&mut self.known, now);
        let mut changes = Vec::new();
        for entry in self.known.values_mut() {
            match before.get(&entry.file) {
                None => changes.push(Change::Appeared(entry.clone())),
                Some(known) => {
                    // Of our own trip we know more than its file says (yet).
                    *entry = entry.clone().or_as_known(known);
                    if !entry.tells_the_same_as(known) {
                        changes.push(Change::Told(entry.clone()));
                    }
                }
            }
        }
        let gone = before.into_values().filter(|entry| !self.known.contains_key(&entry.file));
        changes.extend(gone.map(|entry| {
            if self.was_reset(&entry) { Change::Reset(entry) } else { Change::Vanished(entry) }
        }));
        Ok(changes)
    }

    /// When a scope was last reset, as the directory tells.
    #[must_use]
    pub fn reset_at(&self, scope: &SwitchScope) -> Option<Wall> {
        ResetMark::read(&self.dir, &scope.file_name()).at()
    }

    /// Whether the scope of a kill file that stood was reset since.
    #[must_use]
    pub fn was_reset(&self, stood: &Entry) -> bool {
        ResetMark::read(&self.dir, &stood.file).is_news_since(&stood.reset_before, stood.stands)
    }

    fn already_tripped(&mut self, file: &str) -> Result<TripOutcome, SwitchError> {
        let Some(entry) = self.read(file)? else {
            // Reset in this very moment; the caller's next trip will tell.
            return Err(SwitchError::Unconfirmed { path: self.dir.join(file) });
        };
        self.check_is_file(&entry)?;
        let entry = match self.known.get(&entry.file) {
            Some(known) => entry.or_as_known(known),
            None => entry,
        };
        self.known.insert(file.to_owned(), entry.clone());
        Ok(TripOutcome::AlreadyTripped(entry))
    }

    fn check_is_file(&self, entry: &Entry) -> Result<(), SwitchError> {
        match entry.content {
            Content::NotAFile(kind) => {
                Err(SwitchError::NotAFile { path: self.dir.join(&entry.file), kind })
            }
            Content::Ours(_) | Content::Foreign => Ok(()),
        }
    }

    fn read(&self, file: &str) -> Result<Option<Entry>, SwitchError> {
        Entry::read(&self.dir, file).map_err(|source| self.failed("read", file, source))
    }

    fn failed(
        &self,
        doing: &'static str,
        file: &str,
        source: impl Into<std::io::Error>,
    ) -> SwitchError {
        SwitchError::Io { doing, path: self.dir.join(file), source: source.into() }
    }
}
