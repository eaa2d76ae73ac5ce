//! Reading goes on for months: once warm, a line must cost no allocation on its
//! way from bytes to judged state.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]

#[path = "support/allocations.rs"]
mod allocations;

use std::fmt::Write;
use std::sync::Arc;

use tripline::decode::{Formats, Texts};
use tripline::domain::{Batch, LineAt, Mono, Names, NanoUsd, Stamp, Wall};
use tripline::engine::{Engine, EngineSpec, Limits, SourceName};
use tripline::pricing::PriceTable;
use tripline::rules;
use tripline::source::{LineSink, Pipelines, SourceSpec};

/// Steps of growth that may fall on a thousand lines.
const GROWTH: u64 = 3;

/// 20 November 2026, a little after the newest line of the samples.
const NOW: Stamp =
    Stamp { mono: Mono(40_000_000_000_000_000), wall: Wall(1_795_188_000_000_000_000) };

#[test]
fn a_warm_pipeline_does_not_allocate_per_line() {
    for sample in ["nginx_json.jsonl", "litellm_standard_logging.jsonl"] {
        let lines = lines_of(sample, 175);
        let mut names = Names::default();
        let (mut sink, mut engine) = pipeline(&mut names);
        let (mut batch, mut effects) = (Batch::default(), Vec::new());
        let mut number = 0;
        let mut pass = |lines: &[String]| {
            let before = allocations::so_far();
            for line in lines {
                number += 1;
                let at = LineAt { number, offset: number * 1000, received: NOW.wall };
                sink.line(line.as_bytes(), at, &mut batch);
                if batch.items.len() >= Batch::FULL {
                    engine.apply(&batch, NOW, &mut effects);
                    effects.clear();
                    batch.clear();
                }
            }
            allocations::so_far() - before
        };
        let (cold, warm) = lines.split_at(lines.len() - 1000);
        assert!(pass(cold) > 0, "counting works");
        // The lists of calls to remember grow up to their bounds in doubling
        // steps; a cost of each line would show a thousand times.
        let spent = pass(warm);
        assert!(spent <= GROWTH, "{sample}: {spent} allocations in {} lines", warm.len());
    }
}

/// The lines of a sample `times` over, each pass as calls of its own.
fn lines_of(sample: &str, times: usize) -> Vec<String> {
    let path = format!("{}/tests/corpus/logs/samples/{sample}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut passes = Vec::new();
    for time in 0..times {
        let mut pass = String::new();
        for line in text.lines() {
            let id = format!("\"litellm_call_id\":\"{time:08}");
            writeln!(pass, "{}", line.replace("\"litellm_call_id\":\"", &id)).unwrap();
        }
        passes.push(pass);
    }
    passes.iter().flat_map(|pass| pass.lines().map(str::to_owned)).collect()
}

fn pipeline(names: &mut Names) -> (impl LineSink, Engine) {
    let shared = Pipelines {
        formats: Arc::new(Formats::builtin()),
        prices: PriceTable::builtin().into(),
        names: names.clone(),
        max_request_usd: NanoUsd::from_usd(1000),
        texts: Texts::Skip,
        key_salt: 1,
        host: "test".into(),
    };
    let sink = shared.of(&SourceSpec::default()).unwrap().pipeline();
    let spec = EngineSpec {
        prices_of: None,
        caps: Vec::new(),
        rules: rules::builtin(),
        limits: Limits::default(),
        timezone: jiff::tz::TimeZone::UTC,
        sources: vec![SourceName { name: "log".into(), kind: "file", ..SourceName::default() }],
    };
    let engine = Engine::new(spec, names.clone(), NOW);
    (sink, engine)
}
