//! The last row: what is being typed, else news for the person, else the keys.

use ratatui::layout::Rect;

use super::pen::Canvas;
use crate::tui::fmt;
use crate::tui::model::{Model, Overlay, Screen};
use crate::tui::theme::Tone;

const KEYS: &str = "?help /filter p)ause a)ck Tab panel Enter detail 0)sources !EMERGENCY q)uit";
const SOURCES_KEYS: &str =
    "?help /filter p)ause Tab panel Enter detail 1)overview !EMERGENCY q)uit";
const FEW_KEYS: &str = "?help !EMERGENCY q)uit";

/// Draw the row.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let mut pen = canvas.row(area, 0);
    if let Overlay::Filter { typed, .. } = &model.overlay {
        pen.tone(&format!("/{typed}_"), Tone::Strong);
        pen.tone("   Enter keeps, Esc drops, ! in front inverts", Tone::Quiet);
        return;
    }
    if let Some(frozen) = &model.frozen {
        let now = model.live.as_ref().map_or(0, |live| live.totals.requests);
        let news = now.saturating_sub(frozen.snapshot.totals.requests);
        pen.tone(&format!("PAUSED +{} events", fmt::grouped(news)), Tone::Banner);
        pen.tone("  p resumes  ", Tone::Plain);
    }
    // Rows that are hidden come before any news: without them the screen misleads.
    if model.filter.is_active() {
        pen.tone(&format!("filter /{}", model.filter.text()), Tone::Strong);
        pen.tone("  Esc drops it  ", Tone::Plain);
    }
    if let Some(notice) = &model.notice {
        pen.tone(&notice.text, Tone::Strong);
        return;
    }
    if model.filter.is_active() {
        return;
    }
    let keys = match model.screen {
        _ if pen.room() < KEYS.len() => FEW_KEYS,
        Screen::Overview => KEYS,
        Screen::Sources => SOURCES_KEYS,
    };
    pen.tone(keys, Tone::Quiet);
}
