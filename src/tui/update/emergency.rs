//! Keys in the emergency dialog. Enter alone never does anything: the focus
//! starts on Cancel, and the button works only after the name was typed.

use crossterm::event::KeyCode;

use super::{Reaction, push, say};
use crate::tui::emergency::{self, Emergency, Field, Intent, Plan, Readiness};
use crate::tui::model::{Model, Overlay};

/// A key while the dialog is open.
pub fn on_key(model: &mut Model, code: KeyCode) -> Reaction {
    let Overlay::Emergency(emergency) = &mut model.overlay else { return Reaction::None };
    match emergency {
        Emergency::Menu { at } => {
            let chosen = match code {
                KeyCode::Char(key) => Intent::ALL.into_iter().find(|intent| intent.key() == key),
                KeyCode::Enter => Intent::ALL.get(*at).copied(),
                _ => None,
            };
            if let Some(intent) = chosen {
                choose_intent(model, intent);
            } else {
                *at = moved(*at, code, Intent::ALL.len());
                close_on_escape(model, code, Overlay::None);
            }
        }
        Emergency::Scopes { intent, choices, at } => {
            let (intent, chosen) = (*intent, choices.get(*at).cloned());
            if code == KeyCode::Enter && chosen.is_some() {
                model.overlay = plan(intent, chosen);
            } else {
                *at = moved(*at, code, choices.len());
                close_on_escape(model, code, menu(intent));
            }
        }
        Emergency::Plan(_) => return on_plan_key(model, code),
    }
    Reaction::None
}

/// The text field of a plan that has the focus.
pub fn text_of(plan: &mut Plan) -> Option<&mut String> {
    match plan.focus {
        Field::Reason => Some(&mut plan.reason),
        Field::Name => Some(&mut plan.typed),
        Field::Cancel | Field::Confirm => None,
    }
}

fn on_plan_key(model: &mut Model, code: KeyCode) -> Reaction {
    let Overlay::Emergency(Emergency::Plan(plan)) = &mut model.overlay else {
        return Reaction::None;
    };
    match code {
        KeyCode::Esc => go_back(model),
        KeyCode::Tab | KeyCode::Down => plan.focus = neighbour(plan, 1),
        KeyCode::BackTab | KeyCode::Up => plan.focus = neighbour(plan, plan.fields().len() - 1),
        KeyCode::Right | KeyCode::Left if text_of(plan).is_none() => {
            plan.focus = if plan.focus == Field::Cancel { Field::Confirm } else { Field::Cancel };
        }
        KeyCode::Backspace => {
            text_of(plan).map(String::pop);
        }
        KeyCode::Char(letter) => {
            // Who begins to type means the reason; Cancel takes no letters.
            if plan.focus == Field::Cancel && plan.fields().contains(&Field::Reason) {
                plan.focus = Field::Reason;
            }
            if let Some(text) = text_of(plan) {
                push(text, letter);
            }
        }
        KeyCode::Enter => return on_enter(model),
        _ => {}
    }
    Reaction::None
}

fn on_enter(model: &mut Model) -> Reaction {
    let Overlay::Emergency(Emergency::Plan(plan)) = &mut model.overlay else {
        return Reaction::None;
    };
    match plan.focus {
        Field::Cancel => go_back(model),
        Field::Reason => plan.focus = Field::Name,
        Field::Name if plan.readiness() == Readiness::Ready => plan.focus = Field::Confirm,
        Field::Name => {}
        Field::Confirm => {
            let Some(command) = plan.command(&model.options.user) else { return Reaction::None };
            let what = plan.scope.as_ref().map_or_else(String::new, |scope| format!(" {scope}"));
            let word = plan.intent.word().to_lowercase();
            model.overlay = Overlay::None;
            say(model, format!("asked to {word}{what}"));
            return Reaction::Send(command);
        }
    }
    Reaction::None
}

fn choose_intent(model: &mut Model, intent: Intent) {
    let live = model.live.as_deref();
    let choices = match intent {
        Intent::Arm | Intent::Disarm => {
            model.overlay = plan(intent, None);
            return;
        }
        Intent::Trip => live.map(emergency::trip_choices),
        Intent::Reset => live.map(emergency::reset_choices),
    };
    let choices = choices.unwrap_or_default();
    model.overlay = Overlay::Emergency(Emergency::Scopes { intent, choices, at: 0 });
}

/// From a plan back to where it was chosen.
fn go_back(model: &mut Model) {
    let Overlay::Emergency(Emergency::Plan(plan)) = &model.overlay else { return };
    let (intent, scope) = (plan.intent, plan.scope.clone());
    if matches!(intent, Intent::Arm | Intent::Disarm) {
        model.overlay = menu(intent);
        return;
    }
    choose_intent(model, intent);
    // The cursor stays on what was chosen, wherever that stands by now.
    if let Overlay::Emergency(Emergency::Scopes { choices, at, .. }) = &mut model.overlay {
        let place = choices.iter().position(|choice| Some(choice) == scope.as_ref());
        *at = place.unwrap_or_default();
    }
}

fn plan(intent: Intent, scope: Option<crate::action::SwitchScope>) -> Overlay {
    Overlay::Emergency(Emergency::Plan(Plan::new(intent, scope)))
}

fn menu(intent: Intent) -> Overlay {
    let at = Intent::ALL.iter().position(|other| *other == intent).unwrap_or_default();
    Overlay::Emergency(Emergency::Menu { at })
}

fn close_on_escape(model: &mut Model, code: KeyCode, to: Overlay) {
    if code == KeyCode::Esc {
        model.overlay = to;
    }
}

fn neighbour(plan: &Plan, step: usize) -> Field {
    let fields = plan.fields();
    let at = fields.iter().position(|field| *field == plan.focus).unwrap_or_default();
    fields.get((at + step) % fields.len()).copied().unwrap_or(Field::Cancel)
}

fn moved(at: usize, code: KeyCode, count: usize) -> usize {
    match code {
        KeyCode::Char('j') | KeyCode::Down | KeyCode::Tab => (at + 1).min(count.saturating_sub(1)),
        KeyCode::Char('k') | KeyCode::Up | KeyCode::BackTab => at.saturating_sub(1),
        KeyCode::Char('g') | KeyCode::Home => 0,
        KeyCode::Char('G') | KeyCode::End => count.saturating_sub(1),
        KeyCode::PageDown => (at + 10).min(count.saturating_sub(1)),
        KeyCode::PageUp => at.saturating_sub(10),
        _ => at,
    }
}
