//! Recorded and constructed responses of many providers and gateways, each with
//! the limits a careful human read out of it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; a panic is a failed test"
)]

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::{Amount, LimitReading, Mono, Names, Resource, Scope, Stamp, Sym, Wall};
use tripline::scan::time;

/// Where we differ from the corpus on purpose.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Origins that are a provider's name in a log; the others are kinds of test.
const NOT_PROVIDERS: &[&str] = &["trap", "other", "ietf", "seed-generic", "gateway-generic"];

struct Reader {
    names: Names,
    reader: HeaderReader,
    bag: HeaderBag,
    report: HeaderReport,
}

impl Reader {
    fn new() -> Reader {
        let names = Names::default();
        let reader = HeaderReader::new(&names);
        Reader { names, reader, bag: HeaderBag::default(), report: HeaderReport::default() }
    }

    fn read(&mut self, entry: &Value, provider: Option<&str>) {
        self.bag.clear();
        for header in entry["headers"].as_array().unwrap() {
            self.bag.push(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        let context = HeaderContext {
            at: time::rfc3339(entry["at"].as_str().unwrap().as_bytes()).unwrap(),
            status: entry["status"].as_u64().map(|status| u16::try_from(status).unwrap()),
            provider,
            body: entry["body_excerpt"].as_str().map(str::as_bytes),
            ..HeaderContext::default()
        };
        self.reader.read(&self.bag, &context, &mut self.report);
    }

    fn text(&self, sym: Option<Sym>) -> String {
        sym.map_or("-".to_owned(), |sym| self.names.text(sym).to_string())
    }

    /// A reading in the corpus' terms.
    fn line(limit: &LimitReading, label: &str) -> String {
        let scope = match limit.id.scope {
            Scope::Unknown => "-",
            // The corpus knows no teams.
            Scope::Team => "org",
            scope => scope.word(),
        };
        let resource = match limit.id.resource {
            Resource::Concurrency => "concurrent",
            resource => resource.word(),
        };
        let amount = |amount: Option<Amount>| number(amount.map(Amount::as_f64));
        format!(
            "{scope} {resource} window {} limit {} remaining {} used {} fraction {} reset {} status {} label {label}",
            number(limit.id.window_s.map(f64::from)),
            amount(limit.limit),
            amount(limit.remaining),
            amount(limit.used),
            number(limit.used_ratio),
            number(limit.reset.map(|reset| reset.at.seconds_after(Wall(0)))),
            limit.status.map_or("-", |status| status.word()),
        )
    }

    fn lines(&self, expected: &[String]) -> Vec<String> {
        let limits = self.report.limits.iter().map(|limit| {
            // The corpus has one word for what we tell apart as pool and subject.
            let by_label = Reader::line(limit, &self.text(limit.id.label));
            let by_subject = Reader::line(limit, &self.text(limit.id.subject.or(limit.id.label)));
            if expected.contains(&by_subject) { by_subject } else { by_label }
        });
        let mut lines: Vec<_> = limits.collect();
        lines.sort();
        lines
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.6}"))
}

fn expected_line(bucket: &Value) -> String {
    let text = |name: &str| bucket[name].as_str().unwrap_or("-").to_owned();
    // Our spend is dollars.
    let part = if text("unit") == "cents" { 100.0 } else { 1.0 };
    let amount = |name: &str| number(bucket[name].as_f64().map(|value| value / part));
    let reset = bucket["reset_at"].as_str().map(|text| time::rfc3339(text.as_bytes()).unwrap());
    // Words outside the documented three are unknown to us.
    let status = match text("status").as_str() {
        status @ ("allowed" | "rejected") => status.to_owned(),
        "allowed_warning" => "warning".to_owned(),
        _ => "-".to_owned(),
    };
    format!(
        "{} {} window {} limit {} remaining {} used {} fraction {} reset {} status {status} label {}",
        text("scope"),
        text("resource"),
        number(bucket["window_s"].as_f64()),
        amount("limit"),
        amount("remaining"),
        amount("used"),
        number(bucket["used_fraction"].as_f64()),
        number(reset.map(|at| at.seconds_after(Wall(0)))),
        text("label"),
    )
}

fn corpus() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/headers/corpus.jsonl");
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn differences(reader: &Reader, entry: &Value) -> String {
    let mut out = String::new();
    let mut expected: Vec<_> =
        entry["expect"].as_array().unwrap().iter().map(expected_line).collect();
    expected.sort();
    let found = reader.lines(&expected);
    for line in expected.iter().filter(|line| !found.contains(line)) {
        writeln!(out, "  missing  {line}").unwrap();
    }
    for line in found.iter().filter(|line| !expected.contains(line)) {
        writeln!(out, "  too much {line}").unwrap();
    }
    if out.is_empty() && expected.len() != found.len() {
        writeln!(out, "  {} buckets, not {}", found.len(), expected.len()).unwrap();
    }
    let retry = number(entry["expect_retry_after_s"].as_f64());
    if retry != number(reader.report.retry_after_s) {
        let found = number(reader.report.retry_after_s);
        writeln!(out, "  retry after {found}, not {retry}").unwrap();
    }
    let state = entry["expect_state"].as_str().unwrap();
    if state != reader.report.state.word() {
        writeln!(out, "  state {}, not {state}", reader.report.state.word()).unwrap();
    }
    out
}

#[test]
fn every_entry_is_read_as_expected() {
    let mut reader = Reader::new();
    let mut failures = String::new();
    let entries = corpus();
    for entry in &entries {
        let (id, origin) = (entry["id"].as_str().unwrap(), entry["origin"].as_str().unwrap());
        let provider = Some(origin).filter(|origin| !NOT_PROVIDERS.contains(origin));
        reader.read(entry, provider);
        let differences = differences(&reader, entry);
        let excused = EXCEPTIONS.iter().any(|(exception, _)| *exception == id);
        if differences.is_empty() == excused {
            writeln!(failures, "{id} ({origin})\n{differences}").unwrap();
        }
    }
    assert!(entries.len() > 180, "the corpus is there");
    assert!(failures.is_empty(), "\n{failures}");
}

/// What is left of a line when scope, window and label are taken away.
fn numbers(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let until = words.iter().position(|word| *word == "label").unwrap();
    [&words[1..2], &words[4..until]].concat().join(" ")
}

#[test]
fn the_numbers_do_not_depend_on_knowing_the_provider() {
    let mut reader = Reader::new();
    for entry in corpus() {
        reader.read(&entry, None);
        let mut expected: Vec<_> = entry["expect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| numbers(&expected_line(b)))
            .collect();
        expected.sort();
        let mut found: Vec<_> = reader.lines(&[]).iter().map(|line| numbers(line)).collect();
        found.sort();
        assert_eq!(found, expected, "{}", entry["id"]);
        let state = entry["expect_state"].as_str().unwrap();
        assert_eq!(reader.report.state.word(), state, "{}", entry["id"]);
        let retry = number(entry["expect_retry_after_s"].as_f64());
        assert_eq!(number(reader.report.retry_after_s), retry, "{}", entry["id"]);
    }
}

#[test]
fn only_damaged_headers_are_reported() {
    let mut reader = Reader::new();
    let mut damaged = Vec::new();
    for entry in corpus() {
        reader.read(&entry, None);
        if reader.report.faults(&reader.bag).next().is_some() {
            damaged.push(entry["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        damaged,
        [
            "anthropic-unified-bad-values",
            "openai-duplicate-reset-garbage",
            "openai-redacted-values-partial",
            "trap-comma-merged",
            "trap-duplicate-conflict",
            "trap-duration-garbage-tail",
            "trap-negative-go-duration",
            "trap-negative-reset",
            "trap-retry-after-words",
        ]
    );
}

/// The engine must not take two limits of one response for one.
#[test]
fn limits_of_one_response_are_gauges_of_their_own() {
    let mut wrong = String::new();
    for entry in corpus() {
        let mut reader = Reader::new();
        let origin = entry["origin"].as_str().filter(|origin| !NOT_PROVIDERS.contains(origin));
        reader.read(&entry, origin);
        let mut gauges = tripline::engine::gauges::Gauges::default();
        for reading in &reader.report.limits {
            gauges.read(reading, Stamp { mono: Mono(1 << 60), wall: reading.at });
        }
        if gauges.count() != reader.report.limits.len() {
            let read: Vec<String> =
                reader.report.limits.iter().map(|limit| Reader::line(limit, "")).collect();
            writeln!(wrong, "{}\n  {}", entry["id"], read.join("\n  ")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
