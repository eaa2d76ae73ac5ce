//! The input thread: waits for the terminal and turns its bytes into messages.
//!
//! crossterm's reader spins for ever when its terminal dies, so the descriptor
//! is watched for a hang-up here and crossterm is only asked when bytes wait.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use crossterm::event::{Event, KeyEvent, MouseEventKind};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use super::terminal::open_input;
use super::update::Wheel;

/// How long crossterm is asked for an event, and how often it must have none.
/// It gives up without a look at what it has parsed already if the machine took
/// this long to get there, so one "none" is not believed: a key would wait for
/// the next key.
const PARSE: Duration = Duration::from_millis(50);
const ASKED: u32 = 2;

/// What comes from the terminal.
#[derive(Clone, Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The wheel.
    Wheel(Wheel),
    /// The size may have changed.
    Resized,
    /// The terminal is gone.
    Gone,
}

/// Stops the thread when dropped.
#[derive(Debug)]
pub struct InputThread {
    stop: Arc<OwnedFd>,
}

impl InputThread {
    /// Start the thread.
    pub fn start(events: Sender<Input>) -> io::Result<InputThread> {
        let tty = open_input()?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new().name("console-input".into()).spawn(move || {
            if read_events(&tty, &stopped, &events) == Ended::TerminalGone {
                let _ = events.send(Input::Gone);
            }
        })?;
        Ok(InputThread { stop })
    }
}

impl Drop for InputThread {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stopped,
    TerminalGone,
}

fn read_events(tty: &OwnedFd, stop: &OwnedFd, events: &Sender<Input>) -> Ended {
    loop {
        match wait(tty, stop) {
            Wait::Bytes => {}
            Wait::Interrupted => continue,
            Wait::Stopped => return Ended::Stopped,
            Wait::Gone => return Ended::TerminalGone,
        }
        let mut none = 0;
        while none < ASKED {
            match crossterm::event::poll(PARSE) {
                Ok(true) => none = 0,
                Ok(false) => {
                    none += 1;
                    continue;
                }
                Err(_) => return Ended::TerminalGone,
            }
            let Ok(event) = crossterm::event::read() else { return Ended::TerminalGone };
            let Some(input) = translate(event) else { continue };
            if events.send(input).is_err() {
                return Ended::Stopped;
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Bytes,
    Interrupted,
    Stopped,
    Gone,
}

fn wait(tty: &OwnedFd, stop: &OwnedFd) -> Wait {
    let mut fds = [
        PollFd::from_borrowed_fd(tty.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
    ];
    match poll(&mut fds, None) {
        Err(Errno::INTR) => return Wait::Interrupted,
        Err(_) => return Wait::Gone,
        Ok(_) => {}
    }
    let [tty, stop] = &fds;
    if !stop.revents().is_empty() {
        return Wait::Stopped;
    }
    if tty.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Wait::Gone;
    }
    if tty.revents().contains(PollFlags::IN) { Wait::Bytes } else { Wait::Interrupted }
}

fn translate(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) => Some(Input::Key(key)),
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Resize(..) => Some(Input::Resized),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => Some(Input::Wheel(Wheel::Down)),
            MouseEventKind::ScrollUp => Some(Input::Wheel(Wheel::Up)),
            _ => None,
        },
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A pipe hangs up as a terminal does.
    #[test]
    fn waiting_tells_bytes_from_the_end() {
        let stop = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = OwnedFd::from(reader);
        writer.write_all(b"q").unwrap();
        assert_eq!(wait(&reader, &stop), Wait::Bytes);
        drop(writer);
        assert_eq!(wait(&reader, &stop), Wait::Gone, "what is left of a dead line is not read");
        rustix::io::write(&stop, &1u64.to_ne_bytes()).unwrap();
        assert_eq!(wait(&reader, &stop), Wait::Stopped);
    }
}
