//! A box over the screen, for help, details and dialogs.

use ratatui::layout::Rect;

use super::pen::{Canvas, Pen};
use crate::tui::theme::Tone;

/// Columns from which a box has a frame.
const FRAMED: u16 = 8;

/// A box of at most this many columns and rows, with a title; gives the area
/// inside. A screen too small for a frame gives all it has.
pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, columns: u16, rows: u16, title: &str) -> Rect {
    let width = outer(screen, columns);
    let height = rows.saturating_add(2).min(screen.height.saturating_sub(1).max(1));
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + screen.height.saturating_sub(1).saturating_sub(height) / 2,
        width,
        height,
    };
    canvas.clear(area);
    if width < FRAMED || height < 3 {
        return area;
    }
    for row in 1..height - 1 {
        edge(&mut canvas.row(area, row), width);
    }
    for row in [0, height - 1] {
        canvas.rule(area, row);
        corner(&mut canvas.row(area, row), width);
    }
    let mut pen = canvas.row(Rect { width: width - 2, ..area }, 0);
    pen.skip(2);
    pen.tone(" ", Tone::Plain).tone(title, Tone::Strong).tone(" ", Tone::Plain);
    Rect { x: area.x + 2, y: area.y + 1, width: width - 4, height: height - 2 }
}

/// Columns inside a box that wants so many.
pub fn columns_inside(screen: Rect, columns: u16) -> u16 {
    let width = outer(screen, columns);
    if width < FRAMED { width } else { width - 4 }
}

fn outer(screen: Rect, columns: u16) -> u16 {
    columns.saturating_add(4).min(screen.width)
}

fn edge(pen: &mut Pen<'_>, width: u16) {
    pen.tone("|", Tone::Quiet);
    pen.skip(usize::from(width.saturating_sub(2)));
    pen.tone("|", Tone::Quiet);
}

fn corner(pen: &mut Pen<'_>, width: u16) {
    pen.tone("+", Tone::Quiet);
    pen.skip(usize::from(width.saturating_sub(2)));
    pen.tone("+", Tone::Quiet);
}
