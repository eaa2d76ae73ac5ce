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
        sample: "litellm_json_logs_stdout.log",
        expect: "litellm_json_logs_stdout.json",
        overlook: &[],
    },
    Sample { sample: "apisix_logger.jsonl", expect: "apisix_logger.json", overlook: &[] },
    Sample { sample: "envoy_ai_gateway.jsonl", expect: "envoy_ai_gateway.json", overlook: &[] },
    Sample {
        sample: "cloudflare_ai_gateway_logs.jsonl",
        expect: "cloudflare_ai_gateway_logs.json",
        overlook: &[],
    },
    Sample { sample: "portkey_export.jsonl", expect: "portkey_export.json", overlook: &[] },
    Sample {
        sample: "ollama_api_final_chunk.jsonl",
        expect: "ollama_api_final_chunk.json",
        overlook: &[],
    },
    Sample {
        sample: "cloudflare_logpush.jsonl",
        expect: "cloudflare_logpush.json",
        // Without a time a call counts when it is read.
        overlook: &["at"],
    },
    Sample { sample: "helicone_webhook.jsonl", expect: "helicone_webhook.json", overlook: &["at"] },
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
