//! A thread that reads and dies: what it read is not taken for live any more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "threads run in real time")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tripline::domain::{Batch, LineAt, Names};
use tripline::engine::{EngineSpec, Limits};
use tripline::runtime::{NetSetup, Running, Setup, start};
use tripline::snapshot::{Snapshot, State};
use tripline::source::{LineSink, SourceSpec};

/// Takes everything, until a line says what is a defect in a decoder.
struct Brittle;

impl LineSink for Brittle {
    fn line(&mut self, line: &[u8], _: LineAt, _: &mut Batch) {
        assert!(!line.starts_with(b"die"), "a defect");
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

fn run(root: &Path, names: &[&str]) -> Running {
    let source = |name: &&str| SourceSpec {
        name: (*name).into(),
        paths: vec![root.join(format!("{name}.log")).display().to_string()],
        ..SourceSpec::default()
    };
    std::fs::create_dir_all(root.join("state")).unwrap();
    let names_table = Names::default();
    start(Setup {
        sources: names.iter().map(source).collect(),
        engine: EngineSpec {
            prices_of: None,
            caps: Vec::new(),
            rules: Vec::new(),
            limits: Limits::default(),
            timezone: TimeZone::UTC,
            sources: Vec::new(),
        },
        net: NetSetup {
            state_dir: root.join("state"),
            env: |_| None,
            names: names_table.clone(),
            key_salt: 0,
        },
        names: names_table,
        sinks: Box::new(|_, _| Box::new(Brittle)),
        ledger: None,
        switch: None,
        events: None,
        frame_every: Duration::from_millis(20),
    })
    .unwrap()
}

fn frame(running: &Running, what: &str, fits: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let begun = Instant::now();
    loop {
        if let Some(frame) = running.frames.try_recv().ok().filter(|frame| fits(frame)) {
            return frame;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn sources_of_a_reader_that_died_are_in_error_and_that_is_critical() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(root.path().join(format!("{name}.log")), "fine\n").unwrap();
    }
    let running = run(root.path(), &["a", "b"]);
    let all = |frame: &Snapshot, state: &str| frame.sources.iter().all(|s| &*s.state == state);
    frame(&running, "both are followed", |frame| all(frame, "live"));
    assert!(running.readers_are_alive());
    std::fs::write(root.path().join("a.log"), "fine\ndie\n").unwrap();
    let lost = |frame: &Snapshot| frame.findings.iter().any(|found| found.kind == "reader_lost");
    let frame = frame(&running, "the finding", lost);
    let found = frame.findings.iter().find(|found| found.kind == "reader_lost").unwrap();
    assert_eq!(found.severity, Some(State::Critical));
    assert!(found.text.contains("a, b"), "{}", found.text);
    assert!(all(&frame, "error"), "{:?}", frame.sources);
    assert!(frame.sources.iter().all(|source| source.problem.is_some()));
    assert!(!running.readers_are_alive(), "a service manager hears no more of it");
    assert!(running.engine_is_alive(), "what others read is guarded");
    let _ = running.stop();
}
