//! The immutable picture of the state that every viewer gets: the console,
//! `once --json`, `replay --json` and `status`.
//!
//! Field names here *are* the public JSON (`tripline.snapshot/v1`, CONTRACT
//! section 3): absent, never null; ratios 0..1; `_s` seconds, `_ms` milliseconds;
//! money as decimal strings. It must not know ratatui, sockets or files.

mod bill;
mod build;
mod left_out;
mod order;
mod switch;
mod verdict;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use bill::Bill;
pub use build::build;
pub use switch::{Switch, SwitchHost};
pub use verdict::{OLD_DATA_S, kept, nothing_understood, traffic_state};

use serde::{Serialize, Serializer};

use crate::domain::NanoUsd;

pub use crate::engine::LimitName;

pub use crate::engine::callers::UNATTRIBUTED;

/// Text shared between snapshots without copying.
pub type Text = Arc<str>;

/// Money as it stands in JSON: a decimal string in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub NanoUsd);

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// How bad things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum State {
    Ok,
    #[default]
    Unknown,
    Warning,
    Critical,
}

/// Everything a viewer can show at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Always `tripline.snapshot/v1`.
    pub schema: &'static str,
    /// When it was taken, RFC 3339.
    pub at: Text,
    /// Worst of everything below.
    pub state: State,
    /// One English sentence: binding limit, cause, time back, whether waiting helps.
    pub verdict: Text,
    /// Limits, worst first.
    pub limits: Arc<[Limit]>,
    /// Spend caps, worst first.
    pub caps: Arc<[Cap]>,
    /// What providers billed, dearest first.
    pub bills: Arc<[Bill]>,
    /// Queues, critical first.
    pub queues: Arc<[Queue]>,
    /// Metrics that are neither a limit nor a queue.
    pub metrics: Arc<[Measure]>,
    /// Traffic by provider, model and endpoint, busiest first.
    pub traffic: Arc<[Traffic]>,
    /// Retries by provider and model.
    pub retries: Arc<[Retries]>,
    /// Who is doing it, dearest first.
    pub keys: Arc<[Key]>,
    /// Alerts, firing first.
    pub alerts: Arc<[Alert]>,
    /// Kill switches.
    pub switches: Arc<[Switch]>,
    /// Where the numbers come from.
    pub sources: Arc<[Source]>,
    /// Things a person should know that are not alerts.
    pub findings: Arc<[Finding]>,
    /// Rows that sections have no room for, by section; none of those that have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<&'static str, u64>,
    /// Of the caps among them, those that are spent.
    #[serde(skip)]
    pub spent_left_out: u64,
    /// Exact totals; with a ledger over all runs, else since start.
    pub totals: Totals,
    /// The ledger, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// Traffic of the last minute over everything; for the screen only.
    #[serde(skip)]
    pub overall: Traffic,
    /// Retries over everything; for the screen only.
    #[serde(skip)]
    pub overall_retries: Retries,
    /// Hosts that calls were heard of lately; for the screen only.
    #[serde(skip)]
    pub hosts: Arc<[Text]>,
    /// Who sends what, for the plan shown before a trip; for the screen only.
    #[serde(skip)]
    pub load: Arc<[Load]>,
    /// When it was taken, Unix milliseconds, for a viewer's own ageing.
    #[serde(skip)]
    pub at_unix_ms: i64,
}

/// A slice of the last minute's traffic: what a trip of some scope would stop.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub struct Load {
    pub provider: Option<Text>,
    pub model: Option<Text>,
    pub key: Option<Text>,
    pub environment: Option<Text>,
    pub priority: Option<&'static str>,
    pub requests: u64,
    pub requests_per_s: Option<f64>,
}

/// One limit, projected to the moment of the snapshot.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, as in the JSON")]
pub struct Limit {
    pub layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Text>,
    pub scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text>,
    /// Another account has a limit like it; for the screen only.
    #[serde(skip)]
    pub has_twin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    pub resource: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Number>,
    /// What the last reading said, where `remaining` is worked out from it: a bucket fills up
    /// while nobody is heard to draw from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_when_read: Option<Number>,
    /// It was reset since, and not heard of: what is left is not known. For people only; to
    /// scripts it is `stale` and has no `remaining`.
    #[serde(skip)]
    pub was_reset: bool,
    /// `remaining / limit`, 0..1, clamped; for the screen only.
    #[serde(skip)]
    pub remaining_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_in_s: Option<f64>,
    /// What is so then: `full` (token bucket), `window` (a fixed one is over),
    /// `retry_after` (whoever was refused may try again), `refill` (the first of an empty
    /// bucket is back).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_kind: Option<&'static str>,
    /// At the present rate; absent if the reset comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhausts_in_s: Option<f64>,
    /// A refusal or the provider says it is exhausted now, whatever the arithmetic says.
    pub exhausted: bool,
    /// A refusal says so; for the screen only.
    #[serde(skip)]
    pub refused: bool,
    /// The provider's own word: `allowed`, `warning`, `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    pub age_s: f64,
    pub source: &'static str,
    pub stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_error_s: Option<f64>,
    /// How bad this limit is.
    pub state: State,
}

/// A plain JSON number: whole where it is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl Serialize for Number {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 9e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// A spend cap and how it burns.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Cap {
    pub name: Text,
    /// What it covers, e.g. `all` or `provider=openai`.
    pub scope: Text,
    /// Where the cap counts for each `key`, `team`, … by itself: that word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<&'static str>,
    /// And whose row this is; `__other__` is all that found no row of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Text>,
    /// `day`, `week`, `month`, or the length of a rolling one: `24h`, `7d`, `90m`.
    pub period: Text,
    /// When it began; of a rolling one, from when on spend still counts.
    pub period_start: Text,
    /// Absent while no call that should have a price has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_usd: Option<Usd>,
    pub cap_usd: Usd,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<Usd>,
    /// Time to the cap at the present rate; absent if the period ends first, or if
    /// at that rate a rolling one is never spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_in_s: Option<f64>,
    /// Spend rate of 5 minutes over the rate that would just use up the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn_short: Option<f64>,
    /// The same over one hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn_long: Option<f64>,
    /// Successful calls in this period and scope that have no price.
    pub unpriced_requests: u64,
    /// Their share of the calls that should have one: what was refused costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpriced_ratio: Option<f64>,
    /// What the provider has billed since the period began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_usd: Option<Usd>,
    /// How long ago the time ends that the bill covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_age_s: Option<f64>,
    /// How much more than the bill our sum is, as a share of the bill, on the
    /// newest day that is complete; 0 where both are the same cents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_error_ratio: Option<f64>,
    pub state: State,
}

/// Percentiles of a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    /// Samples behind them.
    pub count: u64,
}

/// A queue by priority.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Queue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// Hosts report that do not say theirs: `depth` is what the others hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub depth_partial: bool,
    /// Being worked on, where the queue's server says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_age_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<Percentiles>,
    pub age_s: f64,
    pub stale: bool,
}

/// A metric that is neither a limit nor a queue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measure {
    /// What is measured.
    pub name: Text,
    /// Whose value it is: labels as `key=value`, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Text>,
    /// Where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Text>,
    /// `gauge` or `counter`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its last value, in its own unit.
    pub value: f64,
    /// Growth a second between the last two readings, of a counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_s: Option<f64>,
    /// Age of the last reading in seconds.
    pub age_s: f64,
    /// Whether that is too old.
    pub stale: bool,
}

/// Calls of the last minute.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Traffic {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text>,
    /// Calls in the window; for the screen's `n`.
    pub requests: u64,
    /// Of the last minute, or of what is known of it; absent while that is little.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_s: Option<f64>,
    /// Share of calls by outcome, only those that occur.
    pub outcomes: BTreeMap<&'static str, f64>,
    /// Share of calls by the limit that refused them.
    pub limited_by: BTreeMap<&'static str, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_min: Option<TokensPerMin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hit_ratio: Option<f64>,
}

/// Tokens of the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct TokensPerMin {
    pub input: u64,
    pub output: u64,
}

/// What retrying does to the load.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Retries {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    /// Attempts per distinct request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amplification: Option<f64>,
    /// Share of attempts that succeed: first, second, third, fourth and later.
    pub success_by_attempt: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_honoured_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_usd_per_hour: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_retryable_retried_per_s: Option<f64>,
}

/// What one key does, over five minutes.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Key {
    pub key_id: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_min: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<Usd>,
    pub limited_ratio: f64,
    /// Share of all spend, of all tokens where nothing is priced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What `share` is of: `spend` or `tokens`; for the screen only.
    #[serde(skip)]
    pub share_of: &'static str,
    pub last_seen_s: f64,
}

/// A rule's state machine for one set of labels.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Alert {
    pub rule: Text,
    /// `pending`, `firing`, `resolved` or `no_data`.
    pub state: &'static str,
    /// As bad as that; of one that only informs nothing is bad, and the word is `info`.
    #[serde(serialize_with = "severity")]
    pub severity: State,
    pub since: Text,
    /// It fired, and was not resolved; for the screen only.
    #[serde(skip)]
    pub is_open: bool,
    /// Seconds in this state; for the screen only.
    #[serde(skip)]
    pub for_s: f64,
    /// Seconds at this severity; for the screen only.
    #[serde(skip)]
    pub level_s: f64,
    /// The rule's `for`, in seconds; for the screen's `0:20/1:00`.
    #[serde(skip)]
    pub needs_s: f64,
    pub labels: BTreeMap<&'static str, Text>,
    /// What it is about, for people; for the screen only.
    #[serde(skip)]
    pub title: Text,
    /// Why it did not trip what it should, in a word; for the screen only.
    #[serde(skip)]
    pub withheld: Option<&'static str>,
    /// The scopes that it trips; for the screen only.
    #[serde(skip)]
    pub trips: Vec<Text>,
    /// What it does once such a scope is reset, if it goes on as now; for the screen only.
    #[serde(skip)]
    pub then: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub summary: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acked_by: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Text>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's own signature")]
fn severity<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    match state {
        State::Ok => serializer.serialize_str("info"),
        worse => worse.serialize(serializer),
    }
}

/// One source of observations.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Source {
    pub name: Text,
    /// `file`, `stdin`, `fifo`, `command`, `journald`, `probe`, `scrape`, …
    pub kind: &'static str,
    /// `waiting`, `catching_up`, `live`, `silent`, `denied`, `error`, `ended`.
    pub state: Text,
    /// Whether its calls are counted, or only its limits read.
    pub counts: bool,
    pub lines: u64,
    /// Those of this run that hold anything; for the verdict only.
    #[serde(skip)]
    pub lines_now: u64,
    /// A call or a reading of this run came from it; for the verdict only.
    #[serde(skip)]
    pub tells: bool,
    pub blank: u64,
    pub bytes: u64,
    pub faults: u64,
    pub quarantined: u64,
    /// How many of both there are by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub faults_by: BTreeMap<&'static str, u64>,
    pub ignored: u64,
    pub duplicates: u64,
    pub bytes_behind: u64,
    pub pending_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_behind: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_line_age_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Text>,
    /// Share of the backlog that is read, while `catching_up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_ratio: Option<f64>,
    /// Seconds until all of it is, at the present rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_in_s: Option<f64>,
    /// What is wrong, in words, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Text>,
}

/// What is kept over restarts, and whether it is up to date.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub struct Ledger {
    pub path: Text,
    /// `ok`; `read_only` where totals have begun with it, and nothing is kept from
    /// here; `behind` when a commit failed or takes long: then what is shown here
    /// is right, but a crash would make us read it again.
    pub state: &'static str,
    /// Age of the oldest call it does not hold yet; absent while it holds all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_s: Option<f64>,
    /// Why it is behind, where it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Text>,
}

/// Something a person should know that is not an alert.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Finding {
    /// One stable word, e.g. `limit_changed`, `headers_missing`, `quarantined`.
    pub kind: &'static str,
    /// `critical` where a person must know at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<State>,
    pub at: Text,
    pub text: Text,
    pub count: u64,
}

/// Exact totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "CONTRACT section 3 defines these fields")]
pub struct Totals {
    pub requests: u64,
    /// Of these, calls that did not pass: refused, rejected, broken.
    pub failed: u64,
    /// Absent where no successful call told its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Absent where no successful call had a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Usd>,
    pub unpriced: u64,
    pub quarantined: u64,
    pub ignored: u64,
    pub duplicates: u64,
    pub faults: u64,
}
