//! What becomes of files under a running `serve`, and right after a restart: each call
//! is counted once, and what is there is not said to be gone.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::calls::{Truth, line};
use super::daemon::{Daemon, kept, serve, status_until};
use super::sandbox::{Sandbox, rfc3339};

fn text(truth: &mut Truth, calls: u64) -> String {
    let mut text = String::new();
    for _ in 0..calls {
        text += &line(truth.requests, SystemTime::now());
        truth.count();
    }
    text
}

fn findings(status: &Value) -> Vec<&str> {
    let findings = status["findings"].as_array().unwrap().iter();
    findings.filter_map(|finding| finding["kind"].as_str()).collect()
}

#[track_caller]
fn reach(sandbox: &Sandbox, truth: &Truth) -> Value {
    status_until(sandbox, &format!("all of {truth:?}"), |status| {
        let counted = status["totals"]["requests"].as_u64().unwrap();
        assert!(counted <= truth.requests, "{counted} of {truth:?}: {status:#}");
        truth.is(status) && kept(status)
    })
}

/// A log that was renamed while nothing ran, with most of its lines unread.
fn with_an_older_generation(sandbox: &Sandbox) -> (PathBuf, Truth) {
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 5);
    let daemon = Daemon::start(serve(sandbox, "", &[&log]));
    reach(sandbox, &truth);
    daemon.kill();
    truth.log(&log, 60_000);
    fs::rename(&log, sandbox.path("gw.log.1")).unwrap();
    (log, truth)
}

fn while_it_reads_what_is_older(sandbox: &Sandbox, log: &Path) -> (Daemon, Value) {
    let daemon = Daemon::start(serve(sandbox, "", &[log]));
    let seen = status_until(sandbox, "it reads what is older", |status| {
        status["totals"]["requests"].as_u64() > Some(5)
    });
    (daemon, seen)
}

/// An older generation is still being read when the live file is copied and cut: nothing of
/// it was read by then, and all of it is in the copy.
#[test]
fn what_waits_its_turn_after_a_restart_is_read_wherever_it_was_copied() {
    for packed in [false, true] {
        let sandbox = Sandbox::new();
        let (log, mut truth) = with_an_older_generation(&sandbox);
        truth.log(&log, 500);
        let (daemon, seen) = while_it_reads_what_is_older(&sandbox, &log);
        let is_behind = seen["sources"][0]["bytes_behind"].as_u64() > Some(1 << 20);
        fs::rename(sandbox.path("gw.log.1"), sandbox.path("gw.log.2")).unwrap();
        if packed {
            let to = File::create(sandbox.path("gw.log.1.gz")).unwrap();
            let mut to = flate2::write::GzEncoder::new(to, flate2::Compression::fast());
            to.write_all(&fs::read(&log).unwrap()).unwrap();
            to.finish().unwrap();
        } else {
            fs::copy(&log, sandbox.path("gw.log.1")).unwrap();
        }
        OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
        truth.log(&log, 50);
        let seen = reach(&sandbox, &truth);
        let told = findings(&seen);
        assert!(!told.contains(&"truncated") && !told.contains(&"rotated_gone"), "{seen:#}");
        assert!(!is_behind || told.contains(&"copytruncate"), "{seen:#}");
        daemon.stop();
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        status_until(&sandbox, "live", |status| status["sources"][0]["state"] == "live");
        reach(&sandbox, &truth);
        daemon.stop();
    }
}

/// The same without a copy: how much is lost is told.
#[test]
fn what_waited_its_turn_and_is_nowhere_is_a_finding() {
    let sandbox = Sandbox::new();
    let (log, truth) = with_an_older_generation(&sandbox);
    fs::write(&log, text(&mut truth.clone(), 500)).unwrap();
    let lost = fs::metadata(&log).unwrap().len();
    let (daemon, seen) = while_it_reads_what_is_older(&sandbox, &log);
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    if seen["sources"][0]["bytes_behind"].as_u64() > Some(1 << 20) {
        let seen = status_until(&sandbox, "it is told", |status| !findings(status).is_empty());
        let told = seen["findings"][0]["text"].as_str().unwrap();
        assert!(told.contains(&format!("{lost} bytes that were not read yet")), "{told}");
        reach(&sandbox, &truth);
    }
    daemon.stop();
}

/// Something happens to a log of which all was read, while `serve` runs and while it does not.
fn through(happens: impl Fn(&Sandbox, &Path, &mut Truth)) {
    for running in [true, false] {
        let sandbox = Sandbox::new();
        let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
        truth.log(&log, 40);
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        reach(&sandbox, &truth);
        let daemon = running.then_some(daemon);
        happens(&sandbox, &log, &mut truth);
        let daemon = daemon.unwrap_or_else(|| Daemon::start(serve(&sandbox, "", &[&log])));
        let seen = reach(&sandbox, &truth);
        assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
        assert_eq!(seen["totals"]["quarantined"], 0, "{seen:#}");
        truth.log(&log, 3);
        reach(&sandbox, &truth);
        daemon.stop();
    }
}

#[test]
fn a_log_that_is_truncated_and_grows_longer_than_before_is_read_from_its_first_line() {
    through(|_, log, truth| fs::write(log, text(truth, 90)).unwrap());
}

#[test]
fn a_link_that_leads_elsewhere_is_followed_and_what_it_led_to_is_read_to_its_end() {
    for running in [true, false] {
        let sandbox = Sandbox::new();
        let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
        fs::create_dir(sandbox.path("pod")).unwrap();
        let target = |n: u32| sandbox.path(&format!("pod/{n}.log"));
        truth.log(&target(0), 40);
        symlink(target(0), &log).unwrap();
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        reach(&sandbox, &truth);
        let mut daemon = running.then_some(daemon);
        for n in 1..4 {
            truth.log(&target(n), 20);
            symlink(target(n), sandbox.path("swap")).unwrap();
            fs::rename(sandbox.path("swap"), &log).unwrap();
            truth.log(&target(n - 1), 7);
            truth.log(&log, 5);
            daemon = daemon.or_else(|| Some(Daemon::start(serve(&sandbox, "", &[&log]))));
            reach(&sandbox, &truth);
            if !running {
                daemon.take().unwrap().kill();
            }
        }
        drop(daemon);
    }
}

#[test]
fn a_file_that_gets_the_inode_of_the_one_before_is_another_one() {
    through(|sandbox, log, truth| {
        let before = fs::metadata(log).unwrap().ino();
        fs::remove_file(log).unwrap();
        // Whoever has the old one open keeps its inode from being given out.
        for n in 0..20 {
            let other = sandbox.path(&format!("other-{n}"));
            File::create(&other).unwrap();
            if fs::metadata(&other).unwrap().ino() == before {
                fs::rename(other, log).unwrap();
                break;
            }
        }
        truth.log(log, 60);
    });
}

/// The inode that was ours is another log's generation now: under that name only content
/// would tell that it is ours. Calls have no id here: what is read twice counts twice.
fn an_inode_goes_to_another_log(ours_has: u64, packed: bool) {
    let sandbox = Sandbox::new();
    let [ours, others] = ["a.log", "c.log"].map(|name| sandbox.path(name));
    let mut written = 0;
    let mut log = |path: &Path, lines: u64| {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        for _ in 0..lines {
            written += 1;
            let at = rfc3339(SystemTime::now());
            writeln!(file, r#"{{"ts":"{at}","model":"m","input_tokens":{written},"cost":1}}"#)
                .unwrap();
        }
        written
    };
    let reach = |written: u64, state: &str| {
        status_until(&sandbox, "each line once", |status| {
            let counted = status["totals"]["requests"].as_u64().unwrap();
            assert!(counted <= written, "{counted} of {written}: {status:#}");
            let mut sources = status["sources"].as_array().unwrap().iter();
            let is_there = sources.all(|source| source["state"] == state || state.is_empty());
            is_there && counted == written && kept(status)
        })
    };
    let source = |path: &Path| {
        format!("[[source]]\nname = {0:?}\npaths = [{0:?}]\n", path.to_str().unwrap())
    };
    let both = source(&ours) + &source(&others);
    log(&ours, ours_has);
    let before = log(&others, 5);
    let daemon = Daemon::start(serve(&sandbox, &both, &[]));
    reach(before, "");
    daemon.stop();
    // Written in place, if it is there: that keeps the inode.
    let store = |content: &[u8], to: &Path| {
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).open(to).unwrap();
        if !packed {
            return to.write_all(content).unwrap();
        }
        let mut to = flate2::write::GzEncoder::new(to, flate2::Compression::fast());
        to.write_all(content).unwrap();
        to.finish().unwrap();
    };
    let ending = if packed { "1.gz" } else { "1" };
    let [our_older, their_older] = ["a.log", "c.log"].map(|name| format!("{name}.{ending}"));
    log(&others, 2);
    if ours_has > 0 {
        store(&fs::read(&ours).unwrap(), &sandbox.path(&our_older));
    }
    fs::rename(&ours, sandbox.path(&their_older)).unwrap();
    store(&fs::read(&others).unwrap(), &sandbox.path(&their_older));
    fs::remove_file(&others).unwrap();
    log(&ours, 1);
    let written = log(&others, 1);
    let daemon = Daemon::start(serve(&sandbox, &both, &[]));
    reach(written, "live");
    daemon.stop();
}

#[test]
fn an_inode_that_another_logs_generation_was_given_is_not_read_as_ours() {
    for packed in [false, true] {
        an_inode_goes_to_another_log(5, packed);
    }
}

#[test]
fn an_inode_of_an_empty_log_is_not_known_again_under_another_logs_name() {
    for packed in [false, true] {
        an_inode_goes_to_another_log(0, packed);
    }
}

/// A writer that does not append goes on where it was, in a file that was cut.
#[test]
fn a_hole_before_the_first_line_hides_nothing() {
    through(|_, log, truth| {
        let file = OpenOptions::new().write(true).open(log).unwrap();
        let at = file.metadata().unwrap().len();
        file.set_len(0).unwrap();
        file.write_all_at(text(truth, 30).as_bytes(), at).unwrap();
    });
}

/// Rotated, read to its end and deleted, as logrotate does with its oldest, less than a
/// minute before the end: nobody can add to it, so nothing of it can be missing.
#[test]
fn what_was_read_to_its_end_and_deleted_is_not_missed_after_a_clean_end() {
    let told_after = |end: &dyn Fn(Daemon), is_written_to: bool| {
        let sandbox = Sandbox::new();
        let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
        truth.log(&log, 40);
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        reach(&sandbox, &truth);
        let rotated = sandbox.path("gw.log.1");
        fs::rename(&log, &rotated).unwrap();
        let mut writer = OpenOptions::new().append(true).open(&rotated).unwrap();
        truth.log(&rotated, 2);
        truth.log(&log, 3);
        reach(&sandbox, &truth);
        // A clock of files goes by ticks.
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::remove_file(&rotated).unwrap();
        if is_written_to {
            std::thread::sleep(std::time::Duration::from_millis(50));
            writer.write_all(text(&mut truth, 1).as_bytes()).unwrap();
        }
        reach(&sandbox, &truth);
        end(daemon);
        truth.log(&log, 2);
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        status_until(&sandbox, "live", |status| status["sources"][0]["state"] == "live");
        let seen = reach(&sandbox, &truth);
        assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
        daemon.stop();
        findings(&seen).contains(&"rotated_gone")
    };
    let stop = |daemon: Daemon| drop(daemon.stop());
    assert!(!told_after(&stop, false), "all of it was read");
    // Who still wrote to it may do so after the end.
    assert!(told_after(&stop, true), "more may have come");
    assert!(told_after(&Daemon::kill, false), "nobody said that it was done");
}
