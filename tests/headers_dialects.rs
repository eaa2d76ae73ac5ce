//! What each dialect's headers mean, one small response per rule, and that it
//! holds whatever the rest of the response looks like.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]

use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::{Amount, LimitReading, Names, ResetKind, Wall};

/// 2026-11-20T12:00:00Z
const NOW: Wall = Wall::from_secs(1_795_176_000);

struct Response {
    names: Names,
    report: HeaderReport,
    faults: usize,
}

fn read(provider: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut bag = HeaderBag::default();
    for (name, value) in headers {
        bag.push(name, value);
    }
    let names = Names::default();
    let mut report = HeaderReport::default();
    let context = HeaderContext {
        at: NOW,
        status: Some(status),
        provider: Some(provider).filter(|provider| !provider.is_empty()),
        body: Some(body.as_bytes()).filter(|body| !body.is_empty()),
        ..HeaderContext::default()
    };
    HeaderReader::new(&names).read(&bag, &context, &mut report);
    let faults = report.faults(&bag).count();
    Response { names, report, faults }
}

impl Response {
    /// `layer scope resource/window remaining/limit +reset_s label`, sorted.
    fn limits(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.report.limits.iter().map(|limit| self.line(limit)).collect();
        lines.sort();
        lines
    }

    fn line(&self, limit: &LimitReading) -> String {
        let amount = |amount: Option<Amount>| amount.map_or("?".to_owned(), |a| a.to_string());
        let id = &limit.id;
        let mut line = format!("{} {} {}", id.layer.word(), id.scope.word(), id.resource.word());
        let mut add = |text: String| line.push_str(&text);
        id.window_s.iter().for_each(|window| add(format!("/{window}")));
        add(format!(" {}/{}", amount(limit.remaining), amount(limit.limit)));
        limit.used_ratio.iter().for_each(|ratio| add(format!(" {ratio}")));
        limit.reset.iter().for_each(|reset| add(format!(" +{}", reset.at.seconds_after(NOW))));
        limit.status.iter().for_each(|status| add(format!(" {}", status.word())));
        id.label.iter().for_each(|label| add(format!(" {}", self.names.text(*label))));
        id.subject.iter().for_each(|subject| add(format!(" @{}", self.names.text(*subject))));
        line
    }
}

/// What it shows, the provider a log names, the headers, the limits in them.
type Dialect =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const DIALECTS: &[Dialect] = &[
    (
        "Envoy lists policies behind the one in force",
        "",
        &[
            ("x-ratelimit-limit", "10, 10;w=1, 100;w=60"),
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", "1"),
        ],
        &["gateway gateway requests/1 9/10 +1", "gateway gateway requests/60 ?/100"],
    ),
    (
        "the one in force may stand anywhere in the list",
        "",
        &[
            ("x-ratelimit-limit", "20, 1000;w=3600, 20;w=60"),
            ("x-ratelimit-remaining", "5"),
            ("x-ratelimit-reset", "12"),
        ],
        &["gateway gateway requests/3600 ?/1000", "gateway gateway requests/60 5/20 +12"],
    ),
    (
        "what is in force and not in the list is a limit of its own",
        "",
        &[("x-ratelimit-limit", "7, 1000;w=3600"), ("x-ratelimit-remaining", "5")],
        &["gateway gateway requests/3600 ?/1000", "unknown unknown requests 5/7"],
    ),
    (
        "a policy needs no window, of calls at a time it has none",
        "",
        &[
            ("RateLimit-Policy", "\"perm\";q=100, \"many\";q=8;qu=\"concurrent-requests\""),
            ("RateLimit", "\"perm\";r=3, \"many\";r=0"),
        ],
        &["unknown unknown concurrency 0/8 many", "unknown unknown requests 3/100 perm"],
    ),
    (
        "of the parts of one policy the one with the least left binds",
        "",
        &[
            (
                "RateLimit",
                "\"peruser\";r=9;t=5;pk=:dTE=:, \"peruser\";r=0;t=50;pk=:dTI=:, \"peruser\";r=3;t=7;pk=:dTM=:",
            ),
            ("RateLimit-Policy", "\"peruser\";q=10;w=60"),
        ],
        &["unknown unknown requests/60 0/10 +50 peruser"],
    ),
    (
        "a name may hold a quote",
        "",
        &[
            ("RateLimit", r#""a\"b";r=9;t=5"#),
            ("RateLimit-Policy", r#""a\"b";q=10;w=60, "c";q=5;w=1"#),
        ],
        &["unknown unknown requests/1 ?/5 c", r#"unknown unknown requests/60 9/10 +5 a\"b"#],
    ),
    (
        "a number may begin with zeros, and is decimal all the same",
        "",
        &[
            ("x-ratelimit-limit", "0755"),
            ("x-ratelimit-remaining", "00"),
            ("x-ratelimit-reset", "07"),
        ],
        &["unknown unknown requests 0/755 +7"],
    ),
    (
        "a name without quotes is a name",
        "",
        &[("RateLimit-Policy", "default;q=100;w=60"), ("RateLimit", "default;r=0;t=30")],
        &["unknown unknown requests/60 0/100 +30 default"],
    ),
    (
        "an old trio holds its policies in the limit as well",
        "",
        &[("RateLimit-Limit", "10, 10;w=1, 50;w=60"), ("RateLimit-Remaining", "3")],
        &["unknown unknown requests/1 3/10", "unknown unknown requests/60 ?/50"],
    ),
    (
        "Kong's trio speaks of the tightest window",
        "",
        &[
            ("RateLimit-Limit", "20"),
            ("RateLimit-Remaining", "3"),
            ("RateLimit-Reset", "17"),
            ("X-RateLimit-Limit-Minute", "20"),
            ("X-RateLimit-Remaining-Minute", "3"),
            ("X-RateLimit-Limit-Hour", "500"),
            ("X-RateLimit-Remaining-Hour", "483"),
        ],
        &["gateway gateway requests/3600 483/500", "gateway gateway requests/60 3/20 +17"],
    ),
    (
        "Kong lets operators name limits",
        "",
        &[("X-RateLimit-Limit-Videos-Minute", "5"), ("X-RateLimit-Remaining-Videos-Minute", "2")],
        &["gateway gateway other/60 2/5 videos"],
    ),
    (
        "Azure's older API counts resets in milliseconds, by the refill law",
        "azure",
        &[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-reset-requests", "120"),
            ("x-ratelimit-limit-tokens", "50000"),
            ("x-ratelimit-remaining-tokens", "49994"),
            ("x-ratelimit-reset-tokens", "7"),
            ("x-ratelimit-renewalperiod-requests", "60"),
            ("x-ratelimit-renewalperiod-tokens", "60"),
        ],
        &[
            "upstream model requests/60 499/500 +0.12",
            "upstream model tokens/60 49994/50000 +0.007",
        ],
    ),
    (
        "Azure's law tells the window where no header does",
        "azure",
        &[
            ("x-ratelimit-limit-tokens", "80000"),
            ("x-ratelimit-remaining-tokens", "19997"),
            ("x-ratelimit-reset-tokens", "45"),
        ],
        &["upstream model tokens/60 19997/80000 +45"],
    ),
    (
        "what is overdrawn is below nothing, in the newer drafts as in the old ones",
        "",
        &[("RateLimit", "\"p\";r=-5;t=30"), ("RateLimit-Policy", "\"p\";q=100;w=60")],
        &["unknown unknown requests/60 -5/100 +30 p"],
    ),
    (
        "an organisation and its project are whose limit it is",
        "openai",
        &[
            ("openai-organization", "acme"),
            ("openai-project", "proj_1"),
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "400"),
        ],
        &["upstream org requests/60 400/500 @acme/proj_1"],
    ),
    (
        "Azure's newer one in floored seconds",
        "openai",
        &[
            ("x-ms-region", "West Europe"),
            ("x-ratelimit-key", "gpt-5"),
            ("x-ratelimit-limit-requests", "50"),
            ("x-ratelimit-remaining-requests", "40"),
            ("x-ratelimit-reset-requests", "12"),
            ("x-ratelimit-renewalperiod-requests", "60"),
        ],
        &["upstream model requests/60 40/50 +12 @gpt-5"],
    ),
    (
        "Fireworks counts three kinds of tokens",
        "fireworks",
        &[
            ("x-ratelimit-limit-tokens-prompt", "60000"),
            ("x-ratelimit-limit-tokens-cache-adjusted-prompt", "50000"),
            ("x-ratelimit-limit-tokens-generated", "6000"),
            ("x-ratelimit-over-limit", "no"),
        ],
        &[
            "upstream org input_tokens/60 ?/50000 uncached",
            "upstream org input_tokens/60 ?/60000",
            "upstream org output_tokens/60 ?/6000",
        ],
    ),
    (
        "Cerebras floats",
        "cerebras",
        &[
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.382867097855"),
        ],
        &["upstream org requests/86400 14399/14400 +33011.383"],
    ),
    (
        "DigitalOcean spells the window out and resets at a date",
        "digitalocean",
        &[
            ("x-ratelimit-limit-tokens-per-minute", "1000"),
            ("x-ratelimit-remaining-tokens-per-minute", "900"),
            ("x-ratelimit-reset-tokens-per-minute", "1795176060"),
        ],
        &["upstream org tokens/60 900/1000 +60"],
    ),
    (
        "Codex in absolute times",
        "",
        &[
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "1795176060"),
            ("x-codex-credits-has-credits", "True"),
            ("x-codex-credits-balance", "18.50"),
        ],
        &["upstream user credits 18.5/?", "upstream user plan_usage/18000 ?/? 0.125 +60 primary"],
    ),
    (
        "a subscription may be used beyond its end",
        "",
        &[
            ("anthropic-ratelimit-unified-7d_opus-utilization", "1.003354090909091"),
            ("anthropic-ratelimit-unified-7d_opus-status", "allowed_warning"),
        ],
        &["upstream user plan_usage/604800 ?/? 1.003354090909091 warning 7d_opus"],
    ),
    (
        "LiteLLM's key budget and limits, and a key without",
        "",
        &[
            ("x-litellm-key-spend", "0.25"),
            ("x-litellm-key-max-budget", "None"),
            ("x-litellm-key-rpm-limit", "60"),
            ("x-litellm-response-cost", "1e-05"),
        ],
        &["gateway key requests/60 ?/60", "gateway key spend ?/?"],
    ),
    (
        "LiteLLM's own numbers beside its provider's",
        "",
        &[
            ("x-ratelimit-limit-tokens", "1000"),
            ("x-ratelimit-remaining-tokens", "10"),
            ("llm_provider-anthropic-ratelimit-tokens-limit", "480000"),
            ("llm_provider-anthropic-ratelimit-tokens-remaining", "479000"),
        ],
        &["gateway key tokens 10/1000", "upstream org tokens/60 479000/480000"],
    ),
    (
        "LiteLLM's plain numbers are its provider's where nothing contradicts",
        "",
        &[("x-ratelimit-remaining-requests", "9"), ("llm_provider-server", "nginx")],
        &["upstream unknown requests 9/?"],
    ),
    (
        "Helicone counts cents, we count dollars",
        "",
        &[
            ("Helicone-RateLimit-Policy", "1000;w=3600;u=cents"),
            ("Helicone-RateLimit-Limit", "1000"),
            ("Helicone-RateLimit-Remaining", "957"),
            ("Helicone-RateLimit-Reset", "60"),
        ],
        &["gateway gateway spend/3600 9.57/10 +60"],
    ),
    (
        "Mistral's ten seconds",
        "",
        &[("x-ratelimit-limit-req-10-second", "6"), ("x-ratelimit-remaining-req-10-second", "5")],
        &["upstream org requests/10 5/6"],
    ),
    (
        "GitHub's quota by resource",
        "",
        &[
            ("X-RateLimit-Limit", "5000"),
            ("X-RateLimit-Used", "4990"),
            ("X-RateLimit-Reset", "1795176060"),
            ("X-RateLimit-Resource", "core"),
        ],
        &["unknown unknown requests 10/5000 +60 @core"],
    ),
    (
        "a draft 08 state for one of two policies",
        "cloudflare",
        &[
            ("RateLimit-Policy", "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400"),
            ("RateLimit", "\"daily\";r=50;t=36000"),
        ],
        &[
            "upstream user requests/60 ?/100 burst",
            "upstream user requests/86400 50/1000 +36000 daily",
        ],
    ),
    (
        "a policy in bytes and its state are one bucket",
        "",
        &[
            ("RateLimit-Policy", "\"peruser\";q=65535;qu=\"content-bytes\";w=10"),
            ("RateLimit", "\"peruser\";r=500;t=3"),
        ],
        &["unknown unknown content_bytes/10 500/65535 +3 peruser"],
    ),
    (
        "APISIX names the instance",
        "",
        &[("X-AI-RateLimit-Limit-openai-eu", "500"), ("X-AI-RateLimit-Remaining-openai-eu", "499")],
        &["gateway gateway tokens 499/500 openai-eu"],
    ),
    (
        "one bare reset among several buckets belongs to the empty one",
        "",
        &[
            ("X-AI-RateLimit-Limit-30-azure", "1000"),
            ("X-AI-RateLimit-Remaining-30-azure", "0"),
            ("X-AI-RateLimit-Limit-40-cohere", "2000"),
            ("X-AI-RateLimit-Remaining-40-cohere", "1150"),
            ("X-AI-RateLimit-Reset", "21"),
        ],
        &[
            "gateway gateway tokens/30 0/1000 +21 azure",
            "gateway gateway tokens/40 1150/2000 cohere",
        ],
    ),
];

#[test]
fn dialects() {
    for (what, provider, headers, expected) in DIALECTS {
        let response = read(provider, 200, headers, "");
        assert_eq!(response.limits(), *expected, "{what}");
        assert_eq!(response.faults, 0, "{what}");
        // Other headers around, another order, other letter case: no difference.
        let shouted: Vec<_> = headers.iter().map(|(n, v)| (n.to_ascii_uppercase(), *v)).collect();
        let mut around = vec![("Content-Type", "application/json")];
        around.extend(shouted.iter().rev().map(|(name, value)| (name.as_str(), *value)));
        around.push(("CF-RAY", "8a1"));
        assert_eq!(read(provider, 200, &around, "").limits(), *expected, "{what}, reordered");
    }
}

#[test]
fn bodies_of_errors() {
    for (what, body, expected, wait) in [
        (
            "Gemini's violations, each a quota",
            r#"{"error":{"code":429,"details":[{"violations":[
                {"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaDimensions":{"model":"m"},"quotaValue":"250"},
                {"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier","quotaValue":"125000"}]},
                {"retryDelay":"42s"}]}}"#,
            &[
                "upstream project input_tokens/60 ?/125000 GenerateContentInputTokensPerModelPerMinute-FreeTier",
                "upstream project requests/86400 ?/250 GenerateRequestsPerDayPerProjectPerModel-FreeTier",
            ][..],
            Some(42.0),
        ),
        (
            "the same inside a JSON string",
            r#"{"message":"{\"error\":{\"details\":[{\"retryDelay\": \"42s\"}]}}"}"#,
            &[],
            Some(42.0),
        ),
        (
            "OpenRouter carries the headers it did not send",
            r#"{"error":{"message":"Rate limit exceeded: free-models-per-min","metadata":{"headers":{
                "X-RateLimit-Limit":"20","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795176060000"}}}}"#,
            &["upstream user requests/60 0/20 +60"],
            None,
        ),
        (
            "xAI states use and limit",
            "Too many tokens for team x and model grok-4. Your team's rate limit is \
             - Tokens per Minute (actual/limit): 65605/16000.",
            &["upstream org tokens/60 -49605/16000"],
            None,
        ),
        (
            "Moonshot in its other wording",
            "Your account o<ak> request reached organization TPM rate limit, current:130000, limit:128000",
            &["upstream org tokens/60 -2000/128000 TPM rate limit"],
            None,
        ),
        (
            "a wait in words",
            "Rate limit reached. Please try again in 6m0s. Contact us",
            &[],
            Some(360.0),
        ),
        (
            "no wait helps a request above the limit",
            "on tokens per min (TPM): Limit 7000, Used 0, Requested ~12903. Please try again in 50s.",
            &[],
            None,
        ),
    ] {
        let response = read("", 429, &[], body);
        assert_eq!(response.limits(), expected, "{what}");
        assert_eq!(response.report.retry_after_s, wait, "{what}");
        let answer = format!("{{\"content\":{body}");
        let accepted = read("", 200, &[], &answer).report;
        assert_eq!(
            accepted.retry_after_s, None,
            "{what}: bodies of answers are other people's text"
        );
        assert_eq!(accepted.limits, [], "{what}");
    }
}

#[test]
fn state_follows_status_and_code_not_buckets() {
    let healthy = [("x-ratelimit-limit-requests", "10"), ("x-ratelimit-remaining-requests", "9")];
    let spent_gateway = [("X-AI-RateLimit-Limit-a", "10"), ("X-AI-RateLimit-Remaining-a", "0")];
    let nearly = [
        ("x-ratelimit-limit-requests", "10"),
        ("x-ratelimit-remaining-requests", "9"),
        ("x-ratelimit-limit-tokens", "10000"),
        ("x-ratelimit-remaining-tokens", "137"),
    ];
    let policy_id = [("policy-id", "DeploymentRatelimit-Token")];
    for (status, headers, body, expected) in [
        (200, &healthy[..], "", "ok -"),
        (200, &[("retry-after", "59")], "", "ok -"),
        (200, &[], "\"insufficient_quota\" is a code", "ok -"),
        (200, &[], "event: error\ndata: {\"code\":\"rate_limit_exceeded\"}", "throttled unknown"),
        (429, &healthy, "", "throttled unknown"),
        (429, &healthy, "Limit reached on requests per min (RPM): Limit 3", "throttled requests"),
        (429, &nearly, "", "throttled tokens"),
        (429, &policy_id, "", "throttled tokens"),
        (429, &[("rate_limit_type", "max_parallel_requests")], "", "throttled concurrency"),
        (429, &[("x-codex-primary-used-percent", "100")], "", "throttled plan"),
        (429, &[], "{\"code\":\"insufficient_quota\"}", "exhausted quota"),
        (
            429,
            &[],
            "has used all available credits or reached its monthly spending limit",
            "exhausted spend_cap",
        ),
        (400, &[], "Your credit balance is too low", "exhausted spend_cap"),
        (402, &[], "", "exhausted spend_cap"),
        (429, &[], "{\"code\":\"queue_exceeded\"}", "overloaded -"),
        (503, &[], "", "overloaded -"),
        (503, &spent_gateway, "", "throttled tokens"),
        (529, &[], "", "overloaded -"),
        (413, &[("retry-after", "31")], "", "error -"),
        (500, &[], "", "error -"),
        (401, &healthy, "", "error -"),
    ] {
        let report = read("", status, headers, body).report;
        let by = report.limited_by.map_or("-", |by| by.word());
        assert_eq!(
            format!("{} {by}", report.state.word()),
            expected,
            "{status} {headers:?} {body}"
        );
    }
}

#[test]
fn what_happens_at_the_reset_is_told_where_it_is_known() {
    let kind = |provider, headers: &[(&str, &str)]| {
        read(provider, 200, headers, "").report.limits[0].reset.map(|reset| reset.kind)
    };
    let bucket = [
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-reset-requests", "120ms"),
    ];
    assert_eq!(kind("", &bucket), Some(ResetKind::FullAt), "by the refill law");
    let window = [("X-RateLimit-Limit-Minute", "5"), ("X-RateLimit-Reset-Minute", "30")];
    assert_eq!(kind("", &window), Some(ResetKind::WindowEndsAt));
    let generic = [("X-RateLimit-Limit", "5"), ("X-RateLimit-Reset", "30")];
    assert_eq!(kind("", &generic), Some(ResetKind::Unknown));
}

#[test]
fn a_wait_is_read_under_each_name_and_however_it_is_padded() {
    for (name, value, wait) in [
        ("retry-after", "05", 5.0),
        ("retry-after-ms", "0900", 0.9),
        ("x-retry-in", "01m05s", 65.0),
        ("X-AI-RateLimit-Retry-After", "51", 51.0),
        ("X-AI-RateLimit-Retry-After-minute-openai", "33", 33.0),
        ("X-AI-RateLimit-Retry-After-90-policy-1", "51", 51.0),
    ] {
        let response = read("", 429, &[(name, value)], "");
        assert_eq!(response.report.retry_after_s, Some(wait), "{name}");
        assert_eq!((response.faults, response.limits().len()), (0, 0), "{name}");
    }
}
