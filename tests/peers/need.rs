//! Programs that are not ours: where they are, or a word about what is missing.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a program is. Without it: a loud word, and where `TRIPLINE_PEERS=required`
/// a failure.
pub fn program(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|place| place.join(name))
        .find(|file| file.is_file());
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

fn missing(what: &str) -> Option<PathBuf> {
    let word = format!("{what}; `scripts/peers` installs the peers of these tests");
    let required = std::env::var_os("TRIPLINE_PEERS").is_some_and(|word| word == "required");
    assert!(!required, "{word}");
    skipped(&word);
    None
}

/// Says that a test did not run, past the test runner's capture.
pub fn skipped(why: &str) {
    // In one write: other tests speak at the same time.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}
