//! The real logrotate against a running `serve` and a program that writes all the
//! while: no call is lost but what logrotate destroys, and none is counted twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::calls::{Truth, line};
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::need;
use super::process::output;
use super::sandbox::{Sandbox, until};

/// A log in a directory that logrotate accepts, and its rules for it.
struct Scene {
    sandbox: Sandbox,
    logrotate: PathBuf,
}

impl Scene {
    fn new(rules: &str) -> Option<Scene> {
        let logrotate = need::program("logrotate")?;
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("logs")).unwrap();
        fs::create_dir(sandbox.path("old")).unwrap();
        let slow = "#!/bin/sh\n# Its output is in two parts, and the first is seen.\n\
                    gzip -1 | { head -c 512; sleep 0.3; cat; }\n";
        let slow = sandbox.file("slow-gzip", slow);
        fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
        let rules = rules
            .replace("SLOW", slow.to_str().unwrap())
            .replace("OLD", sandbox.path("old").to_str().unwrap());
        let log = sandbox.path("logs/gw.log");
        let rules = format!("{} {{\nrotate 100\nmissingok\n{rules}\n}}\n", log.display());
        let rules = sandbox.file("logrotate.conf", rules);
        fs::set_permissions(rules, fs::Permissions::from_mode(0o600)).unwrap();
        Some(Scene { sandbox, logrotate })
    }

    fn log(&self) -> PathBuf {
        self.sandbox.path("logs/gw.log")
    }

    /// As its timer runs it; forced, if its rules would not rotate yet.
    fn logrotate(&self, force: bool) -> Command {
        let mut command = Command::new(&self.logrotate);
        command.arg("--state").arg(self.sandbox.path("logrotate.state"));
        if force {
            command.arg("--force");
        }
        command.arg(self.sandbox.path("logrotate.conf"));
        command
    }

    fn rotate(&self) {
        output(&mut self.logrotate(true));
    }

    /// The number of each call that is on the disk, as often as it is there.
    fn on_disk(&self) -> Vec<u64> {
        let dirs = ["logs", "old"].map(|dir| fs::read_dir(self.sandbox.path(dir)).unwrap());
        let mut calls = Vec::new();
        for entry in dirs.into_iter().flatten() {
            let text = String::from_utf8(content(&entry.unwrap().path())).unwrap();
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let read = whole.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            calls.extend(read.map(|call| {
                let id = call["litellm_call_id"].as_str().unwrap();
                id.strip_prefix("c-").unwrap().parse::<u64>().unwrap()
            }));
        }
        calls
    }

    fn serve(&self) -> Daemon {
        Daemon::start(serve(&self.sandbox, "", &[&self.log()]))
    }
}

/// Writes calls until it is told to stop; opens the log anew some writes after it was
/// renamed, as a program does that is told by a signal.
struct Writer {
    stop: Sender<()>,
    thread: JoinHandle<Truth>,
}

impl Writer {
    fn start(log: &Path, truth: Truth) -> Writer {
        let (stop, stopped) = channel();
        let log = log.to_owned();
        Writer { stop, thread: std::thread::spawn(move || Writer::run(&log, truth, &stopped)) }
    }

    fn run(log: &Path, mut truth: Truth, stopped: &Receiver<()>) -> Truth {
        let open = || OpenOptions::new().append(true).create(true).open(log).unwrap();
        let (mut file, mut late) = (open(), 0);
        loop {
            for _ in 0..5 {
                file.write_all(line(truth.requests, SystemTime::now()).as_bytes()).unwrap();
                truth.count();
            }
            let there = log.metadata().map(|meta| meta.ino()).ok();
            if there != Some(file.metadata().unwrap().ino()) {
                late += 1;
                if late > 8 {
                    (file, late) = (open(), 0);
                }
            }
            if stopped.recv_timeout(Duration::from_millis(2)) != Err(RecvTimeoutError::Timeout) {
                return truth;
            }
        }
    }

    fn end(self) -> Truth {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

/// Says, where the test fails, what is there and what the ledger knows of it.
struct Unread<'s>(&'s Scene);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        let ledger = tripline::ledger::Reader::open(&self.0.sandbox.state()).unwrap();
        let mut text = String::new();
        for file in ledger.load().unwrap().checkpoints {
            let (inode, head) = (file.place.1, file.head);
            let (to, how) = (file.offset, file.progress);
            let _ = writeln!(text, "known: {inode} {head:x} up to {to}, {how:?}");
        }
        for entry in fs::read_dir(self.0.sandbox.path("logs")).unwrap().flatten() {
            let (bytes, inode) = (content(&entry.path()), entry.metadata().unwrap().ino());
            let head = bytes.iter().take(4096).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let (name, len) = (entry.file_name(), bytes.len());
            let _ = writeln!(text, "there: {inode} {head:x} {len} bytes {}", name.display());
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Of a log, compressed or not.
fn content(path: &Path) -> Vec<u8> {
    let (mut bytes, mut file) = (Vec::new(), File::open(path).unwrap());
    if path.extension().is_some_and(|ending| ending == "gz") {
        MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    } else {
        file.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn counted(scene: &Scene) -> u64 {
    status(&scene.sandbox)["totals"]["requests"].as_u64().unwrap()
}

/// Rotations while calls come; a kill in some of them.
fn rotations(scene: &Scene, count: usize, kills: bool) -> Truth {
    // What was rotated before the log was ever seen is no part of it.
    let mut truth = Truth::default();
    truth.log(&scene.log(), 1);
    let mut daemon = scene.serve();
    status_until(&scene.sandbox, "it is known", |status| truth.is(status) && kept(status));
    let writer = Writer::start(&scene.log(), truth);
    for round in 0..count {
        let before = scene.log().metadata().map_or(0, |meta| meta.len());
        let size = || scene.log().metadata().map_or(0, |meta| meta.len());
        until("it grows", || size() > before + 20_000);
        if kills && round % 3 == 1 {
            daemon.kill();
            scene.rotate();
            daemon = scene.serve();
        } else {
            scene.rotate();
        }
    }
    let truth = writer.end();
    let unread = Unread(scene);
    let seen = status_until(&scene.sandbox, &format!("{truth:?}"), |status| {
        truth.is(status) && kept(status)
    });
    std::mem::forget(unread);
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    daemon.stop();
    assert!(truth.is(&status(&scene.sandbox)));
    truth
}

#[test]
fn renamed_created_and_compressed_a_rotation_later() {
    let Some(scene) = Scene::new("create\ncompress\ndelaycompress") else { return };
    let truth = rotations(&scene, 12, true);
    let on_disk = scene.on_disk();
    assert_eq!(on_disk.len() as u64, truth.requests);
    println!("logrotate: 12 rotations, {} calls: 0 lost, 0 repeated", truth.requests);
}

#[test]
fn dated_names_in_another_directory_when_a_size_is_reached() {
    let rules = "create\nolddir OLD\ndateext\ndateformat -%Y%m%d-%s\nmaxsize 20k";
    let Some(scene) = Scene::new(rules) else { return };
    let mut truth = Truth::default();
    truth.log(&scene.log(), 1);
    let daemon = scene.serve();
    status_until(&scene.sandbox, "it is known", |status| truth.is(status) && kept(status));
    let writer = Writer::start(&scene.log(), truth);
    let moved = || fs::read_dir(scene.sandbox.path("old")).unwrap().count();
    for count in 1..4 {
        // A second rotation in the same second has no name, and is refused.
        until("it is large enough", || {
            let _ = scene.logrotate(false).output().unwrap();
            moved() >= count
        });
    }
    let truth = writer.end();
    let seen = status_until(&scene.sandbox, "all calls", |s| truth.is(s) && kept(s));
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    let gone = |finding: &Value| finding["kind"] == "rotated_gone";
    assert!(!seen["findings"].as_array().unwrap().iter().any(gone), "{seen:#}");
    daemon.stop();
}

/// Nobody writes while it copies and cuts, and we look only afterwards: all that was
/// not read yet is in the copy, which is compressed slowly.
#[test]
fn copied_and_truncated_with_the_rest_only_in_the_copy() {
    let rules = "copytruncate\ncompress\ncompresscmd SLOW";
    let Some(scene) = Scene::new(rules) else { return };
    let mut truth = Truth::default();
    truth.log(&scene.log(), 20);
    let mut daemon = scene.serve();
    status_until(&scene.sandbox, "all calls", |status| truth.is(status) && kept(status));
    for round in 0..4 {
        truth.log(&scene.log(), 300);
        let killed = round % 2 == 1;
        if killed {
            daemon.kill();
            truth.log(&scene.log(), 100);
            scene.rotate();
            truth.log(&scene.log(), 10);
            daemon = scene.serve();
        } else {
            daemon.signal("STOP");
            truth.log(&scene.log(), 100);
            scene.rotate();
            truth.log(&scene.log(), 10);
            daemon.signal("CONT");
        }
        let seen = status_until(&scene.sandbox, &format!("round {round}"), |status| {
            truth.is(status) && kept(status)
        });
        assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    }
    // Rule 4.1 d: we look while the copy is being compressed.
    truth.log(&scene.log(), 300);
    let rotating = std::thread::scope(|scope| {
        let rotating = scope.spawn(|| scene.rotate());
        let packed = || {
            let names = fs::read_dir(scene.sandbox.path("logs")).unwrap().flatten();
            names.filter(|entry| entry.path().extension().is_some_and(|e| e == "gz")).count()
        };
        let before = packed();
        until("it compresses", || packed() > before || rotating.is_finished());
        truth.log(&scene.log(), 10);
        rotating.join()
    });
    rotating.unwrap();
    let seen = status_until(&scene.sandbox, "all calls", |s| truth.is(s) && kept(s));
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    let said = |kind: &str| {
        let findings = seen["findings"].as_array().unwrap();
        findings.iter().any(|finding| finding["kind"] == kind)
    };
    assert!(said("copytruncate"), "that it is unsafe is said: {seen:#}");
    daemon.stop();
}

/// With a live writer logrotate itself destroys what comes between its copy and its
/// cut: all else is counted, once.
#[test]
fn copied_and_truncated_under_a_live_writer() {
    let Some(scene) = Scene::new("copytruncate\ncompress\ndelaycompress") else { return };
    let mut truth = Truth::default();
    truth.log(&scene.log(), 1);
    let daemon = scene.serve();
    status_until(&scene.sandbox, "it is known", |status| truth.is(status) && kept(status));
    let writer = Writer::start(&scene.log(), truth);
    for _ in 0..10 {
        let before = counted(&scene);
        until("calls come", || counted(&scene) > before + 100);
        scene.rotate();
    }
    let written = writer.end();
    let on_disk = scene.on_disk();
    let there: BTreeSet<u64> = on_disk.iter().copied().collect();
    assert_eq!(there.len(), on_disk.len(), "each is in one file");
    let all = |status: &Value| {
        let requests = status["totals"]["requests"].as_u64().unwrap();
        assert!(requests <= written.requests, "{requests} of {written:?}");
        requests >= there.len() as u64 && status["sources"][0]["bytes_behind"] == 0 && kept(status)
    };
    let seen = status_until(&scene.sandbox, &format!("{} calls", there.len()), all);
    assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    daemon.stop();
    println!(
        "copytruncate: {} calls written, {} left on the disk by logrotate, {} counted",
        written.requests,
        there.len(),
        seen["totals"]["requests"]
    );
}
