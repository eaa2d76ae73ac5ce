//! A stop as a running daemon proves it, keeps it and makes it good again: with the
//! shell's `switch` beside it, and a directory that others meddle with.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, RenameFlags};
use serde_json::Value;
use tripline::action::SwitchDir;
use tripline::action::audit::{self, Deed};
use tripline::action::switch::{KillNote, NetworkFs, TripOutcome};
use tripline::domain::Wall;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_follows, status_until};
use super::disk::Mounted;
use super::need;
use super::sandbox::{Running, Sandbox, now, rfc3339, until};

/// The switch of that scope in a status.
fn switch<'s>(status: &'s Value, scope: &str) -> Option<&'s Value> {
    status["switches"].as_array().unwrap().iter().find(|switch| switch["scope"] == scope)
}

fn is_tripped(status: &Value, scope: &str) -> bool {
    switch(status, scope).is_some_and(|switch| switch["state"] == "tripped")
}

fn append(log: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The answer of our gateways, as a program that logs responses writes it down.
#[test]
fn a_refusal_by_the_switch_is_known_in_the_response_itself() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("app.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_follows(&sandbox);
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    let by_header = r#""headers":{"X-Kill-Switch":"all"},"body":"""#;
    let by_code = r#""headers":{},"body":{"error":{"type":"kill_switch","code":"llm_kill_switch","message":"LLM traffic is stopped"}}"#;
    for answer in [by_header, by_code] {
        let at = now();
        let call = |status: u16| {
            format!(
                "{{\"at\":\"{at}\",\"status\":{status},\"provider\":\"openai\",\"model\":\"m\",{answer}}}\n"
            )
        };
        // Under another status the words are not our gateway's.
        append(&log, &(call(503).repeat(3) + &call(500)));
    }
    let seen = status_until(&sandbox, "all calls", |status| status["totals"]["requests"] == 8);
    let row = &seen["traffic"][0];
    assert_eq!(row["outcomes"]["blocked"], 0.75, "{row}");
    let host = &switch(&seen, "all").unwrap()["hosts"][0];
    assert_eq!(host["refused"], 6, "{host}");
    daemon.stop();
}

#[test]
fn a_stop_is_not_proven_while_calls_of_unknown_start_pass() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    // Neither a start nor a duration, as many access logs have it.
    let tripped = SystemTime::now();
    for second in 2..14 {
        let at = rfc3339(tripped + Duration::from_secs(second));
        let call = |rest: &str| {
            format!("{{\"at\":\"{at}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",{rest}}}\n")
        };
        let refused = r#""status":503,"error":{"code":"kill_switch","layer":"gateway"}"#;
        append(&log, &call(r#""status":200"#).repeat(5));
        append(&log, &call(refused));
    }
    let all_read = |status: &Value| switch(status, "all").unwrap()["hosts"][0]["refused"] == 12;
    let seen = status_until(&sandbox, "all refusals", all_read);
    let host = &switch(&seen, "all").unwrap()["hosts"][0];
    assert_eq!((&host["start_unknown"], &host["draining"]), (&60.into(), &0.into()), "{host}");
    assert_eq!((host.get("obeyed"), &host["started_after_trip"]), (None, &0.into()), "{host}");
    let verdict = seen["verdict"].as_str().unwrap();
    let why = "NOT PROVEN: 60 calls passed since, and no log says when they began";
    assert!(verdict.contains(why) && !verdict.contains("obeyed by"), "{verdict}");
    daemon.stop();
}

/// A switch directory of its own, armed, and a rule that trips each model that fails.
fn armed(sandbox: &Sandbox) -> String {
    let dir = sandbox.path("disk/kill.d");
    format!(
        r#"
[switch]
dir = {:?}
armed = true
[[rule]]
name = "all-fail"
metric = "errors.ratio"
match = {{ outcome = "failed" }}
above = 0.9
for = "10ms"
min_requests = 1
severity = "critical"
actions = ["trip:model"]
"#,
        dir.to_str().unwrap()
    )
}

/// A failed call of a model, now.
fn failed(model: &str) -> String {
    call(model, 500)
}

fn passed(model: &str) -> String {
    call(model, 200)
}

fn call(model: &str, status: u16) -> String {
    let at = now();
    format!(
        "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"{model}\",\"status\":{status},\"latency_ms\":1}}\n"
    )
}

/// What is on record, oldest first.
fn audited(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(sandbox.path("state/audit.jsonl")).unwrap_or_default();
    // The last line may be half written.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_rule_trips_although_the_disk_was_full_when_it_was_armed() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let Some(disk) = Mounted::tmpfs(&sandbox.path("disk"), "size=256k,mode=755") else { return };
    let filler = sandbox.path("disk/filler");
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err(), "the disk is full");
    let daemon = Daemon::start(serve(&sandbox, &armed(&sandbox), &[&log]));
    let seen = status_until(&sandbox, "it is armed and says why not prepared", |status| {
        let all = switch(status, "all").unwrap();
        all["state"] == "armed" && all["problem"].is_string()
    });
    let problem = switch(&seen, "all").unwrap()["problem"].as_str().unwrap();
    assert!(
        problem.contains("cannot prepare kill files") && problem.contains("space"),
        "{problem}"
    );
    status_follows(&sandbox);
    append(&log, &failed("m"));
    let kill_file = sandbox.path("disk/kill.d/model.p.m.kill");
    until("the stop", || kill_file.exists());
    let trip = |result: &str| {
        audited(&sandbox).iter().any(|deed| deed["action"] == "trip" && deed["result"] == result)
    };
    until("its record", || trip("tripped"));
    // The file had no room for who and why, which the daemon knows all the same.
    assert_eq!(fs::metadata(&kill_file).unwrap().len(), 0);
    let is_known = |status: &Value| {
        switch(status, "model/p/m").is_some_and(|switch| switch["rule"] == "all-fail")
    };
    status_until(&sandbox, "who and why", is_known);
    // Nor does it forget when it looks at the directory again.
    sandbox.run(["switch", "trip", "env/x", "--reason", "x", "--config", "config.toml"]).ok();
    let seen = status_until(&sandbox, "another trip", |status| is_tripped(status, "env/x"));
    assert!(is_known(&seen), "{seen:#}");
    // And so it is made again, too.
    fs::remove_file(&kill_file).unwrap();
    until("the same stop again", || kill_file.exists());
    fs::remove_file(&filler).unwrap();
    append(&log, &failed("n"));
    let second = sandbox.path("disk/kill.d/model.p.n.kill");
    until("a stop that says why", || {
        fs::read_to_string(&second).is_ok_and(|text| text.contains("all-fail"))
    });
    status_until(&sandbox, "no problem any more", |status| {
        status["switches"].as_array().unwrap().iter().all(|row| row.get("problem").is_none())
    });
    daemon.stop();
    drop(disk);
}

#[test]
fn a_rule_that_still_crosses_after_a_reset_says_that_it_does_not_trip_again() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let daemon = Daemon::start(serve(&sandbox, &armed(&sandbox), &[&log]));
    status_follows(&sandbox);
    append(&log, &failed("m"));
    let seen = status_until(&sandbox, "the stop", |status| is_tripped(status, "model/p/m"));
    assert_eq!(switch(&seen, "model/p/m").unwrap()["armed"], true);
    sandbox
        .run(["switch", "reset", "model/p/m", "--reason", "try", "--config", "config.toml"])
        .ok();
    let seen = status_until(&sandbox, "the alert that says so", |status| {
        // It goes on crossing, however slow this machine is.
        append(&log, &failed("m"));
        let alerts = status["alerts"].as_array().unwrap();
        alerts.iter().any(|alert| {
            let summary = alert["summary"].as_str().unwrap();
            alert["rule"] == "all-fail"
                && summary.starts_with("acted ")
                && summary.contains(", reset since, will not trip again before it clears: ")
        })
    });
    assert!(!is_tripped(&seen, "model/p/m"), "{seen:#}");
    assert_eq!(switch(&seen, "all").unwrap()["state"], "armed");
    daemon.stop();
}

/// Between two looks at the directory a gateway lets calls through again, as it should.
#[test]
fn who_lets_calls_through_right_after_a_reset_has_disobeyed_nobody() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let dir = sandbox.path("kill.d");
    let config = format!("[switch]\ndir = {:?}\nobey_grace = \"1ms\"\n", dir.to_str().unwrap());
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    append(&log, &passed("m"));
    for round in 1..=5u64 {
        sandbox
            .run(["switch", "trip", "all", "--reason", "runaway", "--config", "config.toml"])
            .ok();
        status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
        sandbox
            .run(["switch", "reset", "all", "--reason", "fixed", "--config", "config.toml"])
            .ok();
        append(&log, &passed("m"));
        let seen =
            status_until(&sandbox, "the call", |status| status["totals"]["requests"] == round + 1);
        let alerts = seen["alerts"].as_array().unwrap();
        assert!(alerts.iter().all(|alert| alert["rule"] != "switch-not-obeyed"), "{seen:#}");
    }
    daemon.stop();
}

/// What a rule could not do when it fired it does after a restart, but not on what was:
/// what a cap has spent is kept, and the next calls are fresh evidence.
#[test]
fn a_trip_that_could_not_be_made_is_made_after_a_restart_on_the_next_calls() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.file("gw.log", ""), Truth::default());
    let Some(disk) = Mounted::tmpfs(&sandbox.path("disk"), "size=1m,nr_inodes=30,mode=755") else {
        return;
    };
    let dir = sandbox.path("disk/kill.d");
    let config = format!(
        "[switch]\ndir = {:?}\narmed = true\n\
         [[cap]]\nname = \"small\"\nusd = 0.01\nperiod = \"month\"\n\
         [[rule]]\nname = \"stop\"\nmetric = \"spend.used_ratio\"\nabove = 1\nfor = \"10ms\"\n\
         match = {{ cap = \"small\" }}\nmin_requests = 3\nseverity = \"critical\"\n\
         actions = [\"trip:all\"]\n",
        dir.to_str().unwrap()
    );
    // It makes what belongs into the directory, but for the files of trips.
    Daemon::start(serve(&sandbox, &config, &[&log])).stop();
    for entry in fs::read_dir(&dir).unwrap().flatten() {
        if entry.file_name().to_str().unwrap().starts_with(".staged") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let mut fillers = Vec::new();
    while let Ok(filler) = (fs::File::create_new(sandbox.path(&format!("disk/{}", fillers.len()))))
        .map(|_| sandbox.path(&format!("disk/{}", fillers.len())))
    {
        fillers.push(filler);
    }
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    truth.log(&log, 30);
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    let failed = || {
        audited(&sandbox).iter().any(|deed| {
            deed["action"] == "trip" && deed["result"].as_str().unwrap().starts_with("failed")
        })
    };
    until("a trip that failed", failed);
    daemon.kill();
    for filler in fillers {
        fs::remove_file(filler).unwrap();
    }
    assert!(!dir.join("all.kill").exists());
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    truth.log(&log, 3);
    status_until(&sandbox, "it is tripped", |status| is_tripped(status, "all"));
    assert!(dir.join("all.kill").exists());
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.stop();
    drop(disk);
}

/// A daemon whose system calls of these kinds are written down, with the threads' names.
fn traced(sandbox: &Sandbox, command: &Command, inject: &str) -> Option<Daemon> {
    let trace = sandbox.path("trace");
    let calls = "trace=prctl,fsync,fdatasync,syncfs,sync_file_range,renameat2";
    let strace = || {
        let mut strace = Command::new("/usr/bin/strace");
        strace.args(["-D", "-f", "-qq", "-e", calls, "-e", inject, "-o"]).arg(&trace);
        strace
    };
    need::program("strace")?;
    if !strace().arg("true").status().is_ok_and(|status| status.success()) {
        need::skipped("strace can't run here");
        return None;
    }
    let mut traced = strace();
    traced.env_clear().current_dir(sandbox.path(""));
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.arg(command.get_program()).args(command.get_args());
    Some(Daemon::start(traced))
}

#[test]
fn the_engine_waits_for_no_disk_when_armed_and_when_many_rules_trip() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let config = armed(&sandbox).replace("armed = true", "armed = false");
    // Each rename takes its time, and that is no reason to give a wrong one.
    let inject = "inject=renameat2:delay_exit=20000";
    let Some(daemon) = traced(&sandbox, &serve(&sandbox, &config, &[&log]), inject) else { return };
    let config = sandbox.path("config.toml").display().to_string();
    sandbox.run(["--config", &config, "switch", "arm", "--reason", "launch"]).ok();
    status_until(&sandbox, "it is armed", |status| {
        switch(status, "all").unwrap()["state"] == "armed"
    });
    until("it is prepared", || sandbox.path("disk/kill.d/.staged-7").exists());
    status_follows(&sandbox);
    // More at once than there are prepared files.
    let models: Vec<String> = (0..14).map(|n| format!("m{n}")).collect();
    let lines: String = models.iter().map(|model| failed(model)).collect();
    append(&log, &lines);
    let tripped = || {
        let is_trip = |deed: &Value| deed["action"] == "trip" && deed["result"] == "tripped";
        audited(&sandbox).into_iter().filter(is_trip).collect::<Vec<_>>()
    };
    until("all on record", || tripped().len() == models.len());
    daemon.stop();
    let mut before = None;
    for deed in tripped() {
        let at: jiff::Timestamp = deed["at"].as_str().unwrap().parse().unwrap();
        let later = before.map_or(20, |before| at.duration_since(before).as_millis());
        assert!(later >= 19, "{later} ms after the one before, whose rename took 20 ms: {deed}");
        before = Some(at);
        let model = deed["scope"].as_str().unwrap().replace('/', ".");
        let file = fs::read(sandbox.path(&format!("disk/kill.d/{model}.kill"))).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&file).unwrap()["at"], deed["at"]);
    }
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let calls_of = |thread: &str| {
        let named = format!("PR_SET_NAME, \"{thread}\"");
        let id = trace.lines().find(|line| line.contains(&named)).unwrap().split(' ').next();
        let of = move |line: &&str| line.split(' ').next() == id;
        trace.lines().filter(of).collect::<Vec<&str>>()
    };
    let renames = calls_of("engine").into_iter().filter(|call| call.contains(".kill\"")).count();
    assert_eq!(renames, models.len(), "{trace}");
    let waits: Vec<&str> =
        calls_of("engine").into_iter().filter(|call| call.contains("sync")).collect();
    assert_eq!(waits, Vec::<&str>::new());
    assert!(calls_of("action").iter().any(|call| call.contains("fsync")), "{trace}");
}

fn kill_file(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.path("state/kill.d").join(name)
}

/// Wait until the daemon has looked at all that was done before: it makes a stop
/// again that is removed now.
fn it_has_looked(sandbox: &Sandbox, scope: &str) {
    sandbox.run(["switch", "trip", scope, "--reason", "x"]).ok();
    status_until(sandbox, scope, |status| is_tripped(status, scope));
    let file = kill_file(sandbox, &format!("{}.kill", scope.replace('/', ".")));
    fs::remove_file(&file).unwrap();
    until("it is made again", || file.exists());
}

/// A person's deed, put on record by another hand than the program's.
fn deed(action: &str, scope: &str, result: &str, at: Wall) -> Deed {
    Deed {
        at,
        by: "ada".into(),
        host: "gw-9".into(),
        action: action.into(),
        scope: Some(scope.into()),
        rule: None,
        reason: "x".into(),
        result: result.into(),
    }
}

fn at(time: SystemTime) -> Wall {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
    Wall(i64::try_from(since.as_nanos()).unwrap())
}

/// A trip by a tripline whose clock says this.
fn trip_at(sandbox: &Sandbox, scope: &str, at: Wall) {
    let dir = sandbox.path("state/kill.d");
    let mut dir = SwitchDir::open(&dir, &NetworkFs::Refuse).unwrap();
    let note = KillNote {
        reason: "runaway".into(),
        rule: None,
        by: "ada".into(),
        host: "gw-9".into(),
        at,
    };
    let outcome = dir.trip(&scope.parse().unwrap(), &note).unwrap();
    let TripOutcome::Tripped(pending) = outcome else { panic!("{outcome:?}") };
    pending.confirm().unwrap();
}

#[test]
fn a_stop_that_could_not_be_made_again_is_owed_until_it_can() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let stop = "provider/openai";
    let file = kill_file(&sandbox, "provider.openai.kill");
    sandbox.run(["switch", "trip", stop, "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, stop));
    let replace = |away: &str| {
        let (dir, other) = (sandbox.path("state/kill.d"), sandbox.path(away));
        fs::create_dir(&other).unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o777)).unwrap();
        rustix::fs::renameat_with(CWD, &dir, CWD, &other, RenameFlags::EXCHANGE).unwrap();
        let failures = |status: &Value| {
            let row = switch(status, stop);
            row.is_some_and(|row| row["state"] == "unknown" && row["problem"].is_string())
        };
        let seen = status_until(&sandbox, "it is said", failures);
        let problem = switch(&seen, stop).unwrap()["problem"].as_str().unwrap();
        assert!(problem.contains("NOT stopped any more"), "{problem}");
        assert!(problem.contains("others may write"), "{problem}");
    };
    let repair = || {
        let dir = sandbox.path("state/kill.d");
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    };
    replace("away");
    repair();
    until("the same stop again", || file.exists());
    status_until(&sandbox, "it is shown", |status| is_tripped(status, stop));
    let failed = audited(&sandbox).into_iter().filter(|deed| {
        deed["action"] == "trip_again" && deed["result"].as_str().unwrap().starts_with("failed")
    });
    assert_eq!(failed.count(), 1, "it is tried often, and told once");

    // What is made again although nobody wants it any more is reset like any other.
    fs::remove_file(&file).unwrap();
    sandbox.run(["switch", "reset", stop, "--reason", "fixed"]).ok();
    status_until(&sandbox, "nothing is owed", |status| switch(status, stop).is_none());
    it_has_looked(&sandbox, "env/x");
    assert!(!file.exists());
    daemon.stop();
}

#[test]
fn whether_a_stop_was_reset_is_told_by_its_directory_not_by_clocks_or_records() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let now = SystemTime::now();
    let later = at(now + Duration::from_secs(600));
    let outside = |scope: &str| removed_outside(&sandbox, scope);
    // The clock was set back between a trip and its reset.
    trip_at(&sandbox, "env/a", later);
    status_until(&sandbox, "the trip", |status| is_tripped(status, "env/a"));
    sandbox.run(["switch", "reset", "env/a", "--reason", "fixed"]).ok();
    it_has_looked(&sandbox, "env/x");
    assert!(!kill_file(&sandbox, "env.a.kill").exists());
    until("the removal is on record", || outside("env/x") == 1);
    assert_eq!(outside("env/a"), 0);

    // Neither what a record says of a reset nor the reset of an earlier trip is one of this.
    let audit_file = sandbox.path("state/audit.jsonl");
    for (n, result) in ["requested", "reset"].into_iter().enumerate() {
        let scope = format!("env/b{n}");
        trip_at(&sandbox, &scope, at(now));
        status_until(&sandbox, "a trip", |status| is_tripped(status, &scope));
        sandbox.run(["switch", "reset", &scope, "--reason", "fixed"]).ok();
        status_until(&sandbox, "its reset", |status| switch(status, &scope).is_none());
        trip_at(&sandbox, &scope, at(now));
        status_until(&sandbox, "another trip", |status| is_tripped(status, &scope));
        audit::append(&audit_file, &deed("reset", &scope, result, later)).unwrap();
        let file = kill_file(&sandbox, &format!("env.b{n}.kill"));
        fs::remove_file(&file).unwrap();
        until("it is made again", || file.exists());
        until("it is on record", || outside(&scope) == 1);
    }
    daemon.stop();
    sandbox.run(["audit", "verify"]).ok();
}

#[test]
fn a_reset_counts_for_every_tripline_that_looks_into_the_directory() {
    let (mine, yours) = (Sandbox::new(), Sandbox::new());
    let logs = [mine.file("gw.log", ""), yours.file("gw.log", "")];
    let same = format!("[switch]\ndir = {:?}\n", mine.path("state/kill.d"));
    let daemons = [
        Daemon::start(serve(&mine, "", &[&logs[0]])),
        Daemon::start(serve(&yours, &same, &[&logs[1]])),
    ];
    let both = |what: &str, tripped: bool| {
        for sandbox in [&mine, &yours] {
            status_until(sandbox, what, |status| is_tripped(status, "env/a") == tripped);
        }
    };
    let file = kill_file(&mine, "env.a.kill");
    for round in ["once", "twice"] {
        mine.run(["switch", "trip", "env/a", "--reason", "runaway"]).ok();
        both("the trip", true);
        mine.run(["switch", "reset", "env/a", "--reason", "fixed"]).ok();
        both("the reset", false);
        let next = format!("env/{round}");
        mine.run(["switch", "trip", &next, "--reason", "x"]).ok();
        for sandbox in [&mine, &yours] {
            status_until(sandbox, "it has looked", |status| is_tripped(status, &next));
        }
        assert!(!file.exists(), "{round}: it was made again");
        assert_eq!([&mine, &yours].map(|sandbox| removed_outside(sandbox, "env/a")), [0, 0]);
    }
    // A file that is gone and was not reset comes back, although there was a reset before.
    mine.run(["switch", "trip", "env/a", "--reason", "runaway"]).ok();
    both("the trip", true);
    fs::remove_file(&file).unwrap();
    until("it is made again", || file.exists());
    for daemon in daemons {
        daemon.stop();
    }
}

#[test]
fn a_stop_that_takes_the_place_of_another_between_two_looks_is_told() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    sandbox.run(["switch", "trip", "env/a", "--reason", "one"]).ok();
    status_until(&sandbox, "the first", |status| is_tripped(status, "env/a"));
    for round in ["two", "three", "four", "five"] {
        sandbox.run(["switch", "reset", "env/a", "--reason", "fixed"]).ok();
        sandbox.run(["switch", "trip", "env/a", "--reason", round]).ok();
        status_until(&sandbox, round, |status| {
            switch(status, "env/a").is_some_and(|row| row["reason"] == round)
        });
    }
    daemon.stop();
}

#[test]
fn a_reset_that_can_not_be_recorded_is_made_and_stays() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    sandbox.run(["switch", "trip", "env/a", "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "env/a"));
    let record = sandbox.path("state/audit.jsonl");
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    let ran = sandbox.run(["switch", "reset", "env/a", "--reason", "fixed"]).exits(1);
    assert_eq!(ran.out(), "reset env/a: traffic may pass again\n");
    ran.says("not in the audit record: cannot write");
    status_until(&sandbox, "the reset", |status| switch(status, "env/a").is_none());
    trip_at(&sandbox, "env/x", at(SystemTime::now()));
    status_until(&sandbox, "it has looked", |status| is_tripped(status, "env/x"));
    assert!(!kill_file(&sandbox, "env.a.kill").exists());
    daemon.stop();
}

/// How often the record says that somebody removed the kill file of a scope.
fn removed_outside(sandbox: &Sandbox, scope: &str) -> usize {
    let removed = |deed: &&Value| deed["action"] == "removed_outside" && deed["scope"] == scope;
    audited(sandbox).iter().filter(removed).count()
}

#[test]
fn a_stop_whose_file_is_made_again_is_the_same_stop_and_nobody_else_tripped_it() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let file = kill_file(&sandbox, "env.prod.kill");
    let content = || -> Option<Value> { serde_json::from_slice(&fs::read(&file).ok()?).ok() };
    sandbox.run(["switch", "trip", "env/prod", "--reason", "runaway"]).ok();
    let first = content().unwrap();
    let seen = status_until(&sandbox, "the trip", |status| is_tripped(status, "env/prod"));
    assert_eq!(switch(&seen, "env/prod").unwrap()["since"], first["at"]);
    // Twice: the second time it is the one that was made again that goes away.
    let mut before = Value::Null;
    for round in 1..=2 {
        fs::remove_file(&file).unwrap();
        // Its time is written when it stands, a moment after it does.
        let agreed = |status: &Value| {
            let row = switch(status, "env/prod").map(|row| row["made_again_at"].clone());
            let row = row.filter(|at| at.is_string() && *at != before);
            row.is_some() && row == content().map(|now| now["made_again_at"].clone())
        };
        let seen = status_until(&sandbox, "made again", agreed);
        let (row, now) = (switch(&seen, "env/prod").unwrap(), content().unwrap());
        for field in ["at", "by", "reason"] {
            assert_eq!(now[field], first[field], "{field}");
        }
        assert_eq!((&row["since"], &row["by"]), (&first["at"], &"alice".into()));
        before = now["made_again_at"].clone();
        until("it is on record", || {
            audited(&sandbox).iter().filter(|deed| deed["action"] == "trip_again").count() == round
        });
    }
    let shown = sandbox.run(["switch", "status"]).ok().out();
    assert!(shown.contains("was removed by hand, and made again"), "{shown}");
    let deeds = audited(&sandbox);
    let trips: Vec<&Value> = deeds.iter().filter(|deed| deed["action"] == "trip").collect();
    assert_eq!(trips.len(), 1, "{deeds:#?}");
    let again = deeds.iter().find(|deed| deed["action"] == "trip_again").unwrap();
    assert_eq!((&again["by"], &again["result"]), (&"tripline".into(), &"tripped".into()));
    let why = again["reason"].as_str().unwrap();
    let of = format!("tripped at {} by alice: runaway", first["at"].as_str().unwrap());
    assert!(why.contains("removed by hand") && why.contains(&of), "{why}");

    // By other hands, and without a word of who and why: what is known is kept.
    fs::write(sandbox.path("other"), "stop\n").unwrap();
    fs::rename(sandbox.path("other"), &file).unwrap();
    it_has_looked(&sandbox, "env/x");
    let row = switch(&status(&sandbox), "env/prod").unwrap().clone();
    assert_eq!((&row["since"], &row["by"]), (&first["at"], &"alice".into()), "{row}");
    // And a reset ends it, however often it was made again.
    sandbox.run(["switch", "reset", "env/prod", "--reason", "fixed", "--force"]).ok();
    it_has_looked(&sandbox, "env/x");
    assert!(!file.exists());
    daemon.stop();
    sandbox.run(["audit", "verify"]).ok();
}

#[test]
fn a_run_that_finds_a_stop_says_from_when_on_it_saw_what_hosts_do() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    trip_at(&sandbox, "all", at(SystemTime::now() - Duration::from_secs(60)));
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    let verdict = seen["verdict"].as_str().unwrap();
    let from = switch(&seen, "all").unwrap()["watched_from"].as_str().unwrap();
    let told = format!("no call seen since {}Z, when this run began: not proven", &from[11..19]);
    assert!(verdict.contains(&told), "{verdict}");
    daemon.stop();
}

#[test]
fn calls_that_passed_while_a_kill_file_was_gone_are_not_held_against_a_gateway() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let file = kill_file(&sandbox, "all.kill");
    // The stop is old, and its file was made again only now.
    let tripped = SystemTime::now() - Duration::from_secs(60);
    trip_at(&sandbox, "all", at(tripped));
    status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    fs::remove_file(&file).unwrap();
    let again = |status: &Value| {
        switch(status, "all").is_some_and(|switch| switch["made_again_at"].is_string())
    };
    let seen = status_until(&sandbox, "made again", again);
    assert_eq!(switch(&seen, "all").unwrap()["since"], at(tripped).rfc3339());
    let call = |at: SystemTime| {
        let at = rfc3339(at);
        format!(
            "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"m\",\"status\":200,\"latency_ms\":1}}\n"
        )
    };
    append(&log, &call(tripped + Duration::from_secs(30)));
    append(&log, &call(SystemTime::now() + Duration::from_secs(3)));
    let both = |status: &Value| status["totals"]["requests"] == 2;
    let seen = status_until(&sandbox, "both calls", both);
    let host = &switch(&seen, "all").unwrap()["hosts"][0];
    assert_eq!(host["started_after_trip"], 1, "{host}");
    daemon.stop();
}

#[test]
fn a_rule_that_may_not_trip_says_so_wherever_it_fires() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let config = armed(&sandbox).replace("armed = true", "armed = false");
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    // What is there before it follows is old, and no rule acts on it.
    status_follows(&sandbox);
    append(&log, &failed("m"));
    let said = |status: &Value| {
        let alerts = status["alerts"].as_array().unwrap();
        let of_rule = alerts.iter().find(|alert| alert["rule"] == "all-fail");
        of_rule.and_then(|alert| alert["summary"].as_str()).map(str::to_owned)
    };
    let would = "would trip model/p/m, but is disarmed: ";
    let withheld = |status: &Value| said(status).is_some_and(|said| said.starts_with(would));
    status_until(&sandbox, "it says so", withheld);
    let human = sandbox.run(["status"]).ok().out();
    assert!(human.contains(&format!("alert    firing all-fail: {would}")), "{human}");
    // Once it may, it does, and says so no more.
    let config = sandbox.path("config.toml").display().to_string();
    sandbox.run(["--config", &config, "switch", "arm", "--reason", "launch"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "model/p/m"));
    let seen = status(&sandbox);
    assert!(said(&seen).is_none_or(|said| !said.contains("disarmed")), "{seen:#}");
    daemon.stop();
}

#[test]
fn a_stream_of_events_says_what_a_disarmed_rule_would_have_tripped() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let config =
        sandbox.file("config.toml", armed(&sandbox).replace("armed = true", "armed = false"));
    let mut command = sandbox.command();
    command.arg("--config").arg(config).args(["watch", "--every", "50ms"]).arg(&log);
    let running = Running::start(command);
    running.wait_for("a picture", |line| line["schema"] == "tripline.snapshot/v1");
    append(&log, &failed("m"));
    let fires = running
        .wait_for("it fires", |line| line["rule"] == "all-fail" && line["event"] == "alert.firing");
    let summary = fires["summary"].as_str().unwrap();
    assert!(summary.starts_with("would trip model/p/m, but is disarmed: "), "{summary}");
}

/// A host that called before anything watched, and is silent since the stop, is not proven:
/// neither by who watched from then on, nor by who looks at the log later.
#[test]
fn hosts_that_called_before_the_start_are_expected_to_refuse() {
    let sandbox = Sandbox::new();
    let line = |host: &str, answer: &str| {
        format!(
            "{{\"at\":\"{}\",\"provider\":\"p\",\"model\":\"m\",\"host\":\"{host}\",\"latency_ms\":1,{answer}}}\n",
            now()
        )
    };
    let passed = |host| line(host, r#""status":200"#);
    let log = sandbox.file("gw.log", passed("gw-1") + &passed("gw-2"));
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_follows(&sandbox);
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    append(&log, &line("gw-1", r#""status":503,"kill_switch":"all""#));
    let proof = "obeyed by 1 of 2 hosts, not proven of gw-2: silent since";
    status_until(&sandbox, proof, |status| status["verdict"].as_str().unwrap().contains(proof));
    daemon.stop();
    let seen = sandbox.once(&log);
    assert!(seen["verdict"].as_str().unwrap().contains(proof), "{seen:#}");
}

/// Whoever only looks must not be taken for a brake.
#[test]
fn a_read_only_stream_of_events_says_what_it_does_not_trip() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let config = sandbox.file("config.toml", armed(&sandbox));
    sandbox.run(["--config".as_ref(), config.as_os_str(), "switch".as_ref(), "arm".as_ref()]).ok();
    let mut command = sandbox.command();
    command.arg("--config").arg(config).args(["--read-only", "watch", "--every", "50ms"]).arg(&log);
    let running = Running::start(command);
    let first = running.wait_for("a picture", |line| line["schema"] == "tripline.snapshot/v1");
    assert_eq!(first["switches"][0]["armed"], false, "{first}");
    append(&log, &failed("m"));
    let fires = running
        .wait_for("it fires", |line| line["rule"] == "all-fail" && line["event"] == "alert.firing");
    let summary = fires["summary"].as_str().unwrap();
    assert!(summary.starts_with("would trip model/p/m, but is read-only: "), "{summary}");
    running.wait_for("a finding", |line| {
        let text = "a rule asked to trip model/p/m, but this process is read-only";
        line["findings"].as_array().is_some_and(|all| all.iter().any(|row| row["text"] == text))
    });
}
