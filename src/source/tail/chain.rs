//! What became of a file while nobody looked: where its generations are now,
//! which of them were read, and in which order the rest is to be read.
//!
//! Rotation leaves siblings (`app.log.1`, `app.log-20260101.gz`). Each that
//! continues what was read is read on from there; those that are newer than all
//! that was ever read are read from their first byte; all others are old news.

mod missed;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ahead::Borders;
use super::archive::{self, Archive};
use super::consumed::Consumed;
use super::disk;
use super::file::Followed;
use super::files::Files;
use super::generation::{FileId, Generation, Head, Mark};
use super::known::{Known, Past, TELLING};
use super::lines::Lines;
use super::listings;
use crate::domain::{Mono, Origin};
use crate::source::packed::{Packing, is_foreign, is_packed, packing};
use crate::source::{LineSink, SourceError};

pub use missed::{Held, missed};

/// An older generation that is read before the file that followed it.
pub enum Older {
    /// A file.
    Plain(Box<Followed>),
    /// A compressed one.
    Packed(Box<Archive>),
}

/// What was found out about a path that is opened for the first time.
#[derive(Default)]
pub struct Chain {
    /// The generation that the live file continues.
    pub live: Option<(Past, Generation)>,
    /// What is to be read before it, oldest first.
    pub older: Vec<Rest>,
    /// What could not be looked into.
    pub problem: Option<String>,
    /// What lies there that only others can unpack: the last one.
    pub foreign: Option<PathBuf>,
    /// Whether there was anything to find out from.
    pub is_found: bool,
}

/// An older generation with something to read.
pub struct Rest {
    at: At,
    past: Option<Past>,
}

/// Where a sibling's bytes are.
enum At {
    Plain(PathBuf, File, Metadata, Generation),
    Packed(archive::Found),
}

impl At {
    fn path(&self) -> &Path {
        match self {
            At::Plain(path, ..) => path,
            At::Packed(found) => &found.path,
        }
    }
}

/// A sibling that was looked into.
struct Sibling {
    at: At,
    head: Head,
    /// The generation it continues.
    past: Option<Past>,
}

/// Rotation goes from old to new: by last change, and of two files that were
/// changed in the same tick of the clock by their names.
type Age = ((i64, i64), i64, PathBuf);

impl Sibling {
    /// What it is says its content. None if that can't be unpacked here, or is a part of what
    /// was read: nothing of that is new.
    fn look(path: &Path, file: File, meta: Metadata, known: &Known) -> io::Result<Option<Sibling>> {
        match packing(&file)? {
            Packing::Foreign => Ok(None),
            Packing::Plain if !is_packed(path) => Sibling::plain(path, file, meta, known),
            Packing::Plain | Packing::Gzip => Sibling::packed(path, file, meta, known),
        }
    }

    /// What is followed, to compare others with.
    fn followed(path: &Path, file: &File, meta: &Metadata) -> io::Result<Sibling> {
        let at = At::Plain(path.to_owned(), file.try_clone()?, meta.clone(), Generation::new());
        Ok(Sibling { at, head: Head::of(file)?, past: None })
    }

    fn plain(
        path: &Path,
        file: File,
        meta: Metadata,
        known: &Known,
    ) -> io::Result<Option<Sibling>> {
        let head = Head::of(&file)?;
        let (past, generation) = match known.find(&file, &meta, |_| true)? {
            Some((past, generation)) => (Some(past), generation),
            None if known.is_part(&head, meta.len()) => return Ok(None),
            None => (None, Generation::new()),
        };
        let at = At::Plain(path.to_owned(), file, meta, generation);
        Ok(Some(Sibling { at, head, past }))
    }

    fn packed(
        path: &Path,
        file: File,
        meta: Metadata,
        known: &Known,
    ) -> io::Result<Option<Sibling>> {
        let found = archive::identify(path, file, meta, known)?;
        let (head, past) = (found.head.clone(), found.past.clone());
        Ok((!found.is_part).then(|| Sibling { at: At::Packed(found), head, past }))
    }

    fn is_packed(&self) -> bool {
        matches!(self.at, At::Packed(_))
    }

    fn meta(&self) -> &Metadata {
        match &self.at {
            At::Plain(_, _, meta, _) => meta,
            At::Packed(found) => &found.meta,
        }
    }

    fn path(&self) -> &Path {
        self.at.path()
    }

    fn age(&self) -> Age {
        let (path, meta) = (self.path(), self.meta());
        let name = if self.is_packed() { path.with_extension("") } else { path.to_owned() };
        ((meta.mtime(), meta.mtime_nsec()), -counter_of(&name), name)
    }

    /// The very file that was read, not a copy of it. What was compressed is one, whatever
    /// inode it was given.
    fn is_home(&self) -> bool {
        !self.is_packed() && self.past.as_ref().is_some_and(|past| past.same_place(self.meta()))
    }

    /// Known by its content.
    fn is_proven(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.mark().offset > 0)
    }

    /// What copying has made of it so far, or a copy that was never completed.
    fn is_part_of(&self, other: &Sibling) -> bool {
        if !self.head.starts(&other.head) {
            return false;
        }
        match (&self.at, &other.at) {
            (At::Packed(found), At::Plain(_, file, ..)) => found.is_part_of(file),
            (At::Plain(..), At::Packed(_)) => false,
            _ => self.meta().len() <= other.meta().len(),
        }
    }

    /// These without those that are a part of another one, or of one of `others`.
    fn without_copies(mut these: Vec<Sibling>, others: &[&Sibling]) -> Vec<Sibling> {
        // What can be a copy of the other comes after it.
        these.sort_by_cached_key(|one| (one.is_packed(), Reverse(one.meta().len()), one.age()));
        let mut kept: Vec<Sibling> = Vec::new();
        for one in these {
            let is_part = |other: &Sibling| one.is_part_of(other);
            let is_copy = if one.head.is_empty() {
                // Somebody may still write to it; who compresses has written nothing yet.
                one.is_packed()
            } else {
                others.iter().copied().chain(&kept).any(is_part)
            };
            if !is_copy {
                kept.push(one);
            }
        }
        kept
    }
}

/// The generation that a file goes on with in its own right, not as a copy.
pub fn recognise(
    path: &Path,
    file: &File,
    meta: &Metadata,
    known: &Known,
) -> io::Result<Option<(Past, Generation)>> {
    known.find(file, meta, |past| {
        let Mark { offset, head_len, .. } = past.mark();
        let is_telling = offset.max(head_len.into()) >= TELLING;
        past.same_place(meta) || (is_telling && !stands_at_another(past, path))
    })
}

/// Whether what was read goes on under the name of another log: then this is a copy.
fn stands_at_another(past: &Past, path: &Path) -> bool {
    let (other, mark) = (&past.checkpoint.path, past.mark());
    other != path
        && mark.offset > 0
        && disk::open(other).is_ok_and(|(file, _)| {
            Generation::consumed(&file, mark.offset).is_ok_and(|own| own.mark() == mark)
        })
}

/// Find out what to read for `path`, where `live` is now, beside what is open.
pub fn resolve(
    path: &Path,
    live: Option<(&File, &Metadata)>,
    known: &Known,
    beside: &[PathBuf],
    files: &Files,
) -> Result<Chain, SourceError> {
    let unreadable = |why| SourceError::Read { path: path.to_owned(), why };
    let mut chain = Chain::default();
    if known.is_empty() {
        return Ok(chain);
    }
    let live_id = live.map(|(_, meta)| FileId::of(meta));
    let is_own = |id| live_id == Some(id) || files.holds(id);
    chain.foreign = beside.iter().rfind(|sibling| is_foreign(sibling)).cloned();
    let mut siblings = Vec::new();
    let plain = beside.iter().filter(|sibling| !is_packed(sibling) && !is_foreign(sibling));
    chain.look_into(plain, &is_own, known, &mut siblings);
    if let Some((file, meta)) = live {
        let found = recognise(path, file, meta, known).map_err(unreadable)?;
        chain.live = found.filter(|(past, _)| {
            let moved = siblings.iter().any(|other| other.is_home() && other.is_the_same_as(past));
            past.same_place(meta) || !moved
        });
    }
    let is_found = |past: &Past| {
        chain.live.as_ref().is_some_and(|(live, _)| live.number() == past.number())
            || siblings.iter().any(|sibling| sibling.is_the_same_as(past))
    };
    let missing: Vec<&Past> = known.open_at(path).filter(|past| !is_found(past)).collect();
    // An empty one that was rotated may have been written to since.
    let is_new = chain.is_new() || missing.iter().any(|past| !past.is_telling());
    if !missing.is_empty() || is_new {
        let packed = beside
            .iter()
            .filter(|sibling| is_packed(sibling) && !beside.contains(&sibling.with_extension("")));
        chain.look_into(packed, &is_own, known, &mut siblings);
    }
    drop_strangers(&mut siblings, path, known);
    // Of what was not read, whatever is in its place now was not read either, and nothing
    // of what was changed since.
    let since = known.since(path);
    let is_unread = |one: &Sibling| {
        let stands = |past: &Past| past.mark().offset == 0 && past.same_place(one.meta());
        let is_since = |since| disk::wall_of(disk::time_of(one.meta())) >= since;
        (!one.is_packed() && known.open_at(path).any(stands))
            || (is_new && since.is_some_and(is_since))
    };
    if live.is_none() && siblings.iter().all(|one| one.past.is_none() && !is_unread(one)) {
        // Nothing is there (yet): a file system may have to be mounted first.
        return Ok(chain);
    }
    let live = live.map(|(file, meta)| Sibling::followed(path, file, meta)).transpose();
    let mut held = open_alike(&siblings, files).map_err(unreadable)?;
    held.extend(live.map_err(unreadable)?);
    chain.sort_out(siblings, &held, is_new, &is_unread);
    chain.is_found = true;
    Ok(chain)
}

/// An inode that was ours is given to any file: under a name that rotation has not made of
/// ours, only content tells, and of what was not ours by its inode enough of it. What a link
/// led to has any name.
fn drop_strangers(siblings: &mut Vec<Sibling>, path: &Path, known: &Known) {
    let may_be_link = path.symlink_metadata().ok().is_none_or(|meta| meta.is_symlink());
    let left = known.orphans(path);
    siblings.retain(|one| {
        let is_left = left.contains(&one.meta().ino());
        let least = if is_left { 1 } else { TELLING };
        let is_telling = |past: &Past| u64::from(past.mark().head_len) >= least;
        (may_be_link && is_left && !one.is_packed())
            || one.past.as_ref().is_some_and(is_telling)
            || listings::is_rotated_from(path, one.path())
    });
}

/// What is open and may be what one of these is a copy of, of which nothing is known.
fn open_alike(siblings: &[Sibling], files: &Files) -> io::Result<Vec<Sibling>> {
    let unknown: Vec<&Sibling> = siblings.iter().filter(|one| one.past.is_none()).collect();
    let mut alike = Vec::new();
    for file in files.open().take_while(|_| !unknown.is_empty()) {
        let content = &file.content;
        if unknown.iter().any(|one| one.head.agrees_with(content.generation.first()))
            && let Some(handle) = file.handle_where_it_was()?
        {
            alike.push(Sibling::followed(&content.path, &handle, &handle.metadata()?)?);
        }
    }
    Ok(alike)
}

/// The number of `app.log.3`: the higher, the older. A date is none.
fn counter_of(path: &Path) -> i64 {
    let ending = path.extension().and_then(OsStr::to_str).filter(|ending| ending.len() < 5);
    ending.and_then(|ending| ending.parse().ok()).unwrap_or(0)
}

impl Chain {
    /// What was found is open again.
    pub fn take_from(&self, known: &mut Known) {
        let live = self.live.iter().map(|(past, _)| past);
        live.chain(self.older.iter().filter_map(|rest| rest.past.as_ref()))
            .for_each(|past| known.take(past));
    }

    fn look_into<'a>(
        &mut self,
        paths: impl Iterator<Item = &'a PathBuf>,
        is_own: &dyn Fn(FileId) -> bool,
        known: &Known,
        siblings: &mut Vec<Sibling>,
    ) {
        for path in paths {
            let (file, meta) = match disk::open(path) {
                Ok((_, meta)) if is_own(FileId::of(&meta)) => continue,
                Ok(opened) => opened,
                Err(SourceError::NotAFile { .. }) => continue,
                Err(e) => {
                    self.problem.get_or_insert(e.to_string());
                    continue;
                }
            };
            match Sibling::look(path, file, meta, known) {
                Ok(sibling) => siblings.extend(sibling),
                Err(why) => {
                    let e = SourceError::Read { path: path.clone(), why };
                    self.problem.get_or_insert(e.to_string());
                }
            }
        }
    }

    /// Nothing consumed is no proof that the live file is not a new one.
    fn is_new(&self) -> bool {
        self.live.as_ref().is_none_or(|(past, _)| past.mark().offset == 0)
    }

    /// Which siblings have something to read: those that go on where reading
    /// stopped, and those newer than all that was ever read.
    fn sort_out(
        &mut self,
        mut siblings: Vec<Sibling>,
        held: &[Sibling],
        is_new: bool,
        is_unread: &dyn Fn(&Sibling) -> bool,
    ) {
        // A file in its place comes before copies of it, however old they are, and of
        // copies the longest: another one may have been made before.
        siblings.sort_by_cached_key(|one| {
            (!one.is_home(), one.is_packed(), Reverse(one.meta().len()), one.age())
        });
        let (seen, mut unseen): (Vec<_>, Vec<_>) =
            siblings.into_iter().partition(|sibling| sibling.past.is_some());
        // Of which nothing was consumed is known by its inode alone, and that may have
        // been given out again: it says what is new only where nothing else does.
        let newest_of = |is_known: fn(&Sibling) -> bool| {
            // A copy may be younger than what it is a copy of.
            let mut ages: HashMap<u64, Age> = HashMap::new();
            for one in seen.iter().filter(|one| is_known(one)) {
                let Some(past) = &one.past else { continue };
                let oldest = ages.entry(past.number()).or_insert_with(|| one.age());
                *oldest = one.age().min(oldest.clone());
            }
            ages.into_values().max()
        };
        let unread = unseen.iter().filter(|one| is_unread(one)).map(Sibling::age);
        let newest = newest_of(Sibling::is_proven)
            .or_else(|| newest_of(|_| true).into_iter().chain(unread).max());
        unseen.retain(|sibling| {
            // With no link to what was read, nothing says what is new.
            let is_newer = || newest.as_ref().is_some_and(|newest| sibling.age() > *newest);
            is_unread(sibling) || (is_new && is_newer())
        });
        let others: Vec<&Sibling> = seen.iter().chain(held).collect();
        let unseen = Sibling::without_copies(unseen, &others);
        let mut taken: Vec<_> = self.live.iter().map(|(past, _)| past.number()).collect();
        let mut rests = Vec::new();
        for sibling in seen.into_iter().chain(unseen) {
            if let Some(past) = &sibling.past {
                if !past.is_open() || taken.contains(&past.number()) {
                    continue;
                }
                taken.push(past.number());
            }
            rests.push(sibling);
        }
        rests.sort_by_cached_key(Sibling::age);
        let rests = rests.into_iter().map(|Sibling { at, past, .. }| Rest { at, past });
        self.older = rests.collect();
    }
}

impl Sibling {
    fn is_the_same_as(&self, past: &Past) -> bool {
        self.past.as_ref().is_some_and(|found| found.number() == past.number())
    }
}

impl Rest {
    /// What was read of it before.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref()
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        self.at.path()
    }

    /// Which file that is.
    pub fn id(&self) -> FileId {
        FileId::of(match &self.at {
            At::Plain(_, _, meta, _) => meta,
            At::Packed(found) => &found.meta,
        })
    }

    /// Begin to read what `path` led to, and which has been there since then.
    pub fn open(
        self,
        path: &Path,
        sink: Box<dyn LineSink + Send>,
        now: Mono,
        origin: Origin,
    ) -> io::Result<Older> {
        let is_known = self.past.is_some();
        let since = self.past.as_ref().and_then(|past| past.checkpoint.since);
        let lines = lines_after(self.past.as_ref(), sink);
        let mut older = match self.at {
            At::Packed(found) => {
                let end = if origin == Origin::Backlog { u64::MAX } else { 0 };
                let mut archive = found.open(path, lines, Borders::backlog(end))?;
                archive.content.begun(since);
                Older::Packed(Box::new(archive))
            }
            At::Plain(at, file, meta, generation) => {
                let id = FileId::of(&meta);
                let mut content = Consumed::all_of(path.to_owned(), id, generation, lines);
                content.begun(since);
                let followed = Followed::new(content, file, &meta, now).lying_at(&at);
                let is_old = origin == Origin::Backlog;
                Older::Plain(Box::new(if is_old { followed.with_backlog() } else { followed }))
            }
        };
        if is_known {
            older.content_mut().is_known();
        }
        Ok(older)
    }
}

impl Older {
    /// Bytes of it that are still to be read.
    pub fn behind(&self) -> u64 {
        match self {
            Older::Plain(file) => file.behind(),
            Older::Packed(archive) => archive.behind(),
        }
    }

    /// What can be looked at again while it waits: an archive is complete.
    pub fn file_mut(&mut self) -> Option<&mut Followed> {
        match self {
            Older::Plain(file) => Some(&mut **file),
            Older::Packed(_) => None,
        }
    }

    /// What is taken of it.
    pub fn content_mut(&mut self) -> &mut Consumed {
        match self {
            Older::Plain(file) => &mut file.content,
            Older::Packed(archive) => &mut archive.content,
        }
    }
}

/// Lines that go on where an earlier run has left them, or begin.
pub fn lines_after(past: Option<&Past>, sink: Box<dyn LineSink + Send>) -> Lines {
    match past {
        Some(past) => Lines::resume(&past.checkpoint, sink),
        None => Lines::starting_at(0, sink),
    }
}
