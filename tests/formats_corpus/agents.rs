//! Session files and telemetry of coding agents.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample {
        sample: "claude_code_session.jsonl",
        expect: "claude_code_session.json",
        // "rate limit of 450,000 input tokens" is one on input tokens.
        overlook: &["error_kind"],
    },
    Sample {
        sample: "codex_rollout.jsonl",
        expect: "codex_rollout.json",
        // Ours are the values of the expected one, without their names.
        overlook: &["dedup_key"],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
