//! The one shape all panels share: a rule with the title and the column heads,
//! and rows in fixed fields below it, so that a changed number changes few
//! cells.

use std::fmt::Write;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::pen::{Align, Canvas, Pen};
use unicode_width::UnicodeWidthChar;

use crate::text::{printable, width};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Theme, Tone};

/// What stands in a panel whose rows are all filtered out.
pub const FILTERED: &str = "nothing passes the filter";

/// A column: its head, its width (0 takes what is left), and the panel width
/// from which there is room for it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    head: &'static str,
    width: u16,
    align: Align,
    from: u16,
}

/// A column whose text starts at the left.
pub const fn left(head: &'static str, width: u16) -> Column {
    Column { head, width, align: Align::Left, from: 0 }
}

/// A column whose text ends at the right, as numbers do.
pub const fn right(head: &'static str, width: u16) -> Column {
    Column { head, width, align: Align::Right, from: 0 }
}

impl Column {
    /// Only where the panel is at least so wide.
    pub const fn from(self, width: u16) -> Column {
        Column { from: width, ..self }
    }
}

/// The text of one cell.
pub struct Cell {
    text: String,
    tone: Tone,
}

/// A cell of a tone.
pub fn cell(text: impl Into<String>, tone: Tone) -> Cell {
    Cell { text: text.into(), tone }
}

/// An ordinary cell.
pub fn plain(text: impl Into<String>) -> Cell {
    cell(text, Tone::Plain)
}

/// A panel of rows.
pub struct Table<'a> {
    /// Which panel.
    pub panel: Panel,
    /// Its title.
    pub title: &'a str,
    /// Its columns.
    pub columns: &'a [Column],
    /// What stands there when there are no rows.
    pub empty: &'a str,
}

impl Table<'_> {
    /// Draw the shown rows; `cells` makes the cells of one, by its index in the
    /// picture, one for each column, whether that is visible or not.
    pub fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        model: &Model,
        cells: impl Fn(usize) -> Vec<Cell>,
    ) {
        let rows = model.rows(self.panel);
        self.draw_title(canvas, area, model, rows.len());
        let height = usize::from(area.height.saturating_sub(1));
        if rows.is_empty() && height > 0 {
            let text = if model.filter.is_active() { FILTERED } else { self.empty };
            canvas.row(area, 1).tone("  ", Tone::Plain).tone(text, Tone::Quiet);
        }
        let cursor = cursor_in(model, self.panel);
        let top = top_row(cursor, height);
        for (row, (at, &index)) in (1..).zip(rows.iter().enumerate().skip(top).take(height)) {
            self.draw_row(&mut canvas.row(area, row), area.width, &cells(index));
            if cursor == Some(at) {
                canvas.tint(area, row, Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }

    /// How wide a column is in a panel of this width, 0 if it is not there.
    pub fn columns_of(&self, column: usize, width: u16) -> usize {
        let wanted = self.columns.get(column);
        let mut fields = self.fields(width);
        let field = fields.find(|(at, _)| wanted.is_some_and(|wanted| std::ptr::eq(*at, wanted)));
        field.map_or(0, |(_, columns)| columns)
    }

    fn draw_title(&self, canvas: &mut Canvas<'_>, area: Rect, model: &Model, rows: usize) {
        let height = usize::from(area.height.saturating_sub(1));
        let mut title = self.title.to_owned();
        if rows > height && height > 0 {
            let _ = write!(title, " ({} more)", rows - height);
        }
        title_rule(canvas, area, &title, model, self.panel);
        let taken = width(&title) + 4;
        let mut at = 0;
        for (column, columns) in self.fields(area.width) {
            let head = column.head.len();
            let start = match column.align {
                Align::Left => at,
                Align::Right => at + columns.saturating_sub(head),
            };
            if head > 0 && head <= columns && start > taken {
                let mut pen = canvas.row(area, 0);
                pen.skip(start - 1);
                pen.tone(&format!(" {}", column.head), Tone::Quiet).tone(" ", Tone::Quiet);
            }
            at += columns + 1;
        }
    }

    fn draw_row(&self, pen: &mut Pen<'_>, width: u16, cells: &[Cell]) {
        let visible = self.columns.iter().zip(cells).filter(|(column, _)| column.from <= width);
        for ((_, cell), (column, columns)) in visible.zip(self.fields(width)) {
            let style = pen.theme().style(cell.tone);
            pen.field(&cell.text, columns, column.align, style);
            pen.skip(1);
        }
    }

    fn fields(&self, width: u16) -> impl Iterator<Item = (&Column, usize)> {
        let visible = move |column: &&Column| column.from <= width;
        let fixed: u16 = self.columns.iter().filter(visible).map(|column| column.width + 1).sum();
        let flexible =
            self.columns.iter().filter(visible).filter(|column| column.width == 0).count();
        let spare = usize::from((width + 1).saturating_sub(fixed)) / flexible.max(1);
        self.columns.iter().filter(visible).map(move |column| {
            (column, if column.width == 0 { spare } else { usize::from(column.width) })
        })
    }
}

/// A rule with a title: what every panel starts with. A mark shows the focus.
pub fn title_rule(canvas: &mut Canvas<'_>, area: Rect, title: &str, model: &Model, panel: Panel) {
    canvas.rule(area, 0);
    let mut pen = canvas.row(area, 0);
    pen.skip(1);
    let theme = pen.theme();
    if model.focus == Some(panel) {
        pen.tone(theme.focus(), Tone::Strong);
    } else {
        pen.tone(theme.rule(), Tone::Quiet);
    }
    pen.tone(title, Tone::Strong).tone(" ", Tone::Plain);
}

/// The last part of a path that fits: its end tells it from others.
pub fn path_end(path: &str, columns: usize) -> String {
    let safe = printable(path);
    if width(&safe) <= columns {
        return safe.into_owned();
    }
    let mut end = safe.chars().rev();
    let mut kept = String::new();
    let mut room = columns.saturating_sub(2);
    while let Some(ch) = end.next().filter(|ch| ch.width().unwrap_or(0) <= room) {
        room -= ch.width().unwrap_or(0);
        kept.insert(0, ch);
    }
    format!("..{kept}")
}

/// How a name begins and ends, where not all of it fits: of two that are alike the end
/// tells which is which.
pub fn both_ends(name: &str, columns: usize) -> String {
    let safe = printable(name);
    if width(&safe) <= columns {
        return safe.into_owned();
    }
    let mut room = columns.saturating_sub(2) / 2;
    let mut head = String::new();
    for ch in safe.chars() {
        let Some(left) = room.checked_sub(ch.width().unwrap_or(0)) else { break };
        room = left;
        head.push(ch);
    }
    let tail = path_end(&safe, columns.saturating_sub(width(&head)));
    head + &tail
}

/// A gauge in exactly `columns` columns; `None` is a gauge nobody knows.
pub fn gauge(theme: Theme, ratio: Option<f64>, columns: usize) -> String {
    let [open, full, empty, close] = theme.gauge();
    let inner = columns.saturating_sub(2);
    let Some(ratio) = ratio.filter(|ratio| ratio.is_finite()) else {
        return format!("{open}{}{close}", " ".repeat(inner));
    };
    let filled = filled(ratio, inner);
    format!("{open}{}{}{close}", full.repeat(filled), empty.repeat(inner - filled))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width")]
#[allow(clippy::cast_precision_loss, reason = "a width is small")]
fn filled(ratio: f64, inner: usize) -> usize {
    let filled = (ratio.clamp(0.0, 1.0) * inner as f64).round() as usize;
    // Something left never looks like nothing left, nor something used like nothing used.
    match filled {
        0 if ratio > 0.0 && inner > 1 => 1,
        full if full == inner && ratio < 1.0 && inner > 1 => inner - 1,
        other => other.min(inner),
    }
}

fn cursor_in(model: &Model, panel: Panel) -> Option<usize> {
    (model.focus == Some(panel)).then(|| model.cursors.get(&panel).map_or(0, |cursor| cursor.index))
}

/// The first visible row, so that the cursor is visible.
fn top_row(cursor: Option<usize>, height: usize) -> usize {
    cursor.map_or(0, |cursor| (cursor + 1).saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_names_that_are_alike_the_end_is_not_cut_off() {
        for (name, columns, shown) in [
            ("gpt-4o org acme", 15, "gpt-4o org acme"),
            ("gpt-4o org acme/production", 16, "gpt-4o ..duction"),
            ("gpt-4o org acme/staging", 16, "gpt-4o ..staging"),
            ("gpt-4o", 3, "..o"),
        ] {
            assert_eq!(both_ends(name, columns), shown);
            assert!(width(&both_ends(name, columns)) <= columns);
        }
    }
}
