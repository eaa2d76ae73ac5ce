//! Sources that can't be read: seen in the first word, an alert within seconds, and
//! exact again once they can. And what the tail must leave to others is said.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::calls::Truth;
use super::contract;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::disk::Mounted;
use super::sandbox::Sandbox;

const NOBODY: u32 = 65_534;

fn source<'s>(status: &'s Value, name: &str) -> &'s Value {
    let sources = status["sources"].as_array().unwrap();
    sources.iter().find(|source| source["name"] == name).expect("it is configured")
}

/// The state of the alert about this source.
fn alert<'s>(status: &'s Value, name: &str) -> &'s Value {
    let alerts = status["alerts"].as_array().unwrap().iter();
    let mut about = alerts
        .filter(|alert| alert["rule"] == "source-unreadable" && alert["labels"]["source"] == name);
    about.next().map_or(&Value::Null, |alert| &alert["state"])
}

fn two_sources(sandbox: &Sandbox, second: &Path) -> String {
    format!(
        "[[source]]\nname = \"good\"\npaths = [{:?}]\n[[source]]\nname = \"bad\"\npaths = [{:?}]\n",
        sandbox.path("good.log").to_str().unwrap(),
        second.to_str().unwrap()
    )
}

/// Bad, as the status must tell it, in words and by an alert.
fn is_told(sandbox: &Sandbox, state: &str, problem: &str) {
    let seen = status_until(sandbox, "it is told", |status| {
        source(status, "bad")["state"] == state && alert(status, "bad") == "firing"
    });
    assert_eq!(contract::snapshot(&seen), [""; 0]);
    assert_eq!(seen["state"], "warning", "{seen:#}");
    assert!(seen["verdict"].as_str().unwrap().contains("trouble reading bad (1 of 2 sources)"));
    assert!(source(&seen, "bad")["problem"].as_str().unwrap().contains(problem), "{seen:#}");
    let human = sandbox.run(["--config", "config.toml", "status"]).ok().out();
    assert!(human.starts_with("WARNING: "), "{human}");
}

#[test]
fn what_cannot_be_read_is_in_the_first_word_and_an_alert_until_it_can() {
    let sandbox = Sandbox::new();
    let (good, bad) = (sandbox.path("good.log"), sandbox.path("bad.log"));
    symlink("/dev/null", &bad).unwrap();
    let mut truth = Truth::default();
    truth.log(&good, 3);
    let daemon = Daemon::start(serve(&sandbox, &two_sources(&sandbox, &bad), &[]));
    is_told(&sandbox, "error", "a device, not a regular file");
    fs::remove_file(&bad).unwrap();
    truth.log(&bad, 4);
    let seen = status_until(&sandbox, "it can be read", |status| {
        truth.is(status) && source(status, "bad")["state"] == "live"
    });
    assert!(!seen["verdict"].as_str().unwrap().contains("trouble"), "{seen:#}");
    daemon.stop();
}

#[test]
fn the_name_of_a_file_is_no_order_to_the_terminal() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("logs");
    fs::create_dir(&dir).unwrap();
    symlink("/dev/null", dir.join("evil\u{1b}]0;pwned\u{7}\u{1b}[31m.log")).unwrap();
    let config = format!("[[source]]\nname = \"bad\"\npaths = [{:?}]\n", dir.to_str().unwrap());
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    let told = |status: &Value| !source(status, "bad")["problem"].is_null();
    status_until(&sandbox, "its trouble is told", told);
    let human = sandbox.run(["--config", "config.toml", "status"]).ok().out();
    assert!(human.contains("pwned"), "{human}");
    let printed = |c: char| c == '\n' || !c.is_control();
    assert!(human.chars().all(printed), "{human:?}");
    daemon.stop();
}

/// Row A9.
#[test]
fn permission_lost_and_given_back_is_told_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let (good, bad) = (sandbox.path("good.log"), sandbox.path("bad.log"));
    let config = two_sources(&sandbox, &bad);
    let mut command = serve(&sandbox, &config, &[]);
    if rustix::process::geteuid().is_root() {
        // A copy that anybody may run, in a place that anybody may enter.
        let program = sandbox.path("tripline");
        fs::copy(env!("CARGO_BIN_EXE_tripline"), &program).unwrap();
        mode(&program, 0o755);
        mode(&sandbox.path(""), 0o755);
        fs::create_dir(sandbox.state()).unwrap();
        chown(sandbox.state(), Some(NOBODY), Some(NOBODY)).unwrap();
        let mut other = Command::new(program);
        other.env_clear().envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        other.args(command.get_args()).current_dir(sandbox.path(""));
        other.uid(NOBODY).gid(NOBODY);
        command = other;
    }
    let mut truth = Truth::default();
    truth.log(&good, 3);
    truth.log(&bad, 3);
    mode(&sandbox.path("config.toml"), 0o644);
    let daemon = Daemon::start(command);
    status_until(&sandbox, "all is well", |status| truth.is(status) && kept(status));
    // A log is renamed away, and its successor may not be read.
    fs::rename(&bad, sandbox.path("bad.log.1")).unwrap();
    let next = sandbox.path("next.log");
    truth.log(&next, 5);
    mode(&next, 0o000);
    fs::rename(next, &bad).unwrap();
    is_told(&sandbox, "denied", "Permission denied");
    mode(&bad, 0o644);
    truth.log(&bad, 5);
    status_until(&sandbox, "all calls", |status| {
        truth.is(status) && kept(status) && source(status, "bad")["state"] == "live"
    });
    // It goes on firing for half a minute.
    let over = |alert: &Value| alert["rule"] == "source-unreadable" && alert["value"] == 0.0;
    status_until(&sandbox, "it is over", |status| {
        let mut alerts = status["alerts"].as_array().unwrap().iter();
        alerts.any(over) || alert(status, "bad") == "resolved"
    });
    daemon.stop();
    assert!(truth.is(&status(&sandbox)));
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Row A20.
#[test]
fn a_file_system_that_goes_away_and_comes_back_loses_nothing() {
    let sandbox = Sandbox::new();
    let image = sandbox.path("image");
    let Some(disk) = Mounted::ext4(&image, &sandbox.path("disk")) else { return };
    let log = sandbox.path("disk/gw.log");
    let mut truth = Truth::default();
    truth.log(&log, 20);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    for lazily in [true, false] {
        truth.log(&log, 20);
        // Lazily: what we have open stays. Else it must be free, so we are not there.
        if lazily {
            disk.unmount();
        } else {
            daemon.signal("STOP");
            disk.unmount();
            daemon.signal("CONT");
        }
        let gone = |status: &Value| status["sources"][0]["state"] == "waiting";
        let seen = status_until(&sandbox, "it waits", gone);
        assert!(seen["sources"][0]["problem"].as_str().unwrap().contains("gw.log"), "{seen:#}");
        disk.mount();
        truth.log(&log, 20);
        let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
        assert_eq!(seen["totals"]["duplicates"], 0, "{seen:#}");
    }
    daemon.stop();
    assert!(truth.is(&status(&sandbox)));
}

fn finding(status: &Value, kind: &str) -> Option<String> {
    let findings = status["findings"].as_array().unwrap().iter();
    let mut found = findings.filter(|finding| finding["kind"] == kind);
    Some(found.next()?["text"].as_str().unwrap().to_owned())
}

#[test]
fn a_rotation_to_another_directory_is_read_while_it_is_seen_and_else_said_to_be_lost() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 20);
    fs::create_dir(sandbox.path("old")).unwrap();
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    truth.log(&log, 5);
    fs::rename(&log, sandbox.path("old/gw.log.1")).unwrap();
    truth.log(&sandbox.path("old/gw.log.1"), 5);
    truth.log(&log, 5);
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!(finding(&seen, "rotated_gone"), None, "{seen:#}");
    daemon.kill();
    let mut lost = truth;
    lost.log(&log, 5);
    fs::rename(&log, sandbox.path("old/gw.log.2")).unwrap();
    truth.log(&log, 5);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let said = |status: &Value| truth.is(status).then(|| finding(status, "rotated_gone")).flatten();
    let seen = status_until(&sandbox, "what is there", |status| said(status).is_some());
    let text = said(&seen).unwrap();
    assert!(text.contains("gw.log: ") && text.contains("olddir"), "{text}");
    assert!(seen["sources"][0]["problem"].is_string(), "{seen:#}");
    daemon.stop();
    let report = sandbox.run(["report"]).ok().out();
    assert!(report.contains("perhaps not exact, found 20"), "{report}");
    assert!(report.contains("is in no file beside it"), "{report}");
    let report = sandbox.run(["report", "--json"]).ok().json();
    assert_eq!(report["findings"][0]["kind"], "rotated_gone", "{report:#}");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
}

/// As `olddir` of logrotate does it, with the directory named.
#[test]
fn what_rotation_moves_to_the_olddir_is_read_to_its_end() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    // Names in the order of their writing, as with dates: one tick of a clock may see them all.
    let old = |name: &str| sandbox.path("old").join(name);
    fs::create_dir(sandbox.path("old")).unwrap();
    let config = format!(
        "[[source]]\nname = \"gw\"\npaths = [{:?}]\nolddir = \"old\"\n",
        log.to_str().unwrap()
    );
    let pack = |name: &str| {
        let changed = old(name).metadata().unwrap().modified().unwrap();
        let packed = File::create(old(&format!("{name}.gz"))).unwrap();
        let mut packed = GzEncoder::new(packed, Compression::fast());
        packed.write_all(&fs::read(old(name)).unwrap()).unwrap();
        packed.finish().unwrap().set_modified(changed).unwrap();
        fs::remove_file(old(name)).unwrap();
    };
    truth.log(&log, 50);
    for round in 0..2 {
        let daemon = Daemon::start(serve(&sandbox, &config, &[]));
        status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
        // Two that nobody sees come and go, and one that is copied and cut.
        daemon.signal("STOP");
        for n in [1, 2] {
            truth.log(&log, 20);
            fs::rename(&log, old(&format!("gw.log-{round}{n}"))).unwrap();
        }
        truth.log(&log, 20);
        daemon.signal("CONT");
        status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
        daemon.signal("STOP");
        truth.log(&log, 20);
        fs::copy(&log, old(&format!("gw.log-{round}3"))).unwrap();
        File::create(&log).unwrap();
        truth.log(&log, 3);
        daemon.signal("CONT");
        status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
        daemon.kill();
        // And while nothing runs, one of them compressed.
        for n in [4, 5] {
            truth.log(&log, 20);
            fs::rename(&log, old(&format!("gw.log-{round}{n}"))).unwrap();
        }
        pack(&format!("gw.log-{round}4"));
        truth.log(&log, 20);
    }
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!((finding(&seen, "rotated_gone"), &seen["totals"]["duplicates"]), (None, &0.into()));
    daemon.stop();
}

#[test]
fn a_rotation_that_only_others_can_unpack_is_named() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 20);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    let pack = |name: &str, ending: &str| {
        let from = sandbox.path(name);
        let changed = from.metadata().unwrap().modified().unwrap();
        let mut packed = File::create(sandbox.path(&format!("{name}.{ending}"))).unwrap();
        packed.write_all(b"\x28\xb5\x2f\xfd not for us\n").unwrap();
        packed.set_modified(changed).unwrap();
        fs::remove_file(from).unwrap();
    };
    // What we still have open is read, whatever became of its name.
    truth.log(&log, 5);
    fs::rename(&log, sandbox.path("gw.log.1")).unwrap();
    truth.log(&sandbox.path("gw.log.1"), 5);
    pack("gw.log.1", "zst");
    truth.log(&log, 5);
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!((finding(&seen, "rotated_not_gzip"), &seen["totals"]["faults"]), (None, &0.into()));
    // Two at once: the second was never seen.
    daemon.signal("STOP");
    fs::rename(&log, sandbox.path("gw.log.3")).unwrap();
    let mut unseen = truth;
    unseen.log(&log, 5);
    fs::rename(&log, sandbox.path("gw.log.2")).unwrap();
    pack("gw.log.2", "xz");
    truth.log(&log, 5);
    daemon.signal("CONT");
    let said =
        |status: &Value| truth.is(status).then(|| finding(status, "rotated_not_gzip")).flatten();
    // What is not kept when it is killed would be gone with the file.
    let seen =
        status_until(&sandbox, "what is there", |status| said(status).is_some() && kept(status));
    assert!(said(&seen).unwrap().contains("gw.log.2.xz: cannot be read here"), "{seen:#}");
    assert_eq!(seen["totals"]["faults"], 0, "it is not taken for text");
    daemon.kill();
    // The same, and nobody was there.
    let mut lost = truth;
    lost.log(&log, 5);
    fs::rename(&log, sandbox.path("gw.log.4")).unwrap();
    pack("gw.log.4", "bz2");
    truth.log(&log, 5);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let named = |status: &Value| {
        let text = finding(status, "rotated_not_gzip").unwrap_or_default();
        truth.is(status) && text.contains("gw.log.4.bz2: cannot be read here")
    };
    let seen = status_until(&sandbox, "it is named", named);
    assert_eq!(seen["totals"]["faults"], 0, "it is not taken for text");
    daemon.stop();
}
