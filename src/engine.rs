//! The one owner of live state: `(state, batch, now) -> effects`.
//!
//! No I/O, no threads, no clock, no screen, no configuration files: whatever it
//! needs is an argument, whatever it wants done is an [`Effect`].
//!
//! The walk of one call: `apply` -> `observe` -> `count_call`, which finds the
//! call's cell (one hash look-up) and through it the rows of traffic, caller,
//! retries and caps; the limit readings that follow go to `gauges`; what was
//! touched is judged by the rules before `apply` returns.

mod accounts;
mod alerts;
pub mod bills;
mod braking;
mod calendar;
pub mod callers;
mod caps;
mod cells;
mod dedup;
mod deltas;
mod effect;
mod findings;
mod gauge;
pub mod gauges;
mod heard;
mod hosts;
mod judging;
mod keeping;
mod known;
mod limit_name;
mod limit_view;
mod losses;
pub mod measures;
mod missing;
mod part;
pub mod queues;
mod readings;
mod refill;
mod rest;
mod restored;
pub mod retries;
mod rolling;
mod room;
mod rows;
mod series;
mod skew;
mod sources;
mod spec;
pub mod spend;
mod standing;
mod supersede;
pub mod switches;
mod table;
mod told;
pub mod traffic;
mod viewing;
mod wording;

use std::time::Duration;

use crate::domain::{
    Batch, Blame, Bucket, Caller, Mono, Names, Observation, Origin, Request, SourceCounters,
    SourceId, Stamp, Wall,
};
pub use alerts::{Alert, Grounds, Rulebook, Series};
use bills::Bills;
use caps::Caps;
use cells::Cells;
use dedup::Dedup;
use deltas::Deltas;
pub use effect::{Effect, Event, EventKind, Labels, Withheld};
pub use findings::{Finding, Findings};
use gauges::Gauges;
use hosts::HowHeard;
use keeping::LedgerRow;
pub use keeping::{LedgerStatus, LedgerUse};
pub use limit_name::{LimitName, LimitParts};
pub use losses::Loss;
use measures::Measures;
use queues::Queues;
pub use restored::{Need, Restored, Steps, Stretch};
use room::Room;
pub use series::{COLLECTIVE, window};
use skew::counted_at;
pub use sources::{CatchUp, SourceRow, SourceStatus};
pub use spec::{Calls, CapSpec, EngineSpec, Limits, Period, SourceName, Window};
pub use standing::Standing;
use supersede::Counting;
use switches::Switches;
use table::TouchedRows;
pub use wording::{
    NO_KEY, back as back_in_words, counted, percent as percent_in_words, span as span_in_words,
    withheld as withheld_in_words,
};

/// Within that time about one price in ten changes.
const OLD_PRICES: Duration = Duration::from_secs(45 * 86_400);

/// All live state.
#[derive(Debug)]
pub struct Engine {
    names: Names,
    limits: Limits,
    book: Rulebook,
    cells: Cells,
    gauges: Gauges,
    caps: Caps,
    bills: Bills,
    queues: Queues,
    measures: Measures,
    sources: Vec<SourceRow>,
    /// Of sources that only earlier runs had.
    gone: SourceCounters,
    switches: Switches,
    /// Stops of an earlier run that are gone and were not reset, and when they were made.
    lost_stops: Vec<(String, Wall)>,
    /// Trips are for other processes to make.
    only_looks: bool,
    hosts: series::HostSeries,
    findings: Findings,
    unmatched: missing::Unmatched,
    room: Room,
    totals: Bucket,
    dedup: Dedup,
    /// Of what is read ahead of a backlog.
    ahead: Dedup,
    /// From when on all calls are known.
    known: Mono,
    /// From when on all spend is, a ledger's minutes included.
    spend_known: Mono,
    /// For a ledger, where there is one.
    deltas: Option<Deltas>,
    ledger: Option<LedgerRow>,
    said: standing::Said,
    call: OpenCall,
    /// Of what is being read.
    origin: Origin,
    /// Whether what is read comes as it is written.
    follows: bool,
    touched: TouchedRows,
}

/// The call whose limit readings are being read.
#[derive(Debug, Default)]
struct OpenCall {
    /// If it counts.
    request: Option<Request>,
    caller: Caller,
    gauges: Vec<u32>,
    /// Which of them the response says refused it.
    blamed: Vec<(u32, Blame)>,
}

impl Engine {
    /// A fresh engine.
    #[must_use]
    pub fn new(spec: EngineSpec, names: Names, now: Stamp) -> Engine {
        let book = Rulebook::new(spec.rules);
        let mut engine = Engine {
            cells: Cells::new(&spec.caps),
            caps: Caps::new(spec.caps, &spec.timezone, &names, now),
            bills: Bills::new(now),
            names,
            limits: spec.limits,
            book,
            gauges: Gauges::default(),
            queues: Queues::default(),
            measures: Measures::default(),
            sources: Vec::new(),
            gone: SourceCounters::default(),
            switches: Switches::default(),
            lost_stops: Vec::new(),
            only_looks: false,
            hosts: series::HostSeries::default(),
            findings: Findings::default(),
            unmatched: missing::Unmatched::default(),
            room: Room::default(),
            totals: Bucket::default(),
            dedup: Dedup::default(),
            ahead: Dedup::default(),
            known: now.mono,
            spend_known: now.mono,
            deltas: None,
            ledger: None,
            said: standing::Said::default(),
            call: OpenCall::default(),
            origin: Origin::Live,
            follows: true,
            touched: TouchedRows::default(),
        };
        engine.watch_new_caps();
        for source in spec.sources {
            engine.add_source(source, now);
        }
        if let Some(collected) = spec.prices_of {
            engine.judge_prices(collected, now);
        }
        engine
    }

    /// Prices drift within months, and what is computed from them with them.
    fn judge_prices(&mut self, collected: Wall, now: Stamp) {
        let age = now.wall.seconds_after(collected);
        if age > OLD_PRICES.as_secs_f64() {
            let text = format!(
                "the price table is {} old: costs that no log reports may be wrong; \
                 update tripline, or give your own: [price.\"MODEL\"]",
                wording::span(age)
            );
            self.report("prices_old", &text, now);
        }
    }

    /// Whoever runs it trips nothing, whatever rules ask for.
    #[must_use]
    pub fn that_only_looks(self) -> Engine {
        Engine { only_looks: true, ..self }
    }

    /// Whether trips are for other processes to make.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.only_looks
    }

    /// Make room for another source; they are numbered in order.
    pub fn add_source(&mut self, name: SourceName, now: Stamp) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let mut row = SourceRow::new(name, now);
        row.rules = self.rules_of_source(&row);
        self.sources.push(row);
        id
    }

    /// All that is read was there before: how late it comes is our doing.
    pub fn follows_nothing(&mut self) {
        self.follows = false;
    }

    /// Take in a batch; what is to be done about it is appended to `out`, kills
    /// first.
    pub fn apply(&mut self, batch: &Batch, now: Stamp, out: &mut Vec<Effect>) {
        let first = out.len();
        self.take_in(batch, now);
        self.settle(now, out);
        kills_first(out, first);
    }

    /// Take in a batch without judging it. The caller must `settle` in the end.
    pub fn take_in(&mut self, batch: &Batch, now: Stamp) {
        self.arrive(batch, now);
        for item in &batch.items {
            self.observe(batch.source, &item.seen, now);
        }
        if let Some(deltas) = &mut self.deltas {
            deltas.read(&batch.checkpoints);
        }
    }

    /// Note how far a source has read, without its items.
    pub fn arrive(&mut self, batch: &Batch, now: Stamp) {
        self.origin = batch.origin;
        self.make_room(now);
        if let Some(source) = self.sources.get_mut(batch.source.0 as usize) {
            source.arrive(batch, now);
        }
    }

    /// Take in one observation. The caller must `settle` afterwards.
    pub fn observe(&mut self, source: SourceId, seen: &Observation, now: Stamp) {
        match seen {
            Observation::Request { request, .. } => {
                self.close_call(now);
                self.call.caller = request.caller;
                self.count_call(source, request, now);
            }
            Observation::Limits { caller, .. } => {
                self.close_call(now);
                self.call.caller = *caller;
            }
            Observation::Limit(_) | Observation::Queue(_) | Observation::Metric(_)
                if !self.part().has_present() => {}
            Observation::Limit(reading) => self.read_limit(reading, now),
            Observation::Bill(_) if !self.part().has_sums() => self.close_call(now),
            Observation::Bill(reading) => {
                self.close_call(now);
                self.note_event(source, reading.at, now);
                self.bills.read(source, reading, now);
            }
            Observation::Queue(reading) => {
                self.close_call(now);
                self.note_event(source, reading.at, now);
                if let Some((position, new)) = self.queues.read(source, reading, now) {
                    if new {
                        self.watch_queue(position);
                    }
                    self.hear_queue(position, reading.at, now);
                }
            }
            Observation::Metric(reading) => {
                self.close_call(now);
                self.note_event(source, reading.at, now);
                if let Some((position, new)) = self.measures.read(reading, now) {
                    if new {
                        self.watch_measure(position);
                    }
                    self.hear_measure(position, reading.at, now);
                }
            }
            other if self.part().has_sums() => {
                if let Some(row) = self.sources.get_mut(source.0 as usize) {
                    row.note(other, now);
                }
                if let Observation::Quarantined { reason, offset, .. } = other {
                    self.find_quarantined(source, *reason, *offset, now);
                }
            }
            _ => {}
        }
    }

    /// Judge what was touched since the last time.
    pub fn settle(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        self.close_call(now);
        self.judge_touched(now, out);
        out.extend(self.findings.take_events().map(Effect::Event));
    }

    /// Let time pass: `for` and `keep_firing_for` run out, sources fall silent,
    /// periods end. Call at least once a second, and every [`pulse`](Self::pulse).
    pub fn tick(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        let first = out.len();
        self.caps.roll(now);
        self.make_room(now);
        self.find_overflows(now);
        self.cells.forget_durations(now.mono);
        self.find_bill_differences(now);
        for off in self.switches.heard.look(&self.names, now.mono) {
            self.report("clock_off", &off, now);
        }
        self.judge_all(now, out);
        let after = self.limits.silent_after;
        for source in &mut self.sources {
            if source.fell_silent(now.mono, after) {
                let text = format!("{} is silent", source.name.name);
                out.push(Effect::Event(Event::new(now.wall, EventKind::SourceStale, text)));
            }
        }
        self.forget_spent(now, out);
        self.forget_ahead();
        out.extend(self.findings.take_events().map(Effect::Event));
        kills_first(out, first);
    }

    /// How soon a tick can change something.
    #[must_use]
    pub fn pulse(&self, now: Mono) -> Duration {
        self.book.pulse(now).unwrap_or(Duration::from_secs(1))
    }

    /// Learn what a source says of itself.
    pub fn set_source(&mut self, source: SourceId, status: SourceStatus, now: Stamp) {
        let Some(row) = self.sources.get_mut(source.0 as usize) else { return };
        // It says all of them each time.
        for (kind, text) in
            status.findings.iter().filter(|found| !row.status.findings.contains(found))
        {
            self.findings.tell(kind, losses::severity_of(kind), now.wall, text);
        }
        row.learn(status, now.mono);
    }

    fn count_call(&mut self, source: SourceId, request: &Request, now: Stamp) {
        let part = self.part_of(request, now);
        self.note_event(source, request.at, now);
        let instead = match self.admit(source, request, part, now) {
            // Its readings still count; the call does not.
            Counting::Never => return,
            Counting::Anew => None,
            Counting::Instead(request) => Some(request),
        };
        let request = instead.as_deref().unwrap_or(request);
        let (when, at) = (now.mono_of(request.at), counted_at(request.at, now));
        // A line that comes late was all that was not known of its time.
        let is_first = self.sources.get_mut(source.0 as usize).is_some_and(SourceRow::first_call);
        if is_first || self.origin != Origin::Live {
            self.known = self.known.min(when);
        }
        if part.has_sums() {
            self.totals.add(&Bucket::of(request));
            if let Some(deltas) = &mut self.deltas {
                if instead.is_none() {
                    deltas.remember(request);
                }
                deltas.count(request, at);
            }
        }
        let fresh = self.is_fresh(request.at, now);
        let seen = self.cells.count(request, when, (part, at), &mut self.caps);
        let (places, new) = (seen.places, seen.new);
        for position in seen.caps.iter().filter(|_| part.has_sums()) {
            if let Some(cap) = self.caps.get_mut(*position)
                && cap.count(request, at, when)
                && fresh
            {
                cap.heard.note(when);
                self.touched.caps.mark(*position);
            }
        }
        if new {
            self.watch_rows(&places);
        }
        if self.caps.has_unwatched() {
            self.watch_new_caps();
        }
        if part.has_present() {
            if fresh {
                self.cells.heard(&places, when);
                self.touched.traffic.mark(places.traffic);
                self.touched.retries.mark(places.retries);
            }
            self.hear_wait(source, request, when, now);
            self.count_present(source, request, instead.is_none(), now);
        }
    }

    /// What a call says of the present, beside its rows.
    fn count_present(&mut self, source: SourceId, request: &Request, is_new: bool, now: Stamp) {
        if is_new {
            let how = self.how_heard(source);
            self.switches.heard.hear(request, how, now);
            let grace = self.limits.obey_grace;
            self.touched.hosts |= self.switches.call(request, &self.names, grace, now);
        }
        self.call.request = Some(*request);
    }

    /// How what is read now is heard.
    fn how_heard(&self, source: SourceId) -> HowHeard {
        let behind = self.sources.get(source.0 as usize).map_or(0, |row| row.progress.bytes_behind);
        match self.origin {
            Origin::Backlog => HowHeard::Logged,
            Origin::Ahead if self.follows => HowHeard::AsWritten,
            Origin::Live if self.follows && behind == 0 => HowHeard::AsWritten,
            Origin::Live | Origin::Ahead | Origin::Again => HowHeard::Live,
        }
    }

    fn note_event(&mut self, source: SourceId, at: Wall, now: Stamp) {
        let part = self.part();
        if let Some(row) = self.sources.get_mut(source.0 as usize) {
            row.note_event(at, part, now.wall);
        }
    }

    fn find_quarantined(
        &mut self,
        source: SourceId,
        reason: crate::domain::FaultReason,
        offset: u64,
        now: Stamp,
    ) {
        let Some(row) = self.sources.get(source.0 as usize) else { return };
        let text = format!("{}: lines not counted: {}", row.name.name, reason.word());
        if self.findings.note("quarantined", now.wall, &text) {
            let place =
                format!("{}: first such line at byte {offset}: {}", row.name.name, reason.word());
            self.findings.note("quarantined_at", now.wall, &place);
        }
    }
}

/// Stable: trips before everything else.
fn kills_first(out: &mut [Effect], first: usize) {
    if let Some(new) = out.get_mut(first..) {
        new.sort_by_key(|effect| !matches!(effect, Effect::Trip { .. }));
    }
}
