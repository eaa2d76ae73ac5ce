//! A command and all that it started: begun together, ended together.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::tap::Tap;
use crate::text;

/// Bytes of a line on standard error that are looked at.
const WORDS_BYTES: usize = 4096;
/// Characters of it that are shown.
const WORDS_SHOWN: usize = 200;
/// How long a command gets to end by itself, once it was asked to or has closed
/// its output.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// A running command. Dropping it ends its whole process group.
pub struct Process {
    /// Its standard output.
    pub out: File,
    /// Its standard error, until that is closed.
    pub err: Option<File>,
    said: Words,
    child: Child,
    over: Option<ExitStatus>,
}

impl Process {
    /// Start it: no shell, nothing to read on standard input, a process group of
    /// its own, so that a Ctrl-C for us is none for it.
    pub fn start(argv: &[String]) -> io::Result<Process> {
        let mut child = Command::new(argv.first().map(String::as_str).unwrap_or_default())
            .args(argv.iter().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let out = child.stdout.take().map(OwnedFd::from).map(File::from);
        let err = child.stderr.take().map(OwnedFd::from).map(File::from);
        let out = out.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Process { out, err, said: Words::default(), child, over: None })
    }

    /// Hear what it says on standard error, which is known to be something.
    pub fn hear(&mut self) {
        let Some(err) = &mut self.err else { return };
        let mut room = [0; WORDS_BYTES];
        match err.read(&mut room) {
            Ok(n) if n > 0 => self.said.hear(room.get(..n).unwrap_or_default()),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            _ => self.err = None,
        }
    }

    /// The last line it said on standard error: masked, printable, not long.
    pub fn last_words(&self) -> Option<String> {
        self.said.last()
    }

    /// Whether it has ended, though others may still hold its output.
    pub fn has_ended(&self) -> bool {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // Its number stays its own until it is waited for, so no other is killed.
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), ended), Ok(None)))
    }

    /// Kill what is left of its group.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// How it ended, after its output has. What it started ends with it, however much
    /// it still has to say.
    pub fn end(&mut self, tap: &Tap<'_>) -> Option<ExitStatus> {
        let until = tap.now().mono.plus(GRACE);
        while tap.now().mono < until && (self.err.is_some() || !self.has_ended()) {
            let woken = tap.stop.wait(self.err.as_ref(), None, LOOK);
            if woken.first {
                self.hear();
            }
            if woken.stop {
                break;
            }
        }
        self.kill();
        self.reap()
    }

    fn reap(&mut self) -> Option<ExitStatus> {
        if self.over.is_none() {
            self.over = self.child.wait().ok();
        }
        self.over
    }

    fn signal(&self, signal: Signal) {
        if let (Some(group), None) = (self.pid(), self.over) {
            // Usually there is nobody left.
            let _ = kill_process_group(group, signal);
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.over.is_some() {
            return;
        }
        self.signal(Signal::TERM);
        // It may still want to say goodbye to a server.
        for _ in 0..GRACE.as_millis() / LOOK.as_millis() {
            if self.has_ended() {
                break;
            }
            let time = rustix::event::Timespec::try_from(LOOK).ok();
            let _ = rustix::event::poll(&mut [], time.as_ref());
        }
        self.kill();
        self.reap();
    }
}

/// How a command ended, in words.
pub fn ending(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(0), _)) => "ended".to_owned(),
        Some((Some(code), _)) => format!("ended with exit code {code}"),
        Some((None, Some(signal))) => format!("was ended by signal {signal}"),
        _ => "ended, nobody knows how".to_owned(),
    }
}

/// The last line of a text that comes in pieces.
#[derive(Default)]
struct Words {
    line: Vec<u8>,
    last: Vec<u8>,
}

impl Words {
    fn hear(&mut self, bytes: &[u8]) {
        for (position, piece) in bytes.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if position > 0 {
                self.end_line();
            }
            let room = WORDS_BYTES.saturating_sub(self.line.len());
            self.line.extend(piece.iter().take(room));
        }
    }

    fn end_line(&mut self) {
        if !self.line.trim_ascii().is_empty() {
            std::mem::swap(&mut self.line, &mut self.last);
        }
        self.line.clear();
    }

    fn last(&self) -> Option<String> {
        let open = !self.line.trim_ascii().is_empty();
        let line = if open { &self.line } else { &self.last };
        let line = String::from_utf8_lossy(line.trim_ascii());
        let shown = text::printable(&text::mask(&line)).into_owned();
        let shown = text::cut(&shown, WORDS_SHOWN, text::Ellipsis::default()).into_owned();
        (!shown.is_empty()).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&[u8]]) -> Option<String> {
        let mut words = Words::default();
        for piece in pieces {
            words.hear(piece);
        }
        words.last()
    }

    #[test]
    fn the_last_line_is_kept_whole_masked_and_harmless() {
        for (pieces, kept) in [
            (&[b"".as_slice()][..], None),
            (&[b"\n  \n"], None),
            (&[b"one\ntwo\n"], Some("two")),
            (&[b"one\ntw", b"o\n\n \r\n"], Some("two")),
            (&[b"one\nnot yet over"], Some("not yet over")),
            (&[b"\x1b[31mred\x1b[0m\n"], Some("\\u{1b}[31mred\\u{1b}[0m")),
            (&[b"key sk-proj-abcdefghijklmnop", b"qrstuvwx1234\n"], Some("key sk-proj-…1234")),
        ] {
            assert_eq!(last(pieces).as_deref(), kept, "{pieces:?}");
        }
        let long = last(&[&vec![b'x'; 100_000], b"\n"]).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (200, true));
    }
}
