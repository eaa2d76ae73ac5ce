//! One writer per ledger, and a note for the others that says who it is.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use crate::text::printable;

/// The lock's file name in the state directory.
pub const LOCK_FILE: &str = "ledger.lock";

/// Who writes a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// When it began, RFC 3339.
    pub since: String,
}

impl Holder {
    /// `process 4711 on gw-1 since 2026-11-20T14:03:27.412Z`.
    #[must_use]
    pub fn in_words(holder: Option<&Holder>) -> String {
        holder.map_or("another process".to_owned(), |holder| {
            let (host, since) = (printable(&holder.host), printable(&holder.since));
            format!("process {} on {host} since {since}", holder.pid)
        })
    }
}

/// The lock. It ends with its process, however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a child that is just being started has the file, too.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Take it, or say who has it.
    pub(super) fn take(ledger: &Path, us: &Holder) -> Result<Lock, LedgerError> {
        let path = ledger.with_file_name(LOCK_FILE);
        loop {
            let mut file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LedgerError::Held {
                        path: ledger.to_owned(),
                        holder: read(&mut file),
                    });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(LedgerError::io("lock", &path, error));
                }
            }
            // A lock on a file that was removed meanwhile keeps nobody out.
            let is_there = path.symlink_metadata().ok().zip(file.metadata().ok());
            if is_there.is_some_and(|(there, ours)| there.ino() == ours.ino()) {
                // Without a note the lock still holds; only its holder stays unnamed.
                let _ = note(&mut file, us);
                return Ok(Lock { file });
            }
        }
    }
}

/// Who writes the ledger of a state directory, if anybody does.
#[must_use]
pub fn holder(state_dir: &Path, host: &str) -> Option<Holder> {
    let mut file = File::open(state_dir.join(LOCK_FILE)).ok()?;
    let holder = read(&mut file)?;
    // The lock is tried only where it is held as far as anybody can tell: whoever begins
    // in that moment would be refused.
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw)?;
    let is_gone = test_kill_process(pid) == Err(Errno::SRCH);
    if holder.host == host && is_gone {
        return None;
    }
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(holder)
}

fn open(path: &Path) -> Result<File, LedgerError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags | OFlags::NONBLOCK, Mode::from_raw_mode(0o600))
        .map(File::from)
        .map_err(|error| LedgerError::io("open", path, error))
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = Vec::new();
    file.take(4096).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn note(file: &mut File, us: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(us)?)
}
