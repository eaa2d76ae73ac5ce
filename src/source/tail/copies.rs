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

/// A sibling (`app.log.1`, `app.log-20260101.gz`, or of any name that is meant) that is a copy of what was
/// read, or seen before anything was: the longest, for others may have been made before.
/// An error says that one of them could not be asked and no other is the copy.
pub fn find(content: &Consumed, memory: &Memory, held: &[FileId]) -> io::Result<Option<CopyOf>> {
    let path: &Path = &content.path;
    let Some(name) = path.file_name() else { return Ok(None) };
    let (mut found, mut unsure) = (Vec::new(), None);
    let dirs = memory.listings.dirs(path).filter_map(|dir| std::fs::read_dir(dir).ok());
    for entry in dirs.flatten().flatten() {
        let is_other = |own: &FileId| own.place().1 != entry.ino();
        let is_meant = || memory.listings.is_meant(&entry.path()) && held.iter().all(is_other);
        if !is_rotation_of(name, &entry.file_name()) && !is_meant() {
            continue;
        }
        let Ok((file, meta)) = disk::open(&entry.path()) else { continue };
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
