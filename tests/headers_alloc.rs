//! Reading headers happens on every log line: once warm, it must not allocate.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]

#[path = "support/allocations.rs"]
mod allocations;

use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::Names;

#[test]
fn a_warm_reader_does_not_allocate() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/headers/corpus.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let entries: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut reader = HeaderReader::new(&Names::default());
    let mut bag = HeaderBag::default();
    let mut report = HeaderReport::default();
    let mut read_all = || {
        let before = allocations::so_far();
        for entry in &entries {
            bag.clear();
            for header in entry["headers"].as_array().unwrap() {
                bag.push(header[0].as_str().unwrap(), header[1].as_str().unwrap());
            }
            let context = HeaderContext {
                status: entry["status"].as_u64().and_then(|status| status.try_into().ok()),
                provider: entry["origin"].as_str(),
                url: Some("https://api.example.com/v1"),
                body: entry["body_excerpt"].as_str().map(str::as_bytes),
                ..HeaderContext::default()
            };
            reader.read(&bag, &context, &mut report);
        }
        allocations::so_far() - before
    };
    assert!(read_all() > 0, "counting works");
    assert_eq!(read_all(), 0);
}
