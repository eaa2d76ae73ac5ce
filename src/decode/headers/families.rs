//! Families of header names, as data. A new gateway is a new row.
//!
//! A row says how names of the family are built and what they mean where they
//! do not say it themselves. Whose account the numbers belong to is often not
//! in the name; then `provider` decides.

use crate::domain::{Layer, ResetKind, Resource, Scope};

/// How the names of a family are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `x-ratelimit-limit-tokens-minute`
    VerbFirst,
    /// `anthropic-ratelimit-tokens-limit`
    VerbLast,
}

/// Which rules apply to the numbers of a family when they are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// OpenAI's names: the window is hidden, the account is the provider's.
    Suffixed,
    /// An old trio of one bucket, whose windows stand elsewhere: in policies or
    /// in other names.
    Trio,
    /// The IETF's later fields, where everything stands in values.
    Field,
    /// `x-ai-ratelimit`: one bare reset for several buckets, unit unstated.
    Ai,
    /// Read from a body.
    Body,
    /// Complete in itself.
    Plain,
}

/// One row.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "columns of a table of constants")]
pub(super) struct Family {
    pub prefix: &'static str,
    pub shape: Shape,
    pub kin: Kin,
    /// What is counted where the name does not say.
    pub resource: Option<Resource>,
    pub scope: Scope,
    pub layer: Layer,
    /// Pool all buckets of the family belong to.
    pub pool: Option<&'static str>,
    /// Window that the documentation gives.
    pub window_s: Option<u32>,
    /// Window that the prefix itself spells out.
    pub named_window_s: Option<u32>,
    pub reset: ResetKind,
    /// Subjects are subscription windows.
    pub claims: bool,
    /// Only with a rule index in front of the verb.
    pub needs_index: bool,
    /// A noun alone is the limit.
    pub bare_limit: bool,
    /// Operators name limits as they like.
    pub free_names: bool,
    /// A bare reset of more than a day is milliseconds: nobody counts a wait of
    /// days in seconds under these names.
    pub long_bare_is_millis: bool,
}

/// Rows are compared by identity: each stands once in this file.
impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        std::ptr::eq(self, other)
    }
}

const ROW: Family = Family {
    prefix: "",
    shape: Shape::VerbFirst,
    kin: Kin::Plain,
    resource: None,
    scope: Scope::Unknown,
    layer: Layer::Unknown,
    pool: None,
    window_s: None,
    named_window_s: None,
    reset: ResetKind::Unknown,
    claims: false,
    needs_index: false,
    bare_limit: false,
    free_names: false,
    long_bare_is_millis: false,
};

const FIELD_ROW: Family = Family {
    prefix: "ratelimit",
    kin: Kin::Field,
    resource: Some(Resource::Requests),
    reset: ResetKind::WindowEndsAt,
    ..ROW
};

const ANTHROPIC: Family = Family {
    shape: Shape::VerbLast,
    scope: Scope::Org,
    layer: Layer::Upstream,
    window_s: Some(60),
    reset: ResetKind::FullAt,
    ..ROW
};

const PLAN: Family = Family {
    shape: Shape::VerbLast,
    resource: Some(Resource::PlanUsage),
    scope: Scope::User,
    layer: Layer::Upstream,
    reset: ResetKind::WindowEndsAt,
    ..ROW
};

const BY_SIZE: Family = Family {
    kin: Kin::Trio,
    resource: Some(Resource::Tokens),
    scope: Scope::Org,
    layer: Layer::Upstream,
    reset: ResetKind::WindowEndsAt,
    ..ROW
};

const AI: Family = Family {
    kin: Kin::Ai,
    resource: Some(Resource::Tokens),
    scope: Scope::Gateway,
    layer: Layer::Gateway,
    reset: ResetKind::WindowEndsAt,
    ..ROW
};

const TOKEN_LIMIT: Family = Family { resource: Some(Resource::Tokens), ..ROW };

const COHERE: Family = Family {
    resource: Some(Resource::Requests),
    scope: Scope::Key,
    layer: Layer::Upstream,
    reset: ResetKind::WindowEndsAt,
    ..ROW
};

/// Buckets of the IETF fields `RateLimit` and `RateLimit-Policy`.
pub(super) static FIELD: Family = FIELD_ROW;

/// Policies inside `x-ratelimit-limit`, as Envoy sends them.
pub(super) static IN_LIMIT: Family =
    Family { kin: Kin::Plain, scope: Scope::Gateway, layer: Layer::Gateway, ..FIELD_ROW };

/// The limit that `x-ratelimit-type` names.
pub(super) static TYPED: Family =
    Family { kin: Kin::Plain, scope: Scope::User, layer: Layer::Upstream, ..FIELD_ROW };

/// Limits that stand in the body of an error.
pub(super) static BODY: Family = Family { kin: Kin::Body, layer: Layer::Upstream, ..FIELD_ROW };

/// Every family; where one prefix begins with another the longer stands first.
pub(super) static FAMILIES: &[Family] = &[
    Family { prefix: "anthropic-ratelimit-unified-", claims: true, ..PLAN },
    Family { prefix: "anthropic-ratelimit-", ..ANTHROPIC },
    Family { prefix: "anthropic-priority-", pool: Some("priority"), ..ANTHROPIC },
    Family { prefix: "anthropic-fast-", pool: Some("fast"), ..ANTHROPIC },
    Family { prefix: "x-codex-", ..PLAN },
    Family {
        prefix: "helicone-ratelimit-",
        resource: Some(Resource::Requests),
        scope: Scope::Gateway,
        layer: Layer::Gateway,
        ..ROW
    },
    Family { prefix: "x-ai-ratelimit-", ..AI },
    Family { prefix: "x-ai-", needs_index: true, ..AI },
    Family { prefix: "x-litellm-", shape: Shape::VerbLast, layer: Layer::Gateway, ..ROW },
    Family { prefix: "ratelimitbysize-", ..BY_SIZE },
    Family { prefix: "x-ratelimitbysize-", ..BY_SIZE },
    Family { prefix: "x-tokenlimit-", ..TOKEN_LIMIT },
    Family {
        prefix: "x-tokenratelimit-",
        scope: Scope::Gateway,
        layer: Layer::Gateway,
        ..TOKEN_LIMIT
    },
    Family { prefix: "x-trial-endpoint-call-", window_s: Some(60), ..COHERE },
    Family { prefix: "x-endpoint-monthly-call-", named_window_s: Some(2_592_000), ..COHERE },
    Family {
        prefix: "x-ratelimit-",
        kin: Kin::Suffixed,
        resource: Some(Resource::Requests),
        bare_limit: true,
        free_names: true,
        ..ROW
    },
    Family {
        prefix: "x-rate-limit-",
        resource: Some(Resource::Requests),
        long_bare_is_millis: true,
        ..ROW
    },
    Family { prefix: "ratelimit-", kin: Kin::Trio, resource: Some(Resource::Requests), ..ROW },
];
