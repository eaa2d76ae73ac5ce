//! The number that makes fingerprints of keys and calls this installation's own: they
//! agree from run to run, and a leaked one can't be looked up in a table.
//!
//! It is kept beside the ledger, whose rows bear those fingerprints: a container that
//! is made anew has another host name, and must still know its keys. Until a ledger is
//! kept it comes from the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

/// The number for a ledger in this directory.
pub(super) fn of(ledger: &Path, host: &str) -> u64 {
    read(&path(ledger)).unwrap_or_else(|| of_machine(host))
}

/// Keeps it, if that has not been done.
pub(super) fn keep(ledger: &Path, host: &str) -> io::Result<()> {
    let path = path(ledger);
    if read(&path).is_some() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(ledger)?;
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{:016x}", of_machine(host))?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    File::open(ledger)?.sync_all()
}

fn path(ledger: &Path) -> PathBuf {
    ledger.join("salt")
}

fn read(path: &Path) -> Option<u64> {
    u64::from_str_radix(fs::read_to_string(path).ok()?.trim_end(), 16).ok()
}

fn of_machine(host: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(host.as_bytes());
    hasher.write(&fs::read("/etc/machine-id").unwrap_or_default());
    hasher.finish()
}
