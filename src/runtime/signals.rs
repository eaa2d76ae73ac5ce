//! Signals, as values on a channel.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals as Hook};
use signal_hook::low_level::emulate_default_handler;

/// A signal the process received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: leave.
    Interrupt,
    /// SIGTERM: leave.
    Terminate,
    /// SIGQUIT: leave.
    Quit,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGTSTP: give the terminal back and stop.
    Stop,
    /// SIGCONT: take the terminal again.
    Continue,
    /// SIGWINCH: the terminal has another size.
    Resize,
}

/// Signals about the terminal that may wait to be looked at.
const WAITING: usize = 64;

impl Signal {
    fn is_to_leave(self) -> bool {
        !matches!(self, Signal::Stop | Signal::Continue | Signal::Resize)
    }
}

/// Catches signals for as long as it lives.
pub struct Signals {
    handle: Handle,
    received: Receiver<Signal>,
}

impl Signals {
    /// Catch the signals that end a program.
    pub fn ending() -> io::Result<Signals> {
        Signals::catch(&[SIGINT, SIGTERM, SIGQUIT, SIGHUP])
    }

    /// Catch those, and the ones that concern a terminal.
    pub fn with_terminal() -> io::Result<Signals> {
        Signals::catch(&[SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH])
    }

    fn catch(numbers: &[i32]) -> io::Result<Signals> {
        let mut hook = Hook::new(numbers)?;
        let handle = hook.handle();
        let (send, received) = unbounded();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for number in &mut hook {
                let Some(signal) = meaning(number) else { continue };
                // What is not looked at for so long says nothing new by coming again; a
                // reason to leave always finds room.
                if signal.is_to_leave() || send.len() < WAITING {
                    let _ = send.send(signal);
                }
            }
        })?;
        Ok(Signals { handle, received })
    }

    /// Where they arrive.
    #[must_use]
    pub fn received(&self) -> &Receiver<Signal> {
        &self.received
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// End as the system would have ended us on this signal, so that whoever started
/// us can tell. Comes back only if the system refuses, or if this is no signal
/// that ends anything.
pub fn end_by(signal: Signal) {
    let number = match signal {
        Signal::Interrupt => SIGINT,
        Signal::Terminate => SIGTERM,
        Signal::Quit => SIGQUIT,
        Signal::Hangup => SIGHUP,
        Signal::Stop | Signal::Continue | Signal::Resize => return,
    };
    // What was read from logs does not belong into a core file.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = emulate_default_handler(number);
}

fn meaning(number: i32) -> Option<Signal> {
    Some(match number {
        SIGINT => Signal::Interrupt,
        SIGTERM => Signal::Terminate,
        SIGQUIT => Signal::Quit,
        SIGHUP => Signal::Hangup,
        SIGTSTP => Signal::Stop,
        SIGCONT => Signal::Continue,
        SIGWINCH => Signal::Resize,
        _ => return None,
    })
}
