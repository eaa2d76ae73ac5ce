//! A home of its own for each test, and the real binary in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long something may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Sandbox { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// A file in it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary with nothing of the caller's environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.env_clear().env("HOME", self.dir.path()).env("USER", "alice");
        command.env("LANG", "C.UTF-8").current_dir(self.dir.path()).stdin(Stdio::null());
        command.arg("--state").arg(self.state());
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        Ran(self.command().args(args).output().unwrap())
    }

    /// The same with something on standard input.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A program that ends early closes its end.
            scope.spawn(move || stdin.write_all(input));
            Ran(child.wait_with_output().unwrap())
        })
    }

    pub fn once(&self, log: &Path) -> Value {
        self.run(["once".as_ref(), "--json".as_ref(), log.as_os_str()]).ok().json()
    }

    /// All bytes below a directory, one file after another.
    pub fn everything_in(dir: &Path) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            all.extend(path.as_os_str().as_encoded_bytes());
            if path.is_dir() {
                all.extend(Sandbox::everything_in(&path));
            } else if path.is_file() {
                all.extend(fs::read(path).unwrap());
            }
        }
        all
    }
}

/// What a run left.
pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().expect("ended by itself")
    }

    pub fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("output is UTF-8")
    }

    pub fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).expect("messages are UTF-8")
    }

    #[track_caller]
    pub fn ok(self) -> Ran {
        self.exits(0)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code(), code, "{}\n{}", self.err(), self.out());
        self
    }

    /// What it says on standard error.
    #[track_caller]
    pub fn says(self, part: &str) -> Ran {
        assert!(self.err().contains(part), "no {part:?} in {}", self.err());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.out()))
    }

    /// A picture, and its exit code: 69 exactly where a source did not say what it
    /// should, and then standard error names it with what is wrong.
    #[track_caller]
    pub fn picture(self) -> Value {
        let picture = self.json();
        let sources = picture["sources"].as_array().unwrap();
        let failed =
            |source: &&Value| ["denied", "error"].contains(&source["state"].as_str().unwrap());
        for source in sources.iter().filter(failed) {
            for part in [&source["name"], &source["problem"]] {
                assert!(self.err().contains(part.as_str().unwrap()), "{part}: {}", self.err());
            }
        }
        self.exits(if sources.iter().any(|source| failed(&source)) { 69 } else { 0 });
        picture
    }

    pub fn lines(&self) -> Vec<Value> {
        self.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A process that runs beside the test and prints JSON lines; it dies with it.
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Running { child, lines }
    }

    /// The next line that is like this.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("never: {what}") };
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Wait until it follows its first source: what is logged before stops nothing.
    pub fn follows(&self) {
        self.wait_for("it follows its source", |line| line["sources"][0]["state"] == "live");
    }

    #[track_caller]
    pub fn wait_for_event(&self, kind: &str) -> Value {
        self.wait_for(kind, |line| line["event"] == kind)
    }

    /// The signal with this name (`kill`'s names).
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Wait for its end; answers its exit code, `None` for a signal.
    pub fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Wait for something that a process does, but does not print.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The repository's file.
pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every log of the corpus.
pub fn corpus_logs() -> Vec<PathBuf> {
    let mut logs = Vec::new();
    for dir in ["tests/corpus/hostile", "tests/corpus/logs/samples", "tests/corpus/headers"] {
        let files = fs::read_dir(here(dir)).unwrap().map(|entry| entry.unwrap().path());
        let is_log = |path: &PathBuf| {
            let extension = path.extension().unwrap_or_default();
            path.is_file() && extension != "md" && extension != "json"
        };
        logs.extend(files.filter(is_log));
    }
    logs.sort();
    assert!(logs.len() > 20);
    logs
}

/// Now and then, as a log has it.
pub fn rfc3339(at: std::time::SystemTime) -> String {
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap();
    tripline::domain::Wall(i64::try_from(since.as_nanos()).unwrap()).rfc3339()
}

pub fn now() -> String {
    rfc3339(std::time::SystemTime::now())
}
