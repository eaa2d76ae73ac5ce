//! What can go wrong with a kill switch, and what a person can do about it.

#![allow(
    clippy::unnecessary_debug_formatting,
    reason = "a path may hold anything: quoted and escaped it is safe to show"
)]

use std::io;
use std::path::PathBuf;

use super::entry::FileKind;
use super::guard::STICKY;

/// A refusal or a failure. [`hint`](SwitchError::hint) says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The directory's path is relative, empty or names no directory of its own.
    #[error("the switch directory {path:?} is not an absolute path to a directory of its own")]
    NotAbsolute {
        /// As given.
        path: PathBuf,
    },
    /// The directory is a symbolic link.
    #[error("the switch directory {path:?} is a symbolic link")]
    Symlink {
        /// The directory.
        path: PathBuf,
    },
    /// The path is no directory.
    #[error("the switch directory {path:?} is not a directory")]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// Group or others may write into the directory.
    #[error("others may write into the switch directory {path:?} (mode {mode:04o})")]
    WritableByOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whether it belongs to us.
        ours: bool,
    },
    /// Anyone may replace a directory above it.
    #[error("anyone may replace what is in {path:?} (mode {mode:04o}), above the switch directory")]
    UnsafeParent {
        /// The directory above.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory belongs to someone else.
    #[error("the switch directory {path:?} belongs to uid {owner}, not to uid {us} or root")]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// The directory is on a network file system that was not allowed.
    #[error("the switch directory {path:?} is on a network file system ({kind})")]
    NetworkFs {
        /// The directory.
        path: PathBuf,
        /// Which kind.
        kind: &'static str,
    },
    /// Another process holds the directory.
    #[error("the switch directory {path:?} is held by another tripline{}", pid_text(*pid))]
    Held {
        /// The directory.
        path: PathBuf,
        /// The other process, if it has written who it is.
        pid: Option<u32>,
    },
    /// Something that is no file has the name of a kill file.
    #[error("{path:?} is {}, not a file", kind.words())]
    NotAFile {
        /// The name.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A reset without a reason or without a name.
    #[error("a reset needs {missing}")]
    ResetIncomplete {
        /// What is missing, in words.
        missing: &'static str,
    },
    /// The kill file is not ours.
    #[error("{path:?} was not written by tripline (it belongs to uid {owner})")]
    Foreign {
        /// The kill file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
    },
    /// The path leads to another directory than the one that was opened.
    #[error("{path:?} is no longer the switch directory that was opened")]
    Moved {
        /// The path.
        path: PathBuf,
    },
    /// The kill file could not be read back.
    #[error("{path:?} was removed or replaced right after the trip")]
    Unconfirmed {
        /// The kill file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path:?}: {source}")]
    Io {
        /// What was tried, e.g. `open`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl SwitchError {
    /// Whether nobody could do it, whoever asks: the file system is read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self, SwitchError::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem)
    }

    /// One sentence that says what to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            SwitchError::NotAbsolute { .. } => {
                "give a path that starts with /, such as /run/tripline/kill.d".into()
            }
            SwitchError::Symlink { .. } => "give the directory that the link leads to".into(),
            SwitchError::NotADirectory { .. } => {
                "give a directory; one that does not exist yet is created".into()
            }
            // Such as /tmp: others need it as it is.
            SwitchError::WritableByOthers { mode, ours, .. } if mode & STICKY != 0 || !ours => {
                "choose a directory of its own, such as /run/tripline/kill.d".into()
            }
            SwitchError::WritableByOthers { path, .. } => {
                format!("run: chmod go-w {path:?}")
            }
            SwitchError::UnsafeParent { path, .. } => {
                format!("run: chmod o-w {path:?}, or choose a directory elsewhere")
            }
            SwitchError::ForeignOwner { path, us, .. } => {
                format!("run tripline as the owner, or: chown {us} {path:?}")
            }
            SwitchError::NetworkFs { kind, .. } => format!(
                "choose a local directory, or allow it by name: allow_network_fs = \"{kind}\""
            ),
            SwitchError::Held { .. } => {
                "that is no trouble: whoever asks for a stop here makes its file without it".into()
            }
            SwitchError::NotAFile { path, .. } => format!(
                "look at it, then remove it: gateways do not agree on whether {path:?} stops them"
            ),
            SwitchError::ResetIncomplete { .. } => {
                "say who resets and why: both go into the audit record".into()
            }
            SwitchError::Foreign { .. } => {
                "ask its owner why the traffic is stopped; force the reset if it may go".into()
            }
            SwitchError::Moved { .. } => {
                "open the directory anew, and check that gateways read this path".into()
            }
            SwitchError::Unconfirmed { .. } => {
                "find out who removes kill files, then trip again".into()
            }
            SwitchError::Io { source, .. } => io_hint(source).into(),
        }
    }
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "run as a user who may write there",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only; remount it or move",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there",
        io::ErrorKind::NotFound => "check that the directory still exists",
        _ => "see the system's log for that disk",
    }
}
