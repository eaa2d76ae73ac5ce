//! What `tripline status --json` prints: the snapshot, and who says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::Ask;
use super::server::Answer;
use crate::runtime::Observer;
use crate::snapshot::Snapshot;

/// [`Status::from`] of a running engine.
pub const FROM_DAEMON: &str = "daemon";
/// [`Status::from`] of a file that no engine writes just now.
pub const FROM_LEDGER: &str = "ledger";

/// The snapshot, and who says so.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// Everything else.
    #[serde(flatten)]
    pub snapshot: &'a Snapshot,
    /// `daemon` or `ledger`.
    pub from: &'static str,
    /// The state directory that this is about.
    pub state_dir: &'a Path,
    /// Process that answers, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Milliseconds since the engine last showed that it works; it does so at
    /// least once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_beat_age_ms: Option<u64>,
}

/// Answers from a running engine.
#[must_use]
pub fn answer(observer: Observer, state_dir: PathBuf) -> Arc<Answer> {
    Arc::new(move |ask| match ask {
        Ask::Snapshot => {
            let Some(snapshot) = observer.snapshot() else {
                return br#"{"error":"the engine has not said anything yet"}"#.to_vec();
            };
            let beat = observer.beat_age().as_millis();
            let status = Status {
                snapshot: &snapshot,
                from: FROM_DAEMON,
                state_dir: &state_dir,
                pid: Some(std::process::id()),
                engine_beat_age_ms: Some(u64::try_from(beat).unwrap_or(u64::MAX)),
            };
            serde_json::to_vec(&status).unwrap_or_else(|error| {
                serde_json::json!({ "error": error.to_string() }).to_string().into_bytes()
            })
        }
    })
}
