//! Settings as written, each with its origin: what `config show` prints. The
//! output is itself a valid configuration.

use std::fmt::{self, Write};

use toml::de::DeValue;

use super::Config;
use super::safe;
use crate::rules::{Action, Direction, RuleSpec};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// The file.
    File {
        /// Its name.
        name: String,
        /// Line, from 1.
        line: usize,
    },
    /// The command line.
    CommandLine {
        /// Which flag.
        flag: String,
    },
    /// A built-in rule.
    BuiltIn,
}

/// One table as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The header line; empty for the top of the file.
    pub header: String,
    /// Its values.
    pub settings: Vec<Setting>,
}

/// One value as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// The value as TOML, without secrets.
    pub value: String,
    /// Who said so.
    pub origin: Origin,
}

/// Whether to print origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Origins {
    Hide,
    Show,
}

impl Config {
    /// Everything in force, as TOML; with origins as comments.
    #[must_use]
    pub fn show(&self, origins: Origins) -> String {
        let builtin = self.rules.iter().filter(|rule| rule.builtin).map(shown_rule);
        let mut out = String::new();
        for table in self.shown.iter().cloned().chain(builtin) {
            if !table.header.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "\n{}", table.header);
            }
            for Setting { key, value, origin } in table.settings {
                let _ = match origins {
                    Origins::Show => writeln!(out, "{key} = {value}  # {origin}"),
                    Origins::Hide => writeln!(out, "{key} = {value}"),
                };
            }
        }
        out
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line } => write!(f, "{name}:{line}"),
            Origin::CommandLine { flag } => write!(f, "command line {flag}"),
            Origin::BuiltIn => f.write_str("built in"),
        }
    }
}

/// A value on one line. Comments and layout are not kept.
pub(super) fn inline(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => quoted(&safe::shown(text)),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let pair = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue>)| {
                let key: &toml::de::DeString = key.get_ref();
                format!("{} = {}", bare_or_quoted(key), inline(value.get_ref()))
            };
            braces(table.iter().map(pair))
        }
    }
}

/// `text` as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn shown_rule(rule: &RuleSpec) -> Shown {
    let mut settings = vec![
        ("name", quoted(&rule.name)),
        ("metric", quoted(rule.metric.word())),
        ("match", braces(rule.matches.iter().map(|(k, v)| format!("{k} = {}", quoted(v))))),
        (direction(rule.direction), levels(rule)),
        ("for", seconds(rule.hold)),
        ("keep_firing_for", seconds(rule.keep_firing)),
        ("actions", actions(&rule.actions)),
        ("min_requests", rule.min_requests.to_string()),
        ("cooldown", seconds(rule.cooldown)),
        ("on_no_data", quoted(rule.on_no_data.word())),
    ];
    settings.extend(rule.clear.map(|clear| ("clear", clear.to_string())));
    settings.extend(rule.runbook.as_deref().map(|link| ("runbook", quoted(link))));
    let setting = |(key, value)| Setting { key, value, origin: Origin::BuiltIn };
    Shown { header: "[[rule]]".to_owned(), settings: settings.into_iter().map(setting).collect() }
}

fn levels(rule: &RuleSpec) -> String {
    let level = |t: &crate::rules::Threshold| {
        format!("{{ value = {}, severity = {} }}", t.value, quoted(t.severity.word()))
    };
    let levels: Vec<String> = rule.thresholds.iter().map(level).collect();
    format!("[{}]", levels.join(", "))
}

fn actions(actions: &[Action]) -> String {
    let word = |Action::Trip(scope): &Action| quoted(&format!("trip:{scope}"));
    format!("[{}]", actions.iter().map(word).collect::<Vec<_>>().join(", "))
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Above => "above",
        Direction::Below => "below",
    }
}

fn seconds(span: std::time::Duration) -> String {
    quoted(&format!("{}s", span.as_secs_f64()))
}

fn braces(pairs: impl Iterator<Item = String>) -> String {
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn bare_or_quoted(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { quoted(key) }
}
