//! A fake LLM provider on loopback: real buckets, real-looking headers, made-up words.
//!
//! It speaks two dialects, `/v1/chat/completions` as OpenAI and `/v1/messages`
//! as Anthropic, and tells tests what it believes under `/__state`. It must not
//! know the gateway, the load or anything that watches them.

mod anthropic;
mod openai;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use self::state::{Admitted, Asked, Provider, Refusal, Verdict};
use super::DemoError;
use super::background::Background;

/// How the fake provider behaves.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Requests a minute of every model that is not listed in `models`.
    pub rpm: u64,
    /// Tokens a minute of every model that is not listed in `models`.
    pub tpm: u64,
    /// Seed of everything it makes up.
    pub seed: u64,
    /// How long answers take.
    pub latency: Latency,
    /// Share of calls that it answers with 503 or 529, 0 to 1.
    pub error_rate: f64,
    /// Models with limits of their own.
    pub models: Vec<ModelLimits>,
    /// A time of trouble, counted from the start.
    pub outage: Option<Outage>,
}

/// How long answers take; each is varied a little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Until the first token.
    pub ttft: Duration,
    /// For each token of output.
    pub per_token: Duration,
}

/// Limits of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// Model name.
    pub model: String,
    /// Requests a minute.
    pub rpm: u64,
    /// Tokens a minute.
    pub tpm: u64,
    /// How long its answers take.
    pub latency: Latency,
}

/// A span of time in which many calls fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// Which dialect is hit.
    pub dialect: Dialect,
    /// Start, since the provider started.
    pub from: Duration,
    /// End, since the provider started.
    pub until: Duration,
    /// Share of calls that fail in it, 0 to 1.
    pub error_rate: f64,
}

/// Whose API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Dialect {
    OpenAi,
    Anthropic,
}

/// A running provider; dropping it stops it.
pub struct ProviderHandle {
    address: SocketAddr,
    background: Background,
}

/// Starts a provider; port 0 picks a free one. Returns once it is listening.
pub fn spawn_provider(
    address: SocketAddr,
    config: ProviderConfig,
) -> Result<ProviderHandle, DemoError> {
    let (background, address) =
        Background::start("demo-provider", move |ready, stop| async move {
            let listener = bind(address).await?;
            let _ = ready.send(Ok(local_address(&listener)?));
            tokio::select! {
                () = serve(listener, router(config)) => {}
                _ = stop => {}
            }
            Ok(())
        })?;
    Ok(ProviderHandle { address, background })
}

impl ProviderHandle {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it; nothing listens afterwards.
    pub fn stop(self) {
        drop(self.background);
    }
}

impl Default for ProviderConfig {
    fn default() -> Self {
        ProviderConfig {
            rpm: 500,
            tpm: 200_000,
            seed: 7,
            latency: Latency {
                ttft: Duration::from_millis(300),
                per_token: Duration::from_millis(4),
            },
            error_rate: 0.0,
            models: Vec::new(),
            outage: None,
        }
    }
}

impl Dialect {
    /// The provider's name in logs and prices.
    #[must_use]
    pub const fn provider(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::Anthropic => "anthropic",
        }
    }

    /// The path of its generation endpoint.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        match self {
            Dialect::OpenAi => "/v1/chat/completions",
            Dialect::Anthropic => "/v1/messages",
        }
    }
}

/// Opens a listening socket.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, DemoError> {
    TcpListener::bind(address).await.map_err(|source| DemoError::Bind { address, source })
}

/// Where a listening socket listens.
pub(super) fn local_address(listener: &TcpListener) -> Result<SocketAddr, DemoError> {
    listener.local_addr().map_err(DemoError::Thread)
}

/// Serves until dropped, without waiting for full packets.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(|socket| {
        // Without it streams come in lumps; with an error they still come.
        let _ = socket.set_nodelay(true);
    });
    // It ends only by being dropped: accept errors are retried inside.
    let _ = axum::serve(listener, router).await;
}

/// The provider's routes with their own fresh state.
pub(super) fn router(config: ProviderConfig) -> Router {
    let provider = Arc::new(Provider::new(config, Instant::now()));
    Router::new()
        .route(Dialect::OpenAi.endpoint(), post(chat_completions))
        .route(Dialect::Anthropic.endpoint(), post(messages))
        .route("/v1/models", get(models))
        .route("/__state", get(beliefs))
        .with_state(provider)
}

async fn chat_completions(provider: State<Arc<Provider>>, body: Bytes) -> Response {
    answer(Dialect::OpenAi, &provider, &body).await
}

async fn messages(provider: State<Arc<Provider>>, body: Bytes) -> Response {
    answer(Dialect::Anthropic, &provider, &body).await
}

async fn models(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let data: Vec<Value> = provider
        .models()
        .into_iter()
        .map(|model| json!({"id": model, "object": "model", "created": 0, "owned_by": "demo"}))
        .collect();
    Json(json!({"object": "list", "data": data}))
}

async fn beliefs(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.beliefs(Instant::now()))
}

async fn answer(dialect: Dialect, provider: &Arc<Provider>, body: &[u8]) -> Response {
    let asked = serde_json::from_slice::<Value>(body).ok().and_then(|body| Asked::read(&body));
    let verdict = match asked {
        Some(asked) => provider.admit(dialect, &asked, Instant::now()),
        None => Verdict::Refused(Refusal::Unreadable, Duration::ZERO),
    };
    match verdict {
        Verdict::Refused(refusal, delay) => {
            sleep(delay).await;
            let (status, headers, body) = refuse(dialect, provider, &refusal);
            (status, headers, Json(body)).into_response()
        }
        Verdict::Admitted(admitted) => {
            sleep(admitted.latency.ttft).await;
            let headers = provider.headers(dialect, &admitted.model, Instant::now());
            if admitted.stream {
                return streamed(dialect, headers, &admitted);
            }
            sleep(admitted.latency.per_token * admitted.output_u32()).await;
            let headers = provider.headers(dialect, &admitted.model, Instant::now());
            let body = match dialect {
                Dialect::OpenAi => openai::body(&admitted),
                Dialect::Anthropic => anthropic::body(&admitted),
            };
            (headers, Json(body)).into_response()
        }
    }
}

fn refuse(
    dialect: Dialect,
    provider: &Provider,
    refusal: &Refusal,
) -> (StatusCode, HeaderMap, Value) {
    let mut headers = match refusal {
        Refusal::Limited { model, .. } => provider.headers(dialect, model, Instant::now()),
        _ => provider.identity(dialect),
    };
    let (status, body) = match dialect {
        Dialect::OpenAi => openai::refusal(refusal),
        Dialect::Anthropic => anthropic::refusal(refusal),
    };
    if let Refusal::Limited { wait: Some(wait), .. } = refusal {
        insert(&mut headers, "retry-after", &wait.as_millis().div_ceil(1000).to_string());
        if dialect == Dialect::OpenAi {
            insert(&mut headers, "retry-after-ms", &wait.as_millis().to_string());
        }
    }
    if dialect == Dialect::Anthropic && *refusal == Refusal::Overloaded {
        insert(&mut headers, "x-should-retry", "true");
    }
    (status, headers, body)
}

/// Sends the first frame at once, the middle ones evenly, the last ones together.
fn streamed(dialect: Dialect, mut headers: HeaderMap, admitted: &Admitted) -> Response {
    let frames = match dialect {
        Dialect::OpenAi => openai::frames(admitted),
        Dialect::Anthropic => anthropic::frames(admitted),
    };
    let pauses = u32::try_from(admitted.words().len()).unwrap_or(1).max(1);
    let pause = admitted.latency.per_token * admitted.output_u32() / pauses;
    let sent = stream::unfold(frames.into_iter(), move |mut left| async move {
        let frame = left.next()?;
        if frame.carries_text {
            sleep(pause).await;
        }
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(frame.text)), left))
    });
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    (headers, Body::from_stream(sent)).into_response()
}

/// Adds a header; what can't be a header value is left out.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// One server-sent event.
struct Frame {
    text: String,
    /// Whether it carries output (and so takes time to make).
    carries_text: bool,
}
