//! A record in an envelope is still the call that the envelope speaks of: what stands beside
//! it (when it was, who was called, how it ended) fills what it does not say itself.

mod support;

use std::sync::{Arc, LazyLock};

use support::at;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, FaultReason, Names, Observation, Outcome, Request, Sym, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);
/// 2026-11-20T15:00:00Z, which all lines speak of.
const THEN: Wall = Wall::from_secs(1_795_186_800);
const USAGE: &str = r#"{"usage":{"prompt_tokens":100,"completion_tokens":10}}"#;

struct Said {
    batch: Batch,
    names: Names,
}

fn said(log: &str) -> Said {
    static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let names = Names::default();
    let mut decoder =
        Decoder::new(Arc::clone(&FORMATS), &names, DecodeOptions::default()).expect("no format");
    let mut batch = Batch::default();
    for (number, line) in (1..).zip(log.lines()) {
        decoder.line(line.as_bytes(), at(number, 0, NOW), &mut batch);
    }
    decoder.finish(at(9, 0, NOW), &mut batch);
    Said { batch, names }
}

impl Said {
    fn calls(&self) -> Vec<Request> {
        let call = |seen: &Observation| match *seen {
            Observation::Request { request, .. } => Some(request),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| call(&item.seen)).collect()
    }

    fn one(&self) -> Request {
        match self.calls().as_slice() {
            [request] => *request,
            others => panic!("{} calls: {:?}", others.len(), self.batch.items),
        }
    }

    fn name(&self, sym: Option<Sym>) -> Option<String> {
        sym.map(|sym| self.names.text(sym).to_string())
    }

    /// Provider and model, and the names that were not there either.
    fn whose(&self) -> [Option<String>; 2] {
        let call = self.one();
        [self.name(call.provider), self.name(call.model)]
    }
}

fn names<const N: usize>(all: [&str; N]) -> [Option<String>; N] {
    all.map(|name| Some(name.to_owned()))
}

/// The record as it stands, and as text, under a key that carries.
fn carried(key: &str, record: &str) -> [String; 2] {
    let text = serde_json::Value::from(record).to_string();
    [format!(r#""{key}":{record}"#), format!(r#""{key}":{text}"#)]
}

#[test]
fn a_record_has_the_time_and_the_names_that_stand_beside_it() {
    let times = [
        r#""at":"2026-11-20T15:00:00Z""#,
        r#""ts":1795186800"#,
        r#""time":"2026-11-20T15:00:00Z""#,
        r#""asctime":"2026-11-20 15:00:00,000""#,
        r#""datetime":"2026-11-20T15:00:00Z""#,
        r#""eventTime":"2026-11-20T15:00:00Z""#,
        r#""@t":"2026-11-20T15:00:00Z""#,
        r#""finished_at":"2026-11-20T15:00:00Z""#,
        r#""start_time":"2026-11-20T15:00:00Z""#,
        r#""start_timestamp":"2026-11-20T14:59:58Z","end_timestamp":"2026-11-20T15:00:00Z""#,
    ];
    for time in times {
        for key in ["message", "log", "event", "payload", "msg", "line", "result"] {
            for record in carried(key, USAGE) {
                let line = format!(r#"{{{time},"provider":"OpenAI","model":"gpt-4o",{record}}}"#);
                let said = said(&line);
                let call = said.one();
                assert_eq!((call.at, call.at_logged), (THEN, true), "{line}");
                assert_eq!(said.whose(), names(["openai", "gpt-4o"]), "{line}");
                assert_eq!(call.tokens.input, Some(100), "{line}");
            }
        }
        // Under the key of a logger, where a format does not look by itself.
        for key in ["llm", "extra", "context", "attributes", "fields"] {
            let record = r#"{"input_tokens":100,"output_tokens":10}"#;
            let line =
                format!(r#"{{{time},"provider":"openai","model":"gpt-4o","{key}":{record}}}"#);
            let said = said(&line);
            assert_eq!((said.one().at, said.one().at_logged), (THEN, true), "{line}");
            assert_eq!(said.whose(), names(["openai", "gpt-4o"]), "{line}");
        }
    }
}

#[test]
fn all_that_a_call_has_may_stand_beside_its_usage() {
    let outer = r#""at":"2026-11-20T15:00:00Z","provider":"openai","model":"gpt-4o","host":"gw-1","key_alias":"web","team":"search","user":"u1","env":"prod","attempt":2,"stream":true,"service_tier":"flex","took":"500ms","request_id":"chatcmpl-0123456789abcdefghijkl""#;
    let [record, _] = carried("log", USAGE);
    let line = format!("{{{outer},{record}}}");
    let twice = said(&format!("{line}\n{line}"));
    let calls = twice.calls();
    let call = calls[0];
    assert_eq!(call.tokens.input, Some(100));
    let caller = call.caller;
    let all = [call.host, caller.key, caller.team, caller.user, caller.environment];
    let all = all.map(|sym| twice.name(sym));
    assert_eq!(all, names(["gw-1", "web", "search", "u1", "prod"]));
    assert_eq!((call.attempt, call.stream), (Some(2), Some(true)));
    assert_eq!(call.timing.latency_ms, Some(500.0));
    assert_eq!(call.started_at, Some(THEN.offset_nanos(-500_000_000)));
    assert_eq!(call.tier.word(), "flex");
    let id = call.dedup.map(|dedup| dedup.fingerprint);
    assert!(id.is_some() && id == calls[1].dedup.map(|dedup| dedup.fingerprint));
}

#[test]
fn usage_within_a_call_that_is_told_outside_is_its_usage() {
    for key in ["message", "log", "event", "payload", "msg", "extra", "context", "result"] {
        for record in carried(key, USAGE) {
            let line = format!(
                r#"{{"at":"2026-11-20T15:00:00Z","provider":"openai","model":"gpt-4o","status":200,"latency_ms":5,{record}}}"#
            );
            let call = said(&line).one();
            assert_eq!((call.tokens.input, call.tokens.output), (Some(100), Some(10)), "{line}");
            assert_eq!((call.at, call.status), (THEN, Some(200)), "{line}");
        }
    }
}

#[test]
fn a_refusal_beside_what_was_refused_is_one() {
    let record = r#"{"provider":"openai","usage":{"prompt_tokens":100,"completion_tokens":0}}"#;
    for record in carried("msg", record) {
        let line = format!(r#"{{"at":"2026-11-20T15:00:00Z","http_status":429,{record}}}"#);
        let call = said(&line).one();
        assert_eq!((call.status, call.outcome()), (Some(429), Outcome::RateLimited), "{line}");
    }
}

#[test]
fn what_a_record_says_itself_stands() {
    let own = r#"{"ts":"2026-11-20T15:00:00Z","provider":"groq","model":"llama","status":200,"usage":{"prompt_tokens":100,"completion_tokens":10}}"#;
    for record in carried("message", own) {
        let line = format!(
            r#"{{"at":"2026-11-21T15:00:00Z","provider":"openai","model":"gpt-4o","http_status":500,{record}}}"#
        );
        let said = said(&line);
        assert_eq!((said.one().at, said.one().status), (THEN, Some(200)), "{line}");
        assert_eq!(said.whose(), names(["groq", "llama"]), "{line}");
    }
}

#[test]
fn wrappers_in_wrappers_each_add_what_the_inner_ones_lack() {
    let [inner, _] = carried("payload", USAGE);
    let middle = format!(r#"{{"model":"gpt-4o","team":"search",{inner}}}"#);
    for record in carried("message", &middle) {
        let outer = format!(
            r#"{{"at":"2026-11-20T15:00:00Z","provider":"openai","model":"other","team":"all",{record}}}"#
        );
        let docker = format!(
            r#"{{"log":{},"stream":"stdout","time":"2026-11-20T15:30:00Z"}}"#,
            serde_json::Value::from(format!("{outer}\n"))
        );
        for line in [outer, docker] {
            let said = said(&line);
            assert_eq!(said.whose(), names(["openai", "gpt-4o"]), "{line}");
            assert_eq!([said.name(said.one().caller.team)], names(["search"]), "{line}");
            assert_eq!(said.one().at, THEN, "{line}");
        }
    }
}

#[test]
fn what_only_looks_like_a_time_or_a_status_of_the_call_is_none() {
    let record = r#"{"model":"gpt-4o","status":"failed","input_tokens":100}"#;
    for key in ["message", "llm"] {
        let line = format!(
            r#"{{"at":"server.js:10","http_status":200,"path":"/var/log/app.log","time":"2026-11-20T15:00:00Z","{key}":{record}}}"#
        );
        let call = said(&line).one();
        assert_eq!((call.at, call.at_logged), (THEN, true), "{line}");
        assert_eq!((call.outcome(), call.endpoint), (Outcome::Failed, None), "{line}");
    }
}

#[test]
fn what_stands_beside_one_record_is_of_no_other() {
    let plain = r#"{"at":"2026-11-20T15:00:00Z","status":200,"usage":{"prompt_tokens":1,"completion_tokens":1},"model":"m"}"#;
    let [_, record] = carried("message", USAGE);
    let log = format!(
        "{{\"at\":\"2026-11-20T15:00:00Z\",\"provider\":\"openai\",\"team\":\"search\",{record}}}\n{plain}\n{USAGE}"
    );
    let said = said(&log);
    let names: Vec<_> = said.calls().iter().map(|call| (call.provider, call.caller.team)).collect();
    assert!(names[0].0.is_some() && names[0].1.is_some());
    assert_eq!(names[1..], [(None, None); 2]);
    assert!(!said.calls()[2].at_logged);
    // What an answer says of all its rows is of none of them.
    let rows = format!(r#"{{"request_id":"r","latency_ms":7,"data":[{plain},{plain}]}}"#);
    let calls = self::said(&rows).calls();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.timing.latency_ms.is_none()));
}

#[test]
fn what_is_beside_is_bounded_and_its_names_are_found_among_others() {
    let time = r#""at":"2026-11-20T15:00:00Z","provider":"openai""#;
    let many: Vec<String> = (0..500).map(|i| format!(r#","k{i}":{i}"#)).collect();
    let many = many.concat();
    let long = format!(r#","prompt":"{}""#, "x".repeat(100_000));
    let [_, record] = carried("message", USAGE);
    for others in [many.clone(), long.clone(), format!("{long}{many}")] {
        let line = format!("{{{time}{others},{record}}}");
        let said = said(&line);
        assert_eq!((said.one().at, said.whose()[0].as_deref()), (THEN, Some("openai")));
    }
    // Thousands of records at once, each with as much around it, are not looked at for ever.
    let call = r#"{"model":"m","cost":0.1}"#;
    let records: Vec<String> = (0..5000).map(|i| format!(r#","r{i}":{call}"#)).collect();
    let said = said(&format!("{{{time}{many}{}}}", records.concat()));
    assert!(said.calls().is_empty(), "nobody knows which of the costs is the call's");
}

#[test]
fn lines_for_people_and_other_records_stay_what_they_are() {
    for line in [
        r#"{"at":"2026-11-20T15:00:00Z","provider":"openai","model":"gpt-4o","message":"using {model} a=b"}"#,
        r#"{"at":"2026-11-20T15:00:00Z","provider":"openai","model":"gpt-4o","message":{"a":1}}"#,
    ] {
        let said = said(line);
        assert!(said.calls().is_empty(), "{line}: {:?}", said.batch.items);
        let quarantined = |seen: &Observation| matches!(seen, Observation::Quarantined { .. });
        assert!(!said.batch.items.iter().any(|item| quarantined(&item.seen)), "{line}");
    }
    // Money outside is never behind what is inside.
    let line = r#"{"at":"2026-11-20T15:00:00Z","model":"m","cost":"?","message":{"usage":{"prompt_tokens":1,"completion_tokens":1}}}"#;
    let unreadable = |seen: &Observation| {
        matches!(seen, Observation::Quarantined { reason: FaultReason::CostUnreadable, .. })
    };
    assert!(said(line).batch.items.iter().any(|item| unreadable(&item.seen)));
}

#[test]
fn a_field_that_a_wrapper_filled_says_so() {
    let mut decoder =
        Decoder::new(Arc::new(Formats::builtin()), &Names::default(), DecodeOptions::default())
            .expect("no format");
    decoder.explain();
    let line = format!(r#"{{"at":"2026-11-20T15:00:00Z","provider":"openai","message":{USAGE}}}"#);
    decoder.line(line.as_bytes(), at(1, 0, NOW), &mut Batch::default());
    let explained = decoder.explained();
    let fields = &explained.records[0].fields;
    let from = |name: &str| fields.iter().find(|note| note.field == name).map(|note| &*note.from);
    assert_eq!(
        [from("at"), from("provider"), from("model")],
        [Some("wrapper"), Some("wrapper"), None]
    );
    assert!(explained.records[0].absent.iter().any(|absent| absent.field == "model"));
}
