//! `kind = "scrape"`, and pages of metrics in files.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::contract;
use super::fake::{Fake, Reply, answer};
use super::sandbox::{Running, Sandbox, here, until};

fn page(name: &str) -> String {
    fs::read_to_string(here(&format!("tests/corpus/logs/samples/{name}.prom"))).unwrap()
}

fn config(fake: &Fake, more: &str) -> String {
    format!(
        "[[source]]\nname = \"m\"\nkind = \"scrape\"\nurl = \"{}\"\n{more}",
        fake.url("/metrics")
    )
}

fn once(sandbox: &Sandbox, config: &str) -> Value {
    let path = sandbox.file("config.toml", config);
    let args = ["--config".as_ref(), path.as_os_str(), "once".as_ref(), "--json".as_ref()];
    let snapshot = sandbox.run(args).picture();
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    snapshot
}

/// What a server with this page shows.
fn shown(page: String) -> Value {
    let fake = Fake::start(move |_, _| answer("200 OK", &[], &page));
    once(&Sandbox::new(), &config(&fake, ""))
}

#[test]
fn queues_of_inference_servers_are_read_and_their_engines_added_up() {
    let vllm = page("vllm");
    let second = vllm.replace("engine=\"0\"", "engine=\"1\"").replace("} 14.0", "} 6.0");
    let sglang = "sglang:num_queue_reqs{model_name=\"m\"} 2826\nsglang:num_running_reqs{model_name=\"m\"} 162\n";
    let tgi = "tgi_queue_size 14\ntgi_batch_current_size 32\n";
    let envoy = "envoy_cluster_upstream_rq_pending_active{envoy_cluster_name=\"openai\"} 3\n";
    for (page, name, depth, running) in [
        (vllm.clone(), "vllm Qwen/Qwen3-32B", 14, Some(32)),
        (vllm + &second, "vllm Qwen/Qwen3-32B", 20, Some(64)),
        (sglang.to_owned(), "sglang m", 2826, Some(162)),
        (tgi.to_owned(), "tgi", 14, Some(32)),
        (page("llamacpp"), "llamacpp", 46, Some(4)),
        (envoy.to_owned(), "envoy openai", 3, None),
    ] {
        let snapshot = shown(page);
        let queue = &snapshot["queues"][0];
        assert_eq!((&queue["name"], &queue["depth"]), (&name.into(), &depth.into()), "{queue}");
        assert_eq!(queue["running"].as_u64(), running, "{queue}");
        assert_eq!((&queue["stale"], queue["age_s"].is_number()), (&false.into(), true));
        let source = &snapshot["sources"][0];
        assert_eq!((&source["kind"], &source["state"]), (&"scrape".into(), &"live".into()));
        assert_eq!((&source["format"], &source["faults"]), (&"prometheus".into(), &0.into()));
    }
}

/// The limit with this resource and this key, team or user.
fn limit<'a>(snapshot: &'a Value, resource: &str, whose: &str) -> &'a Value {
    let limits = snapshot["limits"].as_array().unwrap();
    let is = |limit: &&Value| {
        limit["resource"] == resource
            && (limit["subject"] == whose || limit["key"] == whose || limit["model"] == whose)
    };
    limits.iter().find(is).unwrap_or(&Value::Null)
}

#[test]
fn budgets_and_limits_of_a_gateway_are_read_and_no_limit_is_none() {
    let snapshot = shown(page("litellm_metrics"));
    let team = limit(&snapshot, "spend", "payments-ml");
    assert_eq!((team["scope"].as_str(), team["layer"].as_str()), (Some("team"), Some("gateway")));
    assert_eq!((&team["limit"], team["source"].as_str()), (&2000.into(), Some("metric")));
    assert_eq!(team["remaining"], 763, "{team}");
    let key = limit(&snapshot, "spend", "nightly-batch");
    assert_eq!((&key["limit"], key["scope"].as_str()), (&100.into(), Some("key")));
    let upstream = limit(&snapshot, "tokens", "claude-sonnet-4-5");
    assert_eq!(upstream["provider"], "anthropic");
    assert_eq!(upstream["layer"], "upstream");
    let limits = snapshot["limits"].as_array().unwrap();
    assert!(limits.iter().all(|limit| limit["remaining"].as_f64().is_none_or(|left| left < 1e12)));
    assert!(limits.iter().all(|limit| limit["scope"] != "user"), "+Inf is no budget");
    let running = &snapshot["queues"][0];
    assert_eq!((&running["name"], &running["running"]), (&"litellm".into(), &1.into()));
    let spent: Vec<&Value> = snapshot["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["name"] == "spend_usd")
        .collect();
    assert_eq!(spent.len(), 4);
    let whose = "api_key_alias=payments-prod api_provider=anthropic model=claude-sonnet-4-5 team_alias=payments-ml";
    let one = spent.iter().find(|metric| metric["labels"] == whose).unwrap();
    assert_eq!((&one["type"], &one["value"]), (&"counter".into(), &0.001_401.into()));

    // No page, no limit: only the three below say anything.
    let page = "litellm_remaining_api_key_requests_for_model{api_key_alias=\"a\",model=\"m\"} 9.223372036854776e+18\n\
                litellm_remaining_api_key_budget_metric{api_key_alias=\"a\"} +Inf\n\
                litellm_remaining_api_key_budget_metric{api_key_alias=\"b\"} NaN\n\
                litellm_remaining_api_key_tokens_for_model{api_key_alias=\"a\",model=\"m\"} -5\n";
    let snapshot = shown(page.to_owned());
    assert_eq!(snapshot["limits"].as_array().unwrap().len(), 1);
    assert_eq!(limit(&snapshot, "tokens", "a")["remaining"], -5);
}

#[test]
fn counters_become_rates_also_across_restarts_and_rules_watch_them() {
    let sandbox = Sandbox::new();
    let total = Arc::new(AtomicUsize::new(1000));
    let now = Arc::clone(&total);
    let fake = Fake::start(move |_, _| {
        let total = now.load(Ordering::Relaxed);
        let page = format!(
            "# TYPE vllm:request_success_total counter\nvllm:request_success_total{{model_name=\"m\"}} {total}\n\
             # TYPE jobs counter\njobs {total}\n# TYPE heat gauge\nheat{{gpu=\"0\",x=\"1\"}} 93.5\n# EOF\n"
        );
        answer("200 OK", &[], &page)
    });
    let more = "every = \"1s\"\n[[scrape.map]]\nmetric = \"jobs\"\nshow = \"jobs\"\n\
                [[scrape.map]]\nmetric = \"heat\"\nshow = \"gpu heat\"\nlabels = [\"gpu\"]\n\
                [[rule]]\nname = \"hot\"\nmetric = \"metric.value\"\nmatch = { metric = \"gpu heat\" }\nabove = 90\n\
                [[rule]]\nname = \"busy\"\nmetric = \"metric.per_s\"\nmatch = { metric = \"jobs\" }\nabove = 0.5\n";
    let path = sandbox.file("config.toml", config(&fake, more));
    let mut command = sandbox.command();
    command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    let hot = running.wait_for("hot", |line| line["rule"] == "hot");
    assert_eq!(hot["labels"]["labels"], "gpu=0");
    total.fetch_add(500, Ordering::Relaxed);
    let busy = running.wait_for("busy", |line| line["rule"] == "busy");
    assert_eq!(busy["labels"]["metric"], "jobs");
    let jobs = |line: &Value| -> Option<(f64, f64)> {
        let jobs = line["metrics"].as_array()?.iter().find(|metric| metric["name"] == "jobs")?;
        Some((jobs["value"].as_f64()?, jobs["per_s"].as_f64()?))
    };
    let grown =
        running.wait_for("a rate", |line| jobs(line).is_some_and(|(value, _)| value > 1400.0));
    let (_, per_s) = jobs(&grown).unwrap();
    assert!(per_s > 50.0 && per_s <= 500.0, "{per_s}");
    // A flow is told once it has been measured for some seconds.
    running.wait_for("a flow", |line| {
        line["queues"][0]["out_per_s"].as_f64().is_some_and(|rate| rate > 0.0)
    });
    total.store(7, Ordering::Relaxed);
    let restarted =
        running.wait_for("a restart", |line| jobs(line).is_some_and(|(value, _)| value < 10.0));
    let (_, per_s) = jobs(&restarted).unwrap();
    // Two readings may come a little less than a second apart.
    assert!((0.0..50.0).contains(&per_s), "a restart is no fall: {per_s}");
}

#[test]
fn what_a_server_only_repeats_grows_old() {
    let sandbox = Sandbox::new();
    let page = "litellm_remaining_tokens_metric{api_provider=\"openai\",litellm_model_name=\"gpt-4o\",api_key_alias=\"a\"} 500\n\
                litellm_remaining_team_budget_metric{team_alias=\"t\"} 50\n";
    let fake = Fake::start(move |_, _| answer("200 OK", &[], page));
    let path = sandbox.file("config.toml", config(&fake, "every = \"1s\"\n"));
    let mut command = sandbox.command();
    command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    fake.wait_for(4);
    let seen = running.wait_for("after four pages", |line| {
        limit(line, "tokens", "gpt-4o")["age_s"].as_f64().is_some_and(|age| age > 2.5)
    });
    assert!(limit(&seen, "spend", "t")["age_s"].as_f64().unwrap() < 2.5, "{}", seen["limits"]);
}

#[test]
fn a_server_that_fails_is_an_alert_and_is_noticed_when_it_is_back() {
    let sandbox = Sandbox::new();
    let broken = Arc::new(AtomicUsize::new(0));
    let is = Arc::clone(&broken);
    let fake = Fake::start(move |_, _| match is.load(Ordering::Relaxed) {
        0 => answer("200 OK", &[], "tgi_queue_size 3\n"),
        _ => answer("500 Internal Server Error", &[], "<html>oops</html>"),
    });
    let more = "every = \"1s\"\n[engine]\nsilent_after = \"2s\"\n";
    let path = sandbox.file("config.toml", config(&fake, more));
    let mut command = sandbox.command();
    command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    running.wait_for("live", |line| line["sources"][0]["state"] == "live");
    broken.store(1, Ordering::Relaxed);
    let failing = running.wait_for("error", |line| line["sources"][0]["state"] == "error");
    assert_eq!(failing["sources"][0]["problem"], "HTTP 500");
    let silent = running.wait_for("an alert", |line| {
        line["event"] == "alert.firing" && line["labels"]["source"] == "m"
    });
    assert_eq!(silent["labels"]["kind"], "scrape");
    broken.store(0, Ordering::Relaxed);
    running.wait_for("it is back", |line| line["sources"][0]["state"] == "live");
}

#[test]
fn a_refused_key_is_not_tried_again_until_it_changes() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|_, asked| match asked.header("authorization") {
        Some("new-key") => answer("200 OK", &[], "tgi_queue_size 3\n"),
        _ => answer("401 Unauthorized", &[], "{}"),
    });
    let key = sandbox.file("key", "old-key\n");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let more = "every = \"1s\"\nheaders = { Authorization = { file = \"key\" } }\n";
    let path = sandbox.file("config.toml", config(&fake, more));
    let mut command = sandbox.command();
    command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    running.wait_for("denied without asking", |line| {
        line["sources"][0]["problem"]
            == "not asked: HTTP 401: the key is refused; asked again with another, or once an hour"
    });
    assert_eq!(fake.asked().len(), 1);
    sandbox.file("key", "new-key\n");
    running.wait_for("welcome again", |line| line["sources"][0]["state"] == "live");
}

#[test]
fn pages_that_are_none_large_or_broken_say_so() {
    let mut large = "# TYPE tgi_queue_size gauge\ntgi_queue_size 3\n".to_owned();
    while large.len() < 3 << 20 {
        writeln!(large, "other{{x=\"{}\"}} 1", large.len()).unwrap();
    }
    let endless = "x".repeat(40 << 20);
    let torn = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\ntgi_queue_size 3\ntgi_bat";
    for (reply, state, problem, depth) in [
        (answer("200 OK", &[], &large), "live", None, Some(3)),
        (
            answer("200 OK", &[], "<html>\n<p>hello\n"),
            "error",
            Some("the answer is no page of metrics"),
            None,
        ),
        (answer("200 OK", &[], ""), "error", Some("the answer is no page of metrics"), None),
        (Reply::Bytes(torn.into()), "error", Some("the answer broke off"), Some(3)),
        (
            answer("200 OK", &[], &endless),
            "error",
            Some("the answer is larger than 33554432 bytes"),
            None,
        ),
        (
            answer("307 Temporary Redirect", &[("location", "/metrics/")], ""),
            "error",
            Some("HTTP 307: redirects are not followed"),
            None,
        ),
    ] {
        let sandbox = Sandbox::new();
        let reply = match reply {
            Reply::Bytes(bytes) | Reply::Hang(bytes) => bytes,
        };
        let fake = Fake::start(move |_, _| Reply::Bytes(reply.clone()));
        let snapshot = once(&sandbox, &config(&fake, ""));
        let source = &snapshot["sources"][0];
        assert_eq!((source["state"].as_str(), source["problem"].as_str()), (Some(state), problem));
        assert_eq!(snapshot["queues"][0]["depth"].as_u64(), depth);
    }
}

#[test]
fn who_refuses_us_without_a_key_is_asked_again() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let fake = Fake::start(move |number, _| match number {
            0 => answer(status, &[], "not yet"),
            _ => answer("200 OK", &[], "tgi_queue_size 3\n"),
        });
        let sandbox = Sandbox::new();
        let path = sandbox.file("config.toml", config(&fake, "every = \"1s\"\n"));
        let mut command = sandbox.command();
        command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
        let running = Running::start(command);
        let line =
            running.wait_for("it is refused", |line| line["sources"][0]["state"] == "denied");
        let code = &status[..3];
        let why = format!("HTTP {code}: it is refused, and no key was sent");
        assert_eq!(line["sources"][0]["problem"], why);
        running.wait_for("it is welcome", |line| line["queues"][0]["depth"] == 3);
    }
}

#[test]
fn a_value_that_cannot_be_is_a_fault_and_makes_no_sum() {
    let waiting = |value: &str| format!("vllm:num_requests_waiting{{model_name=\"m\"}} {value}\n");
    let other = "tgi_queue_size 14\n";
    let depth = |snapshot: &Value, name: &str| {
        let queues = snapshot["queues"].as_array().unwrap();
        queues.iter().find(|queue| queue["name"] == name).map(|queue| queue["depth"].clone())
    };
    for (values, faults) in [
        (&["1e29", "1e29"][..], 2),
        (&["5", "1e29"], 1),
        (&["1e300"], 1),
        (&["9.2e18"], 1),
        // The third no longer fits beside the two before.
        (&["9.1e18", "9.1e18", "9.1e18"], 1),
    ] {
        let page: String = values.iter().map(|value| waiting(value)).collect();
        let snapshot = shown(page + other);
        assert_eq!(depth(&snapshot, "vllm m"), None, "{values:?}");
        assert_eq!(depth(&snapshot, "tgi"), Some(14.into()), "{values:?}");
        let source = &snapshot["sources"][0];
        assert_eq!(source["faults_by"]["metric_out_of_range"], faults, "{values:?} {source}");
        assert_eq!(source["state"], "live");
    }
    let snapshot = shown(waiting("9.1e18") + other);
    assert_eq!(depth(&snapshot, "vllm m"), Some(9_100_000_000_000_000_000_u64.into()));

    let map = "[[scrape.map]]\nmetric = \"left\"\nlimit = \"remaining\"\nresource = \"tokens\"\n\
               combine = \"sum\"\n\
               [[scrape.map]]\nmetric = \"resets\"\nlimit = \"reset_in_s\"\nresource = \"tokens\"\n\
               [[scrape.map]]\nmetric = \"flops\"\nshow = \"flops\"\n";
    for (page, limits, faults) in [
        ("left -1.5e29\nleft -1.5e29\n", 0, 2),
        ("left -1e300\n", 0, 1),
        ("left 1e29\nleft +Inf\n", 0, 0),
        ("left -5\nleft 7\n", 1, 0),
        ("resets -1e18\n", 0, 1),
        ("flops 1e308\nflops{a=\"1\"} 1\nflops 1e308\n", 0, 1),
    ] {
        let fake = Fake::start(move |_, _| answer("200 OK", &[], &format!("{page}{other}")));
        let snapshot = once(&Sandbox::new(), &config(&fake, map));
        assert_eq!(snapshot["limits"].as_array().unwrap().len(), limits, "{page}");
        let faults_by = &snapshot["sources"][0]["faults_by"];
        let counted = faults_by["metric_out_of_range"].as_u64().unwrap_or_default();
        assert_eq!(counted, faults, "{page}");
    }
}

/// `parse` of a page: kind and the rest of what is told.
fn parse(sandbox: &Sandbox, page: &str) -> Vec<Value> {
    let path = sandbox.file("page.prom", page);
    let rows = sandbox.run(["parse".as_ref(), path.as_os_str()]).ok().lines();
    for row in &rows {
        assert_eq!(contract::observation(row), [""; 0], "{row}");
    }
    rows
}

#[test]
fn pages_in_files_are_read_like_those_of_servers() {
    let sandbox = Sandbox::new();
    for sample in ["vllm", "llamacpp", "envoy_stats", "litellm_metrics"] {
        let page = page(sample);
        let rows = parse(&sandbox, &page);
        assert_eq!(rows.len(), page.lines().count(), "{sample}: each line says something");
        assert!(rows.iter().all(|row| row["format"] == "prometheus"), "{sample}");
        assert!(rows.iter().all(|row| row["kind"] != "fault"), "{sample}");
    }
    let told = |page: &str| -> Vec<Value> {
        parse(&sandbox, page).into_iter().filter(|row| row["kind"] != "ignored").collect()
    };
    let queues = told(&page("vllm"));
    let queue = queues.iter().find(|row| row["kind"] == "queue").unwrap();
    assert_eq!((&queue["queue"], &queue["line"]), (&"vllm Qwen/Qwen3-32B".into(), &3.into()));
    assert_eq!((&queue["depth"], &queue["running"]), (&14.into(), &32.into()));
    assert_eq!(queue["dequeued_total"], 10_211 + 804 + 13);
    let cache = queues.iter().find(|row| row["metric"] == "kv_cache_usage").unwrap();
    assert_eq!((&cache["value"], &cache["type"]), (&0.914.into(), &"gauge".into()));
    let retries = told(&page("envoy_stats"));
    let retries = retries.iter().find(|row| row["metric"] == "retries" && row["value"] == 5.0);
    assert_eq!(retries.unwrap()["labels"], "envoy_cluster_name=openai");

    // Its own time counts where it has one; a second page is another reading.
    let rows = told(
        "# TYPE tgi_queue_size gauge\ntgi_queue_size 3 1763733600000\n# EOF\ntgi_queue_size 4 1763733660000\n# EOF\n",
    );
    let seen: Vec<_> =
        rows.iter().map(|row| (row["at"].as_str().unwrap(), &row["depth"])).collect();
    let (three, four) = (3.into(), 4.into());
    assert_eq!(seen, [("2025-11-21T14:00:00.000Z", &three), ("2025-11-21T14:01:00.000Z", &four)]);
}

#[test]
fn a_page_in_a_log_of_something_else_ends_where_that_goes_on() {
    let sandbox = Sandbox::new();
    let call = r#"{"at":"2026-11-20T14:00:00Z","provider":"openai","model":"gpt-4o","status":200,"latency_ms":20,"input_tokens":5,"output_tokens":1}"#;
    let rows = parse(
        &sandbox,
        &format!("{call}\n# HELP tgi_queue_size Waiting\ntgi_queue_size 3\n{call}\nup 1\n"),
    );
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["request", "ignored", "queue", "request", "quarantined"]);
}

#[test]
fn a_key_in_a_label_is_never_shown() {
    let sandbox = Sandbox::new();
    let key = "sk-proj-Zx81aQpL0vRt5mNc2KyW7bEe";
    let page = format!(
        "# TYPE litellm_remaining_api_key_budget_metric gauge\n\
         litellm_remaining_api_key_budget_metric{{api_key_alias=\"{key}\"}} 5\n\
         litellm_spend_metric_total{{api_key_alias=\"{key}\",model=\"m\"}} 5\n"
    );
    let path = sandbox.file("page.prom", &page);
    let ran = sandbox.run(["parse".as_ref(), path.as_os_str()]).ok();
    assert!(!ran.out().contains(key) && ran.out().contains("key_in_log"), "{}", ran.out());
    let ran = sandbox.run(["once".as_ref(), "--json".as_ref(), path.as_os_str()]).ok();
    assert!(!ran.out().contains(key));
}

#[test]
fn a_page_of_a_hundred_thousand_series_is_kept_within_bounds() {
    let sandbox = Sandbox::new();
    let mut page = "# TYPE litellm_spend_metric_total counter\n".to_owned();
    for i in 0..100_000 {
        writeln!(page, "litellm_spend_metric_total{{model=\"m{i}\"}} 1").unwrap();
    }
    let path = sandbox.file("page.prom", &page);
    let rows = sandbox.run(["parse".as_ref(), path.as_os_str()]).ok().lines();
    let count = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    // Names beyond the table's room are one; series beyond the page's are counted.
    assert_eq!(count("metric") + count("ignored"), 100_001);
    assert!(count("metric") <= 16_384, "{}", count("metric"));
    let snapshot = sandbox.once(&path);
    assert!(snapshot["metrics"].as_array().unwrap().len() <= 500);
}

#[test]
fn a_console_over_a_file_that_is_written_anew_shows_its_last_page() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("page.prom", "# TYPE tgi_queue_size gauge\ntgi_queue_size 3\n# EOF\n");
    let mut command = sandbox.command();
    command.args(["watch", "--ndjson", "--every", "50ms"]).arg(&path);
    let running = Running::start(command);
    let depth = |line: &Value| line["queues"][0]["depth"].as_u64();
    running.wait_for("three", |line| depth(line) == Some(3));
    fs::write(sandbox.path("next"), "# TYPE tgi_queue_size gauge\ntgi_queue_size 8\n# EOF\n")
        .unwrap();
    fs::rename(sandbox.path("next"), &path).unwrap();
    running.wait_for("eight", |line| depth(line) == Some(8));
    until("it is there", || path.is_file());
}
