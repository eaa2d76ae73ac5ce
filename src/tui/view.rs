//! Drawing a model onto a grid of cells. Pure: no I/O, no clock, no state; the
//! same model gives the same cells.

mod alerts;
mod detail;
mod emergency;
mod footer;
mod header;
mod help;
mod layout;
mod limits;
mod pen;
mod popup;
mod queue;
mod sources;
mod spend;
mod switch;
mod table;
mod traffic;
mod who;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::{Model, Overlay, Panel};
use pen::Canvas;

pub use layout::Layout;

pub use detail::len as detail_len;
pub use header::verdict_rows;
pub use layout::most_verdict_rows;

/// Lines of the help text.
pub const HELP_LINES: usize = help::LINES.len();

/// Draw everything. The grid's own area is the whole geometry.
pub fn view(model: &Model, buffer: &mut Buffer) {
    let area = buffer.area;
    buffer.reset();
    let mut canvas = Canvas::new(buffer, model.theme());
    match Layout::of(model, area) {
        Layout::Verdict(area) => {
            header::draw_verdict_only(&mut canvas, area, model);
            emergency::draw_tiny(&mut canvas, area, model);
        }
        Layout::Full { header, verdict, panels, footer } => {
            header::draw(&mut canvas, header, model);
            header::draw_verdict(&mut canvas, verdict, model);
            for (panel, area) in panels {
                draw_panel(&mut canvas, panel, area, model);
            }
            draw_overlay(&mut canvas, below_header(area), model);
            footer::draw(&mut canvas, footer, model);
        }
    }
}

fn draw_panel(canvas: &mut Canvas<'_>, panel: Panel, area: Rect, model: &Model) {
    match panel {
        Panel::Switches => switch::draw(canvas, area, model),
        Panel::Limits => limits::draw(canvas, area, model),
        Panel::Spend => spend::draw(canvas, area, model),
        Panel::Queue => queue::draw(canvas, area, model),
        Panel::Traffic => traffic::draw(canvas, area, model),
        Panel::Retries => traffic::draw_retries(canvas, area, model),
        Panel::Alerts => alerts::draw(canvas, area, model),
        Panel::Who => who::draw(canvas, area, model),
        Panel::Sources => sources::draw(canvas, area, model),
        Panel::Findings => sources::draw_findings(canvas, area, model),
    }
}

/// Where boxes may stand: the brake and the verdict stay in sight, where there
/// is room for them.
fn below_header(area: Rect) -> Rect {
    let rows = if area.height >= 16 { 2 } else { 0 };
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

fn draw_overlay(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    match &model.overlay {
        Overlay::None | Overlay::Filter { .. } => {}
        Overlay::Help { top } => help::draw(canvas, area, *top),
        Overlay::Detail { panel, name, top } => {
            detail::draw(canvas, area, model, *panel, name, *top);
        }
        Overlay::Emergency(emergency) => emergency::draw(canvas, area, model, emergency),
    }
}
