//! The numbers of each scenario. Times are seconds since the start.

use std::time::Duration;

use super::{Caller, Model, Profile, Retries};
use crate::demo::provider::{Dialect, Latency, Outage};
use crate::domain::Priority;

static GPT_4O: Model = Model {
    name: "gpt-4o",
    dialect: Dialect::OpenAi,
    rpm: 3_000,
    tpm: 120_000,
    latency: latency(320, 4),
};
static GPT_4O_MINI: Model = Model {
    name: "gpt-4o-mini",
    dialect: Dialect::OpenAi,
    rpm: 5_000,
    tpm: 2_000_000,
    latency: latency(220, 3),
};
static SONNET: Model = Model {
    name: "claude-sonnet-4-6",
    dialect: Dialect::Anthropic,
    rpm: 1_000,
    tpm: 4_000_000,
    latency: latency(420, 5),
};
static OPUS: Model = Model {
    name: "claude-opus-4-8",
    dialect: Dialect::Anthropic,
    rpm: 1_000,
    tpm: 1_500_000,
    latency: latency(600, 6),
};
static MODELS: [&Model; 4] = [&GPT_4O, &GPT_4O_MINI, &SONNET, &OPUS];

const WEB: Caller = Caller {
    key_id: "prod-web",
    team: "web",
    environment: "prod",
    priority: Priority::Critical,
    models: &[(&GPT_4O, 3.0), (&GPT_4O_MINI, 1.0)],
    pace: &[(0.0, 4.0), (1.0, 4.0)],
    input: 700..1_800,
    input_growth: 0,
    max_output: 200..500,
    streams: 0.8,
    retries: Retries::Polite,
};
const SEARCH: Caller = Caller {
    key_id: "prod-search",
    team: "search",
    environment: "prod",
    priority: Priority::High,
    models: &[(&GPT_4O_MINI, 1.0)],
    pace: &[(0.0, 4.0), (1.0, 4.0)],
    input: 300..900,
    input_growth: 0,
    max_output: 60..200,
    streams: 0.1,
    retries: Retries::Backoff,
};
const SUPPORT: Caller = Caller {
    key_id: "support-bot",
    team: "support",
    environment: "prod",
    priority: Priority::High,
    models: &[(&SONNET, 1.0)],
    pace: &[(0.0, 1.5), (1.0, 1.5)],
    input: 3_500..8_000,
    input_growth: 0,
    max_output: 200..500,
    streams: 0.9,
    retries: Retries::Polite,
};
const EVALS: Caller = Caller {
    key_id: "ci-evals",
    team: "platform",
    environment: "staging",
    priority: Priority::Normal,
    models: &[(&GPT_4O_MINI, 3.0), (&SONNET, 1.0)],
    pace: &[(0.0, 1.0), (1.0, 1.0)],
    input: 400..1_600,
    input_growth: 0,
    max_output: 100..300,
    streams: 0.0,
    retries: Retries::Backoff,
};
const BATCH: Caller = Caller {
    key_id: "batch-nightly",
    team: "data",
    environment: "prod",
    priority: Priority::Low,
    models: &[(&GPT_4O, 1.0)],
    pace: &[(0.0, 0.3), (1.0, 0.3)],
    input: 1_200..2_600,
    input_growth: 0,
    max_output: 200..500,
    streams: 0.0,
    retries: Retries::Hammer,
};
const AGENT: Caller = Caller {
    key_id: "agent-refactor",
    team: "tools",
    environment: "staging",
    priority: Priority::Normal,
    models: &[(&SONNET, 1.0)],
    pace: &[(0.0, 0.4), (1.0, 0.4)],
    input: 3_000..4_000,
    input_growth: 0,
    max_output: 300..600,
    streams: 1.0,
    retries: Retries::Backoff,
};
const NOTEBOOK: Caller = Caller {
    key_id: "notebook-intern",
    team: "research",
    environment: "dev",
    priority: Priority::Low,
    models: &[(&GPT_4O_MINI, 1.0)],
    pace: &[(0.0, 0.3), (1.0, 0.3)],
    input: 200..900,
    input_growth: 0,
    max_output: 100..300,
    streams: 0.5,
    retries: Retries::Polite,
};

/// Traffic settles into waves after the launch, so that there is something to
/// see for minutes, and again after a reset.
pub(super) static LAUNCH: Profile = Profile {
    callers: &[
        Caller { pace: &[(0.0, 3.0), (6.0, 14.0), (30.0, 14.0), (60.0, 9.0), (90.0, 14.0)], ..WEB },
        Caller { pace: &[(0.0, 3.0), (6.0, 9.0)], ..SEARCH },
        Caller { pace: &[(0.0, 1.0), (6.0, 5.0), (30.0, 5.0), (60.0, 3.0)], ..SUPPORT },
        EVALS,
        Caller { pace: &[(4.0, 0.0), (8.0, 3.5), (40.0, 3.5), (60.0, 1.5)], ..BATCH },
        NOTEBOOK,
    ],
    models: &MODELS,
    outage: None,
    error_rate: 0.006,
    at_once: 13,
    waiting: 30,
    rules: r#"
[[cap]]
name = "launch-day"
period = "day"
usd = 1.50

[[rule]]
name = "launch-tokens-low"
metric = "limit.remaining_ratio"
match = { provider = "openai", resource = "tokens" }
below = 0.10
clear = 0.30
for = "1s"
severity = "warning"

[[rule]]
name = "retry-storm"
metric = "retries.amplification"
above = 1.5
clear = 1.2
for = "3s"
severity = "warning"
min_requests = 50

[[rule]]
name = "launch-cap-reached"
metric = "spend.used_ratio"
above = 1.0
for = "1s"
severity = "critical"
actions = ["trip:all"]
min_requests = 50
cooldown = "5m"
"#,
};

pub(super) static LEAK: Profile = Profile {
    callers: &[
        WEB,
        SEARCH,
        SUPPORT,
        EVALS,
        Caller {
            models: &[(&OPUS, 1.0)],
            pace: &[(0.0, 0.2), (8.0, 0.2), (9.0, 6.0), (12.0, 10.0)],
            input: 2_000..5_000,
            max_output: 500..900,
            retries: Retries::Hammer,
            ..NOTEBOOK
        },
    ],
    models: &MODELS,
    outage: None,
    error_rate: 0.004,
    at_once: 24,
    waiting: 60,
    rules: r#"
[[cap]]
name = "day"
period = "day"
usd = 8000.00

[[rule]]
name = "dev-key-takes-it-all"
metric = "key.usd_share"
match = { environment = "dev" }
above = 0.5
for = "3s"
severity = "critical"
actions = ["trip:key"]
min_requests = 20
cooldown = "5m"
"#,
};

pub(super) static RUNAWAY: Profile = Profile {
    callers: &[
        Caller { pace: &[(0.0, 3.0)], ..WEB },
        SEARCH,
        SUPPORT,
        Caller { pace: &[(0.0, 0.4), (5.0, 0.4), (8.0, 4.0)], input_growth: 150, ..AGENT },
        NOTEBOOK,
    ],
    models: &MODELS,
    outage: None,
    error_rate: 0.004,
    at_once: 24,
    waiting: 60,
    rules: r#"
[[cap]]
name = "staging-day"
match = { environment = "staging" }
period = "day"
usd = 1.00

[[rule]]
name = "staging-runs-away"
metric = "spend.used_ratio"
match = { environment = "staging" }
above = 1.0
for = "1s"
severity = "critical"
actions = ["trip:env"]
min_requests = 20
cooldown = "5m"
"#,
};

pub(super) static OUTAGE: Profile = Profile {
    callers: &[
        Caller { pace: &[(0.0, 6.0)], ..WEB },
        SEARCH,
        Caller { pace: &[(0.0, 4.0)], ..SUPPORT },
        EVALS,
        Caller { pace: &[(0.0, 1.0)], retries: Retries::Polite, ..BATCH },
    ],
    models: &MODELS,
    outage: Some(Outage {
        dialect: Dialect::Anthropic,
        from: Duration::from_secs(8),
        until: Duration::from_secs(45),
        error_rate: 0.9,
    }),
    error_rate: 0.004,
    at_once: 24,
    waiting: 60,
    rules: r#"
[[cap]]
name = "day"
period = "day"
usd = 15000.00

[[rule]]
name = "anthropic-is-down"
metric = "errors.ratio"
match = { provider = "anthropic", outcome = "overloaded" }
above = 0.3
clear = 0.1
for = "3s"
severity = "critical"
actions = ["trip:provider"]
min_requests = 20
cooldown = "5m"
"#,
};

pub(super) static QUIET: Profile = Profile {
    callers: &[
        Caller { pace: &[(0.0, 1.5)], ..WEB },
        Caller { pace: &[(0.0, 1.0)], ..SEARCH },
        Caller { pace: &[(0.0, 0.5)], ..SUPPORT },
        Caller { pace: &[(0.0, 0.2)], ..EVALS },
        NOTEBOOK,
    ],
    models: &MODELS,
    outage: None,
    error_rate: 0.0,
    at_once: 24,
    waiting: 60,
    rules: r#"
[[cap]]
name = "day"
period = "day"
usd = 2500.00

[[rule]]
name = "cap-reached"
metric = "spend.used_ratio"
above = 1.0
for = "5s"
severity = "critical"
actions = ["trip:all"]
min_requests = 50
"#,
};

const fn latency(ttft_ms: u64, per_token_ms: u64) -> Latency {
    Latency { ttft: Duration::from_millis(ttft_ms), per_token: Duration::from_millis(per_token_ms) }
}
