//! A reading thread that ends by a defect. Nobody reads its sources any more, and
//! nobody may believe that they are still: neither a viewer nor a service manager.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::driver::News;
use super::reading::Reading;
use crate::domain::{SourceId, Stamp};
use crate::engine::{Engine, SourceStatus};

/// Whether any reading thread ended so. Copies tell of the same threads.
#[derive(Clone, Debug, Default)]
pub struct Lost(Arc<AtomicBool>);

impl Lost {
    /// Whether one did.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Held by a reading thread as long as it runs: tells of its end if that is a panic.
pub struct Watch {
    pub thread: &'static str,
    pub sources: Vec<SourceId>,
    pub reading: Reading,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        self.reading.lost.0.store(true, Ordering::Relaxed);
        let sources = std::mem::take(&mut self.sources);
        // The engine may have gone, too.
        let _ = self.reading.news.send(News::Lost(self.thread, sources));
    }
}

/// Say of its sources that they are not read.
pub fn tell(engine: &mut Engine, thread: &'static str, sources: &[SourceId], now: Stamp) {
    let mut names = Vec::new();
    for source in sources {
        let Some(row) = engine.sources().get(source.0 as usize) else { continue };
        names.push(row.name.name.clone());
        let problem = format!("the {thread} thread, which reads it, has ended: this is a defect");
        let status = SourceStatus { state: "error", problem: Some(problem), ..row.status.clone() };
        engine.set_source(*source, status, now);
    }
    let text = format!(
        "the {thread} thread has ended, which is a defect: not read until tripline is \
         started again: {}",
        names.join(", ")
    );
    engine.alarm("reader_lost", &text, now);
}
