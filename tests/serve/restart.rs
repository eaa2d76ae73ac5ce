//! A restart, planned or not, goes on exactly where the last run ended.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::{Truth, decimal};
use super::daemon::{Daemon, kept, serve, status, status_follows, status_until, stop_at};
use super::sandbox::{Running, Sandbox};

const CAPS: &str = "
[[cap]]
name = \"everything\"
usd = 1
period = \"month\"
[[cap]]
name = \"web\"
usd = 1
period = \"month\"
match = { key = \"web\", provider = \"openai\" }
[[cap]]
name = \"nobody\"
usd = 1
period = \"month\"
match = { key = \"nobody\" }
";

/// Of the calls of key `web`.
fn web(truth: &Truth) -> String {
    decimal((0..truth.requests).step_by(2).map(super::calls::nano_usd).sum())
}

#[test]
fn totals_caps_and_counters_go_on_after_a_stop_and_after_a_kill() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let mut lines = 0;
    for round in 0..4 {
        let daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
        truth.log(&log, 50);
        // A line that repeats one, and two that can't be trusted.
        let last = fs::read_to_string(&log).unwrap().lines().last().unwrap().to_owned();
        append(
            &log,
            &format!(
                "{last}\n{{broken\n{{\"litellm_call_id\":\"x\",\"call_type\":\"acompletion\",\"response_cost\":-5,\"status\":\"success\"}}\n"
            ),
        );
        lines += 53;
        let seen = status_until(&sandbox, "all of it", |status| {
            truth.is(status) && status["sources"][0]["lines"] == lines
        });
        let rounds = round + 1;
        assert_eq!(seen["totals"]["duplicates"], rounds);
        assert_eq!(seen["totals"]["quarantined"], 2 * rounds);
        let cap = |name: &str| {
            let caps = seen["caps"].as_array().unwrap();
            caps.iter().find(|cap| cap["name"] == name).unwrap()["spent_usd"].clone()
        };
        assert_eq!(cap("everything"), seen["totals"]["cost_usd"]);
        assert_eq!(
            super::calls::nanos(cap("web").as_str().unwrap()),
            super::calls::nanos(&web(&truth))
        );
        assert_eq!(cap("nobody"), "0.000000");
        if round % 2 == 0 {
            daemon.stop();
            let kept = status(&sandbox);
            assert_eq!(kept["totals"], seen["totals"]);
            assert_eq!(kept["sources"][0]["lines"], lines);
        } else {
            daemon.kill();
        }
    }
}

fn append(log: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_is_known_of_the_present_is_known_from_lines_of_this_run() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let before = SystemTime::now() - Duration::from_secs(300);
    (0..20).for_each(|_| truth.log_at(&log, before));
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status));
    assert_eq!(seen["state"], "unknown", "{seen:#}");
    assert!(seen["verdict"].as_str().unwrap().starts_with("The newest line is "), "{seen:#}");
    daemon.stop();
    // It reads nothing again, and so it knows even less.
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_follows(&sandbox);
    assert!(truth.is(&seen), "{seen:#}");
    assert_eq!(seen["state"], "unknown", "{seen:#}");
    let waits = "No line yet from 1 source; waiting. Totals and caps go on from the ledger.";
    assert_eq!(seen["verdict"], waits);
    truth.log(&log, 1);
    let seen = status_until(&sandbox, "the fresh call", |status| truth.is(status));
    assert_eq!(seen["state"], "ok", "{seen:#}");
    daemon.stop();
}

#[test]
fn a_line_of_before_the_restart_that_comes_again_counts_once() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 30);
    status_until(&sandbox, "all calls", |status| truth.is(status));
    daemon.stop();
    let again = fs::read_to_string(&log).unwrap();
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    append(&log, &again);
    let seen = status_until(&sandbox, "read", |status| status["sources"][0]["lines"] == 60);
    assert!(truth.is(&seen), "{seen:#}");
    assert_eq!(seen["totals"]["duplicates"], 30);
    daemon.stop();
}

#[test]
fn rotations_while_nothing_runs_lose_nothing() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    for round in 0..3 {
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        truth.log(&log, 20);
        status_until(&sandbox, "all calls", |status| truth.is(status));
        if round % 2 == 0 {
            daemon.stop()
        } else {
            daemon.kill();
            String::new()
        };
        truth.log(&log, 20);
        fs::rename(&log, sandbox.path(&format!("gw.log.{round}"))).unwrap();
        truth.log(&log, 20);
    }
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status));
    daemon.stop();
    assert!(truth.is(&status(&sandbox)));
}

#[test]
fn a_cap_that_was_spent_is_shown_spent_at_once_and_trips_nothing_until_fresh_calls_come() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = stop_at(0.01);
    // What tripped once would be shown as tripped: so it is spent without a rule.
    let daemon =
        Daemon::start(serve(&sandbox, &config[..config.find("[[rule]]").unwrap()], &[&log]));
    truth.log(&log, 30);
    status_until(&sandbox, "all calls", |status| truth.is(status));
    daemon.stop();
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    let seen = status(&sandbox);
    assert!(truth.is(&seen), "{seen:#}");
    assert_eq!(
        (&seen["caps"][0]["state"], &seen["state"]),
        (&"critical".into(), &"critical".into())
    );
    assert!(seen["verdict"].as_str().unwrap().contains("cap small is spent"), "{seen:#}");
    let tripped = || sandbox.path("state/kill.d/all.kill").exists();
    // It has been judged, more than once, and nothing was stopped on old spend.
    let first = seen["at"].as_str().unwrap().to_owned();
    let later = |status: &Value| {
        let second = |at: &str| at[..19].to_owned();
        second(status["at"].as_str().unwrap()) > second(&first)
    };
    status_until(&sandbox, "another second", later);
    assert!(!tripped());
    truth.log(&log, 1);
    super::sandbox::until("fresh calls trip it", tripped);
    daemon.stop();
}

#[test]
fn only_what_is_meant_to_last_is_kept() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 3);
    let ledger = sandbox.path("state/ledger.db");
    sandbox.once(&log);
    let stream = |config: &str, more: &[&str]| {
        let config = sandbox.file("config.toml", config);
        let mut command = sandbox.command();
        command.arg("--config").arg(config).args(["watch", "--every", "50ms"]).args(more);
        let running = Running::start(command);
        let seen = running.wait_for("all calls", |line| truth.is(line));
        running.signal("TERM");
        let mut running = running;
        assert_eq!(running.end(), Some(0));
        seen
    };
    stream("", &[log.to_str().unwrap()]);
    assert!(!ledger.exists(), "a look at a file leaves nothing");
    let source = format!("[[source]]\nname = \"gw\"\npaths = [{:?}]\n", log.to_str().unwrap());
    stream(&format!("{source}[ledger]\nenabled = false\n"), &[]);
    assert!(!ledger.exists(), "nobody wants it");
    let seen = stream(&source, &[]);
    assert_eq!(seen["ledger"]["state"], "ok");
    assert!(ledger.exists());
    // And the second time it is not read again.
    stream(&source, &[]);
    let elsewhere = sandbox.path("elsewhere");
    stream(&format!("{source}[ledger]\ndir = {:?}\n", elsewhere.to_str().unwrap()), &[]);
    assert!(elsewhere.join("ledger.db").exists());
}

#[test]
fn what_happened_is_kept_with_the_spend() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = "[[cap]]\nname = \"small\"\nusd = 0.01\nperiod = \"month\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    truth.log(&log, 30);
    status_until(&sandbox, "it fires", |status| {
        status["alerts"].as_array().unwrap().iter().any(|alert| alert["rule"] == "spend-cap")
    });
    daemon.stop();
    let ledger = tripline::ledger::Reader::open(&sandbox.state()).unwrap();
    let events: Vec<Value> = ledger
        .history(100)
        .unwrap()
        .iter()
        .map(|(_, event)| serde_json::from_str(event).unwrap())
        .collect();
    assert!(
        events.iter().any(|event| event["event"] == "alert.firing" && event["rule"] == "spend-cap"),
        "{events:?}"
    );
    assert!(events.iter().all(|event| event["schema"] == "tripline.event/v1"));
}

#[test]
fn no_secret_and_no_prompt_is_kept() {
    let sandbox = Sandbox::new();
    let log = sandbox.file(
        "gw.log",
        concat!(
            r#"{"litellm_call_id":"c","call_type":"acompletion","status":"success","model":"m","#,
            r#""response_cost":1.5,"api_key":"sk-PLANTEDKEY0123456789abcdefABCDEF0123456789","#,
            r#""metadata":{"user_api_key_alias":"sk-PLANTEDALIAS0123456789abcdefABCDEF01234"},"#,
            r#""messages":[{"role":"user","content":"PLANTED-PROMPT"}],"#,
            r#""response":{"choices":[{"message":{"content":"PLANTED-ANSWER"}}]}}"#,
            "\n",
        ),
    );
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_until(&sandbox, "read", |status| status["sources"][0]["lines"] == 1);
    assert_eq!(seen["totals"]["cost_usd"], "1.500000");
    status_until(&sandbox, "kept", kept);
    // Also what is in files only while it runs.
    let running = Sandbox::everything_in(&sandbox.state());
    daemon.stop();
    for kept in [running, Sandbox::everything_in(&sandbox.state())] {
        let found = kept.windows(7).any(|bytes| bytes == b"PLANTED");
        assert!(!found, "{}", String::from_utf8_lossy(&kept));
        assert!(kept.len() > 10_000);
    }
}

/// A container that is made anew has another name and machine id, and the same volume.
#[test]
fn keys_are_known_again_by_the_number_that_is_kept_beside_the_ledger() {
    let sandbox = Sandbox::new();
    let line = |n: u32| {
        format!(
            concat!(
                r#"{{"litellm_call_id":"c{n}","call_type":"acompletion","status":"success","#,
                r#""model":"m","response_cost":1.5,"metadata":{{"#,
                r#""user_api_key_alias":"sk-PLANTEDKEY0123456789abcdefABCDEF0123456789"}}}}"#,
                "\n"
            ),
            n = n
        )
    };
    let keys = |name: &str, n: u32, salt: Option<&str>| {
        if let Some(salt) = salt {
            fs::write(sandbox.state().join("salt"), salt).unwrap();
        }
        let log = sandbox.path(name);
        fs::write(&log, line(n)).unwrap();
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        status_until(&sandbox, "kept", |status| status["sources"][0]["lines"] == 1 && kept(status));
        daemon.stop();
        let rows = sandbox.run(["report", "--by", "key", "--json"]).ok().json();
        rows["rows"].as_array().unwrap().len()
    };
    assert_eq!(keys("a.log", 1, None), 1);
    let salt = fs::read_to_string(sandbox.state().join("salt")).unwrap();
    assert_eq!(keys("b.log", 2, None), 1);
    assert_eq!(fs::read_to_string(sandbox.state().join("salt")).unwrap(), salt);
    assert_eq!(keys("c.log", 3, Some("00000000000000aa\n")), 2, "it is not asked of the machine");
    assert_eq!(keys("d.log", 4, Some("torn")), 2, "what can't be read is made anew");
    assert_eq!(fs::read_to_string(sandbox.state().join("salt")).unwrap(), salt);
    let mode = fs::metadata(sandbox.state().join("salt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A proxy's master key is as short as its owner likes, and people put it where names
/// belong.
#[test]
fn a_short_key_in_the_place_of_a_name_is_shown_and_kept_nowhere() {
    let sandbox = Sandbox::new();
    let call = |n: u32, key: &str| {
        format!(
            concat!(
                r#"{{"litellm_call_id":"c{n}","call_type":"acompletion","status":"success","#,
                r#""model":"m","response_cost":1.5,"prompt_tokens":1,"completion_tokens":1,"#,
                r#""end_user":"{key}","request_tags":["{key}"],"metadata":{{"#,
                r#""user_api_key_alias":"{key}","user_api_key_team_alias":"{key}","#,
                r#""user_api_key_user_id":"{key}"}},"error_str":"no key {key}"}}"#,
                "\n"
            ),
            n = n,
            key = key
        )
    };
    let log = sandbox.file("gw.log", call(1, "sk-4711") + &call(2, "sk-4712"));
    let config = "[[cap]]\nname = \"each\"\nusd = 2\nperiod = \"month\"\neach = \"key\"\n\
                  [[cap]]\nname = \"user\"\nusd = 2\nperiod = \"month\"\neach = \"user\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let seen =
        status_until(&sandbox, "kept", |status| status["totals"]["requests"] == 2 && kept(status));
    for each in ["each", "user"] {
        let of = |cap: &&Value| cap["name"] == each && cap["of"].as_str().unwrap().contains("…#");
        assert_eq!(seen["caps"].as_array().unwrap().iter().filter(of).count(), 2, "{seen:#}");
    }
    let mut said = vec![seen.to_string().into_bytes(), Sandbox::everything_in(&sandbox.state())];
    for args in [
        &["status"][..],
        &["report", "--by", "key,user,team", "--json"],
        &["ledger", "export", "--by", "key,user,team"],
        &["once", "gw.log"],
        &["once", "--json", "gw.log"],
        &["parse", "gw.log"],
        &["parse", "--explain", "gw.log"],
        &["replay", "--json", "gw.log"],
    ] {
        let ran = sandbox.run(["--config", "config.toml"].iter().chain(args)).ok();
        said.push((ran.out() + &ran.err()).into_bytes());
    }
    daemon.stop();
    said.push(Sandbox::everything_in(&sandbox.state()));
    for said in said {
        let found = said.windows(6).any(|bytes| bytes == b"sk-471");
        assert!(!found && !said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn how_fast_is_spent_is_known_right_after_a_restart() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let now = SystemTime::now();
    let lines: String =
        (0..120).map(|n| super::calls::line(n, now - Duration::from_secs(120 - n))).collect();
    fs::write(&log, lines).unwrap();
    let forecast = |status: &Value| {
        let cap = &status["caps"][0];
        let rate: f64 = cap["usd_per_hour"].as_str()?.parse().ok()?;
        Some((rate, cap["cap_in_s"].as_f64()?))
    };
    let daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
    let before = status_until(&sandbox, "a rate", |status| forecast(status).is_some());
    daemon.stop();
    let _again = Daemon::start(serve(&sandbox, CAPS, &[&log]));
    let after = status_until(&sandbox, "live again", |status| {
        status["sources"][0]["state"] == "live" && forecast(status).is_some()
    });
    let (before, after) = (forecast(&before).unwrap(), forecast(&after).unwrap());
    // Not one line came since, so nothing but what was kept can tell it. While nothing
    // comes it gets slower, and how long all of this takes nobody knows.
    assert!((0.2..1.3).contains(&(after.0 / before.0)), "{before:?} {after:?}");
    assert!((0.7..6.0).contains(&(after.1 / before.1)), "{before:?} {after:?}");
}

fn from_its_end(log: &Path) -> String {
    let log = log.to_str().unwrap();
    format!("[[source]]\nname = \"gw\"\npaths = [{log:?}]\nstart = \"end\"\n")
}

#[test]
fn a_source_that_begins_at_the_end_does_so_once_and_reads_new_files_whole() {
    let sandbox = Sandbox::new();
    let (dir, mut truth) = (sandbox.path("logs"), Truth::default());
    fs::create_dir(&dir).unwrap();
    let mut before = Truth { requests: 1_000_000, ..Truth::default() };
    before.log(&dir.join("a.log"), 30);
    before.log(&dir.join("quiet.log"), 30);
    let config = from_its_end(&dir.join("*.log"));
    let live = |status: &Value| status["sources"][0]["state"] == "live" && kept(status);
    for round in 0..4 {
        let daemon = Daemon::start(serve(&sandbox, &config, &[]));
        let read = |status: &Value| truth.is(status) && live(status);
        let seen = status_until(&sandbox, "what is new, and no more", read);
        assert_eq!(seen["totals"]["duplicates"], 0);
        truth.log(&dir.join("a.log"), 5);
        status_until(&sandbox, "what came", |status| truth.is(status) && kept(status));
        if round % 2 == 0 {
            daemon.kill();
        } else {
            daemon.stop();
        }
        // While nobody looks: a file that grows, one that is new, one of which it is the first
        // line.
        truth.log(&dir.join("a.log"), 5);
        truth.log(&dir.join(format!("new-{round}.log")), 7);
        truth.log(&dir.join("quiet.log"), 1);
    }
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    status_until(&sandbox, "all of it", |status| truth.is(status) && live(status));
    daemon.stop();
}

/// It found nothing when it looked first, and was killed before anything came.
#[test]
fn a_log_that_begins_while_nothing_runs_is_read_from_its_first_line() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = from_its_end(&log);
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    let noted = || {
        let ledger = tripline::ledger::Reader::open(&sandbox.state()).unwrap();
        ledger.sources().unwrap().iter().any(|(name, _)| name == "gw")
    };
    super::sandbox::until("it is kept that it has looked", noted);
    daemon.kill();
    truth.log(&log, 12);
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    status_until(&sandbox, "all of it", |status| truth.is(status) && kept(status));
    daemon.stop();
}
