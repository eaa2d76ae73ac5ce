//! Start and stop: which threads there are, and what connects them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::sync::oneshot;

use super::actions;
use super::brake::{Brake, SwitchAccess, SwitchSetup};
use super::clock::Clock;
use super::command::Command;
use super::driver::{COMMANDS, Driver, Newest};
use super::ledger::{self, LedgerAccess, LedgerSetup};
use super::lost::Lost;
use super::net::{self, NetSetup};
use super::observer::{Beat, Look, Observer};
use super::reading::{self, Reading};
use super::streams::{self, SharedSinks};
use crate::domain::{Batch, Mono, Names, SourceId};
use crate::engine::{Calls, Engine, EngineSpec, Event, SourceName};
use crate::ledger::LedgerError;
use crate::snapshot::Snapshot;
use crate::source::net::Asker;
use crate::source::tail::raise_limit;
use crate::source::{
    self, Piped, Resume, STDIN, Sinks, SourceError, SourceSpec, Stopper, Tail, Way, stopper,
};

/// Batches between a reader and the engine. A full channel is lag, not loss.
const QUEUED: usize = 64;
/// How long threads get to end.
const FAREWELL: Duration = Duration::from_secs(4);
/// How much of that the tail gets to say its last: the engine, which is to keep it, needs the
/// rest.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Everything a live run is made of.
pub struct Setup {
    /// What is read.
    pub sources: Vec<SourceSpec>,
    /// What the engine is told; its source names are filled in here.
    pub engine: EngineSpec,
    /// The table of names that the sinks use.
    pub names: Names,
    /// Makes the decoder of a file.
    pub sinks: Box<Sinks>,
    /// What asking over the network needs.
    pub net: NetSetup,
    /// The kill switch, where there is one.
    pub switch: Option<SwitchSetup>,
    /// Where totals are kept over restarts, if they are.
    pub ledger: Option<LedgerSetup>,
    /// Where events go, for a viewer that wants each one.
    pub events: Option<Sender<Event>>,
    /// Shortest time between two snapshots.
    pub frame_every: Duration,
}

/// A thread and its name.
type Thread = (&'static str, JoinHandle<()>);

/// Why a run could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A source can't be followed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The ledger can't be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No thread.
    #[error("cannot start the {name} thread: {why}")]
    Thread {
        /// Which.
        name: &'static str,
        /// Why.
        why: std::io::Error,
    },
}

/// A live run.
pub struct Running {
    /// The newest snapshot.
    pub frames: Receiver<Arc<Snapshot>>,
    /// Where viewers ask.
    pub commands: Sender<Command>,
    /// What came of it, as a line of text.
    pub answers: Receiver<String>,
    /// The clock of the run.
    pub clock: Clock,
    observer: Observer,
    lost: Lost,
    stop_engine: Option<Sender<()>>,
    stop_reading: Arc<AtomicBool>,
    stop_tail: Option<Sender<()>>,
    stop_asking: Option<oneshot::Sender<()>>,
    stop_pipes: Option<Stopper>,
    threads: Vec<Thread>,
}

/// Start all threads.
pub fn start(mut setup: Setup) -> Result<Running, StartError> {
    let clock = Clock::start();
    setup.sources = setup.sources.into_iter().map(SourceSpec::seen).collect();
    setup.engine.sources = setup.sources.iter().map(name_of).collect();
    let trips = setup.engine.rules.iter().map(|rule| rule.actions.len()).sum();
    let mut engine = Engine::new(setup.engine, setup.names, clock.now());
    if setup.switch.as_ref().is_some_and(|switch| switch.access == SwitchAccess::Look) {
        engine = engine.that_only_looks();
    }
    let mut threads = Vec::new();
    let (mut keeper, mut resume) = (None, Resume::Never);
    if let Some(setup) = setup.ledger.take_if(|setup| setup.access == LedgerAccess::Look) {
        resume = ledger::look(&setup.dir, &mut engine, clock.now());
    }
    if let Some(setup) = setup.ledger {
        let begun = ledger::begin(setup, &mut engine, clock)?;
        threads.push(("ledger", named("ledger", begun.thread)?));
        (keeper, resume) = (Some(begun.keeper), Resume::From(begun.left));
    }
    let (news_in, news) = bounded(QUEUED);
    let (recycle, spare) = bounded::<Batch>(QUEUED);
    let (commands, obeyed) = bounded(COMMANDS);
    let (looks, looked) = bounded::<Look>(16);
    let beat = Beat::default();
    let (answers_in, answers) = bounded(COMMANDS);
    // Bounded where jobs are made: a trip must not wait for the one before it.
    let (jobs, jobs_out) = unbounded();
    let (reports_in, reports) = bounded(64);
    let (stop_engine, stop) = bounded(0);
    let (newest, frames) = Newest::new();
    let stop_reading = Arc::new(AtomicBool::new(false));
    let lost = Lost::default();
    let told_to_stop = Arc::clone(&stop_reading);
    let reading = Reading { clock, news: news_in, spare, stop: told_to_stop, lost: lost.clone() };

    let audit = setup.switch.as_ref().map(SwitchSetup::audit_file);
    let audit = audit.unwrap_or_else(|| "audit.jsonl".into());
    let action = actions::spawn(audit, jobs_out, reports_in);
    threads.push(("action", named("action", action)?));

    let driver = Driver {
        engine,
        brake: setup.switch.map(|switch| Brake::new(switch, trips)),
        clock,
        news,
        recycle,
        commands: obeyed,
        looks: looked,
        beat: beat.clone(),
        answers: answers_in,
        jobs,
        reports,
        frames: newest,
        keeper,
        events: setup.events,
        untold: 0,
        resets: Vec::new(),
        took_up_stops: false,
        unanswered: 0,
        frame_every: setup.frame_every,
        stop,
    };
    let engine = thread::Builder::new().name("engine".into()).spawn(move || driver.run());
    threads.push(("engine", named("engine", engine)?));

    let askers = net::askers(&setup.sources, &mut *setup.sinks, &setup.net);
    let sinks = SharedSinks::new(setup.sinks);
    raise_limit();
    let (resume_journals, resume_files) = source::part(resume);
    let stop_tail = read(&setup.sources, &sinks, &resume_files, &reading, &mut threads)?;
    let stop_asking = ask(askers, reading.clone(), &mut threads)?;
    let stop_pipes = pipe(&setup.sources, &sinks, &resume_journals, &reading, &mut threads)?;
    let stop_engine = Some(stop_engine);
    let observer = Observer::new(clock, beat, looks, frames.clone());
    Ok(Running {
        frames,
        commands,
        answers,
        clock,
        observer,
        lost,
        stop_engine,
        stop_reading,
        stop_tail,
        stop_asking,
        stop_pipes,
        threads,
    })
}

/// Threads for files and for standard input.
fn read(
    sources: &[SourceSpec],
    sinks: &SharedSinks,
    resume: &Resume,
    reading: &Reading,
    threads: &mut Vec<Thread>,
) -> Result<Option<Sender<()>>, StartError> {
    let numbered = || (0u32..).map(SourceId).zip(sources);
    if let Some((id, _)) = numbered().find(|(_, spec)| spec.is_stdin()) {
        let sink = sinks.make(id, STDIN.as_ref());
        let thread = reading::drain(reading.clone(), id, sink, Box::new(std::io::stdin()));
        threads.push(("stdin", named("stdin", thread)?));
    }
    let files: Vec<_> =
        numbered().filter(is_followed).map(|(id, spec)| (id, spec.clone())).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let sinks = sinks.clone();
    let make = Box::new(move |id, path: &Path| sinks.make(id, path));
    let tail = Tail::new(&files, make, resume)?;
    let ids = files.iter().map(|(id, _)| *id).collect();
    let (stop_tail, stop) = bounded(0);
    let thread = reading::follow(reading.clone(), ids, tail, stop);
    threads.push(("tail", named("tail", thread)?));
    Ok(Some(stop_tail))
}

fn is_followed((_, spec): &(SourceId, &SourceSpec)) -> bool {
    spec.way == Way::Files && !spec.is_stdin()
}

/// A thread for each source that is read through a pipe.
fn pipe(
    sources: &[SourceSpec],
    sinks: &SharedSinks,
    resume: &Resume,
    reading: &Reading,
    threads: &mut Vec<Thread>,
) -> Result<Option<Stopper>, StartError> {
    let of = |(id, spec): (SourceId, &SourceSpec)| Piped::of(id, spec, resume);
    let piped: Vec<Piped> = (0u32..).map(SourceId).zip(sources).filter_map(of).collect();
    if piped.is_empty() {
        return Ok(None);
    }
    let (stopper, stop) = stopper().map_err(|why| StartError::Thread { name: "pipe", why })?;
    for piped in piped {
        let thread = streams::follow(reading.clone(), piped, sinks.clone(), stop.clone());
        threads.push(("pipe", named("pipe", thread)?));
    }
    Ok(Some(stopper))
}

/// The thread for what is asked, if anything is.
fn ask(
    askers: Vec<Asker>,
    reading: Reading,
    threads: &mut Vec<Thread>,
) -> Result<Option<oneshot::Sender<()>>, StartError> {
    if askers.is_empty() {
        return Ok(None);
    }
    let (stop, stopped) = oneshot::channel();
    threads.push(("net", named("net", net::follow(reading, askers, stopped))?));
    Ok(Some(stop))
}

/// How a source is shown.
#[must_use]
pub fn name_of(spec: &SourceSpec) -> SourceName {
    let every = spec.net().map(|net| net.every).unwrap_or_default();
    SourceName {
        name: spec.name.clone(),
        kind: spec.kind(),
        every,
        silent_after: spec.silent_after,
        calls: if spec.count { Calls::Counted } else { Calls::CountedElsewhere },
    }
}

fn named(
    name: &'static str,
    thread: std::io::Result<JoinHandle<()>>,
) -> Result<JoinHandle<()>, StartError> {
    thread.map_err(|why| StartError::Thread { name, why })
}

impl Running {
    /// Whether the engine still runs. It ends before it is told to only by a
    /// defect, and then nothing on a screen is true any more.
    #[must_use]
    pub fn engine_is_alive(&self) -> bool {
        self.threads.iter().any(|(name, thread)| *name == "engine" && !thread.is_finished())
    }

    /// Whether all that read still do, or have come to their end. One that did not ended
    /// by a defect, and what it read is not guarded any more.
    #[must_use]
    pub fn readers_are_alive(&self) -> bool {
        !self.lost.any()
    }

    /// A look at it, for other threads.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Stop reading, let the engine finish, and give back the last picture. What the tail says
    /// last is kept only by an engine that still runs, so that one ends after it.
    #[must_use]
    pub fn stop(mut self) -> Option<Arc<Snapshot>> {
        let begun = self.clock.now().mono;
        self.stop_reading.store(true, Ordering::Relaxed);
        self.stop_tail = None;
        self.stop_asking = None;
        self.stop_pipes = None;
        // A thread that reads a pipe ends when the pipe does; it owns nothing that must be
        // saved.
        self.threads.retain(|(name, _)| *name != "stdin");
        let (tail, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.threads).into_iter().partition(|(name, _)| *name == "tail");
        let unended = self.join(tail, begun.plus(LAST_WORDS));
        self.stop_engine = None;
        let unended = self.join(others.into_iter().chain(unended).collect(), begun.plus(FAREWELL));
        drop(unended);
        self.frames.try_recv().ok()
    }

    /// Wait for these, but not for longer. Gives back those that did not end.
    fn join(&self, threads: Vec<Thread>, deadline: Mono) -> Vec<Thread> {
        let mut unended = Vec::new();
        for (name, thread) in threads {
            while !thread.is_finished() && self.clock.now().mono < deadline {
                thread::park_timeout(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            } else {
                unended.push((name, thread));
            }
        }
        unended
    }
}
