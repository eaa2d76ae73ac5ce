//! What a stop needs of a configuration in which something else is wrong. At three
//! in the morning a misspelt rule is no reason not to stop the traffic, but a switch
//! directory that is not the one gateways look at is: what may be meant for it must
//! be right.

use toml::de::DeValue;

use super::document::Document;
use super::error::{ConfigError, Problem};
use super::load::{Given, LoadInput, load};
use super::reader::{Reader, Report};
use super::schema::{self, TABLES};
use super::suggest::closest;
use super::value::{self, Raw, Read};
use super::{Config, settings};

/// What the caller knows already, so that the file need not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// Where state is.
    State,
    /// The switch directory.
    Switch,
    /// Both.
    Both,
}

impl Known {
    fn state(self) -> bool {
        matches!(self, Known::State | Known::Both)
    }

    fn switch(self) -> bool {
        matches!(self, Known::Switch | Known::Both)
    }
}

/// A configuration of which only what a stop needs was read.
#[derive(Clone, Debug, PartialEq)]
pub struct StopConfig {
    /// That, over the defaults.
    pub config: Config,
    /// Whether `[switch]` is as the file says.
    pub switch_read: bool,
}

/// Read it. The problems of an error are those that matter here.
pub(super) fn load_for_stop(input: &LoadInput, known: Known) -> Result<StopConfig, ConfigError> {
    let defaults = load(&LoadInput { file: None, overrides: input.overrides.clone() })?;
    match read(input, known, &defaults) {
        Err(_) if known == Known::Both => Ok(StopConfig { config: defaults, switch_read: false }),
        read => read,
    }
}

fn read(input: &LoadInput, known: Known, defaults: &Config) -> Result<StopConfig, ConfigError> {
    let given = Given::read(input)?;
    let documents = given.documents(&input.overrides)?;
    let mut switch = Report::default();
    let mut limits = defaults.engine.clone();
    let asked = Reader::one(&schema::SWITCH, &documents, &mut switch);
    let dir_written = asked.has("dir");
    let config = settings::switch(asked, &mut limits);
    let switch_read = switch.problems.is_empty();

    let state_dir = one(&documents, "", "state_dir", settings::directory);
    let read_only = one(&documents, "display", "read_only", value::boolean);
    let state_written = !matches!(state_dir, Ok(None));

    let mut problems: Vec<Problem> = Vec::new();
    if !known.switch() {
        problems.extend(switch.problems);
    }
    problems.extend(state_dir.as_ref().err().filter(|_| !known.state()).cloned());
    problems.extend(read_only.as_ref().err().cloned());
    let all_known = (known.switch() || dir_written) && (known.state() || state_written);
    if !all_known {
        problems.extend(documents.iter().flat_map(strangers));
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut found = defaults.clone();
    found.file.clone_from(&given.name);
    found.switch = config;
    found.state_dir = state_dir.ok().flatten();
    found.display.read_only = read_only.ok().flatten().unwrap_or_default();
    Ok(StopConfig { config: found, switch_read })
}

/// One value of the last layer that has it, whatever stands beside it.
fn one<T>(
    documents: &[Document],
    table: &str,
    key: &str,
    convert: impl FnOnce(&Raw) -> Read<T>,
) -> Result<Option<T>, Problem> {
    let written = documents.iter().rev().find_map(|document| {
        let fields = if table.is_empty() {
            Some(&document.root)
        } else {
            document.root.get(table)?.get_ref().as_table()
        };
        Some((document, fields?.get(key)?))
    });
    let Some((document, raw)) = written else { return Ok(None) };
    convert(raw).map(Some).map_err(|complaint| {
        let span = complaint.span.unwrap_or_else(|| raw.span());
        let message = format!("'{key}' {}", complaint.message);
        document.problem(&span, &message, complaint.hint.as_deref())
    })
}

/// Keys at the top that nobody knows, and that may be meant for the switch or for the
/// place of state.
fn strangers(document: &Document) -> Vec<Problem> {
    let needed =
        |name: &str| ["switch", "state_dir"].contains(&name) || schema::SWITCH.key(name).is_some();
    let heads = TABLES.iter().filter_map(|table| table.name.split('.').next());
    let keys = TABLES.iter().flat_map(|table| table.keys).map(|key| key.name);
    let words: Vec<&str> = heads.clone().chain(keys).filter(|word| !word.is_empty()).collect();
    let is_known =
        |name: &str| schema::TOP.key(name).is_some() || heads.clone().any(|head| head == name);
    let strange = document.root.iter().filter(|(key, value)| {
        let name: &str = key.get_ref();
        let may_be = matches!(value.get_ref(), DeValue::Table(_) | DeValue::String(_));
        may_be && !is_known(name) && closest(name, words.iter().copied()).is_none_or(needed)
    });
    strange
        .map(|(key, _)| {
            let name: &str = key.get_ref();
            let hint = "if this is meant for the kill switch, it is written [switch] and `dir`";
            document.problem(&key.span(), &format!("unknown key '{name}'"), Some(hint))
        })
        .collect()
}
