//! The formats a decoder can tell apart, shared. Each is compiled once, when the first
//! record is read by it: a log is of one or two, and nobody waits at a start for the rest.

mod costs;
mod detect;
mod tried;

use std::ops::Range;
use std::sync::OnceLock;

use super::map::{
    self, Each, Explode, Input, Layout, LayoutBuilder, Map, MapError, Presence, Spot,
};
use super::metrics::{MetricMap, MetricMaps};
use crate::scan::{Found, Paths, PathsBuilder, Scan, Shape, scan_line};
use costs::Costs;
use detect::{Detector, Told, ranked};

/// Keys of a format map.
pub const FORMAT_KEYS: &[&str] = map::KEYS;

const BUILTIN: &[(&str, &str)] = &[
    ("litellm-standard.toml", include_str!("../../data/formats/litellm-standard.toml")),
    ("nginx-json.toml", include_str!("../../data/formats/nginx-json.toml")),
    ("headers.toml", include_str!("../../data/formats/headers.toml")),
    ("curl.toml", include_str!("../../data/formats/curl.toml")),
    ("curl-write-out.toml", include_str!("../../data/formats/curl-write-out.toml")),
    ("header-json.toml", include_str!("../../data/formats/header-json.toml")),
    ("har.toml", include_str!("../../data/formats/har.toml")),
    ("claude-code.toml", include_str!("../../data/formats/claude-code.toml")),
    ("codex.toml", include_str!("../../data/formats/codex.toml")),
    ("claude-code-result.toml", include_str!("../../data/formats/claude-code-result.toml")),
    ("gemini-cli-telemetry.toml", include_str!("../../data/formats/gemini-cli-telemetry.toml")),
    ("gemini-cli-chat.toml", include_str!("../../data/formats/gemini-cli-chat.toml")),
    ("gemini-cli-chat-patch.toml", include_str!("../../data/formats/gemini-cli-chat-patch.toml")),
    (
        "gemini-cli-chat-document.toml",
        include_str!("../../data/formats/gemini-cli-chat-document.toml"),
    ),
    ("gemini-cli-result.toml", include_str!("../../data/formats/gemini-cli-result.toml")),
    ("gemini-cli-output.toml", include_str!("../../data/formats/gemini-cli-output.toml")),
    ("opencode.toml", include_str!("../../data/formats/opencode.toml")),
    ("bedrock.toml", include_str!("../../data/formats/bedrock.toml")),
    ("weave.toml", include_str!("../../data/formats/weave.toml")),
    ("langfuse.toml", include_str!("../../data/formats/langfuse.toml")),
    ("langsmith.toml", include_str!("../../data/formats/langsmith.toml")),
    ("caddy.toml", include_str!("../../data/formats/caddy.toml")),
    ("kong-ai.toml", include_str!("../../data/formats/kong-ai.toml")),
    ("litellm-spend.toml", include_str!("../../data/formats/litellm-spend.toml")),
    ("azure-apim.toml", include_str!("../../data/formats/azure-apim.toml")),
    ("tracing-json.toml", include_str!("../../data/formats/tracing-json.toml")),
    ("litellm-stdout.toml", include_str!("../../data/formats/litellm-stdout.toml")),
    ("envoy-json.toml", include_str!("../../data/formats/envoy-json.toml")),
    ("apisix.toml", include_str!("../../data/formats/apisix.toml")),
    ("cloudflare-ai-gateway.toml", include_str!("../../data/formats/cloudflare-ai-gateway.toml")),
    ("cloudflare-logpush.toml", include_str!("../../data/formats/cloudflare-logpush.toml")),
    ("portkey.toml", include_str!("../../data/formats/portkey.toml")),
    ("helicone.toml", include_str!("../../data/formats/helicone.toml")),
    ("helicone-webhook.toml", include_str!("../../data/formats/helicone-webhook.toml")),
    ("openrouter.toml", include_str!("../../data/formats/openrouter.toml")),
    ("openrouter-activity.toml", include_str!("../../data/formats/openrouter-activity.toml")),
    ("ollama.toml", include_str!("../../data/formats/ollama.toml")),
    ("azure-openai.toml", include_str!("../../data/formats/azure-openai.toml")),
    ("azure-apim-table.toml", include_str!("../../data/formats/azure-apim-table.toml")),
    ("azure-openai-table.toml", include_str!("../../data/formats/azure-openai-table.toml")),
    ("vertex.toml", include_str!("../../data/formats/vertex.toml")),
    ("bifrost.toml", include_str!("../../data/formats/bifrost.toml")),
    ("vercel-ai-gateway.toml", include_str!("../../data/formats/vercel-ai-gateway.toml")),
    ("app-json.toml", include_str!("../../data/formats/app-json.toml")),
    ("prometheus.toml", include_str!("../../data/formats/prometheus.toml")),
    ("nginx-combined.toml", include_str!("../../data/formats/nginx-combined.toml")),
    ("nginx-error.toml", include_str!("../../data/formats/nginx-error.toml")),
    ("haproxy.toml", include_str!("../../data/formats/haproxy.toml")),
    ("haproxy-json.toml", include_str!("../../data/formats/haproxy-json.toml")),
    ("haproxy-show-stat.toml", include_str!("../../data/formats/haproxy-show-stat.toml")),
    ("envoy-text.toml", include_str!("../../data/formats/envoy-text.toml")),
    ("app-logfmt.toml", include_str!("../../data/formats/app-logfmt.toml")),
    ("tracing-text.toml", include_str!("../../data/formats/tracing-text.toml")),
    ("sdk-python.toml", include_str!("../../data/formats/sdk-python.toml")),
    ("sdk-debug.toml", include_str!("../../data/formats/sdk-debug.toml")),
    ("sdk-node.toml", include_str!("../../data/formats/sdk-node.toml")),
    ("uvicorn.toml", include_str!("../../data/formats/uvicorn.toml")),
    ("vllm.toml", include_str!("../../data/formats/vllm.toml")),
    ("otlp-genai-spans.toml", include_str!("../../data/formats/otlp-genai-spans.toml")),
    ("otlp-genai-logs.toml", include_str!("../../data/formats/otlp-genai-logs.toml")),
    ("otlp-litellm.toml", include_str!("../../data/formats/otlp-litellm.toml")),
    ("otlp-openinference.toml", include_str!("../../data/formats/otlp-openinference.toml")),
    ("otlp-langfuse.toml", include_str!("../../data/formats/otlp-langfuse.toml")),
    ("otlp-claude-code.toml", include_str!("../../data/formats/otlp-claude-code.toml")),
    (
        "otlp-claude-code-metrics.toml",
        include_str!("../../data/formats/otlp-claude-code-metrics.toml"),
    ),
    ("otlp-metrics.toml", include_str!("../../data/formats/otlp-metrics.toml")),
    ("otlp-codex.toml", include_str!("../../data/formats/otlp-codex.toml")),
    ("otlp-gemini-cli.toml", include_str!("../../data/formats/otlp-gemini-cli.toml")),
];

const BODY: (&str, &str) =
    ("response-body.toml", include_str!("../../data/formats/response-body.toml"));
const USAGE: (&str, &str) = ("usage.toml", include_str!("../../data/formats/usage.toml"));

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
        for (file, text) in BUILTIN {
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
        let metric = |map: &Map<String>| map.input == Input::Prometheus;
        Formats {
            compiled: self.maps.iter().map(|_| OnceLock::new()).collect(),
            any: DETECTED.map(|input| (input, OnceLock::new())),
            costs: OnceLock::new(),
            body: OnceLock::new(),
            usage: OnceLock::new(),
            metrics: MetricMaps::with(Vec::new()),
            prometheus: self.maps.iter().position(metric),
            maps: self.clone(),
        }
    }

    /// All sets by which formats of `input` are told, in rank.
    fn ranked(&self, input: Input) -> Vec<Told<'_>> {
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
        self.maps.maps.iter().filter(single).any(|map| map.explode.iter().any(is_it))
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
        self.maps.maps.iter().position(is_it)
    }

    /// Names and descriptions of all formats.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.maps.list()
    }

    /// A format by its name.
    pub fn id(&self, name: &str) -> Result<FormatId, FormatError> {
        self.position(name).map(FormatId).ok_or_else(|| FormatError::Unknown {
            name: name.to_owned(),
            near: alike(name, self.list().map(|(id, _)| id)).map(str::to_owned).collect(),
        })
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.maps.maps.iter().position(|map| *map.id == *name)
    }

    /// The map at a position, as people wrote it.
    pub(super) fn words(&self, position: usize) -> Option<&Map<String>> {
        self.maps.maps.get(position)
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
        self.maps.maps.iter().position(|map| map.input == Input::HttpDump)
    }

    /// The formats whose records are lines of JSON.
    pub(super) fn of_json(&self) -> impl Iterator<Item = usize> {
        let all = self.maps.maps.iter().enumerate();
        all.filter(|(_, map)| map.input == Input::JsonLines).map(|(position, _)| position)
    }

    /// How many formats there are.
    pub(super) fn len(&self) -> usize {
        self.maps.maps.len()
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
            .get_or_init(|| Costs::of(self.maps.maps.iter().filter(|map| map.is_simple())));
        costs.may_be_in(json, found)
    }

    pub(super) fn body(&self) -> &Format {
        self.body.get_or_init(|| Format::inner(BODY))
    }

    pub(super) fn usage(&self) -> &Format {
        self.usage.get_or_init(|| Format::inner(USAGE))
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

fn located(file: &str, text: &str, error: MapError) -> FormatError {
    let before = text.get(..error.span.start).unwrap_or_default();
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let MapError { key, message, .. } = error;
    FormatError::Map { file: file.to_owned(), line, key, message }
}

fn hint(near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// Names offered for one that is unknown.
const OFFERED: usize = 3;

/// What may well have been meant by `word`: names nearly spelled so, then names that
/// it is a part of.
fn alike<'c>(word: &str, names: impl Iterator<Item = &'c str>) -> impl Iterator<Item = &'c str> {
    let far = word.len().div_ceil(3);
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| match distance(word, name) {
            distance if distance <= far => Some((distance, name)),
            _ if word.len() > 2 && name.contains(word) => Some((far + 1, name)),
            _ => None,
        })
        .collect();
    near.sort_unstable();
    // A slip of the finger is meant for the nearest alone.
    let slip = near.first().is_some_and(|(distance, _)| *distance <= far);
    near.into_iter().map(|(_, name)| name).take(if slip { 1 } else { OFFERED })
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
