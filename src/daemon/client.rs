//! The other end of the socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Ask, MAX_ANSWER};

/// How long an answer may take to begin, or to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("nobody serves on {}", .0.display())]
    NotRunning(PathBuf),
    /// Somebody is, but not for us.
    #[error("{}: {why}", .path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// It said something else.
    #[error("what answers on {} is no tripline of this version", .0.display())]
    Strange(PathBuf),
}

/// Ask the daemon on `path`.
pub fn ask(path: &Path, ask: Ask) -> Result<Value, AskError> {
    let strange = || AskError::Strange(path.to_owned());
    let answer = exchange(path, ask).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NotRunning(path.to_owned())
        }
        _ => AskError::Failed { path: path.to_owned(), why },
    })?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| strange())?;
    if answer.get("schema").is_none() { Err(strange()) } else { Ok(answer) }
}

fn exchange(path: &Path, ask: Ask) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = serde_json::to_vec(&ask)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64).read_to_end(&mut answer)?;
    Ok(answer)
}
