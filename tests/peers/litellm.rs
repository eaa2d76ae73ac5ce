//! The `LiteLLM` proxy with our callbacks: its log, its metrics, its switch.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::need;
use super::rig::{Gateway, KEY, MODEL, Rig, Scene, TPM, replaced};
use super::{WITHIN, host_of_the_trip};

const CLAUDE: &str = "claude-sonnet-4-5";

#[test]
fn litellm_s_log_and_metrics_are_what_its_clients_saw_and_its_switch_is_obeyed() {
    let Some(python) = need::python("peers") else { return };
    let Some(litellm) = need::python("peers-litellm") else { return };
    let mut rig = Rig::start(&python, |scene| gateway(scene, &litellm));
    let seen = traffic(&mut rig);
    rig.logged(8);
    totals_are_what_the_client_saw(&rig, &seen);
    metrics_are_read(&rig);
    the_switch_is_obeyed(&mut rig);
}

/// Calls of each kind; answers what the client saw.
fn traffic(rig: &mut Rig) -> Vec<Value> {
    let claude = |mut changes: Value| {
        changes["dialect"] = json!("anthropic");
        changes["model"] = json!(CLAUDE);
        changes
    };
    let asked = [
        (200, json!({"characters": 2000})),
        // The same again: from its cache.
        (200, json!({"characters": 2000})),
        (200, json!({"characters": 1000, "stream": true, "max_tokens": 100})),
        (429, json!({"max_tokens": TPM, "max_retries": 0})),
        (200, claude(json!({"characters": 6000}))),
        (200, claude(json!({"characters": 1000, "stream": true, "max_tokens": 100}))),
        (429, claude(json!({"max_tokens": TPM, "max_retries": 0}))),
        (200, json!({"characters": 500})),
    ];
    let reached = rig.requests_seen();
    let seen = asked.iter().map(|(status, changes)| {
        let answer = rig.sdk.call_with(changes);
        assert_eq!(answer["status"], *status, "{changes}: {answer}");
        answer
    });
    let seen: Vec<Value> = seen.collect();
    assert_eq!(rig.requests_seen() - reached, 7, "one came from the cache");
    seen
}

fn totals_are_what_the_client_saw(rig: &Rig, seen: &[Value]) {
    let sum = |name: &str| seen.iter().filter_map(|answer| answer[name].as_u64()).sum::<u64>();
    let shown = rig.once("");
    let totals = &shown["totals"];
    assert_eq!(totals["requests"], seen.len(), "{totals}");
    assert_eq!(totals["input_tokens"], sum("input"), "{totals}");
    assert_eq!(totals["output_tokens"], sum("output"), "{totals}");
    assert_eq!((&totals["faults"], &totals["quarantined"]), (&json!(0), &json!(0)));
    assert_eq!((&totals["duplicates"], &totals["unpriced"]), (&json!(0), &json!(0)));
    assert_eq!(shown["sources"][0]["format"], "litellm-standard");

    // It logs a call when it likes, not in order.
    let read = rig.parse();
    let of = |provider: &str, outcome: &str| {
        let is = |row: &&Value| row["provider"] == provider && row["outcome"] == outcome;
        read.iter().filter(is).collect::<Vec<_>>()
    };
    assert_eq!((of("openai", "ok").len(), of("anthropic", "ok").len()), (4, 2));
    let [refused] = of("openai", "rate_limited")[..] else { panic!("{read:?}") };
    assert_eq!((&refused["status"], &refused["limited_by"]), (&json!(429), &json!("tokens")));
    let [refused] = of("anthropic", "rate_limited")[..] else { panic!("{read:?}") };
    assert_eq!((&refused["status"], &refused["layer"]), (&json!(429), &json!("upstream")));
    assert_eq!(refused["limited_by"], "output_tokens");
    let cached: Vec<&Value> = read.iter().filter(|row| row["cache_hit"] == true).collect();
    assert_eq!(cached.len(), 1, "{read:?}");
    assert_eq!((&cached[0]["cost_usd"], cached[0].get("limits")), (&json!("0.000000"), None));
    let streamed: Vec<&Value> = read.iter().filter(|row| row["stream"] == true).collect();
    assert_eq!(streamed.len(), 2, "{read:?}");
    for row in streamed {
        assert!(row["ttft_ms"].as_f64() < row["latency_ms"].as_f64(), "{row}");
    }
    for (model, resource, bucket) in
        [(MODEL, "tokens", "tpm"), (MODEL, "requests", "rpm"), (CLAUDE, "input_tokens", "itpm")]
    {
        let limit = limit_of(&shown, model, resource);
        assert_eq!(limit["limit"], rig.belief_of(model)[bucket]["limit"], "{limit}");
    }
}

/// The metrics need no licence and no database.
fn metrics_are_read(rig: &Rig) {
    let key = rig.place("key");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let scrape = format!(
        "[[source]]\nname = \"metrics\"\nkind = \"scrape\"\nurl = \"http://{}/metrics/\"\n\
         headers = {{ Authorization = {{ file = \"{}\", prefix = \"Bearer \" }} }}\n",
        rig.gateway,
        key.display()
    );
    let shown = rig.once(&scrape);
    let sources = shown["sources"].as_array().unwrap();
    let source = sources.iter().find(|source| source["name"] == "metrics").unwrap();
    assert_eq!((&source["state"], &source["faults"]), (&json!("live"), &json!(0)), "{source}");
    let metric = |name: &str, label: &str| {
        let metrics = shown["metrics"].as_array().unwrap().iter();
        let is = |m: &&Value| m["name"] == name && m["labels"].as_str().unwrap().contains(label);
        metrics.filter(is).filter_map(|metric| metric["value"].as_f64()).sum::<f64>()
    };
    for provider in ["openai", "anthropic"] {
        let refused = format!("api_provider={provider} exception_status=429");
        assert!((metric("failed_requests", &refused) - 1.0).abs() < 1e-9, "{}", shown["metrics"]);
    }
    let spent: f64 = shown["totals"]["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(spent > 0.0);
    let counted = metric("spend_usd", "");
    assert!((counted - spent).abs() < 1e-6, "{counted} and {spent}");
    // A key without a limit has 2^63-1 left, and a budget of infinity.
    let limits = shown["limits"].as_array().unwrap();
    assert!(limits.iter().all(|limit| limit["remaining"].as_f64().is_none_or(|left| left < 1e9)));
}

fn the_switch_is_obeyed(rig: &mut Rig) {
    let mut watch = rig.watch("");
    let seen = rig.requests_seen();
    rig.switch(&["trip", "all", "--reason", "to see who obeys"]);
    let since = Instant::now();
    let refused = rig.sdk.call();
    assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
    // What was refused before tripline knew of the stop proves nothing to it.
    watch.event(|event| event["event"] == "switch.tripped");
    rig.sdk.call();
    assert_eq!(refused["status"], 503, "{refused}");
    assert_eq!(refused["headers"]["x-kill-switch"], "all", "{refused}");
    assert_eq!(refused["headers"]["x-should-retry"], "false", "{refused}");
    assert_eq!(rig.requests_seen(), seen, "a refused call reached the provider");
    let obeyed = watch
        .snapshot(|snapshot| host_of_the_trip(snapshot).is_some_and(|host| host["obeyed"] == true));
    assert_eq!(host_of_the_trip(&obeyed).unwrap()["started_after_trip"], 0);
    rig.switch(&["reset", "all", "--reason", "seen"]);
    for scope in ["model/openai/gpt-4o", "provider/openai", "env/prod"] {
        rig.switch(&["trip", scope, "--reason", "one of them"]);
        let refused = rig.sdk.call();
        assert_eq!(refused["headers"]["x-kill-switch"], scope, "{refused}");
        rig.switch(&["reset", scope, "--reason", "seen"]);
    }
    assert_eq!(rig.sdk.call_with(&json!({"characters": 10}))["status"], 200);
}

fn limit_of<'v>(shown: &'v Value, model: &str, resource: &str) -> &'v Value {
    let limits = shown["limits"].as_array().unwrap();
    let is = |limit: &&Value| limit["model"] == model && limit["resource"] == resource;
    limits.iter().find(is).unwrap_or_else(|| panic!("{model} {resource}: {limits:?}"))
}

fn gateway(scene: &Scene, python: &Path) -> Gateway {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/litellm");
    let config = replaced(
        fs::read_to_string(ours.join("config.yaml")).unwrap(),
        &[
            (
                "api_base: https://api.openai.com/v1",
                &format!("api_base: http://{}/v1", scene.provider),
            ),
            (
                "api_base: https://api.anthropic.com",
                &format!("api_base: http://{}", scene.provider),
            ),
            ("# cache: true", "cache: true"),
            ("# cache_params: { type: local }", "cache_params: { type: local }"),
        ],
    );
    let file = scene.dir.join("config.yaml");
    fs::write(&file, config).unwrap();
    // LiteLLM looks for callbacks beside its configuration.
    for name in ["tripline_log.py", "tripline_kill.py"] {
        fs::copy(ours.join(name), scene.dir.join(name)).unwrap();
    }
    let log = scene.dir.join("litellm.jsonl");
    let mut command = Command::new(python.with_file_name("litellm"));
    command.arg("--config").arg(&file).args(["--host", "127.0.0.1", "--port"]);
    command.arg(scene.address.port().to_string()).current_dir(scene.dir);
    command.env("TRIPLINE_LITELLM_LOG", &log).env("TRIPLINE_KILL_DIR", scene.kill_dir);
    command.env("TRIPLINE_ENV", "prod").env("LITELLM_MASTER_KEY", KEY);
    command.env("OPENAI_API_KEY", "sk-upstream").env("ANTHROPIC_API_KEY", "sk-ant-upstream");
    // Nothing is fetched from elsewhere.
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("NO_PROXY", "*");
    Gateway { name: "litellm", command, log, kill_dir: None }
}
