//! Writing into the grid of cells. Every character that reaches the screen
//! goes through here, so this is where foreign text is made harmless and where
//! nothing can be written outside its place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::{cut, printable, width};
use crate::tui::theme::{Theme, Tone};

/// A grid and the way things look on it.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
}

/// On which side of its field a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Align {
    Left,
    Right,
}

impl<'a> Canvas<'a> {
    /// A canvas over a grid.
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Canvas<'a> {
        Canvas { buffer, theme }
    }

    /// How things look here.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// The style of a tone.
    pub fn style(&self, tone: Tone) -> Style {
        self.theme.style(tone)
    }

    /// A pen at the start of a row of an area; it writes nothing outside.
    pub fn row(&mut self, area: Rect, row: u16) -> Pen<'_> {
        let area = area.intersection(self.buffer.area);
        let y = area.y.saturating_add(row);
        let end = if row < area.height { area.right() } else { area.x };
        Pen { buffer: self.buffer, theme: self.theme, x: area.x, y, end }
    }

    /// Add a style to every cell of a row.
    pub fn tint(&mut self, area: Rect, row: u16, style: Style) {
        let y = area.y.saturating_add(row);
        let row = Rect { y, height: u16::from(row < area.height), ..area };
        self.buffer.set_style(row.intersection(self.buffer.area), style);
    }

    /// Make an area blank.
    pub fn clear(&mut self, area: Rect) {
        for position in area.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Fill a row with the rule character.
    pub fn rule(&mut self, area: Rect, row: u16) {
        let mut pen = self.row(area, row);
        let style = pen.theme.style(Tone::Quiet);
        for _ in 0..pen.room() {
            pen.text(pen.theme.rule(), style);
        }
    }
}

/// Writes from left to right in one row.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
    x: u16,
    y: u16,
    end: u16,
}

impl Pen<'_> {
    /// How things look here.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// Columns left.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Leave columns as they are.
    pub fn skip(&mut self, columns: usize) {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        self.x = self.x.saturating_add(columns).min(self.end);
    }

    /// Write text, cut off visibly at the end of the row.
    pub fn text(&mut self, text: &str, style: Style) -> &mut Self {
        let safe = printable(text);
        let text = cut(&safe, self.room(), self.theme.ellipsis());
        self.put(&text, style);
        self
    }

    /// Write text of a tone if all of it fits: half a number is another number.
    pub fn whole(&mut self, text: &str, tone: Tone) -> &mut Self {
        if width(&printable(text)) <= self.room() {
            self.tone(text, tone);
        }
        self
    }

    /// Write text of a tone.
    pub fn tone(&mut self, text: &str, tone: Tone) -> &mut Self {
        self.text(text, self.theme.style(tone))
    }

    /// Write text into a field of so many columns.
    pub fn field(&mut self, text: &str, columns: usize, align: Align, style: Style) {
        let columns = columns.min(self.room());
        let safe = printable(text);
        let text = cut(&safe, columns, self.theme.ellipsis());
        let blank = columns.saturating_sub(width(&text));
        match align {
            Align::Left => {
                self.put(&text, style);
                self.skip(blank);
            }
            Align::Right => {
                self.skip(blank);
                self.put(&text, style);
            }
        }
    }

    fn put(&mut self, text: &str, style: Style) {
        if self.room() == 0 {
            return;
        }
        self.x = self.buffer.set_stringn(self.x, self.y, text, self.room(), style).0;
    }
}
