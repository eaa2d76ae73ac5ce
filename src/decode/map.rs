//! A format map: what the lines of one log format mean, as data.
//!
//! A map is read from TOML with its paths as text, and compiled to the same
//! shape with its paths as slots, so that one scan of a line finds everything.
//! It knows nothing of how a value becomes part of an observation.

mod field;
mod layout;
mod pattern;
mod places;
mod presence;
mod read;
mod table;

use std::sync::Arc;

use regex::Regex;

use crate::domain::{Keep, Layer, Resource, Scope};

pub(super) use field::{Field, Kind, Part};
pub(super) use layout::{Layout, LayoutBuilder, MAX_PARTS, Spot, Take, descend};
pub(super) use pattern::{Group, Pattern};
use places::Places;
pub(super) use presence::{Alts, Presence, Present};
pub(crate) use read::{KEYS, MapError};
pub(super) use read::{read, read_table};
use table::Table;

/// A map; `P` is a path as text, or the place it was compiled to.
#[derive(Clone, Debug)]
pub(super) struct Map<P> {
    pub(super) id: Box<str>,
    pub(super) about: Box<str>,
    pub(super) input: Input,
    /// What makes a record of a line of text; the first that fits.
    pub(super) patterns: Vec<Pattern>,
    pub(super) company: Company,
    /// Arrays or objects within each other whose elements are the records; none
    /// where the object itself is the record.
    pub(super) explode: Vec<Explode>,
    pub(super) detect: Detect<P>,
    /// If not empty: only lines with one of these are of interest.
    pub(super) keep: Vec<Cond<P>>,
    /// Well-formed lines of no interest.
    pub(super) ignore: Vec<Cond<P>>,
    /// Lines that any program may write: calls only where more tells that.
    pub(super) doubt: Vec<Cond<P>>,
    /// Texts in which they may tell it.
    pub(super) doubt_unless: Vec<P>,
    /// Lines that are queue readings.
    pub(super) queue: Vec<Cond<P>>,
    pub(super) timezone: Option<jiff::tz::TimeZone>,
    pub(super) tokens: TokenRule,
    pub(super) identity: Identity,
    /// Whether calls count, or only the limits beside them.
    pub(super) counts: Counts,
    /// Lines tell of whatever a web server was asked for.
    pub(super) access_log: bool,
    /// Values remembered from earlier lines of the same file.
    pub(super) sticky: Vec<Sticky<P>>,
    /// Alternatives by [`Field`]; the first usable one is the value.
    pub(super) fields: Vec<Vec<Alt<P>>>,
    pub(super) headers: Headers<P>,
    pub(super) limits: Vec<Limit<P>>,
    /// Where the response body is, if the line holds it.
    pub(super) body: Vec<P>,
    /// Objects with token counts as a provider writes them.
    pub(super) usage: Vec<P>,
}

/// Something that holds records.
#[derive(Clone, Debug)]
pub(crate) struct Explode {
    pub(crate) path: String,
    pub(crate) each: Each,
}

/// What a record is in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Each {
    /// An element of an array.
    Element,
    /// A member of an object; its name is the record's `@key`.
    Member,
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
    /// `key=value` pairs.
    Logfmt,
    /// Lines of text, by patterns.
    Regex,
    /// Spans of OTLP in JSON, one flat object each.
    OtlpSpans,
    /// Log records of OTLP in JSON, one flat object each.
    OtlpLogs,
    /// Data points of OTLP in JSON, one flat object each.
    OtlpMetrics,
}

/// Whether records of a format share their log with lines for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Company {
    /// What is no record is damaged.
    #[default]
    Alone,
    /// What is no record is of no interest.
    Mixed,
}

impl Input {
    /// Whether a record is a line of JSON in the log.
    pub(super) fn is_json(self) -> bool {
        match self {
            Input::JsonLines | Input::OtlpSpans | Input::OtlpLogs | Input::OtlpMetrics => true,
            Input::HttpDump | Input::Logfmt | Input::Regex | Input::Prometheus => false,
        }
    }
}

/// What tells a format.
#[derive(Clone, Debug)]
pub(super) struct Detect<P> {
    /// Sets of paths; a line with all of one set may be of this format. The
    /// largest such set says how sure that is.
    pub(super) sets: Vec<Vec<P>>,
    /// What some fields must hold besides, whichever set it is.
    pub(super) eq: Vec<(P, Words)>,
    /// What a path looks like where it stands in a set.
    pub(super) re: Vec<(P, regex::bytes::Regex)>,
    /// A line with any of these is of another format.
    pub(super) reject: Vec<P>,
}

/// Texts of which a field must hold one.
pub(super) type Words = Vec<Box<[u8]>>;

/// What makes two lines the same call.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Which of them counts.
    pub(super) keep: Keep,
    /// The id alone is enough: nobody who could gain by it chooses it.
    pub(super) trusted: bool,
    /// Other maps' ids are the same.
    pub(super) shared: bool,
    /// Within what such an id is one of a kind: usually the map.
    pub(super) space: Box<str>,
}

/// Whether the calls of a map or a source are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counts {
    #[default]
    Calls,
    /// Another source counts the same calls; here only limits are read.
    LimitsOnly,
}

/// A value that is remembered until a later line gives another.
#[derive(Clone, Debug)]
pub(super) struct Sticky<P> {
    pub(super) name: Box<str>,
    pub(super) when: Option<Cond<P>>,
    pub(super) from: Vec<Alt<P>>,
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
    /// The members of the record itself are headers.
    pub(super) record: bool,
    /// Taken off the names in these.
    pub(super) strip_prefix: Vec<Box<str>>,
    /// They mean something only then.
    pub(super) when: Option<Cond<P>>,
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

/// A limit whose parts stand in fields of the record.
#[derive(Clone, Debug)]
pub(super) struct Limit<P> {
    pub(super) resource: Resource,
    pub(super) scope: Scope,
    pub(super) layer: Option<Layer>,
    pub(super) when: Option<Cond<P>>,
    /// Alternatives by [`Part`].
    pub(super) parts: Vec<Vec<Alt<P>>>,
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
    /// The table that the words are the patterns of.
    pub(super) table: Option<Table>,
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
    Join(Vec<Piece<P>>),
    /// The name of the only member of an object.
    KeyOf(P),
    /// What was remembered, by the number of its [`Sticky`].
    Sticky(usize),
}

/// A text that is joined to others.
#[derive(Clone, Debug)]
pub(super) enum Piece<P> {
    Path(P),
    /// What was remembered, by the number of its [`Sticky`].
    Sticky(usize),
}

/// How a text becomes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Seconds and nanoseconds in an array.
    HrTime,
    HttpDate,
    /// Units of 100 ns since the year 1.
    Ticks,
    /// By a pattern of `strptime`.
    Strftime(Arc<str>),
}

/// When an alternative or a record kind applies.
#[derive(Clone, Debug)]
pub(super) struct Cond<P> {
    pub(super) has: Vec<P>,
    pub(super) not: Vec<P>,
    pub(super) eq: Vec<(P, Words)>,
    pub(super) ne: Vec<(P, Words)>,
    pub(super) re: Vec<(P, regex::bytes::Regex)>,
}

impl Map<String> {
    /// The same map with its paths added to `layout`.
    pub(super) fn compile(&self, layout: &mut LayoutBuilder) -> Map<Spot> {
        let mut c = Places(|path: &str| layout.add(path));
        Map {
            id: self.id.clone(),
            about: self.about.clone(),
            input: self.input,
            patterns: self.patterns.clone(),
            company: self.company,
            explode: self.explode.clone(),
            // The detector compiles its own: it knows those of other maps too.
            detect: Detect { sets: Vec::new(), eq: Vec::new(), re: Vec::new(), reject: Vec::new() },
            keep: c.conds(&self.keep),
            ignore: c.conds(&self.ignore),
            doubt: c.conds(&self.doubt),
            doubt_unless: c.all(&self.doubt_unless),
            queue: c.conds(&self.queue),
            timezone: self.timezone.clone(),
            tokens: self.tokens,
            identity: self.identity.clone(),
            counts: self.counts,
            access_log: self.access_log,
            sticky: (self.sticky.iter())
                .map(|sticky| Sticky {
                    name: sticky.name.clone(),
                    when: sticky.when.as_ref().map(|when| c.cond(when)),
                    from: c.alts(&sticky.from),
                })
                .collect(),
            fields: self.fields.iter().map(|alts| c.alts(alts)).collect(),
            headers: Headers {
                from: c.all(&self.headers.from),
                record: self.headers.record,
                strip_prefix: self.headers.strip_prefix.clone(),
                when: self.headers.when.as_ref().map(|when| c.cond(when)),
                named: (self.headers.named.iter())
                    .map(|(name, paths)| (name.clone(), c.all(paths)))
                    .collect(),
                drop: (self.headers.drop.iter())
                    .map(|drop| Drop { names: drop.names.clone(), when: c.cond(&drop.when) })
                    .collect(),
                layer: self.headers.layer,
            },
            limits: (self.limits.iter())
                .map(|limit| Limit {
                    resource: limit.resource,
                    scope: limit.scope,
                    layer: limit.layer,
                    when: limit.when.as_ref().map(|when| c.cond(when)),
                    parts: limit.parts.iter().map(|alts| c.alts(alts)).collect(),
                })
                .collect(),
            body: c.all(&self.body),
            usage: c.all(&self.usage),
        }
    }
}

impl Map<String> {
    /// Whether the object that is given is the record, and one scan finds all of it.
    pub(super) fn is_simple(&self) -> bool {
        let mut layout = LayoutBuilder::new(&self.explode);
        self.compile(&mut layout);
        layout.is_simple()
    }
}

impl<P> Map<P> {
    /// The alternatives for a field, best first.
    #[inline]
    pub(super) fn field(&self, field: Field) -> &[Alt<P>] {
        self.fields.get(field as usize).map_or(&[], Vec::as_slice)
    }
}

impl<P> Map<P> {
    /// Whether something is read from the header of this name.
    pub(super) fn asks_for(&self, header: &[u8]) -> bool {
        let fields = self.fields.iter().flatten();
        let remembered = self.sticky.iter().flat_map(|sticky| &sticky.from);
        let limits = self.limits.iter().flat_map(|limit| limit.parts.iter().flatten());
        let mut all = fields.chain(remembered).chain(limits);
        all.any(|alt| matches!(&alt.from, From::Header(name) if name.as_bytes() == header))
    }
}

impl<P> Limit<P> {
    /// The alternatives for a part, best first.
    pub(super) fn part(&self, part: Part) -> &[Alt<P>] {
        self.parts.get(part as usize).map_or(&[], Vec::as_slice)
    }
}

impl<P> Alt<P> {
    /// The paths of which one must be there for this to give a value; none if
    /// it needs no path.
    pub(super) fn needs(&self) -> Vec<&P> {
        match &self.from {
            From::Path(path) | From::KeyOf(path) => vec![path],
            From::Diff(end, _) => vec![end],
            From::Sum(paths) => paths.iter().collect(),
            From::Join(pieces) => pieces.iter().filter_map(Piece::path).collect(),
            From::Header(_) | From::Sticky(_) => Vec::new(),
            From::Const(_) => self.when.iter().flat_map(Cond::needs).collect(),
        }
    }
}

impl<P> Piece<P> {
    pub(super) fn path(&self) -> Option<&P> {
        match self {
            Piece::Path(path) => Some(path),
            Piece::Sticky(_) => None,
        }
    }
}

impl<P> Cond<P> {
    fn needs(&self) -> impl Iterator<Item = &P> {
        let by_value = self.eq.iter().map(|(path, _)| path);
        self.has.iter().chain(by_value).chain(self.re.iter().map(|(path, _)| path))
    }
}
