//! Metrics that are neither a queue nor a limit: the last value of each, and how
//! fast those grow that only grow.

use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::heard::Heard;
use super::skew::{READ_AHEAD, precedes};
use crate::domain::{MetricKind, MetricReading, Mono, Stamp, Sym};

/// Series kept; those beyond are not.
const CAP: usize = 4096;
/// A reading older than this is stale, unless they come more seldom.
const STALE_AFTER: Duration = Duration::from_secs(30);
/// Readings in a row that may be missing.
const MISSED: u32 = 3;

type Identity = (Sym, Option<Sym>, Option<Sym>);

/// All metrics seen.
#[derive(Debug, Default)]
pub struct Measures {
    index: HashMap<Identity, u32, FxBuildHasher>,
    rows: Vec<Measure>,
    not_kept: u64,
}

/// One metric of one host with one set of labels.
#[derive(Debug)]
pub struct Measure {
    /// Its newest reading.
    pub last: MetricReading,
    /// When that was made.
    pub read_at: Mono,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// What of it may stop traffic.
    pub heard: Heard,
    /// Time between the last two readings.
    apart: Duration,
    per_s: Option<f64>,
}

/// What a metric shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Its value.
    pub value: f64,
    /// Growth a second between the last two readings, of a counter.
    pub per_s: Option<f64>,
    /// Age of the last reading in seconds.
    pub age_s: f64,
    /// Whether that is too old.
    pub stale: bool,
}

impl Measures {
    /// Note a reading; answers the position of its row, and whether that is new.
    pub fn read(&mut self, reading: &MetricReading, now: Stamp) -> Option<(u32, bool)> {
        let when = now.mono_of(reading.at);
        let identity = (reading.name, reading.labels, reading.host);
        if let Some(position) = self.index.get(&identity) {
            if let Some(row) = self.rows.get_mut(*position as usize) {
                row.update(reading, when, now);
            }
            return Some((*position, false));
        }
        if self.rows.len() >= CAP {
            self.not_kept += 1;
            return None;
        }
        let position = u32::try_from(self.rows.len()).ok()?;
        self.index.insert(identity, position);
        self.rows.push(Measure {
            last: *reading,
            read_at: when,
            rules: Box::default(),
            heard: Heard::default(),
            apart: Duration::ZERO,
            per_s: None,
        });
        Some((position, true))
    }

    /// What found no room: what it is, how often, and how many there are.
    #[must_use]
    pub fn overflowed(&self) -> (&'static str, u64, usize) {
        ("metrics", self.not_kept, CAP)
    }

    /// All rows, in order of first sight.
    #[must_use]
    pub fn rows(&self) -> &[Measure] {
        &self.rows
    }

    /// One row.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut Measure> {
        self.rows.get_mut(position as usize)
    }
}

impl Measure {
    fn update(&mut self, reading: &MetricReading, when: Mono, now: Stamp) {
        if reading.at == self.last.at || precedes(reading.at, self.last.at, READ_AHEAD, now) {
            return;
        }
        let apart = when.since(self.read_at);
        if reading.kind == MetricKind::Counter && !apart.is_zero() {
            // A counter that fell was restarted: what it shows is new.
            let fell = reading.value < self.last.value;
            let grown = if fell { reading.value } else { reading.value - self.last.value };
            self.per_s = Some(grown / apart.as_secs_f64());
        }
        self.apart = apart;
        self.last = *reading;
        self.read_at = when;
    }

    /// What it shows at `now`.
    #[must_use]
    pub fn view(&self, now: Mono) -> View {
        let age = now.since(self.read_at);
        let stale = age > STALE_AFTER.max(self.apart * MISSED);
        let per_s = self.per_s.filter(|_| !stale);
        View { value: self.last.value, per_s, age_s: age.as_secs_f64(), stale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NameKind, Names, Wall};

    fn at(seconds: i64) -> Stamp {
        let mono = Mono(0).plus(Duration::from_secs(1_000_000 + seconds.cast_unsigned()));
        Stamp { mono, wall: Wall::from_secs(1_700_000_000 + seconds) }
    }

    #[test]
    fn a_counter_becomes_a_rate_also_across_a_restart_and_then_gets_stale() {
        let name = Names::default().intern(NameKind::Label, "x");
        let mut measures = Measures::default();
        let mut read = |seconds, value, kind| {
            let reading =
                MetricReading { at: at(seconds).wall, name, labels: None, host: None, value, kind };
            measures.read(&reading, at(seconds));
            measures.rows()[0].view(at(seconds).mono).per_s
        };
        let counter = MetricKind::Counter;
        assert_eq!(read(0, 1000.0, counter), None);
        assert_eq!(read(10, 1050.0, counter), Some(5.0));
        assert_eq!(read(10, 9999.0, counter), Some(5.0), "the same reading again");
        assert_eq!(read(20, 30.0, counter), Some(3.0), "restarted");
        assert_eq!(read(80, 30.0, counter), Some(0.0));
        let row = &measures.rows()[0];
        assert!(!row.view(at(80 + 180).mono).stale, "it is read once a minute");
        let view = row.view(at(80 + 181).mono);
        assert_eq!((view.stale, view.per_s, view.value), (true, None, 30.0));
    }
}
