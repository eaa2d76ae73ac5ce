//! A thread with a small runtime of its own, stopped and joined by dropping it.

use std::future::Future;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use super::DemoError;

/// Resolves when the owner wants the thread to end.
pub(super) type Stop = oneshot::Receiver<()>;

/// Tells the starter that everything is up, or why not.
pub(super) type Ready<T> = SyncSender<Result<T, DemoError>>;

/// A running thread. Dropping it ends the thread and waits for it.
pub(super) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Runs `work` on a new thread; returns when it has reported through `Ready`.
    pub(super) fn start<T, W, F>(name: &str, work: W) -> Result<(Background, T), DemoError>
    where
        T: Send + 'static,
        W: FnOnce(Ready<T>, Stop) -> F + Send + 'static,
        F: Future<Output = Result<(), DemoError>>,
    {
        let (ready, started) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || run(work, &ready, stopped))
            .map_err(DemoError::Thread)?;
        let background = Background { stop: Some(stop), thread: Some(thread) };
        let value = started.recv().map_err(|_| DemoError::Ended)??;
        Ok((background, value))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that it has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run<T, W, F>(work: W, ready: &Ready<T>, stop: Stop)
where
    W: FnOnce(Ready<T>, Stop) -> F,
    F: Future<Output = Result<(), DemoError>>,
{
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(DemoError::Thread(error)));
            return;
        }
    };
    if let Err(error) = runtime.block_on(work(ready.clone(), stop)) {
        // Full or closed means that the starter has its answer already.
        let _ = ready.try_send(Err(error));
    }
    // Dropping the runtime drops every task and with it every socket.
}
