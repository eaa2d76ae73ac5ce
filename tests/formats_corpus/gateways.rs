//! Gateways and proxies.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample { sample: "nginx_json.jsonl", expect: "nginx_json.json", overlook: &[] },
    Sample {
        sample: "litellm_standard_logging.jsonl",
        expect: "litellm_standard_logging.json",
        overlook: &[],
    },
    Sample {
        sample: "litellm_client_headers.jsonl",
        expect: "litellm_client_headers.json",
        // LiteLLM's `x-litellm-key-*` headers state the key's budget and rates
        // too, which the expectation leaves out.
        overlook: &["more limits"],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
