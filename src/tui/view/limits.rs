//! LIMITS: what is left of each limit and when it comes back, worst first.

use ratatui::layout::Rect;

use super::pen::Canvas;
use super::table::{Cell, Table, both_ends, cell, gauge, left, plain, right};
use crate::snapshot::{Limit, LimitName, Number, State};
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Theme, Tone, mark, tone};

/// Columns below which owner and model share a field, and what a tired reader can do
/// without is left out.
const NARROW: u16 = 74;
/// Columns from which there is room for a gauge: a name comes before it.
const GAUGED: u16 = 40;
/// Columns from which there is room for when it runs out.
const FORECAST: u16 = 52;
const WIDE: u16 = 120;
/// Columns that everything but the gauge takes on a wide screen.
const WIDE_REST: u16 = 106;

/// Position among the columns of what the limit is about.
const ABOUT: usize = 2;
/// Columns of what it counts, and how many more there may be for the label of a plan.
const KIND: usize = 5;
const LONG_KIND: usize = 14;

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let gauge_columns = match area.width {
        0..NARROW => 8,
        NARROW..WIDE => 12,
        WIDE.. => (area.width - WIDE_REST).clamp(20, 40),
    };
    let limits = model.shown().map_or(&[][..], |snapshot| &snapshot.limits);
    let kind_columns = kind_columns(limits, area.width);
    let columns = [
        left("", 1),
        left("", 9).from(NARROW),
        left("", 0),
        left("", u16::try_from(kind_columns).unwrap_or(u16::MAX)),
        left("left", gauge_columns).from(GAUGED),
        right("", 5),
        right("limit", 6).from(WIDE),
        right("reset", 5),
        right("empty in", 9).from(FORECAST),
        right("drift", 6).from(WIDE),
        right("rst err", 7).from(150),
        left("src", 4).from(NARROW),
        left("age", 5).from(NARROW),
    ];
    let table = Table {
        panel: Panel::Limits,
        title: "LIMITS worst first",
        columns: &columns,
        empty: "no limit seen yet: they come from response headers, or from 429 answers",
    };
    let (elapsed_s, theme) = (model.shown_age_s(), canvas.theme());
    let narrow = area.width < NARROW;
    let about_columns = table.columns_of(ABOUT, area.width);
    table.draw(canvas, area, model, |index| {
        let Some(limit) = limits.get(index) else { return Vec::new() };
        let mut name = limit.name();
        if narrow {
            name.about = joined(&name);
        }
        if limit.has_twin {
            name.about = both_ends(&name.about, about_columns);
        }
        name.kind = both_ends(&name.kind, kind_columns);
        cells(limit, name, elapsed_s, gauge_columns, theme)
    });
}

/// As many columns as the longest one has, as far as there is room.
fn kind_columns(limits: &[Limit], width: u16) -> usize {
    let most = match width {
        0..NARROW => KIND + 2,
        NARROW..WIDE => KIND + 4,
        WIDE.. => LONG_KIND,
    };
    let longest = limits.iter().map(|limit| crate::text::width(&limit.name().kind)).max();
    longest.unwrap_or(KIND).clamp(KIND, most)
}

fn cells(
    limit: &Limit,
    name: LimitName,
    elapsed_s: f64,
    gauge_columns: u16,
    theme: Theme,
) -> Vec<Cell> {
    let state = if limit.exhausted { State::Critical } else { limit.state };
    // Old evidence keeps its number and loses its colour.
    let (word, bar) = match (limit.stale, state) {
        (true, _) => (Tone::Quiet, Tone::Quiet),
        (false, State::Ok) => (Tone::Plain, Tone::Gauge),
        (false, state) => (tone(state), tone(state)),
    };
    let quiet = if limit.stale { Tone::Quiet } else { Tone::Plain };
    let left = left_ratio(limit);
    vec![
        cell(if limit.stale && !limit.exhausted { "?" } else { mark(state) }, word),
        cell(&*name.owner, word),
        cell(name.about, word),
        cell(name.kind, word),
        cell(gauge(theme, left, usize::from(gauge_columns)), bar),
        cell(left_text(limit, left), word),
        cell(limit.limit.map_or(UNKNOWN.into(), |Number(value)| fmt::count(value)), quiet),
        cell(reset_text(limit, elapsed_s), quiet),
        cell(empty_text(limit, elapsed_s), word),
        cell(limit.drift_ratio.map_or(ABSENT.into(), fmt::signed_percent), quiet),
        cell(limit.reset_error_s.map_or(ABSENT.into(), |s| format!("{s:+.1}s")), quiet),
        plain(short_source(limit.source)),
        cell(age_text(limit, elapsed_s), quiet),
    ]
}

/// What is left, 0..1. A refusal beats every computed headroom.
fn left_ratio(limit: &Limit) -> Option<f64> {
    if limit.exhausted {
        return Some(0.0);
    }
    limit.remaining_ratio.or_else(|| limit.used_ratio.map(|used| (1.0 - used).clamp(0.0, 1.0)))
}

fn left_text(limit: &Limit, ratio: Option<f64>) -> String {
    let read = limit.remaining_when_read.zip(limit.limit.filter(|size| size.0 > 0.0));
    let read = read.map(|(Number(read), Number(size))| fmt::percent((read / size).min(1.0)));
    let is_worked_out = read.is_some() && read != ratio.map(fmt::percent);
    let estimate = if is_worked_out || limit.source == "estimate" { "~" } else { "" };
    match (ratio, limit.remaining) {
        (Some(ratio), _) => format!("{estimate}{}", fmt::percent(ratio)),
        (None, Some(Number(remaining))) => format!("{estimate}{}", fmt::count(remaining)),
        (None, None) => UNKNOWN.into(),
    }
}

fn reset_text(limit: &Limit, elapsed_s: f64) -> String {
    match limit.reset_in_s {
        Some(seconds) if seconds <= elapsed_s && is_full(limit) => "full".into(),
        Some(seconds) => fmt::span(seconds - elapsed_s),
        None if limit.resource == "concurrency" => ABSENT.into(),
        None if limit.was_reset => "past".into(),
        None => UNKNOWN.into(),
    }
}

fn empty_text(limit: &Limit, elapsed_s: f64) -> String {
    if limit.is_rejected() {
        return "rejected".into();
    }
    if limit.exhausted {
        return "NOW".into();
    }
    match limit.exhausts_in_s {
        // Only what is empty is empty now.
        Some(seconds) if seconds - elapsed_s < 1.0 => "<1s".into(),
        Some(seconds) => fmt::span(seconds - elapsed_s),
        None if limit.resource == "concurrency" => ABSENT.into(),
        None if limit.stale || limit.reset_in_s.is_none() => UNKNOWN.into(),
        None if is_full(limit) => ABSENT.into(),
        None => "after rst".into(),
    }
}

/// A bucket that refills all the time, and has.
fn is_full(limit: &Limit) -> bool {
    limit.reset_kind == Some("full") && !limit.exhausted && limit.reset_in_s == Some(0.0)
}

fn age_text(limit: &Limit, elapsed_s: f64) -> String {
    let age = fmt::age(limit.age_s + elapsed_s);
    if limit.stale { format!("{age}!") } else { age }
}

/// Owner and what it is about in one short field.
fn joined(name: &LimitName) -> String {
    let owner: String = name.owner.chars().take(4).collect();
    if name.about.is_empty() { owner } else { format!("{owner}/{}", name.about) }
}

fn short_source(source: &str) -> &str {
    match source {
        "header" => "hdr",
        "metric" => "mtrc",
        "estimate" => "est",
        other => other,
    }
}
