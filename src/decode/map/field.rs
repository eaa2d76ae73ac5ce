//! The fields a format map can fill, by the names of the observation.

/// What kind of value a field takes; decides which conversions make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Time,
    Number,
    Text,
}

macro_rules! fields {
    ($(#[$about:meta])* $name:ident { $($variant:ident $word:literal $kind:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),+ }

        impl $name {
            pub(crate) const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The name used in maps.
            pub(crate) const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
            pub(crate) const fn kind(self) -> Kind {
                match self { $($name::$variant => Kind::$kind),+ }
            }
        }
    };
}

fields! {
    /// A field of the observation.
    Field {
        At "at" Time,
        StartedAt "started_at" Time,
        Provider "provider" Text,
        Model "model" Text,
        Method "method" Text,
        Endpoint "endpoint" Text,
        Deployment "deployment" Text,
        Host "host" Text,
        Key "key_id" Text,
        Team "team" Text,
        User "user" Text,
        Environment "environment" Text,
        Account "account" Text,
        Priority "priority" Text,
        Status "status" Number,
        ErrorKind "error_kind" Text,
        ErrorText "error_text" Text,
        LimitedBy "limited_by" Text,
        Layer "layer" Text,
        KillSwitch "kill_switch" Text,
        RetryAfterS "retry_after_s" Number,
        InputTokens "input_tokens" Number,
        OutputTokens "output_tokens" Number,
        CachedInputTokens "cached_input_tokens" Number,
        CacheWriteTokens "cache_write_tokens" Number,
        CacheWrite1hTokens "cache_write_1h_tokens" Number,
        ReasoningTokens "reasoning_tokens" Number,
        AudioInputTokens "audio_input_tokens" Number,
        AudioOutputTokens "audio_output_tokens" Number,
        TotalTokens "total_tokens" Number,
        ServiceTier "service_tier" Text,
        CostUsd "cost_usd" Number,
        CostUnit "cost_unit" Text,
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
        RecordKey "record_key" Text,
        CallKey "call_key" Text,
        Queue "queue" Text,
        OldestAgeS "oldest_age_s" Number,
        EnqueuedTotal "enqueued_total" Number,
        DequeuedTotal "dequeued_total" Number,
        DroppedTotal "dropped_total" Number,
    }
}

impl Field {
    /// Counts of tokens. Most web servers say none.
    pub(crate) const TOKENS: [Field; 9] = [
        Field::InputTokens,
        Field::OutputTokens,
        Field::CachedInputTokens,
        Field::CacheWriteTokens,
        Field::CacheWrite1hTokens,
        Field::ReasoningTokens,
        Field::AudioInputTokens,
        Field::AudioOutputTokens,
        Field::TotalTokens,
    ];

    /// Whether it counts things, of which there is no fraction.
    pub(crate) fn is_count(self) -> bool {
        matches!(
            self,
            Field::InputTokens
                | Field::OutputTokens
                | Field::CachedInputTokens
                | Field::CacheWriteTokens
                | Field::CacheWrite1hTokens
                | Field::ReasoningTokens
                | Field::AudioInputTokens
                | Field::AudioOutputTokens
                | Field::TotalTokens
                | Field::QueueDepth
                | Field::Attempt
                | Field::EnqueuedTotal
                | Field::DequeuedTotal
                | Field::DroppedTotal
        )
    }
}

fields! {
    /// A part of a limit that stands in fields.
    Part {
        Limit "limit" Number,
        Remaining "remaining" Number,
        Used "used" Number,
        UsedPercent "used_percent" Number,
        WindowS "window_s" Number,
        WindowMinutes "window_minutes" Number,
        Reset "reset" Time,
        Label "label" Text,
        Subject "subject" Text,
    }
}
