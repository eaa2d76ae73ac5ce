//! What is asked over the network, by a clock that the test sets.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads the clock to give up"
)]

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use tokio::sync::Notify;
use tripline::domain::{Batch, Item, LineAt, Mono, Names, Observation, SourceId, Stamp, Wall};
use tripline::source::http::{Address, Plain};
use tripline::source::net::secret::{HeaderFrom, HeaderSpec, SecretFrom};
use tripline::source::net::{self, Ask, Asker, NetSpec, ScrapeSpec, Shared, Times};
use tripline::source::{LineSink, SourceSpec, SourceState, SourceStatus, Way, World};

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Deaf;

impl LineSink for Deaf {
    fn line(&mut self, _: &[u8], _: LineAt, _: &mut Batch) {}
    fn long_part(&mut self, _: &[u8]) {}
    fn long_end(&mut self, _: LineAt, _: u64, _: &mut Batch) {}
    fn finish(&mut self, _: LineAt, _: &mut Batch) {}
    fn memo(&self) -> String {
        String::new()
    }
    fn recall(&mut self, _: &str) {}
    fn format(&self) -> Option<&str> {
        None
    }
    fn open_since(&self) -> Option<u64> {
        None
    }
}

/// A server that refuses everybody; its address, and how often it was asked.
fn refusing() -> (String, Arc<AtomicUsize>) {
    answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// A server that says the same to everybody.
fn answering(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // It lives as long as the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            // Whoever asked may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

fn source(url: &str, key: &Path) -> SourceSpec {
    let from = SecretFrom::File(key.to_owned());
    let value = HeaderFrom::Secret { prefix: "Bearer ".to_owned(), from };
    let headers = vec![HeaderSpec { name: AUTHORIZATION, value }];
    let address = Address::parse(url, Plain::Here).unwrap();
    let ask = Ask::Scrape(ScrapeSpec { address, headers });
    let every = Duration::from_millis(1);
    let way = Way::Net(Box::new(NetSpec { every, ask }));
    SourceSpec { name: "m".to_owned(), way, ..SourceSpec::default() }
}

#[test]
fn a_key_that_is_refused_is_sent_again_once_an_hour_and_another_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let write_key = move |text: &str| {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    };
    write_key("first");
    let (url, asked) = refusing();
    let spec = source(&url, &dir.path().join("key"));
    let shared = Shared::new(dir.path(), |_| None, Names::default(), 0);
    let asker = Asker::of(SourceId(0), &spec, Box::new(Deaf), &shared).unwrap();

    let clock = Rc::new(Cell::new(Duration::ZERO));
    let done = Rc::new(Notify::new());
    let now = {
        let clock = Rc::clone(&clock);
        move || {
            let since = u64::try_from(clock.get().as_nanos()).unwrap();
            Stamp { mono: Mono(since), wall: Wall::from_secs(1_795_132_800).plus(clock.get()) }
        }
    };
    let turns = Cell::new(0);
    let say = {
        let done = Rc::clone(&done);
        move |status: SourceStatus| {
            assert_eq!(status.state, SourceState::Denied, "{status:?}");
            let why = "HTTP 403: the key is refused; asked again with another, or once an hour";
            let problem = status.problem.unwrap();
            assert_eq!(problem.strip_prefix("not asked: ").unwrap_or(&problem), why);
            turns.set(turns.get() + 1);
            // After each question ten turns in which there is none.
            let expected = match turns.get() {
                1..=20 => 1,
                21..=30 => 2,
                _ => 3,
            };
            assert_eq!(asked.load(Ordering::SeqCst), expected, "in turn {}", turns.get());
            match turns.get() {
                10 => clock.set(Duration::from_secs(3599)),
                20 => clock.set(HOUR),
                30 => write_key("second"),
                40 => done.notify_one(),
                _ => {}
            }
        }
    };
    let world =
        World { now: Box::new(now), deliver: Box::new(|_| Batch::default()), say: Box::new(say) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = net::ask(vec![asker], Times::Forever, world) => panic!("it asks no more"),
            () = done.notified() => {}
            () = tokio::time::sleep(PATIENCE) => panic!("it ends in time"),
        }
    });
}

/// Reads so many lines before it fails at one.
struct Crashing {
    lines: Arc<AtomicUsize>,
}

impl LineSink for Crashing {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        assert_eq!(line, b"up 1", "nothing of the answer before");
        assert_ne!(self.lines.fetch_sub(1, Ordering::SeqCst), 0, "a mistake of ours");
        out.items.push(Item { line: at.number, seen: Observation::Ignored { reason: "read" } });
    }
    fn long_part(&mut self, _: &[u8]) {}
    fn long_end(&mut self, _: LineAt, _: u64, _: &mut Batch) {}
    fn finish(&mut self, _: LineAt, _: &mut Batch) {}
    fn memo(&self) -> String {
        String::new()
    }
    fn recall(&mut self, _: &str) {}
    fn format(&self) -> Option<&str> {
        None
    }
    fn open_since(&self) -> Option<u64> {
        None
    }
}

/// A mistake while an answer is read is said, and the source is asked again; others are
/// asked meanwhile.
#[test]
fn a_question_that_ends_in_a_mistake_is_said_and_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, "k").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let (url, _) =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nup 1\nup 1\n");
    let spec = source(&url, &key);
    let shared = Shared::new(dir.path(), |_| None, Names::default(), 0);
    // The first fails at the second line of the first answer; the other at none.
    let left = [1, usize::MAX].map(|lines| Arc::new(AtomicUsize::new(lines)));
    let sinks = left.clone().map(|lines| Box::new(Crashing { lines }));
    let askers = (0..).map(SourceId).zip(sinks);
    let askers = askers.map(|(id, sink)| Asker::of(id, &spec, sink, &shared).unwrap()).collect();
    let (said, done) = (Rc::new(Cell::new((0, 0, 0))), Rc::new(Notify::new()));
    let say = {
        let (said, done) = (Rc::clone(&said), Rc::clone(&done));
        move |status: SourceStatus| {
            let (mut crashed, mut live, mut other) = said.get();
            match (status.source, status.state) {
                (SourceId(0), SourceState::Error) => {
                    let found = &status.findings[0];
                    assert_eq!(found.kind, "question_crashed");
                    assert!(found.text.starts_with("m: a mistake in tripline"), "{found:?}");
                    assert!(status.problem.unwrap().starts_with("a mistake in tripline"));
                    crashed += 1;
                }
                (SourceId(0), SourceState::Live) => {
                    live += 1;
                    // Two lines an answer: nothing is read again.
                    let read = 1_usize.wrapping_sub(left[0].load(Ordering::SeqCst));
                    assert_eq!(read, 2 + 2 * live);
                }
                (_, state) => {
                    assert_eq!(state, SourceState::Live, "{:?}", status.problem);
                    other += 1;
                }
            }
            said.set((crashed, live, other));
            if live >= 3 && other >= 3 {
                done.notify_one();
            }
        }
    };
    let now = || Stamp { mono: Mono(0), wall: Wall::from_secs(1_795_132_800) };
    let world =
        World { now: Box::new(now), deliver: Box::new(|_| Batch::default()), say: Box::new(say) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = net::ask(askers, Times::Forever, world) => panic!("it asks no more"),
            () = done.notified() => {}
            () = tokio::time::sleep(PATIENCE) => panic!("it ends in time: {:?}", said.get()),
        }
    });
    assert_eq!(said.get().0, 1);
}
