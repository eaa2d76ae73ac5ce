//! What a reset leaves behind: the kill file itself, under a hidden name. By it every process
//! that looks into the directory tells a reset from a file that somebody removed, whatever
//! records and clocks it has of its own, and without room on the disk.

use std::io;

use rustix::fs::{AtFlags, Mode, Stat};
use rustix::io::Errno;

use super::entry::wall;
use super::guard::{FileId, Handle};
use crate::action::durable;
use crate::action::scope::KILL_SUFFIX;
use crate::domain::Wall;

const MARK_SUFFIX: &str = ".reset";

/// The newest reset of one scope, as a directory tells of it at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::action) struct ResetMark {
    /// Another directory in the place of this one tells of resets of its own.
    dir: Option<FileId>,
    file: Option<Mark>,
}

/// The file that tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    id: FileId,
    written: Wall,
    /// When it got its name, or was touched since: whoever copies or repairs the directory
    /// does that, so this tells no mark from another.
    changed: Wall,
}

impl ResetMark {
    /// What is told now of the scope of a kill file. What can't be read tells nothing.
    pub(super) fn read(dir: &Handle, file: &str) -> ResetMark {
        let stat = rustix::fs::statat(dir, mark_name(file), AtFlags::SYMLINK_NOFOLLOW).ok();
        let mark = |stat: Stat| Mark {
            id: (stat.st_dev, stat.st_ino),
            written: wall(stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            changed: wall(stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
        };
        ResetMark { dir: dir.id().ok(), file: stat.map(mark) }
    }

    /// Whether somebody has reset the scope of a kill file that `stands` since then, and of
    /// which this was told earlier. Where another directory has taken the place of its own
    /// only times tell, both of the file system.
    pub(super) fn is_news_since(&self, earlier: &ResetMark, stands: Wall) -> bool {
        let Some(mark) = self.file else { return false };
        if self.dir != earlier.dir {
            return mark.changed > stands;
        }
        earlier.file.is_none_or(|before| (before.id, before.written) != (mark.id, mark.written))
    }

    /// When the scope was last reset, as the file system tells.
    pub(in crate::action) fn at(&self) -> Option<Wall> {
        self.file.map(|mark| mark.changed)
    }
}

/// End a stop: one rename, so that nobody sees its file gone and no reset. Answers whether
/// there was a file.
pub(super) fn put_away(dir: &Handle, file: &str) -> io::Result<bool> {
    match rustix::fs::renameat(dir, file, dir, mark_name(file)) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Tell whoever would make a file again that was removed before: it is not wanted any more.
pub(super) fn leave(dir: &Handle, file: &str) -> io::Result<()> {
    durable::replace_file(dir, &mark_name(file), b"", Mode::from_raw_mode(0o644))
}

/// Hidden, and no name of a kill file: gateways that list the directory pass it by.
fn mark_name(file: &str) -> String {
    format!(".{}{MARK_SUFFIX}", file.strip_suffix(KILL_SUFFIX).unwrap_or(file))
}
