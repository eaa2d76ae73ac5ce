//! Which lines are calls that have ended: not what goes on, not a part of a stream, but what
//! an application logs of a request to an API of models, and what failed inside a success.

use crate::gateway_variants::check;

#[test]
fn a_refusal_inside_a_success_is_one() {
    let answer = |body: &str| {
        format!(
            r#"{{"at":"2026-11-20T15:11:17Z","status":200,"provider":"openai","model":"m","headers":{{}},"body":{body}}}"#
        )
    };
    let stream = |event: &str| answer(&serde_json::json!(format!("data: {event}\n\n")).to_string());
    check(&[
        (
            &answer(
                r#"{"choices":[{"error":{"code":429,"message":"Provider returned error"},"finish_reason":"error"}]}"#,
            ),
            "headers openai /m 200 rate_limit end:477000",
        ),
        (
            &stream(
                r#"{"type":"error","code":"insufficient_quota","message":"You exceeded your current quota","param":null}"#,
            ),
            "headers openai /m 200 quota_exhausted end:477000",
        ),
        (
            &stream(
                r#"{"type":"error","code":"rate_limit_exceeded","message":"Rate limit reached for m. Please try again in 20s."}"#,
            ),
            "headers openai /m 200 rate_limit by:upstream wait:20 end:477000",
        ),
        // An answer's own words are none.
        (
            &stream(
                r#"{"type":"response.output_text.delta","code":"insufficient_quota","message":"x"}"#,
            ),
            "headers openai /m 200 end:477000",
        ),
        (
            r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402},"user_id":"u"}"#,
            "app-json 402 quota_exhausted user:u",
        ),
        (
            r#"{"error":{"message":"Payment required for your order","code":402},"user_id":"u"}"#,
            "app-json ignored:not_a_call",
        ),
    ]);
}
