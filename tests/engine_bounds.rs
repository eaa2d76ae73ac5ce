//! More names than there is room for: nothing is missing from what is added up, what is
//! new is told apart as soon as there is room, and a finding says where there was none.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{
    Amount, Batch, Dimension, ErrorKind, Item, LimitId, LimitReading, LineAt, Mono, NameKind,
    Names, NanoUsd, Observation, ReadingSource, Request, Resource, SourceId, Stamp, Sym, TextRef,
    Wall,
};
use tripline::engine::{CapSpec, Engine, EngineSpec, Limits, Period, SourceName};
use tripline::snapshot::{self, Snapshot};

fn at(second: u64) -> Stamp {
    let wall = Wall::from_secs(1_795_183_200).plus(Duration::from_secs(second));
    Stamp { mono: Mono(0).plus(Duration::from_secs(1000 + second)), wall }
}

struct Rig {
    engine: Engine,
    names: Names,
    batch: Batch,
}

impl Rig {
    fn new(caps: Vec<CapSpec>) -> Rig {
        let names = Names::default();
        let spec = EngineSpec {
            caps,
            rules: tripline::rules::builtin(),
            limits: Limits::default(),
            timezone: TimeZone::UTC,
            sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
            prices_of: None,
        };
        let engine = Engine::new(spec, names.clone(), at(0));
        Rig { engine, names, batch: Batch { source: SourceId(0), ..Batch::default() } }
    }

    fn name(&self, kind: NameKind, text: &str) -> Sym {
        self.names.intern(kind, text)
    }

    fn call(&self, second: u64, model: &str) -> Request {
        let mut request = Request::at(at(second).wall);
        request.provider = Some(self.name(NameKind::Provider, "openai"));
        request.model = Some(self.name(NameKind::Model, model));
        request.endpoint = Some(self.name(NameKind::Endpoint, "/v1/chat/completions"));
        request.caller.key = Some(self.name(NameKind::Key, "web"));
        request.status = Some(200);
        request
    }

    fn add(&mut self, seen: &Observation) {
        self.batch.items.push(Item { line: 1, seen: *seen });
    }

    fn add_call(&mut self, request: &Request) {
        let request = *request;
        let none = TextRef::default();
        let (request_id, dedup_key, finish_reason) = (none, none, none);
        self.add(&Observation::Request { request, request_id, dedup_key, finish_reason });
    }

    fn apply(&mut self, second: u64) {
        let batch = std::mem::take(&mut self.batch);
        self.engine.apply(&batch, at(second), &mut Vec::new());
    }

    fn tick(&mut self, second: u64) {
        self.engine.tick(at(second), &mut Vec::new());
    }

    fn picture(&self, second: u64) -> Snapshot {
        snapshot::build(&self.engine, at(second))
    }

    /// Calls of the last minute by what their rows of traffic call the model.
    fn calls_of(&self, second: u64, model: &str) -> u32 {
        let sym = self.names.find(NameKind::Model, model);
        let rows = self.engine.cells().traffic().filter(|row| row.id.model == sym);
        rows.map(|row| row.minute(at(second).mono).requests()).sum()
    }

    fn all_calls(&self, second: u64) -> u32 {
        let rows = self.engine.cells().traffic();
        rows.map(|row| row.minute(at(second).mono).requests()).sum()
    }

    fn overflows(&self, second: u64) -> Vec<(String, u64)> {
        let picture = self.picture(second);
        let found = picture.findings.iter().filter(|found| found.kind == "identities_overflow");
        found.map(|found| (found.text.to_string(), found.count)).collect()
    }
}

fn each_user() -> CapSpec {
    CapSpec {
        name: "user".into(),
        matches: [("user".to_owned(), "*".to_owned())].into(),
        each: Some(Dimension::User),
        period: Period::Day,
        zone: None,
        cap: NanoUsd::from_usd(1000),
    }
}

#[test]
fn a_new_combination_counts_in_its_rows_when_all_cells_are_taken() {
    let mut rig = Rig::new(vec![each_user()]);
    for user in 0..4096 {
        for model in ["a", "b", "c", "d"] {
            let mut call = rig.call(1, model);
            call.caller.user = Some(rig.name(NameKind::User, &format!("u{user}")));
            rig.add_call(&call);
        }
        rig.apply(1);
    }
    for _ in 0..30 {
        let mut call = rig.call(2, "new");
        call.caller.user = Some(rig.name(NameKind::User, "u1"));
        call.failure.kind = Some(ErrorKind::ServerError);
        rig.add_call(&call);
    }
    rig.apply(2);
    rig.tick(3);
    assert_eq!(rig.calls_of(3, "new"), 30);
    assert_eq!(rig.calls_of(3, "a"), 4096);
    let picture = rig.picture(3);
    let new = picture.load.iter().filter(|load| load.model.as_deref() == Some("new"));
    assert_eq!(new.map(|load| load.requests).sum::<u64>(), 30, "it is in the plan of a trip");
    let of_new =
        |alert: &&snapshot::Alert| alert.labels.get("model").is_some_and(|model| &**model == "new");
    let alerts: Vec<_> = picture.alerts.iter().filter(of_new).collect();
    assert!(!alerts.is_empty(), "rules see it: {:?}", picture.alerts);
}

#[test]
fn what_fails_leaves_room_for_what_passes() {
    let mut rig = Rig::new(Vec::new());
    for number in 0..6000 {
        let mut call = rig.call(1, &format!("invented-{number}"));
        call.failure.kind = Some(ErrorKind::ModelNotFound);
        rig.add_call(&call);
    }
    let call = rig.call(1, "genuine");
    rig.add_call(&call);
    rig.apply(1);
    rig.tick(2);
    assert_eq!(rig.calls_of(2, "genuine"), 1);
    assert_eq!(rig.all_calls(2), 6001, "the others are in a row of others");
    assert_eq!(rig.calls_of(2, "__other__"), 6000 - 2048);
    let overflows = rig.overflows(2);
    let traffic = overflows.iter().find(|(text, _)| text.contains("rows of traffic"));
    assert_eq!(traffic.unwrap().1, 6000 - 2048, "{overflows:?}");
}

#[test]
fn rows_that_nobody_calls_make_room() {
    let mut rig = Rig::new(Vec::new());
    for number in 0..5000 {
        let call = rig.call(1, &format!("m{number}"));
        rig.add_call(&call);
    }
    rig.apply(1);
    let call = rig.call(100, "still crowded");
    rig.add_call(&call);
    rig.apply(100);
    assert_eq!(rig.calls_of(100, "still crowded"), 0);
    assert_eq!(rig.all_calls(100), 1);
    let call = rig.call(100, "m1");
    rig.add_call(&call);
    rig.apply(100);
    for model in ["m1", "still crowded", "new"] {
        let call = rig.call(340, model);
        rig.add_call(&call);
    }
    rig.apply(340);
    for model in ["m1", "still crowded", "new"] {
        assert_eq!(rig.calls_of(340, model), 1, "{model}");
    }
    assert_eq!(rig.all_calls(340), 3);
}

#[test]
fn a_gauge_that_is_stale_for_longest_makes_room() {
    let mut rig = Rig::new(Vec::new());
    let read = |rig: &mut Rig, second: u64, subject: &str| {
        let subject = Some(rig.name(NameKind::Key, subject));
        let id = LimitId {
            provider: Some(rig.name(NameKind::Provider, "openai")),
            subject,
            ..LimitId::of(Resource::Requests)
        };
        rig.add(&Observation::Limit(LimitReading {
            limit: Some(Amount::whole(100)),
            remaining: Some(Amount::whole(50)),
            ..LimitReading::silent(id, at(second).wall, ReadingSource::Header)
        }));
    };
    let shown = |rig: &Rig, subject: &str| {
        let subject = rig.names.find(NameKind::Key, subject);
        rig.engine.gauges().iter().filter(|gauge| gauge.last.id.subject == subject).count()
    };
    for number in 0..8192_u64 {
        read(&mut rig, 1 + number / 1000, &format!("k{number}"));
    }
    rig.apply(10);
    read(&mut rig, 11, "too many");
    rig.apply(11);
    rig.tick(12);
    assert_eq!(shown(&rig, "too many"), 0, "all others are as new");
    let overflows = rig.overflows(12);
    assert!(matches!(&overflows[..], [(text, 1)] if text.contains("limits")), "{overflows:?}");
    read(&mut rig, 600, "k0");
    rig.apply(600);
    read(&mut rig, 602, "new");
    read(&mut rig, 602, "newer");
    rig.apply(602);
    assert_eq!(rig.engine.gauges().iter().count(), 8192);
    for (subject, count) in [("new", 1), ("newer", 1), ("k0", 1), ("k1", 0), ("k2", 0), ("k3", 1)] {
        assert_eq!(shown(&rig, subject), count, "{subject}");
    }
    read(&mut rig, 603, "new");
    rig.apply(603);
    assert_eq!(shown(&rig, "new"), 1, "it is found again");
}

#[test]
fn names_of_calls_that_failed_leave_room_for_those_that_pass() {
    let mut rig = Rig::new(Vec::new());
    let formats = Arc::new(Formats::builtin());
    let mut decoder = Decoder::new(formats, &rig.names, DecodeOptions::default()).unwrap();
    let mut read = |rig: &mut Rig, line: &str| {
        let place = LineAt { number: 1, offset: 0, received: at(1).wall };
        decoder.line(line.as_bytes(), place, &mut rig.batch);
    };
    let line = |status: u16, model: &str| {
        format!(
            r#"{{"ts":"2026-11-20T14:40:01Z","provider":"openai","model":"{model}","status":{status},"key":"web"}}"#
        )
    };
    for number in 0..NameKind::Model.cap() + 10 {
        read(&mut rig, &line(404, &format!("invented-{number}")));
        if number % 1000 == 0 {
            rig.apply(1);
        }
    }
    // A model that failed first, and then passes.
    read(&mut rig, &line(404, "genuine"));
    rig.apply(1);
    assert_eq!(rig.names.find(NameKind::Model, "genuine"), None);
    read(&mut rig, &line(200, "genuine"));
    rig.apply(1);
    rig.tick(2);
    assert!(rig.names.find(NameKind::Model, "genuine").is_some());
    let overflows = rig.overflows(2);
    assert!(overflows.iter().any(|(text, _)| text.contains("models")), "{overflows:?}");
}

/// Rows of the others run out, too, where each provider is another one.
#[test]
fn a_call_for_which_there_is_no_row_at_all_is_in_the_overall_traffic() {
    let mut rig = Rig::new(Vec::new());
    for (model, providers) in [("a", 4096), ("b", 600)] {
        for provider in 0..providers {
            let mut call = rig.call(1, model);
            call.provider = Some(rig.name(NameKind::Provider, &format!("p{provider}")));
            call.timing.latency_ms = Some(20.0);
            rig.add_call(&call);
        }
        rig.apply(1);
    }
    let overall = rig.picture(2).overall;
    assert_eq!((rig.all_calls(2), overall.requests), (4096 + 512, 4096 + 600));
    assert_eq!(overall.latency_ms.map(|latency| latency.count), Some(4096 + 600));
}
