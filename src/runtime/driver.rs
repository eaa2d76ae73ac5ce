//! The `engine` thread: batches and commands in, trips and snapshots out.
//!
//! A trip is carried out between the batch that asked for it and everything
//! else; no screen, network or disk sync is waited for.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select};

use super::actions::{Job, Report};
use super::brake::{Brake, Tripped, Vanished};
use super::clock::Clock;
use super::command::Command;
use super::keeper::Keeper;
use super::observer::{Beat, Look};
use crate::action::arming::{ArmRecord, ArmState};
use crate::action::audit::{self, Deed};
use crate::action::switch::KillNote;
use crate::domain::{Batch, Mono, SourceId, Stamp};
use crate::engine::{Effect, Engine, Event, EventKind, SourceStatus, Withheld};
use crate::snapshot::{self, Snapshot};

/// How often the switch directory is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often prepared files that could not be made are tried again.
const RESTOCK: Duration = Duration::from_secs(10);
/// Batches taken in one go before anything else gets a turn.
const BURST: usize = 64;
/// Records that may wait for a slow disk.
const JOBS: usize = 1024;

/// What the engine thread is sent.
pub enum News {
    /// Observations.
    Batch(Batch),
    /// How a source is doing.
    Status(SourceId, SourceStatus),
}

/// Everything the engine thread owns and speaks to.
pub struct Driver {
    pub engine: Engine,
    pub brake: Option<Brake>,
    pub clock: Clock,
    pub news: Receiver<News>,
    pub recycle: Sender<Batch>,
    pub commands: Receiver<Command>,
    pub looks: Receiver<Look>,
    pub beat: Beat,
    pub answers: Sender<String>,
    pub jobs: Sender<Job>,
    pub reports: Receiver<Report>,
    pub frames: Newest,
    /// The ledger, where there is one.
    pub keeper: Option<Keeper>,
    pub events: Option<Sender<Event>>,
    /// Events for which the viewer had no room.
    pub untold: u64,
    /// Shortest time between two snapshots, unless something urgent happened.
    pub frame_every: Duration,
    /// Closed when the program ends.
    pub stop: Receiver<()>,
}

/// A channel of one in which the newest replaces what was not fetched.
pub struct Newest {
    send: Sender<Arc<Snapshot>>,
    stale: Receiver<Arc<Snapshot>>,
}

impl Newest {
    /// The channel; viewers get the receiver.
    pub fn new() -> (Newest, Receiver<Arc<Snapshot>>) {
        let (send, receive) = bounded(1);
        (Newest { send, stale: receive.clone() }, receive)
    }

    fn put(&self, snapshot: Arc<Snapshot>) {
        if let Err(TrySendError::Full(snapshot)) = self.send.try_send(snapshot) {
            let _ = self.stale.try_recv();
            let _ = self.send.try_send(snapshot);
        }
    }
}

/// Timers of the loop.
struct Due {
    tick: Mono,
    look: Mono,
    restock: Mono,
    frame: Mono,
    /// Something visible changed since the last snapshot.
    dirty: bool,
}

impl Driver {
    /// Run until told to stop.
    pub fn run(mut self) {
        let now = self.clock.now();
        let mut due = Due {
            tick: now.mono,
            look: now.mono,
            restock: now.mono.plus(RESTOCK),
            frame: now.mono,
            dirty: true,
        };
        let mut effects = Vec::new();
        self.learn_switches(now, &mut effects);
        self.restock(now);
        loop {
            let now = self.clock.now();
            self.beat.mark(now.mono);
            let urgent = self.carry_out(&mut effects, now);
            self.keep_time(now, &mut due, &mut effects);
            let urgent = self.carry_out(&mut effects, now) || urgent;
            if urgent || (due.dirty && now.mono >= due.frame) {
                self.frames.put(Arc::new(snapshot::build(&self.engine, now)));
                due.frame = now.mono.plus(self.frame_every);
                due.dirty = false;
            }
            let mut next = due.tick.min(due.look);
            if let Some(keeper) = &mut self.keeper {
                next = keeper.turn(&mut self.engine, now).map_or(next, |at| next.min(at));
            }
            if due.dirty {
                next = next.min(due.frame);
            }
            let wait = next.since(self.clock.now().mono);
            let words = self.keeper.as_ref().map_or_else(never, |keeper| keeper.words.clone());
            select! {
                recv(self.news) -> news => match news {
                    Ok(news) => {
                        self.take_in(news, &mut effects);
                        due.dirty = true;
                    }
                    // Every source has ended; commands and time go on.
                    Err(_) => self.news = never(),
                },
                recv(self.commands) -> command => {
                    if let Ok(command) = command {
                        self.obey(command, &mut effects);
                        due.look = Mono(0);
                        due.dirty = true;
                    } else {
                        self.commands = never();
                    }
                },
                recv(self.looks) -> look => {
                    if let Ok(look) = look {
                        // Whoever asked may have gone.
                        let _ = look.try_send(Arc::new(snapshot::build(&self.engine, self.clock.now())));
                    } else {
                        self.looks = never();
                    }
                },
                recv(words) -> word => {
                    let now = self.clock.now();
                    match (word, &mut self.keeper) {
                        (Ok(word), Some(keeper)) => keeper.hear(word, &mut self.engine, now),
                        _ => self.lose_ledger(now),
                    }
                    due.dirty = true;
                },
                recv(self.reports) -> report => {
                    if let Ok(report) = report {
                        self.hear(report, &mut effects);
                        due.dirty = true;
                    } else {
                        self.reports = never();
                    }
                },
                recv(self.stop) -> _ => break,
                default(wait) => {}
            }
        }
        // What was read before the end counts.
        for news in self.news.clone().try_iter().take(BURST) {
            self.take(news, &mut effects);
        }
        let now = self.clock.now();
        self.engine.tick(now, &mut effects);
        self.carry_out(&mut effects, now);
        if let Some(keeper) = self.keeper.take() {
            keeper.finish(&mut self.engine, self.clock);
        }
        self.frames.put(Arc::new(snapshot::build(&self.engine, now)));
    }

    /// The ledger's thread has ended by itself, which only a defect explains.
    fn lose_ledger(&mut self, now: Stamp) {
        if let Some(keeper) = self.keeper.take() {
            keeper.lost(&mut self.engine);
            let text = "the ledger's thread has ended: what is counted from now on is not kept";
            self.engine.alarm("ledger_lost", text, now);
        }
    }

    /// Take in what has come, but not so much that nothing else gets a turn;
    /// each batch's trips are carried out before the next one is looked at.
    fn take_in(&mut self, first: News, effects: &mut Vec<Effect>) {
        self.take(first, effects);
        for _ in 1..BURST {
            let Ok(news) = self.news.try_recv() else { return };
            self.take(news, effects);
        }
    }

    fn take(&mut self, news: News, effects: &mut Vec<Effect>) {
        match news {
            News::Batch(mut batch) => {
                let now = self.clock.now();
                self.engine.apply(&batch, now, effects);
                if effects.iter().any(|effect| matches!(effect, Effect::Trip { .. })) {
                    self.carry_out(effects, now);
                }
                batch.clear();
                // A full channel has enough spare ones.
                let _ = self.recycle.try_send(batch);
            }
            News::Status(source, status) => self.engine.set_source(source, status),
        }
    }

    fn keep_time(&mut self, now: Stamp, due: &mut Due, effects: &mut Vec<Effect>) {
        if now.mono >= due.look {
            let changed = self.brake.as_mut().is_some_and(Brake::refresh);
            if changed {
                self.tell_vanished(now);
                self.learn_switches(now, effects);
                self.restock(now);
                due.dirty = true;
            }
            due.look = now.mono.plus(LOOK);
        }
        if now.mono >= due.restock {
            self.restock(now);
            due.restock = now.mono.plus(RESTOCK);
        }
        if now.mono >= due.tick {
            self.engine.tick(now, effects);
            due.tick = now.mono.plus(self.engine.pulse(now.mono));
            due.dirty = true;
        }
        // What was just taken in may have started a `for`.
        due.tick = due.tick.min(now.mono.plus(self.engine.pulse(now.mono)));
    }

    /// Kill files that went away: somebody's reset, or somebody's `rm`.
    fn tell_vanished(&mut self, now: Stamp) {
        let Some(brake) = &mut self.brake else { return };
        let host = brake.host().to_owned();
        let gone = brake.take_vanished();
        if !brake.may_act() {
            return;
        }
        for Vanished { scope, since, note } in gone {
            let deed = Deed {
                at: now.wall,
                by: "unknown".into(),
                host: host.clone(),
                action: audit::REMOVED_OUTSIDE.into(),
                scope: Some(scope),
                rule: None,
                reason: "its kill file is gone, and no reset is recorded".into(),
                result: if note.is_some() { "to be made again" } else { "traffic may pass" }.into(),
            };
            self.hand_over(Job::Vanished(deed, since, note), now);
        }
    }

    fn learn_switches(&mut self, now: Stamp, effects: &mut Vec<Effect>) {
        if let Some(brake) = &self.brake {
            self.engine.set_switches(brake.states(), now, effects);
        }
    }

    /// Do what the engine asked for. Answers whether a viewer must see it at once.
    fn carry_out(&mut self, effects: &mut Vec<Effect>, now: Stamp) -> bool {
        let mut urgent = false;
        let mut learn = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Trip { scope, rule, reason } => {
                    let note = self.note(&reason, Some(&rule), "tripline", now);
                    let Some(brake) = self.brake.as_mut().filter(|brake| brake.may_act()) else {
                        continue;
                    };
                    let outcome = brake.trip_by_rule(&scope, &note);
                    self.after_trip(outcome, &scope, &note, now);
                    learn = true;
                    urgent = true;
                }
                Effect::Event(event) => {
                    urgent |=
                        matches!(event.kind, EventKind::AlertFiring | EventKind::SwitchTripped);
                    self.tell(event);
                }
            }
        }
        if learn {
            let mut more = Vec::new();
            self.learn_switches(now, &mut more);
            for effect in more {
                if let Effect::Event(event) = effect {
                    self.tell(event);
                }
            }
            self.restock(now);
        }
        urgent
    }

    /// Order the prepared files that are missing.
    fn restock(&mut self, now: Stamp) {
        if let Some(order) = self.brake.as_mut().and_then(Brake::restock) {
            self.hand_over(Job::Restock(order), now);
        }
    }

    fn hear(&mut self, report: Report, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        match report {
            Report::Trouble(trouble) => self.engine.report(trouble.kind, &trouble.text, now),
            Report::Stock(stock) => {
                if let Some(brake) = &mut self.brake {
                    brake.take_stock(stock);
                }
            }
            Report::Removed { scope, note } => self.trip_again(&scope, &note, now),
            Report::Armed(answer) => {
                if let Some(brake) = &mut self.brake {
                    brake.refresh();
                }
                self.restock(now);
                self.answer(answer);
            }
        }
        self.learn_switches(now, effects);
    }

    /// A trip is latched: only a reset, with a reason, ends it.
    fn trip_again(&mut self, scope: &str, note: &KillNote, now: Stamp) {
        let Some(brake) = &mut self.brake else { return };
        let outcome = brake.trip(scope, note);
        if let Tripped::Now(_) | Tripped::Before = outcome {
            let text = format!(
                "the kill file of {scope} was removed by hand and is there again: \
                 `tripline switch reset` ends a trip"
            );
            self.engine.report(audit::REMOVED_OUTSIDE, &text, now);
        }
        self.after_trip(outcome, scope, note, now);
        self.restock(now);
    }

    /// A viewer that does not keep up loses events, and is told how many; the
    /// engine never waits for one.
    fn tell(&mut self, mut event: Event) {
        // What came of it is told by events of its own.
        event.would.clear();
        if let Some(keeper) = &mut self.keeper {
            keeper.remember(&event);
        }
        let Some(events) = &self.events else { return };
        if self.untold > 0 {
            let text = format!("{} events were lost: their reader is too slow", self.untold);
            let lost = Event::new(event.at, EventKind::Finding, text);
            if events.try_send(lost).is_ok() {
                self.untold = 0;
            }
        }
        match events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.untold += 1,
            Err(TrySendError::Disconnected(_)) => self.events = None,
        }
    }

    /// Hand a job to the action thread without waiting for it. Trips are few, a
    /// scope trips once; records of what was withheld may be many.
    fn hand_over(&mut self, job: Job, now: Stamp) {
        let full = matches!(job, Job::Record(_)) && self.jobs.len() >= JOBS;
        if full {
            self.engine.report("not_recorded", "the audit record does not keep up", now);
        } else if self.jobs.send(job).is_err() {
            self.engine.report("action_failed", "the action thread has ended", now);
        }
    }

    fn note(&self, reason: &str, rule: Option<&str>, by: &str, now: Stamp) -> KillNote {
        KillNote {
            reason: reason.to_owned(),
            rule: rule.map(str::to_owned),
            by: by.to_owned(),
            host: self.brake.as_ref().map(|brake| brake.host().to_owned()).unwrap_or_default(),
            at: now.wall,
        }
    }

    fn after_trip(&mut self, outcome: Tripped, scope: &str, note: &KillNote, now: Stamp) {
        let deed = |result: &str| Deed {
            at: note.at,
            by: note.by.clone(),
            host: note.host.clone(),
            action: "trip".into(),
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
                let deed = Deed { at: stands, ..deed("tripped") };
                (Job::Confirm(pending, deed), format!("{scope} tripped"))
            }
            Tripped::Before => {
                (Job::Record(deed("already tripped")), format!("{scope} was tripped already"))
            }
            Tripped::Disarmed => {
                self.withhold(scope, note, Withheld::Disarmed, now);
                let text = format!("a rule asked to trip {scope}, but the switch is not armed");
                self.engine.report("trip_withheld", &text, now);
                (Job::Record(deed("withheld: not armed")), text)
            }
            Tripped::Failed(why) => {
                self.withhold(scope, note, Withheld::Failed, now);
                let text = format!("{scope} NOT tripped: {why}");
                self.engine.report("trip_failed", &text, now);
                (Job::Record(deed(&format!("failed: {why}"))), text)
            }
        };
        self.hand_over(job, now);
        if note.rule.is_none() {
            self.answer(answer);
        }
    }

    fn withhold(&mut self, scope: &str, note: &KillNote, why: Withheld, now: Stamp) {
        if let Some(rule) = &note.rule {
            self.engine.withhold(rule, scope, why, now);
        }
    }

    fn answer(&self, text: String) {
        // Nobody listens when there is no console.
        let _ = self.answers.try_send(text);
    }

    fn obey(&mut self, command: Command, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        match command {
            Command::Trip { scope, reason, by } => {
                let note = self.note(&reason, None, &by, now);
                let outcome = match &mut self.brake {
                    Some(brake) => brake.trip(&scope, &note),
                    None => Tripped::Failed("no kill switch is configured".into()),
                };
                self.after_trip(outcome, &scope, &note, now);
                self.learn_switches(now, effects);
                self.restock(now);
            }
            Command::Reset { scope, reason, by } => self.reset(&scope, &reason, &by, effects),
            Command::Arm { by } => self.set_arming(ArmState::Armed, &by, now),
            Command::Disarm { by } => self.set_arming(ArmState::Disarmed, &by, now),
            Command::Acknowledge { rule, labels, by } => {
                if !self.engine.acknowledge(&rule, &labels, &by) {
                    self.answer(format!("{rule} is over already"));
                }
            }
        }
    }

    fn reset(&mut self, scope: &str, reason: &str, by: &str, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        let Some(brake) = &mut self.brake else { return };
        let host = brake.host().to_owned();
        let outcome = brake.reset(scope, by, reason);
        let (result, answer) = match outcome {
            Ok(true) => ("reset".to_owned(), format!("{scope} reset: traffic may pass again")),
            Ok(false) => ("not tripped".to_owned(), format!("{scope} was not tripped")),
            Err(why) => (format!("failed: {why}"), format!("{scope} NOT reset: {why}")),
        };
        let deed = Deed {
            at: now.wall,
            by: by.to_owned(),
            host,
            action: "reset".into(),
            scope: Some(scope.to_owned()),
            rule: None,
            reason: reason.to_owned(),
            result,
        };
        self.hand_over(Job::Record(deed), now);
        self.answer(answer);
        let first = effects.len();
        self.learn_switches(now, effects);
        for effect in effects.iter_mut().skip(first) {
            if let Effect::Event(event) = effect
                && event.kind == EventKind::SwitchReset
                && event.scope.as_deref() == Some(scope)
            {
                event.by = Some(by.to_owned());
                event.summary = format!("{scope} reset by {by}: {reason}");
            }
        }
    }

    fn set_arming(&mut self, state: ArmState, by: &str, now: Stamp) {
        let Some(brake) = &mut self.brake else { return };
        let record = ArmRecord { state, by: by.to_owned(), at: now.wall, reason: None };
        let job = Job::Arm(brake.state_dir().to_owned(), brake.host().to_owned(), record);
        self.hand_over(job, now);
    }
}
