//! What metrics mean: a map says for a metric's name which observation its
//! samples are, and which of their labels say of what.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::domain::limit::words;
use crate::domain::{Layer, Resource, Scope};
use crate::scan::exposition::Sample;

const BUILTIN: &[(&str, &str)] = &[
    ("engines.toml", include_str!("../../../data/metrics/engines.toml")),
    ("envoy.toml", include_str!("../../../data/metrics/envoy.toml")),
    ("litellm.toml", include_str!("../../../data/metrics/litellm.toml")),
    ("otel.toml", include_str!("../../../data/metrics/otel.toml")),
];

/// A map as written. The same keys in `data/metrics/*.toml` and in the
/// configuration's `[[scrape.map]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawMap {
    /// Names of the metric; several where it was renamed.
    pub metric: Vec<String>,
    /// Labels that a sample must have, with these values.
    #[serde(rename = "where")]
    pub only: BTreeMap<String, String>,
    /// It is this of a queue.
    pub queue: Option<String>,
    /// It is this of a limit.
    pub limit: Option<String>,
    /// It is a metric of its own, shown under this name.
    pub show: Option<String>,
    /// Name of the queue.
    pub name: Vec<String>,
    /// What a limit counts.
    pub resource: Option<String>,
    /// Whose limit it is.
    pub layer: Option<String>,
    /// What a limit is counted over.
    pub scope: Option<String>,
    /// Provider of a limit.
    pub provider: Vec<String>,
    /// Model of a limit.
    pub model: Vec<String>,
    /// Key, team or deployment of a limit.
    pub subject: Vec<String>,
    /// Seconds of a limit's window.
    pub window_s: Option<u32>,
    /// The value is what somebody else said last: it is new only when it changes.
    pub echo: bool,
    /// Labels that a metric of its own keeps; all where absent.
    pub labels: Option<Vec<String>>,
    /// What becomes of samples that are told apart by nothing else.
    pub combine: Option<String>,
    /// The value is multiplied by this.
    pub scale: Option<f64>,
}

/// A map that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricMap {
    pub(super) metrics: Vec<String>,
    pub(super) only: BTreeMap<String, String>,
    pub(super) to: Target,
    pub(super) combine: Combine,
    pub(super) scale: Option<f64>,
}

/// What a sample becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Queue { field: QueueField, name: Vec<Template> },
    Limit(Box<LimitTarget>),
    Show { name: String, labels: Option<Vec<String>> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct LimitTarget {
    pub field: LimitField,
    pub resource: Resource,
    pub layer: Layer,
    pub scope: Scope,
    pub window_s: Option<u32>,
    pub provider: Vec<Template>,
    pub model: Vec<Template>,
    pub subject: Vec<Template>,
    pub echo: bool,
}

/// What of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueField {
    Depth,
    Running,
    OldestAge,
    Enqueued,
    Dequeued,
    Dropped,
}

words!(QueueField {
    Depth = "depth", Running = "running", OldestAge = "oldest_age_s",
    Enqueued = "enqueued_total", Dequeued = "dequeued_total", Dropped = "dropped_total",
});

/// What of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LimitField {
    Limit,
    Remaining,
    Used,
    UsedRatio,
    ResetIn,
}

words!(LimitField {
    Limit = "limit", Remaining = "remaining", Used = "used", UsedRatio = "used_ratio",
    ResetIn = "reset_in_s",
});

/// What becomes of several samples of the same thing on one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combine {
    Sum,
    Min,
    Max,
}

words!(Combine { Sum = "sum", Min = "min", Max = "max" });

/// Text in which `{label}` stands for a label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Label(String),
}

/// What is wrong with a map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{key}' {message}")]
pub struct MapError {
    /// The key.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
}

fn wrong(key: &'static str, message: impl Into<String>) -> MapError {
    MapError { key, message: message.into() }
}

impl MetricMap {
    /// A map, if what is written makes sense.
    pub fn new(raw: &RawMap) -> Result<MetricMap, MapError> {
        if raw.metric.is_empty() {
            return Err(wrong("metric", "must name at least one metric"));
        }
        let to = raw.target()?;
        raw.refuse_strangers(&to)?;
        let usual = match &to {
            Target::Limit(limit)
                if matches!(limit.field, LimitField::Used | LimitField::UsedRatio) =>
            {
                Combine::Max
            }
            Target::Limit(_) => Combine::Min,
            Target::Queue { field: QueueField::OldestAge, .. } => Combine::Max,
            Target::Queue { .. } | Target::Show { .. } => Combine::Sum,
        };
        let scale = raw.scale;
        if scale.is_some_and(|scale| !scale.is_finite() || scale <= 0.0) {
            return Err(wrong("scale", "must be above 0"));
        }
        Ok(MetricMap {
            metrics: raw.metric.clone(),
            only: raw.only.clone(),
            to,
            combine: word(
                "combine",
                raw.combine.as_deref(),
                Combine::from_word,
                Combine::ALL,
                Combine::word,
            )?
            .unwrap_or(usual),
            scale,
        })
    }

    /// Whether it is about this sample.
    pub(super) fn is_about(&self, sample: &Sample<'_>) -> bool {
        let has = |(name, value): (&String, &String)| {
            sample.label(name.as_bytes()).unwrap_or_default() == value.as_bytes()
        };
        self.only.iter().all(has)
    }
}

impl RawMap {
    fn target(&self) -> Result<Target, MapError> {
        let queue = word(
            "queue",
            self.queue.as_deref(),
            QueueField::from_word,
            QueueField::ALL,
            QueueField::word,
        )?;
        let limit = word(
            "limit",
            self.limit.as_deref(),
            LimitField::from_word,
            LimitField::ALL,
            LimitField::word,
        )?;
        match (queue, limit, &self.show) {
            (Some(field), None, None) => {
                let name = templates("name", &self.name)?;
                if name.is_empty() {
                    return Err(wrong("name", "must say which queue it is"));
                }
                Ok(Target::Queue { field, name })
            }
            (None, Some(field), None) => self.limit(field),
            (None, None, Some(name)) if !name.trim().is_empty() => {
                Ok(Target::Show { name: name.clone(), labels: self.labels.clone() })
            }
            _ => Err(wrong("metric", "must become exactly one of `queue`, `limit` and `show`")),
        }
    }

    fn limit(&self, field: LimitField) -> Result<Target, MapError> {
        let resource = self.resource.as_deref();
        let resource =
            word("resource", resource, Resource::from_word, Resource::ALL, Resource::word)?;
        Ok(Target::Limit(Box::new(LimitTarget {
            field,
            resource: resource.ok_or_else(|| wrong("resource", "must say what is counted"))?,
            layer: word("layer", self.layer.as_deref(), Layer::from_word, Layer::ALL, Layer::word)?
                .unwrap_or_default(),
            scope: word("scope", self.scope.as_deref(), Scope::from_word, Scope::ALL, Scope::word)?
                .unwrap_or_default(),
            window_s: self.window_s,
            provider: templates("provider", &self.provider)?,
            model: templates("model", &self.model)?,
            subject: templates("subject", &self.subject)?,
            echo: self.echo,
        })))
    }

    /// Keys that mean nothing for what it becomes.
    fn refuse_strangers(&self, to: &Target) -> Result<(), MapError> {
        let of_limit = [
            ("resource", self.resource.is_some()),
            ("layer", self.layer.is_some()),
            ("scope", self.scope.is_some()),
            ("provider", !self.provider.is_empty()),
            ("model", !self.model.is_empty()),
            ("subject", !self.subject.is_empty()),
            ("window_s", self.window_s.is_some()),
            ("echo", self.echo),
        ];
        let is_limit = matches!(to, Target::Limit(_));
        let name = [("name", !matches!(to, Target::Queue { .. }) && !self.name.is_empty())];
        let labels = [("labels", !matches!(to, Target::Show { .. }) && self.labels.is_some())];
        let mut all = of_limit
            .into_iter()
            .map(|(key, is_there)| (key, is_there && !is_limit))
            .chain(name)
            .chain(labels);
        match all.find(|(_, strange)| *strange) {
            Some((key, _)) => Err(wrong(key, "means nothing for what this metric becomes")),
            None => Ok(()),
        }
    }
}

fn word<T: Copy>(
    key: &'static str,
    given: Option<&str>,
    meaning: impl Fn(&str) -> Option<T>,
    all: &[T],
    spelled: impl Fn(T) -> &'static str,
) -> Result<Option<T>, MapError> {
    let Some(given) = given else { return Ok(None) };
    if let Some(found) = meaning(given) {
        return Ok(Some(found));
    }
    let known: Vec<&str> = all.iter().map(|value| spelled(*value)).collect();
    Err(wrong(key, format!("must be one of: {}", known.join(", "))))
}

fn templates(key: &'static str, texts: &[String]) -> Result<Vec<Template>, MapError> {
    texts
        .iter()
        .map(|text| Template::parse(text).ok_or(()))
        .collect::<Result<_, ()>>()
        .map_err(|()| wrong(key, "has a `{` without a label's name and a `}`"))
}

impl Template {
    fn parse(text: &str) -> Option<Template> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (label, behind) = after.split_once('}').filter(|(label, _)| !label.is_empty())?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Label(label.to_owned()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Some(Template(pieces))
    }

    /// The text for a sample, if it has all the labels. Some writers say `None`
    /// where they mean nothing.
    fn text(&self, sample: &Sample<'_>) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Label(label) => {
                    let value = sample.label(label.as_bytes())?;
                    if value.is_empty() || &*value == b"None" {
                        return None;
                    }
                    out.push_str(&String::from_utf8_lossy(&value));
                }
            }
        }
        Some(out).filter(|out| !out.trim().is_empty())
    }
}

/// The first of these that a sample has all labels for.
pub(super) fn first_text(templates: &[Template], sample: &Sample<'_>) -> Option<String> {
    templates.iter().find_map(|template| template.text(sample))
}

/// All maps, by the metric they are about.
#[derive(Clone, Debug, Default)]
pub struct MetricMaps {
    maps: Vec<MetricMap>,
    by_metric: FxHashMap<Vec<u8>, Vec<usize>>,
}

/// A file of `data/metrics/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    map: Vec<RawMap>,
}

impl MetricMaps {
    /// The maps shipped with the program, and these: for a metric that these are
    /// about they alone count.
    #[must_use]
    pub fn with(own: Vec<MetricMap>) -> MetricMaps {
        let mut maps = MetricMaps::default();
        for map in own {
            maps.add(map, |_| true);
        }
        let taken: Vec<Vec<u8>> = maps.by_metric.keys().cloned().collect();
        for map in BUILTIN.iter().flat_map(|(name, text)| shipped(name, text)) {
            maps.add(map, |metric| !taken.iter().any(|taken| taken == metric.as_bytes()));
        }
        maps
    }

    fn add(&mut self, map: MetricMap, wanted: impl Fn(&str) -> bool) {
        let position = self.maps.len();
        for metric in map.metrics.iter().filter(|metric| wanted(metric)) {
            self.by_metric.entry(metric.clone().into_bytes()).or_default().push(position);
        }
        self.maps.push(map);
    }

    /// The maps that are about a sample.
    pub(super) fn of(&self, sample: &Sample<'_>) -> impl Iterator<Item = &MetricMap> {
        let positions = self.by_metric.get(sample.name).into_iter().flatten();
        let maps = positions.filter_map(|position| self.maps.get(*position));
        maps.filter(|map| map.is_about(sample))
    }
}

fn shipped(name: &str, text: &str) -> Vec<MetricMap> {
    let read = || -> Result<Vec<MetricMap>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let map = |raw: &RawMap| {
            MetricMap::new(raw).map_err(|error| format!("{:?}: {error}", raw.metric))
        };
        file.map.iter().map(map).collect()
    };
    match read() {
        Ok(maps) => maps,
        Err(error) => unreachable!("a test reads every shipped map: {name}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let raw: RawMap = toml::from_str(text).unwrap();
        MetricMap::new(&raw).unwrap_err().to_string()
    }

    #[test]
    fn maps_that_make_no_sense_say_why() {
        for (text, why) in [
            ("", "'metric' must name at least one metric"),
            ("metric = ['a']", "'metric' must become exactly one of `queue`, `limit` and `show`"),
            (
                "metric = ['a']\nqueue = 'depth'\nshow = 'x'\nname = ['q']",
                "'metric' must become exactly one of `queue`, `limit` and `show`",
            ),
            ("metric = ['a']\nqueue = 'depth'", "'name' must say which queue it is"),
            (
                "metric = ['a']\nqueue = 'deep'\nname = ['q']",
                "'queue' must be one of: depth, running, oldest_age_s, enqueued_total, dequeued_total, dropped_total",
            ),
            ("metric = ['a']\nlimit = 'remaining'", "'resource' must say what is counted"),
            (
                "metric = ['a']\nqueue = 'depth'\nname = ['q{']",
                "'name' has a `{` without a label's name and a `}`",
            ),
            (
                "metric = ['a']\nshow = 'x'\nmodel = ['{m}']",
                "'model' means nothing for what this metric becomes",
            ),
            ("metric = ['a']\nshow = 'x'\nscale = 0", "'scale' must be above 0"),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
    }

    #[test]
    fn every_shipped_map_is_read_and_a_users_map_goes_before_it() {
        let shipped = MetricMaps::with(Vec::new());
        assert!(shipped.maps.len() > 20);
        let raw = "metric = ['vllm:num_requests_waiting']\nshow = 'mine'";
        let mine = MetricMap::new(&toml::from_str(raw).unwrap()).unwrap();
        let maps = MetricMaps::with(vec![mine.clone()]);
        let crate::scan::exposition::Line::Sample(sample) =
            crate::scan::exposition::line(b"vllm:num_requests_waiting 1")
        else {
            panic!()
        };
        assert_eq!(maps.of(&sample).collect::<Vec<_>>(), [&mine]);
    }
}
