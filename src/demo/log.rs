//! The gateway's log: one JSON line per finished call, and lines about the queue.
//!
//! Lines are appended whole, one write each, and the file is opened anew when
//! it was renamed away, so that it can be rotated like any log.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::DemoError;

/// An append-only file of JSON lines.
pub(super) struct AccessLog {
    path: PathBuf,
    file: Mutex<File>,
}

/// One finished call. Field names are what readers know; absent means unknown.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallLine {
    pub(super) at: String,
    pub(super) started_at: String,
    pub(super) host: &'static str,
    pub(super) provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) endpoint: &'static str,
    pub(super) status: u16,
    #[serde(flatten)]
    pub(super) who: Who,
    #[serde(flatten)]
    pub(super) tokens: Usage,
    #[serde(flatten)]
    pub(super) timing: Times,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queue_depth: Option<usize>,
    pub(super) attempt: u32,
    pub(super) stream: bool,
    pub(super) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorPart>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
}

/// Who called.
#[derive(Debug, Default, Serialize)]
pub(super) struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) team: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
}

/// What a call used, as far as it was told.
#[derive(Debug, Default, Serialize)]
pub(super) struct Usage {
    #[serde(rename = "input_tokens", skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<u64>,
    #[serde(rename = "output_tokens", skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<u64>,
    #[serde(rename = "cached_input_tokens", skip_serializing_if = "Option::is_none")]
    pub(super) cached: Option<u64>,
}

/// How long things took, in milliseconds.
#[derive(Debug, Default, Serialize)]
#[allow(clippy::struct_field_names, reason = "the unit is part of the logged name")]
pub(super) struct Times {
    pub(super) latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttft_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queue_ms: Option<f64>,
}

/// Why a call failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct ErrorPart {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// One class of a queue at one moment.
#[derive(Debug, Serialize)]
pub(super) struct QueueLine {
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) host: &'static str,
    pub(super) queue: &'static str,
    pub(super) priority: &'static str,
    pub(super) depth: usize,
    pub(super) oldest_age_s: f64,
    pub(super) enqueued_total: u64,
    pub(super) dequeued_total: u64,
    pub(super) dropped_total: u64,
}

impl AccessLog {
    /// Opens the file for appending, creating it where needed.
    pub(super) fn open(path: PathBuf) -> Result<AccessLog, DemoError> {
        match append(&path) {
            Ok(file) => Ok(AccessLog { path, file: Mutex::new(file) }),
            Err(source) => Err(DemoError::File { path, source }),
        }
    }

    /// Appends one line. What can't be written is lost, as with any access log:
    /// traffic goes on.
    pub(super) fn write(&self, line: &impl Serialize) {
        let Ok(mut bytes) = serde_json::to_vec(line) else { return };
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if moved_away(&file, &self.path)
            && let Ok(fresh) = append(&self.path)
        {
            *file = fresh;
        }
        // A single write keeps lines whole when several processes append.
        let _ = file.write(&bytes);
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn moved_away(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) != (named.dev(), named.ino()),
        _ => true,
    }
}
