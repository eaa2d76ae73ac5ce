//! How OpenAI words answers, refusals and limits (HEADERS section 1).

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::buckets::{Bucket, go_duration};
use super::state::{Admitted, Buckets, Refusal, Resource, TokenBuckets};
use super::{Frame, insert};

/// Headers that name the call and the account.
pub(super) fn identity(request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "x-request-id", request_id);
    insert(&mut headers, "openai-organization", "org-demo");
    headers
}

/// Bucket headers.
pub(super) fn limits(headers: &mut HeaderMap, buckets: &mut Buckets, now: Instant) {
    let mut tell = |bucket: &mut Bucket, names: [&'static str; 3]| {
        let reading = bucket.reading(now);
        let [limit, remaining, reset] = names;
        insert(headers, limit, &reading.limit.to_string());
        insert(headers, remaining, &reading.remaining.to_string());
        insert(headers, reset, &go_duration(reading.reset));
    };
    tell(
        &mut buckets.requests,
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
    );
    if let TokenBuckets::Joint(tokens) = &mut buckets.tokens {
        tell(
            tokens,
            [
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-tokens",
            ],
        );
    }
}

/// A whole answer.
pub(super) fn body(admitted: &Admitted) -> Value {
    json!({
        "id": format!("chatcmpl-{}", admitted.id),
        "object": "chat.completion",
        "created": 0,
        "model": admitted.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": admitted.words().concat(), "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": usage(admitted),
    })
}

/// The same answer as a stream of events.
pub(super) fn frames(admitted: &Admitted) -> Vec<Frame> {
    let chunk = |delta: Value, finish: Value, carries_text| {
        let data = json!({
            "id": format!("chatcmpl-{}", admitted.id), "object": "chat.completion.chunk",
            "created": 0, "model": admitted.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        Frame { text: format!("data: {data}\n\n"), carries_text }
    };
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null, false)];
    for word in admitted.words() {
        frames.push(chunk(json!({"content": word}), Value::Null, true));
    }
    frames.push(chunk(json!({}), json!("stop"), false));
    if admitted.usage_in_stream {
        let data = json!({
            "id": format!("chatcmpl-{}", admitted.id), "object": "chat.completion.chunk",
            "created": 0, "model": admitted.model, "choices": [], "usage": usage(admitted),
        });
        frames.push(Frame { text: format!("data: {data}\n\n"), carries_text: false });
    }
    frames.push(Frame { text: "data: [DONE]\n\n".to_owned(), carries_text: false });
    frames
}

/// Status and body of a refusal.
pub(super) fn refusal(refusal: &Refusal) -> (StatusCode, Value) {
    let error = |message: String, kind: &str, code: Option<&str>| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    match refusal {
        Refusal::Unreadable => (
            StatusCode::BAD_REQUEST,
            error("Expected JSON with model and messages.".into(), "invalid_request_error", None),
        ),
        Refusal::UnknownModel(model) => (
            StatusCode::NOT_FOUND,
            error(
                format!("The model `{model}` does not exist."),
                "invalid_request_error",
                Some("model_not_found"),
            ),
        ),
        Refusal::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            error("The engine is overloaded, try again later.".into(), "server_error", None),
        ),
        Refusal::Limited { model, by, reading, requested, wait } => {
            let (kind, unit) = match by {
                Resource::Requests => ("requests", "requests per min (RPM)"),
                _ => ("tokens", "tokens per min (TPM)"),
            };
            let limit = reading.limit;
            let message = match wait {
                Some(wait) => format!(
                    "Rate limit reached for {model} in organization org-demo on {unit}: \
                     Limit {limit}, Used {}, Requested {requested}. Please try again in {}.",
                    limit - reading.remaining,
                    go_duration(*wait),
                ),
                None => format!(
                    "Request too large for {model} in organization org-demo on {unit}: \
                     Limit {limit}, Requested {requested}."
                ),
            };
            (StatusCode::TOO_MANY_REQUESTS, error(message, kind, Some("rate_limit_exceeded")))
        }
    }
}

fn usage(admitted: &Admitted) -> Value {
    json!({
        "prompt_tokens": admitted.input,
        "completion_tokens": admitted.output,
        "total_tokens": admitted.input + admitted.output,
        "prompt_tokens_details": {"cached_tokens": admitted.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}
