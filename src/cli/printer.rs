//! Printing on a thread of its own: a reader that takes nothing stops that thread, and
//! neither signals, nor timers, nor what the service manager hears.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use serde::Serialize;

use super::failure::{Failure, Kind};
use super::out::{Ended, write_json};
use crate::text::printable;

/// What may wait before whoever prints should leave its own where it is.
const ROOM: usize = 64 * 1024;
/// Bytes that are written at once: each that is taken shows that somebody reads.
const PART: usize = 4096;
/// How long, at the end, a reader may take nothing before it is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints what it is given, in that order. Never waits for a reader, but at the end.
pub struct Printer {
    /// Not yet handed to the thread.
    waiting: Vec<u8>,
    hand: Sender<Vec<u8>>,
    taken: Receiver<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Printer {
    /// To standard output.
    pub fn stdout() -> Result<Printer, Failure> {
        Printer::to(io::stdout())
    }

    /// To standard error.
    pub fn stderr() -> Result<Printer, Failure> {
        Printer::to(io::stderr())
    }

    fn to(stream: impl AsFd) -> Result<Printer, Failure> {
        let start = || {
            // A lock on the stream, held while it is full, would stop whoever wants it.
            let to = File::from(stream.as_fd().try_clone_to_owned()?);
            let (hand, handed) = bounded(1);
            let (take, taken) = bounded(1);
            let print = move || write_all(to, &handed, &take);
            let thread = thread::Builder::new().name("printer".into()).spawn(print)?;
            Ok(Printer { waiting: Vec::new(), hand, taken, thread })
        };
        start().map_err(|why: io::Error| {
            Failure::new(Kind::Failed, format!("cannot start the printer thread: {why}"))
        })
    }

    /// One JSON value, on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) {
        let line = self.waiting.len();
        if write_json(&mut self.waiting, value).is_err() {
            // Nothing of ours can't be written to memory; half a line would be no JSON.
            self.waiting.truncate(line);
        }
        self.pass();
    }

    /// One line of text.
    pub fn line(&mut self, text: &str) {
        self.waiting.extend_from_slice(printable(text).as_bytes());
        self.waiting.push(b'\n');
        self.pass();
    }

    /// Whether there is room for more. What is printed without is not lost, but kept.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < ROOM
    }

    /// Rings when the reader has taken something: then [`pass`](Printer::pass). Closed
    /// once nothing can be printed any more.
    pub fn taken(&self) -> &Receiver<()> {
        &self.taken
    }

    /// Hand to the thread what waits, if that has room.
    pub fn pass(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(waiting)) =
            self.hand.try_send(std::mem::take(&mut self.waiting))
        {
            self.waiting = waiting;
        }
    }

    /// Print the rest for as long as the reader takes it; what nobody takes is not said.
    pub fn finish(mut self) -> Result<(), Ended> {
        while !self.waiting.is_empty() {
            self.pass();
            match self.taken.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        drop(self.hand);
        loop {
            match self.taken.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match self.thread.join() {
            Ok(printed) => Ok(printed?),
            Err(_) => Err(Failure::new(Kind::Failed, "printing stopped; this is a defect").into()),
        }
    }
}

/// Until nobody hands anything over, or nobody reads it.
fn write_all(mut to: File, handed: &Receiver<Vec<u8>>, take: &Sender<()>) -> io::Result<()> {
    for bytes in handed {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            // One ring is enough for all that was taken since the last was heard.
            let _ = take.try_send(());
            let part = rest.get(..PART).unwrap_or(rest);
            match to.write(part) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let _ = take.try_send(());
    }
    Ok(())
}
