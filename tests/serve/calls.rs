//! Logs of known calls, and what they add up to.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::sandbox::rfc3339;

/// What was logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub requests: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub nano_usd: u128,
}

/// The line of call number `n` at a time, as LiteLLM writes it; few cost the same.
pub fn line(n: u64, at: SystemTime) -> String {
    let (model, key) =
        if n.is_multiple_of(2) { ("gpt-4o", "web") } else { ("gpt-4o-mini", "batch") };
    format!(
        "{{\"litellm_call_id\":\"c-{n}\",\"call_type\":\"acompletion\",\"status\":\"success\",\"model_id\":\"m\",\"model\":\"openai/{model}\",\"custom_llm_provider\":\"openai\",\"endTime\":\"{}\",\"prompt_tokens\":{},\"completion_tokens\":{},\"response_cost\":{},\"end_user\":\"u-{}\",\"metadata\":{{\"user_api_key_alias\":\"{key}\"}}}}\n",
        rfc3339(at),
        100 + n % 50,
        n % 30,
        decimal(nano_usd(n)),
        n % 7,
    )
}

pub fn nano_usd(n: u64) -> u128 {
    1_000_001 + u128::from(n % 9973) * 17
}

pub fn decimal(nano: u128) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

impl Truth {
    /// Log the next calls, now.
    pub fn log(&mut self, file: &Path, calls: u64) {
        let mut text = String::new();
        for _ in 0..calls {
            text += &line(self.requests, SystemTime::now());
            self.count();
        }
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Log the next call as of then.
    pub fn log_at(&mut self, file: &Path, at: SystemTime) {
        let line = line(self.requests, at);
        self.count();
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    /// Add the next call.
    pub fn count(&mut self) {
        let n = self.requests;
        self.requests += 1;
        self.input_tokens += 100 + n % 50;
        self.output_tokens += n % 30;
        self.nano_usd += nano_usd(n);
    }

    /// Whether these are the totals of a status, to the last digit.
    pub fn is(&self, status: &Value) -> bool {
        let totals = &status["totals"];
        totals["requests"] == self.requests
            && totals["input_tokens"] == self.input_tokens
            && totals["output_tokens"] == self.output_tokens
            && totals["cost_usd"].as_str().map(nanos) == Some(self.nano_usd)
    }
}

/// Nano-dollars of a decimal.
pub fn nanos(decimal: &str) -> u128 {
    let (whole, part) = decimal.split_once('.').unwrap();
    format!("{whole}{part:0<9}").parse().unwrap()
}
