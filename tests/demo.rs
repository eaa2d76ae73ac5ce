//! The demo's provider keeps the refill law, its gateway obeys the kill switch
//! and logs the truth, and stopping leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::demo::{
    Demo, DemoOptions, Latency, PlannedCall, ProviderConfig, ProviderHandle, Scenario,
    planned_calls, spawn_provider,
};
use tripline::rules::{Action, RuleSpec};

const ANY: &str = "127.0.0.1:0";
const DEADLINE: Duration = Duration::from_secs(20);

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        if let Some(found) = look().await {
            return found;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within {DEADLINE:?}");
}

fn client() -> reqwest::Client {
    tripline::source::http::client().build().unwrap()
}

fn provider(rpm: u64, tpm: u64) -> ProviderHandle {
    let config =
        ProviderConfig { rpm, tpm, latency: Latency::default(), ..ProviderConfig::default() };
    spawn_provider(ANY.parse().unwrap(), config).unwrap()
}

/// A chat call of 100 tokens in and at most `output` out.
fn chat(output: u64, stream: bool) -> Value {
    json!({
        "model": "gpt-4o", "max_tokens": output, "stream": stream,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "four".repeat(100)}],
    })
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
    fn number(&self, name: &str) -> u64 {
        let text = self.header(name).unwrap_or_else(|| panic!("no {name}"));
        text.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
    }
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn post(url: String, key: &str, body: &Value) -> Answer {
    let answer = client().post(url).bearer_auth(key).json(body).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

async fn beliefs(url: &str) -> Value {
    let answer = client().get(format!("{url}/__state")).send().await.unwrap();
    answer.json().await.unwrap()
}

/// Milliseconds of a Go duration, read independently of the code that writes it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn go_millis(text: &str) -> u64 {
    let mut total = 0.0;
    let mut number = String::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        let unit = match letter {
            'h' => 3_600_000.0,
            'm' if rest.peek() == Some(&'s') => {
                rest.next();
                1.0
            }
            'm' => 60_000.0,
            's' => 1000.0,
            digit => {
                number.push(digit);
                continue;
            }
        };
        total += number.parse::<f64>().unwrap() * unit;
        number.clear();
    }
    total.round() as u64
}

#[test]
fn every_answer_of_the_provider_keeps_the_refill_law() {
    run(async {
        let provider = provider(30, 20_000);
        for call in 1..=20 {
            let answer =
                post(format!("{}/v1/chat/completions", provider.url()), "k", &chat(400, false))
                    .await;
            assert_eq!(answer.status, 200, "call {call}: {}", answer.text);
            for (resource, limit, charge) in [("requests", 30, 1), ("tokens", 20_000, 500)] {
                let told = |part: &str| format!("x-ratelimit-{part}-{resource}");
                assert_eq!(answer.number(&told("limit")), limit);
                let remaining = answer.number(&told("remaining"));
                let reset = go_millis(answer.header(&told("reset")).unwrap());
                assert_eq!(reset, (limit - remaining) * 60_000 / limit, "{resource} {remaining}");
                // At least what the charges leave, at most what 20 s of refill give back.
                let floor = limit - call * charge;
                assert!((floor..=floor + limit / 3).contains(&remaining), "{resource} {remaining}");
            }
            let usage = &answer.json()["usage"];
            assert_eq!(usage["prompt_tokens"], 100);
            assert!((200..=400).contains(&usage["completion_tokens"].as_u64().unwrap()));
        }
        let told = beliefs(&provider.url()).await;
        assert_eq!(told["requests_seen"], 20);
        assert_eq!(told["gpt-4o"]["tpm"]["limit"], 20_000);
        assert_eq!(told["gpt-4o"]["rpm"]["limit"], 30);
        provider.stop();
    });
}

#[test]
fn an_exhausted_bucket_answers_429_and_says_how_long() {
    run(async {
        // Tokens run out.
        let tokens = provider(1000, 600);
        let url = format!("{}/v1/chat/completions", tokens.url());
        assert_eq!(post(url.clone(), "k", &chat(400, false)).await.status, 200);
        let refused = post(url.clone(), "k", &chat(400, false)).await;
        assert_eq!(refused.status, 429);
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("tokens"), &json!("rate_limit_exceeded"))
        );
        // 400 of 600 tokens are missing, less what has refilled: 40 s at most.
        let wait = refused.number("retry-after-ms");
        assert!((20_000..=40_000).contains(&wait), "{wait}");
        assert_eq!(refused.number("retry-after"), wait.div_ceil(1000));
        let large = post(url, "k", &chat(501, false)).await;
        assert_eq!((large.status, large.header("retry-after")), (429, None), "waiting is no help");

        // Requests run out.
        let requests = provider(1, 100_000);
        let url = format!("{}/v1/chat/completions", requests.url());
        assert_eq!(post(url.clone(), "k", &chat(10, false)).await.status, 200);
        let refused = post(url, "k", &chat(10, false)).await;
        assert_eq!((refused.status, &refused.json()["error"]["type"]), (429, &json!("requests")));
        assert_eq!(refused.number("x-ratelimit-remaining-requests"), 0);
    });
}

#[test]
fn the_other_dialect_has_its_own_headers_and_words() {
    run(async {
        let provider = provider(100, 10_000);
        let url = format!("{}/v1/messages", provider.url());
        let body = json!({
            "model": "claude-sonnet-4-5", "max_tokens": 1500,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "four".repeat(100)}]}],
        });
        let answer = post(url.clone(), "k", &body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["usage"]["input_tokens"], 100);
        assert_eq!(answer.number("anthropic-ratelimit-input-tokens-limit"), 8000);
        assert_eq!(answer.number("anthropic-ratelimit-output-tokens-limit"), 2000);
        assert_eq!(answer.number("anthropic-ratelimit-tokens-limit"), 10_000);
        assert_eq!(answer.number("anthropic-ratelimit-tokens-remaining") % 1000, 0);
        let reset = answer.header("anthropic-ratelimit-output-tokens-reset").unwrap();
        assert!(reset.len() == 20 && reset.ends_with('Z'), "{reset}");
        reset.parse::<jiff::Timestamp>().unwrap();

        let refused = post(url.clone(), "k", &body).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["type"]),
            (429, &json!("rate_limit_error"))
        );
        assert!(refused.header("retry-after").is_some());
        assert!(refused.header("retry-after-ms").is_none());
    });
    run(async {
        let config = ProviderConfig { error_rate: 1.0, ..ProviderConfig::default() };
        let provider = spawn_provider(ANY.parse().unwrap(), config).unwrap();
        let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 1, "messages": []});
        let answer = post(format!("{}/v1/messages", provider.url()), "k", &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["type"]),
            (529, &json!("overloaded_error"))
        );
    });
}

#[test]
fn a_stream_ends_with_its_usage() {
    run(async {
        let provider = provider(100, 10_000);
        let url = format!("{}/v1/chat/completions", provider.url());
        let answer = post(url, "k", &chat(100, true)).await;
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let events: Vec<&str> =
            answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
        assert_eq!(events.last(), Some(&"[DONE]"));
        let usage: Value = serde_json::from_str(events[events.len() - 2]).unwrap();
        assert_eq!(usage["usage"]["prompt_tokens"], 100);
        assert!(events.len() > 4);
    });
}

fn demo(directory: &Path, scenario: Scenario) -> Demo {
    let options = DemoOptions {
        scenario,
        seed: 7,
        dir: directory.join("logs"),
        kill_dir: directory.join("kill.d"),
    };
    Demo::start(options).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn calls(demo: &Demo) -> Vec<Value> {
    let all = demo.log_files().into_iter().flat_map(|path| lines(&path));
    all.filter(|line| line.get("kind").is_none()).collect()
}

fn text<'a>(line: &'a Value, pointer: &str) -> &'a str {
    line.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn the_gateway_logs_every_call_and_the_queue() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let demo = demo(directory.path(), Scenario::Launch);
        let streamed = eventually("a streamed answer of each provider", async || {
            let calls = calls(&demo);
            let of = |provider: &str| {
                let good = |line: &&Value| {
                    line["provider"] == provider && line["status"] == 200 && line["stream"] == true
                };
                calls.iter().find(good).cloned()
            };
            Some([of("openai")?, of("anthropic")?])
        })
        .await;
        for line in &streamed {
            for field in ["input_tokens", "output_tokens", "latency_ms", "ttft_ms", "queue_ms"] {
                assert!(line[field].is_number(), "{field} of {line}");
            }
            assert!(line["ttft_ms"].as_f64() < line["latency_ms"].as_f64(), "{line}");
            for field in ["/key_id", "/team", "/environment", "/priority", "/user", "/host"] {
                assert!(!text(line, field).is_empty(), "{field} of {line}");
            }
            let ended: jiff::Timestamp = text(line, "/at").parse().unwrap();
            let started: jiff::Timestamp = text(line, "/started_at").parse().unwrap();
            assert!(started < ended);
            assert_eq!(line["attempt"], 1);
            assert!(line.get("error").is_none() && line.get("cost_usd").is_none());
        }
        assert!(!text(&streamed[0], "/headers/x-ratelimit-remaining-tokens").is_empty());
        assert!(!text(&streamed[1], "/headers/anthropic-ratelimit-requests-reset").is_empty());

        let queue = eventually("queue lines", async || {
            let all = lines(&demo.log_files()[1]);
            all.into_iter().find(|line| line["kind"] == "queue" && line["priority"] == "low")
        })
        .await;
        assert_eq!((text(&queue, "/host"), text(&queue, "/queue")), ("gw-2", "gateway"));
        for field in ["depth", "enqueued_total", "dequeued_total", "dropped_total"] {
            assert!(queue[field].is_u64(), "{field} of {queue}");
        }
        demo.stop();
    });
}

#[test]
fn a_kill_file_stops_calls_before_the_provider_and_its_removal_lets_them_through() {
    for (file, stopped) in [
        ("all.kill", true),
        ("provider.openai.kill", true),
        ("model.openai.gpt-4o.kill", true),
        ("key.prod-web.kill", true),
        ("env.prod.kill", true),
        ("env.dev.kill", false),
        ("model.openai.gpt-4o-mini.kill", false),
    ] {
        run(async {
            let directory = tempfile::tempdir().unwrap();
            let demo = demo(directory.path(), Scenario::Quiet);
            let path = directory.path().join("kill.d").join(file);
            let url = format!("{}/v1/chat/completions", demo.gateway_urls()[0]);
            let call = async || post(url.clone(), "demo-prod-web", &chat(1, false)).await;
            assert_eq!(call().await.status, 200, "{file}");

            std::fs::write(&path, "{}").unwrap();
            let answer = call().await;
            if !stopped {
                assert_eq!(answer.status, 200, "{file} concerns others");
                return;
            }
            assert_eq!((answer.status, answer.header("x-should-retry")), (503, Some("false")));
            assert_eq!(answer.json()["error"]["type"], "kill_switch");
            assert_eq!(answer.json()["error"]["code"], "llm_kill_switch");
            let logged = eventually("the refusal in the log", async || {
                calls(&demo).into_iter().find(|line| text(line, "/error/code") == "llm_kill_switch")
            })
            .await;
            assert_eq!(logged["status"], 503);
            assert_eq!(text(&logged, "/error/type"), "kill_switch");

            std::fs::remove_file(&path).unwrap();
            assert_eq!(call().await.status, 200, "{file}");
            demo.stop();
        });
    }
}

#[test]
fn nothing_reaches_the_provider_while_everything_is_stopped() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("kill.d")).unwrap();
        std::fs::write(directory.path().join("kill.d/all.kill"), "{}").unwrap();
        let demo = demo(directory.path(), Scenario::Launch);
        eventually("many refusals on both hosts", async || {
            let count =
                |host: &str| calls(&demo).iter().filter(|line| line["host"] == host).count();
            (count("gw-1") > 10 && count("gw-2") > 10).then_some(())
        })
        .await;
        assert!(calls(&demo).iter().all(|line| text(line, "/error/type") == "kill_switch"));
        assert_eq!(beliefs(&demo.provider_url()).await["requests_seen"], 0);
        demo.stop();
    });
}

#[test]
fn a_rotated_log_is_opened_anew() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let demo = demo(directory.path(), Scenario::Quiet);
        let path = demo.log_files()[0].clone();
        let rotated = path.with_extension("jsonl.1");
        eventually("first lines", async || (!lines(&path).is_empty()).then_some(())).await;
        std::fs::rename(&path, &rotated).unwrap();
        eventually("lines in the new file", async || (!lines(&path).is_empty()).then_some(()))
            .await;
        let kept = std::fs::metadata(&rotated).unwrap().len();
        let grown = lines(&path).len() + 4;
        eventually("more lines", async || (lines(&path).len() >= grown).then_some(())).await;
        assert_eq!(std::fs::metadata(&rotated).unwrap().len(), kept, "the old file is left alone");
        demo.stop();
    });
}

#[test]
fn stopping_is_quick_and_leaves_nothing_listening() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let demo = demo(directory.path(), Scenario::Launch);
        eventually("traffic", async || (calls(&demo).len() > 3).then_some(())).await;
        let mut urls = demo.gateway_urls();
        urls.push(demo.provider_url());
        let before = Instant::now();
        demo.stop();
        // A second is promised; the rest is for a machine that is busy with other tests.
        assert!(before.elapsed() < DEADLINE);
        for url in urls {
            let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
            assert!(TcpStream::connect(address).is_err(), "{url} still listens");
        }
    });
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let first = provider(1, 1);
    let error = spawn_provider(first.address(), ProviderConfig::default()).err().unwrap();
    assert!(error.to_string().contains(&first.address().to_string()), "{error}");
}

#[test]
fn equal_seeds_plan_equal_calls() {
    let plan =
        |scenario, seed| planned_calls(scenario, seed).take(500).collect::<Vec<PlannedCall>>();
    for scenario in Scenario::ALL {
        assert_eq!(plan(*scenario, 7), plan(*scenario, 7));
        let who = |seed| {
            let calls = plan(*scenario, seed).into_iter();
            calls.map(|call| (call.key, call.model, call.priority)).collect::<Vec<_>>()
        };
        assert_ne!(who(7), who(8), "{}", scenario.word());
    }
}

#[test]
fn the_configuration_watches_the_logs_and_can_stop_what_it_watches() {
    let directory = tempfile::tempdir().unwrap();
    for scenario in Scenario::ALL {
        let odd = directory.path().join(format!("a \"quoted\" {}", scenario.word()));
        let demo = demo(&odd, *scenario);
        let file =
            ConfigFile::Bytes { name: "demo.toml".to_owned(), bytes: demo.config_toml().into() };
        let input = LoadInput { file: Some(file), overrides: Vec::new() };
        let config = Config::load(&input).unwrap_or_else(|error| panic!("{error}"));

        let watched: Vec<PathBuf> =
            config.sources.iter().flat_map(|source| &source.paths).map(PathBuf::from).collect();
        assert_eq!(watched, demo.log_files());
        assert!(watched.iter().all(|path| path.exists()));
        assert_eq!(config.switch.dir.as_deref(), Some(odd.join("kill.d").as_path()));
        assert!(config.switch.armed);
        assert!(!config.caps.is_empty());
        let trips = |rule: &&RuleSpec| rule.actions.iter().any(|a| matches!(a, Action::Trip(_)));
        assert_eq!(config.rules.iter().filter(trips).count(), 1, "{}", scenario.word());
        demo.stop();
    }
}
