//! Observability: OTLP, exports of tracing products.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample { sample: "weave_calls.jsonl", expect: "weave_calls.json", overlook: &[] },
    Sample {
        sample: "otlp_traces_openai_v2.jsonl",
        expect: "otlp_traces_openai_v2.json",
        // The expected spans are between times cut to microseconds.
        overlook: &["latency_ms"],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
