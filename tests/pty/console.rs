//! The real binary on a real pseudo-terminal, with a model of the screen.
//!
//! Nothing here sleeps: bytes are waited for on a channel, and what makes no
//! bytes is looked at on a tick, both with a deadline.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select, tick, unbounded};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, tcgetattr};
use tempfile::TempDir;

/// Long enough for a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Esc as it can be sent right before another key. Once, it and the key would be
/// the same bytes as Alt and that key.
pub const ESC: &str = "\x1b\x1b";

/// Columns and rows.
type Size = (u16, u16);

/// What is started, and in which surroundings.
pub struct Launch {
    home: TempDir,
    command: CommandBuilder,
    size: Size,
}

impl Launch {
    /// `tripline ARGS…` at 80x24 in surroundings of its own.
    pub fn new<S: AsRef<str>>(args: &[S]) -> Launch {
        Launch::program(env!("CARGO_BIN_EXE_tripline"), args)
    }

    /// Another program in the same surroundings.
    pub fn program<S: AsRef<str>>(program: &str, args: &[S]) -> Launch {
        let home = tempfile::Builder::new().prefix("tripline-pty-").tempdir().unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args.iter().map(AsRef::as_ref));
        command.env_clear();
        command.cwd(home.path());
        let scratch = home.path().join("tmp");
        std::fs::create_dir(&scratch).unwrap();
        for (name, value) in [
            ("PATH", "/usr/bin:/bin"),
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("USER", "mira"),
            ("HOME", home.path().to_str().unwrap()),
            ("TMPDIR", scratch.to_str().unwrap()),
        ] {
            command.env(name, value);
        }
        Launch { home, command, size: (80, 24) }
    }

    /// At another size.
    pub fn size(mut self, columns: u16, rows: u16) -> Launch {
        self.size = (columns, rows);
        self
    }

    /// With a variable of the environment set.
    pub fn env(mut self, name: &str, value: &str) -> Launch {
        self.command.env(name, value);
        self
    }

    /// The directory that is home to the process; logs can be put there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Start it.
    pub fn start(self) -> Console {
        let pair = native_pty_system().openpty(pty_size(self.size)).unwrap();
        let path = pair.master.tty_name().expect("the terminal has a path");
        let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).unwrap();
        let tty = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
        let before = tcgetattr(&tty).unwrap();
        let mut child = pair.slave.spawn_command(self.command).unwrap();
        drop(pair.slave);
        let pid = child.process_id().expect("a process has an id");
        let (ended_in, ended) = bounded(1);
        std::thread::spawn(move || ended_in.send(child.wait().unwrap()));
        let gate = Arc::new(Gate::default());
        let (chunks_in, chunks) = unbounded();
        let reader = pair.master.try_clone_reader().unwrap();
        let at_gate = Arc::clone(&gate);
        std::thread::spawn(move || drain(reader, &at_gate, &chunks_in));
        let (columns, rows) = self.size;
        Console {
            home: self.home,
            writer: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            tty: Some(tty),
            before,
            pid: Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(),
            ended,
            status: None,
            gate,
            chunks,
            model: vt100::Parser::new(rows.max(2), columns.max(2), 0),
            bytes: Vec::new(),
        }
    }
}

/// A running process, its terminal, and what is on its screen.
pub struct Console {
    home: TempDir,
    writer: Option<Box<dyn Write + Send>>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// Our own end of the process's side, so that it can be looked at.
    tty: Option<File>,
    before: Termios,
    pid: Pid,
    ended: Receiver<portable_pty::ExitStatus>,
    status: Option<portable_pty::ExitStatus>,
    gate: Arc<Gate>,
    chunks: Receiver<Vec<u8>>,
    model: vt100::Parser,
    bytes: Vec<u8>,
}

/// How a process ended, and what it left on its terminal.
#[derive(Debug)]
pub struct Ended {
    /// Exit code, or the name of the signal it died of.
    pub status: Result<u32, String>,
    /// Everything that was written to the terminal.
    pub bytes: Vec<u8>,
    /// What the screen shows now.
    pub screen: String,
    /// Whatever is not as it was before; empty if all is.
    pub left_behind: String,
}

impl Console {
    /// What the screen shows.
    pub fn screen(&mut self) -> String {
        self.take_in();
        self.model.screen().contents()
    }

    /// Everything written to the terminal so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.take_in();
        &self.bytes
    }

    /// What was written after the first `start` bytes.
    pub fn bytes_since(&mut self, start: usize) -> &[u8] {
        &self.bytes()[start..]
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The process's side of the terminal.
    pub fn tty(&self) -> &File {
        self.tty.as_ref().expect("the terminal is there")
    }

    /// The terminal as the model sees it.
    pub fn terminal(&mut self) -> &vt100::Screen {
        self.take_in();
        self.model.screen()
    }

    /// Wait until the screen shows a text.
    pub fn wait_for(&mut self, text: &str, within: Duration) {
        self.wait_until(&format!("{text:?}"), within, |screen| screen.contents().contains(text));
    }

    /// Wait until the screen no longer shows a text.
    pub fn wait_gone(&mut self, text: &str, within: Duration) {
        let what = format!("no {text:?}");
        self.wait_until(&what, within, |screen| !screen.contents().contains(text));
    }

    /// Wait until the screen is as wanted.
    pub fn wait_until(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&vt100::Screen) -> bool,
    ) {
        let over = after(within);
        while !wanted(self.model.screen()) {
            select! {
                recv(self.chunks) -> chunk => if let Ok(chunk) = chunk {
                    self.show(&chunk);
                } else {
                    panic!("{}", self.complaint(what, "the terminal closed"));
                },
                recv(over) -> _ => panic!("{}", self.complaint(what, "it took too long")),
            }
        }
    }

    /// Press keys.
    pub fn send(&mut self, keys: &str) {
        let writer = self.writer.as_mut().expect("the terminal is there");
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Give the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.take_in();
        // Before the process can draw at the new size, on an empty model: it
        // panics when it is shrunk through what it shows.
        self.model = vt100::Parser::new(rows.max(2), columns.max(2), 0);
        self.model.process(b"\x1b[?1049h\x1b[?2004h\x1b[?25l");
        self.master.as_ref().unwrap().resize(pty_size((columns, rows))).unwrap();
    }

    /// Send the process a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Read nothing any more. Returns once that is so.
    pub fn freeze(&mut self) {
        self.gate.close(PATIENCE);
    }

    /// Read again.
    pub fn thaw(&mut self) {
        self.gate.open();
    }

    /// The terminal goes away, as when a connection drops.
    pub fn hang_up(&mut self) {
        self.freeze();
        self.gate.leave();
        // Anything that holds our side must go before the system hangs up.
        for _ in &self.chunks {}
        self.tty = None;
        self.writer = None;
        self.master = None;
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.ended.try_recv().ok();
        }
        self.status.is_none()
    }

    /// Processor time the process used so far, in ticks of the system.
    pub fn ticks_used(&self) -> Option<u64> {
        let stat = Stat::read(self.pid.as_raw_nonzero().get())?;
        Some(stat.number(11) + stat.number(12))
    }

    /// Wait for the end of the process and take stock.
    pub fn end(mut self, within: Duration) -> Ended {
        let over = after(within);
        let mut chunks = self.chunks.clone();
        while self.is_alive() {
            select! {
                recv(self.ended) -> status => self.status = status.ok(),
                recv(chunks) -> chunk => match chunk {
                    Ok(chunk) => self.show(&chunk),
                    Err(_) => chunks = never(),
                },
                recv(over) -> _ => panic!("{}", self.complaint("its end", "it took too long")),
            }
        }
        let status = self.status.clone().expect("it has ended");
        let status = status.signal().map_or(Ok(status.exit_code()), |name| Err(name.to_owned()));
        let mut left_behind = String::new();
        if let Some(tty) = self.tty.take() {
            let now = tcgetattr(&tty).unwrap();
            if !same_modes(&self.before, &now) {
                let _ = writeln!(left_behind, "modes: {now:?}, were {:?}", self.before);
            }
        }
        self.gate.open();
        // With the last holder gone, reading comes to an end.
        while let Ok(chunk) = self.chunks.recv_timeout(PATIENCE) {
            self.show(&chunk);
        }
        left_behind.push_str(&self.modes_left());
        for process in in_session(self.pid) {
            let _ = writeln!(left_behind, "process {process}");
        }
        for entry in std::fs::read_dir(self.home.path().join("tmp")).unwrap() {
            let _ = writeln!(left_behind, "file {}", entry.unwrap().path().display());
        }
        Ended {
            status,
            bytes: std::mem::take(&mut self.bytes),
            screen: self.model.screen().contents(),
            left_behind,
        }
    }

    /// Whether the modes of the terminal are what they were before.
    pub fn modes_are_restored(&self) -> bool {
        same_modes(&self.before, &tcgetattr(self.tty()).unwrap())
    }

    /// What the screen is still in that a shell would not be.
    pub fn modes_left(&mut self) -> String {
        self.take_in();
        let screen = self.model.screen();
        let mut left = String::new();
        for (is_left, what) in [
            (screen.alternate_screen(), "the alternate screen"),
            (screen.hide_cursor(), "a hidden cursor"),
            (screen.bracketed_paste(), "bracketed paste"),
            (screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None, "the mouse"),
            (screen.bold() || screen.inverse(), "attributes"),
        ] {
            if is_left {
                let _ = writeln!(left, "{what}");
            }
        }
        left
    }

    fn take_in(&mut self) {
        while let Ok(chunk) = self.chunks.try_recv() {
            self.show(&chunk);
        }
    }

    fn show(&mut self, chunk: &[u8]) {
        self.model.process(chunk);
        self.bytes.extend_from_slice(chunk);
    }

    fn complaint(&mut self, what: &str, why: &str) -> String {
        let alive = if self.is_alive() { "running" } else { "ended" };
        format!(
            "waited for {what}: {why}; the process is {alive}: {:?}\n{}",
            self.status,
            self.model.screen().contents()
        )
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.gate.leave();
        if self.is_alive() {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = kill_process(self.pid, Signal::CONT);
        }
    }
}

/// Wait until something is so that makes no bytes on a terminal.
pub fn until(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let over = after(within);
    let look = tick(Duration::from_millis(5));
    while !is_so() {
        select! {
            recv(look) -> _ => {}
            recv(over) -> _ => panic!("waited for {what}: it took too long"),
        }
    }
}

/// Processes of a session, by name.
pub fn in_session(leader: Pid) -> Vec<String> {
    let leader = u64::try_from(leader.as_raw_nonzero().get()).unwrap();
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let stats = pids.filter_map(Stat::read);
    let members = stats.filter(|stat| stat.number(3) == leader && stat.state() != 'Z');
    members.map(|stat| format!("{} {}", stat.pid, stat.name)).collect()
}

/// What the system says of a process, from `/proc/PID/stat`.
pub struct Stat {
    pid: i32,
    name: String,
    fields: Vec<String>,
}

impl Stat {
    /// `None` if there is no such process.
    pub fn read(pid: i32) -> Option<Stat> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, fields) = text.rsplit_once(") ")?;
        let name = head.split_once('(')?.1.to_owned();
        Some(Stat { pid, name, fields: fields.split(' ').map(str::to_owned).collect() })
    }

    /// `R`, `S`, `T` and so on.
    pub fn state(&self) -> char {
        self.fields[0].chars().next().unwrap()
    }

    fn number(&self, field: usize) -> u64 {
        self.fields[field].parse().unwrap_or_default()
    }
}

/// A file in the home of a process that a test appends to.
pub fn append(path: &PathBuf, lines: &[String]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
}

/// Stops the reader between two reads.
#[derive(Default)]
struct Gate {
    at: Mutex<Passage>,
    changed: Condvar,
}

#[derive(Default)]
struct Passage {
    closed: bool,
    left: bool,
    waiting: bool,
}

impl Gate {
    fn close(&self, within: Duration) {
        let mut at = self.at.lock().unwrap();
        at.closed = true;
        let (_at, timeout) = self.changed.wait_timeout_while(at, within, |at| !at.waiting).unwrap();
        assert!(!timeout.timed_out(), "the reader still waits for bytes");
    }

    fn open(&self) {
        self.at.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    fn leave(&self) {
        self.at.lock().unwrap().left = true;
        self.changed.notify_all();
    }

    /// Whether to go on.
    fn pass(&self) -> bool {
        let mut at = self.at.lock().unwrap();
        at.waiting = at.closed;
        self.changed.notify_all();
        let mut at = self.changed.wait_while(at, |at| at.closed && !at.left).unwrap();
        at.waiting = false;
        !at.left
    }
}

fn drain(mut reader: Box<dyn Read + Send>, gate: &Gate, chunks: &Sender<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while gate.pass() {
        match reader.read(&mut buffer) {
            Ok(count) if count > 0 && chunks.send(buffer[..count].to_vec()).is_ok() => {}
            _ => return,
        }
    }
}

fn pty_size((cols, rows): Size) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn same_modes(one: &Termios, other: &Termios) -> bool {
    format!("{one:?}") == format!("{other:?}")
}
