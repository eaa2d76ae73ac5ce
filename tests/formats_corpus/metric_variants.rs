//! Metrics of OpenTelemetry: what they add up to whichever way they count, and that
//! they are never calls.

use serde_json::{Value, json};
use tripline::domain::{MetricKind, Observation};

use crate::support::corpus;
use crate::trace_variants::Read;

/// A point of a metric at a second, that counts since another.
fn point(since: u64, at: u64, of: &Value) -> Value {
    let nanos = |s: u64| format!("{}000000000", 1_795_188_000 + s);
    let mut point = of.clone();
    point["startTimeUnixNano"] = nanos(since).into();
    point["timeUnixNano"] = nanos(at).into();
    point["attributes"] = json!([{"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
        {"key": "model", "value": {"stringValue": "m"}}]);
    point
}

fn line(instance: &str, name: &str, unit: &str, data: &Value) -> Value {
    let kind = if data["dataPoints"][0]["count"].is_null() { "sum" } else { "histogram" };
    let mut metric = json!({"name": name, "unit": unit});
    metric[kind] = data.clone();
    json!({"resourceMetrics": [{"resource": {"attributes": [
        {"key": "service.instance.id", "value": {"stringValue": instance}}]},
        "scopeMetrics": [{"scope": {"name": "s"}, "metrics": [metric]}]}]})
}

fn values(temporality: u8, since: u64, at: u64, count: u64, sum: f64) -> Value {
    let point = point(since, at, &json!({"count": count.to_string(), "sum": sum}));
    json!({"aggregationTemporality": temporality, "dataPoints": [point]})
}

fn cost(temporality: u8, since: u64, at: u64, usd: f64) -> Value {
    let point = point(since, at, &json!({"asDouble": usd}));
    json!({"aggregationTemporality": temporality, "isMonotonic": true, "dataPoints": [point]})
}

/// What each reading of a metric shows.
fn shown(read: &Read, metric: &str) -> Vec<(f64, MetricKind)> {
    let of = |seen: &Observation| match seen {
        Observation::Metric(reading) if &*read.names.text(reading.name) == metric => {
            Some((reading.value, reading.kind))
        }
        _ => None,
    };
    read.batch.items.iter().filter_map(|item| of(&item.seen)).collect()
}

fn counts(read: &Read, metric: &str) -> Vec<f64> {
    shown(read, metric).into_iter().map(|(value, _)| value).collect()
}

const TTFT: &str = "gen_ai.server.time_to_first_token";
const DURATION: &str = "gen_ai.client.operation.duration";

#[test]
fn metrics_are_shown_and_never_calls() {
    for sample in ["openai_v2", "traceloop", "claude_code"] {
        let read = Read::of(&corpus(&format!("logs/samples/otlp_metrics_{sample}.jsonl")));
        assert!(read.told().is_empty() && read.faults().is_empty(), "{sample}");
    }
    let read = Read::of(&corpus("logs/samples/otlp_metrics_claude_code.jsonl"));
    let costs = shown(&read, "claude_code_cost_usd");
    assert_eq!(costs.len(), 3);
    assert!(costs.iter().all(|(_, kind)| *kind == MetricKind::Counter));
    assert!((costs[2].0 - 0.025_360_8).abs() < 1e-12, "deltas add up: {costs:?}");
    let read = Read::of(&corpus("logs/samples/otlp_metrics_openai_v2.jsonl"));
    assert!(!shown(&read, "gen_ai_tokens").is_empty());
}

#[test]
fn a_cumulative_histogram_counts_from_its_second_point_also_across_a_restart() {
    let lines = [
        line("a", DURATION, "s", &values(2, 1, 10, 100, 250.0)),
        line("a", DURATION, "s", &values(2, 1, 20, 104, 252.0)),
        // Told again by a collector that tried twice.
        line("a", DURATION, "s", &values(2, 1, 20, 104, 252.0)),
        // A new process with as many calls as before, then two more.
        line("a", DURATION, "s", &values(2, 25, 30, 104, 300.0)),
        line("a", DURATION, "s", &values(2, 25, 40, 106, 301.0)),
    ];
    let read = Read::lines(&lines);
    assert_eq!(counts(&read, "gen_ai_operations"), [0.0, 4.0, 108.0, 110.0]);
    assert_eq!(counts(&read, "gen_ai_operation_mean_s"), [0.5, 300.0 / 104.0, 0.5]);
    let repeated = |seen: &Observation| matches!(seen, Observation::Ignored { reason: "repeated" });
    assert_eq!(read.batch.items.iter().filter(|item| repeated(&item.seen)).count(), 1);
}

#[test]
fn several_processes_are_one_series_that_only_grows() {
    let lines = [
        line("a", DURATION, "s", &values(2, 1, 10, 100, 250.0)),
        line("b", DURATION, "s", &values(2, 1, 11, 7, 9.0)),
        line("a", DURATION, "s", &values(2, 1, 20, 101, 251.0)),
        line("b", DURATION, "s", &values(2, 1, 21, 9, 11.0)),
        // This one began while we read.
        line("c", DURATION, "s", &values(2, 22, 23, 5, 5.0)),
    ];
    let read = Read::lines(&lines);
    assert_eq!(counts(&read, "gen_ai_operations"), [0.0, 0.0, 1.0, 3.0, 8.0]);
}

#[test]
fn deltas_add_up_and_a_servers_first_token_has_a_mean() {
    let lines = [
        line("a", TTFT, "s", &values(1, 1, 10, 2, 1.0)),
        line("a", TTFT, "s", &values(1, 10, 20, 4, 1.0)),
    ];
    assert_eq!(counts(&Read::lines(&lines), "gen_ai_server_ttft_mean_s"), [0.5, 0.25]);
}

/// Where each point looks through all the others, this takes longer than anybody waits.
#[test]
fn a_metric_of_ten_thousand_points_is_read_point_by_point() {
    let points = (0..10_000u64).map(|at| point(0, at + 1, &json!({"asDouble": 0.5})));
    let data = json!({"aggregationTemporality": 1, "isMonotonic": true,
        "dataPoints": points.collect::<Vec<_>>()});
    let read = Read::of(line("i", "claude_code.cost.usage", "USD", &data).to_string().as_bytes());
    let told = counts(&read, "claude_code_cost_usd");
    assert!((told.iter().copied().fold(0.0, f64::max) - 5000.0).abs() < 1e-6, "{}", told.len());
}

#[test]
fn the_cost_that_claude_code_counts_from_its_start_is_spent_once() {
    let lines = [
        line("a", "claude_code.cost.usage", "USD", &cost(2, 1, 10, 5.0)),
        line("a", "claude_code.cost.usage", "USD", &cost(2, 1, 20, 5.25)),
        line("a", "claude_code.cost.usage", "USD", &cost(2, 1, 20, 5.25)),
        line("a", "claude_code.cost.usage", "USD", &cost(2, 1, 30, 5.25)),
        // Started anew, and told whole.
        line("a", "claude_code.cost.usage", "USD", &cost(2, 35, 40, 0.5)),
    ];
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let read = Read::named(text.join("\n").as_bytes(), "otlp-claude-code-metrics");
    let costs: Vec<_> = read
        .told()
        .iter()
        .map(|call| call.cost.map(|cost| cost.usd.0).unwrap_or_default())
        .collect();
    assert_eq!(costs, [250_000_000, 500_000_000]);
}
