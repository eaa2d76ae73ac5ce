//! What a reset leaves behind: the kill file itself, under a hidden name. By it every process
//! that looks into the directory tells a reset from a file that somebody removed, whatever
//! records and clocks it has of its own, and without room on the disk.

use std::io;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::guard::{FileId, Handle};
use crate::action::durable;
use crate::action::scope::KILL_SUFFIX;

const MARK_SUFFIX: &str = ".reset";

/// The newest reset of one scope, as a directory tells of it at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetMark {
    /// Another directory in the place of this one tells of resets of its own.
    dir: Option<FileId>,
    /// The file, and since when it has that name.
    file: Option<(FileId, i64, u64)>,
}

impl ResetMark {
    /// What is told now of the scope of a kill file. What can't be read tells nothing.
    pub(super) fn read(dir: &Handle, file: &str) -> ResetMark {
        let stat = rustix::fs::statat(dir, mark_name(file), AtFlags::SYMLINK_NOFOLLOW).ok();
        let of = |stat: rustix::fs::Stat| {
            ((stat.st_dev, stat.st_ino), stat.st_ctime, stat.st_ctime_nsec)
        };
        ResetMark { dir: dir.id().ok(), file: stat.map(of) }
    }

    /// Whether somebody has reset the scope between an earlier look and this one.
    pub(super) fn is_news_since(&self, earlier: &ResetMark) -> bool {
        let same_place = self.dir.is_some() && self.dir == earlier.dir;
        same_place && self.file.is_some() && self.file != earlier.file
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
