//! A pipe that takes no byte more, and a process that must end although it has one.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long it may take to end before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pipe that takes not one byte more, until it is read.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    while takes(&writer) {
        writer.write_all(&[b'\n'; 4096]).unwrap();
    }
    (reader, writer)
}

fn takes(pipe: &PipeWriter) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&at_once)).unwrap() > 0
}

/// A process that dies with its test.
pub struct Started(pub Child);

impl Started {
    pub fn of(command: &mut Command) -> Started {
        Started(command.spawn().unwrap())
    }

    /// The signal with this name (`kill`'s names).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Wait for its end.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The same with the little that it says.
    #[track_caller]
    pub fn ended(mut self) -> Output {
        let status = self.end();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.0.stdout.take().map(|mut from| from.read_to_end(&mut stdout).unwrap());
        self.0.stderr.take().map(|mut from| from.read_to_end(&mut stderr).unwrap());
        Output { status, stdout, stderr }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
