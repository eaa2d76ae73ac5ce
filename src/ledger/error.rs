//! Why the ledger can't be opened, read or written.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::lock::Holder;

/// Why the ledger can't be used. After an error nothing of what was to be
/// committed is in the file.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process writes it.
    #[error("the ledger {path:?} is written by {}", Holder::in_words(.holder.as_ref()))]
    Held {
        /// The ledger.
        path: PathBuf,
        /// Who, where that can be read.
        holder: Option<Holder>,
    },
    /// There is none to read.
    #[error("there is no ledger {path:?}")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Locks may lock nothing there.
    #[error("the ledger's directory {path:?} is on a network file system ({kind})")]
    NetworkFs {
        /// The directory.
        path: PathBuf,
        /// Which one.
        kind: &'static str,
    },
    /// A later program made it.
    #[error("the ledger {path:?} has version {found}; this program knows versions up to {known}")]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An earlier program made it, and only reading is allowed.
    #[error("the ledger {path:?} has version {found}, and this program reads version {known}")]
    Older {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite before 3.51.3 can lose committed data in WAL mode.
    #[error("this program was built with SQLite {found}, which can lose committed data")]
    UnsafeSqlite {
        /// Its version.
        found: &'static str,
    },
    /// Somebody else holds SQLite's own lock. Try again.
    #[error("the ledger {path:?} is busy: another program holds a lock on it")]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// No space is left. Try again.
    #[error("no space is left for the ledger {path:?}")]
    Full {
        /// The ledger.
        path: PathBuf,
    },
    /// It may not be written.
    #[error("the ledger {path:?} can't be written: it or its directory is read-only")]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {doing} {path:?}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk failed while SQLite used the file.
    #[error("the ledger {path:?}: {what}")]
    Disk {
        /// The ledger.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// What is in the file makes no sense.
    #[error("the ledger {path:?} is damaged: {what}")]
    Corrupt {
        /// The ledger.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file was removed or replaced while it was open. Start again.
    #[error("the ledger {path:?} was removed or replaced: restart to begin a new one")]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// The disk has not kept what it said it had. A new start reads the logs
    /// from where the file stands.
    #[error(
        "the disk lost commits of {path:?} ({in_file} of {made} are there): restart to read the logs again"
    )]
    Lost {
        /// The ledger.
        path: PathBuf,
        /// Commits in the file.
        in_file: i64,
        /// Commits that were made.
        made: i64,
    },
    /// A sum does not fit 64 bits. Nothing was written.
    #[error("a sum would be too large for the ledger: {what}")]
    Overflow {
        /// Which.
        what: &'static str,
    },
}

impl LedgerError {
    /// An error of a file operation.
    pub(super) fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        LedgerError::Io { doing, path: path.to_owned(), source: source.into() }
    }

    /// What SQLite's error means for us.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> LedgerError {
        let what = error.to_string().replace(&format!(": {}", path.display()), "");
        let path = path.to_owned();
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            // Our statements fit our schema: a value of another type was put there.
            return LedgerError::Corrupt { path, what };
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => LedgerError::Busy { path },
            ErrorCode::DiskFull => LedgerError::Full { path },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => LedgerError::ReadOnly { path },
            _ if is_overflow(error) => LedgerError::Overflow { what: "a count or an amount" },
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed => LedgerError::Disk { path, what },
            _ => LedgerError::Corrupt { path, what },
        }
    }

    /// Whether the file must be opened again before it can be trusted.
    pub(super) fn shakes_the_file(&self) -> bool {
        matches!(self, LedgerError::Disk { .. } | LedgerError::Corrupt { .. })
    }
}

/// Whether it is the sum of two integers that is no integer any more.
pub(super) fn is_overflow(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.extended_code == ffi::SQLITE_CONSTRAINT_DATATYPE)
}
