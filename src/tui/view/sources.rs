//! SOURCES and FINDINGS: where the numbers come from and what is wrong there.

use ratatui::layout::Rect;

use super::layout::nothing_read;
use super::pen::Canvas;
use super::table::{Cell, Table, cell, left, path_end, plain, right};
use crate::snapshot::{Source, State};
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::Tone;

/// Position of the name among the columns.
const NAME: usize = 1;

/// Draw the sources.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    // Before the first line only names and states matter, in full.
    let counts = if nothing_read(model) { u16::MAX } else { 0 };
    let columns = [
        left("", 1),
        left("", 0),
        left("state", 11),
        right("lines", 6).from(counts),
        right("bad", 5).from(counts.max(40)),
        right("behind", 6).from(counts.max(96)),
        right("last", 5).from(counts.max(50)),
        left("format", 16).from(counts.max(90)),
        left("", 0).from(78),
    ];
    let table = Table {
        panel: Panel::Sources,
        title: "SOURCES",
        columns: &columns,
        empty: "no source is configured and no file was named",
    };
    let sources = model.shown().map_or(&[][..], |snapshot| &snapshot.sources);
    let elapsed_s = model.shown_age_s();
    let name_columns = table.columns_of(NAME, area.width);
    table.draw(canvas, area, model, |index| {
        sources.get(index).map_or_else(Vec::new, |source| cells(source, elapsed_s, name_columns))
    });
}

/// Draw the findings.
pub fn draw_findings(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [left("", 1), left("", 18), right("times", 6), left("", 0)];
    let table = Table {
        panel: Panel::Findings,
        title: "FINDINGS",
        columns: &columns,
        empty: "nothing odd was found",
    };
    let findings = model.shown().map_or(&[][..], |snapshot| &snapshot.findings);
    table.draw(canvas, area, model, |index| {
        let Some(finding) = findings.get(index) else { return Vec::new() };
        let (mark, tone) = match finding.severity {
            Some(State::Critical) => ("!", Tone::Critical),
            _ => ("~", Tone::Warning),
        };
        vec![
            cell(mark, tone),
            cell(finding.kind, Tone::Strong),
            plain(count(finding.count)),
            plain(&*finding.text),
        ]
    });
}

fn cells(source: &Source, elapsed_s: f64, name_columns: usize) -> Vec<Cell> {
    let (mark, tone) = match &*source.state {
        "live" | "ended" | "catching_up" => (" ", Tone::Plain),
        "waiting" => ("?", Tone::Plain),
        "silent" => ("~", Tone::Warning),
        _ => ("!", Tone::Critical),
    };
    let bad = source.faults.saturating_add(source.quarantined);
    let bad_tone = if source.quarantined > 0 { Tone::Critical } else { Tone::Plain };
    let last = source.last_line_age_s.map(|age| age + elapsed_s);
    let behind = match source.seconds_behind {
        Some(seconds) => fmt::age(seconds),
        None if source.bytes_behind > 0 => fmt::size(source.bytes_behind),
        None => ABSENT.into(),
    };
    let note = source.problem.as_deref().map(ToOwned::to_owned).or_else(|| catch_up(source));
    vec![
        cell(mark, tone),
        cell(path_end(&source.name, name_columns), tone),
        cell(&*source.state, tone),
        plain(count(source.lines)),
        cell(count(bad), bad_tone),
        plain(behind),
        plain(last.map_or(ABSENT.into(), fmt::age)),
        plain(source.format.as_deref().unwrap_or(UNKNOWN)),
        cell(note.unwrap_or_default(), Tone::Warning),
    ]
}

/// `42% read, 12s to go`.
fn catch_up(source: &Source) -> Option<String> {
    let ratio = source.catch_up_ratio?;
    let left = source.catch_up_in_s.map(|s| format!(", {} to go", fmt::age(s)));
    Some(format!("{:.0}% read{}", (ratio * 100.0).floor(), left.unwrap_or_default()))
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn count(value: u64) -> String {
    fmt::count(value as f64)
}
