//! `tripline` itself, stage by stage.

use std::sync::Arc;

use tripline::decode::{Formats, Texts};
use tripline::domain::{
    Batch, Layer, Mono, Names, NanoUsd, Observation, Outcome, Resource, SourceId, Stamp, Wall,
};
use tripline::engine::{Engine, EngineSpec, Limits, SourceName};
use tripline::pricing::PriceTable;
use tripline::scan::{Found, PathsBuilder, Slot, scan_line};
use tripline::source::{Pipelines, SourceSpec, read_to_end};

use super::serde_reader::lines;
use super::truth::Truth;
use super::{Log, cpu};

const LEAN: &[&str] = &[
    "msec",
    "status",
    "request_time",
    "upstream_header_time",
    "uri",
    "openai_request_id",
    "limit_requests",
    "limit_tokens",
    "remaining_requests",
    "remaining_tokens",
    "reset_requests",
    "reset_tokens",
    "retry_after",
    "key_last4",
    "team",
];
const FAT: &[&str] = &[
    "id",
    "litellm_call_id",
    "status",
    "custom_llm_provider",
    "model",
    "startTime",
    "endTime",
    "completionStartTime",
    "response_cost",
    "prompt_tokens",
    "completion_tokens",
    "end_user",
    "metadata.user_api_key_alias",
    "metadata.user_api_key_team_alias",
    "metadata.user_api_key_request_route",
    "hidden_params.additional_headers.llm_provider-x-ratelimit-limit-requests",
    "hidden_params.additional_headers.llm_provider-x-ratelimit-limit-tokens",
    "hidden_params.additional_headers.llm_provider-x-ratelimit-remaining-requests",
    "hidden_params.additional_headers.llm_provider-x-ratelimit-remaining-tokens",
    "error_information.error_code",
];

pub fn scan_lean(log: &Log) -> u64 {
    scan(log, LEAN, "status", "remaining_tokens")
}

pub fn scan_fat(log: &Log) -> u64 {
    let left = "hidden_params.additional_headers.llm_provider-x-ratelimit-remaining-tokens";
    scan(log, FAT, "error_information.error_code", left)
}

/// The scanner alone, with the fields the reference reads.
fn scan(log: &Log, wanted: &[&str], status: &str, left: &str) -> u64 {
    let mut builder = PathsBuilder::new();
    let slots: Vec<Slot> = wanted.iter().map(|path| builder.add(path)).collect();
    let slot = |path: &str| {
        let mut both = wanted.iter().zip(&slots);
        both.find(|(known, _)| **known == path).map(|(_, slot)| *slot)
    };
    let (status, left) = (slot(status).unwrap(), slot(left).unwrap());
    let (input, output, cost) =
        (slot("prompt_tokens"), slot("completion_tokens"), slot("response_cost"));
    let (paths, mut found) = (builder.build(), Found::default());
    let before = cpu::own_ns();
    let mut truth = Truth::default();
    lines(log, |line| {
        let scan = scan_line(&paths, line, &mut found);
        let count =
            |slot: Option<Slot>| slot.and_then(|slot| scan.get(slot)?.as_u64()).unwrap_or(0);
        truth.requests += 1;
        truth.limited += u64::from(count(Some(status)) == 429);
        truth.tokens_left += count(Some(left));
        truth.input += count(input);
        truth.output += count(output);
        truth.cost += cost.and_then(|slot| scan.get(slot)?.as_decimal().ok()).unwrap_or(0);
    });
    let spent = cpu::own_ns() - before;
    assert_eq!(truth, log.truth, "scan of {}", log.name);
    spent
}

/// Reading, scanning, decoding and pricing; nobody takes what comes out.
pub fn decode(log: &Log) -> u64 {
    let (names, mut sink) = sinks();
    let mut truth = Truth::default();
    let before = cpu::own_ns();
    run(log, &mut sink, &mut |mut batch| {
        batch.items.iter().for_each(|item| add(&item.seen, &mut truth));
        batch.clear();
        batch
    });
    let spent = cpu::own_ns() - before;
    drop(names);
    assert_eq!(truth, log.truth, "decode of {}", log.name);
    spent
}

fn add(seen: &Observation, truth: &mut Truth) {
    match seen {
        Observation::Request { request, .. } => {
            truth.requests += 1;
            truth.limited += u64::from(request.outcome() == Outcome::RateLimited);
            truth.input += request.tokens.input.unwrap_or(0);
            truth.output += request.tokens.output.unwrap_or(0);
            truth.cost += request.cost.map_or(0, |cost| cost.usd.0);
        }
        Observation::Limit(limit)
            if limit.id.resource == Resource::Tokens && limit.id.layer != Layer::Gateway =>
        {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
            let left = limit.remaining.map_or(0, |left| left.as_f64() as u64);
            truth.tokens_left += left;
        }
        _ => {}
    }
}

/// All of it: what was decoded is counted and judged by the built-in rules, on
/// a clock that stands at the newest line, as when following a log.
pub fn whole(log: &Log) -> u64 {
    let (names, mut sinks) = sinks();
    let at = |read: u64| {
        let ms = log.start_ms + (read * log_ms(log)).checked_div(log.lines).unwrap_or(0);
        Stamp { mono: Mono(ms * 1_000_000), wall: Wall(i64::try_from(ms).unwrap() * 1_000_000) }
    };
    let spec = EngineSpec {
        prices_of: None,
        caps: Vec::new(),
        rules: tripline::rules::builtin(),
        limits: Limits::default(),
        timezone: jiff::tz::TimeZone::UTC,
        sources: vec![SourceName {
            name: log.name.to_owned(),
            kind: "file",
            ..SourceName::default()
        }],
    };
    let mut engine = Engine::new(spec, names, at(0));
    let mut effects = Vec::new();
    let mut next_tick = at(0).mono;
    let before = cpu::own_ns();
    run(log, &mut sinks, &mut |mut batch| {
        let now = at(batch.progress.lines);
        engine.apply(&batch, now, &mut effects);
        if now.mono >= next_tick {
            engine.tick(now, &mut effects);
            next_tick = now.mono.plus(engine.pulse(now.mono));
        }
        effects.clear();
        batch.clear();
        batch
    });
    let spent = cpu::own_ns() - before;
    let totals = engine.totals();
    let cost = totals.cost.0;
    let limited: u64 = log.truth.limited;
    let found = Truth {
        requests: totals.requests.unsigned_abs(),
        input: totals.input_tokens.unsigned_abs(),
        output: totals.output_tokens.unsigned_abs(),
        cost,
        limited,
        tokens_left: log.truth.tokens_left,
    };
    assert_eq!(found, log.truth, "the engine on {}", log.name);
    spent
}

fn log_ms(log: &Log) -> u64 {
    if log.name == "lean" { log.lines / super::RATE } else { log.lines }
}

fn sinks() -> (Names, Box<tripline::source::Sinks>) {
    let names = Names::default();
    let pipelines = Pipelines {
        formats: Arc::new(Formats::builtin()),
        prices: PriceTable::builtin().into(),
        names: names.clone(),
        max_request_usd: NanoUsd(1_000_000_000_000),
        texts: Texts::Skip,
        key_salt: 1,
        host: "bench".into(),
    };
    let recipe = pipelines.of(&SourceSpec::default()).unwrap();
    (names, Box::new(move |_, _| Box::new(recipe.pipeline())))
}

fn run(log: &Log, sinks: &mut tripline::source::Sinks, deliver: &mut dyn FnMut(Batch) -> Batch) {
    let now = Wall(i64::try_from(super::now_ms()).unwrap() * 1_000_000);
    read_to_end(
        SourceId(0),
        std::slice::from_ref(&log.path),
        &mut std::io::empty(),
        now,
        sinks,
        deliver,
    )
    .unwrap();
}
