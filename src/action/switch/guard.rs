//! Opening the switch directory, and refusing one that others could turn
//! against us.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::error::SwitchError;
use crate::action::durable;
use crate::mount;

const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_TRAVERSE: u32 = 0o001;
pub(super) const STICKY: u32 = 0o1000;

/// Whether the directory may be on a network file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NetworkFs {
    /// It may not.
    #[default]
    Refuse,
    /// It may be on the one of this name: one of [`NETWORK_FS`](mount::NETWORK_FS).
    Allow(String),
}

/// Who can see kill files in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every local user, whatever a gateway runs as.
    Everyone,
    /// Gateways that run as another user can't pass this directory. Most of
    /// them then let all traffic through, in silence.
    BlockedAt(PathBuf),
}

/// Device and number of a file.
pub(super) type FileId = (u64, u64);

/// The open switch directory.
#[derive(Debug)]
pub(super) struct Handle {
    dir: File,
    path: PathBuf,
}

impl Handle {
    /// Open the directory, or create it with mode 0755.
    pub(super) fn open(path: &Path, network: &NetworkFs) -> Result<Handle, SwitchError> {
        if let Some(handle) = Handle::existing(path, network)? {
            return Ok(handle);
        }
        let clean = own_path(path)?;
        let fd = create(&clean)?;
        Handle::checked(fd, clean, network)
    }

    /// Open the directory if there is one.
    pub(super) fn existing(
        path: &Path,
        network: &NetworkFs,
    ) -> Result<Option<Handle>, SwitchError> {
        let clean = own_path(path)?;
        match durable::open_dir(&clean) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(not_opened(&clean, error)),
            Ok(fd) => Handle::checked(fd, clean, network).map(Some),
        }
    }

    fn checked(fd: OwnedFd, path: PathBuf, network: &NetworkFs) -> Result<Handle, SwitchError> {
        let handle = Handle { dir: fd.into(), path };
        handle.check(network)?;
        Ok(handle)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file in it is.
    pub(super) fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// An error about the directory itself.
    pub(super) fn failed(&self, doing: &'static str, source: impl Into<io::Error>) -> SwitchError {
        SwitchError::Io { doing, path: self.path.clone(), source: source.into() }
    }

    /// That the path still leads to the directory we hold: gateways read the path.
    pub(super) fn check_same(&self) -> Result<(), SwitchError> {
        let moved = || SwitchError::Moved { path: self.path.clone() };
        let ours = self.id().map_err(|error| self.failed("look at", error))?;
        let there = self.path.symlink_metadata().map_err(|_| moved())?;
        if ours == (there.dev(), there.ino()) { Ok(()) } else { Err(moved()) }
    }

    /// When a name in it last changed, in nanoseconds.
    pub(super) fn modified(&self) -> io::Result<i128> {
        let meta = self.metadata()?;
        Ok(i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()))
    }

    /// Who can see what is in it.
    pub(super) fn reach(&self) -> io::Result<Reach> {
        for dir in self.path.canonicalize()?.ancestors() {
            if dir.metadata()?.mode() & OTHERS_TRAVERSE == 0 {
                return Ok(Reach::BlockedAt(dir.to_owned()));
            }
        }
        Ok(Reach::Everyone)
    }

    /// Device and number of the directory that is held.
    pub(super) fn id(&self) -> io::Result<FileId> {
        self.metadata().map(|meta| (meta.dev(), meta.ino()))
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.dir.metadata()
    }

    /// That nobody but us and root may put kill files into it or remove them.
    pub(super) fn check_trust(&self) -> Result<(), SwitchError> {
        let path = || self.path.clone();
        let meta = self.metadata().map_err(|error| self.failed("look at", error))?;
        let us = rustix::process::geteuid().as_raw();
        if meta.uid() != us && meta.uid() != 0 {
            return Err(SwitchError::ForeignOwner { path: path(), owner: meta.uid(), us });
        }
        if meta.mode() & GROUP_OR_OTHERS_WRITE != 0 {
            let mode = meta.mode() & 0o7777;
            let ours = meta.uid() == us;
            return Err(SwitchError::WritableByOthers { path: path(), mode, ours });
        }
        Ok(())
    }

    fn check(&self, network: &NetworkFs) -> Result<(), SwitchError> {
        self.check_trust()?;
        let path = || self.path.clone();
        if let Some(parent) = self.path.parent() {
            check_above(parent)?;
        }
        match (mount::network_kind(&self.dir).map_err(|e| self.failed("look at", e))?, network) {
            (None, _) => Ok(()),
            (Some(kind), NetworkFs::Allow(name)) if name == kind => Ok(()),
            (Some(kind), _) => Err(SwitchError::NetworkFs { path: path(), kind }),
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Who could rename a directory away could put another in its place. The
/// sticky bit (as on `/tmp`) forbids that.
fn check_above(parent: &Path) -> Result<(), SwitchError> {
    let failed = |source| SwitchError::Io { doing: "look at", path: parent.to_owned(), source };
    for dir in parent.canonicalize().map_err(failed)?.ancestors() {
        let mode = dir.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            return Err(SwitchError::UnsafeParent { path: dir.to_owned(), mode });
        }
    }
    Ok(())
}

fn create(path: &Path) -> Result<OwnedFd, SwitchError> {
    let failed = |source| SwitchError::Io { doing: "create", path: path.to_owned(), source };
    let parent = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(failed)?;
    check_above(parent)?;
    let made = match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(failed(error.into())),
    };
    let fd = durable::open_dir(path).map_err(|error| not_opened(path, error))?;
    if made {
        // Whatever the umask: a directory that gateways can't enter stops nothing.
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o755))
            .map_err(|error| failed(error.into()))?;
    }
    Ok(fd)
}

/// The path without a trailing slash, which would make the kernel follow a link.
fn own_path(path: &Path) -> Result<PathBuf, SwitchError> {
    let clean: PathBuf = path.components().collect();
    if !path.is_absolute() || clean.file_name().is_none() {
        return Err(SwitchError::NotAbsolute { path: path.to_owned() });
    }
    Ok(clean)
}

fn not_opened(path: &Path, source: io::Error) -> SwitchError {
    let path = path.to_owned();
    // Linux answers ENOTDIR, not ELOOP, to a symbolic link with these flags.
    match path.symlink_metadata() {
        Ok(meta) if meta.is_symlink() => SwitchError::Symlink { path },
        Ok(meta) if !meta.is_dir() => SwitchError::NotADirectory { path },
        _ if source.kind() == io::ErrorKind::NotADirectory => SwitchError::NotADirectory { path },
        _ => SwitchError::Io { doing: "open", path, source },
    }
}
