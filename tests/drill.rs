//! `tripline switch drill` against the demo's gateways: it proves that they
//! obey, says so when one does not, and leaves nothing tripped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use tripline::demo::{Demo, DemoOptions, Scenario};

fn demo(dir: &Path) -> Demo {
    let options = DemoOptions {
        scenario: Scenario::Quiet,
        seed: 1,
        dir: dir.join("log"),
        kill_dir: dir.join("kill.d"),
    };
    Demo::start(options).unwrap()
}

/// The program, with a switch directory of its own.
fn tripline(dir: &Path, kill_dir: &str) -> Command {
    let config = dir.join("config.toml");
    let kill_dir = dir.join(kill_dir);
    std::fs::write(&config, format!("[switch]\ndir = \"{}\"\n", kill_dir.display())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", dir).arg("--config").arg(config);
    command
}

fn drill(dir: &Path, kill_dir: &str, demo: &Demo) -> Command {
    let mut command = tripline(dir, kill_dir);
    command.args(["switch", "drill", "key/ci-evals"]);
    for url in demo.gateway_urls() {
        command.arg("--url").arg(format!("{url}/v1/models"));
    }
    command.args(["--header", "Authorization: Bearer demo-ci-evals"]);
    command
}

#[test]
fn a_gateway_that_reads_the_directory_obeys_and_nothing_stays_tripped() {
    let dir = tempfile::tempdir().unwrap();
    let demo = demo(dir.path());
    let said = drill(dir.path(), "kill.d", &demo).assert().success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert_eq!(said.matches(" OBEYED: refused while tripped").count(), 2, "{said}");
    let status = tripline(dir.path(), "kill.d").args(["switch", "status"]).assert().success();
    status.stdout(contains("nothing is tripped"));
    let audit = tripline(dir.path(), "kill.d").args(["audit", "show"]).assert().success();
    audit.stdout(contains("obeyed by all").and(contains("demo-ci-evals").not()));
    demo.stop();
}

#[test]
fn a_gateway_that_reads_another_directory_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let demo = demo(dir.path());
    let said = drill(dir.path(), "elsewhere.d", &demo).assert().code(1);
    said.stdout(contains("NOT OBEYED")).stderr(contains("not every gateway obeys"));
    let status = tripline(dir.path(), "elsewhere.d").args(["switch", "status"]).assert().success();
    status.stdout(contains("nothing is tripped"));
    demo.stop();
}

#[test]
fn a_drill_that_would_stop_traffic_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = tripline(dir.path(), "kill.d");
    command.args(["switch", "drill", "all", "--url", "http://127.0.0.1:9/"]);
    command.assert().code(77).stderr(contains("would stop traffic"));
}
