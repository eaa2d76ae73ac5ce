//! What a call used and cost, where several parts of a line tell of it or one tells nothing.

use crate::gateway_variants::check;

#[test]
fn input_holds_what_a_cache_held_whichever_part_of_the_line_tells_it() {
    check(&[
        (
            r#"{"request_id":"h1","request_created_at":"2026-11-20T15:11:16.000Z","response_status":200,"provider":"ANTHROPIC","response_model":"m",
"prompt_tokens":10,"completion_tokens":42,"delay_ms":1000,
"response_body":{"usage":{"input_tokens":10,"output_tokens":42,"cache_read_input_tokens":2000,"cache_creation_input_tokens":300}}}"#,
            "helicone anthropic /m 200 in:2310 out:42 cached:2000 write:300 ms:1000.0 end:477000",
        ),
        (
            // Fewer than the input without them: that no part is larger than the whole proves nothing.
            r#"{"request_id":"h1","request_response_url":"u","model":"m","provider":"ANTHROPIC",
"response_body":{"usage":{"input_tokens":5000,"output_tokens":42,"cache_read_input_tokens":1000}},
"metadata":{"promptTokens":5000,"completionTokens":42}}"#,
            "helicone-webhook anthropic /m 200 in:6000 out:42 cached:1000",
        ),
        (
            r#"{"id":"p1","created_at":"2026-11-20T15:11:17.000Z","ai_org":"google","ai_model":"gemini-2.5-flash","req_units":100,"res_units":20,"response_status_code":200,
"response":{"body":{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":20,"thoughtsTokenCount":50,"cachedContentTokenCount":90}}}}"#,
            "portkey gemini /gemini-2.5-flash 200 in:100 out:70 cached:90 think:50 end:477000",
        ),
        (
            // What fields and body both tell stands as the fields have it.
            r#"{"ts":"2026-11-20T15:11:17Z","model":"m","status":200,"input_tokens":100,"output_tokens":70,"cached_input_tokens":90,
"response":{"usage":{"prompt_tokens":90,"completion_tokens":60,"prompt_tokens_details":{"cached_tokens":80}}}}"#,
            "app-json /m 200 in:100 out:70 cached:90 end:477000",
        ),
    ]);
}

#[test]
fn what_converse_writes_into_a_cache_is_input() {
    let usage = r#""usage":{"inputTokens":100,"outputTokens":20,"cacheReadInputTokens":1000,"cacheWriteInputTokens":50000,"totalTokens":51120}"#;
    check(&[
        (
            &format!(
                r#"{{"at":"2026-11-20T15:11:17Z","status":200,"provider":"bedrock","model":"m","headers":{{}},"body":{{{usage}}}}}"#
            ),
            "headers bedrock /m 200 in:51100 out:20 cached:1000 write:50000 end:477000",
        ),
        (
            &format!(r#"{{"ts":"2026-11-20T15:11:17Z","provider":"bedrock","model":"m",{usage}}}"#),
            "app-json bedrock /m in:51100 out:20 cached:1000 write:50000 end:477000",
        ),
    ]);
}

#[test]
fn a_cost_that_could_not_be_worked_out_is_none() {
    let line = |cost: &str, why: &str| {
        format!(
            r#"{{"litellm_call_id":"c","call_type":"acompletion","startTime":1795187476.0,"endTime":1795187477.0,"status":"success",
"model":"in-house","prompt_tokens":100,"completion_tokens":10,"response_cost":{cost},"response_cost_failure_debug_info":{why}}}"#
        )
    };
    let unmapped = r#"{"error_str":"This model isn't mapped yet","model":"in-house"}"#;
    check(&[
        (
            &line("0.0", unmapped),
            "litellm-standard /in-house 200 in:100 out:10 ms:1000.0 end:477000",
        ),
        // Free as its owner has it, and what is known all the same.
        (
            &line("0.0", "null"),
            "litellm-standard /in-house 200 in:100 out:10 nano:0 ms:1000.0 end:477000",
        ),
        (
            r#"{"id":"p1","created_at":"2026-11-20T15:11:17.000Z","ai_org":"openai","ai_model":"in-house","req_units":100,"res_units":20,"cost":0,"cache_status":"MISS","response_status_code":200}"#,
            "portkey openai /in-house 200 in:100 out:20 hit:false end:477000",
        ),
        (
            r#"{"id":"p1","created_at":"2026-11-20T15:11:17.000Z","ai_org":"openai","ai_model":"in-house","req_units":100,"res_units":20,"cost":0,"cache_status":"HIT","response_status_code":200}"#,
            "portkey openai /in-house 200 in:100 out:20 nano:0 hit:true end:477000",
        ),
        (
            r#"{"request_id":"h1","request_created_at":"2026-11-20T15:11:16.000Z","response_status":200,"provider":"OPENAI","response_model":"in-house",
"prompt_tokens":100,"completion_tokens":20,"cost":0,"delay_ms":1000}"#,
            "helicone openai /in-house 200 in:100 out:20 ms:1000.0 end:477000",
        ),
        (
            &line("0.5", unmapped),
            "litellm-standard /in-house 200 in:100 out:10 nano:500000000 ms:1000.0 end:477000",
        ),
    ]);
}

#[test]
fn what_gateways_and_libraries_call_their_counts_is_read() {
    let span = |attributes: &str| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"01","spanId":"02","name":"s","startTimeUnixNano":"1795187476600000000","endTimeUnixNano":"1795187477000000000","attributes":[{attributes}]}}]}}]}}]}}"#
        )
    };
    let text = |key: &str, value: &str| {
        format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
    };
    let number =
        |key: &str, value: u32| format!(r#"{{"key":"{key}","value":{{"intValue":"{value}"}}}}"#);
    let embedding = |operation: &str| {
        span(
            &[
                text("ai.operationId", operation),
                text("ai.model.id", "text-embedding-3-small"),
                text("ai.model.provider", "openai.embedding"),
                number("ai.usage.tokens", 100),
            ]
            .join(","),
        )
    };
    let chat = span(
        &[
            text("gen_ai.system", "anthropic.messages"),
            text("gen_ai.request.model", "m"),
            number("gen_ai.usage.input_tokens", 26),
            number("gen_ai.usage.output_tokens", 42),
            number("ai.usage.cachedInputTokens", 20),
        ]
        .join(","),
    );
    check(&[
        (
            r#"{"duration":108,"genai_backend_name":"default/openai/route/aigw-run/rule/0/ref/0","genai_model_name":"gpt-4o","genai_model_name_override":"gpt-4o-mini",
"genai_tokens_input":44,"genai_tokens_output":12,"method":"POST","response_code":200,"start_time":"2026-11-20T15:11:17Z","upstream_cluster":"x","x-envoy-origin-path":"/v1/chat/completions"}"#,
            "envoy-json openai /gpt-4o-mini 200 in:44 out:12 ms:108.0 end:477108",
        ),
        (&chat, "otlp-genai-spans anthropic /m 200 in:26 out:42 cached:20 ms:400.0 end:477000"),
        (
            &embedding("ai.embed.doEmbed"),
            "otlp-genai-spans openai /text-embedding-3-small 200 in:100 out:0 ms:400.0 end:477000",
        ),
        (&embedding("ai.embed"), "otlp-genai-spans ignored:other_record"),
    ]);
}

#[test]
fn what_libraries_make_of_a_providers_counts_is_read() {
    let line = |model: &str, usage: &str| {
        format!(
            r#"{{"time":"2026-11-20T15:11:17Z","provider":"p","model":"{model}","status":200,{usage}}}"#
        )
    };
    for (model, usage, counts) in [
        (
            // LangChain.
            "m",
            r#""usage_metadata":{"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_token_details":{"cache_read":900,"cache_creation":50},"output_token_details":{"reasoning":4}}"#,
            "in:1000 out:10 cached:900 write:50 think:4",
        ),
        (
            "m",
            r#""usage_metadata":{"input_tokens":1000,"output_tokens":10,"input_token_details":{"cache_read":900,"cache_creation":0,"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}"#,
            "in:1000 out:10 cached:900 write:50",
        ),
        (
            // OpenAI's for speech.
            "m",
            r#""usage":{"input_tokens":1000,"output_tokens":10,"input_token_details":{"cached_tokens":900,"audio_tokens":5}}"#,
            "in:1000 out:10 cached:900",
        ),
        (
            // Vercel's SDK.
            "m",
            r#""usage":{"inputTokens":1000,"outputTokens":10,"totalTokens":1010,"inputTokenDetails":{"noCacheTokens":50,"cacheReadTokens":900,"cacheWriteTokens":50},"outputTokenDetails":{"textTokens":6,"reasoningTokens":4}}"#,
            "in:1000 out:10 cached:900 write:50 think:4",
        ),
        (
            "m",
            r#""result":{"usage":{"inputTokens":1000,"outputTokens":10,"inputTokenDetails":{"cacheReadTokens":900,"cacheWriteTokens":50},"outputTokenDetails":{"reasoningTokens":4}}}"#,
            "in:1000 out:10 cached:900 write:50 think:4",
        ),
        ("voyage-3", r#""usage":{"total_tokens":77}"#, "in:77 out:0"),
        // Of a model that may have an output it is not known what the total is of.
        ("m", r#""usage":{"total_tokens":77}"#, ""),
    ] {
        let counts = Some(counts).filter(|counts| !counts.is_empty());
        let counts = counts.map_or(String::new(), |counts| format!(" {counts}"));
        let expected = format!("app-json p /{model} 200{counts} end:477000");
        check(&[(&line(model, usage), &expected)]);
    }
}
