//! ALERTS: what fires, since when, and who has it.

use ratatui::layout::Rect;

use super::pen::Canvas;
use super::table::{Cell, Table, cell, left, plain};
use crate::snapshot::{Alert, State};
use crate::tui::fmt::{self, ABSENT};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Tone, mark, tone};

/// Columns from which there is room for how bad it is and who has it: before a rule's
/// name in full, for which there is room from the next on.
const NARROW: u16 = 50;
const FULL: u16 = 72;
const WIDE: u16 = 78;

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", 8),
        left("", if area.width < NARROW { 6 } else { 9 }),
        left("", rule_columns(area.width)),
        left("", 0),
        left("", 4).from(NARROW),
        left("", if area.width < FULL { 8 } else { 9 }).from(NARROW),
        left("", 22).from(WIDE + 22),
    ];
    let table = Table {
        panel: Panel::Alerts,
        title: &title(model),
        columns: &columns,
        empty: "no alert is pending or firing",
    };
    let alerts = model.shown().map_or(&[][..], |snapshot| &snapshot.alerts);
    let elapsed_s = model.shown_age_s();
    table.draw(canvas, area, model, |index| {
        alerts.get(index).map_or_else(Vec::new, |alert| cells(alert, elapsed_s))
    });
}

/// What an alert is about is more than the end of its rule's name.
fn rule_columns(width: u16) -> u16 {
    match width {
        0..NARROW => 0,
        NARROW..FULL => 10,
        FULL.. => 20,
    }
}

/// Findings have no panel of their own on a small screen, so they are counted here.
fn title(model: &Model) -> String {
    let findings = model.shown().map_or(0, |snapshot| snapshot.findings.len());
    match findings {
        0 => "ALERTS".into(),
        1 => "ALERTS, 1 finding".into(),
        count => format!("ALERTS, {count} findings"),
    }
}

fn cells(alert: &Alert, elapsed_s: f64) -> Vec<Cell> {
    let calm = alert.state == "resolved" || alert.silenced_until.is_some();
    let (symbol, own) = match (calm, alert.state) {
        (true, _) => (" ", Tone::Quiet),
        (false, "no_data") => (mark(State::Unknown), Tone::Quiet),
        (false, "pending") => ("~", Tone::Warning),
        (false, _) => (mark(alert.severity), tone(alert.severity)),
    };
    vec![
        cell(symbol, own),
        cell(word(alert), own),
        cell(time(alert, elapsed_s), own),
        cell(&*alert.rule, own),
        cell(title_of(alert), own),
        plain(match alert.severity {
            State::Critical => "page",
            State::Warning => "warn",
            State::Ok | State::Unknown => "info",
        }),
        plain(format!("ack {}", alert.acked_by.as_deref().unwrap_or(ABSENT))),
        cell(&*alert.summary, Tone::Quiet),
    ]
}

/// What it is about; first that it would have tripped something, and did not or will not.
fn title_of(alert: &Alert) -> String {
    match alert.withheld {
        Some(why) => format!("{why}: {}", alert.title),
        None => alert.title.to_string(),
    }
}

fn word(alert: &Alert) -> &'static str {
    match alert.state {
        _ if alert.silenced_until.is_some() => "SILENCED",
        "firing" => "FIRING",
        "pending" => "PENDING",
        "resolved" => "RESOLVED",
        "no_data" => "NO DATA",
        other => other,
    }
}

/// Time in this state, as bad as now, and how long it must last before it fires.
fn time(alert: &Alert, elapsed_s: f64) -> String {
    let since = fmt::span(alert.level_s.min(alert.for_s) + elapsed_s);
    if alert.state == "pending" && alert.needs_s > 0.0 {
        return format!("{since}/{}", fmt::span(alert.needs_s));
    }
    since
}
