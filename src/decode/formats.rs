//! The formats a decoder can tell apart, compiled once and shared.

use super::map::{self, Input, Map, Presence};
use super::metrics::{MetricMap, MetricMaps};
use crate::scan::{Found, Paths, PathsBuilder, Scan, Shape, Slot, scan_line};

const BUILTIN: &[(&str, &str)] = &[
    ("litellm-standard.toml", include_str!("../../data/formats/litellm-standard.toml")),
    ("nginx-json.toml", include_str!("../../data/formats/nginx-json.toml")),
    ("headers.toml", include_str!("../../data/formats/headers.toml")),
    ("curl.toml", include_str!("../../data/formats/curl.toml")),
    ("app-json.toml", include_str!("../../data/formats/app-json.toml")),
    ("prometheus.toml", include_str!("../../data/formats/prometheus.toml")),
];

const BODY: (&str, &str) =
    ("response-body.toml", include_str!("../../data/formats/response-body.toml"));

/// Why a format can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A mistake in a map.
    #[error("{file}:{line}: {key}: {message}")]
    Map {
        /// File of the map.
        file: String,
        /// Line in it, from 1.
        line: usize,
        /// Key with its path.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// No format has this name.
    #[error("no format `{name}`{}", hint(.near.as_deref(), .known))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The known name that is nearest to it.
        near: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
}

/// A set of compiled format maps.
#[derive(Debug)]
pub struct Formats {
    formats: Vec<Format>,
    /// Everything any format is told by, for lines of no known format.
    any: Detector,
    /// How the body of a response is read.
    body: Format,
    /// What metrics mean.
    metrics: MetricMaps,
}

/// A format that is known to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatId(pub(super) usize);

/// One format, compiled so that one scan finds its fields, and whether the line
/// is rather of a format that is told by more.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) map: Map<Slot>,
    pub(super) paths: Paths,
    pub(super) presence: Presence,
    /// Where this format's own sets of paths stand in `detector`'s order.
    own: usize,
    detector: Vec<Signature>,
}

#[derive(Debug)]
struct Detector {
    paths: Paths,
    signatures: Vec<Signature>,
}

/// What tells a format: one set of paths of its map, and what must be missing.
#[derive(Clone, Debug)]
struct Signature {
    format: usize,
    set: Vec<Slot>,
    reject: Vec<Slot>,
}

impl Formats {
    /// The formats shipped with the program.
    #[must_use]
    pub fn builtin() -> Formats {
        match Formats::from_toml(BUILTIN) {
            Ok(formats) => formats,
            Err(error) => unreachable!("a test reads every shipped map: {error}"),
        }
    }

    /// Formats from `(file name, TOML)`; of two with one id the later counts.
    pub fn from_toml(files: &[(&str, &str)]) -> Result<Formats, FormatError> {
        let mut maps: Vec<Map<String>> = Vec::new();
        for (file, text) in files {
            let map = map::read(file, text)?;
            match maps.iter_mut().find(|known| known.id == map.id) {
                Some(known) => *known = map,
                None => maps.push(map),
            }
        }
        Ok(Formats::of(&maps, &map::read(BODY.0, BODY.1)?))
    }

    /// The same, with these maps of metrics before the shipped ones.
    #[must_use]
    pub fn with_metrics(self, own: Vec<MetricMap>) -> Formats {
        Formats { metrics: MetricMaps::with(own), ..self }
    }

    /// What metrics mean.
    pub(super) fn metrics(&self) -> &MetricMaps {
        &self.metrics
    }

    /// The one format whose records are pages of metrics.
    pub(super) fn prometheus(&self) -> Option<usize> {
        self.formats.iter().position(|format| format.map.input == Input::Prometheus)
    }

    /// Names and descriptions of all formats.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.formats.iter().map(|format| (&*format.map.id, &*format.map.about))
    }

    /// A format by its name.
    pub fn id(&self, name: &str) -> Result<FormatId, FormatError> {
        let position = self.formats.iter().position(|format| *format.map.id == *name);
        position.map(FormatId).ok_or_else(|| FormatError::Unknown {
            name: name.to_owned(),
            near: nearest(name, self.list().map(|(id, _)| id)).map(str::to_owned),
            known: self.list().map(|(id, _)| id.to_owned()).collect(),
        })
    }

    pub(super) fn get(&self, position: usize) -> Option<&Format> {
        self.formats.get(position)
    }

    /// The one format whose records are dumps of response heads.
    pub(super) fn http_dump(&self) -> Option<usize> {
        self.formats.iter().position(|format| format.map.input == Input::HttpDump)
    }

    /// How many formats there are.
    pub(super) fn len(&self) -> usize {
        self.formats.len()
    }

    /// The shape of a line, and which format an object is of.
    pub(super) fn detect(&self, line: &[u8], found: &mut Found) -> (Shape, Option<usize>) {
        let scan = scan_line(&self.any.paths, line, found);
        let told = self.any.signatures.iter().find(|signature| signature.fits(scan));
        (scan.shape, told.map(|signature| signature.format))
    }

    pub(super) fn body(&self) -> &Format {
        &self.body
    }

    fn of(maps: &[Map<String>], body: &Map<String>) -> Formats {
        let ranked = ranked(maps);
        let mut builder = PathsBuilder::new();
        let signatures = ranked.iter().map(|told| told.compile(maps, &mut builder)).collect();
        let any = Detector { paths: builder.build(), signatures };
        let formats = maps.iter().enumerate().map(|(i, map)| Format::new(i, map, maps, &ranked));
        let metrics = MetricMaps::with(Vec::new());
        Formats { formats: formats.collect(), any, body: Format::new(0, body, &[], &[]), metrics }
    }
}

impl Format {
    fn new(own: usize, map: &Map<String>, maps: &[Map<String>], ranked: &[Told<'_>]) -> Format {
        let mut builder = PathsBuilder::new();
        let compiled = map.compile(&mut builder);
        // Only what ranks above this format's last set can take a line from it.
        let last = ranked.iter().rposition(|told| told.format == own).map_or(0, |i| i + 1);
        let detector = ranked.get(..last).unwrap_or_default();
        let detector = detector.iter().map(|told| told.compile(maps, &mut builder)).collect();
        let paths = builder.build();
        let presence = Presence::new(&compiled, &paths);
        Format { map: compiled, paths, presence, own, detector }
    }

    /// Whether a line, scanned for this format, is of this format.
    #[inline]
    pub(super) fn fits(&self, scan: Scan<'_>) -> bool {
        self.detector.iter().find(|s| s.fits(scan)).is_some_and(|s| s.format == self.own)
    }
}

impl Signature {
    #[inline]
    fn fits(&self, scan: Scan<'_>) -> bool {
        self.set.iter().all(|slot| scan.has(*slot)) && !self.reject.iter().any(|s| scan.has(*s))
    }
}

/// One set of one map.
struct Told<'m> {
    format: usize,
    set: &'m [String],
}

impl Told<'_> {
    fn compile(&self, maps: &[Map<String>], paths: &mut PathsBuilder) -> Signature {
        let reject = maps.get(self.format).map_or(&[][..], |map| &map.reject);
        Signature {
            format: self.format,
            set: self.set.iter().map(|path| paths.add(path)).collect(),
            reject: reject.iter().map(|path| paths.add(path)).collect(),
        }
    }
}

/// All sets of all maps, the most specific first.
fn ranked(maps: &[Map<String>]) -> Vec<Told<'_>> {
    let mut all: Vec<Told<'_>> = Vec::new();
    for (format, map) in maps.iter().enumerate() {
        all.extend(map.detect.iter().map(|set| Told { format, set }));
    }
    all.sort_by_key(|told| std::cmp::Reverse(told.set.len()));
    all
}

fn hint(near: Option<&str>, known: &[String]) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

/// The candidate nearest to `word`, if it may well be what was meant.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    let far = word.len().div_ceil(3);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut above_left = i;
        let mut left = i + 1;
        for (place, cb) in row.iter_mut().skip(1).zip(&b) {
            let above = *place;
            left = (above_left + usize::from(ca != *cb)).min(above + 1).min(left + 1);
            above_left = above;
            *place = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}
