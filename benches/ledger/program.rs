//! The real program over a ledger: how fast `serve` keeps a backlog, beside `wc -l`
//! over the same file in turn with it, and how long a console takes to its first
//! frame.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::cpu;
use super::fat::Fat;
use super::lean::Lean;
use super::truth::Truth;

/// Who has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// In the row of any cap, of which there are none before the ledger is read.
const SHOWN: &str = "/$";

/// A log of known sums.
struct Log {
    name: &'static str,
    path: PathBuf,
    bytes: u64,
    truth: Truth,
}

/// A backlog of each kind, kept by `serve`.
pub fn serve(megabytes: u64, rounds: usize, now_ms: u64) {
    let dir = tempfile::tempdir().unwrap();
    println!("serve: a backlog read and kept by the real program, beside `wc -l` in turn");
    for log in [lean(dir.path(), megabytes, now_ms), fat(dir.path(), megabytes, now_ms)] {
        let (mut wc, mut ours, mut wall, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            wc.push(cpu::child_ns(Command::new("wc").arg("-l").arg(&log.path)) as f64);
            let kept = keep(&log);
            ours.push(kept.cpu_ns as f64);
            wall.push(kept.wall.as_secs_f64());
            bytes = kept.ledger_bytes;
        }
        let [wc, ours, wall] = [&mut wc, &mut ours, &mut wall].map(|all| cpu::median(all));
        let size = log.bytes as f64;
        println!(
            "  {:<5} {:>4.0} MB, {:>8} calls: wc -l {:.2} GB/cpu-s, serve with its ledger {:.3} \
             GB/cpu-s and {:.3} GB/s, {:.1} x wc; ledger {:.0} bytes for a million calls",
            log.name,
            size / 1e6,
            log.truth.requests,
            size / wc,
            size / ours,
            size / 1e9 / wall,
            ours / wc,
            bytes as f64 / log.truth.requests as f64 * 1e6,
        );
    }
}

struct Kept {
    cpu_ns: u64,
    wall: Duration,
    ledger_bytes: u64,
}

/// From the start of the process until the ledger holds every call.
fn keep(log: &Log) -> Kept {
    let state = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.env_clear().env("HOME", state.path()).arg("--state").arg(state.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let begun = Instant::now();
    let mut serve = program().arg("serve").arg(&log.path).spawn().unwrap();
    let reader = || tripline::ledger::Reader::open(state.path())?.totals();
    let wanted = i64::try_from(log.truth.requests).unwrap();
    // Looking is cheap and rare: it is not in the figures, which are of the process.
    while reader().map_or(0, |totals| totals.requests) < wanted {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        thread::sleep(Duration::from_millis(20));
    }
    let wall = begun.elapsed();
    let cpu_ns = cpu::process_ns(serve.id());
    let totals = reader().unwrap();
    assert_eq!(totals.requests, wanted);
    if log.truth.cost > 0 {
        assert_eq!(totals.cost.0, log.truth.cost, "not to the cent");
    }
    let ended = Command::new("kill").arg(serve.id().to_string()).status().unwrap();
    assert!(ended.success() && serve.wait().unwrap().success());
    let ledger_bytes = fs::metadata(state.path().join("ledger.db")).unwrap().len();
    Kept { cpu_ns, wall, ledger_bytes }
}

fn lean(dir: &Path, megabytes: u64, now_ms: u64) -> Log {
    let mut truth = Truth::default();
    // An hour of a busy gateway ends now.
    let mut lean = Lean::new(now_ms - 3_600_000, 1);
    write(dir, "lean", megabytes, |out| lean.line(out, &mut truth)).with(&truth)
}

fn fat(dir: &Path, megabytes: u64, now_ms: u64) -> Log {
    let mut truth = Truth::default();
    let mut fat = Fat::new(now_ms - 3_600_000);
    write(dir, "fat", megabytes, |out| fat.line(out, &mut truth)).with(&truth)
}

fn write(
    dir: &Path,
    name: &'static str,
    megabytes: u64,
    mut line: impl FnMut(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Log {
    let path = dir.join(format!("{name}.jsonl"));
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let mut bytes = 0;
    while bytes < megabytes * 1_000_000 {
        for _ in 0..1000 {
            line(&mut out).unwrap();
        }
        out.flush().unwrap();
        bytes = out.get_ref().metadata().unwrap().len();
    }
    Log { name, path, bytes, truth: Truth::default() }
}

impl Log {
    fn with(self, truth: &Truth) -> Log {
        Log { truth: *truth, ..self }
    }
}

/// Consoles over a ledger that is there: how long until each shows what was spent.
pub fn first_frame(state: &Path, rounds: usize) {
    let config = state.join("bench.toml");
    let log = state.join("bench.log");
    File::create(&log).unwrap();
    let caps = ["day", "week", "month", "24h"].map(|period| {
        format!(
            "[[cap]]\nname = \"{period}\"\nusd = 1000000\nperiod = \"{period}\"\n\
             [[cap]]\nname = \"each {period}\"\nusd = 100000\nperiod = \"{period}\"\neach = \"key\"\n"
        )
    });
    let source = format!("[[source]]\nname = \"gw\"\npaths = [{:?}]\n", log.to_str().unwrap());
    fs::write(&config, source + &caps.concat()).unwrap();
    for access in [&[][..], &["--read-only"]] {
        let (mut wall, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (took, spent) = console(state, &config, access);
            wall.push(took.as_secs_f64() * 1e3);
            cpu.push(spent as f64 / 1e6);
        }
        let least = wall.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "first frame{}: {:.0} ms, at best {least:.0} ms; {:.0} ms of CPU (goal: 300 ms)",
            if access.is_empty() { "" } else { " --read-only" },
            cpu::median(&mut wall),
            cpu::median(&mut cpu),
        );
    }
}

/// From the start of the process until the terminal shows a cap with what was spent.
fn console(state: &Path, config: &Path, access: &[&str]) -> (Duration, u64) {
    let size = PtySize { rows: 24, cols: 80, ..PtySize::default() };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear();
    for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("HOME", "/")] {
        command.env(name, value);
    }
    command.args(access);
    command.args(["--state".as_ref(), state.as_os_str(), "--config".as_ref(), config.as_os_str()]);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let (send, blocks) = channel();
    thread::spawn(move || {
        let mut block = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut block) {
            if send.send(block[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let begun = Instant::now();
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    wait_for(&blocks, SHOWN);
    let took = begun.elapsed();
    let spent = cpu::process_ns(child.process_id().unwrap());
    let mut keys = pty.master.take_writer().unwrap();
    keys.write_all(b"\x03").unwrap();
    assert!(child.wait().unwrap().success());
    (took, spent)
}

fn wait_for(blocks: &Receiver<Vec<u8>>, shown: &str) {
    let mut seen = vt100::Parser::new(24, 80, 0);
    let deadline = Instant::now() + PATIENCE;
    while !seen.screen().contents().contains(shown) {
        let left = deadline.saturating_duration_since(Instant::now());
        let block = blocks.recv_timeout(left);
        seen.process(&block.unwrap_or_else(|_| panic!("never: {}", seen.screen().contents())));
    }
}
