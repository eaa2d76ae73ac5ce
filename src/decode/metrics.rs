//! Pages of metrics to observations: queues, limits, and whatever else a map
//! names. What a metric means is data (`data/metrics/`, and a user's own maps in
//! the same language).

mod growth;
mod map;
mod page;

pub(super) use growth::{Grown, Growth, Identity, Point, Temporality};
pub use map::{MapError, MetricMap, MetricMaps, RawMap};
pub(super) use page::{Page, Took};
