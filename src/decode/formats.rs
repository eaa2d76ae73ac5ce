//! The formats a decoder can tell apart, shared. Each is compiled once, when the first
//! record is read by it: a log is of one or two, and nobody waits at a start for the rest.

mod costs;
mod detect;
mod maps;
mod shipped;
mod tried;

use std::sync::OnceLock;

use super::map::{self, Each, Explode, Input, Layout, LayoutBuilder, Map, Pattern, Presence, Spot};
use super::metrics::{MetricMap, MetricMaps};
use crate::scan::{Found, Paths, PathsBuilder, Scan, Shape, scan_line};
use crate::text::meant;
use costs::Costs;
use detect::{Detector, Told};
pub use maps::{FormatInfo, FormatMaps, FormatMistake, MapOrigin};

/// Keys of a format map.
pub const FORMAT_KEYS: &[&str] = map::KEYS;

/// Inputs whose formats are told by fields.
const DETECTED: [Input; 5] =
    [Input::JsonLines, Input::Logfmt, Input::OtlpSpans, Input::OtlpLogs, Input::OtlpMetrics];

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
    #[error("no format `{name}`{}", hint(.near))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The known names that are nearest to it, the nearest first.
        near: Vec<String>,
    },
}

/// A set of format maps, compiled where they are needed.
#[derive(Debug)]
pub struct Formats {
    /// As people wrote them.
    maps: FormatMaps,
    compiled: Box<[OnceLock<Format>]>,
    /// For each input everything its formats are told by.
    any: [(Input, OnceLock<(Detector, Paths)>); DETECTED.len()],
    /// Where they look for a cost.
    costs: OnceLock<Costs>,
    /// How the body of a response is read.
    body: OnceLock<Format>,
    /// How an object of token counts is read.
    usage: OnceLock<Format>,
    /// What metrics mean.
    metrics: MetricMaps,
    /// The one format whose records are pages of metrics.
    prometheus: Option<usize>,
}

/// A format that is known to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatId(pub(super) usize);

/// One format, compiled so that one scan finds its fields, and whether the line
/// is rather of a format that is told by more.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) map: Map<Spot>,
    pub(super) layout: Layout,
    pub(super) presence: Presence,
    /// Its number among all.
    pub(super) number: usize,
    /// Its records are JSON, but nothing in them tells it.
    pub(super) by_name_only: bool,
    detector: Detector,
}

impl Formats {
    /// The formats shipped with the program.
    #[must_use]
    pub fn builtin() -> Formats {
        FormatMaps::builtin().compile()
    }

    /// Formats from `(file name, TOML)`; of two with one id the later counts.
    pub fn from_toml(files: &[(&str, &str)]) -> Result<Formats, FormatError> {
        let mut maps = FormatMaps::default();
        for (file, text) in files {
            maps.add(file, text)?;
        }
        Ok(maps.compile())
    }

    fn of(maps: FormatMaps) -> Formats {
        let metric = |map: &Map<String>| map.input == Input::Prometheus;
        Formats {
            compiled: maps.all().iter().map(|_| OnceLock::new()).collect(),
            any: DETECTED.map(|input| (input, OnceLock::new())),
            costs: OnceLock::new(),
            body: OnceLock::new(),
            usage: OnceLock::new(),
            metrics: MetricMaps::with(Vec::new()),
            prometheus: maps.all().iter().position(metric),
            maps,
        }
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

    /// Whether these keys lead to a list whose elements are the records of some format.
    pub(super) fn explodes(&self, keys: &[&[u8]]) -> bool {
        let is_it = |explode: &Explode| {
            explode.each == Each::Element
                && explode.path.split('.').map(str::as_bytes).eq(keys.iter().copied())
        };
        let single = |map: &&Map<String>| map.explode.len() == 1;
        self.maps.all().iter().filter(single).any(|map| map.explode.iter().any(is_it))
    }

    /// The one format whose records are pages of metrics.
    #[inline]
    pub(super) fn prometheus(&self) -> Option<usize> {
        self.prometheus
    }

    /// The one format of data points that maps of metrics read.
    pub(super) fn points(&self) -> Option<usize> {
        let is_it = |map: &Map<String>| {
            map.input == Input::OtlpMetrics && map.fields.iter().all(Vec::is_empty)
        };
        self.maps.all().iter().position(is_it)
    }

    /// Names and descriptions of all formats.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.maps.list()
    }

    /// A format by its name.
    pub fn id(&self, name: &str) -> Result<FormatId, FormatError> {
        let ids = self.maps.all().iter().map(|map| &*map.id);
        self.position(name).map(FormatId).ok_or_else(|| FormatError::Unknown {
            name: name.to_owned(),
            near: meant(name, ids).into_iter().map(str::to_owned).collect(),
        })
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.maps.all().iter().position(|map| *map.id == *name)
    }

    /// The map at a position, as people wrote it.
    pub(super) fn words(&self, position: usize) -> Option<&Map<String>> {
        self.maps.all().get(position)
    }

    /// The patterns of the map at a position; none if it is not of text.
    pub(super) fn patterns(&self, position: usize) -> &[Pattern] {
        self.words(position).map_or(&[], |map| &map.patterns)
    }

    #[inline]
    pub(super) fn get(&self, position: usize) -> Option<&Format> {
        Some(self.compiled.get(position)?.get_or_init(|| self.compile(position)))
    }

    #[cold]
    fn compile(&self, position: usize) -> Format {
        match self.words(position) {
            Some(map) => Format::new(position, map, &self.maps.ranked(map.input)),
            None => unreachable!("there is a place for each map"),
        }
    }

    /// The one format whose records are dumps of response heads.
    pub(super) fn http_dump(&self) -> Option<usize> {
        self.maps.all().iter().position(|map| map.input == Input::HttpDump)
    }

    /// The formats whose records are lines of JSON.
    pub(super) fn of_json(&self) -> impl Iterator<Item = usize> {
        let all = self.maps.all().iter().enumerate();
        all.filter(|(_, map)| map.input == Input::JsonLines).map(|(position, _)| position)
    }

    /// How many formats there are.
    pub(super) fn len(&self) -> usize {
        self.maps.all().len()
    }

    /// The shape of a record, and which format of `input` it is of.
    pub(super) fn detect(
        &self,
        input: Input,
        json: &[u8],
        found: &mut Found,
    ) -> (Shape, Option<usize>) {
        let Some((any, paths)) = self.any(input) else { return (Shape::NotJson, None) };
        let scan = scan_line(paths, json, found);
        (scan.shape, any.format_of(scan))
    }

    /// Everything that the formats of an input are told by.
    #[inline]
    fn any(&self, input: Input) -> Option<&(Detector, Paths)> {
        let (_, any) = self.any.iter().find(|(known, _)| *known == input)?;
        Some(any.get_or_init(|| {
            let mut paths = PathsBuilder::new();
            let any = Detector::new(&self.maps.ranked(input), &mut |path| paths.add(path));
            (any, paths.build())
        }))
    }

    /// Whether a record may say, in the words of any format, what it cost.
    pub(super) fn may_state_cost(&self, json: &[u8], found: &mut Found) -> bool {
        let costs = self
            .costs
            .get_or_init(|| Costs::of(self.maps.all().iter().filter(|map| map.is_simple())));
        costs.may_be_in(json, found)
    }

    pub(super) fn body(&self) -> &Format {
        self.body.get_or_init(|| Format::inner(shipped::BODY))
    }

    pub(super) fn usage(&self) -> &Format {
        self.usage.get_or_init(|| Format::inner(shipped::USAGE))
    }
}

impl Format {
    fn new(number: usize, map: &Map<String>, ranked: &[Told<'_>]) -> Format {
        let mut layout = LayoutBuilder::new(&map.explode);
        let compiled = map.compile(&mut layout);
        // Only what ranks above this format's last set can take a line from it.
        let last = ranked.iter().rposition(|told| told.format == number).map_or(0, |i| i + 1);
        let above = ranked.get(..last).unwrap_or_default();
        let detector = Detector::new(above, &mut |path| layout.add_outer(path).slot);
        let layout = layout.build();
        let presence = Presence::new(&compiled, &layout);
        let by_name_only =
            map.input.is_json() && map.detect.sets.is_empty() && map.detect.eq.is_empty();
        Format { map: compiled, layout, presence, number, by_name_only, detector }
    }

    /// One of no log: what is read by it stands within a record.
    fn inner((_, text): (&str, &str)) -> Format {
        match map::read(text) {
            Ok(map) => Format::new(0, &map, &[]),
            Err(error) => unreachable!("a test reads every shipped map: {error:?}"),
        }
    }

    /// Whether a line, scanned for this format, is of this format.
    #[inline]
    pub(super) fn fits(&self, scan: Scan<'_>) -> bool {
        self.detector.format_of(scan) == Some(self.number)
    }

    /// What is left to be asked of a line that has values where `scan` has them, to
    /// know whether it fits.
    pub(super) fn candidates(&self, scan: Scan<'_>) -> Box<[u16]> {
        self.detector.candidates(scan)
    }

    /// The same as [`fits`](Self::fits), by the candidates of lines like this one.
    #[inline]
    pub(super) fn fits_by(&self, candidates: &[u16], scan: Scan<'_>) -> bool {
        self.detector.chosen(candidates, scan) == Some(self.number)
    }
}

fn hint(near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}
