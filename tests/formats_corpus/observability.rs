//! Observability: OTLP, exports of tracing products.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample { sample: "weave_calls.jsonl", expect: "weave_calls.json", overlook: &[] },
    Sample {
        sample: "langfuse_observations.jsonl",
        expect: "langfuse_observations.json",
        overlook: &[],
    },
    Sample {
        sample: "otlp_traces_openai_v2.jsonl",
        expect: "otlp_traces_openai_v2.json",
        // The expected spans are between times cut to microseconds.
        overlook: &["latency_ms"],
    },
    Sample {
        sample: "otlp_traces_openinference.jsonl",
        expect: "otlp_traces_openinference.json",
        // The answer as a whole stands in the span, with the id of the response; so do
        // the parameters of a call that failed and the name of an embedding's model.
        overlook: &["request_id", "dedup_key", "model", "latency_ms"],
    },
    Sample {
        sample: "otlp_traces_langfuse_sdk.jsonl",
        expect: "otlp_traces_langfuse_sdk.json",
        // The parts of the usage are there as well, if 0; and when the answer began, as a
        // text within text.
        overlook: &["cached_input_tokens", "reasoning_tokens", "ttft_ms"],
    },
    Sample {
        sample: "otlp_traces_litellm.jsonl",
        expect: "otlp_traces_litellm.json",
        // The messages say more than the status: requests per minute, a context too long.
        overlook: &["error_kind", "latency_ms"],
    },
    Sample {
        sample: "otlp_logs_claude_code.jsonl",
        expect: "otlp_logs_claude_code.json",
        overlook: &[],
    },
    Sample { sample: "otlp_logs_codex.jsonl", expect: "otlp_logs_codex.json", overlook: &[] },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
