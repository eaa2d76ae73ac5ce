//! What a message does to the model. Pure: no I/O and no clock; what the world
//! should do comes back as a [`Reaction`].

mod emergency;
mod motion;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;

use super::emergency::Emergency;
use super::filter::Filter;
use super::model::{Frozen, Model, Notice, Overlay, Panel, Screen, VerdictRows};
use super::options::Access;
use super::{rows, view};
use crate::domain::Wall;
use crate::runtime::Command;
use crate::snapshot::Snapshot;

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(12);
/// How long the verdict keeps a row that it does not need any more.
const VERDICT_KEEPS: Duration = Duration::from_secs(15);
/// Longest text that can be typed or pasted, in characters.
const LONGEST_TEXT: usize = 200;
/// Rows that one turn of the wheel scrolls.
const WHEEL_ROWS: isize = 3;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A newer picture.
    Snapshot(Arc<Snapshot>),
    /// The time.
    Tick(Wall),
    /// A key.
    Key(KeyEvent),
    /// Pasted text: only ever text, never keys.
    Paste(String),
    /// The wheel turned, down or up.
    Wheel(Wheel),
    /// The terminal has another size.
    Resize(Size),
    /// What became of a command.
    Answer(String),
}

/// Which way the wheel turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Wheel {
    Up,
    Down,
}

/// What the world should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing but draw.
    None,
    /// Ask the engine for this.
    Send(Command),
    /// End.
    Quit,
    /// End, and leave the screen on the terminal.
    QuitKeepScreen,
    /// Give the terminal back and stop, as Ctrl-Z does.
    Suspend,
}

/// Take in a message.
pub fn update(model: &mut Model, msg: Msg) -> Reaction {
    match msg {
        Msg::Snapshot(snapshot) => {
            model.live = Some(snapshot);
            measure_verdict(model);
            motion::follow_rows(model);
        }
        Msg::Tick(now) => {
            model.now = now;
            model.notice.take_if(|notice| notice.until <= now);
        }
        Msg::Resize(size) if size == model.size => {}
        Msg::Resize(size) => {
            (model.size, model.verdict) = (size, VerdictRows::default());
            measure_verdict(model);
        }
        Msg::Answer(line) => say(model, line),
        Msg::Paste(text) => return paste(model, &text),
        Msg::Wheel(Wheel::Down) => motion::scroll(model, WHEEL_ROWS),
        Msg::Wheel(Wheel::Up) => motion::scroll(model, -WHEEL_ROWS),
        Msg::Key(key) if key.kind == KeyEventKind::Release => {}
        Msg::Key(key) => return on_key(model, key),
    }
    Reaction::None
}

/// It gets rows as soon as it needs them, and gives them back when it has not for a while.
fn measure_verdict(model: &mut Model) {
    let most = view::most_verdict_rows(model.size.height);
    let rows = view::verdict_rows(model, model.size.width, most);
    if rows >= model.verdict.rows || model.verdict.until <= model.now {
        model.verdict = VerdictRows { rows, until: model.now.plus(VERDICT_KEEPS) };
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Reaction {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return on_control_key(model, key.code);
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return Reaction::None;
    }
    match &model.overlay {
        Overlay::Filter { .. } => on_filter_key(model, key.code),
        Overlay::Emergency(_) => emergency::on_key(model, key.code),
        Overlay::Help { .. } | Overlay::Detail { .. } => on_reading_key(model, key.code),
        Overlay::None => on_screen_key(model, key.code),
    }
}

/// Ctrl chords never destroy anything.
fn on_control_key(model: &mut Model, code: KeyCode) -> Reaction {
    match code {
        KeyCode::Char('c') => return Reaction::Quit,
        KeyCode::Char('z') => return Reaction::Suspend,
        KeyCode::Char('u') => match text_field(model) {
            Some(text) => {
                text.clear();
                text_changed(model);
            }
            None => motion::scroll_half_page(model, motion::Way::Up),
        },
        KeyCode::Char('d') => motion::scroll_half_page(model, motion::Way::Down),
        _ => {}
    }
    Reaction::None
}

fn on_screen_key(model: &mut Model, code: KeyCode) -> Reaction {
    match code {
        KeyCode::Char('q') => return Reaction::Quit,
        KeyCode::Char('Q') => return Reaction::QuitKeepScreen,
        KeyCode::Char('?') | KeyCode::F(1) => model.overlay = Overlay::Help { top: 0 },
        KeyCode::Char('1') => show_screen(model, Screen::Overview),
        KeyCode::Char('0') => show_screen(model, Screen::Sources),
        KeyCode::Char('/') => {
            let typed = model.filter.text().to_owned();
            model.overlay = Overlay::Filter { typed, before: model.filter.clone() };
        }
        KeyCode::Char('p' | ' ') => toggle_pause(model),
        KeyCode::Char('a') => return acknowledge(model),
        KeyCode::Char('!') | KeyCode::F(9) => open_emergency(model),
        KeyCode::Enter => open_detail(model),
        KeyCode::Esc => step_back(model),
        other => motion::on_key(model, other),
    }
    Reaction::None
}

fn on_reading_key(model: &mut Model, code: KeyCode) -> Reaction {
    match code {
        KeyCode::Esc | KeyCode::Enter => model.overlay = Overlay::None,
        KeyCode::Char('q') => return Reaction::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => {
            model.overlay = match model.overlay {
                Overlay::Help { .. } => Overlay::None,
                _ => Overlay::Help { top: 0 },
            };
        }
        other => motion::on_key(model, other),
    }
    Reaction::None
}

fn on_filter_key(model: &mut Model, code: KeyCode) -> Reaction {
    let Overlay::Filter { typed, before } = &mut model.overlay else { return Reaction::None };
    match code {
        KeyCode::Enter => model.overlay = Overlay::None,
        KeyCode::Esc => {
            model.filter = std::mem::take(before);
            model.overlay = Overlay::None;
        }
        KeyCode::Backspace => {
            typed.pop();
            text_changed(model);
        }
        KeyCode::Char(letter) => {
            push(typed, letter);
            text_changed(model);
        }
        _ => {}
    }
    motion::follow_rows(model);
    Reaction::None
}

/// The text field that typing and pasting go to, if there is one.
fn text_field(model: &mut Model) -> Option<&mut String> {
    match &mut model.overlay {
        Overlay::Filter { typed, .. } => Some(typed),
        Overlay::Emergency(Emergency::Plan(plan)) => emergency::text_of(plan),
        _ => None,
    }
}

fn text_changed(model: &mut Model) {
    if let Overlay::Filter { typed, .. } = &model.overlay {
        model.filter = Filter::new(typed);
    }
}

fn push(text: &mut String, letter: char) {
    if text.chars().count() < LONGEST_TEXT && !letter.is_control() {
        text.push(letter);
    }
}

fn paste(model: &mut Model, text: &str) -> Reaction {
    if let Some(field) = text_field(model) {
        for letter in text.chars().take(LONGEST_TEXT) {
            push(field, if letter == '\n' || letter == '\r' { ' ' } else { letter });
        }
        text_changed(model);
    }
    Reaction::None
}

fn show_screen(model: &mut Model, screen: Screen) {
    if model.screen != screen {
        model.screen = screen;
        model.focus = None;
    }
}

fn toggle_pause(model: &mut Model) {
    model.frozen = match (&model.frozen, &model.live) {
        (None, Some(live)) => Some(Frozen { snapshot: Arc::clone(live), at: model.now }),
        _ => None,
    };
    motion::follow_rows(model);
}

fn open_detail(model: &mut Model) {
    let Some((panel, index)) = model.selected() else {
        motion::focus_next(model, motion::Way::Down);
        return;
    };
    let name = model.shown().and_then(|snapshot| rows::name(snapshot, panel, index));
    if let Some(name) = name {
        model.overlay = Overlay::Detail { panel, name, top: 0 };
    }
}

/// Esc on the bare screen takes back one thing, and never quits.
fn step_back(model: &mut Model) {
    if model.filter.is_active() {
        model.filter = Filter::default();
        motion::follow_rows(model);
    } else if model.focus.is_some() {
        model.focus = None;
    } else {
        model.screen = Screen::Overview;
    }
}

fn open_emergency(model: &mut Model) {
    if may_act(model) {
        model.overlay = Overlay::Emergency(Emergency::Menu { at: 0 });
    }
}

fn acknowledge(model: &mut Model) -> Reaction {
    if !may_act(model) {
        return Reaction::None;
    }
    let Some((Panel::Alerts, index)) = model.selected() else {
        motion::focus(model, Panel::Alerts);
        let text = if model.focus == Some(Panel::Alerts) {
            "a again acknowledges the marked alert"
        } else {
            "there is no alert to acknowledge"
        };
        say(model, text.into());
        return Reaction::None;
    };
    let alert = model.shown().and_then(|snapshot| snapshot.alerts.get(index));
    let Some(alert) = alert else { return Reaction::None };
    let command = Command::Acknowledge {
        rule: Arc::clone(&alert.rule),
        labels: alert.labels.clone(),
        by: model.options.user.clone(),
    };
    // What it said before is done; what came of it is answered.
    model.notice = None;
    Reaction::Send(command)
}

/// Whether this console may change anything; if not, it says so.
fn may_act(model: &mut Model) -> bool {
    let may = model.options.access == Access::Full;
    if !may {
        // Who may not stop traffic here must not have to look for where they may.
        let shell = model.options.shell_options.as_deref().map(|options| {
            format!("; in a shell: tripline{options} switch trip SCOPE --reason \"...\"")
        });
        say(model, format!("read-only: no trip{}", shell.unwrap_or_default()));
    }
    may
}

fn say(model: &mut Model, text: String) {
    model.notice = Some(Notice { text, until: model.now.plus(NOTICE) });
}
