//! What the engine learns of kill switches and of people's words on alerts: stops that
//! begin and end, trips that were not carried out, who has taken an alert.

use std::time::Duration;

use super::Engine;
use super::effect::{Effect, Event, EventKind, Labels, Withheld};
use super::switches::SwitchState;
use crate::domain::{Mono, Stamp, Wall};

/// Pause before a trip that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

impl Engine {
    /// Learn what the kill switch directory holds, and whether rules may trip.
    pub fn set_switches(&mut self, states: Vec<SwitchState>, now: Stamp, out: &mut Vec<Effect>) {
        let (was_armed, knew) = (self.switches.armed(), !self.switches.rows().is_empty());
        let changes = self.switches.set(states, &self.names, now);
        if self.switches.armed() != was_armed && knew {
            let text = if was_armed { "rules may not trip any more" } else { "rules may trip now" };
            let mut event = Event::new(now.wall, EventKind::Finding, text.to_owned());
            event.labels.insert("kind", if was_armed { "disarmed" } else { "armed" }.into());
            out.push(Effect::Event(event));
        }
        if self.switches.armed() && !was_armed {
            self.book.retry(now.mono);
        }
        for doubt in &changes.doubts {
            self.report("switch_problem", &format!("kill switch: {doubt}"), now);
        }
        for trouble in &changes.troubles {
            self.alarm("switch_problem", &format!("kill switch: {trouble}"), now);
        }
        self.forget_settled_trouble();
        // What was reset and tripped again is told in that order.
        for state in &changes.reset {
            self.book.stopped(&state.scope, false, now.mono);
            self.book.uncover(now.mono);
            let text = format!("{} is not stopped any more", state.scope);
            let mut event = Event::new(now.wall, EventKind::SwitchReset, text);
            event.scope = Some(state.scope.clone());
            out.push(Effect::Event(event));
        }
        for state in &changes.tripped {
            self.book.stopped(&state.scope, true, now.mono);
            let trip = state.trip.clone().unwrap_or_default();
            let why = trip.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let again = match trip.again {
                Some(_) => " again, since its kill file was removed by hand",
                None => "",
            };
            let text = format!("{} tripped{again}{why}", state.scope);
            let mut event = Event::new(now.wall, EventKind::SwitchTripped, text);
            event.scope = Some(state.scope.clone());
            event.by = trip.by;
            event.rule = trip.rule.as_deref().map(Into::into);
            out.push(Effect::Event(event));
        }
        self.touched.hosts = true;
    }

    /// Learn, once switches are known, what became of the stops of an earlier run that do not
    /// stand any more: whether a person has reset that scope since then.
    pub fn take_up_stops(&mut self, was_reset: impl Fn(&str, Wall) -> bool, now: Stamp) {
        let stands = |scope: &str| self.switches.stands(scope);
        self.book.stops_of_before(stands, &was_reset, now.mono);
        let mut lost = self.switches.take_lost();
        lost.retain(|(scope, at)| !was_reset(scope, *at));
        for (scope, at) in &lost {
            self.alarm("stop_lost", &lost_in_words(scope, *at), now);
        }
        self.lost_stops = lost;
    }

    /// What was lost is forgotten once it stands again, or a person has reset it.
    pub fn settle_lost_stops(&mut self, was_reset: impl Fn(&str, Wall) -> bool) {
        for (scope, at) in std::mem::take(&mut self.lost_stops) {
            if self.switches.stands(&scope) || was_reset(&scope, at) {
                self.unsay("stop_lost", &lost_in_words(&scope, at));
            } else {
                self.lost_stops.push((scope, at));
            }
        }
    }

    /// What was wrong with switches, and is not any more.
    fn forget_settled_trouble(&mut self) {
        let states = || self.switches.rows().iter().map(|row| &row.state);
        self.findings.keep("switch_problem", |text| {
            let problem = text.strip_prefix("kill switch: ");
            states().any(|state| state.problem.as_deref() == problem)
        });
        self.findings.keep("trip_failed", |text| {
            let about = |scope: &str| {
                text.strip_prefix(scope).is_some_and(|rest| rest.starts_with(" NOT tripped: "))
            };
            states().any(|state| state.failed && about(&state.scope))
        });
    }

    /// A trip that a rule asked for was not carried out: while the rule fires it
    /// is asked for again when the switch is armed, and some seconds later anyway.
    pub fn withhold(&mut self, rule: &str, scope: &str, why: Withheld, now: Stamp) {
        let again = match why {
            Withheld::Disarmed | Withheld::Nameless | Withheld::Covered | Withheld::Looking => {
                Mono(u64::MAX)
            }
            Withheld::Failed => now.mono.plus(RETRY),
        };
        self.book.withhold(rule, scope, why, again);
    }

    /// Put a name on a live alert.
    pub fn acknowledge(&mut self, rule: &str, labels: &Labels, by: &str) -> bool {
        self.book.acknowledge(rule, labels, by)
    }
}

fn lost_in_words(scope: &str, at: Wall) -> String {
    format!(
        "{scope} is not stopped any more: its kill file of {} went away while nothing ran, and no \
         person has reset it; trip it again, or reset it",
        at.rfc3339()
    )
}
