//! The fields a format map can fill, by the names of the observation.

/// What kind of value a field takes; decides which conversions make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Time,
    Number,
    Text,
}

macro_rules! fields {
    ($($variant:ident $word:literal $kind:ident,)+) => {
        /// A field of the observation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field { $($variant),+ }

        impl Field {
            pub(crate) const ALL: &'static [Field] = &[$(Field::$variant),+];
            /// The name used in maps.
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Field::$variant => $word),+ }
            }
            pub(crate) const fn kind(self) -> Kind {
                match self { $(Field::$variant => Kind::$kind),+ }
            }
        }
    };
}

fields! {
    At "at" Time,
    StartedAt "started_at" Time,
    Provider "provider" Text,
    Model "model" Text,
    Endpoint "endpoint" Text,
    Host "host" Text,
    Key "key_id" Text,
    Team "team" Text,
    User "user" Text,
    Environment "environment" Text,
    Priority "priority" Text,
    Status "status" Number,
    ErrorKind "error_kind" Text,
    ErrorText "error_text" Text,
    LimitedBy "limited_by" Text,
    Layer "layer" Text,
    RetryAfterS "retry_after_s" Number,
    InputTokens "input_tokens" Number,
    OutputTokens "output_tokens" Number,
    CachedInputTokens "cached_input_tokens" Number,
    CacheWriteTokens "cache_write_tokens" Number,
    CacheWrite1hTokens "cache_write_1h_tokens" Number,
    ReasoningTokens "reasoning_tokens" Number,
    ServiceTier "service_tier" Text,
    CostUsd "cost_usd" Number,
    LatencyMs "latency_ms" Number,
    TtftMs "ttft_ms" Number,
    QueueMs "queue_ms" Number,
    QueueDepth "queue_depth" Number,
    Attempt "attempt" Number,
    Stream "stream" Text,
    CacheHit "cache_hit" Text,
    FinishReason "finish_reason" Text,
    RequestId "request_id" Text,
    DedupKey "dedup_key" Text,
    Queue "queue" Text,
    OldestAgeS "oldest_age_s" Number,
    EnqueuedTotal "enqueued_total" Number,
    DequeuedTotal "dequeued_total" Number,
    DroppedTotal "dropped_total" Number,
}

impl Field {
    pub(crate) fn from_word(word: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|field| field.word() == word)
    }
}
