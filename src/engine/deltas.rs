//! What has been counted since the last commit, for a ledger that keeps it: spend
//! by minute and caller, files read that far, calls seen. Without a ledger there
//! is none of this.
//!
//! It merges for as long as nobody fetches it, so a ledger that is behind costs
//! memory up to a bound and no call. It must not know how or where a commit is
//! kept.

use std::collections::VecDeque;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::sources::SourceRow;
use crate::domain::{
    Bucket, BucketId, Checkpoint, Checkpoints, Commit, CountedCall, Request, SeenCall,
    SourceCounters, SourceId, Sym, Wall,
};

/// Buckets between two commits beyond which users are counted together.
const MOST: usize = 65_536;
/// Buckets beyond which all names but the provider's are.
const FULL: usize = 2 * MOST;
/// Calls remembered between two commits; the oldest go first.
const SEEN: usize = Commit::SEEN_KEPT;

/// Everything since the last commit.
#[derive(Debug, Default)]
pub struct Deltas {
    buckets: Vec<(BucketId, Bucket)>,
    places: HashMap<BucketId, usize, FxBuildHasher>,
    /// Where the call before was counted: most calls are like the one before.
    latest: usize,
    checkpoints: Checkpoints,
    seen: VecDeque<SeenCall>,
    /// Counters of the sources as of the last commit, of those that were looked at.
    said: Vec<Option<SourceCounters>>,
    folded: u64,
}

impl Deltas {
    /// Nothing yet, over sources that stand as they do.
    #[must_use]
    pub fn new(sources: &[SourceRow]) -> Deltas {
        Deltas { said: sources.iter().map(SourceRow::kept).collect(), ..Deltas::default() }
    }

    /// Remember a call that was not counted before, so that its line counts once.
    pub fn remember(&mut self, request: &Request) {
        if let Some(id) = request.dedup {
            if self.seen.len() == SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(SeenCall { fingerprint: id.fingerprint, at: request.at });
        }
    }

    /// Add a call that was counted, in the minute of `at`.
    pub fn count(&mut self, request: &Request, at: Wall) {
        if let Some(bucket) = self.bucket(BucketId::of(request, at)) {
            bucket.add(&Bucket::of(request));
        }
    }

    /// Take back a call that was counted at `at`, in this commit or an earlier one.
    pub fn take_back(&mut self, request: &Request, at: Wall) {
        if let Some(bucket) = self.bucket(BucketId::of(request, at)) {
            bucket.add(&Bucket::of(request).negated());
        }
    }

    /// Note how far files are read by what was counted until now.
    pub fn read(&mut self, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints {
            self.checkpoints.note(checkpoint.clone());
        }
    }

    /// Whether a commit would hold anything.
    #[must_use]
    pub fn any(&self, sources: &[SourceRow]) -> bool {
        !self.buckets.is_empty()
            || !self.checkpoints.is_empty()
            || !self.seen.is_empty()
            || sources.iter().map(SourceRow::kept).ne(self.said.iter().copied())
    }

    /// All of it, and begin anew. `replaceable` is what may still be taken back.
    pub fn take(&mut self, sources: &[SourceRow], replaceable: Vec<CountedCall>) -> Commit {
        self.places.clear();
        self.latest = 0;
        let counters: Vec<_> = sources.iter().map(SourceRow::kept).collect();
        let said = std::mem::replace(&mut self.said, counters.clone());
        let moved = (0u32..).zip(counters).filter(|(id, now)| said.get(*id as usize) != Some(now));
        let moved = moved.filter_map(|(id, now)| Some((SourceId(id), now?)));
        Commit {
            buckets: std::mem::take(&mut self.buckets),
            checkpoints: std::mem::take(&mut self.checkpoints).into_vec(),
            seen: std::mem::take(&mut self.seen).into(),
            replaceable,
            sources: moved.collect(),
            history: Vec::new(),
            standing: None,
        }
    }

    /// Calls whose names found no room of their own since this was last asked.
    pub fn take_folded(&mut self) -> u64 {
        std::mem::take(&mut self.folded)
    }

    fn bucket(&mut self, id: BucketId) -> Option<&mut Bucket> {
        let same = self.buckets.get(self.latest).is_some_and(|(latest, _)| *latest == id);
        if !same {
            self.latest = self.place(id);
        }
        self.buckets.get_mut(self.latest).map(|(_, bucket)| bucket)
    }

    /// Where the bucket is, or a coarser one where there is no room for it.
    fn place(&mut self, mut id: BucketId) -> usize {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        if self.buckets.len() >= MOST {
            self.folded += 1;
            id = folded(id, self.buckets.len());
        }
        let next = self.buckets.len();
        let place = *self.places.entry(id).or_insert(next);
        if place == next {
            self.buckets.push((id, Bucket::default()));
        }
        place
    }
}

/// A coarser bucket for a call whose own does not fit any more.
fn folded(id: BucketId, buckets: usize) -> BucketId {
    let other = |name: Option<Sym>| name.map(|_| Sym::OTHER);
    let id = BucketId { user: other(id.user), ..id };
    if buckets < FULL {
        return id;
    }
    BucketId {
        host: other(id.host),
        model: other(id.model),
        key: other(id.key),
        team: other(id.team),
        environment: other(id.environment),
        account: other(id.account),
        ..id
    }
}
