//! Caddy, `HAProxy` and Apache before the provider, with the files of `contrib`, and
//! nginx with its own log format.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http;
use super::need;
use super::nginx::{self, Nginx};
use super::rig::{Gateway, MODEL, RPM, Rig, Scene, TPM, replaced};
use super::{WITHIN, host_of_the_trip};

const CLAUDE: &str = "claude-sonnet-4-5";
/// Between the making of a header and the asking of the provider lie milliseconds,
/// or a second on a busy machine; logs round, and so does the provider.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn caddy_s_log_is_read_and_its_switch_obeyed() {
    let Some((caddy, python)) = need::gateway("caddy") else { return };
    let rig = Rig::start(&python, |scene| caddy_gateway(scene, &caddy));
    stands_before_the_provider(rig, "caddy");
}

#[test]
fn haproxy_s_log_is_read_and_its_switch_obeyed() {
    let Some((haproxy, python)) = need::gateway("haproxy") else { return };
    let rig = Rig::start(&python, |scene| haproxy_gateway(scene, &haproxy));
    stands_before_the_provider(rig, "haproxy-json");
}

#[test]
fn apache_s_log_is_read_and_its_switch_obeyed() {
    let Some((apache, python)) = need::gateway("apache2") else { return };
    let rig = Rig::start(&python, |scene| apache_gateway(scene, &apache));
    stands_before_the_provider(rig, "nginx-combined");
}

#[test]
fn haproxy_s_own_log_format_is_read() {
    let Some((haproxy, python)) = need::gateway("haproxy") else { return };
    let mut rig = Rig::start(&python, |scene| haproxy_with_httplog(scene, &haproxy));
    let calls = traffic(&mut rig);
    rig.logged(calls);
    statuses_are_right(&rig, "haproxy");
}

#[test]
fn nginx_s_own_log_format_is_read() {
    let Some(mut rig) = nginx::rig(Nginx::CombinedLog) else { return };
    let calls = traffic(&mut rig);
    rig.logged(calls);
    statuses_are_right(&rig, "nginx-combined");
}

/// Everything that a gateway with our files must do.
fn stands_before_the_provider(mut rig: Rig, format: &str) {
    let calls = traffic(&mut rig);
    rig.logged(calls);
    statuses_are_right(&rig, format);
    for row in rig.parse() {
        assert!(row["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        let claude = row["endpoint"] == "/v1/messages";
        let provider = if claude { "anthropic" } else { "openai" };
        assert_eq!(row["provider"], provider, "{row}");
    }
    limits_are_the_provider_s(&rig);

    let mut watch = rig.watch("");
    rig.switch(&["trip", "all", "--reason", "to see who obeys"]);
    let since = Instant::now();
    let refused = loop {
        let answer = http::get(rig.gateway, "/v1/models");
        if answer.status == 503 {
            break answer;
        }
        assert!(since.elapsed() < WITHIN, "{}", answer.head);
    };
    assert!(refused.head.contains("x-kill-switch: all"), "{}", refused.head);
    assert!(refused.head.contains("x-should-retry: false"), "{}", refused.head);
    assert!(refused.head.contains("content-type: application/json"), "{}", refused.head);
    // What was refused before tripline knew of the stop proves nothing to it.
    watch.event(|event| event["event"] == "switch.tripped");
    let seen = rig.requests_seen();
    let by_sdk = rig.sdk.call();
    assert_eq!((&by_sdk["status"], &by_sdk["code"]), (&json!(503), &json!("llm_kill_switch")));
    let other = rig.sdk.call_with(&claude(json!({})));
    assert_eq!(other["headers"]["x-kill-switch"], "all", "{other}");
    assert_eq!(rig.requests_seen(), seen, "a refused call reached the provider");
    let obeyed = watch
        .snapshot(|snapshot| host_of_the_trip(snapshot).is_some_and(|host| host["obeyed"] == true));
    assert_eq!(host_of_the_trip(&obeyed).unwrap()["started_after_trip"], 0);

    rig.switch(&["reset", "all", "--reason", "seen"]);
    rig.switch(&["trip", "provider/anthropic", "--reason", "only one"]);
    assert_eq!(rig.sdk.call_with(&json!({"characters": 10}))["status"], 200);
    let claude = rig.sdk.call_with(&claude(json!({})));
    assert_eq!(claude["status"], 503, "{claude}");
    assert_eq!(claude["headers"]["x-kill-switch"], "provider/anthropic");
    rig.switch(&["reset", "provider/anthropic", "--reason", "seen"]);
    assert_eq!(rig.drill(), (Some(0), true), "a switch of one key");
}

/// Calls of each kind; answers how many there were.
fn traffic(rig: &mut Rig) -> usize {
    let asked = [
        (200, json!({"characters": 1000})),
        (200, json!({"characters": 1000, "stream": true, "max_tokens": 100})),
        // More than a minute's tokens.
        (429, json!({"max_tokens": TPM, "max_retries": 0})),
        (200, claude(json!({"characters": 1000}))),
        (200, claude(json!({"characters": 1000, "stream": true, "max_tokens": 100}))),
        (429, claude(json!({"max_tokens": TPM, "max_retries": 0}))),
    ];
    for (status, changes) in &asked {
        let answer = rig.sdk.call_with(changes);
        assert_eq!(answer["status"], *status, "{changes}: {answer}");
    }
    asked.len()
}

fn claude(mut changes: Value) -> Value {
    changes["dialect"] = json!("anthropic");
    changes["model"] = json!(CLAUDE);
    changes
}

/// After [`traffic`]: each call is there, once, with how it ended.
fn statuses_are_right(rig: &Rig, format: &str) {
    let shown = rig.once("");
    assert_eq!(shown["totals"]["requests"], 6, "{}", shown["totals"]);
    assert_eq!(shown["totals"]["faults"], 0, "{:?}", rig.log());
    assert_eq!(shown["totals"]["quarantined"], 0, "{:?}", rig.log());
    assert_eq!(shown["sources"][0]["format"], format);
    let read = rig.parse();
    for (path, wanted) in
        [("/v1/chat/completions", [200, 200, 429]), ("/v1/messages", [200, 200, 429])]
    {
        let rows = read.iter().filter(|row| row["endpoint"] == path);
        let statuses: Vec<&Value> = rows.clone().map(|row| &row["status"]).collect();
        assert_eq!(statuses, wanted, "{path}");
        let outcomes: Vec<&Value> = rows.map(|row| &row["outcome"]).collect();
        assert_eq!(outcomes, ["ok", "ok", "rate_limited"], "{path}");
    }
}

/// What is left lies between what the provider believed just before and just after.
fn limits_are_the_provider_s(rig: &Rig) {
    let before = rig.belief_of(MODEL);
    let shown = rig.once("");
    let after = rig.belief_of(MODEL);
    for (resource, bucket, a_minute) in [("requests", "rpm", RPM), ("tokens", "tpm", TPM)] {
        let gauge = gauge(&shown, "openai", resource);
        assert_eq!(gauge["limit"], before[bucket]["limit"], "{gauge}");
        let slack = f64::from(a_minute) / 60.0 * SLACK.as_secs_f64();
        let low = before[bucket]["remaining"].as_f64().unwrap() - slack;
        let high = after[bucket]["remaining"].as_f64().unwrap() + slack;
        let left = gauge["remaining"].as_f64().unwrap();
        assert!((low..=high).contains(&left), "{resource}: {left}, not in {low}..={high}");
    }
    let claude = rig.belief_of(CLAUDE);
    for (resource, bucket) in
        [("requests", "rpm"), ("input_tokens", "itpm"), ("output_tokens", "otpm")]
    {
        let gauge = gauge(&shown, "anthropic", resource);
        assert_eq!(gauge["limit"], claude[bucket]["limit"], "{gauge}");
        assert!(gauge["remaining"].is_number(), "{gauge}");
    }
}

fn gauge<'v>(shown: &'v Value, provider: &str, resource: &str) -> &'v Value {
    let limits = shown["limits"].as_array().unwrap();
    let is = |limit: &&Value| limit["provider"] == provider && limit["resource"] == resource;
    let found: Vec<&Value> = limits.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "{provider} {resource}: {limits:?}");
    found[0]
}

/// A file of ours, with what of it is particular to the test.
fn ours(file: &str, scene: &Scene, changes: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(file);
    let text = fs::read_to_string(path).unwrap();
    let kill_dir = scene.kill_dir.display().to_string();
    replaced(text.replace("/run/tripline/kill.d", &kill_dir), changes)
}

fn caddy_gateway(scene: &Scene, caddy: &Path) -> Gateway {
    let log = scene.dir.join("caddy.jsonl");
    let file = ours(
        "caddy/Caddyfile",
        scene,
        &[
            ("127.0.0.1:18082", &scene.address.to_string()),
            ("127.0.0.1:18000", &scene.provider.to_string()),
            ("/tmp/tripline-caddy.jsonl", &log.display().to_string()),
            ("# import tripline_kill_key", "import tripline_kill_key"),
        ],
    );
    fs::write(scene.dir.join("Caddyfile"), file).unwrap();
    fs::write(scene.dir.join("tripline.caddy"), ours("caddy/tripline.caddy", scene, &[])).unwrap();
    let mut command = Command::new(caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(scene.dir.join("Caddyfile"));
    // It keeps its state at home.
    command.env("HOME", scene.dir).current_dir(scene.dir);
    Gateway { name: "caddy", command, log, kill_dir: None }
}

fn haproxy_gateway(scene: &Scene, haproxy: &Path) -> Gateway {
    run_haproxy(scene, haproxy, &haproxy_config(scene))
}

/// The ordinary `option httplog`, with the captures that our format names.
fn haproxy_with_httplog(scene: &Scene, haproxy: &Path) -> Gateway {
    let text = haproxy_config(scene);
    let (before, format) = text.split_once("    log-format ").unwrap();
    let (_, after) = format.split_once('\n').unwrap();
    let httplog = "    option httplog\n    \
                   declare capture request len 32\n    \
                   http-request capture req.hdr(x-team) id 0\n    \
                   capture response header x-ratelimit-remaining-requests len 20\n    \
                   capture response header x-ratelimit-remaining-tokens len 20\n    \
                   capture response header x-request-id len 64\n";
    run_haproxy(scene, haproxy, &format!("{before}{httplog}{after}"))
}

fn haproxy_config(scene: &Scene) -> String {
    let (address, provider) = (scene.address.to_string(), scene.provider.to_string());
    let changes = [("127.0.0.1:18083", &*address), ("127.0.0.1:18000", &*provider)];
    ours("haproxy/haproxy.cfg", scene, &changes)
}

fn run_haproxy(scene: &Scene, haproxy: &Path, text: &str) -> Gateway {
    let config = scene.dir.join("haproxy.cfg");
    fs::write(&config, text).unwrap();
    let lua = ours("haproxy/tripline-kill.lua", scene, &[]);
    fs::write(scene.dir.join("tripline-kill.lua"), lua).unwrap();
    let log = scene.dir.join("haproxy.log");
    File::create(&log).unwrap();
    // It logs to standard output, which the user sends to a file.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$0\" -db -f \"$1\" >> \"$2\""]).arg(haproxy).arg(&config).arg(&log);
    command.current_dir(scene.dir);
    Gateway { name: "haproxy", command, log, kill_dir: None }
}

fn apache_gateway(scene: &Scene, apache: &Path) -> Gateway {
    let log = scene.dir.join("apache.log");
    let place = |name: &str| scene.dir.join(name).display().to_string();
    let included = place("tripline.conf");
    let server = ours(
        "apache/httpd.conf",
        scene,
        &[
            ("Listen 127.0.0.1:18084", &format!("Listen {}", scene.address)),
            ("VirtualHost 127.0.0.1:18084", &format!("VirtualHost {}", scene.address)),
            ("127.0.0.1:18000", &scene.provider.to_string()),
            ("/etc/apache2/tripline/tripline.conf", &included),
            ("DefaultRuntimeDir /tmp", &format!("DefaultRuntimeDir {}", scene.dir.display())),
            ("/tmp/tripline-apache.pid", &place("apache.pid")),
            ("/tmp/tripline-apache.log", &log.display().to_string()),
        ],
    );
    let files = ("Define TRIPLINE_FILES /etc/apache2/tripline", place(""));
    let key = "#     RewriteCond %{HTTP:Authorization}%{HTTP:x-api-key} 7Qm2$\n\
               #     RewriteCond ${TRIPLINE_KILL_DIR}/key.7\\%51m2.kill -f\n\
               #     RewriteRule ^ - [E=TRIPLINE_KILL:key/7\\%51m2,R=503,L]\n";
    let tripline = ours(
        "apache/tripline.conf",
        scene,
        &[
            (files.0, &format!("Define TRIPLINE_FILES {}", files.1.trim_end_matches('/'))),
            (key, &key.replace("#     ", "")),
        ],
    );
    fs::write(scene.dir.join("httpd.conf"), server).unwrap();
    fs::write(&included, tripline).unwrap();
    for name in ["killed.json", "unavailable.json"] {
        let text = ours(&format!("apache/{name}"), scene, &[]);
        fs::write(scene.dir.join(name), text).unwrap();
    }
    let mut command = Command::new(apache);
    command.arg("-f").arg(scene.dir.join("httpd.conf")).args(["-D", "FOREGROUND"]);
    Gateway { name: "apache", command, log, kill_dir: None }
}
