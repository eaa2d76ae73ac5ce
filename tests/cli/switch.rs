//! `switch` and `audit`: the stop from a plain shell, and its record.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::sandbox::{Sandbox, rfc3339};

fn status(sandbox: &Sandbox) -> Value {
    let status = sandbox.run(["switch", "status", "--json"]).ok().json();
    assert_eq!(status["schema"], "tripline.switches/v1");
    assert!(!status.to_string().contains("null"), "{status}");
    status
}

#[test]
fn trip_status_and_reset_and_all_of_it_twice() {
    let sandbox = Sandbox::new();
    assert_eq!(status(&sandbox)["switches"], Value::Array(vec![]));
    let before = rfc3339(std::time::SystemTime::now());
    let trip = ["switch", "trip", "model/openai/gpt-4o", "--reason", "runaway loop"];
    assert!(sandbox.run(trip).ok().out().contains("tripped model/openai/gpt-4o"));
    let file = sandbox.path("state/kill.d/model.openai.gpt-4o.kill");
    let content: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for (field, expected) in [
        ("schema", "tripline.kill/v1"),
        ("scope", "model/openai/gpt-4o"),
        ("reason", "runaway loop"),
        ("by", "alice"),
    ] {
        assert_eq!(content[field], expected, "{field}");
    }
    assert!(content["at"].as_str().unwrap() >= before.as_str());
    assert!(content.get("rule").is_none_or(|rule| !rule.is_null()));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o644);
    assert_eq!(mode(&sandbox.path("state/kill.d")), 0o755);

    let row = &status(&sandbox)["switches"][0];
    assert_eq!((&row["state"], &row["by"]), (&"tripped".into(), &"alice".into()));
    assert_eq!(row["reason"], "runaway loop");
    let shown = sandbox.run(["switch", "status"]).ok().out();
    assert!(shown.contains("TRIPPED model/openai/gpt-4o"), "{shown}");

    // Again: it stays what it was, with its first reason.
    let again = ["switch", "trip", "model/openai/gpt-4o", "--reason", "another"];
    assert!(sandbox.run(again).ok().out().contains("tripped already"));
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap(), content);

    let reset = ["switch", "reset", "model/openai/gpt-4o", "--reason", "fixed"];
    assert!(sandbox.run(reset).ok().out().contains("traffic may pass"));
    assert!(!file.exists());
    assert!(sandbox.run(reset).ok().out().contains("was not tripped"));
    sandbox.run(["switch", "reset", "all"]).exits(64);
}

#[test]
fn arming_is_remembered_and_said() {
    let sandbox = Sandbox::new();
    assert_eq!(status(&sandbox)["armed"], false, "off until somebody says otherwise");
    for _ in 0..2 {
        sandbox.run(["switch", "arm", "--reason", "launch day"]).ok();
        assert_eq!(status(&sandbox)["armed"], true);
        assert_eq!(status(&sandbox)["armed_by"], "alice");
    }
    sandbox.run(["switch", "disarm"]).ok();
    assert_eq!(status(&sandbox)["armed"], false);
}

/// A stop under a name that nobody's calls have stops nothing.
#[test]
fn a_scope_is_written_as_gateways_know_it_and_doubted_where_no_call_was_of_it() {
    let sandbox = Sandbox::new();
    let trip = |scope: &str| sandbox.run(["switch", "trip", scope, "--reason", "x"]).ok();
    trip("provider/OpenAI");
    assert!(sandbox.path("state/kill.d/provider.openai.kill").is_file());
    sandbox.run(["switch", "reset", "provider/OPENAI", "--reason", "x"]).ok();
    assert!(!sandbox.path("state/kill.d/provider.openai.kill").exists());
    assert!(!trip("provider/nobody").err().contains("warning: the ledger"), "there is none");

    super::ledger::one_call_of_openai(&sandbox);
    for (scope, doubted) in [
        ("all", false),
        ("provider/openai", false),
        ("model/OpenAI/gpt-4o", false),
        ("provider/opnai", true),
        ("model/openai/gpt-5", true),
        ("env/prod", true),
    ] {
        let said = trip(scope);
        let warned = said.err().contains("the ledger knows no call of");
        assert_eq!(warned, doubted, "{scope}: {}", said.err());
    }
}

/// A provider has one name: logs, stops and rules mean the same by each way of writing it,
/// and gateways look for a file of that name.
#[test]
fn a_stop_of_a_provider_is_one_however_its_name_is_written() {
    let sandbox = Sandbox::new();
    super::ledger::one_call_of_gemini(&sandbox);
    let stopped = || {
        let all = fs::read_dir(sandbox.path("state/kill.d")).unwrap();
        let files = all.map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "kill"));
        let name =
            |file: std::path::PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        files.map(name).collect::<Vec<_>>()
    };
    for (scope, file) in [
        ("provider/google", "provider.gemini.kill"),
        ("provider/gcp.gemini", "provider.gemini.kill"),
        ("model/Google/gemini-2.5-pro", "model.gemini.gemini-2.5-pro.kill"),
        ("provider/google-vertex", "provider.vertex_ai.kill"),
    ] {
        let ran = sandbox.run(["switch", "trip", scope, "--reason", "x"]).ok();
        assert_eq!(stopped(), [file], "{scope}");
        // Vertex is a service of its own, and was not called.
        let doubted = ran.err().contains("the ledger knows no call of");
        assert_eq!(doubted, file.contains("vertex"), "{scope}: {}", ran.err());
        sandbox.run(["switch", "reset", scope, "--reason", "x"]).ok();
        assert_eq!(stopped(), [""; 0], "{scope}");
    }
    // What somebody made under another name is reset under that.
    fs::write(sandbox.path("state/kill.d/provider.google.kill"), "").unwrap();
    sandbox.run(["switch", "reset", "provider/google", "--reason", "x", "--force"]).ok();
    assert_eq!(stopped(), [""; 0]);
}

#[test]
fn names_of_any_kind_become_safe_file_names() {
    let sandbox = Sandbox::new();
    for scope in ["key/../../etc/passwd", "key/a b\u{202e}c", "env/-rf", "provider/ünïcode"] {
        let ran = sandbox.run(["switch", "trip", scope, "--reason", "x"]);
        let listed = fs::read_dir(sandbox.path("state/kill.d")).unwrap();
        for entry in listed {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let safe = |c: char| c.is_ascii_alphanumeric() || "._-%".contains(c);
            assert!(name.chars().all(safe), "{scope}: {name}");
        }
        assert!(matches!(ran.code(), 0 | 64), "{scope}: {}", ran.err());
        assert!(!ran.out().contains('\u{202e}') && !ran.err().contains('\u{202e}'), "{scope}");
    }
    assert!(!sandbox.path("etc").exists());
}

#[test]
fn unsafe_directories_are_refused() {
    let sandbox = Sandbox::new();
    let config = |dir: &std::path::Path| {
        sandbox.file("c.toml", format!("[switch]\ndir = {:?}\n", dir.to_str().unwrap()))
    };
    let trip = |config: &std::path::Path| {
        let args = ["switch", "trip", "all", "--reason", "x"];
        let mut command = sandbox.command();
        super::sandbox::Ran(command.arg("--config").arg(config).args(args).output().unwrap())
    };
    let open = sandbox.path("open.d");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    trip(&config(&open)).exits(77).says("open.d").says("hint: ");
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);

    let good = sandbox.path("good.d");
    fs::create_dir(&good).unwrap();
    let link = sandbox.path("link.d");
    symlink(&good, &link).unwrap();
    trip(&config(&link)).exits(77).says("link.d");
    assert_eq!(fs::read_dir(&good).unwrap().count(), 0);

    // What can't ever be right is a mistake in the configuration.
    let file = sandbox.file("file.d", "");
    trip(&config(&file)).exits(78).says("file.d");
    trip(&config(&good)).exits(0);
}

#[test]
fn a_foreign_kill_file_counts_as_tripped_and_is_removed_by_force_only() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("state/kill.d")).unwrap();
    let file = sandbox.file("state/kill.d/all.kill", "stop, said the cron job\n");
    let row = status(&sandbox)["switches"][0].clone();
    assert_eq!((&row["scope"], &row["state"]), (&"all".into(), &"tripped".into()));
    sandbox.run(["switch", "reset", "all", "--reason", "x"]).exits(77).says("--force");
    assert!(file.exists());
    sandbox.run(["switch", "reset", "all", "--reason", "x", "--force"]).ok();
    assert!(!file.exists());
}

/// As a full disk leaves it: the stop is there, and says nothing.
#[test]
fn who_made_an_empty_kill_file_stands_in_the_audit_record() {
    let sandbox = Sandbox::new();
    sandbox.run(["switch", "trip", "env/x", "--reason", "full"]).ok();
    let file = sandbox.path("state/kill.d/env.x.kill");
    fs::write(&file, "").unwrap();
    let row = status(&sandbox)["switches"][0].clone();
    assert_eq!((&row["by"], &row["reason"]), (&"alice".into(), &"full".into()), "{row}");
    let shown = sandbox.run(["switch", "status"]).ok().out();
    assert!(shown.contains("by alice: full"), "{shown}");
    let again = sandbox.run(["switch", "trip", "env/x", "--reason", "again"]).ok().out();
    assert!(again.contains("was tripped already, at ") && again.contains(" by alice"), "{again}");
    sandbox.run(["switch", "reset", "env/x", "--reason", "space"]).ok();
    assert!(!file.exists());
    // Its stop was reset: the next one is somebody else's, and so is one that says something.
    for content in ["", "stop, said the cron job\n"] {
        fs::write(&file, content).unwrap();
        assert_eq!(status(&sandbox)["switches"][0]["by"], "unknown");
        sandbox.run(["switch", "reset", "env/x", "--reason", "x"]).exits(77).says("--force");
        assert!(file.exists());
    }
}

#[test]
fn what_is_no_file_is_not_shown_as_a_stop() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("state/kill.d/all.kill")).unwrap();
    symlink("nowhere", sandbox.path("state/kill.d/env.prod.kill")).unwrap();
    let fifo = sandbox.path("state/kill.d/key.a.kill");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let switches = status(&sandbox)["switches"].clone();
    for (row, words) in switches.as_array().unwrap().iter().zip(["directory", "link", "FIFO"]) {
        assert_eq!(row["state"], "unknown", "{row}");
        assert!(row["problem"].as_str().unwrap().contains(words), "{row}");
    }
    let shown = sandbox.run(["switch", "status"]).ok().out();
    assert!(shown.contains("UNKNOWN all: its kill file is a directory"), "{shown}");
    assert!(!shown.contains("TRIPPED") && !shown.contains("nothing is tripped"), "{shown}");
}

#[test]
fn a_directory_that_a_trip_had_to_make_is_nobody_s_brake_yet() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("typo/kil.d");
    let args = ["switch", "--dir", dir.to_str().unwrap(), "trip", "all", "--reason", "x"];
    let said = "kil.d was made just now: no gateway is known to look into it";
    sandbox.run(args).exits(0).says(said);
    let again = sandbox.run(args).exits(0);
    assert!(again.0.stderr.is_empty(), "it is there");
}

#[test]
fn a_check_of_the_configuration_looks_at_the_switch_directory() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("open.d");
    fs::create_dir(&dir).unwrap();
    let config = format!("[switch]\ndir = {:?}\narmed = true\n", dir.to_str().unwrap());
    let check = || with(&sandbox, &config, &["config", "check"]).exits(0).out();
    assert!(!check().contains("kill switch"), "{}", check());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(check().contains("warning: kill switch: others may write"), "{}", check());
}

#[test]
fn read_only_changes_nothing() {
    let sandbox = Sandbox::new();
    for args in [
        ["switch", "trip", "all", "--reason", "x"].as_slice(),
        &["switch", "reset", "all", "--reason", "x"],
        &["switch", "arm"],
        &["switch", "disarm"],
    ] {
        sandbox.run([&["--read-only"], args].concat()).exits(77).says("read-only");
    }
    assert!(!sandbox.path("state/kill.d/all.kill").exists());
    assert!(!sandbox.path("state/audit.jsonl").exists());
}

#[test]
fn everything_is_on_record_and_tampering_shows() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(["audit", "show"]).ok().out().contains("nothing"));
    sandbox.run(["switch", "arm", "--reason", "launch"]).ok();
    sandbox.run(["switch", "trip", "all", "--reason", "too \u{1b}[31mmuch"]).ok();
    sandbox.run(["switch", "reset", "all", "--reason", "calm again"]).ok();
    let shown = sandbox.run(["audit", "show"]).ok().out();
    assert_eq!(shown.lines().count(), 4, "a reset is asked for, then done: {shown}");
    assert!(!shown.contains('\u{1b}'));
    for part in ["arm", "trip", "reset", "alice", "calm again"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(sandbox.run(["audit", "verify"]).ok().out().contains("4 records"));

    let path = fs::read_dir(sandbox.state()).unwrap().map(|entry| entry.unwrap().path());
    let path = path.filter(|p| p.to_string_lossy().contains("audit")).min().unwrap();
    let record = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = record.lines().collect();
    for (what, tampered) in [
        ("a word", record.replace("calm again", "nothing.. ")),
        ("a line gone", [lines[0], lines[2], lines[3]].join("\n") + "\n"),
        ("two swapped", [lines[1], lines[0], lines[2], lines[3]].join("\n") + "\n"),
        ("not a record", format!("{record}hello\n")),
    ] {
        assert_ne!(tampered, record, "{what}");
        fs::write(&path, tampered).unwrap();
        sandbox.run(["audit", "verify"]).exits(65);
    }
}

/// Runs with a configuration of this text.
fn with(sandbox: &Sandbox, text: &str, args: &[&str]) -> super::sandbox::Ran {
    let config = sandbox.file("c.toml", text);
    sandbox.run([&["--config", config.to_str().unwrap()], args].concat())
}

#[test]
fn a_stop_needs_no_more_of_a_configuration_than_the_switch() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("kill.d");
    let file = dir.join("all.kill");
    let switch = format!("[switch]\ndir = {:?}\n", dir.to_str().unwrap());
    let broken = switch.clone()
        + "[[rule]]\nname = \"x\"\nmetric = \"spend.usd\"\nabov = 3\n[display]\nfps = 900\n[[rul]]\n";
    let trip = ["switch", "trip", "all", "--reason", "runaway"];
    let warned = with(&sandbox, &broken, &trip).ok();
    let said = warned.err();
    assert!(
        said.contains("warning: the configuration has 4 errors, not needed for this"),
        "{said}"
    );
    for part in ["c.toml:6:1: unknown key 'abov'", "'fps'", "unknown key 'rul'", "config check"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(file.exists(), "where the configuration says");
    for (args, out) in [
        (&["switch", "status"][..], "TRIPPED all"),
        (&["switch", "arm"], "armed"),
        (&["switch", "disarm"], "disarmed"),
        (&["switch", "reset", "all", "--reason", "fixed"], "traffic may pass"),
    ] {
        let ran = with(&sandbox, &broken, args).ok().says("not needed for this");
        assert!(ran.out().contains(out), "{args:?}: {}", ran.out());
    }
    assert!(!file.exists());
    // Who else runs on it still refuses it.
    with(&sandbox, &broken, &["once"]).exits(78);
    // What forbids it is heeded all the same.
    let look = broken.replace("fps = 900", "fps = 900\nread_only = true");
    with(&sandbox, &look, &trip).exits(77).says("read-only").says("nothing was tripped");
}

#[test]
fn what_may_be_meant_for_the_switch_must_be_right_before_anything_is_stopped() {
    let sandbox = Sandbox::new();
    let trip = ["switch", "trip", "all", "--reason", "runaway"];
    let undone = [
        (&trip[..], "nothing was tripped"),
        (&["switch", "reset", "all", "--reason", "x"], "nothing was reset"),
        (&["switch", "arm"], "NOT armed"),
        (&["switch", "disarm"], "NOT disarmed"),
    ];
    for text in [
        "[[rule",
        "[swich]\ndir = \"/x\"\n",
        "[kill_directory]\npath = \"/x\"\n",
        "[switch]\ndri = \"/x\"\n",
        "[switch]\ndir = 7\n",
        "[switch]\ndir = \"relative\"\n",
        "dir = \"/x\"\n",
        "[[kill_switch]]\ndir = \"/x\"\n",
        // Keys behind the head of another table.
        "[display]\nfps = 4\nstate_dir = \"/x\"\n",
        "[switch]\narmed = true\n[engine]\ndir = \"/x\"\n",
        "[[rule]]\nname = \"x\"\nstate_dri = \"/x\"\n",
        "config_version = 99\n",
        "[display]\nread_only = \"yes\"\n",
    ] {
        for (args, what) in undone {
            with(&sandbox, text, args).exits(78).says(what).says("tripline switch --dir DIR");
        }
    }
    assert!(!sandbox.state().exists(), "nothing was made");
    // A state directory that may be another one matters, unless it is typed.
    let config = sandbox.file("c.toml", "stat_dir = \"/x\"\n[switch]\ndir = \"/x\"\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", sandbox.path("")).arg("--config").arg(config).args(trip);
    super::sandbox::Ran(command.output().unwrap()).exits(78).says("unknown key 'stat_dir'");
    // Both directories typed: nothing of it is needed, wherever it can't be read.
    let dir = sandbox.path("kill.d").display().to_string();
    for text in ["[[rule", "[switch]\ndri = \"/x\"\n", "[swich]\n"] {
        let there = |args: &[&str]| with(&sandbox, text, &[args, &["--dir", &dir]].concat());
        assert!(there(&trip).ok().out().contains("tripped all"));
        assert!(sandbox.path("kill.d/all.kill").exists());
        let status = there(&["switch", "status", "--json"]).ok().json();
        assert_eq!(status["switches"][0]["scope"], "all");
        let known = text == "[swich]\n";
        assert_eq!(status.get("armed").is_some(), known, "{text}: {status}");
        there(&["switch", "reset", "all", "--reason", "x"]).ok();
    }
    // Whatever else prevents it says so, too.
    sandbox.run(["switch", "trip", "al", "--reason", "x"]).exits(64).says("nothing was tripped");
    sandbox.run(["switch", "trip", "all", "--reason", " "]).exits(64).says("nothing was tripped");
    let config = format!("[switch]\ndir = {:?}\n", sandbox.path("link").to_str().unwrap());
    symlink(sandbox.path("kill.d"), sandbox.path("link")).unwrap();
    with(&sandbox, &config, &trip).exits(77).says("symbolic link").says("nothing was tripped");
    // To disarm needs no switch directory.
    with(&sandbox, &config, &["switch", "arm"]).exits(77).says("NOT armed");
    with(&sandbox, &config, &["switch", "disarm"]).ok();
}

#[test]
fn a_look_makes_nothing() {
    let sandbox = Sandbox::new();
    for args in [&["switch", "status"][..], &["switch", "status", "--json"], &["audit", "show"]] {
        sandbox.run(args).ok();
    }
    sandbox.run(["status"]).exits(69);
    assert!(!sandbox.state().exists());
    let shown = sandbox.run(["switch", "status"]).ok().out();
    assert!(shown.contains("(not made yet)") && shown.contains("nothing is tripped"), "{shown}");
}

#[test]
fn a_look_tells_what_stands_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let call = |model: &str| {
        let at = rfc3339(std::time::SystemTime::now());
        format!("{{\"at\":\"{at}\",\"model\":\"{model}\",\"status\":200,\"latency_ms\":20}}\n")
    };
    let log = sandbox.file("gw.log", call("m"));
    let kills = sandbox.path("kills");
    let config = format!("[[source]]\npaths = [{log:?}]\n[switch]\ndir = {kills:?}\n");
    let config = sandbox.file("config.toml", config);
    let with =
        |args: &[&str]| sandbox.run([&["--config", config.to_str().unwrap()], args].concat()).ok();
    let said = with(&["once"]).out();
    assert!(said.starts_with("OK: ") && said.contains("SWITCHES\n  all disarmed"), "{said}");
    assert!(!kills.exists() && !sandbox.state().exists(), "it makes nothing");
    with(&["switch", "trip", "model/openai/gpt-4o", "--reason", "runaway loop"]);
    let before = (Sandbox::everything_in(&kills), Sandbox::everything_in(&sandbox.state()));
    let said = with(&["once"]).out();
    let verdict = "CRITICAL: KILL model/openai/gpt-4o tripped by alice, ";
    assert!(said.starts_with(verdict), "{said}");
    let row = said.lines().find(|line| line.starts_with("  model/openai/gpt-4o tripped since "));
    assert!(row.is_some_and(|row| row.ends_with(" by alice: runaway loop")), "{said}");
    let seen = with(&["once", "--json"]).json();
    let row = &seen["switches"][0];
    assert_eq!((&seen["state"], &row["state"]), (&"critical".into(), &"tripped".into()));
    assert_eq!((&row["by"], &row["reason"]), (&"alice".into(), &"runaway loop".into()));
    let after = (Sandbox::everything_in(&kills), Sandbox::everything_in(&sandbox.state()));
    assert!(before == after, "a look changes nothing");
}

#[test]
fn whoever_arms_without_a_record_hears_both() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("state/audit.jsonl")).unwrap();
    for (word, armed) in [("arm", true), ("disarm", false)] {
        let ran = sandbox.run(["switch", word, "--reason", "a test"]).exits(1);
        ran.says(&format!("{word}ed, but not in the audit record: "));
        assert_eq!(status(&sandbox)["armed"], armed, "{word}");
    }
}

#[test]
fn a_record_that_can_not_be_looked_at_is_not_called_empty() {
    let sandbox = Sandbox::new();
    let state = sandbox.state();
    // Without a state directory nothing can have been verified.
    sandbox.run(["audit", "verify"]).exits(69).says("state");
    fs::create_dir(&state).unwrap();
    for command in ["show", "verify"] {
        let ran = sandbox.run(["audit", command]).ok();
        assert!(ran.out().contains("nothing has been recorded yet"), "{}", ran.out());
    }
    let record = state.join("audit.jsonl");
    let both = |what: &str| {
        for command in ["show", "verify"] {
            let ran = sandbox.run(["audit", command]).exits(69);
            assert_eq!(ran.out(), "", "{what}");
            ran.says("audit.jsonl").says(what);
        }
    };
    symlink("audit.jsonl", &record).unwrap();
    both("Too many levels of symbolic links");
    fs::remove_file(&record).unwrap();
    symlink("nowhere", &record).unwrap();
    both("No such file");
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    both("Is a directory");
    fs::remove_dir(&record).unwrap();
    // Rules were armed on record, and the record is gone.
    sandbox.run(["switch", "arm", "--reason", "launch"]).ok();
    sandbox.run(["audit", "verify"]).ok();
    fs::remove_file(&record).unwrap();
    sandbox.run(["audit", "verify"]).exits(65).says("audit.jsonl").says("arming.json");
}

#[test]
fn what_stands_can_be_reset_under_the_name_that_is_shown() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("state/kill.d")).unwrap();
    for (file, name) in
        [("provider.%41bc.kill", "provider/Abc"), ("model.%41bc.%47%50%54.kill", "model/Abc/GPT")]
    {
        let file = sandbox.file(&format!("state/kill.d/{file}"), "");
        assert_eq!(status(&sandbox)["switches"][0]["scope"], name);
        let reset = ["switch", "reset", name, "--reason", "x", "--force"];
        let said = sandbox.run(reset).ok().out();
        assert!(said.contains(&format!("reset {name}: traffic may pass")), "{said}");
        assert!(!file.exists());
    }
    // A stop is made, and ended, under the name that gateways know.
    sandbox.run(["switch", "trip", "provider/OpenAI", "--reason", "x"]).ok();
    assert_eq!(status(&sandbox)["switches"][0]["scope"], "provider/openai");
    sandbox.run(["switch", "reset", "provider/OpenAI", "--reason", "x"]).ok();
    assert_eq!(status(&sandbox)["switches"], Value::Array(vec![]));
}

#[test]
fn nobody_is_told_to_close_a_directory_that_others_need() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("tmp");
    fs::create_dir(&dir).unwrap();
    let says = |mode: u32| {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        let status = ["switch", "--dir", dir.to_str().unwrap(), "status"];
        sandbox.run(status).exits(77).0.stderr
    };
    let said = String::from_utf8(says(0o1777)).unwrap();
    assert!(said.contains("a directory of its own") && !said.contains("chmod"), "{said}");
    let said = String::from_utf8(says(0o777)).unwrap();
    assert!(said.contains("chmod go-w"), "{said}");
}

#[test]
fn a_check_says_that_an_armed_switch_has_no_directory_yet() {
    let sandbox = Sandbox::new();
    let check = |dir: &str, armed: bool| {
        let dir = sandbox.path(dir);
        let config = format!("[switch]\ndir = {:?}\narmed = {armed}\n", dir.to_str().unwrap());
        with(&sandbox, &config, &["config", "check"]).exits(0).out()
    };
    let said = check("typo/kil.d", true);
    let told = "typo/kil.d: nothing is there yet";
    assert!(said.contains("warning: kill switch: ") && said.contains(told), "{said}");
    assert!(said.contains("a gateway must look into the same directory"), "{said}");
    assert!(!check("typo/kil.d", false).contains("warning"));
    // Its own parent is there: it is made beside what a person has made.
    fs::create_dir(sandbox.path("typo")).unwrap();
    assert!(!check("typo/kil.d", true).contains("warning"));
}

#[test]
fn a_reset_below_a_stop_that_stands_frees_nothing() {
    let sandbox = Sandbox::new();
    let run = |deed: &str, scope: &str| sandbox.run(["switch", deed, scope, "--reason", "x"]).ok();
    for scope in ["all", "provider/openai", "model/openai/gpt-4o"] {
        run("trip", scope);
    }
    let said = run("reset", "model/openai/gpt-4o").out();
    assert!(said.contains("gpt-4o, but all is tripped and stops its traffic"), "{said}");
    let said = run("reset", "all").out();
    assert!(said.contains("reset all: traffic may pass again"), "{said}");
}

#[test]
fn a_stop_that_gateways_of_other_users_can_not_see_is_doubted_as_it_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let dir = sandbox.path("closed");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let dir = dir.join("kill.d").to_str().unwrap().to_owned();
    let words = "a gateway that runs as another user can't see the kill files: ";
    let trip = ["switch", "--dir", &dir, "trip", "all", "--reason", "x"];
    sandbox.run(trip).ok().says(&format!("warning: {words}"));
    assert!(sandbox.run(["switch", "--dir", &dir, "status"]).ok().out().contains(words));
}
