//! What is made to fail from outside: a disk that does not sync, a power cut, and a
//! kill at each system call of a trip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::calls::{Truth, line};
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::disk::Mounted;
use super::need;
use super::process::{PATIENCE, output, pause};
use super::sandbox::{Ran, Sandbox, until};

/// Row B13: the write-ahead log can't be synced, twice. What is kept is kept, it is
/// said, and no call is lost or counted twice.
#[test]
fn a_disk_that_does_not_sync_is_told_and_costs_no_call() {
    let Some(strace) = need::program("strace") else { return };
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 10);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    // Only the thread that writes the ledger, and only from here on.
    let thread = thread_of(daemon.pid(), "ledger").to_string();
    let inject = "inject=fsync,fdatasync:error=EIO:when=1..2";
    let mut failing = Command::new(strace);
    failing.args(["-qq", "-p", &thread, "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
    let mut failing = failing.args(["-e", inject]).stdin(Stdio::null()).spawn().unwrap();
    until("it is traced", || is_traced(daemon.pid(), &thread));
    // Calls of many minutes fill its log; it syncs when there is enough.
    let told = Instant::now();
    let seen = loop {
        old_calls(&log, &mut truth, 20_000);
        let seen = status_until(&sandbox, "all calls", |status| truth.is(status));
        let findings = seen["findings"].as_array().unwrap();
        if let Some(found) = findings.iter().find(|found| found["kind"] == "ledger_disk") {
            break found["text"].as_str().unwrap().to_owned();
        }
        assert!(told.elapsed() < 4 * PATIENCE, "it never syncs: {seen:#}");
    };
    assert!(seen.contains("the ledger was reopened"), "{seen}");
    truth.log(&log, 10);
    status_until(&sandbox, "it goes on", |status| truth.is(status) && kept(status));
    let _ = failing.kill();
    let _ = failing.wait();
    daemon.kill();
    Ran(sandbox.command().args(["ledger", "verify"]).output().unwrap()).ok();
    assert!(truth.is(&status(&sandbox)));
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 10);
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    daemon.stop();
}

/// Calls of as many minutes.
fn old_calls(log: &Path, truth: &mut Truth, count: u64) {
    let mut text = String::new();
    for _ in 0..count {
        let minutes = Duration::from_secs(60 * (truth.requests % 30_000));
        text += &line(truth.requests, SystemTime::now() - minutes);
        truth.count();
    }
    let mut file = fs::OpenOptions::new().append(true).open(log).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn thread_of(pid: u32, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let mut found = threads.filter(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    found.next().unwrap().file_name().to_str().unwrap().parse().unwrap()
}

fn is_traced(pid: u32, thread: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap();
    status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

/// Row B2. The file system is stopped at a random moment with all that it had not
/// written yet, as ext4's own tests do it: nothing in its journal or in memory gets
/// to the disk. What is not modelled is a disk that lies about what it has written.
#[test]
fn a_power_cut_at_any_moment_loses_no_trip_and_no_call() {
    let Some(python) = need::program("python3") else { return };
    let sandbox = Sandbox::new();
    let image = sandbox.path("image");
    let Some(disk) = Mounted::ext4(&image, &sandbox.state()) else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cuts = number("TRIPLINE_CUTS").unwrap_or(8);
    let mut dice = Dice(number("TRIPLINE_SEED").unwrap_or(1));
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let run = |args: &[&str]| Ran(sandbox.command().args(args).output().unwrap());
    truth.log(&log, 10);
    let mut tripped: Vec<PathBuf> = Vec::new();
    for cut in 0..cuts {
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        // From before it has read anything to after some of its commits.
        let end = Instant::now() + Duration::from_micros(dice.below(1_500_000));
        let trip = dice.below(2) == 0;
        while Instant::now() < end {
            truth.log(&log, 1 + dice.below(40));
            pause();
        }
        if trip {
            let scope = format!("model/openai/m-{cut}");
            run(&["switch", "trip", &scope, "--reason", "the power will go"]).ok();
            tripped.push(sandbox.path(&format!("state/kill.d/model.openai.m-{cut}.kill")));
        }
        stop_disk(&python, &sandbox.state());
        daemon.kill();
        disk.unmount_for_good();
        disk.mount();
        // It is whole, or nothing of it got to the disk.
        let verified = run(&["ledger", "verify"]);
        assert!([0, 69].contains(&verified.code()), "cut {cut}: {}", verified.err());
        for file in &tripped {
            assert!(file.exists(), "cut {cut}: {} was announced", file.display());
        }
        if !tripped.is_empty() {
            run(&["audit", "verify"]).ok();
        }
    }
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen =
        status_until(&sandbox, &format!("{truth:?}"), |status| truth.is(status) && kept(status));
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    daemon.stop();
    println!("power cuts survived: {cuts}, trips: {}, calls: {}", tripped.len(), truth.requests);
}

/// `EXT4_IOC_SHUTDOWN` without writing its journal first.
fn stop_disk(python: &Path, at: &Path) {
    let stop = "import fcntl, os, struct, sys\n\
                fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    output(Command::new(python).args(["-c", stop]).arg(at));
}

/// Rows B3 and B4: killed at each system call of a trip, it is made or not made, never
/// half; and it is synced before it is announced.
#[test]
fn a_trip_is_whole_wherever_it_is_killed_and_synced_before_it_is_announced() {
    let Some(strace) = need::program("strace") else { return };
    let calls = ["openat", "write", "fsync", "fdatasync", "renameat", "renameat2", "close"];
    let (mut kills, mut made) = (0, 0);
    for call in calls {
        for nth in 1..400 {
            let sandbox = Sandbox::new();
            let inject = format!("inject={call}:signal=SIGKILL:when={nth}");
            let ran = trip(&sandbox, &strace, &["-e", &format!("trace={call}"), "-e", &inject]);
            if ran.status.success() {
                break;
            }
            kills += 1;
            let file = sandbox.path("state/kill.d/all.kill");
            made += u32::from(file.exists());
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(said.is_empty() || file.exists(), "{call} {nth}: announced: {said}");
            sandbox.run(["switch", "trip", "all", "--reason", "again"]).ok();
            let note = fs::read(&file).unwrap();
            let note: serde_json::Value = serde_json::from_slice(&note).unwrap();
            assert_eq!(note["scope"], "all", "{call} {nth}");
            let dir = fs::read_dir(sandbox.path("state/kill.d")).unwrap().flatten();
            let names = dir.map(|entry| entry.file_name().into_string().unwrap());
            let seen: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
            assert_eq!(seen, ["all.kill"], "{call} {nth}");
            sandbox.run(["audit", "verify"]).ok();
        }
    }
    assert!(kills > 20 && made > 0 && made < kills, "{kills} kills, {made} of them after it");
    println!("kills within a trip: {kills}, of them after the rename: {made}");

    let sandbox = Sandbox::new();
    let trace = sandbox.path("trace");
    let calls = "trace=renameat,renameat2,fsync,write";
    let ran = trip(&sandbox, &strace, &["-y", "-e", calls, "-o", trace.to_str().unwrap()]);
    assert!(ran.status.success());
    let trace = fs::read_to_string(trace).unwrap();
    let find = |from: usize, what: &[&str]| {
        let mut lines = trace.lines().enumerate().skip(from);
        let found = lines.find(|(_, line)| what.iter().all(|what| line.contains(what)));
        found.unwrap_or_else(|| panic!("no {what:?} from line {from} on in\n{trace}")).0
    };
    let renamed = find(0, &["rename", "\"all.kill\""]);
    let synced = find(renamed, &["fsync(", "kill.d>) ", "= 0"]);
    let announced = find(0, &["write(1<"]);
    assert!(announced > synced, "{trace}");
}

fn trip(sandbox: &Sandbox, strace: &Path, more: &[&str]) -> std::process::Output {
    let plain = sandbox.command();
    let mut command = Command::new(strace);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-qq", "-f"]);
    if !more.contains(&"-o") {
        command.args(["-o", "/dev/null"]);
    }
    command.args(more).current_dir(sandbox.path(""));
    command.arg(plain.get_program()).args(plain.get_args());
    command.args(["switch", "trip", "all", "--reason", "a test"]).output().unwrap()
}

/// Equal seeds, equal numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
