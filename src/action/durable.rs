//! Small file operations that survive a power cut. Paths never follow a
//! symbolic link in their last part.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// Whether a name was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    New,
    Exists,
}

/// Open a directory without following a symbolic link.
pub(super) fn open_dir(path: &std::path::Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Open a file for reading. Never blocks on a FIFO.
pub(super) fn open_read(dir: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?.into())
}

/// Make a new file that did not exist, with exactly this mode whatever the umask.
pub(super) fn create_new(dir: impl AsFd, name: &str, mode: Mode) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, mode)?;
    rustix::fs::fchmod(&fd, mode)?;
    Ok(fd.into())
}

/// Make a new temporary file beside the one it is to become.
pub(super) fn create_temp(dir: impl AsFd, mode: Mode) -> io::Result<(String, File)> {
    let pid = std::process::id();
    for attempt in 0..1_000 {
        let name = format!("{TEMP_PREFIX}{pid}-{attempt}");
        match create_new(&dir, &name, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (name, file)),
        }
    }
    Err(Errno::EXIST.into())
}

/// What temporary files start with.
pub(super) const TEMP_PREFIX: &str = ".tmp-";

/// Give a file its final name in one step, unless the name is taken.
pub(super) fn place_new(dir: impl AsFd, from: &str, to: &str) -> io::Result<Placed> {
    let dir = dir.as_fd();
    let placed = match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        // A file system without that flag still has links, which never replace either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(dir, from, dir, to, AtFlags::empty())
                .and_then(|()| rustix::fs::unlinkat(dir, from, AtFlags::empty()))
        }
        done => done,
    };
    match placed {
        Ok(()) => Ok(Placed::New),
        Err(Errno::EXIST) => Ok(Placed::Exists),
        Err(error) => Err(error.into()),
    }
}

/// Write a file, replacing any before it, so that a reader, or a machine that
/// lost power, sees all of it or none.
pub(super) fn replace_file(dir: impl AsFd, name: &str, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let (temp, mut file) = create_temp(&dir, mode)?;
    let replaced = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(rustix::fs::renameat(&dir, &temp, &dir, name)?));
    if replaced.is_err() {
        let _ = rustix::fs::unlinkat(&dir, &temp, AtFlags::empty());
    }
    replaced.and_then(|()| Ok(rustix::fs::fsync(&dir)?))
}

/// Read at most `limit` bytes.
pub(super) fn read_up_to(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
