//! What `OpenTelemetry`'s SDK and Prometheus write about themselves and others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http;
use super::need;
use super::process::{PATIENCE, Process, output};
use super::rig::{MODEL, free_address, start_provider};

#[test]
fn spans_of_the_opentelemetry_sdk_are_what_its_client_saw() {
    let Some(python) = need::python("peers-litellm") else { return };
    let dir = TempDir::new().unwrap();
    let (_provider, address) = start_provider(dir.path());
    let spans = dir.path().join("spans.jsonl");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/otel.py");
    let mut command = Command::new(python);
    command.arg(script).arg(format!("http://{address}/v1")).arg(&spans).env("NO_PROXY", "*");
    let client = Process::start("client", dir.path(), &mut command);
    let seen: Value = serde_json::from_str(&client.line(Instant::now() + PATIENCE)).unwrap();
    assert_eq!((&seen["requests"], &seen["refused"]), (&json!(6), &json!(1)), "{seen}");

    let shown = once(dir.path(), std::slice::from_ref(&spans), "");
    let totals = &shown["totals"];
    assert_eq!(totals["requests"], seen["requests"], "{totals}");
    assert_eq!(totals["input_tokens"], seen["input"], "{totals}");
    assert_eq!(totals["output_tokens"], seen["output"], "{totals}");
    assert_eq!((&totals["faults"], &totals["quarantined"]), (&json!(0), &json!(0)), "{totals}");
    assert_eq!(shown["sources"][0]["format"], "otlp-genai-spans");
    let parsed = output(tripline(dir.path()).arg("parse").arg(&spans));
    let rows: Vec<Value> = parsed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &rows {
        assert_eq!((&row["provider"], &row["model"]), (&json!("openai"), &json!(MODEL)), "{row}");
        assert_eq!(row["environment"], "prod", "{row}");
        assert!(row["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
    }
    let refused: Vec<&Value> = rows.iter().filter(|row| row["outcome"] != "ok").collect();
    assert_eq!(refused.len(), 1, "{rows:?}");
    assert_eq!(
        (&refused[0]["status"], &refused[0]["outcome"]),
        (&json!(429), &json!("rate_limited"))
    );
}

#[test]
fn a_real_prometheus_is_scraped_to_its_last_line() {
    let Some(prometheus) = need::program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let address = free_address();
    fs::write(dir.path().join("prometheus.yml"), "global: {}\n").unwrap();
    let mut command = Command::new(prometheus);
    command.arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()));
    command.arg(format!("--web.listen-address={address}"));
    let mut server = Process::start("prometheus", dir.path(), &mut command);
    server.listens(address);
    let scrape = format!(
        "[[source]]\nname = \"prometheus\"\nkind = \"scrape\"\nurl = \"http://{address}/metrics\"\n\
         [[scrape.map]]\nmetric = \"go_gc_duration_seconds_count\"\nshow = \"first\"\n\
         [[scrape.map]]\nmetric = \"promhttp_metric_handler_requests_total\"\nshow = \"last\"\n\
         where = {{ code = \"503\" }}\n\
         [[scrape.map]]\nmetric = \"process_start_time_seconds\"\nshow = \"started\"\n"
    );
    // Its own page grows while it starts: one that is the same before and after counts.
    let read = || http::get(address, "/metrics").body;
    let deadline = Instant::now() + PATIENCE;
    let (page, shown) = loop {
        let before = read();
        let shown = once(dir.path(), &[], &scrape);
        let after = read();
        if before.lines().count() == after.lines().count() {
            break (after, shown);
        }
        assert!(Instant::now() < deadline, "its page never stops growing");
    };
    assert!(page.lines().count() > 256, "longer than a batch");
    let source = &shown["sources"][0];
    assert_eq!((&source["state"], &source["faults"]), (&json!("live"), &json!(0)), "{source}");
    assert_eq!(source["lines"], page.lines().count(), "{source}");
    let value = |name: &str| {
        let metrics = shown["metrics"].as_array().unwrap().iter();
        let found = metrics.filter(|m| m["name"] == name).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{name}: {}", shown["metrics"]);
        found[0]["value"].as_f64().unwrap()
    };
    let started = page.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    let started: f64 = started.unwrap().parse().unwrap();
    assert!((value("started") - started).abs() < 1.0, "{started}");
    assert!(value("last").abs() < f64::EPSILON);
    assert!(value("first") >= 0.0);
}

/// `tripline once --json` of these files and of what is configured.
fn once(dir: &Path, files: &[PathBuf], configured: &str) -> Value {
    fs::write(dir.join("tripline.toml"), format!("config_version = 1\n{configured}")).unwrap();
    let shown = output(tripline(dir).args(["once", "--json"]).args(files));
    serde_json::from_str(&shown).unwrap()
}

fn tripline(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.arg("--config").arg(dir.join("tripline.toml"));
    command.arg("--state").arg(dir.join("state")).current_dir(dir);
    command
}
