//! Finds the copy that `copytruncate` has made of a file before truncating it:
//! what nobody had read by then is there and nowhere else.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::archive::{self, Found};
use super::consumed::Consumed;
use super::file;
use super::generation::FileId;
use super::known::Known;
use super::listings::{Listings, is_rotation_of};
use crate::source::packed::is_packed;

/// A copy of a generation.
pub enum CopyOf {
    /// A file.
    Plain(PathBuf, File, Metadata),
    /// A compressed one.
    Packed(Found),
}

impl CopyOf {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            CopyOf::Plain(path, ..) => path,
            CopyOf::Packed(found) => &found.path,
        }
    }
}

/// A sibling (`app.log.1`, `app.log-20260101.gz`) that is a copy of what was
/// read. An error says that one of them could not be asked and no other is the
/// copy.
pub fn find(
    content: &Consumed,
    listings: &Listings,
    held: &[FileId],
) -> io::Result<Option<CopyOf>> {
    let path: &Path = &content.path;
    let Some(name) = path.file_name() else { return Ok(None) };
    let mut unsure = Ok(None);
    let dirs = listings.dirs(path).filter_map(|dir| std::fs::read_dir(dir).ok());
    for entry in dirs.flatten().flatten() {
        if !is_rotation_of(name, &entry.file_name()) {
            continue;
        }
        let Ok((file, meta)) = file::open(&entry.path()) else { continue };
        if held.contains(&FileId::of(&meta)) {
            continue;
        }
        match copy_in(&entry.path(), file, meta, content) {
            Ok(Some(copy)) => return Ok(Some(copy)),
            Ok(None) => {}
            Err(why) => unsure = Err(why),
        }
    }
    unsure
}

fn copy_in(
    path: &Path,
    file: File,
    meta: Metadata,
    content: &Consumed,
) -> io::Result<Option<CopyOf>> {
    if !is_packed(path) {
        let is_copy = content.generation.continues_in(&file)?;
        return Ok(is_copy.then(|| CopyOf::Plain(path.to_owned(), file, meta)));
    }
    let mut known = Known::default();
    known.add(content.left(), None);
    match archive::identify(path, file, meta, &known) {
        Ok(found) => Ok(found.past.is_some().then_some(CopyOf::Packed(found))),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(e) => Err(e),
    }
}
