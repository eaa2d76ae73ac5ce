//! What is said of an alert, and what its rule asks for with it.

use std::sync::Arc;
use std::time::Duration;

use super::{Alert, Brake, Over};
use crate::domain::Stamp;
use crate::engine::effect::{Effect, Event, EventKind, Labels, Withheld};
use crate::engine::{series, wording};
use crate::rules::{Action, Actions, Family, Verdict};

/// A value that dances on its threshold is said to be pending this often at most.
const PENDING_AGAIN: Duration = Duration::from_secs(60);

/// What fired may be as bad as ever: nobody can tell any more.
pub(super) fn ended_without_data(alert: &Alert, now: Stamp) -> Event {
    let silent = wording::span(alert.instance.age(now.mono).as_secs_f64());
    let text =
        format!("not resolved, but no data for {silent}, so not shown any more: {}", alert.title);
    let mut event = Event::new(now.wall, EventKind::Finding, text);
    event.rule = Some(Arc::from(alert.rule.name.as_str()));
    event.severity = alert.instance.threshold(&alert.rule).map(|(_, severity)| severity);
    event.labels = alert.labels.clone();
    event
}

/// Says what became of an alert, and asks for what its rule does.
pub(super) fn announce(
    alert: &mut Alert,
    verdict: Verdict,
    over: Over,
    now: Stamp,
    out: &mut Vec<Effect>,
) {
    let kind = match verdict {
        Verdict::Same => return,
        // Who heard of it waits for its end.
        Verdict::Withdrawn if !alert.is_awaited => return,
        Verdict::Pending => {
            if alert.told_pending.is_some_and(|at| now.mono.since(at) < PENDING_AGAIN) {
                return;
            }
            alert.told_pending = Some(now.mono);
            alert.is_awaited = true;
            EventKind::AlertPending
        }
        Verdict::Fired(_) => EventKind::AlertFiring,
        Verdict::Due => EventKind::Finding,
        Verdict::Resolved | Verdict::Withdrawn => EventKind::AlertResolved,
    };
    if kind != EventKind::AlertPending {
        alert.is_awaited = false;
    }
    if verdict == Verdict::Resolved {
        alert.acked_by = None;
    }
    if matches!(verdict, Verdict::Resolved | Verdict::Fired(Actions::Due) | Verdict::Due) {
        alert.withheld = None;
    }
    alert.brake = match verdict {
        _ if alert.rule.actions.is_empty() => None,
        Verdict::Fired(Actions::Due) | Verdict::Due => Some(Brake::Asked(now.wall)),
        Verdict::Fired(Actions::CoolingDown) => {
            let until = alert.instance.cools_until();
            until.map(|until| Brake::Cools(now.wall.plus(until.since(now.mono))))
        }
        _ => None,
    };
    let threshold = alert.instance.threshold(&alert.rule);
    let mut event = Event::new(now.wall, kind, alert.summary());
    event.rule = Some(Arc::from(alert.rule.name.as_str()));
    event.severity = threshold.map(|(_, severity)| severity);
    event.labels = alert.labels.clone();
    event.value = alert.value();
    event.threshold = alert.threshold();
    match verdict {
        Verdict::Fired(Actions::Due) => ask_for_trips(alert, &mut event, now, out),
        Verdict::Due if alert.rule.actions.is_empty() => return,
        Verdict::Due => {
            ask_for_trips(alert, &mut event, now, out);
            event.summary = format!("rule {} asks now: {}", alert.rule.name, event.summary);
        }
        Verdict::Withdrawn => {
            let why = why_withdrawn(alert, over);
            event.summary = format!("withdrawn before it fired{why}: {}", event.summary);
        }
        _ => {}
    }
    out.push(Effect::Event(event));
}

/// Why it is over, where its last value does not say so.
fn why_withdrawn(alert: &Alert, over: Over) -> &'static str {
    let crosses =
        |value| alert.threshold().is_some_and(|line| alert.rule.direction.crosses(value, line));
    if !alert.instance.value().is_some_and(crosses) {
        return "";
    }
    match (over, alert.rule.metric.family()) {
        (Over::At(_) | Over::Settled, _) => "",
        (Over::Stopped, _) => ", its calls are stopped",
        (Over::Unheard, Family::Traffic) => ", no calls any more",
        (Over::Unheard, _) => ", no data any more",
    }
}

/// The kill goes first, whatever the order in the configuration.
fn ask_for_trips(alert: &mut Alert, event: &mut Event, now: Stamp, out: &mut Vec<Effect>) {
    let rule: Arc<str> = Arc::from(alert.rule.name.as_str());
    for Action::Trip(scope) in &alert.rule.actions {
        let scope = match trip_scope(scope, &alert.labels) {
            Ok(scope) => scope,
            Err(missing) => {
                let text = format!("rule {rule} could not trip: its alert names no {missing}");
                out.push(Effect::Event(Event::new(now.wall, EventKind::Finding, text)));
                alert.withheld = Some((Withheld::Nameless, missing.to_owned()));
                alert.brake = None;
                continue;
            }
        };
        event.would.push(format!("trip {scope}"));
        let reason = event.summary.clone();
        out.push(Effect::Trip { scope, rule: Arc::clone(&rule), reason });
    }
}

/// The scope an action means: a literal one, or one made from the labels; else the label
/// that is missing for it.
pub(super) fn trip_scope(scope: &str, labels: &Labels) -> Result<String, &'static str> {
    // A collective name is nobody's: no gateway would stop anything by it.
    let names_one = |text: &&str| !text.is_empty() && !series::COLLECTIVE.contains(text);
    let label = |name: &'static str| {
        let text = labels.get(name).map(|text: &Arc<str>| text.as_ref());
        text.filter(names_one).ok_or(name)
    };
    Ok(match scope {
        "provider" => format!("provider/{}", label("provider")?),
        "model" => format!("model/{}/{}", label("provider")?, label("model")?),
        "key" => format!("key/{}", label("key")?),
        "env" => format!("env/{}", label("environment")?),
        literal => literal.to_owned(),
    })
}
