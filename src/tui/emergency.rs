//! The way to a stop: a menu, a choice of scope, and a plan that says what will
//! be stopped. Nothing here does anything; the last step makes a [`Command`].

use std::collections::BTreeMap;

use crate::action::SwitchScope;
use crate::domain::provider;
use crate::engine::COLLECTIVE;
use crate::runtime::Command;
use crate::snapshot::{Load, Snapshot, Text};

/// What a person wants to do with the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Intent {
    Trip,
    Reset,
    Arm,
    Disarm,
}

impl Intent {
    /// In the order of the menu.
    pub const ALL: [Intent; 4] = [Intent::Trip, Intent::Reset, Intent::Arm, Intent::Disarm];

    /// The key in the menu.
    #[must_use]
    pub const fn key(self) -> char {
        match self {
            Intent::Trip => 't',
            Intent::Reset => 'r',
            Intent::Arm => 'a',
            Intent::Disarm => 'd',
        }
    }

    /// The word on the button.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Intent::Trip => "Trip",
            Intent::Reset => "Reset",
            Intent::Arm => "Arm",
            Intent::Disarm => "Disarm",
        }
    }

    /// What it does.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Intent::Trip => "stop new calls: all / provider / model / key / env",
            Intent::Reset => "let the calls of a tripped scope through again",
            Intent::Arm => "let rules trip switches by themselves",
            Intent::Disarm => "only people may trip switches",
        }
    }
}

/// Where the dialog stands.
#[derive(Clone, Debug)]
pub enum Emergency {
    /// What to do.
    Menu {
        /// Position in [`Intent::ALL`].
        at: usize,
    },
    /// Which scope. The list stands still while it is open.
    Scopes {
        /// What to do with it.
        intent: Intent,
        /// What there is to choose.
        choices: Vec<SwitchScope>,
        /// Position in `choices`.
        at: usize,
    },
    /// What will happen, and the last question.
    Plan(Plan),
}

/// What has the focus in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Field {
    Cancel,
    Reason,
    Name,
    Confirm,
}

/// A step that is fully described but not taken.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to do.
    pub intent: Intent,
    /// With which scope; `None` for arming and disarming.
    pub scope: Option<SwitchScope>,
    /// Why, as typed.
    pub reason: String,
    /// The name, as typed.
    pub typed: String,
    /// What has the focus.
    pub focus: Field,
}

/// Whether the last step may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It may.
    Ready,
    /// The name is not typed, or wrongly.
    NameMissing,
    /// A reason is required and not given.
    ReasonMissing,
}

impl Plan {
    /// A plan with the focus on Cancel.
    #[must_use]
    pub fn new(intent: Intent, scope: Option<SwitchScope>) -> Plan {
        Plan { intent, scope, reason: String::new(), typed: String::new(), focus: Field::Cancel }
    }

    /// The fields it has, in the order of Tab.
    #[must_use]
    pub const fn fields(&self) -> &'static [Field] {
        match self.intent {
            Intent::Trip | Intent::Reset => {
                &[Field::Cancel, Field::Reason, Field::Name, Field::Confirm]
            }
            Intent::Arm | Intent::Disarm => &[Field::Cancel, Field::Confirm],
        }
    }

    /// What must be typed; `None` where nothing must.
    #[must_use]
    pub fn name_to_type(&self) -> Option<&str> {
        self.scope.as_ref().map(typable)
    }

    /// Whether the last step may be taken.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.intent == Intent::Reset && self.reason.trim().is_empty() {
            return Readiness::ReasonMissing;
        }
        match self.name_to_type() {
            Some(name) if self.typed.trim() != name => Readiness::NameMissing,
            _ => Readiness::Ready,
        }
    }

    /// The request to the engine, if the last step may be taken.
    #[must_use]
    pub fn command(&self, by: &str) -> Option<Command> {
        if self.readiness() != Readiness::Ready {
            return None;
        }
        let by = by.to_owned();
        let scope = self.scope.as_ref().map(ToString::to_string);
        let reason = match self.reason.trim() {
            "" => "tripped at the console, no reason given".to_owned(),
            reason => reason.to_owned(),
        };
        Some(match self.intent {
            Intent::Trip => Command::Trip { scope: scope?, reason, by },
            Intent::Reset => Command::Reset { scope: scope?, reason, by },
            Intent::Arm => Command::Arm { by },
            Intent::Disarm => Command::Disarm { by },
        })
    }
}

/// What can be tripped: everything, then each scope that calls or limits were
/// seen of, busiest first within its kind.
#[must_use]
pub fn trip_choices(snapshot: &Snapshot) -> Vec<SwitchScope> {
    let mut seen: BTreeMap<SwitchScope, u64> = BTreeMap::new();
    for load in snapshot.load.iter() {
        for scope in scopes_of(load) {
            *seen.entry(scope).or_default() += load.requests;
        }
    }
    for limit in snapshot.limits.iter() {
        let load = Load {
            provider: limit.provider.clone(),
            model: limit.model.clone(),
            key: limit.key.clone(),
            ..Load::default()
        };
        for scope in scopes_of(&load) {
            seen.entry(scope).or_default();
        }
    }
    let tripped = reset_choices(snapshot);
    let mut choices: Vec<(u8, u64, SwitchScope)> = seen
        .into_iter()
        .filter(|(scope, _)| !tripped.contains(scope))
        .map(|(scope, requests)| (rank(&scope), requests, scope))
        .collect();
    choices.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let all = (!tripped.contains(&SwitchScope::All)).then_some(SwitchScope::All);
    all.into_iter().chain(choices.into_iter().map(|(_, _, scope)| scope)).collect()
}

/// What is tripped and can be reset.
#[must_use]
pub fn reset_choices(snapshot: &Snapshot) -> Vec<SwitchScope> {
    let tripped = snapshot.switches.iter().filter(|switch| switch.state == "tripped");
    tripped.filter_map(|switch| switch.scope.parse().ok()).collect()
}

/// Another stop that stands and stops all that this scope means.
#[must_use]
pub fn wider(snapshot: &Snapshot, scope: &SwitchScope) -> Option<SwitchScope> {
    reset_choices(snapshot).into_iter().find(|wider| wider != scope && wider.covers(scope))
}

/// Whose a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Tripline made its kill file, or will.
    Ours,
    /// Somebody else did: it says nothing of who and why.
    Others,
}

/// Whose the stop of a scope is.
#[must_use]
pub fn whose(snapshot: &Snapshot, scope: &SwitchScope) -> Whose {
    let name = scope.to_string();
    let others = |switch: &crate::snapshot::Switch| {
        *switch.scope == name && switch.state == "tripped" && switch.reason.is_none()
    };
    if snapshot.switches.iter().any(others) { Whose::Others } else { Whose::Ours }
}

/// What a trip would stop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stopped {
    /// Calls of the scope in the last minute.
    pub requests: u64,
    /// The same per second, once that can be said.
    pub requests_per_s: Option<f64>,
    /// Share of all calls, where there are any.
    pub share: Option<f64>,
    /// Calls per second by priority, critical first; only those that occur.
    pub by_priority: Vec<(&'static str, Option<f64>)>,
}

/// What a trip of this scope would stop, by the last minute's traffic.
#[must_use]
pub fn stopped(snapshot: &Snapshot, scope: &SwitchScope) -> Stopped {
    let all: u64 = snapshot.load.iter().map(|load| load.requests).sum();
    let sum = |rate: Option<f64>, more: Option<f64>| more.map(|more| rate.unwrap_or(0.0) + more);
    let mut stopped = Stopped::default();
    for load in snapshot.load.iter().filter(|load| covers(scope, load)) {
        stopped.requests += load.requests;
        stopped.requests_per_s = sum(stopped.requests_per_s, load.requests_per_s);
        let Some(priority) = load.priority else { continue };
        match stopped.by_priority.iter_mut().find(|(word, _)| *word == priority) {
            Some((_, rate)) => *rate = sum(*rate, load.requests_per_s),
            None => stopped.by_priority.push((priority, load.requests_per_s)),
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a share for people")]
    let share = || stopped.requests as f64 / all as f64;
    stopped.share = (all > 0).then(share);
    let order = crate::domain::Priority::from_word;
    stopped.by_priority.sort_by_key(|(word, _)| order(word));
    stopped
}

/// The shell line that does the same, for a person who trusts the shell more;
/// `None` where the name has characters that cannot be copied from a screen. What others
/// made is removed by force only.
#[must_use]
pub fn shell_line(plan: &Plan, options: &str, whose: Whose) -> Option<String> {
    let verb = plan.intent.word().to_lowercase();
    let force = match (plan.intent, whose) {
        (Intent::Reset, Whose::Others) => " --force",
        _ => "",
    };
    match &plan.scope {
        Some(scope) => {
            let scope = shell_word(&scope.to_string())?;
            Some(format!("tripline{options} switch {verb} {scope}{force} --reason \"...\""))
        }
        None => Some(format!("tripline{options} switch {verb}")),
    }
}

/// Quotes what a shell would obey, which names from logs and paths may hold.
#[must_use]
pub fn shell_word(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:@%+=".contains(&byte);
    if text.bytes().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The scopes that a slice is in. What stands for several names none of them: no gateway
/// would stop anything by it.
fn scopes_of(load: &Load) -> impl Iterator<Item = SwitchScope> {
    let owned = |name: &Option<Text>| {
        let name = name.as_deref().filter(|name| !COLLECTIVE.contains(name));
        name.map(ToOwned::to_owned)
    };
    let model = owned(&load.provider).zip(owned(&load.model));
    [
        owned(&load.provider).map(SwitchScope::Provider),
        model.map(|(provider, model)| SwitchScope::Model { provider, model }),
        owned(&load.key).map(SwitchScope::Key),
        owned(&load.environment).map(SwitchScope::Env),
    ]
    .into_iter()
    .flatten()
}

fn covers(scope: &SwitchScope, load: &Load) -> bool {
    let is = |name: &Option<Text>, wanted: &str| name.as_deref() == Some(wanted);
    match scope {
        SwitchScope::All => true,
        SwitchScope::Provider(provider) => is(&load.provider, &provider::name(provider)),
        SwitchScope::Model { provider, model } => {
            is(&load.provider, &provider::name(provider)) && is(&load.model, model)
        }
        SwitchScope::Key(key) => is(&load.key, key),
        SwitchScope::Env(environment) => is(&load.environment, environment),
    }
}

/// Narrow scopes first: they hurt least.
fn rank(scope: &SwitchScope) -> u8 {
    match scope {
        SwitchScope::All => 0,
        SwitchScope::Model { .. } => 1,
        SwitchScope::Key(_) => 2,
        SwitchScope::Provider(_) => 3,
        SwitchScope::Env(_) => 4,
    }
}

/// The short name of a scope; its kind where nobody could type the name.
fn typable(scope: &SwitchScope) -> &str {
    let name = scope.short_name();
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && name.len() <= 24 {
        return name;
    }
    match scope {
        SwitchScope::All => "all",
        SwitchScope::Provider(_) => "provider",
        SwitchScope::Model { .. } => "model",
        SwitchScope::Key(_) => "key",
        SwitchScope::Env(_) => "env",
    }
}
