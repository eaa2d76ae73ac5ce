//! Processes of a test: their lines as they come, and their end with the test's.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Longer than anything here takes on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The same for the start of a server: `LiteLLM`'s takes twenty seconds of work.
const START: Duration = Duration::from_secs(180);
/// How long a process may take to end.
const END: Duration = Duration::from_secs(5);

/// A running process; when it is dropped it is asked to end, and what is left of its
/// group is killed.
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
            .process_group(0)
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

    /// Waits until it listens there.
    pub fn listens(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            assert!(self.runs() && Instant::now() < deadline, "{}: {}", self.name, self.said());
            pause();
        }
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
        self.signal(Signal::TERM);
        let deadline = Instant::now() + END;
        while self.runs() && Instant::now() < deadline {
            pause();
        }
        let _all_ended = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Between two looks at a condition: leaves the processor to those who work on it.
pub fn pause() {
    thread::park_timeout(Duration::from_millis(10));
}

/// The output of a command that must succeed.
pub fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {} {said}", done.status);
    String::from_utf8(done.stdout).unwrap()
}
