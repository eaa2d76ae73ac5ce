//! Runs without threads: reading to the end (`once`), and old logs on their own
//! clock (`replay`). The same engine and the same rules; nothing is carried out.

use std::io::Read;
use std::time::Duration;

use super::clock::{Clock, at_event};
use super::start::name_of;
use crate::domain::{Batch, Names, Observation, SourceId, Wall};
use crate::engine::{Effect, Engine, EngineSpec, Event, SourceStatus};
use crate::snapshot::{self, Snapshot};
use crate::source::{self, Sinks, SourceError, SourceSpec};

/// How far the logs' clock moves between two looks at the rules' timers.
const STEP: Duration = Duration::from_millis(250);
/// Longest `for` or `keep_firing_for` that a quiet stretch of log is played out for.
const TIMERS: Duration = Duration::from_secs(3600);

/// Read all sources to the end they have now; the picture is of this moment.
pub fn once(
    sources: &[SourceSpec],
    mut spec: EngineSpec,
    names: Names,
    sinks: &mut Sinks,
    stdin: &mut dyn Read,
) -> Result<Snapshot, SourceError> {
    let clock = Clock::start();
    spec.sources = sources.iter().map(name_of).collect();
    let mut engine = Engine::new(spec, names, clock.now());
    let mut effects = Vec::new();
    for (id, source) in (0u32..).map(SourceId).zip(sources) {
        let mut apply = |mut batch: Batch| {
            engine.apply(&batch, clock.now(), &mut effects);
            // Nobody carries anything out.
            effects.clear();
            batch.clear();
            batch
        };
        let now = clock.now().wall;
        let progress = source::read_to_end(id, source, stdin, now, sinks, &mut apply)?;
        end(&mut engine, id, progress, &clock);
    }
    let now = clock.now();
    engine.tick(now, &mut effects);
    Ok(snapshot::build(&engine, now))
}

fn end(engine: &mut Engine, source: SourceId, progress: crate::domain::Progress, clock: &Clock) {
    let last = Batch { source, progress, ..Batch::default() };
    engine.arrive(&last, clock.now());
    engine.set_source(source, SourceStatus { state: "ended", ..SourceStatus::default() });
}

/// What a replay is told.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Skip what was logged before.
    pub from: Option<Wall>,
    /// Stop at what was logged after.
    pub to: Option<Wall>,
}

/// Somebody who looks on while logs are replayed.
pub trait Watcher {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// The logs' clock is about to move; how long to wait before it does.
    fn step(&mut self, from: Wall, to: Wall) -> Duration;
    /// Nobody looks on any more.
    fn is_over(&self) -> bool;
}

/// What a replay ends with.
pub struct ReplayEnd {
    /// The picture at the last event.
    pub snapshot: Snapshot,
    /// Time of the first event.
    pub first: Option<Wall>,
    /// Time of the last event.
    pub last: Option<Wall>,
}

/// Play old logs through the engine on the logs' own clock. Lines of several
/// files are merged by time. `watcher` is told each event.
pub fn replay(
    sources: &[SourceSpec],
    mut spec: EngineSpec,
    names: Names,
    sinks: &mut Sinks,
    stdin: &mut dyn Read,
    options: &Replay,
    watcher: &mut dyn Watcher,
) -> Result<ReplayEnd, SourceError> {
    spec.sources = sources.iter().map(name_of).collect();
    let mut timeline = Timeline::default();
    for (id, source) in (0u32..).map(SourceId).zip(sources) {
        // A line without a time of its own belongs beside its neighbours.
        let mut last = Wall(0);
        let mut keep = |batch: Batch| {
            timeline.add(batch, &mut last);
            Batch::default()
        };
        source::read_to_end(id, source, stdin, Wall(0), sinks, &mut keep)?;
    }
    timeline.sort();
    let first = timeline.first(options);
    let start = at_event(first.unwrap_or(Wall(0)));
    let mut engine = Engine::new(spec, names, start);
    let mut play = Play { now: start, effects: Vec::new() };
    let mut last = None;
    for moment in &timeline.moments {
        if !within(moment.at, options) {
            continue;
        }
        if watcher.is_over() {
            break;
        }
        play.advance(&mut engine, moment.at, watcher);
        let Some(batch) = timeline.batches.get(moment.batch) else { continue };
        let items = batch.items.get(moment.items.clone()).unwrap_or_default();
        for item in items {
            engine.observe(batch.source, &item.seen, play.now);
        }
        engine.settle(play.now, &mut play.effects);
        play.tell(watcher);
        last = Some(moment.at);
    }
    engine.tick(play.now, &mut play.effects);
    play.tell(watcher);
    for batch in &timeline.ends {
        engine.arrive(batch, play.now);
        let ended = SourceStatus { state: "ended", ..SourceStatus::default() };
        engine.set_source(batch.source, ended);
    }
    Ok(ReplayEnd { snapshot: snapshot::build(&engine, play.now), first, last })
}

fn within(at: Wall, options: &Replay) -> bool {
    options.from.is_none_or(|from| at >= from) && options.to.is_none_or(|to| at <= to)
}

/// The logs' clock and what is waiting to be told.
struct Play {
    now: crate::domain::Stamp,
    effects: Vec<Effect>,
}

impl Play {
    /// Let the logs' clock move on, in steps small enough for `for` timers.
    fn advance(&mut self, engine: &mut Engine, to: Wall, watcher: &mut dyn Watcher) {
        // Of a long gap the first hour is enough: all timers have run out by then.
        let stepwise = to.min(self.now.wall.plus(TIMERS));
        while self.now.wall.plus(STEP) < stepwise {
            let next = self.now.wall.plus(STEP.max(engine.pulse())).min(stepwise);
            self.wait(next, watcher);
            self.now = at_event(next);
            engine.tick(self.now, &mut self.effects);
            self.tell(watcher);
        }
        if to > self.now.wall {
            self.wait(to, watcher);
            self.now = at_event(to);
            engine.tick(self.now, &mut self.effects);
        }
    }

    fn tell(&mut self, watcher: &mut dyn Watcher) {
        for effect in self.effects.drain(..) {
            if let Effect::Event(event) = effect {
                watcher.event(&event);
            }
        }
    }

    /// Let real time pass, for a replay at a given speed.
    fn wait(&self, to: Wall, watcher: &mut dyn Watcher) {
        let wait = watcher.step(self.now.wall, to);
        if !wait.is_zero() {
            std::thread::park_timeout(wait);
        }
    }
}

/// Everything that was read, in the order of time.
#[derive(Default)]
struct Timeline {
    batches: Vec<Batch>,
    moments: Vec<Moment>,
    ends: Vec<Batch>,
}

/// The items of one line.
struct Moment {
    at: Wall,
    batch: usize,
    items: std::ops::Range<usize>,
}

impl Timeline {
    fn add(&mut self, batch: Batch, last: &mut Wall) {
        let number = self.batches.len();
        let mut start = 0;
        while let Some(item) = batch.items.get(start) {
            let same = |next: &&crate::domain::Item| next.line == item.line;
            let rest = batch.items.get(start..).unwrap_or_default();
            let end = start + rest.iter().take_while(same).count();
            if let Some(at) = rest.iter().take(end - start).find_map(|item| time_of(&item.seen)) {
                *last = at;
            }
            self.moments.push(Moment { at: *last, batch: number, items: start..end });
            start = end;
        }
        let ended = Batch { source: batch.source, progress: batch.progress, ..Batch::default() };
        match self.ends.iter_mut().find(|end| end.source == batch.source) {
            Some(end) => *end = ended,
            None => self.ends.push(ended),
        }
        self.batches.push(batch);
    }

    fn sort(&mut self) {
        self.moments.sort_by_key(|moment| moment.at);
    }

    fn first(&self, options: &Replay) -> Option<Wall> {
        let timed = self.moments.iter().map(|moment| moment.at);
        timed.filter(|at| at.0 > 0 && within(*at, options)).min()
    }
}

/// When something happened, where the line says so.
fn time_of(seen: &Observation) -> Option<Wall> {
    match seen {
        Observation::Request { request, .. } if request.at_logged => Some(request.at),
        Observation::Limits { at } if at.0 > 0 => Some(*at),
        Observation::Queue(reading) if reading.at.0 > 0 => Some(reading.at),
        _ => None,
    }
}
