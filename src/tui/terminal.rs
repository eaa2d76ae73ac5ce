//! The terminal itself: taking it over, giving it back whatever happens, and
//! writing to it without ever waiting for it longer than asked.
//!
//! It is opened a second time, non-blocking, because that flag on the inherited
//! descriptor would be shared with the shell.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::options::{Mouse, TuiError};

/// How long giving the terminal back may wait for it to take the bytes.
const RESTORE_MS: i64 = 200;
/// How long one wait for room lasts before the reason to wait is checked again.
const WRITE_MS: i64 = 100;

const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[0m\x1b[2J";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// A terminal that can be taken over and given back.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    before: Termios,
    mouse: Mouse,
    taken: AtomicBool,
    /// Held during a write, which never waits: so that nothing of a frame comes
    /// after the bytes that give the terminal back.
    writing: Mutex<()>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it is out.
    All,
    /// The terminal was given back meanwhile, or takes no bytes.
    Stopped,
    /// The terminal is gone.
    Gone,
}

/// Gives the terminal back when dropped.
#[derive(Debug)]
pub struct Guard(Arc<Terminal>);

impl Guard {
    /// Take the terminal over until this is dropped or the process panics.
    pub fn take(terminal: Arc<Terminal>) -> Result<Guard, TuiError> {
        let guard = Guard(Arc::clone(&terminal));
        terminal.take()?;
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            terminal.give_back();
            report(panic);
        }));
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Terminal {
    /// The terminal behind standard output.
    pub fn open(mouse: Mouse) -> Result<Terminal, TuiError> {
        let stdout = io::stdout();
        let before = tcgetattr(&stdout).map_err(|_| TuiError::NotATerminal)?;
        let failed = |source: io::Error| TuiError::Terminal { what: "open", source };
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let tty = rustix::termios::ttyname(&stdout, Vec::new())
            .and_then(|path| rustix::fs::open(path, flags, Mode::empty()));
        let tty = match tty {
            Ok(tty) => tty,
            // No such path here, as in some containers: share the descriptor.
            Err(_) => stdout.as_fd().try_clone_to_owned().map_err(failed)?,
        };
        Ok(Terminal { tty, before, mouse, taken: AtomicBool::new(false), writing: Mutex::new(()) })
    }

    /// Raw mode, alternate screen, bracketed paste, no cursor.
    pub fn take(&self) -> Result<(), TuiError> {
        let mut raw = self.before.clone();
        raw.make_raw();
        tcsetattr(&self.tty, OptionalActions::Now, &raw)
            .map_err(|errno| TuiError::Terminal { what: "set up", source: errno.into() })?;
        self.taken.store(true, Ordering::SeqCst);
        let mouse = if self.mouse == Mouse::On { MOUSE_ON } else { b"" };
        self.write_within(&[ENTER, mouse].concat(), RESTORE_MS);
        Ok(())
    }

    /// Undo [`take`](Self::take). Safe to call at any time, from any thread, and
    /// more than once; a terminal that takes no bytes is given up after a while.
    pub fn give_back(&self) {
        if self.taken.swap(false, Ordering::SeqCst) {
            let mouse = if self.mouse == Mouse::On { MOUSE_OFF } else { b"" };
            let leave = [mouse, LEAVE].concat();
            if self.write_within(&leave, RESTORE_MS) == Written::Stopped {
                // Frames that nobody has read yet stand in the way. They are worth
                // nothing any more, the state of the terminal is.
                let _ = tcflush(&self.tty, QueueSelector::OFlush);
                self.write_within(&leave, RESTORE_MS);
            }
            let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        }
    }

    /// Whether it is taken over now.
    pub fn is_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst)
    }

    /// Its size now; 80x24 where it does not know.
    pub fn size(&self) -> Size {
        match tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
            _ => Size::new(80, 24),
        }
    }

    /// Write all of it, however long the terminal takes, unless the terminal is
    /// given back or goes away.
    pub fn write(&self, mut bytes: &[u8]) -> Written {
        while !bytes.is_empty() {
            let room = self.wait_for_room(WRITE_MS);
            let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.is_taken() {
                return Written::Stopped;
            }
            let written = room.and_then(|room| self.write_into(room, bytes));
            drop(writing);
            match written {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(_) => return Written::Gone,
            }
        }
        Written::All
    }

    /// Write plain lines after the terminal was given back.
    pub fn print(&self, lines: &str) {
        self.write_within(lines.as_bytes(), RESTORE_MS);
    }

    fn write_within(&self, mut bytes: &[u8], milliseconds: i64) -> Written {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let room = self.wait_for_room(milliseconds);
            match room.and_then(|room| self.write_into(room, bytes)) {
                Ok(0) => return Written::Stopped,
                Err(_) => return Written::Gone,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            }
        }
        Written::All
    }

    fn wait_for_room(&self, milliseconds: i64) -> Result<Room, Errno> {
        let timeout =
            Timespec { tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000 };
        let mut fds = [PollFd::new(&self.tty, PollFlags::OUT)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(Room::None),
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
        let [fd] = &fds;
        if fd.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(Errno::IO);
        }
        Ok(Room::Some)
    }

    /// Bytes written, without waiting.
    fn write_into(&self, room: Room, bytes: &[u8]) -> Result<usize, Errno> {
        if room == Room::None {
            return Ok(0);
        }
        match rustix::io::write(&self.tty, bytes) {
            Err(Errno::INTR | Errno::AGAIN) => Ok(0),
            written => written,
        }
    }
}

/// Whether the terminal takes bytes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    None,
    Some,
}

/// The terminal that keys come from: standard input, or else the controlling one.
pub fn open_input() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if rustix::termios::isatty(&stdin) {
        return stdin.as_fd().try_clone_to_owned();
    }
    Ok(File::open("/dev/tty")?.into())
}
