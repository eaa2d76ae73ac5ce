//! The socket file: private from its first moment, one listener, and no file of
//! somebody else's touched.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Clients that may wait to be let in.
const BACKLOG: i32 = 16;
/// How long it may take to find out that somebody listens who lets nobody in.
const CROWDED: Duration = Duration::from_millis(100);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers on it.
    #[error("another tripline serves on {}", .0.display())]
    InUse(PathBuf),
    /// Something else is in its place.
    #[error("{} is not a socket: it is left alone", .0.display())]
    NotASocket(PathBuf),
    /// A path longer than the system allows for sockets.
    #[error("{} is too long for a socket (108 bytes)", .0.display())]
    TooLong(PathBuf),
    /// The system said no.
    #[error("cannot listen on {}: {why}", .path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

/// A bound socket; its file goes with it.
#[derive(Debug)]
pub struct Bound {
    /// Where clients come in.
    pub listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Bound {
    /// Listen on `path`, replacing what a dead process left there.
    pub fn new(path: &Path) -> Result<Bound, SocketError> {
        let failed = |why: io::Error| SocketError::Failed { path: path.to_owned(), why };
        clear(path)?;
        let address =
            SocketAddrUnix::new(path).map_err(|_| SocketError::TooLong(path.to_owned()))?;
        let open = || -> rustix::io::Result<OwnedFd> {
            let socket = stream()?;
            // Before it has a name: the file gets this mode at once.
            fchmod(&socket, Mode::from_raw_mode(0o600))?;
            rustix::net::bind(&socket, &address)?;
            rustix::net::listen(&socket, BACKLOG)?;
            Ok(socket)
        };
        let listener = UnixListener::from(open().map_err(|error| failed(error.into()))?);
        listener.set_nonblocking(true).map_err(failed)?;
        let inode = path.symlink_metadata().map_err(failed)?.ino();
        Ok(Bound { listener, path: path.to_owned(), inode })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let ours = self.path.symlink_metadata().is_ok_and(|meta| meta.ino() == self.inode);
        if ours {
            // A file that stays is found dead, and replaced, by the next one.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A link in the state directory that leads to a socket elsewhere: whoever asks may
/// not have the environment that says where it is.
#[derive(Debug)]
pub struct Sign {
    at: PathBuf,
    to: PathBuf,
}

impl Sign {
    /// Put it up, in the place of one that leads nowhere any more. One that leads to us
    /// is left from a process that served here and fell.
    pub fn new(at: &Path, to: &Path) -> Result<Sign, SocketError> {
        let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
        let sign = Sign { at: at.to_owned(), to };
        if !sign.stands() {
            clear(at)?;
            std::os::unix::fs::symlink(&sign.to, at)
                .map_err(|why| SocketError::Failed { path: at.to_owned(), why })?;
        }
        Ok(sign)
    }

    fn stands(&self) -> bool {
        self.at.read_link().is_ok_and(|to| to == self.to)
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        if self.stands() {
            let _ = std::fs::remove_file(&self.at);
        }
    }
}

fn stream() -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// Be let in at `path`, and wait no longer for that than this: whoever listens may have
/// been stopped, with as many at the door as there is room for. Then it is
/// [`WouldBlock`](io::ErrorKind::WouldBlock).
pub fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let socket = stream()?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    rustix::net::connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

/// Make sure that nobody is at `path`.
fn clear(path: &Path) -> Result<(), SocketError> {
    let failed = |why: io::Error| SocketError::Failed { path: path.to_owned(), why };
    let meta = match path.symlink_metadata() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        meta => meta.map_err(failed)?,
    };
    // A sign (see below) leads to a socket, or to where one was.
    let leads = if meta.file_type().is_symlink() { path.metadata().ok() } else { Some(meta) };
    if leads.is_some_and(|meta| !meta.file_type().is_socket()) {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match connect(path, CROWDED) {
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        // Others wait to be let in, so somebody listens.
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
            Err(SocketError::InUse(path.to_owned()))
        }
        Err(why)
            if matches!(why.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) =>
        {
            std::fs::remove_file(path).map_err(failed)
        }
        Err(why) => Err(failed(why)),
    }
}
