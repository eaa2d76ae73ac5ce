//! The engine in scenarios: `tests/scenarios/*.toml`, each a small story of log
//! lines and what must come of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/matching.rs"]
mod matching;
#[path = "support/scenario.rs"]
mod scenario;

use std::path::{Path, PathBuf};

#[test]
fn every_scenario_ends_as_it_should() {
    let dir = Path::new("tests/scenarios");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|f| f.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(files.len() >= 15, "scenarios are missing");
    let wrong: Vec<String> = files.iter().flat_map(|file| scenario::run(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
