//! The live run: what it does while viewers are slow and disks are full.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and plays the gateway"
)]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use tripline::action::ArmState;
use tripline::action::switch::NetworkFs;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{Formats, Texts};
use tripline::domain::Names;
use tripline::engine::{EngineSpec, Event};
use tripline::pricing::PriceTable;
use tripline::runtime::{Command, NetSetup, Running, Setup, Signal, Signals, SwitchSetup, start};
use tripline::snapshot::Snapshot;
use tripline::source::{Pipelines, SourceSpec};

const RULE: &str = r#"
[builtin_rules]
enabled = false
[[rule]]
name = "model-broken"
metric = "errors.ratio"
match = { outcome = "failed" }
above = 0.5
for = "10ms"
min_requests = 1
severity = "critical"
actions = ["trip:model"]
"#;

fn run(root: &Path, events: Option<crossbeam_channel::Sender<Event>>) -> Running {
    let bytes = RULE.as_bytes().to_vec();
    let file = Some(ConfigFile::Bytes { name: "test".into(), bytes });
    let config = Config::load(&LoadInput { file, ..LoadInput::default() }).unwrap();
    let names = Names::default();
    let source = SourceSpec {
        name: "gw".into(),
        paths: vec![root.join("gw.log").display().to_string()],
        ..SourceSpec::default()
    };
    let pipelines = Pipelines {
        formats: Arc::new(Formats::builtin()),
        prices: PriceTable::builtin().into(),
        names: names.clone(),
        max_request_usd: config.max_request_usd,
        key_salt: 7,
        host: "gw-1".into(),
        texts: Texts::Skip,
    };
    let recipe = pipelines.of(&source).unwrap();
    std::fs::create_dir_all(root.join("state")).unwrap();
    std::fs::write(root.join("gw.log"), "").unwrap();
    let running = start(Setup {
        sources: vec![source],
        engine: EngineSpec {
            prices_of: None,
            caps: Vec::new(),
            rules: config.rules,
            limits: config.engine,
            timezone: config.timezone.zone,
            sources: Vec::new(),
        },
        net: NetSetup {
            state_dir: root.join("state"),
            env: |_| None,
            names: names.clone(),
            key_salt: 0,
        },
        names,
        sinks: Box::new(move |_, _| Box::new(recipe.pipeline())),
        ledger: None,
        switch: Some(SwitchSetup {
            dir: root.join("kill.d"),
            network: NetworkFs::Refuse,
            armed: ArmState::Armed,
            state_dir: root.join("state"),
            host: "gw-1".into(),
            access: tripline::runtime::SwitchAccess::Act,
        }),
        events,
        frame_every: Duration::from_millis(20),
    })
    .unwrap();
    // What is logged before the file is followed stops nothing.
    let live = |frame: &Snapshot| frame.sources.iter().all(|source| &*source.state == "live");
    frame(&running, "it follows the file", live);
    running
}

/// One failed call of each of these models, right now.
fn fail(root: &Path, models: std::ops::Range<u32>) {
    let log = root.join("gw.log");
    let mut file = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    let at = jiff::Timestamp::now();
    for model in models {
        let line = format!(
            r#"{{"at":"{at}","provider":"p","model":"m{model}","status":500,"latency_ms":1,"error":"server_error"}}"#
        );
        writeln!(file, "{line}").unwrap();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn frame(running: &Running, what: &str, fits: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    wait_for(what, || running.frames.try_recv().ok().filter(|frame| fits(frame)))
}

#[test]
fn a_viewer_that_does_not_read_holds_up_no_trip() {
    let root = tempfile::tempdir().unwrap();
    let (send, events) = bounded(1);
    let running = run(root.path(), Some(send));
    fail(root.path(), 0..20);
    wait_for("the last of twenty trips", || {
        root.path().join("kill.d/model.p.m19.kill").exists().then_some(())
    });
    frame(&running, "all of them shown", |frame| frame.switches.len() > 20);
    // It reads again: the first event is still there, and how many are lost is said.
    assert!(events.recv_timeout(Duration::from_secs(10)).is_ok());
    fail(root.path(), 20..21);
    let lost = events.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(lost.summary.contains("events were lost"), "{lost:?}");
    let _ = running.stop();
}

fn audited(root: &Path) -> String {
    std::fs::read_to_string(root.join("state/audit.jsonl")).unwrap_or_default()
}

#[test]
fn a_kill_file_removed_by_hand_is_made_again_said_and_recorded() {
    let root = tempfile::tempdir().unwrap();
    let running = run(root.path(), None);
    fail(root.path(), 0..1);
    let file = root.path().join("kill.d/model.p.m0.kill");
    let says_why = || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.contains("\"rule\":").then_some(())
    };
    wait_for("the trip", says_why);
    frame(&running, "the trip shown", |frame| frame.switches.iter().any(|s| s.state == "tripped"));
    wait_for("its record", || audited(root.path()).contains("tripped").then_some(()));
    std::fs::remove_file(&file).unwrap();
    let frame = frame(&running, "a finding", |frame| !frame.findings.is_empty());
    assert_eq!(frame.findings[0].kind, "removed_outside");
    wait_for("the same stop again", says_why);
    assert!(frame.findings[0].text.contains("removed by hand"), "{}", frame.findings[0].text);
    let _ = running.stop();
    let audit = audited(root.path());
    assert!(audit.contains("removed_outside"), "{audit}");
    assert_eq!(audit.matches("\"result\":\"tripped\"").count(), 2, "{audit}");
}

#[test]
fn a_removal_that_can_not_be_recorded_is_said() {
    let root = tempfile::tempdir().unwrap();
    let running = run(root.path(), None);
    fail(root.path(), 0..1);
    let file = root.path().join("kill.d/model.p.m0.kill");
    frame(&running, "the trip shown", |frame| frame.switches.iter().any(|s| s.state == "tripped"));
    wait_for("its record", || audited(root.path()).contains("tripped").then_some(()));
    let record = root.path().join("state/audit.jsonl");
    std::fs::rename(&record, root.path().join("state/away")).unwrap();
    std::fs::create_dir(&record).unwrap();
    std::fs::remove_file(&file).unwrap();
    frame(&running, "both findings", |frame| {
        let said = |kind: &str, words: &str| {
            let mut of_kind = frame.findings.iter().filter(|finding| finding.kind == kind);
            of_kind.any(|finding| finding.text.contains(words))
        };
        said("removed_outside", "removed by hand")
            && said("action_failed", "not in the audit record")
    });
    assert!(file.exists());
    let _ = running.stop();
}

#[test]
fn a_reason_to_leave_finds_room_beside_any_number_of_resizes() {
    use rustix::process::{Signal as Number, getpid, kill_process};
    let signals = Signals::with_terminal().unwrap();
    let waiting = || signals.received().len();
    let resize = || kill_process(getpid(), Number::WINCH).unwrap();
    // Two of a kind that are not looked at are one, so each gets its time.
    wait_for("as many as are kept", || {
        resize();
        (waiting() == 64).then_some(())
    });
    resize();
    kill_process(getpid(), Number::TERM).unwrap();
    wait_for("the reason to leave", || (waiting() > 64).then_some(()));
    let received: Vec<Signal> = signals.received().try_iter().collect();
    let (last, before) = received.split_last().unwrap();
    assert_eq!((last, before.len()), (&Signal::Terminate, 64));
    assert!(before.iter().all(|signal| *signal == Signal::Resize));
}

/// The console is left right after a stop was confirmed in it.
#[test]
fn what_was_asked_for_before_the_end_is_done_and_answered() {
    for _ in 0..10 {
        let root = tempfile::tempdir().unwrap();
        let running = run(root.path(), None);
        let answers = running.answers.clone();
        let (scope, reason, by) = ("all".to_owned(), "runaway".to_owned(), "ada".to_owned());
        let reset = Command::Reset { scope: scope.clone(), reason: reason.clone(), by: by.clone() };
        running.commands.send(Command::Trip { scope, reason, by }).unwrap();
        running.commands.send(reset).unwrap();
        let _ = running.stop();
        let said: Vec<String> = answers.try_iter().collect();
        assert_eq!(said, ["all tripped", "all reset: traffic may pass again"]);
        assert!(!root.path().join("kill.d/all.kill").exists());
        let audit = audited(root.path());
        assert_eq!(audit.matches("\"result\":\"tripped\"").count(), 1, "{audit}");
    }
}
