//! Decoding through its public door: formats told apart line by line, lines of
//! gateways, queues and dumps, and damage of every kind.

mod support;

use std::sync::{Arc, LazyLock};

use support::{Lines, at, corpus, decode, decode_with};
use tripline::decode::{DecodeOptions, Decoder, Formats, Texts};
use tripline::domain::{
    Batch, CostSource, ErrorKind, FaultReason, Layer, LimitedBy, Names, NanoUsd, Observation,
    Priority, Request, Resource, Wall,
};

const NOW: Wall = Wall::from_secs(1_795_190_000);

fn builtin() -> Arc<Formats> {
    static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));
    Arc::clone(&FORMATS)
}

fn one(line: &str) -> (Names, Batch) {
    let names = Names::default();
    let lines = Lines::all(line.as_bytes());
    let batch = decode_with(&names, lines, NOW, DecodeOptions::default());
    (names, batch)
}

fn request(batch: &Batch) -> Request {
    match batch.items.first().map(|item| item.seen) {
        Some(Observation::Request { request, .. }) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn faults(batch: &Batch) -> Vec<FaultReason> {
    let reason = |seen: &Observation| match *seen {
        Observation::Fault { reason, .. } | Observation::Quarantined { reason, .. } => Some(reason),
        _ => None,
    };
    batch.items.iter().filter_map(|item| reason(&item.seen)).collect()
}

#[test]
fn a_gateways_line_in_our_own_words_is_read_whole() {
    let (names, batch) = one(concat!(
        r#"{"at":"2026-11-20T15:11:17.749Z","started_at":"2026-11-20T15:11:17.236Z","#,
        r#""host":"gw-1","provider":"openai","model":"gpt-4o","#,
        r#""endpoint":"/v1/chat/completions","status":429,"key_id":"prod-web","team":"web","#,
        r#""environment":"prod","priority":"high","user":"u-17","input_tokens":1200,"#,
        r#""output_tokens":300,"cached_input_tokens":1000,"latency_ms":513,"ttft_ms":120,"#,
        r#""queue_ms":12,"queue_depth":4,"attempt":2,"stream":true,"request_id":"req_1","#,
        r#""retry_after_s":1.5,"error":{"type":"tokens","code":"rate_limit_exceeded","#,
        r#""message":"Rate limit reached for gpt-4o on tokens per min (TPM)"},"#,
        r#""headers":{"x-ratelimit-limit-tokens":"200000","#,
        r#""x-ratelimit-remaining-tokens":"6","x-ratelimit-reset-tokens":"6s"}}"#,
    ));
    let got = request(&batch);
    let name = |sym: Option<_>| names.text(sym.expect("a name")).to_string();
    assert_eq!(name(got.provider), "openai");
    assert_eq!(name(got.model), "gpt-4o");
    assert_eq!(name(got.endpoint), "/v1/chat/completions");
    assert_eq!(name(got.host), "gw-1");
    assert_eq!(name(got.caller.key), "prod-web");
    assert_eq!(name(got.caller.team), "web");
    assert_eq!(name(got.caller.user), "u-17");
    assert_eq!(name(got.caller.environment), "prod");
    assert_eq!(got.caller.priority, Some(Priority::High));
    assert_eq!(got.status, Some(429));
    assert_eq!(got.failure.kind, Some(ErrorKind::RateLimitTokens));
    assert_eq!(got.failure.limited_by, Some(LimitedBy::Tokens));
    assert_eq!(got.failure.retry_after_s, Some(1.5));
    assert_eq!((got.tokens.input, got.tokens.output), (Some(1200), Some(300)));
    assert_eq!(got.tokens.cached_input, Some(1000));
    assert_eq!(got.timing.latency_ms, Some(513.0));
    assert_eq!((got.timing.ttft_ms, got.timing.queue_ms), (Some(120.0), Some(12.0)));
    assert_eq!((got.queue_depth, got.attempt), (Some(4), Some(2)));
    assert_eq!((got.stream, got.cost, got.dedup), (Some(true), None, None));
    assert!(got.at_logged);
    let limits: Vec<_> =
        batch.items.iter().filter(|i| matches!(i.seen, Observation::Limit(_))).collect();
    assert!(matches!(
        limits.as_slice(),
        [item] if matches!(item.seen, Observation::Limit(limit) if limit.id.resource == Resource::Tokens)
    ));
    assert!(faults(&batch).is_empty());
}

#[test]
fn a_queue_line_is_a_queue_reading() {
    let (names, batch) = one(concat!(
        r#"{"at":"2026-11-20T15:11:17Z","kind":"queue","host":"gw-1","queue":"gateway","#,
        r#""priority":"high","#,
        r#""depth":41,"oldest_age_s":3.2,"enqueued_total":900,"dequeued_total":850,"dropped_total":9}"#,
    ));
    let [item] = batch.items.as_slice() else { panic!("{:?}", batch.items) };
    let Observation::Queue(queue) = item.seen else { panic!("{item:?}") };
    assert_eq!(&*names.text(queue.name.unwrap()), "gateway");
    assert_eq!(&*names.text(queue.host.unwrap()), "gw-1");
    assert_eq!(queue.priority, Some(Priority::High));
    assert_eq!((queue.depth, queue.oldest_age_s), (Some(41), Some(3.2)));
    assert_eq!(
        (queue.enqueued_total, queue.dequeued_total, queue.dropped_total),
        (Some(900), Some(850), Some(9))
    );
}

#[test]
fn a_refusal_by_the_kill_switch_is_the_gateways_own() {
    for line in [
        r#"{"msec":"1795187477.749","uri":"/v1/x","status":"503","request_time":"0.000","upstream_status":"","kill_switch":"model.openai.gpt-4o"}"#,
        r#"{"at":"2026-11-20T15:11:17Z","model":"gpt-4o","status":503,"error":{"type":"kill_switch","code":"kill_switch","message":"off"}}"#,
    ] {
        let failure = request(&one(line).1).failure;
        assert_eq!(failure.kind, Some(ErrorKind::KillSwitch), "{line}");
        assert_eq!((failure.layer, failure.retryable), (Layer::Gateway, Some(false)));
    }
    let passed = r#"{"msec":"1795187477.749","uri":"/v1/x","status":"503","request_time":"0.000","upstream_status":"503","kill_switch":""}"#;
    assert_eq!(request(&one(passed).1).failure.kind, Some(ErrorKind::Unavailable));
}

#[test]
fn a_status_may_be_a_word() {
    let kind = |status: &str| {
        let line = format!(r#"{{"ts":"2026-11-20T15:11:17Z","model":"m","status":{status}}}"#);
        let got = request(&one(&line).1);
        (got.status, got.failure.kind)
    };
    assert_eq!(kind(r#""ok""#), (None, None));
    assert_eq!(kind(r#""success""#), (None, None));
    assert_eq!(kind(r#""Error""#), (None, Some(ErrorKind::Error)));
    assert_eq!(kind(r#""timeout""#), (None, Some(ErrorKind::Timeout)));
    assert_eq!(kind("500"), (Some(500), Some(ErrorKind::ServerError)));
    assert_eq!(kind(r#""429""#), (Some(429), Some(ErrorKind::RateLimit)));
}

#[test]
fn headers_come_as_objects_lists_or_pairs_and_bodies_beside_them() {
    for headers in [
        r#"{"X-RateLimit-Limit-Tokens":200000,"x-ratelimit-remaining-tokens":["6"]}"#,
        r#"[["x-ratelimit-limit-tokens","200000"],["x-ratelimit-remaining-tokens","6"]]"#,
    ] {
        let line = format!(
            r#"{{"at":"2026-11-20T15:11:17Z","status":429,"url":"https://api.openai.com/v1/chat/completions?x=1","headers":{headers},"body":"{{\"error\":{{\"code\":\"insufficient_quota\"}},\"model\":\"gpt-4o\"}}"}}"#
        );
        let (names, batch) = one(&line);
        let got = request(&batch);
        assert_eq!(&*names.text(got.provider.unwrap()), "openai");
        assert_eq!(&*names.text(got.endpoint.unwrap()), "/v1/chat/completions");
        assert_eq!(&*names.text(got.model.unwrap()), "gpt-4o");
        assert_eq!(got.failure.kind, Some(ErrorKind::QuotaExhausted));
        let limits = batch.items.iter().filter(|i| matches!(i.seen, Observation::Limit(_)));
        assert_eq!(limits.count(), 1, "{headers}");
    }
}

#[test]
fn lines_without_a_call_are_limits_or_nothing() {
    let options =
        || DecodeOptions { format: Some("headers".to_owned()), ..DecodeOptions::default() };
    let seen = |line: &str| {
        let batch = decode(Lines::all(line.as_bytes()), NOW, options());
        batch.items.first().map(|item| item.seen)
    };
    let limits = r#"{"at":"2026-11-20T15:11:17Z","headers":{"x-ratelimit-limit-tokens":"9"}}"#;
    assert!(matches!(seen(limits), Some(Observation::Limits { .. })));
    assert!(matches!(seen(r#"{"at":1795187477}"#), Some(Observation::Ignored { .. })));
    assert!(matches!(seen("{}"), Some(Observation::Quarantined { .. })));
}

#[test]
fn each_line_of_a_mixed_file_is_taken_by_its_own_format() {
    let litellm = corpus("logs/samples/litellm_standard_logging.jsonl");
    let nginx = corpus("logs/samples/nginx_json.jsonl");
    let app = br#"{"ts":"2026-11-20T15:11:17Z","model":"m","cost":0.5,"status":"ok"}"#.as_slice();
    let other = br#"{"msg":"server started","port":8080}"#.as_slice();
    let mut decoder = Decoder::new(builtin(), &Names::default(), DecodeOptions::default()).unwrap();
    let mut batch = Batch::default();
    let lines: Vec<(&[u8], &str)> = Lines::all(&litellm)
        .zip(Lines::all(&nginx))
        .flat_map(|((_, litellm), (_, nginx))| {
            [
                (litellm, "litellm-standard"),
                (app, "app-json"),
                (nginx, "nginx-json"),
                (app, "app-json"),
            ]
        })
        .collect();
    for (i, (line, format)) in lines.iter().enumerate() {
        decoder.line(line, at(i as u64 + 1, 1, NOW), &mut batch);
        assert_eq!(decoder.format(), Some(*format), "line {i}");
    }
    decoder.line(other, at(1000, 1, NOW), &mut batch);
    let calls =
        batch.items.iter().filter(|i| matches!(i.seen, Observation::Request { .. })).count();
    assert_eq!(calls, lines.len());
    let last = batch.items.last().unwrap().seen;
    assert_eq!(last, Observation::Ignored { reason: "other_record" });
    assert!(faults(&batch).is_empty());
}

#[test]
fn a_list_of_litellm_payloads_is_the_same_as_its_lines() {
    let bytes = corpus("logs/samples/litellm_standard_logging.jsonl");
    let lines: Vec<&str> = str::from_utf8(&bytes).unwrap().lines().collect();
    let list = format!("[{}]", lines.join(", "));
    let seen = |bytes: &[u8]| {
        let (names, options) = (Names::default(), DecodeOptions::default());
        let batch = decode_with(&names, Lines::all(bytes), NOW, options);
        let call = |seen: Observation| match seen {
            Observation::Request { request, .. } => Some(request),
            _ => None,
        };
        batch.items.iter().filter_map(|item| call(item.seen)).collect::<Vec<_>>()
    };
    let calls = seen(list.as_bytes());
    assert_eq!(calls.len(), 19);
    assert_eq!(calls, seen(&bytes));
}

#[test]
fn what_was_never_a_log_is_unknown_not_corrupt() {
    let (_, batch) = one("# Title\n\nSome text\n{\"a\":1}\n[1,2]\n{\"name\":\"x\",\"cost\":3}\n");
    assert_eq!(faults(&batch), [FaultReason::UnknownFormat; 5]);
}

#[test]
fn shuffled_unknown_json_is_of_no_format() {
    let words =
        ["alpha", "beta", "usage", "time", "message", "level", "id", "value", "user", "kind"];
    for i in 0..words.len() {
        for j in 0..words.len() {
            let (a, b) = (words[i], words[j]);
            let line = format!(r#"{{"{a}":1,"{b}":"x","nested":{{"{b}":[1,2],"{a}":null}}}}"#);
            assert_eq!(faults(&one(&line).1), [FaultReason::UnknownFormat], "{line}");
        }
    }
}

#[test]
fn every_line_of_utf_16_is_a_fault_and_none_a_call() {
    let text = "{\"model\":\"m\",\"cost\":1,\"status\":\"ok\"}\n".repeat(3);
    let with_mark: Vec<u8> =
        std::iter::once(0xfeff_u16).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big_endian: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [with_mark, big_endian] {
        let batch = decode(Lines::all(&bytes), NOW, DecodeOptions::default());
        let lines = Lines::all(&bytes).count();
        assert_eq!(faults(&batch), vec![FaultReason::WrongEncoding; lines]);
        assert!(!batch.items.iter().any(|i| matches!(i.seen, Observation::Request { .. })));
    }
}

#[test]
fn a_line_too_long_to_hold_counts_all_the_same() {
    let formats = builtin();
    let mut decoder = Decoder::new(formats, &Names::default(), DecodeOptions::default()).unwrap();
    let mut batch = Batch::default();
    let filler = "x".repeat(100_000);
    let line = format!(
        r#"{{"ts":"2026-11-20T15:11:17Z","model":"m","user":"{filler}","status":"ok","cost":0.25}}"#
    );
    for part in line.as_bytes().chunks(4096) {
        decoder.long_part(part);
    }
    decoder.long_end(at(1, 0, NOW), line.len() as u64, &mut batch);
    let cost = request(&batch).cost.unwrap();
    assert_eq!((cost.usd, cost.source), (NanoUsd(250_000_000), CostSource::Reported));

    batch.clear();
    for _ in 0..64 {
        decoder.long_part(filler.as_bytes());
    }
    decoder.long_end(at(2, 9, NOW), 6_400_000, &mut batch);
    assert_eq!(faults(&batch), [FaultReason::LineTooLong]);
    let ordinary = br#"{"ts":"2026-11-20T15:11:17Z","model":"m","cost":1}"#;
    decoder.line(ordinary, at(3, 10, NOW), &mut batch);
    assert_eq!(batch.items.len(), 2);
}

#[test]
fn a_status_line_in_a_json_log_swallows_nothing() {
    let call = r#"{"ts":"2026-11-20T15:11:17Z","model":"m","cost":1}"#;
    let (_, batch) = one(&format!("{call}\nHTTP/1.1 200 OK\n{call}\n"));
    let calls =
        batch.items.iter().filter(|i| matches!(i.seen, Observation::Request { .. })).count();
    assert_eq!((calls, faults(&batch)), (2, vec![FaultReason::NotJson]));

    let body = r#"{"model":"gpt-4o","usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let (_, batch) = one(&format!("HTTP/1.1 200 OK\r\nx: y\r\n\r\n{body}\n{call}\n"));
    assert_eq!(request(&batch).tokens.output, Some(2));
    let calls =
        batch.items.iter().filter(|i| matches!(i.seen, Observation::Request { .. })).count();
    assert_eq!(calls, 2, "the response and the call after it");
}

#[test]
fn heads_that_only_announce_a_response_are_none() {
    let dump = "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 429 \r\nretry-after: 7\r\n\r\n";
    let got = request(&one(dump).1);
    assert_eq!((got.status, got.failure.retry_after_s), (Some(429), Some(7.0)));
    assert_eq!(one(dump).1.items.len(), 1);
}

#[test]
fn keys_in_a_log_are_masked_wherever_they_stand() {
    let secret = "sk-proj-Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdP";
    let line = format!(
        r#"{{"ts":"2026-11-20T15:11:17Z","model":"m","key":"{secret}","user":"{secret}","request_id":"{secret}","cost":1}}"#
    );
    let (names, batch) = one(&line);
    let got = request(&batch);
    for sym in [got.caller.key, got.caller.user] {
        assert!(!names.text(sym.unwrap()).contains("Zk3Qw8Tn"));
    }
    assert!(!String::from_utf8_lossy(&batch.text).contains("Zk3Qw8Tn"));
    assert_eq!(faults(&batch), [FaultReason::KeyInLog]);
}

#[test]
fn each_line_with_a_key_in_it_is_told() {
    let line = |key: &str| {
        format!(r#"{{"ts":"2026-11-20T15:11:17Z","model":"m","key":"{key}","cost":1}}"#)
    };
    let secret = line("sk-proj-Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdP");
    let text = [secret.as_str(), &line("web"), &secret, &line("web"), &secret].join("\n");
    let (_, batch) = one(&text);
    assert_eq!(faults(&batch), [FaultReason::KeyInLog; 3]);
}

#[test]
fn doubled_litellm_lines_have_one_fingerprint_and_app_lines_none() {
    let litellm = corpus("logs/samples/litellm_standard_logging.jsonl");
    let mut twice = litellm.clone();
    twice.extend_from_slice(&litellm);
    let batch = decode(Lines::all(&twice), NOW, DecodeOptions::default());
    let prints: Vec<u64> = (batch.items.iter())
        .filter_map(|item| match item.seen {
            Observation::Request { request, .. } => {
                Some(request.dedup.expect("a fingerprint").fingerprint)
            }
            _ => None,
        })
        .collect();
    let unique: std::collections::BTreeSet<u64> = prints.iter().copied().collect();
    assert_eq!((prints.len(), unique.len()), (38, 19));
    let app = r#"{"ts":"2026-11-20T15:11:17Z","id":"1","request_id":"1","model":"m","cost":1}"#;
    assert_eq!(request(&one(app).1).dedup, None, "a client can choose that id");
}

#[test]
fn times_without_a_zone_are_in_the_sources_zone() {
    let line = br#"{"ts":"2026-07-01 12:00:00","model":"m","status":"ok"}"#;
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    for (zone, hour) in [(None, 12), (Some(berlin), 10)] {
        let options = DecodeOptions { timezone: zone, ..DecodeOptions::default() };
        let got = request(&decode(Lines::all(line), NOW, options)).at;
        assert_eq!(got, Wall::from_secs(1_782_864_000 + hour * 3600));
    }
}

/// Clocks in Berlin go from 03:00 back to 02:00 at 01:00 UTC.
#[test]
fn an_hour_that_comes_twice_is_the_later_one_that_has_begun() {
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let half_past = |hour: i64| Wall::from_millis(1_792_886_400_000 + (hour * 60 + 30) * 60_000);
    for (written, received, expected) in [
        ("2026-10-25 02:30:00", half_past(0), half_past(0)),
        ("2026-10-25 02:30:00", half_past(1), half_past(1)),
        ("2026-10-25 02:30:00", half_past(9), half_past(1)),
        ("2026/10/25 - 02:30:00", half_past(0), half_past(0)),
        ("2026/10/25 - 02:30:00", half_past(1), half_past(1)),
        ("2026-10-25 03:30:00", half_past(1), half_past(2)),
    ] {
        let line = format!(r#"{{"ts":"{written}","model":"m","status":"ok"}}"#);
        let options = DecodeOptions { timezone: Some(berlin.clone()), ..DecodeOptions::default() };
        let got = request(&decode(Lines::all(line.as_bytes()), received, options)).at;
        assert_eq!(got, expected, "{written} received at {}", received.rfc3339());
    }
}

#[test]
fn times_are_read_in_every_notation_or_replaced_by_the_time_of_reading() {
    for (written, at) in [
        ("\"2026-11-20T15:11:17Z\"", Some(1_795_187_477_000)),
        ("\"2026-11-20T16:11:17.25+01:00\"", Some(1_795_187_477_250)),
        ("\"2026-11-20 15:11:17,250\"", Some(1_795_187_477_250)),
        ("1795187477.25", Some(1_795_187_477_250)),
        ("\"1795187477250\"", Some(1_795_187_477_250)),
        ("\"20/Nov/2026:15:11:17 +0000\"", Some(1_795_187_477_000)),
        ("\"Fri, 20 Nov 2026 15:11:17 GMT\"", Some(1_795_187_477_000)),
        ("\"2099-01-01T00:00:00Z\"", None),
        ("\"1970-01-01T00:00:00Z\"", None),
        ("\"yesterday\"", None),
        ("true", None),
    ] {
        let (_, batch) = one(&format!(r#"{{"ts":{written},"model":"m","status":"ok"}}"#));
        let got = request(&batch);
        assert_eq!(got.at, at.map_or(NOW, Wall::from_millis), "{written}");
        assert_eq!(got.at_logged, at.is_some(), "{written}");
        let expected: &[FaultReason] =
            if at.is_none() { &[FaultReason::TimeUnreadable] } else { &[] };
        assert_eq!(faults(&batch), expected, "{written}");
    }
    let started = r#"{"started_at":"2026-11-20T15:11:17Z","latency_ms":500,"model":"m"}"#;
    assert_eq!(request(&one(started).1).at, Wall::from_millis(1_795_187_477_500));
}

#[test]
fn nginx_without_quotes_around_variables_is_read() {
    let line = r#"{"msec":1795187477.749,"uri":"/v1/x","status":200,"request_time":0.837,"upstream_status":502, 200,"upstream_header_time":-, 0.835,"upstream_response_time":,"upstream_http_x_ratelimit_limit_requests":500,"upstream_http_x_ratelimit_remaining_requests":"499"}"#;
    let (_, batch) = one(line);
    let got = request(&batch);
    assert_eq!((got.status, got.timing.latency_ms), (Some(200), Some(837.0)));
    let limits = batch.items.iter().filter(|i| matches!(i.seen, Observation::Limit(_)));
    assert_eq!(limits.count(), 1);
}

#[test]
fn tokens_of_every_dialect_mean_the_same() {
    let anthropic = r#"{"ts":1795187477,"model":"m","usage":{"input_tokens":10,"cache_read_input_tokens":80,"cache_creation_input_tokens":10,"output_tokens":5}}"#;
    let openai = r#"{"ts":1795187477,"model":"m","usage":{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":80},"completion_tokens":5}}"#;
    for line in [anthropic, openai] {
        let tokens = request(&one(line).1).tokens;
        assert_eq!(
            (tokens.input, tokens.cached_input, tokens.output),
            (Some(100), Some(80), Some(5))
        );
    }
    let bad = r#"{"ts":1795187477,"model":"m","input_tokens":-5,"output_tokens":1.5,"cost":1}"#;
    let (_, batch) = one(bad);
    assert_eq!((request(&batch).tokens.input, request(&batch).tokens.output), (None, None));
    assert!(request(&batch).cost.is_some());
    assert_eq!(faults(&batch), [FaultReason::TokensUnreadable]);
}

#[test]
fn a_count_that_no_call_can_have_is_unreadable_and_hides_no_cost() {
    for (count, is) in [("1000000000000", Some(1_000_000_000_000)), ("1000000000001", None)] {
        for field in ["input_tokens", "output_tokens"] {
            let line = format!(r#"{{"ts":1795187477,"model":"m","{field}":{count},"cost":1}}"#);
            let (_, batch) = one(&line);
            let tokens = request(&batch).tokens;
            assert_eq!(tokens.input.or(tokens.output), is, "{line}");
            assert!(request(&batch).cost.is_some());
            let fault = is.is_none().then_some(FaultReason::TokensUnreadable);
            assert_eq!(faults(&batch), Vec::from_iter(fault));
        }
    }
}

#[test]
fn texts_can_be_left_out_without_losing_the_fingerprint() {
    let litellm = corpus("logs/samples/litellm_standard_logging.jsonl");
    let options = DecodeOptions { texts: Texts::Skip, ..DecodeOptions::default() };
    let (kept, skipped) = (
        decode(Lines::all(&litellm), NOW, DecodeOptions::default()),
        decode(Lines::all(&litellm), NOW, options),
    );
    assert_eq!(request(&kept).dedup, request(&skipped).dedup);
    assert!(!kept.text.is_empty() && skipped.text.is_empty());
}

#[test]
fn unknown_formats_say_what_may_have_been_meant() {
    let options =
        DecodeOptions { format: Some("nginx_json".to_owned()), ..DecodeOptions::default() };
    let error = Decoder::new(builtin(), &Names::default(), options).unwrap_err();
    assert_eq!(error.to_string(), "no format `nginx_json`; did you mean `nginx-json`?");
}

#[test]
fn a_users_map_uses_the_same_language() {
    let map = r#"
id = "acme"
detect = ["req", "took"]
timezone = "Europe/Berlin"
[tokens]
input = "excludes_cache"
[fields]
at = { path = "when", as = "epoch_ms" }
model = { path = "deployment", regex = "deployments/([^/]+)" }
input_tokens = "in"
cached_input_tokens = "cached"
cost_usd = { path = "cents", scale = 0.01 }
latency_ms = { path = "took", as = "dur_ms" }
status = [{ const = 200, when = { eq = { fine = true } } }, { const = 500 }]
"#;
    let formats = Arc::new(Formats::from_toml(&[("acme.toml", map)]).unwrap());
    let names = Names::default();
    let mut decoder = Decoder::new(formats, &names, DecodeOptions::default()).unwrap();
    let mut batch = Batch::default();
    let line = br#"{"req":1,"took":"1.5s","when":1795187477749,"deployment":"x/deployments/gpt/y","in":10,"cached":90,"cents":"0.333","fine":true}"#;
    decoder.line(line, at(1, 0, NOW), &mut batch);
    let got = request(&batch);
    assert_eq!(got.at, Wall::from_millis(1_795_187_477_749));
    assert_eq!(&*names.text(got.model.unwrap()), "gpt");
    assert_eq!(got.tokens.input, Some(100));
    assert_eq!(got.cost.unwrap().usd, NanoUsd(3_330_000));
    assert_eq!((got.timing.latency_ms, got.status), (Some(1500.0), Some(200)));
}

#[test]
fn every_sample_is_taken_by_its_own_format_only() {
    for (sample, format) in [
        ("nginx_json.jsonl", "nginx-json"),
        ("litellm_standard_logging.jsonl", "litellm-standard"),
        ("litellm_client_headers.jsonl", "headers"),
        ("curl_i_200.txt", "curl"),
        ("curl_i_429.txt", "curl"),
        ("curl_i_stream.txt", "curl"),
        ("curl_i_anthropic_200.txt", "curl"),
        ("curl_D_appended.headers", "curl"),
        ("azure_apim_llm.jsonl", "azure-apim"),
        ("bedrock_invocation.jsonl", "bedrock"),
        ("caddy_access.jsonl", "caddy"),
        ("codex_rollout.jsonl", "codex"),
        ("kong_ai_proxy.jsonl", "kong-ai"),
        ("litellm_spend_logs.jsonl", "litellm-spend"),
        ("weave_calls.jsonl", "weave"),
    ] {
        let bytes = corpus(&format!("logs/samples/{sample}"));
        let formats = builtin();
        let mut decoder =
            Decoder::new(formats, &Names::default(), DecodeOptions::default()).unwrap();
        let mut batch = Batch::default();
        for (number, (offset, line)) in Lines::all(&bytes).enumerate() {
            decoder.line(line, at(number as u64 + 1, offset, NOW), &mut batch);
            assert_eq!(decoder.format(), Some(format), "{sample} line {}", number + 1);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic_and_no_line_is_counted_twice(
        lines in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..200), 0..20),
        seed in 0..10_000_usize,
    ) {
        let mut decoder =
            Decoder::new(builtin(), &Names::default(), DecodeOptions::default()).unwrap();
        let mut batch = Batch::default();
        let good = br#"{"ts":"2026-11-20T15:11:17Z","model":"m","cost":1,"headers":{"retry-after":"2"}}"#;
        for (i, line) in lines.iter().enumerate() {
            decoder.line(line, at(i as u64, i as u64, NOW), &mut batch);
            // Our own words, damaged in one place.
            let mut hurt = good.to_vec();
            let place = (seed + i * 7) % hurt.len();
            hurt[place] = line.first().copied().unwrap_or(0);
            decoder.line(&hurt, at(i as u64, i as u64 + 1, NOW), &mut batch);
            for part in line.chunks(3) {
                decoder.long_part(part);
            }
            decoder.long_end(at(i as u64, i as u64, NOW), line.len() as u64, &mut batch);
        }
        decoder.finish(at(99, 99, NOW), &mut batch);
        let calls = batch.items.iter().filter(|i| matches!(i.seen, Observation::Request { .. })).count();
        proptest::prop_assert!(calls <= lines.len() * 3);
    }
}
