//! The console on a real pseudo-terminal: it takes the terminal over, and gives
//! it back whatever happens.
//!
//! This binary starts itself again inside the terminal, as the program that
//! runs the console; `child` is that program and does nothing otherwise.

#![allow(clippy::disallowed_methods, reason = "this file plays the part of runtime and cli")]
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod console;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use console::snapshots;
use crossbeam_channel::{Receiver, bounded, unbounded};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal as OsSignal, kill_process};
use tripline::domain::{Mono, Stamp};
use tripline::runtime::{Command, Signal, Signals};
use tripline::tui::{ConsoleOptions, Wires, run};

/// Long enough for a loaded machine; nothing waits so long when it works.
const DEADLINE: Duration = Duration::from_secs(20);
const MODE: &str = "TRIPLINE_TEST_CONSOLE_MODE";
const RESULT: &str = "TRIPLINE_TEST_CONSOLE_RESULT";

#[test]
fn quitting_gives_the_terminal_back() {
    let mut terminal = Terminal::start("plain");
    terminal.wait_for_screen("LIMITS worst first");
    assert!(terminal.screen.screen().alternate_screen());
    assert!(terminal.screen.screen().hide_cursor());
    terminal.send(b"q");
    terminal.wait_for_exit("Ok(Quit)");
    terminal.assert_given_back();
}

#[test]
fn quitting_with_a_capital_leaves_the_screen() {
    let mut terminal = Terminal::start("plain");
    terminal.wait_for_screen("LIMITS worst first");
    terminal.send(b"Q");
    terminal.wait_for_exit("Ok(QuitKeepScreen)");
    terminal.assert_given_back();
    terminal.wait_for_screen("LIMITS worst first");
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, exit) in [
        (OsSignal::TERM, "Ok(Signal(Terminate))"),
        (OsSignal::INT, "Ok(Signal(Interrupt))"),
        (OsSignal::QUIT, "Ok(Signal(Quit))"),
        (OsSignal::HUP, "Ok(TerminalGone)"),
    ] {
        let mut terminal = Terminal::start("plain");
        terminal.wait_for_screen("LIMITS worst first");
        terminal.kill(signal);
        terminal.wait_for_exit(exit);
        terminal.assert_given_back();
    }
}

#[test]
fn a_panic_anywhere_gives_the_terminal_back_and_ends_the_console() {
    let mut terminal = Terminal::start("panic");
    terminal.wait_for_screen("LIMITS worst first");
    terminal.send(b"aa");
    terminal.wait_for_screen("the engine is no more");
    terminal.wait_for_exit("Ok(Ended)");
    terminal.assert_given_back();
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back() {
    let mut terminal = Terminal::start("plain");
    terminal.wait_for_screen("LIMITS worst first");
    terminal.kill(OsSignal::TSTP);
    terminal.wait_until("stopped", |terminal| terminal.state() == Some('T'));
    terminal.assert_given_back();
    terminal.kill(OsSignal::CONT);
    terminal.wait_until("drawn again", |terminal| terminal.screen.screen().alternate_screen());
    terminal.send(b"q");
    terminal.wait_for_exit("Ok(Quit)");
}

/// Also where no SIGHUP comes: the descriptor itself tells.
#[test]
fn a_dead_terminal_ends_the_console() {
    for mode in ["plain", "deaf"] {
        let mut terminal = Terminal::start_unread(mode);
        terminal.wait_until_fed();
        terminal.hang_up();
        terminal.wait_for_exit("Ok(TerminalGone)");
    }
}

/// Nobody reads the terminal: pictures are still taken in, and the end comes.
#[test]
fn a_stuck_terminal_stops_nothing() {
    let mut terminal = Terminal::start_unread("flood");
    terminal.wait_until_fed();
    terminal.kill(OsSignal::TERM);
    terminal.wait_for_exit("Ok(Signal(Terminate))");
}

#[test]
fn a_new_size_is_drawn() {
    let mut terminal = Terminal::start("plain");
    terminal.wait_for_screen("LIMITS worst first");
    terminal.resize(12, 40);
    terminal.wait_until("narrow", |terminal| {
        let contents = terminal.screen.screen().contents();
        contents.contains("?help !EMERGENCY q)uit") && !contents.contains("/filter")
    });
    terminal.send(b"q");
    terminal.wait_for_exit("Ok(Quit)");
}

#[test]
fn pasted_keys_are_not_keys_on_a_real_terminal() {
    let mut terminal = Terminal::start("plain");
    terminal.wait_for_screen("LIMITS worst first");
    terminal.send(b"\x1b[200~qqq!t\n\x1b[201~?");
    terminal.wait_for_screen("HELP");
    terminal.send(b"\x1b[Aq");
    terminal.wait_for_exit("Ok(Quit)");
}

#[test]
fn child() {
    let (Ok(mode), Some(result)) = (std::env::var(MODE), std::env::var_os(RESULT)) else { return };
    let result = PathBuf::from(result);
    let (frames_in, frames) = bounded(1);
    let (commands, orders) = unbounded::<Command>();
    let (answers_in, answers) = unbounded();
    // A panic drops what its thread owns; how soon depends on the backtrace it prints.
    let _open = frames_in.clone();
    let caught = Signals::with_terminal().unwrap();
    let signals = if mode == "deaf" { without_hangups(&caught) } else { caught.received().clone() };
    let fed = result.with_extension("fed");
    let flood = mode == "flood";
    std::thread::spawn(move || {
        let alarm = Arc::new(snapshots::alarm());
        // What differs in state is drawn at once, so a flood fills the terminal.
        let other = if flood { Arc::new(snapshots::normal()) } else { Arc::clone(&alarm) };
        for _ in 0..if flood { 2000 } else { 1 } {
            frames_in.send(Arc::clone(&other)).unwrap();
            frames_in.send(Arc::clone(&alarm)).unwrap();
        }
        std::fs::write(fed, "").unwrap();
        let order = orders.recv();
        assert!(mode != "panic" || order.is_err(), "the engine is no more");
        // Both channels stay open for as long as the console wants them.
        let _ = orders.recv();
        drop((frames_in, answers_in));
    });
    let start = Instant::now();
    let clock = || Stamp {
        mono: Mono(u64::try_from(start.elapsed().as_nanos()).unwrap()),
        wall: snapshots::now().plus(start.elapsed()),
    };
    let wires = Wires { frames, commands, answers, signals, over: crossbeam_channel::never() };
    let exit = run(wires, &clock, ConsoleOptions::default()).map(|left| left.exit);
    std::fs::write(result, format!("{exit:?}")).unwrap();
    std::process::exit(0);
}

/// What the runtime hands in; a deaf program never hears that its line is cut.
fn without_hangups(signals: &Signals) -> Receiver<Signal> {
    let received = signals.received().clone();
    let (sender, receiver) = unbounded();
    std::thread::spawn(move || {
        for signal in received.iter().filter(|signal| *signal != Signal::Hangup) {
            let _ = sender.send(signal);
        }
    });
    receiver
}

/// A pseudo-terminal with the console in it.
struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    settings: String,
    result: PathBuf,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn start(mode: &str) -> Terminal {
        let mut terminal = Terminal::start_unread(mode);
        let mut reader = terminal.master().try_clone_reader().unwrap();
        let (sender, bytes) = unbounded();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let _ = sender.send(buffer.get(..count).unwrap().to_vec());
            }
        });
        terminal.bytes = bytes;
        terminal
    }

    fn start_unread(mode: &str) -> Terminal {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let settings = settings(&*pair.master);
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("result");
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["child", "--exact", "--nocapture", "--quiet"]);
        command.env(MODE, mode);
        command.env(RESULT, &result);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        Terminal {
            writer: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            bytes: unbounded().1,
            screen: vt100::Parser::new(24, 80, 0),
            child,
            settings,
            result,
            _folder: folder,
        }
    }

    fn master(&self) -> &dyn MasterPty {
        &**self.master.as_ref().expect("not hung up")
    }

    fn send(&mut self, bytes: &[u8]) {
        self.writer.as_mut().expect("not hung up").write_all(bytes).unwrap();
    }

    fn kill(&self, signal: OsSignal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        self.screen.screen_mut().set_size(rows, cols);
        self.master().resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn hang_up(&mut self) {
        self.writer = None;
        self.master = None;
    }

    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.process_id()?));
        stat.ok()?.rsplit_once(") ")?.1.chars().next()
    }

    fn wait_for_screen(&mut self, text: &str) {
        self.wait_until(text, |terminal| terminal.screen.screen().contents().contains(text));
    }

    /// The console has taken in all pictures.
    fn wait_until_fed(&mut self) {
        let fed = self.result.with_extension("fed");
        self.wait_until("fed", |_| fed.exists());
    }

    fn wait_for_exit(&mut self, exit: &str) {
        let result = self.result.clone();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        self.wait_until(exit, |_| !read(&result).is_empty());
        assert_eq!(read(&result), exit);
        self.child.wait().unwrap();
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(200)) {
            self.screen.process(&bytes);
        }
    }

    fn wait_until(&mut self, what: &str, mut done: impl FnMut(&Terminal) -> bool) {
        let give_up = Instant::now() + DEADLINE;
        while !done(self) {
            assert!(
                Instant::now() < give_up,
                "never saw {what:?}; the screen is\n{}",
                self.screen.screen().contents()
            );
            let (_never, tick) = bounded::<()>(0);
            crossbeam_channel::select! {
                recv(self.bytes) -> bytes => match bytes {
                    Ok(bytes) => self.screen.process(&bytes),
                    Err(_) => { let _ = tick.recv_timeout(Duration::from_millis(10)); }
                },
                default(Duration::from_millis(10)) => {}
            }
        }
    }

    fn assert_given_back(&mut self) {
        self.wait_until("the main screen", |terminal| {
            let screen = terminal.screen.screen();
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        });
        let before = self.settings.clone();
        self.wait_until("the settings from before", |terminal| {
            settings(terminal.master()) == before
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}
