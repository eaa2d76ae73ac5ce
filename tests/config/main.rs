//! The configuration through its public door: what it accepts, what it
//! refuses, and how it says so.

mod layers;
mod refusals;
mod rules;
mod values;

use tripline::config::{self, Config, ConfigError, ConfigFile, LoadInput, Place};

fn load_bytes(bytes: impl Into<Vec<u8>>) -> Result<Config, ConfigError> {
    let file = ConfigFile::Bytes { name: "config.toml".to_owned(), bytes: bytes.into() };
    Config::load(&LoadInput { file: Some(file), overrides: Vec::new() })
}

fn load(text: &str) -> Config {
    load_bytes(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// `line:column: message | hint` of each problem.
fn problems(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    let Err(error) = load_bytes(bytes) else { return Vec::new() };
    let one = |problem: &config::Problem| {
        let place = match &problem.place {
            Place::Line { line, column, .. } => format!("{line}:{column}"),
            Place::File(name) | Place::Flag(name) => name.clone(),
        };
        let hint = problem.hint.as_ref().map(|hint| format!(" | {hint}")).unwrap_or_default();
        format!("{place}: {}{hint}", problem.message)
    };
    error.problems.iter().map(one).collect()
}

/// Each text must be refused for exactly this one reason.
fn refused(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(problems(*text), [*expected], "\n{text}");
    }
}

/// A good rule with lines replaced or added, to make it bad in one way.
fn rule_with(lines: &str) -> String {
    let base = [
        ("name", "name = \"r\""),
        ("metric", "metric = \"limit.remaining_ratio\""),
        ("below", "below = 0.1"),
    ];
    let given = |key: &str| {
        lines.lines().any(|line| line.split('=').next().is_some_and(|word| word.trim() == key))
            || (key == "below" && lines.contains("above ="))
    };
    let kept: Vec<&str> =
        base.iter().filter(|(key, _)| !given(key)).map(|(_, line)| *line).collect();
    format!("[[rule]]\n{lines}\n{}", kept.join("\n"))
}

fn refused_rules(cases: &[(&str, &str)]) {
    for (lines, expected) in cases {
        let text = rule_with(lines);
        assert_eq!(problems(text.as_str()), [*expected], "\n{text}");
    }
}
