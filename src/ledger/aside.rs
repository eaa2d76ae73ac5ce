//! A damaged ledger that is out of the way: moved there with all that belongs to it,
//! and found there again. While its file lies beside the ledger, something may be
//! missing from what is known, and nobody has said that they have seen it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::LedgerError;
use super::file::{LEDGER_FILE, beside};
use crate::domain::Wall;
use crate::scan::time::rfc3339;

/// Behind the ledger's name, and before the time.
const MARK: &str = ".corrupt-";

/// What SQLite keeps beside a database. The database itself goes last: should we end
/// between two of these, it is found damaged again.
const ENDINGS: [&str; 3] = ["-wal", "-shm", ""];

/// A damaged ledger that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
}

/// Move a damaged ledger out of the way, with everything that belongs to it.
pub(super) fn set_aside(path: &Path, now: Wall, why: String) -> Result<SetAside, LedgerError> {
    let stamp: String = now.rfc3339().chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
    let mut aside = beside(path, &format!("{MARK}{stamp}"));
    while aside.exists() {
        aside = beside(&aside, "x");
    }
    for ending in ENDINGS {
        let from = beside(path, ending);
        match std::fs::rename(&from, beside(&aside, ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(LedgerError::io("set aside", &from, error));
            }
            _ => {}
        }
    }
    Ok(SetAside { path: aside, why })
}

/// When one was set aside, as its name says.
#[must_use]
pub fn set_aside_at(file: &Path) -> Option<Wall> {
    let (_, stamp) = file.file_name()?.to_str()?.rsplit_once(MARK)?;
    let (day, time) = stamp.split_once('T')?;
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..6)?);
    let rest = time.get(6..)?.split('Z').next()?;
    rfc3339(format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{rest}Z").as_bytes())
}

/// The damaged ledgers that lie in a state directory, the oldest first. None in one
/// that can't be read: whoever needs it for more says so.
#[must_use]
pub fn lying_aside(state_dir: &Path) -> Vec<PathBuf> {
    let dir = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
    let entries = dir.read_dir().into_iter().flatten().filter_map(Result::ok);
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stamp = name.strip_prefix(LEDGER_FILE).and_then(|rest| rest.strip_prefix(MARK));
        stamp
            .is_some_and(|stamp| !ENDINGS.iter().any(|end| !end.is_empty() && stamp.ends_with(end)))
    };
    let mut lying: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_aside).collect();
    lying.sort();
    lying
}
