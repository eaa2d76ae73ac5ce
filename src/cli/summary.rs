//! A snapshot as plain text, for people without a screen.

use super::out::{Ended, Out};
use crate::engine::percent_in_words;
use crate::snapshot::{Cap, Limit, OLD_DATA_S, Queue, Snapshot, State, Switch, Text, Totals, Usd};
use crate::text::printable;

/// Rows of one kind that are printed; the rest is counted.
const MOST: usize = 20;

/// Print it.
pub fn print(out: &mut Out, snapshot: &Snapshot) -> Result<(), Ended> {
    let word = match snapshot.state {
        State::Ok => "OK",
        State::Unknown => "UNKNOWN",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
    };
    out.line(&format!("{word}: {}", printable(&snapshot.verdict)))?;
    out.line(&totals(&snapshot.totals))?;
    let left_out = |section: &str| snapshot.left_out.get(section).copied().unwrap_or(0);
    rows(out, "LIMITS", (&*snapshot.limits, left_out("limits")), limit)?;
    rows(out, "SPEND", (&*snapshot.caps, left_out("caps")), cap)?;
    rows(out, "BILLED", (&*snapshot.bills, left_out("bills")), |bill| {
        let since = bill.since.get(..10).unwrap_or(&bill.since);
        let (usd, age) = (bill.billed_usd.0.exact(), crate::engine::span_in_words(bill.age_s));
        format!("{} by {}: {usd} since {since}, as of {age} ago", bill.title(), bill.source)
    })?;
    rows(out, "SWITCHES", (&*snapshot.switches, left_out("switches")), switch)?;
    rows(out, "ALERTS", (&*snapshot.alerts, left_out("alerts")), |alert| {
        format!("{:<8} {} {}", alert.word(), alert.rule, alert.summary)
    })?;
    let newest = snapshot.data_age_s().filter(|age| *age >= OLD_DATA_S);
    let age = newest.map(|s| format!("; newest line {} old", crate::engine::span_in_words(s)));
    let title = format!("TRAFFIC (last minute{})", age.unwrap_or_default());
    rows(out, &title, (&*snapshot.traffic, left_out("traffic")), |row| {
        let name = row.title();
        let outcomes: Vec<String> =
            row.outcomes.iter().map(|(k, v)| format!("{k} {}", percent_in_words(*v))).collect();
        let rate = row.requests_per_s.map_or("?".to_owned(), |rate| format!("{rate:.1}"));
        format!("{name}  {rate}/s  {}", outcomes.join(" "))
    })?;
    rows(out, "QUEUES", (&*snapshot.queues, left_out("queues")), queue)?;
    rows(out, "METRICS", (&*snapshot.metrics, left_out("metrics")), |row| {
        let whose = names(&[&row.labels, &row.host]);
        let rate = row.per_s.map(|rate| format!(", {rate:.2} a second")).unwrap_or_default();
        format!("{} {}  {whose}{rate}, {}", row.name, row.value, old(row.age_s, row.stale))
    })?;
    rows(out, "SOURCES", (&*snapshot.sources, left_out("sources")), |source| {
        let format = source.format.as_deref().unwrap_or("?");
        let problem = source.problem.as_deref().map(|p| format!("  {p}")).unwrap_or_default();
        let bad: Vec<String> =
            source.faults_by.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        let bad = if bad.is_empty() { String::new() } else { format!("  bad: {}", bad.join(", ")) };
        format!(
            "{} {}  {} {} ({format}), {} pending bytes{bad}{problem}",
            source.name,
            source.state,
            source.lines,
            if source.lines == 1 { "line" } else { "lines" },
            source.pending_bytes
        )
    })?;
    rows(out, "FINDINGS", (&*snapshot.findings, left_out("findings")), |finding| {
        format!("{} (x{})", finding.text, finding.count)
    })
}

/// The sums. What no call tells is not known, which is not nothing.
fn totals(totals: &Totals) -> String {
    let tokens = match (totals.input_tokens, totals.output_tokens) {
        (Some(input), Some(output)) => format!("{input} in {output} out"),
        _ => "? (none logged)".to_owned(),
    };
    let cost = totals.cost_usd.map_or_else(|| "?".to_owned(), |Usd(cost)| cost.exact());
    format!(
        "calls {}  failed {}  tokens {tokens}  cost {cost}  unpriced {}  quarantined {}  lines or parts not understood {}  ignored {}  repeated {}",
        totals.requests,
        totals.failed,
        totals.unpriced,
        totals.quarantined,
        totals.faults,
        totals.ignored,
        totals.duplicates
    )
}

fn rows<T>(
    out: &mut Out,
    title: &str,
    (rows, left_out): (&[T], u64),
    text: impl Fn(&T) -> String,
) -> Result<(), Ended> {
    if rows.is_empty() {
        return Ok(());
    }
    out.line(title)?;
    for row in rows.iter().take(MOST) {
        out.line(&format!("  {}", printable(&text(row))))?;
    }
    match rows.len().saturating_sub(MOST) as u64 + left_out {
        0 => Ok(()),
        more => out.line(&format!("  and {more} more")),
    }
}

fn limit(limit: &Limit) -> String {
    let name = limit.name().title();
    let read = limit.remaining_when_read;
    let about = if read.is_some() { "about " } else { "" };
    let read = read.map(|read| format!(", {} when last read", read.0)).unwrap_or_default();
    let left = match (limit.remaining, limit.limit) {
        _ if limit.exhausted && limit.is_unnamed() => "REFUSED, cause not stated".to_owned(),
        _ if limit.is_unnamed() => "was refused, limit not stated".to_owned(),
        _ if limit.is_rejected() => "REJECTED by its provider".to_owned(),
        _ if limit.exhausted => "EXHAUSTED".to_owned(),
        _ if limit.was_reset => "was reset, not heard since".to_owned(),
        (Some(left), Some(size)) => format!("{about}{} of {} left{read}", left.0, size.0),
        (Some(left), None) => format!("{about}{} left{read}", left.0),
        _ => limit
            .used_ratio
            .map_or("?".to_owned(), |used| format!("{} used", percent_in_words(used))),
    };
    let span = crate::engine::span_in_words;
    let reset = limit.back_in_words().map(|back| format!(", {back}")).unwrap_or_default();
    let empty = limit.exhausts_in_s.filter(|_| !limit.exhausted);
    let empty = empty.map(|s| format!(", empty in {}", span(s))).unwrap_or_default();
    let stale = if limit.stale { " STALE" } else { "" };
    format!("{name}: {left}{reset}{empty}, {} old{stale}", span(limit.age_s))
}

fn queue(queue: &Queue) -> String {
    let name = names(&[&queue.name, &queue.priority.map(Into::into)]);
    let depth = queue.depth.map_or("?".to_owned(), |depth| depth.to_string());
    let more = if queue.depth_partial { " and more" } else { "" };
    let running = queue.running.map(|running| format!(", {running} running")).unwrap_or_default();
    let rate = |word, rate: Option<f64>| rate.map(|rate| format!(", {rate:.1} {word} a second"));
    let (inward, outward) = (rate("in", queue.in_per_s), rate("out", queue.out_per_s));
    format!(
        "{name}: {depth}{more} waiting{running}{}{}, {}",
        inward.unwrap_or_default(),
        outward.unwrap_or_default(),
        old(queue.age_s, queue.stale)
    )
}

fn old(age_s: f64, stale: bool) -> String {
    let stale = if stale { " STALE" } else { "" };
    format!("{} old{stale}", crate::engine::span_in_words(age_s))
}

fn switch(switch: &Switch) -> String {
    let by = switch.rule.as_ref().map(|rule| format!(" by rule {rule}"));
    let by = by.or_else(|| switch.by.as_ref().map(|by| format!(" by {by}"))).unwrap_or_default();
    let part = |word: &str, text: &Option<Text>| {
        text.as_ref().map(|text| format!("{word}{text}")).unwrap_or_default()
    };
    format!(
        "{} {}{}{by}{}{}",
        switch.scope,
        switch.state,
        part(" since ", &switch.since),
        part(": ", &switch.reason),
        part("; ", &switch.problem)
    )
}

fn cap(cap: &Cap) -> String {
    let rate = cap.usd_per_hour.map(|rate| format!(", {} an hour", rate.0.about()));
    let span = crate::engine::span_in_words;
    let left = cap.cap_in_s.map(|s| format!(", cap in {}", span(s)));
    let spent = cap.spent_usd.map_or_else(|| "?".to_owned(), |Usd(usd)| usd.exact());
    let used = match cap.used_ratio {
        _ if cap.is_unpriced() => ", all unpriced".to_owned(),
        used => used.map(|used| format!(" ({})", percent_in_words(used))).unwrap_or_default(),
    };
    let more = if cap.is_unpriced() { 0 } else { cap.unpriced_requests };
    format!(
        "{} ({}): {spent} of {}{used}{}{}{}",
        cap.title(),
        cap.period,
        cap.cap_usd.0.exact(),
        rate.unwrap_or_default(),
        left.unwrap_or_default(),
        unpriced(more, cap.unpriced_ratio)
    )
}

/// How many calls are not in the sum beside which this stands, and what share of those
/// that should be.
pub fn unpriced(calls: u64, share: Option<f64>) -> String {
    let share = match share {
        _ if calls == 0 => return String::new(),
        None => String::new(),
        Some(share) => format!(", {} of those answered,", percent_in_words(share)),
    };
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    format!("; {calls}{share} not in it: no price is known")
}

fn names(parts: &[&Option<Text>]) -> String {
    let known: Vec<&str> = parts.iter().copied().flatten().map(AsRef::as_ref).collect();
    if known.is_empty() { "-".to_owned() } else { known.join(" ") }
}
