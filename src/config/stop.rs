//! What a stop needs of a configuration in which something else is wrong. At three
//! in the morning a misspelt rule is no reason not to stop the traffic, but a switch
//! directory that is not the one gateways look at is: what may be meant for it must
//! be right.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::document::Document;
use super::error::{ConfigError, Problem};
use super::load::{Given, LoadInput, load};
use super::reader::{Reader, Report};
use super::schema::{self, TABLES, Table};
use super::value::{self, Raw, Read};
use super::{Config, settings};
use crate::text::nearest;

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

/// Keys that nobody knows where they stand, and that may be meant for the switch or for
/// the place of state: at the top, or behind the head of another table.
fn strangers(document: &Document) -> Vec<Problem> {
    let hint = "if this is meant for the kill switch, it is written [switch] and `dir`";
    let at_top = strange_at_top(document).map(|key| {
        let message = format!("unknown key '{}'", key.get_ref());
        document.problem(&key.span(), &message, Some(hint))
    });
    let astray = TABLES.iter().flat_map(|table| {
        strange_in(document, table).map(|key| {
            let message = format!("unknown key '{}' in [{}]", key.get_ref(), table.name);
            document.problem(&key.span(), &message, Some(hint))
        })
    });
    at_top.chain(astray).collect()
}

/// Whether that name is the switch's or the place of state.
fn is_needed(name: &str) -> bool {
    ["switch", "state_dir"].contains(&name) || schema::SWITCH.key(name).is_some()
}

/// Keys of a known table that may be meant for what a stop needs.
fn strange_in<'d>(
    document: &'d Document<'d>,
    table: &'static Table,
) -> impl Iterator<Item = &'d Spanned<DeString<'d>>> {
    let value = document.root.get(table.name).map(Spanned::get_ref);
    let one = value.and_then(DeValue::as_table);
    let many = value.and_then(DeValue::as_array).into_iter().flatten();
    let tables = one.into_iter().chain(many.filter_map(|value| value.get_ref().as_table()));
    let words = || {
        let of_switch = schema::SWITCH.keys.iter().map(|key| key.name);
        ["switch", "state_dir"].into_iter().chain(of_switch)
    };
    let own = || table.keys.iter().map(|key| key.name);
    tables.flat_map(|table| table.keys()).filter(move |key| {
        let name: &str = key.get_ref();
        !own().any(|own| own == name) && nearest(name, own().chain(words())).is_some_and(is_needed)
    })
}

fn strange_at_top<'d>(
    document: &'d Document<'d>,
) -> impl Iterator<Item = &'d Spanned<DeString<'d>>> {
    let heads = TABLES.iter().filter_map(|table| table.name.split('.').next());
    let keys = TABLES.iter().flat_map(|table| table.keys).map(|key| key.name);
    let words: Vec<&str> = heads.clone().chain(keys).filter(|word| !word.is_empty()).collect();
    let is_known =
        move |name: &str| schema::TOP.key(name).is_some() || heads.clone().any(|head| head == name);
    document.root.iter().filter_map(move |(key, value)| {
        let name: &str = key.get_ref();
        let may_be = match value.get_ref() {
            DeValue::Table(_) | DeValue::String(_) => true,
            DeValue::Array(items) => items.iter().any(|item| item.get_ref().is_table()),
            _ => false,
        };
        let strange =
            may_be && !is_known(name) && nearest(name, words.iter().copied()).is_none_or(is_needed);
        strange.then_some(key)
    })
}
