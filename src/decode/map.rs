//! A format map: what the lines of one log format mean, as data.
//!
//! A map is read from TOML with its paths as text, and compiled to the same
//! shape with its paths as slots, so that one scan of a line finds everything.
//! It knows nothing of how a value becomes part of an observation.

mod field;
mod presence;
mod read;

use crate::domain::Layer;
use regex_lite::Regex;

use crate::scan::{PathsBuilder, Slot};

pub(super) use field::{Field, Kind};
pub(super) use presence::{Fields, Presence};
pub(super) use read::read;

/// A map; `P` is a path as text, or the slot it was compiled to.
#[derive(Clone, Debug)]
pub(super) struct Map<P> {
    pub(super) id: Box<str>,
    pub(super) about: Box<str>,
    pub(super) input: Input,
    /// Sets of paths; a line with all of one set may be of this format. The
    /// largest such set says how sure that is.
    pub(super) detect: Vec<Vec<P>>,
    /// A line with any of these is of another format.
    pub(super) reject: Vec<P>,
    /// Well-formed lines of no interest.
    pub(super) ignore: Vec<Cond<P>>,
    /// Lines that are queue readings.
    pub(super) queue: Vec<Cond<P>>,
    pub(super) timezone: Option<jiff::tz::TimeZone>,
    pub(super) tokens: TokenRule,
    /// Alternatives by [`Field`]; the first usable one is the value.
    pub(super) fields: Vec<Vec<Alt<P>>>,
    pub(super) headers: Headers<P>,
    /// Where the response body is, if the line holds it.
    pub(super) body: Vec<P>,
}

/// How a source's bytes become records of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// One JSON object a line.
    JsonLines,
    /// Response heads as curl prints them, with or without a body.
    HttpDump,
    /// A page of metrics.
    Prometheus,
}

/// What a format's own token counts leave out and must be added.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TokenRule {
    /// Cache reads and writes are not part of the input count.
    pub(super) add_cache: bool,
    /// Reasoning is not part of the output count.
    pub(super) add_reasoning: bool,
}

/// Where response headers are.
#[derive(Clone, Debug)]
pub(super) struct Headers<P> {
    /// Objects or lists of pairs.
    pub(super) from: Vec<P>,
    /// Single fields that hold the value of one header.
    pub(super) named: Vec<(Box<str>, Vec<P>)>,
    pub(super) drop: Vec<Drop<P>>,
    /// Whose limits they are where the headers themselves do not say.
    pub(super) layer: Layer,
}

/// Headers that do not mean what their names say while a condition holds.
#[derive(Clone, Debug)]
pub(super) struct Drop<P> {
    pub(super) names: Vec<Box<str>>,
    pub(super) when: Cond<P>,
}

/// One way to find a field's value.
#[derive(Clone, Debug)]
pub(super) struct Alt<P> {
    pub(super) from: From<P>,
    pub(super) read_as: As,
    pub(super) scale: Option<f64>,
    pub(super) add: f64,
    /// The first group is the value; no match, no value.
    pub(super) regex: Option<Regex>,
    /// Words to values; a word that is not there is `otherwise`, or no value.
    pub(super) map: Vec<(Box<[u8]>, Box<str>)>,
    pub(super) otherwise: Option<Box<str>>,
    pub(super) when: Option<Cond<P>>,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum From<P> {
    Path(P),
    /// A response header, by its lower-case name.
    Header(Box<str>),
    Const(Box<str>),
    /// Numbers added up; what is missing adds nothing.
    Sum(Vec<P>),
    /// Milliseconds from the second time to the first.
    Diff(P, P),
    /// Texts with `|` between them; one that is missing is empty.
    Join(Vec<P>),
}

/// How a text becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// As the field needs it: number, text, or a time whose form is seen.
    Plain,
    Lower,
    /// The last number of a list with commas, as proxies log one per try.
    LastNumber,
    SumOfNumbers,
    /// A duration with units (`1m30s`, `725.4ms`) in milliseconds.
    Duration,
    EpochS,
    EpochMs,
    EpochUs,
    EpochNs,
}

/// When an alternative or a record kind applies.
#[derive(Clone, Debug)]
pub(super) struct Cond<P> {
    pub(super) has: Vec<P>,
    pub(super) not: Vec<P>,
    pub(super) eq: Vec<(P, Vec<Box<[u8]>>)>,
}

impl Map<String> {
    /// The same map with its paths added to `paths`.
    pub(super) fn compile(&self, paths: &mut PathsBuilder) -> Map<Slot> {
        let mut c = Compile { paths };
        Map {
            id: self.id.clone(),
            about: self.about.clone(),
            input: self.input,
            detect: self.detect.iter().map(|set| c.all(set)).collect(),
            reject: c.all(&self.reject),
            ignore: self.ignore.iter().map(|when| c.cond(when)).collect(),
            queue: self.queue.iter().map(|when| c.cond(when)).collect(),
            timezone: self.timezone.clone(),
            tokens: self.tokens,
            fields: self
                .fields
                .iter()
                .map(|alts| alts.iter().map(|a| c.alt(a)).collect())
                .collect(),
            headers: Headers {
                from: c.all(&self.headers.from),
                named: (self.headers.named.iter())
                    .map(|(name, paths)| (name.clone(), c.all(paths)))
                    .collect(),
                drop: (self.headers.drop.iter())
                    .map(|drop| Drop { names: drop.names.clone(), when: c.cond(&drop.when) })
                    .collect(),
                layer: self.headers.layer,
            },
            body: c.all(&self.body),
        }
    }
}

impl<P> Map<P> {
    /// The alternatives for a field, best first.
    #[inline]
    pub(super) fn field(&self, field: Field) -> &[Alt<P>] {
        self.fields.get(field as usize).map_or(&[], Vec::as_slice)
    }
}

impl<P> Alt<P> {
    /// The paths of which one must be there for this to give a value; none if
    /// it needs no path.
    pub(super) fn needs(&self) -> Vec<&P> {
        match &self.from {
            From::Path(path) => vec![path],
            From::Diff(end, _) => vec![end],
            From::Sum(paths) | From::Join(paths) => paths.iter().collect(),
            From::Header(_) => Vec::new(),
            From::Const(_) => {
                let when = self.when.iter();
                when.flat_map(|when| when.has.iter().chain(when.eq.iter().map(|(p, _)| p)))
                    .collect()
            }
        }
    }
}

struct Compile<'b> {
    paths: &'b mut PathsBuilder,
}

impl Compile<'_> {
    fn all(&mut self, paths: &[String]) -> Vec<Slot> {
        paths.iter().map(|path| self.paths.add(path)).collect()
    }

    fn cond(&mut self, cond: &Cond<String>) -> Cond<Slot> {
        Cond {
            has: self.all(&cond.has),
            not: self.all(&cond.not),
            eq: cond.eq.iter().map(|(p, words)| (self.paths.add(p), words.clone())).collect(),
        }
    }

    fn alt(&mut self, alt: &Alt<String>) -> Alt<Slot> {
        let from = match &alt.from {
            From::Path(path) => From::Path(self.paths.add(path)),
            From::Header(name) => From::Header(name.clone()),
            From::Const(text) => From::Const(text.clone()),
            From::Sum(paths) => From::Sum(self.all(paths)),
            From::Diff(end, start) => From::Diff(self.paths.add(end), self.paths.add(start)),
            From::Join(paths) => From::Join(self.all(paths)),
        };
        Alt {
            from,
            read_as: alt.read_as,
            scale: alt.scale,
            add: alt.add,
            regex: alt.regex.clone(),
            map: alt.map.clone(),
            otherwise: alt.otherwise.clone(),
            when: alt.when.as_ref().map(|when| self.cond(when)),
        }
    }
}
