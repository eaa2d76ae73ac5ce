//! How long one line takes, against a `serde_json` struct with the same fields.
//! `lean` is an nginx access line of about 440 bytes, `fat` a LiteLLM record of
//! about 14 KB.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use std::borrow::Cow;
use std::hint::black_box;
use tripline::scan::{Found, PathsBuilder, Slot, scan_line};

const LEAN: [&str; 11] = [
    "time",
    "status",
    "request_time",
    "uri",
    "limit_requests",
    "limit_tokens",
    "remaining_requests",
    "remaining_tokens",
    "reset_requests",
    "reset_tokens",
    "team",
];

const FAT: [&str; 12] = [
    "id",
    "model",
    "status",
    "startTime",
    "endTime",
    "response_cost",
    "prompt_tokens",
    "completion_tokens",
    "metadata.user_api_key_alias",
    "metadata.user_api_key_team_alias",
    "hidden_params.additional_headers",
    "error_information.error_code",
];

#[derive(Deserialize)]
#[allow(dead_code, reason = "measured, not read")]
struct Lean<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    status: Cow<'a, str>,
    request_time: Cow<'a, str>,
    uri: Cow<'a, str>,
    limit_requests: Cow<'a, str>,
    limit_tokens: Cow<'a, str>,
    remaining_requests: Cow<'a, str>,
    remaining_tokens: Cow<'a, str>,
    reset_requests: Cow<'a, str>,
    reset_tokens: Cow<'a, str>,
    team: Cow<'a, str>,
}

#[derive(Deserialize)]
#[allow(dead_code, non_snake_case, reason = "measured, not read")]
struct Fat<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    model: Cow<'a, str>,
    status: Cow<'a, str>,
    startTime: f64,
    endTime: f64,
    response_cost: f64,
    prompt_tokens: u64,
    completion_tokens: u64,
    metadata: Metadata<'a>,
    hidden_params: Hidden<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "measured, not read")]
struct Metadata<'a> {
    #[serde(borrow)]
    user_api_key_alias: Cow<'a, str>,
    user_api_key_team_alias: Cow<'a, str>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "measured, not read")]
struct Hidden<'a> {
    #[serde(borrow)]
    additional_headers: &'a serde_json::value::RawValue,
}

fn lean(number: usize) -> String {
    let (left, used) = (number % 500, number * 37 % 200_000);
    format!(
        concat!(
            r#"{{"time":"2026-11-20T15:11:17+00:00","msec":"1795187477.749","remote_addr":"127.0.0.1","#,
            r#""method":"POST","uri":"/v1/chat/completions","status":"200","bytes_sent":"1760","#,
            r#""request_time":"0.513","upstream_status":"200","upstream_cache_status":"","#,
            r#""limit_requests":"500","limit_tokens":"200000","remaining_requests":"{}","#,
            r#""remaining_tokens":"{}","reset_requests":"120ms","reset_tokens":"5ms","retry_after":"","#,
            r#""key_last4":"7Qm2","team":"payments-ml","limit_req":""}}"#
        ),
        left, used
    )
}

fn fat(number: usize) -> String {
    let text = "Please summarise the incident, then list \\\"next steps\\\" and owners.\\n"
        .repeat(20 + number % 5);
    let turn = format!(r#"{{"role":"user","content":"{text}","name":null}}"#);
    let headers = r#""x-ratelimit-limit-tokens":"200000","x-request-id":"req_1""#;
    format!(
        concat!(
            r#"{{"id":"chatcmpl-{}","status":"success","startTime":1795187236.293488,"endTime":1795187237.26,"#,
            r#""model":"openai/gpt-4o-mini","metadata":{{"user_api_key_alias":"payments-prod","spend":null,"#,
            r#""user_api_key_team_alias":"payments-ml","usage":{{"prompt_tokens":26,"details":[1,2,3]}}}},"#,
            r#""response_cost":2.91e-05,"prompt_tokens":26,"completion_tokens":42,"messages":[{}],"#,
            r#""response":{{"choices":[{}]}},"hidden_params":{{"cost":1,"additional_headers":{{{}}}}}}}"#
        ),
        number,
        [turn.as_str(); 6].join(","),
        [turn.as_str(); 3].join(","),
        headers
    )
}

fn scanner(paths: &[&str]) -> impl FnMut(&str) -> usize {
    let mut builder = PathsBuilder::new();
    let slots: Vec<Slot> = paths.iter().map(|path| builder.add(path)).collect();
    let (paths, mut found) = (builder.build(), Found::default());
    move |line| {
        let scan = scan_line(&paths, line.as_bytes(), &mut found);
        slots.iter().filter_map(|slot| scan.get(*slot)).map(|value| value.raw.len()).sum()
    }
}

fn measure(c: &mut Criterion) {
    for (name, line, paths) in
        [("lean", lean as fn(usize) -> String, &LEAN[..]), ("fat", fat, &FAT[..])]
    {
        let lines: Vec<String> = (0..200).map(line).collect();
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(lines.len() as u64));
        let mut scan = scanner(paths);
        group.bench_function("scan", |bench| {
            bench.iter(|| lines.iter().map(|line| scan(black_box(line))).sum::<usize>());
        });
        group.bench_function("serde_json", |bench| {
            bench.iter(|| {
                for line in &lines {
                    if name == "lean" {
                        let _ = black_box(serde_json::from_str::<Lean<'_>>(line));
                    } else {
                        let _ = black_box(serde_json::from_str::<Fat<'_>>(line));
                    }
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, measure);
criterion_main!(benches);
