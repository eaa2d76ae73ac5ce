//! Formats of a user's own: `[[format]]` tables, and files in the directory
//! `formats` beside the configuration.

use std::path::Path;

use super::document::{self, Document, Kind};
use super::error::Problem;
use super::item::open;
use super::reader::{Report, items};
use super::schema;
use crate::decode::FormatMaps;

/// A file with a format map.
pub(super) struct MapFile {
    name: String,
    bytes: Vec<u8>,
}

/// All maps in the directory beside a configuration file, by name.
pub(super) fn files(config: &Path) -> Result<Vec<MapFile>, Vec<Problem>> {
    let dir = config.parent().unwrap_or(Path::new("")).join("formats");
    let mut paths: Vec<_> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(_) => return Ok(Vec::new()),
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match document::read(&path) {
            Ok(bytes) => files.push(MapFile { name: path.to_string_lossy().into_owned(), bytes }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// The shipped formats, those of `files`, and those in the configuration, which may
/// take the place of shipped ones.
pub(super) fn formats(files: &[MapFile], config: &Document, report: &mut Report) -> FormatMaps {
    let mut maps = FormatMaps::builtin();
    for file in files {
        let text = match document::decode(&file.name, &file.bytes) {
            Ok(text) => text,
            Err(problem) => {
                report.problems.push(problem);
                continue;
            }
        };
        // `tripline formats ID > formats/mine.toml` empties it before it reads it.
        if text.trim().is_empty() {
            continue;
        }
        let before = report.problems.len();
        let document = Document::parse(&file.name, Kind::File, text, &mut report.problems);
        if let Some(key) = document.root.keys().find(|key| *key.get_ref() == "format") {
            let hint = "a file in formats/ is one map: leave out the header [[format]]";
            let message = "unknown key 'format'";
            report.problems.push(document.problem(&key.span(), message, Some(hint)));
            continue;
        }
        if report.problems.len() == before
            && let Err(mistake) = maps.add_table((&document.root, 0..0), &file.name, text)
        {
            report.problems.push(document.problem(&mistake.span, &mistake.message, None));
        }
    }
    let texts = texts(config);
    for (number, item) in items(&schema::FORMAT, config, report).into_iter().enumerate() {
        let text = texts.get(number).map_or("", String::as_str);
        let (fields, span) = (item.fields, item.raw.span());
        let before = report.problems.len();
        let mut reader = open(&schema::FORMAT, config, item, report);
        for key in schema::FORMAT.keys.iter().filter(|key| fields.contains_key(key.name)) {
            reader.take(key.name, |_| Ok(()));
        }
        reader.finish();
        if before == report.problems.len()
            && let Err(mistake) = maps.add_table((fields, span), config.name, text)
        {
            report.problems.push(config.problem(&mistake.span, &mistake.message, None));
        }
    }
    maps
}

/// Each `[[format]]` of the configuration as a map by itself.
fn texts(config: &Document) -> Vec<String> {
    let Ok(whole) = config.text().parse::<toml::Table>() else { return Vec::new() };
    let maps = whole.get("format").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    maps.iter().map(|map| toml::to_string(map).unwrap_or_default()).collect()
}
