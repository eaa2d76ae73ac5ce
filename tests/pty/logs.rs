//! Lines as a gateway would log them, for calls that end now.

/// A call that went well, with its cost and an upstream limit.
pub fn call(number: u32, cost_usd: &str) -> String {
    let at = now();
    format!(
        r#"{{"at":"{at}","host":"gw-1","provider":"openai","model":"gpt-4o","endpoint":"/v1/chat/completions","status":200,"key_id":"prod-web","environment":"prod","priority":"critical","input_tokens":800,"output_tokens":{},"latency_ms":{}.5,"cost_usd":"{cost_usd}","request_id":"req_{number}","headers":{{"x-ratelimit-limit-tokens":"2000000","x-ratelimit-remaining-tokens":"{}","x-ratelimit-reset-tokens":"1s"}}}}"#,
        60 + number % 40,
        250 + number % 700,
        2_000_000 - 1_000 * (number % 900),
    )
}

/// The same calls, of another model.
pub fn call_of(model: &str, number: u32) -> String {
    call(number, "0.001").replace("gpt-4o", model)
}

/// The time.
#[allow(clippy::disallowed_methods, reason = "what is logged now must say so")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
