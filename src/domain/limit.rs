//! What a provider or gateway says is left of a limit.

use std::hash::{Hash, Hasher};

use super::amount::Amount;
use super::names::Sym;
use super::time::Wall;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Layer {
    /// The provider behind the gateway.
    Upstream,
    /// The gateway's own limiter.
    Gateway,
    /// The reading does not say.
    #[default]
    Unknown,
}

/// What the limit is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Scope {
    Org,
    Project,
    Model,
    Key,
    Team,
    User,
    Gateway,
    #[default]
    Unknown,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Resource {
    Requests,
    Tokens,
    InputTokens,
    OutputTokens,
    Concurrency,
    Spend,
    PlanUsage,
    Credits,
    Images,
    Pages,
    AudioSeconds,
    Characters,
    ContentBytes,
    Other,
}

/// Identity of one limit: readings with the same identity are the same gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LimitId {
    /// Whose limit.
    pub layer: Layer,
    /// Provider it was read from.
    pub provider: Option<Sym>,
    /// Model it applies to, where known.
    pub model: Option<Sym>,
    /// What it is counted over.
    pub scope: Scope,
    /// Account, deployment, key, policy or descriptor it applies to.
    pub subject: Option<Sym>,
    /// What is counted.
    pub resource: Resource,
    /// Length of the window in seconds, where known; a month is nominal 30 days.
    pub window_s: Option<u32>,
    /// Pool or policy name: `priority`, `fast`, `5h`, `7d_opus`, …
    pub label: Option<Sym>,
}

/// How the window was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowFrom {
    /// A header says so in so many seconds.
    Header,
    /// The header's name says so.
    Name,
    /// A policy parameter (`w=60`).
    Policy,
    /// Derived by the refill law.
    Math,
    /// Only the provider's documentation says so.
    Doc,
}

/// What happens at the reset time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetKind {
    /// A token bucket is full again: some of it comes back much earlier.
    FullAt,
    /// A fixed window turns over: nothing comes back before.
    WindowEndsAt,
    /// Not known which.
    Unknown,
}

/// When a limit comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reset {
    /// The time as sent (absolute) or computed from the response's own time
    /// (relative); may lie in the past.
    pub at: Wall,
    /// What happens then.
    pub kind: ResetKind,
}

/// A provider's own word on a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitStatus {
    /// Calls pass.
    Allowed,
    /// Calls pass, a threshold was crossed.
    Warning,
    /// Calls are refused.
    Rejected,
}

/// Whether a response says that a limit refused its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Blame {
    /// It does not say.
    #[default]
    Unsaid,
    /// It names it.
    Named,
    /// It names it, and asks for a wait that can only be about a shorter one.
    Outlasting,
}

/// Where a reading came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadingSource {
    /// A response header (also when a log carried it).
    Header,
    /// A log field or an error body.
    Log,
    /// A scraped metric.
    Metric,
    /// An administration API.
    Api,
    /// Our own estimate.
    Estimate,
}

/// One reading of one limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitReading {
    /// Which limit.
    pub id: LimitId,
    /// When the provider said so.
    pub at: Wall,
    /// When that was heard: a response that streams for long is logged at its end.
    pub heard: Wall,
    /// Size of the limit.
    pub limit: Option<Amount>,
    /// What is left; negative is an overdraft.
    pub remaining: Option<Amount>,
    /// What is used, where that is sent instead.
    pub used: Option<Amount>,
    /// Used share (0..1, may exceed 1), where only a utilisation is sent.
    pub used_ratio: Option<f64>,
    /// When it comes back.
    pub reset: Option<Reset>,
    /// The provider's own verdict.
    pub status: Option<LimitStatus>,
    /// Whether it refused this call.
    pub blame: Blame,
    /// How the window was learnt.
    pub window_from: Option<WindowFrom>,
    /// Where the reading came from.
    pub source: ReadingSource,
}

impl Scope {
    /// Whether it is counted over an account or a part of it, not over who calls.
    #[must_use]
    pub const fn is_of_account(self) -> bool {
        matches!(self, Scope::Org | Scope::Project | Scope::Model | Scope::Unknown)
    }
}

impl LimitId {
    /// An identity of which only the resource is known.
    #[must_use]
    pub const fn of(resource: Resource) -> LimitId {
        LimitId {
            layer: Layer::Unknown,
            provider: None,
            model: None,
            scope: Scope::Unknown,
            subject: None,
            resource,
            window_s: None,
            label: None,
        }
    }

    /// Whether its subject is one of several accounts or deployments of a provider,
    /// and nobody who calls.
    #[must_use]
    pub fn is_of_account(&self) -> bool {
        self.layer != Layer::Gateway && self.scope.is_of_account()
    }
}

impl LimitReading {
    /// A reading that says nothing yet of its limit.
    #[must_use]
    pub const fn silent(id: LimitId, at: Wall, source: ReadingSource) -> LimitReading {
        LimitReading {
            id,
            at,
            heard: at,
            limit: None,
            remaining: None,
            used: None,
            used_ratio: None,
            reset: None,
            status: None,
            blame: Blame::Unsaid,
            window_from: None,
            source,
        }
    }
}

/// Looked up for every reading: as few words as it fits into.
impl Hash for LimitId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(Sym::pair(self.provider, self.model));
        hasher.write_u64(Sym::pair(self.subject, self.label));
        let kinds = [self.layer as u8, self.scope as u8, self.resource as u8];
        let kinds = kinds.into_iter().fold(0, |all, kind| all << 8 | u64::from(kind));
        hasher.write_u64(u64::from(self.window_s.unwrap_or(0)) << 32 | kinds);
    }
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// The word used in JSON, rules and on the screen.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }
            /// The value a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$type> {
                match word { $($word => Some($type::$variant),)+ _ => None }
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(from)?;
                let unknown = || serde::de::Error::unknown_variant(&word, &[$($word),+]);
                $type::from_word(&word).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use words;

words!(Layer { Upstream = "upstream", Gateway = "gateway", Unknown = "unknown" });
words!(Scope {
    Org = "org", Project = "project", Model = "model", Key = "key", Team = "team",
    User = "user", Gateway = "gateway", Unknown = "unknown",
});
words!(Resource {
    Requests = "requests", Tokens = "tokens", InputTokens = "input_tokens",
    OutputTokens = "output_tokens", Concurrency = "concurrency", Spend = "spend",
    PlanUsage = "plan_usage", Credits = "credits", Images = "images", Pages = "pages",
    AudioSeconds = "audio_seconds", Characters = "characters",
    ContentBytes = "content_bytes", Other = "other",
});
words!(LimitStatus { Allowed = "allowed", Warning = "warning", Rejected = "rejected" });
words!(ReadingSource {
    Header = "header", Log = "log", Metric = "metric", Api = "api", Estimate = "estimate",
});
words!(WindowFrom {
    Header = "header", Name = "name", Policy = "policy", Math = "math", Doc = "doc",
});
