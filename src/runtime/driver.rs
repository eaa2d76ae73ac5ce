//! The `engine` thread: batches and commands in, trips and snapshots out.
//!
//! A trip is carried out between the batch that asked for it and everything
//! else; no screen, network or disk sync is waited for.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select};

mod stops;

use super::actions::{Job, Report};
use super::brake::Brake;
use super::clock::Clock;
use super::command::Command;
use super::keeper::Keeper;
use super::lost;
use super::observer::{Beat, Look};
use crate::action::arming::ArmState;
use crate::domain::{Batch, Mono, SourceId, Stamp};
use crate::engine::{Effect, Engine, Event, EventKind, SourceStatus, Withheld, withheld_in_words};
use crate::snapshot::{self, Snapshot};

/// How often the switch directory is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often prepared files that could not be made are tried again.
const RESTOCK: Duration = Duration::from_secs(10);
/// Batches taken in one go before anything else gets a turn.
const BURST: usize = 64;
/// Requests of people that may wait.
pub const COMMANDS: usize = 16;
/// How long the end waits for what people have asked of the action thread.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// Records that may wait for a slow disk.
const JOBS: usize = 1024;

/// What the engine thread is sent.
pub enum News {
    /// Observations.
    Batch(Batch),
    /// How a source is doing.
    Status(SourceId, SourceStatus),
    /// A thread that read these has ended by a defect.
    Lost(&'static str, Vec<SourceId>),
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
    /// Resets that people asked for here and that are under way.
    pub resets: Vec<AskedReset>,
    /// Whether it is known what became of the stops of an earlier run.
    pub took_up_stops: bool,
    /// What people asked for here that the action thread has not answered yet.
    pub unanswered: usize,
    /// Shortest time between two snapshots, unless something urgent happened.
    pub frame_every: Duration,
    /// Closed when the program ends.
    pub stop: Receiver<()>,
}

/// Who asked for a reset, and why.
pub struct AskedReset {
    scope: String,
    by: String,
    reason: String,
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

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Told {
    GoOn,
    Stop,
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
        self.take_up_stops(now);
        self.restock(now);
        loop {
            let next = self.turn(&mut due, &mut effects);
            let wait = next.since(self.clock.now().mono);
            if self.listen(wait, &mut due, &mut effects) == Told::Stop {
                return self.finish(effects);
            }
        }
    }

    /// Do what is due, and say when something will be.
    fn turn(&mut self, due: &mut Due, effects: &mut Vec<Effect>) -> Mono {
        let now = self.clock.now();
        self.beat.mark(now.mono);
        let urgent = self.carry_out(effects, now);
        self.keep_time(now, due, effects);
        let urgent = self.carry_out(effects, now) || urgent;
        if urgent || (due.dirty && now.mono >= due.frame) {
            self.frames.put(Arc::new(snapshot::build(&self.engine, now)));
            due.frame = now.mono.plus(self.frame_every);
            due.dirty = false;
        }
        let mut next = due.tick.min(due.look);
        if let Some(keeper) = &mut self.keeper {
            next = keeper.turn(&mut self.engine, now).map_or(next, |at| next.min(at));
        }
        if due.dirty { next.min(due.frame) } else { next }
    }

    /// Take in what others say next, but wait no longer than this.
    fn listen(&mut self, wait: Duration, due: &mut Due, effects: &mut Vec<Effect>) -> Told {
        let words = self.keeper.as_ref().map_or_else(never, |keeper| keeper.words.clone());
        select! {
            recv(self.news) -> news => match news {
                Ok(news) => {
                    self.take_in(news, effects);
                    due.dirty = true;
                }
                // Every source has ended; commands and time go on.
                Err(_) => self.news = never(),
            },
            recv(self.commands) -> command => {
                if let Ok(command) = command {
                    self.obey(command, effects);
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
                    self.hear(report, effects);
                    due.dirty = true;
                } else {
                    self.reports = never();
                }
            },
            recv(self.stop) -> _ => return Told::Stop,
            default(wait) => {}
        }
        Told::GoOn
    }

    fn finish(mut self, mut effects: Vec<Effect>) {
        // What a person has asked for is done, however soon after it they leave.
        for command in self.commands.clone().try_iter().take(COMMANDS) {
            self.obey(command, &mut effects);
        }
        let deadline = self.clock.now().mono.plus(LAST_ANSWERS);
        while self.unanswered > 0 {
            let left = deadline.since(self.clock.now().mono);
            let Ok(report) = self.reports.recv_timeout(left) else { break };
            self.hear(report, &mut effects);
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
                // Who was let through after a reset has disobeyed nobody.
                if self.engine.switches().any_tripped() {
                    self.look(now, effects);
                }
                self.engine.apply(&batch, now, effects);
                if effects.iter().any(|effect| matches!(effect, Effect::Trip { .. })) {
                    self.carry_out(effects, now);
                }
                batch.clear();
                // A full channel has enough spare ones.
                let _ = self.recycle.try_send(batch);
            }
            News::Status(source, status) => {
                self.engine.set_source(source, status, self.clock.now());
            }
            News::Lost(thread, sources) => {
                lost::tell(&mut self.engine, thread, &sources, self.clock.now());
            }
        }
    }

    fn keep_time(&mut self, now: Stamp, due: &mut Due, effects: &mut Vec<Effect>) {
        if now.mono >= due.look {
            due.dirty |= self.look(now, effects);
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

    /// Do what the engine asked for. Answers whether a viewer must see it at once.
    fn carry_out(&mut self, effects: &mut Vec<Effect>, now: Stamp) -> bool {
        let mut urgent = false;
        let mut learn = false;
        let mut withheld: Vec<(Arc<str>, String, Withheld)> = Vec::new();
        for effect in effects.drain(..) {
            match effect {
                Effect::Trip { scope, rule, reason } => {
                    let note = self.note(&reason, Some(&rule), "tripline", now);
                    let Some(brake) = &mut self.brake else { continue };
                    if !brake.may_act() {
                        self.only_look(&rule, &scope, now);
                        withheld.push((rule, scope, Withheld::Looking));
                        continue;
                    }
                    let outcome = brake.trip_by_rule(&scope, &note);
                    let why = outcome.withheld();
                    self.after_trip(outcome, &scope, &note, now);
                    withheld.extend(why.map(|why| (rule, scope, why)));
                    learn = true;
                    urgent = true;
                }
                Effect::Event(mut event) => {
                    urgent |=
                        matches!(event.kind, EventKind::AlertFiring | EventKind::SwitchTripped);
                    for (rule, scope, why) in &withheld {
                        // Of several alerts of a rule, the one that asked for it.
                        let asked = event.would.contains(&format!("trip {scope}"));
                        if asked && event.rule.as_ref() == Some(rule) {
                            event.summary = withheld_in_words(*why, scope, &event.summary);
                        }
                    }
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

    /// A trip is for who may act, if anybody runs who may: that must not look like one.
    fn only_look(&mut self, rule: &str, scope: &str, now: Stamp) {
        self.engine.withhold(rule, scope, Withheld::Looking, now);
        let text = format!("a rule asked to trip {scope}, but this process is read-only");
        self.engine.report("trip_withheld", &text, now);
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

    fn obey(&mut self, command: Command, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        match command {
            Command::Trip { scope, reason, by } => {
                self.trip(&scope, &reason, &by, now);
                self.learn_switches(now, effects);
                self.restock(now);
            }
            Command::Reset { scope, reason, by } => self.reset(&scope, reason, by, now),
            Command::Arm { by } => self.set_arming(ArmState::Armed, &by, now),
            Command::Disarm { by } => self.set_arming(ArmState::Disarmed, &by, now),
            Command::Acknowledge { rule, labels, by } => {
                let is_live = self.engine.acknowledge(&rule, &labels, &by);
                self.answer(if is_live {
                    format!("{rule} acknowledged by {by}")
                } else {
                    format!("{rule} is over already")
                });
            }
        }
    }
}
