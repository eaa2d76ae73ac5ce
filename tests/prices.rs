//! The maintainers' refresh of the price table: what it takes over, what it marks,
//! and that the result is a table. Needs python3, as `scripts/prices` does.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic, say that it was skipped, and ask whether it may be"
)]

#[path = "support/need.rs"]
mod need;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tripline::pricing::PriceTable;

fn refresh(table: &Path, into: &Path, flags: &[&str]) -> Option<Output> {
    let python = need::program("python3")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/prices");
    let mut command = Command::new(python);
    command.arg(script).arg("--table").arg(table).arg("--into").arg(into);
    Some(command.args(["--today", "2026-12-01"]).args(flags).output().unwrap())
}

fn write(path: &Path, value: &Value) {
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn a_refresh_shows_marks_and_keeps_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let (table, into) = (dir.path().join("table.json"), dir.path().join("prices.json"));
    write(
        &into,
        &json!({"as_of": "2026-11-20", "unit": "", "source": "", "models": {
            "openai/gpt-a": {"input": "1.25", "output": "10"},
            "openai/gpt-b": {"input": "1", "output": "2"},
            "openai/gone": {"input": "1", "output": "2"},
            "openai/same": {"input": "1", "output": "2"},
        }}),
    );
    let openai = |input: f64, output: f64| {
        json!({"litellm_provider": "openai", "mode": "chat",
            "input_cost_per_token": input, "output_cost_per_token": output})
    };
    let mut a = openai(1.5e-6, 1e-5);
    a["cache_read_input_token_cost"] = json!(3.645_000_000_000_000_5e-7);
    a["input_cost_per_token_above_272k_tokens_priority"] = json!(6e-6);
    a["output_cost_per_token_above_272k_tokens_priority"] = json!(4e-5);
    a["input_cost_per_token_priority"] = json!(3e-6);
    a["output_cost_per_token_priority"] = json!(2e-5);
    let mut same = openai(1e-6, 2e-6);
    same["input_cost_per_audio_token"] = json!(4e-5);
    same["provider_specific_entry"] = json!({"fast": 2.0, "us": 1.1, "else": 3});
    let hosted = json!({"litellm_provider": "azure", "mode": "chat",
        "input_cost_per_token": 1.0, "output_cost_per_token": 1.0});
    let embedding = |price: f64| {
        json!({"litellm_provider": "openai", "mode": "embedding",
            "input_cost_per_token": price, "output_cost_per_token": 0.0})
    };
    write(
        &table,
        &json!({"embed": embedding(2e-8), "off-by-zeros": embedding(1e-4), "gpt-a": a, "gpt-b": openai(5e-6, 2e-6), "new": openai(1e-6, 1e-6), "same": same,
            "free": openai(0.0, 0.0), "azure/x": hosted}),
    );

    let Some(shown) = refresh(&table, &into, &[]) else { return };
    let text = String::from_utf8(shown.stdout).unwrap();
    for line in [
        "moved   openai/gpt-a input: 1.25 -> 1.5",
        "CHECK   openai/gpt-b input: 1 -> 5",
        "kept    openai/gone: not in the new table",
        "new     openai/new: 1 / 1",
        "new     openai/embed: 0.02 / 0",
        "no price openai/free: 0 / 0, left out",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("azure") && !text.contains("off-by"), "{text}");

    let refused = refresh(&table, &into, &["--write"]).unwrap();
    assert!(!refused.status.success(), "what is marked was written");
    assert!(refresh(&table, &into, &["--write", "--accept-marked"]).unwrap().status.success());

    let json = std::fs::read_to_string(&into).unwrap();
    PriceTable::parse(&json).unwrap();
    let written: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(written["as_of"], "2026-12-01");
    let a = &written["models"]["openai/gpt-a"];
    assert_eq!(a["cache_read"], "0.3645", "the noise of floats is cut");
    assert_eq!(a["priority"]["above_272k"]["output"], "40");
    assert_eq!(a["before"], json!([{"until": "2026-12-01", "input": "1.25", "output": "10"}]));
    assert_eq!(written["models"]["openai/gone"]["output"], "2");
    // What was not known before has not changed.
    let same = json!({"input": "1", "output": "2", "audio_input": "40", "fast": "2", "us": "1.1"});
    assert_eq!(written["models"]["openai/same"], same);
    assert_eq!(written["models"].get("openai/free"), None);

    let again = refresh(&table, &into, &[]).unwrap();
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(text.contains("1 differences, 0 to check"), "only what is gone differs: {text}");
}
