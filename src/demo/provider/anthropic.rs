//! How Anthropic words answers, refusals and limits (HEADERS sections 1 and 3.5).

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::buckets::Reading;
use super::super::clock;
use super::state::{Admitted, Buckets, Refusal, Resource, TokenBuckets};
use super::{Frame, insert};

/// Headers that name the call and the account.
pub(super) fn identity(request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "request-id", request_id);
    insert(&mut headers, "anthropic-organization-id", "00000000-0000-0000-0000-000000000000");
    headers
}

/// Bucket headers.
pub(super) fn limits(headers: &mut HeaderMap, buckets: &mut Buckets, now: Instant) {
    let wall = clock::wall();
    let mut tell = |reading: Reading, names: [&'static str; 3]| {
        let [limit, remaining, reset] = names;
        insert(headers, limit, &reading.limit.to_string());
        insert(headers, remaining, &reading.remaining.to_string());
        insert(headers, reset, &clock::rfc3339_seconds(wall.plus(reading.reset)));
    };
    tell(
        buckets.requests.reading(now),
        [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
    );
    if let TokenBuckets::Split { input, output } = &mut buckets.tokens {
        let (input, output) = (coarse(input.reading(now)), coarse(output.reading(now)));
        tell(
            input,
            [
                "anthropic-ratelimit-input-tokens-limit",
                "anthropic-ratelimit-input-tokens-remaining",
                "anthropic-ratelimit-input-tokens-reset",
            ],
        );
        tell(
            output,
            [
                "anthropic-ratelimit-output-tokens-limit",
                "anthropic-ratelimit-output-tokens-remaining",
                "anthropic-ratelimit-output-tokens-reset",
            ],
        );
        tell(
            Reading {
                limit: input.limit + output.limit,
                remaining: input.remaining + output.remaining,
                reset: input.reset.max(output.reset),
            },
            [
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ],
        );
    }
}

/// A whole answer.
pub(super) fn body(admitted: &Admitted) -> Value {
    let mut usage = input_usage(admitted);
    if let Some(usage) = usage.as_object_mut() {
        usage.insert("output_tokens".to_owned(), json!(admitted.output));
    }
    json!({
        "id": format!("msg_{}", admitted.id),
        "type": "message",
        "role": "assistant",
        "model": admitted.model,
        "content": [{"type": "text", "text": admitted.words().concat()}],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": usage,
    })
}

/// The same answer as a stream of events.
pub(super) fn frames(admitted: &Admitted) -> Vec<Frame> {
    let event = |name: &str, data: &Value, carries_text| Frame {
        text: format!("event: {name}\ndata: {data}\n\n"),
        carries_text,
    };
    let start = json!({
        "type": "message_start",
        "message": {
            "id": format!("msg_{}", admitted.id), "type": "message", "role": "assistant",
            "model": admitted.model, "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": input_usage(admitted),
        },
    });
    let block = json!({
        "type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""},
    });
    let mut frames =
        vec![event("message_start", &start, false), event("content_block_start", &block, false)];
    for word in admitted.words() {
        let delta = json!({
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": word},
        });
        frames.push(event("content_block_delta", &delta, true));
    }
    let end = json!({
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": admitted.output},
    });
    let closed = json!({"type": "content_block_stop", "index": 0});
    frames.push(event("content_block_stop", &closed, false));
    frames.push(event("message_delta", &end, false));
    frames.push(event("message_stop", &json!({"type": "message_stop"}), false));
    frames
}

/// Status and body of a refusal.
pub(super) fn refusal(refusal: &Refusal) -> (StatusCode, Value) {
    let overloaded = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let (status, kind, message) = match refusal {
        Refusal::Unreadable => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "Expected JSON with model and messages.".to_owned(),
        ),
        Refusal::UnknownModel(model) => {
            (StatusCode::NOT_FOUND, "not_found_error", format!("model: {model}"))
        }
        Refusal::Overloaded => (overloaded, "overloaded_error", "Overloaded".to_owned()),
        Refusal::Limited { by, reading, .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            format!(
                "This request would exceed the rate limit for your organization of {} {} per minute.",
                reading.limit,
                match by {
                    Resource::Requests => "requests",
                    Resource::Tokens => "tokens",
                    Resource::InputTokens => "input tokens",
                    Resource::OutputTokens => "output tokens",
                },
            ),
        ),
    };
    (status, json!({"type": "error", "error": {"type": kind, "message": message}}))
}

/// Anthropic's `input_tokens` leaves out what the cache served.
fn input_usage(admitted: &Admitted) -> Value {
    json!({
        "input_tokens": admitted.input - admitted.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": admitted.cached,
        "output_tokens": 1,
    })
}

/// Remaining tokens are told in whole thousands, resets up to the next second.
fn coarse(reading: Reading) -> Reading {
    Reading {
        remaining: reading.remaining / 1000 * 1000,
        reset: Duration::from_secs(
            reading.reset.as_millis().div_ceil(1000).try_into().unwrap_or(0),
        ),
        ..reading
    }
}
