//! tripline among programs that are not ours: real gateways with our files, real
//! SDKs, and a provider that says what it believes. This file is about nginx.
//!
//! `scripts/peers` installs them. Without them these tests say so and pass,
//! unless `TRIPLINE_PEERS=required`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and waits for real processes with real deadlines"
)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[path = "serve/calls.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod calls;
#[path = "serve/daemon.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod daemon;
#[path = "support/disk.rs"]
mod disk;
#[path = "peers/edges.rs"]
mod edges;
#[path = "peers/failing.rs"]
mod failing;
#[path = "peers/http.rs"]
mod http;
#[path = "peers/litellm.rs"]
mod litellm;
#[path = "peers/logrotate.rs"]
mod logrotate;
#[path = "support/need.rs"]
mod need;
#[path = "peers/nginx.rs"]
mod nginx;
#[path = "peers/process.rs"]
mod process;
#[path = "peers/rig.rs"]
mod rig;
#[path = "cli/sandbox.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sandbox;
#[path = "peers/telemetry.rs"]
mod telemetry;

use nginx::Nginx;
use rig::{MODEL, RPM, Rig, TPM, Watch};

/// What the switch promises.
const WITHIN: Duration = Duration::from_secs(1);
/// Between a header's making and nginx's line lie a few milliseconds, and
/// providers round.
const SLACK: Duration = Duration::from_millis(250);

const HALF_GONE: &str = r#"
    [[rule]]
    name = "half-the-tokens-gone"
    metric = "limit.remaining_ratio"
    match = { provider = "openai", resource = "tokens" }
    below = 0.5
    for = "200ms"
    severity = "critical"
    actions = ["trip:all"]
    min_requests = 3
    cooldown = "10m"
"#;

#[test]
fn a_crossed_line_stops_real_traffic_and_the_proof_is_in_the_log() {
    let Some(mut rig) = nginx::rig(Nginx::Proper) else { return };
    let mut watch = rig.watch(HALF_GONE);
    for _ in 0..2 {
        assert_eq!(rig.sdk.call()["status"], 200);
    }
    gauges_are_what_the_provider_believes(&rig, &mut watch);

    let passed = time_to_stop(&mut rig);
    assert!(passed < WITHIN, "stopped only after {passed:?}");
    println!("nginx refused {passed:?} after the line was crossed");
    let fired = watch.event(|event| event["event"] == "alert.firing");
    assert_eq!(fired["rule"], "half-the-tokens-gone");
    assert_eq!(fired["labels"]["resource"], "tokens");
    let tripped = watch.event(|event| event["event"] == "switch.tripped");
    assert_eq!((&tripped["scope"], &tripped["rule"]), (&json!("all"), &fired["rule"]));

    let seen = rig.requests_seen();
    let refused = rig.sdk.call();
    assert_eq!(
        (&refused["status"], &refused["raised"]),
        (&json!(503), &json!("InternalServerError"))
    );
    assert_eq!(refused["code"], "llm_kill_switch");
    assert_eq!(refused["headers"]["x-should-retry"], "false");
    assert_eq!(refused["headers"]["x-kill-switch"], "all");
    assert_eq!(rig.requests_seen(), seen, "a refused call reached the provider");

    let obeyed = watch
        .snapshot(|snapshot| host_of_the_trip(snapshot).is_some_and(|host| host["obeyed"] == true));
    let host = host_of_the_trip(&obeyed).unwrap();
    assert_eq!(host["started_after_trip"], 0, "{host}");
    assert_eq!(obeyed["switches"][0]["rule"], "half-the-tokens-gone");
    let status: Value = serde_json::from_str(&rig.switch(&["status", "--json"])).unwrap();
    assert_eq!(status["switches"][0]["scope"], "all");
    assert_eq!(status["problems"], json!([]));

    rig.switch(&["reset", "all", "--reason", "the tokens are back"]);
    assert_eq!(rig.sdk.call()["status"], 200, "traffic flows again");
    let reset = watch.event(|event| event["event"] == "switch.reset");
    assert_eq!(reset["scope"], "all");
    let calls = rig.log().len();
    // The next snapshot may have been made before the reset. One that was tripped
    // again would stay so.
    watch.snapshot(|snapshot| {
        snapshot["sources"][0]["lines"] == calls && host_of_the_trip(snapshot).is_none()
    });

    let log = rig.json_log();
    let by_sdk =
        log.iter().filter(|line| line["kill_switch"] == "all" && line["retry_count"] != "");
    assert_eq!(by_sdk.count(), 1, "the SDK retried what it was told not to retry");
}

#[test]
fn a_gateway_that_knows_no_switch_is_reported() {
    let Some(mut rig) = nginx::rig(Nginx::WithoutSwitch) else { return };
    disobedience_is_reported(&mut rig);
}

#[test]
fn a_gateway_that_cannot_see_the_directory_is_reported() {
    let Some(()) = need::root("only root can give nginx's workers another user") else { return };
    let Some(mut rig) = nginx::rig(Nginx::ClosedDirectory) else { return };
    disobedience_is_reported(&mut rig);
    let status: Value = serde_json::from_str(&rig.switch(&["status", "--json"])).unwrap();
    let problem = status["problems"][0].as_str().unwrap();
    assert!(problem.contains("closed"), "{problem}");
}

#[test]
fn a_drill_tells_who_obeys_and_stops_nothing_else() {
    let Some(mut rig) = nginx::rig(Nginx::Proper) else { return };
    let _watch = rig.watch("");
    assert_eq!(rig.drill(), (Some(0), true));
    // The same key again: the drill left nothing behind.
    assert_eq!(rig.sdk.call()["status"], 200);
    assert!(rig.json_log().iter().any(|line| line["kill_switch"] == "key/7%51m2"));

    let Some(rig) = nginx::rig(Nginx::WithoutSwitch) else { return };
    let _watch = rig.watch("");
    assert_eq!(rig.drill(), (Some(1), false));
}

#[test]
fn every_kind_of_call_is_read_from_nginx_s_log() {
    let Some(mut rig) = nginx::rig(Nginx::Proper) else { return };
    let _watch = rig.watch("");
    assert_eq!(rig.sdk.call()["status"], 200);
    let streamed = rig.sdk.call_with(&json!({"stream": true, "max_tokens": 100}));
    assert!(streamed["pieces"].as_u64().unwrap() > 1, "{streamed}");
    // More than a minute's tokens: refused, and retried once.
    let too_large = rig.sdk.call_with(&json!({"max_tokens": TPM, "max_retries": 1}));
    assert_eq!(too_large["raised"], "RateLimitError");
    rig.switch(&["trip", "all", "--reason", "to see it logged"]);
    assert_eq!(rig.sdk.call()["status"], 503);
    rig.logged(5);

    let read = rig.parse();
    let picked = |name: &str| read.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(picked("status"), [200, 200, 429, 429, 503]);
    assert_eq!(picked("outcome"), ["ok", "ok", "rate_limited", "rate_limited", "blocked"]);
    assert_eq!(picked("attempt"), [1, 1, 1, 2, 1]);
    for row in &read {
        assert_eq!(row["format"], "nginx-json", "{row}");
        assert_eq!((&row["provider"], &row["model"]), (&json!("openai"), &json!(MODEL)));
        assert_eq!(row["endpoint"], "/v1/chat/completions", "{row}");
        assert_eq!((&row["key_id"], &row["environment"]), (&json!("7Qm2"), &json!("prod")));
    }
    for row in &read[..4] {
        assert_eq!(limit_of(row, "requests")["limit"], RPM, "{row}");
        assert_eq!(limit_of(row, "tokens")["limit"], TPM, "{row}");
    }
    assert_eq!(read[4]["error_kind"], "kill_switch");
    assert!(read[4].get("limits").is_none(), "nginx asked nobody: {}", read[4]);
    let times =
        |row: &Value| (row["ttft_ms"].as_f64().unwrap(), row["latency_ms"].as_f64().unwrap());
    let (first, all) = times(&read[1]);
    assert!(first < all, "a stream's first token at {first} of {all} ms");
}

#[test]
fn no_call_is_lost_or_counted_twice_when_the_log_is_rotated() {
    let Some(rig) = nginx::rig(Nginx::Proper) else { return };
    let mut watch = rig.watch("");
    let volley =
        || (0..100).for_each(|_| assert_eq!(http::get(rig.gateway, "/v1/models").status, 200));
    volley();
    // nginx goes on writing to the old file until it is told.
    rig.rename_log("nginx.jsonl.1");
    volley();
    rig.reopen_log();
    volley();
    let all = watch.snapshot(|snapshot| snapshot["totals"]["requests"] == 300);
    assert_eq!(all["sources"][0]["lines"], 300, "{}", all["sources"]);
    let later = watch.snapshot(|_| true);
    assert_eq!(later["totals"]["requests"], 300, "counted twice");
}

/// Limits are equal; what is left lies between what the provider believed just
/// before and just after, since buckets only fill while nobody calls.
fn gauges_are_what_the_provider_believes(rig: &Rig, watch: &mut Watch) {
    let calls = rig.logged(2).len();
    // Old enough for a wrong refill to show.
    let aged = |snapshot: &Value| {
        snapshot["sources"][0]["lines"] == calls
            && limit_of(snapshot, "tokens")["age_s"].as_f64().unwrap() > 1.5
    };
    watch.snapshot(aged);
    let before = rig.belief();
    // One snapshot may have been on its way when the provider was asked.
    watch.snapshot(aged);
    let shown = watch.snapshot(aged);
    let after = rig.belief();
    for (resource, bucket, a_minute) in [("requests", "rpm", RPM), ("tokens", "tpm", TPM)] {
        let gauge = limit_of(&shown, resource);
        assert_eq!(gauge["limit"], before[bucket]["limit"], "{gauge}");
        assert_eq!(gauge["window_s"], before[bucket]["window_s"], "{gauge}");
        assert_eq!((&gauge["provider"], &gauge["model"]), (&json!("openai"), &json!(MODEL)));
        // Headers and gauges are whole numbers.
        let slack = f64::from(a_minute) / 60.0 * SLACK.as_secs_f64() + 1.0;
        let low = before[bucket]["remaining"].as_f64().unwrap() - slack;
        let high = after[bucket]["remaining"].as_f64().unwrap() + slack;
        let left = gauge["remaining"].as_f64().unwrap();
        assert!((low..=high).contains(&left), "{resource}: {left}, not in {low}..={high}");
    }
}

/// Calls until less than half is left, then asks nginx until it refuses.
fn time_to_stop(rig: &mut Rig) -> Duration {
    let mut calls = 0;
    while left(&rig.belief()["tpm"]) > 0.497 {
        calls += 1;
        assert!(calls < 10, "{}", rig.belief());
        assert_eq!(rig.sdk.call()["status"], 200);
    }
    let crossed = Instant::now();
    loop {
        let answer = http::get(rig.gateway, "/v1/models");
        let passed = crossed.elapsed();
        if answer.status == 503 {
            assert!(answer.head.contains("x-should-retry: false"), "{}", answer.head);
            assert!(answer.body.contains("\"llm_kill_switch\""), "{}", answer.body);
            return passed;
        }
        assert!(passed < process::PATIENCE, "never stopped");
        std::thread::yield_now();
    }
}

fn disobedience_is_reported(rig: &mut Rig) {
    let mut watch = rig.watch("");
    rig.switch(&["trip", "all", "--reason", "to see who obeys"]);
    let deadline = Instant::now() + process::PATIENCE;
    let mut calls = 0;
    let told = loop {
        assert_eq!(rig.sdk.call()["status"], 200, "it should not obey");
        calls += 1;
        let now = watch.snapshot(|snapshot| snapshot["totals"]["requests"] == calls);
        match host_of_the_trip(&now) {
            Some(host) if host["obeyed"] == false => break host.clone(),
            host => assert!(Instant::now() < deadline, "{host:?} {:?}", watch.events),
        }
    };
    assert!(told["started_after_trip"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(rig.sdk.call()["status"], 200);
    let alert = watch
        .event(|event| event["event"] == "alert.firing" && event["rule"] == "switch-not-obeyed");
    assert_eq!(
        (&alert["severity"], &alert["labels"]["scope"]),
        (&json!("critical"), &json!("all"))
    );
    let state = watch.snapshot(|snapshot| snapshot["state"] == "critical");
    assert!(host_of_the_trip(&state).is_some_and(|host| host["obeyed"] == false), "{state}");
}

/// What the only host does about the trip of everything.
fn host_of_the_trip(snapshot: &Value) -> Option<&Value> {
    let rows = snapshot["switches"].as_array()?;
    rows.iter().find(|row| row["scope"] == "all" && row["state"] == "tripped")?["hosts"].get(0)
}

fn limit_of<'v>(of: &'v Value, resource: &str) -> &'v Value {
    let limits = of["limits"].as_array().unwrap_or_else(|| panic!("no limits: {of}"));
    let found: Vec<&Value> = limits.iter().filter(|limit| limit["resource"] == resource).collect();
    assert_eq!(found.len(), 1, "{limits:?}");
    found[0]
}

fn left(bucket: &Value) -> f64 {
    bucket["remaining"].as_f64().unwrap() / bucket["limit"].as_f64().unwrap()
}
