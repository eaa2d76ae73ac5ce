//! SWITCH: what is stopped, by whom, and whether each host obeys. There is no
//! such panel while nothing is tripped or in trouble.

use ratatui::layout::Rect;

use super::pen::Canvas;
use super::table::{Cell, Table, cell, left, plain, right};
use crate::snapshot::{Switch, SwitchHost};
use crate::tui::fmt::{self, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::rows;
use crate::tui::theme::Tone;

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", if area.width < 60 { 14 } else { 20 }),
        right("for", 5),
        // What the logs prove matters more than the end of a rule's name.
        left("by", if area.width < 110 { 11 } else { 40 }).from(60),
        left("", 0),
    ];
    let table =
        Table { panel: Panel::Switches, title: "KILL SWITCH", columns: &columns, empty: "" };
    let Some(snapshot) = model.shown() else { return };
    let elapsed_s = model.shown_age_s();
    table.draw(canvas, area, model, |index| {
        let row = rows::switch_rows(snapshot).nth(index);
        row.map_or_else(Vec::new, |(switch, host)| cells(switch, host, elapsed_s))
    });
}

fn cells(switch: &Switch, host: Option<&SwitchHost>, elapsed_s: f64) -> Vec<Cell> {
    let (symbol, own) = match host.and_then(|host| host.obeyed) {
        Some(false) => ("!", Tone::Critical),
        _ if switch.problem.is_some() => ("?", Tone::Warning),
        Some(true) => (" ", Tone::Strong),
        None => ("?", Tone::Strong),
    };
    if switch.state != "tripped" {
        let texts = [symbol, &*switch.name, fmt::ABSENT, switch.state];
        let cells = texts.map(|text| cell(text, own)).into_iter();
        return cells.chain([cell(proof(switch, host), own)]).collect();
    }
    let since = switch.since_s.map_or(UNKNOWN.into(), |seconds| fmt::span(seconds + elapsed_s));
    vec![
        cell(symbol, own),
        cell(&*switch.name, own),
        plain(since),
        plain(switch.rule.as_ref().or(switch.by.as_ref()).map_or(UNKNOWN, |by| by)),
        cell(proof(switch, host), own),
    ]
}

/// Who tripped it: the rule, else the person.
pub fn cause(switch: &Switch) -> String {
    match (&switch.rule, &switch.by) {
        (Some(rule), _) => format!("rule {rule}"),
        (None, Some(by)) => format!("by {by}"),
        (None, None) => format!("by {UNKNOWN}"),
    }
}

/// `gw-1 OBEYED 12 refused`: what the logs say about the stop.
pub fn proof(switch: &Switch, host: Option<&SwitchHost>) -> String {
    let evidence = evidence(switch.watched_from(), host);
    match &switch.problem {
        // What the logs say about a stop comes first.
        Some(problem) if switch.state == "tripped" => format!("{evidence}; {problem}"),
        Some(problem) => problem.to_string(),
        None => evidence,
    }
}

fn evidence(watched_from: Option<String>, host: Option<&SwitchHost>) -> String {
    let Some(host) = host else {
        let since = watched_from.unwrap_or_else(|| "the trip".into());
        return format!("no call seen since {since}");
    };
    let draining = match host.draining {
        0 => String::new(),
        count => format!(", {} drained", count_text(count)),
    };
    // What it refuses as well tells that it has begun to obey, or that a part of it does:
    // more than what was under way, where there is no room for both.
    let beside = match host.refused {
        0 => draining.clone(),
        count => format!(" {} refused", count_text(count)),
    };
    match host.obeyed {
        Some(true) => {
            format!("{} OBEYED {} refused{draining}", host.host, count_text(host.refused))
        }
        Some(false) => format!(
            "{} NOT OBEYED {} passed{beside}",
            host.host,
            count_text(host.started_after_trip)
        ),
        None if host.start_unknown > 0 => format!(
            "{} NOT PROVEN {} passed, start not logged, {} refused{draining}",
            host.host,
            count_text(host.start_unknown),
            count_text(host.refused)
        ),
        None if host.refused_by_another > 0 => format!(
            "{} NOT PROVEN {} refused by another stop, or not said by which{draining}",
            host.host,
            count_text(host.refused_by_another)
        ),
        None if host.silent => format!("{} not proven: silent since", host.host),
        None => format!("{} no evidence yet{draining}", host.host),
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn count_text(value: u64) -> String {
    fmt::count(value as f64)
}
