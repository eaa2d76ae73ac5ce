//! The switch on a disk that is full, or that nobody may write on.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::daemon::{Daemon, kept, serve, status_until};
use super::disk::Mounted;
use super::need;
use super::sandbox::{Ran, Sandbox};

/// `tripline switch` on that directory.
fn switch(sandbox: &Sandbox, dir: &Path, args: &[&str]) -> Ran {
    let mut command = sandbox.command();
    command.arg("switch").arg("--dir").arg(dir).args(args);
    Ran(command.output().unwrap())
}

fn problems(sandbox: &Sandbox, dir: &Path) -> Vec<String> {
    let status = switch(sandbox, dir, &["status", "--json"]).ok().json();
    let problems = status["problems"].as_array().unwrap().iter();
    problems.map(|problem| problem.as_str().unwrap().to_owned()).collect()
}

fn row(status: &Value) -> &Value {
    let rows = status["switches"].as_array().unwrap();
    rows.iter().find(|row| row["scope"] == "env/x").unwrap()
}

#[test]
fn a_stop_that_was_made_on_a_full_disk_is_its_makers_and_is_reset_as_any_other() {
    let sandbox = Sandbox::new();
    let disk = sandbox.path("disk");
    let Some(_disk) = Mounted::tmpfs(&disk, "size=64k,mode=755") else { return };
    let filler = disk.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    switch(&sandbox, &disk, &["trip", "env/x", "--reason", "full"]).ok().says("");
    let kill_file = disk.join("env.x.kill");
    assert_eq!(fs::read(&kill_file).unwrap(), b"", "there was no room");
    let seen = switch(&sandbox, &disk, &["status", "--json"]).ok().json();
    assert_eq!((&row(&seen)["by"], &row(&seen)["reason"]), (&"alice".into(), &"full".into()));
    // A process that watches knows it too, and the same in its next run.
    let config = format!("[switch]\ndir = {disk:?}\n");
    let log = sandbox.file("gw.log", "");
    let mut since = Vec::new();
    for _ in 0..2 {
        let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
        let told = |status: &Value| row(status)["by"] == "alice" && kept(status);
        let seen = status_until(&sandbox, "who made it", told);
        assert_eq!(row(&seen)["reason"], "full");
        since.push(row(&seen)["since"].clone());
        daemon.stop();
    }
    assert_eq!(since[0], since[1]);
    // A watching process hears of one that is made meanwhile.
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    switch(&sandbox, &disk, &["trip", "all", "--reason", "full, too"]).ok();
    let told = |status: &Value| {
        let rows = status["switches"].as_array().unwrap();
        rows.iter().any(|row| row["scope"] == "all" && row["reason"] == "full, too")
    };
    status_until(&sandbox, "who made it", told);
    daemon.stop();
    fs::remove_file(&filler).unwrap();
    switch(&sandbox, &disk, &["reset", "env/x", "--reason", "space"]).ok();
    assert!(!kill_file.exists());
}

#[test]
fn a_stop_that_was_reset_elsewhere_has_not_made_what_says_nothing() {
    let (here, there) = (Sandbox::new(), Sandbox::new());
    let dir = here.path("kill.d");
    switch(&here, &dir, &["trip", "env/x", "--reason", "mine"]).ok();
    switch(&there, &dir, &["reset", "env/x", "--reason", "fixed"]).ok();
    fs::write(dir.join("env.x.kill"), "").unwrap();
    let seen = switch(&here, &dir, &["status", "--json"]).ok().json();
    assert_eq!(row(&seen)["by"], "unknown", "{seen}");
}

#[test]
fn what_can_t_be_tripped_on_a_read_only_disk_is_not_called_armed() {
    let sandbox = Sandbox::new();
    let Some(disk) = Mounted::tmpfs(&sandbox.path("disk"), "size=1m,mode=755") else { return };
    let dir = disk.path();
    switch(&sandbox, dir, &["trip", "all", "--reason", "before"]).ok();
    assert_eq!(problems(&sandbox, dir), [""; 0]);
    disk.remount("ro");
    let refused = switch(&sandbox, dir, &["arm"]).exits(77).says("NOT armed");
    assert!(refused.err().contains("cannot write into"), "{}", refused.err());
    let told = problems(&sandbox, dir);
    assert!(told[0].starts_with("no trip can be made from here: cannot write into"), "{told:?}");
    assert!(switch(&sandbox, dir, &["status"]).ok().out().contains("disarmed"));
    let config = sandbox.file("c.toml", format!("[switch]\ndir = {dir:?}\narmed = true\n"));
    let args = ["--config".as_ref(), config.as_os_str(), "config".as_ref(), "check".as_ref()];
    let checked = sandbox.run(args).ok().out();
    assert!(checked.contains("warning: kill switch: cannot write into"), "{checked}");
    // What stands there stands: nobody is to be told that nothing was tripped.
    let again = switch(&sandbox, dir, &["trip", "all", "--reason", "again"]).ok();
    assert!(again.out().contains("all was tripped already, at "), "{}", again.out());
    switch(&sandbox, dir, &["trip", "env/x", "--reason", "x"])
        .exits(77)
        .says("nothing was tripped");
    disk.remount("rw");
    switch(&sandbox, dir, &["arm"]).ok();
    assert_eq!(problems(&sandbox, dir), [""; 0]);
}

/// Who watches may be another user, who may write there.
#[test]
fn who_arms_what_they_may_not_trip_is_warned() {
    if need::root("another user is needed").is_none() {
        return;
    }
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if need::around(&nobody).is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let (home, dir, state) = (sandbox.path(""), sandbox.path("kill.d"), sandbox.path("nobodys"));
    for made in [&dir, &state] {
        fs::create_dir(made).unwrap();
    }
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&state, Some(65534), Some(65534)).unwrap();
    // Where the build lies, others may not go.
    let binary = sandbox.path("tripline");
    fs::copy(env!("CARGO_BIN_EXE_tripline"), &binary).unwrap();
    let switch = |args: &[&str]| {
        let mut command = Command::new(nobody[0]);
        command.args(&nobody[1..]).arg(&binary).arg("--state").arg(&state);
        command.env("HOME", &home).arg("switch").arg("--dir").arg(&dir).args(args);
        Ran(command.output().unwrap())
    };
    let armed = switch(&["arm"]).ok().says("warning: no trip can be made from here");
    assert!(armed.out().contains("armed: rules may trip"), "{}", armed.out());
    let told = switch(&["status", "--json"]).ok().json();
    let told = told["problems"][0].as_str().unwrap();
    assert!(told.contains("cannot write into") && told.contains("run as a user who"), "{told}");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&dir, Some(65534), Some(65534)).unwrap();
    assert_eq!(switch(&["arm"]).ok().err(), "");
}
