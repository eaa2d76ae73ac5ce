//! What calls add up to, by minute and by who made them: the grain in which
//! spend is handed on to be kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::amount::NanoUsd;
use super::batch::SourceId;
use super::checkpoint::{Checkpoint, Checkpoints};
use super::limit::words;
use super::names::{NameKind, Sym};
use super::request::{Outcome, Request};
use super::time::{NANOS_PER_S, Wall};

/// What spend is kept by, besides time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Dimension {
    Host,
    Provider,
    Model,
    Key,
    Team,
    User,
    Environment,
    Account,
}

words!(Dimension {
    Host = "host",
    Provider = "provider",
    Model = "model",
    Key = "key",
    Team = "team",
    User = "user",
    Environment = "environment",
    Account = "account",
});

/// What a bucket of spend is kept by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketId {
    /// Minutes since 1970, of the end of the call.
    pub minute: i64,
    /// Gateway host.
    pub host: Option<Sym>,
    /// Provider.
    pub provider: Option<Sym>,
    /// Model, as sent.
    pub model: Option<Sym>,
    /// Key alias or fingerprint.
    pub key: Option<Sym>,
    /// Team.
    pub team: Option<Sym>,
    /// End user.
    pub user: Option<Sym>,
    /// Environment.
    pub environment: Option<Sym>,
    /// Account at the provider.
    pub account: Option<Sym>,
}

/// Sums over the calls of one bucket. A later, better record of a call already
/// counted may take away from them again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Calls.
    pub requests: i64,
    /// Calls that did not succeed.
    pub failed: i64,
    /// All input tokens.
    pub input_tokens: i64,
    /// Part of the input that was read from a cache.
    pub cached_input_tokens: i64,
    /// Part of the input that was written to a cache.
    pub cache_write_tokens: i64,
    /// All output tokens.
    pub output_tokens: i64,
    /// Part of the output spent on reasoning.
    pub reasoning_tokens: i64,
    /// Spend, as far as known.
    pub cost: NanoUsd,
    /// Successful calls without a price.
    pub unpriced: i64,
}

/// A call already counted, for whoever sees its line again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenCall {
    /// [`Request::dedup`](super::Request::dedup).
    pub fingerprint: u64,
    /// End of the call.
    pub at: Wall,
}

/// A call as it was counted, of which a later line may be the better one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountedCall {
    /// The call. Its [`dedup`](Request::dedup) tells which lines are about it.
    pub request: Request,
    /// At which time it was counted.
    pub at: Wall,
}

/// Counters of one source since it was first read, over all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounters {
    /// Lines consumed.
    pub lines: u64,
    /// Lines and parts of lines not understood.
    pub faults: u64,
    /// Lines that can't be trusted.
    pub quarantined: u64,
    /// Lines of no interest.
    pub ignored: u64,
    /// Lines that repeat another.
    pub duplicates: u64,
}

/// What happened since the commit before: either all of it is kept, or none.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Spend by minute. A bucket may come more than once; the parts add up.
    pub buckets: Vec<(BucketId, Bucket)>,
    /// How far the files are read that these buckets come from.
    pub checkpoints: Vec<Checkpoint>,
    /// Calls counted, oldest first.
    pub seen: Vec<SeenCall>,
    /// Of these and earlier ones, what may be taken back again, as it counts now.
    pub replaceable: Vec<CountedCall>,
    /// Counters of the sources that moved, as they are now.
    pub sources: Vec<(SourceId, SourceCounters)>,
    /// What happened, oldest first: alerts and switches as `tripline.event/v1`.
    pub history: Vec<(Wall, String)>,
    /// What stands now, in the place of what did before; nothing where that is the same.
    pub standing: Option<Standing>,
}

/// What stands at a moment and must still stand in a next run: alerts and stops, each
/// as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When.
    pub at: Wall,
    /// All of it.
    pub items: Vec<String>,
}

impl BucketId {
    /// The bucket that a call belongs to which counts at `at`.
    #[must_use]
    pub fn of(request: &Request, at: Wall) -> BucketId {
        let caller = &request.caller;
        BucketId {
            minute: at.0.div_euclid(60 * NANOS_PER_S),
            host: request.host,
            provider: request.provider,
            model: request.model,
            key: caller.key,
            team: caller.team,
            user: caller.user,
            environment: caller.environment,
            account: caller.account,
        }
    }

    /// When its minute begins.
    #[must_use]
    pub fn begin(&self) -> Wall {
        Wall::from_secs(self.minute.saturating_mul(60))
    }
}

impl Dimension {
    /// The kind of its names.
    #[must_use]
    pub const fn kind(self) -> NameKind {
        match self {
            Dimension::Host => NameKind::Host,
            Dimension::Provider => NameKind::Provider,
            Dimension::Model => NameKind::Model,
            Dimension::Key => NameKind::Key,
            Dimension::Team => NameKind::Team,
            Dimension::User => NameKind::User,
            Dimension::Environment => NameKind::Environment,
            Dimension::Account => NameKind::Account,
        }
    }

    /// A call's name in it, where the log said one.
    #[must_use]
    pub const fn of(self, request: &Request) -> Option<Sym> {
        match self {
            Dimension::Host => request.host,
            Dimension::Provider => request.provider,
            Dimension::Model => request.model,
            Dimension::Key => request.caller.key,
            Dimension::Team => request.caller.team,
            Dimension::User => request.caller.user,
            Dimension::Environment => request.caller.environment,
            Dimension::Account => request.caller.account,
        }
    }
}

impl SourceCounters {
    /// Add those of another source.
    pub fn add(&mut self, other: &SourceCounters) {
        self.lines += other.lines;
        self.faults += other.faults;
        self.quarantined += other.quarantined;
        self.ignored += other.ignored;
        self.duplicates += other.duplicates;
    }
}

/// Whether a sum over calls is one: of several of which none has a price it is not 0,
/// it is not known.
#[must_use]
pub fn cost_known(cost: NanoUsd, passed: i64, unpriced: i64) -> bool {
    unpriced == 0 || cost != NanoUsd::ZERO || unpriced < passed
}

impl Bucket {
    /// What one call adds.
    #[must_use]
    pub fn of(request: &Request) -> Bucket {
        let passed = request.outcome() == Outcome::Ok;
        let whole = |count: Option<u64>| i64::try_from(count.unwrap_or(0)).unwrap_or(i64::MAX);
        let tokens = &request.tokens;
        Bucket {
            requests: 1,
            failed: i64::from(!passed),
            input_tokens: whole(tokens.input),
            cached_input_tokens: whole(tokens.cached_input),
            cache_write_tokens: whole(tokens.cache_write),
            output_tokens: whole(tokens.output),
            reasoning_tokens: whole(tokens.reasoning),
            cost: request.cost.map(|cost| cost.usd).unwrap_or_default(),
            unpriced: i64::from(passed && request.cost.is_none()),
        }
    }

    /// What takes this away again.
    #[must_use]
    pub fn negated(&self) -> Bucket {
        Bucket {
            requests: -self.requests,
            failed: -self.failed,
            input_tokens: -self.input_tokens,
            cached_input_tokens: -self.cached_input_tokens,
            cache_write_tokens: -self.cache_write_tokens,
            output_tokens: -self.output_tokens,
            reasoning_tokens: -self.reasoning_tokens,
            cost: NanoUsd::ZERO - self.cost,
            unpriced: -self.unpriced,
        }
    }

    /// Whether any call told its tokens: successful ones use some.
    #[must_use]
    pub fn tokens_known(&self) -> bool {
        self.requests <= self.failed || self.input_tokens != 0 || self.output_tokens != 0
    }

    /// Calls that succeeded: what should have a price.
    #[must_use]
    pub const fn passed(&self) -> i64 {
        self.requests.saturating_sub(self.failed)
    }

    /// Whether any successful call had a price.
    #[must_use]
    pub fn cost_known(&self) -> bool {
        cost_known(self.cost, self.passed(), self.unpriced)
    }

    /// Add another part of the same bucket. No sum wraps: it stops at the ends
    /// of its type, which the ledger refuses to take for a sum.
    pub fn add(&mut self, other: &Bucket) {
        for (mine, more) in [
            (&mut self.requests, other.requests),
            (&mut self.failed, other.failed),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cached_input_tokens, other.cached_input_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
            (&mut self.unpriced, other.unpriced),
        ] {
            *mine = mine.saturating_add(more);
        }
        self.cost += other.cost;
    }
}

impl Commit {
    /// Counted calls worth remembering, in a run and over its end: at 1,000 calls a
    /// second, more than a minute.
    pub const SEEN_KEPT: usize = 65_536;
    /// Counted calls of which a better line may still come.
    pub const REPLACEABLE_KEPT: usize = 8192;

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
            && self.checkpoints.is_empty()
            && self.seen.is_empty()
            && self.replaceable.is_empty()
            && self.sources.is_empty()
            && self.history.is_empty()
            && self.standing.is_none()
    }

    /// Take in what happened after this, as if it had been one commit. Grows by
    /// what is new alone: equal buckets add up, and the newest of the rest stays.
    pub fn merge(&mut self, later: Commit) {
        join(&mut self.buckets, later.buckets, |part| part.0, |mine, more| mine.1.add(&more.1));
        let mut files = Checkpoints::default();
        let before = std::mem::take(&mut self.checkpoints);
        before.into_iter().chain(later.checkpoints).for_each(|file| files.note(file));
        self.checkpoints = files.into_vec();
        join(&mut self.sources, later.sources, |source| source.0, |mine, new| *mine = new);
        self.seen.extend(later.seen);
        self.seen.drain(..self.seen.len().saturating_sub(Commit::SEEN_KEPT));
        join(&mut self.replaceable, later.replaceable, fingerprint, |mine, new| *mine = new);
        let surplus = self.replaceable.len().saturating_sub(Commit::REPLACEABLE_KEPT);
        self.replaceable.drain(..surplus);
        self.history.extend(later.history);
        self.standing = later.standing.or(self.standing.take());
    }
}

fn fingerprint(call: &CountedCall) -> Option<u64> {
    call.request.dedup.map(|id| id.fingerprint)
}

/// Append items, or join them with the one that has the same key.
fn join<T, K: Eq + Hash>(
    all: &mut Vec<T>,
    more: Vec<T>,
    key: impl Fn(&T) -> K,
    join: impl Fn(&mut T, T),
) {
    let mut place: HashMap<K, usize> = all.iter().map(&key).zip(0..).collect();
    for item in more {
        match place.entry(key(&item)) {
            Entry::Occupied(at) => {
                if let Some(mine) = all.get_mut(*at.get()) {
                    join(mine, item);
                }
            }
            Entry::Vacant(free) => {
                free.insert(all.len());
                all.push(item);
            }
        }
    }
}
