//! The making of one log line: what is known of a call, until it ends.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::time::Instant;

use super::super::clock;
use super::super::log::{AccessLog, CallLine, ErrorPart, Usage};
use super::super::provider::Dialect;
use super::super::scenario::Caller;
use super::{Asked, Gateway, refusal, switch};

/// Longest part of an event that is kept while waiting for its end.
const MAX_EVENT: usize = 64 * 1024;

/// A call in progress. It is logged when it finishes; dropped before that, its
/// caller has gone away, and it is logged as such.
pub(super) struct Record {
    log: Arc<AccessLog>,
    dialect: Dialect,
    line: CallLine,
    started: Instant,
    tail: Vec<u8>,
    logged: bool,
}

/// Whether a response header is of interest to whoever reads the log.
pub(super) fn is_logged(name: &str) -> bool {
    name.starts_with("x-ratelimit-")
        || name.starts_with("anthropic-ratelimit-")
        || matches!(
            name,
            "date"
                | "retry-after"
                | "retry-after-ms"
                | "x-should-retry"
                | "x-request-id"
                | "request-id"
        )
}

impl Record {
    /// A call that has just arrived.
    pub(super) fn begin(gateway: &Gateway, dialect: Dialect) -> Record {
        let now = clock::wall();
        let line = CallLine {
            started_at: clock::rfc3339_millis(now),
            // Our own until the provider gives it a better one.
            request_id: format!("req_{}_{:x}", gateway.host, now.0),
            host: gateway.host,
            provider: dialect.provider(),
            endpoint: dialect.endpoint(),
            attempt: 1,
            ..CallLine::default()
        };
        Record {
            log: Arc::clone(&gateway.log),
            dialect,
            line,
            started: Instant::now(),
            tail: Vec::new(),
            logged: false,
        }
    }

    /// Notes what the caller asks for.
    pub(super) fn asked(&mut self, asked: &Asked, headers: &HeaderMap) {
        let named = asked.metadata.as_ref().and_then(|metadata| metadata.user_id.clone());
        let header = |name: &str| headers.get(name)?.to_str().ok();
        self.line.model.clone_from(&asked.model);
        self.line.stream = asked.stream;
        self.line.who.user = asked.user.clone().or(named);
        // SDKs count retries from 0.
        let retries = header("x-stainless-retry-count").and_then(|count| count.parse::<u32>().ok());
        self.line.attempt = retries.unwrap_or(0).saturating_add(1);
    }

    /// Notes who calls.
    pub(super) fn called_by(&mut self, caller: &Caller) {
        self.line.who.key_id = Some(caller.key_id);
        self.line.who.team = Some(caller.team);
        self.line.who.environment = Some(caller.environment);
        self.line.who.priority = Some(caller.priority.word());
    }

    /// Notes how many were waiting when the call arrived.
    pub(super) fn queue_depth(&mut self, depth: usize) {
        self.line.queue_depth = Some(depth);
    }

    /// Notes that the wait in the queue is over.
    pub(super) fn waited(&mut self) {
        self.line.timing.queue_ms = Some(self.elapsed_ms());
    }

    /// Notes the head of the provider's answer.
    pub(super) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.line.status = status.as_u16();
        for (name, value) in headers {
            if let Ok(value) = value.to_str()
                && is_logged(name.as_str())
            {
                self.line.headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let header = |name: &str| self.line.headers.get(name)?.parse::<f64>().ok();
        self.line.retry_after_s =
            header("retry-after-ms").map(|millis| millis / 1000.0).or(header("retry-after"));
        if let Some(id) = headers.get("x-request-id").or(headers.get("request-id"))
            && let Ok(id) = id.to_str()
        {
            id.clone_into(&mut self.line.request_id);
        }
    }

    /// Notes usage or error of a whole body.
    pub(super) fn read_body(&mut self, body: &[u8]) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        if let Some(error) = body.get("error") {
            let text = |name: &str| error.get(name)?.as_str().map(str::to_owned);
            self.failed(ErrorPart {
                kind: text("type"),
                code: text("code"),
                message: text("message"),
            });
        }
        self.note_usage(&body);
    }

    /// Notes time to first token, and usage where a stream tells it.
    pub(super) fn read_chunk(&mut self, chunk: &[u8]) {
        if self.line.timing.ttft_ms.is_none() {
            self.line.timing.ttft_ms = Some(self.elapsed_ms());
        }
        self.tail.extend_from_slice(chunk);
        while let Some(end) = self.tail.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.tail.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data: ")
                && memchr::memmem::find(data, b"\"usage\"").is_some()
                && let Ok(event) = serde_json::from_slice::<Value>(data)
            {
                self.note_usage(event.get("message").unwrap_or(&event));
            }
        }
        if self.tail.len() > MAX_EVENT {
            self.tail.clear();
        }
    }

    /// Notes what went wrong.
    pub(super) fn failed(&mut self, error: ErrorPart) {
        self.line.error = Some(error);
    }

    /// Logs the call.
    pub(super) fn finish(mut self) {
        self.write();
    }

    /// Ends without a line: it was no call to a model.
    pub(super) fn forget(mut self) {
        self.logged = true;
    }

    /// Logs and answers a call that the gateway itself refuses.
    pub(super) fn refuse(mut self, status: StatusCode, kind: &str, code: &str) -> Response {
        let message = match code {
            switch::CODE => "Stopped by the kill switch.",
            _ => "The gateway could not pass this call on.",
        };
        self.line.status = status.as_u16();
        self.failed(ErrorPart {
            kind: Some(kind.to_owned()),
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
        });
        self.write();
        refusal(status, kind, code, message)
    }

    /// Logs and answers a call that the kill switch stops.
    pub(super) fn refuse_killed(self) -> Response {
        self.refuse(StatusCode::SERVICE_UNAVAILABLE, switch::KIND, switch::CODE)
    }

    /// Takes usage from a body or an event, in the meaning of the log: input is all input.
    fn note_usage(&mut self, carrier: &Value) {
        let Some(usage) = carrier.get("usage").filter(|usage| usage.is_object()) else { return };
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
        let told = match self.dialect {
            Dialect::OpenAi => Usage {
                input: count("/prompt_tokens"),
                output: count("/completion_tokens"),
                cached: count("/prompt_tokens_details/cached_tokens"),
            },
            Dialect::Anthropic => Usage {
                input: count("/input_tokens").map(|fresh| {
                    fresh
                        + count("/cache_read_input_tokens").unwrap_or(0)
                        + count("/cache_creation_input_tokens").unwrap_or(0)
                }),
                output: count("/output_tokens"),
                cached: count("/cache_read_input_tokens"),
            },
        };
        let known = &mut self.line.tokens;
        known.input = told.input.or(known.input);
        known.output = told.output.or(known.output);
        known.cached = told.cached.or(known.cached);
    }

    fn elapsed_ms(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
    }

    fn write(&mut self) {
        self.logged = true;
        self.line.timing.latency_ms = self.elapsed_ms();
        self.line.at = clock::rfc3339_millis(clock::wall());
        self.log.write(&self.line);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.logged {
            return;
        }
        self.line.status = 499;
        self.failed(ErrorPart { kind: Some("client_closed".to_owned()), ..ErrorPart::default() });
        self.write();
    }
}
