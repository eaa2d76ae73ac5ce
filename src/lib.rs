//! tripline: see what is left of LLM API limits and spend, and stop the traffic
//! when a line is crossed.
//!
//! `docs/ARCHITECTURE.md` is the map. Modules import only from lower floors;
//! `tests/architecture.rs` keeps it that way.

pub mod domain;

pub mod mount;
pub mod scan;
pub mod stats;
pub mod text;

pub mod decode;
pub mod pricing;
pub mod rules;

pub mod engine;
pub mod source;

pub mod action;
pub mod ledger;
pub mod snapshot;

pub mod config;

pub mod runtime;

pub mod daemon;
pub mod demo;
pub mod tui;

pub mod cli;
