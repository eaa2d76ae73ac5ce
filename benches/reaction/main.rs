//! How long from the write of an offending line until the kill file is there:
//! the real program with a rule that trips, beside a floor that does nothing but
//! wait for the file, look for a word and rename.
//!
//!     cargo bench --bench reaction -- [--quick] [--probes N]
//!
//! Both run in the same rounds, idle and while 10,000 lines a second arrive.
//! Microseconds of wall time: only a quiet machine gives figures to keep.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a bench that can't go on must end")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

#[path = "../support/args.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod args;
mod floor;
#[path = "../support/lean.rs"]
mod lean;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/rng.rs"]
mod rng;
#[path = "../support/truth.rs"]
mod truth;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use args::Args;

const ROUNDS: u64 = 4;
/// Lines in each millisecond while loaded.
const LOAD: u64 = 10;
/// Who has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long the prober spins before it sleeps between looks.
const SPIN: Duration = Duration::from_millis(3);

/// Somebody who watches a log and makes files.
struct Watched {
    name: &'static str,
    log: PathBuf,
    /// Where the file of a probe will be.
    answer: Box<dyn Fn(u64) -> PathBuf>,
    idle: Vec<f64>,
    loaded: Vec<f64>,
}

fn main() {
    let args = Args::read();
    let probes = args.number("--probes", if args.quick { 20 } else { 400 });
    let dir = tempfile::tempdir().unwrap();
    let mut watched = [floor(dir.path()), tripline(dir.path())];
    let mut program = start(dir.path());
    floor::start(watched[0].log.clone(), dir.path().to_owned());
    for who in &watched {
        measure(who, 0);
    }
    let mut number = 1;
    for _ in 0..ROUNDS {
        for who in &mut watched {
            for loaded in [false, true] {
                let load = loaded.then(|| load::Load::start(&who.log, LOAD));
                for _ in 0..probes / ROUNDS {
                    thread::sleep(Duration::from_millis(40 + number % 17));
                    let took = measure(who, number);
                    let times = if loaded { &mut who.loaded } else { &mut who.idle };
                    times.push(took);
                    number += 1;
                }
                drop(load);
            }
        }
    }
    program.kill().unwrap();
    program.wait().unwrap();
    println!(
        "line to kill file, us     {:>10} {:>8} {:>14} {:>8}",
        "idle p50", "p99", "10k/s p50", "p99"
    );
    for who in &mut watched {
        let [idle_50, idle_99] = percentiles(&mut who.idle);
        let [loaded_50, loaded_99] = percentiles(&mut who.loaded);
        println!(
            "{:<25} {idle_50:>10.0} {idle_99:>8.0} {loaded_50:>14.0} {loaded_99:>8.0}",
            who.name
        );
    }
}

fn floor(dir: &Path) -> Watched {
    let answers = dir.to_owned();
    watched("floor: inotify + rename", dir.join("floor.jsonl"), move |number| {
        answers.join(format!("probe-{number}"))
    })
}

fn tripline(dir: &Path) -> Watched {
    let kills = dir.join("kill.d");
    watched("tripline watch", dir.join("log/tripline.jsonl"), move |number| {
        kills.join(format!("model.openai.probe-{number}.kill"))
    })
}

fn watched(name: &'static str, log: PathBuf, answer: impl Fn(u64) -> PathBuf + 'static) -> Watched {
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    File::create(&log).unwrap();
    Watched { name, log, answer: Box::new(answer), idle: Vec::new(), loaded: Vec::new() }
}

/// The program with an armed switch and a rule that stops each probe's model.
fn start(dir: &Path) -> Child {
    use std::os::unix::fs::DirBuilderExt;
    let kills = dir.join("kill.d");
    fs::DirBuilder::new().mode(0o700).create(&kills).unwrap();
    let config = format!(
        r#"
config_version = 1
[[source]]
paths = ["{log}"]
[switch]
dir = "{kills}"
armed = true
[[rule]]
name = "probe"
metric = "limit.remaining_ratio"
match = {{ model = "*" }}
below = 0.5
for = "0s"
min_requests = 1
actions = ["trip:model"]
"#,
        log = dir.join("log/tripline.jsonl").display(),
        kills = kills.display(),
    );
    fs::write(dir.join("config.toml"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_tripline"))
        .arg("--config")
        .arg(dir.join("config.toml"))
        .arg("--state")
        .arg(dir.join("state"))
        .args(["watch", "--ndjson"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Writes a probe and waits for its file; microseconds.
fn measure(who: &Watched, number: u64) -> f64 {
    let line = format!(
        concat!(
            r#"{{"msec":"{}.000","method":"POST","uri":"/v1/chat/completions","status":"200","#,
            r#""request_time":"0.5","upstream_status":"200","provider":"openai","model":"probe-{}","#,
            r#""limit_requests":"500","remaining_requests":"1","reset_requests":"59.88s"}}"#,
            "\n"
        ),
        load::now_ms() / 1000,
        number
    );
    let answer = (who.answer)(number);
    let mut log = File::options().append(true).open(&who.log).unwrap();
    let start = Instant::now();
    log.write_all(line.as_bytes()).unwrap();
    loop {
        let there = answer.exists();
        let took = start.elapsed();
        if there {
            return took.as_secs_f64() * 1e6;
        }
        assert!(took < PATIENCE, "{} did not answer probe {number}", who.name);
        if took > SPIN {
            thread::sleep(Duration::from_micros(50));
        }
    }
}

fn percentiles(values: &mut [f64]) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [50, 99].map(|percent| values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN))
}
