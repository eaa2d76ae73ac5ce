//! Help: the keys, and how to read the marks.

use ratatui::layout::Rect;

use super::pen::{Align, Canvas};
use super::popup;
use crate::tui::theme::Tone;

/// Every key that does something, and the marks. A line without a key is text.
pub const LINES: [(&str, &str); 33] = [
    ("1  0", "overview, sources"),
    ("Tab  Shift-Tab", "next panel, panel before"),
    ("j k  arrows", "one row down, up"),
    ("PgDn PgUp", "one page down, up"),
    ("Ctrl-d Ctrl-u", "half a page down, up"),
    ("g  G", "first row, last row"),
    ("Enter", "every fact of the row"),
    ("/", "filter rows by pattern; !pattern drops them"),
    ("p  Space", "hold the rows still; state and verdict go on"),
    ("a", "acknowledge the alert under the cursor"),
    ("!  F9", "emergency: trip, reset, arm, disarm"),
    ("Esc", "close; never quits"),
    ("q  Ctrl-C", "quit"),
    ("Q", "quit, and leave this screen on the terminal"),
    ("Ctrl-Z", "stop; fg comes back"),
    ("", ""),
    ("!  ~  ?", "critical, warning, not known or stale"),
    ("~50%", "an estimate"),
    ("94s!", "a value too old to trust"),
    ("?  -", "not known; does not exist here"),
    ("left", "what is left of the limit"),
    ("empty in", "at the present rate; after rst: it resets first"),
    ("src", "hdr header, log, est estimate, mtrc metric"),
    ("burn", "times too fast, over 5 minutes and over 1 hour"),
    ("429 [..]", "refused calls, and which limit refused, in %"),
    ("load", "attempts for each distinct request"),
    ("hopeless", "retries of calls that can never succeed"),
    ("bad", "lines not understood or set aside"),
    ("KILL armed", "rules may trip the switch by themselves"),
    ("OBEYED", "the logs show that the host refuses calls"),
    ("NOT OBEYED", "the host let calls through after the trip"),
    ("NOT PROVEN", "calls passed, and no log says when they began"),
    ("PAUSED", "rows are old; the first two rows are live"),
];

/// Draw from line `top`.
pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, top: usize) {
    let rows = u16::try_from(LINES.len()).unwrap_or(u16::MAX);
    let inside = popup::draw(canvas, screen, 68, rows, "HELP  Esc closes, j k scroll");
    let style = canvas.style(Tone::Strong);
    for (row, (key, text)) in (0..inside.height).zip(LINES.iter().skip(top)) {
        let mut pen = canvas.row(inside, row);
        pen.field(key, 16, Align::Left, style);
        pen.tone(text, Tone::Plain);
    }
}
