//! `replay`: old logs on their own clock. The same engine and the same rules;
//! what they would have done is told, never done.
//!
//! Each file has a reading thread; the engine gets their lines merged by time,
//! so memory does not grow with the logs.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::clock::at_event;
use super::once::{at_one_moment, ended};
use super::start::name_of;
use crate::domain::{Batch, Item, Names, Observation, Progress, SourceId, Stamp, Wall};
use crate::engine::{Effect, Engine, EngineSpec, Event, SourceStatus};
use crate::snapshot::{self, Snapshot};
use crate::source::{self, Ended, Sinks, SourceError, SourceSpec};

/// How far the logs' clock moves between two looks at the rules' timers.
const STEP: Duration = Duration::from_millis(250);
/// Longest `for` or `keep_firing_for` that a quiet stretch of log is played out for.
const TIMERS: Duration = Duration::from_secs(3600);
/// Batches that a file may be ahead of the others.
const AHEAD: usize = 16;
/// Batches of a file that are looked through for the first time in it.
const LEAD: usize = 32;

/// What a replay is told.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Skip what was logged before.
    pub from: Option<Wall>,
    /// Stop at what was logged after.
    pub to: Option<Wall>,
    /// Now: what a line bears that has no time of its own, until it is placed
    /// beside its neighbours. It is the time of logs in which no line has one.
    pub received: Wall,
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
    /// Times of the first and the last event, where any line bears one.
    pub stretch: Option<(Wall, Wall)>,
    /// What was not played: files that could not be read, or not to their end.
    pub unread: Vec<SourceError>,
}

/// Play old logs, a file for each source, through the engine on the logs' own clock.
/// `watcher` is told each event. Only where nothing at all can be read there is no end.
pub fn replay(
    sources: &[SourceSpec],
    mut spec: EngineSpec,
    names: Names,
    sinks: &mut Sinks,
    options: &Replay,
    watcher: &mut dyn Watcher,
) -> Result<ReplayEnd, SourceError> {
    spec.sources = sources.iter().map(name_of).collect();
    let sinks = Mutex::new(sinks);
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for (id, source) in (0u32..).map(SourceId).zip(sources) {
            let (send, parts) = bounded(AHEAD);
            let sinks = &sinks;
            let received = options.received;
            scope.spawn(move || read(id, source, received, sinks, &send));
            readers.push(Reader::new(id, received, parts));
        }
        play(&mut readers, spec, names, options, watcher)
    })
}

/// What a reading thread sends.
enum Part {
    Batch(Batch),
    End(Result<Ended, SourceError>),
}

fn read(
    id: SourceId,
    source: &SourceSpec,
    received: Wall,
    sinks: &Mutex<&mut Sinks>,
    send: &Sender<Part>,
) {
    let mut make = |id: SourceId, path: &Path| {
        let mut sinks = sinks.lock().unwrap_or_else(PoisonError::into_inner);
        (*sinks)(id, path)
    };
    let mut deliver = |batch: Batch| {
        // A replay that ended early reads on into nothing.
        let _ = send.send(Part::Batch(batch));
        Batch::default()
    };
    let mut stdin: Box<dyn Read> =
        if source.is_stdin() { Box::new(std::io::stdin()) } else { Box::new(std::io::empty()) };
    let files: Vec<PathBuf> = source.paths.iter().map(PathBuf::from).collect();
    let ended = source::read_to_end(id, &files, &mut *stdin, received, &mut make, &mut deliver);
    let _ = send.send(Part::End(ended));
}

/// One file: what was read of it and not yet played.
struct Reader {
    id: SourceId,
    parts: Receiver<Part>,
    /// What was looked through before the logs' clock began.
    ahead: VecDeque<Part>,
    batch: Batch,
    next: usize,
    received: Wall,
    /// A line without a time of its own belongs beside the one before it, and those
    /// before the first time in the file are of then.
    last: Wall,
    /// Lines played.
    lines: u64,
    ended: Option<Result<Ended, SourceError>>,
}

impl Reader {
    fn new(id: SourceId, received: Wall, parts: Receiver<Part>) -> Reader {
        let batch = Batch::default();
        let (ahead, last) = (VecDeque::new(), received);
        Reader { id, parts, ahead, batch, next: 0, received, last, lines: 0, ended: None }
    }

    /// Look ahead for the first time that a line of it bears.
    fn lead(&mut self) -> Option<Wall> {
        while self.ahead.len() < LEAD {
            let part = self.parts.recv().ok()?;
            let first = match &part {
                Part::Batch(batch) => self.first_time(batch),
                Part::End(_) => None,
            };
            self.ahead.push_back(part);
            if first.is_some() {
                return first;
            }
        }
        None
    }

    fn first_time(&self, batch: &Batch) -> Option<Wall> {
        let mut times = batch.items.iter().filter_map(|item| time_of(&item.seen));
        times.find(|at| *at != self.received)
    }

    /// How many lines were looked through, and whether those are all.
    fn looked_through(&self) -> (u64, bool) {
        let batches = self.ahead.iter().map(|part| match part {
            Part::Batch(batch) => batch.items.last().map_or(0, |item| item.line),
            Part::End(_) => 0,
        });
        (batches.max().unwrap_or(0), matches!(self.ahead.back(), Some(Part::End(_))))
    }

    /// Time of the next line; `None` at the end of the file.
    fn peek(&mut self) -> Option<Wall> {
        while self.next >= self.batch.items.len() {
            let part = self.ahead.pop_front().or_else(|| self.parts.recv().ok());
            match part? {
                Part::Batch(batch) => {
                    (self.batch, self.next) = (batch, 0);
                    self.place();
                }
                Part::End(ended) => self.ended = Some(ended),
            }
        }
        let told = self.line().iter().find_map(|item| time_of(&item.seen));
        Some(told.unwrap_or(self.last))
    }

    /// Give what has no time of its own the time of the line before it.
    fn place(&mut self) {
        let mut last = self.last;
        for item in &mut self.batch.items {
            let at = match &mut item.seen {
                Observation::Request { request, .. } => &mut request.at,
                Observation::Limits { at, .. } => at,
                Observation::Limit(reading) => &mut reading.at,
                Observation::Queue(reading) => &mut reading.at,
                Observation::Metric(reading) => &mut reading.at,
                Observation::Bill(reading) => &mut reading.at,
                _ => continue,
            };
            if *at == self.received {
                *at = last;
            } else {
                last = *at;
            }
        }
    }

    /// The items of the next line.
    fn line(&self) -> &[Item] {
        let rest = self.batch.items.get(self.next..).unwrap_or_default();
        let line = rest.first().map(|item| item.line);
        let len = rest.iter().take_while(|item| Some(item.line) == line).count();
        rest.get(..len).unwrap_or_default()
    }

    /// A line of it is about to be played.
    fn tell_progress(&mut self, engine: &mut Engine, now: Stamp) {
        if self.lines == 0 {
            let live = SourceStatus { state: "live", ..SourceStatus::default() };
            engine.set_source(self.id, live, now);
        }
        self.lines += 1;
        let progress = Progress { lines: self.lines, ..Progress::default() };
        engine.arrive(&Batch { source: self.id, progress, ..Batch::default() }, now);
    }

    /// All of it has been played that could be read; `unread` gets the rest.
    fn tell_end(&mut self, engine: &mut Engine, now: Stamp, unread: &mut Vec<SourceError>) {
        let (format, failures) = match self.ended.take() {
            Some(Ok(Ended { progress, format, failures })) => {
                engine.arrive(&Batch { source: self.id, progress, ..Batch::default() }, now);
                (format, failures)
            }
            Some(Err(error)) => (None, vec![error]),
            None => return,
        };
        engine.set_source(self.id, ended(format, &failures), now);
        unread.extend(failures);
    }

    fn step(&mut self, at: Wall) {
        self.last = at;
        self.next += self.line().len();
    }
}

fn play(
    readers: &mut [Reader],
    mut spec: EngineSpec,
    names: Names,
    options: &Replay,
    watcher: &mut dyn Watcher,
) -> Result<ReplayEnd, SourceError> {
    // The logs' clock starts at the first time in them.
    let leads: Vec<Option<Wall>> = readers.iter_mut().map(Reader::lead).collect();
    let told = leads.iter().flatten().min().copied();
    if told.is_none() {
        // A clock that nothing moves is one at which nothing can be waited for.
        at_one_moment(&mut spec.rules);
    }
    let start = told.unwrap_or(options.received);
    for (reader, lead) in readers.iter_mut().zip(&leads) {
        reader.last = lead.unwrap_or(start);
    }
    let timeless: Vec<(SourceId, (u64, bool))> = readers
        .iter()
        .zip(&leads)
        .filter(|(_, lead)| lead.is_none())
        .map(|(reader, _)| (reader.id, reader.looked_through()))
        .collect();
    let first = earliest_within(readers, options);
    let now = at_event(first.unwrap_or(start));
    let mut engine = Engine::new(spec, names, now);
    engine.follows_nothing();
    for (id, looked) in timeless {
        tell_timeless(&mut engine, id, looked, start, now);
    }
    if let (Some(begin), None) = (told, first) {
        let text = format!(
            "no line lies in the stretch that was asked for: the first one is of {}",
            begin.rfc3339()
        );
        engine.report("nothing_replayed", &text, now);
    }
    for reader in &*readers {
        // A file whose time has not come is not silent either.
        let ended = SourceStatus { state: "ended", ..SourceStatus::default() };
        engine.set_source(reader.id, ended, now);
    }
    let mut play = Play { now, due: now.wall, effects: Vec::new() };
    let (mut last, mut unread) = (None, Vec::new());
    while let Some((at, position)) = earliest(readers) {
        let Some(reader) = readers.get_mut(position).filter(|_| !watcher.is_over()) else { break };
        if within(at, options) {
            play.advance(&mut engine, at, watcher);
            reader.tell_progress(&mut engine, play.now);
            for item in reader.line() {
                engine.observe(reader.id, &item.seen, play.now);
            }
            engine.settle(play.now, &mut play.effects);
            play.tell(watcher);
            last = Some(at);
        }
        reader.step(at);
        // At its end a file falls silent by right.
        reader.peek();
        reader.tell_end(&mut engine, play.now, &mut unread);
    }
    engine.tick(play.now, &mut play.effects);
    play.tell(watcher);
    let mut nothing = !readers.is_empty();
    for reader in readers {
        nothing &= matches!(reader.ended, Some(Err(_))) && reader.lines == 0;
        reader.tell_end(&mut engine, play.now, &mut unread);
    }
    if nothing {
        return Err(unread.swap_remove(0));
    }
    // Lines that bear no time are of no stretch of it.
    let stretch = first.zip(last).filter(|_| told.is_some());
    Ok(ReplayEnd { snapshot: snapshot::build(&engine, play.now), stretch, unread })
}

/// Say of a file that no line of it bears a time, as far as that is known.
fn tell_timeless(
    engine: &mut Engine,
    id: SourceId,
    (lines, are_all): (u64, bool),
    start: Wall,
    now: Stamp,
) {
    let Some(source) = engine.sources().get(id.0 as usize).filter(|_| lines > 0) else { return };
    let which = match (are_all, lines) {
        (true, 1) => "its only line bears no".to_owned(),
        (true, lines) => format!("none of its {lines} lines bears a"),
        (false, lines) => format!("none of its first {lines} lines bears a"),
    };
    let as_of = start.rfc3339();
    let text = format!("{}: {which} time of its own: taken as of {as_of}", source.name.name);
    engine.report("no_time", &text, now);
}

/// Skip what lies before the wanted stretch; answers the time of its first line.
fn earliest_within(readers: &mut [Reader], options: &Replay) -> Option<Wall> {
    while let Some((at, position)) = earliest(readers) {
        if within(at, options) {
            return Some(at);
        }
        if let Some(reader) = readers.get_mut(position) {
            reader.step(at);
        }
    }
    None
}

/// The reader whose next line is the earliest.
fn earliest(readers: &mut [Reader]) -> Option<(Wall, usize)> {
    let mut found: Option<(Wall, usize)> = None;
    for (position, reader) in readers.iter_mut().enumerate() {
        if let Some(at) = reader.peek()
            && found.is_none_or(|(earliest, _)| at < earliest)
        {
            found = Some((at, position));
        }
    }
    found
}

fn within(at: Wall, options: &Replay) -> bool {
    options.from.is_none_or(|from| at >= from) && options.to.is_none_or(|to| at <= to)
}

/// The logs' clock and what is waiting to be told.
struct Play {
    now: Stamp,
    /// When time itself is to be judged next, as far as that is known by now.
    due: Wall,
    effects: Vec<Effect>,
}

impl Play {
    /// Let the logs' clock move on, in steps small enough for `for` timers.
    fn advance(&mut self, engine: &mut Engine, to: Wall, watcher: &mut dyn Watcher) {
        // Of a long gap the first hour is enough: all timers have run out by then.
        let stepwise = to.min(self.now.wall.plus(TIMERS));
        while self.now.wall.plus(STEP) < stepwise {
            let step = STEP.max(engine.pulse(self.now.mono));
            // The steps that change nothing are not taken.
            let rest = engine.rests_until(self.now).since(self.now.mono);
            let steps = rest.as_nanos().div_ceil(step.as_nanos()).max(1);
            let pause = step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
            let next = self.now.wall.plus(pause).min(stepwise);
            self.wait(next, watcher);
            self.now = at_event(next);
            self.tick(engine);
            self.tell(watcher);
        }
        if to > self.now.wall {
            self.wait(to, watcher);
            self.now = at_event(to);
            // A tick judges every row, a line only its own: it is not worth one by itself.
            if to >= self.due {
                self.tick(engine);
            }
        }
    }

    fn tick(&mut self, engine: &mut Engine) {
        engine.tick(self.now, &mut self.effects);
        let due = engine.next_due(self.now).map(|due| due.since(self.now.mono));
        self.due = self.now.wall.plus(due.map_or(STEP, |due| due.min(STEP)));
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
            thread::park_timeout(wait);
        }
    }
}

/// When it happened, once it has been placed.
fn time_of(seen: &Observation) -> Option<Wall> {
    match seen {
        Observation::Request { request, .. } => Some(request.at),
        Observation::Limits { at, .. } => Some(*at),
        Observation::Queue(reading) => Some(reading.at),
        Observation::Metric(reading) => Some(reading.at),
        Observation::Bill(reading) => Some(reading.at),
        _ => None,
    }
}
