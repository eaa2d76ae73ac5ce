//! Lines of gateways as other versions, other set-ups and bad days write them:
//! failures, refusals, cut streams, caches, retries and what is no call at all.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, Layer, Names, Observation, Wall};

use crate::support::at;
use crate::trace_variants::Read;

const NOW: Wall = Wall::from_secs(1_795_190_000);

/// What a line says, in words: its format, then what is known of each call.
pub fn said(line: &str) -> String {
    static BUILTIN: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let names = Names::default();
    let mut decoder =
        Decoder::new(Arc::clone(&BUILTIN), &names, DecodeOptions::default()).expect("decodes");
    let mut batch = Batch::default();
    decoder.line(line.as_bytes(), at(1, 0, NOW), &mut batch);
    decoder.finish(at(2, 0, NOW), &mut batch);
    let mut text = decoder.format().unwrap_or("none").to_owned();
    for item in &batch.items {
        match item.seen {
            Observation::Request { request, .. } => {
                let mut put = |name: &str, value: Option<String>| {
                    if let Some(value) = value {
                        let _ = write!(text, " {name}{value}");
                    }
                };
                let name = |sym: Option<_>| sym.map(|sym| names.text(sym).to_string());
                put("", name(request.provider));
                put("/", name(request.model));
                put("", request.status.map(|status| status.to_string()));
                put("", request.failure.kind.map(|kind| kind.word().to_owned()));
                let layer = request.failure.layer;
                put("by:", (layer != Layer::Unknown).then(|| layer.word().to_owned()));
                put("wait:", request.failure.retry_after_s.map(|s| s.to_string()));
                put("in:", request.tokens.input.map(|n| n.to_string()));
                put("out:", request.tokens.output.map(|n| n.to_string()));
                put("cached:", request.tokens.cached_input.map(|n| n.to_string()));
                put("write:", request.tokens.cache_write.map(|n| n.to_string()));
                put("think:", request.tokens.reasoning.map(|n| n.to_string()));
                put("nano:", request.cost.map(|cost| cost.usd.0.to_string()));
                put("ms:", request.timing.latency_ms.map(|ms| format!("{ms:.1}")));
                put("first:", request.timing.ttft_ms.map(|ms| format!("{ms:.1}")));
                put("try:", request.attempt.map(|n| n.to_string()));
                put("stream:", request.stream.map(|yes| yes.to_string()));
                put("hit:", request.cache_hit.map(|yes| yes.to_string()));
                put("key:", name(request.caller.key));
                put("team:", name(request.caller.team));
                put("user:", name(request.caller.user));
                put("env:", name(request.caller.environment));
                let end = request.at.0.div_euclid(1_000_000) - 1_795_187_000_000;
                put("end:", request.at_logged.then(|| end.to_string()));
            }
            Observation::Limit(limit) => {
                let left = limit.remaining.map_or("?".to_owned(), |left| left.to_string());
                let of = limit.limit.map_or("?".to_owned(), |of| of.to_string());
                let _ = write!(text, " [{} {left}/{of}]", limit.id.resource.word());
            }
            Observation::Ignored { reason } => {
                let _ = write!(text, " ignored:{reason}");
            }
            Observation::Quarantined { reason, .. } | Observation::Fault { reason, .. } => {
                let _ = write!(text, " {}", reason.word());
            }
            _ => text.push_str(" other"),
        }
    }
    text
}

pub fn check(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (line, expected) in rows {
        let line = line.replace('\n', "");
        let said = said(&line);
        if said != *expected {
            wrong.push(format!("{line}\n  says     {said}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn envoy_says_what_the_status_hides() {
    let flags = |flags: &str, status: u16| {
        said(&format!(
            r#"{{"start_time":"2026-11-20T15:11:17.000Z","method":"POST","path":"/v1/messages?x=1","response_code":{status},"response_flags":"{flags}","duration":400,"x-envoy-upstream-service-time":"132","upstream_request_attempt_count":2,"request_id":"r","authority":"llm"}}"#
        ))
    };
    for (flag, status, expected) in [
        ("-", 200, "200 ms"),
        ("UPE", 200, "200 stream_interrupted ms"),
        ("UT", 504, "504 timeout ms"),
        ("UF,URX", 503, "503 connection ms"),
        ("URX", 503, "503 unavailable ms"),
        ("URX", 429, "429 rate_limit ms"),
        ("RL", 429, "429 rate_limit by:gateway ms"),
        ("UO", 503, "503 overloaded by:gateway ms"),
        ("NR", 404, "404 not_found by:gateway ms"),
        ("DC", 0, "client_closed ms"),
        ("DC", 200, "200 client_closed ms"),
    ] {
        let expected = expected.replace("ms", "ms:400.0 first:132.0 try:2 end:477400");
        assert_eq!(flags(flag, status), format!("envoy-json anthropic {expected}"), "{flag}");
    }
    check(&[
        (
            // An operator's own keys, one with a header of the provider.
            r#"{"start_time":"2026-11-20T15:11:17.000Z","response_code":"429","response_flags":"-","duration":"38",
"x-ratelimit-limit-requests":"500","x-ratelimit-remaining-requests":"0","retry-after":"2",":path":"/v1/chat/completions",
"upstream_cluster":"openai","team":"web","llm_model":"gpt-4o","upstream_request_attempt_count":"0"}"#,
            "envoy-json /gpt-4o 429 rate_limit_requests wait:2 ms:38.0 team:web end:477038 [requests 0/500]",
        ),
        (
            r#"{"start_time":"2026-11-20T15:11:17Z","response_code":200,"duration":900,"gen_ai.provider.name":"aws.bedrock",
"gen_ai.request.model":"claude-sonnet-4-5","gen_ai.usage.input_tokens":"120","gen_ai.usage.cached_input_tokens":"100",
"gen_ai.usage.output_tokens":"7","response_duration":300}"#,
            "envoy-json bedrock /claude-sonnet-4-5 200 in:120 out:7 cached:100 ms:900.0 first:300.0 end:477900",
        ),
    ]);
}

#[test]
fn apisix_writes_numbers_as_text_and_its_variables_as_fields() {
    check(&[
        (
            // A refusal of its own: no upstream, no summary.
            r#"{"start_time":1795187477000,"latency":3,"apisix_latency":3,"route_id":"llm","request":{"uri":"/llm?x=1","headers":{}},
"response":{"status":429,"headers":{"retry-after":"30"}},"consumer":{"username":"web"}}"#,
            "apisix 429 rate_limit by:gateway wait:30 ms:3.0 key:web end:477003",
        ),
        (
            r#"{"@timestamp":"2026-11-20T15:11:17Z","status":"200","request_time":"2.210","apisix_upstream_response_time":"2204","request_type":"ai_stream",
"llm_time_to_first_token":"391","request_llm_model":"gpt-4o","llm_model":"gpt-4o-2024-08-06","llm_prompt_tokens":"1981","llm_completion_tokens":"54","uri":"/v1/chat/completions"}"#,
            "apisix /gpt-4o-2024-08-06 200 in:1981 out:54 ms:2210.0 first:391.0 stream:true end:477000",
        ),
        (
            // Older releases give seconds there: it is not read.
            r#"{"@timestamp":"2026-11-20T15:11:17Z","status":"500","request_time":"0.035","apisix_upstream_response_time":"0.035","request_type":"ai_chat",
"llm_time_to_first_token":"0","request_llm_model":"gpt-4o","llm_model":"","llm_prompt_tokens":"0","llm_completion_tokens":"0","uri":"/v1/chat/completions"}"#,
            "apisix /gpt-4o 500 server_error in:0 out:0 ms:35.0 stream:false end:477000",
        ),
    ]);
}

#[test]
fn cloudflare_tells_by_columns() {
    check(&[
        (
            r#"{"id":"a","created_at":"2026-11-20T15:11:17.250Z","provider":"workers-ai","model":"@cf/meta/llama","model_type":"","path":"run","duration":10,
"status_code":429,"success":false,"cached":false,"tokens_in":null,"tokens_out":null,"cost":null,"metadata":{"team":"t","user_id":7},"step":2}"#,
            "cloudflare-ai-gateway cloudflare /@cf/meta/llama 429 rate_limit ms:10.0 try:3 hit:false team:t user:7 end:477250",
        ),
        (
            r#"{"id":"a","created_at":"2026-11-20 15:11:17","provider":"openai","model":"gpt-4o","path":"chat/completions","duration":10,
"status_code":0,"success":false,"cached":false,"tokens_in":0,"tokens_out":0,"cost":0,"metadata":null,"step":0}"#,
            "cloudflare-ai-gateway openai /gpt-4o error in:0 out:0 nano:0 ms:10.0 try:1 hit:false end:477000",
        ),
        (
            // It knows no price for this model.
            r#"{"id":"b","created_at":"2026-11-20 15:11:17","provider":"openai","model":"gpt-4o","path":"chat/completions","duration":10,
"status_code":200,"success":true,"cached":false,"tokens_in":9,"tokens_out":1,"cost":0.0,"metadata":null,"step":0}"#,
            "cloudflare-ai-gateway openai /gpt-4o 200 in:9 out:1 ms:10.0 try:1 hit:false end:477000",
        ),
        (
            r#"{"Cached":false,"Endpoint":"run","Gateway":"g","Model":"m","Provider":"openai","RateLimited":true,"StatusCode":429}"#,
            "cloudflare-logpush openai /m 429 rate_limit by:gateway hit:false",
        ),
    ]);
}

#[test]
fn portkey_counts_in_cents_and_keeps_bodies() {
    check(&[
        (
            r#"{"id":"a","created_at":"2026-11-20T15:11:17.000Z","ai_org":"openai","ai_model":"gpt-4o","req_units":100,"res_units":5,"cost":0.000125,
"response_time":812,"response_status_code":200,"is_success":true,"cache_status":"SEMANTIC HIT","metadata":null,
"response":{"status":200,"body":{"usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":64}}}}}"#,
            "portkey openai /gpt-4o 200 in:100 out:5 cached:64 nano:1250 ms:812.0 hit:true end:477000",
        ),
        (
            r#"{"id":"a","created_at":"2026-11-20T15:11:17.000Z","ai_org":"openai","ai_model":"gpt-4o","req_units":0,"res_units":0,"cost":0,"response_time":36,
"response_status_code":429,"is_success":false,"response":{"headers":{"retry-after":"7"},"body":{"error":{"message":"Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.","code":"rate_limit_exceeded"}}}}"#,
            "portkey openai /gpt-4o 429 rate_limit_tokens by:upstream wait:7 in:0 out:0 nano:0 ms:36.0 end:477000",
        ),
        (
            // No answer at all.
            r#"{"id":"a","created_at":"2026-11-20T15:11:17.000Z","ai_org":"openai","ai_model":"gpt-4o","req_units":0,"res_units":0,"cost":0,"response_time":36,
"response_status_code":null,"is_success":false}"#,
            "portkey openai /gpt-4o error in:0 out:0 nano:0 ms:36.0 end:477000",
        ),
    ]);
}

#[test]
fn helicone_has_statuses_below_zero() {
    let row = |status: i32, cost: &str| {
        said(&format!(
            r#"{{"request_id":"r","request_created_at":"2026-11-20T15:11:17.000Z","response_status":{status},"provider":"ANTHROPIC","response_model":"claude-sonnet-4-5","request_path":"https://api.anthropic.com/v1/messages","prompt_tokens":10,"completion_tokens":5,"prompt_cache_read_tokens":90,"prompt_cache_write_tokens":0,"cost":{cost},"delay_ms":2210,"time_to_first_token":391,"request_user_id":"u","request_properties":{{"Environment":"prod"}}}}"#
        ))
    };
    let tail = "in:100 out:5 cached:90 write:0 nano:2000000 ms:2210.0 first:391.0 user:u env:prod end:479210";
    let told = |status: &str| format!("helicone anthropic /claude-sonnet-4-5 {status} {tail}");
    assert_eq!(row(200, "0.002"), told("200"));
    assert_eq!(row(529, "0.002"), told("529 overloaded"));
    assert_eq!(row(-3, "0.002"), told("cancelled"));
    assert_eq!(row(-4, "0.002"), told("content_filter"));
    assert_eq!(row(-2, "null"), "helicone ignored:other_record");
    // What was spent counts.
    assert!(row(-2, "0.002").contains("nano:2000000"));
    check(&[
        (
            r#"{"request_id":"r","request_response_url":"https://x","request_body":"{}","response_body":"{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"You exceeded your current quota\"}}","model":"gpt-4o","provider":"OPENAI","metadata":{"latencyMs":36}}"#,
            "helicone-webhook openai /gpt-4o quota_exhausted ms:36.0",
        ),
        (
            // Without the bodies.
            r#"{"request_id":"r","request_response_url":"https://x","model":"gpt-4o","provider":"OPENAI","metadata":{"cost":0.5,"promptTokens":1,"completionTokens":2,"latencyMs":36}}"#,
            "helicone-webhook openai /gpt-4o 200 in:1 out:2 nano:500000000 ms:36.0",
        ),
    ]);
}

#[test]
fn generations_of_openrouter_and_vercel() {
    check(&[
        (
            r#"{"data":{"id":"gen-1","created_at":"2026-11-20T15:11:17.000Z","model":"openai/gpt-4o","provider_name":"OpenAI","streamed":true,"cancelled":false,"total_cost":0.0015,
"native_tokens_prompt":100,"native_tokens_completion":20,"native_tokens_reasoning":8,"native_tokens_cached":64,"tokens_prompt":90,"tokens_completion":19,
"latency":300,"generation_time":900,"finish_reason":"stop","external_user":"u","provider_responses":[{"provider_name":"Azure","status":429},{"provider_name":"OpenAI","status":200}]}}"#,
            "openrouter openai /openai/gpt-4o 200 in:100 out:20 cached:64 think:8 nano:1500000 ms:1200.0 first:300.0 stream:true user:u end:477000",
        ),
        (
            r#"{"data":{"id":"gen-1","created_at":"2026-11-20T15:11:17.000Z","model":"openai/gpt-4o","provider_name":"OpenAI","streamed":true,"cancelled":true,"total_cost":0.0015,
"native_tokens_prompt":100,"native_tokens_completion":2,"latency":300,"generation_time":90}}"#,
            "openrouter openai /openai/gpt-4o cancelled in:100 out:2 nano:1500000 ms:390.0 first:300.0 stream:true end:477000",
        ),
        (
            r#"{"date":"2026-11-20","model":"openai/gpt-4o-mini","model_permaslug":"openai/gpt-4o-mini","endpoint_id":"e","provider_name":"OpenAI","usage":1.234,"requests":8123,"prompt_tokens":1812345,"completion_tokens":401222}"#,
            "openrouter-activity ignored:other_record",
        ),
        (
            r#"{"timestamp":"2026-11-20T15:11:17.000Z","usage":{"inputTokens":26,"outputTokens":42,"cachedInputTokens":0,"reasoningTokens":null},"finishReason":"stop",
"providerMetadata":{"gateway":{"routing":{"originalModelId":"openai/gpt-4o-mini","finalProvider":"openai"},"cost":"0.0000291","generationId":"gen_1"}},"response":{"modelId":"openai/gpt-4o-mini"}}"#,
            "vercel-ai-gateway openai /openai/gpt-4o-mini 200 in:26 out:42 cached:0 nano:29100 end:477000",
        ),
    ]);
}

#[test]
fn ollama_counts_its_last_chunk_alone() {
    check(&[
        (
            // The prompt was in the cache.
            r#"{"model":"m","created_at":"2026-11-20T15:11:17Z","response":"","done":true,"done_reason":"length","context":[1,2],"total_duration":1500000000,"load_duration":1000000,"eval_count":9,"eval_duration":1400000000}"#,
            "ollama ollama /m 200 out:9 ms:1500.0 first:1.0 end:477000",
        ),
        (
            r#"{"model":"m","created_at":"2026-11-20T15:11:17Z","response":"x","done":false}"#,
            "ollama ignored:other_record",
        ),
        (
            r#"{"model":"m","created_at":"2026-11-20T15:11:17Z","message":{"role":"assistant","content":""},"done_reason":"load","done":true}"#,
            "ollama ignored:other_record",
        ),
        (
            r#"{"model":"m","embeddings":[[0.1]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}"#,
            "ollama ollama /m 200 in:8 ms:14.1",
        ),
    ]);
}

#[test]
fn clouds_hide_their_records_in_strings() {
    check(&[
        (
            r#"{"time":"2026-11-20T15:11:17.0000000Z","resourceId":"/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/AOAI-SWC","category":"RequestResponse","operationName":"ChatCompletions_Create","durationMs":812,"callerIPAddress":"10.0.3.***","correlationId":"c","resultSignature":"429",
"properties":"{\"apiName\":\"Azure OpenAI API version 2024-10-21\",\"streamType\":\"Non-Streaming\",\"modelDeploymentName\":\"prod-mini\",\"modelName\":\"gpt-4o-mini\"}"}"#,
            "azure-openai azure /gpt-4o-mini 429 rate_limit ms:812.0 stream:false end:477812",
        ),
        (
            r#"{"logging_time":"2026-11-20 15:11:17.500000 UTC","endpoint":"projects/p/locations/l/publishers/google/models/gemini-2.5-flash","api_method":"streamGenerateContent","request_id":"12","metadata":"{\"request_latency\":812.5}",
"full_request":"{\"labels\":{\"team\":\"web\",\"env\":\"prod\"}}","full_response":"{\"modelVersion\":\"gemini-2.5-flash\",\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":100,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":60,\"cachedContentTokenCount\":64}}"}"#,
            "vertex vertex_ai /gemini-2.5-flash 200 in:100 out:65 cached:64 think:60 ms:812.5 stream:true team:web env:prod end:477500",
        ),
        (
            r#"{"logging_time":"2026-11-20 15:11:17.500000 UTC","endpoint":"projects/p/locations/l/publishers/google/models/gemini-2.5-flash","request_id":"12","metadata":"{\"request_latency\":30}",
"full_response":"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"Resource exhausted\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"21s\"}]}}"}"#,
            "vertex vertex_ai /gemini-2.5-flash 429 rate_limit wait:21 ms:30.0 end:477500",
        ),
        (
            r#"{"timestamp":"2026-11-20T15:11:17Z","accountId":"1","requestId":"r","operation":"ConverseStream","modelId":"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0","schemaType":"ModelInvocationLog",
"input":{"inputTokenCount":10,"cacheReadInputTokenCount":90,"cacheWriteInputTokenCount":5},"output":{"outputTokenCount":7,"outputBodyJson":[{"messageStop":{"stopReason":"end_turn"}},{"metadata":{"metrics":{"latencyMs":640}}}]}}"#,
            "bedrock bedrock /us.anthropic.claude-sonnet-4-5-20250929-v1:0 200 in:105 out:7 cached:90 write:5 ms:640.0 stream:true end:477000",
        ),
        (
            r#"{"timestamp":"2026-11-20T15:11:17Z","accountId":"1","requestId":"r","operation":"Converse","modelId":"amazon.nova-pro-v1:0","schemaType":"ModelInvocationLog","input":{"inputTokenCount":1},"output":{"outputTokenCount":2,"outputBodyJson":{"metrics":{"latencyMs":55},"stopReason":"end_turn"}}}"#,
            "bedrock bedrock /amazon.nova-pro-v1:0 200 in:1 out:2 ms:55.0 stream:false end:477000",
        ),
        (
            r#"{"timestamp":"2026-11-20T15:11:17Z","accountId":"1","requestId":"r","operation":"Converse","modelId":"m","schemaType":"ModelInvocationLog","errorCode":"ServiceQuotaExceededException"}"#,
            "bedrock bedrock /m 400 quota_exhausted stream:false end:477000",
        ),
        (
            r#"{"timestamp":"2026-11-20T15:11:17Z","accountId":"1","requestId":"r","operation":"Converse","modelId":"m","schemaType":"ModelInvocationLog","errorCode":"ModelErrorException"}"#,
            "bedrock bedrock /m 424 server_error stream:false end:477000",
        ),
    ]);
}

#[test]
fn gateways_of_many_versions() {
    check(&[
        (
            // Kong before its plugins shared a name; refused by a plugin.
            r#"{"ai":{"ai-proxy":{"meta":{"provider_name":"openai","request_model":"gpt-4","response_model":"gpt-4-0613"},"usage":{"prompt_tokens":26,"completion_tokens":42,"cost":0.00338}}},"latencies":{"request":1494},"request":{"uri":"/chat","headers":{}},"response":{"status":200,"headers":{}},"upstream_status":"200","started_at":1795187477000}"#,
            "kong-ai openai /gpt-4-0613 200 in:26 out:42 nano:3380000 ms:1494.0 end:478494",
        ),
        (
            r#"{"latencies":{"request":2,"kong":2,"proxy":-1},"request":{"uri":"/chat","headers":{}},"response":{"status":429,"headers":{"retry-after":"13"}},"upstream_uri":"/","started_at":1795187477000,"consumer":{"username":"web"}}"#,
            "kong-ai 429 rate_limit by:gateway wait:13 ms:2.0 key:web team:web end:477002",
        ),
        (
            r#"{"id":"b","timestamp":"2026-11-20T15:11:17.000Z","object":"chat.completion","provider":"openai","model":"gpt-4o","number_of_retries":1,"fallback_index":0,"status":"error","latency":36.5,"virtual_key_name":"web","error_details":"{\"is_bifrost_error\":false,\"status_code\":429,\"error\":{\"type\":\"requests\",\"code\":\"rate_limit_exceeded\",\"message\":\"Rate limit reached\"}}"}"#,
            "bifrost openai /gpt-4o 429 rate_limit by:upstream ms:36.5 try:2 key:web end:477036",
        ),
        (
            r#"{"id":"b","timestamp":"2026-11-20T15:11:17.000Z","object":"chat.completion","provider":"openai","model":"gpt-4o","number_of_retries":0,"fallback_index":0,"status":"success","latency":812,"cost":0.5,"stream":true,"token_usage":"{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":64}}"}"#,
            "bifrost openai /gpt-4o 200 in:100 out:5 cached:64 nano:500000000 ms:812.0 try:1 stream:true end:477812",
        ),
        (
            r#"{"id":"b","timestamp":"2026-11-20T15:11:17.000Z","object":"chat.completion","provider":"openai","model":"gpt-4o","number_of_retries":0,"fallback_index":0,"status":"processing","cost":0}"#,
            "bifrost ignored:other_record",
        ),
        (
            // A row of the API, of a version without a status.
            r#"{"request_id":"r","call_type":"acompletion","api_key":"0de476ee5299","spend":0.5,"total_tokens":3,"prompt_tokens":1,"completion_tokens":2,"startTime":"2026-11-20T15:11:16Z","endTime":"2026-11-20T15:11:17Z","model":"gpt-4o","model_group":null,"metadata":{"user_api_key_alias":null,"error_information":null},"request_tags":["env:prod"],"cache_hit":"True","end_user":null,"custom_llm_provider":null}"#,
            "litellm-spend /gpt-4o 200 in:1 out:2 nano:500000000 ms:1000.0 hit:true key:0de476ee env:prod end:477000",
        ),
        (
            r#"{"request_id":"r","call_type":"acompletion","api_key":"0de476ee5299","spend":0,"prompt_tokens":0,"completion_tokens":0,"startTime":"2026-11-20T15:11:16Z","endTime":"2026-11-20T15:11:17Z","model":"gpt-4o","metadata":{"status":"failure","error_information":{"error_code":"","error_class":"BudgetExceededError","error_message":"Budget has been exceeded!"}}}"#,
            "litellm-spend /gpt-4o budget_exceeded by:gateway in:0 out:0 nano:0 ms:1000.0 key:0de476ee end:477000",
        ),
        (
            // Durations as text, times as ISO 8601, headers of requests left out.
            r#"{"level":"info","ts":"2026-11-20T15:11:17.000Z","logger":"http.log.access","msg":"handled request","request":{"proto":"HTTP/2.0","method":"POST","uri":"/v1/chat/completions"},"duration":"725.4ms","status":200,"resp_headers":{"X-Ratelimit-Limit-Tokens":["200000"],"X-Ratelimit-Remaining-Tokens":["1"],"Set-Cookie":[]}}"#,
            "caddy 200 ms:725.4 end:477000 [tokens 1/200000]",
        ),
        (
            r#"{"level":"info","ts":1795187477.5,"logger":"http.log.access","request":{"proto":"HTTP/2.0","method":"POST","uri":"/v1/chat/completions","headers":{}},"duration":0.5,"status":0}"#,
            "caddy client_closed ms:500.0 end:477500",
        ),
        (
            r#"{"level":"error","ts":1795187477.5,"logger":"http.log.error","msg":"dial tcp: connection refused","request":{"proto":"HTTP/2.0","uri":"/v1/x"},"duration":0.5,"status":502,"err_id":"x","err_trace":"reverseproxy.statusError"}"#,
            "caddy ignored:other_record",
        ),
    ]);
}

#[test]
fn kong_knows_prices_only_where_they_are_configured() {
    let kong = |tokens: u64, cost: &str| {
        said(&format!(
            r#"{{"latencies":{{"request":812}},"started_at":1795187477000,"response":{{"status":200}},"ai":{{"proxy":{{
"meta":{{"provider_name":"openai","response_model":"gpt-4o"}},"usage":{{"prompt_tokens":{tokens},"completion_tokens":0,"total_tokens":{tokens},"cost":{cost}}}}}}}}}"#
        ).replace('\n', ""))
    };
    let with = |cost: &str| {
        format!("kong-ai openai /gpt-4o 200 in:260000 out:0{cost} ms:812.0 end:477812")
    };
    assert_eq!(kong(260_000, "0"), with(""));
    assert_eq!(kong(260_000, "0.0"), with(""));
    assert_eq!(kong(260_000, "0.65"), with(" nano:650000000"));
    assert!(kong(0, "0").contains(" nano:0 "));
}

#[test]
fn who_called_bedrock_is_known_of_roles_and_of_users() {
    for (arn, key) in [
        ("arn:aws:sts::1:assumed-role/gateway/i-07", "gateway"),
        ("arn:aws:iam::1:user/bob", "bob"),
        ("arn:aws:iam::1:user/ops/eu/bob", "bob"),
    ] {
        let line = format!(
            r#"{{"timestamp":"2026-11-20T15:11:17Z","accountId":"1","requestId":"r","operation":"Converse","modelId":"m","schemaType":"ModelInvocationLog","identity":{{"arn":"{arn}"}}}}"#
        );
        assert!(said(&line).contains(&format!(" key:{key} ")), "{arn}: {}", said(&line));
    }
}

#[test]
fn tokens_counted_apart_are_part_of_the_whole() {
    let body = |body: &str| {
        let line =
            format!(r#"{{"at":"2026-11-20T15:11:17Z","status":200,"headers":{{}},"body":{body}}}"#);
        let said = said(&line);
        said.split_whitespace()
            .filter(|word| word.contains(':') && !word.starts_with("end"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (usage, tokens) in [
        // xAI counts what it reasoned neither in the completion nor in any input.
        (
            r#"{"usage":{"prompt_tokens":140,"completion_tokens":9,"total_tokens":259,"completion_tokens_details":{"reasoning_tokens":110}}}"#,
            "in:140 out:119 think:110",
        ),
        (
            r#"{"usage":{"prompt_tokens":140,"completion_tokens":200,"total_tokens":450,"completion_tokens_details":{"reasoning_tokens":110}}}"#,
            "in:140 out:310 think:110",
        ),
        (
            r#"{"usage":{"prompt_tokens":140,"completion_tokens":200,"total_tokens":340,"completion_tokens_details":{"reasoning_tokens":110}}}"#,
            "in:140 out:200 think:110",
        ),
        (
            r#"{"usage":{"prompt_tokens":140,"completion_tokens":9,"total_tokens":149,"prompt_cache_hit_tokens":128,"prompt_cache_miss_tokens":12}}"#,
            "in:140 out:9 cached:128",
        ),
        (
            r#"{"usageMetadata":{"promptTokenCount":100,"toolUsePromptTokenCount":3000,"candidatesTokenCount":5,"thoughtsTokenCount":60}}"#,
            "in:3100 out:65 think:60",
        ),
    ] {
        assert_eq!(body(usage), tokens, "{usage}");
    }
}

#[test]
fn what_weave_traces_around_a_call_is_not_another() {
    let call = |op: &str, output: &str| {
        let said = said(&format!(
            r#"{{"id":"a","op_name":"weave:///acme/p/op/{op}:x","trace_id":"t","parent_id":null,"started_at":"2026-11-20T15:11:17Z",
"ended_at":"2026-11-20T15:11:18Z","exception":null,"output":{output},"summary":{{"usage":{{"gpt-4o":{{"prompt_tokens":26,"completion_tokens":42}}}}}}}}"#
        ).replace('\n', ""));
        said.contains("in:26 out:42")
    };
    assert!(call("openai.chat.completions.create", "null"));
    assert!(call("my_own_client", r#"{"model":"gpt-4o","usage":{"prompt_tokens":26}}"#));
    assert!(!call("answer_question", "\"because\""));
    assert!(!call("langchain.Chain.RunnableSequence", r#"{"text":"because"}"#));
}

#[test]
fn what_haproxy_captured_is_read_in_the_order_that_is_told_or_not_at_all() {
    let with = |captured: &str| {
        said(&format!(
            r#"1.2.3.4:5 [20/Nov/2026:15:11:17.000] llm openai/a 0/0/1/10/20 200 16 - - ---- 1/1/0/0/0 0/0 {captured}"POST /v1/chat/completions HTTP/1.1""#
        ))
    };
    let call = |team: &str, limits: &str| {
        format!("haproxy 200 ms:20.0 first:11.0{team} end:477020{limits}")
    };
    for (captured, team, limits) in [
        ("{web} {9|90|req_1} ", " team:web", " [requests 9/?] [tokens 90/?]"),
        ("{web|x} {9|90|req_1|y} ", " team:web", " [requests 9/?] [tokens 90/?]"),
        // No request header is captured.
        ("{9|90|req_1} ", "", " [requests 9/?] [tokens 90/?]"),
        ("{web} {||} ", " team:web", ""),
        ("", "", ""),
        // Another order: limits are not what is left.
        ("{web} {9|500|90|2000} ", "", ""),
        ("{500|9|2000|90|1} ", "", ""),
    ] {
        assert_eq!(with(captured), call(team, limits), "{captured}");
    }
}

#[test]
fn apaches_virtual_host_may_stand_in_front() {
    check(&[(
        r#"llm.example.com:443 10.0.0.1 - - [20/Nov/2026:15:11:17 +0000] "POST /v1/responses HTTP/1.1" 502 12 "-" "x""#,
        "nginx-combined 502 bad_gateway end:477000",
    )]);
}

#[test]
fn kongs_own_refusals_have_no_upstream() {
    check(&[
        (
            r#"{"request":{"id":"a","uri":"/openai","method":"POST"},"tries":[],"response":{"status":429,
"headers":{"x-ratelimit-limit-minute":"5","x-ratelimit-remaining-minute":"0","retry-after":"42"}},
"latencies":{"request":3,"kong":3,"proxy":-1},"started_at":1795187477236,"consumer":{"username":"web"}}"#,
            "kong-ai 429 rate_limit_requests by:gateway wait:42 ms:3.0 key:web team:web end:477239 [requests 0/5]",
        ),
        (
            r#"{"request":{"id":"b","uri":"/v1/chat/completions"},"tries":[{"state":"failed","code":502}],"response":{"status":502,"headers":{}},
"latencies":{"request":3003,"kong":3,"proxy":3000},"started_at":1795187477236,"upstream_status":""}"#,
            "kong-ai 502 bad_gateway ms:3003.0 end:480239",
        ),
        (
            // Kong is a gateway of other APIs, too.
            r#"{"request":{"id":"c","uri":"/shop"},"response":{"status":200,"headers":{}},"latencies":{"request":3,"kong":3,"proxy":1},"started_at":1795187477236}"#,
            "kong-ai ignored:not_a_call",
        ),
    ]);
}

#[test]
fn a_status_that_is_none_is_no_success() {
    let app = |status: &str, more: &str| {
        said(&format!(
            r#"{{"ts":"2026-11-20T15:11:17Z","model":"m","latency_ms":9,"status":{status}{more}}}"#
        ))
    };
    let mut wrong = Vec::new();
    for (status, more, expected) in [
        ("0", "", "connection"),
        (r#""000""#, "", "connection"),
        ("-1", "", "connection"),
        ("0", r#","error":"Request timed out.""#, "timeout"),
        // A program's own status of a call that was answered.
        ("0", r#","input_tokens":1,"output_tokens":2"#, "in:1 out:2"),
        (r#""success""#, "", ""),
        (r#""completed""#, "", ""),
        ("0", r#","input_tokens":50,"success":true"#, "in:50"),
        // A success in so many words outranks a status that is none.
        ("0", r#","success":true"#, ""),
        ("0", r#","ok":1"#, ""),
        ("-1", r#","is_error":false"#, ""),
        ("0", r#","outcome":"completed""#, ""),
        ("0", r#","success":false"#, "error"),
        ("0", r#","success":true,"error":"Connection reset by peer""#, "connection"),
        ("200", r#","success":false"#, "200 error"),
        (r#""4xx""#, "", "error"),
        (r#""5xx""#, "", "server_error"),
        (r#""2xx""#, "", ""),
        ("false", "", "error"),
        ("true", "", ""),
        (r#""blocked""#, "", "error"),
        (r#""killed""#, "", "cancelled"),
        (r#""aborted""#, "", "cancelled"),
        (r#""expired""#, "", "timeout"),
        (r#""refused""#, "", "error"),
        (r#""denied""#, "", "permission"),
        (r#""throttled""#, "", "rate_limit"),
        ("200", r#","exc_info":"NoneType: None""#, "200"),
        ("200", r#","error":"No error""#, "200"),
        ("200", r#","error":false,"err":"nil","exception":{}"#, "200"),
        ("200", r#","error_code":"0000""#, "200"),
        ("200", r#","error_code":"SUCCESS","error_message":"ok""#, "200"),
        ("200", r#","error":{"code":0,"message":"","details":[]}"#, "200"),
        ("200", r#","error":{"code":0,"message":"boom"}"#, "200 error"),
        ("200", r#","error_code":"E0000""#, "200 error"),
        // What nobody knows is no success, unless something shows an answer; and is seen.
        ("1000", "", "error status_unreadable"),
        (r#""teapot""#, "", "error status_unreadable"),
        (r#""E1042""#, "", "error status_unreadable"),
        (r#""Exceeded""#, r#","input_tokens":50"#, "error in:50 status_unreadable"),
        (r#""teapot""#, r#","output_tokens":50"#, "out:50 status_unreadable"),
        (r#""teapot""#, r#","success":true"#, ""),
        (r#""teapot""#, r#","outcome":"rate_limited""#, "rate_limit status_unreadable"),
        (r#""teapot""#, r#","error":"Error code: 429 - slow down""#, "429 rate_limit"),
        (r#""QUOTA""#, "", "quota_exhausted"),
        (r#""TOO_MANY""#, "", "rate_limit"),
        (r#""BUSY""#, "", "overloaded"),
        (r#""not ok""#, "", "error"),
        (r#""NACK""#, "", "error"),
        (r#""dropped""#, "", "error"),
        (r#""FAULT""#, "", "error"),
        (r#""max_tokens""#, "", ""),
        ("20", "", ""),
    ] {
        let words = app(status, more);
        let said: Vec<&str> = words
            .split(' ')
            .filter(|word| {
                !["app-json", "/m"].contains(word)
                    && !word.starts_with("ms:")
                    && !word.starts_with("end:")
            })
            .collect();
        if said.join(" ") != expected {
            wrong.push(format!("{status}{more}: {words}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    check(&[
        (
            r#"{"at":"2026-11-20T15:11:17Z","status":0,"provider":"openai","model":"m","headers":{},"body":"connect ETIMEDOUT"}"#,
            "headers openai /m timeout end:477000",
        ),
        (
            r#"{"time":"2026-11-20T15:11:17+00:00","status":"000","request_uri":"/v1/chat/completions","request_time":0.032}"#,
            "nginx-json connection ms:32.0 end:477000",
        ),
        (
            r#"{"time":"2026-11-20T15:11:17+00:00","status":"-","request_uri":"/v1/chat/completions","request_time":0.032}"#,
            "nginx-json connection ms:32.0 end:477000",
        ),
        (
            r#"{"start_time":"2026-11-20T15:11:17.000Z","path":"/v1/chat/completions","response_code":0,"response_flags":"-","duration":400}"#,
            "envoy-json connection ms:400.0 end:477400",
        ),
    ]);
}

#[test]
fn nginx_tells_what_kept_it_from_an_answer() {
    let mut wrong = Vec::new();
    for (level, message, upstream, expected) in [
        (
            "crit",
            "connect() to unix:/run/llm.sock failed (2: No such file or directory) while connecting to upstream",
            "http://unix:/run/llm.sock:/v1/chat/completions",
            "connection",
        ),
        (
            "crit",
            "SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::alert) while SSL handshaking to upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "connection",
        ),
        (
            "error",
            "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL handshaking to upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "connection",
        ),
        (
            "alert",
            "socket() failed (24: Too many open files) while connecting to upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "connection",
        ),
        (
            "error",
            "upstream sent too big header while reading response header from upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "bad_gateway",
        ),
        ("error", "client intended to send too large body: 20971520 bytes", "", "invalid_request"),
        (
            "warn",
            "upstream server temporarily disabled while connecting to upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "ignored:no_call",
        ),
        (
            "warn",
            "an upstream response is buffered to a temporary file /tmp/1 while reading upstream",
            "https://1.1.1.1:443/v1/chat/completions",
            "ignored:no_call",
        ),
    ] {
        let upstream =
            if upstream.is_empty() { String::new() } else { format!(", upstream: \"{upstream}\"") };
        let line = format!(
            r#"2026/11/20 15:11:17 [{level}] 3#3: *34 {message}, client: 127.0.0.1, server: , request: "POST /v1/chat/completions HTTP/1.1"{upstream}, host: "gw""#
        );
        let said = said(&line);
        let said = said.trim_start_matches("nginx-error ").trim_end_matches(" end:477000");
        if said != expected {
            wrong.push(format!("{message}: {said}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_of_nginx_beside_its_access_log_are_of_the_same_calls() {
    let error = r#"2026/11/20 15:11:30 [error] 3#3: *10 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.0.7, server: gw, request: "POST /v1/chat/completions HTTP/1.1", upstream: "https://1.1.1.1:443/v1/chat/completions", host: "gw""#;
    let other =
        r#"10.0.0.7 - - [20/Nov/2026:15:11:29 +0000] "GET /healthz HTTP/1.1" 200 160 "-" "x""#;
    let access = r#"10.0.0.7 - - [20/Nov/2026:15:11:30 +0000] "POST /v1/chat/completions HTTP/1.1" 504 160 "-" "x""#;
    let calls = |lines: &[&str]| Read::of(lines.join("\n").as_bytes()).told().len();
    assert_eq!(calls(&[error, error]), 2, "an error log by itself");
    assert_eq!(calls(&[other, error, access]), 1);
    assert_eq!(calls(&[access, error, access]), 2);
}

#[test]
fn what_a_cache_held_counts_in_weave_as_the_library_told_it() {
    let usage = r#"{"input_tokens":10,"cache_read_input_tokens":100000,"cache_creation_input_tokens":50000,"output_tokens":20,"requests":1}"#;
    let said = said(&format!(
        r#"{{"id":"a","op_name":"weave:///acme/p/op/anthropic.Messages.create:x","trace_id":"t","started_at":"2026-11-20T15:11:17Z","ended_at":"2026-11-20T15:11:18Z","exception":null,"output":null,"summary":{{"usage":{{"claude-sonnet-4-5":{usage}}}}}}}"#
    ));
    assert!(said.contains("in:150010 out:20 cached:100000 write:50000"), "{said}");
}

#[test]
fn a_redirect_is_no_call_but_the_one_that_it_points_to() {
    let app = |status: u16, more: &str| {
        said(&format!(
            r#"{{"ts":"2026-11-20T15:11:17Z","provider":"openai","model":"m","status":{status}{more}}}"#
        ))
    };
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(app(status, ""), "app-json ignored:not_a_call");
    }
    assert!(app(302, r#","output_tokens":5"#).contains("302 out:5"), "something was answered");
    assert!(app(302, r#","error":"no such host""#).contains("302 "), "it went wrong");
    for line in [
        r#"{"time":"2026-11-20T15:11:17+00:00","status":"308","request_uri":"/v1/chat/completions","provider":"openai","model":"m","request_time":"0.001"}"#,
        r#"10.0.0.1 - - [20/Nov/2026:15:11:17 +0000] "POST /v1/chat/completions HTTP/1.1" 301 162 "-" "curl/8""#,
    ] {
        assert!(said(line).ends_with("ignored:not_a_call"), "{line}: {}", said(line));
    }
}

#[test]
fn a_duration_that_nobody_can_read_is_seen() {
    for (latency, expected) in [
        (r#""soon""#, "duration_unreadable"),
        ("-3", "duration_unreadable"),
        (r#""-3s""#, "duration_unreadable"),
        // Some write so where there is none.
        ("-1", ""),
        ("null", ""),
        (r#""-""#, ""),
        (r#""1.5s""#, "ms:1500.0"),
    ] {
        let line = format!(
            r#"{{"ts":"2026-11-20T15:11:17Z","provider":"openai","model":"m","status":200,"latency_ms":{latency}}}"#
        );
        let text = said(&line);
        let part = |word: &&str| word.starts_with("ms:") || word.ends_with("_unreadable");
        let seen: Vec<&str> = text.split(' ').filter(part).collect();
        assert_eq!(seen.join(" "), expected, "{latency}: {text}");
    }
}
