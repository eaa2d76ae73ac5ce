//! Whose API was called, as hosts and paths tell it where no log does in a word.

use crate::gateway_variants::said;

/// What is told of the provider in a line.
fn provider(line: &str) -> String {
    let said = said(line);
    let word = said.split(' ').nth(1).unwrap_or_default();
    word.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/').to_owned()
}

/// Lines of clients that name a URL.
fn asked(url: &str) -> [String; 6] {
    [
        format!(
            r#"2026-11-20 15:11:17 - httpx - INFO - HTTP Request: POST {url} "HTTP/1.1 200 OK""#
        ),
        format!(
            r#"[2026-11-20 15:11:17 - openai._base_client:1 - DEBUG] HTTP Response: POST {url} "200 OK" Headers({{'a': 'b'}})"#
        ),
        format!("[log_a1b2c3] post {url} succeeded with status 200 in 812ms"),
        format!(
            r#"{{"time":"2026-11-20T15:11:17Z","url":"{url}","status":200,"duration_ms":812}}"#
        ),
        format!(
            r#"{{"at":"2026-11-20T15:11:17Z","status":429,"url":"{url}","headers":{{"retry-after":"7"}}}}"#
        ),
        format!(
            r#"{{"http_code":200,"time_total":0.34,"time_starttransfer":0.34,"url_effective":"{url}"}}"#
        ),
    ]
}

/// Lines of gateways that have a path.
fn passed(path: &str) -> [String; 8] {
    [
        format!(
            r#"10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] "POST {path} HTTP/1.1" 200 302 "-" "x""#
        ),
        format!(
            r#"{{"time":"2026-11-20T15:11:17+00:00","status":200,"request_uri":"{path}","request_time":0.032}}"#
        ),
        format!(
            r#"{{"time":"2026-11-20T15:11:17+00:00","status":200,"request":"POST {path} HTTP/1.1","request_time":0.032}}"#
        ),
        format!(
            r#"{{"ts":1795187477.749,"request":{{"method":"POST","host":"gw","uri":"{path}"}},"status":200,"duration":0.812,"resp_headers":{{}}}}"#
        ),
        format!(
            r#"{{"start_time":"2026-11-20T15:11:17Z","response_code":200,"response_flags":"-","duration":15,"path":"{path}","authority":"gw"}}"#
        ),
        format!(
            r#"[2026-11-20T15:12:31.454Z] "POST {path} HTTP/1.1" 200 - 102 874 801 801 "-" "curl/8" "c6244e26" "gw:80" "10.0.0.9:80""#
        ),
        format!(
            r#"10.0.0.7:54598 [20/Nov/2026:15:14:05.594] llm openai/oai1 0/0/0/514/514 200 1661 - - ---- 1/1/0/0/0 0/0 {{web}} {{499|199984|req_1}} "POST {path} HTTP/1.1""#
        ),
        format!(
            r#"{{"message":"10.0.0.7:40474 - \"POST {path} HTTP/1.1\" 200","level":"INFO","timestamp":"2026-11-20T15:07:17.271678","component":"uvicorn.access","logger":"h11_impl.py:477"}}"#
        ),
    ]
}

#[test]
fn a_host_names_its_provider_whatever_region_or_customer_stands_in_it() {
    for (url, name) in [
        (
            "https://acme.openai.azure.com/openai/deployments/x/chat/completions?api-version=1",
            "azure",
        ),
        ("https://acme.openai.azure.com/openai/v1/responses", "azure"),
        ("https://acme.services.ai.azure.com/models/chat/completions", "azure_ai"),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude/invoke",
            "bedrock",
        ),
        ("https://bedrock-runtime-fips.us-east-1.amazonaws.com/model/a/converse", "bedrock"),
        (
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5:rawPredict",
            "vertex_ai",
        ),
        ("https://api.openai.com/v1/chat/completions", "openai"),
    ] {
        for line in asked(url) {
            assert_eq!(provider(&line), name, "{line}");
        }
    }
    let envoy = r#"{"start_time":"2026-11-20T15:11:17Z","response_code":200,"response_flags":"-","duration":15,"path":"/v1/chat/completions","authority":"acme.openai.azure.com"}"#;
    assert_eq!(provider(envoy), "azure");
    // Whose names only look alike.
    for url in
        ["https://openai.azure.com.evil.com/v1/responses", "https://xapi.openai.com/v1/responses"]
    {
        let line = &asked(url)[0];
        assert!(said(line).starts_with("sdk-python 200"), "{}", said(line));
    }
}

#[test]
fn a_path_names_the_provider_whose_api_it_is_of() {
    for (path, name) in [
        ("/openai/deployments/x/chat/completions?api-version=1", "azure"),
        ("/llm/model/anthropic.claude-sonnet-4-5/invoke-with-response-stream", "bedrock"),
        ("/model/amazon.nova-pro-v1:0/converse", "bedrock"),
        ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "gemini"),
        (
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent",
            "vertex_ai",
        ),
        ("/v1/messages", "anthropic"),
        ("/v1/messages?beta=true", "anthropic"),
    ] {
        for line in passed(path) {
            assert_eq!(provider(&line), name, "{line}");
        }
    }
    // What a gateway calls it comes first.
    for line in [
        r#"{"time":"2026-11-20T15:11:17+00:00","status":200,"request_uri":"/v1/messages","request_time":0.032,"provider":"bedrock"}"#,
        r#"{"start_time":"2026-11-20T15:11:17Z","response_code":200,"duration":900,"gen_ai.provider.name":"aws.bedrock","gen_ai.request.model":"m","path":"/openai/deployments/x/chat/completions"}"#,
        r#"10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] "POST /v1/messages HTTP/1.1" 200 302 "-" "x" provider=bedrock"#,
    ] {
        assert_eq!(provider(line), "bedrock", "{line}");
    }
}
