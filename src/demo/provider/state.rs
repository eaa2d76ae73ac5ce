//! What the provider keeps between calls: buckets by model, and its dice.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::super::buckets::{Bucket, Reading, Refused};
use super::super::random::Random;
use super::{Dialect, Latency, ProviderConfig, anthropic, openai};

const MINUTE: Duration = Duration::from_secs(60);
/// Models beyond this are unknown to the provider, so that names cost it no memory.
const MAX_MODELS: usize = 64;
/// Output of a call that names no maximum.
const DEFAULT_OUTPUT: u64 = 256;
/// Tokens are cached in blocks of this size.
const CACHE_BLOCK: u64 = 128;

/// The provider's memory.
pub(super) struct Provider {
    config: ProviderConfig,
    started: Instant,
    state: Mutex<Kept>,
}

struct Kept {
    random: Random,
    buckets: BTreeMap<(Dialect, String), Buckets>,
    requests_seen: u64,
}

/// The buckets of one model.
pub(super) struct Buckets {
    pub(super) requests: Bucket,
    pub(super) tokens: TokenBuckets,
}

/// How tokens are counted.
pub(super) enum TokenBuckets {
    /// One bucket for both directions (OpenAI).
    Joint(Bucket),
    /// One for each direction (Anthropic).
    Split { input: Bucket, output: Bucket },
}

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    model: String,
    input: u64,
    max_output: u64,
    stream: bool,
    usage_in_stream: bool,
}

/// What becomes of a call.
pub(super) enum Verdict {
    Admitted(Admitted),
    /// Refused, told after a delay.
    Refused(Refusal, Duration),
}

/// A call that is answered.
pub(super) struct Admitted {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) input: u64,
    /// Part of `input` read from a cache.
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) stream: bool,
    pub(super) usage_in_stream: bool,
    pub(super) latency: Latency,
}

/// Why a call is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unreadable,
    UnknownModel(String),
    Overloaded,
    Limited {
        model: String,
        by: Resource,
        reading: Reading,
        requested: u64,
        /// `None`: waiting does not help, the call is too large.
        wait: Option<Duration>,
    },
}

/// Which bucket refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Requests,
    Tokens,
    InputTokens,
    OutputTokens,
}

impl Provider {
    pub(super) fn new(config: ProviderConfig, now: Instant) -> Provider {
        let random = Random::new(config.seed, 1);
        let kept = Kept { random, buckets: BTreeMap::new(), requests_seen: 0 };
        Provider { config, started: now, state: Mutex::new(kept) }
    }

    /// Decides about one call, and charges it.
    pub(super) fn admit(&self, dialect: Dialect, asked: &Asked, now: Instant) -> Verdict {
        let mut kept = self.kept();
        kept.requests_seen += 1;
        let Kept { random, buckets, .. } = &mut *kept;
        let latency = self.latency(&asked.model);
        let told_after = random.jitter(latency.ttft / 8);
        if random.chance(self.error_rate(dialect, now)) {
            return Verdict::Refused(Refusal::Overloaded, told_after);
        }
        let known = buckets.len() < MAX_MODELS;
        let entry = (dialect, asked.model.clone());
        if !known && !buckets.contains_key(&entry) {
            return Verdict::Refused(Refusal::UnknownModel(asked.model.clone()), told_after);
        }
        let buckets =
            buckets.entry(entry).or_insert_with(|| self.fresh(dialect, &asked.model, now));
        if let Err(refusal) = buckets.charge(asked, now) {
            return Verdict::Refused(refusal, told_after);
        }
        let cached = if asked.input >= 1024 && random.chance(0.4) {
            asked.input * 7 / 10 / CACHE_BLOCK * CACHE_BLOCK
        } else {
            0
        };
        Verdict::Admitted(Admitted {
            id: format!("{:016x}", random.bits()),
            model: asked.model.clone(),
            input: asked.input,
            cached,
            output: random.within(&(asked.max_output.div_ceil(2)..asked.max_output + 1)),
            stream: asked.stream,
            usage_in_stream: asked.usage_in_stream,
            latency: Latency {
                ttft: random.jitter(latency.ttft),
                per_token: random.jitter(latency.per_token),
            },
        })
    }

    /// Identity and bucket headers of an answer.
    pub(super) fn headers(&self, dialect: Dialect, model: &str, now: Instant) -> HeaderMap {
        let mut headers = self.identity(dialect);
        if let Some(buckets) = self.kept().buckets.get_mut(&(dialect, model.to_owned())) {
            match dialect {
                Dialect::OpenAi => openai::limits(&mut headers, buckets, now),
                Dialect::Anthropic => anthropic::limits(&mut headers, buckets, now),
            }
        }
        headers
    }

    /// Headers that name the call and its account.
    pub(super) fn identity(&self, dialect: Dialect) -> HeaderMap {
        let request_id = format!("req_{:016x}", self.kept().random.bits());
        match dialect {
            Dialect::OpenAi => openai::identity(&request_id),
            Dialect::Anthropic => anthropic::identity(&request_id),
        }
    }

    /// Names of the models it has been told about or asked for.
    pub(super) fn models(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.config.models.iter().map(|limits| limits.model.clone()).collect();
        names.extend(self.kept().buckets.keys().map(|(_, model)| model.clone()));
        names.sort();
        names.dedup();
        names
    }

    /// Every bucket as it stands: `{model: {rpm: {…}, tpm: {…}}, requests_seen: n}`.
    pub(super) fn beliefs(&self, now: Instant) -> Value {
        let mut kept = self.kept();
        let mut told = Map::new();
        for ((_, model), buckets) in &mut kept.buckets {
            let requests = belief(&mut buckets.requests, now);
            let limits = match &mut buckets.tokens {
                TokenBuckets::Joint(tokens) => {
                    json!({"rpm": requests, "tpm": belief(tokens, now)})
                }
                TokenBuckets::Split { input, output } => json!({
                    "rpm": requests, "itpm": belief(input, now), "otpm": belief(output, now),
                }),
            };
            told.insert(model.clone(), limits);
        }
        told.insert("requests_seen".to_owned(), json!(kept.requests_seen));
        Value::Object(told)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latency(&self, model: &str) -> Latency {
        let own = self.config.models.iter().find(|limits| limits.model == model);
        own.map_or(self.config.latency, |limits| limits.latency)
    }

    fn error_rate(&self, dialect: Dialect, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.started);
        match &self.config.outage {
            Some(outage)
                if outage.dialect == dialect && (outage.from..outage.until).contains(&age) =>
            {
                outage.error_rate
            }
            _ => self.config.error_rate,
        }
    }

    fn fresh(&self, dialect: Dialect, model: &str, now: Instant) -> Buckets {
        let own = self.config.models.iter().find(|limits| limits.model == model);
        let (rpm, tpm) =
            own.map_or((self.config.rpm, self.config.tpm), |limits| (limits.rpm, limits.tpm));
        let tokens = match dialect {
            Dialect::OpenAi => TokenBuckets::Joint(Bucket::full(tpm, MINUTE, now)),
            // Four fifths in, one fifth out: Anthropic's usual proportion.
            Dialect::Anthropic => TokenBuckets::Split {
                input: Bucket::full(tpm - tpm / 5, MINUTE, now),
                output: Bucket::full(tpm / 5, MINUTE, now),
            },
        };
        Buckets { requests: Bucket::full(rpm, MINUTE, now), tokens }
    }
}

impl Buckets {
    /// Takes the request, and its tokens if all of them are there. As with the
    /// real ones, a call refused for its tokens still counts as a request.
    fn charge(&mut self, asked: &Asked, now: Instant) -> Result<(), Refusal> {
        let refusal = |by, bucket: &mut Bucket, requested, refused| Refusal::Limited {
            model: asked.model.clone(),
            by,
            reading: bucket.reading(now),
            requested,
            wait: match refused {
                Refused::Wait(wait) => Some(wait),
                Refused::TooLarge => None,
            },
        };
        if let Err(refused) = self.requests.take(1, now) {
            return Err(refusal(Resource::Requests, &mut self.requests, 1, refused));
        }
        let (sent, made) = (asked.input, asked.max_output);
        match &mut self.tokens {
            TokenBuckets::Joint(tokens) => {
                let both = sent.saturating_add(made);
                if let Err(refused) = tokens.take(both, now) {
                    return Err(refusal(Resource::Tokens, tokens, both, refused));
                }
            }
            TokenBuckets::Split { input, output } => {
                if let Err(refused) = output.check(made, now) {
                    return Err(refusal(Resource::OutputTokens, output, made, refused));
                }
                if let Err(refused) = input.take(sent, now) {
                    return Err(refusal(Resource::InputTokens, input, sent, refused));
                }
                if let Err(refused) = output.take(made, now) {
                    return Err(refusal(Resource::OutputTokens, output, made, refused));
                }
            }
        }
        Ok(())
    }
}

impl Asked {
    /// Reads a request body of either dialect; `None` if it names no model or no messages.
    pub(super) fn read(body: &Value) -> Option<Asked> {
        let model = body.get("model")?.as_str()?.to_owned();
        let characters =
            characters(body.get("messages")?) + body.get("system").map_or(0, characters);
        let max_output = ["max_completion_tokens", "max_tokens"]
            .into_iter()
            .find_map(|name| body.get(name)?.as_u64())
            .unwrap_or(DEFAULT_OUTPUT);
        Some(Asked {
            model,
            // About four characters of English make a token.
            input: (characters / 4).max(1),
            max_output: max_output.clamp(1, 1 << 20),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            usage_in_stream: body
                .pointer("/stream_options/include_usage")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
    }
}

impl Admitted {
    /// Output tokens as a factor for durations.
    pub(super) fn output_u32(&self) -> u32 {
        u32::try_from(self.output).unwrap_or(u32::MAX)
    }

    /// The text of the answer, in the pieces that a stream sends.
    pub(super) fn words(&self) -> Vec<&'static str> {
        const TEXT: &[&str] = &[
            "Checked ", "the ", "order, ", "it ", "ships ", "today ", "and ", "arrives ", "soon. ",
        ];
        let pieces = (self.output / 25).clamp(2, 12);
        TEXT.iter().copied().cycle().take(usize::try_from(pieces).unwrap_or(2)).collect()
    }
}

/// Characters in all texts of a message list, whatever its nesting.
fn characters(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(characters).sum(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name == "content" || *name == "text")
            .map(|(_, value)| characters(value))
            .sum(),
        _ => 0,
    }
}

fn belief(bucket: &mut Bucket, now: Instant) -> Value {
    let Reading { limit, remaining, reset } = bucket.reading(now);
    json!({
        "limit": limit, "remaining": remaining,
        "reset_s": reset.as_secs_f64(), "window_s": MINUTE.as_secs(),
    })
}
