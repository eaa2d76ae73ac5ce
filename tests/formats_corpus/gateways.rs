//! Gateways and proxies.

use std::sync::Arc;

use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, Names, Wall};

use crate::check::{Sample, check};
use crate::support::{Lines, at, corpus};

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
    Sample {
        sample: "azure_apim_llm.jsonl",
        expect: "azure_apim_llm.json",
        // The last error, which was not looked at there, names tokens.
        overlook: &["error_kind"],
    },
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

/// The format that takes each sample.
const FORMATS: &[(&str, &str)] = &[
    ("nginx_json.jsonl", "nginx-json"),
    ("litellm_standard_logging.jsonl", "litellm-standard"),
    ("litellm_spend_logs.jsonl", "litellm-spend"),
    ("litellm_json_logs_stdout.log", "litellm-stdout"),
    ("caddy_access.jsonl", "caddy"),
    ("kong_ai_proxy.jsonl", "kong-ai"),
    ("azure_apim_llm.jsonl", "azure-apim"),
    ("bedrock_invocation.jsonl", "bedrock"),
    ("apisix_logger.jsonl", "apisix"),
    ("envoy_ai_gateway.jsonl", "envoy-json"),
    ("cloudflare_ai_gateway_logs.jsonl", "cloudflare-ai-gateway"),
    ("cloudflare_logpush.jsonl", "cloudflare-logpush"),
    ("portkey_export.jsonl", "portkey"),
    ("helicone_webhook.jsonl", "helicone-webhook"),
    ("ollama_api_final_chunk.jsonl", "ollama"),
    ("openrouter_activity.jsonl", "openrouter-activity"),
];

#[test]
fn each_line_of_a_sample_is_taken_by_its_own_format() {
    let formats = Arc::new(Formats::builtin());
    for (sample, format) in FORMATS {
        let names = Names::default();
        for (number, line) in Lines::all(&corpus(&format!("logs/samples/{sample}"))) {
            if !line.starts_with(b"{") {
                continue;
            }
            // A line is told by itself, not by what came before it.
            let options = DecodeOptions::default();
            let mut decoder = Decoder::new(Arc::clone(&formats), &names, options).expect("decodes");
            let mut batch = Batch::default();
            decoder.line(line, at(1, number, Wall::from_secs(1_795_190_000)), &mut batch);
            assert_eq!(decoder.format(), Some(*format), "{sample} at {number}");
        }
    }
}

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
