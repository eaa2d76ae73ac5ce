//! Counted calls of which a better line may still come: as what each was counted,
//! so that a later run can take it back from the same sums.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ids::Ids;
use super::read::Series;
use super::sums::{Who, names_of};
use crate::domain::{
    BucketId, Commit, Cost, CostSource, CountedCall, Dedup, Dimension, ErrorKind, Failure, Keep,
    Layer, LimitedBy, Names, NanoUsd, Priority, Request, Tier, Timing, Tokens, Wall,
};

/// Calls remembered.
const KEPT: u32 = 8192;
const _: () = assert!(KEPT as usize == Commit::REPLACEABLE_KEPT);

/// A call as it was counted, its names as text.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCall {
    /// Its names.
    pub who: Who,
    /// Its endpoint, where the log said one.
    pub endpoint: Option<Arc<str>>,
    /// All but its names.
    pub call: CountedCall,
}

/// What is written of a call besides the names of its series. Absent is unknown.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    keep: Keep,
    at: i64,
    at_logged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_by: Option<LimitedBy>,
    layer: Layer,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<Exact>,
    /// In the order of [`Tokens`].
    tokens: [Option<u64>; 6],
    /// Sound in the input and in the output.
    #[serde(skip_serializing_if = "is_silent")]
    audio: [Option<u64>; 2],
    tier: Tier,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_nano_usd: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_source: Option<CostSource>,
    /// Latency, time to the first token, time in a queue.
    millis: [Option<Exact>; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_depth: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_hit: Option<bool>,
}

/// A float as the bits it has: as digits it may come back as its neighbour, and
/// then the same line would not be the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Exact(u64);

impl Exact {
    fn of(value: Option<f64>) -> Option<Exact> {
        value.map(|value| Exact(value.to_bits()))
    }

    fn value(exact: Option<Exact>) -> Option<f64> {
        exact.map(|exact| f64::from_bits(exact.0))
    }
}

/// Put each in the place of what its call was counted as before, and let go of the
/// oldest while enough remain.
pub(super) fn replace(
    db: &Connection,
    names: &Names,
    calls: &[CountedCall],
    ids: &mut Ids,
) -> rusqlite::Result<()> {
    if calls.is_empty() {
        return Ok(());
    }
    let mut put = db.prepare_cached(
        "INSERT INTO replaceable (fingerprint, counted_at, series, call, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (fingerprint) DO UPDATE SET \
         counted_at = excluded.counted_at, series = excluded.series, call = excluded.call, \
         digest = excluded.digest",
    )?;
    let mut forget = db.prepare_cached("DELETE FROM replaceable WHERE fingerprint = ?1")?;
    for call in calls {
        let Some(id) = call.request.dedup else { continue };
        let fingerprint = id.fingerprint.cast_signed();
        let Some(told) = told(names, call, id) else {
            // What was counted before is no more what it counts as.
            forget.execute([fingerprint])?;
            continue;
        };
        let series = ids.series(db, names, &names_of(&BucketId::of(&call.request, call.at)))?;
        let digest = digest(fingerprint, call.at.0, series, &told);
        put.execute(params![fingerprint, call.at.0, series, told, digest])?;
    }
    let oldest = "SELECT id FROM replaceable ORDER BY id DESC LIMIT 1 OFFSET ?1";
    let oldest: Option<i64> =
        db.prepare_cached(oldest)?.query_row([KEPT], |row| row.get(0)).optional()?;
    if let Some(oldest) = oldest {
        db.prepare_cached("DELETE FROM replaceable WHERE id <= ?1")?.execute([oldest])?;
    }
    Ok(())
}

/// All of them, oldest first; `None` where a row is not what [`replace`] wrote.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Vec<KeptCall>>> {
    let mut all = Vec::new();
    let mut series = Series::default();
    let mut select = db.prepare(
        "SELECT fingerprint, counted_at, series, call, digest FROM replaceable ORDER BY id",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (fingerprint, at, number): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let text = row.get_ref(3)?.as_str()?;
        let whole = row.get::<_, i64>(4)? == digest(fingerprint, at, number, text);
        let Some(told) = serde_json::from_str(text).ok().filter(|_| whole) else {
            return Ok(None);
        };
        let who = series.who(db, number)?;
        all.push(kept(told, fingerprint.cast_unsigned(), Wall(at), who));
    }
    Ok(Some(all))
}

/// A flipped bit here would take back what was never counted.
fn digest(fingerprint: i64, at: i64, series: i64, told: &str) -> i64 {
    let mut hash = Sha256::new();
    for number in [fingerprint, at, series] {
        hash.update(number.to_le_bytes());
    }
    hash.update(told);
    hash.finalize().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// `None` where a cost does not fit: no sum holds it either.
fn told(names: &Names, call: &CountedCall, id: Dedup) -> Option<String> {
    let request = &call.request;
    let (failure, tokens, timing) = (&request.failure, &request.tokens, &request.timing);
    let told = Told {
        keep: id.keep,
        at: request.at.0,
        at_logged: request.at_logged,
        started_at: request.started_at.map(|at| at.0),
        endpoint: request.endpoint.map(|name| names.text(name)),
        priority: request.caller.priority,
        status: request.status,
        error: failure.kind,
        limited_by: failure.limited_by,
        layer: failure.layer,
        retryable: failure.retryable,
        retry_after_s: Exact::of(failure.retry_after_s),
        tokens: [
            tokens.input,
            tokens.output,
            tokens.cached_input,
            tokens.cache_write,
            tokens.cache_write_1h,
            tokens.reasoning,
        ],
        audio: [tokens.audio_input, tokens.audio_output],
        tier: request.tier,
        cost_nano_usd: request.cost.map(|cost| i64::try_from(cost.usd.0)).transpose().ok()?,
        cost_source: request.cost.map(|cost| cost.source),
        millis: [timing.latency_ms, timing.ttft_ms, timing.queue_ms].map(Exact::of),
        queue_depth: request.queue_depth,
        attempt: request.attempt,
        stream: request.stream,
        cache_hit: request.cache_hit,
    };
    serde_json::to_string(&told).ok()
}

fn kept(told: Told, fingerprint: u64, at: Wall, who: Who) -> KeptCall {
    let mut request = Request::at(Wall(told.at));
    request.at_logged = told.at_logged;
    request.started_at = told.started_at.map(Wall);
    request.caller.priority = told.priority;
    request.status = told.status;
    request.failure = Failure {
        kind: told.error,
        limited_by: told.limited_by,
        // The limit was found when it was counted.
        window_s: None,
        layer: told.layer,
        retryable: told.retryable,
        retry_after_s: Exact::value(told.retry_after_s),
        // It was proof when it was counted.
        stopped_by: None,
    };
    let [input, output, cached_input, cache_write, cache_write_1h, reasoning] = told.tokens;
    let [audio_input, audio_output] = told.audio;
    request.tokens = Tokens {
        input,
        output,
        cached_input,
        cache_write,
        cache_write_1h,
        reasoning,
        audio_input,
        audio_output,
        // What it cost was decided when it was counted.
        unreadable: false,
    };
    request.tier = told.tier;
    request.cost = told
        .cost_nano_usd
        .zip(told.cost_source)
        .map(|(nano, source)| Cost { usd: NanoUsd(nano.into()), source });
    let [latency_ms, ttft_ms, queue_ms] = told.millis.map(Exact::value);
    request.timing = Timing { latency_ms, ttft_ms, queue_ms };
    request.queue_depth = told.queue_depth;
    request.attempt = told.attempt;
    request.stream = told.stream;
    request.cache_hit = told.cache_hit;
    request.dedup = Some(Dedup { fingerprint, keep: told.keep });
    KeptCall { who, endpoint: told.endpoint, call: CountedCall { request, at } }
}

fn is_silent(audio: &[Option<u64>; 2]) -> bool {
    *audio == [None; 2]
}

impl KeptCall {
    /// The call with its names as symbols: a name in each dimension, and the
    /// endpoint.
    #[must_use]
    pub fn named(&self, names: &Names) -> CountedCall {
        let mut call = self.call;
        let request = &mut call.request;
        let sym = |dimension: Dimension| {
            self.who.get(dimension).map(|text| names.intern(dimension.kind(), text))
        };
        request.host = sym(Dimension::Host);
        request.provider = sym(Dimension::Provider);
        request.model = sym(Dimension::Model);
        request.caller.key = sym(Dimension::Key);
        request.caller.team = sym(Dimension::Team);
        request.caller.user = sym(Dimension::User);
        request.caller.environment = sym(Dimension::Environment);
        request.caller.account = sym(Dimension::Account);
        request.endpoint = self
            .endpoint
            .as_ref()
            .map(|text| names.intern(crate::domain::NameKind::Endpoint, text));
        call
    }
}
