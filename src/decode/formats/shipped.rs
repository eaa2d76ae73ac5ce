//! The maps that the program is shipped with, as they stand in `data/formats`: which
//! there are, and what is within a record. Of several that fit alike the first is taken.

macro_rules! shipped {
    ($file:literal) => {
        ($file, include_str!(concat!("../../../data/formats/", $file)))
    };
}

/// Formats of logs: name of the file, and its text.
pub(super) const LOGS: &[(&str, &str)] = &[
    shipped!("litellm-standard.toml"),
    shipped!("nginx-json.toml"),
    shipped!("headers.toml"),
    shipped!("curl.toml"),
    shipped!("curl-write-out.toml"),
    shipped!("header-json.toml"),
    shipped!("har.toml"),
    shipped!("claude-code.toml"),
    shipped!("codex.toml"),
    shipped!("claude-code-result.toml"),
    shipped!("anthropic-events.toml"),
    shipped!("gemini-cli-telemetry.toml"),
    shipped!("gemini-cli-chat.toml"),
    shipped!("gemini-cli-chat-patch.toml"),
    shipped!("gemini-cli-chat-document.toml"),
    shipped!("gemini-cli-result.toml"),
    shipped!("gemini-cli-output.toml"),
    shipped!("opencode.toml"),
    shipped!("bedrock.toml"),
    shipped!("weave.toml"),
    shipped!("langfuse.toml"),
    shipped!("langsmith.toml"),
    shipped!("caddy.toml"),
    shipped!("kong-ai.toml"),
    shipped!("litellm-spend.toml"),
    shipped!("azure-apim.toml"),
    shipped!("tracing-json.toml"),
    shipped!("litellm-stdout.toml"),
    shipped!("envoy-json.toml"),
    shipped!("apisix.toml"),
    shipped!("cloudflare-ai-gateway.toml"),
    shipped!("cloudflare-logpush.toml"),
    shipped!("portkey.toml"),
    shipped!("helicone.toml"),
    shipped!("helicone-webhook.toml"),
    shipped!("openrouter.toml"),
    shipped!("openrouter-activity.toml"),
    shipped!("ollama.toml"),
    shipped!("azure-openai.toml"),
    shipped!("azure-apim-table.toml"),
    shipped!("azure-openai-table.toml"),
    shipped!("vertex.toml"),
    shipped!("bifrost.toml"),
    shipped!("vercel-ai-gateway.toml"),
    shipped!("app-json.toml"),
    shipped!("prometheus.toml"),
    shipped!("nginx-combined.toml"),
    shipped!("nginx-error.toml"),
    shipped!("haproxy.toml"),
    shipped!("haproxy-json.toml"),
    shipped!("haproxy-show-stat.toml"),
    shipped!("envoy-text.toml"),
    shipped!("app-logfmt.toml"),
    shipped!("tracing-text.toml"),
    shipped!("sdk-python.toml"),
    shipped!("sdk-debug.toml"),
    shipped!("sdk-node.toml"),
    shipped!("uvicorn.toml"),
    shipped!("vllm.toml"),
    shipped!("otlp-genai-spans.toml"),
    shipped!("otlp-genai-logs.toml"),
    shipped!("otlp-litellm.toml"),
    shipped!("otlp-openinference.toml"),
    shipped!("otlp-langfuse.toml"),
    shipped!("otlp-claude-code.toml"),
    shipped!("otlp-claude-code-metrics.toml"),
    shipped!("otlp-metrics.toml"),
    shipped!("otlp-codex.toml"),
    shipped!("otlp-gemini-cli.toml"),
];

/// How the body of a response is read.
pub(super) const BODY: (&str, &str) = shipped!("response-body.toml");
/// How an object of token counts is read.
pub(super) const USAGE: (&str, &str) = shipped!("usage.toml");
