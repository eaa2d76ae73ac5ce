//! `kind = "poll"`: usage, costs, balances and keys from where the money is counted.

use std::fs;

use serde_json::{Value, json};

use super::contract;
use super::fake::{Asked, Fake, Reply, answer};
use super::sandbox::{Ran, Running, Sandbox, here, now};

const KEY: &str = "a-key-nobody-may-see-7731";

/// A configuration with one API, asked of this server.
fn config(fake: &Fake, api: &str, more: &str) -> String {
    format!(
        "[[source]]\nname = \"p\"\nkind = \"poll\"\napi = \"{api}\"\nurl = \"{}\"\n\
         headers = {{ x-api-key = {{ env = \"TEST_KEY\" }} }}\n{more}",
        fake.url("")
    )
}

fn once(sandbox: &Sandbox, config: &str) -> Ran {
    let path = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.env("TEST_KEY", KEY).arg("--config").arg(path).args(["once", "--json"]);
    Ran(command.output().unwrap())
}

/// What `once` shows of an API that answers like this.
#[track_caller]
fn shown(api: &str, reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Value {
    let sandbox = Sandbox::new();
    let fake = Fake::start(reply);
    let snapshot = once(&sandbox, &config(&fake, api, "")).picture();
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    snapshot
}

/// The reply of the corpus to this path.
fn corpus(file: &str, path: &str) -> String {
    let file = fs::read(here("tests/corpus/apis").join(file)).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let exchanges = file["exchanges"].as_array().unwrap();
    let exchange = exchanges.iter().find(|exchange| exchange["request"]["path"] == path);
    exchange.unwrap()["response"]["body"].to_string()
}

#[test]
fn keys_balances_and_budgets_are_limits_with_an_age_and_an_owner() {
    for (api, file, path, expected) in [
        (
            "openrouter-credits",
            "openrouter_key_self.json",
            "/api/v1/credits",
            json!({ "provider": "openrouter", "resource": "credits", "scope": "org", "limit": 500, "remaining": 376.55 }),
        ),
        (
            "openrouter-key",
            "openrouter_key_self.json",
            "/api/v1/key",
            json!({ "provider": "openrouter", "resource": "spend", "scope": "key", "limit": 100, "remaining": 74.5 }),
        ),
        (
            "litellm-key",
            "litellm_keys.json",
            "/key/info",
            json!({ "key": "prod-app", "layer": "gateway", "resource": "spend", "limit": 50, "remaining": 37.5 }),
        ),
        (
            "deepseek-balance",
            "balances.json",
            "/user/balance",
            json!({ "provider": "deepseek", "resource": "credits", "label": "CNY", "remaining": 110 }),
        ),
        (
            "moonshot-balance",
            "balances.json",
            "/v1/users/me/balance",
            json!({ "provider": "moonshot", "resource": "credits", "remaining": 49.59 }),
        ),
    ] {
        let body = corpus(file, path);
        let snapshot = shown(api, move |_, asked| {
            assert!(asked.head.starts_with(&format!("GET {path} HTTP/1.1")), "{}", asked.head);
            answer("200 OK", &[], &body)
        });
        let is_it = |limit: &&Value| {
            let fields = expected.as_object().unwrap();
            fields.iter().all(|(name, value)| match value.as_f64() {
                Some(number) => limit[name].as_f64() == Some(number),
                None => &limit[name] == value,
            })
        };
        let limits = snapshot["limits"].as_array().unwrap();
        let limit = limits.iter().find(is_it).unwrap_or_else(|| panic!("{api}: {limits:#?}"));
        assert_eq!((&limit["source"], &limit["stale"]), (&json!("api"), &json!(false)));
        assert!(limit["age_s"].as_f64().unwrap() < 30.0);
        let source = &snapshot["sources"][0];
        assert_eq!((&source["kind"], &source["state"]), (&json!("poll"), &json!("live")));
        assert_eq!((&source["format"], &source["lines"]), (&json!(api), &json!(1)));
    }
}

/// One page of usage of the day that is asked for.
fn usage(asked: &Asked, tokens: u64, next: Option<&str>) -> Reply {
    let start = asked.head.split("start_time=").nth(1).unwrap();
    let start: u64 = start.split(['&', ' ']).next().unwrap().parse().unwrap();
    let result = json!({ "input_tokens": tokens, "output_tokens": 1, "num_model_requests": 1, "model": "m", "api_key_id": "key_1" });
    let bucket = json!({ "start_time": start, "end_time": start + 60, "results": [result] });
    let page = json!({ "data": [bucket], "has_more": next.is_some(), "next_page": next });
    answer("200 OK", &[], &page.to_string())
}

#[test]
fn pages_are_read_to_the_end_with_the_same_parameters_and_added_up() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|number, asked| match number {
        0 => usage(asked, 5, Some("two /&")),
        1 => usage(asked, 7, Some("three")),
        _ => usage(asked, 11, None),
    });
    let ran = once(&sandbox, &config(&fake, "openai-usage", ""));
    let snapshot = ran.picture();
    let metrics = snapshot["metrics"].as_array().unwrap();
    let input = metrics.iter().find(|metric| metric["name"] == "usage_input_tokens_today").unwrap();
    assert_eq!(input["value"].as_f64(), Some(23.0), "{input}");
    assert_eq!(input["labels"], "provider=openai model=m key=key_1");
    let asked = fake.asked();
    let parameters = |asked: &Asked| {
        let line = asked.head.lines().next().unwrap().to_owned();
        line.split(['?', ' ']).nth(2).unwrap().to_owned()
    };
    let first = parameters(&asked[0]);
    assert!(first.contains("&group_by=model&group_by=api_key_id"), "{first}");
    assert_eq!(parameters(&asked[1]), format!("{first}&page=two+%2F%26"));
    assert_eq!(parameters(&asked[2]), format!("{first}&page=three"));
    assert_eq!(asked.len(), 3);
    let left = Sandbox::everything_in(&sandbox.state());
    assert!(!String::from_utf8_lossy(&left).contains(KEY));
}

#[test]
fn of_an_answer_that_breaks_off_nothing_is_told() {
    let broken = shown("openai-usage", |number, asked| match number {
        0 => usage(asked, 5, Some("two")),
        _ => answer("500 Internal Server Error", &[], "Internal Server Error"),
    });
    assert_eq!(broken["sources"][0]["problem"], "HTTP 500");
    assert_eq!(broken["metrics"], json!([]));
    let endless = shown("openai-usage", |_, asked| usage(asked, 5, Some("same")));
    assert_eq!(endless["sources"][0]["problem"], "the answer's pages have no end");
    assert_eq!(endless["metrics"], json!([]));
    for rest in [r#""has_more":true"#, r#""has_more":true,"next_page":null"#, r#""has_more":1"#] {
        let day = now()[..10].to_owned();
        let page = format!(
            r#"{{"data":[{{"starting_at":"{day}T00:00:00Z","results":[{{"currency":"USD","amount":"1"}}]}}],{rest}}}"#
        );
        let cap = "[[cap]]\nname = \"c\"\nperiod = \"day\"\nusd = 10\nmatch = { provider = \"anthropic\" }\n";
        let sandbox = Sandbox::new();
        let fake = Fake::start(move |_, _| answer("200 OK", &[], &page));
        let part = once(&sandbox, &config(&fake, "anthropic-cost", cap)).picture();
        let source = &part["sources"][0];
        let why = "the answer has more pages and does not say which";
        assert_eq!((&source["state"], &source["problem"]), (&json!("error"), &json!(why)));
        assert_eq!(part["caps"][0]["provider_usd"], Value::Null, "{rest}: {}", part["caps"]);
    }
    let many = shown("openai-usage", |n, asked| usage(asked, 5, Some(&n.to_string())));
    assert_eq!(many["sources"][0]["problem"], "the answer has more than 64 pages");
}

#[test]
fn what_is_wrong_says_what_to_do() {
    let admin = "the key is refused; asked again with another, or once an hour; it needs an admin key (sk-admin-…) that may read usage";
    for (reply, state, problem) in [
        (("401 Unauthorized", "", "{}"), "denied", format!("HTTP 401: {admin}")),
        (("403 Forbidden", "", "{}"), "denied", format!("HTTP 403: {admin}")),
        (("429 Too Many Requests", "39", "{}"), "error", "HTTP 429, stay away for 39 s".to_owned()),
        (("200 OK", "", "<html>"), "error", "the answer is no JSON".to_owned()),
        (("200 OK", "", "{\"error\":{}}"), "error", "the answer has no data".to_owned()),
    ] {
        let (status, wait, body) = reply;
        let snapshot = shown("openai-costs", move |_, _| {
            let headers = [("retry-after", wait)];
            answer(status, if wait.is_empty() { &[] } else { &headers }, body)
        });
        let source = &snapshot["sources"][0];
        assert_eq!((&source["state"], &source["problem"]), (&json!(state), &json!(problem)));
    }
    let flood = format!("{{\"data\":[\"{}\"]}}", "x".repeat(2 << 20));
    let large = shown("openai-costs", move |_, _| answer("200 OK", &[], &flood));
    assert_eq!(large["sources"][0]["problem"], "the answer is larger than 1048576 bytes");
}

#[test]
fn the_version_of_an_api_is_pinned_unless_the_configuration_says_another() {
    for (more, version) in [("", "2023-06-01"), ("2026-10-21", "2026-10-21")] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(|_, _| answer("200 OK", &[], r#"{"data":[],"has_more":false}"#));
        let mut text = config(&fake, "anthropic-cost", "");
        if !more.is_empty() {
            text = text.replace(" } }", &format!(" }}, anthropic-version = \"{more}\" }}"));
        }
        assert_eq!(once(&sandbox, &text).picture()["sources"][0]["state"], "live");
        let asked = &fake.asked()[0];
        assert_eq!(asked.header("anthropic-version"), Some(version));
        assert_eq!(asked.header("x-api-key"), Some(KEY));
        assert!(asked.head.starts_with("GET /v1/organizations/cost_report?starting_at="));
    }
}

#[test]
fn it_is_not_asked_again_within_a_minute_and_parameters_of_ones_own_are_kept() {
    let sandbox = Sandbox::new();
    let body = corpus("litellm_keys.json", "/key/info");
    let fake = Fake::start(move |_, _| answer("200 OK", &[], &body));
    let text = config(&fake, "litellm-key", "");
    let text = text.replace("\"\nheaders", "/proxy/?key=88dc\"\nheaders");
    assert_eq!(once(&sandbox, &text).picture()["sources"][0]["state"], "live");
    let source = once(&sandbox, &text).picture()["sources"][0].clone();
    assert_eq!(source["state"], "waiting");
    assert!(source["problem"].as_str().unwrap().starts_with("asked only "), "{source}");
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].head.starts_with("GET /proxy/key/info?key=88dc HTTP/1.1"),
        "{}",
        asked[0].head
    );
}

#[test]
fn a_watch_shows_it_while_it_runs() {
    let sandbox = Sandbox::new();
    let body = corpus("openrouter_key_self.json", "/api/v1/credits");
    let fake = Fake::start(move |_, _| answer("200 OK", &[], &body));
    let path = sandbox.file("config.toml", config(&fake, "openrouter-credits", ""));
    let mut command = sandbox.command();
    command.env("TEST_KEY", KEY).arg("--config").arg(path);
    command.args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    let line = running.wait_for("the credits", |line| {
        line["sources"][0]["state"] == "live" && line["limits"][0]["resource"] == "credits"
    });
    assert_eq!(line["sources"][0]["format"], "openrouter-credits");
}

#[test]
fn what_was_billed_today_stands_beside_the_cap() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|_, asked| {
        let today = &now()[..10];
        assert!(asked.head.contains("bucket_width=1d"), "{}", asked.head);
        let result = |cents: &str| json!({ "currency": "USD", "amount": cents });
        let results = [result("100.5"), result("0.25")];
        let bucket = json!({ "starting_at": format!("{today}T00:00:00Z"), "results": results });
        answer("200 OK", &[], &json!({ "data": [bucket], "has_more": false }).to_string())
    });
    let cap =
        "[[cap]]\nname = \"c\"\nperiod = \"day\"\nusd = 10\nmatch = { provider = \"anthropic\" }\n";
    let snapshot = once(&sandbox, &config(&fake, "anthropic-cost", cap)).picture();
    let cap = &snapshot["caps"][0];
    assert_eq!(cap["provider_usd"], "1.007500", "{cap}");
    assert!(cap["provider_age_s"].as_f64().unwrap() < 30.0);
}

#[test]
fn what_its_issuer_refuses_is_the_binding_fact_whatever_is_left() {
    let litellm = |more: &str| {
        let left = "\"key_alias\":\"web\",\"spend\":1.5,\"max_budget\":50,\"rpm_limit\":9";
        format!("{{\"info\":{{{left},{more}}}}}")
    };
    let openrouter = |more: &str| {
        format!("{{\"data\":{{\"label\":\"web\",\"usage\":1,\"limit\":null,{more}}}}}")
    };
    let deepseek = |is: &str| {
        let info = "{\"currency\":\"USD\",\"total_balance\":\"110.00\"}";
        format!("{{\"is_available\":{is},\"balance_infos\":[{info}]}}")
    };
    let refused = |api: &'static str, body: String| {
        let snapshot = shown(api, move |_, _| answer("200 OK", &[], &body));
        let limit = &snapshot["limits"][0];
        let verdict = snapshot["verdict"].as_str().unwrap();
        if limit["status"] != "rejected" {
            assert!(!verdict.contains("REJECTED"), "{verdict}");
            return false;
        }
        assert_eq!((&limit["exhausted"], &limit["state"]), (&json!(true), &json!("critical")));
        assert_eq!(snapshot["state"], "critical");
        assert!(verdict.contains("REJECTED by its provider, waiting will not help"), "{verdict}");
        let alerts = snapshot["alerts"].as_array().unwrap();
        assert!(alerts.iter().any(|a| a["severity"] == "critical"), "{alerts:#?}");
        true
    };
    for more in
        ["\"blocked\":true", "\"status\":\"revoked\"", "\"expires\":\"2026-01-01T00:00:00Z\""]
    {
        assert!(refused("litellm-key", litellm(more)), "{more}");
    }
    for more in
        ["\"blocked\":false", "\"status\":\"active\"", "\"expires\":\"2999-01-01T00:00:00\""]
    {
        assert!(!refused("litellm-key", litellm(more)), "{more}");
    }
    assert!(refused("openrouter-key", openrouter("\"disabled\":true")));
    assert!(!refused("openrouter-key", openrouter("\"disabled\":false,\"limit\":5")));
    assert!(refused("deepseek-balance", deepseek("false")));
    assert!(!refused("deepseek-balance", deepseek("true")));
}

#[test]
fn a_balance_of_nothing_is_spent_though_it_has_no_size() {
    for (left, state) in [("0", "critical"), ("-0.25", "critical"), ("3.5", "ok")] {
        let body = format!("{{\"code\":0,\"data\":{{\"available_balance\":{left}}}}}");
        let snapshot = shown("moonshot-balance", move |_, _| answer("200 OK", &[], &body));
        let limit = &snapshot["limits"][0];
        assert_eq!(limit["exhausted"], state == "critical", "{limit}");
        assert_eq!(snapshot["state"] == "critical", state == "critical", "{left}");
    }
}

#[test]
fn what_was_billed_is_shown_without_a_cap_too() {
    let sandbox = Sandbox::new();
    let today = now().get(..10).unwrap().to_owned();
    let body = json!({ "data": { "label": "web", "usage": 9, "usage_daily": 1.25, "limit": 5 } });
    let body = body.to_string();
    let fake = Fake::start(move |_, _| answer("200 OK", &[], &body));
    let text = config(&fake, "openrouter-key", "");
    let snapshot = once(&sandbox, &text).picture();
    let bill = &snapshot["bills"][0];
    assert_eq!((&bill["provider"], &bill["key"]), (&json!("openrouter"), &json!("web")));
    assert_eq!(bill["billed_usd"], "1.250000");
    assert_eq!(bill["since"], format!("{today}T00:00:00.000Z"));
    assert!(bill["age_s"].as_f64().unwrap() < 30.0, "{bill}");
}
