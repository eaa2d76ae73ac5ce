//! Files as the disk has them: opened without ever waiting, read at a place, and when they
//! were changed. What is in them it does not know.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::lines;
use crate::domain::Wall;
use crate::source::{BLOCK, SourceError};

/// The buffer all files share. It grows to the longest line that is gathered.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

/// When a file was changed last: seconds and nanoseconds of its file system.
pub type Changed = (i64, i64);

impl Buffer {
    /// Read up to `most` bytes from `offset` on.
    pub fn read(&mut self, file: &File, offset: u64, most: u64) -> io::Result<&[u8]> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.0.len() < most {
            self.0.resize(most.max(BLOCK), 0);
        }
        let mut filled = 0;
        while let Some(room) = self.0.get_mut(filled..most).filter(|room| !room.is_empty()) {
            match file.read_at(room, offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(self.0.get(..filled).unwrap_or_default())
    }
}

/// When it was changed last.
pub fn time_of(meta: &Metadata) -> Changed {
    (meta.mtime(), meta.mtime_nsec())
}

/// That moment, to be kept.
pub fn wall_of((secs, nanos): Changed) -> Wall {
    Wall(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// Open a regular file for reading, without ever waiting for anything.
pub fn open(path: &Path) -> Result<(File, Metadata), SourceError> {
    let failed = |why| SourceError::Open { path: path.to_owned(), why };
    // A pipe or device must not even be opened: that alone may act on it.
    check_regular(path, &std::fs::metadata(path).map_err(failed)?)?;
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    check_regular(path, &meta)?;
    Ok((file, meta))
}

/// Refuse anything but a regular file.
pub fn check_regular(path: &Path, meta: &Metadata) -> Result<(), SourceError> {
    let kind = meta.file_type();
    let kind = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(SourceError::NotAFile { path: path.to_owned(), kind })
}

/// Where a reader who wants only what is new starts: behind the last newline of the first
/// `size` bytes, or behind them where they end with a whole document.
pub fn start_of_last_line(file: &File, size: u64) -> io::Result<u64> {
    let from = size.saturating_sub(BLOCK as u64);
    let mut buffer = Buffer::default();
    let end = buffer.read(file, from, size - from)?;
    let newline = memchr::memrchr(b'\n', end);
    let start = newline.map_or(if from == 0 { 0 } else { size }, |at| from + at as u64 + 1);
    let rest = usize::try_from(start - from).ok().and_then(|at| end.get(at..)).unwrap_or_default();
    Ok(if lines::is_json(rest) { size } else { start })
}
