//! Help, exit codes, configuration, and output that nobody reads.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::sandbox::{Sandbox, here};

/// Every command that has a help text.
const COMMANDS: [&[&str]; 25] = [
    &[],
    &["demo"],
    &["once"],
    &["watch"],
    &["replay"],
    &["parse"],
    &["switch"],
    &["switch", "status"],
    &["switch", "arm"],
    &["switch", "disarm"],
    &["switch", "trip"],
    &["switch", "reset"],
    &["audit"],
    &["audit", "show"],
    &["audit", "verify"],
    &["ledger"],
    &["ledger", "show"],
    &["ledger", "export"],
    &["ledger", "prune"],
    &["ledger", "verify"],
    &["report"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["completions"],
];

#[test]
fn every_command_explains_itself() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let help = sandbox.run(command.iter().chain(&["--help"])).ok();
        assert!(help.out().contains("Usage: tripline"), "{command:?}");
        assert!(help.err().is_empty(), "{command:?}");
    }
    let help = sandbox.run(["--help"]).ok().out();
    for promised in ["Examples:", "Exit codes:", "78 configuration", "--config FILE", "--state DIR"]
    {
        assert!(help.contains(promised), "{promised}");
    }
    let version = sandbox.run(["--version"]).ok().out();
    assert_eq!(version.trim(), concat!("tripline ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_the_manual_come_from_the_same_definitions() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(["completions", shell]).ok().out();
        for word in ["switch", "replay", "read-only"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let man = sandbox.run(["man"]).ok().out();
    assert!(man.contains(".TH tripline 1") && man.contains("replay"), "{man}");
    sandbox.run(["completions", "tcsh"]).exits(64);
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("log.jsonl", "{\"model\":\"m\",\"status\":200}\n");
    let log = log.to_str().unwrap();
    let junk = sandbox.file("junk.bin", "{}\n");
    let junk = junk.to_str().unwrap();
    let bad = sandbox.file("bad.toml", "[switch]\narmed = maybe\n");
    let bad = bad.to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["once", log], 0, ""),
        (&["once", "--frobnicate"], 64, "--frobnicate"),
        (&["once"], 64, "nothing is watched"),
        (&["demo", "--scenario", "party"], 64, "party"),
        (&["demo", "--headless", "--duration", "soon"], 64, "not a duration"),
        (&["demo", "--headless", "--duration", "1s"], 64, "--state means nothing to the demo"),
        (&["replay", "--from", "yesterday", log], 64, "not a time"),
        (&["replay", "--speed=-1", log], 64, "not a speed"),
        (&["replay", "--speed=ludicrous", log], 64, "not a speed"),
        (&["parse", "--format", "smoke-signals", log], 64, "no format `smoke-signals`"),
        (&["switch", "trip", "all"], 64, "--reason"),
        (&["switch", "trip", "all"], 64, "nothing was tripped"),
        (&["switch", "reset", "all"], 64, "nothing was reset"),
        (&["check", "spend"], 64, "'check' is no command"),
        (&["key", "list"], 64, "./key"),
        (&["swich", "trip", "all", "--reason", "x"], 64, "'swich' is no command"),
        (&["swich", "trip", "all", "--reason", "x"], 64, "did you mean 'switch'?"),
        (&["swich", "trip", "all", "--reason", "x"], 64, "nothing was tripped"),
        (&["switch", "trp", "all", "--reason", "x"], 64, "nothing was tripped"),
        (&["switch", "rest", "all", "--reason", "x"], 64, "nothing was reset"),
        (&["swtich", "disam"], 64, "NOT disarmed"),
        (&["onec", "--json", log], 64, "did you mean 'once'?"),
        (&["switch", "trip", "all", "--reason", " "], 64, "a reason is needed"),
        (&["switch", "trip", "galaxy/far", "--reason", "x"], 64, "galaxy"),
        (&["--utc", "--local", "once", log], 64, "--local"),
        (&["--fps", "0", "once", log], 64, "--fps"),
        (&[log], 64, "not a terminal"),
        (&["demo"], 64, "not a terminal"),
        (&["once", junk], 65, "not one line was understood"),
        (&["replay", junk], 65, "not one line was understood"),
        (&["parse", junk], 65, "not one line was understood"),
        (&["once", "/nowhere/at/all.log"], 69, "/nowhere/at/all.log"),
        (&["replay", "/nowhere/at/all.log"], 69, "/nowhere/at/all.log"),
        (&["parse", "/nowhere/at/all.log"], 69, "/nowhere/at/all.log"),
        (&["--read-only", "switch", "trip", "all", "--reason", "x"], 77, "read-only"),
        (&["--read-only", "switch", "arm"], 77, "read-only"),
        (&["--config", bad, "once", log], 78, "bad.toml:2"),
        (&["--config", "/nowhere/config.toml", "once", log], 78, "/nowhere/config.toml"),
    ];
    for (args, code, said) in cases {
        let ran = sandbox.run(*args);
        assert_eq!(ran.code(), *code, "{args:?}: {}", ran.err());
        assert!(ran.err().contains(said), "{args:?}: no {said:?} in {}", ran.err());
        // What was read is printed, whatever it is worth.
        assert_eq!(*code == 65, *code != 0 && !ran.out().is_empty(), "{args:?}");
        if !matches!(*code, 0 | 65) {
            assert!(ran.out().is_empty(), "{args:?} failed and printed {}", ran.out());
        }
    }
}

#[test]
fn what_is_missing_is_said_with_a_way_on() {
    let sandbox = Sandbox::new();
    sandbox.run(["once", "none.log"]).exits(69).says("none.log").says("hint: ");
    sandbox.run(["once"]).exits(64).says("hint: ").says("tripline demo");
    sandbox.run(["some.log"]).exits(64).says("tripline once");
    // As a script has it whose variable is not set.
    let commands: [&[&str]; 6] = [&[], &["once"], &["watch"], &["serve"], &["replay"], &["parse"]];
    for command in commands {
        let ran = sandbox.run(command.iter().chain(&[""]));
        ran.exits(64).says("is a variable unset?");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let sandbox = Sandbox::new();
    let line = r#"{"model":"m","status":200,"latency_ms":5,"cost_usd":"0.1"}"#;
    let log = sandbox.file("log.jsonl", format!("{line}\n").repeat(200_000));
    for args in [["parse"].as_slice(), &["replay", "--json"]] {
        let mut command = sandbox.command();
        command.args(args).arg(&log).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with('{'), "{first}");
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{args:?}");
    }
}

#[test]
fn output_that_can_not_be_written_is_a_failure() {
    let sandbox = Sandbox::new();
    let log = here("tests/corpus/logs/samples/nginx_json.jsonl");
    for args in [["once", "--json"].as_slice(), &["once"], &["parse"], &["replay", "--json"]] {
        let mut command = sandbox.command();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = command.args(args).arg(&log).stdout(full).output().unwrap();
        assert_eq!(ran.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(said.contains("cannot write to standard output"), "{args:?}: {said}");
    }
}

#[test]
fn a_configuration_is_checked_with_line_column_and_caret() {
    let sandbox = Sandbox::new();
    let text = "[[source]]\nname = \"gw\"\npaths = [\"gw.log\"]\n\n[[rule]]\nname = \"r\"\nmetric = \"spend.usd\"\nabov = 5\n";
    let bad = sandbox.file("bad.toml", text);
    let ran = sandbox.run(["--config", bad.to_str().unwrap(), "config", "check"]).exits(78);
    let said = ran.err();
    for part in ["bad.toml:8:1", "abov = 5", "^^^^", "above"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let good = sandbox.file("good.toml", text.replace("abov ", "above "));
    let ran = sandbox.run(["--config", good.to_str().unwrap(), "config", "check"]).ok();
    assert!(ran.out().contains("good.toml: ok (1 source, 0 caps"), "{}", ran.out());
}

#[test]
fn every_hostile_configuration_is_refused_by_the_binary() {
    let sandbox = Sandbox::new();
    let mut refused = 0;
    for entry in std::fs::read_dir(here("tests/corpus/hostile/toml")).unwrap() {
        let path = entry.unwrap().path();
        let ran = sandbox.run([
            "--config".as_ref(),
            path.as_os_str(),
            "config".as_ref(),
            "check".as_ref(),
        ]);
        assert_eq!(ran.code(), 78, "{}", path.display());
        assert!(!ran.err().contains('\x1b'), "{}", path.display());
        refused += 1;
    }
    assert!(refused > 15);
}

#[test]
fn the_configuration_shows_where_each_value_came_from() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("c.toml", "[display]\nfps = 7\n");
    let file = file.to_str().unwrap();
    let shown = sandbox.run(["--config", file, "--ascii", "config", "show", "--origin"]).ok().out();
    let line = |key: &str| {
        shown.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key}: {shown}"))
    };
    assert!(line("fps").contains('7') && line("fps").contains("c.toml:2"), "{}", line("fps"));
    assert!(line("ascii").contains("--ascii"), "{}", line("ascii"));
    assert!(line("silent_after").contains("default"), "{}", line("silent_after"));
    let plain = sandbox.run(["--config", file, "config", "show"]).ok().out();
    assert!(!plain.contains("c.toml:2"));
}

#[test]
fn metrics_are_documented_and_the_example_loads() {
    let sandbox = Sandbox::new();
    let metrics = sandbox.run(["config", "show", "--metrics"]).ok().out();
    for metric in [
        "limit.remaining_ratio",
        "spend.usd",
        "queue.depth",
        "retries.amplification",
        "switch.not_obeyed",
    ] {
        assert!(metrics.contains(metric), "{metric}");
    }
    let example = sandbox.run(["config", "example"]).ok().out();
    assert_eq!(example, std::fs::read_to_string(here("config.toml.example")).unwrap());
    let file = sandbox.file("example.toml", example);
    sandbox.run(["--config", file.to_str().unwrap(), "config", "check"]).ok();
}

#[test]
fn the_example_runs_in_a_fresh_home() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command();
    // Without --state: the default place is made.
    let config = here("config.toml.example");
    let ran = command.arg("--config").arg(config).args(["once", "--json"]).output().unwrap();
    // Its paths are an example: they are not there, and that is said.
    let said = String::from_utf8_lossy(&ran.stderr);
    let ran_well = ran.status.code() == Some(0);
    let no_such_log = ran.status.code() == Some(69) && said.contains("/var/log/llm-gateway");
    assert!(ran_well || no_such_log, "{:?} {said}", ran.status);
}

#[test]
fn a_relative_state_directory_is_one_of_the_working_directory() {
    let sandbox = Sandbox::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", sandbox.path("")).current_dir(sandbox.path(""));
    let ran = command.args(["--state", "here", "switch", "arm"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(sandbox.path("here/kill.d").is_dir());
}
