//! The durable half of a trip. It belongs off the decision path: it waits for
//! the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::error::SwitchError;
use super::guard::Handle;
use super::record::{self, FILE_LEN, KillNote};
use crate::action::scope::SwitchScope;
use crate::domain::Wall;

/// A trip that stops the traffic already but would not yet survive a power cut.
#[derive(Debug)]
pub struct Pending {
    dir: Arc<Handle>,
    scope: SwitchScope,
    note: KillNote,
    /// When the file was made again, if it is not the first of its stop.
    again: Option<Wall>,
    file: File,
    content: Vec<u8>,
}

/// A trip that survives a power cut and was read back by its path.
#[derive(Debug)]
pub struct Confirmed {
    /// The kill file.
    pub path: PathBuf,
    /// Whether it says who and why.
    pub details: Details,
}

/// Whether a kill file says who tripped it and why.
#[derive(Debug)]
pub enum Details {
    /// It does.
    Written,
    /// It stops the traffic, but the details could not be written.
    Missing(io::Error),
}

impl Pending {
    pub(super) fn new(
        dir: Arc<Handle>,
        (scope, note, again): (SwitchScope, KillNote, Option<Wall>),
        file: File,
    ) -> Pending {
        let content = record::render(&scope, &note, again);
        Pending { dir, scope, note, again, file, content }
    }

    /// The kill file stands there since then. Answers what it will say.
    pub(super) fn date(&mut self, at: Wall) -> &[u8] {
        match &mut self.again {
            Some(again) => *again = at,
            None => self.note.at = at,
        }
        self.content = record::render(&self.scope, &self.note, self.again);
        &self.content
    }

    /// The kill file's name.
    pub(super) fn name(&self) -> String {
        self.scope.file_name()
    }

    /// Where the kill file is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join(&self.name())
    }

    /// Make the trip durable, write who and why, and read it back by its path,
    /// as a gateway would. May be called again after an error.
    pub fn confirm(&self) -> Result<Confirmed, SwitchError> {
        // The name first: it is what stops the traffic after a power cut.
        rustix::fs::fsync(&self.dir).map_err(|error| self.dir.failed("sync", error))?;
        let written = self
            .file
            .write_all_at(&self.content, 0)
            .and_then(|()| self.file.sync_all())
            .and_then(|()| self.check_content());
        self.check_name()?;
        let details = written.map_or_else(Details::Missing, |()| Details::Written);
        Ok(Confirmed { path: self.path(), details })
    }

    fn check_content(&self) -> io::Result<()> {
        let mut bytes = vec![0; FILE_LEN];
        self.file.read_exact_at(&mut bytes, 0)?;
        if bytes == self.content { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// That the path a gateway looks at leads to the very file that we renamed.
    fn check_name(&self) -> Result<(), SwitchError> {
        let path = self.path();
        let identity = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let there = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(&path)
            .and_then(|file| identity(&file));
        match (there, identity(&self.file)) {
            (Ok(there), Ok(ours)) if there == ours => Ok(()),
            (Err(source), _) if source.kind() != io::ErrorKind::NotFound => {
                Err(SwitchError::Io { doing: "read back", path, source })
            }
            _ => Err(SwitchError::Unconfirmed { path }),
        }
    }
}
