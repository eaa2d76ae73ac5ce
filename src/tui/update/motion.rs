//! Moving: between panels, between rows, and through long texts.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;

use crate::tui::model::{Cursor, Model, Overlay, Panel};
use crate::tui::rows;
use crate::tui::view::{self, Layout};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Way {
    Up,
    Down,
}

/// A key that moves, if it is one.
pub fn on_key(model: &mut Model, code: KeyCode) {
    let page = page(model);
    match code {
        KeyCode::Char('j') | KeyCode::Down => scroll(model, 1),
        KeyCode::Char('k') | KeyCode::Up => scroll(model, -1),
        KeyCode::PageDown => scroll(model, page),
        KeyCode::PageUp => scroll(model, -page),
        KeyCode::Char('g') | KeyCode::Home => scroll(model, isize::MIN),
        KeyCode::Char('G') | KeyCode::End => scroll(model, isize::MAX),
        KeyCode::Tab if is_bare(model) => focus_next(model, Way::Down),
        KeyCode::BackTab if is_bare(model) => focus_next(model, Way::Up),
        _ => {}
    }
}

/// Half a page.
pub fn scroll_half_page(model: &mut Model, way: Way) {
    let half = (page(model) / 2).max(1);
    scroll(model, if way == Way::Down { half } else { -half });
}

/// Move so many rows: through the text that lies over the screen, else through
/// the focused panel.
pub fn scroll(model: &mut Model, rows: isize) {
    let (columns, lines) = (model.size.width, model.size.height);
    let window = usize::from(lines.saturating_sub(5).max(1));
    let detail_lines = match &model.overlay {
        Overlay::Detail { panel, name, .. } => view::detail_len(model, *panel, name),
        _ => 0,
    };
    match &mut model.overlay {
        Overlay::Help { top } => {
            *top = moved(*top, rows, view::HELP_LINES.saturating_sub(window) + 1);
        }
        Overlay::Detail { top, .. } => {
            *top = moved(*top, rows, detail_lines.saturating_sub(window) + 1);
        }
        Overlay::None if columns > 0 => scroll_rows(model, rows),
        _ => {}
    }
}

/// Give the focus to a panel, if it is on the screen and has rows.
pub fn focus(model: &mut Model, panel: Panel) {
    if focusable(model).contains(&panel) {
        model.focus = Some(panel);
        set_cursor(model, panel, model.cursors.get(&panel).map_or(0, |cursor| cursor.index));
    }
}

/// Give the focus to the panel after, or before, the focused one.
pub fn focus_next(model: &mut Model, way: Way) {
    let panels = focusable(model);
    if panels.is_empty() {
        return;
    }
    let at = model.focus.and_then(|focus| panels.iter().position(|panel| *panel == focus));
    let next = match (at, way) {
        (None, Way::Down) => 0,
        (None, Way::Up) => panels.len() - 1,
        (Some(at), Way::Down) => (at + 1) % panels.len(),
        (Some(at), Way::Up) => (at + panels.len() - 1) % panels.len(),
    };
    if let Some(panel) = panels.get(next) {
        focus(model, *panel);
    }
}

/// Rows have changed places: keep each cursor on the row it was on, by name; if
/// that row is gone, on the row that took its place.
pub fn follow_rows(model: &mut Model) {
    let panels: Vec<Panel> = model.cursors.keys().copied().collect();
    for panel in panels {
        let name = model.cursors.get(&panel).and_then(|cursor| cursor.name.clone());
        let index = name.and_then(|name| model.find(panel, &name));
        let place = index.and_then(|index| model.rows(panel).iter().position(|at| *at == index));
        let fallback = model.cursors.get(&panel).map_or(0, |cursor| cursor.index);
        set_cursor(model, panel, place.unwrap_or(fallback));
    }
}

fn scroll_rows(model: &mut Model, rows: isize) {
    let Some(panel) = model.focus else {
        focus_next(model, Way::Down);
        return;
    };
    let count = model.rows(panel).len();
    let at = model.cursors.get(&panel).map_or(0, |cursor| cursor.index);
    set_cursor(model, panel, moved(at, rows, count));
}

fn set_cursor(model: &mut Model, panel: Panel, place: usize) {
    let rows = model.rows(panel);
    let index = place.min(rows.len().saturating_sub(1));
    let name = rows
        .get(index)
        .zip(model.shown())
        .and_then(|(&row, snapshot)| rows::name(snapshot, panel, row));
    model.cursors.insert(panel, Cursor { index, name });
}

fn focusable(model: &Model) -> Vec<Panel> {
    layout(model).panels().filter(|panel| !model.rows(*panel).is_empty()).collect()
}

fn page(model: &Model) -> isize {
    let rows = match (&model.overlay, model.focus) {
        (Overlay::None, Some(panel)) => layout(model).height_of(panel),
        _ => usize::from(model.size.height.saturating_sub(4)),
    };
    isize::try_from(rows.max(1)).unwrap_or(1)
}

fn layout(model: &Model) -> Layout {
    Layout::of(model, Rect::new(0, 0, model.size.width, model.size.height))
}

fn is_bare(model: &Model) -> bool {
    matches!(model.overlay, Overlay::None)
}

fn moved(at: usize, rows: isize, count: usize) -> usize {
    at.saturating_add_signed(rows).min(count.saturating_sub(1))
}
