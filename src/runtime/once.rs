//! `once`: all sources read to the end they have now, without threads. Nothing
//! is carried out.

use std::io::Read;

use super::clock::Clock;
use super::start::name_of;
use crate::domain::{Batch, Names, SourceId};
use crate::engine::{Engine, EngineSpec, SourceStatus};
use crate::snapshot::{self, Snapshot};
use crate::source::{self, Ended, Sinks, SourceError, SourceSpec};

/// What a path where nothing is means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Somebody named a file that is not there.
    Fails,
    /// A configured source that has nothing yet.
    Waits,
}

/// Read all sources; the picture is of this moment.
pub fn once(
    sources: &[SourceSpec],
    missing: Missing,
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
            Err(error) => return Err(error),
        }
    }
    let now = clock.now();
    engine.tick(now, &mut effects);
    Ok(snapshot::build(&engine, now))
}
