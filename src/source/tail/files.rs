//! Which path of a source leads to which open file, and the files that no path
//! leads to any more. It asks where paths lead, and opens and reads nothing.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, Metadata};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::archive::Archive;
use super::chain::{Held, Older};
use super::consumed::Consumed;
use super::disk::{self, Changed};
use super::file::{Followed, Proof};
use super::generation::FileId;
use crate::domain::{Mono, Progress};
use crate::source::glob::Found;
use crate::source::{BLOCK, SourceState};

/// Something to read on.
pub enum Reading<'a> {
    /// A file that is followed, or drained.
    File(&'a mut Followed),
    /// What must be read before the file that this path leads to.
    Older(&'a Path, &'a mut Older),
}

/// The files of one source.
#[derive(Default)]
pub struct Files {
    paths: BTreeMap<PathBuf, Slot>,
    /// Rotated and deleted files, until they are read for good.
    drained: Vec<Followed>,
}

#[derive(Default)]
struct Slot {
    file: Option<Followed>,
    /// Last change of what the path led to, as of when it was last seen there.
    led: Option<Changed>,
    /// Older generations, to be read before the file.
    older: VecDeque<Older>,
    /// It led to a copy of another one, which was so long and changed last then.
    copy: Option<(FileId, u64, Changed)>,
    /// What earlier runs have left of it was looked for.
    resolved: bool,
    trouble: Option<(SourceState, String)>,
}

impl Slot {
    /// Bytes to be read before what came to its file since the start.
    fn past(&self) -> u64 {
        let own = self.file.as_ref().map_or(0, Followed::past);
        own + self.older.iter().map(Older::behind).sum::<u64>()
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut Followed> {
        self.older.iter_mut().filter_map(Older::file_mut).chain(self.file.as_mut())
    }
}

impl Files {
    /// Whether this path is followed.
    pub fn knows(&self, path: &Path) -> bool {
        self.paths.contains_key(path)
    }

    /// Follow these paths from now on. A path that was given up stays until no
    /// file is there any more.
    pub fn follow_only(&mut self, found: &Found) {
        for path in &found.files {
            if !self.knows(path) {
                self.paths.insert(path.clone(), Slot::default());
            }
        }
        self.paths
            .retain(|path, slot| slot.file.is_some() || !slot.older.is_empty() || found.has(path));
    }

    /// Paths that do not lead to the file that is read for them, each with
    /// what it leads to. Clears the trouble of all others.
    pub fn moved(&mut self) -> Vec<(PathBuf, io::Result<FileId>)> {
        let mut moved = Vec::new();
        for (path, slot) in &mut self.paths {
            let meta = fs::metadata(path);
            if let (Some(file), Ok(meta)) = (&mut slot.file, &meta) {
                file.looked_at(meta);
            }
            let own = slot.file.as_ref().map(|file| file.content.id);
            if let Some(meta) = meta.as_ref().ok().filter(|meta| own == Some(FileId::of(meta))) {
                slot.led = Some(disk::time_of(meta));
            }
            let id = meta.map(|meta| FileId::of(&meta));
            let open = slot.file.as_ref().filter(|file| file.failed.is_none());
            match (open, &id) {
                (Some(open), Ok(id)) if open.content.id == *id => slot.trouble = None,
                _ => moved.push((path.clone(), id)),
            }
        }
        moved
    }

    /// Let `path` lead to `file`. What it led to before is drained.
    pub fn place(&mut self, path: &Path, mut file: Option<Followed>, now: Mono) {
        let Some(slot) = self.paths.get_mut(path) else { return };
        if let Some(file) = &mut file {
            file.lies_at(path);
        }
        if let Some(mut old) = mem::replace(&mut slot.file, file) {
            old.left_behind(now);
            if old.is_empty() {
                // It may be done with, and no copy of anything.
                old.proof = Proof::Short;
            }
            // Nothing newer is begun before all that is older was: to another run
            // it would look as if all of it had been read.
            if slot.older.is_empty() {
                self.drained.push(old);
            } else {
                old.proof = Proof::Given;
                slot.older.push_back(Older::Plain(Box::new(old)));
            }
        }
    }

    /// The last change of what a path led to, as of when it was last seen there.
    pub fn led(&self, path: &Path) -> Option<Changed> {
        self.paths.get(path)?.led
    }

    /// A path was just found to lead to its file, which was last changed then.
    pub fn leads(&mut self, path: &Path, changed: Changed) {
        if let Some(slot) = self.paths.get_mut(path) {
            slot.led = Some(changed);
        }
    }

    /// Take the files that may be copies of others, each with the path that leads to it.
    pub fn take_unproven(&mut self) -> Vec<(Option<PathBuf>, Followed)> {
        let slots = self.paths.iter_mut().filter_map(|(path, slot)| {
            let file = slot.file.take_if(|file| file.is_to_be_proven())?;
            Some((Some(path.clone()), file))
        });
        let drained = self.drained.extract_if(.., |file| file.is_to_be_proven());
        let mut unproven: Vec<_> = slots.chain(drained.map(|file| (None, file))).collect();
        // The little that is there of one may begin another one of them.
        unproven.sort_by_key(|(_, file)| file.is_short());
        unproven
    }

    /// Go on with what was taken.
    pub fn give_back(&mut self, path: Option<&Path>, file: Followed) {
        match path.and_then(|path| self.paths.get_mut(path)) {
            Some(slot) => slot.file = Some(file),
            None => self.drained.push(file),
        }
    }

    /// A path leads to a copy, which is no file to follow while it stays as it is.
    pub fn pass_over(&mut self, path: &Path, meta: &Metadata) {
        if let Some(slot) = self.paths.get_mut(path) {
            slot.copy = Some((FileId::of(meta), meta.len(), disk::time_of(meta)));
            slot.led = None;
        }
    }

    /// Whether a path leads to a copy that is as it was.
    pub fn is_passed_over(&self, path: &Path) -> bool {
        let copy = self.paths.get(path).and_then(|slot| slot.copy);
        copy.is_some_and(|copy| {
            let now = fs::metadata(path);
            now.is_ok_and(|meta| copy == (FileId::of(&meta), meta.len(), disk::time_of(&meta)))
        })
    }

    /// All that is read for a path.
    pub fn all_at_mut(&mut self, path: &Path) -> impl Iterator<Item = &mut Followed> {
        self.paths.get_mut(path).into_iter().flat_map(Slot::files_mut)
    }

    /// Say what is wrong with a path, if anything.
    pub fn set_trouble(&mut self, path: &Path, trouble: Option<(SourceState, String)>) {
        if let Some(slot) = self.paths.get_mut(path) {
            slot.trouble = trouble;
        }
    }

    /// The file read for a path.
    pub fn at_mut(&mut self, path: &Path) -> Option<&mut Followed> {
        self.paths.get_mut(path)?.file.as_mut()
    }

    /// Whether another path already leads to this file.
    pub fn held_elsewhere(&self, id: FileId, path: &Path) -> bool {
        let mut others = self.paths.iter().filter(|(other, _)| *other != path);
        others.any(|(_, slot)| slot.file.as_ref().is_some_and(|file| file.content.id == id))
    }

    /// Whether what earlier runs have left of this path was not looked for yet.
    pub fn is_new(&self, path: &Path) -> bool {
        self.paths.get(path).is_some_and(|slot| !slot.resolved)
    }

    /// Read these, in order, before the file that the path leads to.
    pub fn read_first(&mut self, path: &Path, older: impl Iterator<Item = Older>) {
        let slot = self.paths.entry(path.to_owned()).or_default();
        slot.resolved = true;
        slot.older.extend(older);
    }

    /// Read this before what is read of another one of this path.
    pub fn read_before(&mut self, path: &Path, id: FileId, older: Older) {
        let slot = self.paths.entry(path.to_owned()).or_default();
        let at = slot.older.iter_mut().position(|other| other.content_mut().id == id);
        slot.older.insert(at.unwrap_or(slot.older.len()), older);
    }

    /// Whether a file is open under any name.
    pub fn holds(&self, id: FileId) -> bool {
        self.contents().any(|content| content.id == id)
    }

    /// What is being read, and what of it for this path.
    pub fn held(&self, path: &Path) -> Held {
        let own = |content: &&Consumed| content.path == path;
        let open = self.open().filter(|file| own(&&file.content));
        Held::new(
            self.contents().map(|content| content.id).collect(),
            open.flat_map(Followed::heads).collect(),
            self.contents().filter(own),
            self.drained.iter().filter_map(Followed::written).collect(),
        )
    }

    /// What was taken of all that is read, each once.
    pub fn contents(&self) -> impl Iterator<Item = &Consumed> {
        let archives = self.archives().map(|archive| &archive.content);
        self.open().map(|file| &file.content).chain(archives)
    }

    /// Files that a path leads to.
    pub fn followed(&self) -> impl Iterator<Item = &Followed> {
        self.paths.values().filter_map(|slot| slot.file.as_ref())
    }

    /// The files to be read now: for each path the oldest generation, and before
    /// all those that no path leads to any more.
    pub fn readable_mut(&mut self) -> impl Iterator<Item = Reading<'_>> {
        let slots = self.paths.iter_mut().filter_map(|(path, slot)| {
            if let Some(older) = slot.older.front_mut() {
                return Some(Reading::Older(path, older));
            }
            slot.file.as_mut().map(Reading::File)
        });
        let all = self.drained.iter_mut().map(Reading::File).chain(slots);
        all.filter(|reading| !matches!(reading, Reading::File(file) if !file.readable()))
    }

    /// Files that paths lead to and that have a past to be read, where there are more than
    /// so many bytes of that over all of them. What the next block ends is none.
    pub fn far_behind(&mut self, bytes: u64) -> impl Iterator<Item = &mut Followed> {
        let is_far = self.paths.values().map(Slot::past).sum::<u64>() > bytes;
        self.paths.values_mut().filter_map(move |slot| {
            let is_worth_it = is_far && slot.past() > bytes.min(BLOCK as u64);
            slot.file.as_mut().filter(|file| is_worth_it && file.can_look_ahead())
        })
    }

    /// Files that wait for their turn, each behind something older.
    pub fn waiting_mut(&mut self) -> impl Iterator<Item = &mut Followed> {
        let slots = self.paths.values_mut().filter(|slot| !slot.older.is_empty());
        slots.flat_map(|slot| {
            let older = slot.older.iter_mut().skip(1).filter_map(Older::file_mut);
            older.chain(slot.file.as_mut())
        })
    }

    /// What was taken of each, the older first.
    pub fn contents_mut(&mut self) -> impl Iterator<Item = &mut Consumed> {
        let slots = self.paths.values_mut().flat_map(|slot| {
            let file = slot.file.as_mut().map(|file| &mut file.content);
            slot.older.iter_mut().map(Older::content_mut).chain(file)
        });
        self.drained.iter_mut().map(|file| &mut file.content).chain(slots)
    }

    /// The first of the older generations of a path was read, or can't be.
    pub fn next_older(&mut self, path: &Path) -> Option<Older> {
        self.paths.get_mut(path)?.older.pop_front()
    }

    /// Read a file to its end that no path leads to.
    pub fn drain(&mut self, file: Followed) {
        self.drained.push(file);
    }

    /// Try again to read drained files that could not be read.
    pub fn retry_drained(&mut self) {
        self.drained.iter_mut().for_each(|file| file.failed = None);
    }

    /// A drained file to which a path leads again.
    pub fn take_drained(&mut self, id: FileId) -> Option<Followed> {
        let at = self.drained.iter().position(|file| file.content.id == id)?;
        Some(self.drained.swap_remove(at))
    }

    /// One that no path leads to, if it is like this.
    pub fn take_left(
        &mut self,
        id: FileId,
        is_like: impl Fn(&Followed) -> bool,
    ) -> Option<Followed> {
        let is_it = |file: &Followed| file.content.id == id && is_like(file);
        if let Some(at) = self.drained.iter().position(is_it) {
            return Some(self.drained.swap_remove(at));
        }
        for slot in self.paths.values_mut() {
            let mut older = slot.older.iter_mut();
            let at = older.position(|older| older.file_mut().is_some_and(|file| is_it(file)));
            if let Some(Older::Plain(file)) = at.and_then(|at| slot.older.remove(at)) {
                return Some(*file);
            }
        }
        None
    }

    /// Drained files that are not where they were: of open ones that is asked only if they
    /// are to be closed.
    pub fn strayed(&mut self, is_short: bool) -> impl Iterator<Item = &mut Followed> {
        let asked = self.drained.iter_mut().filter(move |file| is_short || !file.is_open());
        asked.filter_map(|file| (!file.is_in_place()).then_some(file))
    }

    /// Drained files that are closed, and were found nowhere for `wait`.
    pub fn take_lost(&mut self, now: Mono, wait: Duration) -> Vec<Followed> {
        let is_lost = |file: &mut Followed| {
            !file.is_open() && file.still_for(now) >= wait && !file.is_in_place()
        };
        self.drained.extract_if(.., is_lost).collect()
    }

    /// Close files that have been idle for a while, if they can be found again.
    pub fn shelve_idle(&mut self, now: Mono, wait: Duration) {
        let followed = self.paths.values_mut().filter_map(|slot| slot.file.as_mut());
        for file in followed.chain(&mut self.drained).filter(|file| file.is_open()) {
            if file.quiet_for(now) >= Some(wait) && file.is_in_place() {
                file.shelve();
            }
        }
    }

    /// Drained files that were read and have not grown for `wait`.
    pub fn take_quiet(&mut self, now: Mono, wait: Duration) -> Vec<Followed> {
        self.drained.extract_if(.., |file| file.quiet_for(now) >= Some(wait)).collect()
    }

    /// All open files, each once.
    pub fn open(&self) -> impl Iterator<Item = &Followed> {
        let older = self.older().filter_map(|older| match older {
            Older::Plain(file) => Some(&**file),
            Older::Packed(_) => None,
        });
        self.followed().chain(&self.drained).chain(older)
    }

    /// The same, to act on them.
    pub fn open_mut(&mut self) -> impl Iterator<Item = &mut Followed> {
        self.paths.values_mut().flat_map(Slot::files_mut).chain(&mut self.drained)
    }

    fn older(&self) -> impl Iterator<Item = &Older> {
        self.paths.values().flat_map(|slot| &slot.older)
    }

    fn archives(&self) -> impl Iterator<Item = &Archive> {
        self.older().filter_map(|older| match older {
            Older::Plain(_) => None,
            Older::Packed(archive) => Some(&**archive),
        })
    }

    /// All paths followed.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.keys().map(PathBuf::as_path)
    }

    /// Some file still has content from before the start to read.
    pub fn catching_up(&self) -> bool {
        self.archives().next().is_some() || self.open().any(Followed::catching_up)
    }

    /// Set what is behind and pending over all open files.
    pub fn count_into(&self, totals: &mut Progress) {
        totals.bytes_behind = self.open().map(Followed::behind).sum::<u64>()
            + self.archives().map(Archive::behind).sum::<u64>();
        totals.open_lines = self.contents().map(Consumed::open_lines).sum();
        totals.pending_bytes = self.open().map(Followed::pending).sum::<u64>()
            + self.archives().map(Archive::pending).sum::<u64>();
    }

    /// The state of the whole: its worst trouble with its words.
    pub fn worst(&self) -> (SourceState, Option<&str>) {
        let failed = self.open().filter_map(|file| file.failed.as_deref());
        let failed = failed.map(|text| (SourceState::Error, text));
        let troubles = self.paths.values().filter_map(|slot| slot.trouble.as_ref());
        let troubles = troubles.map(|(state, text)| (*state, text.as_str()));
        let worst = failed.chain(troubles).max_by_key(|(state, _)| *state);
        if let Some((state, text)) = worst {
            return (state, Some(text));
        }
        let followed = self.paths.values().any(|slot| slot.file.is_some());
        let state = match followed {
            _ if self.catching_up() => SourceState::CatchingUp,
            true => SourceState::Live,
            false => SourceState::Waiting,
        };
        (state, None)
    }
}
