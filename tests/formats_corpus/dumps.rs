//! Dumps of responses: curl, HAR, SDK debug logs.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample {
        sample: "curl_i_200.txt",
        expect: "curl_i_200.json",
        // The body says 0, which is a number, not an unknown.
        overlook: &["reasoning_tokens"],
    },
    Sample { sample: "curl_i_429.txt", expect: "curl_i_429.json", overlook: &[] },
    Sample {
        sample: "curl_i_anthropic_200.txt",
        expect: "curl_i_anthropic_200.json",
        // The body says 0 here as well.
        overlook: &["cache_write_tokens"],
    },
    Sample {
        sample: "curl_i_stream.txt",
        expect: "curl_i_stream.json",
        // As above.
        overlook: &["reasoning_tokens"],
    },
    Sample {
        sample: "curl_v_200.txt",
        expect: "curl_v_200.json",
        // As above.
        overlook: &["reasoning_tokens"],
    },
    Sample { sample: "curl_trace_ascii.txt", expect: "curl_trace_ascii.json", overlook: &[] },
    Sample { sample: "curl_D_appended.headers", expect: "curl_D_appended.json", overlook: &[] },
    Sample {
        sample: "curl_w_json.jsonl",
        expect: "curl_w_json.json",
        // There is none: a line counts when it is read.
        overlook: &["at"],
    },
    Sample {
        sample: "flows.har",
        expect: "flows.json",
        // The bodies say 0.
        overlook: &["cached_input_tokens", "reasoning_tokens"],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
