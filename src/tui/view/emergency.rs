//! The emergency dialog: what may be done, to what, and what that would stop.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Canvas;
use super::popup;
use super::table::path_end;
use crate::action::SwitchScope;
use crate::snapshot::Snapshot;
use crate::text::{printable, width, wrapped};
use crate::tui::emergency::{self, Emergency, Field, Intent, Plan, Readiness, Stopped, Whose};
use crate::tui::fmt::{self, UNKNOWN};
use crate::tui::model::{Model, Overlay};
use crate::tui::rows;
use crate::tui::theme::Tone;

const COLUMNS: u16 = 74;
/// Rows of the screen that no box has inside.
const FRAME: usize = 3;
/// Before a name that may look like another one and is not.
const LOOK_ALIKE: &str = "(not ASCII) ";
/// Columns of the facts' labels.
const LABEL: usize = 7;

/// A label, its value and the value's tone.
type Fact = (&'static str, String, Tone);

/// Draw where the dialog stands.
pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, model: &Model, emergency: &Emergency) {
    match emergency {
        Emergency::Menu { at } => draw_menu(canvas, screen, *at),
        Emergency::Scopes { intent, choices, at } => {
            draw_scopes(canvas, screen, model, *intent, choices, *at);
        }
        Emergency::Plan(plan) => draw_plan(canvas, screen, model, plan),
    }
}

/// On a screen too small for a dialog, say so instead of showing half of one.
pub fn draw_tiny(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if matches!(model.overlay, Overlay::Emergency(_)) {
        canvas.clear(area);
        canvas.row(area, 0).tone("too small; Esc", Tone::Banner);
    }
}

fn draw_menu(canvas: &mut Canvas<'_>, screen: Rect, at: usize) {
    let inside = popup::draw(canvas, screen, COLUMNS, 5, "EMERGENCY  nothing done yet");
    for (row, (index, intent)) in (0..).zip(Intent::ALL.into_iter().enumerate()) {
        let mut pen = canvas.row(inside, row);
        pen.tone(&format!("{} {:<7}", intent.key(), intent.word()), Tone::Strong);
        pen.tone(intent.meaning(), Tone::Plain);
        if index == at {
            canvas.tint(inside, row, style_of_cursor(canvas));
        }
    }
    canvas.row(inside, 4).tone("Enter chooses, Esc closes", Tone::Quiet);
}

fn draw_scopes(
    canvas: &mut Canvas<'_>,
    screen: Rect,
    model: &Model,
    intent: Intent,
    choices: &[SwitchScope],
    at: usize,
) {
    let rows = u16::try_from(choices.len().max(1) + 1).unwrap_or(u16::MAX);
    let title = format!("{}: which scope of {}", intent.word().to_uppercase(), choices.len());
    let inside = popup::draw(canvas, screen, COLUMNS, rows, &title);
    let list = usize::from(inside.height.saturating_sub(1));
    if choices.is_empty() {
        canvas.row(inside, 0).tone("nothing is tripped", Tone::Quiet);
    }
    let top = (at + 1).saturating_sub(list);
    for (row, (index, scope)) in (0..).zip(choices.iter().enumerate().skip(top).take(list)) {
        let mut pen = canvas.row(inside, row);
        let stopped = model.live.as_deref().map(|live| emergency::stopped(live, scope));
        let load = stopped.as_ref().map_or_else(String::new, load_text);
        let name_columns = pen.room().saturating_sub(width(&load) + 2);
        let style = pen.theme().style(Tone::Strong);
        let name = scope.to_string();
        // Another alphabet has letters that look like these.
        let mark = if name.is_ascii() { "" } else { LOOK_ALIKE };
        let name_columns = name_columns.saturating_sub(width(mark));
        pen.tone(mark, Tone::Warning);
        pen.field(&name, name_columns, super::pen::Align::Left, style);
        pen.skip(2);
        pen.tone(&load, Tone::Plain);
        if index == at {
            canvas.tint(inside, row, style_of_cursor(canvas));
        }
    }
    let last = inside.height.saturating_sub(1);
    let below = choices.len().saturating_sub(top + list);
    let more = match (top, below) {
        (0, 0) => String::new(),
        (above, below) => format!("{above} more above, {below} below; "),
    };
    let keys = "j k move, Enter shows the plan, Esc goes back";
    canvas.row(inside, last).tone(&more, Tone::Warning).tone(keys, Tone::Quiet);
}

fn draw_plan(canvas: &mut Canvas<'_>, screen: Rect, model: &Model, plan: &Plan) {
    let columns = usize::from(popup::columns_inside(screen, COLUMNS)).saturating_sub(LABEL);
    let inputs = if plan.scope.is_some() { 2 } else { 0 };
    let room = usize::from(screen.height).saturating_sub(FRAME + inputs + 2);
    let facts = fitting(facts(model, plan), columns, room);
    let rows = u16::try_from(facts.len() + inputs + 2).unwrap_or(u16::MAX);
    let title = match plan.intent {
        Intent::Trip => "TRIP KILL SWITCH  nothing done yet",
        Intent::Reset => "RESET KILL SWITCH  nothing done yet",
        Intent::Arm => "ARM  nothing done yet",
        Intent::Disarm => "DISARM  nothing done yet",
    };
    let inside = popup::draw(canvas, screen, COLUMNS, rows, title);
    // On a low screen the facts give way, never the fields and the buttons.
    let needed = u16::try_from(inputs + 2).unwrap_or(u16::MAX);
    let room = inside.height.saturating_sub(needed);
    for (row, (label, value, tone)) in (0..room).zip(&facts) {
        let mut pen = canvas.row(inside, row);
        pen.tone(&format!("{label:<LABEL$}"), Tone::Quiet).tone(value, *tone);
    }
    let mut row = room.min(u16::try_from(facts.len()).unwrap_or(u16::MAX));
    if let Some(name) = plan.name_to_type() {
        draw_input(canvas, inside, row, "reason ", &plan.reason, plan.focus == Field::Reason);
        let ask = format!("type {name} to enable {}: ", plan.intent.word());
        draw_input(canvas, inside, row + 1, &ask, &plan.typed, plan.focus == Field::Name);
        row += 2;
    }
    draw_buttons(canvas, inside, row, plan);
    canvas.row(inside, row + 1).tone(hint(plan), Tone::Quiet);
}

/// All facts in full; where there is no room for that, a line of each as far as they go,
/// which says that it is cut, and of a path its end.
fn fitting(facts: Vec<Fact>, columns: usize, room: usize) -> Vec<Fact> {
    let whole: Vec<Fact> = facts.iter().cloned().flat_map(|fact| lines(fact, columns)).collect();
    if whole.len() <= room {
        return whole;
    }
    let cut = |(label, value, tone): Fact| match label {
        "file" => (label, path_end(&value, columns), tone),
        _ => (label, printable(&value).into_owned(), tone),
    };
    facts.into_iter().map(cut).collect()
}

/// A fact in lines that fit: of a command the end is as good as the beginning.
fn lines((label, value, tone): Fact, columns: usize) -> impl Iterator<Item = Fact> {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(wrapped(&printable(&value), columns)).map(move |(label, line)| (label, line, tone))
}

fn draw_input(
    canvas: &mut Canvas<'_>,
    area: Rect,
    row: u16,
    label: &str,
    text: &str,
    focused: bool,
) {
    let mut pen = canvas.row(area, row);
    pen.tone(label, Tone::Quiet);
    let room = pen.room().saturating_sub(1);
    // The end of a long text is where the typing happens.
    let skipped = text.chars().count().saturating_sub(room);
    let tail: String = text.chars().skip(skipped).collect();
    pen.tone(&tail, Tone::Strong);
    if focused {
        pen.tone("_", Tone::Banner);
    } else if text.is_empty() {
        pen.tone("______", Tone::Quiet);
    }
}

fn draw_buttons(canvas: &mut Canvas<'_>, area: Rect, row: u16, plan: &Plan) {
    let mut pen = canvas.row(area, row);
    let ready = plan.readiness() == Readiness::Ready;
    for (field, word) in [(Field::Cancel, "Cancel"), (Field::Confirm, plan.intent.word())] {
        let focused = plan.focus == field;
        let text = if focused { format!("[{word}]") } else { format!(" {word} ") };
        let tone = match (field, focused, ready) {
            (Field::Confirm, _, false) => Tone::Quiet,
            (_, true, _) => Tone::Banner,
            _ => Tone::Strong,
        };
        pen.tone(&text, tone).tone("   ", Tone::Plain);
    }
}

fn hint(plan: &Plan) -> &'static str {
    match plan.readiness() {
        Readiness::ReasonMissing => "Tab moves, Esc goes back; a reason is needed",
        Readiness::NameMissing => "Tab moves, Esc goes back; the name is not typed yet",
        Readiness::Ready => "Tab moves, Esc goes back; Enter on the button does it",
    }
}

fn facts(model: &Model, plan: &Plan) -> Vec<Fact> {
    let mut facts = Vec::new();
    let live = model.live.as_deref();
    let scope = live.zip(plan.scope.as_ref());
    let whose = scope.map_or(Whose::Ours, |(live, scope)| emergency::whose(live, scope));
    if let Some(scope) = &plan.scope {
        facts.push(("scope", scope.to_string(), Tone::Strong));
        let stopped = live.map(|live| emergency::stopped(live, scope)).unwrap_or_default();
        if plan.intent == Intent::Trip {
            facts.extend(stop_facts(&stopped));
        } else {
            let wider = live.and_then(|live| emergency::wider(live, scope));
            facts.push(match wider {
                Some(wider) => {
                    ("frees", format!("no call yet: {wider} is tripped too"), Tone::Warning)
                }
                None => ("frees", "calls of this scope are let through again".into(), Tone::Plain),
            });
            if whose == Whose::Others {
                let text = "not tripline's: ask its owner; only the shell, by force, resets it";
                facts.push(("whose", text.into(), Tone::Warning));
            }
            facts.extend(live.into_iter().flat_map(|live| still_crossing(live, scope)));
        }
        let file =
            format!("{}/{}", model.options.switch_dir.trim_end_matches('/'), scope.file_name());
        facts.push(("file", file, Tone::Plain));
        facts.push(("hosts", live.map_or(UNKNOWN.into(), hosts), Tone::Plain));
        facts.extend(live.and_then(|live| why(live, scope)));
    } else {
        facts.push(("does", plan.intent.meaning().into(), Tone::Plain));
    }
    let shell = model.options.shell_options.as_deref();
    let shell = shell.and_then(|options| emergency::shell_line(plan, options, whose));
    facts.extend(shell.map(|line| ("shell", line, Tone::Quiet)));
    facts
}

/// The rules that trip this scope and have reason to now, and what they will do.
fn still_crossing(live: &Snapshot, scope: &SwitchScope) -> impl Iterator<Item = Fact> {
    let name = scope.to_string();
    live.alerts
        .iter()
        .filter(move |alert| alert.trips.iter().any(|trips| **trips == name))
        .filter_map(|alert| {
            let then = alert.then.as_ref()?;
            Some(("rule", format!("{} still crosses: {then}", alert.rule), Tone::Warning))
        })
}

/// Why it is tripped now.
fn why(live: &Snapshot, scope: &SwitchScope) -> Option<Fact> {
    let name = scope.to_string();
    let tripped =
        |switch: &&crate::snapshot::Switch| switch.state == "tripped" && *switch.scope == name;
    let switch = live.switches.iter().find(tripped)?;
    let reason = switch.reason.as_deref().unwrap_or(UNKNOWN);
    Some(("now", format!("{}: {reason}", super::switch::cause(switch)), Tone::Plain))
}

fn stop_facts(stopped: &Stopped) -> Vec<Fact> {
    let mut facts = vec![("stops", load_text(stopped), Tone::Strong)];
    if stopped.by_priority.is_empty() {
        return facts;
    }
    let parts: Vec<String> = stopped
        .by_priority
        .iter()
        .map(|(priority, rate)| match *priority {
            "critical" => format!("INCLUDING CRITICAL {}/s", rate_text(*rate)),
            other => format!("{other} {}/s", rate_text(*rate)),
        })
        .collect();
    let hurts = stopped.by_priority.iter().any(|(priority, _)| *priority == "critical");
    facts.push(("", parts.join(", "), if hurts { Tone::Warning } else { Tone::Plain }));
    facts
}

fn load_text(stopped: &Stopped) -> String {
    let rate = match stopped.requests {
        0 => fmt::rate(0.0),
        _ => rate_text(stopped.requests_per_s),
    };
    match stopped.share {
        Some(share) => format!("{rate} req/s = {} of traffic", fmt::percent(share)),
        None => "no call in the last minute".into(),
    }
}

fn rate_text(rate: Option<f64>) -> String {
    rate.map_or(UNKNOWN.into(), fmt::rate)
}

fn hosts(live: &Snapshot) -> String {
    let hosts = rows::hosts(live);
    if hosts.is_empty() {
        return "? told by the logs after a trip".into();
    }
    hosts.into_iter().collect::<Vec<_>>().join(" ")
}

fn style_of_cursor(canvas: &Canvas<'_>) -> Style {
    canvas.style(Tone::Banner)
}
