//! A small LLM gateway: keys, a priority queue, a kill switch and an access log.
//!
//! It plays the part of nginx or LiteLLM: tripline sees only its log, and stops
//! it only through the kill-switch directory. It must not know the load.

mod record;
mod switch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::record::{Record, is_logged};
use super::clock;
use super::log::{AccessLog, ErrorPart, QueueLine};
use super::provider::Dialect;
use super::queue::{Queue, Slot};
use super::scenario::Caller;

const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// One gateway host.
pub(super) struct Gateway {
    /// Its name in the log.
    pub(super) host: &'static str,
    /// Base address of the provider.
    pub(super) upstream: String,
    /// The kill-switch directory.
    pub(super) kill_dir: PathBuf,
    /// Whose keys it accepts.
    pub(super) callers: &'static [Caller],
    /// Who waits.
    pub(super) queue: Queue,
    /// Where it writes.
    pub(super) log: Arc<AccessLog>,
    /// How it calls the provider.
    pub(super) client: reqwest::Client,
}

/// What the gateway reads of a request body.
#[derive(Default, Deserialize)]
struct Asked {
    model: Option<String>,
    #[serde(default)]
    stream: bool,
    user: Option<String>,
    metadata: Option<AskedMetadata>,
}

#[derive(Deserialize)]
struct AskedMetadata {
    user_id: Option<String>,
}

/// The key a caller presents to the gateway.
pub(super) fn key_of(caller: &Caller) -> String {
    format!("demo-{}", caller.key_id)
}

/// The gateway's routes.
pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(Dialect::OpenAi.endpoint(), post(chat_completions))
        .route(Dialect::Anthropic.endpoint(), post(messages))
        .route("/v1/models", get(models))
        .with_state(gateway)
}

/// Logs the state of the queue until dropped.
pub(super) async fn log_queue(gateway: Arc<Gateway>) {
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        for sample in gateway.queue.samples(Instant::now()) {
            gateway.log.write(&QueueLine {
                at: clock::rfc3339_millis(clock::wall()),
                kind: "queue",
                host: gateway.host,
                queue: "gateway",
                priority: sample.priority.word(),
                depth: sample.depth,
                oldest_age_s: (sample.oldest_age.as_secs_f64() * 1000.0).round() / 1000.0,
                enqueued_total: sample.enqueued_total,
                dequeued_total: sample.dequeued_total,
                dropped_total: sample.dropped_total,
            });
        }
    }
}

async fn chat_completions(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    gateway.handle(Dialect::OpenAi, &headers, body).await
}

async fn messages(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    gateway.handle(Dialect::Anthropic, &headers, body).await
}

/// A call that bills nothing, for probes and drills; the switch stops it too.
async fn models(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let mut record = Record::begin(&gateway, Dialect::OpenAi);
    let Some(caller) = gateway.caller(&headers) else {
        return record.refuse(StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key");
    };
    record.called_by(caller);
    if switch::tripped(&gateway.kill_dir, &switch::files("openai", "", caller)) {
        return record.refuse_killed();
    }
    // Not a call to a model: nothing is logged.
    record.forget();
    match gateway.client.get(format!("{}/v1/models", gateway.upstream)).send().await {
        Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Gateway {
    async fn handle(&self, dialect: Dialect, headers: &HeaderMap, body: Bytes) -> Response {
        let mut record = Record::begin(self, dialect);
        let asked: Asked = serde_json::from_slice(&body).unwrap_or_default();
        record.asked(&asked, headers);
        let Some(caller) = self.caller(headers) else {
            return record.refuse(
                StatusCode::UNAUTHORIZED,
                "authentication_error",
                "invalid_api_key",
            );
        };
        record.called_by(caller);
        let model = asked.model.as_deref().unwrap_or_default();
        let files = switch::files(dialect.provider(), model, caller);
        if switch::tripped(&self.kill_dir, &files) {
            return record.refuse_killed();
        }
        record.queue_depth(self.queue.depth());
        let Ok(slot) = self.queue.enter(caller.priority).await else {
            return record.refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "gateway_overloaded",
                "queue_full",
            );
        };
        record.waited();
        // The switch may have been tripped while the call was waiting.
        if switch::tripped(&self.kill_dir, &files) {
            return record.refuse_killed();
        }
        self.forward(dialect, body, record, slot).await
    }

    fn caller(&self, headers: &HeaderMap) -> Option<&'static Caller> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = match bearer {
            Some(bearer) => bearer.strip_prefix("Bearer ")?,
            None => headers.get("x-api-key")?.to_str().ok()?,
        };
        self.callers.iter().find(|caller| key_of(caller) == key)
    }

    async fn forward(
        &self,
        dialect: Dialect,
        body: Bytes,
        mut record: Record,
        slot: Slot,
    ) -> Response {
        let url = format!("{}{}", self.upstream, dialect.endpoint());
        let sent = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .bearer_auth("upstream-demo")
            .body(body)
            .send()
            .await;
        let upstream = match sent {
            Ok(upstream) => upstream,
            Err(error) if error.is_timeout() => {
                return record.refuse(StatusCode::GATEWAY_TIMEOUT, "timeout", "upstream_timeout");
            }
            Err(_) => {
                return record.refuse(
                    StatusCode::BAD_GATEWAY,
                    "bad_gateway",
                    "upstream_connection",
                );
            }
        };
        let status = upstream.status();
        let headers = passed_on(upstream.headers());
        record.answered(status, &headers);
        let streams = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        if streams {
            let chunks = upstream.bytes_stream().boxed();
            return (status, headers, relay(Relay { chunks, record, _slot: slot })).into_response();
        }
        match upstream.bytes().await {
            Ok(bytes) => {
                record.read_body(&bytes);
                record.finish();
                (status, headers, bytes).into_response()
            }
            Err(_) => record.refuse(StatusCode::BAD_GATEWAY, "bad_gateway", "upstream_connection"),
        }
    }
}

/// A stream on its way through. Its slot is free when it ends.
struct Relay {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    record: Record,
    _slot: Slot,
}

fn relay(relay: Relay) -> Body {
    Body::from_stream(stream::unfold(Some(relay), |relay| async move {
        let mut relay = relay?;
        match relay.chunks.next().await {
            Some(Ok(chunk)) => {
                relay.record.read_chunk(&chunk);
                Some((Ok(chunk), Some(relay)))
            }
            Some(Err(error)) => {
                relay.record.failed(ErrorPart {
                    kind: Some("stream_interrupted".to_owned()),
                    code: Some("upstream_connection".to_owned()),
                    message: None,
                });
                relay.record.finish();
                Some((Err(error), None))
            }
            None => {
                relay.record.finish();
                None
            }
        }
    }))
}

/// The headers a caller gets to see: limits, hints and the type of the body.
fn passed_on(upstream: &HeaderMap) -> HeaderMap {
    let keep = |name: &HeaderName| is_logged(name.as_str()) || *name == header::CONTENT_TYPE;
    upstream
        .iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The gateway's own refusal, in words that both SDKs understand.
fn refusal(status: StatusCode, kind: &str, code: &str, message: &str) -> Response {
    let error = json!({"type": kind, "code": code, "message": message, "param": null});
    let mut answer = (status, Json(json!({"type": "error", "error": error}))).into_response();
    if code == switch::CODE {
        // Clients that know it stop after one request instead of three.
        answer.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::{Gateway, key_of};
    use crate::demo::log::AccessLog;
    use crate::demo::provider::Dialect;
    use crate::demo::queue::Queue;
    use crate::demo::scenario::Scenario;
    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use std::path::Path;
    use std::sync::Arc;

    /// A gateway with one slot, before a provider that is not there.
    fn gateway(directory: &Path) -> Arc<Gateway> {
        Arc::new(Gateway {
            host: "gw-1",
            upstream: "http://127.0.0.1:1".to_owned(),
            kill_dir: directory.join("kill.d"),
            callers: Scenario::Quiet.profile().callers,
            queue: Queue::new(1, 5),
            log: Arc::new(AccessLog::open(directory.join("log")).unwrap()),
            client: crate::source::http::client().build().unwrap(),
        })
    }

    /// Lets one call wait for the slot, does something, frees the slot; the
    /// status of the answer and the logged error code.
    fn after_waiting(directory: &Path, meanwhile: impl FnOnce(&Gateway)) -> (u16, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let gateway = gateway(directory);
            let caller = &gateway.callers[0];
            let slot = gateway.queue.enter(caller.priority).await.unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {}", key_of(caller)).parse().unwrap());
            let waiting = tokio::spawn({
                let gateway = Arc::clone(&gateway);
                let body = Bytes::from_static(br#"{"model":"gpt-4o"}"#);
                async move { gateway.handle(Dialect::OpenAi, &headers, body).await }
            });
            while gateway.queue.depth() == 0 {
                tokio::task::yield_now().await;
            }
            meanwhile(&gateway);
            drop(slot);
            waiting.await.unwrap().status().as_u16()
        });
        let log = std::fs::read_to_string(directory.join("log")).unwrap();
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        (status, line["error"]["code"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_call_that_waits_while_the_switch_trips_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let answer = after_waiting(directory.path(), |gateway| {
            std::fs::create_dir(&gateway.kill_dir).unwrap();
            std::fs::write(gateway.kill_dir.join("all.kill"), "{}").unwrap();
        });
        assert_eq!(answer, (503, "llm_kill_switch".to_owned()));
    }

    #[test]
    fn a_provider_that_is_not_there_is_a_bad_gateway() {
        let directory = tempfile::tempdir().unwrap();
        let answer = after_waiting(directory.path(), |_| ());
        assert_eq!(answer, (502, "upstream_connection".to_owned()));
    }
}
