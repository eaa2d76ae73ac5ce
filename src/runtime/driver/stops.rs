//! The driver's hand on the kill switch: what rules and people ask for, what the
//! action thread reports, and trips whose file went away. Whatever waits for a
//! disk is a job for the action thread.

use super::super::actions::{Job, Report};
use super::super::brake::{Brake, Tripped};
use super::super::gone::{Told, Vanished};
use super::{AskedReset, Driver, JOBS};
use crate::action::arming::{ArmRecord, ArmState};
use crate::action::audit::{self, Deed};
use crate::action::switch::KillNote;
use crate::domain::{Stamp, Wall};
use crate::engine::{Effect, EventKind, Withheld};

impl Driver {
    /// A person asks for a trip.
    pub(super) fn trip(&mut self, scope: &str, reason: &str, by: &str, now: Stamp) {
        let note = self.note(reason, None, by, now);
        let outcome = match &mut self.brake {
            Some(brake) => brake.trip(scope, &note),
            None => Tripped::Failed("no kill switch is configured".into(), Told::First),
        };
        self.after_trip(outcome, scope, &note, now);
    }

    /// A person lets traffic through again. The action thread does it, since it waits for
    /// the disk that has the record.
    pub(super) fn reset(&mut self, scope: &str, reason: String, by: String, now: Stamp) {
        let Some(brake) = &mut self.brake else { return };
        let order = match brake.order_reset(scope) {
            Ok(order) => order,
            Err(why) => return self.answer(format!("{scope} NOT reset: {why}")),
        };
        let deed = Deed {
            at: now.wall,
            by: by.clone(),
            host: brake.host().to_owned(),
            action: audit::RESET.into(),
            scope: Some(scope.to_owned()),
            rule: None,
            reason: reason.clone(),
            result: audit::REQUESTED.into(),
        };
        self.resets.push(AskedReset { scope: order.scope.to_string(), by, reason });
        self.unanswered += 1;
        self.hand_over(Job::Reset(order, deed), now);
    }

    pub(super) fn hear(&mut self, report: Report, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        match report {
            Report::Trouble(trouble) => self.engine.report(trouble.kind, &trouble.text, now),
            Report::Stock(stock) => {
                if let Some(brake) = &mut self.brake {
                    brake.take_stock(stock);
                }
            }
            Report::Reset { scope, done, said } => {
                if let Some(brake) = self.brake.as_mut().filter(|_| done) {
                    brake.was_reset(&scope);
                }
                self.unanswered = self.unanswered.saturating_sub(1);
                self.answer(said);
                self.learn_switches(now, effects);
                let scope = scope.to_string();
                self.resets.retain(|asked| asked.scope != scope);
            }
            Report::Armed(answer) => {
                if let Some(brake) = &mut self.brake {
                    brake.refresh();
                }
                self.restock(now);
                self.unanswered = self.unanswered.saturating_sub(1);
                self.answer(answer);
            }
        }
        self.learn_switches(now, effects);
    }

    /// Kill files that somebody removed. Those of ours come up again until they stand again
    /// or are reset. Answers whether there is news of any.
    fn tell_vanished(&mut self, now: Stamp) -> bool {
        let Some(brake) = self.brake.as_mut().filter(|brake| brake.may_act()) else { return false };
        let host = brake.host().to_owned();
        let mut any = false;
        for Vanished { scope, note, told } in brake.take_vanished(now.mono) {
            let ours = note.is_some();
            let deed = Deed {
                at: now.wall,
                by: "unknown".into(),
                host: host.clone(),
                action: audit::REMOVED_OUTSIDE.into(),
                scope: Some(scope.clone()),
                rule: None,
                reason: "its kill file is gone, and it was not reset".into(),
                result: if ours { "to be made again" } else { "traffic may pass" }.into(),
            };
            if told == Told::First {
                self.hand_over(Job::Record(deed), now);
            }
            if ours {
                any |= self.trip_again(&scope, now);
            } else {
                let text =
                    format!("{scope} is not stopped any more: its kill file was removed by hand");
                self.engine.report(audit::REMOVED_OUTSIDE, &text, now);
                any = true;
            }
        }
        any
    }

    /// A trip is latched: only a reset, with a reason, ends it. Its file is made again,
    /// by tripline and by nobody else: that is no second trip. Answers whether that is news.
    fn trip_again(&mut self, scope: &str, now: Stamp) -> bool {
        let Some(brake) = &mut self.brake else { return false };
        let Some((outcome, note)) = brake.trip_again(scope, now.wall) else { return false };
        let by = note.rule.as_ref().map_or_else(|| note.by.clone(), |rule| format!("rule {rule}"));
        let deed = |result: &str, at: Wall| Deed {
            at,
            by: "tripline".into(),
            host: brake.host().to_owned(),
            action: audit::TRIP_AGAIN.into(),
            scope: Some(scope.to_owned()),
            rule: note.rule.clone(),
            reason: format!(
                "its kill file was removed by hand and not by a reset; tripped at {} by {by}: {}",
                note.at.rfc3339(),
                note.reason
            ),
            result: result.to_owned(),
        };
        let (job, text) = match outcome {
            Tripped::Now(mut pending) => {
                let deed = deed(audit::TRIPPED, self.clock.now().wall);
                brake.stands_since(&mut pending, deed.at);
                (Job::Confirm(pending, deed), "is there again")
            }
            Tripped::Before | Tripped::Covered | Tripped::Disarmed => {
                (Job::Record(deed("stands already", now.wall)), "is there again")
            }
            Tripped::Failed(why, _) => {
                let text = format!("{scope} NOT tripped: {why}");
                self.engine.alarm("trip_failed", &text, now);
                (Job::Record(deed(&format!("failed: {why}"), now.wall)), "can't be made again")
            }
        };
        let text = format!(
            "the kill file of {scope} was removed by hand and {text}: \
             `tripline switch reset` ends a trip"
        );
        self.engine.report(audit::REMOVED_OUTSIDE, &text, now);
        self.hand_over(job, now);
        self.restock(now);
        true
    }

    /// Look at the switch directory. Answers whether anything has changed.
    pub(super) fn look(&mut self, now: Stamp, effects: &mut Vec<Effect>) -> bool {
        let Some(brake) = &mut self.brake else { return false };
        let changed =
            brake.refresh() | brake.withdraw(|scope| self.engine.book().still_asks(scope));
        let changed = self.tell_vanished(now) | changed;
        if changed {
            self.learn_switches(now, effects);
            self.restock(now);
        }
        self.take_up_stops(now);
        changed
    }

    /// What became of the stops of an earlier run, as soon as the directory tells.
    pub(super) fn take_up_stops(&mut self, now: Stamp) {
        let Some(brake) = self.brake.as_ref().filter(|brake| brake.is_open()) else { return };
        if !std::mem::replace(&mut self.took_up_stops, true) {
            self.engine.take_up_stops(|scope, stop| brake.was_reset_since(scope, stop), now);
        }
        self.engine.settle_lost_stops(|scope, stop| brake.is_marked_since(scope, stop));
    }

    pub(super) fn learn_switches(&mut self, now: Stamp, effects: &mut Vec<Effect>) {
        let Some(brake) = &self.brake else { return };
        let first = effects.len();
        self.engine.set_switches(brake.states(), now, effects);
        for effect in effects.iter_mut().skip(first) {
            let Effect::Event(event) = effect else { continue };
            let here = |asked: &&AskedReset| event.scope.as_deref() == Some(&asked.scope);
            if event.kind == EventKind::SwitchReset
                && let Some(AskedReset { scope, by, reason }) = self.resets.iter().find(here)
            {
                event.by = Some(by.clone());
                event.summary = format!("{scope} reset by {by}: {reason}");
            }
        }
    }

    /// Order the prepared files that are missing.
    pub(super) fn restock(&mut self, now: Stamp) {
        if let Some(order) = self.brake.as_mut().and_then(Brake::restock) {
            self.hand_over(Job::Restock(order), now);
        }
    }

    /// Hand a job to the action thread without waiting for it. Trips are few, a
    /// scope trips once; records of what was withheld may be many.
    pub(super) fn hand_over(&mut self, job: Job, now: Stamp) {
        let full = matches!(job, Job::Record(_)) && self.jobs.len() >= JOBS;
        if full {
            self.engine.report("not_recorded", "the audit record does not keep up", now);
        } else if self.jobs.send(job).is_err() {
            self.engine.report("action_failed", "the action thread has ended", now);
        }
    }

    pub(super) fn note(&self, reason: &str, rule: Option<&str>, by: &str, now: Stamp) -> KillNote {
        KillNote {
            reason: reason.to_owned(),
            rule: rule.map(str::to_owned),
            by: by.to_owned(),
            host: self.brake.as_ref().map(|brake| brake.host().to_owned()).unwrap_or_default(),
            at: now.wall,
        }
    }

    pub(super) fn after_trip(
        &mut self,
        outcome: Tripped,
        scope: &str,
        note: &KillNote,
        now: Stamp,
    ) {
        let deed = |result: &str| Deed {
            at: note.at,
            by: note.by.clone(),
            host: note.host.clone(),
            action: audit::TRIP.into(),
            scope: Some(scope.to_owned()),
            rule: note.rule.clone(),
            reason: note.reason.clone(),
            result: result.to_owned(),
        };
        let (job, answer) = match outcome {
            Tripped::Now(mut pending) => {
                let stands = self.clock.now().wall;
                if let Some(brake) = &mut self.brake {
                    brake.stands_since(&mut pending, stands);
                }
                let deed = Deed { at: stands, ..deed(audit::TRIPPED) };
                (Some(Job::Confirm(pending, deed)), format!("{scope} tripped"))
            }
            Tripped::Before => {
                let text = format!("{scope} was tripped already");
                (Some(Job::Record(deed("already tripped"))), text)
            }
            Tripped::Covered => {
                self.withhold(scope, note, Withheld::Covered, now);
                (None, format!("{scope} is stopped by a wider stop"))
            }
            Tripped::Disarmed => {
                self.withhold(scope, note, Withheld::Disarmed, now);
                let text = format!("a rule asked to trip {scope}, but the switch is not armed");
                self.engine.report("trip_withheld", &text, now);
                (Some(Job::Record(deed("withheld: not armed"))), text)
            }
            Tripped::Failed(why, told) => {
                self.withhold(scope, note, Withheld::Failed, now);
                let text = format!("{scope} NOT tripped: {why}");
                self.engine.alarm("trip_failed", &text, now);
                // A rule tries again every few seconds, which is no news.
                let is_news = told == Told::First || note.rule.is_none();
                (is_news.then(|| Job::Record(deed(&format!("failed: {why}")))), text)
            }
        };
        if let Some(job) = job {
            self.hand_over(job, now);
        }
        if note.rule.is_none() {
            self.answer(answer);
        }
    }

    fn withhold(&mut self, scope: &str, note: &KillNote, why: Withheld, now: Stamp) {
        if let Some(rule) = &note.rule {
            self.engine.withhold(rule, scope, why, now);
        }
    }

    pub(super) fn answer(&self, text: String) {
        // Nobody listens when there is no console.
        let _ = self.answers.try_send(text);
    }

    pub(super) fn set_arming(&mut self, state: ArmState, by: &str, now: Stamp) {
        let Some(brake) = &mut self.brake else { return };
        let record = ArmRecord { state, by: by.to_owned(), at: now.wall, reason: None };
        self.unanswered += 1;
        let job = Job::Arm(brake.state_dir().to_owned(), brake.host().to_owned(), record);
        self.hand_over(job, now);
    }
}
