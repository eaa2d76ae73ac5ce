//! The other end of the socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::socket::connect;
use super::{Ask, MAX_ANSWER};

/// How long it may take to be let in, and an answer to begin, or to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("nobody serves on {}", .0.display())]
    NotRunning(PathBuf),
    /// Somebody is, and says nothing.
    #[error("{} serves on {} but does not answer within {} s", in_words(*.pid), .path.display(), PATIENCE.as_secs())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// Whose it is, where that can be told.
        pid: Option<u32>,
    },
    /// It says why there is none.
    #[error("what serves on {} says: {said}", .path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Its words.
        said: String,
    },
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
    let to = || path.to_owned();
    let failed = |why: io::Error| AskError::Failed { path: to(), why };
    let mut stream = connect(path, PATIENCE).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(to()),
        io::ErrorKind::WouldBlock => AskError::Silent { path: to(), pid: None },
        _ => failed(why),
    })?;
    let answer = exchange(&mut stream, ask).map_err(|why| match why.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            AskError::Silent { path: to(), pid: server_of(&stream) }
        }
        _ => failed(why),
    })?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| AskError::Strange(to()))?;
    if answer.get("schema").is_some() {
        return Ok(answer);
    }
    match answer.get("error").and_then(Value::as_str) {
        Some(said) => Err(AskError::Refused { path: to(), said: said.to_owned() }),
        None => Err(AskError::Strange(to())),
    }
}

fn exchange(stream: &mut UnixStream, ask: Ask) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = serde_json::to_vec(&ask)?;
    question.push(b'\n');
    let asked = stream.write_all(&question);
    let mut answer = Vec::new();
    let heard = stream.take(MAX_ANSWER as u64).read_to_end(&mut answer);
    // Who turns us away says so without having read the question, and has gone.
    if !answer.ends_with(b"\n") {
        asked?;
        heard?;
    }
    Ok(answer)
}

/// The process that listens there.
fn server_of(stream: &UnixStream) -> Option<u32> {
    let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
    u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
}

fn in_words(pid: Option<u32>) -> String {
    pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"))
}
