//! The words that header names are made of. Data only; `names` does the reading.

use crate::domain::{Resource, Scope};

/// What a header says about its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Limit,
    Remaining,
    Used,
    Reset,
    /// Used share, 0..1.
    Ratio,
    /// Used share, 0..100.
    Percent,
    Status,
    /// Length of the window in seconds.
    WindowSeconds,
    /// Length of the window in minutes.
    WindowMinutes,
    /// A flag: this bucket has no limit.
    Unlimited,
    /// `quota;w=seconds;u=unit` of this bucket.
    Policy,
}

/// A verb as it is spelled, and what it implies where the name says no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct VerbWord {
    pub word: &'static str,
    pub verb: Verb,
    pub resource: Option<Resource>,
    pub window_s: Option<u32>,
}

/// What a word or phrase behind (or before) the verb means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Resource(Resource),
    /// A resource and the pool of it.
    Pool(Resource, &'static str),
    Window(u32),
    Label(&'static str),
    Scope(Scope),
    /// Joins other words.
    Filler,
}

const fn verb(word: &'static str, verb: Verb) -> VerbWord {
    VerbWord { word, verb, resource: None, window_s: None }
}

const fn verb_of(
    word: &'static str,
    verb: Verb,
    resource: Resource,
    window_s: Option<u32>,
) -> VerbWord {
    VerbWord { word, verb, resource: Some(resource), window_s }
}

/// Verbs; where one ends in another the longer stands first.
pub(super) const VERBS: &[VerbWord] = &[
    verb_of("tpm-limit", Verb::Limit, Resource::Tokens, Some(60)),
    verb_of("rpm-limit", Verb::Limit, Resource::Requests, Some(60)),
    verb_of("max-budget", Verb::Limit, Resource::Spend, None),
    verb_of("spend", Verb::Used, Resource::Spend, None),
    verb_of("balance", Verb::Remaining, Resource::Credits, None),
    verb_of("unlimited", Verb::Unlimited, Resource::Credits, None),
    verb("limit", Verb::Limit),
    verb("remaining", Verb::Remaining),
    verb("reset-after-seconds", Verb::Reset),
    verb("reset-at", Verb::Reset),
    verb("reset", Verb::Reset),
    verb("used-percent", Verb::Percent),
    verb("used", Verb::Used),
    verb("utilization", Verb::Ratio),
    verb("status", Verb::Status),
    verb("renewalperiod", Verb::WindowSeconds),
    verb("window-minutes", Verb::WindowMinutes),
    verb("policy", Verb::Policy),
];

/// Nouns and windows; where one begins with another the longer stands first.
pub(super) const PHRASES: &[(&str, Meaning)] = &[
    ("tokens-cache-adjusted-prompt", Meaning::Pool(Resource::InputTokens, "uncached")),
    ("tokens-prompt", Meaning::Resource(Resource::InputTokens)),
    ("tokens-generated", Meaning::Resource(Resource::OutputTokens)),
    ("input-tokens", Meaning::Resource(Resource::InputTokens)),
    ("output-tokens", Meaning::Resource(Resource::OutputTokens)),
    ("tokens", Meaning::Resource(Resource::Tokens)),
    ("token", Meaning::Resource(Resource::Tokens)),
    ("max-parallel-requests", Meaning::Resource(Resource::Concurrency)),
    ("concurrent-requests", Meaning::Resource(Resource::Concurrency)),
    ("concurrent", Meaning::Resource(Resource::Concurrency)),
    ("concurrency", Meaning::Resource(Resource::Concurrency)),
    ("requests", Meaning::Resource(Resource::Requests)),
    ("request", Meaning::Resource(Resource::Requests)),
    ("req", Meaning::Resource(Resource::Requests)),
    ("input-images", Meaning::Resource(Resource::Images)),
    ("images", Meaning::Resource(Resource::Images)),
    ("ocr-pages", Meaning::Resource(Resource::Pages)),
    ("pages", Meaning::Resource(Resource::Pages)),
    ("audio-seconds", Meaning::Resource(Resource::AudioSeconds)),
    ("input-characters", Meaning::Resource(Resource::Characters)),
    ("characters", Meaning::Resource(Resource::Characters)),
    ("credits", Meaning::Resource(Resource::Credits)),
    ("usage-based", Meaning::Label("usage_based")),
    ("dynamic", Meaning::Label("dynamic")),
    ("project", Meaning::Scope(Scope::Project)),
    ("per", Meaning::Filler),
    ("second", Meaning::Window(1)),
    ("minute", Meaning::Window(60)),
    ("hour", Meaning::Window(3600)),
    ("day", Meaning::Window(86_400)),
    ("week", Meaning::Window(604_800)),
    ("month", Meaning::Window(2_592_000)),
    ("year", Meaning::Window(31_536_000)),
];

/// Whom a LiteLLM descriptor counts for.
pub(super) const DESCRIPTORS: &[(&str, Scope)] = &[
    ("api-key", Scope::Key),
    ("key", Scope::Key),
    ("model-per-key", Scope::Key),
    ("team", Scope::Team),
    ("model-per-team", Scope::Team),
    ("user", Scope::User),
    ("end-user", Scope::User),
    ("customer", Scope::User),
    ("team-member", Scope::User),
    ("organization", Scope::Org),
    ("org", Scope::Org),
    ("model-per-organization", Scope::Org),
    ("project", Scope::Project),
    ("model-per-project", Scope::Project),
    ("model", Scope::Model),
];
