//! Kill files that are ready before they are needed: written and synced, so
//! that a trip is one rename and needs no space on the disk.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::error::SwitchError;
use super::guard::Handle;
use super::record::{self, FILE_LEN};
use crate::action::durable::{self, Placed, TEMP_PREFIX};

const STAGED_PREFIX: &str = ".staged-";
const LOCK: &str = ".lock";
const KILL_FILE_MODE: Mode = Mode::from_raw_mode(0o644);

/// Prepared files, and the lock that says whose they are.
#[derive(Debug)]
pub(super) struct Staging {
    ready: Vec<Staged>,
    /// Files that somebody is writing for us.
    ordered: Vec<String>,
    _lock: File,
}

/// One prepared file.
#[derive(Debug)]
pub(super) struct Staged {
    name: String,
    file: File,
}

/// What came of a rename of a prepared file.
pub(super) enum Used {
    /// The file now has the wanted name.
    New(File),
    /// The name was taken.
    Exists,
    /// No prepared file could be used.
    NoneReady,
}

impl Staging {
    /// Take the lock. Nothing is prepared yet, and a disk without room is no
    /// reason to let it go: a trip needs an empty file at most.
    pub(super) fn claim(dir: &Handle) -> Result<Staging, SwitchError> {
        Ok(Staging { ready: Vec::new(), ordered: Vec::new(), _lock: lock(dir)? })
    }

    /// Order what is missing from somebody who may wait for a disk.
    pub(super) fn order(&mut self, copies: usize) -> Vec<String> {
        let missing = self.missing(copies);
        self.ordered.extend(missing.iter().cloned());
        missing
    }

    /// What became of an order.
    pub(super) fn deliver(&mut self, made: Vec<Staged>) {
        self.ordered.clear();
        // The order of a claim before this one may have made the same files.
        self.ready.retain(|staged| made.iter().all(|new| new.name != staged.name));
        self.ready.extend(made);
    }

    fn missing(&self, copies: usize) -> Vec<String> {
        let there = |name: &String| self.ready.iter().any(|staged| staged.name == *name);
        let names = (0..copies).map(staged_name);
        names.filter(|name| !there(name) && !self.ordered.contains(name)).collect()
    }

    /// How many files are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Give a prepared file its final name: one rename, if nobody meddled.
    pub(super) fn use_one(&mut self, dir: &Handle, file: &str) -> Used {
        while let Some(staged) = self.ready.pop() {
            match durable::place_new(dir, &staged.name, file) {
                Ok(Placed::New) => return Used::New(staged.file),
                Ok(Placed::Exists) => {
                    self.ready.push(staged);
                    return Used::Exists;
                }
                // Somebody removed it, or the whole directory fails; the slow
                // way that follows says which.
                Err(_) => {}
            }
        }
        Used::NoneReady
    }

    /// Remove the prepared files and let the lock go.
    pub(super) fn dissolve(self, dir: &Handle) {
        for staged in &self.ready {
            let _ = rustix::fs::unlinkat(dir, &staged.name, AtFlags::empty());
        }
        let _ = rustix::fs::unlinkat(dir, LOCK, AtFlags::empty());
    }
}

/// Write prepared files and sync them; `made` gets those that are in order.
pub(super) fn write(
    dir: &Handle,
    names: &[String],
    made: &mut Vec<Staged>,
) -> Result<(), SwitchError> {
    let failed = |error: io::Error| dir.failed("prepare kill files in", error);
    for name in names {
        let file = stage(dir, name).map_err(failed)?;
        made.push(Staged { name: name.clone(), file });
    }
    rustix::fs::fsync(dir).map_err(|error| failed(error.into()))
}

/// Write a kill file without a prepared one: a trip from a plain shell, or more
/// trips at once than there are prepared files. The file counts even if the disk
/// has no room for what it says, and nobody waits for that disk here.
pub(super) fn write_unstaged(dir: &Handle, file: &str, content: &[u8]) -> io::Result<Option<File>> {
    match write_once(dir, file, content) {
        // Somebody cleared our file away before it had its name.
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_once(dir, file, content),
        written => written,
    }
}

fn write_once(dir: &Handle, file: &str, content: &[u8]) -> io::Result<Option<File>> {
    let (temp, mut made) = durable::create_temp(dir, KILL_FILE_MODE)?;
    if made.write_all(content).is_err() {
        // Half a record helps nobody, and the existence is what counts.
        let _ = made.set_len(0);
    }
    let placed = durable::place_new(dir, &temp, file);
    if !matches!(placed, Ok(Placed::New)) {
        let _ = rustix::fs::unlinkat(dir, &temp, AtFlags::empty());
    }
    Ok((placed? == Placed::New).then_some(made))
}

/// Names in the directory.
pub(super) fn names(dir: &Handle) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The lock file may be removed by its owner while we wait at the door, so the
/// lock counts only if the file is still there afterwards.
fn lock(dir: &Handle) -> Result<File, SwitchError> {
    let path = || dir.join(LOCK);
    let failed = |source: io::Error| SwitchError::Io { doing: "lock", path: path(), source };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    for _ in 0..100 {
        let fd = rustix::fs::openat(dir, LOCK, flags | OFlags::CLOEXEC, KILL_FILE_MODE)
            .map_err(|error| failed(error.into()))?;
        let mut file = File::from(fd);
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let text = durable::read_up_to(&file, 32).unwrap_or_default();
                let pid = String::from_utf8_lossy(&text).trim().parse().ok();
                return Err(SwitchError::Held { path: dir.path().to_owned(), pid });
            }
            Err(error) => return Err(failed(error.into())),
        }
        if is_named(dir, &file, LOCK).map_err(failed)? {
            // Who holds it is a courtesy: a full disk must not prevent the lock.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            return Ok(file);
        }
    }
    Err(SwitchError::Held { path: dir.path().to_owned(), pid: None })
}

fn is_named(dir: impl AsFd, file: &File, name: &str) -> io::Result<bool> {
    let meta = file.metadata()?;
    Ok(match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => (there.st_dev, there.st_ino) == (meta.dev(), meta.ino()),
        Err(_) => false,
    })
}

fn staged_name(k: usize) -> String {
    format!("{STAGED_PREFIX}{k}")
}

/// What a process that died left behind, except prepared files we can use again.
pub(super) fn remove_leftovers(dir: &Handle, copies: usize) -> io::Result<()> {
    let wanted: Vec<String> = (0..copies).map(staged_name).collect();
    for name in names(dir)? {
        let left = match name.strip_prefix(TEMP_PREFIX) {
            Some(whose) => !is_in_use(whose),
            None => name.starts_with(STAGED_PREFIX) && !wanted.contains(&name),
        };
        if left {
            match rustix::fs::unlinkat(dir, &name, AtFlags::empty()) {
                // Whoever made it has used it meanwhile.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Whether a temporary file, `PID-NUMBER`, is of a process that lives: it may be about to
/// trip with it.
fn is_in_use(whose: &str) -> bool {
    let pid = whose.split_once('-').and_then(|(pid, _)| pid.parse().ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
}

/// A prepared file: one that is there already and in order (so that arming
/// again works on a full disk), else a new one.
fn stage(dir: &Handle, name: &str) -> io::Result<File> {
    if let Some(file) = reusable(dir, name) {
        return Ok(file);
    }
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let mut file = durable::create_new(dir, name, KILL_FILE_MODE)?;
    file.write_all(&record::placeholder())?;
    file.sync_all()?;
    Ok(file)
}

fn reusable(dir: &Handle, name: &str) -> Option<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(dir, name, flags, Mode::empty()).ok()?);
    let meta = file.metadata().ok()?;
    let plain = meta.is_file() && meta.nlink() == 1 && meta.mode() & 0o7777 == 0o644;
    let same =
        plain && durable::read_up_to(&file, 2 * FILE_LEN as u64).ok()? == record::placeholder();
    same.then_some(file)
}
