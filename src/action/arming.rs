//! Whether rules may trip switches by themselves, agreed on by every process
//! that shares a state directory.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use serde::{Deserialize, Serialize};

use super::audit::{self, AuditError, Deed};
use super::durable;
use super::switch::record::{clean, parse_time};
use crate::domain::Wall;
use crate::domain::limit::words;

/// The file's name in the state directory.
pub const ARMING_FILE: &str = "arming.json";

/// Larger files are not ours.
const MAX_LEN: u64 = 64 * 1024;

/// Whether rules may trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum ArmState {
    Armed,
    Disarmed,
}

words!(ArmState { Armed = "armed", Disarmed = "disarmed" });

/// Who armed or disarmed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmRecord {
    /// Which way.
    pub state: ArmState,
    /// Who.
    pub by: String,
    /// When.
    pub at: Wall,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// Why the arming file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path:?}: {source}")]
pub struct ArmingError {
    /// What was tried.
    pub doing: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// The state in force, kept up to date by [`refresh`](Arming::refresh).
#[derive(Debug)]
pub struct Arming {
    path: PathBuf,
    default: ArmState,
    seen: Option<Version>,
    now: Result<Option<ArmRecord>, String>,
}

/// Each write makes a new file, so these tell two versions apart.
type Version = (u64, u64, i64, i64);

/// Whether the state in force has changed since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Refreshed {
    Same,
    Changed,
}

#[derive(Serialize, Deserialize)]
struct Json {
    armed: bool,
    by: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Arming {
    /// Read the file; without one, `default` holds.
    #[must_use]
    pub fn open(state_dir: &Path, default: ArmState) -> Arming {
        let path = state_dir.join(ARMING_FILE);
        let mut arming = Arming { path, default, seen: None, now: Ok(None) };
        let _ = arming.refresh();
        arming
    }

    /// Whether rules may trip. A file that can't be understood disarms.
    #[must_use]
    pub fn state(&self) -> ArmState {
        match &self.now {
            Ok(Some(record)) => record.state,
            Ok(None) => self.default,
            Err(_) => ArmState::Disarmed,
        }
    }

    /// Who decided, if somebody did.
    #[must_use]
    pub fn record(&self) -> Option<&ArmRecord> {
        self.now.as_ref().ok().and_then(Option::as_ref)
    }

    /// What is wrong with the file, if something is.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.now.as_ref().err().map(String::as_str)
    }

    /// Look at the file again: one `stat` where nothing has changed.
    pub fn refresh(&mut self) -> Refreshed {
        let (seen, now) = match self.path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Ok(None)),
            Err(error) => (None, Err(self.trouble(&error.to_string()))),
            Ok(meta) if self.seen == Some(version(&meta)) => return Refreshed::Same,
            Ok(meta) => (Some(version(&meta)), self.read()),
        };
        self.seen = seen;
        if now == self.now {
            return Refreshed::Same;
        }
        self.now = now;
        Refreshed::Changed
    }

    fn read(&self) -> Result<Option<ArmRecord>, String> {
        let bytes = parts(&self.path)
            .and_then(|(dir, name)| durable::open_read(durable::open_dir(dir)?, name))
            .and_then(|file| durable::read_up_to(&file, MAX_LEN))
            .map_err(|error| self.trouble(&error.to_string()))?;
        let json: Json = serde_json::from_slice(&bytes)
            .map_err(|_| self.trouble("its content is not what `switch arm` writes"))?;
        let at = parse_time(&json.at).ok_or_else(|| self.trouble("its `at` is not a time"))?;
        let state = if json.armed { ArmState::Armed } else { ArmState::Disarmed };
        Ok(Some(ArmRecord { state, by: json.by, at, reason: json.reason }))
    }

    fn trouble(&self, what: &str) -> String {
        let path = self.path.display().to_string();
        format!("disarmed, because {path:?} can't be read: {what}")
    }
}

/// Arm or disarm every process on this state directory, and put on record who did it on
/// which host. It is done once the file is written: that it could not be recorded is told
/// beside it.
pub fn write_on_record(
    state_dir: &Path,
    audit_file: &Path,
    host: String,
    record: ArmRecord,
) -> Result<Result<(), AuditError>, ArmingError> {
    write(state_dir, &record)?;
    let action = match record.state {
        ArmState::Armed => "arm",
        ArmState::Disarmed => "disarm",
    };
    let deed = Deed {
        at: record.at,
        by: record.by,
        host,
        action: action.into(),
        scope: None,
        rule: None,
        reason: record.reason.unwrap_or_default(),
        result: "done".into(),
    };
    Ok(audit::append(audit_file, &deed))
}

/// Arm or disarm every process on this state directory.
pub fn write(state_dir: &Path, record: &ArmRecord) -> Result<(), ArmingError> {
    let json = Json {
        armed: record.state == ArmState::Armed,
        by: clean(&record.by, 200),
        at: record.at.rfc3339(),
        reason: record.reason.as_deref().map(|reason| clean(reason, 1000)),
    };
    let written = || {
        let mut bytes = serde_json::to_vec(&json)?;
        bytes.push(b'\n');
        let dir = durable::open_dir(state_dir)?;
        let mode = Mode::from_raw_mode(0o644);
        durable::replace_file(dir, ARMING_FILE, &bytes, mode)
    };
    let path = state_dir.join(ARMING_FILE);
    written().map_err(|source| ArmingError { doing: "write", path, source })
}

fn version(meta: &Metadata) -> Version {
    (meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec())
}

fn parts(path: &Path) -> io::Result<(&Path, &str)> {
    path.parent()
        .zip(path.file_name().and_then(|name| name.to_str()))
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: ArmState) -> ArmRecord {
        ArmRecord {
            state,
            by: "ada".into(),
            at: Wall::from_millis(1_795_183_407_412),
            reason: Some("launch".into()),
        }
    }

    #[test]
    fn what_one_process_writes_another_sees() {
        let dir = tempfile::tempdir().unwrap();
        let mut arming = Arming::open(dir.path(), ArmState::Armed);
        assert_eq!((arming.state(), arming.record()), (ArmState::Armed, None));
        assert_eq!(arming.refresh(), Refreshed::Same);
        for state in [ArmState::Disarmed, ArmState::Armed] {
            write(dir.path(), &record(state)).unwrap();
            assert_eq!(arming.refresh(), Refreshed::Changed);
            assert_eq!((arming.state(), arming.record()), (state, Some(&record(state))));
            assert_eq!(arming.refresh(), Refreshed::Same);
        }
        std::fs::remove_file(dir.path().join(ARMING_FILE)).unwrap();
        assert_eq!(arming.refresh(), Refreshed::Changed);
        assert_eq!((arming.state(), arming.record()), (ArmState::Armed, None));
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_file_that_makes_no_sense_disarms_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ARMING_FILE);
        for content in
            ["", "{}", "nan", r#"{"armed":"yes"}"#, r#"{"armed":true,"by":"x","at":"?"}"#]
        {
            std::fs::write(&path, content).unwrap();
            let arming = Arming::open(dir.path(), ArmState::Armed);
            assert_eq!(arming.state(), ArmState::Disarmed, "{content}");
            assert!(arming.problem().is_some_and(|text| text.contains("arming.json")));
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(Arming::open(dir.path(), ArmState::Armed).problem().is_some());
    }

    #[test]
    fn a_missing_state_directory_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("gone"), &record(ArmState::Armed)).unwrap_err();
        assert!(error.to_string().contains("gone/arming.json"), "{error}");
    }
}
