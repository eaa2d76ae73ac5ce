//! Every fact of one row, in full and without rounding where that matters.

use ratatui::layout::Rect;

use super::pen::{Align, Canvas};
use super::{popup, switch};
use crate::snapshot::{
    Alert, Cap, Finding, Key, Limit, Number, Percentiles, Queue, Retries, Snapshot, Source, Switch,
    Traffic, Usd,
};
use crate::text::{printable, wrapped};
use crate::tui::fmt::{self, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::rows;
use crate::tui::theme::Tone;

/// A label and its value.
type Fact = (&'static str, String);

/// Columns of the labels, and of the box.
const LABEL: usize = 18;
const COLUMNS: u16 = 92;

/// Draw from line `top`.
pub fn draw(
    canvas: &mut Canvas<'_>,
    screen: Rect,
    model: &Model,
    panel: Panel,
    name: &str,
    top: usize,
) {
    let lines = lines(&facts_of(model, panel, name), screen);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inside =
        popup::draw(canvas, screen, COLUMNS, rows.max(1), "DETAIL  Esc closes, j k scroll");
    if lines.is_empty() {
        canvas.row(inside, 0).tone("this row is gone", Tone::Quiet);
    }
    let label_style = canvas.style(Tone::Quiet);
    for (row, (label, value)) in (0..inside.height).zip(lines.iter().skip(top)) {
        let mut pen = canvas.row(inside, row);
        pen.field(label, LABEL, Align::Left, label_style);
        pen.tone(value, Tone::Plain);
    }
}

/// How many lines the detail of a row has on this screen.
pub fn len(model: &Model, panel: Panel, name: &str) -> usize {
    let screen = Rect { x: 0, y: 0, width: model.size.width, height: model.size.height };
    lines(&facts_of(model, panel, name), screen).len()
}

/// The facts in lines that fit: what a tired person needs most is often the end of a
/// long one.
fn lines(facts: &[Fact], screen: Rect) -> Vec<Fact> {
    let columns = usize::from(popup::columns_inside(screen, COLUMNS)).saturating_sub(LABEL);
    let of_fact = |(label, value): &Fact| {
        let labels = std::iter::once(*label).chain(std::iter::repeat(""));
        labels.zip(wrapped(&printable(value), columns)).collect::<Vec<_>>()
    };
    facts.iter().flat_map(of_fact).collect()
}

fn facts_of(model: &Model, panel: Panel, name: &str) -> Vec<Fact> {
    let snapshot = model.shown();
    let facts = model
        .find(panel, name)
        .zip(snapshot)
        .and_then(|(at, snapshot)| facts(snapshot, panel, at, model.shown_age_s()));
    facts.unwrap_or_default()
}

fn facts(snapshot: &Snapshot, panel: Panel, at: usize, elapsed_s: f64) -> Option<Vec<Fact>> {
    let facts = match panel {
        Panel::Switches => {
            let (tripped, host) = rows::switch_rows(snapshot).nth(at)?;
            let mut facts = switch_facts(tripped);
            facts.push(("this host", switch::proof(tripped, host, switch::First::Host, elapsed_s)));
            facts
        }
        Panel::Limits => limit_facts(snapshot.limits.get(at)?, elapsed_s),
        Panel::Spend => cap_facts(snapshot.caps.get(at)?, elapsed_s),
        Panel::Queue => queue_facts(snapshot.queues.get(at)?, elapsed_s),
        Panel::Traffic => traffic_facts(snapshot.traffic.get(at)?),
        Panel::Retries => retry_facts(snapshot.retries.get(at)?),
        Panel::Alerts => alert_facts(snapshot.alerts.get(at)?, elapsed_s),
        Panel::Who => key_facts(snapshot.keys.get(at)?, elapsed_s),
        Panel::Sources => source_facts(snapshot.sources.get(at)?, elapsed_s),
        Panel::Findings => finding_facts(snapshot.findings.get(at)?),
    };
    Some(facts)
}

/// Collects facts, leaving out those that are not known.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn text(mut self, label: &'static str, value: impl Into<String>) -> Facts {
        self.0.push((label, value.into()));
        self
    }

    fn maybe(self, label: &'static str, value: Option<impl ToString>) -> Facts {
        match value {
            Some(value) => self.text(label, value.to_string()),
            None => self,
        }
    }

    fn number(self, label: &'static str, value: Option<Number>) -> Facts {
        self.float(label, value.map(|Number(value)| value))
    }

    fn float(self, label: &'static str, value: Option<f64>) -> Facts {
        self.maybe(label, value.map(fmt::exact))
    }

    fn ratio(self, label: &'static str, value: Option<f64>) -> Facts {
        self.maybe(label, value.map(|ratio| format!("{:.1}%", ratio * 100.0)))
    }

    fn usd(self, label: &'static str, value: Option<Usd>) -> Facts {
        self.maybe(label, value.map(|Usd(usd)| usd.exact()))
    }

    fn about_usd(self, label: &'static str, value: Option<Usd>) -> Facts {
        self.maybe(label, value.map(|Usd(usd)| usd.about()))
    }

    fn span(self, label: &'static str, seconds: Option<f64>) -> Facts {
        self.maybe(label, seconds.map(fmt::span))
    }

    fn percentiles(self, label: &'static str, times: Option<Percentiles>) -> Facts {
        self.maybe(
            label,
            times.map(|times| {
                format!(
                    "p50 {:.0} ms  p95 {:.0} ms  p99 {:.0} ms  of {} calls",
                    times.p50,
                    times.p95,
                    times.p99,
                    fmt::grouped(times.count)
                )
            }),
        )
    }

    fn done(self) -> Vec<Fact> {
        self.0
    }
}

fn limit_facts(limit: &Limit, elapsed_s: f64) -> Vec<Fact> {
    let freshness = if limit.stale { ", too old to trust" } else { "" };
    let by = match (limit.is_rejected(), limit.refused) {
        (true, _) => "yes, its provider says so",
        (false, true) => "yes, a refusal says so",
        (false, false) => "yes, nothing is left",
    };
    Facts::default()
        .text("limit", limit.name().title())
        .text("counts", limit.resource)
        .maybe("window", limit.window_s.map(|seconds| format!("{seconds} s")))
        .text("whose", format!("{} {}", limit.layer, limit.scope))
        .maybe("provider", limit.provider.as_ref())
        .maybe("model", limit.model.as_ref())
        .maybe("key", limit.key.as_ref())
        .maybe("host", limit.host.as_ref())
        .maybe("subject", limit.subject.as_ref())
        .maybe("label", limit.label.as_ref())
        .number("size", limit.limit)
        .number("left", limit.remaining)
        .number("when last read", limit.remaining_when_read)
        .maybe("left", limit.was_reset.then_some("not known: it was reset, and not heard of since"))
        .ratio("used", limit.used_ratio)
        .maybe("provider says", limit.status)
        .maybe("exhausted", limit.exhausted.then_some(by))
        .span("resets in", limit.reset_in_s.map(|seconds| seconds - elapsed_s))
        .maybe("resets at", limit.reset_at.as_ref())
        .maybe("at reset", limit.reset_kind)
        .span("empty in", limit.exhausts_in_s.map(|seconds| seconds - elapsed_s))
        .ratio("drift", limit.drift_ratio)
        .maybe("reset error", limit.reset_error_s.map(|seconds| format!("{seconds:+.1} s")))
        .text("source", limit.source)
        .text("age", format!("{}{freshness}", fmt::age(limit.age_s + elapsed_s)))
        .done()
}

fn cap_facts(cap: &Cap, elapsed_s: f64) -> Vec<Fact> {
    let spent = cap.spent_usd.map_or_else(
        || format!("{UNKNOWN} of {}, all unpriced", cap.cap_usd.0.exact()),
        |Usd(usd)| usd.exact(),
    );
    Facts::default()
        .text("cap", &*cap.name)
        .text("covers", &*cap.scope)
        .maybe("of each", cap.each.zip(cap.of.as_ref()).map(|(each, of)| format!("{each} {of}")))
        .text("period", format!("{} from {}", cap.period, cap.period_start))
        .text("spent", spent)
        .usd("cap", Some(cap.cap_usd))
        .ratio("used", cap.used_ratio)
        .about_usd("per hour", cap.usd_per_hour)
        .span("cap in", cap.cap_in_s.map(|seconds| seconds - elapsed_s))
        .maybe("burn 5 min", cap.burn_short.map(|ratio| format!("{ratio:.2} x")))
        .maybe("burn 1 h", cap.burn_long.map(|ratio| format!("{ratio:.2} x")))
        .text("calls unpriced", fmt::grouped(cap.unpriced_requests))
        .ratio("of those answered", cap.unpriced_ratio)
        .usd("provider's bill", cap.provider_usd)
        .span("bill age", cap.provider_age_s.map(|seconds| seconds + elapsed_s))
        .maybe("estimate off by", cap.estimate_error_ratio.map(|e| format!("{:+.2} %", e * 100.0)))
        .done()
}

/// A depth to which some hosts add one that they do not say.
fn at_least(depth: u64, partial: bool) -> String {
    fmt::grouped(depth) + if partial { "+, not all hosts say theirs" } else { "" }
}

fn queue_facts(queue: &Queue, elapsed_s: f64) -> Vec<Fact> {
    Facts::default()
        .maybe("queue", queue.name.as_ref())
        .maybe("priority", queue.priority)
        .maybe("depth", queue.depth.map(|depth| at_least(depth, queue.depth_partial)))
        .span("oldest", queue.oldest_age_s)
        .float("in per second", queue.in_per_s)
        .float("out per second", queue.out_per_s)
        .float("dropped per s", queue.dropped_per_s)
        .percentiles("wait", queue.wait_ms)
        .text("age", fmt::age(queue.age_s + elapsed_s))
        .done()
}

fn traffic_facts(traffic: &Traffic) -> Vec<Fact> {
    let shares = |shares: &std::collections::BTreeMap<&'static str, f64>| {
        let texts = shares.iter().map(|(word, share)| format!("{word} {}", fmt::percent(*share)));
        (!shares.is_empty()).then(|| texts.collect::<Vec<_>>().join("  "))
    };
    Facts::default()
        .maybe("provider", traffic.provider.as_ref())
        .maybe("model", traffic.model.as_ref())
        .maybe("endpoint", traffic.endpoint.as_ref())
        .text("calls, 1 min", fmt::grouped(traffic.requests))
        .maybe("per second", traffic.requests_per_s.map(|rate| format!("{rate:.2}")))
        .maybe("outcomes", shares(&traffic.outcomes))
        .maybe("refused by", shares(&traffic.limited_by))
        .percentiles("latency", traffic.latency_ms)
        .percentiles("first token", traffic.ttft_ms)
        .maybe("input tok/min", traffic.tokens_per_min.map(|tokens| fmt::grouped(tokens.input)))
        .maybe("output tok/min", traffic.tokens_per_min.map(|tokens| fmt::grouped(tokens.output)))
        .ratio("cache hits", traffic.cache_hit_ratio)
        .done()
}

fn retry_facts(retries: &Retries) -> Vec<Fact> {
    let attempts: Vec<String> = (1..)
        .zip(&retries.success_by_attempt)
        .map(|(attempt, ratio)| format!("{attempt}: {}", fmt::percent(*ratio)))
        .collect();
    Facts::default()
        .maybe("provider", retries.provider.as_ref())
        .maybe("model", retries.model.as_ref())
        .maybe("attempts/request", retries.amplification.map(|ratio| format!("{ratio:.2}")))
        .maybe("success by try", (!attempts.is_empty()).then(|| attempts.join("  ")))
        .ratio("waited as asked", retries.retry_after_honoured_ratio)
        .about_usd("wasted per hour", retries.wasted_usd_per_hour)
        .float("hopeless per s", retries.non_retryable_retried_per_s)
        .done()
}

fn alert_facts(alert: &Alert, elapsed_s: f64) -> Vec<Fact> {
    let labels: Vec<String> =
        alert.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    Facts::default()
        .text("rule", &*alert.rule)
        .text("state", format!("{} for {}", alert.word(), fmt::span(alert.for_s + elapsed_s)))
        .span(
            "at this severity",
            (alert.level_s < alert.for_s).then_some(alert.level_s + elapsed_s),
        )
        .text("since", &*alert.since)
        .text("summary", &*alert.summary)
        .text("labels", labels.join(" "))
        .float("value", alert.value)
        .float("threshold", alert.threshold)
        .span("fires after", (alert.needs_s > 0.0).then_some(alert.needs_s))
        .text("acknowledged", alert.acked_by.as_deref().unwrap_or("by nobody"))
        .maybe("silenced until", alert.silenced_until.as_ref())
        .maybe("runbook", alert.runbook.as_ref())
        .done()
}

fn key_facts(key: &Key, elapsed_s: f64) -> Vec<Fact> {
    Facts::default()
        .text("key", key.title())
        .maybe("environment", key.environment.as_ref())
        .maybe("team", key.team.as_ref())
        .maybe("per second", key.requests_per_s.map(|rate| format!("{rate:.2}")))
        .maybe("tokens/min", key.tokens_per_min.map(fmt::grouped))
        .about_usd("per hour", key.usd_per_hour)
        .ratio("refused", Some(key.limited_ratio))
        .ratio(
            match key.share_of {
                "tokens" => "share of tokens",
                "spend" => "share of spend",
                _ => "share of priced spend",
            },
            key.share,
        )
        .text("last seen", format!("{} ago", fmt::age(key.last_seen_s + elapsed_s)))
        .done()
}

fn switch_facts(tripped: &Switch) -> Vec<Fact> {
    Facts::default()
        .text("scope", &*tripped.scope)
        .text("state", tripped.state)
        .text("file", &*tripped.path)
        .maybe("since", tripped.since.as_ref())
        .maybe("made again", tripped.made_again_at.as_ref())
        .maybe("watched from", tripped.watched_from.as_ref())
        .maybe("by", tripped.by.as_ref())
        .maybe("rule", tripped.rule.as_ref())
        .maybe("reason", tripped.reason.as_ref())
        .span("ends in", tripped.ttl_s)
        .maybe("problem", tripped.problem.as_ref())
        .done()
}

fn source_facts(source: &Source, elapsed_s: f64) -> Vec<Fact> {
    let reasons =
        source.faults_by.iter().map(|(reason, n)| format!("{reason} {}", fmt::grouped(*n)));
    let reasons = reasons.collect::<Vec<_>>().join("  ");
    Facts::default()
        .text("source", &*source.name)
        .text("kind", source.kind)
        .text("state", &*source.state)
        .maybe("problem", source.problem.as_ref())
        .maybe("calls", (!source.counts).then_some("counted elsewhere, only limits read"))
        .maybe("format", source.format.as_ref())
        .text("lines", fmt::grouped(source.lines))
        .text("bytes", fmt::grouped(source.bytes))
        .text("not understood", format!("{} lines or parts", fmt::grouped(source.faults)))
        .text("set aside", fmt::grouped(source.quarantined))
        .maybe("because of", (!reasons.is_empty()).then_some(reasons))
        .text("of no interest", fmt::grouped(source.ignored))
        .text("repeated", fmt::grouped(source.duplicates))
        .text("blank", fmt::grouped(source.blank))
        .text("bytes behind", fmt::grouped(source.bytes_behind))
        .text("half a line", format!("{} bytes", fmt::grouped(source.pending_bytes)))
        .span("behind", source.seconds_behind)
        .span("last line", source.last_line_age_s.map(|seconds| seconds + elapsed_s))
        .done()
}

fn finding_facts(finding: &Finding) -> Vec<Fact> {
    Facts::default()
        .text("finding", finding.kind)
        .text("last seen", &*finding.at)
        .text("times", fmt::grouped(finding.count))
        .text("what", &*finding.text)
        .done()
}
