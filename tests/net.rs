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
use tripline::domain::{Batch, LineAt, Mono, Names, SourceId, Stamp, Wall};
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
            let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
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
