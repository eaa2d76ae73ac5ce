//! Refusals by any status, and limits that stand nowhere but in an error's body or
//! message, wherever a log has those.

use serde_json::{Value, json};

use crate::gateway_variants::said;

/// What an application's line with this response says, without its names and time.
fn answered(status: u16, body: &Value) -> String {
    let line = json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "status": status, "body": body});
    let as_text = json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "status": status, "body": body.to_string()});
    let [one, other] = [&line, &as_text].map(|line| core(&said(&line.to_string())));
    assert_eq!(one, other, "{body}");
    one
}

/// The same as LiteLLM's message in a payload.
fn told_by_litellm(code: &str, message: &str) -> String {
    let line = json!({
        "litellm_call_id": "c", "call_type": "acompletion", "startTime": 1_795_187_477.0,
        "endTime": 1_795_187_477.5, "status": "failure", "model": "m", "response_cost": 0.0,
        "error_information": {"error_code": code, "error_class": "", "error_message": message},
    });
    core(&said(&line.to_string()))
}

fn core(said: &str) -> String {
    let part = |word: &&str| {
        !["ms:", "end:", "nano:", "/m", "app-json", "litellm-standard"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    said.split(' ').filter(part).collect::<Vec<_>>().join(" ")
}

fn gemini(quota: &str, value: &str, delay: &str) -> Value {
    json!({"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
                {"quotaMetric": "generativelanguage.googleapis.com/x", "quotaId": quota, "quotaValue": value},
            ]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ],
    }})
}

#[test]
fn limits_that_only_stand_in_a_body_are_read_in_a_line() {
    let mut wrong = Vec::new();
    let per_minute = gemini("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "15", "48s");
    let tokens = gemini("GenerateContentPaidTierInputTokensPerModelPerMinute", "1000000", "57.2s");
    let per_day = gemini("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50", "42s");
    let openrouter = |limit: &str, left: &str| {
        json!({"error": {"message": "Rate limit exceeded: free-models-per-min", "code": 429, "metadata": {
            "headers": {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": "1795187520000"}}}})
    };
    let xai = json!({"code": "Some resource has been exhausted", "error": "Too many requests for team t. Your team t and model m: Requests per Second (actual/limit): 2/8, Requests per Minute (actual/limit): 480/480, Tokens per Minute (actual/limit): 65605/160000"});
    let moonshot = json!({"error": {"message": "Your account org-x<ak-x> request reached organization max RPM: 3, please try again after 1 seconds", "type": "rate_limit_reached_error"}});
    let concurrent = json!({"error": {"message": "Your account org-x request reached max organization concurrency: 1, please try again after 1 seconds", "type": "rate_limit_reached_error"}});
    for (body, expected) in [
        (&per_minute, "429 rate_limit_requests by:upstream wait:48 [requests ?/15]"),
        (&tokens, "429 rate_limit_input_tokens by:upstream wait:57.2 [input_tokens ?/1000000]"),
        (&per_day, "429 rate_limit_requests by:upstream wait:42 [requests ?/50]"),
        (&openrouter("20", "0"), "429 rate_limit_requests by:upstream [requests 0/20]"),
        (&moonshot, "429 rate_limit_requests wait:1 [requests ?/3]"),
        (&concurrent, "429 rate_limit_concurrency wait:1 [concurrency ?/1]"),
    ] {
        if answered(429, body) != expected {
            wrong.push(format!("{body}: {}, not {expected}", answered(429, body)));
        }
        // A gateway passes the body on as text, behind its own words.
        let message = format!("litellm.RateLimitError: RateLimitError: Exception - {body}");
        if told_by_litellm("429", &message) != expected {
            wrong.push(format!("{message}: {}, not {expected}", told_by_litellm("429", &message)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let said = answered(429, &xai);
    assert_eq!(
        said,
        "429 rate_limit_requests by:upstream [requests 6/8] [requests 0/480] [tokens 94395/160000]"
    );
    let groq = "Rate limit reached for model `llama3-70b-8192` in organization `org_x` on tokens per day (TPD): Limit 100000, Used 99300, Requested 1200. Please try again in 7m12.5s.";
    let groq_body =
        json!({"error": {"message": groq, "type": "tokens", "code": "rate_limit_exceeded"}});
    let limited = "429 rate_limit_tokens by:upstream wait:432.5 [tokens 700/100000]";
    assert_eq!(answered(429, &groq_body), limited);
    assert_eq!(told_by_litellm("429", groq), limited);
}

#[test]
fn limits_in_an_error_are_read_wherever_the_error_stands() {
    let error = json!({"message": "Rate limit exceeded: free-models-per-min", "code": 429, "metadata": {
        "headers": {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795187520000"}}});
    let expected = "rate_limit_requests by:upstream [requests 0/20]";
    assert_eq!(answered(200, &json!({"error": error})), format!("200 {expected}"));
    let mut wrong = Vec::new();
    for (fields, status) in [
        (json!({"error": error}), "429 "),
        (json!({"error": error.to_string()}), "429 "),
        (json!({"response": {"error": error}}), ""),
        (json!({"status": 200, "response": {"error": error}}), "200 "),
        (json!({"status": 200, "error": error}), "200 "),
        (
            json!({"status": 200, "body": {"response": {"status": "failed", "error": error}}}),
            "200 ",
        ),
    ] {
        let mut line = json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "latency_ms": 9});
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let said = core(&said(&line.to_string()));
        if said != format!("{status}{expected}") {
            wrong.push(format!("{line}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_may_have_any_status() {
    let mut wrong = Vec::new();
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    for (status, body, expected) in [
        (
            200,
            error("rate_limit_exceeded", "Requests have exceeded call rate limit"),
            "200 rate_limit_requests",
        ),
        (200, error("429", "Rate limit exceeded: free-models-per-day"), "200 rate_limit_requests"),
        (
            400,
            error(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
            "400 quota_exhausted",
        ),
        (
            400,
            error("ThrottlingException", "Too many tokens, please wait before trying again."),
            "400 rate_limit_tokens",
        ),
        (
            400,
            error("budget_exceeded", "Budget has been exceeded! Current cost: 5, Max budget: 4"),
            "400 budget_exceeded by:gateway",
        ),
        (
            402,
            error("402", "Insufficient credits. Add more using https://openrouter.ai/credits"),
            "402 quota_exhausted",
        ),
        (402, error("invalid_request_error", "Insufficient Balance"), "402 quota_exhausted"),
        (
            402,
            json!({"error": "You have exceeded your monthly included credits for Inference Providers."}),
            "402 quota_exhausted",
        ),
        (402, json!({}), "402 quota_exhausted"),
        (
            403,
            error(
                "permission-denied",
                "Your team has either used all available credits or reached its monthly spending limit.",
            ),
            "403 quota_exhausted",
        ),
        (
            403,
            error(
                "403",
                "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
            ),
            "403 quota_exhausted",
        ),
        (403, error("PERMISSION_DENIED", "Permission denied"), "403 permission"),
        (
            413,
            error(
                "rate_limit_exceeded",
                "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000",
            ),
            "413 rate_limit_tokens",
        ),
        (
            413,
            error("request_too_large", "Request exceeds the maximum size"),
            "413 invalid_request",
        ),
        (
            429,
            error("queue_exceeded", "We're experiencing high traffic right now!"),
            "429 overloaded",
        ),
        (
            429,
            error(
                "insufficient_quota",
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            "429 quota_exhausted",
        ),
        (
            503,
            error("UNAVAILABLE", "The model is overloaded. Please try again later."),
            "503 overloaded",
        ),
        (503, json!({}), "503 unavailable"),
        (
            529,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            "529 overloaded",
        ),
    ] {
        let said = answered(status, &body);
        if said != expected {
            wrong.push(format!("{status} {body}: {said}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_google_words_as_a_quota_is_a_rate_unless_money_is_named() {
    let google = |message: &str, details: Value| json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message, "details": details}});
    let quota = "You exceeded your current quota, please check your plan and billing details.";
    let wait = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"}]);
    let metric = "You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 20\nPlease retry in 48.9s.";
    for (body, expected) in [
        (google(quota, wait.clone()), "429 rate_limit wait:48"),
        (google(quota, json!([])), "429 rate_limit"),
        (google("Resource exhausted. Please try again later.", json!([])), "429 rate_limit"),
        (google(metric, json!([])), "429 rate_limit_requests wait:48.9"),
        (google("Your prepayment credits are depleted.", json!([])), "429 quota_exhausted"),
        // OpenAI's words for money, which has no more.
        (json!({"error": {"message": quota}}), "429 quota_exhausted"),
        (json!({"error": {"message": quota, "code": "insufficient_quota"}}), "429 quota_exhausted"),
    ] {
        assert_eq!(answered(429, &body), expected, "{body}");
        let message = format!("litellm.RateLimitError: GeminiException - {body}");
        let told = told_by_litellm("429", &message);
        assert_eq!(told.replace(" by:upstream", ""), expected, "{message}");
    }
}

#[test]
fn an_error_without_the_usual_envelope_is_read_where_the_status_says_it_is_one() {
    for (status, body, expected) in [
        (
            429,
            json!({"message": "Tokens per minute limit exceeded", "code": "token_quota_exceeded"}),
            "429 rate_limit_tokens",
        ),
        (
            429,
            json!({"message": "We're experiencing high traffic right now!", "code": "queue_exceeded"}),
            "429 overloaded",
        ),
        (
            400,
            json!({"__type": "ThrottlingException", "message": "Too many requests, please wait before trying again."}),
            "400 rate_limit",
        ),
        (
            429,
            json!({"message": "You are using a Trial key, which is limited to 20 API calls / minute."}),
            "429 rate_limit_requests",
        ),
        (
            429,
            json!({"message": "You are using a Trial key, which is limited to 1000 API calls / month."}),
            "429 quota_exhausted",
        ),
        (503, json!({"error_msg": "rate limit"}), "503 rate_limit"),
        (
            429,
            json!({"message": "AI token rate limit exceeded for provider(s): openai"}),
            "429 rate_limit_tokens",
        ),
        (
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "You have reached your specified API usage limits. You will regain access on 2026-12-01."}}),
            "400 quota_exhausted",
        ),
        (
            429,
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Number of requests has exceeded your per-minute rate limit"}}),
            "429 rate_limit_requests",
        ),
        (
            429,
            json!({"error": {"message": "Your account d request reached organization TPD rate limit, current:15, limit:15", "type": "rate_limit_reached_error"}}),
            "429 rate_limit_tokens by:upstream [tokens 0/15]",
        ),
        (
            400,
            json!({"error": {"message": "API key not valid. Please pass a valid API key."}}),
            "400 auth",
        ),
        (
            404,
            json!({"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}}),
            "404 model_not_found",
        ),
        (
            200,
            json!({"status": "failed", "error": {"code": "server_error", "message": "x"}}),
            "200 server_error",
        ),
        // An answer that speaks of such things is an answer.
        (200, json!({"message": "rate limit", "code": "queue_exceeded"}), "200"),
    ] {
        assert_eq!(answered(status, &body), expected, "{body}");
    }
}

#[test]
fn a_stream_that_began_well_may_end_in_a_refusal() {
    let stream = "event: error\ndata: {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Requests have exceeded token rate limit. Please retry after 7 seconds.\"}}\n\n";
    let line = json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "status": 200, "body": stream});
    assert_eq!(core(&said(&line.to_string())), "200 rate_limit_tokens wait:7");
}

/// What SDKs and HTTP clients print when a call got lost, as an application logs it: the
/// text of the error alone, without a status.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_got_lost_is_told_apart_in_the_words_of_each_client() {
    let mut wrong = Vec::new();
    for (text, kind) in [
        (
            "Post \"https://api.openai.com/v1/chat/completions\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "timeout",
        ),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "timeout"),
        ("deadline_exceeded", "timeout"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "timeout"),
        ("net/http: TLS handshake timeout", "timeout"),
        ("httpx.ReadTimeout", "timeout"),
        ("ReadTimeout: The read operation timed out", "timeout"),
        ("httpcore.ConnectTimeout", "timeout"),
        ("PoolTimeout", "timeout"),
        ("connect ETIMEDOUT 10.0.0.1:443", "timeout"),
        ("ESOCKETTIMEDOUT", "timeout"),
        ("HeadersTimeoutError: Headers Timeout Error (UND_ERR_HEADERS_TIMEOUT)", "timeout"),
        ("APIConnectionTimeoutError: Request timed out.", "timeout"),
        ("AxiosError: timeout of 60000ms exceeded", "timeout"),
        ("java.net.SocketTimeoutException: Read timed out", "timeout"),
        ("java.net.http.HttpTimeoutException: request timed out", "timeout"),
        (
            "The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.",
            "timeout",
        ),
        ("TimeoutError: The operation was aborted due to timeout", "timeout"),
        ("litellm.Timeout: APITimeoutError - Request timed out", "timeout"),
        ("ServerTimeoutError: Timeout on reading data from socket", "timeout"),
        ("deadline has elapsed", "timeout"),
        ("Post \"https://api.openai.com/v1/responses\": context canceled", "cancelled"),
        ("asyncio.exceptions.CancelledError", "cancelled"),
        ("AbortError: This operation was aborted", "cancelled"),
        ("APIUserAbortError: Request was aborted.", "cancelled"),
        ("client disconnected", "client_closed"),
        ("starlette.requests.ClientDisconnect", "client_closed"),
        ("socket hang up", "connection"),
        ("read ECONNRESET", "connection"),
        ("write EPIPE", "connection"),
        ("getaddrinfo EAI_AGAIN api.openai.com", "connection"),
        ("getaddrinfo ENOTFOUND api.openai.com", "connection"),
        ("TypeError: fetch failed", "connection"),
        ("SocketError: other side closed", "connection"),
        ("[Errno -2] Name or service not known", "connection"),
        ("[Errno -3] Temporary failure in name resolution", "connection"),
        ("dial tcp: lookup api.openai.com: no such host", "connection"),
        ("httpx.ConnectError: All connection attempts failed", "connection"),
        (
            "httpx.RemoteProtocolError: Server disconnected without sending a response.",
            "connection",
        ),
        (
            "HTTPSConnectionPool(host='api.openai.com', port=443): Max retries exceeded (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))",
            "connection",
        ),
        (
            "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
            "connection",
        ),
        (
            "Cannot connect to host api.openai.com:443 ssl:default [Connect call failed]",
            "connection",
        ),
        ("aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected", "connection"),
        ("error sending request for url (https://api.openai.com/v1/responses)", "connection"),
        ("http2: server sent GOAWAY and closed the connection", "connection"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
            "connection",
        ),
        ("java.net.UnknownHostException: api.openai.com", "connection"),
        (
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            "connection",
        ),
        (
            "peer closed connection without sending complete message body (incomplete chunked read)",
            "stream_interrupted",
        ),
        (
            "('Connection broken: IncompleteRead(512 bytes read)', IncompleteRead(512 bytes read))",
            "stream_interrupted",
        ),
        ("ClientPayloadError: Response payload is not completed", "stream_interrupted"),
        (
            "Invalid response body while trying to fetch https://x: Premature close",
            "stream_interrupted",
        ),
        ("TypeError: terminated", "stream_interrupted"),
        ("unexpected EOF", "stream_interrupted"),
        ("stream error: stream ID 7; INTERNAL_ERROR; received from peer", "stream_interrupted"),
        ("error decoding response body", "stream_interrupted"),
        ("litellm.ServiceUnavailableError: x", "unavailable"),
        ("litellm.InternalServerError: x", "server_error"),
        ("litellm.BadRequestError: x", "invalid_request"),
        ("no healthy upstream", "unavailable"),
        ("ExpiredTokenException: The security token included in the request is expired", "auth"),
        ("AccessDeniedException: not authorized to perform bedrock:InvokeModel", "permission"),
        ("This request requires more credits, or fewer max_tokens.", "quota_exhausted"),
        ("ServiceQuotaExceededException: x", "quota_exhausted"),
        ("something odd", "error"),
    ] {
        for key in ["error", "exception", "error_message"] {
            let line =
                json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "latency_ms": 9, key: text});
            let said = core(&said(&line.to_string()));
            if said.replace(" by:upstream", "") != kind {
                wrong.push(format!("{key} {text}: {said}, not {kind}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_status_that_stands_only_in_an_errors_text_is_the_status() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("Error code: 429 - upstream said no", "429 rate_limit"),
        ("Error code: 401 - upstream said no", "401 auth"),
        ("Request failed with status code 502", "502 bad_gateway"),
        ("error, status code: 503, status: 503 Service Unavailable, message: x", "503 unavailable"),
        ("Client error '404 Not Found' for url 'https://x'", "404 not_found"),
        ("529 Overloaded", "529 overloaded"),
        ("Error code: 400 - {'error': {'code': 'insufficient_quota'}}", "400 quota_exhausted"),
        ("took 429 ms", "error"),
    ] {
        for key in ["error", "exception", "traceback", "exc_info"] {
            let line =
                json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "event": "failed", key: text});
            let said = core(&said(&line.to_string()));
            if said != expected {
                wrong.push(format!("{key} {text}: {said}, not {expected}"));
            }
        }
        let pairs =
            format!("ts=2026-11-20T15:11:17Z level=error model=m latency_ms=9 error=\"{text}\"");
        let said = core(&said(&pairs)).replace("app-logfmt ", "");
        if said != expected {
            wrong.push(format!("{pairs}: {said}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Errors of many services look like those of providers; their words tell whose they are.
#[test]
fn the_body_of_an_error_is_a_call_where_it_speaks_of_models() {
    let google = |service: &str| {
        json!({"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "metadata": {"service": service, "quota_metric": format!("{service}/requests")}}]}})
    };
    let anthropic = |id: &str| {
        json!({"type": "error", "request_id": id,
        "error": {"type": "invalid_request_error", "message": "roles must alternate"}})
    };
    for (line, expected) in [
        (anthropic("req_011CSHoEeqs5C35K2UUqR7Fy"), "invalid_request"),
        (
            json!({"error": {"message": "x", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}),
            "rate_limit",
        ),
        (
            json!({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}}),
            "quota_exhausted",
        ),
        (
            json!({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "x"}}, "user_id": "u"}),
            "429 rate_limit user:u",
        ),
        (
            json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE", "details": []}}),
            "503 overloaded",
        ),
        (google("generativelanguage.googleapis.com"), "429 rate_limit"),
        (google("aiplatform.googleapis.com"), "429 rate_limit"),
        // Whose it is may be said beside it.
        (
            json!({"error": {"message": "x", "type": "y", "param": null, "code": "z"}, "provider": "openai"}),
            "openai error",
        ),
        (
            json!({"error": {"message": "x", "type": "y", "param": null, "code": "z"}, "path": "/v1/chat/completions"}),
            "error",
        ),
        (
            json!({"error": {"message": "x", "type": "y", "param": null, "code": "z"}, "msg": "OpenAI call failed"}),
            "error",
        ),
    ] {
        assert_eq!(core(&said(&line.to_string())), expected, "{line}");
    }
    for line in [
        // Stripe.
        json!({"error": {"message": "Your card was declined.", "type": "card_error", "param": null,
            "code": "card_declined", "charge": "ch_1"}}),
        json!({"error": {"message": "No such customer: 'cus_1'", "type": "invalid_request_error",
            "param": "customer", "code": "resource_missing"}, "request_id": "req_AbCdEfGhIjKlMn"}),
        json!({"error": {"message": "Too many requests", "type": "invalid_request_error",
            "param": null, "code": "rate_limit"}, "status": 429, "retry_after": 3}),
        json!({"error": {"message": "Not found", "code": 404, "metadata": {"order": 1}}}),
        json!({"error": {"message": "x", "type": "y", "param": null, "code": "z"}, "msg": "skillmatch failed"}),
        google("drive.googleapis.com"),
    ] {
        assert_eq!(core(&said(&line.to_string())), "ignored:not_a_call", "{line}");
    }
    for line in [
        json!({"level": "error", "error": {"message": "x", "type": "TypeError"}}),
        anthropic("5f0c-77"),
        anthropic("req_AbCdEfGhIjKlMn"),
    ] {
        assert_eq!(core(&said(&line.to_string())), "none unknown_format", "{line}");
    }
}

#[test]
fn litellms_own_limits_are_told_by_their_names_and_numbers() {
    let crossed = |rpm: u32, tpm: u32, parallel: u32| {
        told_by_litellm(
            "429",
            &format!(
                "LiteLLM Rate Limit Handler for rate limit type = key. Crossed TPM / RPM / Max Parallel Request Limit. current rpm: {rpm}, rpm limit: 10, current tpm: {tpm}, tpm limit: 1000, current max_parallel_requests: {parallel}, max_parallel_requests: 5"
            ),
        )
    };
    assert_eq!(crossed(11, 0, 1), "429 rate_limit_requests by:gateway");
    assert_eq!(crossed(1, 1000, 1), "429 rate_limit_tokens by:gateway");
    assert_eq!(crossed(1, 0, 5), "429 rate_limit_concurrency by:gateway");
    let budget = "Authentication Error, ExceededTokenBudget: Current spend for token: 12.0; Max Budget for Token: 10.0";
    assert_eq!(told_by_litellm("401", budget), "401 budget_exceeded by:gateway");
    let azure = json!({"error": {"code": "429", "message": "TokenLimitExceeded"}});
    assert_eq!(answered(429, &azure), "429 rate_limit_tokens by:gateway");
}
