//! Caps of all kinds go on over a kill and a stop: of periods that began before,
//! of the time just past, and of each key or user.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::{Truth, line, nano_usd, nanos};
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::{Sandbox, rfc3339};

pub const CAPS: &str = "
timezone = \"Asia/Kathmandu\"
[[cap]]
name = \"week\"
usd = 1000
period = \"week\"
[[cap]]
name = \"month\"
usd = 1000
period = \"month\"
timezone = \"America/New_York\"
[[cap]]
name = \"hours\"
usd = 1000
period = \"6h\"
[[cap]]
name = \"days\"
usd = 1000
period = \"3d\"
[[cap]]
name = \"weeks\"
usd = 1000
period = \"21d\"
[[cap]]
name = \"key\"
usd = 0.01
period = \"30d\"
each = \"key\"
[[cap]]
name = \"user\"
usd = 1000
period = \"2h\"
each = \"user\"
match = { key = \"web\" }
";

/// What each cap has spent on how many calls without a price, by name and whose.
pub fn spent(status: &Value) -> Vec<[String; 3]> {
    let mut rows: Vec<_> = status["caps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cap| ["name", "of", "spent_usd"].map(|field| cap[field].to_string()))
        .collect();
    rows.sort();
    rows
}

/// Of one cap, over all its rows.
fn sum(status: &Value, name: &str) -> u128 {
    let caps = status["caps"].as_array().unwrap();
    let rows = caps.iter().filter(|cap| cap["name"] == name);
    rows.map(|cap| nanos(cap["spent_usd"].as_str().unwrap())).sum()
}

/// Of lines that tell none, the account is their source's.
#[test]
fn a_cap_on_an_account_goes_on_after_a_kill_and_is_what_the_report_says() {
    let sandbox = Sandbox::new();
    let (log, other) = (sandbox.path("gw.log"), sandbox.path("other.log"));
    let config = format!(
        "[[cap]]\nname = \"acme\"\nusd = 1000\nperiod = \"30d\"\nmatch = {{ account = \"acme\" }}\n\
         [[cap]]\nname = \"each\"\nusd = 1000\nperiod = \"24h\"\neach = \"account\"\n\
         [[source]]\npaths = [{log:?}]\n\
         [[source]]\npaths = [{other:?}]\naccount = \"acme\"\n"
    );
    let (mut truth, mut acme) = (Truth::default(), 0);
    let mut write = |truth: &mut Truth| {
        for n in 0..30 {
            let number = truth.requests;
            let line = line(number, SystemTime::now());
            let (file, account) = if n % 3 == 0 {
                (&other, None)
            } else {
                (&log, [Some("acme"), Some("b-2"), None][n % 5 % 3])
            };
            let tells =
                |name: &str| format!("\"user_api_key_org_id\":\"{name}\",\"user_api_key_alias\"");
            let line = account
                .map_or(line.clone(), |name| line.replace("\"user_api_key_alias\"", &tells(name)));
            acme += if n % 3 == 0 || account == Some("acme") { nano_usd(number) } else { 0 };
            truth.count();
            let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        acme
    };
    for round in 0..3 {
        let acme = write(&mut truth);
        let daemon = Daemon::start(serve(&sandbox, &config, &[]));
        let seen = status_until(&sandbox, "all", |status| truth.is(status) && kept(status));
        assert_eq!(sum(&seen, "acme"), acme, "{round}");
        let each = |status: &Value, of: &str| {
            let mut caps = status["caps"].as_array().unwrap().iter();
            let row = caps.find(|cap| cap["name"] == "each" && cap["of"] == of);
            row.map(|cap| nanos(cap["spent_usd"].as_str().unwrap()))
        };
        assert_eq!(each(&seen, "acme"), Some(acme), "{round}");
        assert!(each(&seen, "b-2").is_some(), "{round}");
        daemon.kill();
        let report = ["report", "--from", "2d", "--by", "account", "--json"];
        let report = sandbox.run(report).ok().json();
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["account"] == "acme").unwrap();
        assert_eq!(nanos(row["cost_usd"].as_str().unwrap()), acme, "{report:#}");
        assert_eq!(rows.len(), 3, "{report:#}");
    }
}

#[test]
fn every_kind_of_cap_goes_on_after_a_kill_and_after_a_stop() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    // A backlog of twenty days: half an hour and a little more from call to call.
    let mut text = String::new();
    let now = SystemTime::now();
    for n in (1..960u32).rev() {
        text += &line(truth.requests, now - Duration::from_secs(1811) * n);
        truth.count();
    }
    fs::write(&log, text).unwrap();
    let mut before = None;
    for round in 0..4 {
        let daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
        if let Some(before) = &before {
            let seen = status_until(&sandbox, "as before", |seen| spent(seen) == *before);
            assert!(seen["caps"].as_array().unwrap().len() >= 5 + 2 + 4);
        }
        truth.log(&log, 20);
        let seen = status_until(&sandbox, "all of it", |seen| truth.is(seen) && kept(seen));
        assert_eq!(sum(&seen, "weeks"), truth.nano_usd, "the whole log is of these weeks");
        assert_eq!(sum(&seen, "key"), truth.nano_usd, "every call has a key");
        let order = ["user", "hours", "days", "weeks"].map(|name| sum(&seen, name));
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        before = Some(spent(&seen));
        if round % 2 == 0 {
            daemon.kill();
        } else {
            daemon.stop();
        }
        assert_eq!(Some(spent(&status(&sandbox))), before, "what the ledger alone says");
    }
}

#[test]
fn a_cap_spent_before_the_restart_is_known_to_be_not_enforced_after_it() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
    truth.log(&log, 40);
    let firing = |rule: &str, seen: &Value| {
        let alerts = seen["alerts"].as_array().unwrap();
        alerts.iter().any(|alert| {
            alert["rule"] == rule && alert["state"] == "firing" && alert["labels"]["key"] == "web"
        })
    };
    status_until(&sandbox, "it is spent", |seen| firing("spend-cap", seen) && kept(seen));
    daemon.kill();
    let _daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
    // A gateway whose clock is a minute fast: half a minute after the restart, as far
    // as the log can tell, calls of that key still succeed.
    let mut text = String::new();
    for _ in 0..20 {
        text += &line(truth.requests, SystemTime::now() + Duration::from_secs(60));
        truth.count();
    }
    OpenOptions::new().append(true).open(&log).unwrap().write_all(text.as_bytes()).unwrap();
    status_until(&sandbox, "not enforced", |seen| firing("cap-not-enforced", seen));
}

/// Restarts must not give calls that pass another half minute each.
#[test]
fn since_when_a_cap_is_spent_is_known_after_a_restart() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let config = "[[cap]]\nname = \"day\"\nusd = 1\nperiod = \"24h\"\n";
    let call = |ago: u64, usd: &str| {
        let at = rfc3339(SystemTime::now() - Duration::from_secs(ago));
        let call = format!(
            "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"m\",\"status\":200,\"cost_usd\":{usd}}}\n"
        );
        let mut log = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        log.write_all(call.as_bytes()).unwrap();
    };
    call(240, "0.6");
    call(200, "0.9");
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let spent = |seen: &Value| seen["caps"][0]["spent_usd"] == "1.500000" && kept(seen);
    status_until(&sandbox, "it is spent", spent);
    daemon.kill();
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let seen = status_until(&sandbox, "live", |seen| seen["sources"][0]["state"] == "live");
    let not_enforced = |seen: &Value| {
        let mut alerts = seen["alerts"].as_array().unwrap().iter();
        alerts.any(|alert| alert["rule"] == "cap-not-enforced" && alert["state"] == "firing")
    };
    assert!(!not_enforced(&seen), "{seen:#}");
    call(0, "0.1");
    status_until(&sandbox, "not enforced", not_enforced);
    daemon.stop();
}
