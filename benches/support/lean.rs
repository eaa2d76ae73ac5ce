//! An access log: nginx in front of a provider, with the rate-limit headers.

use std::io::{self, Write};

use super::rng::Rng;
use super::truth::Truth;

/// Lines of about 440 bytes.
pub struct Lean {
    rng: Rng,
    /// Time of the next line, in milliseconds since 1970.
    pub now_ms: u64,
    /// Lines in each millisecond.
    rate: u64,
    written: u64,
    requests_left: u64,
    tokens_left: u64,
}

impl Lean {
    pub fn new(start_ms: u64, rate: u64) -> Lean {
        let rng = Rng(7);
        Lean { rng, now_ms: start_ms, rate, written: 0, requests_left: 500, tokens_left: 200_000 }
    }

    /// Writes the next line.
    pub fn line(&mut self, out: &mut impl Write, truth: &mut Truth) -> io::Result<()> {
        let rng = &mut self.rng;
        self.written += 1;
        if self.written.is_multiple_of(self.rate) {
            self.now_ms += 1;
        }
        let limited = rng.percent(2);
        self.requests_left = if self.requests_left == 0 { 499 } else { self.requests_left - 1 };
        let tokens = rng.below(900);
        self.tokens_left =
            if self.tokens_left < tokens { 200_000 } else { self.tokens_left - tokens };
        let status = if limited { "429" } else { "200" };
        let took = 30 + rng.below(4000);
        let id = rng.next();
        let (secs, ms) = (self.now_ms / 1000, self.now_ms % 1000);
        let clock = secs % 86_400;
        let (h, m, s) = (clock / 3600, clock / 60 % 60, clock % 60);
        write!(
            out,
            concat!(
                r#"{{"time":"2026-11-20T{:02}:{:02}:{:02}+00:00","msec":"{}.{:03}","remote_addr":"10.0.{}.{}","#,
                r#""uri":"/v1/chat/completions","status":"{}","bytes_sent":"{}","#,
                r#""request_time":"{}.{:03}","upstream_header_time":"{}.{:03}","#,
                r#""openai_request_id":"req_{:016x}","limit_requests":"500","limit_tokens":"200000","#,
                r#""remaining_requests":"{}","remaining_tokens":"{}","reset_requests":"{}ms","reset_tokens":"{}ms","#,
                r#""retry_after":"{}","key_last4":"k{:03}","team":"{}"}}"#,
                "\n"
            ),
            h,
            m,
            s,
            secs,
            ms,
            id >> 8 & 3,
            id & 255,
            status,
            900 + rng.below(4000),
            took / 1000,
            took % 1000,
            took / 2000,
            took / 2 % 1000,
            id,
            self.requests_left,
            self.tokens_left,
            120 + rng.below(800),
            5 + rng.below(900),
            if limited { "2" } else { "" },
            rng.below(40),
            rng.one_of(&["payments-ml", "search", "support", "growth", "data-platform"]),
        )?;
        truth.requests += 1;
        truth.limited += u64::from(limited);
        truth.tokens_left += self.tokens_left;
        Ok(())
    }
}
