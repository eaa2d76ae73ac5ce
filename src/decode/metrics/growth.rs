//! How much a series has grown since it was read last, whichever way its writer
//! counts: from its own start (cumulative) or from the point before (delta). Points
//! are compared by the time they are about, so one that is told again adds nothing.

use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher;

/// Series that are remembered; of those beyond nothing is known.
const MOST: usize = 16_384;

/// One data point that counts something.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Point {
    /// What tells its series from all others.
    pub(in crate::decode) series: u64,
    pub(in crate::decode) temporality: Temporality,
    /// Since when it counts; 0 where that is not said.
    pub(in crate::decode) start: u64,
    /// Until when.
    pub(in crate::decode) at: u64,
    /// Its sum, and of how many values it is one.
    pub(in crate::decode) sum: f64,
    pub(in crate::decode) count: f64,
}

/// From where a point counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Temporality {
    /// From the point before.
    Delta,
    /// From the start of whoever writes it.
    Cumulative,
}

/// What a point adds to the ones before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::decode) enum Grown {
    /// So much.
    By { sum: f64, count: f64 },
    /// Nothing: it was told before.
    Repeated,
    /// Some of it may have been counted before anybody read it here.
    Unknown,
}

/// The last points of all series.
#[derive(Debug, Default)]
pub(in crate::decode) struct Growth {
    last: FxHashMap<u64, Point>,
    /// The time of the first point read: what began later is known whole.
    since: Option<u64>,
}

impl Growth {
    /// Notes a point.
    pub(in crate::decode) fn read(&mut self, point: Point) -> Grown {
        let since = *self.since.get_or_insert(point.at);
        let Some(last) = self.last.get_mut(&point.series) else {
            if self.last.len() >= MOST {
                return whole_if(point, point.temporality == Temporality::Delta);
            }
            self.last.insert(point.series, point);
            let began = point.start != 0 && point.start >= since;
            return whole_if(point, began || point.temporality == Temporality::Delta);
        };
        if point.at <= last.at {
            return Grown::Repeated;
        }
        let last = std::mem::replace(last, point);
        let fell = point.sum < last.sum || point.count < last.count;
        let restarted = point.start > last.start || fell;
        if point.temporality == Temporality::Delta || restarted {
            return whole_if(point, true);
        }
        Grown::By { sum: point.sum - last.sum, count: point.count - last.count }
    }
}

fn whole_if(point: Point, known: bool) -> Grown {
    if known { Grown::By { sum: point.sum, count: point.count } } else { Grown::Unknown }
}

/// Names and values that tell a series, in whatever order they are written.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::decode) struct Identity(u64);

impl Identity {
    /// With one more.
    #[must_use]
    pub(in crate::decode) fn with(self, scope: u8, name: &[u8], value: &[u8]) -> Identity {
        let mut hasher = FxHasher::default();
        hasher.write_u8(scope);
        hasher.write_usize(name.len());
        hasher.write(name);
        hasher.write(value);
        // FxHash's low bits are weak, and adding keeps them so.
        Identity(self.0.wrapping_add(hasher.finish().rotate_left(26).wrapping_mul(SPREAD)))
    }

    #[must_use]
    pub(in crate::decode) fn series(self) -> u64 {
        self.0
    }
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn point(temporality: Temporality, start: u64, at: u64, sum: f64) -> Point {
        Point { series: 1, temporality, start, at, sum, count: 1.0 }
    }

    fn sums(points: &[Point]) -> Vec<Option<f64>> {
        let mut growth = Growth::default();
        let grown = points.iter().map(|point| match growth.read(*point) {
            Grown::By { sum, .. } => Some(sum),
            Grown::Repeated | Grown::Unknown => None,
        });
        grown.collect()
    }

    #[test]
    fn deltas_add_up_and_are_counted_once() {
        let of = |start, at, sum| point(Temporality::Delta, start, at, sum);
        let points = [of(1, 2, 5.0), of(2, 3, 3.0), of(2, 3, 3.0), of(3, 4, 3.0)];
        assert_eq!(sums(&points), [Some(5.0), Some(3.0), None, Some(3.0)]);
    }

    #[test]
    fn what_counts_from_its_start_is_known_from_the_second_point_and_across_restarts() {
        let of = |start, at, sum| point(Temporality::Cumulative, start, at, sum);
        let grows = [of(1, 5, 100.0), of(1, 6, 130.0), of(1, 6, 130.0), of(1, 7, 130.0)];
        assert_eq!(sums(&grows), [None, Some(30.0), None, Some(0.0)]);
        // Started anew and already beyond where it was.
        let restarted = [of(1, 5, 100.0), of(6, 7, 120.0), of(6, 8, 125.0)];
        assert_eq!(sums(&restarted), [None, Some(120.0), Some(5.0)]);
        // It fell, and does not say when it began.
        assert_eq!(sums(&[of(0, 5, 100.0), of(0, 6, 4.0)]), [None, Some(4.0)]);
        // A series that began while this was read is known whole.
        let mut later = of(5, 6, 7.0);
        later.series = 2;
        assert_eq!(sums(&[of(1, 5, 100.0), later]), [None, Some(7.0)]);
    }

    #[test]
    fn the_order_of_attributes_does_not_tell_series_apart() {
        let one = Identity::default().with(0, b"a", b"1").with(0, b"b", b"2");
        let other = Identity::default().with(0, b"b", b"2").with(0, b"a", b"1");
        assert_eq!(one.series(), other.series());
        assert_ne!(one.series(), Identity::default().with(0, b"a", b"12").series());
        assert_ne!(one.series(), one.with(1, b"a", b"1").series());
    }
}
