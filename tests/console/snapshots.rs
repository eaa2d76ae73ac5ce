//! Pictures of known situations, built by hand, at a fixed moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use tripline::domain::{NanoUsd, Wall};
use tripline::snapshot::{
    Alert, Cap, Finding, Key, Limit, Load, Number, Percentiles, Queue, Retries, Snapshot, Source,
    State, Switch, SwitchHost, Text, TokensPerMin, Totals, Traffic, Usd,
};

/// 2026-11-20T14:03:27Z, the moment of every picture.
pub const AT_MS: i64 = 1_795_183_407_000;

/// The moment of every picture.
pub fn now() -> Wall {
    Wall::from_millis(AT_MS)
}

/// Every situation with its name.
pub fn all() -> Vec<(&'static str, Snapshot)> {
    vec![
        ("empty", empty()),
        ("normal", normal()),
        ("alarm", alarm()),
        ("stale", stale()),
        ("tripped", tripped()),
    ]
}

/// Nothing was read yet: one file does not exist, one may not be read.
pub fn empty() -> Snapshot {
    Snapshot {
        state: State::Unknown,
        verdict: "waiting for the first call: 1 source waits for its file, 1 is denied".into(),
        sources: [
            Source {
                name: "/var/log/gateway/access.jsonl".into(),
                kind: "file",
                state: "waiting".into(),
                problem: Some("no such file yet".into()),
                ..Source::default()
            },
            Source {
                name: "/var/log/nginx/llm.json".into(),
                kind: "file",
                state: "denied".into(),
                problem: Some("permission denied".into()),
                ..Source::default()
            },
        ]
        .into(),
        switches: [switch("all", "disarmed")].into(),
        ..base()
    }
}

/// A quiet afternoon.
pub fn normal() -> Snapshot {
    Snapshot {
        state: State::Ok,
        verdict: "all clear: tightest is openai gpt-4o TPM, 61% left, resets in 0:41".into(),
        limits: [
            limit("openai", "gpt-4o", "tokens", 60, 2e6, 0.61, 41.0),
            Limit {
                layer: "gateway",
                provider: None,
                model: None,
                key: Some("batch-ing".into()),
                scope: "key",
                source: "log",
                ..limit("", "", "requests", 60, 600.0, 0.9, 33.0)
            },
            limit("openai", "gpt-4o", "requests", 60, 1e4, 0.93, 41.0),
            Limit {
                source: "estimate",
                limit: None,
                remaining: None,
                reset_in_s: None,
                ..limit("azure", "gpt-4o", "tokens", 60, 0.0, 0.95, 0.0)
            },
        ]
        .into(),
        caps: [cap("prod", "day", 212, 1000, Some(9.0), State::Ok)].into(),
        queues: [
            queue("critical", 0, 0.0, 0.0),
            queue("high", 2, 0.3, 0.0),
            queue("normal", 11, 1.2, 0.0),
            queue("low", 40, 6.0, 0.0),
        ]
        .into(),
        traffic: [
            traffic("openai", "gpt-4o", 31.0, &[("ok", 1.0)], &[]),
            traffic("anthropic", "sonnet", 13.1, &[("ok", 0.99), ("failed", 0.01)], &[]),
        ]
        .into(),
        overall: traffic("", "", 44.1, &[("ok", 0.997), ("failed", 0.003)], &[]),
        overall_retries: retries("", "", 1.02),
        retries: [retries("openai", "gpt-4o", 1.02)].into(),
        keys: [key("prod-web", 31.0, 0.8), key("batch-ing", 12.1, 0.2)].into(),
        sources: [source("/var/log/gateway/access.jsonl", "live", 0.4)].into(),
        switches: [switch("all", "armed")].into(),
        totals: totals(),
        load: load(),
        ..base()
    }
}

/// A launch on fire.
pub fn alarm() -> Snapshot {
    Snapshot {
        state: State::Critical,
        verdict: "openai gpt-4o TPM EXHAUSTED, back in 0:41: waiting helps. Retries add 38% load. \
                  Top: prod-web"
            .into(),
        limits: alarm_limits().into(),
        caps: [
            cap("prod", "day", 812, 1000, Some(53.0 * 60.0), State::Critical),
            Cap {
                burn_short: Some(7.7),
                burn_long: Some(5.8),
                provider_usd: Some(usd(9_012)),
                ..cap("prod", "month", 9_100, 20_000, Some(51.0 * 3600.0), State::Ok)
            },
        ]
        .into(),
        queues: [
            queue("critical", 3, 0.4, 0.0),
            queue("high", 41, 3.0, 0.0),
            queue("normal", 880, 71.0, 0.0),
            queue("low", 4112, 560.0, 9.1),
        ]
        .into(),
        traffic: alarm_traffic().into(),
        retries: [retries("openai", "gpt-4o", 1.71), retries("anthropic", "sonnet", 1.04)].into(),
        overall: traffic(
            "",
            "",
            61.0,
            &[("ok", 0.72), ("rate_limited", 0.24), ("failed", 0.03), ("timed_out", 0.01)],
            &[("tokens", 0.22), ("requests", 0.01), ("spend_cap", 0.01)],
        ),
        overall_retries: retries("", "", 1.38),
        keys: [
            Key { limited_ratio: 0.31, ..key("prod-web", 44.0, 0.8) },
            key("batch-ing", 12.1, 0.17),
            Key { environment: Some("dev".into()), ..key("ci-eval", 5.0, 0.03) },
        ]
        .into(),
        alerts: alarm_alerts().into(),
        sources: [
            source("/var/log/gateway/gw-1.jsonl", "live", 0.4),
            source("/var/log/gateway/gw-2.jsonl", "silent", 412.0),
        ]
        .into(),
        findings: [Finding {
            kind: "quarantined",
            severity: None,
            at: "2026-11-20T14:01:00.000Z".into(),
            text: "gw-1.jsonl line 8812: cost_ambiguous".into(),
            count: 3,
        }]
        .into(),
        switches: [switch("all", "armed")].into(),
        totals: totals(),
        load: load(),
        ..base()
    }
}

/// Everything stopped arriving ten minutes ago.
pub fn stale() -> Snapshot {
    let old = |limit: &Limit| Limit {
        stale: true,
        age_s: 600.0,
        exhausted: false,
        reset_in_s: None,
        exhausts_in_s: None,
        state: State::Unknown,
        ..limit.clone()
    };
    Snapshot {
        state: State::Unknown,
        verdict: "no data for 10m: every number below is old; last state was normal".into(),
        limits: normal().limits.iter().map(old).collect(),
        queues: normal()
            .queues
            .iter()
            .map(|queue| Queue { stale: true, age_s: 600.0, ..queue.clone() })
            .collect(),
        traffic: [].into(),
        overall: Traffic::default(),
        overall_retries: Retries::default(),
        retries: [].into(),
        sources: [source("/var/log/gateway/access.jsonl", "silent", 600.0)].into(),
        alerts: [Alert { state: "no_data", ..alert("limit-low", State::Warning, 600.0) }].into(),
        switches: [Switch {
            problem: Some("kill.d may be written by others".into()),
            ..switch("all", "unknown")
        }]
        .into(),
        ..normal()
    }
}

/// A rule has tripped a model; one of two hosts does not obey.
pub fn tripped() -> Snapshot {
    Snapshot {
        switches: [
            Switch {
                state: "tripped",
                armed: Some(true),
                path: "/run/tripline/kill.d/model.openai.gpt-4o.kill".into(),
                since: Some("2026-11-20T14:03:07.000Z".into()),
                since_s: Some(20.0),
                rule: Some("tpm-low".into()),
                reason: Some("remaining 4% below 10%".into()),
                hosts: vec![
                    SwitchHost {
                        host: "gw-1".into(),
                        obeyed: Some(true),
                        refused: 12,
                        draining: 2,
                        ..SwitchHost::default()
                    },
                    SwitchHost {
                        host: "gw-2".into(),
                        obeyed: Some(false),
                        started_after_trip: 9,
                        ..SwitchHost::default()
                    },
                ],
                ..switch("model/openai/gpt-4o", "tripped")
            },
            switch("all", "armed"),
        ]
        .into(),
        overall: traffic(
            "",
            "",
            58.0,
            &[("ok", 0.45), ("blocked", 0.5), ("rate_limited", 0.05)],
            &[("tokens", 0.05)],
        ),
        ..alarm()
    }
}

/// A calm picture in which every name was chosen by an attacker.
pub fn named(names: &[&str]) -> Snapshot {
    let calm = normal();
    let text = |name: &str| -> Option<Text> { Some(name.into()) };
    let labels = |name: &str| BTreeMap::from([("model", Text::from(name))]);
    Snapshot {
        verdict: names.join(" ").into(),
        limits: names
            .iter()
            .map(|name| Limit {
                provider: text(name),
                model: text(name),
                key: text(name),
                host: text(name),
                label: text(name),
                ..limit("", "", "tokens", 60, 1e6, 0.5, 30.0)
            })
            .collect(),
        caps: names.iter().map(|name| cap(name, "day", 1, 2, None, State::Ok)).collect(),
        queues: names
            .iter()
            .map(|name| Queue { name: text(name), priority: None, ..calm.queues[0].clone() })
            .collect(),
        traffic: names.iter().map(|name| traffic(name, name, 1.0, &[("ok", 1.0)], &[])).collect(),
        retries: names.iter().map(|name| retries(name, name, 1.5)).collect(),
        keys: names.iter().map(|name| key(name, 1.0, 0.1)).collect(),
        alerts: names
            .iter()
            .map(|name| Alert {
                summary: (*name).into(),
                acked_by: text(name),
                labels: labels(name),
                title: (*name).into(),
                ..alert(name, State::Warning, 3.0)
            })
            .collect(),
        switches: names.iter().map(|name| hostile_switch(name)).collect(),
        sources: names
            .iter()
            .map(|name| Source {
                problem: text(name),
                format: text(name),
                ..source(name, "live", 1.0)
            })
            .collect(),
        findings: names
            .iter()
            .map(|name| Finding {
                kind: "odd",
                severity: None,
                at: (*name).into(),
                text: (*name).into(),
                count: 1,
            })
            .collect(),
        load: names
            .iter()
            .map(|name| Load { provider: text(name), key: text(name), ..load()[0].clone() })
            .collect(),
        ..calm
    }
}

fn hostile_switch(name: &str) -> Switch {
    let host = SwitchHost { host: name.into(), obeyed: Some(false), ..SwitchHost::default() };
    Switch {
        by: Some(name.into()),
        reason: Some(name.into()),
        problem: None,
        hosts: vec![host],
        ..switch(&format!("key/{name}"), "tripped")
    }
}

fn base() -> Snapshot {
    Snapshot {
        schema: "tripline.snapshot/v1",
        at: "2026-11-20T14:03:27.000Z".into(),
        at_unix_ms: AT_MS,
        ..Snapshot::default()
    }
}

fn alarm_limits() -> Vec<Limit> {
    vec![
        Limit {
            exhausted: true,
            refused: true,
            exhausts_in_s: Some(0.0),
            remaining: Some(Number(0.0)),
            drift_ratio: Some(0.18),
            reset_error_s: Some(0.2),
            host: Some("gw-1".into()),
            state: State::Critical,
            ..limit("openai", "gpt-4o", "tokens", 60, 2e6, 0.0, 41.0)
        },
        Limit {
            exhausts_in_s: Some(55.0),
            age_s: 1.1,
            host: Some("gw-2".into()),
            state: State::Warning,
            ..limit("anthropic", "claude-sonnet-4-5-20250929", "input_tokens", 60, 4e5, 0.31, 12.0)
        },
        Limit {
            exhausts_in_s: Some(130.0),
            ..limit("openai", "gpt-4o", "requests", 60, 1e4, 0.61, 141.0)
        },
        Limit {
            source: "estimate",
            stale: true,
            age_s: 94.0,
            limit: Some(Number(450_000.0)),
            reset_in_s: None,
            state: State::Unknown,
            ..limit("azure", "gpt-4o", "tokens", 60, 0.0, 0.5, 0.0)
        },
        Limit {
            layer: "gateway",
            provider: None,
            model: None,
            key: Some("batch-ing".into()),
            source: "log",
            ..limit("", "", "requests", 60, 600.0, 0.9, 33.0)
        },
        Limit {
            resource: "concurrency",
            window_s: None,
            reset_in_s: None,
            ..limit("openai", "gpt-4o", "", 60, 200.0, 0.55, 0.0)
        },
        Limit {
            label: Some("5h".into()),
            limit: None,
            remaining: None,
            ..limit("anthropic", "opus", "plan_usage", 18_000, 0.0, 0.72, 7100.0)
        },
    ]
}

fn alarm_traffic() -> Vec<Traffic> {
    vec![
        traffic(
            "openai",
            "gpt-4o",
            31.0,
            &[("ok", 0.48), ("rate_limited", 0.46), ("failed", 0.05), ("timed_out", 0.01)],
            &[("tokens", 0.43), ("requests", 0.02), ("spend_cap", 0.01)],
        ),
        traffic("openai", "gpt-4o-mini", 14.2, &[("ok", 0.99), ("failed", 0.01)], &[]),
        traffic(
            "anthropic",
            "claude-sonnet-4-5-20250929",
            13.1,
            &[("ok", 0.93), ("rate_limited", 0.03), ("overloaded", 0.04)],
            &[("input_tokens", 0.03)],
        ),
        Traffic {
            ttft_ms: None,
            tokens_per_min: None,
            cache_hit_ratio: None,
            ..traffic("azure", "gpt-4o", 2.7, &[("ok", 0.98), ("failed", 0.02)], &[])
        },
    ]
}

fn alarm_alerts() -> Vec<Alert> {
    vec![
        Alert {
            summary: "openai/gpt-4o has no tokens left this minute".into(),
            ..alert("tpm.exhausted", State::Critical, 134.0)
        },
        Alert {
            labels: BTreeMap::from([("cap", Text::from("prod/day"))]),
            acked_by: Some("mira".into()),
            summary: "prod/day burns 5.1 times too fast".into(),
            title: "prod/day".into(),
            ..alert("spend.burn", State::Critical, 48.0)
        },
        Alert {
            state: "pending",
            needs_s: 60.0,
            labels: BTreeMap::from([("key", Text::from("prod-web"))]),
            summary: "prod-web takes 80% of spend".into(),
            title: "prod-web".into(),
            ..alert("key.share", State::Warning, 20.0)
        },
        Alert {
            labels: BTreeMap::from([("source", Text::from("gw-2.jsonl"))]),
            summary: "no line for 412 s".into(),
            title: "gw-2.jsonl".into(),
            ..alert("source.silent", State::Warning, 1900.0)
        },
    ]
}

fn limit(
    provider: &str,
    model: &str,
    resource: &'static str,
    window_s: u32,
    size: f64,
    left: f64,
    reset_in_s: f64,
) -> Limit {
    let name = |name: &str| (!name.is_empty()).then(|| Text::from(name));
    Limit {
        layer: "upstream",
        provider: name(provider),
        model: name(model),
        scope: "org",
        resource,
        window_s: Some(window_s),
        limit: Some(Number(size)),
        remaining: Some(Number(size * left)),
        remaining_ratio: Some(left),
        used_ratio: Some(1.0 - left),
        reset_in_s: Some(reset_in_s),
        age_s: 0.3,
        source: "header",
        state: State::Ok,
        ..Limit::default()
    }
}

fn cap(
    name: &str,
    period: &'static str,
    spent: i64,
    size: i64,
    cap_in_s: Option<f64>,
    state: State,
) -> Cap {
    Cap {
        name: name.into(),
        scope: "environment=prod".into(),
        period: period.into(),
        period_start: "2026-11-20T00:00:00.000Z".into(),
        spent_usd: Some(usd(spent)),
        cap_usd: usd(size),
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        used_ratio: Some(spent as f64 / size as f64),
        usd_per_hour: Some(usd(214)),
        cap_in_s: cap_in_s.filter(|seconds| *seconds > 10.0),
        burn_short: Some(5.1),
        burn_long: Some(3.8),
        unpriced_requests: u64::from(state == State::Critical),
        unpriced_ratio: Some(0.021),
        state,
        ..Cap::default()
    }
}

fn queue(priority: &'static str, depth: u64, oldest_age_s: f64, dropped_per_s: f64) -> Queue {
    Queue {
        name: Some("main".into()),
        priority: Some(priority),
        depth: Some(depth),
        depth_partial: false,
        running: None,
        oldest_age_s: Some(oldest_age_s),
        in_per_s: Some(21.0),
        out_per_s: Some(20.4),
        dropped_per_s: Some(dropped_per_s),
        wait_ms: Some(times(600.0)),
        age_s: 0.4,
        stale: false,
    }
}

fn traffic(
    provider: &str,
    model: &str,
    requests_per_s: f64,
    outcomes: &[(&'static str, f64)],
    limited_by: &[(&'static str, f64)],
) -> Traffic {
    let name = |name: &str| (!name.is_empty()).then(|| Text::from(name));
    Traffic {
        provider: name(provider),
        model: name(model),
        endpoint: None,
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers"
        )]
        requests: (requests_per_s * 60.0) as u64,
        requests_per_s: Some(requests_per_s),
        outcomes: outcomes.iter().copied().collect(),
        limited_by: limited_by.iter().copied().collect(),
        latency_ms: Some(times(3100.0)),
        ttft_ms: Some(times(610.0)),
        tokens_per_min: Some(TokensPerMin { input: 1_400_000, output: 500_000 }),
        cache_hit_ratio: Some(0.41),
    }
}

fn times(p50: f64) -> Percentiles {
    Percentiles { p50, p95: p50 * 7.0, p99: p50 * 12.0, count: 3600 }
}

fn retries(provider: &str, model: &str, amplification: f64) -> Retries {
    let name = |name: &str| (!name.is_empty()).then(|| Text::from(name));
    Retries {
        provider: name(provider),
        model: name(model),
        amplification: Some(amplification),
        success_by_attempt: vec![0.71, 0.12, 0.07, 0.02],
        retry_after_honoured_ratio: Some(0.41),
        wasted_usd_per_hour: Some(usd(19)),
        non_retryable_retried_per_s: Some(0.6),
    }
}

fn key(key_id: &str, requests_per_s: f64, share: f64) -> Key {
    Key {
        key_id: key_id.into(),
        environment: Some("prod".into()),
        team: None,
        requests_per_s: Some(requests_per_s),
        tokens_per_min: Some(310_000),
        usd_per_hour: Some(usd(36)),
        limited_ratio: 0.04,
        share: Some(share),
        share_of: "spend",
        last_seen_s: 0.2,
    }
}

fn alert(rule: &str, severity: State, for_s: f64) -> Alert {
    Alert {
        rule: rule.into(),
        state: "firing",
        severity,
        since: "2026-11-20T14:01:13.000Z".into(),
        for_s,
        level_s: for_s,
        labels: BTreeMap::from([
            ("model", Text::from("gpt-4o")),
            ("provider", Text::from("openai")),
            ("resource", Text::from("tokens")),
        ]),
        title: "openai gpt-4o TPM".into(),
        value: Some(0.0),
        threshold: Some(0.1),
        runbook: Some("https://runbooks.example/tpm".into()),
        ..Alert::default()
    }
}

fn switch(scope: &str, state: &'static str) -> Switch {
    Switch {
        name: scope.into(),
        path: "/run/tripline/kill.d/all.kill".into(),
        scope: scope.into(),
        state,
        ..Switch::default()
    }
}

fn source(name: &str, state: &str, last_line_age_s: f64) -> Source {
    Source {
        name: name.into(),
        kind: "file",
        state: state.into(),
        lines: 183_402,
        bytes: 71_000_000,
        faults: 2,
        quarantined: 3,
        last_line_age_s: Some(last_line_age_s),
        format: Some("litellm-standard".into()),
        ..Source::default()
    }
}

fn totals() -> Totals {
    Totals {
        requests: 183_400,
        cost_usd: Some(usd(812)),
        quarantined: 3,
        faults: 2,
        ..Totals::default()
    }
}

fn load() -> Arc<[Load]> {
    let part = |model: &str, key: &str, priority, requests_per_s| Load {
        provider: Some(if model.starts_with("gpt") { "openai" } else { "anthropic" }.into()),
        model: Some(model.into()),
        key: Some(key.into()),
        environment: Some("prod".into()),
        priority: Some(priority),
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers"
        )]
        requests: (requests_per_s * 60.0) as u64,
        requests_per_s: Some(requests_per_s),
    };
    [
        part("gpt-4o", "prod-web", "critical", 21.0),
        part("gpt-4o", "prod-web", "high", 10.0),
        part("gpt-4o-mini", "batch-ing", "low", 14.2),
        part("sonnet", "prod-web", "normal", 15.8),
    ]
    .into()
}

fn usd(dollars: i64) -> Usd {
    Usd(NanoUsd::from_usd(dollars))
}
