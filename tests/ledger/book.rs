//! A state directory, a ledger in it, and the naive model to hold it against.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tripline::domain::{
    Bucket, BucketId, Checkpoint, Commit, Cost, CostSource, CountedCall, Dedup, ErrorKind, Failure,
    Generation, Keep, Layer, LimitedBy, NameKind, Names, NanoUsd, Priority, Request, SeenCall,
    SourceCounters, SourceId, Tier, Timing, Tokens, Wall,
};
use tripline::ledger::{
    Committed, Dimension, Holder, Kept, LEDGER_FILE, Ledger, LedgerError, Opened, Setup, Who,
};

/// 2026-11-20T06:00:00Z, in minutes.
pub const START: i64 = 29_919_240;

pub struct Book {
    pub dir: TempDir,
    pub names: Names,
}

impl Book {
    pub fn new() -> Book {
        Book { dir: tempfile::tempdir().unwrap(), names: Names::default() }
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn file(&self) -> PathBuf {
        self.state().join(LEDGER_FILE)
    }

    pub fn setup(&self) -> Setup {
        setup(&self.state(), &self.names)
    }

    pub fn try_open(&self) -> Result<Opened, LedgerError> {
        Ledger::open(self.setup(), minute(START))
    }

    #[track_caller]
    pub fn open(&self) -> Opened {
        self.try_open().unwrap()
    }

    /// Ask the file behind our back.
    pub fn ask<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        let db = rusqlite::Connection::open(self.file()).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub fn id(&self, minute: i64, who: &[(Dimension, &str)]) -> BucketId {
        let sym = |dimension, kind| {
            let name = who.iter().find(|(of, _)| *of == dimension)?.1;
            Some(self.names.intern(kind, name))
        };
        BucketId {
            minute,
            host: sym(Dimension::Host, NameKind::Host),
            provider: sym(Dimension::Provider, NameKind::Provider),
            model: sym(Dimension::Model, NameKind::Model),
            key: sym(Dimension::Key, NameKind::Key),
            team: sym(Dimension::Team, NameKind::Team),
            user: sym(Dimension::User, NameKind::User),
            environment: sym(Dimension::Environment, NameKind::Environment),
            account: sym(Dimension::Account, NameKind::Account),
        }
    }
}

pub fn setup(state: &Path, names: &Names) -> Setup {
    Setup {
        state_dir: state.to_owned(),
        us: Holder {
            pid: std::process::id(),
            host: "gw-1".into(),
            since: "2026-11-20T06:00:00.000Z".into(),
        },
        names: names.clone(),
        sources: (0..4).map(|n| format!("source-{n}")).collect(),
    }
}

pub fn minute(minute: i64) -> Wall {
    Wall::from_secs(minute * 60)
}

pub fn bucket(requests: i64, cost: i64) -> Bucket {
    Bucket {
        requests,
        failed: requests / 7,
        input_tokens: requests * 1200,
        cached_input_tokens: requests * 1000,
        cache_write_tokens: requests * 3,
        output_tokens: requests * 300,
        reasoning_tokens: requests * 64,
        cost: NanoUsd(cost.into()),
        unpriced: requests / 11,
    }
}

pub fn checkpoint(id: u64, offset: u64) -> Checkpoint {
    Checkpoint {
        source: format!("source-{}", id % 2).into(),
        path: format!("/var/log/gateway-{id}.log").into(),
        // Two sources read each file.
        place: (2049, u64::MAX - id / 2),
        head: id.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        head_len: 4096,
        window: offset.wrapping_mul(0xc2b2_ae3d_27d4_eb4f),
        window_len: 256,
        offset,
        lines: offset / 440,
        memo: format!("{{\"line\":{offset}}}"),
        since: (id % 2 == 1).then_some(Wall(7)),
        progress: if id % 3 == 2 { Generation::Finished } else { Generation::Open },
    }
}

pub fn seen(n: u64) -> SeenCall {
    SeenCall {
        fingerprint: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        at: Wall(i64::try_from(n).unwrap() * 1_000_003 - 5_000),
    }
}

fn one<T: Copy>(all: &[T], n: u64) -> T {
    all[usize::try_from(n % all.len() as u64).unwrap()]
}

/// A call that may be replaced: number `n` of them, every field made from `n`.
#[allow(clippy::cast_possible_truncation, reason = "any number will do")]
pub fn counted(id: &BucketId, n: u64, names: &Names) -> CountedCall {
    let some = |bit: u32| (n >> bit) & 1 == 1;
    let count = |bit: u32| some(bit).then_some(n.rotate_left(bit));
    let millis = |bit: u32| some(bit).then_some(0.1 * f64::from(n as u32));
    let mut request = Request::at(Wall(n.cast_signed() / 3));
    request.at_logged = some(1);
    request.started_at = some(2).then_some(Wall(7 - n.cast_signed() / 5));
    request.endpoint = some(3).then(|| names.intern(NameKind::Endpoint, "/v1/\"chat\""));
    (request.host, request.provider, request.model) = (id.host, id.provider, id.model);
    (request.caller.key, request.caller.team) = (id.key, id.team);
    (request.caller.user, request.caller.environment) = (id.user, id.environment);
    request.caller.priority = some(4).then(|| one(Priority::ALL, n));
    request.status = some(5).then_some(429);
    request.failure = Failure {
        kind: some(6).then(|| one(ErrorKind::ALL, n)),
        limited_by: some(7).then(|| one(LimitedBy::ALL, n)),
        window_s: None,
        layer: one(Layer::ALL, n),
        retryable: some(8).then_some(some(9)),
        retry_after_s: millis(10),
        stopped_by: None,
    };
    request.tokens = Tokens {
        input: count(11),
        output: count(12),
        cached_input: count(13),
        cache_write: count(14),
        cache_write_1h: count(15),
        reasoning: count(16),
        audio_input: count(27),
        audio_output: count(28),
        unreadable: false,
    };
    request.tier = one(Tier::ALL, n);
    let usd = NanoUsd((n >> 2).into());
    request.cost = some(17).then(|| Cost { usd, source: one(CostSource::ALL, n) });
    request.timing = Timing { latency_ms: millis(18), ttft_ms: millis(19), queue_ms: millis(20) };
    request.queue_depth = count(21);
    request.attempt = some(22).then_some(u32::MAX);
    request.stream = some(23).then_some(some(24));
    request.cache_hit = some(25).then_some(some(26));
    request.dedup = Some(Dedup { fingerprint: n % 50, keep: one(Keep::ALL, n) });
    CountedCall { request, at: Wall(id.begin().0 + 7) }
}

#[track_caller]
pub fn kept(ledger: &mut Ledger, commit: Commit) {
    assert_eq!(ledger.commit(commit).unwrap(), Committed::Kept);
}

/// What a ledger should know, kept the simplest way.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub buckets: HashMap<BucketId, Bucket>,
    pub checkpoints: Vec<Checkpoint>,
    pub seen: Vec<SeenCall>,
    pub sources: BTreeMap<SourceId, SourceCounters>,
    pub replaceable: Vec<CountedCall>,
    pub history: Vec<(Wall, String)>,
    /// What was pruned: still in the totals.
    pub pruned: Vec<Bucket>,
}

impl Model {
    pub fn take(&mut self, commit: &Commit) {
        for (id, part) in &commit.buckets {
            self.buckets.entry(*id).or_default().add(part);
        }
        for file in &commit.checkpoints {
            let open = |old: &Checkpoint| old.progress == Generation::Open;
            let same = |old: &Checkpoint| (&old.source, old.place) == (&file.source, file.place);
            self.checkpoints.retain(|old| !(open(old) && same(old)));
            self.checkpoints.push(file.clone());
        }
        self.seen.extend(&commit.seen);
        self.sources.extend(commit.sources.iter().copied());
        for call in &commit.replaceable {
            let same = |old: &&mut CountedCall| {
                old.request.dedup.unwrap().fingerprint == call.request.dedup.unwrap().fingerprint
            };
            match self.replaceable.iter_mut().find(same) {
                Some(old) => *old = *call,
                None => self.replaceable.push(*call),
            }
        }
        self.history.extend(commit.history.iter().cloned());
    }

    #[track_caller]
    pub fn replaceable_equals(&self, kept: &Kept, names: &Names) {
        let calls: Vec<_> = kept.replaceable.iter().map(|call| call.named(names)).collect();
        assert_eq!(calls, self.replaceable);
    }

    pub fn totals(&self) -> Bucket {
        sum(self.buckets.values().chain(&self.pruned))
    }

    /// By name, in the minutes from `from` up to `to`; in quarters before the
    /// first floor, in days before the second.
    pub fn spent(
        &self,
        names: &Names,
        from: i64,
        to: i64,
        floors: [i64; 2],
    ) -> BTreeMap<Who, Bucket> {
        let mut sums: BTreeMap<Who, Bucket> = BTreeMap::new();
        for (id, part) in &self.buckets {
            let begin = match id.minute {
                at if at < floors[1] => day(at),
                at if at < floors[0] => quarter(at),
                at => at,
            };
            if (from..to).contains(&begin) {
                sums.entry(who(names, id)).or_default().add(part);
            }
        }
        sums
    }

    /// Let go of the days before `until`, and of the events.
    pub fn prune(&mut self, until: i64) {
        let is_old = |id: &BucketId| day(id.minute) < day(until);
        let old: Vec<BucketId> = self.buckets.keys().copied().filter(is_old).collect();
        self.pruned.extend(old.iter().filter_map(|id| self.buckets.remove(id)));
        self.history.retain(|(at, _)| *at >= minute(until));
        self.replaceable.retain(|call| call.at >= minute(day(until)));
    }

    #[track_caller]
    pub fn equals(&self, kept: &Kept) {
        assert_eq!(kept.totals, self.totals());
        let sorted = |files: &[Checkpoint]| {
            let mut files = files.to_vec();
            files.sort_by_key(|file| {
                let open = file.progress == Generation::Open;
                (file.place, file.source.clone(), file.offset, open)
            });
            files
        };
        assert_eq!(sorted(&kept.checkpoints), sorted(&self.checkpoints));
        let surplus = self.seen.len().saturating_sub(Commit::SEEN_KEPT);
        assert!(kept.seen.ends_with(&self.seen[surplus..]) && self.seen.ends_with(&kept.seen));
        let by_name =
            |(id, counters): (&SourceId, &SourceCounters)| (format!("source-{}", id.0), *counters);
        assert_eq!(kept.sources, self.sources.iter().map(by_name).collect::<Vec<_>>());
    }
}

pub fn day(minute: i64) -> i64 {
    minute.div_euclid(1440) * 1440
}

pub fn quarter(minute: i64) -> i64 {
    minute.div_euclid(15) * 15
}

pub fn sum<'b>(buckets: impl Iterator<Item = &'b Bucket>) -> Bucket {
    buckets.fold(Bucket::default(), |mut sum, part| {
        sum.add(part);
        sum
    })
}

pub fn who(names: &Names, id: &BucketId) -> Who {
    let text = |sym: Option<_>| -> Option<Arc<str>> { sym.map(|sym| names.text(sym)) };
    Who::default()
        .with(Dimension::Host, text(id.host))
        .with(Dimension::Provider, text(id.provider))
        .with(Dimension::Model, text(id.model))
        .with(Dimension::Key, text(id.key))
        .with(Dimension::Team, text(id.team))
        .with(Dimension::User, text(id.user))
        .with(Dimension::Environment, text(id.environment))
        .with(Dimension::Account, text(id.account))
}
