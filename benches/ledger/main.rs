//! What the ledger costs: how fast a backlog is read and kept, how large a year
//! becomes, and how long a start takes with that year in the file.
//!
//!     cargo bench --bench ledger -- [--quick] [serve] [backlog] [year]
//!         [--megabytes N] [--rounds N] [--days N] [--keep DIR]
//!
//! Seconds are those of one core, as the kernel counts them: what else the machine
//! does is not in them, and neither is waiting for the disk. Where the real program is
//! timed from outside, that is said.
//!
//! The traffic is made up: a million calls a day by 400 series (gateway, model,
//! key, team) of which the busy ones make most, as keys and models do.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench that can't go on must end"
)]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

#[path = "../support/args.rs"]
mod args;
#[path = "../support/cpu.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod cpu;
#[path = "../support/fat.rs"]
mod fat;
#[path = "../support/lean.rs"]
mod lean;
mod program;
#[path = "../support/rng.rs"]
mod rng;
#[path = "../support/truth.rs"]
mod truth;

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use args::Args;
use rng::Rng;
use tripline::domain::{
    Bucket, BucketId, Commit, Cost, CostSource, CountedCall, Dedup, Keep, NameKind, Names, NanoUsd,
    Request, SeenCall, Sym, Wall,
};
use tripline::ledger::{Aged, Committed, Holder, Ledger, Reader, Setup};

const CALLS_A_DAY: u64 = 1_000_000;
const SERIES: usize = 400;
const DAY: i64 = 24 * 60;
/// Calls of the last day of which a better line may come: all that are remembered.
const REPLACEABLE: u64 = Commit::REPLACEABLE_KEPT as u64;

fn main() {
    let args = Args::read();
    let traffic = Traffic::new();
    let rounds = args.number("--rounds", if args.quick { 2 } else { 5 });
    let rounds = usize::try_from(rounds).unwrap();
    if args.wants("serve") {
        let megabytes = args.number("--megabytes", if args.quick { 16 } else { 256 });
        program::serve(megabytes, rounds, u64::try_from(now_s()).unwrap() * 1000);
    }
    if args.wants("backlog") {
        println!("backlog: calls a second into the ledger, one commit for so many calls");
        for calls in [1_000, 10_000, 100_000] {
            backlog(&traffic, calls, if args.quick { 200_000 } else { 2_000_000 });
        }
    }
    if args.wants("year") {
        let days = args.number("--days", if args.quick { 10 } else { 365 });
        year(&traffic, i64::try_from(days).unwrap(), args.text("--keep"), rounds);
    }
}

/// A day of log read as fast as it goes: calls in time order, all remembered.
fn backlog(traffic: &Traffic, calls_a_commit: u64, calls: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = traffic.open(dir.path());
    let mut random = Rng(7);
    let mut commits = Vec::new();
    for first in (0..calls).step_by(usize::try_from(calls_a_commit).unwrap()) {
        let mut commit = traffic.commit(&mut random, calls_a_commit, |call| {
            traffic.today + i64::try_from((first + call) * 1440 / CALLS_A_DAY).unwrap()
        });
        commit.seen = (first..first + calls_a_commit).map(seen).collect();
        commits.push(commit);
    }
    let buckets: usize = commits.iter().map(|commit| commit.buckets.len()).sum();
    let begun = cpu::own_ns();
    for commit in commits {
        assert_eq!(ledger.commit(commit).unwrap(), Committed::Kept);
    }
    let took = seconds_since(begun);
    assert_eq!(ledger.reader().unwrap().totals().unwrap().requests, i64::try_from(calls).unwrap());
    println!(
        "  {calls_a_commit:>7} calls: {:>10.0} calls/s, {:>9.0} buckets/s, {:.3} s for {calls} calls",
        calls as f64 / took,
        buckets as f64 / took,
        took
    );
}

/// A ledger of so many days, as a run that never ended would have left it.
fn year(traffic: &Traffic, days: i64, keep: Option<&str>, rounds: usize) {
    let temp = tempfile::tempdir().unwrap();
    let dir = keep.map_or(temp.path(), Path::new);
    let mut ledger = traffic.open(dir);
    let mut random = Rng(8);
    let begun = cpu::own_ns();
    for day in 0..days {
        let first = traffic.today - (days - day) * DAY;
        for quarter in 0..96 {
            let calls = CALLS_A_DAY / 96;
            let of = |call: u64| first + quarter * 15 + i64::try_from(call * 15 / calls).unwrap();
            let mut commit = traffic.commit(&mut random, calls, of);
            commit.seen = (0..calls).map(seen).collect();
            if day == days - 1 {
                commit.replaceable = traffic.replaceable(&mut random, first + quarter * 15);
            }
            assert_eq!(ledger.commit(commit).unwrap(), Committed::Kept);
        }
        while ledger.age(Wall::from_secs((first + DAY) * 60)).unwrap() == Aged::More {}
        if matches!(day, 0 | 6 | 29) || day == days - 1 {
            let size = ledger.reader().unwrap().size().unwrap();
            let millions = (day + 1) as f64 * CALLS_A_DAY as f64 / 1e6;
            println!(
                "size: after {} days {:.1} MB, {:.0} bytes for a million calls",
                day + 1,
                size.file_bytes as f64 / 1e6,
                size.file_bytes as f64 / millions
            );
        }
    }
    println!("  made in {:.0} s", seconds_since(begun));
    drop(ledger);
    for _ in 0..3 {
        start(traffic, dir);
    }
    let begun = cpu::own_ns();
    let wrong = Reader::open(dir).unwrap().verify().unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("verify: {:.2} s", seconds_since(begun));
    program::first_frame(dir, rounds);
}

/// Everything between the start of a process and its caps.
fn start(traffic: &Traffic, dir: &Path) {
    let begun = cpu::own_ns();
    let opened = Ledger::open(traffic.setup(dir), Wall::from_secs(traffic.today * 60)).unwrap();
    let open = seconds_since(begun) * 1e3;
    let mut ledger = opened.ledger;
    let reader = ledger.reader().unwrap();
    let since = |days: i64| {
        let begun = cpu::own_ns();
        let spent =
            reader.spent(Wall::from_secs((traffic.today - days * DAY) * 60 + 300), None).unwrap();
        (seconds_since(begun) * 1e3, spent.len())
    };
    let (day, week, month, year) = (since(1), since(7), since(31), since(365));
    println!(
        "start: open and load {open:.1} ms ({} seen calls), spend of a day {:.1} ms, of a week \
         {:.1} ms, of 31 days {:.1} ms, of a year {:.0} ms ({} series)",
        opened.kept.seen.len(),
        day.0,
        week.0,
        month.0,
        year.0,
        year.1
    );
}

struct Traffic {
    names: Names,
    /// When today began (UTC), in minutes: the program goes by the clock.
    today: i64,
    series: Vec<[Option<Sym>; 5]>,
    /// Upper ends of each series' share, of 2^32.
    shares: Vec<u64>,
}

impl Traffic {
    fn new() -> Traffic {
        let names = Names::default();
        let name = |kind, text: String| Some(names.intern(kind, &text));
        let series = (0..SERIES).map(|n| {
            [
                name(NameKind::Host, format!("gw-{}", n % 2)),
                name(NameKind::Provider, format!("provider-{}", n % 3)),
                name(NameKind::Model, format!("model-{}", n % 10)),
                name(NameKind::Key, format!("key-{}", n / 8)),
                name(NameKind::Team, format!("team-{}", n / 40)),
            ]
        });
        let series = series.collect();
        let weights: Vec<f64> = (1..=SERIES).map(|rank| 1.0 / rank as f64).collect();
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "shares of 2^32"
        )]
        let shares = weights.iter().map(|weight| {
            sum += weight / all;
            (sum * 4_294_967_296.0) as u64
        });
        let shares = shares.collect();
        let today = now_s().div_euclid(86_400) * DAY;
        Traffic { names, today, series, shares }
    }

    fn setup(&self, dir: &Path) -> Setup {
        let us = Holder { pid: 1, host: "bench".into(), since: "now".into() };
        Setup { state_dir: dir.to_owned(), us, names: self.names.clone(), sources: Vec::new() }
    }

    fn open(&self, dir: &Path) -> Ledger {
        Ledger::open(self.setup(dir), Wall::from_secs(self.today * 60)).unwrap().ledger
    }

    /// Calls of which a better line may come, as many as are remembered, over the day.
    fn replaceable(&self, random: &mut Rng, minute: i64) -> Vec<CountedCall> {
        let call = |n: u64| {
            let [host, provider, model, key, team] =
                self.series[usize::try_from(n).unwrap() % SERIES];
            let at = Wall::from_secs(minute * 60);
            let mut request = Request { host, provider, model, ..Request::at(at) };
            (request.caller.key, request.caller.team) = (key, team);
            request.tokens.input = Some(n);
            request.tokens.output = Some(random.below(900));
            request.timing.latency_ms = Some(812.5);
            request.cost = Some(Cost { usd: NanoUsd(n.into()), source: CostSource::Computed });
            let fingerprint = random.next();
            request.dedup = Some(Dedup { fingerprint, keep: Keep::MostOutput });
            CountedCall { request, at }
        };
        (0..=REPLACEABLE / 96).map(call).collect()
    }

    /// Calls added up by minute, as the engine hands them on.
    fn commit(&self, random: &mut Rng, calls: u64, minute: impl Fn(u64) -> i64) -> Commit {
        let mut buckets: HashMap<BucketId, Bucket> = HashMap::new();
        for call in 0..calls {
            let share = random.below(1 << 32);
            let which = self.shares.partition_point(|end| *end <= share).min(SERIES - 1);
            let [host, provider, model, key, team] = self.series[which];
            let minute = minute(call);
            let id = BucketId {
                minute,
                host,
                provider,
                model,
                key,
                team,
                user: None,
                environment: None,
                account: None,
            };
            let (input, output) = (random.below(4000), random.below(900));
            let signed = |n: u64| i64::try_from(n).unwrap();
            buckets.entry(id).or_default().add(&Bucket {
                requests: 1,
                failed: i64::from(random.percent(2)),
                input_tokens: signed(input),
                cached_input_tokens: signed(input / 2),
                output_tokens: signed(output),
                cost: NanoUsd(i128::from(input * 2500 + output * 10_000)),
                ..Bucket::default()
            });
        }
        Commit { buckets: buckets.into_iter().collect(), ..Commit::default() }
    }
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn seconds_since(begun_ns: u64) -> f64 {
    cpu::own_ns().saturating_sub(begun_ns) as f64 / 1e9
}

fn seen(n: u64) -> SeenCall {
    SeenCall { fingerprint: n.wrapping_mul(0x9e37_79b9_7f4a_7c15), at: Wall(0) }
}
