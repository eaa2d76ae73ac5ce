//! Why a source can't be read. Each variant names the path it concerns.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::SourceState;

/// Why a source can't be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// `~` is the shell's business, and no shell has seen this path.
    #[error("{0}: `~` is not expanded here; write the full path")]
    Tilde(String),
    /// A glob pattern that is none.
    #[error("{pattern}: not a valid pattern: {why}")]
    Pattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A pattern that matches nothing.
    #[error("{0}: no file matches")]
    NoFile(String),
    /// Something is there, but it is no file.
    #[error("{path}: {kind}, not a regular file")]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// `a named pipe`, `a device`, ...
        kind: &'static str,
    },
    /// It is compressed in a way that is not unpacked here.
    #[error("{0}: compressed, and only gzip is unpacked here")]
    Packed(PathBuf),
    /// What is asked, or a program, says nothing.
    #[error("{source_name}: {why}")]
    Unanswered {
        /// The configured source.
        source_name: String,
        /// What went wrong, in words.
        why: String,
    },
    /// It can't be opened.
    #[error("{path}: can't be opened: {why}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        why: io::Error,
    },
    /// It can't be read.
    #[error("{path}: can't be read: {why}")]
    Read {
        /// Which file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        why: io::Error,
    },
}

impl SourceError {
    /// The state of a source that this happens to.
    #[must_use]
    pub fn state(&self) -> SourceState {
        match self {
            SourceError::Open { why, .. } | SourceError::Read { why, .. }
                if why.kind() == io::ErrorKind::PermissionDenied =>
            {
                SourceState::Denied
            }
            _ => SourceState::Error,
        }
    }
}
