//! Rules: what the configuration says (`RuleSpec`), and the judge that turns
//! values into alert states.
//!
//! It knows a metric's name and its value, not how metrics are kept. It reads
//! no clock: every judgement gets `now`.

mod builtin;
mod judge;
mod metric;
mod spec;

pub use builtin::builtin;
pub use judge::{Actions, Instance, Lasting, Phase, Sample, Verdict};
pub use metric::{Family, METRICS, Metric, MetricDoc};
pub use spec::{Action, Direction, Match, OnNoData, RuleSpec, Severity, Threshold};
