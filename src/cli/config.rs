//! `tripline config`: check, show, example.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::Config as Command;
use super::args::Global;
use super::env::Env;
use super::failure::Failure;
use super::out::{Out, finish};
use super::setup::Context;
use crate::action::{ArmState, SwitchDir, SwitchError};
use crate::config::{self, Config, Origins};
use crate::engine::counted;
use crate::rules::METRICS;
use crate::source::{self, STDIN, SourceSpec};

/// A source as if each of its paths were all it had.
fn path_by_path(source: &SourceSpec) -> impl Iterator<Item = SourceSpec> {
    let one = |path: &String| SourceSpec { paths: vec![path.clone()], ..source.clone() };
    source.paths.iter().map(one)
}

/// Paths where nothing is. That is no mistake, since a log may be yet to come, but a
/// slip of the finger looks just so.
fn missing(config: &Config) -> impl Iterator<Item = String> {
    let paths = config.sources.iter().flat_map(path_by_path);
    let is_missing = |path: &&PathBuf| path.as_os_str() != STDIN && !path.exists();
    paths.filter_map(move |source| {
        let problem = match source::files(&source) {
            Ok(files) => {
                format!("{}: nothing is there yet", files.iter().find(is_missing)?.display())
            }
            Err(error) => error.to_string(),
        };
        let text = format!("warning: source '{}': {problem}", source.name);
        Some(crate::text::printable(&text).into_owned())
    })
}

/// Files that two sources count. That may be meant, for one line can hold two calls, but
/// it is how spend is doubled.
pub fn counted_twice(config: &Config) -> impl Iterator<Item = String> {
    let mut first: BTreeMap<PathBuf, &str> = BTreeMap::new();
    let counting = config.sources.iter().filter(|source| source.count && !source.is_stdin());
    counting.filter_map(move |source| {
        let mut shared = None;
        for file in path_by_path(source).flat_map(|one| source::files(&one).unwrap_or_default()) {
            let Ok(real) = file.canonicalize() else { continue };
            let other = *first.entry(real).or_insert(&source.name);
            if other != source.name {
                shared.get_or_insert((file, other));
            }
        }
        let (file, other) = shared?;
        let text = format!(
            "warning: source '{}': {}: source '{other}' counts it too, and calls without an id \
             count twice; `count = false` in one of them, unless that is meant",
            source.name,
            file.display()
        );
        Some(crate::text::printable(&text).into_owned())
    })
}

/// A switch directory that would be refused. One that is not there yet is made, beside what
/// a person has made: where nothing is at all, no gateway looks yet.
fn unusable_switch(context: &Context) -> Option<String> {
    let setup = context.switch();
    let nowhere = setup.dir.parent().is_none_or(|parent| !parent.exists());
    if setup.armed == ArmState::Armed && nowhere {
        let text = format!(
            "warning: kill switch: {}: nothing is there yet, and `armed = true`: a gateway must \
             look into the same directory",
            setup.dir.display()
        );
        return Some(crate::text::printable(&text).into_owned());
    }
    let opened = SwitchDir::existing(&setup.dir, &setup.network);
    let read_only = |dir: SwitchDir| dir.check_writable().err().filter(SwitchError::is_read_only);
    let error = opened.map_or_else(Some, |dir| dir.and_then(read_only))?;
    let text = format!("warning: kill switch: {error}: {}", error.hint());
    Some(crate::text::printable(&text).into_owned())
}

/// Run it.
pub fn run(global: &Global, env: &Env, command: &Command) -> Result<(), Failure> {
    let mut out = Out::new();
    let printed = match command {
        Command::Example => out.line(config::example().trim_end()),
        Command::Schema => out.line(config::schema().trim_end()),
        Command::Check => {
            let context = Context::load(global, env)?;
            let config = &context.config;
            let name = config.file.as_deref().unwrap_or("no configuration file: the defaults");
            out.line(&format!(
                "{}: ok ({}, {}, {})",
                crate::text::printable(name),
                counted(config.sources.len(), "source"),
                counted(config.caps.len(), "cap"),
                counted(config.rules.len(), "rule")
            ))
            .and_then(|()| {
                let warnings = missing(config).chain(counted_twice(config));
                let mut warnings = warnings.chain(unusable_switch(&context));
                warnings.try_for_each(|line| out.line(&line))
            })
        }
        Command::Show { metrics: true, .. } => METRICS.iter().try_for_each(|doc| {
            let labels = doc.labels.join(", ");
            out.line(&format!(
                "{:<32} {}\n{:<32} labels: {labels}",
                doc.metric.word(),
                doc.about,
                ""
            ))
        }),
        Command::Show { origin, .. } => {
            let context = Context::load(global, env)?;
            let origins = if *origin { Origins::Show } else { Origins::Hide };
            out.line(context.config.show(origins).trim())
        }
    };
    finish(out, printed)
}
