//! Gateways and proxies.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample { sample: "nginx_json.jsonl", expect: "nginx_json.json", overlook: &[] },
    Sample {
        sample: "litellm_standard_logging.jsonl",
        expect: "litellm_standard_logging.json",
        overlook: &[],
    },
    Sample { sample: "litellm_spend_logs.jsonl", expect: "litellm_spend_logs.json", overlook: &[] },
    Sample { sample: "caddy_access.jsonl", expect: "caddy_access.json", overlook: &[] },
    Sample { sample: "kong_ai_proxy.jsonl", expect: "kong_ai_proxy.json", overlook: &[] },
    Sample { sample: "azure_apim_llm.jsonl", expect: "azure_apim_llm.json", overlook: &[] },
    Sample { sample: "bedrock_invocation.jsonl", expect: "bedrock_invocation.json", overlook: &[] },
    Sample {
        sample: "litellm_client_headers.jsonl",
        expect: "litellm_client_headers.json",
        // LiteLLM's `x-litellm-key-*` headers state the key's budget and rates
        // too, which the expectation leaves out.
        overlook: &["more limits"],
    },
    Sample { sample: "nginx_combined.log", expect: "nginx_combined.json", overlook: &[] },
    Sample { sample: "nginx_combined_kv.log", expect: "nginx_combined_kv.json", overlook: &[] },
    Sample { sample: "nginx_error.log", expect: "nginx_error.json", overlook: &[] },
    Sample { sample: "haproxy_httplog.log", expect: "haproxy_httplog.json", overlook: &[] },
    Sample {
        sample: "envoy_access_default.log",
        expect: "envoy_access_default.json",
        overlook: &[],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
