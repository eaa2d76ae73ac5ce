//! WHO: which keys do it, dearest first.

use ratatui::layout::Rect;

use super::pen::Canvas;
use super::table::{Cell, Table, cell, gauge, left, right};
use crate::snapshot::Key;
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Theme, Tone};

const GAUGE: u16 = 12;
/// Share of refused calls from which a key is marked.
const LIMITED: f64 = 0.2;

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", 0),
        left("", 8),
        right("req/s", 6),
        right("tok/m", 6),
        right("$/h", 6),
        right("429", 5),
        right("share", 5),
        left("", GAUGE).from(78),
        right("seen", 5).from(96),
    ];
    let table = Table {
        panel: Panel::Who,
        title: "WHO 5m",
        columns: &columns,
        empty: "no log names a key",
    };
    let keys = model.shown().map_or(&[][..], |snapshot| &snapshot.keys);
    let (elapsed_s, theme) = (model.shown_age_s(), canvas.theme());
    let old = model.old_data_s().is_some();
    table.draw(canvas, area, model, |index| {
        keys.get(index).map_or_else(Vec::new, |key| cells(key, old, elapsed_s, theme))
    });
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn cells(key: &Key, old: bool, elapsed_s: f64, theme: Theme) -> Vec<Cell> {
    let (mark, tone) = match key.limited_ratio {
        // Rates of data that stopped are no present ones.
        _ if old => ("?", Tone::Quiet),
        limited if limited >= LIMITED => ("~", Tone::Warning),
        _ => (" ", Tone::Plain),
    };
    let plain = |text: String| cell(text, if old { Tone::Quiet } else { Tone::Plain });
    let name = match &key.team {
        Some(team) => format!("{} ({team})", key.title()),
        None => key.title().to_owned(),
    };
    vec![
        cell(mark, tone),
        cell(name, tone),
        plain(key.environment.as_deref().unwrap_or(ABSENT).to_owned()),
        plain(key.requests_per_s.map_or(UNKNOWN.into(), fmt::rate)),
        plain(key.tokens_per_min.map_or(UNKNOWN.into(), |tokens| fmt::count(tokens as f64))),
        plain(key.usd_per_hour.map_or(UNKNOWN.into(), |usd| fmt::money(usd.0.as_f64()))),
        cell(fmt::percent(key.limited_ratio), tone),
        plain(key.share.map_or(UNKNOWN.into(), fmt::percent)),
        cell(gauge(theme, key.share, usize::from(GAUGE)), Tone::Gauge),
        cell(fmt::age(key.last_seen_s + elapsed_s), Tone::Plain),
    ]
}
