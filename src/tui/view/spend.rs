//! SPEND: caps, how fast they fill and when they are reached.

use ratatui::layout::Rect;

use super::pen::Canvas;
use super::table::{Cell, Table, cell, gauge, left, plain, right};
use crate::snapshot::Cap;
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::{Theme, Tone, mark, tone};

const GAUGE: u16 = 12;
/// Columns from which there is room for how fast it is spent, and for a gauge as well.
const RATED: u16 = 55;
const GAUGED: u16 = 70;

/// Draw the panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", 0),
        left("", GAUGE).from(GAUGED),
        left("used/cap", 13),
        right("rate", 7).from(RATED),
        right("cap in", 6),
        right("burn 5m/1h", 11).from(RATED),
        left("", 12).from(78),
    ];
    let empty = model.shown().map_or_else(String::new, |snapshot| {
        let cost = snapshot.totals.cost_usd.map(|usd| fmt::money(usd.0.as_f64()));
        let since = if snapshot.ledger.is_some() { "in all runs" } else { "since start" };
        let billed = snapshot.bills.first().map(|bill| {
            let (usd, age) = (fmt::money(bill.billed_usd.0.as_f64()), fmt::span(bill.age_s));
            format!("; {} billed {usd} ({age} old)", bill.title())
        });
        format!(
            "no cap configured; {} spent {since}{}",
            cost.as_deref().unwrap_or(UNKNOWN),
            billed.unwrap_or_default()
        )
    });
    let table = Table { panel: Panel::Spend, title: "SPEND", columns: &columns, empty: &empty };
    let caps = model.shown().map_or(&[][..], |snapshot| &snapshot.caps);
    let (elapsed_s, theme) = (model.shown_age_s(), canvas.theme());
    let is_old = model.old_data_s().is_some();
    table.draw(canvas, area, model, |index| {
        caps.get(index).map_or_else(Vec::new, |cap| cells(cap, (elapsed_s, is_old), theme))
    });
}

fn cells(cap: &Cap, (elapsed_s, is_old): (f64, bool), theme: Theme) -> Vec<Cell> {
    let own = tone(cap.state);
    let bar = if own == Tone::Plain { Tone::Gauge } else { own };
    let spent = cap.spent_usd.map_or(UNKNOWN.into(), |usd| fmt::money(usd.0.as_f64()));
    let used = format!("{spent}/{}", fmt::money(cap.cap_usd.0.as_f64()));
    // Without calls it is a rate of the past.
    let rate = cap.usd_per_hour.filter(|_| !is_old);
    let rate = rate.map_or(UNKNOWN.into(), |usd| format!("{}/h", fmt::money(usd.0.as_f64())));
    vec![
        cell(mark(cap.state), own),
        cell(name(cap), own),
        cell(gauge(theme, cap.used_ratio, usize::from(GAUGE)), bar),
        cell(used, own),
        plain(rate),
        cell(cap_in(cap, elapsed_s, is_old), own),
        plain(burn(cap)),
        note(cap),
    ]
}

/// The cap's name, and its period where that does not say it. Of rows of one cap it
/// begins with what tells them apart, for its end is what is cut off.
fn name(cap: &Cap) -> String {
    let title = match &cap.of {
        Some(of) => format!("{of} {}", cap.name),
        None => cap.title(),
    };
    if cap.name.contains(&*cap.period) { title } else { format!("{title}/{}", cap.period) }
}

/// When the cap is reached. `>1d`, `>1w` and `>1mo`: not in this period. Without calls
/// there is no time to it, which is not known to be good news.
fn cap_in(cap: &Cap, elapsed_s: f64, is_old: bool) -> String {
    if cap.is_spent() {
        return "NOW".into();
    }
    match (cap.cap_in_s, cap.usd_per_hour) {
        (Some(seconds), _) => fmt::span(seconds - elapsed_s),
        (None, Some(_)) if is_old => UNKNOWN.into(),
        (None, None) => UNKNOWN.into(),
        (None, Some(_)) => match &*cap.period {
            "day" => ">1d".into(),
            "week" => ">1w".into(),
            "month" => ">1mo".into(),
            window => format!(">{window}"),
        },
    }
}

/// How many times too fast, over five minutes and over one hour.
fn burn(cap: &Cap) -> String {
    let times = |ratio: Option<f64>| match ratio {
        None => UNKNOWN.to_owned(),
        Some(ratio) if ratio < 99.95 => format!("{ratio:.1}x"),
        Some(ratio) => format!("{}x", fmt::count(ratio)),
    };
    match (cap.burn_short, cap.burn_long) {
        (None, None) => ABSENT.into(),
        (short, long) => format!("{}/{}", times(short), times(long)),
    }
}

/// What makes the sum doubtful: calls without a price, or another sum at the
/// provider.
fn note(cap: &Cap) -> Cell {
    if cap.unpriced_requests > 0 {
        let share = cap.unpriced_ratio.map_or(UNKNOWN.into(), fmt::percent);
        let text =
            if cap.is_unpriced() { "all unpriced".into() } else { format!("unpriced {share}") };
        return cell(text, Tone::Warning);
    }
    if let Some(error) = cap.estimate_error_ratio {
        // The same cents, or how far off the newest complete day was.
        let off = if error == 0.0 { "exact".into() } else { fmt::signed_percent(error) };
        return cell(
            format!("est {off}"),
            if error.abs() > 0.01 { Tone::Warning } else { Tone::Plain },
        );
    }
    let spent = cap.spent_usd.map_or(0.0, |usd| usd.0.as_f64());
    match cap.provider_usd {
        Some(usd) if spent > 0.0 => {
            plain(format!("bill {}", fmt::signed_percent(usd.0.as_f64() / spent - 1.0)))
        }
        _ => plain(""),
    }
}
