//! What header names mean, read once per name. The same few dozen names come
//! in ever new lists, so their meaning is looked up, not worked out again.

use rustc_hash::FxHashMap;

use super::bag::Header;
use super::draft::Key;
use super::labels::Labels;
use super::names::{self, Label, Part};
use super::provider;
use super::retry::Spelling;
use super::vocabulary::Verb;

/// Names remembered; further ones still work, only slower.
const CACHED: usize = 2048;

/// LiteLLM's mark on copies of its provider's headers.
const UPSTREAM: &[u8] = b"llm-provider-";

/// What a header's name says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Card {
    /// Bytes of the upstream mark in front of the name proper.
    pub skip: usize,
    /// What it is for, beside buckets.
    pub role: Role,
    /// Only LiteLLM sends this name.
    pub litellm: bool,
    /// The provider that alone sends this name, as its row.
    pub marker: Option<usize>,
    /// What is said about which bucket.
    pub bucket: Option<(Verb, Key)>,
}

/// What a header is for, if it is known by its whole name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// How long to wait.
    Wait(Spelling),
    ShouldRetry,
    RequestId,
    Model,
    /// The account that the call was made in.
    Organization,
    /// A part of that account with limits of its own.
    Project,
    /// The key or deployment the numbers are for.
    Subject,
    /// The policy's name, beside an old trio.
    PolicyName,
    /// Which limit refused.
    RefusedBy,
    /// Which window of a subscription binds.
    Claim,
    /// When that one turns.
    ClaimReset,
    /// A gateway refused by itself.
    GatewayRefused,
    /// Which kill switch refused.
    Stopped,
    /// What the gateway says this call cost.
    Cost,
    /// `RateLimit`
    State,
    /// `RateLimit-Policy`
    Policies,
    /// The kind of limit that refused.
    Type,
    TimeRemaining,
    /// The server's clock.
    Date,
    /// Perhaps part of a bucket.
    Other,
}

/// What a header can say to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Says {
    Nothing,
    /// Its name tells whose headers these are; its value tells nothing.
    ByName,
    ByValue,
}

/// The cards of all names seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    known: FxHashMap<Box<[u8]>, Card>,
}

impl Card {
    /// Whether the gateway marks the header as its provider's.
    pub fn is_upstream(&self) -> bool {
        self.skip > 0
    }

    /// What the header can say.
    pub fn says(&self) -> Says {
        if self.role != Role::Other || self.bucket.is_some() {
            Says::ByValue
        } else if self.litellm || self.marker.is_some() {
            Says::ByName
        } else {
            Says::Nothing
        }
    }
}

impl Cards {
    /// The card of a header's name.
    pub fn of(&mut self, header: Header<'_>, labels: &mut Labels) -> Card {
        if let Some(card) = self.known.get(header.sent) {
            return *card;
        }
        let card = read(header, labels);
        if self.known.len() < CACHED {
            self.known.insert(header.sent.into(), card);
        }
        card
    }
}

fn read(header: Header<'_>, labels: &mut Labels) -> Card {
    let skip = if header.name.starts_with(UPSTREAM) { UPSTREAM.len() } else { 0 };
    let name = header.name.get(skip..).unwrap_or_default();
    let sent = header.sent.get(skip..).unwrap_or_default();
    let part = names::read(name, sent);
    Card {
        skip,
        role: role(name),
        litellm: skip > 0 || name.starts_with(b"x-litellm-"),
        marker: provider::marked(name),
        bucket: part.and_then(|part| Some((part.verb, key(part, skip > 0, labels)?))),
    }
}

fn role(name: &[u8]) -> Role {
    match name {
        b"retry-after" => Role::Wait(Spelling::Plain),
        b"retry-after-ms" | b"x-ms-retry-after-ms" => Role::Wait(Spelling::Millis),
        b"x-ai-ratelimit-retry-after" | b"x-retry-in" | b"x-ratelimit-after" => {
            Role::Wait(Spelling::Aside)
        }
        b"x-should-retry" => Role::ShouldRetry,
        b"request-id" | b"x-request-id" => Role::RequestId,
        b"openai-model" | b"x-litellm-model-group" | b"x-ms-served-model" => Role::Model,
        b"openai-organization" | b"anthropic-organization-id" => Role::Organization,
        b"openai-project" => Role::Project,
        b"x-ratelimit-key" | b"x-ratelimit-resource" => Role::Subject,
        b"ratelimit-name" => Role::PolicyName,
        b"policy-id" | b"rate-limit-type" | b"anthropic-ratelimit-unified-status" => {
            Role::RefusedBy
        }
        b"anthropic-ratelimit-unified-representative-claim" => Role::Claim,
        b"anthropic-ratelimit-unified-reset" => Role::ClaimReset,
        b"x-envoy-ratelimited" => Role::GatewayRefused,
        b"x-kill-switch" => Role::Stopped,
        b"x-litellm-response-cost" => Role::Cost,
        b"ratelimit" => Role::State,
        b"ratelimit-policy" | b"x-ratelimit-policy" => Role::Policies,
        b"x-ratelimit-type" => Role::Type,
        b"x-ratelimit-timeremaining" => Role::TimeRemaining,
        b"date" => Role::Date,
        // Kong says behind it which of its limits that is.
        _ if name.starts_with(b"x-ai-ratelimit-retry-after-") => Role::Wait(Spelling::Aside),
        _ => Role::Other,
    }
}

fn key(part: Part<'_>, upstream: bool, labels: &mut Labels) -> Option<Key> {
    let (label, described) = match part.label {
        Label::None => (part.family.pool.and_then(|pool| labels.label(pool.as_bytes())), false),
        Label::Pool(pool) => (labels.label(pool.as_bytes()), false),
        Label::Text(text) => (labels.label(text), false),
        Label::Pair(whole, part) => {
            let part = labels.label(part);
            (labels.label(whole).map(|whole| labels.part(whole, part)), false)
        }
        Label::Descriptor(text) => (labels.descriptor(text), true),
    };
    Some(Key {
        family: part.family,
        upstream,
        resource: part.resource?,
        window_s: part.window_s.or(part.family.named_window_s),
        scope: part.scope,
        label,
        described,
        named: part.named,
    })
}
