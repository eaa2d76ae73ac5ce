//! What one source remembers of generations that are not open, and how they are
//! found again: what earlier runs have left, and what came and went unseen.
//!
//! It decides what is read before a path's file. It reads nothing itself.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, Metadata};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use super::chain;
use super::disk::Changed;
use super::files::Files;
use super::findings::{Finding, Findings};
use super::generation::{self, FileId};
use super::known::{Known, Past, finished};
use super::listings::Listings;
use crate::domain::{Checkpoint, Origin, SourceId, Stamp};
use crate::source::packed::{is_foreign, is_packed};
use crate::source::{Sinks, SourceError};

/// What is remembered of generations that are not open.
#[derive(Default)]
pub struct Memory {
    /// Generations that were read.
    pub known: Known,
    /// What stands beside the files, of this look.
    pub listings: Listings,
    /// What can't be made good.
    pub findings: Findings,
    /// Checkpoints that no open file stands for any more, still to be said.
    pub unsaid: Vec<Checkpoint>,
    /// Paths beside which something was not found in this look, each with what lies there
    /// that only others can unpack: it may have another name by now.
    missing: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Memory {
    /// Nothing is remembered yet.
    pub fn with(listings: Listings) -> Memory {
        Memory { listings, ..Memory::default() }
    }

    /// Find out what became of a path since an earlier run. Says how `live` goes
    /// on and whether anything is known of its past.
    pub fn resolve(
        &mut self,
        files: &mut Files,
        (id, path): (SourceId, &Path),
        live: Option<(&File, &Metadata)>,
        now: Stamp,
        sinks: &mut Sinks,
    ) -> Result<(Option<(Past, generation::Generation)>, bool), SourceError> {
        let Memory { known, listings, .. } = self;
        if known.is_empty() {
            files.read_first(path, std::iter::empty());
            return Ok((None, false));
        }
        let mut orphans = known.orphans(path);
        if known.open_at(path).next().is_some() {
            orphans.extend(listings.alike(path));
        }
        // What is followed for itself, or being compressed by somebody.
        let is_other = |path: &Path| {
            files.knows(path) || (is_packed(path) && files.knows(&path.with_extension("")))
        };
        let chain = listings.look_beside(path, &orphans, |beside| {
            let beside: Vec<_> = beside.iter().filter(|path| !is_other(path)).cloned().collect();
            chain::resolve(path, live, known, &beside, files)
        })?;
        if let Some(problem) = &chain.problem {
            self.findings.add(Finding::Unreadable, path, problem.clone());
        }
        if !chain.is_found {
            return Ok((None, false));
        }
        chain.take_from(known);
        let is_missing = known.open_at(path).next().is_some();
        let is_known = !chain.older.is_empty() || is_missing;
        if is_missing {
            self.missing.push((path.to_owned(), chain.foreign));
        }
        let mut older = Vec::new();
        for rest in chain.older {
            let sibling = rest.path().to_owned();
            if let Some(past) = rest.past() {
                self.left(past, rest.id());
            }
            match rest.open(path, sinks(id, path), now.mono, Origin::Backlog) {
                Ok(opened) => older.push(opened),
                Err(why) => self.lost(&sibling, why),
            }
        }
        files.read_first(path, older.into_iter());
        Ok((chain.live, is_known))
    }

    /// Find out what became of logs that earlier runs have left and that are not there any
    /// more: nothing will be at a path with yesterday's date.
    pub fn resolve_gone(&mut self, files: &mut Files, id: SourceId, now: Stamp, sinks: &mut Sinks) {
        let gone: BTreeSet<PathBuf> = self.known.open_paths().map(Path::to_owned).collect();
        for path in gone {
            if files.knows(&path) || !self.listings.is_meant(&path) {
                continue;
            }
            if let Err(e) = self.resolve(files, (id, &path), None, now, sinks) {
                self.findings.add(Finding::Unreadable, &path, e.to_string());
                continue;
            }
            // Where nothing at all is, a file system may have to be mounted first.
            let is_there = path.parent().and_then(|dir| dir.read_dir().ok());
            let is_there = is_there.is_some_and(|mut entries| entries.next().is_some());
            let is_said = self.missing.iter().any(|(missing, _)| *missing == path);
            if is_there && !is_said && self.known.open_at(&path).next().is_some() {
                let beside = self.listings.beside(&path, &HashSet::new());
                let foreign = beside.into_iter().rfind(|path| is_foreign(path));
                self.missing.push((path, foreign));
            }
        }
    }

    /// What was looked for beside its path, and under no other path either, is gone.
    pub fn give_up(&mut self) {
        for (path, foreign) in mem::take(&mut self.missing) {
            let gone = self.known.give_up(&path);
            self.findings.gone(&path, &gone, foreign.as_deref());
            self.unsaid.extend(gone);
        }
    }

    /// Generations that came and went since what a path led to was `since` old
    /// are read before what it leads to now.
    pub fn miss_nothing(
        &mut self,
        files: &mut Files,
        (id, path): (SourceId, &Path),
        since: Changed,
        now: Stamp,
        sinks: &mut Sinks,
    ) {
        if self.listings.beside(path, &HashSet::new()).is_empty() {
            return;
        }
        let (known, held) = (&self.known, files.held(path));
        let missed = self.listings.look_beside(path, &HashSet::new(), |beside| {
            chain::missed(since, known, &held, beside)
        });
        if let Some(problem) = missed.problem {
            self.findings.add(Finding::Unreadable, path, problem);
        }
        if let Some(foreign) = &missed.foreign {
            self.findings.foreign(foreign);
        }
        for rest in missed.older {
            let sibling = rest.path().to_owned();
            match rest.open(path, sinks(id, path), now.mono, Origin::Live) {
                Ok(older) => files.read_first(path, std::iter::once(older)),
                Err(why) => self.lost(&sibling, why),
            }
        }
    }

    /// What was left to read of a file can't be read.
    pub fn lost(&mut self, path: &Path, why: io::Error) {
        let text = SourceError::Read { path: path.to_owned(), why }.to_string();
        self.findings.add(Finding::Unreadable, path, text);
    }

    /// A generation goes on in another place than it was left.
    fn left(&mut self, past: &Past, now: FileId) {
        if past.checkpoint.place != now.place() {
            let is_open = past.is_open();
            let past = &past.checkpoint;
            if is_open {
                self.unsaid.push(finished(past.clone()));
            }
            self.unsaid.push(Checkpoint { place: now.place(), ..past.clone() });
        }
    }

    pub fn moved(&mut self, past: &Past, now: &Metadata) {
        self.left(past, FileId::of(now));
    }
}
