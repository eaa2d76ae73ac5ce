//! What a test needs beside Rust: programs, rights, a file system of its own. Without
//! it the test says so past the test runner's capture and passes; where
//! `TRIPLINE_PEERS=required`, as in `.ci/run` after `scripts/peers`, it fails.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and asks whether it may be skipped"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a program is.
pub fn program(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|place| place.join(name))
        .find(|file| file.is_file());
    found.or_else(|| missing(&format!("{name} is not installed")))
}

/// Where a library is that a package brings, by its place below `/usr/lib/*/`.
pub fn library(name: &str) -> Option<PathBuf> {
    let places = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = places.map(|place| place.path().join(name)).find(|file| file.is_file());
    found.or_else(|| missing(&format!("{name} is not installed")))
}

/// The Python of an environment that `scripts/peers` makes: `peers` has the SDKs of
/// `OpenAI` and Anthropic, `peers-litellm` has `LiteLLM` and `OpenTelemetry`.
pub fn python(environment: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let python = target.join(environment).join("bin/python");
    if python.is_file() {
        return Some(python);
    }
    missing(&format!("there is no Python environment {environment}"))
}

/// A gateway, and the Python of the SDKs that call it; one word where both are missing.
pub fn gateway(name: &str) -> Option<(PathBuf, PathBuf)> {
    Some((program(name)?, python("peers")?))
}

/// The right to do as root does.
pub fn root(why: &str) -> Option<()> {
    if rustix::process::geteuid().is_root() { Some(()) } else { missing(why) }
}

/// A command around another that does something to it: whether that can be done here.
pub fn around(words: &[&str]) -> Option<()> {
    let ran = Command::new(words[0]).args(&words[1..]).arg("true").output();
    if ran.is_ok_and(|ran| ran.status.success()) {
        return Some(());
    }
    skipped(&format!("`{}` fails here", words.join(" ")));
    None
}

/// A word about what is not there, or a failure where all is required.
pub fn missing<T>(what: &str) -> Option<T> {
    let required = std::env::var_os("TRIPLINE_PEERS").is_some_and(|word| word == "required");
    assert!(!required, "{what}; as root, `scripts/peers` installs what the tests need");
    skipped(what);
    None
}

/// Says that a test did not run, and which, for a reason that nothing installed takes
/// away: it is about users who may not do what root may.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // In one write: other tests speak at the same time.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {test}: {why}\n").as_bytes());
}
