//! Lines that keep arriving.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lean::Lean;
use super::truth::Truth;

/// A writer of access-log lines; dropping it ends them.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Appends so many lines to `log` each millisecond, in one write.
    pub fn start(log: &Path, per_ms: u64) -> Load {
        let mut log = File::options().append(true).open(log).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (start, start_ms) = (Instant::now(), now_ms());
            let (mut lean, mut block) = (Lean::new(start_ms, per_ms), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let due = start_ms + u64::try_from(start.elapsed().as_millis()).unwrap();
                block.clear();
                while lean.now_ms < due {
                    lean.line(&mut block, &mut Truth::default()).unwrap();
                }
                log.write_all(&block).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        Load { stop, thread: Some(thread) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}
