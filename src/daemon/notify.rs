//! A word to the service manager: one datagram each, nothing to wait for.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the service manager listens.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
}

impl Notifier {
    /// The manager behind `NOTIFY_SOCKET`: a path, or a name that starts with `@`.
    pub fn new(name: &OsStr) -> io::Result<Notifier> {
        let manager = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Notifier { socket, manager })
    }

    /// Everything is set up.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The engine is alive.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// It ends.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, word: &str) {
        // A manager that does not listen is no reason to stop watching.
        let _ = self.socket.send_to_addr(word.as_bytes(), &self.manager);
    }
}
