//! QUEUE: who waits, how many and how long, critical first.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use super::pen::{Canvas, Pen};
use super::table::{Cell, FILTERED, Table, cell, left, right, title_rule};
use crate::domain::Priority;
use crate::snapshot::Queue;
use crate::tui::fmt::{self, ABSENT, UNKNOWN};
use crate::tui::model::{Model, Panel};
use crate::tui::theme::Tone;

const EMPTY: &str = "no queue depth in any log";
/// What waits without a priority, where nothing else waits.
const ALL: &str = "ALL";

/// Draw the panel: one line where there is one row for it, else a table.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if area.height == 1 {
        draw_line(canvas, area, model);
    } else {
        draw_table(canvas, area, model);
    }
}

/// All queues of one priority, taken together.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    depth: Option<u64>,
    /// Not all of its queues say how deep they are.
    partial: bool,
    oldest_s: Option<f64>,
    dropped_per_s: f64,
    stale: bool,
}

fn draw_line(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    title_rule(canvas, area, "QUEUE", model, Panel::Queue);
    let mut classes: BTreeMap<usize, (&str, Class)> = BTreeMap::new();
    let rows = model.rows(Panel::Queue);
    let queues = model.shown().map_or(&[][..], |snapshot| &snapshot.queues);
    for queue in rows.iter().filter_map(|&index| queues.get(index)) {
        let (order, word) = class_of(queue);
        let class = &mut classes.entry(order).or_insert((word, Class::default())).1;
        class.depth = sum(class.depth, queue.depth);
        class.partial |= queue.depth.is_none() || queue.depth_partial;
        class.oldest_s = later(class.oldest_s, queue.oldest_age_s);
        class.dropped_per_s += queue.dropped_per_s.unwrap_or(0.0);
        class.stale |= queue.stale;
    }
    // Queues without a priority are all there is, or the rest.
    let many = classes.len() > 1;
    if let Some((word, _)) = classes.get_mut(&Priority::ALL.len()).filter(|_| many) {
        *word = "REST";
    }
    let mut pen = canvas.row(area, 0);
    pen.skip(2 + "QUEUE ".len());
    if classes.is_empty() {
        let text = if model.filter.is_active() { FILTERED } else { EMPTY };
        pen.tone(" ", Tone::Plain).tone(text, Tone::Quiet).tone(" ", Tone::Plain);
    }
    // Where not all of it fits, how long some wait gives way to how many are dropped.
    let columns = |ages: Ages| -> usize {
        classes
            .values()
            .map(|(word, class)| waiting(word, *class, ages).len() + dropped(*class).len())
            .sum()
    };
    let ages = if columns(Ages::All) <= pen.room() { Ages::All } else { Ages::OfTheUndropped };
    for (word, class) in classes.into_values() {
        draw_class(&mut pen, word, class, ages);
    }
}

/// Of which queues the age of the oldest is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ages {
    All,
    OfTheUndropped,
}

fn waiting(word: &str, class: Class, ages: Ages) -> String {
    let depth = depth(class.depth, class.partial);
    let stale = if class.stale { "!" } else { "" };
    // Nobody waits in an empty one.
    let empty = class.depth == Some(0) && !class.partial;
    if empty || (ages == Ages::OfTheUndropped && class.dropped_per_s > 0.0) {
        return format!(" {word} {depth}{stale} ");
    }
    let oldest = class.oldest_s.map_or(ABSENT.into(), fmt::age);
    format!(" {word} {depth} ({oldest}){stale} ")
}

fn dropped(class: Class) -> String {
    if class.dropped_per_s > 0.0 {
        return format!("DROP {}/s ", drops(class.dropped_per_s));
    }
    String::new()
}

fn draw_class(pen: &mut Pen<'_>, word: &str, class: Class, ages: Ages) {
    let tone = match class {
        Class { stale: true, .. } => Tone::Quiet,
        Class { dropped_per_s, .. } if dropped_per_s > 0.0 => Tone::Warning,
        _ => Tone::Plain,
    };
    pen.tone(&waiting(word, class, ages), tone).tone(&dropped(class), Tone::Warning);
}

/// Whole drops, where there is at least one a second: the line is full.
fn drops(per_second: f64) -> String {
    if per_second < 1.0 { fmt::rate(per_second) } else { fmt::count(per_second) }
}

fn draw_table(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let columns = [
        left("", 1),
        left("", 0),
        right("depth", 6),
        right("oldest", 6),
        right("in/s", 5),
        right("out/s", 5),
        right("drop/s", 6),
        right("wait p95", 8),
        right("age", 5),
    ];
    let table = Table { panel: Panel::Queue, title: "QUEUE", columns: &columns, empty: EMPTY };
    let queues = model.shown().map_or(&[][..], |snapshot| &snapshot.queues);
    let elapsed_s = model.shown_age_s();
    table.draw(canvas, area, model, |index| {
        queues.get(index).map_or_else(Vec::new, |queue| cells(queue, elapsed_s))
    });
}

fn cells(queue: &Queue, elapsed_s: f64) -> Vec<Cell> {
    let name = match (&queue.name, class_of(queue).1) {
        (Some(name), ALL) => name.to_string(),
        (Some(name), word) => format!("{word} {name}"),
        (None, word) => word.to_owned(),
    };
    let dropping = queue.dropped_per_s.is_some_and(|rate| rate > 0.0);
    let (mark, tone) = match (queue.stale, dropping) {
        (true, _) => ("?", Tone::Quiet),
        (false, true) => ("~", Tone::Warning),
        (false, false) => (" ", Tone::Plain),
    };
    let number = |value: Option<f64>| value.map_or(ABSENT.into(), fmt::rate);
    let age = fmt::age(queue.age_s + elapsed_s);
    let wait = queue.wait_ms.map_or(ABSENT.into(), |wait| fmt::latency(wait.p95 / 1000.0));
    vec![
        cell(mark, tone),
        cell(name, tone),
        cell(depth(queue.depth, queue.depth_partial), tone),
        cell(queue.oldest_age_s.map_or(ABSENT.into(), fmt::age), tone),
        cell(number(queue.in_per_s), tone),
        cell(number(queue.out_per_s), tone),
        cell(number(queue.dropped_per_s), tone),
        cell(wait, tone),
        cell(if queue.stale { format!("{age}!") } else { age }, tone),
    ]
}

fn class_of(queue: &Queue) -> (usize, &str) {
    let priority = queue.priority.and_then(Priority::from_word);
    let order = Priority::ALL.iter().position(|class| Some(*class) == priority);
    let word = match priority {
        Some(Priority::Critical) => "CRIT",
        Some(Priority::High) => "HIGH",
        Some(Priority::Normal) => "NORM",
        Some(Priority::Low) => "LOW",
        None => ALL,
    };
    (order.unwrap_or(Priority::ALL.len()), word)
}

/// What waits; `+` where there is more that nobody counted.
fn depth(known: Option<u64>, partial: bool) -> String {
    known.map_or(UNKNOWN.into(), |depth| count(depth) + if partial { "+" } else { "" })
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).reduce(u64::saturating_add)
}

fn later(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn count(value: u64) -> String {
    fmt::count(value as f64)
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn a_part_is_marked_and_nothing_known_is_no_part() {
        assert_eq!([depth(Some(14), false), depth(Some(14), true)], ["14", "14+"]);
        assert_eq!(depth(None, true), "?");
    }
}
