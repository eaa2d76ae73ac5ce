//! The picture, from the engine's state at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bill::bills;
use super::left_out::{LeftOut, cut, cut_caps};
use super::{
    Alert, Cap, Finding, Key, Ledger, Limit, Load, Measure, Number, Percentiles, Queue, Retries,
    Snapshot, Source, State, Switch, SwitchHost, Text, TokensPerMin, Totals, Traffic, UNATTRIBUTED,
    Usd, order, verdict,
};
use crate::domain::{
    Amount, LimitStatus, LimitedBy, Mono, NanoUsd, Outcome, Resource, Scope, Stamp, Sym,
};
use crate::engine::gauges::{Back, Gauge};
use crate::engine::retries::View as RetriesView;
use crate::engine::spend;
use crate::engine::switches::Armed;
use crate::engine::traffic::{Row, View};
use crate::engine::{Calls, Engine, LedgerUse, SourceRow};
use crate::rules::Severity;
use crate::stats;

/// Take a picture.
#[must_use]
pub fn build(engine: &Engine, now: Stamp) -> Snapshot {
    let mut left_out = LeftOut::new();
    let limits = limits(engine, now, &mut left_out);
    let (caps, spent_left_out) = caps(engine, now, &mut left_out);
    let alerts = alerts(engine, now, &mut left_out);
    let switches = switches(engine, now);
    let sources = sources(engine, now);
    let overall = traffic_row(engine, &engine.cells().overall(now.mono, engine.known()));
    let all_retries = engine.cells().retries().map(|row| row.view(now.mono, engine.known()));
    // Retries of calls that began before the minute are no load of this one, and no
    // row would explain them.
    let all_retries = all_retries
        .filter(|row| row.amplification().is_some())
        .fold(RetriesView::default(), |sum, row| sum.with(&row));
    let mut snapshot = Snapshot {
        schema: "tripline.snapshot/v1",
        at: now.wall.rfc3339().into(),
        state: State::Unknown,
        verdict: Text::from(""),
        limits: limits.into(),
        caps: caps.into(),
        bills: bills(engine, now).into(),
        queues: queues(engine, now.mono).into(),
        metrics: measures(engine, now.mono, &mut left_out).into(),
        traffic: traffic(engine, now.mono, &mut left_out).into(),
        retries: retries(engine, now.mono, &mut left_out).into(),
        keys: keys(engine, now.mono, &mut left_out).into(),
        alerts: alerts.into(),
        switches: switches.into(),
        sources: sources.into(),
        findings: findings(engine).into(),
        hosts: hosts(engine, now.mono),
        left_out,
        spent_left_out,
        totals: totals(engine),
        ledger: ledger(engine, now.mono),
        overall,
        overall_retries: retries_row(None, None, &all_retries),
        load: load(engine, now.mono).into(),
        at_unix_ms: now.wall.0.div_euclid(1_000_000),
    };
    snapshot.state = verdict::state(&snapshot);
    snapshot.verdict = verdict::sentence(&snapshot).into();
    snapshot
}

fn limits(engine: &Engine, now: Stamp, left_out: &mut LeftOut) -> Vec<Limit> {
    let mut rows: Vec<Limit> =
        engine.gauges().iter().map(|gauge| limit(engine, gauge, now)).collect();
    rows.sort_by(order::worse);
    cut(&mut rows, "limits", left_out);
    rows
}

fn limit(engine: &Engine, gauge: &Gauge, now: Stamp) -> Limit {
    let (last, id) = (&gauge.last, &gauge.last.id);
    let view = gauge.view(now);
    let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
    let subject = text(id.subject);
    let mut row = Limit {
        layer: id.layer.word(),
        provider: text(id.provider),
        model: text(id.model),
        key: subject.clone().filter(|_| id.scope == Scope::Key),
        scope: id.scope.word(),
        subject: subject.filter(|_| id.scope != Scope::Key),
        has_twin: gauge.has_twin,
        label: text(id.label),
        resource: id.resource.word(),
        window_s: id.window_s,
        limit: last.limit.map(|limit| Number(limit.as_f64())),
        // Of a bare utilisation no amount is known.
        remaining: view
            .remaining
            .filter(|_| has_amount(gauge))
            .map(|level| rounded(level, id.resource)),
        remaining_when_read: view
            .read
            .filter(|_| has_amount(gauge))
            .map(|level| rounded(level, id.resource)),
        was_reset: view.was_reset,
        remaining_ratio: if view.exhausted { Some(0.0) } else { view.remaining_ratio },
        used_ratio: last
            .used_ratio
            .filter(|_| !view.was_reset)
            .or_else(|| used_ratio(view.remaining, last.limit)),
        reset_at: view.reset_at.map(|at| at.rfc3339().into()),
        reset_in_s: view.reset_in_s.map(to_ms),
        reset_kind: view.back.map(Back::word),
        exhausts_in_s: if view.exhausted { Some(0.0) } else { view.exhausts_in_s.map(to_ms) },
        exhausted: view.exhausted,
        refused: view.refused,
        status: view.status.map(LimitStatus::word),
        age_s: to_ms(view.age_s),
        source: last.source.word(),
        stale: view.stale,
        ..Limit::default()
    };
    row.state = verdict::limit_state(&row);
    row
}

fn has_amount(gauge: &Gauge) -> bool {
    let last = &gauge.last;
    last.remaining.is_some() || (last.limit.is_some() && last.used.is_some())
}

fn used_ratio(remaining: Option<f64>, limit: Option<Amount>) -> Option<f64> {
    let limit = limit.map(Amount::as_f64).filter(|limit| *limit > 0.0)?;
    Some(((limit - remaining?) / limit).max(0.0))
}

/// A level that was projected is a whole number to a reader; of money cents count.
fn rounded(level: f64, resource: Resource) -> Number {
    Number(match resource {
        _ if level.abs() < 10.0 => level,
        Resource::Spend | Resource::Credits => (level * 100.0).round() / 100.0,
        _ => level.round(),
    })
}

pub(super) fn to_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The caps, and how many are left out that are spent.
fn caps(engine: &Engine, now: Stamp, left_out: &mut LeftOut) -> (Vec<Cap>, u64) {
    let known = engine.spend_known();
    let views = engine.caps().iter().map(|cap| (cap, cap.view(now, known)));
    // Of those that count for each, the ones with a call in this period.
    let shown = views.filter(|(cap, view)| cap.of.is_none() || view.calls > 0);
    let mut rows: Vec<Cap> = shown.map(|(c, view)| cap(engine, c, &view, now)).collect();
    rows.sort_by(|a, b| {
        let soonest = |c: &Cap| c.cap_in_s.unwrap_or(f64::MAX);
        let used = |c: &Cap| c.used_ratio.unwrap_or(-1.0);
        let rank = b.state.cmp(&a.state);
        rank.then(soonest(a).total_cmp(&soonest(b))).then(used(b).total_cmp(&used(a)))
    });
    let spent = cut_caps(&mut rows, left_out);
    (rows, spent)
}

fn cap(engine: &Engine, cap: &spend::Cap, view: &spend::View, now: Stamp) -> Cap {
    let billed = engine.billed(cap, now);
    let scope: Vec<String> =
        cap.spec.matches.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut row = Cap {
        name: cap.spec.name.as_str().into(),
        scope: if scope.is_empty() { "all".into() } else { scope.join(" ").into() },
        each: cap.of.map(|(dimension, _)| dimension.word()),
        of: cap.of.map(|(_, name)| engine.names().text(name)),
        period: cap.spec.period.to_string().into(),
        period_start: cap.period.start.rfc3339().into(),
        spent_usd: view.spent.map(Usd),
        cap_usd: Usd(cap.spec.cap),
        used_ratio: view.used_ratio,
        usd_per_hour: view.usd_per_hour.map(usd),
        cap_in_s: view.cap_in_s.map(to_ms),
        burn_short: view.burn_short,
        burn_long: view.burn_long,
        unpriced_requests: view.unpriced,
        unpriced_ratio: view.unpriced_ratio,
        provider_usd: billed.billed.map(|(usd, _)| Usd(usd)),
        provider_age_s: billed.billed.map(|(_, age)| to_ms(age.as_secs_f64())),
        estimate_error_ratio: billed.error_ratio,
        state: State::Ok,
    };
    row.state = verdict::cap_state(&row);
    row
}

/// A rate or an estimate in dollars: never a sum, so a float may carry it.
#[allow(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn usd(dollars: f64) -> Usd {
    Usd(NanoUsd::of_f64(dollars))
}

fn queues(engine: &Engine, now: Mono) -> Vec<Queue> {
    let mut rows: Vec<_> = engine.queues().iter().map(|row| (row.priority, row)).collect();
    rows.sort_by_key(|(priority, _)| (priority.is_none(), *priority));
    let queue = |row: &crate::engine::queues::Queue| {
        let view = row.view(now);
        Queue {
            name: row.name.map(|name| engine.names().text(name)),
            priority: row.priority.map(crate::domain::Priority::word),
            depth: view.depth,
            depth_partial: view.depth_partial,
            running: view.running,
            oldest_age_s: view.oldest_age_s,
            in_per_s: view.in_per_s,
            out_per_s: view.out_per_s,
            dropped_per_s: view.dropped_per_s,
            wait_ms: row.waits.percentiles(now).map(percentiles),
            age_s: to_ms(view.age_s),
            stale: view.stale,
        }
    };
    rows.into_iter().map(|(_, row)| queue(row)).collect()
}

fn measures(engine: &Engine, now: Mono, left_out: &mut LeftOut) -> Vec<Measure> {
    let measure = |row: &crate::engine::measures::Measure| {
        let view = row.view(now);
        let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
        Measure {
            name: engine.names().text(row.last.name),
            labels: text(row.last.labels),
            host: text(row.last.host),
            kind: row.last.kind.word(),
            value: view.value,
            per_s: view.per_s,
            age_s: to_ms(view.age_s),
            stale: view.stale,
        }
    };
    let mut rows: Vec<Measure> = engine.measures().rows().iter().map(measure).collect();
    rows.sort_by(|a, b| (&a.name, &a.labels, &a.host).cmp(&(&b.name, &b.labels, &b.host)));
    cut(&mut rows, "metrics", left_out);
    rows
}

fn percentiles(([p50, p95, p99], count): stats::Percentiles) -> Percentiles {
    Percentiles { p50, p95, p99, count }
}

fn traffic(engine: &Engine, now: Mono, left_out: &mut LeftOut) -> Vec<Traffic> {
    let view = |row: &Row| View::of(row.id, std::iter::once(row), now, engine.known());
    let rows = engine.cells().traffic().map(|row| traffic_row(engine, &view(row)));
    let mut rows: Vec<Traffic> = rows.filter(|row| row.requests > 0).collect();
    rows.sort_by(order::more_hurt);
    cut(&mut rows, "traffic", left_out);
    rows
}

fn traffic_row(engine: &Engine, row: &View) -> Traffic {
    let counts = &row.minute.counts;
    let calls = counts.requests();
    let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
    let share = |count: u32| f64::from(count) / f64::from(calls.max(1));
    let outcomes = Outcome::ALL.iter().zip(counts.outcomes);
    let limited = LimitedBy::ALL.iter().zip(counts.limited_by);
    let tokens = row
        .minute
        .per_min(counts.input)
        .zip(row.minute.per_min(counts.output))
        .map(|(input, output)| TokensPerMin { input, output });
    Traffic {
        provider: text(row.id.provider),
        model: text(row.id.model),
        endpoint: text(row.id.endpoint),
        requests: calls.into(),
        requests_per_s: row.minute.per_s(),
        outcomes: outcomes
            .filter(|(_, count)| *count > 0)
            .map(|(outcome, count)| (outcome.word(), share(count)))
            .collect(),
        limited_by: limited
            .filter(|(_, count)| *count > 0)
            .map(|(by, count)| (by.word(), share(count)))
            .collect(),
        latency_ms: row.latency.map(percentiles),
        ttft_ms: row.ttft.map(percentiles),
        tokens_per_min: tokens.filter(|_| counts.input + counts.output > 0),
        cache_hit_ratio: row.minute.cache_hit_ratio(),
    }
}

fn retries(engine: &Engine, now: Mono, left_out: &mut LeftOut) -> Vec<Retries> {
    let rows = engine.cells().retries().map(|row| (row, row.view(now, engine.known())));
    let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
    let mut rows: Vec<_> = rows
        .filter(|(_, view)| view.attempts() > 0)
        .map(|(row, view)| (text(row.provider), text(row.model), view))
        .collect();
    rows.sort_by(|(provider, model, view), (other_provider, other_model, other)| {
        let busiest = other.attempts().cmp(&view.attempts());
        busiest.then_with(|| (provider, model).cmp(&(other_provider, other_model)))
    });
    cut(&mut rows, "retries", left_out);
    rows.into_iter().map(|(provider, model, view)| retries_row(provider, model, &view)).collect()
}

fn retries_row(provider: Option<Text>, model: Option<Text>, view: &RetriesView) -> Retries {
    Retries {
        provider,
        model,
        amplification: view.amplification(),
        success_by_attempt: view.success_by_attempt(),
        retry_after_honoured_ratio: view.honoured_ratio(),
        wasted_usd_per_hour: view.wasted_per_hour().map(usd),
        non_retryable_retried_per_s: view.hopeless_per_s().filter(|_| view.attempts() > 0),
    }
}

fn keys(engine: &Engine, now: Mono, left_out: &mut LeftOut) -> Vec<Key> {
    let rows: Vec<_> = engine.cells().callers().map(|row| (row, row.sums(now))).collect();
    let known = engine.known();
    let usd_of_all = rows.iter().fold(NanoUsd::ZERO, |sum, (_, s)| sum + s.usd).as_f64();
    let tokens_of_all: u64 = rows.iter().map(|(_, sums)| sums.tokens).sum();
    let mut keys: Vec<(f64, Key)> = Vec::new();
    let mut any_unpriced = false;
    for (row, sums) in rows.into_iter().filter(|(_, sums)| sums.requests > 0) {
        let covered = row.covered_s(now, known);
        #[allow(clippy::cast_precision_loss, reason = "shares and rates for people")]
        let (tokens, all) = (sums.tokens as f64, tokens_of_all as f64);
        let is_unpriced = sums.passed > 0 && sums.priced == 0;
        any_unpriced |= is_unpriced;
        let share = if usd_of_all > 0.0 {
            (!is_unpriced).then(|| sums.usd.as_f64() / usd_of_all)
        } else {
            (all > 0.0).then(|| tokens / all)
        };
        let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        let key = Key {
            key_id: text(row.key).unwrap_or_else(|| UNATTRIBUTED.into()),
            environment: text(row.environment),
            team: text(row.team),
            requests_per_s: covered.map(|s| f64::from(sums.requests) / s),
            tokens_per_min: covered
                .filter(|_| sums.tokens > 0 || sums.passed == 0)
                .map(|s| (tokens * 60.0 / s).round() as u64),
            usd_per_hour: covered
                .filter(|_| sums.priced > 0)
                .map(|s| usd(sums.usd.as_f64() / s * 3600.0)),
            limited_ratio: f64::from(sums.limited) / f64::from(sums.requests),
            share,
            share_of: if usd_of_all > 0.0 { "spend" } else { "tokens" },
            last_seen_s: row.last().map_or(0.0, |last| to_ms(now.since(last).as_secs_f64())),
        };
        keys.push((share.unwrap_or(0.0), key));
    }
    // Of what nobody knows a price it can't be a share.
    let of_spend = keys.iter_mut().filter(|(_, key)| any_unpriced && key.share_of == "spend");
    of_spend.for_each(|(_, key)| key.share_of = "priced spend");
    let calls = |key: &Key| key.requests_per_s.unwrap_or(0.0);
    keys.sort_by(|(a, x), (b, y)| {
        b.total_cmp(a).then(calls(y).total_cmp(&calls(x))).then(x.key_id.cmp(&y.key_id))
    });
    cut(&mut keys, "keys", left_out);
    keys.into_iter().map(|(_, key)| key).collect()
}

fn alerts(engine: &Engine, now: Stamp, left_out: &mut LeftOut) -> Vec<Alert> {
    let alert = |alert: &crate::engine::Alert| {
        let instance = &alert.instance;
        let threshold = instance.threshold(&alert.rule);
        Alert {
            rule: alert.rule.name.as_str().into(),
            state: instance.phase().word(),
            severity: match threshold.map(|(_, severity)| severity) {
                Some(Severity::Critical) => State::Critical,
                Some(Severity::Warning) => State::Warning,
                _ => State::Ok,
            },
            since: instance.since().rfc3339().into(),
            is_open: instance.is_open(),
            for_s: instance.age(now.mono).as_secs_f64(),
            level_s: instance.level_age(now.mono).as_secs_f64(),
            needs_s: alert.rule.hold.as_secs_f64(),
            labels: alert.labels.clone(),
            title: alert.title.as_str().into(),
            withheld: alert.withheld(),
            trips: alert.trips().map(Into::into).collect(),
            then: alert.then().map(Into::into),
            value: alert.value(),
            threshold: alert.threshold(),
            summary: alert.summary().into(),
            acked_by: alert.acked_by.as_deref().map(Into::into),
            silenced_until: None,
            runbook: alert.rule.runbook.as_deref().map(Into::into),
        }
    };
    let mut shown = engine.book().shown(now);
    cut(&mut shown, "alerts", left_out);
    shown.into_iter().map(alert).collect()
}

fn switches(engine: &Engine, now: Stamp) -> Vec<Switch> {
    let switch = |row: &crate::engine::switches::Row| {
        let state = &row.state;
        let trip = state.trip.as_ref();
        let host = |host: &crate::engine::switches::Host| SwitchHost {
            host: host.host.map_or_else(|| "?".into(), |host| engine.names().text(host)),
            silent: host.silent,
            obeyed: host.obeys(),
            started_after_trip: host.started_after,
            refused: host.refused,
            refused_by_another: host.refused_by_another,
            other_stop: host.other_stop.map(|sym| engine.names().text(sym)),
            last_passed_s: host.last_passed.map(|at| now.mono.since(at).as_secs_f64()),
            refuses_since: host.refuses_since(),
            draining: host.draining,
            start_unknown: host.start_unknown,
        };
        Switch {
            name: state.scope.as_str().into(),
            path: state.path.as_str().into(),
            scope: state.scope.as_str().into(),
            state: match (trip, state.armed) {
                (Some(_), _) => "tripped",
                (None, _) if state.failed || state.in_doubt => "unknown",
                (None, Armed::Armed) => "armed",
                (None, Armed::Disarmed) => "disarmed",
                (None, Armed::Unknown) => "unknown",
            },
            failed: state.failed,
            armed: match state.armed {
                Armed::Armed => Some(!engine.only_looks()),
                Armed::Disarmed => Some(false),
                Armed::Unknown => None,
            },
            since: trip.map(|trip| trip.at.rfc3339().into()),
            made_again_at: trip.and_then(|trip| trip.again).map(|at| at.rfc3339().into()),
            since_s: trip.map(|trip| now.wall.since(trip.at).as_secs_f64()),
            by: trip.and_then(|trip| trip.by.as_deref().map(Into::into)),
            rule: trip.and_then(|trip| trip.rule.as_deref().map(Into::into)),
            reason: trip.and_then(|trip| trip.reason.as_deref().map(Into::into)),
            ttl_s: trip.and_then(|trip| trip.ttl_s.map(f64::from)),
            watched_from: row.watched_from(now).map(|at| at.rfc3339().into()),
            hosts: row.hosts.iter().map(host).collect(),
            problem: state.problem.as_deref().map(Into::into),
        }
    };
    engine.switches().rows().iter().map(switch).collect()
}

fn sources(engine: &Engine, now: Stamp) -> Vec<Source> {
    engine.sources().iter().map(|row| source(row, now)).collect()
}

fn source(row: &SourceRow, now: Stamp) -> Source {
    let state = match row.status.state {
        "live" if row.is_silent() => "silent",
        state => state,
    };
    let catch_up = row.catch_up(now.mono);
    Source {
        name: row.name.name.as_str().into(),
        kind: row.name.kind,
        state: state.into(),
        counts: row.name.calls == Calls::Counted,
        lines: row.lines(),
        lines_now: row.progress.lines.saturating_sub(row.progress.blank),
        tells: row.newest_event.is_some(),
        blank: row.progress.blank,
        bytes: row.progress.bytes,
        faults: row.faults,
        quarantined: row.quarantined,
        faults_by: row.by_reason.clone(),
        ignored: row.ignored,
        duplicates: row.duplicates,
        bytes_behind: row.progress.bytes_behind,
        pending_bytes: row.progress.pending_bytes,
        seconds_behind: row.seconds_behind(now).map(to_ms),
        last_line_age_s: (row.progress.lines > 0).then(|| to_ms(row.last_line_age_s(now))),
        format: row.status.format.as_deref().map(Into::into),
        catch_up_ratio: catch_up.map(|catch_up| catch_up.ratio),
        catch_up_in_s: catch_up.and_then(|catch_up| catch_up.eta_s).map(to_ms),
        problem: row.status.problem.as_deref().map(Into::into),
    }
}

/// Behind by less than this is how a ledger works.
const BEHIND_S: f64 = 2.0;

fn ledger(engine: &Engine, now: Mono) -> Option<Ledger> {
    engine.ledger().map(|row| {
        let behind_s = row.behind_s(now).map(to_ms);
        let late = behind_s.is_some_and(|behind_s| behind_s >= BEHIND_S);
        let behind = late || row.status.problem.is_some();
        Ledger {
            path: Arc::clone(&row.status.path),
            state: match row.status.use_of {
                LedgerUse::LookedAt => "read_only",
                LedgerUse::Kept if behind => "behind",
                LedgerUse::Kept => "ok",
            },
            behind_s,
            problem: row.status.problem.as_deref().map(Into::into),
        }
    })
}

fn findings(engine: &Engine) -> Vec<Finding> {
    let finding = |row: &crate::engine::Finding| Finding {
        kind: row.kind,
        severity: row.severity.map(|severity| match severity {
            Severity::Critical => State::Critical,
            Severity::Warning => State::Warning,
            Severity::Info => State::Ok,
        }),
        at: row.at.rfc3339().into(),
        text: Arc::clone(&row.text),
        count: row.count,
    };
    engine.findings().rows().iter().rev().map(finding).collect()
}

/// Who sent calls lately, whatever they were about.
fn hosts(engine: &Engine, now: Mono) -> Arc<[Text]> {
    let heard = engine.switches().heard.expected(now, |_| true);
    heard.into_iter().map(|host| engine.names().text(host)).collect()
}

fn totals(engine: &Engine) -> Totals {
    let (sum, lines) = (engine.totals(), engine.counters());
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    let tokens = |tokens: i64| sum.tokens_known().then(|| count(tokens));
    Totals {
        requests: count(sum.requests),
        failed: count(sum.failed),
        input_tokens: tokens(sum.input_tokens),
        output_tokens: tokens(sum.output_tokens),
        cost_usd: sum.cost_known().then_some(Usd(sum.cost)),
        unpriced: count(sum.unpriced),
        quarantined: lines.quarantined,
        ignored: lines.ignored,
        duplicates: lines.duplicates,
        faults: lines.faults,
    }
}

/// The load by name, endpoints and teams folded away.
fn load(engine: &Engine, now: Mono) -> Vec<Load> {
    type Slice =
        (Option<Sym>, Option<Sym>, Option<Sym>, Option<Sym>, Option<crate::domain::Priority>);
    let mut sums: BTreeMap<Slice, (u64, Option<f64>)> = BTreeMap::new();
    for cell in engine.cells().load(now, engine.known()) {
        let slice = (cell.row.provider, cell.row.model, cell.key, cell.environment, cell.priority);
        let (calls, per_s) = sums.entry(slice).or_default();
        *calls += u64::from(cell.calls);
        *per_s = cell.per_s.map(|more| per_s.unwrap_or(0.0) + more);
    }
    let text = |sym: Option<Sym>| sym.map(|sym| engine.names().text(sym));
    let load =
        |((provider, model, key, environment, priority), (requests, per_s)): (Slice, _)| Load {
            provider: text(provider),
            model: text(model),
            key: text(key),
            environment: text(environment),
            priority: priority.map(crate::domain::Priority::word),
            requests,
            requests_per_s: per_s,
        };
    sums.into_iter().map(load).collect()
}
