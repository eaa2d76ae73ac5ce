//! The `net` thread: everything that is asked over the network, in one place. A
//! full channel makes it wait like every other reader, so that what it hears
//! late shows as age.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::clock::Clock;
use super::reading::{Reading, in_words};
use crate::domain::{Batch, Names, SourceId};
use crate::engine::SourceStatus;
use crate::source::net::secret::Env;
use crate::source::net::{self, Asker, Shared, Times};
use crate::source::{Sinks, SourceSpec, World};

/// What asking needs from outside.
#[derive(Clone, Debug)]
pub struct NetSetup {
    /// Where the accounts of what was asked are kept.
    pub state_dir: PathBuf,
    /// Reads the environment, for keys that stand there.
    pub env: Env,
    /// The table of names.
    pub names: Names,
    /// Salt of key fingerprints.
    pub key_salt: u64,
}

/// The askers of all sources that are asked.
pub fn askers(sources: &[SourceSpec], sinks: &mut Sinks, setup: &NetSetup) -> Vec<Asker> {
    let asked: Vec<_> = (0u32..).map(SourceId).zip(sources).filter(is_asked).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let shared = Shared::new(&setup.state_dir, setup.env, setup.names.clone(), setup.key_salt);
    let asker = |(id, spec): (SourceId, &SourceSpec)| {
        Asker::of(id, spec, sinks(id, spec.name.as_ref()), &shared)
    };
    asked.into_iter().filter_map(asker).collect()
}

fn is_asked((_, spec): &(SourceId, &SourceSpec)) -> bool {
    spec.net().is_some()
}

/// Ask until told to stop, by dropping the sender.
pub fn follow(
    reading: Reading,
    askers: Vec<Asker>,
    stop: oneshot::Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = runtime()?;
    let sources = askers.iter().map(Asker::source).collect();
    thread::Builder::new().name("net".into()).spawn(move || {
        let _watch = reading.watch("net", sources);
        let clock = reading.clock;
        let (batches, words) = (reading.clone(), reading);
        let world = World {
            now: Box::new(move || clock.now()),
            deliver: Box::new(move |batch| batches.deliver(batch)),
            say: Box::new(move |status| words.say(status.source, in_words(&status, None))),
        };
        runtime.block_on(async {
            tokio::select! {
                () = net::ask(askers, Times::Forever, world) => {}
                _ = stop => {}
            }
        });
        // A name that is being looked up must not keep the program from ending.
        runtime.shutdown_background();
    })
}

/// What was heard, in order.
pub enum Heard {
    Batch(Batch),
    Status(SourceId, SourceStatus),
}

/// Ask each once, and wait for what they say.
pub fn once(clock: Clock, askers: Vec<Asker>) -> std::io::Result<Vec<Heard>> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (batches, words) = (Rc::clone(&heard), Rc::clone(&heard));
    let world = World {
        now: Box::new(move || clock.now()),
        deliver: Box::new(move |batch| {
            batches.borrow_mut().push(Heard::Batch(batch));
            Batch::default()
        }),
        say: Box::new(move |status| {
            words.borrow_mut().push(Heard::Status(status.source, in_words(&status, None)));
        }),
    };
    let runtime = runtime()?;
    runtime.block_on(net::ask(askers, Times::Once, world));
    runtime.shutdown_background();
    Ok(heard.take())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
