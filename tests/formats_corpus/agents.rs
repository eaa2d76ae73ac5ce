//! Session files and telemetry of coding agents.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample {
        sample: "claude_code_session.jsonl",
        expect: "claude_code_session.json",
        overlook: &[],
    },
    Sample {
        sample: "codex_rollout.jsonl",
        expect: "codex_rollout.json",
        // Ours are the values of the expected one, without their names.
        overlook: &["dedup_key"],
    },
    Sample {
        sample: "gemini_cli_telemetry.log",
        expect: "gemini_cli_telemetry.json",
        overlook: &[],
    },
    Sample { sample: "anthropic_events.jsonl", expect: "anthropic_events.json", overlook: &[] },
    Sample { sample: "gemini_cli_chat.jsonl", expect: "gemini_cli_chat.json", overlook: &[] },
    Sample { sample: "opencode_messages.jsonl", expect: "opencode_messages.json", overlook: &[] },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
