//! The threads of sources that are read through a pipe, each with its own: a
//! command's output, the journal, a named pipe.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;

use super::clock::Clock;
use super::driver::News;
use super::lost::Lost;
use super::reading::{Reading, in_words};
use crate::domain::{Batch, SourceId};
use crate::source::{LineSink, Piped, Sinks, Stop, World, stopper};

/// Batches between a command that is read once and the engine.
const QUEUED: usize = 64;

/// The makers of sinks, for several threads.
#[derive(Clone)]
pub struct SharedSinks(Arc<Mutex<Box<Sinks>>>);

impl SharedSinks {
    pub fn new(sinks: Box<Sinks>) -> SharedSinks {
        SharedSinks(Arc::new(Mutex::new(sinks)))
    }

    /// A sink for one file or pipe.
    pub fn make(&self, source: SourceId, path: &Path) -> Box<dyn LineSink + Send> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(source, path)
    }
}

/// Read until told to stop.
pub fn follow(
    reading: Reading,
    piped: Piped,
    sinks: SharedSinks,
    stop: Stop,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("pipe".into()).spawn(move || {
        let _watch = reading.watch("pipe", vec![piped.source()]);
        let mut make = |source: SourceId, path: &Path| sinks.make(source, path);
        piped.follow(&mut make, &stop, &world(reading));
    })
}

/// Read what is there now, and hand it on as it comes.
pub fn once(
    clock: Clock,
    piped: Piped,
    sinks: &mut Sinks,
    mut take: impl FnMut(News) -> Batch,
) -> std::io::Result<()> {
    // Nobody will tell it to stop: it stops by itself.
    let (_stopper, stop) = stopper()?;
    let (news, heard) = bounded(QUEUED);
    let (recycle, spare) = bounded(QUEUED);
    let reading = Reading { clock, news, spare, stop: Arc::default(), lost: Lost::default() };
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut make = |source: SourceId, path: &Path| sinks(source, path);
            piped.once(&mut make, &stop, &world(reading));
        });
        for news in heard {
            let _ = recycle.try_send(take(news));
        }
    });
    Ok(())
}

fn world(reading: Reading) -> World {
    let clock = reading.clock;
    let words = reading.clone();
    World {
        now: Box::new(move || clock.now()),
        deliver: Box::new(move |batch| reading.deliver(batch)),
        say: Box::new(move |status| words.say(status.source, in_words(&status, None))),
    }
}
