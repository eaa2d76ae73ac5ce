//! What stands beside a cap's sum: the provider's bill, how fast it burns, and what is
//! not in it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::calls::{Truth, line};
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::fake::{Fake, answer};
use super::sandbox::Sandbox;

const DAY: Duration = Duration::from_secs(86_400);
const CAP: &str = "[[cap]]\nname = \"openai\"\nusd = 8.64\nperiod = \"24h\"\n\
                   match = { provider = \"openai\" }\n";

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What the error of our sum is said to be, and is, of a day whose bill is so many cents
/// more than what was logged: calls of an earlier run, the bill of this one.
fn error_of_a_bill(cents_more: i64) -> (f64, f64) {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400 * 86_400;
    let day = UNIX_EPOCH + Duration::from_secs(today) - 4 * DAY;
    // A day is known that an earlier one comes before.
    truth.log_at(&log, day - DAY);
    let before = truth.nano_usd;
    for n in 0..700 {
        truth.log_at(&log, day + DAY * n / 700);
    }
    let daemon = Daemon::start(serve(&sandbox, CAP, &[&log]));
    status_until(&sandbox, "counted", |status| truth.is(status) && kept(status));
    daemon.stop();
    let nano = i64::try_from(truth.nano_usd - before).unwrap();
    let ours = (nano + 5_000_000) / 10_000_000;
    let billed = ours + cents_more;
    let (first, rest) = (billed / 3, billed - billed / 3);
    let item = |cents: i64| {
        let value = format!("{}.{:02}", cents / 100, cents % 100);
        let value: Value = serde_json::from_str(&value).unwrap();
        json!({ "amount": { "value": value, "currency": "usd" } })
    };
    let start = day.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let bucket = json!({
        "start_time": start, "end_time": start + 86_400, "results": [item(first), item(rest)]
    });
    let page = json!({ "data": [bucket], "has_more": false }).to_string();
    let fake = Fake::start(move |_, _| answer("200 OK", &[], &page));
    let config = format!(
        "{CAP}[[source]]\npaths = [{:?}]\n[[source]]\nname = \"bill\"\nkind = \"poll\"\n\
         api = \"openai-costs\"\nurl = \"{}\"\nprovider = \"openai\"\n\
         headers = {{ Authorization = {{ env = \"TEST_KEY\" }} }}\n",
        log.to_str().unwrap(),
        fake.url("")
    );
    let mut command = serve(&sandbox, &config, &[]);
    command.env("TEST_KEY", "Bearer nobody-may-see-7731");
    let daemon = Daemon::start(command);
    let seen = status_until(&sandbox, "the bill", |status| {
        status["caps"][0]["estimate_error_ratio"].is_number()
    });
    assert!(truth.is(&seen), "{seen:#}");
    daemon.stop();
    #[allow(clippy::cast_precision_loss, reason = "a ratio")]
    let is = nano as f64 / (billed as f64 * 1e7) - 1.0;
    (number(&seen["caps"][0]["estimate_error_ratio"]), is)
}

#[test]
fn a_complete_day_is_held_against_the_bill_to_the_cent() {
    assert!(error_of_a_bill(0).0.abs() < f64::EPSILON, "the same cents are the same sum");
    for more in [1, -1] {
        let (said, is) = error_of_a_bill(more);
        assert!((said - is).abs() < 1e-9 && is.abs() > 1e-3, "{more}: {said} {is}");
    }
}

#[test]
fn two_windows_tell_how_fast_a_cap_burns_over_a_restart_too() {
    let sandbox = Sandbox::new();
    let now = SystemTime::now();
    // A call in ten seconds for an hour, and one a second for the last five minutes: the
    // first is what would just use up the cap.
    let ago = |second: u64| now - Duration::from_secs(second);
    let slow = (300..3600).rev().step_by(10).map(ago);
    let calls = slow.chain((0..300).rev().map(ago));
    let lines: String = (0..).zip(calls).map(|(n, at)| line(n, at)).collect();
    let log = sandbox.path("gw.log");
    fs::write(&log, lines).unwrap();
    let burns = |status: &Value| {
        let cap = &status["caps"][0];
        Some((cap["burn_short"].as_f64()?, cap["burn_long"].as_f64()?))
    };
    for run in ["from the log", "from the ledger"] {
        let daemon = Daemon::start(serve(&sandbox, CAP, &[&log]));
        let seen = status_until(&sandbox, run, |status| {
            status["totals"]["requests"] == 630
                && status["sources"][0]["state"] == "live"
                && burns(status).is_some()
                && kept(status)
        });
        let (short, long) = burns(&seen).unwrap();
        // The longer this takes, the less of the last five minutes is left.
        assert!(
            (6.0..12.0).contains(&short) && (1.4..2.2).contains(&long),
            "{run}: {short} {long}"
        );
        daemon.stop();
    }
}

#[test]
fn what_has_no_price_stands_beside_each_cap_in_words() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let free = |n: u64| {
        let (text, cost) = (line(n, SystemTime::now()), "\"response_cost\":");
        let (before, after) = text.split_once(cost).unwrap();
        let after = after.split_once(',').unwrap().1;
        format!("{before}{after}").replace("openai/gpt-4o", "openai/nobody-knows-it")
    };
    let priced = (0..6).map(|n| line(2 * n, SystemTime::now()));
    fs::write(&log, priced.chain((6..8).map(|n| free(2 * n))).collect::<String>()).unwrap();
    let daemon = Daemon::start(serve(&sandbox, CAP, &[&log]));
    let all = |status: &Value| status["totals"]["requests"] == 8 && kept(status);
    let seen = status_until(&sandbox, "all calls", all);
    assert_eq!(seen["caps"][0]["unpriced_requests"], 2);
    let words = "2 calls, 25% of those answered, not in it: no price is known";
    let says = |args: &[&str]| {
        let said = sandbox.run(["--config", "config.toml"].iter().chain(args)).ok().out();
        let cap = said.lines().find(|line| line.contains(" of $8.64")).unwrap();
        assert!(cap.contains(words), "{said}");
    };
    says(&["status"]);
    says(&["once", "gw.log"]);
    daemon.stop();
    assert_eq!(status(&sandbox)["caps"][0]["unpriced_requests"], 2);
    says(&["status"]);
}
