//! What is said of how a line was read is what was done: for every line of the
//! corpus the values in the notes are those of the observation, the headers come to
//! its limits, and asking changes nothing.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use support::{Lines, at, corpus};
use tripline::decode::{DecodeOptions, Decoder, Explained, Formats, RecordNote, Verdict};
use tripline::domain::{Batch, Names, NanoUsd, Observation, Request, Sym, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);

fn samples() -> Vec<String> {
    let dir = format!("{}/tests/corpus/logs/samples", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The fields of a request that a map can give it.
fn fields(request: &Request, names: &Names) -> Vec<(&'static str, Value)> {
    let name = |sym: Option<Sym>| sym.map(|sym| Value::from(&*names.text(sym)));
    let (tokens, timing, caller) = (request.tokens, request.timing, request.caller);
    let all = [
        ("at", Some(request.at.rfc3339().into())),
        ("started_at", request.started_at.map(|at| at.rfc3339().into())),
        ("provider", name(request.provider)),
        ("model", name(request.model)),
        ("endpoint", name(request.endpoint)),
        ("host", name(request.host)),
        ("key_id", name(caller.key)),
        ("team", name(caller.team)),
        ("user", name(caller.user)),
        ("environment", name(caller.environment)),
        ("priority", caller.priority.map(|priority| priority.word().into())),
        ("status", request.status.map(Value::from)),
        ("error_kind", request.failure.kind.map(|kind| kind.word().into())),
        ("limited_by", request.failure.limited_by.map(|by| by.word().into())),
        ("retry_after_s", request.failure.retry_after_s.map(Value::from)),
        ("input_tokens", tokens.input.map(Value::from)),
        ("output_tokens", tokens.output.map(Value::from)),
        ("cached_input_tokens", tokens.cached_input.map(Value::from)),
        ("cache_write_tokens", tokens.cache_write.map(Value::from)),
        ("reasoning_tokens", tokens.reasoning.map(Value::from)),
        ("cost_usd", request.cost.map(|cost| cost.usd.to_string().into())),
        ("latency_ms", timing.latency_ms.map(Value::from)),
        ("ttft_ms", timing.ttft_ms.map(Value::from)),
        ("queue_ms", timing.queue_ms.map(Value::from)),
        ("queue_depth", request.queue_depth.map(Value::from)),
        ("attempt", request.attempt.map(Value::from)),
        ("stream", request.stream.map(Value::from)),
        ("cache_hit", request.cache_hit.map(Value::from)),
    ];
    all.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

/// How a noted value differs from that of the observation.
fn compare(record: &RecordNote, field: &str, wanted: &Value) -> Option<String> {
    let noted = record.value(field).cloned().unwrap_or_default();
    let by_rule = match field {
        "input_tokens" => {
            let part = |field| record.value(field).and_then(Value::as_u64).unwrap_or(0);
            let apart = record.token_rules.iter().any(|rule| rule.starts_with("cache"));
            apart.then(|| part("cached_input_tokens") + part("cache_write_tokens"))
        }
        "output_tokens" => {
            let reasoning = record.value("reasoning_tokens").and_then(Value::as_u64);
            reasoning.filter(|_| record.token_rules.contains(&"reasoning"))
        }
        _ => None,
    };
    let same = match (noted.as_u64(), by_rule) {
        (Some(count), Some(more)) => json!(count + more) == *wanted,
        _ => noted == *wanted,
    };
    (!same).then(|| format!("{field}: {noted}, not {wanted}"))
}

/// Reads a sample as `parse --explain` does; what each line came to, and its notes.
fn read(sample: &str) -> (Names, Vec<(Batch, Explained)>) {
    let names = Names::default();
    let formats = Arc::new(Formats::builtin());
    let options = DecodeOptions {
        host: Some("here".to_owned()),
        max_request_usd: NanoUsd::from_usd(1000),
        ..DecodeOptions::default()
    };
    let mut decoder = Decoder::new(formats, &names, options).unwrap();
    decoder.explain();
    let mut all = Vec::new();
    let bytes = corpus(&format!("logs/samples/{sample}"));
    let mut number = 0;
    for (offset, line) in Lines::all(&bytes) {
        number += 1;
        let mut batch = Batch::default();
        decoder.line(line, at(number, offset, NOW), &mut batch);
        all.push((batch, decoder.explained()));
    }
    let mut batch = Batch::default();
    decoder.finish(at(number + 1, 0, NOW), &mut batch);
    all.push((batch, decoder.explained()));
    (names, all)
}

#[test]
fn the_notes_on_a_line_are_what_it_was_decoded_to() {
    let mut wrong = Vec::new();
    let (mut calls, mut limits) = (0, 0);
    for sample in samples() {
        let (names, lines) = read(&sample);
        for (batch, explained) in &lines {
            // A page of metrics has maps of its own.
            let mut records = explained.records.iter().filter(|record| record.ignored.is_none());
            let mut record = None;
            for item in &batch.items {
                match &item.seen {
                    Observation::Request { request, .. } => {
                        // Records that say nothing stand between.
                        record = records.find(|record| {
                            record.value("at") == Some(&Value::from(request.at.rfc3339()))
                        });
                        let Some(record) = record else {
                            wrong.push(format!("{sample} {}: no note", item.line));
                            continue;
                        };
                        calls += 1;
                        for (field, value) in fields(request, &names) {
                            let differs = compare(record, field, &value);
                            wrong.extend(differs.map(|d| format!("{sample} {}: {d}", item.line)));
                        }
                        let known: Vec<&str> =
                            fields(request, &names).iter().map(|(field, _)| *field).collect();
                        for note in record.fields.iter().filter(|note| note.fault.is_none()) {
                            let is_field = note.value.is_some()
                                && FIELDS.contains(&note.field.as_str())
                                && !known.contains(&note.field.as_str());
                            if is_field {
                                let what = format!("{} is noted, not observed", note.field);
                                wrong.push(format!("{sample} {}: {what}", item.line));
                            }
                        }
                    }
                    Observation::Limit(limit) => {
                        limits += 1;
                        let Some(record) = record else { continue };
                        let noted = record.headers.iter().flat_map(|header| &header.buckets);
                        let said =
                            record.fields.iter().any(|note| note.field.starts_with("limit "));
                        let is_it = |bucket: &&tripline::decode::BucketNote| {
                            bucket.limit.is_some()
                                && bucket.resource == limit.id.resource.word()
                                && bucket.window_s == limit.id.window_s
                        };
                        if !said && !noted.clone().any(|bucket| is_it(&bucket)) {
                            wrong.push(format!("{sample} {}: no header for {limit:?}", item.line));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls > 150 && limits > 100, "{calls} calls, {limits} limits");
}

/// Fields that a note and an observation both have.
const FIELDS: &[&str] = &[
    "provider",
    "model",
    "endpoint",
    "key_id",
    "team",
    "user",
    "environment",
    "status",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "ttft_ms",
    "queue_ms",
    "attempt",
    "stream",
    "cache_hit",
];

#[test]
fn asking_changes_nothing() {
    for sample in samples() {
        let bytes = corpus(&format!("logs/samples/{sample}"));
        let options = DecodeOptions { host: Some("here".to_owned()), ..DecodeOptions::default() };
        // Symbols are numbers in order of their first use: both use one table.
        let (names, lines) = read(&sample);
        let plain = support::decode_with(&names, Lines::all(&bytes), NOW, options);
        let asked: Vec<String> = lines
            .iter()
            .flat_map(|(batch, _)| &batch.items)
            .map(|item| format!("{:?}", without_texts(item)))
            .collect();
        let plain: Vec<String> =
            plain.items.iter().map(|item| format!("{:?}", without_texts(item))).collect();
        assert_eq!(asked, plain, "{sample}");
    }
}

/// Where a text lies in its batch is no part of what was read.
fn without_texts(item: &tripline::domain::Item) -> String {
    match &item.seen {
        Observation::Request { request, .. } => format!("{} {request:?}", item.line),
        Observation::Fault { reason, .. } => format!("{} {reason:?}", item.line),
        other => format!("{} {other:?}", item.line),
    }
}

#[test]
fn each_record_says_which_format_took_it_and_only_one_did() {
    for sample in samples() {
        for (_, explained) in read(&sample).1 {
            for record in &explained.records {
                let taken: Vec<&str> = record
                    .tried
                    .iter()
                    .filter(|tried| tried.verdict == Verdict::Taken)
                    .map(|tried| tried.format.as_str())
                    .collect();
                assert!(
                    record.tried.is_empty() || taken == [record.format.as_str()],
                    "{sample}: {taken:?} of {}",
                    record.format
                );
            }
        }
    }
}

fn explain(line: &str) -> Explained {
    let options = DecodeOptions::default();
    let formats = Arc::new(Formats::builtin());
    let mut decoder = Decoder::new(formats, &Names::default(), options).unwrap();
    decoder.explain();
    decoder.line(line.as_bytes(), at(1, 0, NOW), &mut Batch::default());
    decoder.explained()
}

#[test]
fn what_was_not_used_is_listed_by_its_path() {
    let explained = explain(
        r#"{"model":"m","status":200,"usage":{"prompt_tokens":1,"odd":2},"zone":{"a":1,"b":2},"tags":["x"]}"#,
    );
    let [record] = &explained.records[..] else { panic!("{explained:?}") };
    assert_eq!(record.format, "app-json");
    assert_eq!(record.ignored_keys, ["usage.odd", "zone", "tags"]);
    let absent = record.absent.iter().find(|absent| absent.field == "cost_usd").unwrap();
    assert!(absent.looked_at.iter().any(|path| path == "cost_usd"), "{absent:?}");
}

#[test]
fn wrappers_are_listed_from_the_outside() {
    let line = r#"2026-11-20T15:30:09.669794202Z stdout F {"log":"{\"model\":\"m\",\"status\":200}","stream":"stdout","time":"2026-11-20T15:30:09Z"}"#;
    let explained = explain(line);
    let [record] = &explained.records[..] else { panic!("{explained:?}") };
    let kinds: Vec<_> = record.wrappers.iter().map(|w| (w.kind, w.what.as_str())).collect();
    let prefix = "2026-11-20T15:30:09.669794202Z stdout F";
    assert_eq!(kinds, [("prefix", prefix), ("envelope", "log")]);
    assert_eq!(record.format, "app-json");
}

#[test]
fn a_guess_at_a_wrapper_that_came_to_nothing_is_not_told() {
    let explained = explain("some words: {\"nothing\":1}");
    assert!(explained.records.is_empty() && explained.wrappers.is_empty(), "{explained:?}");
    assert!(explained.tried.iter().all(|tried| tried.verdict == Verdict::Missed));
    assert!(!explained.tried.is_empty());
}

#[test]
fn no_note_holds_a_key_a_prompt_or_an_error_text() {
    let secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";
    let line = format!(
        r#"{{"model":"m","status":400,"api_key":"{secret}","user":"{secret}","error":"you said: my cat is ill","messages":[{{"role":"user","content":"my cat is ill"}}],"{secret}":1}}"#
    );
    let text = serde_json::to_string(&explain(&line)).unwrap();
    assert!(!text.contains(secret) && !text.contains("my cat"), "{text}");
    let wrapped = format!("2026-11-20T15:30:09Z {secret}: {line}");
    let text = serde_json::to_string(&explain(&wrapped)).unwrap();
    assert!(!text.contains(secret) && !text.contains("my cat"), "{text}");
}

#[test]
fn headers_say_family_dialect_and_how_the_window_is_known() {
    let line = r#"{"at":"2026-11-20T14:03:27Z","status":200,"provider":"openai","headers":{"x-ratelimit-limit-tokens":"200000","x-ratelimit-remaining-tokens":"137126","x-ratelimit-reset-tokens":"18.862s","content-type":"x"}}"#;
    let explained = explain(line);
    let [record] = &explained.records[..] else { panic!("{explained:?}") };
    assert_eq!(record.ignored_headers, ["content-type"]);
    let limit = record.headers.iter().find(|h| h.name == "x-ratelimit-limit-tokens").unwrap();
    assert_eq!((limit.family, limit.read_as), (Some("x-ratelimit-"), "limit"));
    assert_eq!(limit.dialect, Some("suffixed"));
    let [bucket] = &limit.buckets[..] else { panic!("{limit:?}") };
    assert_eq!((bucket.limit, bucket.resource), (Some(0), "tokens"));
    assert_eq!((bucket.window_s, bucket.window_from), (Some(60), Some("math")));
}
