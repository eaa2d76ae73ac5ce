//! Real captures of each format decode to what is expected of them, field by field.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod support;

#[path = "formats_corpus/agent_variants.rs"]
mod agent_variants;
#[path = "formats_corpus/agents.rs"]
mod agents;
#[path = "formats_corpus/app_variants.rs"]
mod app_variants;
#[path = "formats_corpus/apps.rs"]
mod apps;
#[path = "formats_corpus/around.rs"]
mod around;
#[path = "formats_corpus/attempts.rs"]
mod attempts;
#[path = "formats_corpus/check.rs"]
mod check;
#[path = "formats_corpus/counts.rs"]
mod counts;
#[path = "formats_corpus/dumps.rs"]
mod dumps;
#[path = "formats_corpus/export_variants.rs"]
mod export_variants;
#[path = "formats_corpus/gateway_variants.rs"]
mod gateway_variants;
#[path = "formats_corpus/gateways.rs"]
mod gateways;
#[path = "formats_corpus/meaning.rs"]
mod meaning;
#[path = "formats_corpus/metric_variants.rs"]
mod metric_variants;
#[path = "formats_corpus/observability.rs"]
mod observability;
#[path = "formats_corpus/providers.rs"]
mod providers;
#[path = "formats_corpus/refusals.rs"]
mod refusals;
#[path = "formats_corpus/stages.rs"]
mod stages;
#[path = "formats_corpus/trace_variants.rs"]
mod trace_variants;
