//! Whose limit it is: accounts and deployments that share a log have limits of their own.

use serde_json::{Value, json};
use tripline::domain::Wall;

use super::contract;
use super::sandbox::Sandbox;

/// 2026-11-20T14:00:00Z
const START: i64 = 1_795_183_200;

/// Lines a second apart, told in turn by each of `tellers`.
fn log(lines: i64, tellers: &[&dyn Fn(String, i64) -> Value]) -> String {
    log_from(0, lines, tellers)
}

fn log_from(first: i64, lines: i64, tellers: &[&dyn Fn(String, i64) -> Value]) -> String {
    let line = |second: i64| {
        let teller = tellers[usize::try_from(second).unwrap() % tellers.len()];
        format!("{}\n", teller(Wall::from_secs(START + second).rfc3339(), second))
    };
    (first..first + lines).map(line).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "as all tellers are called")]
fn openai(at: String, organization: &str, project: &str, left: i64) -> Value {
    json!({
        "at": at, "provider": "openai", "model": "gpt-4o", "status": 200, "latency_ms": 300,
        "headers": {
            "openai-organization": organization,
            "openai-project": project,
            "x-ratelimit-limit-tokens": "1000000",
            "x-ratelimit-remaining-tokens": left.to_string(),
        },
    })
}

/// Subject and what is left of each limit, in order of names.
fn limits(log: &str) -> Vec<(String, i64)> {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.jsonl", log);
    let picture = sandbox.run(["replay".as_ref(), "--json".as_ref(), log.as_os_str()]).ok();
    let rows = picture.lines();
    let picture = rows.last().unwrap();
    assert_eq!(contract::snapshot(picture), [""; 0]);
    let limit = |limit: &Value| {
        let subject = limit["subject"].as_str().unwrap_or_default().to_owned();
        (subject, limit["remaining"].as_i64().unwrap())
    };
    let mut limits: Vec<_> = picture["limits"].as_array().unwrap().iter().map(limit).collect();
    limits.sort();
    limits
}

fn text(log: &str) -> String {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.jsonl", log);
    sandbox.run(["replay".as_ref(), log.as_os_str()]).ok().out()
}

fn are(wanted: &[(&str, i64)]) -> Vec<(String, i64)> {
    wanted.iter().map(|(subject, left)| ((*subject).to_owned(), *left)).collect()
}

#[test]
fn two_organisations_in_one_log_are_two_limits() {
    let acme = |at, second| openai(at, "acme", "web", 900_000 - second);
    let globex = |at, second| openai(at, "globex", "web", 1000 - second);
    let other = |at, second| openai(at, "acme", "batch", 500_000 - second);
    // Each long enough for the shortcut of usual responses to be taken.
    let lines = log(60, &[&acme, &globex, &other]);
    let wanted = are(&[("acme/batch", 499_941), ("acme/web", 899_943), ("globex/web", 942)]);
    assert_eq!(limits(&lines), wanted);
    let runs = log(20, &[&acme]) + &log_from(20, 20, &[&globex]) + &log_from(40, 20, &[&acme]);
    assert_eq!(limits(&runs), are(&[("acme/web", 899_941), ("globex/web", 961)]));
}

#[test]
fn whose_limit_it_is_stands_in_its_name_only_where_there_is_another_like_it() {
    let acme = |at, second| openai(at, "acme", "web", 900_000 - second);
    let globex = |at, second| openai(at, "globex", "web", 1000 - second);
    let alone = text(&log(20, &[&acme]));
    assert!(alone.contains("openai gpt-4o TPM"), "{alone}");
    assert!(!alone.contains("acme"), "{alone}");
    let both = text(&log(20, &[&acme, &globex]));
    assert!(both.contains("openai gpt-4o org globex/web TPM"), "{both}");
    assert!(both.contains("openai gpt-4o org acme/web TPM"), "{both}");
    // An alert is called like the limit, also one that was there before the other.
    let low = text(&(log(10, &[&globex]) + &log_from(10, 20, &[&acme, &globex])));
    assert!(low.contains("firing   limit-low openai gpt-4o org globex/web"), "{low}");
}

#[test]
fn deployments_of_one_model_behind_litellm_have_limits_of_their_own() {
    let call = |at: String, id: &str, left: i64, organization: Option<&str>| {
        let mut headers = json!({
            "llm_provider-x-ratelimit-limit-requests": "1000",
            "llm_provider-x-ratelimit-remaining-requests": left.to_string(),
        });
        if let Some(organization) = organization {
            headers["llm_provider-openai-organization"] = organization.into();
        }
        json!({
            "litellm_call_id": at, "call_type": "acompletion", "status": "success",
            "model": "gpt-4o", "custom_llm_provider": "azure", "response_cost": 0.01,
            "startTime": at, "endTime": at, "model_id": id,
            "api_base": "https://user:secret@acme-east.openai.azure.com/openai?key=sk-1",
            "hidden_params": { "additional_headers": headers },
        })
    };
    let hash = "3f2a9c1b".to_owned() + &"0d".repeat(28);
    let east = |at: String, second| call(at, &hash, 900 - second, None);
    let west = |at: String, second| call(at, "azure-west-1", 100 - second, None);
    let bare = |at: String, second| call(at, "", 500 - second, None);
    assert_eq!(
        limits(&log(60, &[&east, &west, &bare])),
        are(&[("3f2a9c1b", 843), ("acme-east.openai.azure.com", 441), ("azure-west-1", 42)])
    );
    // Deployments of one account share its limits.
    let east = |at: String, second| call(at, &hash, 900 - second, Some("acme"));
    let west = |at: String, second| call(at, "azure-west-1", 900 - second, Some("acme"));
    assert_eq!(limits(&log(20, &[&east, &west])), are(&[("acme", 881)]));
}

#[test]
fn deployments_of_one_name_at_two_azure_resources_are_two() {
    let call = |at: String, resource: &str, left: i64| {
        let url = format!("https://{resource}.openai.azure.com/openai/deployments/chat/x?key=1");
        json!({
            "at": at, "status": 200, "model": "gpt-4o", "url": url,
            "headers": {
                "x-ratelimit-key": "chat",
                "x-ratelimit-limit-requests": "1000",
                "x-ratelimit-remaining-requests": left.to_string(),
            },
        })
    };
    let east = |at, second| call(at, "acme-east", 900 - second);
    let west = |at, second| call(at, "acme-west", 100 - second);
    let wanted = are(&[("acme-east/chat", 882), ("acme-west/chat", 81)]);
    assert_eq!(limits(&log(20, &[&east, &west])), wanted);
}

#[test]
fn a_call_of_one_account_that_passes_does_not_end_the_refusal_of_another() {
    let refused = |at: String, _| {
        let mut call = openai(at, "globex", "web", 1000);
        call["status"] = 429.into();
        call["body"] = json!({ "error": { "code": "insufficient_quota" } });
        call
    };
    let acme = |at, second| openai(at, "acme", "web", 900_000 - second);
    let globex = |at, second| openai(at, "globex", "web", 900_000 - second);
    let first = text(&log(4, &[&refused, &acme]));
    assert!(first.contains("CRITICAL: openai gpt-4o CRED EXHAUSTED"), "{first}");
    let paid = text(&log(4, &[&refused, &globex]));
    assert!(paid.contains("OK: Nothing binds"), "{paid}");
}

/// The line names no account, its response does: a cap for each account counts it there.
#[test]
fn a_call_counts_for_the_account_that_its_headers_name() {
    let priced = |account: &'static str| {
        move |at: String, second: i64| {
            let mut line = openai(at, account, "p", 1000 - second);
            line["cost_usd"] = json!("0.5");
            line
        }
    };
    let named = |at: String, second: i64| {
        let mut line = priced("acme")(at, second);
        line["account"] = json!("said");
        line
    };
    let (acme, other) = (priced("acme"), priced("other"));
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.jsonl", log(9, &[&acme, &other, &named]));
    let config = sandbox.file(
        "config.toml",
        "[[cap]]\nname = \"each\"\nusd = 100\nperiod = \"day\"\neach = \"account\"\n\
         [[cap]]\nname = \"acme\"\nusd = 100\nperiod = \"day\"\nmatch = { account = \"acme\" }\n",
    );
    let picture = sandbox.run([
        "--config".as_ref(),
        config.as_os_str(),
        "replay".as_ref(),
        "--json".as_ref(),
        log.as_os_str(),
    ]);
    let picture = picture.ok().lines().pop().unwrap();
    let cap = |cap: &Value| {
        let text = |name: &str| cap[name].as_str().unwrap_or_default().to_owned();
        (text("name"), text("of"), text("spent_usd"))
    };
    let mut caps: Vec<_> = picture["caps"].as_array().unwrap().iter().map(cap).collect();
    caps.sort();
    let row = |name: &str, of: &str, usd: &str| (name.to_owned(), of.to_owned(), usd.to_owned());
    let sum = "1.500000";
    assert_eq!(
        caps,
        [
            row("acme", "", sum),
            row("each", "acme", sum),
            row("each", "other", sum),
            row("each", "said", sum),
        ]
    );
}
