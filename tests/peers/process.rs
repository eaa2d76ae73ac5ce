//! Processes of a test: their lines as they come, and their end with the test's.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running process; it is asked to end when it is dropped.
pub struct Process {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: PathBuf,
}

impl Process {
    /// Starts it; what it says on standard error goes to a file in `dir`.
    pub fn start(name: &'static str, dir: &Path, command: &mut Command) -> Process {
        let errors = dir.join(format!("{name}.stderr"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (send, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            // Ends with the process, or with the test that no longer listens.
            lines.map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        let stdin = child.stdin.take();
        Process { name, child, stdin, lines, errors }
    }

    /// The next line of its output.
    pub fn line(&self, deadline: Instant) -> String {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{} is late: {}", self.name, self.said()),
            Err(RecvTimeoutError::Disconnected) => panic!("{} ended: {}", self.name, self.said()),
        }
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ended = kill_process(Pid::from_child(&self.child), signal);
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if self.runs() {
            // Not SIGKILL: the workers of nginx would outlive it.
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// The output of a command that must succeed.
pub fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {} {said}", done.status);
    String::from_utf8(done.stdout).unwrap()
}
