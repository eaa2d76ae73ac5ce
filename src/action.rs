//! Carrying out effects in the world: the kill switch and the audit record.
//!
//! It does its own file I/O, knows scopes and reasons, and nothing about rules.
