//! TRAFFIC and RETRIES: are users hurt, by which refusals, and do retries help
//! or feed the fire.

use ratatui::layout::Rect;

use super::layout::lead;
use super::pen::{Canvas, Pen};
use super::table::{Cell, Table, cell, left, plain, right, title_rule};
use crate::snapshot::{Percentiles, Retries, Snapshot, State, Traffic, traffic_state};
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Tone, mark};

/// Columns from which the 99th percentiles fit too, those of whole calls first, and below
/// which only the 95th do.
const ALL_PERCENTILES: usize = 78;
const TOTAL_P99: usize = 58;
const TWO_PERCENTILES: usize = 49;
/// Attempts per request from which retries feed the fire.
const HEAVY: f64 = 1.2;

/// Draw the panel: the sum in the title, retries and latency below it, and
/// then as many models as there is room for.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(snapshot) = model.shown() else { return };
    let title = if usize::from(area.width) < TOTAL_P99 { "TRAFFIC" } else { "TRAFFIC 1m" };
    title_rule(canvas, area, title, model, Panel::Traffic);
    let mut pen = canvas.row(area, 0);
    pen.skip(2 + title.len() + 1);
    draw_outcomes(&mut pen, &snapshot.overall, model.old_data_s());
    draw_retry_line(&mut canvas.row(area, 1), snapshot);
    draw_latency_line(&mut canvas.row(area, 2), &snapshot.overall);
    if area.height > lead(Panel::Traffic) + 1 {
        let (y, height) = (area.y + lead(Panel::Traffic), area.height - lead(Panel::Traffic));
        draw_models(canvas, Rect { y, height, ..area }, model, snapshot);
    }
}

fn draw_models(canvas: &mut Canvas<'_>, area: Rect, model: &Model, snapshot: &Snapshot) {
    let columns = [
        left("", 1),
        left("", 0),
        right("req/s", 6),
        right("ok", 5),
        right("429", 5),
        right("fail", 5),
        right("TTFT p95", 8).from(70),
        right("p50", 5).from(70),
        right("p95", 5),
        right("p99", 5).from(90),
        right("tok/m", 6).from(78),
        right("cache", 5).from(78),
    ];
    let old = model.old_data_s().is_some();
    let table = Table { panel: Panel::Traffic, title: "by model", columns: &columns, empty: "" };
    table.draw(canvas, area, model, |index| {
        snapshot.traffic.get(index).map_or_else(Vec::new, |row| cells(row, old))
    });
}

/// Draw retries by provider and model.
pub fn draw_retries(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", 0),
        right("load", 6),
        right("1st", 5),
        right("2nd", 5),
        right("3rd", 5).from(64),
        right("waited", 6),
        right("hopeless/s", 10).from(70),
        right("wasted", 8),
    ];
    let table = Table {
        panel: Panel::Retries,
        title: "RETRIES",
        columns: &columns,
        // A call whose attempt is told has a row, the first one too.
        empty: match model.shown() {
            Some(snapshot) if snapshot.overall.requests > 0 => "no log tells attempts",
            _ => "no call in the last minute",
        },
    };
    let retries = model.shown().map_or(&[][..], |snapshot| &snapshot.retries);
    table.draw(canvas, area, model, |index| retries.get(index).map_or_else(Vec::new, retry_cells));
}

/// Of the minute up to now, of which data that stopped some time ago show only the
/// beginning: that must not look like traffic going down.
fn draw_outcomes(pen: &mut Pen<'_>, traffic: &Traffic, old_s: Option<f64>) {
    if let Some(age) = old_s {
        pen.tone(&format!(" {} old! ", fmt::age(age)), Tone::Warning);
    }
    if traffic.requests == 0 {
        pen.tone(" no call in the last minute ", Tone::Quiet);
        return;
    }
    let strong = if old_s.is_some() { Tone::Quiet } else { Tone::Strong };
    pen.whole(&format!("{}/s ", per_s(traffic)), strong);
    let mut pieces = pieces(traffic);
    // What there is no room for is left out, the smallest share first.
    while texts(&pieces).map(|(text, _)| text.len()).sum::<usize>() > pen.room() {
        let least = pieces.iter().enumerate().min_by(|(_, a), (_, b)| a.rank.total_cmp(&b.rank));
        let Some((least, _)) = least else { break };
        pieces.remove(least);
    }
    for (text, tone) in texts(&pieces) {
        pen.tone(&text, tone);
    }
}

/// How some of the calls ended, or which limit refused some of them; what ranks lower is
/// left out first.
struct Piece {
    text: String,
    tone: Tone,
    rank: f64,
    is_cause: bool,
}

fn pieces(traffic: &Traffic) -> Vec<Piece> {
    let piece = |word: &str, share: f64, tone, rank| {
        let text = format!("  {word} {} ", fmt::percent(share));
        Piece { text, tone, rank, is_cause: false }
    };
    let mut pieces = vec![piece("ok", traffic.share(OK), Tone::Plain, 2.0)];
    let limited = traffic.refused_ratio();
    if limited > 0.0 {
        pieces.push(piece("429", limited, Tone::Warning, 3.0));
        pieces.extend(causes(traffic));
    }
    let others = OTHERS.iter().map(|(word, outcomes)| (*word, traffic.share(outcomes)));
    let others = others.filter(|(_, share)| *share > 0.0);
    pieces.extend(others.map(|(word, share)| piece(word, share, Tone::Plain, share)));
    pieces
}

/// The pieces as they are written: what refused stands in brackets.
fn texts(pieces: &[Piece]) -> impl Iterator<Item = (String, Tone)> + '_ {
    let is_cause = |at: Option<usize>| at.and_then(|at| pieces.get(at)).is_some_and(|p| p.is_cause);
    pieces.iter().enumerate().map(move |(at, piece)| {
        let text = match (piece.is_cause, is_cause(at.checked_sub(1)), is_cause(Some(at + 1))) {
            (false, ..) => piece.text.clone(),
            (true, before, after) => {
                let (open, close) = (if before { " " } else { "[" }, if after { "" } else { "] " });
                format!("{open}{}{close}", piece.text)
            }
        };
        (text, piece.tone)
    })
}

const OK: &[&str] = &["ok"];
/// Of a call whose connection was lost no status ever came.
const BROKEN: &[&str] = &["failed", "overloaded"];
const OTHERS: [(&str, &[&str]); 6] = [
    ("fail", BROKEN),
    ("killed", &["blocked"]),
    ("timeout", &["timed_out"]),
    ("auth", &["auth_failed"]),
    ("4xx", &["client_error"]),
    ("left", &["cancelled"]),
];

/// Which limit refused: `tpm 22 rpm 1 cap 1`, in percent of all calls, most first.
fn causes(traffic: &Traffic) -> impl Iterator<Item = Piece> {
    let mut causes: Vec<(&str, f64)> =
        traffic.limited_by.iter().map(|(limit, share)| (short_limit(limit), *share)).collect();
    causes.sort_by(|a, b| b.1.total_cmp(&a.1));
    causes.into_iter().map(|(word, share)| {
        let text = format!("{word} {}", fmt::percent(share).trim_end_matches('%'));
        Piece { text, tone: Tone::Warning, rank: share, is_cause: true }
    })
}

fn short_limit(limit: &str) -> &str {
    match limit {
        "requests" => "rpm",
        "tokens" => "tpm",
        "input_tokens" => "itpm",
        "output_tokens" => "otpm",
        "concurrency" => "conc",
        "spend_cap" => "cap",
        "unknown" => "?",
        other => other,
    }
}

fn draw_retry_line(pen: &mut Pen<'_>, snapshot: &Snapshot) {
    let (retries, traffic) = (&snapshot.overall_retries, &snapshot.overall);
    let load = match retries.amplification {
        Some(ratio) => format!("x{ratio:.2} load"),
        None => ABSENT.into(),
    };
    let tone = match retries.amplification {
        Some(ratio) if ratio >= HEAVY => Tone::Warning,
        _ => Tone::Plain,
    };
    pen.tone(" retry: ", Tone::Quiet).tone(&load, tone);
    if let Some((name, ratio)) = heaviest(snapshot) {
        pen.whole(&format!(" ({name} x{ratio:.2})"), tone);
    }
    if let Some(ratio) = retries.success_by_attempt.get(1) {
        pen.whole(&format!(", 2nd try ok {}", fmt::percent(*ratio)), Tone::Plain);
    }
    if let Some(ratio) = retries.retry_after_honoured_ratio {
        pen.whole(&format!(", Retry-After obeyed {}", fmt::percent(ratio)), Tone::Plain);
    }
    if let Some(ratio) = traffic.cache_hit_ratio {
        pen.whole(&format!("   cache hit {}", fmt::percent(ratio)), Tone::Plain);
    }
}

/// Who adds most of the load, where one row alone does not make the sum.
fn heaviest(snapshot: &Snapshot) -> Option<(String, f64)> {
    let load = |row: &Retries| row.amplification.unwrap_or(1.0);
    let known = || snapshot.retries.iter().filter(|row| row.amplification.is_some());
    let worst = known().max_by(|a, b| load(a).total_cmp(&load(b)))?;
    let several = known().count() > 1;
    (several && load(worst) >= HEAVY).then(|| (retries_name(worst), load(worst)))
}

fn draw_latency_line(pen: &mut Pen<'_>, traffic: &Traffic) {
    let all: &[&str] = &["p50", "p95", "p99"];
    let (first, total): (&[&str], _) = match pen.room() {
        ALL_PERCENTILES.. => (all, all),
        TOTAL_P99.. => (&["p50", "p95"], all),
        TWO_PERCENTILES.. => (&["p50", "p95"], &["p50", "p95"][..]),
        _ => (&["p95"], &["p95"][..]),
    };
    let of_first = (" TTFT ", traffic.ttft_ms, first);
    for (label, times, shown) in [of_first, ("  total ", traffic.latency_ms, total)] {
        let times = times.map_or(UNKNOWN.into(), |times| percentiles(times, shown));
        if label.len() + times.trim_end().len() <= pen.room() {
            pen.tone(label, Tone::Quiet).tone(times.trim_end(), Tone::Plain);
            pen.skip(times.len() - times.trim_end().len());
        }
    }
    if let Some(times) = traffic.latency_ms.or(traffic.ttft_ms) {
        let of = format!("(n {})", count(times.count));
        pen.skip(pen.room().saturating_sub(of.len()).min(2));
        pen.whole(&of, Tone::Quiet);
    }
}

fn percentiles(times: Percentiles, shown: &[&str]) -> String {
    let values = [("p50", times.p50), ("p95", times.p95), ("p99", times.p99)];
    let shown = values.into_iter().filter(|(word, _)| shown.contains(word));
    let texts = shown.map(|(word, value)| format!("{word} {:<4} ", fmt::latency(value / 1000.0)));
    texts.collect::<Vec<_>>().concat()
}

fn cells(traffic: &Traffic, old: bool) -> Vec<Cell> {
    let (limited, broken) = (traffic.refused_ratio(), traffic.share(BROKEN));
    let (mark, tone) = match traffic_state(traffic) {
        _ if old => (mark(State::Unknown), Tone::Quiet),
        State::Critical => ("!", Tone::Critical),
        State::Warning => ("~", Tone::Warning),
        State::Ok | State::Unknown => (" ", Tone::Plain),
    };
    let plain = |text: String| cell(text, if old { Tone::Quiet } else { Tone::Plain });
    let time = |times: Option<Percentiles>, pick: fn(Percentiles) -> f64| {
        times.map_or(ABSENT.into(), |times| fmt::latency(pick(times) / 1000.0))
    };
    let tokens = traffic
        .tokens_per_min
        .map_or(UNKNOWN.to_owned(), |tokens| count(tokens.input.saturating_add(tokens.output)));
    vec![
        cell(mark, tone),
        cell(name(traffic), tone),
        plain(per_s(traffic)),
        plain(fmt::percent(traffic.share(OK))),
        cell(fmt::percent(limited), if limited > 0.0 { tone } else { Tone::Plain }),
        plain(fmt::percent(broken)),
        plain(time(traffic.ttft_ms, |times| times.p95)),
        plain(time(traffic.latency_ms, |times| times.p50)),
        plain(time(traffic.latency_ms, |times| times.p95)),
        plain(time(traffic.latency_ms, |times| times.p99)),
        plain(tokens),
        plain(traffic.cache_hit_ratio.map_or(ABSENT.into(), fmt::percent)),
    ]
}

fn per_s(traffic: &Traffic) -> String {
    traffic.requests_per_s.map_or(UNKNOWN.into(), fmt::rate)
}

fn name(traffic: &Traffic) -> String {
    let provider = traffic.provider.as_deref().unwrap_or(UNKNOWN);
    let model = traffic.model.as_deref().unwrap_or(UNKNOWN);
    match &traffic.endpoint {
        Some(endpoint) => format!("{provider}/{model} {endpoint}"),
        None => format!("{provider}/{model}"),
    }
}

fn retries_name(retries: &Retries) -> String {
    let provider = retries.provider.as_deref().unwrap_or(UNKNOWN);
    let model = retries.model.as_deref().unwrap_or(UNKNOWN);
    format!("{provider}/{model}")
}

fn retry_cells(retries: &Retries) -> Vec<Cell> {
    let heavy = retries.amplification.is_some_and(|ratio| ratio >= HEAVY);
    let (mark, tone) = if heavy { ("~", Tone::Warning) } else { (" ", Tone::Plain) };
    let attempt = |at: usize| {
        retries.success_by_attempt.get(at).map_or(ABSENT.into(), |ratio| fmt::percent(*ratio))
    };
    vec![
        cell(mark, tone),
        cell(retries_name(retries), tone),
        cell(retries.amplification.map_or(ABSENT.into(), |ratio| format!("x{ratio:.2}")), tone),
        plain(attempt(0)),
        plain(attempt(1)),
        plain(attempt(2)),
        plain(retries.retry_after_honoured_ratio.map_or(ABSENT.into(), fmt::percent)),
        plain(retries.non_retryable_retried_per_s.map_or(ABSENT.into(), fmt::rate)),
        plain(
            retries
                .wasted_usd_per_hour
                .map_or(ABSENT.into(), |usd| format!("{}/h", fmt::money(usd.0.as_f64()))),
        ),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn count(value: u64) -> String {
    fmt::count(value as f64)
}
