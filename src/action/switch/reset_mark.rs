//! What a reset leaves behind: the kill file itself, under a hidden name. By it every process
//! that looks into the directory tells a reset from a file that somebody removed, whatever
//! records and clocks it has of its own, and without room on the disk.

use std::io;

use rustix::fs::{AtFlags, Mode, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
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

/// The file that tells of it, and when it did first. Its ctime would tell that too, until
/// somebody repairs the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    id: FileId,
    written: Wall,
}

impl ResetMark {
    /// What is told now of the scope of a kill file. What can't be read tells nothing.
    pub(super) fn read(dir: &Handle, file: &str) -> ResetMark {
        let mark = |stat: Stat| Mark {
            id: id(&stat),
            written: wall(stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
        };
        ResetMark { dir: dir.id().ok(), file: stat(dir, &mark_name(file)).map(mark) }
    }

    /// Whether somebody has reset the scope of a kill file that `stands` since then, and of
    /// which this was told earlier. Where another directory has taken the place of its own
    /// only times tell, both of the file system.
    pub(super) fn is_news_since(&self, earlier: &ResetMark, stands: Wall) -> bool {
        let Some(mark) = self.file else { return false };
        if self.dir != earlier.dir {
            return mark.written > stands;
        }
        earlier.file != Some(mark)
    }

    /// When the scope was last reset, as the file system tells.
    pub(in crate::action) fn at(&self) -> Option<Wall> {
        self.file.map(|mark| mark.written)
    }
}

/// End a stop: one rename, so that nobody sees its file gone and no reset. Answers whether
/// there was a file.
pub(super) fn put_away(dir: &Handle, file: &str) -> io::Result<bool> {
    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let now = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
    // Whose file can't be dated is told by its number alone.
    let _ = rustix::fs::utimensat(dir, file, &now, AtFlags::SYMLINK_NOFOLLOW);
    let before = stat(dir, file).map(|stat| id(&stat));
    match rustix::fs::renameat(dir, file, dir, mark_name(file)) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    // Of two names of one file a rename does nothing.
    if before.is_some() && stat(dir, file).map(|stat| id(&stat)) == before {
        rustix::fs::unlinkat(dir, file, AtFlags::empty())?;
    }
    Ok(true)
}

fn stat(dir: &Handle, name: &str) -> Option<Stat> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()
}

fn id(stat: &Stat) -> FileId {
    (stat.st_dev, stat.st_ino)
}

/// Tell whoever would make a file again that was removed before: it is not wanted any more.
pub(super) fn leave(dir: &Handle, file: &str) -> io::Result<()> {
    durable::replace_file(dir, &mark_name(file), b"", Mode::from_raw_mode(0o644))
}

/// Hidden, and no name of a kill file: gateways that list the directory pass it by.
fn mark_name(file: &str) -> String {
    format!(".{}{MARK_SUFFIX}", file.strip_suffix(KILL_SUFFIX).unwrap_or(file))
}
