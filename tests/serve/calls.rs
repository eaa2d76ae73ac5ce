//! Logs of known calls, and what they add up to.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

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

/// The line of call number `n` at a time; no two cost the same.
pub fn line(n: u64, at: SystemTime) -> String {
    let (model, key) =
        (["gpt-4o", "gpt-4o-mini"][n as usize % 2], ["web", "batch"][n as usize % 2]);
    format!(
        "{{\"at\":\"{}\",\"provider\":\"openai\",\"model\":\"{model}\",\"key_id\":\"{key}\",\"user\":\"u-{}\",\"status\":200,\"latency_ms\":20,\"input_tokens\":{},\"output_tokens\":{},\"cost_usd\":\"{}\",\"request_id\":\"r-{n}\"}}\n",
        rfc3339(at),
        n % 7,
        100 + n % 50,
        n % 30,
        decimal(nano_usd(n)),
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
        self.log_at(file, calls, SystemTime::now());
    }

    /// Log calls of a while ago.
    pub fn log_old(&mut self, file: &Path, calls: u64, age: Duration) {
        self.log_at(file, calls, SystemTime::now() - age);
    }

    fn log_at(&mut self, file: &Path, calls: u64, at: SystemTime) {
        let mut text = String::new();
        for _ in 0..calls {
            text += &line(self.requests, at);
            self.count();
        }
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
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
