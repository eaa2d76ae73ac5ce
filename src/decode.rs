//! (being built)

pub mod headers;
