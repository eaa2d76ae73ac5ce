//! `once`: all sources read to the end they have now, or asked once, without
//! threads. Nothing is carried out.

use std::io::Read;
use std::slice;
use std::time::Duration;

use super::brake::SwitchSetup;
use super::clock::Clock;
use super::driver::News;
use super::lost;
use super::net::{self, Heard, NetSetup};
use super::start::name_of;
use super::streams;
use crate::domain::{Batch, Names, SourceId};
use crate::engine::{Engine, EngineSpec, SourceStatus};
use crate::rules::RuleSpec;
use crate::snapshot::{self, Snapshot};
use crate::source::net::Asker;
use crate::source::{self, Ended, Piped, Resume, Sharing, Sinks, SourceError, SourceSpec, Way};

/// What a path where nothing is means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Somebody named a file that is not there.
    Fails,
    /// A configured source that has nothing yet.
    Waits,
}

impl Missing {
    /// What somebody names twice is meant once; what is configured twice may have its
    /// reasons.
    #[must_use]
    pub fn sharing(self) -> Sharing {
        match self {
            Missing::Fails => Sharing::First,
            Missing::Waits => Sharing::All,
        }
    }
}

/// What is looked at.
pub struct LookAt<'s> {
    /// What is read.
    pub sources: &'s [SourceSpec],
    /// What a path where nothing is means.
    pub missing: Missing,
    /// Whose directory is looked into, and left as it is.
    pub switch: SwitchSetup,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// A source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing can be asked.
    #[error("cannot ask over the network: {0}")]
    Net(std::io::Error),
    /// No command can be run.
    #[error("cannot read from a command: {0}")]
    Command(std::io::Error),
}

/// What was seen.
pub struct Seen {
    /// The picture.
    pub snapshot: Snapshot,
    /// What is not in it: files that could not be read, and what did not answer.
    pub unread: Vec<SourceError>,
    /// What is not in it, as nobody has asked for it.
    pub left_out: Vec<String>,
}

/// Read all sources; the picture is of this moment. Only where nothing at all can
/// be read there is none.
pub fn once(
    LookAt { sources, missing, switch }: LookAt<'_>,
    mut spec: EngineSpec,
    names: Names,
    sinks: &mut Sinks,
    net: &NetSetup,
    stdin: &mut dyn Read,
) -> Result<Seen, OnceError> {
    let clock = Clock::start();
    let seen = |source: &SourceSpec| match missing {
        Missing::Fails => source.clone(),
        Missing::Waits => source.clone().seen(),
    };
    let sources: &[SourceSpec] = &sources.iter().map(seen).collect::<Vec<_>>();
    spec.sources = sources.iter().map(name_of).collect();
    at_one_moment(&mut spec.rules);
    let mut engine = Engine::new(spec, names, clock.now());
    engine.follows_nothing();
    // Before the calls, which prove who obeys what stands there.
    engine.set_switches(switch.look().states(), clock.now(), &mut Vec::new());
    // Sources of which something could be read, and what could not be.
    let (mut read, mut unread) = (0, Vec::new());
    let (histories, mut left_out) = source::histories(sources, missing.sharing());
    let askers = net::askers(sources, sinks, net);
    if !askers.is_empty() {
        read += 1;
        ask(askers, &mut engine, clock).map_err(OnceError::Net)?;
    }
    for ((id, source), history) in (0u32..).map(SourceId).zip(sources).zip(histories) {
        if source.net().is_some() {
            continue;
        }
        if let Some(piped) = Piped::of(id, source, &Resume::Never) {
            let take = |news| hear(news, &mut engine, clock);
            streams::once(clock, piped, sinks, take).map_err(OnceError::Command)?;
            read += 1;
            continue;
        }
        let mut apply = |mut batch: Batch| {
            engine.take_in(&batch, clock.now());
            batch.clear();
            batch
        };
        let now = clock.now().wall;
        let outcome = history.and_then(|history| {
            left_out.extend(history.left_out);
            source::read_to_end(id, &history.files, stdin, now, sinks, &mut apply)
        });
        match outcome {
            Ok(Ended { progress, format, failures }) => {
                let last = Batch { source: id, progress, ..Batch::default() };
                engine.arrive(&last, clock.now());
                engine.set_source(id, ended(format, &failures), clock.now());
                unread.extend(failures);
                read += 1;
            }
            Err(SourceError::NoFile(path)) if missing == Missing::Waits => {
                let problem = Some(format!("nothing there yet: {path}"));
                let waits = SourceStatus { state: "waiting", problem, ..SourceStatus::default() };
                engine.set_source(id, waits, clock.now());
            }
            Err(
                error @ (SourceError::Open { .. }
                | SourceError::Read { .. }
                | SourceError::Packed(_)),
            ) => {
                engine.set_source(id, ended(None, slice::from_ref(&error)), clock.now());
                unread.push(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    unread.extend(unanswered(&engine, sources));
    if read == 0
        && let Some(first) = unread.pop()
    {
        return Err(first.into());
    }
    let (now, mut nobody) = (clock.now(), Vec::new());
    engine.settle(now, &mut nobody);
    engine.tick(now, &mut nobody);
    Ok(Seen { snapshot: snapshot::build(&engine, now), unread, left_out })
}

/// All that is known is judged once, when all is read: nothing can be waited for, and
/// what has crossed by then fires. How much evidence a rule wants stays its own.
pub(super) fn at_one_moment(rules: &mut [RuleSpec]) {
    for rule in rules {
        rule.hold = Duration::ZERO;
    }
}

/// Ask all that is asked over the network.
fn ask(askers: Vec<Asker>, engine: &mut Engine, clock: Clock) -> std::io::Result<()> {
    for heard in net::once(clock, askers)? {
        match heard {
            Heard::Batch(batch) => engine.take_in(&batch, clock.now()),
            Heard::Status(id, status) => engine.set_source(id, status, clock.now()),
        }
    }
    Ok(())
}

/// What was asked, or run, and has not said what it should.
fn unanswered<'e>(
    engine: &'e Engine,
    sources: &'e [SourceSpec],
) -> impl Iterator<Item = SourceError> + 'e {
    let asked = engine.sources().iter().zip(sources).filter(|(_, spec)| spec.way != Way::Files);
    let failed = asked.filter(|(row, _)| matches!(row.status.state, "error" | "denied"));
    failed.map(|(row, spec)| SourceError::Unanswered {
        source_name: format!("{} ({})", spec.name, spec.kind()),
        why: row.status.problem.clone().unwrap_or_else(|| row.status.state.to_owned()),
    })
}

/// How a source is doing that was read to its end, but for these.
pub(super) fn ended(format: Option<String>, failures: &[SourceError]) -> SourceStatus {
    let worst = failures.iter().max_by_key(|error| error.state());
    SourceStatus {
        state: worst.map_or("ended", |error| error.state().as_str()),
        problem: worst.map(ToString::to_string),
        format,
        findings: failures.iter().map(|error| ("file_unreadable", error.to_string())).collect(),
    }
}

/// Take in what a command says; gives back an empty batch.
fn hear(news: News, engine: &mut Engine, clock: Clock) -> Batch {
    match news {
        News::Batch(mut batch) => {
            engine.take_in(&batch, clock.now());
            batch.clear();
            batch
        }
        News::Status(id, status) => {
            engine.set_source(id, status, clock.now());
            Batch::default()
        }
        News::Lost(thread, sources) => {
            lost::tell(engine, thread, &sources, clock.now());
            Batch::default()
        }
    }
}
