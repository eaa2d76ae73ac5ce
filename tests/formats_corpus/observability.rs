//! Observability: OTLP, exports of tracing products.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] =
    &[Sample { sample: "weave_calls.jsonl", expect: "weave_calls.json", overlook: &[] }];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
