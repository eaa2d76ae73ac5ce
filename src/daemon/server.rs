//! Lets clients in, one short thread each.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::socket::{Bound, SocketError};
use super::{Ask, MAX_QUESTION};
use crate::domain::Mono;
use crate::runtime::Clock;

/// Clients at a time.
const CLIENTS: usize = 16;
/// How long a client may take, from its first byte to our last.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a question with a line of JSON, without the line's end.
pub type Answer = dyn Fn(Ask) -> Vec<u8> + Send + Sync;

/// A listening socket and its thread. Both end when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Closed to end the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listen on `path`.
    pub fn start(path: &Path, answer: Arc<Answer>) -> Result<Server, SocketError> {
        let bound = Bound::new(path)?;
        let failed = |why: io::Error| SocketError::Failed { path: path.to_owned(), why };
        let (stop, stopped) = UnixStream::pair().map_err(failed)?;
        let thread = thread::Builder::new().name("socket".into());
        let thread = thread.spawn(move || serve(&bound, &stopped, &answer)).map_err(failed)?;
        Ok(Server { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(bound: &Bound, stopped: &UnixStream, answer: &Arc<Answer>) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let mut both =
            [PollFd::new(&bound.listener, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        // Interrupted by a signal: look again.
        if poll(&mut both, None).is_err() {
            continue;
        }
        if both.iter().skip(1).any(|stopped| !stopped.revents().is_empty()) {
            return;
        }
        let Ok((client, _)) = bound.listener.accept() else {
            // Out of files, most likely: better in a moment.
            thread::park_timeout(Duration::from_millis(50));
            continue;
        };
        let (clients, answer) = (Arc::clone(&clients), Arc::clone(answer));
        if clients.fetch_add(1, Ordering::Relaxed) >= CLIENTS {
            clients.fetch_sub(1, Ordering::Relaxed);
            let _ = turn_away(client);
            continue;
        }
        let count = Arc::clone(&clients);
        let started = thread::Builder::new().name("client".into()).spawn(move || {
            // A client that went away or was too slow has only itself to tell.
            let _ = speak(client, &*answer);
            clients.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Say that there is no room. So little fits into the socket at once: nobody waits.
fn turn_away(mut client: UnixStream) -> io::Result<()> {
    client.set_nonblocking(true)?;
    if is_ours(&client)? {
        let error = format!("too many clients at once: it talks to {CLIENTS} already");
        client.write_all(format!("{}\n", serde_json::json!({ "error": error })).as_bytes())?;
    }
    Ok(())
}

/// Whether it is one of our user, or root.
fn is_ours(client: &UnixStream) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(client)?;
    Ok(peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

fn speak(client: UnixStream, answer: &Answer) -> io::Result<()> {
    client.set_nonblocking(false)?;
    if !is_ours(&client)? {
        return Ok(());
    }
    let mut timed = Timed::new(client);
    let reply = match question(&mut timed)? {
        Some(ask) => answer(ask),
        None => {
            br#"{"error":"one line of JSON such as {\"ask\":\"snapshot\"} is understood"}"#.to_vec()
        }
    };
    timed.write_all(&reply)?;
    timed.write_all(b"\n")
}

/// One line, if it is a question.
fn question(client: &mut Timed) -> io::Result<Option<Ask>> {
    let mut line = Vec::new();
    let mut part = [0; 512];
    while !line.contains(&b'\n') {
        let read = client.read(&mut part)?;
        line.extend_from_slice(part.get(..read).unwrap_or_default());
        if read == 0 || line.len() > MAX_QUESTION {
            return Ok(None);
        }
    }
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    Ok(serde_json::from_slice(line.get(..end).unwrap_or_default()).ok())
}

/// A client with all its reads and writes under one deadline.
struct Timed {
    stream: UnixStream,
    clock: Clock,
    deadline: Mono,
}

impl Timed {
    fn new(stream: UnixStream) -> Timed {
        let clock = Clock::start();
        Timed { stream, clock, deadline: clock.now().mono.plus(PATIENCE) }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.since(self.clock.now().mono);
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
