//! Which panel stands where at which size.
//!
//! Heights follow fixed budgets, not the data of the moment, so that rows stay
//! where the eye left them. Only a trip, the size, or a longer list on a screen
//! with room to spare moves a panel.

use ratatui::layout::Rect;

use super::header;
use crate::snapshot::Switch;
use crate::tui::model::{Model, Panel, Screen};
use crate::tui::rows;

/// Smallest size with panels; below it there is only the verdict.
const SMALLEST: (u16, u16) = (30, 6);
/// Columns from which every panel fits.
const FULL_WIDTH: u16 = 60;
/// Columns from which panels stand side by side.
const WIDE: u16 = 120;
/// Blank columns between two panels side by side.
const GUTTER: u16 = 2;
/// Rows of the longest verdict, on a screen of any height.
const MOST_VERDICT: u16 = 5;
/// Rows a panel needs to be worth adding below the others.
const EXTRA: u16 = 3;

/// Where things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Too small for panels.
    Verdict(Rect),
    /// First row, verdict, panels, last row.
    Full {
        /// State, clock, data age, kill switch.
        header: Rect,
        /// The sentence that matters.
        verdict: Rect,
        /// Panels from top to bottom.
        panels: Vec<(Panel, Rect)>,
        /// Keys, notices, what is being typed.
        footer: Rect,
    },
}

impl Layout {
    /// The layout of a model on an area.
    #[must_use]
    pub fn of(model: &Model, area: Rect) -> Layout {
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            return Layout::Verdict(area);
        }
        let verdict_rows = verdict_rows(model, area);
        let line = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
        let body = line(1 + verdict_rows, area.height - 2 - verdict_rows);
        Layout::Full {
            header: line(0, 1),
            verdict: line(1, verdict_rows),
            panels: panels(model, body),
            footer: line(area.height - 1, 1),
        }
    }

    /// The rows of a panel that are visible below its title, 0 if it is not there.
    #[must_use]
    pub fn height_of(&self, panel: Panel) -> usize {
        let Layout::Full { panels, .. } = self else { return 0 };
        let area = panels.iter().find(|(at, _)| *at == panel).map(|(_, area)| *area);
        area.map_or(0, |area| usize::from(area.height.saturating_sub(1 + lead(panel))))
    }

    /// The panels on the screen, in order.
    pub fn panels(&self) -> impl Iterator<Item = Panel> {
        let panels = match self {
            Layout::Verdict(_) => &[][..],
            Layout::Full { panels, .. } => panels,
        };
        panels.iter().map(|(panel, _)| *panel)
    }
}

/// Rows of a panel that stand before its list and the list's own head.
pub const fn lead(panel: Panel) -> u16 {
    match panel {
        Panel::Traffic => 3,
        _ => 0,
    }
}

/// A sentence that is cut off may say the opposite: it gets the rows that it needs, as far
/// as the panels can spare them. Where it often needs more than one it always has them, so
/// that the panels stay where they are.
fn verdict_rows(model: &Model, area: Rect) -> u16 {
    let least = match (area.width, area.height) {
        (..FULL_WIDTH, height) => (height / 7).clamp(1, 4),
        (..160, 27..) => 2,
        // Behind a trip there is most to say: who did it, who obeys, and what binds.
        (..160, 24..) if is_tripped(model) => 2,
        _ => 1,
    };
    let most = most_verdict_rows(area.height).max(least);
    header::verdict_rows(model, area.width, most).max(model.verdict.rows).clamp(least, most)
}

/// The most rows that a verdict gets on a screen of this height.
pub fn most_verdict_rows(height: u16) -> u16 {
    (height / 4).clamp(1, MOST_VERDICT)
}

fn is_tripped(model: &Model) -> bool {
    let switches = model.live.as_deref().map_or(&[][..], |live| &live.switches);
    switches.iter().any(Switch::is_wanted)
}

fn panels(model: &Model, body: Rect) -> Vec<(Panel, Rect)> {
    if model.screen == Screen::Sources || is_waiting(model) {
        let findings = height(model, Panel::Findings).min(body.height / 3);
        let bands = [band(Panel::Sources, body.height - findings), band(Panel::Findings, findings)];
        return place(&bands, body, 0);
    }
    let mut bands = budget(model, body);
    shrink(&mut bands, body.height);
    grow(model, &mut bands, body.height);
    let gap = breathing_room(&bands, body.height);
    place(&bands, body, gap)
}

/// No call and no limit has been seen, so there is nothing to show but where
/// they should come from.
pub fn is_waiting(model: &Model) -> bool {
    model.shown().is_none_or(|snapshot| {
        snapshot.totals.requests == 0
            && snapshot.limits.is_empty()
            && snapshot.traffic.is_empty()
            && snapshot.queues.is_empty()
            && !snapshot.switches.iter().any(Switch::is_wanted)
    })
}

/// Not one line has been read, understood or not.
pub fn nothing_read(model: &Model) -> bool {
    let sources = model.shown().map_or(&[][..], |snapshot| &snapshot.sources);
    sources.iter().all(|source| source.lines == 0)
}

/// One or two panels side by side.
#[derive(Clone, Copy, Debug)]
struct Band {
    left: Panel,
    right: Option<Panel>,
    height: u16,
    /// Giving up rows goes down to this, then to nothing.
    least: u16,
}

const fn band(panel: Panel, height: u16) -> Band {
    Band { left: panel, right: None, height, least: height }
}

const fn pair(left: Panel, right: Panel, height: u16) -> Band {
    Band { left, right: Some(right), height, least: height }
}

/// What each band has on a screen of ordinary height, from top to bottom.
fn budget(model: &Model, body: Rect) -> Vec<Band> {
    let mut bands = Vec::with_capacity(8);
    let trips = height(model, Panel::Switches);
    if trips > 0 {
        bands.push(band(Panel::Switches, trips.min(3)));
    }
    if body.width >= WIDE {
        bands.extend([
            Band { least: 3, ..band(Panel::Limits, 6) },
            Band { least: 2, ..pair(Panel::Spend, Panel::Queue, 3) },
            Band { least: 3, ..pair(Panel::Traffic, Panel::Retries, 4) },
            Band { least: 2, ..pair(Panel::Alerts, Panel::Who, 5) },
        ]);
    } else if body.width >= FULL_WIDTH {
        bands.extend([
            Band { least: 3, ..band(Panel::Limits, 6) },
            Band { least: 2, ..band(Panel::Spend, 3) },
            band(Panel::Queue, 1),
            Band { least: 2, ..band(Panel::Traffic, 3) },
            Band { least: 3, ..band(Panel::Alerts, 4) },
            Band { least: 2, ..band(Panel::Who, 4) },
        ]);
    } else {
        bands.extend([
            Band { least: 3, ..band(Panel::Limits, 6) },
            Band { least: 2, ..band(Panel::Spend, 3) },
            band(Panel::Traffic, 3),
            Band { least: 2, ..band(Panel::Alerts, 3) },
        ]);
    }
    bands
}

/// Give up rows until the bands fit. A trip first takes rows from the long
/// lists; after that whole panels go, least urgent first.
fn shrink(bands: &mut Vec<Band>, room: u16) {
    let used = |bands: &[Band]| bands.iter().map(|band| band.height).sum::<u16>();
    if bands.first().is_some_and(|band| band.left == Panel::Switches) {
        for panel in [Panel::Who, Panel::Limits] {
            let excess = used(bands).saturating_sub(room);
            give(bands, panel, excess);
        }
    }
    // What the verdict needs, that list can spare.
    let excess = used(bands).saturating_sub(room);
    give(bands, Panel::Who, excess);
    // Who does it is worth more than a second cap.
    let excess = used(bands).saturating_sub(room);
    give(bands, Panel::Spend, excess);
    drop_band(bands, Panel::Who, room);
    for panel in [Panel::Spend, Panel::Traffic, Panel::Limits, Panel::Alerts] {
        let excess = used(bands).saturating_sub(room);
        give(bands, panel, excess);
    }
    for panel in [Panel::Queue, Panel::Traffic, Panel::Spend, Panel::Alerts] {
        drop_band(bands, panel, room);
    }
    let excess = used(bands).saturating_sub(room);
    if let Some(last) = bands.last_mut() {
        last.height = last.height.saturating_sub(excess);
    }
    // A title by itself says nothing.
    bands.retain(|band| band.height > u16::from(band.left != Panel::Queue));
}

fn give(bands: &mut [Band], panel: Panel, rows: u16) {
    if let Some(band) = bands.iter_mut().find(|band| band.left == panel) {
        band.height = band.height.saturating_sub(rows).max(band.least.min(band.height));
    }
}

/// Drop the band of a panel if the bands do not fit with it. What stands beside a
/// more urgent panel stays with it.
fn drop_band(bands: &mut Vec<Band>, panel: Panel, room: u16) {
    let used: u16 = bands.iter().map(|band| band.height).sum();
    if used > room {
        bands.retain(|band| band.left != panel);
    }
}

/// Hand out rows that are left, one at a time, to bands with more to show;
/// then add what usually has no place.
fn grow(model: &Model, bands: &mut Vec<Band>, room: u16) {
    let mut spare = room.saturating_sub(bands.iter().map(|band| band.height).sum());
    let mut grew = true;
    while spare > 0 && grew {
        grew = false;
        for band in bands.iter_mut() {
            let wanted = height(model, band.left).max(band.right.map_or(0, |p| height(model, p)));
            let single_row = band.left == Panel::Queue;
            if spare > 0 && band.height < wanted && !single_row {
                band.height += 1;
                spare -= 1;
                grew = true;
            }
        }
    }
    if spare >= EXTRA && bands.len() > 3 {
        let wide = bands.iter().any(|band| band.right.is_some());
        let wanted = height(model, Panel::Sources).max(height(model, Panel::Findings)).max(2);
        if wide {
            bands.push(pair(Panel::Sources, Panel::Findings, wanted.min(spare)));
        } else {
            bands.push(band(Panel::Sources, height(model, Panel::Sources).max(2).min(spare)));
        }
    }
}

/// Rows a panel would like: its title, and all its rows.
fn height(model: &Model, panel: Panel) -> u16 {
    let rows = model.shown().map_or(0, |snapshot| rows::len(snapshot, panel));
    let rows = u16::try_from(rows).unwrap_or(u16::MAX / 2).min(u16::MAX / 2);
    if rows == 0 { 0 } else { rows + 1 + lead(panel) }
}

/// A blank row below each band, where there is room for all of them.
fn breathing_room(bands: &[Band], room: u16) -> u16 {
    let used: u16 = bands.iter().map(|band| band.height).sum();
    u16::from(usize::from(room.saturating_sub(used)) >= bands.len())
}

fn place(bands: &[Band], body: Rect, gap: u16) -> Vec<(Panel, Rect)> {
    let mut placed = Vec::with_capacity(bands.len() * 2);
    let mut y = body.y;
    for band in bands {
        let area = Rect { y, height: band.height, ..body }.intersection(body);
        y = y.saturating_add(band.height + gap);
        match band.right {
            _ if area.height == 0 => {}
            None => placed.push((band.left, area)),
            Some(right) => {
                let width = body.width.saturating_sub(GUTTER).div_ceil(2);
                let x = area.x + width + GUTTER;
                placed.push((band.left, Rect { width, ..area }));
                placed.push((right, Rect { x, width: area.right().saturating_sub(x), ..area }));
            }
        }
    }
    placed
}
