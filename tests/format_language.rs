//! The language of format maps, through the door users have: small maps, small
//! records, and what is read from them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use support::at;
use tripline::decode::{DecodeOptions, Decoder, FormatError, Formats};
use tripline::domain::{
    Amount, Batch, ErrorKind, FaultReason, Keep, Layer, LimitReading, Names, NanoUsd, Observation,
    Request, Resource, Scope, Wall,
};

const NOW: Wall = Wall::from_secs(1_795_190_000);

/// What the lines of one source say.
struct Said {
    names: Names,
    batch: Batch,
    decoder: Decoder,
}

impl Said {
    fn new(maps: &[&str], options: DecodeOptions) -> Said {
        let files: Vec<(String, &str)> =
            maps.iter().enumerate().map(|(i, map)| (format!("{i}.toml"), *map)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, map)| (&**name, *map)).collect();
        let formats = Formats::from_toml(&files).unwrap_or_else(|error| panic!("{error}"));
        let names = Names::default();
        let decoder = Decoder::new(Arc::new(formats), &names, options).unwrap();
        Said { names, batch: Batch::default(), decoder }
    }

    fn read(&mut self, lines: &[&str]) {
        for (line, number) in lines.iter().zip(1..) {
            self.decoder.line(line.as_bytes(), at(number, number * 1000, NOW), &mut self.batch);
        }
    }

    fn requests(&self) -> Vec<Request> {
        let request = |seen: &Observation| match seen {
            Observation::Request { request, .. } => Some(*request),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| request(&item.seen)).collect()
    }

    fn limits(&self) -> Vec<LimitReading> {
        let limit = |seen: &Observation| match seen {
            Observation::Limit(reading) => Some(*reading),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| limit(&item.seen)).collect()
    }

    fn models(&self) -> Vec<String> {
        let name = |request: Request| request.model.map(|sym| self.names.text(sym).to_string());
        self.requests().into_iter().map(|request| name(request).unwrap_or_default()).collect()
    }

    fn ignored(&self) -> usize {
        let is = |seen: &Observation| matches!(seen, Observation::Ignored { .. });
        self.batch.items.iter().filter(|item| is(&item.seen)).count()
    }

    fn faults(&self) -> Vec<FaultReason> {
        let reason = |seen: &Observation| match *seen {
            Observation::Fault { reason, .. } | Observation::Quarantined { reason, .. } => {
                Some(reason)
            }
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| reason(&item.seen)).collect()
    }
}

/// Records of a map whose lines have a `t`.
fn said(map: &str, lines: &[&str]) -> Said {
    let mut said = Said::new(&[&format!("id = \"x\"\ndetect = [\"t\"]\n{map}")], options());
    said.read(lines);
    said
}

fn options() -> DecodeOptions {
    DecodeOptions::default()
}

fn one(map: &str, line: &str) -> Request {
    match said(map, &[line]).requests().as_slice() {
        [request] => *request,
        other => panic!("{line}: {} requests", other.len()),
    }
}

fn wall(text: &str) -> Wall {
    let at: jiff::Timestamp = text.parse().expect("an RFC 3339 time");
    Wall(i64::try_from(at.as_nanosecond()).expect("in range"))
}

#[test]
fn each_element_of_an_array_is_a_record_and_sees_what_is_around_it() {
    let map = r#"
id = "har"
explode = "log.entries"
detect = ["log.entries", "log.creator"]
[fields]
at = "startedDateTime"
model = "request.model"
environment = "^.log.creator.name"
status = "response.status"
[headers]
from = "response.headers"
"#;
    let line = concat!(
        r#"{"log":{"creator":{"name":"mitm"},"entries":["#,
        r#"{"startedDateTime":"2026-11-20T15:11:17Z","request":{"model":"a"},"response":{"status":200}},"#,
        r#"null,{"startedDateTime":"2026-11-20T15:11:18Z","request":{"model":"b"},"response":{"status":429,"#,
        r#""headers":[{"name":"Retry-After","value":"7"}]}}]}}"#,
    );
    let mut said = Said::new(&[map], options());
    said.read(&[line]);
    assert_eq!(said.models(), ["a", "b"]);
    let [first, second] = said.requests()[..] else { panic!() };
    assert_eq!((first.status, second.status), (Some(200), Some(429)));
    assert_eq!((first.failure.retry_after_s, second.failure.retry_after_s), (None, Some(7.0)));
    assert_eq!(&*said.names.text(second.caller.environment.unwrap()), "mitm");
    said.batch.clear();
    said.read(&[r#"{"log":{"creator":{},"entries":[]}}"#, r#"{"log":{"creator":{},"entries":7}}"#]);
    assert_eq!((said.requests().len(), said.ignored()), (0, 2));
}

#[test]
fn arrays_within_arrays_are_taken_apart_and_a_large_one_whole() {
    let map = r#"
id = "x"
explode = "groups[].calls"
detect = ["groups"]
fields = { model = "m", team = "^.team", user = "^.^.who", at = "t" }
"#;
    let mut line = r#"{"who":"w","groups":[{"team":"a","calls":["#.to_owned();
    for i in 0..3000 {
        let _ = write!(line, r#"{{"t":1795187477,"m":"m{}","text":"{}"}},"#, i % 3, "x".repeat(40));
    }
    line.pop();
    line.push_str(r#"]},{"team":"b","calls":[{"t":1795187477,"m":"last"}]}]}"#);
    let mut said = Said::new(&[map], options());
    said.read(&[&line]);
    let requests = said.requests();
    assert_eq!(requests.len(), 3001);
    let name = |sym: Option<_>| said.names.text(sym.unwrap()).to_string();
    let last = requests.last().unwrap();
    assert_eq!((name(last.model), name(last.caller.team)), ("last".to_owned(), "b".to_owned()));
    assert!(requests.iter().all(|request| name(request.caller.user) == "w"));
    assert_eq!(name(requests[2999].caller.team), "a");
}

#[test]
fn a_line_that_is_a_list_holds_records_of_their_own_formats() {
    let maps = [
        "id = \"a\"\ndetect = [\"t\", \"am\"]\nfields = { at = \"t\", model = \"am\" }",
        "id = \"b\"\ndetect = [\"t\", \"bm\"]\nfields = { at = \"t\", model = \"bm\" }",
    ];
    let mut said = Said::new(&maps, options());
    said.read(&[r#"[{"t":1795187477,"am":"one"},{"t":1795187478,"bm":"two"}, 3]"#, "[1,2]"]);
    assert_eq!(said.models(), ["one", "two"]);
    assert_eq!(said.decoder.format(), Some("b"));
    assert_eq!(said.faults(), [FaultReason::NotJson]);
}

#[test]
fn conditions_choose_the_lines_of_interest() {
    let map = r#"
keep = [{ eq = { type = ["call", "reply"] }, re = { path = "^/v1/" } }, { has = "always" }]
ignore = [{ ne = { status = [200, 429] }, has = "status" }, { has = "internal", not = "external" }]
fields = { at = "t", model = "m", status = "status" }
"#;
    let cases = [
        (r#""type":"call","path":"/v1/chat""#, true),
        (r#""type":"reply","path":"/v1/chat","status":200"#, true),
        (r#""type":"call","path":"/v2/chat""#, false),
        (r#""type":"other","path":"/v1/chat""#, false),
        (r#""type":"other","always":1"#, true),
        (r#""always":1,"status":500"#, false),
        (r#""always":1,"internal":1"#, false),
        (r#""always":1,"internal":1,"external":1"#, true),
    ];
    for (fields, counts) in cases {
        let said = said(map, &[&format!(r#"{{"t":1795187477,"m":"m",{fields}}}"#)]);
        assert_eq!(said.requests().len(), usize::from(counts), "{fields}");
        assert_eq!(said.ignored(), usize::from(!counts), "{fields}");
    }
}

#[test]
fn money_is_never_of_no_interest() {
    let map = "keep = [{ has = \"k\" }]\nfields = { at = \"t\", cost_usd = \"usd\" }";
    let said = said(map, &[r#"{"t":1795187477,"usd":2}"#, r#"{"t":1795187477,"usd":0}"#]);
    assert_eq!((said.requests().len(), said.ignored()), (1, 1));
}

#[test]
fn values_tell_formats_apart_and_the_most_specific_wins_whatever_the_order() {
    let wide = "id = \"wide\"\ndetect = [\"t\", \"m\"]\nfields = { at = \"t\", model = \"m\" }";
    let valued = "id = \"valued\"\ndetect_eq = { kind = [\"llm\", \"chat\"] }\nfields = { at = \"t\", model = \"m\" }";
    let narrow = "id = \"narrow\"\ndetect = [\"t\", \"m\"]\ndetect_eq = { kind = \"chat\" }\nfields = { at = \"t\", model = \"m\" }";
    let twin = "id = \"twin\"\ndetect = [\"t\", \"m\"]\nfields = { at = \"t\" }";
    for maps in [[wide, valued, narrow, twin], [narrow, valued, wide, twin]] {
        for (kind, format) in [("x", "wide"), ("llm", "valued"), ("chat", "narrow")] {
            let mut said = Said::new(&maps, options());
            said.read(&[&format!(r#"{{"t":1795187477,"m":"m","kind":"{kind}"}}"#)]);
            assert_eq!(said.decoder.format(), Some(format));
        }
    }
    let mut said = Said::new(&[wide, narrow], options());
    said.read(&[r#"{"t":1795187477,"m":"m","kind":"chat"}"#, r#"{"t":1795187477,"m":"m"}"#]);
    assert_eq!(said.decoder.format(), Some("wide"), "told anew for each line");
}

#[test]
fn a_path_in_a_set_may_have_to_look_like_something() {
    let map = "id = \"a\"\ndetect = [[\"p\", \"s\"], [\"m\", \"s\"]]\ndetect_re = { p = \"^/v1/\" }\nfields = { status = \"s\", model = \"m\" }";
    let read = |lines: &[&str]| {
        let mut said = Said::new(&[map], options());
        said.read(lines);
        said.requests().len()
    };
    let lines = |path: &str| [format!(r#"{{"p":"{path}","s":200}}"#), r#"{"p":1,"s":2}"#.into()];
    for (path, calls) in [("/v1/x", 3), ("/v2/x", 0)] {
        // What looks the same as the line before is asked what its values are, too.
        let [line, other] = lines(path);
        let all = [line.as_str(), line.as_str(), other.as_str(), line.as_str()];
        assert_eq!(read(&all), calls, "{path}");
    }
    // A set without the path has nothing to do with it.
    assert_eq!(read(&[r#"{"p":"/v2/x","m":"gpt","s":200}"#]), 1);
}

#[test]
fn what_an_earlier_line_said_is_remembered_also_over_a_restart() {
    let map = r#"
[sticky.model]
when = { eq = { type = "context" } }
from = ["payload.model", "payload.slug"]
[sticky.effort]
from = "payload.effort"
[fields]
at = "t"
model = ["model", { sticky = "model" }]
team = { sticky = "effort", map = { high = "hi" }, else = "lo" }
output_tokens = "out"
"#;
    let context = r#"{"t":1795187477,"type":"context","payload":{"model":"gpt","effort":"high"}}"#;
    let call = r#"{"t":1795187478,"type":"call","payload":{"model":"no"},"out":1}"#;
    let own = r#"{"t":1795187479,"type":"call","model":"own","out":1}"#;
    let mut first = said(map, &[call, context, call, own]);
    assert_eq!(first.models(), ["", "gpt", "gpt", "own"], "the context is a record too");
    assert_eq!(first.decoder.memo(), r#"{"x":{"effort":"high","model":"gpt"}}"#);

    let mut second = said(map, &[]);
    assert_eq!(second.decoder.memo(), "");
    second.decoder.recall(&first.decoder.memo());
    second.read(&[call]);
    assert_eq!(second.models(), ["gpt"]);
    let team = second.requests()[0].caller.team.unwrap();
    assert_eq!(&*second.names.text(team), "hi");
    for rubbish in ["", "7", "{", r#"{"x":7}"#, r#"{"y":{"model":"a"}}"#, r#"{"x":{"model":1}}"#] {
        second.decoder.recall(rubbish);
    }
    second.read(&[call]);
    assert_eq!(second.models(), ["gpt", "gpt"]);
    first.read(&[r#"{"t":1,"type":"context","payload":{"model":"sk-proj-Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdP"}}"#]);
    assert!(!first.decoder.memo().contains("Zk3Qw8Tn"), "no key is kept");
}

#[test]
fn a_value_is_made_of_others() {
    let map = r#"
[fields]
at = "t"
input_tokens = { sum = ["in", "cached", "missing"] }
latency_ms = [{ diff = ["end", "start"] }, { path = "dur", as = "dur_ms" }, { path = "s", scale = 1000, add = 5 }]
dedup_key = { join = ["a", "b", "c"] }
status = [{ path = "code", map = { fine = 200, bad = 500 } }, { const = 200, when = { eq = { ok = true } } }]
error_kind = { path = "why", map = { QUOTA = "quota_exhausted" }, else = "error" }
model = { path = "url", regex = "models/([^/:]+)", as = "lower" }
attempt = { path = "retries", add = 1 }
"#;
    let got = one(
        map,
        r#"{"t":1795187477,"in":3,"cached":"4","end":"2026-11-20T15:11:17.75Z","start":1795187477.25,"a":"x","c":1,"code":"bad","why":"Other","url":"/v1/models/Gem-2:gen","retries":0}"#,
    );
    assert_eq!((got.tokens.input, got.timing.latency_ms), (Some(7), Some(500.0)));
    assert_eq!((got.status, got.attempt), (Some(500), Some(1)));
    for (line, latency) in [
        (r#"{"t":1,"dur":"1.042311s","code":"fine"}"#, Some(1042.311)),
        (r#"{"t":1,"dur":"512.345µs","code":"fine"}"#, Some(0.512_345)),
        (r#"{"t":1,"dur":"1m0s","ok":true}"#, Some(60_000.0)),
        (r#"{"t":1,"dur":"-5s","s":2,"ok":true}"#, Some(2005.0)),
        (r#"{"t":1,"end":1795187477,"start":1795187478,"s":"-1","ok":true}"#, None),
        (r#"{"t":1,"dur":"-","s":"nan","ok":true}"#, None),
    ] {
        let got = one(map, line);
        assert_eq!((got.timing.latency_ms, got.status), (latency, Some(200)), "{line}");
    }
}

/// A map's own words come before those that everybody knows; one that nobody knows is no
/// success, unless something shows an answer.
#[test]
fn a_word_that_is_in_no_map_is_no_success() {
    let plain = "fields = { at = \"t\", model = \"m\", status = \"rc\", output_tokens = \"out\" }";
    let mapped = r#"
[fields]
at = "t"
model = "m"
status = { path = "rc", map = { FINE = 200, QUOTA = 429 } }
output_tokens = "out"
"#;
    for (map, rc, more, kind, faults) in [
        (mapped, "FINE", "", None, 0),
        (mapped, "QUOTA", "", Some(ErrorKind::RateLimit), 0),
        (mapped, "failed", "", Some(ErrorKind::Error), 0),
        (mapped, "ok", "", None, 0),
        (mapped, "E1042", "", Some(ErrorKind::Error), 1),
        (mapped, "E1042", r#","out":7"#, None, 1),
        (plain, "QUOTA", "", Some(ErrorKind::QuotaExhausted), 0),
        (plain, "E1042", "", Some(ErrorKind::Error), 1),
        (plain, "completed", "", None, 0),
    ] {
        let line = format!(r#"{{"t":"2026-11-20T15:11:17Z","m":"gpt-4o","rc":"{rc}"{more}}}"#);
        let said = said(map, &[&line]);
        let expected = vec![FaultReason::StatusUnreadable; faults];
        assert_eq!((said.requests()[0].failure.kind, said.faults()), (kind, expected), "{line}");
    }
}

#[test]
fn times_are_read_in_every_notation() {
    let map = |read: &str| format!("fields = {{ at = {read}, model = \"m\" }}");
    let zoned = wall("2026-11-20T15:11:17Z");
    let half = wall("2026-11-20T15:11:17.5Z");
    for (read, value, expected) in [
        ("\"t\"", "\"2026-11-20 15:11:17 UTC\"", zoned),
        ("\"t\"", "\"2026-11-20 15:11:17,500\"", half),
        ("\"t\"", "\"20/Nov/2026:15:11:17 +0000\"", zoned),
        ("\"t\"", "\"20/Nov/2026:15:11:17.500\"", half),
        ("\"t\"", "\"2026/11/20 - 15:11:17\"", zoned),
        ("\"t\"", "\"11-20 15:11:17\"", zoned),
        ("\"t\"", "\"Nov 20 15:11:17\"", zoned),
        ("{ path = \"t\", as = \"auto\" }", "1795187477500", half),
        ("{ path = \"t\", as = \"epoch_us\" }", "\"1795187477500000\"", half),
        ("{ path = \"t\", as = \"epoch_ns\" }", "\"1795187477500000000\"", half),
        ("{ path = \"t\", as = \"hrtime\" }", "[1795187477, 500000000]", half),
        ("{ path = \"t\", as = \"ticks\" }", "639307842775000000", half),
        ("{ path = \"t\", as = \"http_date\" }", "\"Fri, 20 Nov 2026 15:11:17 GMT\"", zoned),
        (
            "{ path = \"t\", as = \"strftime\", pattern = \"%d.%m.%Y %H:%M:%S\" }",
            "\"20.11.2026 15:11:17\"",
            zoned,
        ),
        (
            "{ path = \"t\", as = \"strftime\", pattern = \"%H:%M:%S %z %d %b %Y\" }",
            "\"16:11:17 +0100 20 Nov 2026\"",
            zoned,
        ),
    ] {
        let got = one(&map(read), &format!(r#"{{"t":{value},"m":"m"}}"#));
        assert_eq!((got.at, got.at_logged), (expected, true), "{value}");
    }
    let bad = said(&map("\"t\""), &[r#"{"t":"99-99 15:11:17","m":"m"}"#]);
    assert_eq!(bad.faults(), [FaultReason::TimeUnreadable]);
}

#[test]
fn a_date_without_a_year_is_the_last_such_day_in_the_zone_of_its_source() {
    let map = "id = \"x\"\ndetect = [\"t\"]\nfields = { at = \"t\", model = \"m\" }";
    let zone = Some(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    for (received, text, expected) in [
        ("2027-01-01T00:00:10Z", "Dec 31 23:59:58", "2026-12-31T22:59:58Z"),
        ("2027-01-01T00:00:10Z", "Jan  1 01:00:05", "2027-01-01T00:00:05Z"),
        ("2026-12-31T23:30:00Z", "01-01 00:29:59", "2026-12-31T23:29:59Z"),
        ("2026-11-20T15:00:00Z", "Feb 29 12:00:00", "2024-02-29T11:00:00Z"),
    ] {
        let options = DecodeOptions { timezone: zone.clone(), ..options() };
        let mut said = Said::new(&[map], options);
        let line = format!(r#"{{"t":"{text}","m":"m"}}"#);
        said.decoder.line(line.as_bytes(), at(1, 0, wall(received)), &mut said.batch);
        assert_eq!(said.requests()[0].at, wall(expected), "{text}");
    }
}

#[test]
fn paths_reach_flat_keys_the_only_key_the_last_element_and_json_in_strings() {
    let map = r#"
[fields]
at = "t"
model = [{ key_of = "usage" }, "props.modelName"]
input_tokens = ["usage.*.prompt_tokens", "gen_ai.usage.input"]
output_tokens = "props.tokens.out"
latency_ms = "body.chunks[-1].metrics.total"
queue_ms = "body.chunks.-2.metrics.total"
ttft_ms = "body.chunks.0.metrics.total"
"#;
    let got = said(map, &[r#"{"t":1,"usage":{"gpt-x":{"prompt_tokens":9}}}"#]);
    assert_eq!((got.models(), got.requests()[0].tokens.input), (vec!["gpt-x".to_owned()], Some(9)));
    let got = said(
        map,
        &[
            r#"{"t":1,"gen_ai.usage":{"input":4},"usage":{"a":1,"b":2},"props":"{\"modelName\":\"m\",\"tokens\":\"{\\\"out\\\":8}\"}"}"#,
        ],
    );
    assert_eq!(got.models(), ["m"], "of two keys none is the only one");
    let tokens = got.requests()[0].tokens;
    assert_eq!((tokens.input, tokens.output), (Some(4), Some(8)));
    let long = "x".repeat(100_000);
    for (chunks, last, before, first) in [
        (
            r#"{"metrics":{"total":1}},{"metrics":{"total":2}},{"metrics":{"total":3}}"#,
            Some(3.0),
            Some(2.0),
            Some(1.0),
        ),
        // The first is the last: no first token.
        (r#"{"metrics":{"total":5}}"#, Some(5.0), None, None),
        ("", None, None, None),
        ("1,2", None, None, None),
        (&format!(r#"{{"x":"{long}"}},{{"metrics":{{"total":7}}}}"#), Some(7.0), None, None),
    ] {
        let line =
            format!(r#"{{"t":1,"props":{{"modelName":"m"}},"body":{{"chunks":[{chunks}]}}}}"#);
        let timing = one(map, &line).timing;
        assert_eq!((timing.latency_ms, timing.queue_ms, timing.ttft_ms), (last, before, first));
    }
}

#[test]
fn headers_may_have_a_prefix_and_a_condition() {
    let map = r#"
fields = { at = "t", status = "s" }
[headers]
from = "h"
strip_prefix = ["up_", "x-copy-"]
when = { not = "cached" }
layer = "upstream"
"#;
    let headers =
        r#"{"UP-X-RateLimit-Limit-Tokens":200000,"x-copy-x-ratelimit-remaining-tokens":["6"]}"#;
    let got = said(map, &[&format!(r#"{{"t":1795187477,"s":200,"h":{headers}}}"#)]);
    let [limit] = got.limits()[..] else { panic!("{:?}", got.limits()) };
    assert_eq!((limit.id.resource, limit.id.layer), (Resource::Tokens, Layer::Upstream));
    assert_eq!(
        (limit.limit, limit.remaining),
        (Some(Amount::whole(200_000)), Some(Amount::whole(6)))
    );
    let cached = said(map, &[&format!(r#"{{"t":1795187477,"s":200,"cached":1,"h":{headers}}}"#)]);
    assert!(cached.limits().is_empty());
}

#[test]
fn limits_are_named_by_their_parts() {
    let map = r#"
fields = { at = "t", model = "m" }
[[limits]]
resource = "plan_usage"
scope = "user"
layer = "upstream"
used_percent = "rl.used"
window_minutes = "rl.minutes"
reset = ["rl.at", "rl.in"]
when = { has = "rl" }
[[limits]]
resource = "requests"
scope = "key"
layer = "gateway"
limit = { path = "max_per_s", scale = 60 }
remaining = "left"
window_s = { const = 60 }
label = "pool"
reset = "reset"
"#;
    let got = said(
        map,
        &[
            r#"{"t":"2026-11-20T15:11:17Z","rl":{"used":12.5,"minutes":300,"at":1795200000}}"#,
            r#"{"t":"2026-11-20T15:11:17Z","m":"m","rl":{"used":100,"minutes":10080,"in":3600},"max_per_s":10,"left":"-3","pool":"fast","reset":"6.3s"}"#,
        ],
    );
    assert_eq!(got.requests().len(), 1, "limits alone are no call");
    let name = |sym: Option<_>| sym.map(|sym| got.names.text(sym).to_string()).unwrap_or_default();
    let shown: Vec<String> = (got.limits().iter())
        .map(|limit| {
            let amount = |amount: Option<Amount>| amount.map_or("?".to_owned(), |a| a.to_string());
            let reset = limit.reset.map(|reset| reset.at.rfc3339()).unwrap_or_default();
            format!(
                "{} {} {} {} {}/{} {reset}",
                limit.id.resource.word(),
                limit.id.scope.word(),
                name(limit.id.label),
                limit.id.window_s.unwrap_or(0),
                amount(limit.remaining),
                amount(limit.limit),
            )
        })
        .collect();
    let expected = [
        "plan_usage user 5h 18000 87.5/100 2026-11-20T18:40:00.000Z",
        "plan_usage user 7d 604800 0/100 2026-11-20T16:11:17.000Z",
        "requests key fast 60 -3/600 2026-11-20T15:11:23.300Z",
    ];
    assert_eq!(shown, expected);
    assert_eq!(got.limits()[2].id.layer, Layer::Gateway);
    assert_eq!(got.limits()[2].id.scope, Scope::Key);
}

#[test]
fn a_source_or_a_map_may_count_no_calls() {
    let map = |count: &str| {
        format!(
            "id = \"x\"\ndetect = [\"t\"]\n{count}\nfields = {{ at = \"t\", model = \"m\", cost_usd = \"usd\" }}\nheaders = {{ from = \"h\" }}"
        )
    };
    let lines = [
        r#"{"t":1795187477,"m":"m","usd":1,"h":{"x-ratelimit-remaining-tokens":"6","x-ratelimit-limit-tokens":"9"}}"#,
        r#"{"t":1795187477,"m":"m","usd":1}"#,
        r#"{"t":1795187477,"m":"m","usd":"rubbish"}"#,
    ];
    for (map, count) in [(map(""), false), (map("count = false"), true)] {
        let mut said = Said::new(&[&map], DecodeOptions { count, ..options() });
        said.read(&lines);
        assert_eq!((said.requests().len(), said.limits().len()), (0, 1));
        assert_eq!((said.ignored(), said.faults().len()), (2, 0));
    }
}

#[test]
fn an_id_alone_is_an_identity_only_where_the_map_trusts_it() {
    let map = |rest: &str| {
        format!(
            "{rest}\nfields = {{ at = \"t\", dedup_key = \"id\", output_tokens = \"out\", model = \"m\" }}"
        )
    };
    let lines = [r#"{"t":1795187477,"id":"a","out":1}"#, r#"{"t":1795187478,"id":"a","out":2}"#];
    let prints = |rest: &str| {
        let ids: Vec<_> =
            said(&map(rest), &lines).requests().iter().map(|r| r.dedup.unwrap()).collect();
        (ids[0].fingerprint == ids[1].fingerprint, ids[0].keep)
    };
    assert_eq!(prints(""), (false, Keep::FirstNamed));
    assert_eq!(prints("trusted_id = true"), (true, Keep::First));
    assert_eq!(prints("trusted_id = true\ndedup = \"last\""), (true, Keep::Last));
    let most = "trusted_id = true\ndedup = \"max:output_tokens\"";
    assert_eq!(prints(most), (true, Keep::MostOutput));
}

#[test]
fn ids_of_one_space_are_equal_over_formats_and_those_of_two_are_not() {
    let map = |id: &str, space: &str| {
        format!(
            "id = \"{id}\"\ndetect = [\"{id}\"]\ntrusted_id = true\n{space}\n[fields]\nmodel = \"{id}\"\ndedup_key = \"k\""
        )
    };
    let equal = |spaces: [&str; 2]| {
        let maps = [map("a", spaces[0]), map("b", spaces[1])];
        let mut said = Said::new(&[&maps[0], &maps[1]], options());
        said.read(&[r#"{"a":"m","k":"1"}"#, r#"{"b":"m","k":"1"}"#]);
        let ids: Vec<_> = said.requests().iter().map(|r| r.dedup.unwrap().fingerprint).collect();
        ids[0] == ids[1]
    };
    assert!(equal(["id_space = \"s\"", "id_space = \"s\""]));
    assert!(!equal(["id_space = \"s\"", ""]));
    assert!(!equal(["", ""]));
}

#[test]
fn ids_that_anybody_may_choose_need_the_same_time_tokens_and_cost_over_formats() {
    let map = |id: &str| {
        format!(
            "id = \"{id}\"\ndetect = [\"{id}\"]\nid_space = \"s\"\n[fields]\nat = \"t\"\nmodel = \"{id}\"\ninput_tokens = \"in\"\nlatency_ms = \"ms\"\nrecord_key = \"k\""
        )
    };
    let equal = |other: &str| {
        let mut said = Said::new(&[&map("a"), &map("b")], options());
        said.read(&[r#"{"a":"m","k":"1","t":1795187477.2,"in":5,"ms":7}"#, other]);
        let ids: Vec<_> = said.requests().iter().map(|r| r.dedup.map(|d| d.fingerprint)).collect();
        ids[0].is_some() && ids[0] == ids[1]
    };
    assert!(equal(r#"{"b":"m","k":"1","t":"2026-11-20T15:11:17.2Z","in":5,"ms":9}"#));
    assert!(!equal(r#"{"b":"m","k":"2","t":"2026-11-20T15:11:17.2Z","in":5,"ms":7}"#));
    assert!(!equal(r#"{"b":"m","k":"1","t":"2026-11-20T15:11:17.3Z","in":5,"ms":7}"#));
    assert!(!equal(r#"{"b":"m","k":"1","t":"2026-11-20T15:11:17.2Z","in":6,"ms":7}"#));
    assert!(!equal(r#"{"b":"m","k":"1","in":5,"ms":7}"#), "without a time");
}

#[test]
fn what_was_remembered_can_be_part_of_a_joined_text() {
    let map = r#"
id = "x"
detect = ["n"]
trusted_id = true
sticky = { session = { from = "s" } }
fields = { model = "n", dedup_key = { join = [{ sticky = "session" }, "k"] } }
"#;
    let mut said = Said::new(&[map], options());
    said.read(&[
        r#"{"n":"m","k":"1"}"#,
        r#"{"n":"m","k":"1","s":"a"}"#,
        r#"{"n":"m","k":"1"}"#,
        r#"{"n":"m","k":"1","s":"b"}"#,
        r#"{"n":"m","s":"b"}"#,
    ]);
    let ids: Vec<_> = said.requests().iter().map(|r| r.dedup.map(|d| d.fingerprint)).collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
    assert_ne!(ids[2], ids[3]);
    assert_eq!(ids[4], None, "what was remembered alone is no id");
}

#[test]
fn a_negative_part_of_a_span_adds_nothing() {
    let map = "id = \"x\"\ndetect = [\"a\"]\n[fields]\nmodel = \"m\"\nttft_ms = { sum = [\"a\", \"b\", \"c\"] }";
    let mut said = Said::new(&[map], options());
    said.read(&[r#"{"m":"x","a":-1,"b":2.5,"c":30}"#, r#"{"m":"x","a":-1}"#]);
    let spans: Vec<_> = said.requests().iter().map(|r| r.timing.ttft_ms).collect();
    assert_eq!(spans, [Some(32.5), None]);
}

#[test]
fn a_first_token_that_is_the_last_one_is_none_and_says_so() {
    let map = "fields = { at = \"t\", latency_ms = \"ms\", ttft_ms = \"first\", stream = \"stream\", model = \"t\", status = { const = 200 } }";
    for (line, ttft, faults) in [
        (r#"{"t":1795187477,"ms":500,"first":20,"stream":true}"#, Some(20.0), 0),
        (r#"{"t":1795187477,"ms":500,"first":500,"stream":true}"#, None, 1),
        (r#"{"t":1795187477,"ms":500,"first":501,"stream":true}"#, None, 1),
        (r#"{"t":1795187477,"ms":500,"first":500,"stream":false}"#, None, 0),
        (r#"{"t":1795187477,"ms":500,"first":500}"#, None, 0),
        (r#"{"t":1795187477,"ms":500,"first":20}"#, Some(20.0), 0),
        (r#"{"t":1795187477,"first":500,"stream":true}"#, Some(500.0), 0),
    ] {
        let said = said(map, &[line]);
        assert_eq!(said.requests().first().and_then(|r| r.timing.ttft_ms), ttft, "{line}");
        assert_eq!(said.faults(), vec![FaultReason::TtftNotMeasured; faults], "{line}");
    }
    // The first byte of an answer that comes at once is its last too.
    let byte = one(
        &format!("access_log = true\n{map}"),
        r#"{"t":1795187477,"ms":500,"first":500,"model":"m"}"#,
    );
    assert_eq!(byte.timing.ttft_ms, Some(500.0));
}

#[test]
fn a_name_that_ends_with_a_unit_says_in_which_unit_it_is() {
    for (name, ms) in [
        ("took_us", 1.5),
        ("tookUs", 1.5),
        ("took_ns", 0.0015),
        ("took_seconds", 1_500_000.0),
        ("a.took_ms", 1500.0),
        ("status", 1500.0),
    ] {
        let map = format!("fields = {{ at = \"t\", latency_ms = \"{name}\" }}");
        let line = format!(r#"{{"t":1795187477,"{name}":1500}}"#);
        assert_eq!(one(&map, &line).timing.latency_ms, Some(ms), "{name}");
    }
    let cost = |map: &str| one(map, r#"{"t":1795187477,"cost_cents":"33.3"}"#).cost.unwrap().usd;
    assert_eq!(cost("fields = { at = \"t\", cost_usd = \"cost_cents\" }"), NanoUsd(333_000_000));
    // What the map says goes before.
    let told = "fields = { at = \"t\", cost_usd = { path = \"cost_cents\", scale = 1 } }";
    assert_eq!(cost(told), NanoUsd(33_300_000_000));
}

#[test]
fn what_looks_like_something_does_so_without_its_escapes() {
    let map = "id = \"a\"\ndetect = [\"p\", \"s\"]\ndetect_re = { p = \"^/v1/\" }\nkeep = [{ re = { p = \"chat$\" } }]\nfields = { status = \"s\" }";
    let mut said = Said::new(&[map], options());
    said.read(&[r#"{"p":"\/v1\/chat","s":200}"#, r#"{"p":"\/v2\/chat","s":200}"#]);
    assert_eq!(said.requests().len(), 1);
}

#[test]
fn cost_may_be_in_another_unit() {
    let map = "fields = { at = \"t\", cost_usd = { path = \"cents\", scale = 0.01 } }";
    let cost = one(map, r#"{"t":1795187477,"cents":"0.333"}"#).cost.unwrap();
    assert_eq!(cost.usd, NanoUsd(3_330_000));
}

#[test]
fn what_can_mean_nothing_is_a_mistake() {
    let fields = |text: &str| format!("id = \"x\"\ndetect = [\"a\"]\n[fields]\n{text}");
    let top = |text: &str| format!("id = \"x\"\n{text}");
    for (bad, message) in [
        (
            fields(r#"error_kind = { const = "rate_limt" }"#),
            "x.toml:4: fields.error_kind.const: did you mean `rate_limit`? It must",
        ),
        (
            fields(r#"error_kind = { path = "k", map = { Q = "quota" } }"#),
            "x.toml:4: fields.error_kind.map: ",
        ),
        (
            fields(r#"error_kind = { path = "k", map = { Q = "error" }, else = "oops" }"#),
            "fields.error_kind.else: ",
        ),
        (
            fields(r#"provider = { path = "k", map = "@host" }"#),
            "x.toml:4: fields.provider.map: needs a table of words, `@hosts` or `@paths`",
        ),
        (
            fields(r#"layer = { const = "upstrem" }"#),
            "fields.layer.const: did you mean `upstream`?",
        ),
        (
            fields(r#"limited_by = { const = "tokns" }"#),
            "fields.limited_by.const: did you mean `tokens`?",
        ),
        (
            fields(r#"priority = { const = "critcal" }"#),
            "fields.priority.const: did you mean `critical`?",
        ),
        (
            fields(r#"stream = { path = "s", map = { y = "yes" } }"#),
            "fields.stream.map: must be one of `true`, `false`",
        ),
        (fields(r#"status = { const = "ok" }"#), "fields.status.const: must be a status of HTTP"),
        (fields("status = { const = 20 }"), "fields.status.const: must be a status of HTTP"),
        (fields(r#"attempt = { const = "two" }"#), "fields.attempt.const: must be a number"),
        (fields("attempt = { const = 0 }"), "x.toml:4: fields.attempt.const: must be at least 1"),
        (
            fields("input_tokens = { const = -1 }"),
            "fields.input_tokens.const: must not be negative",
        ),
        (fields("output_tokens = { const = 5.5 }"), "fields.output_tokens.const: must be a whole"),
        (
            fields(r#"queue_depth = { path = "q", map = { none = 0, some = 0.5 } }"#),
            "fields.queue_depth.map: must be a whole number",
        ),
        (fields("cost_usd = { const = -0.1 }"), "fields.cost_usd.const: must not be negative"),
        (fields("latency_ms = { const = -1 }"), "fields.latency_ms.const: must not be negative"),
        (
            fields(r#"at = { path = "t", as = "strftime", pattern = "%Q" }"#),
            "x.toml:4: fields.at.pattern: tells no day and time",
        ),
        (
            fields(r#"at = { path = "t", as = "strftime", pattern = "%H:%M:%S" }"#),
            "fields.at.pattern: tells no day and time",
        ),
        (
            top("input = \"regex\"\npatterns = ['(?P<a>x']"),
            "x.toml:3: patterns: is no regular expression: unclosed group",
        ),
        (
            fields(r#"latency_ms = { path = "m", as = "dur" }"#),
            "fields.latency_ms.as: must be one of `auto`, ",
        ),
        (fields(r#"latency_ms = { path = "m", scale = 0 }"#), "fields.latency_ms.scale: "),
        (
            fields(r#"at = { path = "t", as = "strftime", pattern = "dd.mm" }"#),
            "fields.at.pattern: ",
        ),
        (fields(r#"at = { path = "t", as = "epoch_s", pattern = "%Y" }"#), "fields.at.pattern: "),
        (
            fields(r#"model = { const = "x", regex = "(y)" }"#),
            "fields.model.regex: changes nothing",
        ),
        (fields(r#"model = [{ const = "x" }, "m"]"#), "fields.model: is never reached"),
        (fields("model = []"), "fields.model: is empty"),
        (fields("input_tokens = { sum = [] }"), "fields.input_tokens.sum: is empty"),
        (fields(r#"model = ".a""#), "fields.model: is not a path"),
        (fields(r#"model = "a[x].b""#), "fields.model: is not a path: in brackets"),
        (fields(r#"model = "a[0.b""#), "fields.model: is not a path: in brackets"),
        (fields(r#"model = "@key""#), "fields.model: is the name of a record"),
        (fields(r#"model = { header = "x-model" }"#), "fields.model: asks for a header"),
        (top(r#"detect = ["a..b"]"#), "x.toml:2: detect: is not a path"),
        (top("detect = [[]]"), "x.toml:2: detect: is empty"),
        (top("detect_eq = { a = [] }"), "x.toml:2: detect_eq: is empty"),
        (top("detect = [\"a\"]\nreject = [\"a\"]"), "x.toml:3: reject: `a` is in a set"),
        (top("detect = [\"a\"]\nkeep = []"), "x.toml:3: keep: is empty"),
        (top("trusted_id = true"), "x.toml:2: trusted_id: needs `fields.dedup_key`"),
        (top("[headers]\nnames = [\"x-a\"]"), "x.toml:3: headers.names: needs `prefixes`"),
        (top("[headers]\nlayer = \"gateway\""), "x.toml:2: headers: reads none"),
        (
            top("input = \"regex\"\npatterns = ['(?P<a>x)']\nfields = { model = \"b\" }"),
            "x.toml:4: fields.model: no pattern has a group `b`",
        ),
    ] {
        let error = Formats::from_toml(&[("x.toml", &bad)]).unwrap_err().to_string();
        assert!(error.contains(message), "{bad}: {error}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn mistakes_in_a_map_are_told_by_file_line_and_key() {
    for (bad, message) in [
        ("id = 1", "x.toml:1: id: must be a string"),
        ("id = \"a b\"", "x.toml:1: id: must be letters, digits, `-`, `_` and `.`, at most 64"),
        ("about = \"x\"", "x.toml:1: id: is missing"),
        (
            "id = \"x\"\n[fields]\nmodle = \"m\"",
            "x.toml:3: fields.modle: unknown key; did you mean `model`?",
        ),
        (
            "id = \"x\"\n[fields]\ncache_read_tokens = \"m\"",
            "x.toml:3: fields.cache_read_tokens: unknown key; did you mean `cached_input_tokens`?",
        ),
        (
            "id = \"x\"\n[fields]\ncost = \"m\"",
            "x.toml:3: fields.cost: unknown key; did you mean `cost_usd`?",
        ),
        (
            "id = \"x\"\n[[limits]]\nresource = \"requests\"\nlimit = \"l\"\nwindow_s = 60",
            "x.toml:5: limits.window_s: must be a path or a table; a fixed value is { const = … }",
        ),
        (
            "id = \"x\"\n[fields]\nat = { path = \"t\", as = \"dur_ms\" }",
            "x.toml:3: fields.at.as: does not fit a time",
        ),
        (
            "id = \"x\"\n[fields]\nlatency_ms = { path = \"t\", as = \"epoch_s\" }",
            "x.toml:3: fields.latency_ms.as: does not fit a number",
        ),
        (
            "id = \"x\"\n[fields]\nmodel = { path = \"t\", const = 1 }",
            "x.toml:3: fields.model: needs exactly one of `path`, `header`, `const`, `sum`, `diff`, `join`, `key_of`, `sticky`",
        ),
        (
            "id = \"x\"\n\n[fields]\nuser = { path = \"u\", regex = \"abc\" }",
            "x.toml:4: fields.user.regex: needs a group `(…)` around the value",
        ),
        (
            "id = \"x\"\n[fields]\nuser = { path = \"u\", regex = \"a/(.*)|b/(.*)\" }",
            "x.toml:3: fields.user.regex: needs one group: write the others as `(?:…)`",
        ),
        (
            "id = \"x\"\n[fields]\nuser = { path = \"u\", regex = \"(\" }",
            "x.toml:3: fields.user.regex: is no regular expression: unclosed group",
        ),
        (
            "id = \"x\"\n[fields]\nuser = { path = \"u\", scale = 2 }",
            "x.toml:3: fields.user.scale: only a number can have it",
        ),
        (
            "id = \"x\"\n[fields]\nuser = { path = \"u\", else = \"x\" }",
            "x.toml:3: fields.user.else: needs a `map` beside it",
        ),
        (
            "id = \"x\"\n[fields]\nuser = { sticky = \"u\" }",
            "x.toml:3: fields.user.sticky: there is no `[sticky.u]`",
        ),
        (
            "id = \"x\"\n[fields]\nuser = \"^.u\"",
            "x.toml:3: fields.user: has more `^.` than there are objects around the record",
        ),
        (
            "id = \"x\"\n[fields]\nuser = \"a..u\"",
            "x.toml:3: fields.user: is not a path: keys with dots between them",
        ),
        (
            "id = \"x\"\n[fields]\nuser = \"a[-1]\"",
            "x.toml:3: fields.user: must name something in the element that is counted from the end",
        ),
        (
            "id = \"x\"\n[fields]\nuser = 7",
            "x.toml:3: fields.user: must be a path or a table; a fixed value is { const = … }",
        ),
        (
            "id = \"x\"\n[fields]\nat = { path = \"t\", as = \"strftime\" }",
            "x.toml:3: fields.at.as: needs a `pattern` beside it",
        ),
        (
            "id = \"x\"\n[fields]\nat = { path = \"t\", pattern = \"%Y\" }",
            "x.toml:3: fields.at.pattern: needs `as = \"strftime\"`",
        ),
        ("id = \"x\"\ntimezone = \"Mars/Base\"", "x.toml:2: timezone: is not a known time zone"),
        (
            "id = \"x\"\ninput = \"csv\"",
            "x.toml:2: input: must be one of `jsonl`, `logfmt`, `regex`, `http-dump`, `otlp-spans`, `otlp-logs`, `otlp-metrics`, `prometheus`",
        ),
        (
            "id = \"x\"\nexplode = \"a[0].b\"",
            "x.toml:2: explode: must be the path of an array, as `items` or `a[].b`, or of an object, as `a{}`",
        ),
        (
            "id = \"x\"\ndetect = [\"^.a\"]",
            "x.toml:2: detect: is a path from the outermost object, without `^`",
        ),
        (
            "id = \"x\"\ndetect = [\"a\"]\ndetect_re = { b = \"c\" }",
            "x.toml:3: detect_re: `b` is in no set of `detect`",
        ),
        (
            "id = \"x\"\ndetect = [\"a\"]\ndetect_re = { a = \"(\" }",
            "x.toml:3: detect_re: is no regular expression: unclosed group",
        ),
        (
            "id = \"x\"\ndetect_eq = { \"a.-1\" = 1 }",
            "x.toml:2: detect_eq: cannot count from the end of an array",
        ),
        ("id = \"x\"\nkeep = [{}]", "x.toml:2: keep: needs `has`, `not`, `eq`, `ne` or `re`"),
        ("id = \"x\"\nkeep = [{ has = [1] }]", "x.toml:2: keep.has: must be a string"),
        (
            "id = \"x\"\nkeep = [{ re = { a = \"[\" } }]",
            "x.toml:2: keep.re: is no regular expression: unclosed character class",
        ),
        ("id = \"x\"\ncount = \"no\"", "x.toml:2: count: must be true or false"),
        (
            "id = \"x\"\ndedup = \"best\"\ntrusted_id = true",
            "x.toml:2: dedup: must be one of `first`, `last`, `max:output_tokens`",
        ),
        (
            "id = \"x\"\ndedup = \"last\"",
            "x.toml:2: dedup: needs `trusted_id = true`: with an id that a client can choose, a later line would hide an earlier call",
        ),
        (
            "id = \"x\"\n[fields]\ndedup_key = { join = [\"a\", { stick = \"b\" }] }",
            "x.toml:3: fields.dedup_key.join.stick: unknown key; did you mean `sticky`?",
        ),
        (
            "id = \"x\"\n[fields]\ndedup_key = { join = [\"a\", { sticky = \"b\" }] }",
            "x.toml:3: fields.dedup_key.join.sticky: there is no `[sticky.b]`",
        ),
        (
            "id = \"x\"\nfields = { call_key = \"c\" }",
            "x.toml:2: fields.call_key: needs `trusted_id = true`: with an id that a client can choose, a later line would hide an earlier call",
        ),
        (
            "id = \"x\"\n[sticky.model]\nwhen = { has = \"a\" }",
            "x.toml:2: sticky.model.from: is missing",
        ),
        ("id = \"x\"\n[[limits]]\nscope = \"key\"", "x.toml:2: limits.resource: is missing"),
        (
            "id = \"x\"\n[[limits]]\nresource = \"requests\"",
            "x.toml:2: limits: says no amount: `limit`, `remaining`, `used` or `used_percent`",
        ),
        (
            "id = \"x\"\n[[limits]]\nresource = \"requests\"\nscope = \"me\"\nlimit = \"l\"",
            "x.toml:4: limits.scope: must be one of `org`, `project`, `model`, `key`, `team`, `user`, `gateway`, `unknown`",
        ),
        (
            "id = \"x\"\n[headers]\nform = \"h\"",
            "x.toml:3: headers.form: unknown key; did you mean `from`?",
        ),
        (
            "id = \"x\"\n[tokens]\ninput = \"all\"",
            "x.toml:3: tokens.input: must be one of `includes_cache`, `excludes_cache`",
        ),
    ] {
        let error = Formats::from_toml(&[("x.toml", bad)]).unwrap_err();
        assert_eq!(error.to_string(), message, "{bad}");
    }
    let broken = Formats::from_toml(&[("x.toml", "id = \"x\"\nid = ")]).unwrap_err();
    assert!(matches!(broken, FormatError::Map { line: 2, .. }), "{broken}");
}

/// Paths that may or may not fit the records beside them.
fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "c", "*", "0", "1", "-1", "-2"]),
        1..4,
    )
    .prop_map(|mut parts| {
        parts.push("a");
        parts.join(".")
    })
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "-1",
        "null",
        "true",
        "\"x\"",
        "\"2026-11-20T15:11:17Z\"",
        "\"{\\\"a\\\":1}\"",
        "1e400",
        "\"-\"",
        "NaN",
        "1795187477",
        "\"5s\"",
        "[]",
        "{}",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop::sample::select(vec!["a", "b", "c", "a.b"]);
        prop_oneof![
            prop::collection::vec((key, inner.clone()), 0..4).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
        ]
    })
}

proptest! {
    /// Whatever the map and whatever the record: no panic, no hang, and never
    /// more calls than objects.
    #[test]
    fn random_maps_read_random_records(
        paths in prop::collection::vec(a_path(), 16),
        explode in prop::sample::select(vec!["", "a", "a[].b", "b.c", "[]", "a{}", "a{}.b"]),
        read_as in prop::sample::select(vec!["auto", "epoch_s", "hrtime", "ticks", "http_date"]),
        lines in prop::collection::vec(json(), 1..6),
    ) {
        let p = |i: usize| paths[i % paths.len()].as_str();
        let explode = if explode.is_empty() { String::new() } else { format!("explode = {explode:?}") };
        let map = format!(
            r#"
id = "x"
{explode}
trusted_id = true
dedup = "last"
keep = [{{ not = {0:?} }}, {{ re = {{ {1:?} = "." }} }}]
sticky = {{ s = {{ from = {2:?} }} }}
body = {3:?}
fields = {{ at = {{ path = {4:?}, as = "{read_as}" }}, model = [{{ key_of = {5:?} }}, {{ sticky = "s" }}], input_tokens = {{ sum = [{6:?}, {7:?}] }}, latency_ms = [{{ diff = [{8:?}, {9:?}], as = "{read_as}" }}, {{ path = {10:?}, as = "dur_ms" }}], cost_usd = {11:?}, dedup_key = {{ join = [{12:?}, {13:?}] }}, status = {{ const = 200 }} }}
headers = {{ from = {14:?}, strip_prefix = "a" }}
limits = [{{ resource = "requests", limit = {15:?}, reset = {4:?}, used_percent = {6:?}, window_minutes = {7:?} }}]
"#,
            p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7), p(8), p(9), p(10), p(11), p(12), p(13), p(14), p(15),
        );
        let options = DecodeOptions { format: Some("x".to_owned()), ..options() };
        let mut said = Said::new(&[&map], options);
        for line in &lines {
            said.batch.clear();
            said.read(&[line]);
            let objects = line.matches('{').count();
            prop_assert!(said.requests().len() <= objects);
            said.decoder.long_part(line.as_bytes());
            said.decoder.long_end(at(1, 0, NOW), line.len() as u64, &mut said.batch);
        }
        let memo = said.decoder.memo();
        said.decoder.recall(&memo);
        prop_assert_eq!(memo, said.decoder.memo());
    }
}
