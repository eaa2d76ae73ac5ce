//! The `tail` and `stdin` threads: they pull lines and push batches. A full
//! channel makes them wait, so overload shows as lag, never as loss.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::clock::Clock;
use super::driver::News;
use super::lost::{Lost, Watch};
use crate::domain::{Batch, Mono, SourceId};
use crate::engine::SourceStatus;
use crate::source::{self, LineSink, Tail, Turn, Wake, Watcher};

/// How often directories to watch are looked up anew.
const REWATCH: Duration = Duration::from_secs(1);

/// What a reading thread needs.
#[derive(Clone)]
pub struct Reading {
    pub clock: Clock,
    pub news: Sender<News>,
    pub spare: Receiver<Batch>,
    pub stop: Arc<AtomicBool>,
    pub lost: Lost,
}

impl Reading {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// For the thread that reads these sources: hold it, and its end by a defect is told.
    pub fn watch(&self, thread: &'static str, sources: Vec<SourceId>) -> Watch {
        Watch { thread, sources, reading: self.clone() }
    }

    /// Send a batch on; get an empty one back.
    pub(super) fn deliver(&self, batch: Batch) -> Batch {
        if self.news.send(News::Batch(batch)).is_err() {
            // The engine has gone: so does this thread.
            self.stop.store(true, Ordering::Relaxed);
        }
        self.spare.try_recv().unwrap_or_default()
    }

    pub(super) fn say(&self, source: SourceId, status: SourceStatus) {
        if self.news.send(News::Status(source, status)).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Follow files until told to stop; `stop` is closed then, so that nobody waits for it.
pub fn follow(
    reading: Reading,
    sources: Vec<SourceId>,
    mut tail: Tail,
    stop: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("tail".into()).spawn(move || {
        let _watch = reading.watch("tail", sources);
        let mut watcher = Watcher::new().until(stop.clone());
        let mut said: Vec<source::SourceStatus> = Vec::new();
        let mut unheard: Option<String> = None;
        let mut rewatch = Mono(0);
        // Whoever started it may be gone without a word.
        let is_closed = || stop.try_recv() == Err(TryRecvError::Disconnected);
        while !reading.stopped() && !is_closed() {
            let now = reading.clock.now();
            let turn = tail.turn(now, &mut |batch| reading.deliver(batch));
            if said != tail.statuses() || unheard.as_deref() != watcher.problem() {
                said = tail.statuses().to_vec();
                unheard = watcher.problem().map(str::to_owned);
                for status in &said {
                    reading.say(status.source, in_words(status, watcher.problem()));
                }
            }
            if now.mono >= rewatch {
                watcher.watch(&tail.wants());
                rewatch = now.mono.plus(REWATCH);
            }
            if turn == Turn::Idle && watcher.wait(watcher.cadence()) == Wake::Moved {
                tail.look_again();
            }
        }
        tail.end(reading.clock.now(), &mut |batch| reading.deliver(batch));
    })
}

pub(super) fn in_words(status: &source::SourceStatus, watching: Option<&str>) -> SourceStatus {
    let found = status.findings.first().map(|found| found.text.as_str());
    let problem = status.problem.as_deref().or(found).or(watching);
    SourceStatus {
        state: status.state.as_str(),
        problem: problem.map(str::to_owned),
        format: status.format.clone(),
        findings: status.findings.iter().map(|found| (found.kind, found.text.clone())).collect(),
    }
}

/// Read a pipe until it ends.
pub fn drain(
    reading: Reading,
    source: SourceId,
    sink: Box<dyn LineSink + Send>,
    mut pipe: Box<dyn Read + Send>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("stdin".into()).spawn(move || {
        let _watch = reading.watch("stdin", vec![source]);
        let mut status = SourceStatus { state: "live", ..SourceStatus::default() };
        reading.say(source, status.clone());
        let ended = source::read_stream(
            source,
            &mut *pipe,
            sink,
            &mut || reading.clock.now().wall,
            &mut |batch| reading.deliver(batch),
            &mut |format| {
                status.format = Some(format.to_owned());
                reading.say(source, status.clone());
            },
        );
        let problem = ended.err().map(|error| error.to_string());
        reading.say(source, SourceStatus { state: "ended", problem, ..status });
    })
}
