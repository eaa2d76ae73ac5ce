//! Every reply of `tests/corpus/apis` that a poll can get, read to what it says.

use super::api::{APIS, Api, Paging};
use super::found::Found;
use super::node::Node;
use super::read::{Context, Strange};
use super::{Naming, Teller};
use crate::domain::{Names, Observation, Wall};
use crate::scan::time;

fn at(text: &str) -> Wall {
    time::rfc3339(text.as_bytes()).unwrap()
}

fn api(name: &str) -> &'static Api {
    APIS.iter().find(|api| api.name == name).unwrap()
}

/// Replies of a file of the corpus to this path, whole.
fn replies(file: &str, path: &str) -> Vec<String> {
    let path_of = format!("{}/tests/corpus/apis/{file}.json", env!("CARGO_MANIFEST_DIR"));
    // The digits must stay as they are written.
    let text = std::fs::read_to_string(path_of).unwrap();
    let file = Node::of(text.as_bytes()).unwrap();
    let is_it = |exchange: &Node<'_>| {
        let said = exchange.at(&["request", "path"]).and_then(Node::text);
        let status = exchange.at(&["response", "status"]).and_then(Node::count);
        said.as_deref() == Some(path) && status == Some(200)
    };
    let exchanges = file.get("exchanges").unwrap().items().unwrap().filter(is_it);
    exchanges
        .map(|exchange| exchange.at(&["response", "body"]).unwrap().written().to_owned())
        .collect()
}

/// What pages say, as short texts.
fn told(name: &str, pages: &[impl AsRef<str>], now: &str) -> Result<Vec<String>, Strange> {
    let (api, now) = (api(name), at(now));
    let mut found = Found::default();
    for page in pages {
        let node = Node::of(page.as_ref().as_bytes()).unwrap();
        (api.read)(node, Context { now, host: "api.example.com" }, &mut found)?;
    }
    let names = Names::default();
    let naming =
        Naming { names: names.clone(), key_salt: 0, host: None, provider: None, environment: None };
    let teller =
        Teller { api, provider: api.provider, environment: None, host: None, naming: &naming };
    let text = |sym| names.text(sym).to_string();
    let seen = found.tell(&teller, now).into_iter().filter_map(|seen| match seen {
        Observation::Bill(bill) => {
            let day: String = bill.start.rfc3339().chars().take(10).collect();
            assert_eq!(bill.end, bill.start.plus(std::time::Duration::from_secs(86_400)));
            let key = bill.key.map(|key| format!(" {}", text(key))).unwrap_or_default();
            let done = if bill.complete { "" } else { " so far" };
            Some(format!("{day} {}{key} {}{done}", text(bill.provider), bill.usd))
        }
        Observation::Metric(metric) => {
            let labels = metric.labels.map(text).unwrap_or_default();
            Some(format!("{} {} {labels}", text(metric.name), metric.value))
        }
        Observation::Limit(limit) => {
            let id = limit.id;
            let mut said =
                format!("{} {} {}", id.layer.word(), id.scope.word(), id.resource.word());
            let mut add = |name: &str, value: Option<String>| {
                said.extend(value.map(|value| format!(" {name}={value}")));
            };
            add("provider", id.provider.map(text));
            add("subject", id.subject.map(text));
            add("label", id.label.map(text));
            add("window", id.window_s.map(|s| s.to_string()));
            add("limit", limit.limit.map(|amount| amount.to_string()));
            add("left", limit.remaining.map(|amount| amount.to_string()));
            add("used", limit.used.map(|amount| amount.to_string()));
            add("reset", limit.reset.map(|reset| reset.at.rfc3339()));
            add("status", limit.status.map(|status| status.word().to_owned()));
            assert_eq!(limit.source.word(), "api");
            Some(said)
        }
        Observation::Limits { .. } => None,
        other => panic!("{other:?}"),
    });
    Ok(seen.collect())
}

#[test]
fn costs_keep_every_digit_and_the_day_that_is_not_over_says_so() {
    let pages = replies("openai_costs", "/v1/organization/costs");
    assert_eq!(pages.len(), 2);
    let now = "2025-02-10T10:15:56Z";
    assert_eq!(
        told("openai-costs", &pages, now).unwrap(),
        ["2025-02-09 openai 0.000164472 so far", "2025-02-10 openai 0.298091591 so far"]
    );
    let next = api("openai-costs").paging.next(Node::of(pages[0].as_bytes()).unwrap(), 1);
    assert_eq!(next, Ok(Some("page_AAAA".to_owned())));
    assert_eq!(Paging::Token.next(Node::of(pages[1].as_bytes()).unwrap(), 2), Ok(None));
    // A day later what was billed for the first of them is final.
    let later = told("openai-costs", &pages, "2025-02-11T00:00:00Z").unwrap();
    assert_eq!(later[0], "2025-02-09 openai 0.000164472");
}

#[test]
fn cents_are_strings_and_parts_of_a_day_on_several_pages_add_up() {
    let page = replies("anthropic_cost_report", "/v1/organizations/cost_report").remove(0);
    let now = "2026-11-21T02:00:00Z";
    assert_eq!(told("anthropic-cost", &[&page], now).unwrap(), ["2026-11-20 anthropic 123.456700"]);
    assert_eq!(
        told("anthropic-cost", &[&page, &page], now).unwrap(),
        ["2026-11-20 anthropic 246.913400"]
    );
    // The hundredth of a billionth counts before it is rounded.
    let tiny = page.replace("12345.67", "0.000000005");
    assert_eq!(
        told("anthropic-cost", &vec![tiny; 20], now).unwrap(),
        ["2026-11-20 anthropic 0.000000001"]
    );
    let euros = page.replace("USD", "EUR");
    assert_eq!(told("anthropic-cost", &[euros], now), Err(Strange::Currency));
    let odd = page.replace("\"12345.67\"", "\"much\"");
    let why = told("anthropic-cost", &[odd], now).unwrap_err().to_string();
    assert_eq!(why, "the answer has no data[].results[].amount");
}

#[test]
fn a_day_without_results_was_billed_nothing() {
    let page = r#"{"data":[{"start_time":1795132800,"results":[]}],"has_more":false}"#;
    assert_eq!(
        told("openai-costs", &[page], "2026-11-30T00:00:00Z").unwrap(),
        ["2026-11-20 openai 0.000000"]
    );
    assert!(told("openai-costs", &["{}"], "2026-11-30T00:00:00Z").is_err());
}

#[test]
fn usage_is_what_was_used_today_with_cached_tokens_among_the_input() {
    let pages = replies("openai_usage_completions", "/v1/organization/usage/completions");
    let told_of = |now| told("openai-usage", &pages, now).unwrap();
    let today = at("2026-11-20T15:00:00Z").0 / 1_000_000_000;
    let first = Node::of(pages[0].as_bytes()).unwrap();
    let start = first.get("data").unwrap().items().unwrap().next().unwrap();
    let start = start.get("start_time").unwrap().count().unwrap();
    let day = Wall::from_secs(i64::try_from(start).unwrap()).rfc3339();
    assert!(i64::try_from(start).unwrap() - today < 7 * 86_400);
    let labels = "provider=openai model=gpt-5.5 key=key_1";
    let said = told_of(&day);
    for line in [
        "usage_requests_today 26",
        "usage_input_tokens_today 5617",
        "usage_cached_input_tokens_today 1200",
        "usage_output_tokens_today 494",
    ] {
        assert!(said.contains(&format!("{line} {labels}")), "{line} in {said:?}");
    }
    assert_eq!(said.len(), 8);
    assert_eq!(told_of("2027-01-01T00:00:00Z"), [""; 0], "another day's are not today's");

    let pages = replies("anthropic_usage_report", "/v1/organizations/usage_report/messages");
    assert_eq!(
        told("anthropic-usage", &pages, "2026-11-20T15:00:00Z").unwrap(),
        [
            "usage_input_tokens_today 3800 provider=anthropic model=claude-sonnet-5 key=apikey_01A workspace=wrkspc_01A",
            "usage_cached_input_tokens_today 2000 provider=anthropic model=claude-sonnet-5 key=apikey_01A workspace=wrkspc_01A",
            "usage_output_tokens_today 500 provider=anthropic model=claude-sonnet-5 key=apikey_01A workspace=wrkspc_01A",
        ]
    );
    // The later version of the API has ids in a scope.
    let later = pages[0]
        .replace("\"api_key_id\": \"apikey_01A\"", "\"scope\": {\"api_key_id\": \"apikey_02\"}");
    assert_ne!(later, pages[0]);
    let later = told("anthropic-usage", &[later], "2026-11-20T15:00:00Z").unwrap();
    assert!(later[0].contains("key=apikey_02"), "{later:?}");
}

#[test]
fn budgets_and_balances_become_limits() {
    let now = "2026-11-20T15:00:00Z";
    let key = replies("openrouter_key_self", "/api/v1/key");
    assert_eq!(
        told("openrouter-key", &key, now).unwrap(),
        [
            "2026-11-20 openrouter sk-or-v1-…#292a 5.500000 so far",
            "upstream key spend provider=openrouter subject=sk-or-v1-…#292a window=2592000 limit=100 left=74.5 used=25.5 reset=2026-12-01T00:00:00.000Z",
            "upstream key requests provider=openrouter subject=sk-or-v1-…#292a label=free window=86400 limit=1000 left=997 used=3",
        ]
    );
    let endless = key[0].replace("\"budgets\"", "\"other\"").replace("\"limit\": 100,", "");
    assert_eq!(told("openrouter-key", &[endless], now).unwrap().len(), 2);
    let credits = replies("openrouter_key_self", "/api/v1/credits");
    assert_eq!(
        told("openrouter-credits", &credits, now).unwrap(),
        ["upstream org credits provider=openrouter limit=500 left=376.55 used=123.45"]
    );
    let balance = replies("balances", "/user/balance");
    assert_eq!(
        told("deepseek-balance", &balance, now).unwrap(),
        ["upstream org credits provider=deepseek label=CNY left=110"]
    );
    let empty = balance[0].replace("true", "false").replace("CNY", "USD");
    assert_eq!(
        told("deepseek-balance", &[empty], now).unwrap(),
        ["upstream org credits provider=deepseek left=110 status=rejected"]
    );
    let balance = replies("balances", "/v1/users/me/balance");
    assert_eq!(
        told("moonshot-balance", &balance, now).unwrap(),
        ["upstream org credits provider=moonshot left=49.58894"]
    );
    let error = [r#"{"code":5,"error":"no"}"#];
    assert_eq!(told("moonshot-balance", &error, now), Err(Strange::Error));
}

#[test]
fn a_gateways_key_has_a_budget_and_limits_and_its_spend_is_booked_by_day() {
    let now = "2026-11-20T15:00:00Z";
    let info = replies("litellm_keys", "/key/info").remove(0);
    let budget = "gateway key spend subject=prod-app window=2592000 limit=50 left=37.5 used=12.5 reset=2026-12-01T00:00:00.000Z";
    assert_eq!(told("litellm-key", &[&info], now).unwrap(), [format!("{budget} status=rejected")]);
    let open = info.replace("\"blocked\": true", "\"blocked\": false").replace("revoked", "active");
    let open = open
        .replace("\"rpm_limit\": null", "\"rpm_limit\": 60")
        .replace("\"tpm_limit\": null", "\"tpm_limit\": 9000");
    assert_eq!(
        told("litellm-key", &[open], now).unwrap(),
        [
            budget,
            "gateway key requests subject=prod-app window=60 limit=60",
            "gateway key tokens subject=prod-app window=60 limit=9000",
        ]
    );
    let endless = info.replace("50.0", "null");
    let said = told("litellm-key", &[endless], now).unwrap();
    assert!(!said[0].contains("limit=") && said[0].contains("used=12.5"), "{said:?}");

    let spend = replies("litellm_spend", "/user/daily/activity").remove(0);
    assert_eq!(
        told("litellm-spend", &[&spend], now).unwrap(),
        ["2026-11-20 litellm 12.500000 so far"]
    );
    let named = spend.replace(
        "\"providers\": {}",
        r#""providers": {"openai": {"metrics": {"spend": 10.1}}, "anthropic": {"metrics": {"spend": 2.0}}}"#,
    );
    assert_ne!(named, spend);
    assert_eq!(
        told("litellm-spend", &[&named], "2026-11-21T02:00:00Z").unwrap(),
        [
            "2026-11-20 litellm 0.400000",
            "2026-11-20 anthropic 2.000000",
            "2026-11-20 openai 10.100000"
        ]
    );
    let more = spend.replace("\"has_more\": false", "\"has_more\": true");
    let next = Paging::Numbered.next(Node::of(more.as_bytes()).unwrap(), 1);
    assert_eq!(next, Ok(Some("2".to_owned())));
}

#[test]
fn bills_are_asked_for_from_the_first_of_the_month_and_of_the_last_days_before() {
    for (now, openai, anthropic) in [
        ("2026-11-20T23:59:59Z", "2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-12-01T00:00:01Z", "2026-11-29", "2026-11-29T00:00:00Z"),
        ("2026-12-03T00:00:00Z", "2026-12-01", "2026-12-01T00:00:00Z"),
        ("2028-03-01T12:00:00Z", "2028-02-28", "2028-02-28T00:00:00Z"),
    ] {
        let query = (api("anthropic-cost").query)(at(now));
        assert_eq!(query[0], ("starting_at", anthropic.to_owned()));
        let seconds = at(anthropic).0 / 1_000_000_000;
        assert_eq!((api("openai-costs").query)(at(now))[0].1, seconds.to_string());
        assert_eq!((api("litellm-spend").query)(at(now))[0].1, openai);
    }
}

#[test]
fn nothing_an_answer_holds_stops_the_reading() {
    let bodies = ["null", "[]", "{}", "\"x\"", "1e999", r#"{"data":null}"#, r#"{"data":[1,{}]}"#];
    for api in APIS {
        for body in bodies {
            assert!(
                told(api.name, &[body], "2026-11-20T15:00:00Z").is_err(),
                "{} {body}",
                api.name
            );
        }
    }
    let huge = r#"{"data":[{"start_time":18446744073709551615,"results":[]}]}"#;
    assert!(told("openai-costs", &[huge], "2026-11-20T15:00:00Z").is_err());
    let far =
        r#"{"data":[{"start_time":9223372036854775807,"results":[{"amount":{"value":1e300}}]}]}"#;
    assert!(told("openai-costs", &[far], "2026-11-20T15:00:00Z").is_err());
    assert!(Node::of(b"{\"a\":").is_none() && Node::of(&[0xff]).is_none());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Node::of(deep.as_bytes()).is_none_or(|node| node.get("data").is_none()));
}
