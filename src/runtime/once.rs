//! `once`: all sources read to the end they have now, or asked once, without
//! threads. Nothing is carried out.

use std::io::Read;

use super::clock::Clock;
use super::driver::News;
use super::net::{self, Heard, NetSetup};
use super::start::name_of;
use super::streams;
use crate::domain::{Batch, Names, SourceId};
use crate::engine::{Engine, EngineSpec, SourceStatus};
use crate::snapshot::{self, Snapshot};
use crate::source::{self, Ended, Piped, Resume, Sinks, SourceError, SourceSpec};

/// What a path where nothing is means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Somebody named a file that is not there.
    Fails,
    /// A configured source that has nothing yet.
    Waits,
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

/// Read all sources; the picture is of this moment.
pub fn once(
    sources: &[SourceSpec],
    missing: Missing,
    mut spec: EngineSpec,
    names: Names,
    sinks: &mut Sinks,
    net: &NetSetup,
    stdin: &mut dyn Read,
) -> Result<Snapshot, OnceError> {
    let clock = Clock::start();
    let seen = |source: &SourceSpec| match missing {
        Missing::Fails => source.clone(),
        Missing::Waits => source.clone().seen(),
    };
    let sources: &[SourceSpec] = &sources.iter().map(seen).collect::<Vec<_>>();
    spec.sources = sources.iter().map(name_of).collect();
    let mut engine = Engine::new(spec, names, clock.now());
    let mut effects = Vec::new();
    let askers = net::askers(sources, sinks, net);
    if !askers.is_empty() {
        for heard in net::once(clock, askers).map_err(OnceError::Net)? {
            match heard {
                Heard::Batch(batch) => engine.apply(&batch, clock.now(), &mut effects),
                Heard::Status(id, status) => engine.set_source(id, status),
            }
            effects.clear();
        }
    }
    for (id, source) in (0u32..).map(SourceId).zip(sources) {
        if source.net().is_some() {
            continue;
        }
        if let Some(piped) = Piped::of(id, source, &Resume::Never) {
            let take = |news| hear(news, &mut engine, clock);
            streams::once(clock, piped, sinks, take).map_err(OnceError::Command)?;
            continue;
        }
        let mut apply = |mut batch: Batch| {
            engine.apply(&batch, clock.now(), &mut effects);
            effects.clear();
            batch.clear();
            batch
        };
        let now = clock.now().wall;
        match source::read_to_end(id, source, stdin, now, sinks, &mut apply) {
            Ok(Ended { progress, format }) => {
                let last = Batch { source: id, progress, ..Batch::default() };
                engine.arrive(&last, clock.now());
                engine.set_source(id, SourceStatus { state: "ended", problem: None, format });
            }
            Err(SourceError::NoFile(path)) if missing == Missing::Waits => {
                let problem = Some(format!("nothing there yet: {path}"));
                engine.set_source(id, SourceStatus { state: "waiting", problem, format: None });
            }
            Err(error) => return Err(error.into()),
        }
    }
    let now = clock.now();
    engine.tick(now, &mut effects);
    Ok(snapshot::build(&engine, now))
}

/// Take in what a command says; gives back an empty batch.
fn hear(news: News, engine: &mut Engine, clock: Clock) -> Batch {
    match news {
        News::Batch(mut batch) => {
            engine.apply(&batch, clock.now(), &mut Vec::new());
            batch.clear();
            batch
        }
        News::Status(id, status) => {
            engine.set_source(id, status);
            Batch::default()
        }
    }
}
