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

/// Columns below which what a host does comes before its name, and below which there is
/// only room for that and the scope.
const NARROW: u16 = 60;
const NARROWEST: u16 = 45;

/// What a proof begins with: where it may be cut off, with what must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum First {
    Host,
    Word,
}

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", scope_columns(area.width)),
        right("for", 5).from(NARROWEST),
        // What the logs prove matters more than the end of a rule's name.
        left("by", if area.width < 110 { 11 } else { 40 }).from(NARROW),
        left("", 0),
    ];
    let table =
        Table { panel: Panel::Switches, title: "KILL SWITCH", columns: &columns, empty: "" };
    let Some(snapshot) = model.shown() else { return };
    let elapsed_s = model.shown_age_s();
    let first = if area.width < NARROW { First::Word } else { First::Host };
    table.draw(canvas, area, model, |index| {
        let row = rows::switch_rows(snapshot).nth(index);
        row.map_or_else(Vec::new, |(switch, host)| cells(switch, host, first, elapsed_s))
    });
}

fn scope_columns(width: u16) -> u16 {
    match width {
        0..NARROWEST => 8,
        NARROWEST..NARROW => 14,
        NARROW.. => 20,
    }
}

fn cells(switch: &Switch, host: Option<&SwitchHost>, first: First, elapsed_s: f64) -> Vec<Cell> {
    let (symbol, own) = match host.and_then(|host| host.obeyed) {
        Some(false) => ("!", Tone::Critical),
        _ if switch.problem.is_some() => ("?", Tone::Warning),
        Some(true) => (" ", Tone::Strong),
        None => ("?", Tone::Strong),
    };
    if switch.state != "tripped" {
        let texts = [symbol, &*switch.name, fmt::ABSENT, switch.state];
        let cells = texts.map(|text| cell(text, own)).into_iter();
        return cells.chain([cell(proof(switch, host, first, elapsed_s), own)]).collect();
    }
    let since = switch.since_s.map_or(UNKNOWN.into(), |seconds| fmt::span(seconds + elapsed_s));
    vec![
        cell(symbol, own),
        cell(&*switch.name, own),
        plain(since),
        plain(switch.rule.as_ref().or(switch.by.as_ref()).map_or(UNKNOWN, |by| by)),
        cell(proof(switch, host, first, elapsed_s), own),
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
pub fn proof(switch: &Switch, host: Option<&SwitchHost>, first: First, elapsed_s: f64) -> String {
    let evidence = evidence(switch.watched_from(), host, first, elapsed_s);
    match &switch.problem {
        // What the logs say about a stop comes first.
        Some(problem) if switch.state == "tripped" => format!("{evidence}; {problem}"),
        Some(problem) => problem.to_string(),
        None => evidence,
    }
}

fn evidence(
    watched_from: Option<String>,
    host: Option<&SwitchHost>,
    first: First,
    elapsed_s: f64,
) -> String {
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
    let beside = match (host.none_passed_for(elapsed_s), host.refused) {
        (Some(for_s), _) => format!(", none for {}", fmt::age(for_s)),
        (None, 0) => draining.clone(),
        (None, count) => format!(" {} refused", count_text(count)),
    };
    let refused = || count_text(host.refused);
    let (word, rest) = match host.obeyed {
        Some(true) => ("OBEYED", format!(" {} refused{draining}", refused())),
        Some(false) => {
            ("NOT OBEYED", format!(" {} passed{beside}", count_text(host.started_after_trip)))
        }
        None if host.start_unknown > 0 => {
            let passed = count_text(host.start_unknown);
            let rest =
                format!(" {passed} passed, start not logged, {} refused{draining}", refused());
            ("NOT PROVEN", rest)
        }
        None if host.refused_by_another > 0 => {
            let refused = count_text(host.refused_by_another);
            let by = match &host.other_stop {
                Some(other) => format!("another stop, {other}"),
                None => "another stop, or not said by which".to_owned(),
            };
            ("NOT PROVEN", format!(" {refused} refused by {by}{draining}"))
        }
        None if host.silent => ("not proven", ": silent since".to_owned()),
        None => ("no evidence yet", draining),
    };
    match first {
        First::Host => format!("{} {word}{rest}", host.host),
        First::Word => format!("{word} {}{rest}", host.host),
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn count_text(value: u64) -> String {
    fmt::count(value as f64)
}
