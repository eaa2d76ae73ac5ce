//! A scenario: timed log lines in; gauges, alerts, spend and effects out. The
//! lines go through the real pipeline and the real engine on a clock that only
//! the scenario moves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{Formats, Texts};
use tripline::domain::{Batch, LineAt, Mono, Names, SourceId, Stamp, Wall};
use tripline::engine::switches::{Armed, SwitchState, Trip};
use tripline::engine::{Effect, Engine, EngineSpec, Event, SourceName, SourceStatus};
use tripline::pricing::PriceTable;
use tripline::snapshot;
use tripline::source::{LineSink, Pipeline, Pipelines, SourceSpec};

use super::matching::mismatches;

/// A scenario file. An unknown key is refused: a typo must not pass as a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a sentence.
    #[allow(dead_code, reason = "for the reader of the file")]
    about: String,
    /// Time of `+0s`.
    start: String,
    /// A configuration; a source named `gw` is added if it has none.
    #[serde(default)]
    config: String,
    /// Lines used more than once, by name.
    #[serde(default)]
    lines: BTreeMap<String, String>,
    step: Vec<Step>,
}

/// Something that happens, or that must hold, at a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Since the start: `+1m 30s`.
    at: String,
    /// Lines, or names of lines. `{at}` is the time logged, `{started}` that minus
    /// `took`, `{n}` counts repeats, other names are in `vary` or `set`.
    #[serde(default)]
    lines: Vec<String>,
    /// How old the lines are when they are read.
    #[serde(default)]
    logged_before: Option<String>,
    #[serde(default)]
    took: Option<String>,
    #[serde(default = "once")]
    repeat: u32,
    #[serde(default)]
    every: Option<String>,
    /// Numbers that change from repeat to repeat: `[first, by]`.
    #[serde(default)]
    vary: BTreeMap<String, (i64, i64)>,
    /// Texts in the lines.
    #[serde(default)]
    set: BTreeMap<String, String>,
    /// Which source reads them.
    #[serde(default)]
    source: Option<String>,
    /// What the kill switch directory holds from now on.
    #[serde(default)]
    tripped: Option<Vec<Tripped>>,
    #[serde(default)]
    expect: Option<Expect>,
}

fn once() -> u32 {
    1
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tripped {
    scope: String,
    /// Its file's name without the ending, where that is not the scope's.
    file: Option<String>,
    by: String,
    #[serde(default)]
    rule: Option<String>,
    reason: String,
}

impl Tripped {
    fn file(&self) -> String {
        self.file.clone().unwrap_or_else(|| self.scope.replace('/', "."))
    }
}

/// What must hold.
#[derive(Clone, Deserialize)]
struct Expect {
    /// Texts in the verdict.
    #[serde(default)]
    verdict: Vec<String>,
    /// All effects since they were last asked for, in order, with their times.
    #[serde(default)]
    effects: Option<Vec<String>>,
    /// How many rows a section has.
    #[serde(default)]
    count: BTreeMap<String, usize>,
    /// Rows that a section must have, and fields of objects, as the public JSON has them.
    #[serde(flatten)]
    sections: BTreeMap<String, toml::Value>,
}

/// Run a scenario; answers everything that is not as it should be.
pub fn run(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let scenario: Scenario = match toml::from_str(&text) {
        Ok(scenario) => scenario,
        Err(error) => return vec![format!("{}: {error}", file.display())],
    };
    let mut world = World::new(&scenario, file);
    let mut wrong = Vec::new();
    let mut moments = moments(&scenario);
    moments.sort_by_key(|moment| moment.at);
    for moment in moments {
        world.advance(moment.at);
        match moment.what {
            What::Line(line) => world.read(&line),
            What::Tripped(tripped) => world.set_switches(&tripped),
            What::Expect(expect) => {
                let said = world.check(&expect);
                let place = format!("{} at {}", file.display(), offset(moment.at));
                wrong.extend(said.into_iter().map(|said| format!("{place}: {said}")));
            }
        }
    }
    wrong
}

/// One thing at one time.
struct Moment {
    at: Duration,
    what: What,
}

enum What {
    Line(Line),
    Tripped(Vec<Tripped>),
    Expect(Expect),
}

struct Line {
    text: String,
    source: Option<String>,
}

fn moments(scenario: &Scenario) -> Vec<Moment> {
    let mut moments = Vec::new();
    let start = wall(&scenario.start);
    for step in &scenario.step {
        let at = span(step.at.strip_prefix('+').expect("`at` counts from the start: +5s"));
        let every = step.every.as_deref().map_or(Duration::ZERO, span);
        if let Some(tripped) = &step.tripped {
            moments.push(Moment { at, what: What::Tripped(tripped.clone()) });
        }
        for n in 0..step.repeat {
            let at = at + every * n;
            let logged = step.logged_before.as_deref().map_or(Duration::ZERO, span);
            let logged = start.plus(at).minus(logged);
            let started = logged.minus(step.took.as_deref().map_or(Duration::ZERO, span));
            for line in &step.lines {
                let named = scenario.lines.get(line);
                assert!(named.is_some() || line.starts_with('{'), "no line is named {line:?}");
                let mut text = named.unwrap_or(line).clone();
                let mut put = |name: &str, value: &str| {
                    text = text.replace(&format!("{{{name}}}"), value);
                };
                step.set.iter().for_each(|(name, value)| put(name, value));
                for (name, (first, by)) in &step.vary {
                    put(name, &(first + by * i64::from(n)).to_string());
                }
                put("at", &logged.rfc3339());
                put("started", &started.rfc3339());
                put("n", &n.to_string());
                let line = Line { text, source: step.source.clone() };
                moments.push(Moment { at, what: What::Line(line) });
            }
        }
        if let Some(expect) = &step.expect {
            moments.push(Moment { at, what: What::Expect(expect.clone()) });
        }
    }
    moments
}

/// The one place that touches the library.
struct World {
    engine: Engine,
    sources: Vec<Reader>,
    start: Wall,
    now: Duration,
    effects: Vec<Effect>,
    told: Vec<String>,
}

/// One source and how far it has read.
struct Reader {
    name: String,
    pipeline: Pipeline,
    batch: Batch,
    lines: u64,
    bytes: u64,
}

impl World {
    fn new(scenario: &Scenario, file: &Path) -> World {
        let name = file.display().to_string();
        let bytes = scenario.config.clone().into_bytes();
        let input =
            LoadInput { file: Some(ConfigFile::Bytes { name, bytes }), ..LoadInput::default() };
        let mut config = Config::load(&input).unwrap_or_else(|error| panic!("{error}"));
        if config.sources.is_empty() {
            let paths = vec!["/gw.log".into()];
            config.sources.push(SourceSpec { name: "gw".into(), paths, ..SourceSpec::default() });
        }
        let names = Names::default();
        let mut prices = PriceTable::builtin();
        for (name, price) in &config.prices {
            prices.set(name, price.clone());
        }
        let pipelines = Pipelines {
            formats: std::sync::Arc::new(Formats::builtin()),
            prices: prices.into(),
            names: names.clone(),
            max_request_usd: config.max_request_usd,
            key_salt: 7,
            host: "this-host".into(),
            texts: Texts::Skip,
        };
        let reader = |spec: &SourceSpec| Reader {
            name: spec.name.clone(),
            pipeline: pipelines.of(spec).unwrap().pipeline(),
            batch: Batch::default(),
            lines: 0,
            bytes: 0,
        };
        let named = |spec: &SourceSpec| SourceName {
            name: spec.name.clone(),
            kind: "file",
            ..SourceName::default()
        };
        let spec = EngineSpec {
            prices_of: None,
            caps: config.caps.clone(),
            rules: config.rules.clone(),
            limits: config.engine.clone(),
            timezone: config.timezone.zone.clone(),
            sources: config.sources.iter().map(named).collect(),
        };
        let start = wall(&scenario.start);
        let now = stamp(start, Duration::ZERO);
        let mut world = World {
            engine: Engine::new(spec, names, now),
            sources: config.sources.iter().map(reader).collect(),
            start,
            now: Duration::ZERO,
            effects: Vec::new(),
            told: Vec::new(),
        };
        for id in 0..world.sources.len() {
            let live = SourceStatus { state: "live", ..SourceStatus::default() };
            world.engine.set_source(SourceId(u32::try_from(id).unwrap()), live, now);
        }
        world
    }

    fn stamp(&self) -> Stamp {
        stamp(self.start, self.now)
    }

    /// Let time pass as the runtime does: a tick each pulse.
    fn advance(&mut self, to: Duration) {
        while self.now < to {
            self.now = (self.now + self.engine.pulse(self.stamp().mono)).min(to);
            self.engine.tick(self.stamp(), &mut self.effects);
            self.tell();
        }
    }

    fn read(&mut self, line: &Line) {
        let now = self.stamp();
        let wanted = line.source.as_deref();
        let index = self.sources.iter().position(|s| wanted.is_none_or(|name| s.name == name));
        let index = index.expect("a known source");
        let reader = &mut self.sources[index];
        reader.lines += 1;
        let at = LineAt { number: reader.lines, offset: reader.bytes, received: now.wall };
        reader.bytes += line.text.len() as u64 + 1;
        reader.batch.clear();
        reader.batch.source = SourceId(u32::try_from(index).unwrap());
        reader.batch.progress.lines = reader.lines;
        reader.batch.progress.bytes = reader.bytes;
        reader.pipeline.line(line.text.as_bytes(), at, &mut reader.batch);
        self.engine.apply(&reader.batch, now, &mut self.effects);
        self.tell();
    }

    fn set_switches(&mut self, tripped: &[Tripped]) {
        let now = self.stamp();
        let state = |tripped: &Tripped| SwitchState {
            scope: tripped.scope.clone(),
            path: format!("/kill.d/{}.kill", tripped.file()),
            trip: Some(Trip {
                again: None,
                at: now.wall,
                by: Some(tripped.by.clone()),
                rule: tripped.rule.clone(),
                reason: Some(tripped.reason.clone()),
                ttl_s: None,
                is_told: true,
            }),
            armed: Armed::Armed,
            failed: false,
            in_doubt: false,
            problem: None,
        };
        self.engine.set_switches(tripped.iter().map(state).collect(), now, &mut self.effects);
        self.tell();
    }

    fn tell(&mut self) {
        let at = offset(self.now);
        self.told.extend(self.effects.drain(..).map(|effect| match effect {
            Effect::Trip { scope, rule, .. } => format!("{at} trip {scope} by {rule}"),
            Effect::Event(event) => format!("{at} {}", in_short(&event)),
        }));
    }

    fn check(&mut self, expect: &Expect) -> Vec<String> {
        let picture = snapshot::build(&self.engine, self.stamp());
        let picture = serde_json::to_value(&picture).unwrap();
        let mut wrong = Vec::new();
        let verdict = picture["verdict"].as_str().unwrap();
        for part in &expect.verdict {
            if !verdict.contains(part) {
                wrong.push(format!("the verdict lacks {part:?}: {verdict:?}"));
            }
        }
        for (section, count) in &expect.count {
            let rows = picture[section].as_array().map_or(usize::MAX, Vec::len);
            if rows != *count {
                wrong.push(format!("{section} has {rows} rows, not {count}: {}", picture[section]));
            }
        }
        for (section, wanted) in &expect.sections {
            wrong.extend(mismatches(section, wanted, picture.get(section)));
        }
        if let Some(effects) = &expect.effects {
            let told = std::mem::take(&mut self.told);
            if told != *effects {
                wrong.push(format!("effects are\n  {}", told.join("\n  ")));
            }
        }
        wrong
    }
}

/// `alert.firing tpm-low`, `switch.tripped all`, `limit.exhausted tokens`.
fn in_short(event: &Event) -> String {
    let rule = event.rule.as_deref().filter(|_| event.scope.is_none());
    let about = rule.or(event.scope.as_deref());
    let about = about.or(event.labels.get("resource").map(AsRef::as_ref));
    let severity = event.severity.map(|s| format!(" {}", s.word())).unwrap_or_default();
    format!("{} {}{severity}", event.kind.word(), about.unwrap_or(&event.summary))
}

fn stamp(start: Wall, since: Duration) -> Stamp {
    // Events from before the start need a place on the monotonic line.
    let mono = Mono(0).plus(Duration::from_secs(400 * 86_400)).plus(since);
    Stamp { mono, wall: start.plus(since) }
}

fn wall(text: &str) -> Wall {
    let at: jiff::Timestamp = text.parse().expect("RFC 3339");
    Wall(i64::try_from(at.as_nanosecond()).unwrap())
}

fn span(text: &str) -> Duration {
    let span: jiff::SignedDuration = text.parse().unwrap_or_else(|_| panic!("a span: {text:?}"));
    Duration::try_from(span).unwrap()
}

/// `+5s`, `+0.25s`.
fn offset(at: Duration) -> String {
    format!("+{}s", at.as_secs_f64())
}
