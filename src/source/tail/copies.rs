//! Finds the copy that `copytruncate` has made of a file before truncating it:
//! what nobody had read by then is there and nowhere else.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};

use super::archive::{self, Found};
use super::consumed::Consumed;
use super::disk;
use super::generation::FileId;
use super::known::{Known, Past};
use super::listings::is_rotation_of;
use super::memory::Memory;
use crate::source::SourceError;
use crate::source::packed::{Packing, is_packed, packing};

/// A copy of a generation.
pub enum CopyOf {
    /// A file, and where it lies.
    Plain(PathBuf, File, Metadata),
    /// A compressed one.
    Packed(Box<Found>),
}

impl CopyOf {
    /// Which file that is.
    pub fn id(&self) -> FileId {
        FileId::of(match self {
            CopyOf::Plain(.., meta) => meta,
            CopyOf::Packed(found) => &found.meta,
        })
    }

    /// How much of a copy it is: a compressed one may not yet be whole.
    fn size(&self) -> (bool, u64) {
        match self {
            CopyOf::Plain(.., meta) => (true, meta.len()),
            CopyOf::Packed(found) => (false, found.meta.len()),
        }
    }
}

/// A sibling (`app.log.1`, `app.log-20260101.gz`, or of any name that is meant; `app.1.log`
/// where enough was read to tell) that is a copy of what was read, or seen before anything
/// was: the longest, for others may have been made before. An error says that one of them
/// could not be asked and no other is the copy.
pub fn find(content: &Consumed, memory: &Memory, held: &[FileId]) -> io::Result<Option<CopyOf>> {
    let path: &Path = &content.path;
    let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { return Ok(None) };
    let is_telling = content.generation.telling().is_some();
    let (mut found, mut unsure) = (Vec::new(), None);
    let mut entries = Vec::new();
    for dir in memory.listings.dirs(path) {
        match std::fs::read_dir(dir) {
            Ok(read) => entries.extend(read.flatten()),
            Err(why) => unsure = may_pass(why).or(unsure),
        }
    }
    for entry in entries {
        let is_it = |own: &FileId| own.place().1 == entry.ino();
        let is_rotated = is_rotation_of(name, &entry.file_name());
        let is_alike = || is_telling && is_rotation_of(stem, &entry.file_name());
        let may_be = || is_alike() || memory.listings.is_meant(&entry.path());
        if !is_rotated && (held.iter().any(is_it) || !may_be()) {
            continue;
        }
        let (file, meta) = match disk::open(&entry.path()) {
            Ok(opened) => opened,
            Err(SourceError::Open { why, .. }) => {
                unsure = may_pass(why).or(unsure);
                continue;
            }
            Err(_) => continue,
        };
        if held.contains(&FileId::of(&meta)) {
            continue;
        }
        match copy_in(&entry.path(), file, meta, content, &memory.known) {
            Ok(copy) => found.extend(copy),
            Err(why) => unsure = Some(why),
        }
    }
    match (found.into_iter().max_by_key(CopyOf::size), unsure) {
        (None, Some(why)) => Err(why),
        (copy, _) => Ok(copy),
    }
}

/// What is not there or forbidden will be so in a moment, too.
fn may_pass(why: io::Error) -> Option<io::Error> {
    let lasts = matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
    (!lasts).then_some(why)
}

fn copy_in(
    path: &Path,
    file: File,
    meta: Metadata,
    content: &Consumed,
    known: &Known,
) -> io::Result<Option<CopyOf>> {
    let packing = packing(&file)?;
    if packing == Packing::Foreign {
        return Ok(None);
    }
    // What was only seen is no generation of which something was read.
    let was_read = |past: &Past| content.position() == 0 && past.checkpoint.offset > 0;
    if packing == Packing::Plain && !is_packed(path) {
        let is_copy = content.generation.continues_in(&file)?
            && known.find(&file, &meta, was_read)?.is_none();
        return Ok(is_copy.then(|| CopyOf::Plain(path.to_owned(), file, meta)));
    }
    let mut wanted = Known::default();
    wanted.add(content.so_far(), None);
    match archive::identify(path, file, meta, &wanted) {
        Ok(found) => Ok(found.past.is_some().then(|| CopyOf::Packed(Box::new(found)))),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(e) => Err(e),
    }
}
