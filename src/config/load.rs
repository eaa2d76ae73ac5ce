//! Layers -> `Config`: defaults under the file under the command line.

use std::path::PathBuf;
use std::time::Duration;

use super::document::{self, Document, Kind};
use super::error::{ConfigError, Problem};
use super::formats::{self, MapFile};
use super::item::{self, open};
use super::reader::{Reader, Report, Unique, items};
use super::value::{self, Complaint};
use super::{Config, Zone, net, price, rule, schema, settings};
use crate::domain::NanoUsd;
use crate::engine::{CapSpec, Limits};
use crate::rules::{Metric, RuleSpec, builtin};
use crate::source::SourceSpec;
use crate::text::did_you_mean;

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct LoadInput {
    /// The file, if there is one.
    pub file: Option<ConfigFile>,
    /// Flags, weakest first.
    pub overrides: Vec<Override>,
}

/// A configuration file.
#[derive(Clone, Debug)]
pub enum ConfigFile {
    /// To be read.
    Path(PathBuf),
    /// Read already.
    Bytes {
        /// Its name, for messages and for relative paths in it.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
}

/// One setting from the command line.
#[derive(Clone, Debug)]
pub struct Override {
    flag: String,
    toml: String,
}

impl Override {
    /// `flag` set `key` (such as `display.fps`) to `value`.
    #[must_use]
    pub fn new(flag: &str, key: &str, value: impl Into<toml::Value>) -> Override {
        Override { flag: flag.to_owned(), toml: format!("{key} = {}", value.into()) }
    }
}

pub(super) fn load(input: &LoadInput) -> Result<Config, ConfigError> {
    let given = Given::read(input)?;
    let maps = match &input.file {
        Some(ConfigFile::Path(path)) => formats::files(path)?,
        _ => Vec::new(),
    };
    let documents = given.documents(&input.overrides)?;
    let mut report = Report::default();
    let config = build(&documents, &maps, &mut report);
    match config {
        Some(config) if report.problems.is_empty() => {
            Ok(Config { shown: report.shown, file: given.name.clone(), ..config })
        }
        _ => Err(report.problems.into()),
    }
}

/// The file, read.
pub(super) struct Given {
    pub name: Option<String>,
    bytes: Vec<u8>,
}

impl Given {
    pub fn read(input: &LoadInput) -> Result<Given, Problem> {
        Ok(match &input.file {
            None => Given { name: None, bytes: Vec::new() },
            Some(ConfigFile::Path(path)) => {
                let name = Some(path.to_string_lossy().into_owned());
                Given { name, bytes: document::read(path)? }
            }
            Some(ConfigFile::Bytes { name, bytes }) => {
                Given { name: Some(name.clone()), bytes: bytes.clone() }
            }
        })
    }

    /// The layers, weakest first: the file, then the flags.
    pub fn documents<'t>(
        &'t self,
        overrides: &'t [Override],
    ) -> Result<Vec<Document<'t>>, ConfigError> {
        let label = self.name.as_deref().unwrap_or("");
        let text = document::decode(label, &self.bytes)?;
        let mut problems = Vec::new();
        let mut documents = vec![Document::parse(label, Kind::File, text, &mut problems)];
        // Keys in a text that is broken may be torn: what is wrong with them is noise.
        if problems.is_empty() {
            documents.extend(
                overrides
                    .iter()
                    .map(|o| Document::parse(&o.flag, Kind::Flag, &o.toml, &mut problems)),
            );
            problems.extend(newer_version(&documents));
        }
        if problems.is_empty() { Ok(documents) } else { Err(problems.into()) }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> ConfigError {
        ConfigError::from(vec![problem])
    }
}

/// A file from the future is refused as a whole: its keys may mean other things.
fn newer_version(documents: &[Document]) -> Option<Problem> {
    documents.iter().find_map(|document| {
        let raw = document.root.get("config_version")?;
        let given = value::whole(raw, 0..=u64::MAX).ok()?;
        let complaint = settings::version(raw).err()?;
        let message = format!("'config_version' {}", complaint.message);
        (given > u64::from(super::VERSION))
            .then(|| document.problem(&raw.span(), &message, complaint.hint.as_deref()))
    })
}

fn build(documents: &[Document], maps: &[MapFile], report: &mut Report) -> Option<Config> {
    let file = documents.first()?;
    let mut limits = Limits::default();
    let top = settings::top(Reader::top(&schema::TOP, documents, report));
    let builtin_rules =
        settings::builtin_rules(Reader::one(&schema::BUILTIN_RULES, documents, report));
    let switch = settings::switch(Reader::one(&schema::SWITCH, documents, report), &mut limits);
    let max_request_usd: NanoUsd =
        settings::engine(Reader::one(&schema::ENGINE, documents, report), &mut limits);
    let ledger = settings::ledger(Reader::one(&schema::LEDGER, documents, report));
    let serve = settings::serve(Reader::one(&schema::SERVE, documents, report));
    let display = settings::display(Reader::one(&schema::DISPLAY, documents, report));
    let formats = formats::formats(maps, file, report);
    let sources = item::sources(file, &formats, report);
    let metric_maps = net::metric_maps(file, report);
    let caps = item::caps(file, report);
    let base = if builtin_rules { builtin_for(&limits, &sources) } else { Vec::new() };
    let rules = rules(file, base, &caps, report);
    let prices = price::prices(file, report);
    let timezone: Zone = top.timezone?;
    Some(Config {
        version: top.version,
        timezone,
        state_dir: top.state_dir,
        sources,
        metric_maps,
        caps,
        rules,
        switch,
        engine: limits,
        max_request_usd,
        ledger,
        serve,
        display,
        prices,
        formats,
        shown: Vec::new(),
        file: None,
    })
}

/// The built-in rules, with the configured idea of silence: of all sources, and of
/// those that have one of their own.
fn builtin_for(limits: &Limits, sources: &[SourceSpec]) -> Vec<RuleSpec> {
    let mut rules = builtin();
    let mut own = Vec::new();
    for rule in rules.iter_mut().filter(|rule| rule.metric == Metric::SourceSilent) {
        set_silence(rule, limits.silent_after);
        own.extend(sources.iter().filter_map(|source| {
            let mut rule = rule.clone();
            set_silence(&mut rule, source.silent_after?);
            rule.matches.insert("source".to_owned(), source.name.clone());
            Some(rule)
        }));
    }
    rules.extend(own);
    rules
}

fn set_silence(rule: &mut RuleSpec, after: Duration) {
    rule.thresholds.iter_mut().for_each(|threshold| threshold.value = after.as_secs_f64());
    rule.clear = Some(after.as_secs_f64() / 5.0);
}

/// The built-in rules, those that are replaced or turned off taken out, then
/// the configured ones.
fn rules(
    document: &Document,
    mut rules: Vec<RuleSpec>,
    caps: &[CapSpec],
    report: &mut Report,
) -> Vec<RuleSpec> {
    let names: Vec<String> = builtin().into_iter().map(|rule| rule.name).collect();
    let mut unique = Unique::default();
    for item in items(&schema::RULE, document, report) {
        let mut reader = open(&schema::RULE, document, item, report);
        let Some(name) = reader.need("name", value::name) else {
            reader.finish();
            continue;
        };
        unique.claim(&name, &mut reader);
        let enabled = reader.take("enabled", value::boolean).unwrap_or(true);
        rules.retain(|rule| rule.name != name);
        if enabled || reader.has("metric") {
            let rule = rule::rule(reader, name, caps);
            rules.extend(rule.filter(|_| enabled));
        } else {
            if !names.contains(&name) {
                let complaint = Complaint::new(format!("'{name}' is not a built-in rule"))
                    .maybe(did_you_mean(&name, names.iter().map(String::as_str)));
                reader.complain("name", complaint);
            }
            reader.finish();
        }
    }
    rules
}
