//! Format maps as people write them: gathered from what is shipped and from users' files,
//! each with the file that it is from. Nothing here reads a line.

use std::ops::Range;

use super::detect::{Told, ranked};
use super::{FormatError, Formats, shipped};
use crate::decode::map::{self, Input, Map, MapError};

/// Format maps that are being gathered: the shipped ones, then a user's.
#[derive(Clone, Debug, Default)]
pub struct FormatMaps {
    maps: Vec<Map<String>>,
    /// Where each of them came from.
    sources: Vec<Source>,
    /// How many of them are shipped.
    shipped: usize,
}

/// Where a map came from.
#[derive(Clone, Debug)]
struct Source {
    file: String,
    text: String,
    origin: MapOrigin,
}

/// Whose map it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOrigin {
    /// Shipped with the program.
    BuiltIn,
    /// A user's.
    Own,
    /// A user's, in place of a shipped one of the same id.
    Override,
}

/// A map, for people.
#[derive(Clone, Debug)]
pub struct FormatInfo<'m> {
    /// Its id.
    pub id: &'m str,
    /// One line about it.
    pub about: &'m str,
    /// How its records stand in a log, as the map's `input` has it.
    pub input: &'static str,
    /// What tells its records; nothing if it is used only where a source names it.
    pub told_by: Vec<String>,
    /// The file it is from.
    pub file: &'m str,
    /// The map itself, as TOML.
    pub text: &'m str,
    /// Whose it is.
    pub origin: MapOrigin,
}

impl MapOrigin {
    /// As it stands in output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            MapOrigin::BuiltIn => "built-in",
            MapOrigin::Own => "own",
            MapOrigin::Override => "override",
        }
    }
}

/// A mistake in a map that is part of a larger text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatMistake {
    /// Where it stands in the text.
    pub span: Range<usize>,
    /// The key with its path, and what is wrong with it.
    pub message: String,
}

impl FormatMaps {
    /// The maps shipped with the program.
    #[must_use]
    pub fn builtin() -> FormatMaps {
        let mut all = FormatMaps::default();
        for (file, text) in shipped::LOGS {
            if let Err(error) = all.add(file, text) {
                unreachable!("a test reads every shipped map: {error}");
            }
        }
        all.shipped = all.maps.len();
        all.sources.iter_mut().for_each(|source| source.origin = MapOrigin::BuiltIn);
        all
    }

    /// Adds the map of one file; it replaces one of the same id.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), FormatError> {
        let map = map::read(text).map_err(|error| located(file, text, error))?;
        self.put(map, file, text);
        Ok(())
    }

    /// Adds a map that is a table of `file`, where it stands at `span`; `text` is the
    /// map by itself. It may take the place of a shipped one, and of no other.
    pub fn add_table(
        &mut self,
        (table, span): (&toml::de::DeTable<'_>, Range<usize>),
        file: &str,
        text: &str,
    ) -> Result<(), FormatMistake> {
        let read = map::read_table(table, span.clone());
        let map = read.map_err(|MapError { span, key, message }| {
            let message = if key.is_empty() { message } else { format!("{key}: {message}") };
            FormatMistake { span, message }
        })?;
        let mut known = self.maps.iter().zip(&self.sources);
        let twin =
            known.find(|(known, source)| known.id == map.id && source.origin != MapOrigin::BuiltIn);
        if let Some((_, Source { file, .. })) = twin {
            let span = table.get("id").map_or(span, toml::Spanned::span);
            let message = format!("id: `{}` is the id of another map already, in {file}", map.id);
            return Err(FormatMistake { span, message });
        }
        self.put(map, file, text);
        Ok(())
    }

    /// All of them, for people.
    pub fn describe(&self) -> impl Iterator<Item = FormatInfo<'_>> {
        self.maps.iter().enumerate().zip(&self.sources).map(|((number, map), source)| {
            let Source { file, text, origin } = source;
            let ranked = self.ranked(map.input);
            let told = ranked.iter().filter(|told| told.format == number);
            let mut told_by: Vec<String> = told.map(Told::says).collect();
            let patterns = map.patterns.iter().map(|pattern| pattern.regex.as_str().to_owned());
            told_by.extend(patterns.filter(|_| map.input == Input::Regex));
            FormatInfo {
                id: &map.id,
                about: &map.about,
                input: map.input.word(),
                told_by,
                file,
                text,
                origin: *origin,
            }
        })
    }

    /// Names and descriptions of all of them.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.maps.iter().map(|map| (&*map.id, &*map.about))
    }

    /// Makes them ready to read by.
    #[must_use]
    pub fn compile(&self) -> Formats {
        Formats::of(self.clone())
    }

    /// All of them; their positions are those of the formats.
    pub(super) fn all(&self) -> &[Map<String>] {
        &self.maps
    }

    /// Whether the map at a position is a user's.
    pub(super) fn is_own(&self, position: usize) -> bool {
        let source = self.sources.get(position);
        source.is_some_and(|source| source.origin != MapOrigin::BuiltIn)
    }

    /// All sets by which formats of `input` are told, in rank.
    pub(super) fn ranked(&self, input: Input) -> Vec<Told<'_>> {
        ranked(&self.maps, self.shipped, input)
    }

    fn put(&mut self, map: Map<String>, file: &str, text: &str) {
        let known = self.maps.iter().position(|known| known.id == map.id);
        let origin = match known {
            Some(number) if number < self.shipped => MapOrigin::Override,
            _ => MapOrigin::Own,
        };
        let source = Source { file: file.to_owned(), text: text.to_owned(), origin };
        let place = known.and_then(|n| Some((self.maps.get_mut(n)?, self.sources.get_mut(n)?)));
        if let Some(place) = place {
            (*place.0, *place.1) = (map, source);
        } else {
            self.maps.push(map);
            self.sources.push(source);
        }
    }
}

/// Two are the same if they hold the same formats by name.
impl PartialEq for FormatMaps {
    fn eq(&self, other: &FormatMaps) -> bool {
        self.list().eq(other.list())
    }
}

fn located(file: &str, text: &str, error: MapError) -> FormatError {
    let before = text.get(..error.span.start).unwrap_or_default();
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let MapError { key, message, .. } = error;
    FormatError::Map { file: file.to_owned(), line, key, message }
}
