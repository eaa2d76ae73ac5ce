//! What the console writes to its terminal and what it costs, idle and while
//! lines arrive, in two sizes.
//!
//!     cargo bench --bench terminal -- [--quick] [--seconds N] [--rate N]
//!
//! `--rate` is in lines each millisecond.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a bench that can't go on must end")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

#[path = "../support/args.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod args;
#[path = "../support/cpu.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod cpu;
#[path = "../support/lean.rs"]
mod lean;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/rng.rs"]
mod rng;
#[path = "../support/truth.rs"]
mod truth;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use args::Args;
use load::Load;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// Time for the first frames, which are not counted.
const SETTLE: Duration = Duration::from_secs(3);

fn main() {
    let args = Args::read();
    let span = Duration::from_secs(args.number("--seconds", if args.quick { 2 } else { 20 }));
    let rate = args.number("--rate", 10);
    println!("{:<10} {:<8} {:>10} {:>12} {:>10}", "size", "", "bytes/s", "CPU s/min", "RSS MiB");
    for (cols, rows) in [(80, 24), (200, 60)] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("access.jsonl");
        File::create(&log).unwrap();
        let size = PtySize { rows, cols, ..PtySize::default() };
        let mut screen = Screen::open(dir.path(), &log, size);
        // A second of traffic first, so that idle is not empty.
        let load = Load::start(&log, rate);
        thread::sleep(Duration::from_secs(1));
        drop(load);
        thread::sleep(SETTLE);
        screen.measure(&format!("{cols}x{rows}"), "idle", span);
        let load = Load::start(&log, rate);
        thread::sleep(SETTLE);
        screen.measure(&format!("{cols}x{rows}"), "loaded", span);
        drop(load);
        screen.close();
    }
}

/// The console in a terminal of its own.
struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// Closing it would end the terminal.
    _pty: Box<dyn portable_pty::MasterPty + Send>,
    written: Arc<AtomicU64>,
}

impl Screen {
    fn open(dir: &Path, log: &Path, size: PtySize) -> Screen {
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tripline"));
        command.arg("--state");
        command.arg(dir.join("state"));
        command.arg(log);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let written = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&written);
        thread::spawn(move || {
            let mut block = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = reader.read(&mut block) {
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
        Screen { child, _pty: pty.master, written }
    }

    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    fn measure(&mut self, size: &str, state: &str, span: Duration) {
        let pid = self.child.process_id().unwrap();
        let start = Instant::now();
        let before = (self.written.load(Ordering::Relaxed), cpu::process_ns(pid));
        thread::sleep(span);
        let took = start.elapsed().as_secs_f64();
        let bytes = self.written.load(Ordering::Relaxed) - before.0;
        let spent = cpu::process_ns(pid) - before.1;
        let (memory, _) = cpu::memory_kib(pid);
        println!(
            "{size:<10} {state:<8} {:>10.0} {:>12.2} {:>10.1}",
            bytes as f64 / took,
            spent as f64 / 1e9 / took * 60.0,
            memory as f64 / 1024.0,
        );
    }

    fn close(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
